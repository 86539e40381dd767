/* Operators that slide a window: convolution, transposed convolution, pooling. ONNX counts padding as top, left, bottom, right.
 * A signal (N C L) is a picture one row high: N C 1 L, and back. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <string.h>

typedef struct window {
    int signal; /* 1: the input is N C L, and only the columns are the node's own */
    int64_t kernel[2], stride[2], dilation[2], pad[2], pad_end[2]; /* pad_end: beyond pad */
} window;

/* One number an axis of the input; rows of a signal take `neutral`. */
static gcam_status take_pair(gcam__importer *im, const char *name, const window *w, const int64_t neutral,
                             int64_t out[2]) {
    gcam_dims dims;
    int found;
    GCAM_TRY(gcam__onnx_attribute_ints(im, name, &dims, &found));
    if (found && dims.count != 2 - w->signal)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its %s has %lld numbers, expected one for each of %d axes",
                               name, (long long)dims.count, 2 - w->signal);
    out[0] = out[1] = neutral;
    for (int i = w->signal; i < 2 && found; i++) out[i] = dims.value[i - w->signal];
    if (out[0] >= neutral && out[0] <= INT32_MAX && out[1] >= neutral && out[1] <= INT32_MAX) return GCAM_OK;
    return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its %s must be at least %lld", name, (long long)neutral);
}

static void split_padding(window *w, int axis, int64_t total, int lower) {
    w->pad[axis] = lower ? (total + 1) / 2 : total / 2;
    w->pad_end[axis] = total - 2 * w->pad[axis];
}

static int64_t reach(const window *w, int axis) {
    return w->dilation[axis] * (w->kernel[axis] - 1) + 1;
}

/* 1 where auto_pad says how to pad; `*lower`: the odd cell comes first. */
static int pads_itself(const gcam__importer *im, int *lower) {
    const char *automatic = gcam__onnx_attribute_text(im, "auto_pad", "NOTSET");
    *lower = strcmp(automatic, "SAME_LOWER") == 0;
    return *lower || strcmp(automatic, "SAME_UPPER") == 0;
}

static gcam_status take_pads(gcam__importer *im, window *w) {
    gcam_dims pads;
    int found, axes = 2 - w->signal;
    memset(w->pad, 0, sizeof w->pad);
    memset(w->pad_end, 0, sizeof w->pad_end);
    if (strcmp(gcam__onnx_attribute_text(im, "auto_pad", "NOTSET"), "VALID") == 0) return GCAM_OK;
    GCAM_TRY(gcam__onnx_attribute_ints(im, "pads", &pads, &found));
    if (!found) return GCAM_OK;
    if (pads.count != 2 * axes)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its pads must be two numbers for each of %d axes", axes);
    for (int64_t i = 0; i < pads.count; i++)
        if (pads.value[i] < -INT32_MAX || pads.value[i] > INT32_MAX)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its padding of %lld is too large", (long long)pads.value[i]);
    for (int i = w->signal; i < 2; i++) {
        w->pad[i] = pads.value[i - w->signal];
        w->pad_end[i] = pads.value[axes + i - w->signal] - w->pad[i];
    }
    return GCAM_OK;
}

/* SAME: output = ceil(input / stride), the padding's odd cell at the end (UPPER) or at the beginning (LOWER). */
static void pad_same(window *w, const gcam_shape *in, int lower) {
    for (int i = w->signal; i < 2; i++) {
        int64_t size = in->dim[2 + i - w->signal], out = (size - 1) / w->stride[i] + 1;
        int64_t total = (out - 1) * w->stride[i] + reach(w, i) - size;
        split_padding(w, i, total < 0 ? 0 : total, lower);
    }
}

/* Window of the node over input `x`; `kernel` NULL: from the attribute. Padding is taken by the caller. */
static gcam_status take_window(gcam__importer *im, gcam_node x, const gcam_shape *weight, window *w) {
    const gcam_shape *in = gcam__onnx_shape(im, x);
    *w = (window){.signal = in->rank == 3};
    if (in->rank != 4 && in->rank != 3)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                               "its input has rank %d; only pictures (rank 4) and signals (rank 3) are supported",
                               in->rank);
    if (weight && weight->rank != in->rank)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its weight has rank %d, its input %d", weight->rank, in->rank);
    GCAM_TRY(take_pair(im, "kernel_shape", w, 1, w->kernel));
    for (int i = w->signal; i < 2 && weight; i++) w->kernel[i] = weight->dim[2 + i - w->signal];
    GCAM_TRY(take_pair(im, "strides", w, 1, w->stride));
    GCAM_TRY(take_pair(im, "dilations", w, 1, w->dilation));
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] <= 0 || w->kernel[i] > INT32_MAX || in->dim[2 + i * !w->signal] > INT32_MAX)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT,
                                   "its kernel must have 1 to 2^31 - 1 cells an axis, and so its input");
    return GCAM_OK;
}

static gcam_status take_padded_window(gcam__importer *im, gcam_node x, const gcam_shape *weight, window *w) {
    int lower;
    GCAM_TRY(take_window(im, x, weight, w));
    if (!pads_itself(im, &lower)) return take_pads(im, w);
    pad_same(w, gcam__onnx_shape(im, x), lower);
    return GCAM_OK;
}

/* Suffix of the layer that does the work. */
static const char *suffix_of(const window *w) {
    return w->signal ? "picture" : NULL;
}

/* The layer, between two reshapes where the input is a signal. */
static gcam_status emit(gcam__importer *im, const window *w, const char *op, gcam_node x, const void *params) {
    if (!w->signal) return gcam__onnx_emit(im, NULL, op, &x, 1, params, NULL);
    gcam_reshape_params picture = {.shape = {4, {0, 0, 1, -1}}}, signal = {.shape = {3, {0, 0, -1}}};
    GCAM_TRY(gcam__onnx_emit(im, "row", "reshape", &x, 1, &picture, &x));
    GCAM_TRY(gcam__onnx_emit(im, suffix_of(w), op, &x, 1, params, &x));
    return gcam__onnx_emit(im, NULL, "reshape", &x, 1, &signal, NULL);
}

/* Weight and bias for the layer that emit() will add; a signal's weight gets a row. */
static gcam_status give_weights(gcam__importer *im, const window *w, const gcam_tensor_entry *weight,
                                const gcam_tensor_entry *bias) {
    gcam_tensor_entry picture = *weight;
    if (w->signal) {
        picture.shape = (gcam_shape){4, {weight->shape.dim[0], weight->shape.dim[1], 1, weight->shape.dim[2]}};
        picture.stride[2] = 0, picture.stride[3] = weight->stride[2];
    }
    GCAM_TRY(gcam__onnx_give_weight(im, suffix_of(w), "weight", &picture));
    return bias ? gcam__onnx_give_weight(im, suffix_of(w), "bias", bias) : GCAM_OK;
}

/* Input, weight and bias of a convolution. */
static gcam_status take_operands(gcam__importer *im, gcam_node *x, const gcam_tensor_entry **weight,
                                 const gcam_tensor_entry **bias) {
    *bias = NULL;
    GCAM_TRY(gcam__onnx_value(im, 0, x));
    GCAM_TRY(gcam__onnx_constant(im, 1, "weight", weight));
    return gcam__onnx_input(im, 2) ? gcam__onnx_constant(im, 2, "bias", bias) : GCAM_OK;
}

gcam_status gcam__onnx_Conv(gcam__importer *im) {
    const gcam_tensor_entry *weight, *bias;
    gcam_node x;
    window w;
    GCAM_TRY(take_operands(im, &x, &weight, &bias));
    GCAM_TRY(take_padded_window(im, x, &weight->shape, &w));
    gcam_conv2d_params p = {
        .out = weight->shape.dim[0], .groups = gcam__onnx_attribute_int(im, "group", 1), .no_bias = !bias};
    memcpy(p.kernel, w.kernel, sizeof p.kernel);
    memcpy(p.stride, w.stride, sizeof p.stride);
    memcpy(p.dilation, w.dilation, sizeof p.dilation);
    memcpy(p.pad, w.pad, sizeof p.pad);
    memcpy(p.pad_end, w.pad_end, sizeof p.pad_end);
    GCAM_TRY(give_weights(im, &w, weight, bias));
    return emit(im, &w, "conv2d", x, &p);
}

/* Padding of a transposed convolution. With a size of the output, or with SAME (then it is input x stride), the padding is what
 * makes that size; the standard puts the odd cell at the end for SAME_UPPER, and first otherwise. */
static gcam_status take_transposed_padding(gcam__importer *im, const gcam_shape *in, window *w, int64_t out_pad[2]) {
    gcam_dims size;
    int found, lower, axes = 2 - w->signal;
    GCAM_TRY(take_pair(im, "output_padding", w, 0, out_pad));
    GCAM_TRY(gcam__onnx_attribute_ints(im, "output_shape", &size, &found));
    int same = pads_itself(im, &lower), upper = same && !lower;
    if (!found && !same) return take_pads(im, w);
    if (found && size.count < axes)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its output_shape must be one number for each of %d axes", axes);
    for (int i = w->signal; i < 2; i++) {
        int64_t rows = in->dim[2 + i - w->signal];
        int64_t wanted = found ? size.value[size.count - 2 + i] : rows * w->stride[i];
        if (wanted <= 0 || wanted > INT32_MAX)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its output would have a size of %lld", (long long)wanted);
        int64_t total = (rows - 1) * w->stride[i] + reach(w, i) + out_pad[i] - wanted;
        if (total < 0) out_pad[i] -= total, total = 0;
        split_padding(w, i, total, !upper);
    }
    return GCAM_OK;
}

gcam_status gcam__onnx_ConvTranspose(gcam__importer *im) {
    const gcam_tensor_entry *weight, *bias;
    gcam_node x;
    window w;
    GCAM_TRY(take_operands(im, &x, &weight, &bias));
    GCAM_TRY(take_window(im, x, &weight->shape, &w));
    gcam_conv_transpose2d_params p = {.groups = gcam__onnx_attribute_int(im, "group", 1), .no_bias = !bias};
    if (p.groups <= 0 || p.groups > INT32_MAX || weight->shape.dim[1] > INT32_MAX)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its group must be above zero");
    p.out = weight->shape.dim[1] * p.groups;
    GCAM_TRY(take_transposed_padding(im, gcam__onnx_shape(im, x), &w, p.out_pad));
    memcpy(p.kernel, w.kernel, sizeof p.kernel);
    memcpy(p.stride, w.stride, sizeof p.stride);
    memcpy(p.dilation, w.dilation, sizeof p.dilation);
    memcpy(p.pad, w.pad, sizeof p.pad);
    memcpy(p.pad_end, w.pad_end, sizeof p.pad_end);
    GCAM_TRY(give_weights(im, &w, weight, bias));
    return emit(im, &w, "conv_transpose2d", x, &p);
}

static gcam_status pool(gcam__importer *im, const char *op) {
    gcam_node x;
    window w;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(take_padded_window(im, x, NULL, &w));
    if (gcam__onnx_is_read(im, 1))
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its second output, the indices, is not supported");
    if (strcmp(op, "avg_pool") == 0 && (w.dilation[0] != 1 || w.dilation[1] != 1))
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "dilations are not supported in average pooling");
    gcam_pool_params p = {.ceil_mode = gcam__onnx_attribute_int(im, "ceil_mode", 0),
                          .exclude_pad = !gcam__onnx_attribute_int(im, "count_include_pad", 0)};
    memcpy(p.kernel, w.kernel, sizeof p.kernel);
    memcpy(p.stride, w.stride, sizeof p.stride);
    memcpy(p.dilation, w.dilation, sizeof p.dilation);
    memcpy(p.pad, w.pad, sizeof p.pad);
    memcpy(p.pad_end, w.pad_end, sizeof p.pad_end);
    return emit(im, &w, op, x, &p);
}

gcam_status gcam__onnx_MaxPool(gcam__importer *im) {
    return pool(im, "max_pool");
}

gcam_status gcam__onnx_AveragePool(gcam__importer *im) {
    return pool(im, "avg_pool");
}

/* Over all axes from the third on. */
gcam_status gcam__onnx_GlobalAveragePool(gcam__importer *im) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    int rank = gcam__onnx_shape(im, x)->rank;
    if (rank == 4) return gcam__onnx_emit(im, NULL, "global_avg_pool", &x, 1, NULL, NULL);
    gcam_reduce_params p = {.axes = {.count = 0}};
    for (int i = 2; i < rank; i++) p.axes.value[p.axes.count++] = i;
    if (p.axes.count == 0) return gcam__onnx_set_node(im, 0, x);
    return gcam__onnx_emit(im, NULL, "reduce_mean", &x, 1, &p, NULL);
}

gcam_status gcam__onnx_GlobalMaxPool(gcam__importer *im) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    return gcam__onnx_emit(im, NULL, "global_max_pool", &x, 1, NULL, NULL);
}
