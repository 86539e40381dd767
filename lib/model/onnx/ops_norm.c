/* Normalisation, and softmax. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <string.h>

/* The same tensor as a list. */
static gcam_status as_list(gcam__importer *im, const gcam_tensor_entry *x, gcam_tensor_entry *out) {
    void *data;
    int64_t count = gcam_shape_count(&x->shape);
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &(gcam_shape){1, {count}}, out, &data));
    gcam_tensor_entry_read(x, data);
    return GCAM_OK;
}

gcam_status gcam__onnx_BatchNormalization(gcam__importer *im) {
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    if (gcam__onnx_attribute_int(im, "training_mode", 0) || (im->node->output_count > 1 && *im->node->outputs[1]))
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it is in training mode: export the model in evaluation mode");
    for (size_t i = 0; i < 4; i++) {
        const gcam_tensor_entry *entry;
        GCAM_TRY(gcam__onnx_constant(im, i + 1, names[i], &entry));
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, names[i], entry));
    }
    gcam_batchnorm_params p = {.eps = gcam__onnx_attribute_float(im, "epsilon", 1e-5)};
    return gcam__onnx_emit(im, NULL, "batchnorm", &x, 1, &p, NULL);
}

/* Scale and bias (inputs 1 and 2) of the layer `suffix`, one number a channel; one number a group is repeated for its channels. */
static gcam_status give_affine(gcam__importer *im, const char *suffix, int64_t channels, int64_t groups) {
    static const char *const names[] = {"weight", "bias"};
    for (size_t i = 0; i < 2; i++) {
        const gcam_tensor_entry *entry;
        gcam_tensor_entry list, repeated;
        void *data;
        GCAM_TRY(gcam__onnx_constant(im, i + 1, names[i], &entry));
        GCAM_TRY(as_list(im, entry, &list));
        if (list.shape.dim[0] == groups && groups != channels && groups > 0 && channels % groups == 0) {
            GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &(gcam_shape){1, {channels}}, &repeated, &data));
            for (int64_t c = 0; c < channels; c++)
                ((float *)data)[c] = (float)gcam__onnx_number_at(&list, c / (channels / groups));
            list = repeated;
        }
        GCAM_TRY(gcam__onnx_give_weight(im, suffix, names[i], &list));
    }
    return GCAM_OK;
}

static gcam_status group_norm(gcam__importer *im, int64_t groups) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    const gcam_shape *in = gcam__onnx_shape(im, x);
    if (in->rank < 3)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its input has rank %d, expected 3 or more", in->rank);
    gcam_group_norm_params p = {.groups = groups ? groups : in->dim[1],
                                .eps = gcam__onnx_attribute_float(im, "epsilon", 1e-5)};
    GCAM_TRY(give_affine(im, NULL, in->dim[1], p.groups));
    return gcam__onnx_emit(im, NULL, "group_norm", &x, 1, &p, NULL);
}

gcam_status gcam__onnx_InstanceNormalization(gcam__importer *im) {
    return group_norm(im, 0);
}

gcam_status gcam__onnx_GroupNormalization(gcam__importer *im) {
    int64_t groups = gcam__onnx_attribute_int(im, "num_groups", 0);
    if (groups <= 0) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its num_groups must be above zero");
    return group_norm(im, groups);
}

/* The second and third output of a layer normalisation, where somebody reads them: mean m and 1 / sqrt(mean (x - m)^2 + eps). */
static gcam_status layer_norm_moments(gcam__importer *im, gcam_node x, int64_t axis, double eps) {
    gcam_reduce_params over = {.axes = {.count = 0}};
    gcam_node mean, two[2], y;
    for (int64_t i = axis; i < gcam__onnx_shape(im, x)->rank; i++) over.axes.value[over.axes.count++] = i;
    if (!gcam__onnx_is_read(im, 1) && !gcam__onnx_is_read(im, 2)) return GCAM_OK;
    GCAM_TRY(gcam__onnx_emit(im, "mean", "reduce_mean", &x, 1, &over, &mean));
    GCAM_TRY(gcam__onnx_set_node(im, 1, mean));
    if (!gcam__onnx_is_read(im, 2)) return GCAM_OK;
    two[0] = x, two[1] = mean;
    GCAM_TRY(gcam__onnx_emit(im, "centered", "sub", two, 2, NULL, &y));
    two[0] = two[1] = y;
    GCAM_TRY(gcam__onnx_emit(im, "square", "mul", two, 2, NULL, &y));
    GCAM_TRY(gcam__onnx_emit(im, "variance", "reduce_mean", &y, 1, &over, &two[0]));
    GCAM_TRY(gcam__onnx_emit_number(im, "epsilon", eps, &two[1]));
    GCAM_TRY(gcam__onnx_emit(im, "shifted", "add", two, 2, NULL, &y));
    GCAM_TRY(gcam__onnx_emit(im, "deviation", "sqrt", &y, 1, NULL, &y));
    GCAM_TRY(gcam__onnx_emit(im, "inverse", "reciprocal", &y, 1, NULL, &y));
    return gcam__onnx_set_node(im, 2, y);
}

/* With scale and bias of other shapes than the normalised part they follow as layers of their own; patterns.c leaves them out, or says how
 * many axes there are. */
gcam_status gcam__onnx_LayerNormalization(gcam__importer *im) {
    gcam_node x;
    int64_t axis;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", -1), in.rank, &axis));
    int64_t axes = gcam__onnx_attribute_int(im, GCAM__ONNX_AXES, in.rank - axis);
    if (axes < 1 || axes > in.rank - axis)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "%lld axes do not follow axis %lld", (long long)axes,
                               (long long)axis);
    gcam_layer_norm_params p = {
        .axis = axis - in.rank, .axes = axes, .eps = gcam__onnx_attribute_float(im, "epsilon", 1e-5)};
    gcam_shape part = {.rank = (int)p.axes};
    memcpy(part.dim, in.dim + axis, (size_t)p.axes * sizeof *part.dim);
    GCAM_TRY(layer_norm_moments(im, x, axis, p.eps));
    const gcam_tensor_entry *scale, *bias = NULL;
    p.no_affine = im->node->input_count == 1;
    if (p.no_affine) return gcam__onnx_emit(im, NULL, "layer_norm", &x, 1, &p, NULL);
    GCAM_TRY(gcam__onnx_constant(im, 1, "scale", &scale));
    if (gcam__onnx_input(im, 2)) GCAM_TRY(gcam__onnx_constant(im, 2, "bias", &bias));
    if (bias && gcam_shape_equal(&scale->shape, &part) && gcam_shape_equal(&bias->shape, &part)) {
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "weight", scale));
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "bias", bias));
        return gcam__onnx_emit(im, NULL, "layer_norm", &x, 1, &p, NULL);
    }
    gcam_node two[2];
    p.no_affine = 1;
    GCAM_TRY(gcam__onnx_emit(im, "plain", "layer_norm", &x, 1, &p, &two[0]));
    GCAM_TRY(gcam__onnx_emit_constant(im, "scale", scale, &two[1]));
    if (!bias) return gcam__onnx_emit(im, NULL, "mul", two, 2, NULL, NULL);
    GCAM_TRY(gcam__onnx_emit(im, "scaled", "mul", two, 2, NULL, &two[0]));
    GCAM_TRY(gcam__onnx_emit_constant(im, "bias", bias, &two[1]));
    return gcam__onnx_emit(im, NULL, "add", two, 2, NULL, NULL);
}

gcam_status gcam__onnx_LRN(gcam__importer *im) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    gcam_lrn_params p = {.size = gcam__onnx_attribute_int(im, "size", 0),
                         .alpha = gcam__onnx_attribute_float(im, "alpha", 1e-4),
                         .beta = gcam__onnx_attribute_float(im, "beta", 0.75),
                         .k = gcam__onnx_attribute_float(im, "bias", 1)};
    if (p.alpha == 0 || p.beta == 0 || p.k == 0) /* the layer would take zeros for its defaults */
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "an alpha, beta or bias of 0 is not supported");
    return gcam__onnx_emit(im, NULL, "lrn", &x, 1, &p, NULL);
}

gcam_status gcam__onnx_LpNormalization(gcam__importer *im) {
    gcam_node x;
    int64_t axis, p = gcam__onnx_attribute_int(im, "p", 2);
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    if (p != 2) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its p is %lld, only 2 is supported", (long long)p);
    int rank = gcam__onnx_shape(im, x)->rank;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", -1), rank, &axis));
    gcam_l2_normalize_params params = {.axis = axis - rank};
    return gcam__onnx_emit(im, NULL, "l2_normalize", &x, 1, &params, NULL);
}

/* Before operator set 13 softmax ran over all axes from `axis` on. */
static gcam_status softmax(gcam__importer *im, const char *op) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    const gcam_shape shape = *gcam__onnx_shape(im, x);
    int old = im->model->opset < 13;
    int64_t axis;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", old ? 1 : -1), shape.rank, &axis));
    gcam_axis_params p = {.axis = axis};
    if (axis == 0) p.axis = -shape.rank; /* zero means the default */
    if (!old || axis == shape.rank - 1) return gcam__onnx_emit(im, NULL, op, &x, 1, &p, NULL);
    gcam_reshape_params flat = {.shape = {.count = axis + 1}}, back = {.shape = {.count = shape.rank}};
    for (int i = 0; i < shape.rank; i++) back.shape.value[i] = i == 0 && axis > 0 ? 0 : shape.dim[i];
    for (int64_t i = 0; i < axis; i++) flat.shape.value[i] = back.shape.value[i];
    flat.shape.value[axis] = -1;
    p.axis = -1;
    GCAM_TRY(gcam__onnx_emit(im, "flat", "reshape", &x, 1, &flat, &x));
    GCAM_TRY(gcam__onnx_emit(im, "rows", op, &x, 1, &p, &x));
    return gcam__onnx_emit(im, NULL, "reshape", &x, 1, &back, NULL);
}

gcam_status gcam__onnx_Softmax(gcam__importer *im) {
    return softmax(im, "softmax");
}

gcam_status gcam__onnx_LogSoftmax(gcam__importer *im) {
    return softmax(im, "log_softmax");
}
