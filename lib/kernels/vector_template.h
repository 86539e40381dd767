/* Vectors of VECTOR_WIDTH floats in GCC's vector extension, which every supported compiler maps to the registers of the
 * instruction set that the including file is compiled for. */
#include "kernels/simd.h"

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
