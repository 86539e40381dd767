/* Activations other than ReLU and leaky ReLU; their rules are in curve.h. s(x) = 1 / (1 + exp(-x)).
 *
 *   sigmoid           s(x)                                tanh         tanh(x)
 *   hard_sigmoid      clip(alpha x + beta, 0, 1)          relu6        clip(x, 0, 6)
 *   clip              clip(x, min, max)                   hard_swish   x clip(x + 3, 0, 6) / 6   (Howard et al. 2019)
 *   silu              x s(x)        (Elfwing et al. 2018) mish         x tanh(softplus(x))       (Misra 2019)
 *   gelu              x Phi(x)      (Hendrycks & Gimpel 2016)
 *   gelu_tanh         x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
 *   elu               x for x > 0, alpha (exp(x) - 1) otherwise        (Clevert et al. 2016)
 *   celu              x for x > 0, alpha (exp(x / alpha) - 1) otherwise (Barron 2017)
 *   selu              gamma x for x > 0, gamma alpha (exp(x) - 1) otherwise (Klambauer et al. 2017)
 *   softplus          log(1 + exp(x))                     softsign     x / (1 + |x|)
 *   thresholded_relu  x for x > alpha, 0 otherwise
 *
 * Where a clip holds, its border included, the derivative is 0. */
#include "core/status.h"
#include "layers/curve.h"

#include <math.h>

/* NaN passes through. */
static inline float clip_to(float x, float low, float high) {
    return x < low ? low : x > high ? high : x;
}

static inline float sigmoid_value(float x, const float *c) {
    (void)c;
    return 1 / (1 + expf(-x));
}
static inline float sigmoid_slope(float x, const float *c) {
    float s = sigmoid_value(x, c);
    return s * (1 - s);
}
GCAM__CURVE(sigmoid, 1, gate)

static inline float tanh_value(float x, const float *c) {
    (void)c;
    return tanhf(x);
}
static inline float tanh_slope(float x, const float *c) {
    float t = tanh_value(x, c);
    return 1 - t * t;
}
GCAM__CURVE(tanh, 1, elementwise)

static inline float hard_sigmoid_value(float x, const float *c) {
    return clip_to(c[0] * x + c[1], 0, 1);
}
static inline float hard_sigmoid_slope(float x, const float *c) {
    float y = c[0] * x + c[1];
    return y <= 0 || y >= 1 ? 0 : c[0];
}
static const gcam__param hard_sigmoid_params[] = {
    {"alpha", GCAM__PARAM_NUMBER, offsetof(gcam_hard_sigmoid_params, alpha), .fallback = 1.0 / 6},
    {"beta", GCAM__PARAM_NUMBER, offsetof(gcam_hard_sigmoid_params, beta), .fallback = 0.5},
    {NULL},
};
GCAM__CURVE_WITH(hard_sigmoid, 1, gate, gcam__infer_same, sizeof(gcam_hard_sigmoid_params), hard_sigmoid_params)

static inline float relu6_value(float x, const float *c) {
    (void)c;
    return clip_to(x, 0, 6);
}
static inline float relu6_slope(float x, const float *c) {
    (void)c;
    return x <= 0 || x >= 6 ? 0.0f : 1.0f;
}
GCAM__CURVE_FUSED(relu6, 1, gate, gcam__infer_same, 0, NULL, GCAM__FUSE_RELU6)

static gcam_status clip_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_clip_params *p = layer->params;
    if (p->min > p->max)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: min %g is above max %g", layer->name, p->min, p->max);
    return gcam__infer_same(layer, in, in_count, out);
}
static inline float clip_value(float x, const float *c) {
    return clip_to(x, c[0], c[1]);
}
static inline float clip_slope(float x, const float *c) {
    return x <= c[0] || x >= c[1] ? 0.0f : 1.0f;
}
static const gcam__param clip_params[] = {
    {"min", GCAM__PARAM_NUMBER, offsetof(gcam_clip_params, min)},
    {"max", GCAM__PARAM_NUMBER, offsetof(gcam_clip_params, max)},
    {NULL},
};
GCAM__CURVE_WITH(clip, 1, gate, clip_infer, sizeof(gcam_clip_params), clip_params)

static inline float hard_swish_value(float x, const float *c) {
    (void)c;
    return x * clip_to(x + 3, 0, 6) / 6;
}
static inline float hard_swish_slope(float x, const float *c) {
    (void)c;
    return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
}
GCAM__CURVE(hard_swish, 1, elementwise)

static inline float silu_value(float x, const float *c) {
    return x * sigmoid_value(x, c);
}
static inline float silu_slope(float x, const float *c) {
    float s = sigmoid_value(x, c);
    return s * (1 + x * (1 - s));
}
GCAM__CURVE(silu, 1, elementwise)

static inline float softplus_value(float x, const float *c) {
    (void)c;
    return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}
static inline float softplus_slope(float x, const float *c) {
    return sigmoid_value(x, c);
}
GCAM__CURVE(softplus, 1, elementwise)

static inline float mish_value(float x, const float *c) {
    return x * tanhf(softplus_value(x, c));
}
static inline float mish_slope(float x, const float *c) {
    float t = tanhf(softplus_value(x, c));
    return t + x * (1 - t * t) * sigmoid_value(x, c);
}
GCAM__CURVE(mish, 1, elementwise)

/* The normal distribution's Phi; erfc keeps its lower tail exact. */
static inline float normal_below(float x) {
    return 0.5f * erfcf(-x * (float)M_SQRT1_2);
}
static inline float gelu_value(float x, const float *c) {
    (void)c;
    return x * normal_below(x);
}
static inline float gelu_slope(float x, const float *c) {
    (void)c;
    float density = (float)(0.5 * M_2_SQRTPI * M_SQRT1_2) * expf(-0.5f * x * x);
    return normal_below(x) + x * density;
}
GCAM__CURVE(gelu, 1, elementwise)

static const float gelu_scale = 0.79788456f; /* sqrt(2 / pi) */
static inline float gelu_tanh_value(float x, const float *c) {
    (void)c;
    return 0.5f * x * (1 + tanhf(gelu_scale * (x + 0.044715f * x * x * x)));
}
static inline float gelu_tanh_slope(float x, const float *c) {
    (void)c;
    float t = tanhf(gelu_scale * (x + 0.044715f * x * x * x));
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * gelu_scale * (1 + 3 * 0.044715f * x * x);
}
GCAM__CURVE(gelu_tanh, 1, elementwise)

static const gcam__param elu_params[] = {
    {"alpha", GCAM__PARAM_NUMBER, offsetof(gcam_elu_params, alpha), .fallback = 1},
    {NULL},
};
static inline float elu_value(float x, const float *c) {
    return x > 0 ? x : c[0] * expm1f(x);
}
static inline float elu_slope(float x, const float *c) {
    return x > 0 ? 1 : c[0] * expf(x);
}
GCAM__CURVE_WITH(elu, 1, elementwise, gcam__infer_same, sizeof(gcam_elu_params), elu_params)

static inline float celu_value(float x, const float *c) {
    return x > 0 ? x : c[0] * expm1f(x / c[0]);
}
static inline float celu_slope(float x, const float *c) {
    return x > 0 ? 1 : expf(x / c[0]);
}
GCAM__CURVE_WITH(celu, 1, elementwise, gcam__infer_same, sizeof(gcam_elu_params), elu_params)

static inline float thresholded_relu_value(float x, const float *c) {
    return x <= c[0] ? 0 : x;
}
static inline float thresholded_relu_slope(float x, const float *c) {
    return x <= c[0] ? 0.0f : 1.0f;
}
GCAM__CURVE_WITH(thresholded_relu, 1, elementwise, gcam__infer_same, sizeof(gcam_elu_params), elu_params)

static const gcam__param selu_params[] = {
    {"alpha", GCAM__PARAM_NUMBER, offsetof(gcam_selu_params, alpha), .fallback = 1.6732632423543772},
    {"gamma", GCAM__PARAM_NUMBER, offsetof(gcam_selu_params, gamma), .fallback = 1.0507009873554805},
    {NULL},
};
static inline float selu_value(float x, const float *c) {
    return c[1] * (x > 0 ? x : c[0] * expm1f(x));
}
static inline float selu_slope(float x, const float *c) {
    return c[1] * (x > 0 ? 1 : c[0] * expf(x));
}
GCAM__CURVE_WITH(selu, 1, elementwise, gcam__infer_same, sizeof(gcam_selu_params), selu_params)

static inline float softsign_value(float x, const float *c) {
    (void)c;
    return x / (1 + fabsf(x));
}
static inline float softsign_slope(float x, const float *c) {
    (void)c;
    float d = 1 + fabsf(x);
    return 1 / (d * d);
}
GCAM__CURVE(softsign, 1, elementwise)
