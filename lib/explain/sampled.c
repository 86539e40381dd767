/* Gradients averaged over changed inputs, G = dy/dx, e_n noise of standard deviation level (max x - min x):
 *   SmoothGrad (Smilkov et al. 2017)                      mean G(x + e_n)
 *   SmoothGrad^2 (Hooker et al. 2019)                     mean G(x + e_n)^2
 *   VarGrad (Adebayo et al. 2018)                         population variance of G(x + e_n), by Welford's recurrence
 *   Integrated gradients (Sundararajan et al. 2017)       (x - x') integral over t of G(x' + t (x - x')), Gauss-Legendre
 *   GradientSHAP (Lundberg & Lee 2017)                    mean (x + e_n - x') G(x' + u_n (x + e_n - x')), u_n uniform, e_n of sigma
 * The last two promise completeness: their shares sum to y(x) - y(x'); what is missing is reported. */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

enum {
    STEPS = 50,
    MOST_STEPS = 800,
    DRAWS = 4,
    NOISE = 0,
    BASELINE = 1,
    PLACE = 2
}; /* the last three: random streams */

typedef struct work {
    const gcam__task *task;
    double sigma;
    int64_t steps;          /* per baseline */
    double *node, *weight;  /* of the quadrature, 0..1 */
    double *mean, *squares; /* sums of x's size */
    float *baseline;        /* DRAWS at most */
    double baseline_score;
} work;

static int64_t input_size(const gcam__task *task) {
    const int64_t *dim = task->study->input->shape.dim;
    return dim[1] * dim[2] * dim[3];
}

static const float *input_of(const gcam__task *task) {
    return task->study->input->data + task->study->image * input_size(task);
}

static void free_work(work *w) {
    gcam__free(w->node);
    gcam__free(w->mean);
    gcam__free(w->baseline);
}

/* ---- SmoothGrad and its kin ----------------------------------------------------------------------------------------------------- */

static void add_noise(const gcam__lab *lab, int64_t n, float *x, void *user) {
    const work *w = user;
    if (w->sigma == 0) return;
    for (int64_t i = 0; i < lab->size; i++)
        x[i] += (float)(w->sigma * gcam__random_normal(lab->study->options.seed, NOISE, (uint64_t)n, (uint64_t)i));
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
    double level = options->noise > 0 ? options->noise : options->noise < 0 ? 0 : 0.15;
    *w = (work){.task = task, .sigma = level * range_of(input_of(task), size)};
    w->mean = gcam__calloc((size_t)size, 2 * sizeof *w->mean);
    if (!w->mean) return gcam_last_error()->status;
    w->squares = w->mean + size;
    *count = options->samples > 0 ? options->samples : STEPS;
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
    free_work(&w);
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

/* ---- baselines -------------------------------------------------------------------------------------------------------------------- */

/* The value of a pixel of brightness v (0..1) in channel c, as the model's preprocessing makes it. */
static double pixel_value(const gcam__study *study, int64_t c, double v) {
    if (!study->model || c > 2) return v;
    const gcam_preprocess *how = gcam_model_preprocess(study->model);
    return (v * 255 * how->scale - how->mean[c]) / how->std[c];
}

/* One axis of a Gaussian of 10 pixels, edges repeated: `count` lines of `length` elements that lie `step` apart. */
static void blur_line(float *line, float *copy, int64_t length, int64_t step) {
    enum { RADIUS = 30 };
    static const double sigma = 10;
    for (int64_t i = 0; i < length; i++) copy[i] = line[i * step];
    for (int64_t i = 0; i < length; i++) {
        double sum = 0, total = 0;
        for (int64_t d = -RADIUS; d <= RADIUS; d++) {
            int64_t at = i + d < 0 ? 0 : i + d >= length ? length - 1 : i + d;
            double weight = exp(-0.5 * (double)(d * d) / (sigma * sigma));
            sum += weight * copy[at], total += weight;
        }
        line[i * step] = (float)(sum / total);
    }
}

static gcam_status blur(const int64_t *dim, float *x) {
    float *copy = gcam__alloc((size_t)(dim[2] > dim[3] ? dim[2] : dim[3]) * sizeof *copy);
    if (!copy) return gcam_last_error()->status;
    for (int64_t c = 0; c < dim[1]; c++) {
        float *plane = x + c * dim[2] * dim[3];
        for (int64_t y = 0; y < dim[2]; y++) blur_line(plane + y * dim[3], copy, dim[3], 1);
        for (int64_t i = 0; i < dim[3]; i++) blur_line(plane + i, copy, dim[2], dim[3]);
    }
    gcam__free(copy);
    return GCAM_OK;
}

/* Fills w->baseline with one baseline, or DRAWS random ones; `*draws` says how many. */
static gcam_status make_baselines(const gcam__task *task, work *w, int64_t *draws) {
    const gcam__study *study = task->study;
    gcam_baseline kind = study->options.baseline;
    const int64_t *dim = study->input->shape.dim;
    int64_t size = input_size(task), plane = dim[2] * dim[3];
    *draws = kind == GCAM_BASELINE_UNIFORM ? DRAWS : 1;
    w->baseline = gcam__calloc((size_t)(size * *draws), sizeof *w->baseline);
    if (!w->baseline) return gcam_last_error()->status;
    if (kind == GCAM_BASELINE_ZERO) return GCAM_OK;
    if (kind == GCAM_BASELINE_BLUR) {
        memcpy(w->baseline, input_of(task), (size_t)size * sizeof *w->baseline);
        return blur(dim, w->baseline);
    }
    for (int64_t i = 0; i < size * *draws; i++) {
        double v = kind == GCAM_BASELINE_WHITE ? 1 : 0;
        if (kind == GCAM_BASELINE_UNIFORM)
            v = gcam__random_uniform(study->options.seed, BASELINE, (uint64_t)(i / size), (uint64_t)(i % size));
        w->baseline[i] = (float)pixel_value(study, i % size / plane, v);
    }
    return GCAM_OK;
}

/* ---- paths from a baseline ----------------------------------------------------------------------------------------------------------- */

/* Nodes and weights of n-point Gauss-Legendre quadrature on 0..1: roots of the Legendre polynomial by Newton's method. */
static gcam_status gauss_legendre(work *w, int64_t n) {
    gcam__free(w->node);
    w->node = gcam__calloc((size_t)n, 2 * sizeof *w->node);
    if (!w->node) return gcam_last_error()->status;
    w->weight = w->node + n;
    w->steps = n;
    for (int64_t i = 0; i < n; i++) {
        double x = cos(acos(-1) * ((double)i + 0.75) / ((double)n + 0.5)), slope = 1;
        for (int turn = 0; turn < 20; turn++) {
            double p = 1, before = 0;
            for (int64_t j = 1; j <= n; j++) {
                double next = ((2 * (double)j - 1) * x * p - ((double)j - 1) * before) / (double)j;
                before = p, p = next;
            }
            slope = (double)n * (x * p - before) / (x * x - 1);
            x -= p / slope;
        }
        w->node[i] = (1 + x) / 2;
        w->weight[i] = 1 / ((1 - x * x) * slope * slope);
    }
    return GCAM_OK;
}

/* Image n of the path: step n % steps from baseline n / steps; the images after the last step are the baselines themselves. */
static void fill_path(const gcam__lab *lab, int64_t n, float *x, void *user) {
    const work *w = user;
    int64_t draws = lab->count / (w->steps + 1), draw = n < draws * w->steps ? n / w->steps : n - draws * w->steps;
    double t = n < draws * w->steps ? w->node[n % w->steps] : 0;
    const float *from = w->baseline + draw * lab->size;
    for (int64_t i = 0; i < lab->size; i++) x[i] = (float)(from[i] + t * ((double)x[i] - from[i]));
}

static void take_path(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    work *w = user;
    int64_t draws = lab->count / (w->steps + 1);
    if (n >= draws * w->steps) {
        w->baseline_score += score / (double)draws;
        return;
    }
    const float *x = input_of(w->task), *from = w->baseline + n / w->steps * lab->size;
    double share = w->weight[n % w->steps] / (double)draws;
    for (int64_t i = 0; gradient && i < lab->size; i++) w->mean[i] += share * ((double)x[i] - from[i]) * gradient[i];
}

/* Runs `count` images and leaves shares in w->mean and y(x') in w->baseline_score. */
static gcam_status run_path(const gcam__task *task, work *w, int64_t count, gcam__fill_fn fill, gcam__take_fn take) {
    gcam__lab lab;
    memset(w->mean, 0, (size_t)input_size(task) * sizeof *w->mean);
    w->baseline_score = 0;
    gcam_status status = gcam__lab_open(&lab, task, count, gcam_network_input(task->study->network));
    if (status == GCAM_OK) status = gcam__lab_run(&lab, fill, take, w);
    gcam__lab_close(&lab);
    return status;
}

static gcam_status begin_path(const gcam__task *task, work *w, int64_t *draws) {
    *w = (work){.task = task};
    GCAM_TRY(gcam__make_pixels(task, task->study->input->shape.dim[1]));
    w->mean = gcam__calloc((size_t)input_size(task), sizeof *w->mean);
    if (!w->mean) return gcam_last_error()->status;
    return make_baselines(task, w, draws);
}

/* Moves the shares to the result and reports what is missing from the sum. */
static double end_path(const gcam__task *task, const work *w) {
    double sum = 0;
    for (int64_t i = 0; i < input_size(task); i++) {
        task->e->raw->data[i] = (float)w->mean[i];
        sum += w->mean[i];
    }
    double change = task->aim->score - w->baseline_score;
    task->e->residual = sum - change;
    return fabs(task->e->residual) / fmax(fabs(change), 1e-6);
}

gcam_status gcam__integrated_run(const gcam__task *task) {
    int samples = task->study->options.samples;
    int64_t draws, steps = samples > 0 ? samples : STEPS;
    work w;
    gcam_status status = begin_path(task, &w, &draws);
    for (double error = 1; status == GCAM_OK && error > 0.01; steps *= 2) {
        status = gauss_legendre(&w, steps);
        if (status == GCAM_OK) status = run_path(task, &w, draws * (steps + 1), fill_path, take_path);
        if (status == GCAM_OK) error = end_path(task, &w);
        if (samples >= 0 || steps * 2 > MOST_STEPS) break;
    }
    free_work(&w);
    return status;
}

/* ---- GradientSHAP ------------------------------------------------------------------------------------------------------------------------ */

static double noisy(const work *w, int64_t n, int64_t i, double x) {
    uint64_t seed = w->task->study->options.seed;
    return w->sigma > 0 ? x + w->sigma * gcam__random_normal(seed, NOISE, (uint64_t)n, (uint64_t)i) : x;
}

static const float *baseline_of(const work *w, const gcam__lab *lab, int64_t n) {
    int64_t draws = lab->count - w->steps;
    return w->baseline + (n < w->steps ? n % draws : n - w->steps) * lab->size;
}

static void fill_shap(const gcam__lab *lab, int64_t n, float *x, void *user) {
    const work *w = user;
    const float *from = baseline_of(w, lab, n);
    double u = n < w->steps ? gcam__random_uniform(lab->study->options.seed, PLACE, (uint64_t)n, 0) : 0;
    for (int64_t i = 0; i < lab->size; i++) x[i] = (float)(from[i] + u * (noisy(w, n, i, x[i]) - from[i]));
}

static void take_shap(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    work *w = user;
    if (n >= w->steps) {
        w->baseline_score += score / (double)(lab->count - w->steps);
        return;
    }
    const float *x = input_of(w->task), *from = baseline_of(w, lab, n);
    for (int64_t i = 0; gradient && i < lab->size; i++)
        w->mean[i] += (noisy(w, n, i, x[i]) - from[i]) * gradient[i] / (double)w->steps;
}

gcam_status gcam__gradientshap_run(const gcam__task *task) {
    const gcam_explain_options *options = &task->study->options;
    int64_t draws;
    work w;
    gcam_status status = begin_path(task, &w, &draws);
    w.steps = options->samples > 0 ? options->samples : STEPS;
    w.sigma = options->noise > 0 ? options->noise : 0;
    if (status == GCAM_OK) status = run_path(task, &w, w.steps + draws, fill_shap, take_shap);
    if (status == GCAM_OK) end_path(task, &w);
    free_work(&w);
    return status;
}
