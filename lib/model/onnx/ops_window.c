/* Operators that slide a window: convolution and pooling, two-dimensional. ONNX counts padding as top, left, bottom, right. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <string.h>

typedef struct window {
    int64_t kernel[2], stride[2], dilation[2], pad[2], pad_end[2]; /* pad_end: beyond pad */
} window;

static gcam_status take_pair(gcam__importer *im, const char *name, int64_t fallback, int64_t out[2]) {
    gcam_dims dims;
    int found;
    GCAM_TRY(gcam__onnx_attribute_ints(im, name, &dims, &found));
    if (found && dims.count != 2)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its %s has %lld numbers; only two dimensions are supported",
                               name, (long long)dims.count);
    for (int i = 0; i < 2; i++) out[i] = found ? dims.value[i] : fallback;
    return GCAM_OK;
}

/* SAME: output = ceil(input / stride), the padding's odd cell at the end (UPPER) or at the beginning (LOWER). */
static void pad_same(window *w, const gcam_shape *in, int lower) {
    for (int i = 0; i < 2; i++) {
        int64_t size = in->dim[2 + i], reach = w->dilation[i] * (w->kernel[i] - 1) + 1;
        int64_t out = (size + w->stride[i] - 1) / w->stride[i], total = (out - 1) * w->stride[i] + reach - size;
        if (total < 0) total = 0;
        w->pad[i] = lower ? (total + 1) / 2 : total / 2;
        w->pad_end[i] = total - 2 * w->pad[i];
    }
}

static gcam_status take_padding(gcam__importer *im, const gcam_shape *in, window *w) {
    const char *automatic = gcam__onnx_attribute_text(im, "auto_pad", "NOTSET");
    gcam_dims pads;
    int found;
    memset(w->pad, 0, sizeof w->pad);
    memset(w->pad_end, 0, sizeof w->pad_end);
    if (strcmp(automatic, "VALID") == 0) return GCAM_OK;
    if (strncmp(automatic, "SAME", 4) == 0) {
        pad_same(w, in, strcmp(automatic, "SAME_LOWER") == 0);
        return GCAM_OK;
    }
    GCAM_TRY(gcam__onnx_attribute_ints(im, "pads", &pads, &found));
    if (!found) return GCAM_OK;
    if (pads.count != 4) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its pads must be four numbers");
    for (int i = 0; i < 2; i++) {
        w->pad[i] = pads.value[i];
        w->pad_end[i] = pads.value[2 + i] - pads.value[i];
    }
    return GCAM_OK;
}

/* Window of the node over input `x`; `kernel` NULL: from the attribute. */
static gcam_status take_window(gcam__importer *im, gcam_node x, const int64_t *kernel, window *w) {
    const gcam_shape *in = gcam__onnx_shape(im, x);
    if (in->rank != 4)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its input has rank %d; only pictures (rank 4) are supported",
                               in->rank);
    GCAM_TRY(take_pair(im, "kernel_shape", 0, w->kernel));
    if (kernel) memcpy(w->kernel, kernel, sizeof w->kernel);
    GCAM_TRY(take_pair(im, "strides", 1, w->stride));
    GCAM_TRY(take_pair(im, "dilations", 1, w->dilation));
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] <= 0 || w->stride[i] <= 0 || w->dilation[i] <= 0 || w->kernel[i] > INT32_MAX
            || w->stride[i] > INT32_MAX || w->dilation[i] > INT32_MAX)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its kernel, strides and dilations must be above zero");
    return take_padding(im, in, w);
}

gcam_status gcam__onnx_Conv(gcam__importer *im) {
    const gcam_tensor_entry *weight, *bias = NULL;
    gcam_node x;
    window w;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant(im, 1, "weight", &weight));
    if (gcam__onnx_input(im, 2)) GCAM_TRY(gcam__onnx_constant(im, 2, "bias", &bias));
    if (weight->shape.rank != 4)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                               "its weight has rank %d; only two-dimensional convolution is supported",
                               weight->shape.rank);
    GCAM_TRY(take_window(im, x, &weight->shape.dim[2], &w));
    gcam_conv2d_params p = {
        .out = weight->shape.dim[0], .groups = gcam__onnx_attribute_int(im, "group", 1), .no_bias = !bias};
    memcpy(p.kernel, w.kernel, sizeof p.kernel);
    memcpy(p.stride, w.stride, sizeof p.stride);
    memcpy(p.dilation, w.dilation, sizeof p.dilation);
    memcpy(p.pad, w.pad, sizeof p.pad);
    memcpy(p.pad_end, w.pad_end, sizeof p.pad_end);
    GCAM_TRY(gcam__onnx_give_weight(im, NULL, "weight", weight));
    if (bias) GCAM_TRY(gcam__onnx_give_weight(im, NULL, "bias", bias));
    return gcam__onnx_emit(im, NULL, "conv2d", &x, 1, &p, NULL);
}

static gcam_status pool(gcam__importer *im, const char *op) {
    gcam_node x;
    window w;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(take_window(im, x, NULL, &w));
    if (im->node->output_count > 1 && *im->node->outputs[1])
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its second output, the indices, is not supported");
    gcam_pool_params p = {.ceil_mode = gcam__onnx_attribute_int(im, "ceil_mode", 0),
                          .exclude_pad = !gcam__onnx_attribute_int(im, "count_include_pad", 0)};
    memcpy(p.kernel, w.kernel, sizeof p.kernel);
    memcpy(p.stride, w.stride, sizeof p.stride);
    memcpy(p.dilation, w.dilation, sizeof p.dilation);
    memcpy(p.pad, w.pad, sizeof p.pad);
    memcpy(p.pad_end, w.pad_end, sizeof p.pad_end);
    return gcam__onnx_emit(im, NULL, op, &x, 1, &p, NULL);
}

gcam_status gcam__onnx_MaxPool(gcam__importer *im) {
    return pool(im, "max_pool");
}

gcam_status gcam__onnx_AveragePool(gcam__importer *im) {
    return pool(im, "avg_pool");
}

static gcam_status global_pool(gcam__importer *im, const char *op) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    return gcam__onnx_emit(im, NULL, op, &x, 1, NULL, NULL);
}

gcam_status gcam__onnx_GlobalAveragePool(gcam__importer *im) {
    return global_pool(im, "global_avg_pool");
}

gcam_status gcam__onnx_GlobalMaxPool(gcam__importer *im) {
    return global_pool(im, "global_max_pool");
}
