/* Class activation maps whose weights come from further passes, y the target:
 *   Score-CAM (Wang et al. 2020)             a = softmax over k of y(x m_k), m_k = min-max of up(A^k); flat channels are left out
 *   Ablation-CAM (Desai & Ramaswamy 2020)    a_k = (y - y_k) / |y|, y_k with channel k set to 0
 *   Recipro-CAM (Byun & Lee 2022)            R_ij = y with A kept at cell (i, j) alone; no weights
 *   Smooth Grad-CAM++ (Omeiza et al. 2019)   Grad-CAM++ with D_p, the mean of g^p over noisy inputs, for the powers of g:
 *                                            a_k = sum alpha ReLU(D_1), alpha = D_2 / (2 D_2 + s_k D_3)
 * Ablation-CAM and Recipro-CAM run only the layers behind A. */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* What a method's callbacks share. */
typedef struct work {
    const gcam__task *task;
    double *out; /* one number a channel or cell */
    float *mask; /* one input plane */
    double *power[3];
    double noise;
} work;

static int64_t cells_of(const gcam__task *task) {
    return task->layer->h * task->layer->w;
}

static void keep_score(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    (void)lab, (void)gradient;
    ((work *)user)->out[n] = score;
}

/* Runs the tail for `count` variants of A; their scores go to `out`. */
static gcam_status run_tail(const gcam__task *task, int64_t count, gcam__fill_fn fill, double *out) {
    gcam__lab lab;
    work w = {.task = task, .out = out};
    gcam_status status = gcam__lab_open_tail(&lab, task, count);
    if (status == GCAM_OK) status = gcam__lab_run(&lab, fill, keep_score, &w);
    gcam__lab_close(&lab);
    return status;
}

/* ---- Ablation-CAM and Recipro-CAM ------------------------------------------------------------------------------------------- */

static void drop_channel(const gcam__lab *lab, int64_t n, float *a, void *user) {
    (void)lab;
    int64_t cells = cells_of(((work *)user)->task);
    memset(a + n * cells, 0, (size_t)cells * sizeof *a);
}

gcam_status gcam__ablation_map(const gcam__task *task, double *s) {
    double *alpha = gcam__calloc((size_t)task->layer->k, sizeof *alpha);
    if (!alpha) return gcam_last_error()->status;
    gcam_status status = run_tail(task, task->layer->k, drop_channel, alpha);
    double y = task->aim->score, divisor = fabs(y) < 1e-12 ? 1 : fabs(y);
    for (int64_t k = 0; k < task->layer->k; k++) alpha[k] = (y - alpha[k]) / divisor;
    if (status == GCAM_OK) status = gcam__sum_channels(task, alpha, s);
    gcam__free(alpha);
    return status;
}

static void keep_cell(const gcam__lab *lab, int64_t n, float *a, void *user) {
    int64_t cells = cells_of(((work *)user)->task);
    for (int64_t i = 0; i < lab->size; i++) a[i] = i % cells == n ? a[i] : 0;
}

gcam_status gcam__recipro_map(const gcam__task *task, double *s) {
    return run_tail(task, cells_of(task), keep_cell, s);
}

/* ---- Score-CAM ---------------------------------------------------------------------------------------------------------------- */

/* The resized channel, from 0 to 1. pytorch-grad-cam aligns corners; torchcam scales before it resizes. */
static void make_mask(const work *w, const int64_t *dim, int64_t k) {
    const gcam__map_layer *layer = w->task->layer;
    gcam_profile profile = w->task->study->options.profile;
    int64_t cells = layer->h * layer->w, size = dim[2] * dim[3];
    const float *a = layer->activation + k * cells, *range = profile == GCAM_PROFILE_TORCHCAM ? a : w->mask;
    gcam__resize_map(a, layer->h, layer->w, w->mask, dim[2], dim[3],
                     profile == GCAM_PROFILE_PYTORCH_GRAD_CAM ? GCAM__BILINEAR_ALIGNED : GCAM__BILINEAR);
    float low = range[0], high = range[0];
    for (int64_t i = 1; i < (range == a ? cells : size); i++) low = fminf(low, range[i]), high = fmaxf(high, range[i]);
    float scale = high > low ? 1 / (high - low) : 0;
    for (int64_t i = 0; i < size; i++) w->mask[i] = (w->mask[i] - low) * scale;
}

static void mask_input(const gcam__lab *lab, int64_t n, float *x, void *user) {
    const work *w = user;
    const int64_t *dim = lab->study->input->shape.dim;
    int64_t size = dim[2] * dim[3];
    make_mask(w, dim, n);
    for (int64_t c = 0; c < lab->size / size; c++)
        for (int64_t i = 0; i < size; i++) x[c * size + i] *= w->mask[i];
}

/* Softmax over the channels that are not flat; the others weigh nothing, unless they take part with a black input (pytorch-grad-cam). */
static void softmax_of_channels(const gcam__map_layer *layer, int with_flat, double *alpha) {
    int64_t cells = layer->h * layer->w;
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < layer->k; k++) {
        if (!with_flat && gcam__is_flat(layer->activation + k * cells, cells)) alpha[k] = -INFINITY;
        top = fmax(top, alpha[k]);
    }
    for (int64_t k = 0; k < layer->k; k++) {
        alpha[k] = isfinite(alpha[k]) ? exp(alpha[k] - top) : 0;
        sum += alpha[k];
    }
    for (int64_t k = 0; k < layer->k && sum > 0; k++) alpha[k] /= sum;
}

gcam_status gcam__score_map(const gcam__task *task, double *s) {
    const int64_t *dim = task->study->input->shape.dim;
    work w = {.task = task};
    w.out = gcam__calloc((size_t)task->layer->k, sizeof *w.out);
    w.mask = gcam__calloc((size_t)(dim[2] * dim[3]), sizeof *w.mask);
    gcam__lab lab = {0};
    gcam_status status = w.out && w.mask ? gcam__lab_open(&lab, task, task->layer->k, -1) : GCAM_ERR_NOMEM;
    if (status == GCAM_OK) status = gcam__lab_run(&lab, mask_input, keep_score, &w);
    gcam__lab_close(&lab);
    if (status == GCAM_OK) {
        softmax_of_channels(task->layer, task->study->options.profile == GCAM_PROFILE_PYTORCH_GRAD_CAM, w.out);
        status = gcam__sum_channels(task, w.out, s);
    }
    gcam__free(w.mask);
    gcam__free(w.out);
    return status;
}

/* ---- Smooth Grad-CAM++ ---------------------------------------------------------------------------------------------------------- */

static void add_noise(const gcam__lab *lab, int64_t n, float *x, void *user) {
    const work *w = user;
    gcam__random_noise(gcam__session_compute(lab->session)->pool, lab->study->options.seed, (uint64_t)n, w->noise, x,
                       lab->size);
}

static void add_powers(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    (void)n, (void)score;
    const work *w = user;
    int64_t count = w->task->layer->k * cells_of(w->task);
    for (int64_t i = 0; gradient && i < count; i++) {
        double g = gradient[i];
        for (int p = 0; p < 3; p++, g *= gradient[i]) w->power[p][i] += g / (double)lab->count;
    }
}

static void powers_to_weights(const work *w, double *alpha) {
    int64_t cells = cells_of(w->task);
    for (int64_t k = 0; k < w->task->layer->k; k++) {
        const float *a = w->task->layer->activation + k * cells;
        double sum = 0;
        for (int64_t i = 0; i < cells; i++) sum += a[i];
        for (int64_t i = k * cells; i < (k + 1) * cells; i++) {
            double denominator = 2 * w->power[1][i] + sum * w->power[2][i];
            if (w->power[0][i] > 0 && fabs(denominator) >= 1e-20)
                alpha[k] += w->power[1][i] / denominator * w->power[0][i];
        }
    }
}

gcam_status gcam__smooth_plusplus_map(const gcam__task *task, double *s) {
    const gcam_explain_options *options = &task->study->options;
    int64_t count = task->layer->k * cells_of(task);
    work w = {.task = task, .noise = options->noise > 0 ? options->noise : options->noise < 0 ? 0 : 0.3};
    double *sums = gcam__calloc((size_t)(3 * count + task->layer->k), sizeof *sums), *alpha;
    if (!sums) return gcam_last_error()->status;
    alpha = sums + 3 * count;
    for (int p = 0; p < 3; p++) w.power[p] = sums + p * count;
    gcam__lab lab;
    gcam_status status = gcam__lab_open(&lab, task, options->samples > 0 ? options->samples : 4, task->layer->index);
    if (status == GCAM_OK) status = gcam__lab_run(&lab, add_noise, add_powers, &w);
    gcam__lab_close(&lab);
    if (status == GCAM_OK) {
        powers_to_weights(&w, alpha);
        status = gcam__sum_channels(task, alpha, s);
    }
    gcam__free(sums);
    return status;
}
