/* Fully connected layers. They are bound by memory: 494 MB of weights in VGG-16 against 250 MFLOP. So each weight is read once,
 * for all rows of the batch, and the backward pass does not touch rows of W that no gradient asks for. */
#include "kernels/simd.h"

enum { ROWS_OF_W = 16, ROWS_OF_X = 3, COLUMNS = 2048 };

typedef struct linear_job {
    const gcam__simd *simd;
    const float *x, *w, *bias;
    float *y;
    int64_t rows, c, k;
} linear_job;

/* Rows k0 .. k0 + 3 of W; where fewer are left, each is computed alone, as four copies of itself. */
static void forward_rows(const linear_job *job, int64_t k0) {
    int64_t count = gcam__min(4, job->k - k0);
    float out[ROWS_OF_X * 4];
    for (int64_t i0 = 0; i0 < job->rows; i0 += ROWS_OF_X) {
        int rows = (int)gcam__min(ROWS_OF_X, job->rows - i0);
        const float *w = job->w + k0 * job->c, *x = job->x + i0 * job->c;
        for (int64_t j = 0; j < count; j += count < 4 ? 1 : 4) {
            int64_t ldw = count < 4 ? 0 : job->c;
            job->simd->dot(job->c, w + j * job->c, ldw, x, job->c, rows, out);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t l = 0; l < (count < 4 ? 1 : 4); l++)
                    job->y[(i0 + i) * job->k + k0 + j + l] = out[i * 4 + l] + (job->bias ? job->bias[k0 + j + l] : 0);
        }
    }
}

static void forward_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const linear_job *job = context;
    int64_t end = gcam__min((index + 1) * ROWS_OF_W, job->k);
    for (int64_t k = index * ROWS_OF_W; k < end; k += 4) forward_rows(job, k);
}

void gcam__linear_forward(const gcam__compute *compute, const float *x, const float *w, const float *bias, float *y,
                          int64_t rows, int64_t c, int64_t k) {
    linear_job job = {gcam__simd_for(compute), x, w, bias, y, rows, c, k};
    gcam__parallel(compute->pool, gcam__ceil_div(k, ROWS_OF_W), forward_unit, &job);
}

typedef struct linear_backward_job {
    const gcam__simd *simd;
    const float *dy, *w;
    float *dx;
    int64_t rows, c, k;
} linear_backward_job;

static int is_live(const linear_backward_job *job, int64_t k) {
    for (int64_t i = 0; i < job->rows; i++)
        if (job->dy[i * job->k + k] != 0) return 1;
    return 0;
}

/* Up to four live rows of W; missing ones repeat the last with factor 0. */
typedef struct live_rows {
    int found;
    int64_t k[4];
    const float *w[4]; /* their columns from c0 on */
} live_rows;

/* The next ones from row `*next` on. */
static live_rows find_rows(const linear_backward_job *job, int64_t *next, int64_t c0) {
    live_rows rows = {0};
    for (; *next < job->k && rows.found < 4; ++*next)
        if (is_live(job, *next)) rows.k[rows.found++] = *next;
    for (int j = rows.found; rows.found && j < 4; j++) rows.k[j] = rows.k[rows.found - 1];
    for (int j = 0; j < 4; j++) rows.w[j] = job->w + rows.k[j] * job->c + c0;
    return rows;
}

/* A block of columns of dx: the sum over the live rows of W in their order. Zeros that another row of dy makes live add
 * nothing, so a row's result does not depend on its neighbours. */
static void backward_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const linear_backward_job *job = context;
    int64_t c0 = index * COLUMNS, columns = gcam__min(COLUMNS, job->c - c0), position = 0;
    for (int64_t i = 0; i < job->rows; i++)
        for (int64_t c = c0; c < c0 + columns; c++) job->dx[i * job->c + c] = 0;
    live_rows rows = find_rows(job, &position, c0), next;
    for (; rows.found > 0; rows = next) {
        next = find_rows(job, &position, c0);
        for (int64_t i = 0; i < job->rows; i++) {
            float factor[4];
            for (int j = 0; j < 4; j++) factor[j] = j < rows.found ? job->dy[i * job->k + rows.k[j]] : 0;
            job->simd->axpy4(columns, factor, rows.w, next.w, job->dx + i * job->c + c0);
        }
    }
}

void gcam__linear_backward(const gcam__compute *compute, const float *dy, const float *w, float *dx, int64_t rows,
                           int64_t c, int64_t k) {
    linear_backward_job job = {gcam__simd_for(compute), dy, w, dx, rows, c, k};
    gcam__parallel(compute->pool, gcam__ceil_div(c, COLUMNS), backward_unit, &job);
}
