/* Operators element by element. */
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

/* x sigmoid(alpha x). */
gcam_status gcam__onnx_Swish(gcam__importer *im) {
    double alpha = gcam__onnx_attribute_float(im, "alpha", 1);
    gcam_node x[2];
    if (alpha == 1) return unary(im, "silu", NULL);
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    gcam_node scaled[2] = {x[0]};
    GCAM_TRY(gcam__onnx_emit_number(im, "alpha", alpha, &scaled[1]));
    GCAM_TRY(gcam__onnx_emit(im, "scaled", "mul", scaled, 2, NULL, &x[1]));
    GCAM_TRY(gcam__onnx_emit(im, "gate", "sigmoid", &x[1], 1, NULL, &x[1]));
    return gcam__onnx_emit(im, NULL, "mul", x, 2, NULL, NULL);
}

/* Bounds that the network computes: the larger of x and the lower one, then the smaller of that and the upper one. */
static gcam_status clip_to_values(gcam__importer *im) {
    gcam_node x[2];
    int has_upper = gcam__onnx_input(im, 2) != NULL;
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    if (gcam__onnx_input(im, 1)) {
        GCAM_TRY(gcam__onnx_value(im, 1, &x[1]));
        GCAM_TRY(gcam__onnx_emit(im, has_upper ? "lower" : NULL, "maximum", x, 2, NULL, &x[0]));
    }
    if (!has_upper) return GCAM_OK;
    GCAM_TRY(gcam__onnx_value(im, 2, &x[1]));
    return gcam__onnx_emit(im, NULL, "minimum", x, 2, NULL, NULL);
}

/* Bounds are attributes before operator set 11, inputs since. ReLU6 and ReLU keep their own layers, and with them their rules. */
gcam_status gcam__onnx_Clip(gcam__importer *im) {
    for (size_t i = 1; i < 3; i++) {
        const gcam__onnx_slot *slot = gcam__onnx_input(im, i);
        if (slot && !slot->is_constant) return clip_to_values(im);
    }
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

/* Before operator set 7 the second operand's axes could be aligned with any of the first one's: ones are put behind them. */
static gcam_status align(gcam__importer *im, const gcam_shape *to, gcam_node *x) {
    const gcam_shape *shape = gcam__onnx_shape(im, *x);
    int64_t axis = gcam__onnx_attribute_int(im, "axis", to->rank - shape->rank);
    if (im->model->opset >= 7 || axis < 0 || axis >= to->rank - shape->rank) return GCAM_OK;
    int behind = to->rank - shape->rank - (int)axis;
    gcam_reshape_params p = {.shape = {.count = shape->rank + behind}};
    for (int i = 0; i < shape->rank + behind; i++) p.shape.value[i] = i < shape->rank ? shape->dim[i] : 1;
    return gcam__onnx_emit(im, "aligned", "reshape", x, 1, &p, x);
}

static gcam_status binary(gcam__importer *im, const char *op) {
    gcam_node x[2];
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    GCAM_TRY(gcam__onnx_value(im, 1, &x[1]));
    GCAM_TRY(align(im, gcam__onnx_shape(im, x[0]), &x[1]));
    return gcam__onnx_emit(im, NULL, op, x, 2, NULL, NULL);
}

#define BINARY(name, op)                                \
    gcam_status gcam__onnx_##name(gcam__importer *im) { \
        return binary(im, op);                          \
    }
BINARY(Add, "add")
BINARY(Sub, "sub")
BINARY(Div, "div")
BINARY(Pow, "pow")

/* A product with stored numbers, one a channel of a picture, is a layer of its own. */
gcam_status gcam__onnx_Mul(gcam__importer *im) {
    for (size_t i = 0; i < 2; i++) {
        const gcam__onnx_slot *w = gcam__onnx_input(im, i), *slot = gcam__onnx_input(im, 1 - i);
        if (!w || !slot || !w->is_constant || slot->is_constant) continue;
        const gcam_shape *in = gcam__onnx_shape(im, slot->node), *shape = &w->constant.shape;
        int extra = shape->rank - 3; /* C 1 1, or 1 C 1 1 */
        if (in->rank != 4 || extra < 0 || extra > 1 || in->dim[1] < 2 || (extra && shape->dim[0] != 1)) continue;
        if (shape->dim[extra] != in->dim[1] || shape->dim[extra + 1] != 1 || shape->dim[extra + 2] != 1) continue;
        gcam_tensor_entry scale = w->constant;
        scale.shape = (gcam_shape){3, {in->dim[1], 1, 1}};
        for (int k = 0; k < 3; k++) scale.stride[k] = w->constant.stride[k + extra];
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "layer_scale", &scale));
        return gcam__onnx_emit(im, NULL, "layer_scale", &slot->node, 1, NULL, NULL);
    }
    return binary(im, "mul");
}

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
    GCAM_TRY(chain(im, "add", &x[0]));
    GCAM_TRY(gcam__onnx_emit_number(im, "count", (double)im->node->input_count, &x[1]));
    return gcam__onnx_emit(im, NULL, "div", x, 2, NULL, NULL);
}

/* y = condition ? a : b with a stored condition: a m + b (1 - m), so that the stored operand must be finite. */
gcam_status gcam__onnx_Where(gcam__importer *im) {
    const gcam_tensor_entry *condition;
    gcam_tensor_entry mask[2];
    void *data[2];
    gcam_node x[2], part[2];
    GCAM_TRY(gcam__onnx_constant(im, 0, "condition", &condition));
    for (int i = 0; i < 2; i++) {
        const gcam__onnx_slot *slot = gcam__onnx_input(im, (size_t)i + 1);
        for (int64_t k = 0; slot && slot->is_constant && k < gcam_shape_count(&slot->constant.shape); k++)
            if (!isfinite(gcam__onnx_number_at(&slot->constant, k)))
                return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                                       "a choice between a value and infinity is not supported");
        GCAM_TRY(gcam__onnx_value(im, (size_t)i + 1, &x[1]));
        GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &condition->shape, &mask[i], &data[i]));
        for (int64_t k = 0; k < gcam_shape_count(&condition->shape); k++)
            ((float *)data[i])[k] = (gcam__onnx_number_at(condition, k) != 0) == (i == 0);
        GCAM_TRY(gcam__onnx_emit_constant(im, i ? "rest" : "mask", &mask[i], &x[0]));
        GCAM_TRY(gcam__onnx_emit(im, i ? "else" : "then", "mul", x, 2, NULL, &part[i]));
    }
    return gcam__onnx_emit(im, NULL, "add", part, 2, NULL, NULL);
}

/* x > 0 ? x : slope x. One slope, or one a channel, is a layer of its own; any other shape is max(x, 0) - slope max(-x, 0). */
gcam_status gcam__onnx_PRelu(gcam__importer *im) {
    const gcam_tensor_entry *slope;
    gcam_node x[2];
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    GCAM_TRY(gcam__onnx_constant(im, 1, "slope", &slope));
    const gcam_shape *in = gcam__onnx_shape(im, x[0]);
    int64_t count = gcam_shape_count(&slope->shape), channels = in->rank > 1 ? in->dim[1] : 0;
    int place = in->rank - slope->shape.rank,
        is_list = slope->shape.rank == 1 && (in->rank == 2 || im->model->opset < 7);
    int by_channel =
        count == channels && (is_list || (place >= 0 && place <= 1 && slope->shape.dim[1 - place] == channels));
    if (in->rank > 1 && (count == 1 || by_channel)) {
        gcam_prelu_params p = {.shared = count == 1};
        gcam_tensor_entry list;
        void *data;
        GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &(gcam_shape){1, {count}}, &list, &data));
        gcam_tensor_entry_read(slope, data);
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "weight", &list));
        return gcam__onnx_emit(im, NULL, "prelu", x, 1, &p, NULL);
    }
    gcam_node positive, negative[2];
    GCAM_TRY(gcam__onnx_emit(im, "positive", "relu", x, 1, NULL, &positive));
    GCAM_TRY(gcam__onnx_emit(im, "opposite", "neg", x, 1, NULL, &negative[0]));
    GCAM_TRY(gcam__onnx_emit(im, "negative", "relu", negative, 1, NULL, &negative[0]));
    GCAM_TRY(gcam__onnx_emit_constant(im, "slope", slope, &negative[1]));
    GCAM_TRY(gcam__onnx_emit(im, "product", "mul", negative, 2, NULL, &x[1]));
    x[0] = positive;
    return gcam__onnx_emit(im, NULL, "sub", x, 2, NULL, NULL);
}
