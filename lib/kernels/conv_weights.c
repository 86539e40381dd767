/* Gradient of a convolution's weights through the column matrix: dWt (C R S x K) = columns (C R S x N P Q) dyt.
 *
 * With own kernels a unit of work has a block of channels, a block of filters and a part of the columns. Tile by tile it makes the
 * columns of its channels, whose rows the micro-kernel reads as they are, packs dy the other way round, and multiplies. Where there are
 * few channels, the columns are cut into parts whose sums are added at the end. What is cut, and so the order of the sums,
 * depends on the geometry alone. With OpenBLAS a unit has channels and filters, and all columns. */
#include "kernels/conv.h"

#include <string.h>

enum {
    BLOCK_ROWS = 144,
    FILTERS = 192,
    MIN_UNITS = 8,
    ROWS_OF_DW = 64, /* OpenBLAS */
    BLAS_TILE = 192
};

typedef struct weights_job {
    const gcam__conv_weights_call *call;
    const gcam__simd *simd; /* NULL: OpenBLAS */
    int64_t k, c;           /* of one group */
    int64_t channels, channel_blocks, filters, filter_blocks;
    int64_t columns, tiles, parts;                            /* own kernels */
    int64_t rows, sums_floats, columns_floats, worker_floats; /* own kernels: rows and sums of one block */
} weights_job;

static weights_job plan(const gcam__compute *compute, const gcam__conv *conv) {
    weights_job job = {.k = conv->k / conv->groups, .c = conv->c / conv->groups};
    int64_t area = conv->r * conv->s;
    job.channels = gcam__min(job.c, gcam__max(1, BLOCK_ROWS / area));
    job.channel_blocks = gcam__ceil_div(job.c, job.channels);
    job.channels = gcam__ceil_div(job.c, job.channel_blocks);
    if (gcam__use_blas(compute)) {
        job.filters = ROWS_OF_DW;
        job.filter_blocks = gcam__ceil_div(job.k, job.filters);
        job.worker_floats = gcam__ceil_div(job.channels * area * BLAS_TILE, 16) * 16;
        return job;
    }
    const gcam__simd *simd = job.simd = gcam__simd_for(compute);
    job.filter_blocks = gcam__ceil_div(job.k, FILTERS);
    job.filters = gcam__ceil_div(gcam__ceil_div(job.k, job.filter_blocks), simd->nr) * simd->nr;
    job.filter_blocks = gcam__ceil_div(job.k, job.filters);
    job.columns = conv->n * conv->p * conv->q;
    job.tiles = gcam__ceil_div(job.columns, GCAM__STRIPE_COLUMNS);
    job.parts = gcam__ceil_div(MIN_UNITS, conv->groups * job.channel_blocks * job.filter_blocks);
    job.parts = gcam__min(job.parts, job.tiles);
    job.rows = job.channels * area;
    job.sums_floats = gcam__ceil_div(job.rows * job.filters, 16) * 16;
    job.columns_floats = (job.rows + simd->mr) * GCAM__STRIPE;
    job.worker_floats = job.columns_floats + job.filters * GCAM__STRIPE_COLUMNS;
    return job;
}

/* The channels and filters of a unit. */
typedef struct weights_block {
    int64_t group, c0, c1, k0, k1;
} weights_block;

static weights_block block_of(const weights_job *job, int64_t index) {
    int64_t rest = index / job->channel_blocks;
    weights_block block = {.group = rest / job->filter_blocks,
                           .c0 = index % job->channel_blocks * job->channels,
                           .k0 = rest % job->filter_blocks * job->filters};
    block.c1 = gcam__min(block.c0 + job->channels, job->c);
    block.k1 = gcam__min(block.k0 + job->filters, job->k);
    return block;
}

static int64_t blocks_of(const weights_job *job) {
    return job->call->conv->groups * job->filter_blocks * job->channel_blocks;
}

static const float *input_of(const weights_job *job, int64_t group) {
    return job->call->x + group * job->c * job->call->conv->h * job->call->conv->w;
}

/* Columns first .. first + count - 1 of dy's rows k0 .. k1 - 1 in panels [panel][column][nr]. */
static void pack_dy(const weights_job *job, const weights_block *block, int64_t first, int64_t count, float *packed) {
    const gcam__conv *conv = job->call->conv;
    int64_t pixels = conv->p * conv->q, nr = job->simd->nr;
    for (int64_t k = block->k0; k < block->k1; k += nr, packed += count * nr)
        for (int64_t done = 0, length; done < count; done += length) {
            int64_t image = (first + done) / pixels, pixel = (first + done) % pixels;
            length = gcam__min(count - done, pixels - pixel);
            job->simd->pack_transposed(job->call->dy + (image * conv->k + block->group * job->k + k) * pixels + pixel,
                                       pixels, (int)gcam__min(nr, block->k1 - k), length, packed + done * nr);
        }
}

static void multiply_block(const weights_job *job, const weights_block *block, int64_t count, const float *columns,
                           const float *dy, float *sums) {
    const gcam__simd *simd = job->simd;
    int64_t rows = (block->c1 - block->c0) * job->call->conv->r * job->call->conv->s, k = block->k1 - block->k0;
    for (int64_t j = 0; j < k; j += simd->nr)
        for (int64_t i = 0; i < rows; i += simd->mr) {
            gcam__tile tile = {.c = sums + i * job->filters + j,
                               .ldc = job->filters,
                               .rows = (int)gcam__min(simd->mr, rows - i),
                               .cols = k - j <= simd->width ? simd->width : simd->nr,
                               .accumulate = 1};
            simd->micro_stripes(count, columns + i * GCAM__STRIPE, dy + j * count, simd->nr, &tile);
        }
}

static float *sums_of(const weights_job *job, int64_t part, int64_t block) {
    return job->call->scratch + (part * blocks_of(job) + block) * job->sums_floats;
}

static void own_unit(void *context, int64_t index, int worker) {
    const weights_job *job = context;
    int64_t part = index % job->parts, begin = part * job->tiles / job->parts,
            end = (part + 1) * job->tiles / job->parts;
    weights_block block = block_of(job, index / job->parts);
    float *sums = sums_of(job, part, index / job->parts);
    float *columns = sums_of(job, job->parts, 0) + worker * job->worker_floats, *dy = columns + job->columns_floats;
    memset(sums, 0, (size_t)job->sums_floats * sizeof *sums);
    for (int64_t t = begin; t < end; t++) {
        int64_t first = t * GCAM__STRIPE_COLUMNS, count = gcam__min(GCAM__STRIPE_COLUMNS, job->columns - first);
        gcam__column_tile tile;
        gcam__column_tile_set(&tile, job->call->conv, first, (int)count, GCAM__STRIPE);
        gcam__im2col(job->simd, job->call->conv, &tile, input_of(job, block.group), block.c0, block.c1,
                     (block.c1 - block.c0) * job->call->conv->r * job->call->conv->s, columns);
        pack_dy(job, &block, first, count, dy);
        multiply_block(job, &block, count, columns, dy, sums);
    }
}

/* dw += the parts' sums, in order. */
static void add_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const weights_job *job = context;
    const gcam__conv *conv = job->call->conv;
    weights_block block = block_of(job, index);
    int64_t area = conv->r * conv->s, rows = (block.c1 - block.c0) * area;
    for (int64_t part = 0; part < job->parts; part++)
        for (int64_t k = block.k0; k < block.k1; k++) {
            const float *sums = sums_of(job, part, index) + k - block.k0;
            float *dw = job->call->dw + ((block.group * job->k + k) * job->c + block.c0) * area;
            for (int64_t i = 0; i < rows; i++) dw[i] += sums[i * job->filters];
        }
}

/* ---- OpenBLAS -------------------------------------------------------------------------------------------------------------- */

static void blas_unit(void *context, int64_t index, int worker) {
    const weights_job *job = context;
    const gcam__conv *conv = job->call->conv;
    weights_block block = block_of(job, index);
    int64_t pixels = conv->p * conv->q, area = conv->r * conv->s, row = block.group * job->k + block.k0;
    float *columns = job->call->scratch + worker * job->worker_floats;
    gcam__gemm_call g = {.m = block.k1 - block.k0,
                         .n = (block.c1 - block.c0) * area,
                         .lda = pixels,
                         .b = columns,
                         .ldb = BLAS_TILE,
                         .transpose_b = 1,
                         .c = job->call->dw + (row * job->c + block.c0) * area,
                         .ldc = job->c * area,
                         .accumulate = 1};
    for (int64_t i = 0; i < conv->n; i++)
        for (int64_t first = 0; first < pixels; first += BLAS_TILE) {
            gcam__column_tile tile;
            g.k = gcam__min(BLAS_TILE, pixels - first);
            g.a = job->call->dy + (i * conv->k + row) * pixels + first;
            gcam__column_tile_set(&tile, conv, i * pixels + first, (int)g.k, BLAS_TILE);
            gcam__im2col(gcam__simd_for(job->call->compute), conv, &tile, input_of(job, block.group), block.c0,
                         block.c1, g.n, columns);
            gcam__gemm_blas(&g);
        }
}

void gcam__conv_columns_weights(const gcam__conv_weights_call *call) {
    weights_job job = plan(call->compute, call->conv);
    job.call = call;
    if (!job.simd) {
        gcam__parallel(call->compute->pool, blocks_of(&job), blas_unit, &job);
        return;
    }
    gcam__parallel(call->compute->pool, blocks_of(&job) * job.parts, own_unit, &job);
    gcam__parallel(call->compute->pool, blocks_of(&job), add_unit, &job);
}

size_t gcam__conv_columns_weights_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    weights_job job = plan(compute, conv);
    int64_t blocks = conv->groups * job.filter_blocks * job.channel_blocks;
    return (size_t)(job.parts * blocks * job.sums_floats + gcam__pool_threads(compute->pool) * job.worker_floats)
           * sizeof(float);
}
