/* Dropout at inference (Srivastava et al. 2014): y = x. Backward under every rule: dx = dy. */
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

const gcam__op gcam__op_dropout = {
    .name = "dropout",
    .min_inputs = 1,
    .max_inputs = 1,
    .view = 1,
    .infer = gcam__infer_same,
    .forward = gcam__view_forward,
    .backward = gcam__view_backward,
    .relevance = &gcam__routed,
};
