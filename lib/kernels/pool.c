/* Pooling over windows, by PyTorch's rules (see kernels.h). One unit of work is a fixed number of planes. */
#include "kernels/simd.h"

#include <string.h>

enum { UNIT_CELLS = 1 << 14 };

typedef struct pool_job {
    const gcam__pool2d *g;
    const gcam__simd *simd;
    const float *x;
    float *y;
    const int32_t *index_in;
    int32_t *index_out;
    int64_t planes_per_unit;
    void (*plane)(const struct pool_job *job, int64_t plane);
} pool_job;

static void pool_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const pool_job *job = context;
    int64_t end = gcam__min((index + 1) * job->planes_per_unit, job->g->planes);
    for (int64_t plane = index * job->planes_per_unit; plane < end; plane++) job->plane(job, plane);
}

static void run(const gcam__compute *compute, pool_job *job) {
    const gcam__pool2d *g = job->g;
    job->simd = gcam__simd_for(compute);
    job->planes_per_unit = gcam__max(1, UNIT_CELLS / gcam__max(1, gcam__max(g->h * g->w, g->p * g->q)));
    gcam__parallel(compute->pool, gcam__ceil_div(g->planes, job->planes_per_unit), pool_unit, job);
}

/* Cells begin, begin + dilation, ... < end of one axis: those inside the image. */
typedef struct range {
    int64_t begin, end;
} range;

/* The rows of the image that output row p covers. */
static range max_rows(const gcam__pool2d *g, int64_t p) {
    int64_t begin = p * g->stride[0] - g->pad[0], step = g->dilation[0];
    int64_t end = gcam__min(begin + (g->kernel[0] - 1) * step + 1, g->h);
    if (begin < 0) begin += gcam__ceil_div(-begin, step) * step;
    return (range){begin, end};
}

static void max_plane(const pool_job *job, int64_t plane) {
    const gcam__pool2d *g = job->g;
    int64_t first = plane * g->p * g->q;
    for (int64_t p = 0; p < g->p; p++) {
        range rows = max_rows(g, p);
        gcam__max_row row = {.x = job->x + plane * g->h * g->w,
                             .w = g->w,
                             .cells = g->h * g->w,
                             .begin = rows.begin,
                             .end = rows.end,
                             .row_step = g->dilation[0],
                             .kernel = g->kernel[1],
                             .stride = g->stride[1],
                             .pad = g->pad[1],
                             .column_step = g->dilation[1],
                             .q = g->q,
                             .y = job->y + first + p * g->q,
                             .index = job->index_out ? job->index_out + first + p * g->q : NULL};
        job->simd->max_row(&row);
    }
}

void gcam__max_pool(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y, int32_t *index) {
    pool_job job = {.g = g, .x = x, .y = y, .index_out = index, .plane = max_plane};
    run(compute, &job);
}

static void max_plane_backward(const pool_job *job, int64_t plane) {
    const gcam__pool2d *g = job->g;
    int64_t outputs = g->p * g->q;
    const float *dy = job->x + plane * outputs;
    const int32_t *index = job->index_in + plane * outputs;
    float *dx = job->y + plane * g->h * g->w;
    memset(dx, 0, (size_t)(g->h * g->w) * sizeof *dx);
    for (int64_t i = 0; i < outputs; i++)
        if (index[i] >= 0) dx[index[i]] += dy[i];
}

void gcam__max_pool_backward(const gcam__compute *compute, const gcam__pool2d *g, const float *dy, const int32_t *index,
                             float *dx) {
    pool_job job = {.g = g, .x = dy, .y = dx, .index_in = index, .plane = max_plane_backward};
    run(compute, &job);
}

/* An average's window and what its sum is divided by, as the product over both axes. */
typedef struct window {
    range rows, columns;
    float divisor;
} window;

/* `*cells` becomes the axis' share of the divisor. */
static range average_range(const gcam__pool2d *g, int axis, int64_t out, int64_t size, int64_t *cells) {
    int64_t begin = out * g->stride[axis] - g->pad[axis];
    int64_t end = gcam__min(begin + g->kernel[axis], size + g->pad[axis] + g->pad_end[axis]);
    *cells = end - begin;
    range inside = {gcam__max(begin, 0), gcam__min(end, size)};
    if (g->exclude_pad) *cells = inside.end - inside.begin;
    return inside;
}

static window average_window(const gcam__pool2d *g, int64_t p, int64_t q) {
    int64_t rows, columns;
    window w = {.rows = average_range(g, 0, p, g->h, &rows), .columns = average_range(g, 1, q, g->w, &columns)};
    w.divisor = (float)(rows * columns);
    return w;
}

static window adaptive_window(const gcam__pool2d *g, int64_t p, int64_t q) {
    window w = {.rows = {p * g->h / g->p, gcam__ceil_div((p + 1) * g->h, g->p)},
                .columns = {q * g->w / g->q, gcam__ceil_div((q + 1) * g->w, g->q)}};
    w.divisor = (float)((w.rows.end - w.rows.begin) * (w.columns.end - w.columns.begin));
    return w;
}

typedef window (*window_fn)(const gcam__pool2d *g, int64_t p, int64_t q);

static int is_empty(const window *w) {
    return w->rows.begin >= w->rows.end || w->columns.begin >= w->columns.end;
}

/* Sums are kept in double: a global pool adds thousands of values. */
static float average(const float *x, int64_t width, const window *w) {
    enum { SUMS = 8 };
    double sum[SUMS] = {0};
    int64_t begin = w->columns.begin, end = w->columns.end, rows = w->rows.end - w->rows.begin;
    if (begin == 0 && end == width) end *= rows, rows = 1; /* whole rows on end */
    for (int64_t h = 0; h < rows; h++) {
        const float *row = x + (w->rows.begin + h) * width;
        int64_t c = begin;
        for (; c + SUMS <= end; c += SUMS)
            for (int i = 0; i < SUMS; i++) sum[i] += row[c + i];
        for (int i = 0; c < end; c++, i++) sum[i] += row[c];
    }
    return (float)((((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) / w->divisor);
}

static void average_plane(const pool_job *job, int64_t plane, window_fn find) {
    const gcam__pool2d *g = job->g;
    const float *x = job->x + plane * g->h * g->w;
    float *y = job->y + plane * g->p * g->q;
    for (int64_t p = 0; p < g->p; p++)
        for (int64_t q = 0; q < g->q; q++) {
            window w = find(g, p, q);
            *y++ = is_empty(&w) ? 0 : average(x, g->w, &w);
        }
}

static void average_plane_backward(const pool_job *job, int64_t plane, window_fn find) {
    const gcam__pool2d *g = job->g;
    const float *dy = job->x + plane * g->p * g->q;
    float *dx = job->y + plane * g->h * g->w;
    memset(dx, 0, (size_t)(g->h * g->w) * sizeof *dx);
    for (int64_t p = 0; p < g->p; p++)
        for (int64_t q = 0; q < g->q; q++, dy++) {
            window w = find(g, p, q);
            if (is_empty(&w)) continue;
            float share = *dy / w.divisor;
            for (int64_t h = w.rows.begin; h < w.rows.end; h++)
                for (int64_t c = w.columns.begin; c < w.columns.end; c++) dx[h * g->w + c] += share;
        }
}

static void avg_plane(const pool_job *job, int64_t plane) {
    average_plane(job, plane, average_window);
}
static void avg_plane_backward(const pool_job *job, int64_t plane) {
    average_plane_backward(job, plane, average_window);
}
static void adaptive_plane(const pool_job *job, int64_t plane) {
    average_plane(job, plane, adaptive_window);
}
static void adaptive_plane_backward(const pool_job *job, int64_t plane) {
    average_plane_backward(job, plane, adaptive_window);
}

static void run_average(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y,
                        void (*plane)(const pool_job *, int64_t)) {
    pool_job job = {.g = g, .x = x, .y = y, .plane = plane};
    run(compute, &job);
}

void gcam__avg_pool(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y) {
    run_average(compute, g, x, y, avg_plane);
}
void gcam__avg_pool_backward(const gcam__compute *compute, const gcam__pool2d *g, const float *dy, float *dx) {
    run_average(compute, g, dy, dx, avg_plane_backward);
}
void gcam__adaptive_avg_pool(const gcam__compute *compute, const gcam__pool2d *g, const float *x, float *y) {
    run_average(compute, g, x, y, adaptive_plane);
}
void gcam__adaptive_avg_pool_backward(const gcam__compute *compute, const gcam__pool2d *g, const float *dy, float *dx) {
    run_average(compute, g, dy, dx, adaptive_plane_backward);
}
