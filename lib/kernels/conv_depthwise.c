/* Depthwise convolution: every channel has its own filters (groups = C, K a multiple of C). Bound by loads, so no matrix
 * product: see depthwise_template.h. The gradient of the input at stride 1 is the same with flipped filters; at other strides
 * each tap is added over whole rows. */
#include "kernels/depthwise.h"

#include <string.h>

enum { STRIP_FLOATS = 6144, MAX_FLIPPED = 128 };

typedef struct depthwise_job {
    const gcam__conv_call *call;
    const gcam__simd *simd;
    const gcam__conv *conv;
    int64_t phase, rows, strip_floats, worker_floats;
} depthwise_job;

static depthwise_job plan(const gcam__compute *compute, const gcam__conv *conv) {
    depthwise_job job = {.simd = gcam__simd_for(compute), .conv = conv};
    int64_t width = job.simd->width, stride = conv->stride[1];
    int64_t phase =
        conv->q + (conv->s - 1) * conv->dilation[1] / stride + width; /* a vector may begin at the last output */
    job.phase = gcam__ceil_div(phase, width) * width;
    int64_t row = stride * job.phase, reach = (conv->r - 1) * conv->dilation[0] + 1;
    job.rows = gcam__max(1, gcam__min(conv->p, (STRIP_FLOATS / row - reach) / conv->stride[0] + 1));
    job.strip_floats = ((job.rows - 1) * conv->stride[0] + reach) * row;
    job.worker_floats = gcam__ceil_div(job.strip_floats + row, 16) * 16;
    return job;
}

static gcam__depthwise plane_of(const depthwise_job *job, const float *x, const float *w, float *y, int worker) {
    float *strip = job->call->scratch + worker * job->worker_floats;
    return (gcam__depthwise){.conv = job->conv,
                             .x = x,
                             .w = w,
                             .y = y,
                             .scale = 1,
                             .phase = job->phase,
                             .rows = job->rows,
                             .strip = strip,
                             .linear = strip + job->strip_floats};
}

static void forward_unit(void *context, int64_t index, int worker) {
    const depthwise_job *job = context;
    const gcam__conv *conv = job->conv;
    const gcam__epilogue *epilogue = job->call->epilogue;
    int64_t k = index % conv->k, image = index / conv->k, c = k / (conv->k / conv->c);
    gcam__depthwise d =
        plane_of(job, job->call->x + (image * conv->c + c) * conv->h * conv->w, job->call->w + k * conv->r * conv->s,
                 job->call->y + index * conv->p * conv->q, worker);
    d.bias = epilogue->bias ? epilogue->bias[k] : 0;
    d.scale = epilogue->scale ? epilogue->scale[k] : 1;
    d.add = epilogue->add ? epilogue->add + index * conv->p * conv->q : NULL;
    d.relu = epilogue->relu, d.cap = epilogue->cap;
    job->simd->depthwise(&d);
}

static void forward(const gcam__conv_call *call) {
    if (gcam__depthwise_is_flat(call->conv)) {
        gcam__depthwise_flat_run(call, call->conv, 0);
        return;
    }
    depthwise_job job = plan(call->compute, call->conv);
    job.call = call;
    gcam__parallel(call->compute->pool, call->conv->n * call->conv->k, forward_unit, &job);
}

static size_t strip_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    return (size_t)(gcam__pool_threads(compute->pool) * plan(compute, conv).worker_floats) * sizeof(float);
}

static size_t scratch_of(const gcam__compute *compute, const gcam__conv *conv) {
    return gcam__depthwise_is_flat(conv) ? gcam__depthwise_flat_scratch(compute, conv) : strip_scratch(compute, conv);
}

/* ---- gradient of the input ----------------------------------------------------------------------------------------------- */

static int has_flipped_form(const gcam__conv *conv) {
    return conv->k == conv->c && conv->stride[0] == 1 && conv->stride[1] == 1 && conv->r * conv->s <= MAX_FLIPPED;
}

/* dy as the input of a convolution with the filters turned round. */
static gcam__conv adjoint(const gcam__conv *conv) {
    gcam__conv g = *conv;
    g.h = conv->p, g.w = conv->q, g.p = conv->h, g.q = conv->w;
    g.pad[0] = (conv->r - 1) * conv->dilation[0] - conv->pad[0];
    g.pad[1] = (conv->s - 1) * conv->dilation[1] - conv->pad[1];
    return g;
}

static void flipped_unit(void *context, int64_t index, int worker) {
    const depthwise_job *job = context;
    const gcam__conv *g = job->conv;
    int64_t taps = g->r * g->s;
    const float *w = job->call->w + index % g->c * taps;
    float flipped[MAX_FLIPPED];
    for (int64_t i = 0; i < taps; i++) flipped[i] = w[taps - 1 - i];
    gcam__depthwise d =
        plane_of(job, job->call->x + index * g->h * g->w, flipped, job->call->y + index * g->p * g->q, worker);
    job->simd->depthwise(&d);
}

/* Output columns begin <= q < end of one tap whose input column q stride + offset is inside the image. */
typedef struct span {
    int64_t begin, end, offset;
} span;

static span tap_span(const gcam__conv *conv, int64_t s) {
    int64_t offset = s * conv->dilation[1] - conv->pad[1], stride = conv->stride[1], left = conv->w - offset;
    span result = {offset < 0 ? gcam__ceil_div(-offset, stride) : 0, left > 0 ? gcam__ceil_div(left, stride) : 0,
                   offset};
    result.end = gcam__min(result.end, conv->q);
    return result;
}

static void scatter_plane(const gcam__conv *conv, const float *dy, const float *w, float *dx) {
    for (int64_t p = 0; p < conv->p; p++, dy += conv->q)
        for (int64_t r = 0; r < conv->r; r++) {
            int64_t h = p * conv->stride[0] - conv->pad[0] + r * conv->dilation[0];
            if (h < 0 || h >= conv->h) continue;
            for (int64_t s = 0; s < conv->s; s++) {
                span q = tap_span(conv, s);
                float *to = dx + h * conv->w + q.offset, tap = w[r * conv->s + s];
                for (int64_t i = q.begin; i < q.end; i++) to[i * conv->stride[1]] += tap * dy[i];
            }
        }
}

static void scatter_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const depthwise_job *job = context;
    const gcam__conv *conv = job->conv;
    int64_t multiplier = conv->k / conv->c, c = index % conv->c, image = index / conv->c;
    float *dx = job->call->y + index * conv->h * conv->w;
    memset(dx, 0, (size_t)(conv->h * conv->w) * sizeof *dx);
    for (int64_t k = c * multiplier; k < (c + 1) * multiplier; k++)
        scatter_plane(conv, job->call->x + (image * conv->k + k) * conv->p * conv->q,
                      job->call->w + k * conv->r * conv->s, dx);
}

static void backward_data(const gcam__conv_call *call) {
    const gcam__conv *conv = call->conv;
    gcam__conv flipped = adjoint(conv);
    if (has_flipped_form(conv) && gcam__depthwise_is_flat(&flipped)) {
        gcam__depthwise_flat_run(call, &flipped, 1);
        return;
    }
    depthwise_job job = {.conv = conv};
    if (has_flipped_form(conv)) job = plan(call->compute, &flipped);
    job.call = call;
    gcam__parallel(call->compute->pool, conv->n * conv->c, has_flipped_form(conv) ? flipped_unit : scatter_unit, &job);
}

static size_t backward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    gcam__conv flipped = adjoint(conv);
    return has_flipped_form(conv) ? scratch_of(compute, &flipped) : 0;
}

/* ---- gradient of the weights ----------------------------------------------------------------------------------------------- */

enum { MAX_TAPS = 256 }; /* sums of one filter that fit the stack */

typedef struct weights_job {
    const gcam__conv_weights_call *call;
    depthwise_job plan;
} weights_job;

static void weights_unit(void *context, int64_t k, int worker) {
    const weights_job *job = context;
    const gcam__conv *conv = job->call->conv;
    int64_t c = k / (conv->k / conv->c), taps = conv->r * conv->s;
    double sums[MAX_TAPS] = {0};
    float *strip = job->call->scratch + worker * job->plan.worker_floats;
    gcam__depthwise d = {.conv = conv, .phase = job->plan.phase, .rows = job->plan.rows, .strip = strip};
    d.linear = strip + job->plan.strip_floats;
    for (int64_t i = 0; i < conv->n; i++) {
        d.x = job->call->x + (i * conv->c + c) * conv->h * conv->w;
        job->plan.simd->depthwise_weights(&d, job->call->dy + (i * conv->k + k) * conv->p * conv->q, sums);
    }
    for (int64_t i = 0; i < taps; i++) job->call->dw[k * taps + i] += (float)sums[i];
}

/* Larger filters go through the column matrix. */
static void backward_weights(const gcam__conv_weights_call *call) {
    if (call->conv->r * call->conv->s > MAX_TAPS) {
        gcam__conv_columns_weights(call);
        return;
    }
    weights_job job = {call, plan(call->compute, call->conv)};
    gcam__parallel(call->compute->pool, call->conv->k, weights_unit, &job);
}

static size_t weights_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    return conv->r * conv->s > MAX_TAPS ? gcam__conv_columns_weights_scratch(compute, conv)
                                        : strip_scratch(compute, conv);
}

const gcam__conv_method gcam__conv_depthwise = {
    .name = "depthwise",
    .forward_scratch = scratch_of,
    .forward = forward,
    .backward_scratch = backward_scratch,
    .backward_data = backward_data,
    .weights_scratch = weights_scratch,
    .backward_weights = backward_weights,
};
