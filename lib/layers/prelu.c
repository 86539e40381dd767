/* PReLU (He et al. 2015): y = x for x > 0, a_c x otherwise, a learned: one number a channel, or one for all (`shared`).
 * Backward with p = dy, p+ = max(p, 0): gradient dx = p or a_c p, guided p+ or a_c p+, deconvnet p+ everywhere;
 * da_c += sum of p x over x <= 0. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/rectifier.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    return gcam__infer_same(layer, in, in_count, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    (void)which;
    const gcam_prelu_params *p = layer->params;
    *shape = (gcam_shape){1, {p->shared ? 1 : in->dim[1]}};
    return 1;
}

static float slope_of(const gcam__run *run, int64_t plane) {
    const gcam_prelu_params *p = run->layer->params;
    return run->layer->weight[0].data[p->shared ? 0 : plane % run->in_shape[0].dim[1]];
}

static void forward_plane(const void *context, int64_t plane) {
    const gcam__run *run = context;
    int64_t size = gcam__dim_product(&run->in_shape[0], 2, run->in_shape[0].rank);
    const float *x = run->in[0]->data + plane * size;
    float *y = run->out->data + plane * size, slope = slope_of(run, plane);
    for (int64_t i = 0; i < size; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__for_items(run->compute, in->dim[0] * in->dim[1], gcam__dim_product(in, 2, in->rank), forward_plane, run);
}

static void backward_plane(const void *context, int64_t plane) {
    const gcam__run *run = context;
    const gcam_shape *in = &run->in_shape[0];
    int64_t size = gcam__dim_product(in, 2, in->rank), planes = in->dim[0] * in->dim[1];
    const float *x = run->in[0]->data + plane % planes * size, *dy = run->dout->data + plane * size;
    float *dx = run->din[0]->data + plane * size, slope = slope_of(run, plane);
    for (int64_t i = 0; i < size; i++) {
        float p = run->rule == GCAM_RULE_GRADIENT ? dy[i] : gcam__positive(dy[i]);
        dx[i] = x[i] > 0 || run->rule == GCAM_RULE_DECONVNET ? p : slope * p;
    }
}

/* One thread, so that a slope shared by all channels is summed in a fixed order. */
static void slope_gradients(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    const gcam_prelu_params *p = run->layer->params;
    int64_t size = gcam__dim_product(in, 2, in->rank), planes = in->dim[0] * in->dim[1];
    for (int64_t plane = 0; plane < run->seeds * planes; plane++) {
        const float *x = run->in[0]->data + plane % planes * size, *dy = run->dout->data + plane * size;
        double sum = 0;
        for (int64_t i = 0; i < size; i++) sum += x[i] > 0 ? 0 : (double)dy[i] * x[i];
        run->dweight[0]->data[p->shared ? 0 : plane % in->dim[1]] += (float)sum;
    }
}

static void backward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    int64_t planes = run->seeds * in->dim[0] * in->dim[1];
    if (run->din[0]) gcam__for_items(run->compute, planes, gcam__dim_product(in, 2, in->rank), backward_plane, run);
    if (run->dweight) slope_gradients(run);
}

static const char *const weights[] = {"weight", NULL};
static const gcam__param parameters[] = {
    {"shared", GCAM__PARAM_INT, offsetof(gcam_prelu_params, shared)},
    {NULL},
};

const gcam__op gcam__op_prelu = {
    .name = "prelu",
    .params_size = sizeof(gcam_prelu_params),
    .params = parameters,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT,
    .in_place = 1,
    .infer = infer,
    .weight_shape = weight_shape,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__elementwise,
};
