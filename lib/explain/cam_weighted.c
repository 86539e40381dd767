/* Class activation maps S = sum_k a_k A^k that differ from Grad-CAM in the weights alone, g = dy/dA:
 *   Grad-CAM++ (Chattopadhay et al. 2018)  a_k = sum over g > 0 of g / (2 + g s_k), s_k = sum A^k; this is sum alpha ReLU(g) with
 *     alpha = g^2 / (2 g^2 + s_k g^3) for the score exp(y), free of 0/0; the common factor exp(y) is dropped
 *   XGrad-CAM (Fu et al. 2020)             a_k = sum g A / sum A */
#include "explain/explain.h"

#include <math.h>

/* One position's share of a Grad-CAM++ weight, g > 0. */
static double plusplus_term(const gcam__task *task, double g, double s) {
    switch (task->study->options.profile) {
    case GCAM_PROFILE_PYTORCH_GRAD_CAM:
        return g * g / (2 * g * g + s * g * g * g + 1e-6) * g;
    case GCAM_PROFILE_TORCHCAM:
        return g * g * g;
    default:
        break;
    }
    double denominator = 2 + g * s;
    if (s >= 0 || fabs(denominator) >= 1e-6) return g / denominator;
    task->e->warnings |= GCAM_WARN_LEAK;
    return 0;
}

static void plusplus_weights(const gcam__task *task, double *alpha) {
    int64_t cells = task->layer->h * task->layer->w;
    for (int64_t k = 0; k < task->layer->k; k++) {
        const float *a = task->layer->activation + k * cells, *g = task->gradient + k * cells;
        double sum = 0;
        for (int64_t i = 0; i < cells; i++) sum += a[i];
        for (int64_t i = 0; i < cells; i++) {
            if (g[i] > 0) alpha[k] += plusplus_term(task, g[i], sum);
        }
    }
}

gcam_status gcam__plusplus_map(const gcam__task *task, double *s) {
    return gcam__weigh_channels(task, plusplus_weights, s);
}

static void xgrad_weights(const gcam__task *task, double *alpha) {
    gcam_profile profile = task->study->options.profile;
    double epsilon = profile == GCAM_PROFILE_PYTORCH_GRAD_CAM ? 1e-7 : profile == GCAM_PROFILE_TORCHCAM ? 1e-8 : 0;
    int64_t cells = task->layer->h * task->layer->w;
    for (int64_t k = 0; k < task->layer->k; k++) {
        const float *a = task->layer->activation + k * cells, *g = task->gradient + k * cells;
        double products = 0, sum = 0;
        for (int64_t i = 0; i < cells; i++) products += (double)g[i] * a[i], sum += a[i];
        if (fabs(sum) > 1e-12 * (double)cells)
            alpha[k] = products / (sum + epsilon);
        else if (products != 0)
            task->e->warnings |= GCAM_WARN_LEAK;
    }
}

gcam_status gcam__xgrad_map(const gcam__task *task, double *s) {
    return gcam__weigh_channels(task, xgrad_weights, s);
}
