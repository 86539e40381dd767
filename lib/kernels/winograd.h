/* What Winograd's forward pass and its gradient of the weights share: tiles of the input, numbered over all images. */
#ifndef GCAM_KERNELS_WINOGRAD_H
#define GCAM_KERNELS_WINOGRAD_H

#include "kernels/conv.h"

/* Tiles of m x m in one channel of a batch: tile t of image i begins at row t / x * m - pad. */
typedef struct gcam__winograd_grid {
    int64_t x, y;         /* tiles in a row and in a column */
    int64_t h, w, pad[2]; /* of the planes that are read */
    int64_t image;        /* floats from one image to the next */
    int m;
} gcam__winograd_grid;

typedef void (*gcam__winograd_fn)(const gcam__winograd_input *in);

/* Runs `transform` on tiles first .. first + count - 1 of a channel (`plane`: in image 0); element e of tile first + i goes to
 * v[e * stride + i], and up to v[e * stride + room - 1] may be written. */
void gcam__winograd_transform(const gcam__winograd_grid *grid, gcam__winograd_fn transform, const float *plane,
                              int64_t first, int64_t count, int64_t room, float *v, int64_t stride);

/* The gradient of the weights on F(m x m, 3 x 3)'s tiles. */
void gcam__winograd_weights(const gcam__conv_weights_call *call, int m);
size_t gcam__winograd_weights_scratch(const gcam__compute *compute, const gcam__conv *conv, int m);

#endif
