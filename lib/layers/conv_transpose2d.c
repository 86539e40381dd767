/* Transposed convolution: the adjoint of the convolution that maps y (N K P Q) to x (N C H W), with weights w C K/groups R S:
 *   P = (H - 1) stride - pad - pad_after + dilation (R - 1) + 1 + out_pad, pad_after = pad + pad_end; columns alike.
 * So forward is that convolution's backward pass (and + bias), and the other way round:
 * dx = the convolution of dy, dw += that convolution's weight gradient for its input dy and its output's gradient x, db += sum dy. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <inttypes.h>

enum { WEIGHT, BIAS };

static gcam_status check_axis(const gcam__layer *layer, int i, int64_t size, int64_t *out) {
    const gcam_conv_transpose2d_params *p = layer->params;
    if (p->pad[i] + p->pad_end[i] < 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: the padding below or right is negative", layer->name);
    if (p->out_pad[i] >= p->stride[i] && p->out_pad[i] >= p->dilation[i])
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer",
                          "%s: out_pad is %" PRId64 ", expected less than the stride or the dilation", layer->name,
                          p->out_pad[i]);
    int64_t span, grown, pad = 2 * p->pad[i] + p->pad_end[i];
    if (__builtin_mul_overflow(p->dilation[i], p->kernel[i] - 1, &span)
        || __builtin_mul_overflow(size - 1, p->stride[i], &grown) || __builtin_add_overflow(grown, span, &grown))
        grown = INT64_MAX / 2;
    *out = grown - pad + 1 + p->out_pad[i];
    if (*out < 0) *out = 0;
    return GCAM_OK;
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_conv_transpose2d_params *p = layer->params;
    GCAM_TRY(gcam__expect_image(layer, in));
    if (in->dim[1] % p->groups || p->out % p->groups)
        return gcam__fail(GCAM_ERR_SHAPE, "layer",
                          "%s: %" PRId64 " input and %" PRId64 " output channels cannot be divided into %" PRId64
                          " groups",
                          layer->name, in->dim[1], p->out, p->groups);
    *out = gcam_shape_nchw(in->dim[0], p->out, 0, 0);
    for (int i = 0; i < 2; i++) GCAM_TRY(check_axis(layer, i, in->dim[2 + i], &out->dim[2 + i]));
    return gcam__check_output(layer, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    const gcam_conv_transpose2d_params *p = layer->params;
    if (which == BIAS) {
        *shape = (gcam_shape){1, {p->out}};
        return !p->no_bias;
    }
    *shape = gcam_shape_nchw(in->dim[1], p->out / p->groups, p->kernel[0], p->kernel[1]);
    return 1;
}

static int64_t multiplies(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)out;
    const gcam_conv_transpose2d_params *p = layer->params;
    int64_t each = gcam__saturating_mul(p->out / p->groups, p->kernel[0] * p->kernel[1]);
    return gcam__saturating_mul(gcam_shape_count(in), each);
}

/* The convolution whose adjoint this is. */
static gcam__conv geometry(const gcam__layer *layer, const gcam_shape *in) {
    const gcam_conv_transpose2d_params *p = layer->params;
    gcam__conv g = {
        .n = in->dim[0], .k = in->dim[1], .p = in->dim[2], .q = in->dim[3], .c = p->out, .groups = p->groups};
    int64_t size[2];
    for (int i = 0; i < 2; i++) {
        g.stride[i] = p->stride[i], g.pad[i] = p->pad[i], g.dilation[i] = p->dilation[i];
        size[i] = (in->dim[2 + i] - 1) * p->stride[i] - 2 * p->pad[i] - p->pad_end[i]
                  + p->dilation[i] * (p->kernel[i] - 1) + 1 + p->out_pad[i];
    }
    g.h = size[0], g.w = size[1], g.r = p->kernel[0], g.s = p->kernel[1];
    return g;
}

static size_t scratch_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                            const gcam_shape *out, int backward, int64_t seeds) {
    (void)out;
    gcam__conv g = geometry(layer, in);
    gcam__conv_algorithm algorithm = gcam__conv_choose(compute, &g);
    if (!backward) return gcam__conv_backward_scratch(compute, &g, algorithm);
    size_t one = backward > 1 ? gcam__conv_weights_scratch(compute, &g, algorithm) : 0;
    g.n *= seeds;
    size_t all = gcam__conv_forward_scratch(compute, &g, algorithm);
    return one > all ? one : all;
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                             const gcam_shape *out) {
    (void)out;
    gcam__conv g = geometry(layer, in);
    return gcam__conv_prepared_bytes(compute, &g, gcam__conv_choose(compute, &g));
}

static void prepare(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out,
                    void *prepared) {
    (void)out;
    gcam__conv g = geometry(layer, in);
    gcam__conv_prepare(compute, &g, gcam__conv_choose(compute, &g), layer->weight[WEIGHT].data, prepared);
}

static void add_bias(const void *context, int64_t plane) {
    const gcam__run *run = context;
    const gcam_shape *out = &run->out->shape;
    int64_t size = out->dim[2] * out->dim[3];
    float *y = run->out->data + plane * size, bias = run->layer->weight[BIAS].data[plane % out->dim[1]];
    for (int64_t i = 0; i < size; i++) y[i] += bias;
}

static void forward(const gcam__run *run) {
    gcam__conv g = geometry(run->layer, &run->in_shape[0]);
    gcam__conv_backward_data(run->compute, &g, gcam__conv_choose(run->compute, &g), run->in[0]->data,
                             run->layer->weight[WEIGHT].data, run->prepared, run->out->data, run->scratch);
    if (run->layer->weight[BIAS].data) gcam__for_items(run->compute, g.n * g.c, g.h * g.w, add_bias, run);
}

static void bias_gradient(const void *context, int64_t k) {
    const gcam__run *run = context;
    const gcam_shape *out = &run->dout->shape; /* seeds included */
    int64_t size = out->dim[2] * out->dim[3];
    double sum = 0;
    for (int64_t n = 0; n < out->dim[0]; n++)
        for (int64_t i = 0; i < size; i++) sum += run->dout->data[(n * out->dim[1] + k) * size + i];
    run->dweight[BIAS]->data[k] += (float)sum;
}

static void backward(const gcam__run *run) {
    gcam__conv g = geometry(run->layer, &run->in_shape[0]);
    gcam__conv_algorithm algorithm = gcam__conv_choose(run->compute, &g);
    for (int64_t s = 0; run->dweight && s < run->seeds; s++)
        gcam__conv_backward_weights(run->compute, &g, algorithm, run->dout->data + s * g.n * g.c * g.h * g.w,
                                    run->in[0]->data, run->dweight[WEIGHT]->data, NULL, run->scratch);
    if (run->dweight && run->dweight[BIAS])
        gcam__for_items(run->compute, g.c, run->seeds * g.n * g.h * g.w, bias_gradient, run);
    if (!run->din[0]) return;
    g.n *= run->seeds;
    gcam__epilogue none = {0};
    gcam__conv_forward(run->compute, &g, algorithm, run->dout->data, run->layer->weight[WEIGHT].data, run->prepared,
                       &none, run->din[0]->data, run->scratch);
}

static const char *const weights[] = {"weight", "bias", NULL};
static const gcam__param parameters[] = {
    {"out", GCAM__PARAM_INT, offsetof(gcam_conv_transpose2d_params, out), .required = 1},
    {"kernel", GCAM__PARAM_INT2, offsetof(gcam_conv_transpose2d_params, kernel), .required = 1},
    {"stride", GCAM__PARAM_INT2, offsetof(gcam_conv_transpose2d_params, stride), .fallback = 1},
    {"pad", GCAM__PARAM_INT2, offsetof(gcam_conv_transpose2d_params, pad)},
    {"pad_end", GCAM__PARAM_INT2, offsetof(gcam_conv_transpose2d_params, pad_end), .is_signed = 1},
    {"out_pad", GCAM__PARAM_INT2, offsetof(gcam_conv_transpose2d_params, out_pad)},
    {"dilation", GCAM__PARAM_INT2, offsetof(gcam_conv_transpose2d_params, dilation), .fallback = 1},
    {"groups", GCAM__PARAM_INT, offsetof(gcam_conv_transpose2d_params, groups), .fallback = 1},
    {"no_bias", GCAM__PARAM_INT, offsetof(gcam_conv_transpose2d_params, no_bias)},
    {NULL},
};

const gcam__op gcam__op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .params_size = sizeof(gcam_conv_transpose2d_params),
    .params = parameters,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT_FOR_WEIGHTS,
    .infer = infer,
    .weight_shape = weight_shape,
    .multiplies = multiplies,
    .scratch_bytes = scratch_bytes,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__weighted_transposed,
};
