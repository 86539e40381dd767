/* Gradient of a convolution's input through the column matrix: dcolumns = Wt dy, added up into dx where they came from (col2im).
 * A unit of work owns what it writes and runs over images and tiles in order, so sums have one order. */
#include "kernels/conv.h"

#include <string.h>

enum { TILE = 96, BLOCK_ROWS = 144, BLOCK_DEPTH = 288, MIN_UNITS = 4, MIN_PANELS = 8 };

typedef struct backward_job {
    const gcam__conv_call *call;
    const gcam__simd *simd;                  /* NULL: OpenBLAS */
    gcam__conv outputs;                      /* dy as the input of a 1x1 convolution: its columns are dy itself */
    int64_t k, c;                            /* of one group */
    int64_t channels, channel_blocks, tiles; /* a unit has some channels of one tile (direct) or of all tiles */
    int64_t depth, depth_padded;             /* rows of dy at a time */
    int direct;                              /* 1: the columns are dx itself */
    int64_t columns_floats, worker_floats;
} backward_job;

static gcam__conv output_columns(const gcam__conv *conv) {
    gcam__conv outputs = {.n = conv->n, .c = conv->k, .h = 1, .w = conv->p * conv->q, .r = 1, .s = 1, .p = 1};
    outputs.q = outputs.w;
    outputs.stride[0] = outputs.stride[1] = outputs.dilation[0] = outputs.dilation[1] = 1;
    return outputs;
}

static backward_job plan(const gcam__compute *compute, const gcam__conv *conv) {
    backward_job job = {.simd = gcam__use_blas(compute) ? NULL : gcam__simd_for(compute),
                        .outputs = output_columns(conv),
                        .k = conv->k / conv->groups,
                        .c = conv->c / conv->groups};
    int64_t area = conv->r * conv->s, mr = job.simd ? job.simd->mr : 1, nr = job.simd ? job.simd->nr : 1;
    job.direct = gcam__conv_is_pointwise(conv);
    job.channels = gcam__max(1, gcam__min(BLOCK_ROWS / area, gcam__ceil_div(job.c, MIN_UNITS)));
    job.tiles = 1;
    if (job.direct) {
        job.tiles = gcam__ceil_div(conv->p * conv->q, TILE);
        job.channels = gcam__ceil_div(job.c, gcam__ceil_div(MIN_UNITS, job.tiles * conv->n * conv->groups));
        job.channels = gcam__max(gcam__ceil_div(job.channels, mr), MIN_PANELS) * mr;
    }
    job.channel_blocks = gcam__ceil_div(job.c, job.channels);
    job.depth = gcam__min(BLOCK_DEPTH / mr * mr, job.k);
    job.depth_padded = gcam__ceil_div(job.depth, mr) * mr;
    job.columns_floats = job.direct ? 0 : gcam__ceil_div(job.channels * area * TILE, 16) * 16;
    job.worker_floats = job.columns_floats + gcam__ceil_div(job.depth_padded * gcam__ceil_div(TILE, nr) * nr, 16) * 16;
    return job;
}

/* c (rows x the tile's columns) = or += rows row0 .. of (W of a group)t times rows k0 .. k0 + k - 1 of dy. */
static void multiply_own(const backward_job *job, int64_t group, int64_t row0, int64_t rows, int64_t k0, int64_t k,
                         const gcam__column_tile *columns, const float *dy, float *c, int64_t ldc) {
    const gcam__simd *simd = job->simd;
    const gcam__conv *conv = job->call->conv;
    int64_t all = job->c * conv->r * conv->s, padded = gcam__ceil_div(k, simd->mr) * simd->mr;
    const float *a = (const float *)job->call->prepared + group * gcam__packed_a_floats(simd, job->k, all) + k0 * all;
    for (int j = 0; j < columns->count; j += simd->nr)
        for (int64_t i = 0; i < rows; i += simd->mr) {
            gcam__tile tile = {.c = c + i * ldc + j,
                               .ldc = ldc,
                               .rows = (int)gcam__min(simd->mr, rows - i),
                               .cols = (int)gcam__min(simd->nr, columns->count - j),
                               .accumulate = k0 > 0};
            simd->micro_transposed(padded, a + (row0 + i) * simd->mr, all * simd->mr, dy + j * padded, simd->nr, &tile);
        }
}

static void multiply_blas(const backward_job *job, int64_t group, int64_t row0, int64_t rows, int64_t k0, int64_t k,
                          const gcam__column_tile *columns, const float *dy, float *c, int64_t ldc) {
    const gcam__conv *conv = job->call->conv;
    int64_t all = job->c * conv->r * conv->s;
    gcam__gemm_call g = {.m = rows,
                         .n = columns->count,
                         .k = k,
                         .a = job->call->w + (group * job->k + k0) * all + row0,
                         .lda = all,
                         .transpose_a = 1,
                         .b = dy,
                         .ldb = columns->nr,
                         .c = c,
                         .ldc = ldc,
                         .accumulate = k0 > 0};
    gcam__gemm_blas(&g);
}

/* Columns first .. first + count - 1 of one image, channels c0 .. c1 - 1 of one group. */
static void backward_tile(const backward_job *job, int64_t group, int64_t c0, int64_t c1, int64_t first, int count,
                          float *scratch) {
    const gcam__conv *conv = job->call->conv;
    int64_t area = conv->r * conv->s, pixels = conv->p * conv->q, image = first / pixels;
    float *dy = scratch + job->columns_floats;
    float *group_dx = job->call->y + group * job->c * conv->h * conv->w;
    float *c = job->direct ? group_dx + (image * conv->c + c0) * pixels + first % pixels : scratch;
    int64_t ldc = job->direct ? pixels : TILE;
    gcam__column_tile columns;
    gcam__column_tile_set(&columns, &job->outputs, first, count, job->simd ? job->simd->nr : TILE);
    for (int64_t k0 = 0; k0 < job->k; k0 += job->depth) {
        int64_t k = gcam__min(job->depth, job->k - k0), mr = job->simd ? job->simd->mr : 1;
        gcam__im2col(gcam__simd_for(job->call->compute), &job->outputs, &columns,
                     job->call->x + group * job->k * pixels, k0, k0 + k, gcam__ceil_div(k, mr) * mr, dy);
        (job->simd ? multiply_own : multiply_blas)(job, group, c0 * area, (c1 - c0) * area, k0, k, &columns, dy, c,
                                                   ldc);
    }
    if (job->direct) return;
    gcam__column_tile_set(&columns, conv, first, count, TILE);
    gcam__col2im(gcam__simd_for(job->call->compute), conv, &columns, scratch, c0, c1, group_dx);
}

static void backward_unit(void *context, int64_t index, int worker) {
    const backward_job *job = context;
    const gcam__conv *conv = job->call->conv;
    int64_t block = index % job->channel_blocks, rest = index / job->channel_blocks, tile = rest % job->tiles;
    int64_t group = rest / job->tiles % conv->groups, image = rest / job->tiles / conv->groups;
    int64_t c0 = block * job->channels, c1 = gcam__min(c0 + job->channels, job->c), plane = conv->h * conv->w;
    int64_t pixels = conv->p * conv->q, begin = tile * TILE,
            end = job->direct ? gcam__min(begin + TILE, pixels) : pixels;
    float *dx = job->call->y + (image * conv->c + group * job->c + c0) * plane;
    if (!job->direct) memset(dx, 0, (size_t)((c1 - c0) * plane) * sizeof *dx);
    for (int64_t first = begin; first < end; first += TILE)
        backward_tile(job, group, c0, c1, image * pixels + first, (int)gcam__min(TILE, end - first),
                      job->call->scratch + worker * job->worker_floats);
}

void gcam__conv_columns_backward(const gcam__conv_call *call) {
    backward_job job = plan(call->compute, call->conv);
    job.call = call;
    gcam__parallel(call->compute->pool, call->conv->n * call->conv->groups * job.tiles * job.channel_blocks,
                   backward_unit, &job);
}

size_t gcam__conv_columns_backward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    backward_job job = plan(compute, conv);
    return (size_t)(gcam__pool_threads(compute->pool) * job.worker_floats) * sizeof(float);
}
