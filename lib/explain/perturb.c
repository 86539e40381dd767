/* Methods that look at scores alone, whatever the network is made of:
 *   Occlusion (Zeiler & Fergus 2014)  a window slides over the input; its value is y(x) - y(x with the window set to 0), the mean colour;
 *                                     a pixel's value is the mean of the windows that cover it
 *   RISE (Petsiuk et al. 2018)        M = 1 / (N q) sum_n y(x m_n) m_n over random masks of s x s cells, each open with probability q */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"
#include "kernels/kernels.h"

#include <string.h>

enum { WINDOW = 35, STRIDE = 8, MASKS = 4000, GRID = 7 };
static const double OPEN = 0.5; /* q */

typedef struct work {
    const gcam__task *task;
    int64_t h, w;
    int64_t window, stride, rows, columns; /* occlusion */
    double *sum, *count;                   /* one a pixel */
    float *grid, *large, *mask;            /* RISE */
} work;

static gcam_status begin(const gcam__task *task, work *w) {
    const int64_t *dim = task->study->input->shape.dim;
    *w = (work){.task = task, .h = dim[2], .w = dim[3]};
    w->sum = gcam__calloc((size_t)(w->h * w->w), 2 * sizeof *w->sum);
    if (!w->sum) return gcam_last_error()->status;
    w->count = w->sum + w->h * w->w;
    return gcam__make_pixels(task, 1);
}

/* ---- occlusion ------------------------------------------------------------------------------------------------------------------ */

/* Places of a window along an axis: 0, s, 2 s, ... and the last one that fits. */
static int64_t places(int64_t length, int64_t window, int64_t stride) {
    return length > window ? (length - window + stride - 1) / stride + 1 : 1;
}

static int64_t place(int64_t n, int64_t length, int64_t window, int64_t stride) {
    int64_t last = length > window ? length - window : 0;
    return n * stride < last ? n * stride : last;
}

/* Applies `each` to the pixels of window n. */
static void window_of(const work *w, int64_t n, int64_t *y, int64_t *x, int64_t *bottom, int64_t *right) {
    *y = place(n / w->columns, w->h, w->window, w->stride);
    *x = place(n % w->columns, w->w, w->window, w->stride);
    *bottom = *y + w->window < w->h ? *y + w->window : w->h;
    *right = *x + w->window < w->w ? *x + w->window : w->w;
}

static void corner_of(const void *user, int64_t n, int64_t *y, int64_t *x) {
    int64_t bottom, right;
    window_of(user, n, y, x, &bottom, &right);
}

static void cover(const gcam__lab *lab, int64_t n, float *input, void *user) {
    const work *w = user;
    int64_t y, x, bottom, right;
    window_of(w, n, &y, &x, &bottom, &right);
    for (int64_t c = 0; c < lab->size / (w->h * w->w); c++) {
        for (int64_t row = y; row < bottom; row++)
            memset(input + (c * w->h + row) * w->w + x, 0, (size_t)(right - x) * sizeof *input);
    }
}

static void take_window(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    (void)gradient;
    const work *w = user;
    int64_t y, x, bottom, right;
    window_of(w, n, &y, &x, &bottom, &right);
    for (int64_t row = y; row < bottom; row++) {
        for (int64_t i = row * w->w + x; i < row * w->w + right; i++)
            w->sum[i] += lab->aim->score - score, w->count[i]++;
    }
}

gcam_status gcam__occlusion_run(const gcam__task *task) {
    const gcam_explain_options *options = &task->study->options;
    work w;
    gcam__lab lab = {0};
    gcam_status status = begin(task, &w);
    w.window = options->window > 0 ? options->window : WINDOW;
    w.stride = options->stride > 0 ? options->stride : options->profile == GCAM_PROFILE_CAPTUM ? 1 : STRIDE;
    w.rows = places(w.h, w.window, w.stride);
    w.columns = places(w.w, w.window, w.stride);
    int64_t sides[2] = {w.window < w.h ? w.window : w.h, w.window < w.w ? w.window : w.w};
    if (status == GCAM_OK) status = gcam__lab_open_windows(&lab, task, w.rows * w.columns, sides, corner_of, &w);
    if (status == GCAM_OK) status = gcam__lab_run(&lab, cover, take_window, &w);
    gcam__lab_close(&lab);
    for (int64_t i = 0; status == GCAM_OK && i < w.h * w.w;
         i++) /* strides beyond the window leave pixels that no window covers */
        task->e->raw->data[i] = w.count[i] > 0 ? (float)(w.sum[i] / w.count[i]) : 0;
    gcam__free(w.sum);
    return status;
}

/* ---- RISE ------------------------------------------------------------------------------------------------------------------------- */

/* Mask n: a random grid, enlarged to one cell more than the input needs, cut out at a random place. Depends on (seed, n) alone. */
static void make_mask(const gcam__lab *lab, const work *w, int64_t n) {
    uint64_t seed = lab->study->options.seed;
    int64_t tall = (w->h + GRID - 1) / GRID, wide = (w->w + GRID - 1) / GRID, width = (GRID + 1) * wide;
    for (int i = 0; i < GRID * GRID; i++) w->grid[i] = gcam__random_uniform(seed, 0, (uint64_t)n, (uint64_t)i) < OPEN;
    gcam__resize_map(w->grid, GRID, GRID, w->large, (GRID + 1) * tall, width, GCAM__BILINEAR);
    int64_t y = (int64_t)(gcam__random_uniform(seed, 1, (uint64_t)n, 0) * (double)tall);
    int64_t x = (int64_t)(gcam__random_uniform(seed, 1, (uint64_t)n, 1) * (double)wide);
    for (int64_t row = 0; row < w->h; row++)
        memcpy(w->mask + row * w->w, w->large + (y + row) * width + x, (size_t)w->w * sizeof *w->mask);
}

static void apply_mask(const gcam__lab *lab, int64_t n, float *input, void *user) {
    const work *w = user;
    make_mask(lab, w, n);
    int64_t cells = w->h * w->w;
    for (int64_t c = 0; c < lab->size / cells; c++)
        for (int64_t i = 0; i < cells; i++) input[c * cells + i] *= w->mask[i];
}

static void take_mask(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    (void)gradient;
    const work *w = user;
    double share = score / ((double)lab->count * OPEN);
    make_mask(lab, w, n);
    for (int64_t i = 0; i < w->h * w->w; i++) w->sum[i] += share * w->mask[i];
}

static gcam_status make_masks(work *w) {
    int64_t tall = (w->h + GRID - 1) / GRID, wide = (w->w + GRID - 1) / GRID;
    int64_t large = (GRID + 1) * (GRID + 1) * tall * wide;
    w->grid = gcam__alloc((size_t)(GRID * GRID + large + w->h * w->w) * sizeof *w->grid);
    if (!w->grid) return gcam_last_error()->status;
    w->large = w->grid + GRID * GRID;
    w->mask = w->large + large;
    return GCAM_OK;
}

/* The published RISE weighs masks by the probability; a logit is therefore taken as its probability. */
gcam_status gcam__rise_run(const gcam__task *task) {
    const gcam_explain_options *options = &task->study->options;
    gcam__aim aim = *task->aim;
    if (aim.target.kind == GCAM_TARGET_LOGIT) aim.target.kind = GCAM_TARGET_PROBABILITY;
    gcam__task inner = *task;
    inner.aim = &aim;
    work w;
    gcam__lab lab = {0};
    gcam_status status = begin(&inner, &w);
    if (status == GCAM_OK) status = make_masks(&w);
    if (status == GCAM_OK) status = gcam__lab_open(&lab, &inner, options->samples > 0 ? options->samples : MASKS, -1);
    if (status == GCAM_OK) status = gcam__lab_run(&lab, apply_mask, take_mask, &w);
    gcam__lab_close(&lab);
    for (int64_t i = 0; status == GCAM_OK && i < w.h * w.w; i++) task->e->raw->data[i] = (float)w.sum[i];
    gcam__free(w.grid);
    gcam__free(w.sum);
    return status;
}
