/* A constant: a weight as a value in the graph, for operations with a fixed operand. It has no batch; broadcasting repeats it. */
#include "layers/loops.h"
#include "layers/shape.h"
#include "layers/table.h"

static void fill_shape(const gcam__layer *layer, gcam_shape *shape) {
    const gcam_constant_params *p = layer->params;
    shape->rank = (int)p->shape.count;
    for (int i = 0; i < shape->rank; i++) shape->dim[i] = p->shape.value[i];
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in, (void)in_count;
    fill_shape(layer, out);
    return gcam__check_output(layer, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    (void)in, (void)which;
    fill_shape(layer, shape);
    return 1;
}

static void forward(const gcam__run *run) {
    gcam__copy(run->out->data, run->layer->weight[0].data, gcam_shape_count(&run->out->shape));
}

static void backward(const gcam__run *run) {
    if (!run->dweight) return;
    int64_t count = gcam_shape_count(&run->dweight[0]->shape);
    for (int64_t s = 0; s < run->seeds; s++)
        gcam__add(run->compute, run->dweight[0]->data, run->dout->data + s * count, run->dweight[0]->data, count);
}

static const char *const weights[] = {"value", NULL};
static const gcam__param parameters[] = {
    {"shape", GCAM__PARAM_DIMS, offsetof(gcam_constant_params, shape), .required = 1},
    {NULL},
};

const gcam__op gcam__op_constant = {
    .name = "constant",
    .params_size = sizeof(gcam_constant_params),
    .params = parameters,
    .weights = weights,
    .infer = infer,
    .weight_shape = weight_shape,
    .forward = forward,
    .backward = backward,
};
