/* Adaptive average pooling: N C H W -> N C P Q; y[p, q] = mean of the rows floor(p H / P) .. ceil((p + 1) H / P) - 1 and the
 * columns alike. Backward under every rule: dy / n to each of a cell's n values; cells may overlap, sums add up. */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_adaptive_pool_params *p = layer->params;
    GCAM_TRY(gcam__expect_image(layer, in));
    *out = gcam_shape_nchw(in->dim[0], in->dim[1], p->out[0], p->out[1]);
    return gcam__check_output(layer, out);
}

static gcam__pool2d geometry(const gcam__run *run) {
    const gcam_adaptive_pool_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    int64_t planes = (run->dout ? run->seeds : 1) * in->dim[0] * in->dim[1];
    return (gcam__pool2d){.planes = planes, .h = in->dim[2], .w = in->dim[3], .p = p->out[0], .q = p->out[1]};
}

static void forward(const gcam__run *run) {
    gcam__pool2d g = geometry(run);
    gcam__adaptive_avg_pool(run->compute, &g, run->in[0]->data, run->out->data);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    gcam__pool2d g = geometry(run);
    gcam__adaptive_avg_pool_backward(run->compute, &g, run->dout->data, run->din[0]->data);
}

static const gcam__param parameters[] = {
    {"out", GCAM__PARAM_INT2, offsetof(gcam_adaptive_pool_params, out), .required = 1},
    {NULL},
};

const gcam__op gcam__op_adaptive_avg_pool = {
    .name = "adaptive_avg_pool",
    .params_size = sizeof(gcam_adaptive_pool_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__summed,
};
