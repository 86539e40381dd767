/* Padding every axis, `before` and `after` cells (negative: cut off). What the new cells hold:
 *   pad          a constant value
 *   reflect_pad  the mirror image without the border cell: c b [a b c] b a
 *   edge_pad     the border cell: a a [a b c] c c
 * Backward under every rule: each cell's dy is added to the input that it was read from. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <inttypes.h>
#include <string.h>

typedef enum padding { CONSTANT, REFLECT, EDGE } padding;

typedef struct job {
    const gcam_pad_params *params;
    const gcam_shape *in, *out;
    const float *from;
    float *to;
    float value;
    padding mode;
    int backward; /* from is dy, to is dx */
    int first;    /* the first axis that is padded */
} job;

static gcam_status infer_mode(const gcam__layer *layer, const gcam_shape *in, gcam_shape *out, padding mode) {
    const gcam_pad_params *p = layer->params;
    if (p->before.count != in->rank || p->after.count != in->rank)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: before and after need %d numbers each, one an axis",
                          layer->name, in->rank);
    *out = *in;
    for (int i = 0; i < in->rank; i++) {
        int64_t before = p->before.value[i], after = p->after.value[i];
        if (mode == REFLECT && (before >= in->dim[i] || after >= in->dim[i]))
            return gcam__fail(GCAM_ERR_SHAPE, "layer",
                              "%s: reflecting %" PRId64 " cells needs more than the input's %" PRId64, layer->name,
                              before > after ? before : after, in->dim[i]);
        if (__builtin_add_overflow(in->dim[i], before + after, &out->dim[i])) out->dim[i] = INT64_MAX;
        if (out->dim[i] < 0) out->dim[i] = 0;
    }
    return gcam__check_output(layer, out);
}

/* Where cell `at` of the padded axis comes from; -1: nowhere. */
static int64_t source(padding mode, int64_t at, int64_t size) {
    if (at >= 0 && at < size) return at;
    if (mode == CONSTANT) return -1;
    if (mode == EDGE) return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
}

/* All cells below one index of the axes before `axis`. `in` < 0: outside of the input. */
static void pad_axis(const job *j, int axis, int64_t in, int64_t out) {
    if (axis == j->in->rank) {
        if (!j->backward)
            j->to[out] = in < 0 ? j->value : j->from[in];
        else if (in >= 0)
            j->to[in] += j->from[out];
        return;
    }
    for (int64_t i = 0; i < j->out->dim[axis]; i++) {
        int64_t at = in < 0 ? -1 : source(j->mode, i - j->params->before.value[axis], j->in->dim[axis]);
        pad_axis(j, axis + 1, at < 0 ? -1 : in * j->in->dim[axis] + at, out * j->out->dim[axis] + i);
    }
}

static void pad_item(const void *context, int64_t index) {
    const job *j = context;
    pad_axis(j, j->first, index, index);
}

static void run_all(const gcam__run *run, const gcam_shape *out, padding mode) {
    const gcam_pad_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    job j = {.params = p, .in = in, .out = out, .mode = mode, .value = (float)p->value, .backward = run->dout != NULL};
    while (j.first < in->rank && p->before.value[j.first] == 0 && p->after.value[j.first] == 0) j.first++;
    int64_t items = gcam__dim_product(in, 0, j.first), in_count = gcam_shape_count(in),
            out_count = gcam_shape_count(out);
    for (int64_t s = 0; s < (j.backward ? run->seeds : 1); s++) {
        j.from = j.backward ? run->dout->data + s * out_count : run->in[0]->data;
        j.to = j.backward ? run->din[0]->data + s * in_count : run->out->data;
        if (j.backward) memset(j.to, 0, (size_t)in_count * sizeof *j.to);
        gcam__for_items(run->compute, items, out_count / items, pad_item, &j);
    }
}

static const gcam__param parameters[] = {
    {"before", GCAM__PARAM_DIMS, offsetof(gcam_pad_params, before), .required = 1, .is_signed = 1},
    {"after", GCAM__PARAM_DIMS, offsetof(gcam_pad_params, after), .required = 1, .is_signed = 1},
    {"value", GCAM__PARAM_NUMBER, offsetof(gcam_pad_params, value)},
    {NULL},
};

#define PADDING(NAME, MODE)                                                                                            \
    static gcam_status NAME##_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {   \
        (void)in_count;                                                                                                \
        return infer_mode(layer, in, out, MODE);                                                                       \
    }                                                                                                                  \
    static void NAME##_forward(const gcam__run *run) {                                                                 \
        run_all(run, &run->out->shape, MODE);                                                                          \
    }                                                                                                                  \
    static void NAME##_backward(const gcam__run *run) {                                                                \
        gcam_shape out;                                                                                                \
        if (run->din[0] && infer_mode(run->layer, &run->in_shape[0], &out, MODE) == GCAM_OK) run_all(run, &out, MODE); \
    }                                                                                                                  \
    const gcam__op gcam__op_##NAME = {.name = #NAME,                                                                   \
                                      .params_size = sizeof(gcam_pad_params),                                          \
                                      .params = parameters,                                                            \
                                      .min_inputs = 1,                                                                 \
                                      .max_inputs = 1,                                                                 \
                                      .infer = NAME##_infer,                                                           \
                                      .forward = NAME##_forward,                                                       \
                                      .backward = NAME##_backward,                                                     \
                                      .relevance = &gcam__routed};

PADDING(pad, CONSTANT)
PADDING(reflect_pad, REFLECT)
PADDING(edge_pad, EDGE)
