/* Max pooling: y[n, c, p, q] = max of x[n, c, p stride - pad + r dilation, q stride - pad + s dilation] over the window's cells
 * (r, s) inside the image. Of equal cells the first in row-major order wins; NaN wins over all (PyTorch's rules).
 * Backward under every rule: dy goes to the winner, whose place the forward pass keeps as one int32 an output. */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <inttypes.h>

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    GCAM_TRY(gcam__pool_infer(layer, in, in_count, out));
    if (in->dim[2] * in->dim[3] > INT32_MAX)
        return gcam__fail(GCAM_ERR_LIMIT, "layer",
                          "%s: an input of %" PRId64 "x%" PRId64 " is too large for max pooling", layer->name,
                          in->dim[2], in->dim[3]);
    return GCAM_OK;
}

static size_t aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)in;
    return (size_t)gcam_shape_count(out) * sizeof(int32_t);
}

static gcam__pool2d geometry(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    return gcam__pool_geometry(run->layer, in, in->dim[0] * in->dim[1]);
}

static void forward(const gcam__run *run) {
    gcam__pool2d g = geometry(run);
    gcam__max_pool(run->compute, &g, run->in[0]->data, run->out->data, run->aux);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    gcam__pool2d g = geometry(run);
    for (int64_t s = 0; s < run->seeds; s++) {
        const float *dy = run->dout->data + s * g.planes * g.p * g.q;
        gcam__max_pool_backward(run->compute, &g, dy, run->aux, run->din[0]->data + s * g.planes * g.h * g.w);
    }
}

static const gcam__param parameters[] = {
    {"kernel", GCAM__PARAM_INT2, offsetof(gcam_pool_params, kernel), .required = 1},
    {"stride", GCAM__PARAM_INT2, offsetof(gcam_pool_params, stride)},
    {"pad", GCAM__PARAM_INT2, offsetof(gcam_pool_params, pad)},
    {"pad_end", GCAM__PARAM_INT2, offsetof(gcam_pool_params, pad_end), .is_signed = 1},
    {"dilation", GCAM__PARAM_INT2, offsetof(gcam_pool_params, dilation), .fallback = 1},
    {"ceil_mode", GCAM__PARAM_INT, offsetof(gcam_pool_params, ceil_mode)},
    {NULL},
};

const gcam__op gcam__op_max_pool = {
    .name = "max_pool",
    .params_size = sizeof(gcam_pool_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_AUX,
    .infer = infer,
    .aux_bytes = aux_bytes,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__winner,
};
