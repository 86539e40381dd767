/* Convolution by im2col and matrix products, the path that takes every geometry (Chellapilla et al. 2006).
 *
 * y (K x N P Q) = W (K x C R S) columns (C R S x N P Q). The columns are never made as a whole: a unit of work is a tile of at
 * most TILE columns and a block of rows of W; it makes the columns of BLOCK_ROWS rows at a time, which stay in the second-level
 * cache, and multiplies. Where there are so few columns that W must be cut as well, the columns are made before and shared.
 * With own kernels, W is packed once (conv_prepare). With OpenBLAS, a tile is a row-major matrix. */
#include "kernels/conv.h"

enum { TILE = 192, BLOCK_ROWS = 288, BLOCK_WEIGHTS = 40960, MIN_UNITS = 8, MIN_PANELS = 8, MAX_TILE_FLOATS = 16 * 64 };
enum { SHARED_FLOATS = 3 << 19 };

typedef struct im2col_job {
    const gcam__conv_call *call;
    const gcam__simd *simd; /* NULL: OpenBLAS */
    int64_t k, c;           /* of one group */
    int64_t batches;        /* OpenBLAS: one per image, because a tile must not cross images */
    int64_t columns;        /* of one batch */
    int64_t tiles, tile, row_blocks, rows;
    int64_t channels; /* of one block of rows */
    int shared;       /* 1: all columns are made first, by units of their own */
    int64_t shared_floats, worker_floats;
} im2col_job;

/* How the work is cut; depends on the convolution alone, not on the number of threads. */
static im2col_job plan(const gcam__compute *compute, const gcam__conv *conv) {
    im2col_job job = {.simd = gcam__use_blas(compute) ? NULL : gcam__simd_for(compute)};
    int64_t area = conv->r * conv->s, nr = job.simd ? job.simd->nr : 16, mr = job.simd ? job.simd->mr : 8;
    job.k = conv->k / conv->groups;
    job.c = conv->c / conv->groups;
    job.batches = job.simd ? 1 : conv->n;
    job.columns = conv->n * conv->p * conv->q / job.batches;
    int64_t panels = gcam__ceil_div(job.columns, nr), most = TILE / nr;
    job.tile = gcam__ceil_div(panels, gcam__max(1, gcam__ceil_div(panels, most))) * nr;
    job.tiles = gcam__ceil_div(job.columns, job.tile);
    int64_t row_panels = gcam__ceil_div(job.k, mr), units = job.batches * job.tiles * conv->groups;
    int64_t blocks = gcam__min(gcam__ceil_div(MIN_UNITS, units), gcam__max(1, row_panels / MIN_PANELS));
    job.rows = gcam__ceil_div(row_panels, blocks) * mr;
    job.row_blocks = gcam__ceil_div(job.k, job.rows);
    int64_t channels = gcam__min(job.c, gcam__max(1, BLOCK_ROWS / area));
    job.channels = gcam__ceil_div(job.c, gcam__ceil_div(job.c, channels));
    job.shared_floats = job.batches * conv->groups * job.tiles * job.c * area * job.tile;
    job.shared = job.row_blocks > 1 && job.shared_floats <= SHARED_FLOATS;
    if (job.shared) return job;
    job.shared_floats = 0;
    job.worker_floats = gcam__ceil_div(job.channels * area * job.tile, 16) * 16;
    return job;
}

/* Copies a tile whose columns belong to several images to its places. */
static void scatter(const im2col_job *job, const gcam__tile *tile, const float *from, int64_t ld, int64_t column,
                    int64_t row) {
    const gcam__conv *conv = job->call->conv;
    int64_t pixels = conv->p * conv->q;
    for (int j = 0; j < tile->cols; j++) {
        int64_t image = (column + j) / pixels, pixel = (column + j) % pixels;
        int64_t at = (image * conv->k + row) * pixels + pixel;
        for (int i = 0; i < tile->rows; i++, at += pixels) {
            float *y = job->call->y + at, value = from[i * ld + j];
            *y = gcam__finish(tile, i, tile->accumulate ? value + *y : value,
                              tile->add ? job->call->epilogue->add[at] : 0);
        }
    }
}

/* One micro-tile: rows from `row` (of all K) on, columns from `column` on. */
static void multiply_tile(const im2col_job *job, gcam__tile *tile, int64_t k, const float *a, const float *b,
                          int64_t row, int64_t column) {
    int64_t pixels = job->call->conv->p * job->call->conv->q, image = column / pixels;
    int64_t at = (image * job->call->conv->k + row) * pixels + column % pixels;
    if (tile->bias) tile->bias += row;
    if (tile->scale) tile->scale += row;
    if ((column + tile->cols - 1) / pixels == image) {
        if (tile->add) tile->add += at;
        tile->c = job->call->y + at;
        tile->ldc = pixels;
        job->simd->micro(k, a, b, job->simd->nr, tile);
        return;
    }
    float buffer[MAX_TILE_FLOATS];
    gcam__tile whole = {.c = buffer, .ldc = job->simd->nr, .rows = tile->rows, .cols = job->simd->nr};
    job->simd->micro(k, a, b, job->simd->nr, &whole);
    scatter(job, tile, buffer, whole.ldc, column, row);
}

typedef struct row_range {
    int64_t begin, end;
} row_range;

/* All micro-tiles of a block: rows of one group, the tile's columns, k rows of the column matrix from `k0` on. */
static void multiply_block(const im2col_job *job, int64_t group, row_range rows, const gcam__column_tile *columns,
                           int64_t k0, int64_t k, const float *b) {
    const gcam__simd *simd = job->simd;
    const gcam__conv *conv = job->call->conv;
    const gcam__epilogue *epilogue = job->call->epilogue;
    int64_t depth = job->c * conv->r * conv->s;
    const float *a =
        (const float *)job->call->prepared + group * gcam__packed_a_floats(simd, job->k, depth) + k0 * simd->mr;
    int64_t step = gcam__max(1, BLOCK_WEIGHTS / (k * simd->mr)) * simd->mr;
    for (int64_t i0 = rows.begin; i0 < rows.end; i0 += step)
        for (int j = 0; j < columns->count; j += simd->nr)
            for (int64_t i = i0; i < gcam__min(i0 + step, rows.end); i += simd->mr) {
                gcam__tile tile = {.rows = (int)gcam__min(simd->mr, rows.end - i),
                                   .cols = (int)gcam__min(simd->nr, columns->count - j),
                                   .accumulate = k0 > 0};
                if (k0 + k == depth) {
                    tile.bias = epilogue->bias, tile.relu = epilogue->relu, tile.cap = epilogue->cap;
                    tile.scale = epilogue->scale, tile.add = epilogue->add;
                }
                multiply_tile(job, &tile, k, a + i * depth, b + j * k, group * job->k + i, columns->first + j);
            }
}

/* What OpenBLAS has left at columns of rows of y, the first of which is `at`. */
static void finish_rows(const gcam__conv_call *call, int64_t rows, int64_t ld, int64_t columns, int64_t row,
                        int64_t at) {
    const gcam__epilogue *e = call->epilogue;
    gcam__tile tile = {.relu = e->relu, .cap = e->cap, .add = e->add};
    if (!e->bias && !e->scale && !e->add && !e->relu) return;
    for (int64_t i = 0; i < rows; i++, at += ld) {
        tile.bias = e->bias ? e->bias + row + i : NULL;
        tile.scale = e->scale ? e->scale + row + i : NULL;
        for (int64_t j = at; j < at + columns; j++)
            call->y[j] = gcam__finish(&tile, 0, call->y[j], e->add ? e->add[j] : 0);
    }
}

static void multiply_blas(const im2col_job *job, int64_t group, row_range rows, const gcam__column_tile *columns,
                          int64_t k0, int64_t k, const float *b) {
    const gcam__conv *conv = job->call->conv;
    int64_t depth = job->c * conv->r * conv->s, pixels = conv->p * conv->q, row = group * job->k + rows.begin;
    int64_t at = (columns->first / pixels * conv->k + row) * pixels + columns->first % pixels;
    gcam__gemm_call g = {.m = rows.end - rows.begin,
                         .n = columns->count,
                         .k = k,
                         .a = job->call->w + row * depth + k0,
                         .lda = depth,
                         .b = b,
                         .ldb = columns->nr,
                         .c = job->call->y + at,
                         .ldc = pixels,
                         .accumulate = k0 > 0};
    gcam__gemm_blas(&g);
    if (k0 + k == depth) finish_rows(job->call, g.m, pixels, g.n, row, at);
}

/* A tile of one group (and batch): where its columns begin and how many there are. */
static void set_columns(const im2col_job *job, int64_t batch, int64_t tile, gcam__column_tile *columns) {
    int count = (int)gcam__min(job->tile, job->columns - tile * job->tile);
    gcam__column_tile_set(columns, job->call->conv, batch * job->columns + tile * job->tile, count,
                          job->simd ? job->simd->nr : (int)job->tile);
}

static void make_columns(const im2col_job *job, const gcam__column_tile *columns, int64_t group, int64_t c, int64_t end,
                         float *b) {
    const gcam__conv *conv = job->call->conv;
    gcam__im2col(gcam__simd_for(job->call->compute), conv, columns, job->call->x + group * job->c * conv->h * conv->w,
                 c, end, (end - c) * conv->r * conv->s, b);
}

/* The shared columns of tile `index` = (batch, group, tile), from channel c on. */
static float *shared_columns(const im2col_job *job, int64_t index, int64_t c) {
    int64_t area = job->call->conv->r * job->call->conv->s;
    return job->call->scratch + (index * job->c + c) * area * job->tile;
}

static void columns_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const im2col_job *job = context;
    int64_t blocks = gcam__ceil_div(job->c, job->channels), c = index % blocks * job->channels, place = index / blocks;
    int64_t group = place / job->tiles % job->call->conv->groups, batch = place / job->tiles / job->call->conv->groups;
    gcam__column_tile columns;
    set_columns(job, batch, place % job->tiles, &columns);
    make_columns(job, &columns, group, c, gcam__min(c + job->channels, job->c), shared_columns(job, place, c));
}

static void forward_unit(void *context, int64_t index, int worker) {
    const im2col_job *job = context;
    const gcam__conv *conv = job->call->conv;
    int64_t block = index % job->row_blocks, place = index / job->row_blocks, area = conv->r * conv->s;
    int64_t group = place / job->tiles % conv->groups, batch = place / job->tiles / conv->groups;
    row_range rows = {block * job->rows, gcam__min((block + 1) * job->rows, job->k)};
    gcam__column_tile columns;
    set_columns(job, batch, place % job->tiles, &columns);
    for (int64_t c = 0; c < job->c; c += job->channels) {
        int64_t end = gcam__min(c + job->channels, job->c), k = (end - c) * area;
        float *b = job->shared ? shared_columns(job, place, c) : job->call->scratch + worker * job->worker_floats;
        if (!job->shared) make_columns(job, &columns, group, c, end, b);
        if (job->simd)
            multiply_block(job, group, rows, &columns, c * area, k, b);
        else
            multiply_blas(job, group, rows, &columns, c * area, k, b);
    }
}

static void forward(const gcam__conv_call *call) {
    im2col_job job = plan(call->compute, call->conv);
    job.call = call;
    int64_t places = job.batches * call->conv->groups * job.tiles;
    if (job.shared)
        gcam__parallel(call->compute->pool, places * gcam__ceil_div(job.c, job.channels), columns_unit, &job);
    gcam__parallel(call->compute->pool, places * job.row_blocks, forward_unit, &job);
}

static size_t forward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    im2col_job job = plan(compute, conv);
    return (size_t)(job.shared_floats + gcam__pool_threads(compute->pool) * job.worker_floats) * sizeof(float);
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__conv *conv) {
    if (gcam__use_blas(compute)) return 0;
    int64_t group = gcam__packed_a_floats(gcam__simd_for(compute), conv->k / conv->groups,
                                          conv->c / conv->groups * conv->r * conv->s);
    return (size_t)(conv->groups * group) * sizeof(float);
}

static void prepare(const gcam__compute *compute, const gcam__conv *conv, const float *w, float *prepared) {
    const gcam__simd *simd = gcam__simd_for(compute);
    int64_t k = conv->k / conv->groups, depth = conv->c / conv->groups * conv->r * conv->s;
    for (int64_t group = 0; group < conv->groups; group++)
        gcam__pack_a(simd, k, depth, w + group * k * depth, depth, 1,
                     prepared + group * gcam__packed_a_floats(simd, k, depth));
}

const gcam__conv_method gcam__conv_im2col = {
    .name = "im2col",
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .forward_scratch = forward_scratch,
    .forward = forward,
    .backward_scratch = gcam__conv_columns_backward_scratch,
    .backward_data = gcam__conv_columns_backward,
    .weights_scratch = gcam__conv_columns_weights_scratch,
    .backward_weights = gcam__conv_columns_weights,
};
