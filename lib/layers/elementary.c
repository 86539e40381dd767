/* Elementary functions that imported graphs spell activations and norms with: exp, log, sqrt, abs, neg, reciprocal, erf.
 * They are parts of formulas, not activations: every rule uses the derivative. */
#include "layers/curve.h"

#include <math.h>

static inline float exp_value(float x, const float *c) {
    (void)c;
    return expf(x);
}
static inline float exp_slope(float x, const float *c) {
    return exp_value(x, c);
}
GCAM__CURVE(exp, 0, elementwise)

static inline float log_value(float x, const float *c) {
    (void)c;
    return logf(x);
}
static inline float log_slope(float x, const float *c) {
    (void)c;
    return 1 / x;
}
GCAM__CURVE(log, 0, elementwise)

static inline float sqrt_value(float x, const float *c) {
    (void)c;
    return sqrtf(x);
}
static inline float sqrt_slope(float x, const float *c) {
    (void)c;
    return 0.5f / sqrtf(x);
}
GCAM__CURVE(sqrt, 0, elementwise)

static inline float abs_value(float x, const float *c) {
    (void)c;
    return fabsf(x);
}
static inline float abs_slope(float x, const float *c) {
    (void)c;
    return (float)((x > 0) - (x < 0));
}
GCAM__CURVE(abs, 0, elementwise)

static inline float neg_value(float x, const float *c) {
    (void)c;
    return -x;
}
static inline float neg_slope(float x, const float *c) {
    (void)x, (void)c;
    return -1;
}
GCAM__CURVE(neg, 0, falling)

static inline float reciprocal_value(float x, const float *c) {
    (void)c;
    return 1 / x;
}
static inline float reciprocal_slope(float x, const float *c) {
    (void)c;
    return -1 / (x * x);
}
GCAM__CURVE(reciprocal, 0, falling)

static inline float erf_value(float x, const float *c) {
    (void)c;
    return erff(x);
}
static inline float erf_slope(float x, const float *c) {
    (void)c;
    return (float)M_2_SQRTPI * expf(-x * x);
}
GCAM__CURVE(erf, 0, gate)
