/* 1x1 convolutions of stride 1: one matrix product over all pixels, y (K x P Q) = W (K x C) x (C x P Q). An image as it lies in memory
 * is the right operand, and the micro-kernel reads it where it is. Small images, and OpenBLAS, take the general path, as single
 * rows of H W pixels, so that panels run over the borders of rows and images. */
#include "kernels/conv.h"

#include <string.h>

static size_t prepared_bytes(const gcam__compute *compute, const gcam__conv *conv) {
    return gcam__conv_im2col.prepared_bytes(compute, conv);
}

static void prepare(const gcam__compute *compute, const gcam__conv *conv, const float *w, float *prepared) {
    gcam__conv_im2col.prepare(compute, conv, w, prepared);
}

/* ---- forward --------------------------------------------------------------------------------------------------------------- */

enum { MIN_PIXELS = 128, BLOCK_DEPTH = 288, UNIT_PRODUCTS = 600000, CACHED_WEIGHTS = 1 << 17 };

typedef struct direct_job {
    const gcam__conv_call *call;
    const gcam__simd *simd;
    int64_t k, c, pixels;              /* of one group and image */
    int64_t rows, columns;             /* of one unit, in whole panels */
    int64_t row_blocks, column_blocks; /* units of a group */
    int64_t depth, edge_floats;        /* channels of one product; the copied last panel */
} direct_job;

static int is_direct(const gcam__compute *compute, const gcam__conv *conv) {
    return !gcam__use_blas(compute) && conv->h * conv->w >= MIN_PIXELS;
}

/* How many of `panels` a unit takes that should take `wanted`: all units alike. */
static int64_t share(int64_t panels, int64_t wanted) {
    return gcam__ceil_div(panels, gcam__ceil_div(panels, gcam__max(1, gcam__min(wanted, panels))));
}

/* Cut into units of about UNIT_PRODUCTS multiplications: whole rows of micro-tiles where W is the larger operand and should be
 * read once, whole columns otherwise. */
static direct_job plan(const gcam__compute *compute, const gcam__conv *conv) {
    direct_job job = {.simd = gcam__simd_for(compute), .pixels = conv->h * conv->w};
    int64_t mr = job.simd->mr, nr = job.simd->nr;
    job.k = conv->k / conv->groups;
    job.c = conv->c / conv->groups;
    int64_t row_panels = gcam__ceil_div(job.k, mr), column_panels = gcam__ceil_div(job.pixels, nr);
    int64_t tiles = gcam__max(1, UNIT_PRODUCTS / (mr * nr * job.c));
    int64_t columns = share(column_panels, job.k * job.c > CACHED_WEIGHTS ? tiles : tiles / row_panels);
    job.rows = share(row_panels, tiles / columns) * mr;
    job.columns = columns * nr;
    job.row_blocks = gcam__ceil_div(job.k, job.rows);
    job.column_blocks = gcam__ceil_div(job.pixels, job.columns);
    job.depth = gcam__ceil_div(job.c, gcam__ceil_div(job.c, BLOCK_DEPTH));
    job.edge_floats = job.depth * nr;
    return job;
}

/* The last columns of x, fewer than nr, as a panel of their own: the micro-kernel reads whole vectors. */
static void copy_edge(const float *x, int64_t ld, int64_t rows, int64_t columns, int64_t nr, float *edge) {
    for (int64_t i = 0; i < rows; i++, x += ld, edge += nr) {
        memcpy(edge, x, (size_t)columns * sizeof *edge);
        memset(edge + columns, 0, (size_t)(nr - columns) * sizeof *edge);
    }
}

/* Rows of one panel of columns from `column` on, channels c0 .. c0 + depth - 1 of a group; `row` counts in the group. */
static void direct_panel(const direct_job *job, const float *b, int64_t ldb, const float *a, int64_t place, int64_t row,
                         int64_t end, int64_t column, int64_t c0, int64_t depth) {
    const gcam__epilogue *e = job->call->epilogue;
    int64_t group = place % job->call->conv->groups * job->k, mr = job->simd->mr;
    for (; row < end; row += mr) {
        int64_t at = (place * job->k + row) * job->pixels + column;
        gcam__tile tile = {.c = job->call->y + at,
                           .ldc = job->pixels,
                           .rows = (int)gcam__min(mr, end - row),
                           .cols = (int)gcam__min(job->simd->nr, job->pixels - column),
                           .accumulate = c0 > 0};
        if (c0 + depth == job->c) {
            tile.bias = e->bias ? e->bias + group + row : NULL;
            tile.scale = e->scale ? e->scale + group + row : NULL;
            tile.add = e->add ? e->add + at : NULL;
            tile.relu = e->relu, tile.cap = e->cap;
        }
        job->simd->micro(depth, a + row * job->c, b, ldb, &tile);
    }
}

/* One block of rows and columns of place = (image, group). */
static void direct_unit(void *context, int64_t index, int worker) {
    const direct_job *job = context;
    int64_t units = job->row_blocks * job->column_blocks, place = index / units, nr = job->simd->nr;
    int64_t row = index % units % job->row_blocks * job->rows, first = index % units / job->row_blocks * job->columns;
    int64_t row_end = gcam__min(row + job->rows, job->k), end = gcam__min(first + job->columns, job->pixels);
    const float *x = job->call->x + place * job->c * job->pixels;
    const float *a = (const float *)job->call->prepared
                     + place % job->call->conv->groups * gcam__packed_a_floats(job->simd, job->k, job->c);
    float *edge = job->call->scratch + worker * job->edge_floats;
    for (int64_t c0 = 0; c0 < job->c; c0 += job->depth) {
        int64_t depth = gcam__min(job->depth, job->c - c0);
        for (int64_t j = first; j < end; j += nr) {
            const float *b = x + c0 * job->pixels + j;
            int is_edge = j + nr > job->pixels;
            if (is_edge) copy_edge(b, job->pixels, depth, job->pixels - j, nr, edge);
            direct_panel(job, is_edge ? edge : b, is_edge ? nr : job->pixels, a + c0 * job->simd->mr, place, row,
                         row_end, j, c0, depth);
        }
    }
}

static size_t forward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    gcam__conv flat = gcam__flatten_conv(conv);
    if (!is_direct(compute, conv)) return gcam__conv_im2col.forward_scratch(compute, &flat);
    return (size_t)(gcam__pool_threads(compute->pool) * plan(compute, conv).edge_floats) * sizeof(float);
}

static void forward(const gcam__conv_call *call) {
    gcam__conv flat = gcam__flatten_conv(call->conv);
    if (!is_direct(call->compute, call->conv)) {
        gcam__conv_call flat_call = *call;
        flat_call.conv = &flat;
        gcam__conv_im2col.forward(&flat_call);
        return;
    }
    direct_job job = plan(call->compute, call->conv);
    job.call = call;
    gcam__parallel(call->compute->pool, flat.n * flat.groups * job.row_blocks * job.column_blocks, direct_unit, &job);
}

/* ---- gradient of the input ----------------------------------------------------------------------------------------------- */

/* A class score's gradient has one channel before global pooling: where most channels of dy are zero, the others are added up. */
enum { RARE = 16, CHANNELS = 32 };

typedef struct sparse_job {
    const gcam__conv_call *call;
    const gcam__simd *simd;
    int32_t *live; /* of one image's channels of dy */
    int count;
} sparse_job;

static int is_zero(const float *values, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] != 0) return 0;
    return 1;
}

/* Finds the channels that are not zero; 0 where they are too many. */
static int find_live(sparse_job *job) {
    const gcam__conv *g = job->call->conv;
    if (g->n != 1 || g->groups != 1 || job->call->compute->deterministic)
        return 0; /* bits must not depend on the batch */
    for (int64_t k = 0; k < g->k; k++) {
        if (is_zero(job->call->x + k * g->p * g->q, g->p * g->q)) continue;
        if (job->count >= g->k / RARE) return 0;
        job->live[job->count++] = (int32_t)k;
    }
    return 1;
}

static void sparse_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const sparse_job *job = context;
    const gcam__conv *g = job->call->conv;
    int64_t pixels = g->p * g->q;
    for (int64_t c = index * CHANNELS; c < gcam__min((index + 1) * CHANNELS, g->c); c++) {
        float *dx = job->call->y + c * pixels;
        memset(dx, 0, (size_t)pixels * sizeof *dx);
        for (int i = 0; i < job->count; i += 4) {
            const float *dy[4];
            float factor[4];
            for (int j = 0; j < 4; j++) {
                int64_t k = job->live[i + j < job->count ? i + j : i];
                dy[j] = job->call->x + k * pixels;
                factor[j] = i + j < job->count ? job->call->w[k * g->c + c] : 0;
            }
            job->simd->axpy4(pixels, factor, dy, dy, dx);
        }
    }
}

static size_t backward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    gcam__conv flat = gcam__flatten_conv(conv);
    size_t live = (size_t)conv->k * sizeof(int32_t), bytes = gcam__conv_im2col.backward_scratch(compute, &flat);
    return bytes > live ? bytes : live;
}

static void backward_data(const gcam__conv_call *call) {
    sparse_job job = {call, gcam__simd_for(call->compute), (int32_t *)(void *)call->scratch, 0};
    if (find_live(&job)) {
        gcam__parallel(call->compute->pool, gcam__ceil_div(call->conv->c, CHANNELS), sparse_unit, &job);
        return;
    }
    gcam__conv flat = gcam__flatten_conv(call->conv);
    gcam__conv_call flat_call = *call;
    flat_call.conv = &flat;
    gcam__conv_im2col.backward_data(&flat_call);
}

static size_t weights_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    gcam__conv flat = gcam__flatten_conv(conv);
    return gcam__conv_columns_weights_scratch(compute, &flat);
}

static void backward_weights(const gcam__conv_weights_call *call) {
    gcam__conv flat = gcam__flatten_conv(call->conv);
    gcam__conv_weights_call flat_call = *call;
    flat_call.conv = &flat;
    gcam__conv_columns_weights(&flat_call);
}

const gcam__conv_method gcam__conv_pointwise = {
    .name = "pointwise",
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .forward_scratch = forward_scratch,
    .forward = forward,
    .backward_scratch = backward_scratch,
    .backward_data = backward_data,
    .weights_scratch = weights_scratch,
    .backward_weights = backward_weights,
};
