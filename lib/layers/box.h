/* Walking several tensors at once, each with its own strides: broadcasting, reductions, rearrangements. A box is a set of index
 * tuples in row-major order; its last dimension is called a row. */
#ifndef GCAM_LAYERS_BOX_H
#define GCAM_LAYERS_BOX_H

#include "layers/layer.h"

enum { GCAM__BOX_TENSORS = 3 };

typedef struct gcam__box {
    int rank;
    int64_t dim[GCAM_MAX_RANK];
    int64_t stride[GCAM_MAX_RANK][GCAM__BOX_TENSORS];
} gcam__box;

/* Appends a dimension, innermost so far. It is merged with the one before where all tensors step through both alike, and left
 * out where its size is 1. A box begins as all zeros: one element. */
void gcam__box_add(gcam__box *box, int64_t dim, int64_t stride0, int64_t stride1, int64_t stride2);
/* Number of elements, of rows, and of elements in a row. */
int64_t gcam__box_count(const gcam__box *box);
int64_t gcam__box_rows(const gcam__box *box);
int64_t gcam__box_length(const gcam__box *box);
/* Stride of a tensor inside a row. */
int64_t gcam__box_step(const gcam__box *box, int tensor);
/* Where row number `row`, or element number `index`, begins in each tensor. */
void gcam__box_row(const gcam__box *box, int64_t row, int64_t offset[GCAM__BOX_TENSORS]);
void gcam__box_element(const gcam__box *box, int64_t index, int64_t offset[GCAM__BOX_TENSORS]);

/* Handles `count` elements of a row from these offsets; `index` is the number of the first. */
typedef void (*gcam__row_fn)(const void *context, const int64_t offset[GCAM__BOX_TENSORS], int64_t index,
                             int64_t count);
/* Calls `fn` for all rows, long ones in pieces, on the session's pool. */
void gcam__box_run(const gcam__compute *compute, const gcam__box *box, gcam__row_fn fn, const void *context);

/* Broadcasting: shapes are aligned at their ends, a size of 1 or a missing dimension is repeated. Size and stride of a shape along
 * dimension i of `rank`; the stride is 0 where it is repeated. */
int64_t gcam__aligned_dim(const gcam_shape *shape, int i, int rank);
int64_t gcam__aligned_stride(const gcam_shape *shape, int i, int rank);

/* Row-major strides of a shape. */
void gcam__strides(const gcam_shape *shape, int64_t stride[GCAM_MAX_RANK]);

#endif
