/* Sum of values of one shape: y = x_1 + x_2 + ... Backward under every rule: dx_i = dy. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    char a[160], b[160];
    for (int i = 1; i < in_count; i++)
        if (!gcam_shape_equal(&in[0], &in[i]))
            return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: inputs of %s and %s cannot be added", layer->name,
                              gcam__shape_text(&in[0], a), gcam__shape_text(&in[i], b));
    *out = in[0];
    return gcam__check_output(layer, out);
}

static void forward(const gcam__run *run) {
    int64_t count = gcam_shape_count(&run->out->shape);
    gcam__add(run->compute, run->in[0]->data, run->in[1]->data, run->out->data, count);
    for (int i = 2; i < run->in_count; i++)
        gcam__add(run->compute, run->out->data, run->in[i]->data, run->out->data, count);
}

static void backward(const gcam__run *run) {
    for (int i = 0; i < run->in_count; i++)
        if (run->din[i]) gcam__copy(run->din[i]->data, run->dout->data, gcam_shape_count(&run->dout->shape));
}

const gcam__op gcam__op_add = {
    .name = "add",
    .min_inputs = 2,
    .in_place = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
