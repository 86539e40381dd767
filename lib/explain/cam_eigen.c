/* Eigen-CAM (Muhammad & Yeasin 2020) and EigenGrad-CAM: the layer's strongest pattern. X has a row for each cell and a column for each
 * channel (A, or g A); v is its first right singular vector, and the map is M = X v = sigma u. Only u and sigma are needed, and they come
 * from the symmetric eigenproblem of the smaller of X Xt and Xt X, in float64, by subspace iteration with two vectors, whose second
 * eigenvalue also tells whether the first is alone. The sign, which the problem leaves open, is the one that agrees with T, the sum of
 * X's columns. */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 2000 };

/* X, K x Z as it lies in memory (the transpose of the text's), and the memory to work on it. */
typedef struct problem {
    int64_t k, cells, n; /* n = min(k, cells) */
    double *x;           /* K x Z */
    double *gram;        /* n x n */
    double *v[2], *gv[2];
    double value[2]; /* leading eigenvalues of gram */
    double *block;
} problem;

static gcam_status allocate(problem *p) {
    size_t sizes = (size_t)(p->k * p->cells + p->n * p->n + 4 * p->n);
    p->block = gcam__calloc(sizes, sizeof(double));
    if (!p->block) return gcam_last_error()->status;
    p->x = p->block;
    p->gram = p->x + p->k * p->cells;
    for (int i = 0; i < 2; i++) p->v[i] = p->gram + p->n * p->n + i * p->n, p->gv[i] = p->v[i] + 2 * p->n;
    return GCAM_OK;
}

/* A, g A, or alpha_k A^k where there are weights. */
static void fill_x(problem *p, const gcam__task *task, int with_gradient, const double *alpha) {
    int centred = task->study->options.profile == GCAM_PROFILE_PYTORCH_GRAD_CAM;
    for (int64_t k = 0; k < p->k; k++) {
        double *row = p->x + k * p->cells, mean = 0;
        const float *a = task->layer->activation + k * p->cells,
                    *g = with_gradient ? task->gradient + k * p->cells : NULL;
        for (int64_t i = 0; i < p->cells; i++)
            mean += row[i] = g ? (double)g[i] * a[i] : alpha ? alpha[k] * a[i] : a[i];
        for (int64_t i = 0; i < p->cells && centred; i++) row[i] -= mean / (double)p->cells;
    }
}

/* gram = X Xt over channels or Xt X over cells, whichever is smaller. */
static void fill_gram(problem *p) {
    int over_channels = p->n == p->k;
    int64_t inner = over_channels ? p->cells : p->k;
    int64_t row = over_channels ? p->cells : 1, column = over_channels ? 1 : p->cells;
    for (int64_t i = 0; i < p->n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t l = 0; l < inner; l++) sum += p->x[i * row + l * column] * p->x[j * row + l * column];
            p->gram[i * p->n + j] = p->gram[j * p->n + i] = sum;
        }
    }
}

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Makes v[1] orthogonal to v[0], both of length 1; a vector without a direction of its own becomes 0. */
static void orthonormalise(problem *p) {
    for (int i = 0; i < 2; i++) {
        double before = dot(p->v[i], p->v[i], p->n);
        for (int pass = 0; pass < 2 && i == 1; pass++) {
            double along = dot(p->v[0], p->v[1], p->n);
            for (int64_t j = 0; j < p->n; j++) p->v[1][j] -= along * p->v[0][j];
        }
        double after = dot(p->v[i], p->v[i], p->n);
        double scale = after > 1e-28 * before && after > 0 ? 1 / sqrt(after) : 0;
        for (int64_t j = 0; j < p->n; j++) p->v[i][j] *= scale;
    }
}

static void multiply(problem *p) {
    for (int64_t i = 0; i < p->n; i++) {
        for (int s = 0; s < 2; s++) p->gv[s][i] = dot(p->gram + i * p->n, p->v[s], p->n);
    }
}

/* Turns the two vectors within their plane so that they are its best eigenvectors (Rayleigh & Ritz). */
static void rotate(problem *p) {
    double a = dot(p->v[0], p->gv[0], p->n), b = dot(p->v[0], p->gv[1], p->n), d = dot(p->v[1], p->gv[1], p->n);
    double angle = 0.5 * atan2(2 * b, a - d), c = cos(angle), s = sin(angle);
    for (int64_t i = 0; i < p->n; i++) {
        double v = p->v[0][i], w = p->v[1][i], gv = p->gv[0][i], gw = p->gv[1][i];
        p->v[0][i] = c * v + s * w, p->v[1][i] = c * w - s * v;
        p->gv[0][i] = c * gv + s * gw, p->gv[1][i] = c * gw - s * gv;
    }
    p->value[0] = a * c * c + 2 * b * c * s + d * s * s;
    p->value[1] = a * s * s - 2 * b * c * s + d * c * c;
}

static double residual(const problem *p) {
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double r = p->gv[0][i] - p->value[0] * p->v[0][i];
        sum += r * r;
    }
    return sqrt(sum);
}

/* Leading eigenvector in v[0]. */
static void iterate(problem *p) {
    for (int64_t i = 0; i < p->n; i++) {
        p->v[0][i] = 1 + 0.01 * gcam__random_uniform(1, 0, 0, (uint64_t)i);
        p->v[1][i] = gcam__random_uniform(1, 1, 0, (uint64_t)i) - 0.5;
    }
    for (int step = 0; step < MOST_STEPS; step++) {
        orthonormalise(p);
        multiply(p);
        rotate(p);
        if (residual(p) <= 1e-12 * p->value[0]) return;
        if (step + 1 == MOST_STEPS) return;
        memcpy(p->v[0], p->gv[0], (size_t)p->n * sizeof(double));
        memcpy(p->v[1], p->gv[1], (size_t)p->n * sizeof(double));
    }
}

/* s = M = X v: directly, or sigma u where the eigenvector is over the cells. */
static void project(const problem *p, double *s) {
    for (int64_t i = 0; i < p->cells; i++) s[i] = 0;
    if (p->n != p->k) {
        for (int64_t i = 0; i < p->cells; i++) s[i] = sqrt(fmax(0, p->value[0])) * p->v[0][i];
        return;
    }
    for (int64_t k = 0; k < p->k; k++) {
        for (int64_t i = 0; i < p->cells; i++) s[i] += p->v[0][k] * p->x[k * p->cells + i];
    }
}

/* 1 or -1: M agrees with T = sum of X's columns; where it is at right angles, the largest component of v is positive. */
static double sign(const problem *p, const double *s) {
    double along = 0, m = 0, t = 0;
    for (int64_t i = 0; i < p->cells; i++) {
        double sum = 0;
        for (int64_t k = 0; k < p->k; k++) sum += p->x[k * p->cells + i];
        along += s[i] * sum, m += s[i] * s[i], t += sum * sum;
    }
    if (fabs(along) > 1e-12 * sqrt(m * t)) return along < 0 ? -1 : 1;
    double largest = 0;
    for (int64_t k = 0; k < p->k; k++) {
        double v = dot(s, p->x + k * p->cells, p->cells); /* sigma^2 v_k */
        if (fabs(v) > fabs(largest)) largest = v;
    }
    return largest < 0 ? -1 : 1;
}

static gcam_status eigen_map(const gcam__task *task, int with_gradient, const double *alpha, double *s) {
    int64_t k = task->layer->k, cells = task->layer->h * task->layer->w;
    problem p = {.k = k, .cells = cells, .n = k < cells ? k : cells};
    GCAM_TRY(allocate(&p));
    fill_x(&p, task, with_gradient, alpha);
    fill_gram(&p);
    iterate(&p);
    project(&p, s);
    double direction = sign(&p, s);
    for (int64_t i = 0; i < cells; i++) s[i] *= direction;
    if (p.n > 1 && p.value[0] > 0 && p.value[0] - p.value[1] <= 1e-6 * p.value[0])
        task->e->warnings |= GCAM_WARN_AMBIGUOUS;
    gcam__free(p.block);
    return GCAM_OK;
}

gcam_status gcam__eigen_map(const gcam__task *task, double *s) {
    return eigen_map(task, 0, NULL, s);
}

gcam_status gcam__eigengrad_map(const gcam__task *task, double *s) {
    return eigen_map(task, 1, NULL, s);
}

/* T, the sum of X's columns, is the map that the component stands for: the sign agrees with it. */
gcam_status gcam__principal_map(const gcam__task *task, const double *alpha, double *s) {
    return eigen_map(task, 0, alpha, s);
}
