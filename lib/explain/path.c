/* Gradients along paths from a baseline x' to x, G = dy/dx:
 *   Integrated gradients (Sundararajan et al. 2017)       (x - x') integral over t of G(x' + t (x - x')), by quadrature
 *   GradientSHAP (Lundberg & Lee 2017)                    mean (x + e_n - x') G(x' + u_n (x + e_n - x')), u_n uniform, e_n of sigma
 * Both promise completeness: their shares sum to y(x) - y(x'); what is missing is reported. */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

enum { STEPS = 50, CAPTUM_STEPS = 5, MOST_STEPS = 800, NOISE = 0, PLACE = 2 }; /* the last two: random streams */

typedef struct work {
    const gcam__task *task;
    double sigma;
    int64_t steps;         /* per baseline */
    double *node, *weight; /* of the quadrature, 0..1 */
    double *mean;          /* sums of x's size */
    float *baseline;
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

/* ---- quadrature on 0..1 --------------------------------------------------------------------------------------------------------- */

/* Node i of the n-point Gauss-Legendre rule: a root of the Legendre polynomial, by Newton's method. */
static void gauss_legendre(work *w, int64_t n, int64_t i) {
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

/* Equal steps: left, right or middle of each; the trapezoid rule has both ends, with half the weight. */
static void equal_steps(work *w, gcam_quadrature kind, int64_t n, int64_t i) {
    double count = (double)n, place = (double)i;
    w->weight[i] = 1 / count;
    w->node[i] = (kind == GCAM_QUADRATURE_LEFT    ? place
                  : kind == GCAM_QUADRATURE_RIGHT ? place + 1
                                                  : place + 0.5)
                 / count;
    if (kind != GCAM_QUADRATURE_TRAPEZOID || n < 2) return; /* one step: the middle */
    w->node[i] = place / (count - 1);
    w->weight[i] = (i == 0 || i == n - 1 ? 0.5 : 1) / (count - 1);
}

static gcam_status make_nodes(work *w, gcam_quadrature kind, int64_t n) {
    gcam__free(w->node);
    w->node = gcam__calloc((size_t)n, 2 * sizeof *w->node);
    if (!w->node) return gcam_last_error()->status;
    w->weight = w->node + n;
    w->steps = n;
    for (int64_t i = 0; i < n; i++) {
        if (kind == GCAM_QUADRATURE_GAUSS_LEGENDRE)
            gauss_legendre(w, n, i);
        else
            equal_steps(w, kind, n, i);
    }
    return GCAM_OK;
}

/* ---- paths ------------------------------------------------------------------------------------------------------------------------ */

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
    return gcam__baselines_make(task->study, &w->baseline, draws);
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

/* Steps are doubled until no more than the wanted share is missing, where a share is wanted. */
gcam_status gcam__integrated_run(const gcam__task *task) {
    const gcam_explain_options *options = &task->study->options;
    double wanted = options->completeness > 0 ? options->completeness : options->samples < 0 ? 0.01 : 0;
    int64_t draws, steps = options->samples > 0 ? options->samples : STEPS;
    work w;
    gcam_status status = begin_path(task, &w, &draws);
    for (double error = INFINITY; status == GCAM_OK && error > wanted; steps *= 2) {
        status = make_nodes(&w, options->quadrature, steps);
        if (status == GCAM_OK) status = run_path(task, &w, draws * (steps + 1), fill_path, take_path);
        if (status == GCAM_OK) error = end_path(task, &w);
        if (wanted == 0 || steps * 2 > MOST_STEPS) break;
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
    w.steps = options->samples > 0 ? options->samples : options->profile == GCAM_PROFILE_CAPTUM ? CAPTUM_STEPS : STEPS;
    w.sigma = options->noise > 0 ? options->noise : 0;
    if (status == GCAM_OK) status = run_path(task, &w, w.steps + draws, fill_shap, take_shap);
    if (status == GCAM_OK) end_path(task, &w);
    free_work(&w);
    return status;
}
