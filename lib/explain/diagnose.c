/* Diagnostics (METHODS 0): what a map cannot say by itself, and the checks behind it. */
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>

static const struct {
    gcam_warning warning;
    const char *name, *text;
} warnings[] = {
    {GCAM_WARN_ZERO_GRAD, "ZERO_GRAD", "the target does not depend on the layer, so the map is zero"},
    {GCAM_WARN_ALL_NEGATIVE, "ALL_NEGATIVE",
     "nothing in the layer speaks for the class: the rectified map is zero; see the signed map or the counterfactual"},
    {GCAM_WARN_FLAT, "FLAT", "the map is the same everywhere, so it locates nothing"},
    {GCAM_WARN_LAYER_1X1, "LAYER_1X1",
     "the layer has a single cell, so the map cannot locate anything; choose an earlier layer"},
    {GCAM_WARN_EQUIVALENT, "EQUIVALENT", "on this network the method equals a cheaper one up to a constant factor"},
    {GCAM_WARN_SATURATED, "SATURATED",
     "the probability is so close to 0 or 1 that its gradient vanishes; explain the logit"},
    {GCAM_WARN_LEAK, "LEAK", "a share of the score was dropped where a denominator is zero"},
    {GCAM_WARN_AMBIGUOUS, "AMBIGUOUS", "the layer has no single strongest pattern, so another map would be as good"},
    {GCAM_WARN_BLANK, "BLANK", "the input is the same everywhere, so the map shows the network's borders and biases"},
    {GCAM_WARN_LEFT_OUT, "LEFT_OUT", "the map of a layer is flat and adds nothing to the fused one"},
};

enum { WARNINGS = sizeof warnings / sizeof warnings[0] };

const char *gcam_warning_text(gcam_warning warning) {
    for (int i = 0; i < WARNINGS; i++) {
        if (warnings[i].warning == warning) return warnings[i].text;
    }
    return "unknown warning";
}

const char *gcam_warning_name(gcam_warning warning) {
    for (int i = 0; i < WARNINGS; i++) {
        if (warnings[i].warning == warning) return warnings[i].name;
    }
    return "?";
}

double gcam__max_abs(const float *values, int64_t count) {
    float largest = 0;
    for (int64_t i = 0; i < count; i++) {
        float magnitude = fabsf(values[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

int gcam__is_flat(const float *values, int64_t count) {
    float low = values[0], high = values[0];
    for (int64_t i = 1; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    return (double)high - low <= 1e-7 * fmax(fabs(high), fabs(low));
}

gcam_status gcam__check_finite(const char *layer, const char *what, const float *values, const int64_t dim[3]) {
    int64_t count = dim[0] * dim[1] * dim[2];
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(values[i])) continue;
        return gcam__fail(GCAM_ERR_NUMERIC, "explain", "%.100s: %s is %s at channel %lld, row %lld, column %lld", layer,
                          what, isnan(values[i]) ? "NaN" : "infinite", (long long)(i / (dim[1] * dim[2])),
                          (long long)(i / dim[2] % dim[1]), (long long)(i % dim[2]));
    }
    return GCAM_OK;
}
