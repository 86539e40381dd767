/* Dropout at inference (Srivastava et al. 2014): y = x. Backward under every rule: dx = dy. */
#include "layers/loops.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    *out = *in;
    return gcam__check_output(layer, out);
}

const gcam__op gcam__op_dropout = {
    .name = "dropout",
    .min_inputs = 1,
    .max_inputs = 1,
    .view = 1,
    .infer = infer,
    .forward = gcam__view_forward,
    .backward = gcam__view_backward,
};
