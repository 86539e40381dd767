/* Walking several tensors at once; see box.h. */
#include "layers/box.h"

#include "layers/loops.h"
#include "layers/shape.h"

#include <string.h>

void gcam__box_add(gcam__box *box, int64_t dim, int64_t stride0, int64_t stride1, int64_t stride2) {
    const int64_t stride[GCAM__BOX_TENSORS] = {stride0, stride1, stride2};
    if (dim == 1) return;
    int last = box->rank - 1, merges = last >= 0;
    for (int t = 0; merges && t < GCAM__BOX_TENSORS; t++) merges = box->stride[last][t] == dim * stride[t];
    if (!merges) last = box->rank++, box->dim[last] = 1;
    box->dim[last] *= dim;
    memcpy(box->stride[last], stride, sizeof stride);
}

int64_t gcam__box_length(const gcam__box *box) {
    return box->rank ? box->dim[box->rank - 1] : 1;
}

int64_t gcam__box_rows(const gcam__box *box) {
    int64_t rows = 1;
    for (int i = 0; i < box->rank - 1; i++) rows *= box->dim[i];
    return rows;
}

int64_t gcam__box_count(const gcam__box *box) {
    return gcam__box_rows(box) * gcam__box_length(box);
}

int64_t gcam__box_step(const gcam__box *box, int tensor) {
    return box->rank ? box->stride[box->rank - 1][tensor] : 0;
}

void gcam__box_row(const gcam__box *box, int64_t row, int64_t offset[GCAM__BOX_TENSORS]) {
    memset(offset, 0, GCAM__BOX_TENSORS * sizeof *offset);
    for (int i = box->rank - 2; i >= 0; i--, row /= box->dim[i + 1])
        for (int t = 0; t < GCAM__BOX_TENSORS; t++) offset[t] += row % box->dim[i] * box->stride[i][t];
}

void gcam__box_element(const gcam__box *box, int64_t index, int64_t offset[GCAM__BOX_TENSORS]) {
    int64_t length = gcam__box_length(box);
    gcam__box_row(box, index / length, offset);
    for (int t = 0; t < GCAM__BOX_TENSORS; t++) offset[t] += index % length * gcam__box_step(box, t);
}

typedef struct walk {
    const gcam__box *box;
    gcam__row_fn fn;
    const void *context;
    int64_t length, pieces; /* of a row */
} walk;

static void walk_piece(const void *context, int64_t index) {
    const walk *w = context;
    int64_t row = index / w->pieces, begin = index % w->pieces * GCAM__PIECE;
    int64_t left = w->length - begin, offset[GCAM__BOX_TENSORS];
    gcam__box_row(w->box, row, offset);
    for (int t = 0; t < GCAM__BOX_TENSORS; t++) offset[t] += begin * gcam__box_step(w->box, t);
    w->fn(w->context, offset, row * w->length + begin, left < GCAM__PIECE ? left : GCAM__PIECE);
}

void gcam__box_run(const gcam__compute *compute, const gcam__box *box, gcam__row_fn fn, const void *context) {
    walk w = {box, fn, context, gcam__box_length(box), 1};
    w.pieces = (w.length + GCAM__PIECE - 1) / GCAM__PIECE;
    gcam__for_items(compute, gcam__box_rows(box) * w.pieces, w.length, walk_piece, &w);
}

int64_t gcam__aligned_dim(const gcam_shape *shape, int i, int rank) {
    int own = i - (rank - shape->rank);
    return own < 0 ? 1 : shape->dim[own];
}

int64_t gcam__aligned_stride(const gcam_shape *shape, int i, int rank) {
    int own = i - (rank - shape->rank);
    return own < 0 || shape->dim[own] == 1 ? 0 : gcam__dim_product(shape, own + 1, shape->rank);
}

void gcam__strides(const gcam_shape *shape, int64_t stride[GCAM_MAX_RANK]) {
    int64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; step *= shape->dim[i--]) stride[i] = step;
}
