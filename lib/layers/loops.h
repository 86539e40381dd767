/* Loops over a layer's values, spread over the session's pool. Pieces have a fixed size, so that results do not depend on the
 * number of threads. */
#ifndef GCAM_LAYERS_LOOPS_H
#define GCAM_LAYERS_LOOPS_H

#include "layers/layer.h"

/* Elements a piece has at most; a multiple of 8, so that pieces of a bit mask begin at whole bytes. */
enum { GCAM__PIECE = 16384 };

/* Handles the elements begin .. end-1. */
typedef void (*gcam__piece_fn)(const void *context, int64_t begin, int64_t end);
/* Calls `fn` for all pieces of 0 .. count-1. */
void gcam__for_pieces(const gcam__compute *compute, int64_t count, gcam__piece_fn fn, const void *context);

/* Handles one row, plane or channel. */
typedef void (*gcam__item_fn)(const void *context, int64_t index);
/* Calls `fn` for each index in 0 .. count-1; `size` is the number of elements that one call touches. */
void gcam__for_items(const gcam__compute *compute, int64_t count, int64_t size, gcam__item_fn fn, const void *context);

/* The values along `axes` dimensions from `axis` on as rows: `length` values, `step` apart, numbered outermost first. */
typedef struct gcam__rows {
    int64_t count, length, step;
} gcam__rows;
gcam__rows gcam__rows_of(const gcam_shape *shape, int64_t axis, int64_t axes);
/* Where row number `index` begins. */
static inline int64_t gcam__row_start(const gcam__rows *rows, int64_t index) {
    return index / rows->step * rows->length * rows->step + index % rows->step;
}

/* Copies, unless both are the same memory. */
void gcam__copy(float *to, const float *from, int64_t count);
/* Forward and backward of operations that only give their values another shape. */
void gcam__view_forward(const gcam__run *run);
void gcam__view_backward(const gcam__run *run);

#endif
