/* Average pooling: y = sum of the window's cells inside the image / n, n = the window's cells, padding included, or with
 * `exclude_pad` only those inside. Backward under every rule: dy / n to each cell of the window. */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_pool_params *p = layer->params;
    if (p->dilation[0] != 1 || p->dilation[1] != 1)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "layer", "%s: average pooling has no dilation", layer->name);
    return gcam__pool_infer(layer, in, in_count, out);
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__pool2d g = gcam__pool_geometry(run->layer, in, in->dim[0] * in->dim[1]);
    gcam__avg_pool(run->compute, &g, run->in[0]->data, run->out->data);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    const gcam_shape *in = &run->in_shape[0];
    gcam__pool2d g = gcam__pool_geometry(run->layer, in, run->seeds * in->dim[0] * in->dim[1]);
    gcam__avg_pool_backward(run->compute, &g, run->dout->data, run->din[0]->data);
}

static const gcam__param parameters[] = {
    {"kernel", GCAM__PARAM_INT2, offsetof(gcam_pool_params, kernel), .required = 1},
    {"stride", GCAM__PARAM_INT2, offsetof(gcam_pool_params, stride)},
    {"pad", GCAM__PARAM_INT2, offsetof(gcam_pool_params, pad)},
    {"pad_end", GCAM__PARAM_INT2, offsetof(gcam_pool_params, pad_end), .is_signed = 1},
    {"dilation", GCAM__PARAM_INT2, offsetof(gcam_pool_params, dilation), .fallback = 1},
    {"ceil_mode", GCAM__PARAM_INT, offsetof(gcam_pool_params, ceil_mode)},
    {"exclude_pad", GCAM__PARAM_INT, offsetof(gcam_pool_params, exclude_pad)},
    {NULL},
};

const gcam__op gcam__op_avg_pool = {
    .name = "avg_pool",
    .params_size = sizeof(gcam_pool_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .reach = gcam__reach_average,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__summed,
};
