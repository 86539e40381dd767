/* Gradient of the weights of a 3x3 convolution of stride 1 on Winograd's tiles: where the forward pass is
 *   y = At [U . V] A,  U = G g Gt,  V = Bt x B,
 * the gradient is dg = Gt [sum over tiles of (A dy At) . V] G: a quarter (m = 4) or 4 / 9 (m = 2) of the multiplications.
 *
 * For a block of tiles, first units transform channels of x to V (elements x C x tiles) and channels of dy to D (elements x
 * tiles x K, packed), then one unit an element adds V D to dU (C x K). At the end dU is turned into dw. */
#include "kernels/winograd.h"

#include <string.h>

enum {
    BLOCK_FLOATS = 3 << 19, /* V and D of a block: 6 MB */
    RUN = 32,               /* tiles that a unit transforms */
    RUN_STRIDE = 48,        /* of their elements before packing; a vector more than RUN */
    CHANNELS = 8            /* of x that a unit transforms */
};

typedef struct winograd_weights_job {
    const gcam__conv_weights_call *call;
    const gcam__simd *simd;
    gcam__winograd_grid x, dy;
    int elements, which;
    int64_t tiles, block; /* tiles in all and of a block */
    int64_t k;            /* filters, rounded up to whole panels */
    int64_t v_stride, d_stride, u_stride;
    float *v, *d, *u, *buffers;
    int64_t buffer_floats;
    int64_t first, count; /* the block's tiles */
} winograd_weights_job;

static winograd_weights_job plan(const gcam__compute *compute, const gcam__conv *conv, int m) {
    winograd_weights_job job = {.simd = gcam__simd_for(compute), .elements = (m + 2) * (m + 2), .which = m / 4};
    int64_t x = gcam__ceil_div(conv->q, m), y = gcam__ceil_div(conv->p, m), nr = job.simd->nr;
    job.x = (gcam__winograd_grid){x, y, conv->h, conv->w, {conv->pad[0], conv->pad[1]}, conv->c * conv->h * conv->w, m};
    job.dy = (gcam__winograd_grid){x, y, conv->p, conv->q, {0, 0}, conv->k * conv->p * conv->q, m};
    job.tiles = conv->n * x * y;
    job.k = gcam__ceil_div(conv->k, nr) * nr;
    int64_t block = BLOCK_FLOATS / (job.elements * (conv->c + job.k)) / RUN * RUN;
    job.block = gcam__min(gcam__max(block, 2 * RUN), GCAM__STRIPE_COLUMNS);
    job.v_stride = conv->c * GCAM__STRIPE;
    job.d_stride = job.k * job.block;
    job.u_stride = conv->c * job.k;
    job.buffer_floats = job.elements * nr * RUN_STRIDE;
    return job;
}

/* ---- transforms ------------------------------------------------------------------------------------------------------------ */

static void transform_x(const winograd_weights_job *job, int64_t c0, int64_t first, int64_t count) {
    const gcam__conv *conv = job->call->conv;
    for (int64_t c = c0; c < gcam__min(c0 + CHANNELS, conv->c); c++)
        gcam__winograd_transform(&job->x, job->simd->winograd_input[job->which], job->call->x + c * conv->h * conv->w,
                                 job->first + first, count, count, job->v + c * GCAM__STRIPE + first, job->v_stride);
}

/* A panel of dy's channels from k0 on. */
static void transform_dy(const winograd_weights_job *job, int64_t k0, int64_t first, int64_t count, float *buffer) {
    const gcam__conv *conv = job->call->conv;
    int64_t nr = job->simd->nr, rows = gcam__min(nr, conv->k - k0), stride = nr * RUN_STRIDE;
    for (int64_t i = 0; i < rows; i++)
        gcam__winograd_transform(&job->dy, job->simd->winograd_gradient[job->which],
                                 job->call->dy + (k0 + i) * conv->p * conv->q, job->first + first, count, RUN_STRIDE,
                                 buffer + i * RUN_STRIDE, stride);
    for (int e = 0; e < job->elements; e++)
        job->simd->pack_transposed(buffer + e * stride, RUN_STRIDE, (int)rows, count,
                                   job->d + e * job->d_stride + k0 * job->count + first * nr);
}

/* Unit = (run of tiles, channels of x or a panel of dy). */
static void transform_unit(void *context, int64_t index, int worker) {
    const winograd_weights_job *job = context;
    int64_t panels = job->k / job->simd->nr, units = panels + gcam__ceil_div(job->call->conv->c, CHANNELS);
    int64_t first = index / units * RUN, count = gcam__min(RUN, job->count - first), unit = index % units;
    if (unit < panels)
        transform_dy(job, unit * job->simd->nr, first, count, job->buffers + worker * job->buffer_floats);
    else
        transform_x(job, (unit - panels) * CHANNELS, first, count);
}

/* ---- products -------------------------------------------------------------------------------------------------------------- */

static void multiply_unit(void *context, int64_t e, int worker) {
    (void)worker;
    const winograd_weights_job *job = context;
    const gcam__simd *simd = job->simd;
    const gcam__conv *conv = job->call->conv;
    const float *v = job->v + e * job->v_stride, *d = job->d + e * job->d_stride;
    for (int64_t j = 0; j < conv->k; j += simd->nr)
        for (int64_t i = 0; i < conv->c; i += simd->mr) {
            gcam__tile tile = {.c = job->u + e * job->u_stride + i * job->k + j,
                               .ldc = job->k,
                               .rows = (int)gcam__min(simd->mr, conv->c - i),
                               .cols = conv->k - j <= simd->width ? simd->width : simd->nr,
                               .accumulate = job->first > 0};
            simd->micro_stripes(job->count, v + i * GCAM__STRIPE, d + j * job->count, simd->nr, &tile);
        }
}

static void filter_unit(void *context, int64_t c, int worker) {
    (void)worker;
    const winograd_weights_job *job = context;
    const gcam__conv *conv = job->call->conv;
    for (int64_t k = 0; k < conv->k; k += job->simd->width)
        job->simd->winograd_filter_gradient[job->which](job->u + c * job->k + k, job->u_stride,
                                                        (int)gcam__min(job->simd->width, conv->k - k),
                                                        job->call->dw + (k * conv->c + c) * 9, conv->c * 9);
}

/* V is followed by what the rows of a last partial tile reach. */
static int64_t v_floats(const winograd_weights_job *job) {
    return job->elements * job->v_stride + job->simd->mr * GCAM__STRIPE;
}

void gcam__winograd_weights(const gcam__conv_weights_call *call, int m) {
    winograd_weights_job job = plan(call->compute, call->conv, m);
    job.call = call;
    job.v = call->scratch;
    job.d = job.v + v_floats(&job);
    job.u = job.d + job.elements * job.d_stride;
    job.buffers = job.u + job.elements * job.u_stride;
    int64_t units = job.k / job.simd->nr + gcam__ceil_div(call->conv->c, CHANNELS);
    for (job.first = 0; job.first < job.tiles; job.first += job.block) {
        job.count = gcam__min(job.block, job.tiles - job.first);
        gcam__parallel(call->compute->pool, units * gcam__ceil_div(job.count, RUN), transform_unit, &job);
        gcam__parallel(call->compute->pool, job.elements, multiply_unit, &job);
    }
    gcam__parallel(call->compute->pool, call->conv->c, filter_unit, &job);
}

size_t gcam__winograd_weights_scratch(const gcam__compute *compute, const gcam__conv *conv, int m) {
    winograd_weights_job job = plan(compute, conv, m);
    int64_t floats = v_floats(&job) + job.elements * (job.d_stride + job.u_stride);
    return (size_t)(floats + gcam__pool_threads(compute->pool) * job.buffer_floats) * sizeof(float);
}
