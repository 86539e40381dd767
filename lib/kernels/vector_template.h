/* Vectors of VECTOR_WIDTH floats in GCC's vector extension, which every supported compiler maps to the registers of the
 * instruction set that the including file is compiled for. */
#include "kernels/simd.h"

#include <math.h>
#include <string.h>

typedef float vec __attribute__((vector_size(VECTOR_WIDTH * 4)));
typedef int32_t ivec __attribute__((vector_size(VECTOR_WIDTH * 4)));
typedef float vec_unaligned __attribute__((vector_size(VECTOR_WIDTH * 4), aligned(4), may_alias));

/* A loop over registers: arrays indexed by its counter must not live in memory. */
#define EACH(i, count) _Pragma("GCC unroll 16") for (int i = 0; i < (count); i++)
#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *from) {
    return *(const vec_unaligned *)from;
}
INLINE void store(float *to, vec value) {
    *(vec_unaligned *)to = value;
}
INLINE vec splat(float value) {
    return value - (vec){0};
}
/* max(x, 0) that keeps NaN. */
INLINE vec rectify(vec x) {
    return (vec)(~(x <= 0) & (ivec)x);
}

INLINE vec select(ivec mask, vec yes, vec no) {
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}
/* max(x, 0) and, with a cap above 0, min(x, cap), where asked for; NaN stays NaN. */
INLINE vec clip(vec x, int relu, float cap) {
    if (!relu) return x;
    x = rectify(x);
    return cap > 0 ? select(x > splat(cap), splat(cap), x) : x;
}

/* Even and odd elements of two vectors on end, and the inverse: the lower and upper half of two vectors interleaved. */
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE __builtin_shufflevector
#define SPLIT
#if VECTOR_WIDTH == 4
#define SPLIT_EVEN(a, b) SHUFFLE(a, b, 0, 2, 4, 6)
#define SPLIT_ODD(a, b) SHUFFLE(a, b, 1, 3, 5, 7)
#define MERGE_LOW(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define MERGE_HIGH(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#elif VECTOR_WIDTH == 8
#define SPLIT_EVEN(a, b) SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define SPLIT_ODD(a, b) SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define MERGE_LOW(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define MERGE_HIGH(a, b) SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define SPLIT_EVEN(a, b) SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define SPLIT_ODD(a, b) SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define MERGE_LOW(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define MERGE_HIGH(a, b) SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#endif
#endif
