/* Depthwise convolution: every channel has its own filters (groups = C, K a multiple of C). Bound by memory, so no matrix
 * product: each filter tap is added over whole rows. */
#include "kernels/conv.h"

#include <string.h>

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

static void add_tap(float *restrict y, const float *restrict x, float w, span q, int64_t stride) {
    x += q.offset;
    if (stride == 1) {
        for (int64_t i = q.begin; i < q.end; i++) y[i] += w * x[i];
    } else {
        for (int64_t i = q.begin; i < q.end; i++) y[i] += w * x[i * stride];
    }
}

static void add_tap_adjoint(float *restrict dx, const float *restrict dy, float w, span q, int64_t stride) {
    dx += q.offset;
    for (int64_t i = q.begin; i < q.end; i++) dx[i * stride] += w * dy[i];
}

static void forward_row(const gcam__conv *conv, const float *x, const float *w, int64_t p, float *y) {
    for (int64_t r = 0; r < conv->r; r++) {
        int64_t h = p * conv->stride[0] - conv->pad[0] + r * conv->dilation[0];
        if (h < 0 || h >= conv->h) continue;
        for (int64_t s = 0; s < conv->s; s++)
            add_tap(y, x + h * conv->w, w[r * conv->s + s], tap_span(conv, s), conv->stride[1]);
    }
}

static void forward_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const gcam__conv_call *call = context;
    const gcam__conv *conv = call->conv;
    const gcam__epilogue *epilogue = call->epilogue;
    int64_t k = index % conv->k, image = index / conv->k, c = k / (conv->k / conv->c);
    const float *x = call->x + (image * conv->c + c) * conv->h * conv->w;
    float *y = call->y + index * conv->p * conv->q, bias = epilogue->bias ? epilogue->bias[k] : 0;
    for (int64_t p = 0; p < conv->p; p++, y += conv->q) {
        for (int64_t q = 0; q < conv->q; q++) y[q] = 0;
        forward_row(conv, x, call->w + k * conv->r * conv->s, p, y);
        for (int64_t q = 0; q < conv->q; q++) {
            float value = y[q] + bias;
            y[q] = epilogue->relu && value <= 0 ? 0 : value;
        }
    }
}

static void forward(const gcam__conv_call *call) {
    gcam__parallel(call->compute->pool, call->conv->n * call->conv->k, forward_unit, (void *)call);
}

static void backward_plane(const gcam__conv *conv, const float *dy, const float *w, float *dx) {
    for (int64_t p = 0; p < conv->p; p++, dy += conv->q)
        for (int64_t r = 0; r < conv->r; r++) {
            int64_t h = p * conv->stride[0] - conv->pad[0] + r * conv->dilation[0];
            if (h < 0 || h >= conv->h) continue;
            for (int64_t s = 0; s < conv->s; s++)
                add_tap_adjoint(dx + h * conv->w, dy, w[r * conv->s + s], tap_span(conv, s), conv->stride[1]);
        }
}

static void backward_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const gcam__conv_call *call = context;
    const gcam__conv *conv = call->conv;
    int64_t multiplier = conv->k / conv->c, c = index % conv->c, image = index / conv->c;
    float *dx = call->y + index * conv->h * conv->w;
    memset(dx, 0, (size_t)(conv->h * conv->w) * sizeof *dx);
    for (int64_t k = c * multiplier; k < (c + 1) * multiplier; k++)
        backward_plane(conv, call->x + (image * conv->k + k) * conv->p * conv->q, call->w + k * conv->r * conv->s, dx);
}

static void backward_data(const gcam__conv_call *call) {
    gcam__parallel(call->compute->pool, call->conv->n * call->conv->c, backward_unit, (void *)call);
}

const gcam__conv_method gcam__conv_depthwise = {
    .name = "depthwise",
    .forward = forward,
    .backward_data = backward_data,
};
