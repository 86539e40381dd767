/* The network's input: no layer computes it, the caller hands it over. Its row lets builder and graph text treat it alike. */
#include "layers/shape.h"
#include "layers/table.h"

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in, (void)in_count;
    const gcam_input_params *p = layer->params;
    *out = gcam_shape_nchw(1, p->channels, p->height, p->width);
    return gcam__check_output(layer, out);
}

static const gcam__param parameters[] = {
    {"channels", GCAM__PARAM_INT, offsetof(gcam_input_params, channels), .required = 1},
    {"height", GCAM__PARAM_INT, offsetof(gcam_input_params, height), .required = 1},
    {"width", GCAM__PARAM_INT, offsetof(gcam_input_params, width), .required = 1},
    {NULL},
};

const gcam__op gcam__op_input = {
    .name = "input",
    .params_size = sizeof(gcam_input_params),
    .params = parameters,
    .is_input = 1,
    .infer = infer,
};
