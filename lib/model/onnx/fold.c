/* Reckoning at import: the arithmetic of shapes and indices that exporters leave in a graph, on small constants. Integers are
 * reckoned as int64_t, everything else as double; the results are small, so clarity wins over speed. */
#include "core/status.h"
#include "io/tensor_table.h"
#include "model/onnx/import.h"

#include <math.h>
#include <string.h>

enum { FOLD_LIMIT = 1 << 20 }; /* elements; larger constants stay layers */

static int is_integer(const gcam_tensor_entry *entry) {
    return entry->dtype >= GCAM_DTYPE_I64;
}

/* All inputs of the node as constants; 0 where one is not, or is large. */
static int all_constant(const gcam__importer *im) {
    for (size_t i = 0; i < im->node->input_count; i++) {
        const gcam__onnx_slot *slot = gcam__onnx_input(im, i);
        if (slot && (!slot->is_constant || gcam_shape_count(&slot->constant.shape) > FOLD_LIMIT)) return 0;
    }
    return 1;
}

static const gcam_tensor_entry *constant_at(const gcam__importer *im, size_t index) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, index);
    return slot && slot->is_constant ? &slot->constant : NULL;
}

/* A result of integers (dtype I64) or floats (F32), filled by the caller. */
static gcam_status result(gcam__importer *im, int integer, const gcam_shape *shape, gcam_tensor_entry *out,
                          void **data) {
    return gcam__onnx_new_constant(im, integer ? GCAM_DTYPE_I64 : GCAM_DTYPE_F32, shape, out, data);
}

static void store(void *data, int integer, int64_t i, const gcam_tensor_entry *from, int64_t j) {
    if (integer)
        ((int64_t *)data)[i] = gcam__onnx_int_at(from, j);
    else
        ((float *)data)[i] = (float)gcam__onnx_number_at(from, j);
}

/* The same values under another shape. */
static gcam_status reshaped(gcam__importer *im, const gcam_tensor_entry *x, const gcam_shape *shape) {
    int64_t count = gcam_shape_count(shape);
    if (count != gcam_shape_count(&x->shape))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a reshaped constant changes its size");
    gcam_tensor_entry out;
    void *data;
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
    GCAM_TRY(result(im, 1, &(gcam_shape){1, {end - start}}, &out, &data));
    for (int64_t i = start; i < end; i++) ((int64_t *)data)[i - start] = shape->dim[i];
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_size(gcam__importer *im) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, 0);
    if (!slot) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its input is missing");
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, 1, &(gcam_shape){0}, &out, &data));
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
    GCAM_TRY(result(im, integer, &(gcam_shape){list, {list ? (int64_t)a->count : 0}}, &out, &data));
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
    int integer = value && value->type == GCAM__ONNX_TENSOR && is_integer(&value->tensor);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, integer, &shape, &out, &data));
    for (int64_t i = 0; value && value->type == GCAM__ONNX_TENSOR && i < gcam_shape_count(&shape); i++)
        store(data, integer, i, &value->tensor, 0);
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_identity(gcam__importer *im) {
    return gcam__onnx_set_constant(im, 0, constant_at(im, 0));
}

/* TensorProto.DataType of the attribute `to`: what is no float is reckoned as an integer. */
static gcam_status fold_cast(gcam__importer *im) {
    int64_t to = gcam__onnx_attribute_int(im, "to", 1);
    int integer = to != 1 && to != 10 && to != 11 && to != 16;
    const gcam_tensor_entry *x = constant_at(im, 0);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, integer, &x->shape, &out, &data));
    for (int64_t i = 0; i < gcam_shape_count(&x->shape); i++) store(data, integer, i, x, i);
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_unsqueeze(gcam__importer *im) {
    const gcam_tensor_entry *x = constant_at(im, 0);
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
    const gcam_tensor_entry *x = constant_at(im, 0);
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
    const gcam_tensor_entry *x = constant_at(im, 0);
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
            known *= shape.dim[i];
    }
    if (rest >= 0) shape.dim[rest] = known > 0 ? gcam_shape_count(&x->shape) / known : 0;
    return reshaped(im, x, &shape);
}

/* Gather along axis 0 of a list, or of the rows of a constant. */
static gcam_status fold_gather(gcam__importer *im) {
    const gcam_tensor_entry *x = constant_at(im, 0), *indices = constant_at(im, 1);
    if (x->shape.rank < 1 || gcam__onnx_attribute_int(im, "axis", 0) != 0)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "only rows of a constant can be gathered");
    int64_t rows = x->shape.dim[0], size = rows ? gcam_shape_count(&x->shape) / rows : 0,
            count = gcam_shape_count(&indices->shape);
    gcam_shape shape = {.rank = indices->shape.rank + x->shape.rank - 1};
    if (shape.rank > GCAM_MAX_RANK) return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its rank would be %d", shape.rank);
    memcpy(shape.dim, indices->shape.dim, (size_t)indices->shape.rank * sizeof *shape.dim);
    memcpy(shape.dim + indices->shape.rank, x->shape.dim + 1, (size_t)(x->shape.rank - 1) * sizeof *shape.dim);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, is_integer(x), &shape, &out, &data));
    for (int64_t i = 0; i < count; i++) {
        int64_t row = gcam__onnx_int_at(indices, i);
        if (row < 0) row += rows;
        if (row < 0 || row >= rows)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "index %lld is outside", (long long)row);
        for (int64_t j = 0; j < size; j++) store(data, is_integer(x), i * size + j, x, row * size + j);
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* Concatenation of lists. */
static gcam_status fold_concat(gcam__importer *im) {
    int64_t total = 0, at = 0;
    int integer = 1;
    for (size_t i = 0; i < im->node->input_count; i++) {
        const gcam_tensor_entry *x = constant_at(im, i);
        if (!x || x->shape.rank != 1)
            return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "only lists of constants can be joined");
        total += x->shape.dim[0];
        integer = integer && is_integer(x);
    }
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, integer, &(gcam_shape){1, {total}}, &out, &data));
    for (size_t i = 0; i < im->node->input_count; i++) {
        const gcam_tensor_entry *x = constant_at(im, i);
        for (int64_t j = 0; j < x->shape.dim[0]; j++) store(data, integer, at++, x, j);
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* A range of a list: starts, ends, axes (0 only), steps. */
static gcam_status fold_slice(gcam__importer *im) {
    const gcam_tensor_entry *x = constant_at(im, 0);
    gcam_dims start, end, step;
    int found, has_end, has_step;
    GCAM_TRY(gcam__onnx_ints(im, "starts", 1, &start, &found));
    GCAM_TRY(gcam__onnx_ints(im, "ends", 2, &end, &has_end));
    GCAM_TRY(gcam__onnx_ints(im, "steps", 4, &step, &has_step));
    if (x->shape.rank != 1 || start.count != 1 || end.count != 1)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "only a list of constants can be sliced");
    int64_t size = x->shape.dim[0], by = has_step && step.count ? step.value[0] : 1, from = start.value[0],
            to = end.value[0];
    if (by != 1)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "a list of constants can be sliced in steps of 1 only");
    from = from < 0 ? from + size : from;
    to = to < 0 ? to + size : to > size ? size : to;
    from = from < 0 ? 0 : from > size ? size : from;
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, is_integer(x), &(gcam_shape){1, {to > from ? to - from : 0}}, &out, &data));
    for (int64_t i = from; i < to; i++) store(data, is_integer(x), i - from, x, i);
    return gcam__onnx_set_constant(im, 0, &out);
}

/* A constant's axes in another order: its strides tell, nothing moves. */
static gcam_status fold_transpose(gcam__importer *im) {
    const gcam_tensor_entry *x = constant_at(im, 0);
    gcam_tensor_entry out = *x;
    gcam_dims order;
    int found, seen = 0;
    GCAM_TRY(gcam__onnx_attribute_ints(im, "perm", &order, &found));
    if (found && order.count != x->shape.rank)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its order has the wrong length");
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t from;
        GCAM_TRY(gcam__onnx_axis(im, found ? order.value[i] : x->shape.rank - 1 - i, x->shape.rank, &from));
        seen |= 1 << from;
        out.shape.dim[i] = x->shape.dim[from];
        out.stride[i] = x->stride[from];
    }
    if (seen != (1 << x->shape.rank) - 1) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its order names an axis twice");
    return gcam__onnx_set_constant(im, 0, &out);
}

/* ---- element by element ------------------------------------------------------------------------------------------------------- */

static double reckon(char sign, double a, double b) {
    switch (sign) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        return a / b;
    }
}

static int64_t reckon_int(char sign, int64_t a, int64_t b) {
    uint64_t x = (uint64_t)a, y = (uint64_t)b; /* wraps instead of overflowing */
    switch (sign) {
    case '+':
        return (int64_t)(x + y);
    case '-':
        return (int64_t)(x - y);
    case '*':
        return (int64_t)(x * y);
    default:
        return b == 0 || (a == INT64_MIN && b == -1) ? 0 : a / b;
    }
}

/* Two constants of one shape, or one of them a single number. */
static gcam_status fold_arithmetic(gcam__importer *im) {
    const gcam_tensor_entry *a = constant_at(im, 0), *b = constant_at(im, 1);
    int64_t m = gcam_shape_count(&a->shape), n = gcam_shape_count(&b->shape);
    if (m != n && m != 1 && n != 1)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "constants of these shapes cannot be combined");
    const char *op = im->node->op;
    char sign = op[0] == 'A' ? '+' : op[0] == 'S' ? '-' : op[0] == 'M' ? '*' : '/';
    int integer = is_integer(a) && is_integer(b);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, integer, m >= n ? &a->shape : &b->shape, &out, &data));
    for (int64_t i = 0; i < (m > n ? m : n); i++) {
        int64_t j = m == 1 ? 0 : i, k = n == 1 ? 0 : i;
        if (integer)
            ((int64_t *)data)[i] = reckon_int(sign, gcam__onnx_int_at(a, j), gcam__onnx_int_at(b, k));
        else
            ((float *)data)[i] = (float)reckon(sign, gcam__onnx_number_at(a, j), gcam__onnx_number_at(b, k));
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

static gcam_status fold_rounding(gcam__importer *im) {
    const gcam_tensor_entry *x = constant_at(im, 0);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(result(im, 0, &x->shape, &out, &data));
    for (int64_t i = 0; i < gcam_shape_count(&x->shape); i++) {
        double v = gcam__onnx_number_at(x, i);
        ((float *)data)[i] = (float)(im->node->op[0] == 'F' ? floor(v) : im->node->op[0] == 'C' ? ceil(v) : sqrt(v));
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *op;
    gcam_status (*fold)(gcam__importer *im);
    int always;   /* also on a layer's output, of which only the shape is read */
    size_t least; /* inputs that must be there */
} table[] = {
    {"Shape", fold_shape, 1, 1},         {"Size", fold_size, 1, 1},
    {"Constant", fold_constant, 1, 0},   {"ConstantOfShape", fold_constant_of_shape, 0, 1},
    {"Identity", fold_identity, 0, 1},   {"Cast", fold_cast, 0, 1},
    {"Unsqueeze", fold_unsqueeze, 0, 1}, {"Squeeze", fold_squeeze, 0, 1},
    {"Reshape", fold_reshape, 0, 1},     {"Gather", fold_gather, 0, 2},
    {"Concat", fold_concat, 0, 1},       {"Slice", fold_slice, 0, 1},
    {"Transpose", fold_transpose, 0, 1}, {"Add", fold_arithmetic, 0, 2},
    {"Sub", fold_arithmetic, 0, 2},      {"Mul", fold_arithmetic, 0, 2},
    {"Div", fold_arithmetic, 0, 2},      {"Floor", fold_rounding, 0, 1},
    {"Ceil", fold_rounding, 0, 1},       {"Sqrt", fold_rounding, 0, 1},
};

gcam_status gcam__onnx_fold(gcam__importer *im, int *done) {
    *done = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(im->node->op, table[i].op) != 0) continue;
        if (!table[i].always && !all_constant(im)) return GCAM_OK;
        for (size_t k = 0; k < table[i].least; k++)
            if (!gcam__onnx_input(im, k)) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "input %zu is missing", k);
        *done = 1;
        return table[i].fold(im);
    }
    return GCAM_OK;
}
