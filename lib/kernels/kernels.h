/* The hot loops, on raw pointers. Nothing here allocates, fails, or knows a layer or a graph.
 *
 * A gcam__compute says with what to compute. Work is cut into units whose size never depends on the number of threads, so
 * results are the same for any thread count. */
#ifndef GCAM_KERNELS_KERNELS_H
#define GCAM_KERNELS_KERNELS_H

#include "core/cpu.h"
#include "core/threads.h"
#include "gradcam/core.h"

#include <stddef.h>
#include <stdint.h>

typedef struct gcam__compute {
    gcam__pool *pool;     /* NULL: in the caller */
    gcam_kernels kernels; /* auto, blas, plain */
    gcam__isa isa;        /* what auto may use */
    int deterministic;
    int direct; /* 1: weights are new in every call, so nothing that prepares them costly (Winograd) */
} gcam__compute;

/* ---- matrix products ---------------------------------------------------------------------------------------------------- */

/* C (m x n) = A (m x k) B (k x n), or += with `accumulate`. A transposed operand is stored the other way round.
 * gcam__gemm_serial runs in the calling thread, gcam__gemm cuts C into tiles for the pool. */
typedef struct gcam__gemm_call {
    int64_t m, n, k;
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    int transpose_a, transpose_b, accumulate;
} gcam__gemm_call;

void gcam__gemm_serial(const gcam__compute *compute, const gcam__gemm_call *g);
void gcam__gemm(const gcam__compute *compute, const gcam__gemm_call *g);

/* Fully connected, W is K x C: y (rows x K) = x (rows x C) Wt + bias (NULL: none). Each weight is read once for all rows. */
void gcam__linear_forward(const gcam__compute *compute, const float *x, const float *w, const float *bias, float *y,
                          int64_t rows, int64_t c, int64_t k);
/* dx (rows x C) = dy (rows x K) W. Rows of W whose dy is zero in all rows are not read. */
void gcam__linear_backward(const gcam__compute *compute, const float *dy, const float *w, float *dx, int64_t rows,
                           int64_t c, int64_t k);

/* Called around every pass of a session: while any pass runs, OpenBLAS uses one thread per call (the pool is ours); the host
 * program's own setting comes back when the last pass ends. Counted, thread-safe; nothing happens without OpenBLAS. */
void gcam__blas_enter(const gcam__compute *compute);
void gcam__blas_leave(const gcam__compute *compute);
/* "OpenBLAS 0.3.21 ..." or "none". */
const char *gcam__blas_name(void);

/* ---- convolution -------------------------------------------------------------------------------------------------------- */

/* Geometry of a 2-D convolution: x N C H W, w K C/groups R S, y N K P Q. */
typedef struct gcam__conv {
    int64_t n, c, h, w, k, r, s, p, q;
    int64_t stride[2], pad[2], dilation[2]; /* pad: above and left; below and right follows from p and q */
    int64_t groups;
} gcam__conv;

typedef enum gcam__conv_algorithm {
    GCAM__CONV_IM2COL = 0, /* tiles of im2col that stay in L2, then a matrix product: the reference path */
    GCAM__CONV_POINTWISE,  /* 1x1, stride 1: one matrix product */
    GCAM__CONV_DEPTHWISE,  /* groups = C */
    GCAM__CONV_WINOGRAD4,  /* F(4x4, 3x3) */
    GCAM__CONV_WINOGRAD2,  /* F(2x2, 3x3) */
    GCAM__CONV_ALGORITHMS
} gcam__conv_algorithm;

/* What the output passes through before it is stored. */
typedef struct gcam__epilogue {
    const float *bias;  /* K, or NULL */
    int relu;           /* 1: max(0, .) */
    const float *scale; /* K: what the sums are multiplied by before the bias is added; NULL: 1 */
    const float *add;   /* laid out as y and apart from it: added after the bias; NULL: nothing */
    float cap;          /* with relu: min(., cap); 0: none */
} gcam__epilogue;

/* The one choice of algorithm for a forward pass. */
gcam__conv_algorithm gcam__conv_choose(const gcam__compute *compute, const gcam__conv *conv);
const char *gcam__conv_algorithm_name(gcam__conv_algorithm algorithm);
/* Bytes of weights prepared for an algorithm (0: it takes them as they are), and the preparation itself. */
size_t gcam__conv_prepared_bytes(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm);
void gcam__conv_prepare(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                        const float *w, void *prepared);
/* Bytes of scratch for all workers together. */
size_t gcam__conv_forward_scratch(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm);
/* y = x * w, through the epilogue (NULL: none). `prepared` as made by gcam__conv_prepare (NULL where it needs no bytes). */
void gcam__conv_forward(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                        const float *x, const float *w, const void *prepared, const gcam__epilogue *epilogue, float *y,
                        void *scratch);

/* Bytes of scratch for the gradients of the input and of the weights; `algorithm` is the forward's. */
size_t gcam__conv_backward_scratch(const gcam__compute *compute, const gcam__conv *conv,
                                   gcam__conv_algorithm algorithm);
size_t gcam__conv_weights_scratch(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm);
/* dx = the adjoint of the convolution applied to dy (overwrites dx). `algorithm` and `prepared` are the forward's: the same
 * prepared weights serve both directions. */
void gcam__conv_backward_data(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                              const float *dy, const float *w, const void *prepared, float *dx, void *scratch);
/* dw += x * dy and db += sum dy (db may be NULL). Sums run in a fixed order. */
void gcam__conv_backward_weights(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                                 const float *x, const float *dy, float *dw, float *db, void *scratch);

/* ---- pooling ------------------------------------------------------------------------------------------------------------ */

/* Windows over planes of H x W (planes = N C), output P x Q. */
typedef struct gcam__pool2d {
    int64_t planes, h, w, p, q;
    int64_t kernel[2], stride[2], pad[2], dilation[2];
    int64_t pad_end[2]; /* below and right, *beyond* pad, as in layers.h */
    int exclude_pad;    /* average: divide by the cells inside the image only */
} gcam__pool2d;

/* Maximum of each window: the first in row-major order wins a tie, NaN wins over all, padding never wins.
 * `index` (may be NULL) receives the winner's position row * W + column in its plane. */
void gcam__max_pool(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y, int32_t *index);
/* dx = 0, then dx[index] += dy. */
void gcam__max_pool_backward(const gcam__compute *compute, const gcam__pool2d *g, const float *dy, const int32_t *index,
                             float *dx);
/* Average; with ceil_mode and padding the divisor counts cells up to H + pad + pad_end (PyTorch's rule). */
void gcam__avg_pool(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y);
void gcam__avg_pool_backward(const gcam__compute *compute, const gcam__pool2d *g, const float *dy, float *dx);
/* Adaptive average: cell (p, q) averages rows floor(pH/P) .. ceil((p+1)H/P), columns alike. */
void gcam__adaptive_avg_pool(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y);
void gcam__adaptive_avg_pool_backward(const gcam__compute *compute, const gcam__pool2d *g, const float *dy, float *dx);

/* ---- element by element --------------------------------------------------------------------------------------------------- */

/* y = max(x, 0) (NaN stays NaN), y may be x; bit i of `mask` (may be NULL; (count + 7) / 8 bytes) = x[i] > 0. */
void gcam__relu(const gcam__compute *compute, const float *x, float *y, uint8_t *mask, int64_t count);
/* y = x for x > 0, slope x otherwise; y may be x. */
void gcam__leaky_relu(const gcam__compute *compute, const float *x, float *y, uint8_t *mask, int64_t count,
                      float slope);
/* The way back: dx = p where the bit of mask is set, slope p elsewhere; p = dy, with `positive` max(dy, 0); dx may be dy. mask NULL:
 * dx = p. NaN in dy stays where it is let through. */
void gcam__relu_backward(const gcam__compute *compute, const float *dy, const uint8_t *mask, float *dx, int64_t count,
                         float slope, int positive);
/* y = a + b; y may be a or b. */
void gcam__add(const gcam__compute *compute, const float *a, const float *b, float *y, int64_t count);
/* y[plane] = x[plane] * scale[plane % channels] + shift[plane % channels], with `relu` max(0, .) of it; y may be x; shift may be
 * NULL. */
void gcam__scale_shift(const gcam__compute *compute, const float *x, float *y, int64_t planes, int64_t size,
                       int64_t channels, const float *scale, const float *shift, int relu);
/* Index of the first element that is NaN or infinite; -1 if all are finite. */
int64_t gcam__find_nonfinite(const gcam__compute *compute, const float *x, int64_t count);

/* ---- maps ----------------------------------------------------------------------------------------------------------------- */

typedef enum gcam__interpolation { GCAM__BILINEAR = 0, GCAM__BILINEAR_ALIGNED, GCAM__NEAREST } gcam__interpolation;
/* Resizes one plane; METHODS 1.3. */
void gcam__resize_map(const float *x, int64_t h, int64_t w, float *y, int64_t p, int64_t q, gcam__interpolation how);

#endif
