/* Concatenation along one axis; the other sizes are equal. Backward under every rule: dy is cut up again. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <inttypes.h>

static gcam_status check_fit(const gcam__layer *layer, const gcam_shape *first, const gcam_shape *other, int axis) {
    char a[160], b[160];
    int fits = first->rank == other->rank;
    for (int i = 0; fits && i < first->rank; i++) fits = i == axis || first->dim[i] == other->dim[i];
    if (fits) return GCAM_OK;
    return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: inputs of %s and %s cannot be concatenated along axis %d",
                      layer->name, gcam__shape_text(first, a), gcam__shape_text(other, b), axis);
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_axis_params *p = layer->params;
    int axis;
    GCAM_TRY(gcam__expect_axis(layer, &in[0], p->axis, &axis));
    *out = in[0];
    for (int i = 1; i < in_count; i++) {
        GCAM_TRY(check_fit(layer, &in[0], &in[i], axis));
        if (__builtin_add_overflow(out->dim[axis], in[i].dim[axis], &out->dim[axis])) out->dim[axis] = INT64_MAX;
    }
    return gcam__check_output(layer, out);
}

/* Each input is `outer` blocks, which take turns in the output. */
typedef struct blocks {
    float *whole;
    float *part;
    int64_t whole_size, part_size, offset;
    int split; /* 1: from the whole to the part */
} blocks;

static void copy_block(const void *context, int64_t index) {
    const blocks *b = context;
    float *whole = b->whole + index * b->whole_size + b->offset, *part = b->part + index * b->part_size;
    if (b->split)
        gcam__copy(part, whole, b->part_size);
    else
        gcam__copy(whole, part, b->part_size);
}

static void copy_all(const gcam__run *run, gcam_tensor *const *parts, const gcam_tensor *whole, int split) {
    const gcam_axis_params *p = run->layer->params;
    const gcam_shape *shape = &whole->shape;
    int axis = (int)(p->axis < 0 ? p->axis + shape->rank : p->axis);
    blocks b = {.whole = whole->data, .split = split};
    for (int i = 0; i < run->in_count; i++) b.whole_size += gcam__dim_product(&run->in_shape[i], axis, shape->rank);
    int64_t outer = gcam_shape_count(shape) / b.whole_size; /* with the seeds, also where the axis is the batch */
    for (int i = 0; i < run->in_count; i++, b.offset += b.part_size) {
        b.part_size = gcam__dim_product(&run->in_shape[i], axis, shape->rank);
        if (!parts[i]) continue;
        b.part = parts[i]->data;
        if (outer == 1 && b.part == b.whole + b.offset) continue; /* made in its place */
        gcam__for_items(run->compute, outer, b.part_size, copy_block, &b);
    }
}

static void forward(const gcam__run *run) {
    /* Parts are only read here; the cast lets both directions share one loop. */
    copy_all(run, (gcam_tensor *const *)run->in, run->out, 0);
}

static void backward(const gcam__run *run) {
    copy_all(run, run->din, run->dout, 1);
}

static int slices(const gcam__layer *layer, const gcam_shape *out) {
    const gcam_axis_params *p = layer->params;
    return gcam__dim_product(out, 0, (int)(p->axis < 0 ? p->axis + out->rank : p->axis)) == 1;
}

static const gcam__param parameters[] = {
    {"axis", GCAM__PARAM_INT, offsetof(gcam_axis_params, axis), .fallback = 1, .is_signed = 1},
    {NULL},
};

static int reach(const gcam__layer *layer, gcam__window window[2], float *fill) {
    const gcam_axis_params *p = layer->params;
    return p->axis == 1 && gcam__reach_cell(layer, window, fill);
}

const gcam__op gcam__op_concat = {
    .name = "concat",
    .params_size = sizeof(gcam_axis_params),
    .params = parameters,
    .min_inputs = 1,
    .reach = reach,
    .infer = infer,
    .slices = slices,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__routed,
};
