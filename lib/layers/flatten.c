/* Flattening: N C H W -> N x CHW, the same values in the same order. Backward under every rule: dx = dy. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    GCAM_TRY(gcam__expect_rank(layer, in, 1));
    GCAM_TRY(gcam__check_output(layer, in));
    *out = (gcam_shape){2, {in->dim[0], gcam__dim_product(in, 1, in->rank)}};
    return GCAM_OK;
}

const gcam__op gcam__op_flatten = {
    .name = "flatten",
    .min_inputs = 1,
    .max_inputs = 1,
    .view = 1,
    .infer = infer,
    .forward = gcam__view_forward,
    .backward = gcam__view_backward,
    .relevance = &gcam__routed,
};
