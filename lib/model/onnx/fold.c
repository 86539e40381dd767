/* Reckoning at import: the arithmetic of shapes and indices that exporters leave in a graph, on small constants. Integers are
 * reckoned as int64_t, everything else as double; the results are small, so clarity wins over speed. */
#include "model/onnx/fold.h"
#include "core/status.h"
#include "io/tensor_table.h"

#include <math.h>
#include <string.h>

enum { FOLD_LIMIT = 1 << 20 }; /* elements; larger constants stay layers, unless nothing has to be copied */

/* All inputs of the node as constants; 0 where one is not, or is large and not `free`. */
static int all_constant(const gcam__importer *im, int free) {
    for (size_t i = 0; i < im->node->input_count; i++) {
        const gcam__onnx_slot *slot = gcam__onnx_input(im, i);
        if (slot && (!slot->is_constant || (!free && gcam_shape_count(&slot->constant.shape) > FOLD_LIMIT))) return 0;
    }
    return 1;
}

/* The same values under another shape. */
static gcam_status reshaped(gcam__importer *im, const gcam_tensor_entry *x, const gcam_shape *shape) {
    int64_t count = gcam_shape_count(shape);
    if (count != gcam_shape_count(&x->shape))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a reshaped constant changes its size");
    gcam_tensor_entry out = *x;
    void *data;
    out.shape = *shape;
    gcam__dense_strides(shape, out.stride);
    if (gcam__tensor_entry_is_dense(x)) return gcam__onnx_set_constant(im, 0, &out);
    GCAM_TRY(gcam__onnx_new_constant(im, x->dtype, shape, &out, &data));
    gcam__tensor_entry_bytes(x, 0, count, data);
    return gcam__onnx_set_constant(im, 0, &out);
}

/* ---- operators ---------------------------------------------------------------------------------------------------------------- */

static gcam_status fold_shape(gcam__importer *im) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, 0);
    if (!slot) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its input is missing");
    const gcam_shape *shape = slot->is_constant ? &slot->constant.shape : gcam__onnx_shape(im, slot->node);
    int64_t start = gcam__onnx_attribute_int(im, "start", 0), end = gcam__onnx_attribute_int(im, "end", shape->rank);
    start = start < 0 ? start + shape->rank : start;
    end = end < 0 ? end + shape->rank : end > shape->rank ? shape->rank : end;
    if (start < 0) start = 0;
    if (end < start) end = start;
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, 1, &(gcam_shape){1, {end - start}}, &out, &data));
    for (int64_t i = start; i < end; i++) ((int64_t *)data)[i - start] = shape->dim[i];
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_size(gcam__importer *im) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, 0);
    if (!slot) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its input is missing");
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, 1, &(gcam_shape){0}, &out, &data));
    *(int64_t *)data = gcam_shape_count(slot->is_constant ? &slot->constant.shape : gcam__onnx_shape(im, slot->node));
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_constant(gcam__importer *im) {
    const gcam__onnx_attribute *a = im->node->attribute_count ? &im->node->attributes[0] : NULL;
    gcam_tensor_entry out;
    void *data;
    if (!a) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "it has no value");
    if (a->type == GCAM__ONNX_TENSOR) return gcam__onnx_set_constant(im, 0, &a->tensor);
    int list = a->type == GCAM__ONNX_INTS || a->type == GCAM__ONNX_FLOATS;
    int integer = a->type == GCAM__ONNX_INTS || a->type == GCAM__ONNX_INT;
    if (!list && !integer && a->type != GCAM__ONNX_FLOAT)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its attribute %s is not supported", a->name);
    GCAM_TRY(gcam__fold_result(im, integer, &(gcam_shape){list, {list ? (int64_t)a->count : 0}}, &out, &data));
    size_t size = gcam_dtype_size(out.dtype);
    if (list)
        memcpy(data, integer ? (const void *)a->ints : (const void *)a->floats, a->count * size);
    else
        memcpy(data, integer ? (const void *)&a->i : (const void *)&a->f, size);
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_constant_of_shape(gcam__importer *im) {
    gcam_dims dims;
    GCAM_TRY(gcam__onnx_constant_ints(im, 0, "shape", &dims));
    const gcam__onnx_attribute *value = gcam__onnx_attribute_find(im, "value");
    gcam_shape shape = {.rank = (int)dims.count};
    memcpy(shape.dim, dims.value, sizeof shape.dim);
    int integer = value && value->type == GCAM__ONNX_TENSOR && gcam__fold_is_integer(&value->tensor);
    gcam_tensor_entry out;
    void *data;
    if (value && value->type == GCAM__ONNX_TENSOR && gcam_shape_count(&value->tensor.shape) != 1)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its value must be one number");
    GCAM_TRY(gcam__fold_result(im, integer, &shape, &out, &data));
    for (int64_t i = 0; value && value->type == GCAM__ONNX_TENSOR && i < gcam_shape_count(&shape); i++)
        gcam__fold_store(data, integer, i, &value->tensor, 0);
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_identity(gcam__importer *im) {
    return gcam__onnx_set_constant(im, 0, gcam__fold_input(im, 0));
}

static gcam_status fold_cast(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    int64_t to = gcam__onnx_attribute_int(im, "to", 1);
    int integer = !gcam__onnx_is_float((int)to);
    if (to == 8) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "casts to strings are not supported");
    if (integer == gcam__fold_is_integer(x) && to != 9) return gcam__onnx_set_constant(im, 0, x);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, integer, &x->shape, &out, &data));
    for (int64_t i = 0; i < gcam_shape_count(&x->shape); i++) {
        gcam__fold_store(data, integer, i, x, i);
        if (to == 9) ((int64_t *)data)[i] = gcam__onnx_number_at(x, i) != 0;
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_unsqueeze(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam_dims axes;
    int found, inserted[GCAM_MAX_RANK] = {0};
    GCAM_TRY(gcam__onnx_ints(im, "axes", 1, &axes, &found));
    gcam_shape shape = {.rank = x->shape.rank + (int)axes.count};
    if (shape.rank > GCAM_MAX_RANK) return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its rank would be %d", shape.rank);
    for (int64_t i = 0, axis; i < axes.count; i++) {
        GCAM_TRY(gcam__onnx_axis(im, axes.value[i], shape.rank, &axis));
        inserted[axis] = 1;
    }
    for (int i = 0, from = 0; i < shape.rank; i++)
        shape.dim[i] = inserted[i] || from >= x->shape.rank ? 1 : x->shape.dim[from++];
    return reshaped(im, x, &shape);
}

static gcam_status fold_squeeze(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam_dims axes;
    int found, removed[GCAM_MAX_RANK] = {0};
    GCAM_TRY(gcam__onnx_ints(im, "axes", 1, &axes, &found));
    for (int64_t i = 0, axis; i < axes.count; i++) {
        GCAM_TRY(gcam__onnx_axis(im, axes.value[i], x->shape.rank, &axis));
        removed[axis] = 1;
    }
    gcam_shape shape = {0};
    for (int i = 0; i < x->shape.rank; i++)
        if (!(found ? removed[i] : x->shape.dim[i] == 1)) shape.dim[shape.rank++] = x->shape.dim[i];
    return reshaped(im, x, &shape);
}

static gcam_status fold_reshape(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam_dims dims;
    int found;
    GCAM_TRY(gcam__onnx_ints(im, "shape", 1, &dims, &found));
    gcam_shape shape = {.rank = (int)dims.count};
    int64_t rest = -1, known = 1;
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = i < x->shape.rank && dims.value[i] == 0 ? x->shape.dim[i] : dims.value[i];
        if (shape.dim[i] == -1)
            rest = i;
        else
            known = __builtin_mul_overflow(known, shape.dim[i], &known) ? 0 : known;
    }
    if (rest >= 0) shape.dim[rest] = known > 0 ? gcam_shape_count(&x->shape) / known : 0;
    return reshaped(im, x, &shape);
}

static gcam_status fold_flatten(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    int64_t axis = gcam__onnx_attribute_int(im, "axis", 1);
    if (axis < 0) axis += x->shape.rank;
    gcam_shape shape = {2, {1, 1}};
    for (int i = 0; i < x->shape.rank; i++) shape.dim[i >= axis] *= x->shape.dim[i];
    return reshaped(im, x, &shape);
}

/* y[a, i, b] = x[a, indices[i], b], b = what follows the axis. */
static gcam_status fold_gather(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0), *indices = gcam__fold_input(im, 1);
    int64_t axis, count = gcam_shape_count(&indices->shape), before = 1, after = 1;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", 0), x->shape.rank, &axis));
    gcam_shape shape = {0};
    if (indices->shape.rank + x->shape.rank - 1 > GCAM_MAX_RANK)
        return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its rank would be %d", indices->shape.rank + x->shape.rank - 1);
    for (int i = 0; i < axis; i++) before *= shape.dim[shape.rank++] = x->shape.dim[i];
    for (int i = 0; i < indices->shape.rank; i++) shape.dim[shape.rank++] = indices->shape.dim[i];
    for (int i = (int)axis + 1; i < x->shape.rank; i++) after *= shape.dim[shape.rank++] = x->shape.dim[i];
    int64_t size = x->shape.dim[axis];
    int integer = gcam__fold_is_integer(x);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, integer, &shape, &out, &data));
    for (int64_t i = 0; i < count; i++) {
        int64_t at = gcam__onnx_int_at(indices, i);
        if (at < 0) at += size;
        if (at < 0 || at >= size) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "index %lld is outside", (long long)at);
        for (int64_t a = 0; a < before; a++)
            for (int64_t b = 0; b < after; b++)
                gcam__fold_store(data, integer, (a * count + i) * after + b, x, (a * size + at) * after + b);
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_concat(gcam__importer *im) {
    const gcam_tensor_entry *first = gcam__fold_input(im, 0);
    int64_t axis, total = 0, before = 1, after = 1;
    int integer = gcam__fold_is_integer(first);
    gcam_shape shape = first->shape;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", 1), shape.rank, &axis));
    for (size_t i = 0; i < im->node->input_count; i++) {
        const gcam_tensor_entry *x = gcam__fold_input(im, i);
        int fits = x && x->shape.rank == shape.rank;
        for (int k = 0; fits && k < shape.rank; k++) fits = k == axis || x->shape.dim[k] == shape.dim[k];
        if (!fits) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "constants of different shapes cannot be joined");
        total += x->shape.dim[axis];
    }
    for (int i = 0; i < axis; i++) before *= shape.dim[i];
    for (int i = (int)axis + 1; i < shape.rank; i++) after *= shape.dim[i];
    shape.dim[axis] = total;
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, integer, &shape, &out, &data));
    for (size_t i = 0, at = 0; i < im->node->input_count; i++) {
        const gcam_tensor_entry *x = gcam__fold_input(im, i);
        int64_t length = x->shape.dim[axis] * after;
        for (int64_t k = 0; k < before * length; k++)
            gcam__fold_store(data, integer,
                             k / (length ? length : 1) * total * after + (int64_t)at + k % (length ? length : 1), x, k);
        at += (size_t)length;
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* A range of a constant along some axes. */
static gcam_status fold_slice(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam__onnx_range range[GCAM_MAX_RANK];
    GCAM_TRY(gcam__onnx_ranges(im, &x->shape, range));
    gcam_shape shape = {.rank = x->shape.rank};
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = range[i].count;
    int integer = gcam__fold_is_integer(x);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, integer, &shape, &out, &data));
    for (int64_t i = 0, count = gcam_shape_count(&shape); i < count; i++) {
        int64_t from = 0, step = 1, rest = i;
        for (int k = shape.rank - 1; k >= 0; k--) {
            from += (range[k].start + rest % shape.dim[k] * range[k].step) * step;
            rest /= shape.dim[k];
            step *= x->shape.dim[k];
        }
        gcam__fold_store(data, integer, i, x, from);
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* A constant's axes in another order. */
static gcam_status fold_transpose(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam_tensor_entry view = *x, out;
    void *data;
    gcam_dims order;
    int found, seen = 0;
    GCAM_TRY(gcam__onnx_attribute_ints(im, "perm", &order, &found));
    if (found && order.count != x->shape.rank)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its order has the wrong length");
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t from;
        GCAM_TRY(gcam__onnx_axis(im, found ? order.value[i] : x->shape.rank - 1 - i, x->shape.rank, &from));
        seen |= 1 << from;
        view.shape.dim[i] = x->shape.dim[from];
        view.stride[i] = x->stride[from];
    }
    if (seen != (1 << x->shape.rank) - 1) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its order names an axis twice");
    GCAM_TRY(gcam__onnx_new_constant(im, x->dtype, &view.shape, &out, &data));
    gcam__tensor_entry_bytes(&view, 0, gcam_shape_count(&view.shape), data);
    return gcam__onnx_set_constant(im, 0, &out);
}

/* The numbers start, start + delta, ... before the limit. */
static gcam_status fold_range(gcam__importer *im) {
    const gcam_tensor_entry *first = gcam__fold_input(im, 0);
    for (size_t i = 0; i < 3; i++)
        if (gcam_shape_count(&gcam__fold_input(im, i)->shape) != 1)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its input %zu must be one number", i);
    double start = gcam__onnx_number_at(first, 0), limit = gcam__onnx_number_at(gcam__fold_input(im, 1), 0),
           delta = gcam__onnx_number_at(gcam__fold_input(im, 2), 0), count = ceil((limit - start) / delta);
    int integer = gcam__fold_is_integer(first);
    if (!(count <= FOLD_LIMIT)) return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "a range of %g numbers is too long", count);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, integer, &(gcam_shape){1, {count > 0 ? (int64_t)count : 0}}, &out, &data));
    for (int64_t i = 0; i < out.shape.dim[0]; i++) {
        double value = start + (double)i * delta;
        if (integer)
            ((int64_t *)data)[i] = (int64_t)value;
        else
            ((float *)data)[i] = (float)value;
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* Broadcast to the shape of input 1. */
static gcam_status fold_expand(gcam__importer *im) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam_dims dims;
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__onnx_constant_ints(im, 1, "shape", &dims));
    gcam_shape shape, to = {.rank = (int)dims.count};
    memcpy(to.dim, dims.value, sizeof to.dim);
    if (!gcam__fold_broadcast(&x->shape, &to, &shape))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a constant cannot be expanded to this shape");
    int integer = gcam__fold_is_integer(x);
    GCAM_TRY(gcam__fold_result(im, integer, &shape, &out, &data));
    for (int64_t i = 0, count = gcam_shape_count(&shape); i < count; i++)
        gcam__fold_store(data, integer, i, x, gcam__fold_index(&x->shape, &shape, i));
    return gcam__onnx_set_constant(im, 0, &out);
}

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

enum { SMALL, FREE, ALWAYS }; /* of any size; also on a layer's output, of which only the shape is read */

static const struct {
    const char *op;
    gcam_status (*fold)(gcam__importer *im);
    int when;
    size_t least; /* inputs that must be there */
} table[] = {
    {"Shape", fold_shape, ALWAYS, 1},       {"Size", fold_size, ALWAYS, 1},
    {"Constant", fold_constant, ALWAYS, 0}, {"ConstantOfShape", fold_constant_of_shape, SMALL, 1},
    {"Identity", fold_identity, FREE, 1},   {"Cast", fold_cast, SMALL, 1},
    {"CastLike", fold_identity, FREE, 1},   {"Unsqueeze", fold_unsqueeze, FREE, 1},
    {"Squeeze", fold_squeeze, FREE, 1},     {"Reshape", fold_reshape, FREE, 1},
    {"Flatten", fold_flatten, FREE, 1},     {"Gather", fold_gather, SMALL, 2},
    {"Concat", fold_concat, SMALL, 1},      {"Slice", fold_slice, SMALL, 1},
    {"Transpose", fold_transpose, FREE, 1}, {"Range", fold_range, SMALL, 3},
    {"Expand", fold_expand, SMALL, 2},
};

static gcam_status check_inputs(const gcam__importer *im, size_t least) {
    for (size_t k = 0; k < least; k++)
        if (!gcam__onnx_input(im, k)) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "input %zu is missing", k);
    return GCAM_OK;
}

gcam_status gcam__onnx_fold(gcam__importer *im, int *done) {
    *done = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(im->node->op, table[i].op) != 0) continue;
        if (table[i].when != ALWAYS && !all_constant(im, table[i].when == FREE)) return GCAM_OK;
        GCAM_TRY(check_inputs(im, table[i].least));
        *done = 1;
        return table[i].fold(im);
    }
    return all_constant(im, 0) && im->node->input_count > 0 ? gcam__onnx_fold_math(im, done) : GCAM_OK;
}
