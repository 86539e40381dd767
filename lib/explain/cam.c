/* Class activation maps: what all of them share, CAM itself (Zhou et al. 2016) and Grad-CAM (Selvaraju et al. 2017). A is K x h x w, Z = h w:
 *   CAM       S = sum_k W_ck A^k, W of the last linear layer; for a general target sum_c t_c W_ck with t = dy/dz
 *   Grad-CAM  a_k = 1/Z sum_ij dy/dA^k_ij,  S = sum_k a_k A^k
 * A method computes S; its row says which part of S is the result: all of it, ReLU(S) or ReLU(-S). Sums run in float64, row-major, then
 * over channels, so they do not depend on threads. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>

/* ---- what all share ------------------------------------------------------------------------------------------------------ */

static gcam_status keep_weights(gcam_explanation *e, const double *alpha, int64_t count) {
    e->weights = gcam__alloc((size_t)count * sizeof *e->weights);
    if (!e->weights) return gcam_last_error()->status;
    e->weight_count = (size_t)count;
    for (int64_t k = 0; k < count; k++) e->weights[k] = (float)alpha[k];
    return GCAM_OK;
}

gcam_status gcam__sum_channels(const gcam__task *task, const double *alpha, double *s) {
    const gcam__map_layer *layer = task->layer;
    int64_t cells = layer->h * layer->w;
    for (int64_t k = 0; k < layer->k; k++) {
        const float *a = layer->activation + k * cells;
        for (int64_t i = 0; i < cells; i++) s[i] += alpha[k] * a[i];
    }
    if (task->study->options.smooth & GCAM_SMOOTH_PRINCIPAL) GCAM_TRY(gcam__principal_map(task, alpha, s));
    return keep_weights(task->e, alpha, layer->k);
}

gcam_status gcam__weigh_channels(const gcam__task *task, gcam__weigh_fn weigh, double *s) {
    double *alpha = gcam__calloc((size_t)task->layer->k, sizeof *alpha);
    if (!alpha) return gcam_last_error()->status;
    weigh(task, alpha);
    gcam_status status = gcam__sum_channels(task, alpha, s);
    gcam__free(alpha);
    return status;
}

static float pick(float s, gcam__part part) {
    if (part == GCAM__PART_ALL) return s;
    if (part == GCAM__PART_NEGATIVE) s = -s;
    return s > 0 ? s : 0;
}

/* Captum's LayerGradCam returns S unless it is asked for the ReLU. */
static gcam__part part_of(const gcam__task *task) {
    const gcam__method *method = task->e->method;
    int captum = task->study->options.profile == GCAM_PROFILE_CAPTUM && method->map == gcam__gradcam_map;
    return captum && method->part == GCAM__PART_POSITIVE ? GCAM__PART_ALL : method->part;
}

static int nothing_negative(const float *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (values[i] < 0) return 0;
    }
    return 1;
}

/* The tail equivalences of METHODS 9: the id of the cheaper method that this one equals here, or NULL. */
static const char *equal_method(const gcam__task *task) {
    const gcam__method *method = task->e->method;
    int64_t count = task->layer->k * task->layer->h * task->layer->w;
    if (method->equals_cam && gcam__tail_weights(task->study, task->layer, NULL)) return "cam";
    if (method->map == gcam__layercam_map && nothing_negative(task->gradient, count)) return "hirescam";
    int weighs = task->e->weights && method->map != gcam__gradcam_map && method->map != gcam__cam_map;
    return weighs && task->layer->k == 1 ? "gradcam" : NULL;
}

static void note(const gcam__task *task, const float *s, int64_t cells) {
    const gcam__method *method = task->e->method;
    float highest = s[0], lowest = s[0];
    for (int64_t i = 1; i < cells; i++) highest = fmaxf(highest, s[i]), lowest = fminf(lowest, s[i]);
    if (method->part != GCAM__PART_NEGATIVE && highest <= 0 && lowest < 0) task->e->warnings |= GCAM_WARN_ALL_NEGATIVE;
    if (task->gradient && method->wants & GCAM__WANTS_GRADIENT
        && gcam__max_abs(task->gradient, task->layer->k * cells) == 0)
        task->e->warnings |= GCAM_WARN_ZERO_GRAD;
    task->e->equals = equal_method(task);
    if (task->e->equals) task->e->warnings |= GCAM_WARN_EQUIVALENT;
}

gcam_status gcam__cam_run(const gcam__task *task) {
    int64_t cells = task->layer->h * task->layer->w;
    gcam_shape shape = {2, {task->layer->h, task->layer->w}};
    GCAM_TRY(gcam_tensor_create(&task->e->raw, &shape));
    double *s = gcam__calloc((size_t)cells, sizeof *s);
    if (!s) return gcam_last_error()->status;
    gcam_status status = task->e->method->map(task, s);
    for (int64_t i = 0; i < cells; i++) task->e->raw->data[i] = (float)s[i];
    if (status == GCAM_OK && !(task->study->options.smooth & GCAM_SMOOTH_VIEWS)) gcam__cam_finish(task);
    gcam__free(s);
    return status;
}

void gcam__cam_finish(const gcam__task *task) {
    int64_t cells = task->layer->h * task->layer->w;
    float *raw = task->e->raw->data;
    note(task, raw, cells);
    for (int64_t i = 0; i < cells; i++) raw[i] = pick(raw[i], part_of(task));
}

typedef gcam_status (*map_fn)(const gcam__task *task, double *s);

int gcam__weighs_channels(const gcam__method *method) {
    static const map_fn maps[] = {gcam__gradcam_map, gcam__plusplus_map, gcam__xgrad_map, gcam__smooth_plusplus_map,
                                  gcam__score_map,   gcam__ablation_map, gcam__cam_map};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        if (method->map == maps[i]) return 1;
    }
    return 0;
}

/* ---- CAM ------------------------------------------------------------------------------------------------------------------- */

gcam_status gcam__cam_check(const gcam__study *study, const gcam__map_layer *layer) {
    char reason[256];
    if (gcam__tail_weights(study, layer, reason)) return GCAM_OK;
    return gcam__fail(
        GCAM_ERR_UNSUPPORTED, "explain",
        "cam at %.80s needs global average pooling and one linear layer between it and the scores, but %s; use gradcam",
        layer->name, reason);
}

/* The target's share of each class times the class's weight of the channel. */
static void linear_weights(const gcam__task *task, double *alpha) {
    const float *weights = gcam__tail_weights(task->study, task->layer, NULL);
    int64_t channels = task->layer->k;
    for (int64_t c = 0; c < task->study->end_count; c++) {
        double share = task->aim->seed[c];
        if (share == 0) continue;
        for (int64_t k = 0; k < channels; k++) alpha[k] += share * weights[c * channels + k];
    }
}

gcam_status gcam__cam_map(const gcam__task *task, double *s) {
    return gcam__weigh_channels(task, linear_weights, s);
}

/* ---- Grad-CAM -------------------------------------------------------------------------------------------------------------- */

/* The gradient's mean over the layer's cells (its sum in the authors' Torch code). */
static void mean_gradients(const gcam__task *task, double *alpha) {
    int64_t cells = task->layer->h * task->layer->w;
    double divisor = task->study->options.profile == GCAM_PROFILE_LUA ? 1 : (double)cells;
    for (int64_t k = 0; k < task->layer->k; k++) {
        double sum = 0;
        for (int64_t i = 0; i < cells; i++) sum += task->gradient[k * cells + i];
        alpha[k] = sum / divisor;
    }
}

gcam_status gcam__gradcam_map(const gcam__task *task, double *s) {
    return gcam__weigh_channels(task, mean_gradients, s);
}
