/* Reshaping: the same values in the same order. In the list of sizes 0 copies the input's size at that place, and one -1 stands for
 * what is left. Backward under every rule: dx = dy. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status misfit(const gcam__layer *layer, const gcam_shape *in, const gcam_dims *dims) {
    char from[160], to[160];
    gcam_shape wanted = {.rank = (int)dims->count};
    for (int i = 0; i < wanted.rank; i++) wanted.dim[i] = dims->value[i];
    return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: an input of %s cannot take the shape %s", layer->name,
                      gcam__shape_text(in, from), gcam__shape_text(&wanted, to));
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_dims *dims = &((const gcam_reshape_params *)layer->params)->shape;
    int open = -1;
    GCAM_TRY(gcam__check_output(layer, in));
    out->rank = (int)dims->count;
    for (int i = 0; i < out->rank; i++) {
        out->dim[i] = dims->value[i];
        if (i < in->rank && dims->value[i] == 0) out->dim[i] = in->dim[i];
        if (dims->value[i] != -1) continue;
        if (open >= 0) return misfit(layer, in, dims);
        open = i, out->dim[i] = 1;
    }
    int64_t total = gcam_shape_count(in), known = gcam_shape_count(out);
    if (known <= 0) return misfit(layer, in, dims);
    if (open >= 0) out->dim[open] = total / known;
    return total == known * (open >= 0 ? out->dim[open] : 1) ? GCAM_OK : misfit(layer, in, dims);
}

static const gcam__param parameters[] = {
    {"shape", GCAM__PARAM_DIMS, offsetof(gcam_reshape_params, shape), .required = 1, .is_signed = 1},
    {NULL},
};

const gcam__op gcam__op_reshape = {
    .name = "reshape",
    .params_size = sizeof(gcam_reshape_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .view = 1,
    .infer = infer,
    .forward = gcam__view_forward,
    .backward = gcam__view_backward,
    .relevance = &gcam__routed,
};
