/* Loops over a layer's values, spread over the session's pool. */
#include "layers/loops.h"

#include "layers/shape.h"

#include <string.h>

typedef struct pieces {
    gcam__piece_fn fn;
    const void *context;
    int64_t count;
} pieces;

static void run_piece(void *context, int64_t index, int worker) {
    (void)worker;
    const pieces *p = context;
    int64_t begin = index * GCAM__PIECE, end = begin + GCAM__PIECE;
    p->fn(p->context, begin, end < p->count ? end : p->count);
}

void gcam__for_pieces(const gcam__compute *compute, int64_t count, gcam__piece_fn fn, const void *context) {
    pieces p = {fn, context, count};
    gcam__parallel(compute->pool, (count + GCAM__PIECE - 1) / GCAM__PIECE, run_piece, &p);
}

typedef struct items {
    gcam__item_fn fn;
    const void *context;
    int64_t count, per_unit;
} items;

static void run_items(void *context, int64_t index, int worker) {
    (void)worker;
    const items *it = context;
    int64_t end = (index + 1) * it->per_unit;
    for (int64_t i = index * it->per_unit; i < end && i < it->count; i++) it->fn(it->context, i);
}

void gcam__for_items(const gcam__compute *compute, int64_t count, int64_t size, gcam__item_fn fn, const void *context) {
    int64_t per_unit = size < GCAM__PIECE ? GCAM__PIECE / (size > 0 ? size : 1) : 1;
    items it = {fn, context, count, per_unit};
    gcam__parallel(compute->pool, (count + per_unit - 1) / per_unit, run_items, &it);
}

gcam__rows gcam__rows_of(const gcam_shape *shape, int64_t axis, int64_t axes) {
    int from = (int)(axis < 0 ? axis + shape->rank : axis), to = from + (int)axes;
    gcam__rows rows = {.length = gcam__dim_product(shape, from, to), .step = gcam__dim_product(shape, to, shape->rank)};
    rows.count = gcam__dim_product(shape, 0, from) * rows.step;
    return rows;
}

void gcam__copy(float *to, const float *from, int64_t count) {
    if (to != from) memcpy(to, from, (size_t)count * sizeof *to);
}

void gcam__view_forward(const gcam__run *run) {
    gcam__copy(run->out->data, run->in[0]->data, gcam_shape_count(&run->out->shape));
}

void gcam__view_backward(const gcam__run *run) {
    if (run->din[0]) gcam__copy(run->din[0]->data, run->dout->data, gcam_shape_count(&run->dout->shape));
}
