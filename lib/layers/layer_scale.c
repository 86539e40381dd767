/* Layer scale (Touvron et al. 2021): y = x w, w one learned number a channel, stored as C 1 1 under the name of the layer's block:
 * a layer "block.layer_scale" takes its weights from "block". Backward under every rule: dx = w dy; dw_c += sum dy x. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    return gcam__infer_same(layer, in, in_count, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    (void)layer, (void)which;
    *shape = (gcam_shape){3, {in->dim[1], 1, 1}};
    return 1;
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__scale_shift(run->compute, run->in[0]->data, run->out->data, in->dim[0] * in->dim[1],
                      gcam__dim_product(in, 2, in->rank), in->dim[1], run->layer->weight[0].data, NULL, 0);
}

static void weight_gradient(const void *context, int64_t c) {
    const gcam__run *run = context;
    const gcam_shape *in = &run->in_shape[0];
    int64_t batch = in->dim[0], size = gcam__dim_product(in, 2, in->rank);
    double sum = 0;
    for (int64_t n = 0; n < run->seeds * batch; n++) {
        const float *dy = run->dout->data + (n * in->dim[1] + c) * size;
        const float *x = run->in[0]->data + (n % batch * in->dim[1] + c) * size;
        for (int64_t i = 0; i < size; i++) sum += (double)dy[i] * x[i];
    }
    run->dweight[0]->data[c] += (float)sum;
}

static void backward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    int64_t size = gcam__dim_product(in, 2, in->rank), planes = run->seeds * in->dim[0] * in->dim[1];
    if (run->din[0])
        gcam__scale_shift(run->compute, run->dout->data, run->din[0]->data, planes, size, in->dim[1],
                          run->layer->weight[0].data, NULL, 0);
    if (run->dweight) gcam__for_items(run->compute, in->dim[1], run->seeds * in->dim[0] * size, weight_gradient, run);
}

static const char *const weights[] = {"layer_scale", NULL};

const gcam__op gcam__op_layer_scale = {
    .name = "layer_scale",
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT_FOR_WEIGHTS,
    .in_place = 1,
    .infer = infer,
    .weight_shape = weight_shape,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__diagonal,
};
