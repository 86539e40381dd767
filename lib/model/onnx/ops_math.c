/* Operators element by element, and reductions over axes. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one input ---------------------------------------------------------------------------------------------------------------- */

static gcam_status unary(gcam__importer *im, const char *op, const void *params) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    return gcam__onnx_emit(im, NULL, op, &x, 1, params, NULL);
}

#define UNARY(name, op)                                 \
    gcam_status gcam__onnx_##name(gcam__importer *im) { \
        return unary(im, op, NULL);                     \
    }
UNARY(Relu, "relu")
UNARY(Sigmoid, "sigmoid")
UNARY(Tanh, "tanh")
UNARY(HardSwish, "hard_swish")
UNARY(Softplus, "softplus")
UNARY(Softsign, "softsign")
UNARY(Mish, "mish")
UNARY(Exp, "exp")
UNARY(Log, "log")
UNARY(Sqrt, "sqrt")
UNARY(Abs, "abs")
UNARY(Neg, "neg")
UNARY(Reciprocal, "reciprocal")
UNARY(Erf, "erf")

gcam_status gcam__onnx_LeakyRelu(gcam__importer *im) {
    gcam_leaky_relu_params p = {.slope = gcam__onnx_attribute_float(im, "alpha", 0.01)};
    return p.slope == 0 ? unary(im, "relu", NULL) : unary(im, "leaky_relu", &p);
}

gcam_status gcam__onnx_HardSigmoid(gcam__importer *im) {
    gcam_hard_sigmoid_params p = {gcam__onnx_attribute_float(im, "alpha", 0.2),
                                  gcam__onnx_attribute_float(im, "beta", 0.5)};
    return unary(im, "hard_sigmoid", &p);
}

static gcam_status elu_like(gcam__importer *im, const char *op) {
    gcam_elu_params p = {gcam__onnx_attribute_float(im, "alpha", 1)};
    return unary(im, op, &p);
}

gcam_status gcam__onnx_Elu(gcam__importer *im) {
    return elu_like(im, "elu");
}

gcam_status gcam__onnx_Celu(gcam__importer *im) {
    return elu_like(im, "celu");
}

gcam_status gcam__onnx_ThresholdedRelu(gcam__importer *im) {
    return elu_like(im, "thresholded_relu");
}

gcam_status gcam__onnx_Selu(gcam__importer *im) {
    gcam_selu_params p = {gcam__onnx_attribute_float(im, "alpha", 1.67326319217681884765625),
                          gcam__onnx_attribute_float(im, "gamma", 1.05070102214813232421875)};
    return unary(im, "selu", &p);
}

gcam_status gcam__onnx_Gelu(gcam__importer *im) {
    return unary(im, strcmp(gcam__onnx_attribute_text(im, "approximate", "none"), "tanh") == 0 ? "gelu_tanh" : "gelu",
                 NULL);
}

/* Bounds are attributes before operator set 11, inputs since. ReLU6 and ReLU keep their own layers, and with them their rules. */
gcam_status gcam__onnx_Clip(gcam__importer *im) {
    gcam_clip_params p = {gcam__onnx_attribute_float(im, "min", -FLT_MAX),
                          gcam__onnx_attribute_float(im, "max", FLT_MAX)};
    GCAM_TRY(gcam__onnx_constant_number(im, 1, "minimum", p.min, &p.min));
    GCAM_TRY(gcam__onnx_constant_number(im, 2, "maximum", p.max, &p.max));
    p.min = fmax(p.min, -FLT_MAX), p.max = fmin(p.max, FLT_MAX);
    if (p.min == 0 && p.max == 6) return unary(im, "relu6", NULL);
    if (p.min == 0 && p.max == (double)FLT_MAX) return unary(im, "relu", NULL);
    return unary(im, "clip", &p);
}

/* ---- two and more inputs ------------------------------------------------------------------------------------------------------ */

static gcam_status binary(gcam__importer *im, const char *op) {
    gcam_node x[2];
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    GCAM_TRY(gcam__onnx_value(im, 1, &x[1]));
    return gcam__onnx_emit(im, NULL, op, x, 2, NULL, NULL);
}

#define BINARY(name, op)                                \
    gcam_status gcam__onnx_##name(gcam__importer *im) { \
        return binary(im, op);                          \
    }
BINARY(Add, "add")
BINARY(Sub, "sub")
BINARY(Mul, "mul")
BINARY(Div, "div")
BINARY(Pow, "pow")

/* The operator between the first two inputs, then between that and the third, ... `out` NULL: the result is the node's output. */
static gcam_status chain(gcam__importer *im, const char *op, gcam_node *out) {
    gcam_node x[2];
    size_t count = im->node->input_count;
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    if (count == 1 && out) *out = x[0];
    if (count == 1) return out ? GCAM_OK : gcam__onnx_set_node(im, 0, x[0]);
    for (size_t i = 1; i < count; i++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "part%zu", i);
        GCAM_TRY(gcam__onnx_value(im, i, &x[1]));
        GCAM_TRY(gcam__onnx_emit(im, !out && i + 1 == count ? NULL : suffix, op, x, 2, NULL, &x[0]));
    }
    if (out) *out = x[0];
    return GCAM_OK;
}

gcam_status gcam__onnx_Min(gcam__importer *im) {
    return chain(im, "minimum", NULL);
}

gcam_status gcam__onnx_Max(gcam__importer *im) {
    return chain(im, "maximum", NULL);
}

gcam_status gcam__onnx_Sum(gcam__importer *im) {
    return chain(im, "add", NULL);
}

gcam_status gcam__onnx_Mean(gcam__importer *im) {
    gcam_node x[2];
    gcam_tensor_entry count;
    void *data;
    GCAM_TRY(chain(im, "add", &x[0]));
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &(gcam_shape){1, {1}}, &count, &data));
    *(float *)data = (float)im->node->input_count;
    GCAM_TRY(gcam__onnx_give_weight(im, "count", "value", &count));
    gcam_constant_params one = {.shape = {1, {1}}};
    GCAM_TRY(gcam__onnx_emit(im, "count", "constant", NULL, 0, &one, &x[1]));
    return gcam__onnx_emit(im, NULL, "div", x, 2, NULL, NULL);
}

/* ---- reductions --------------------------------------------------------------------------------------------------------------- */

static gcam_status reduce(gcam__importer *im, const char *op) {
    gcam_node x;
    gcam_reduce_params p = {.drop = !gcam__onnx_attribute_int(im, "keepdims", 1)};
    int found;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_ints(im, "axes", 1, &p.axes, &found));
    int rank = gcam__onnx_shape(im, x)->rank;
    if (p.axes.count == 0 && gcam__onnx_attribute_int(im, "noop_with_empty_axes", 0))
        return gcam__onnx_set_node(im, 0, x);
    if (p.axes.count == 0) {
        p.axes.count = rank;
        for (int i = 0; i < rank; i++) p.axes.value[i] = i;
    }
    return gcam__onnx_emit(im, NULL, op, &x, 1, &p, NULL);
}

#define REDUCE(name, op)                                \
    gcam_status gcam__onnx_##name(gcam__importer *im) { \
        return reduce(im, op);                          \
    }
REDUCE(ReduceMean, "reduce_mean")
REDUCE(ReduceSum, "reduce_sum")
REDUCE(ReduceMax, "reduce_max")
REDUCE(ReduceMin, "reduce_min")
