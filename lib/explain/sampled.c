/* Gradients averaged over noisy inputs, G = dy/dx, e_n noise of standard deviation level (max x - min x):
 *   SmoothGrad (Smilkov et al. 2017)                      mean G(x + e_n)
 *   SmoothGrad^2 (Hooker et al. 2019)                     mean G(x + e_n)^2
 *   VarGrad (Adebayo et al. 2018)                         population variance of G(x + e_n), by Welford's recurrence */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"

#include <math.h>

enum { STEPS = 50, CAPTUM_STEPS = 5 };

typedef struct work {
    double sigma;
    double *mean, *squares; /* sums of x's size */
} work;

static int64_t input_size(const gcam__task *task) {
    const int64_t *dim = task->study->input->shape.dim;
    return dim[1] * dim[2] * dim[3];
}

static const float *input_of(const gcam__task *task) {
    return task->study->input->data + task->study->image * input_size(task);
}

/* ---- SmoothGrad and its kin ----------------------------------------------------------------------------------------------------- */

static void add_noise(const gcam__lab *lab, int64_t n, float *x, void *user) {
    const work *w = user;
    gcam__random_noise(gcam__session_compute(lab->session)->pool, lab->study->options.seed, (uint64_t)n, w->sigma, x,
                       lab->size);
}

/* Welford: mean and sum of squared deviations. */
static void take_moments(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    (void)score;
    const work *w = user;
    for (int64_t i = 0; gradient && i < lab->size; i++) {
        double off = gradient[i] - w->mean[i];
        w->mean[i] += off / (double)(n + 1);
        w->squares[i] += off * (gradient[i] - w->mean[i]);
    }
}

static double range_of(const float *x, int64_t count) {
    float low = x[0], high = x[0];
    for (int64_t i = 1; i < count; i++) low = fminf(low, x[i]), high = fmaxf(high, x[i]);
    return (double)high - low;
}

/* Mean and variance of the gradient, in double. */
static gcam_status moments(const gcam__task *task, work *w, int64_t *count) {
    const gcam_explain_options *options = &task->study->options;
    int64_t size = input_size(task);
    int captum = options->profile == GCAM_PROFILE_CAPTUM; /* 5 copies, noise in units of the input, 1 of it */
    double level = options->noise > 0 ? options->noise : options->noise < 0 ? 0 : captum ? 1 : 0.15;
    *w = (work){.sigma = level * (captum ? 1 : range_of(input_of(task), size))};
    w->mean = gcam__calloc((size_t)size, 2 * sizeof *w->mean);
    if (!w->mean) return gcam_last_error()->status;
    w->squares = w->mean + size;
    *count = options->samples > 0 ? options->samples : captum ? CAPTUM_STEPS : STEPS;
    gcam__lab lab;
    gcam_status status = gcam__lab_open(&lab, task, *count, gcam_network_input(task->study->network));
    if (status == GCAM_OK) status = gcam__lab_run(&lab, add_noise, take_moments, w);
    gcam__lab_close(&lab);
    return status;
}

typedef enum moment { MOMENT_MEAN, MOMENT_SQUARE, MOMENT_VARIANCE } moment;

static gcam_status run_moment(const gcam__task *task, moment which) {
    work w;
    int64_t count = 1;
    GCAM_TRY(gcam__make_pixels(task, task->study->input->shape.dim[1]));
    gcam_status status = moments(task, &w, &count);
    for (int64_t i = 0; status == GCAM_OK && i < input_size(task); i++) {
        double mean = w.mean[i], variance = fmax(0, w.squares[i] / (double)count);
        task->e->raw->data[i] = (float)(which == MOMENT_MEAN     ? mean
                                        : which == MOMENT_SQUARE ? variance + mean * mean
                                                                 : variance);
    }
    gcam__free(w.mean);
    return status;
}

gcam_status gcam__smoothgrad_run(const gcam__task *task) {
    return run_moment(task, MOMENT_MEAN);
}

gcam_status gcam__smoothgrad2_run(const gcam__task *task) {
    return run_moment(task, MOMENT_SQUARE);
}

gcam_status gcam__vargrad_run(const gcam__task *task) {
    return run_moment(task, MOMENT_VARIANCE);
}
