/* Leaky ReLU (Maas et al. 2013): y = x for x > 0, slope x otherwise. Backward: rectifier.c. */
#include "layers/rectifier.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

static float slope(const gcam__run *run) {
    const gcam_leaky_relu_params *p = run->layer->params;
    return (float)p->slope;
}

static void forward(const gcam__run *run) {
    gcam__leaky_relu(run->compute, run->in[0]->data, run->out->data, run->aux, gcam_shape_count(&run->out->shape),
                     slope(run));
}

static void backward(const gcam__run *run) {
    gcam__rectifier_backward(run, slope(run));
}

static const gcam__param parameters[] = {
    {"slope", GCAM__PARAM_NUMBER, offsetof(gcam_leaky_relu_params, slope), .fallback = 0.01},
    {NULL},
};

const gcam__op gcam__op_leaky_relu = {
    .name = "leaky_relu",
    .params_size = sizeof(gcam_leaky_relu_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_AUX,
    .in_place = 1,
    .reach = gcam__reach_cell,
    .infer = gcam__infer_same,
    .aux_bytes = gcam__rectifier_aux_bytes,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__elementwise,
};
