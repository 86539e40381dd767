/* ReLU: y = max(x, 0), NaN stays NaN. Backward: rectifier.c with slope 0; at x = 0 the derivative is 0. */
#include "layers/rectifier.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

static void forward(const gcam__run *run) {
    gcam__relu(run->compute, run->in[0]->data, run->out->data, run->aux, gcam_shape_count(&run->out->shape));
}

static void backward(const gcam__run *run) {
    gcam__rectifier_backward(run, 0);
}

const gcam__op gcam__op_relu = {
    .name = "relu",
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_AUX,
    .in_place = 1,
    .fused_as = GCAM__FUSE_RELU,
    .reach = gcam__reach_cell,
    .infer = gcam__infer_same,
    .aux_bytes = gcam__rectifier_aux_bytes,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__elementwise,
};
