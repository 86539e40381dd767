/* 2-D convolution: x N C H W, w K C/groups R S -> y N K P Q,
 *   y[n, k, p, q] = b[k] + sum over c, r, s of w[k, c, r, s] x[n, c0 + c, p stride - pad + r dilation, q stride - pad + s dilation],
 * c0 = the first channel of k's group. Backward under every rule: dx = the adjoint of this map; dw and db are its derivatives.
 * Which algorithm runs is chosen in one place, gcam__conv_choose. */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <inttypes.h>

enum { WEIGHT, BIAS };

static void windows(const gcam_conv2d_params *p, gcam__window window[2]) {
    for (int i = 0; i < 2; i++)
        window[i] = (gcam__window){.kernel = p->kernel[i],
                                   .stride = p->stride[i],
                                   .dilation = p->dilation[i],
                                   .pad = p->pad[i],
                                   .pad_end = p->pad[i] + p->pad_end[i]};
}

static gcam_status check_groups(const gcam__layer *layer, int64_t channels) {
    const gcam_conv2d_params *p = layer->params;
    if (channels % p->groups)
        return gcam__fail(GCAM_ERR_SHAPE, "layer",
                          "%s: %" PRId64 " input channels cannot be divided into %" PRId64 " groups", layer->name,
                          channels, p->groups);
    if (p->out % p->groups)
        return gcam__fail(GCAM_ERR_SHAPE, "layer",
                          "%s: %" PRId64 " output channels cannot be divided into %" PRId64 " groups", layer->name,
                          p->out, p->groups);
    return GCAM_OK;
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_conv2d_params *p = layer->params;
    GCAM_TRY(gcam__expect_image(layer, in));
    GCAM_TRY(check_groups(layer, in->dim[1]));
    gcam__window window[2];
    windows(p, window);
    if (window[0].pad_end < 0 || window[1].pad_end < 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: the padding below or right is negative", layer->name);
    *out = gcam_shape_nchw(in->dim[0], p->out, 0, 0);
    GCAM_TRY(gcam__window_counts(layer, window, &in->dim[2], &out->dim[2]));
    return gcam__check_output(layer, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    const gcam_conv2d_params *p = layer->params;
    if (which == BIAS) {
        *shape = (gcam_shape){1, {p->out}};
        return !p->no_bias;
    }
    *shape = gcam_shape_nchw(p->out, in->dim[1] / p->groups, p->kernel[0], p->kernel[1]);
    return 1;
}

static int64_t multiplies(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    const gcam_conv2d_params *p = layer->params;
    int64_t each = gcam__saturating_mul(in->dim[1] / p->groups, p->kernel[0] * p->kernel[1]);
    return gcam__saturating_mul(gcam_shape_count(out), each);
}

static gcam__conv geometry(const gcam__layer *layer, const gcam_shape *in, int64_t batch) {
    const gcam_conv2d_params *p = layer->params;
    gcam__window window[2];
    windows(p, window);
    gcam__conv g = {.n = batch, .c = in->dim[1], .h = in->dim[2], .w = in->dim[3], .k = p->out, .groups = p->groups};
    g.r = p->kernel[0], g.s = p->kernel[1];
    g.p = gcam__window_count(&window[0], g.h);
    g.q = gcam__window_count(&window[1], g.w);
    for (int i = 0; i < 2; i++) g.stride[i] = p->stride[i], g.pad[i] = p->pad[i], g.dilation[i] = p->dilation[i];
    return g;
}

static size_t scratch_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                            const gcam_shape *out, int backward, int64_t seeds) {
    (void)out;
    gcam__conv g = geometry(layer, in, in->dim[0]);
    gcam__conv_algorithm algorithm = gcam__conv_choose(compute, &g);
    if (!backward) return gcam__conv_forward_scratch(compute, &g, algorithm);
    size_t one = backward > 1 ? gcam__conv_weights_scratch(compute, &g, algorithm) : 0; /* one seed after the other */
    g.n *= seeds;
    size_t all = gcam__conv_backward_scratch(compute, &g, algorithm);
    return one > all ? one : all;
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                             const gcam_shape *out) {
    (void)out;
    gcam__conv g = geometry(layer, in, in->dim[0]);
    return gcam__conv_prepared_bytes(compute, &g, gcam__conv_choose(compute, &g));
}

static void prepare(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out,
                    void *prepared) {
    (void)out;
    gcam__conv g = geometry(layer, in, in->dim[0]);
    gcam__conv_prepare(compute, &g, gcam__conv_choose(compute, &g), layer->weight[WEIGHT].data, prepared);
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__conv g = geometry(run->layer, in, in->dim[0]);
    gcam__epilogue epilogue = {0};
    if (run->fused) epilogue = *run->fused;
    if (!epilogue.scale) epilogue.bias = run->layer->weight[BIAS].data;
    gcam__conv_forward(run->compute, &g, gcam__conv_choose(run->compute, &g), run->in[0]->data,
                       run->layer->weight[WEIGHT].data, run->prepared, &epilogue, run->out->data, run->scratch);
}

/* A bias would have to be scaled as well. */
static int fuses(const gcam__layer *layer, gcam__fuse step) {
    return step != GCAM__FUSE_SCALE || !layer->weight[BIAS].data;
}

static void weight_gradients(const gcam__run *run, gcam_tensor *dw, gcam_tensor *db) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__conv g = geometry(run->layer, in, in->dim[0]);
    gcam__conv_algorithm algorithm = gcam__conv_choose(run->compute, &g);
    for (int64_t s = 0; s < run->seeds; s++)
        gcam__conv_backward_weights(run->compute, &g, algorithm, run->in[0]->data,
                                    run->dout->data + s * g.n * g.k * g.p * g.q, dw->data, db ? db->data : NULL,
                                    run->scratch);
}

static void backward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__conv g = geometry(run->layer, in, in->dim[0]);
    gcam__conv_algorithm algorithm = gcam__conv_choose(run->compute, &g); /* the forward's: `prepared` belongs to it */
    g.n *= run->seeds;
    if (run->din[0])
        gcam__conv_backward_data(run->compute, &g, algorithm, run->dout->data, run->layer->weight[WEIGHT].data,
                                 run->prepared, run->din[0]->data, run->scratch);
    if (run->dweight) weight_gradients(run, run->dweight[WEIGHT], run->dweight[BIAS]);
}

/* A 1x1 kernel with padding would be another algorithm without it. */
static int reach(const gcam__layer *layer, gcam__window window[2], float *fill) {
    const gcam_conv2d_params *p = layer->params;
    windows(p, window);
    *fill = 0;
    int padded = window[0].pad || window[1].pad || window[0].pad_end || window[1].pad_end;
    return !padded || p->kernel[0] > 1 || p->kernel[1] > 1;
}

static const char *const weights[] = {"weight", "bias", NULL};
static const gcam__param parameters[] = {
    {"out", GCAM__PARAM_INT, offsetof(gcam_conv2d_params, out), .required = 1},
    {"kernel", GCAM__PARAM_INT2, offsetof(gcam_conv2d_params, kernel), .required = 1},
    {"stride", GCAM__PARAM_INT2, offsetof(gcam_conv2d_params, stride), .fallback = 1},
    {"pad", GCAM__PARAM_INT2, offsetof(gcam_conv2d_params, pad)},
    {"pad_end", GCAM__PARAM_INT2, offsetof(gcam_conv2d_params, pad_end), .is_signed = 1},
    {"dilation", GCAM__PARAM_INT2, offsetof(gcam_conv2d_params, dilation), .fallback = 1},
    {"groups", GCAM__PARAM_INT, offsetof(gcam_conv2d_params, groups), .fallback = 1},
    {"no_bias", GCAM__PARAM_INT, offsetof(gcam_conv2d_params, no_bias)},
    {NULL},
};

const gcam__op gcam__op_conv2d = {
    .name = "conv2d",
    .params_size = sizeof(gcam_conv2d_params),
    .params = parameters,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT_FOR_WEIGHTS,
    .reach = reach,
    .infer = infer,
    .weight_shape = weight_shape,
    .multiplies = multiplies,
    .scratch_bytes = scratch_bytes,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .fuses = fuses,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__weighted_conv,
};
