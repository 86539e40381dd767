/* A further input of any shape, for networks that take more than one picture. */
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in, (void)in_count;
    const gcam_tensor_input_params *p = layer->params;
    *out = (gcam_shape){.rank = (int)p->shape.count};
    for (int i = 0; i < out->rank; i++) out->dim[i] = p->shape.value[i];
    return gcam__check_output(layer, out);
}

static const gcam__param parameters[] = {
    {"shape", GCAM__PARAM_DIMS, offsetof(gcam_tensor_input_params, shape)},
    {NULL},
};

const gcam__op gcam__op_tensor_input = {
    .name = "tensor_input",
    .params_size = sizeof(gcam_tensor_input_params),
    .params = parameters,
    .is_input = 1,
    .infer = infer,
};
