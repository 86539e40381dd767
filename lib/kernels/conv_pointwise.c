/* 1x1 convolutions of stride 1: one matrix product over all pixels. The images are taken as single rows of H W pixels, so that
 * the copies into panels run over the borders of rows; the rest is the general path. */
#include "kernels/conv.h"

#include <string.h>

static size_t prepared_bytes(const gcam__compute *compute, const gcam__conv *conv) {
    return gcam__conv_im2col.prepared_bytes(compute, conv);
}

static void prepare(const gcam__compute *compute, const gcam__conv *conv, const float *w, float *prepared) {
    gcam__conv_im2col.prepare(compute, conv, w, prepared);
}

static size_t forward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    gcam__conv flat = gcam__flatten_conv(conv);
    return gcam__conv_im2col.forward_scratch(compute, &flat);
}

static void forward(const gcam__conv_call *call) {
    gcam__conv flat = gcam__flatten_conv(call->conv);
    gcam__conv_call flat_call = *call;
    flat_call.conv = &flat;
    gcam__conv_im2col.forward(&flat_call);
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
