/* Convolution algorithms behind one table, and what they share. */
#ifndef GCAM_KERNELS_CONV_H
#define GCAM_KERNELS_CONV_H

#include "kernels/gemm.h"

/* One call in either direction: forward x is the input and y the output; backward x is dy and y is dx. */
typedef struct gcam__conv_call {
    const gcam__compute *compute;
    const gcam__conv *conv;
    const float *x, *w;
    const void *prepared;
    const gcam__epilogue *epilogue; /* forward only */
    float *y;
    float *scratch;
} gcam__conv_call;

/* The gradient of the weights, added to dw. */
typedef struct gcam__conv_weights_call {
    const gcam__compute *compute;
    const gcam__conv *conv;
    const float *x, *dy;
    float *dw, *scratch;
} gcam__conv_weights_call;

typedef struct gcam__conv_method {
    const char *name;
    size_t (*prepared_bytes)(const gcam__compute *compute, const gcam__conv *conv); /* NULL: 0 */
    void (*prepare)(const gcam__compute *compute, const gcam__conv *conv, const float *w, float *prepared);
    size_t (*forward_scratch)(const gcam__compute *compute, const gcam__conv *conv); /* NULL: 0 */
    void (*forward)(const gcam__conv_call *call);
    size_t (*backward_scratch)(const gcam__compute *compute, const gcam__conv *conv); /* NULL: 0 */
    void (*backward_data)(const gcam__conv_call *call);
    size_t (*weights_scratch)(const gcam__compute *compute, const gcam__conv *conv); /* NULL: 0 */
    void (*backward_weights)(const gcam__conv_weights_call *call);
} gcam__conv_method;

extern const gcam__conv_method gcam__conv_im2col;
extern const gcam__conv_method gcam__conv_pointwise;
extern const gcam__conv_method gcam__conv_depthwise;
extern const gcam__conv_method gcam__conv_winograd2;
extern const gcam__conv_method gcam__conv_winograd4;

/* Geometries that an algorithm takes, and those of the special ones. */
int gcam__conv_takes(const gcam__conv *conv, gcam__conv_algorithm algorithm);
int gcam__conv_is_pointwise(const gcam__conv *conv);
int gcam__conv_is_winograd(const gcam__conv *conv);

/* Backward through the column matrix, with the weights as the im2col algorithm prepares them. */
void gcam__conv_columns_backward(const gcam__conv_call *call);
size_t gcam__conv_columns_backward_scratch(const gcam__compute *compute, const gcam__conv *conv);
/* Gradient of the weights through the column matrix. */
void gcam__conv_columns_weights(const gcam__conv_weights_call *call);
size_t gcam__conv_columns_weights_scratch(const gcam__compute *compute, const gcam__conv *conv);

/* ---- im2col: column j = (image, p, q), row (c, r, s), value x[c][p stride - pad + r dilation][...] or 0 outside ------------- */

enum { GCAM__MAX_TILE = 256 }; /* columns of one tile at most */

/* Columns first .. first + count - 1 of all images' outputs as runs, for panels of nr columns. */
typedef struct gcam__column_tile {
    int64_t first;
    int count, nr, runs;
    gcam__run_of_columns run[GCAM__MAX_TILE];
} gcam__column_tile;

void gcam__column_tile_set(gcam__column_tile *tile, const gcam__conv *conv, int64_t first, int count, int nr);
/* Rows of channels c0 <= c < c1 (x: channel 0 of the group in image 0), packed [panel][row][nr]; `rows` >= (c1 - c0) R S is a
 * panel's height, and the rows beyond are zero. */
void gcam__im2col(const gcam__simd *simd, const gcam__conv *conv, const gcam__column_tile *tile, const float *x,
                  int64_t c0, int64_t c1, int64_t rows, float *columns);
/* The adjoint: adds the columns (one panel) to dx. */
void gcam__col2im(const gcam__simd *simd, const gcam__conv *conv, const gcam__column_tile *tile, const float *columns,
                  int64_t c0, int64_t c1, float *dx);

/* A 1x1 convolution of stride 1 as one of N images with a single row. */
gcam__conv gcam__flatten_conv(const gcam__conv *conv);

#endif
