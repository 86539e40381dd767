/* What translators are made of: inputs, constants, attributes, layers. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/network.h"
#include "io/tensor_table.h"
#include "model/onnx/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "Conv node /layer1/conv1/Conv". */
static void write_node(const gcam__onnx_node *node, char *text, size_t room) {
    const char *name = *node->name ? node->name : node->output_count ? node->outputs[0] : "";
    snprintf(text, room, "%.60s node %.120s", *node->op ? node->op : "unnamed", name);
}

gcam_status gcam__onnx_fail(const gcam__importer *im, gcam_status status, const char *format, ...) {
    char text[300], node[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_node(im->node, node, sizeof node);
    return gcam__fail(status, "onnx", "%s: %s", node, text);
}

gcam_status gcam__onnx_fail_layer(const gcam__importer *im, gcam_status status) {
    char node[200];
    if (status == GCAM_ERR_NOMEM || strcmp(gcam_last_error()->where, "onnx") == 0) return status;
    write_node(im->node, node, sizeof node);
    gcam__fail_prefix(node);
    return status;
}

/* ---- constants -------------------------------------------------------------------------------------------------------------- */

int64_t gcam__onnx_int_at(const gcam_tensor_entry *entry, int64_t i) {
    int64_t wide = 0;
    int32_t narrow = 0;
    if (entry->dtype == GCAM_DTYPE_I64) {
        gcam__tensor_entry_bytes(entry, i, 1, &wide);
        return wide;
    }
    if (entry->dtype == GCAM_DTYPE_I32) {
        gcam__tensor_entry_bytes(entry, i, 1, &narrow);
        return narrow;
    }
    double value = gcam__onnx_number_at(entry, i);
    return value > -9e18 && value < 9e18 ? (int64_t)value : value > 0 ? INT64_MAX : INT64_MIN;
}

double gcam__onnx_number_at(const gcam_tensor_entry *entry, int64_t i) {
    double value = 0;
    float single = 0;
    if (entry->dtype == GCAM_DTYPE_F64) {
        gcam__tensor_entry_bytes(entry, i, 1, &value);
        return value;
    }
    if (entry->dtype == GCAM_DTYPE_I64 || entry->dtype == GCAM_DTYPE_I32) return (double)gcam__onnx_int_at(entry, i);
    gcam__tensor_entry_floats(entry, i, 1, &single); /* exact for halves and for integers below 2^24 */
    return single;
}

gcam_status gcam__onnx_constant(gcam__importer *im, size_t index, const char *what, const gcam_tensor_entry **out) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, index);
    if (!slot) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its %s (input %zu) is missing", what, index);
    if (!slot->is_constant)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                               "its %s (input %zu) is computed by the network; only stored values are supported", what,
                               index);
    *out = &slot->constant;
    return GCAM_OK;
}

gcam_status gcam__onnx_constant_ints(gcam__importer *im, size_t index, const char *what, gcam_dims *out) {
    const gcam_tensor_entry *entry = NULL;
    GCAM_TRY(gcam__onnx_constant(im, index, what, &entry));
    out->count = gcam_shape_count(&entry->shape);
    if (out->count > GCAM_MAX_RANK)
        return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its %s has %lld numbers, at most %d are supported", what,
                               (long long)out->count, GCAM_MAX_RANK);
    for (int64_t i = 0; i < out->count; i++) out->value[i] = gcam__onnx_int_at(entry, i);
    return GCAM_OK;
}

gcam_status gcam__onnx_constant_number(gcam__importer *im, size_t index, const char *what, double fallback,
                                       double *out) {
    const gcam_tensor_entry *entry = NULL;
    *out = fallback;
    if (!gcam__onnx_input(im, index)) return GCAM_OK;
    GCAM_TRY(gcam__onnx_constant(im, index, what, &entry));
    if (gcam_shape_count(&entry->shape) != 1)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its %s must be one number", what);
    *out = gcam__onnx_number_at(entry, 0);
    return GCAM_OK;
}

gcam_status gcam__onnx_new_constant(gcam__importer *im, gcam_dtype dtype, const gcam_shape *shape,
                                    gcam_tensor_entry *out, void **data) {
    int64_t count = gcam_shape_count(shape);
    size_t bytes;
    if (count < 0 || !gcam__size_mul((size_t)count, gcam_dtype_size(dtype), &bytes) || bytes > im->room)
        return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "the constants that it and others make would be too large");
    im->room -= bytes;
    *data = gcam__arena_alloc(im->arena, bytes ? bytes : 1);
    if (!*data) return GCAM_ERR_NOMEM;
    memset(*data, 0, bytes);
    *out = (gcam_tensor_entry){.name = "", .dtype = dtype, .shape = *shape, .data = *data};
    gcam__dense_strides(shape, out->stride);
    return GCAM_OK;
}

int gcam__onnx_is_float(int type) {
    return type == 1 || type == 10 || type == 11 || type == 16;
}

/* ---- attributes --------------------------------------------------------------------------------------------------------------- */

const gcam__onnx_attribute *gcam__onnx_attribute_find(const gcam__importer *im, const char *name) {
    for (size_t i = 0; i < im->node->attribute_count; i++)
        if (strcmp(im->node->attributes[i].name, name) == 0) return &im->node->attributes[i];
    return NULL;
}

int64_t gcam__onnx_attribute_int(const gcam__importer *im, const char *name, int64_t fallback) {
    const gcam__onnx_attribute *attribute = gcam__onnx_attribute_find(im, name);
    return attribute && attribute->type == GCAM__ONNX_INT ? attribute->i : fallback;
}

double gcam__onnx_attribute_float(const gcam__importer *im, const char *name, double fallback) {
    const gcam__onnx_attribute *attribute = gcam__onnx_attribute_find(im, name);
    return attribute && attribute->type == GCAM__ONNX_FLOAT ? attribute->f : fallback;
}

const char *gcam__onnx_attribute_text(const gcam__importer *im, const char *name, const char *fallback) {
    const gcam__onnx_attribute *attribute = gcam__onnx_attribute_find(im, name);
    return attribute && attribute->type == GCAM__ONNX_STRING && attribute->s ? attribute->s : fallback;
}

gcam_status gcam__onnx_attribute_ints(const gcam__importer *im, const char *name, gcam_dims *out, int *found) {
    const gcam__onnx_attribute *attribute = gcam__onnx_attribute_find(im, name);
    *found = attribute && attribute->type == GCAM__ONNX_INTS;
    out->count = 0;
    if (!*found) return GCAM_OK;
    if (attribute->count > GCAM_MAX_RANK)
        return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its attribute %s has %zu numbers, at most %d are supported", name,
                               attribute->count, GCAM_MAX_RANK);
    out->count = (int64_t)attribute->count;
    for (size_t i = 0; i < attribute->count; i++) out->value[i] = attribute->ints[i];
    return GCAM_OK;
}

gcam_status gcam__onnx_ints(gcam__importer *im, const char *attribute, size_t input, gcam_dims *out, int *found) {
    GCAM_TRY(gcam__onnx_attribute_ints(im, attribute, out, found));
    if (*found || !gcam__onnx_input(im, input)) return GCAM_OK;
    *found = 1;
    return gcam__onnx_constant_ints(im, input, attribute, out);
}

/* Range of one axis with NumPy's clamping: a negative place counts from the end, what lies outside is moved to the border. */
static gcam__onnx_range range_of(int64_t size, int64_t start, int64_t end, int64_t step) {
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    if (start < 0) start += size;
    if (end < 0) end += size;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    int64_t distance = step > 0 ? end - start : start - end;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    gcam__onnx_range range = {.start = start, .step = step};
    if (distance > 0) range.count = (int64_t)(((uint64_t)distance + stride - 1) / stride);
    if (range.count <= 1) range.step = 1;
    return range;
}

gcam_status gcam__onnx_ranges(gcam__importer *im, const gcam_shape *in, gcam__onnx_range range[GCAM_MAX_RANK]) {
    gcam_dims start, end, axes, step;
    int found, has_axes, has_step;
    GCAM_TRY(gcam__onnx_ints(im, "starts", 1, &start, &found));
    GCAM_TRY(gcam__onnx_ints(im, "ends", 2, &end, &found));
    GCAM_TRY(gcam__onnx_ints(im, "axes", 3, &axes, &has_axes));
    GCAM_TRY(gcam__onnx_ints(im, "steps", 4, &step, &has_step));
    if (start.count != end.count || (has_axes && axes.count != start.count) || (has_step && step.count != start.count))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its starts, ends, axes and steps differ in number");
    for (int i = 0; i < in->rank; i++) range[i] = (gcam__onnx_range){0, in->dim[i], 1};
    for (int64_t i = 0; i < start.count; i++) {
        int64_t axis;
        GCAM_TRY(gcam__onnx_axis(im, has_axes ? axes.value[i] : i, in->rank, &axis));
        if (has_step && step.value[i] == 0) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a step of 0 leads nowhere");
        range[axis] = range_of(in->dim[axis], start.value[i], end.value[i], has_step ? step.value[i] : 1);
    }
    return GCAM_OK;
}

/* ---- layers ------------------------------------------------------------------------------------------------------------------- */

const gcam_shape *gcam__onnx_shape(const gcam__importer *im, gcam_node node) {
    return &gcam__builder_network(im->builder)->nodes[node].shape;
}

gcam_status gcam__onnx_axis(const gcam__importer *im, int64_t axis, int rank, int64_t *out) {
    *out = axis < 0 ? axis + rank : axis;
    if (*out >= 0 && *out < rank) return GCAM_OK;
    return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "axis %lld lies outside a tensor of rank %d", (long long)axis, rank);
}

/* Name of the layer that is emitted with this suffix. */
static gcam_status layer_name(const gcam__importer *im, const char *suffix, char *name) {
    int length = snprintf(name, GCAM__MAX_LAYER_NAME + 1, suffix ? "%s.%s" : "%s", im->layer, suffix);
    if (length > GCAM__MAX_LAYER_NAME) return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its name is too long");
    return GCAM_OK;
}

gcam_status gcam__onnx_emit(gcam__importer *im, const char *suffix, const char *op, const gcam_node *x, int count,
                            const void *params, gcam_node *out) {
    char name[GCAM__MAX_LAYER_NAME + 1];
    GCAM_TRY(layer_name(im, suffix, name));
    gcam_node node = gcam_layer(im->builder, op, name, x, count, params);
    if (node < 0) {
        GCAM_TRY(gcam__builder_status(im->builder));
        return GCAM_ERR_ARGUMENT;
    }
    if (out) *out = node;
    return suffix ? GCAM_OK : gcam__onnx_set_node(im, 0, node);
}

gcam_status gcam__onnx_give_weight(gcam__importer *im, const char *suffix, const char *name,
                                   const gcam_tensor_entry *entry) {
    char full[GCAM__MAX_LAYER_NAME + 32], layer[GCAM__MAX_LAYER_NAME + 1];
    GCAM_TRY(layer_name(im, suffix, layer));
    int length = snprintf(full, sizeof full, "%s.%s", layer, name);
    gcam_tensor_entry named = *entry;
    named.name = gcam__arena_strndup(im->arena, full, (size_t)length);
    return named.name ? gcam__tensor_table_put(im->weights, &named) : GCAM_ERR_NOMEM;
}

gcam_status gcam__onnx_emit_constant(gcam__importer *im, const char *suffix, const gcam_tensor_entry *entry,
                                     gcam_node *out) {
    gcam_tensor_entry constant = *entry;
    if (constant.shape.rank == 0) { /* a single number broadcasts as a list of one */
        constant.shape = (gcam_shape){1, {1}};
        constant.stride[0] = 1;
    }
    gcam_constant_params params = {.shape = {.count = constant.shape.rank}};
    memcpy(params.shape.value, constant.shape.dim, sizeof params.shape.value);
    GCAM_TRY(gcam__onnx_give_weight(im, suffix, "value", &constant));
    return gcam__onnx_emit(im, suffix, "constant", NULL, 0, &params, out);
}

gcam_status gcam__onnx_emit_number(gcam__importer *im, const char *suffix, double number, gcam_node *out) {
    gcam_tensor_entry entry;
    void *data = NULL;
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &(gcam_shape){1, {1}}, &entry, &data));
    *(float *)data = (float)number;
    return gcam__onnx_emit_constant(im, suffix, &entry, out);
}

int gcam__onnx_is_read(const gcam__importer *im, size_t index) {
    if (index >= im->node->output_count || !*im->node->outputs[index]) return 0;
    const gcam__onnx_link *link = gcam__onnx_links_find(&im->links, im->node->outputs[index]);
    return link && (link->readers > 0 || link->is_output);
}

/* A constant that the network needs as a value becomes a layer that holds it. */
gcam_status gcam__onnx_value(gcam__importer *im, size_t index, gcam_node *out) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, index);
    if (!slot) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "input %zu is missing", index);
    *out = slot->node;
    if (!slot->is_constant) return GCAM_OK;
    char suffix[24];
    snprintf(suffix, sizeof suffix, "constant%zu", index);
    return gcam__onnx_emit_constant(im, suffix, &slot->constant, out);
}
