/* 1x1 convolutions of stride 1: one matrix product over all pixels. The images are taken as single rows of H W pixels, so that
 * the copies into panels run over the borders of rows; the rest is the general path. */
#include "kernels/conv.h"

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

static size_t backward_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    gcam__conv flat = gcam__flatten_conv(conv);
    return gcam__conv_im2col.backward_scratch(compute, &flat);
}

static void backward_data(const gcam__conv_call *call) {
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
