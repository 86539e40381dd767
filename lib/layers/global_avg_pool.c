/* Global average pooling (Lin et al. 2013): N C H W -> N C 1 1, y = mean over H x W; other ranks from 3 up alike.
 * Backward under every rule: dx = dy / (H W). */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    GCAM_TRY(gcam__expect_rank(layer, in, 3));
    *out = *in;
    for (int i = 2; i < in->rank; i++) out->dim[i] = 1;
    return gcam__check_output(layer, in);
}

/* One cell over everything: the adaptive pooling of 1 x 1. */
static gcam__pool2d geometry(const gcam_shape *in, int64_t seeds) {
    return (gcam__pool2d){.planes = seeds * in->dim[0] * in->dim[1],
                          .h = in->dim[2],
                          .w = gcam__dim_product(in, 3, in->rank),
                          .p = 1,
                          .q = 1};
}

static void forward(const gcam__run *run) {
    gcam__pool2d g = geometry(&run->in_shape[0], 1);
    gcam__adaptive_avg_pool(run->compute, &g, run->in[0]->data, run->out->data);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    gcam__pool2d g = geometry(&run->in_shape[0], run->seeds);
    gcam__adaptive_avg_pool_backward(run->compute, &g, run->dout->data, run->din[0]->data);
}

const gcam__op gcam__op_global_avg_pool = {
    .name = "global_avg_pool",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__summed,
};
