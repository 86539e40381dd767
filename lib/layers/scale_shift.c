/* Scaling by fixed numbers: y = scale x + shift, with one number of each, or one a channel. (Per-channel constants that are
 * weights: batchnorm, layer_scale, or mul and add with a constant.) Backward under every rule: dx = scale dy.
 * Prepared memory: scale (C), then shift (C). */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <inttypes.h>

static gcam_status check_count(const gcam__layer *layer, const char *name, int64_t count, int64_t channels) {
    if (count <= 1 || count == channels) return GCAM_OK;
    return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: %s has %" PRId64 " numbers for %" PRId64 " channels", layer->name,
                      name, count, channels);
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_scale_shift_params *p = layer->params;
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    GCAM_TRY(check_count(layer, "scale", p->scale.count, in->dim[1]));
    GCAM_TRY(check_count(layer, "shift", p->shift.count, in->dim[1]));
    return gcam__infer_same(layer, in, in_count, out);
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                             const gcam_shape *out) {
    (void)compute, (void)layer, (void)out;
    return 2 * (size_t)in->dim[1] * sizeof(float);
}

static float number_for(const gcam_numbers *list, int64_t c, double fallback) {
    return (float)(list->count == 0 ? fallback : list->value[list->count == 1 ? 0 : c]);
}

static void prepare(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out,
                    void *prepared) {
    (void)compute, (void)out;
    const gcam_scale_shift_params *p = layer->params;
    float *scale = prepared, *shift = scale + in->dim[1];
    for (int64_t c = 0; c < in->dim[1]; c++) {
        scale[c] = number_for(&p->scale, c, 1);
        shift[c] = number_for(&p->shift, c, 0);
    }
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    const float *scale = run->prepared;
    gcam__scale_shift(run->compute, run->in[0]->data, run->out->data, in->dim[0] * in->dim[1],
                      gcam__dim_product(in, 2, in->rank), in->dim[1], scale, scale + in->dim[1], 0);
}

static void backward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    if (run->din[0])
        gcam__scale_shift(run->compute, run->dout->data, run->din[0]->data, run->seeds * in->dim[0] * in->dim[1],
                          gcam__dim_product(in, 2, in->rank), in->dim[1], run->prepared, NULL, 0);
}

static const gcam__param parameters[] = {
    {"scale", GCAM__PARAM_NUMBERS, offsetof(gcam_scale_shift_params, scale)},
    {"shift", GCAM__PARAM_NUMBERS, offsetof(gcam_scale_shift_params, shift)},
    {NULL},
};

const gcam__op gcam__op_scale_shift = {
    .name = "scale_shift",
    .params_size = sizeof(gcam_scale_shift_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .in_place = 1,
    .infer = infer,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__diagonal,
};
