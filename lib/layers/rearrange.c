/* Operations whose output is a selection of the input in another order: y[i] = x[base + sum of i_k stride_k].
 *   transpose        axis k of y is axis order[k] of x (NumPy's transpose)
 *   slice            start, start + step, ... before end, along one axis
 *   channel_shuffle  channel j of y is channel (j mod groups) C/groups + j / groups of x (Zhang et al. 2018)
 * Backward under every rule: dx = 0, then dx[base + ...] = dy[i]. */
#include "core/status.h"
#include "layers/box.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <inttypes.h>
#include <string.h>

typedef struct selection {
    gcam__box box; /* tensor 0 is the input */
    int64_t base;
    const float *from;
    float *to;
    int scatter; /* 1: back into the input's place */
} selection;

static void copy_row(const void *context, const int64_t offset[GCAM__BOX_TENSORS], int64_t index, int64_t count) {
    const selection *s = context;
    int64_t step = gcam__box_step(&s->box, 0), at = s->base + offset[0];
    if (s->scatter)
        for (int64_t i = 0; i < count; i++) s->to[at + i * step] = s->from[index + i];
    else if (step == 1)
        gcam__copy(s->to + index, s->from + at, count);
    else
        for (int64_t i = 0; i < count; i++) s->to[index + i] = s->from[at + i * step];
}

static void select_forward(const gcam__run *run, selection *s) {
    s->from = run->in[0]->data, s->to = run->out->data;
    gcam__box_run(run->compute, &s->box, copy_row, s);
}

static void select_backward(const gcam__run *run, selection *s) {
    if (!run->din[0]) return;
    int64_t in_count = gcam_shape_count(&run->in_shape[0]), out_count = gcam__box_count(&s->box);
    s->scatter = 1;
    for (int64_t g = 0; g < run->seeds; g++) {
        s->from = run->dout->data + g * out_count, s->to = run->din[0]->data + g * in_count;
        if (out_count < in_count) memset(s->to, 0, (size_t)in_count * sizeof *s->to);
        gcam__box_run(run->compute, &s->box, copy_row, s);
    }
}

/* ---- transpose ---------------------------------------------------------------------------------------------------------- */

static gcam_status transpose_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_transpose_params *p = layer->params;
    int used[GCAM_MAX_RANK] = {0};
    int fits = p->order.count == in->rank;
    for (int i = 0; fits && i < in->rank; i++) {
        int64_t axis = p->order.value[i];
        fits = axis < in->rank && !used[axis]++;
    }
    char text[160];
    if (!fits)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: order does not name each axis of an input of %s once",
                          layer->name, gcam__shape_text(in, text));
    out->rank = in->rank;
    for (int i = 0; i < in->rank; i++) out->dim[i] = in->dim[p->order.value[i]];
    return gcam__check_output(layer, out);
}

static selection transposed(const gcam__run *run) {
    const gcam_transpose_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    int64_t stride[GCAM_MAX_RANK];
    selection s = {.base = 0};
    gcam__strides(in, stride);
    for (int i = 0; i < in->rank; i++)
        gcam__box_add(&s.box, in->dim[p->order.value[i]], stride[p->order.value[i]], 0, 0);
    return s;
}

static void transpose_forward(const gcam__run *run) {
    selection s = transposed(run);
    select_forward(run, &s);
}

static void transpose_backward(const gcam__run *run) {
    selection s = transposed(run);
    select_backward(run, &s);
}

static const gcam__param transpose_params[] = {
    {"order", GCAM__PARAM_DIMS, offsetof(gcam_transpose_params, order), .required = 1},
    {NULL},
};

const gcam__op gcam__op_transpose = {
    .name = "transpose",
    .params_size = sizeof(gcam_transpose_params),
    .params = transpose_params,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = transpose_infer,
    .forward = transpose_forward,
    .backward = transpose_backward,
    .relevance = &gcam__routed,
};

/* ---- slice -------------------------------------------------------------------------------------------------------------- */

/* First position and number of positions along the axis, by NumPy's rules: negative positions count from the end, and what lies
 * outside is moved to the border. */
static void slice_range(const gcam_slice_params *p, int64_t size, int64_t *first, int64_t *count) {
    int64_t low = p->step > 0 ? 0 : -1, high = p->step > 0 ? size : size - 1; /* where positions may be */
    int64_t start = p->start < 0 ? p->start + size : p->start, end = p->end < 0 ? p->end + size : p->end;
    if (p->end == 0) end = p->step > 0 ? size : -1;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    int64_t distance = p->step > 0 ? end - start : start - end, stride = p->step > 0 ? p->step : -p->step;
    *first = start;
    *count = distance <= 0 ? 0 : (distance + stride - 1) / stride;
}

static gcam_status slice_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_slice_params *p = layer->params;
    int axis;
    int64_t first;
    GCAM_TRY(gcam__expect_axis(layer, in, p->axis, &axis));
    *out = *in;
    slice_range(p, in->dim[axis], &first, &out->dim[axis]);
    return gcam__check_output(layer, out);
}

static selection sliced(const gcam__run *run) {
    const gcam_slice_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    int axis = (int)(p->axis < 0 ? p->axis + in->rank : p->axis);
    int64_t stride[GCAM_MAX_RANK], first, count;
    slice_range(p, in->dim[axis], &first, &count);
    gcam__strides(in, stride);
    selection s = {.base = first * stride[axis]};
    for (int i = 0; i < in->rank; i++)
        gcam__box_add(&s.box, i == axis ? count : in->dim[i], i == axis ? stride[i] * p->step : stride[i], 0, 0);
    return s;
}

static void slice_forward(const gcam__run *run) {
    selection s = sliced(run);
    select_forward(run, &s);
}

static void slice_backward(const gcam__run *run) {
    selection s = sliced(run);
    select_backward(run, &s);
}

static const gcam__param slice_params[] = {
    {"axis", GCAM__PARAM_INT, offsetof(gcam_slice_params, axis), .fallback = 1, .is_signed = 1},
    {"start", GCAM__PARAM_INT, offsetof(gcam_slice_params, start), .is_signed = 1},
    {"end", GCAM__PARAM_INT, offsetof(gcam_slice_params, end), .is_signed = 1},
    {"step", GCAM__PARAM_INT, offsetof(gcam_slice_params, step), .fallback = 1, .is_signed = 1},
    {NULL},
};

const gcam__op gcam__op_slice = {
    .name = "slice",
    .params_size = sizeof(gcam_slice_params),
    .params = slice_params,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = slice_infer,
    .forward = slice_forward,
    .backward = slice_backward,
    .relevance = &gcam__routed,
};

/* ---- channel shuffle ------------------------------------------------------------------------------------------------------ */

static gcam_status shuffle_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_channel_shuffle_params *p = layer->params;
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    if (in->dim[1] % p->groups)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: %" PRId64 " channels cannot be divided into %" PRId64 " groups",
                          layer->name, in->dim[1], p->groups);
    *out = *in;
    return gcam__check_output(layer, out);
}

static selection shuffled(const gcam__run *run) {
    const gcam_channel_shuffle_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    int64_t size = gcam__dim_product(in, 2, in->rank), each = in->dim[1] / p->groups;
    selection s = {.base = 0};
    gcam__box_add(&s.box, in->dim[0], in->dim[1] * size, 0, 0);
    gcam__box_add(&s.box, each, size, 0, 0);
    gcam__box_add(&s.box, p->groups, each * size, 0, 0);
    gcam__box_add(&s.box, size, 1, 0, 0);
    return s;
}

static void shuffle_forward(const gcam__run *run) {
    selection s = shuffled(run);
    select_forward(run, &s);
}

static void shuffle_backward(const gcam__run *run) {
    selection s = shuffled(run);
    select_backward(run, &s);
}

static const gcam__param shuffle_params[] = {
    {"groups", GCAM__PARAM_INT, offsetof(gcam_channel_shuffle_params, groups), .required = 1},
    {NULL},
};

const gcam__op gcam__op_channel_shuffle = {
    .name = "channel_shuffle",
    .params_size = sizeof(gcam_channel_shuffle_params),
    .params = shuffle_params,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = shuffle_infer,
    .forward = shuffle_forward,
    .backward = shuffle_backward,
    .relevance = &gcam__routed,
};
