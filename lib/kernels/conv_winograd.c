/* 3x3 convolutions of stride 1 by Winograd's minimal filtering; the transforms are in winograd_template.h.
 *
 * The output is cut into tiles of m x m, numbered over all images. Input tiles become V (elements x C x tiles), filters U
 * (elements x K x C, packed by conv_prepare), and for each of the (m + 2)^2 elements the products are U V (K x tiles), which the
 * output transform turns into y. Where V of a block of tiles fits the second-level cache, one unit of work takes a block through
 * all three steps (few channels). Otherwise V of a larger block is shared: first units transform channels of the input, then
 * units multiply blocks of tiles with blocks of rows of U (many channels, where reading U costs more).
 *
 * The gradient of the input is the same computation on dy with K and C exchanged and flipped filters. Flipping exchanges
 * elements of U, exchanging K and C is what micro_transposed reads: the prepared weights are the forward's. */
#include "kernels/winograd.h"

enum {
    PRIVATE_FLOATS = 160000, /* V of one unit: 640 kB */
    PRIVATE_TILES = 64,
    SHARED_FLOATS = 3 << 19, /* V of a shared block: 6 MB */
    SHARED_TILES = 80,       /* of one unit, so that U is not read more often than needed */
    PRODUCT_FLOATS = 65000,  /* of one unit: 260 kB, with V what a second-level cache of 1 MB holds */
    MIN_BLOCKS = 4,          /* blocks of tiles that make enough units of work */
    MIN_UNITS = 12,
    BLOCK_DEPTH = 528, /* channels that a micro-kernel adds up at a time */
    CHANNELS = 16,     /* that one unit transforms */
    LINE = 16          /* floats that are added to strides, so that elements do not fall into the same cache set */
};

typedef struct winograd_job {
    const gcam__simd *simd;
    gcam__conv g; /* as a forward convolution in either direction */
    int m, elements, which, transposed;
    int64_t tiles_x, tiles_y, tiles;
    int64_t depth;                /* channels of V, a multiple of mr where U is read transposed */
    int64_t u_channels, u_stride; /* channels and element stride of the packed filters */
    int shared;
    int64_t block, rows;         /* tiles and rows of one unit */
    int64_t span, ldv, v_stride; /* tiles that V holds, its row and element strides */
    int64_t ldp, p_stride;       /* row and element strides of the products */
    int64_t v_floats, worker_floats;
    const float *x, *u;
    const gcam__epilogue *epilogue;
    float *y, *scratch;
    int64_t first; /* tile of the shared V's first column */
} winograd_job;

static int64_t odd_multiple(int64_t count, int64_t unit) {
    return (gcam__ceil_div(count, unit) | 1) * unit;
}

/* Flips x and dy: what the gradient of the input looks like as a forward convolution. */
static gcam__conv adjoint(const gcam__conv *conv) {
    gcam__conv g = *conv;
    g.c = conv->k, g.h = conv->p, g.w = conv->q;
    g.k = conv->c, g.p = conv->h, g.q = conv->w;
    for (int i = 0; i < 2; i++) g.pad[i] = 2 - conv->pad[i];
    return g;
}

/* Splits `panels` into as few parts of at most `most` panels as possible, and evenly. */
static int64_t even_part(int64_t panels, int64_t most) {
    return gcam__ceil_div(panels, gcam__ceil_div(panels, gcam__max(most, 1)));
}

static void plan_blocks(winograd_job *job) {
    int64_t nr = job->simd->nr, mr = job->simd->mr, per_tile = job->elements * job->depth;
    int64_t panels = gcam__ceil_div(job->tiles, nr);
    job->block = even_part(panels, gcam__min(PRIVATE_TILES, PRIVATE_FLOATS / per_tile) / nr) * nr;
    job->shared = per_tile * job->block > PRIVATE_FLOATS || job->tiles <= MIN_BLOCKS * job->block;
    job->span = job->block;
    int64_t rows = job->g.k;
    if (job->shared) {
        job->block = even_part(panels, SHARED_TILES / nr) * nr;
        job->span = gcam__min(gcam__max(SHARED_FLOATS / per_tile / job->block, 1) * job->block, panels * nr);
        rows = gcam__ceil_div(job->g.k * gcam__ceil_div(job->tiles, job->block), MIN_UNITS);
    }
    rows = gcam__min(rows, PRODUCT_FLOATS / (job->elements * job->block));
    job->rows = gcam__max(gcam__ceil_div(rows, mr), 1) * mr;
    job->ldv = odd_multiple(job->span, nr);
    job->v_stride = job->depth * job->ldv + LINE;
    job->ldp = job->block;
    job->p_stride = job->rows * job->ldp + LINE;
    job->v_floats = job->elements * job->v_stride;
    job->worker_floats = job->elements * job->p_stride + (job->shared ? 0 : job->v_floats);
}

static winograd_job plan(const gcam__compute *compute, const gcam__conv *conv, int m, int transposed) {
    winograd_job job = {
        .simd = gcam__simd_for(compute), .g = transposed ? adjoint(conv) : *conv, .transposed = transposed};
    int64_t mr = job.simd->mr;
    job.m = m, job.which = m / 4, job.elements = (m + 2) * (m + 2);
    job.tiles_x = gcam__ceil_div(job.g.q, m);
    job.tiles_y = gcam__ceil_div(job.g.p, m);
    job.tiles = job.g.n * job.tiles_x * job.tiles_y;
    job.depth = transposed ? gcam__ceil_div(job.g.c, mr) * mr : job.g.c;
    job.u_channels = conv->c;
    job.u_stride = gcam__packed_a_floats(job.simd, conv->k, conv->c);
    plan_blocks(&job);
    return job;
}

/* ---- input -------------------------------------------------------------------------------------------------------------- */

void gcam__winograd_transform(const gcam__winograd_grid *grid, gcam__winograd_fn transform, const float *plane,
                              int64_t first, int64_t count, int64_t room, float *v, int64_t stride) {
    for (int64_t done = 0, length; done < count; done += length) {
        int64_t tile = first + done, image = tile / (grid->x * grid->y), x = tile % grid->x;
        length = gcam__min(gcam__min(count - done, grid->x - x), GCAM__WINOGRAD_RUN);
        gcam__winograd_input in = {.plane = plane + image * grid->image,
                                   .h = grid->h,
                                   .w = grid->w,
                                   .top = tile / grid->x % grid->y * grid->m - grid->pad[0],
                                   .left = x * grid->m - grid->pad[1],
                                   .tiles = (int)length,
                                   .room = (int)gcam__min(room - done, 1 << 20),
                                   .v = v + done,
                                   .stride = stride};
        transform(&in);
    }
}

/* Tiles first .. first + count - 1 of channel c, to columns 0 .. of row c of v. */
static void transform_channel(const winograd_job *job, int64_t c, int64_t first, int64_t count, float *v) {
    const gcam__conv *g = &job->g;
    int64_t plane = g->h * g->w;
    gcam__winograd_grid grid = {job->tiles_x, job->tiles_y, g->h, g->w, {g->pad[0], g->pad[1]}, g->c * plane, job->m};
    gcam__winograd_transform(&grid, job->simd->winograd_input[job->which], job->x + c * plane, first, count, job->ldv,
                             v + c * job->ldv, job->v_stride);
}

/* Rows that only fill the depth up to a multiple of mr. */
static void clear_padding(const winograd_job *job, float *v) {
    for (int e = 0; e < job->elements; e++)
        for (int64_t i = job->g.c * job->ldv; i < job->depth * job->ldv; i++) v[e * job->v_stride + i] = 0;
}

/* ---- products and output --------------------------------------------------------------------------------------------------- */

/* Where the filters of an element lie: flipped filters are other elements, see winograd_template.h. */
static const float *element_of(const winograd_job *job, int e) {
    static const int flip2[] = {3, 1, 2, 0}, flip4[] = {5, 3, 4, 1, 2, 0};
    int side = job->m + 2, i = e / side, j = e % side;
    if (job->transposed) i = job->m == 2 ? flip2[i] : flip4[i], j = job->m == 2 ? flip2[j] : flip4[j];
    return job->u + (i * side + j) * job->u_stride;
}

/* products (rows x tiles) = U V for one element and channels l .. l + k - 1. */
static void multiply_depth(const winograd_job *job, const float *u, int64_t row, int64_t rows, const float *v,
                           int64_t tiles, int64_t l, int64_t k, float *products) {
    const gcam__simd *simd = job->simd;
    gcam__tile tile = {.ldc = job->ldp, .accumulate = l > 0};
    v += l * job->ldv;
    for (int64_t j = 0; j < tiles; j += simd->nr)
        for (int64_t i = 0; i < rows; i += simd->mr) {
            tile.rows = (int)gcam__min(simd->mr, rows - i);
            tile.cols = gcam__tile_columns(simd, tiles - j);
            tile.c = products + i * job->ldp + j;
            if (job->transposed)
                simd->micro_transposed(k, u + (row + i) * simd->mr + l * job->u_channels, job->u_channels * simd->mr,
                                       v + j, job->ldv, &tile);
            else
                simd->micro(k, u + (row + i) * job->u_channels + l * simd->mr, v + j, job->ldv, &tile);
        }
}

static void multiply(const winograd_job *job, int64_t row, int64_t rows, const float *v, int64_t tiles,
                     float *products) {
    int64_t step = BLOCK_DEPTH / job->simd->mr * job->simd->mr;
    for (int e = 0; e < job->elements; e++)
        for (int64_t l = 0; l < job->depth; l += step)
            multiply_depth(job, element_of(job, e), row, rows, v + e * job->v_stride, tiles, l,
                           gcam__min(step, job->depth - l), products + e * job->p_stride);
}

/* Row k of the output for tiles first .. first + count - 1. */
static void transform_row(const winograd_job *job, int64_t k, int64_t first, int64_t count, const float *products) {
    static const gcam__epilogue none = {0};
    const gcam__epilogue *epilogue = job->epilogue ? job->epilogue : &none;
    const gcam__conv *g = &job->g;
    int64_t per_image = job->tiles_x * job->tiles_y;
    for (int64_t done = 0, length; done < count; done += length) {
        int64_t tile = first + done, image = tile / per_image, x = tile % job->tiles_x;
        int64_t p = tile % per_image / job->tiles_x * job->m, q = x * job->m;
        int64_t at = ((image * g->k + k) * g->p + p) * g->q + q;
        length = gcam__min(count - done, job->tiles_x - x);
        gcam__winograd_output out = {.products = products + done,
                                     .stride = job->p_stride,
                                     .tiles = (int)length,
                                     .y = job->y + at,
                                     .w = g->q,
                                     .rows = g->p - p,
                                     .columns = g->q - q,
                                     .bias = epilogue->bias ? epilogue->bias[k] : 0,
                                     .scale = epilogue->scale ? epilogue->scale[k] : 1,
                                     .add = epilogue->add ? epilogue->add + at : NULL,
                                     .relu = epilogue->relu,
                                     .cap = epilogue->cap};
        job->simd->winograd_output[job->which](&out);
    }
}

/* Rows row .. row + rows - 1 of the output for some tiles, whose inputs are at v. */
static void finish_block(const winograd_job *job, int64_t row, int64_t first, int64_t tiles, const float *v,
                         float *products) {
    int64_t rows = gcam__min(job->rows, job->g.k - row);
    multiply(job, row, rows, v, tiles, products);
    for (int64_t k = 0; k < rows; k++) transform_row(job, row + k, first, tiles, products + k * job->ldp);
}

/* ---- units of work ----------------------------------------------------------------------------------------------------------- */

static void private_unit(void *context, int64_t index, int worker) {
    const winograd_job *job = context;
    int64_t first = index * job->block, tiles = gcam__min(job->block, job->tiles - first);
    float *v = job->scratch + worker * job->worker_floats, *products = v + job->v_floats;
    if (job->depth > job->g.c) clear_padding(job, v);
    for (int64_t c = 0; c < job->g.c; c++) transform_channel(job, c, first, tiles, v);
    for (int64_t row = 0; row < job->g.k; row += job->rows) finish_block(job, row, first, tiles, v, products);
}

static void shared_input_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const winograd_job *job = context;
    int64_t tiles = gcam__min(job->span, job->tiles - job->first);
    for (int64_t c = index * CHANNELS; c < gcam__min((index + 1) * CHANNELS, job->g.c); c++)
        transform_channel(job, c, job->first, tiles, job->scratch);
}

static void shared_output_unit(void *context, int64_t index, int worker) {
    const winograd_job *job = context;
    int64_t row_blocks = gcam__ceil_div(job->g.k, job->rows), offset = index / row_blocks * job->block;
    int64_t first = job->first + offset;
    finish_block(job, index % row_blocks * job->rows, first, gcam__min(job->block, job->tiles - first),
                 job->scratch + offset, job->scratch + job->v_floats + worker * job->worker_floats);
}

static void run(winograd_job *job, gcam__pool *pool) {
    if (!job->shared) {
        gcam__parallel(pool, gcam__ceil_div(job->tiles, job->block), private_unit, job);
        return;
    }
    if (job->depth > job->g.c) clear_padding(job, job->scratch);
    for (job->first = 0; job->first < job->tiles; job->first += job->span) {
        int64_t tiles = gcam__min(job->span, job->tiles - job->first);
        gcam__parallel(pool, gcam__ceil_div(job->g.c, CHANNELS), shared_input_unit, job);
        gcam__parallel(pool, gcam__ceil_div(tiles, job->block) * gcam__ceil_div(job->g.k, job->rows),
                       shared_output_unit, job);
    }
}

static void call(const gcam__conv_call *c, int m, int transposed) {
    winograd_job job = plan(c->compute, c->conv, m, transposed);
    job.x = c->x, job.y = c->y, job.u = c->prepared, job.scratch = c->scratch, job.epilogue = c->epilogue;
    run(&job, c->compute->pool);
}

static size_t scratch_bytes(const gcam__compute *compute, const gcam__conv *conv, int m, int transposed) {
    winograd_job job = plan(compute, conv, m, transposed);
    int64_t floats = gcam__pool_threads(compute->pool) * job.worker_floats + (job.shared ? job.v_floats : 0);
    return (size_t)floats * sizeof(float);
}

/* ---- filters ---------------------------------------------------------------------------------------------------------------- */

typedef struct filter_job {
    const gcam__simd *simd;
    const gcam__conv *conv;
    const float *w;
    float *u;
    int64_t stride;
    int which;
} filter_job;

static void filter_unit(void *context, int64_t panel, int worker) {
    (void)worker;
    const filter_job *job = context;
    int64_t mr = job->simd->mr, row = panel * mr, channels = job->conv->c;
    for (int64_t c = 0; c < channels; c++)
        job->simd->winograd_filter[job->which](job->w + (row * channels + c) * 9, channels * 9,
                                               (int)gcam__min(mr, job->conv->k - row),
                                               job->u + (row * channels + c * mr), job->stride);
}

static void prepare(const gcam__compute *compute, const gcam__conv *conv, const float *w, float *prepared, int m) {
    const gcam__simd *simd = gcam__simd_for(compute);
    filter_job job = {simd, conv, w, prepared, gcam__packed_a_floats(simd, conv->k, conv->c), m / 4};
    int64_t panels = gcam__ceil_div(conv->k, simd->mr);
    gcam__parallel(compute->pool, panels, filter_unit, &job);
    for (int64_t e = 1; e <= (m + 2) * (m + 2); e++) /* what a transposed reading may touch after the last panel */
        for (int64_t i = simd->mr * simd->mr; i > 0; i--) prepared[e * job.stride - i] = 0;
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__conv *conv, int m) {
    int64_t each = gcam__packed_a_floats(gcam__simd_for(compute), conv->k, conv->c);
    return (size_t)((m + 2) * (m + 2) * each) * sizeof(float);
}

int gcam__conv_is_winograd(const gcam__conv *conv) {
    return conv->r == 3 && conv->s == 3 && conv->groups == 1 && conv->stride[0] == 1 && conv->stride[1] == 1
           && conv->dilation[0] == 1 && conv->dilation[1] == 1;
}

/* The two rows of the table. */
#define WINOGRAD(m)                                                                                                 \
    static size_t prepared_bytes##m(const gcam__compute *compute, const gcam__conv *conv) {                         \
        return prepared_bytes(compute, conv, m);                                                                    \
    }                                                                                                               \
    static void prepare##m(const gcam__compute *compute, const gcam__conv *conv, const float *w, float *prepared) { \
        prepare(compute, conv, w, prepared, m);                                                                     \
    }                                                                                                               \
    static size_t forward_scratch##m(const gcam__compute *compute, const gcam__conv *conv) {                        \
        return scratch_bytes(compute, conv, m, 0);                                                                  \
    }                                                                                                               \
    static size_t backward_scratch##m(const gcam__compute *compute, const gcam__conv *conv) {                       \
        return scratch_bytes(compute, conv, m, 1);                                                                  \
    }                                                                                                               \
    static void forward##m(const gcam__conv_call *c) {                                                              \
        call(c, m, 0);                                                                                              \
    }                                                                                                               \
    static void backward##m(const gcam__conv_call *c) {                                                             \
        call(c, m, 1);                                                                                              \
    }                                                                                                               \
    static size_t weights_scratch##m(const gcam__compute *compute, const gcam__conv *conv) {                        \
        return gcam__winograd_weights_scratch(compute, conv, m);                                                    \
    }                                                                                                               \
    static void backward_weights##m(const gcam__conv_weights_call *c) {                                             \
        gcam__winograd_weights(c, m);                                                                               \
    }                                                                                                               \
    const gcam__conv_method gcam__conv_winograd##m = {                                                              \
        .name = "winograd" #m,                                                                                      \
        .prepared_bytes = prepared_bytes##m,                                                                        \
        .prepare = prepare##m,                                                                                      \
        .forward_scratch = forward_scratch##m,                                                                      \
        .forward = forward##m,                                                                                      \
        .backward_scratch = backward_scratch##m,                                                                    \
        .backward_data = backward##m,                                                                               \
        .weights_scratch = weights_scratch##m,                                                                      \
        .backward_weights = backward_weights##m,                                                                    \
    }

WINOGRAD(2);
WINOGRAD(4);
