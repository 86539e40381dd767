/* Operators that move values without changing them. Sizes that exporters wrote down for a batch of 1 are kept open: the first
 * size is copied from the input wherever it stays the first. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

/* A reshape to `to`; its first size follows the batch where it equals the input's. */
static gcam_status reshape(gcam__importer *im, const char *suffix, gcam_node x, const gcam_shape *to, gcam_node *out) {
    const gcam_shape *from = gcam__onnx_shape(im, x);
    gcam_reshape_params p = {.shape = {.count = to->rank}};
    memcpy(p.shape.value, to->dim, sizeof p.shape.value);
    if (to->rank > 0 && from->rank > 0 && to->dim[0] == from->dim[0]) p.shape.value[0] = 0;
    return gcam__onnx_emit(im, suffix, "reshape", &x, 1, &p, out);
}

gcam_status gcam__onnx_Flatten(gcam__importer *im) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    const gcam_shape *in = gcam__onnx_shape(im, x);
    int64_t axis = gcam__onnx_attribute_int(im, "axis", 1);
    if (axis < 0) axis += in->rank;
    if (axis < 0 || axis > in->rank) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its axis lies outside the input");
    if (axis == 1) return gcam__onnx_emit(im, NULL, "flatten", &x, 1, NULL, NULL);
    gcam_shape to = {2, {1, 1}};
    for (int i = 0; i < in->rank; i++) to.dim[i >= axis] *= in->dim[i];
    return reshape(im, NULL, x, &to, NULL);
}

gcam_status gcam__onnx_Reshape(gcam__importer *im) {
    gcam_node x;
    gcam_dims dims;
    int found;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_ints(im, "shape", 1, &dims, &found));
    gcam_shape to = {.rank = (int)dims.count};
    memcpy(to.dim, dims.value, sizeof to.dim);
    return reshape(im, NULL, x, &to, NULL);
}

/* Axes as flags for a tensor of `rank`. */
static gcam_status take_axes(gcam__importer *im, int rank, int flags[GCAM_MAX_RANK], int *found) {
    gcam_dims axes;
    memset(flags, 0, GCAM_MAX_RANK * sizeof *flags);
    GCAM_TRY(gcam__onnx_ints(im, "axes", 1, &axes, found));
    for (int64_t i = 0, axis; i < axes.count; i++) {
        GCAM_TRY(gcam__onnx_axis(im, axes.value[i], rank, &axis));
        flags[axis] = 1;
    }
    return GCAM_OK;
}

gcam_status gcam__onnx_Squeeze(gcam__importer *im) {
    gcam_node x;
    int found, removed[GCAM_MAX_RANK];
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    const gcam_shape *in = gcam__onnx_shape(im, x);
    GCAM_TRY(take_axes(im, in->rank, removed, &found));
    gcam_shape to = {0};
    for (int i = 0; i < in->rank; i++) {
        if (found && removed[i] && in->dim[i] != 1)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "axis %d has size %lld, not 1", i, (long long)in->dim[i]);
        if (!(found ? removed[i] : in->dim[i] == 1)) to.dim[to.rank++] = in->dim[i];
    }
    return reshape(im, NULL, x, &to, NULL);
}

gcam_status gcam__onnx_Unsqueeze(gcam__importer *im) {
    gcam_node x;
    gcam_dims axes;
    int found, inserted[GCAM_MAX_RANK];
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_ints(im, "axes", 1, &axes, &found));
    const gcam_shape *in = gcam__onnx_shape(im, x);
    gcam_shape to = {.rank = in->rank + (int)axes.count};
    if (to.rank > GCAM_MAX_RANK) return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its rank would be %d", to.rank);
    GCAM_TRY(take_axes(im, to.rank, inserted, &found));
    for (int i = 0, from = 0; i < to.rank; i++) to.dim[i] = inserted[i] || from >= in->rank ? 1 : in->dim[from++];
    return reshape(im, NULL, x, &to, NULL);
}

gcam_status gcam__onnx_Transpose(gcam__importer *im) {
    gcam_node x;
    gcam_transpose_params p;
    int found;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_attribute_ints(im, "perm", &p.order, &found));
    int rank = gcam__onnx_shape(im, x)->rank;
    if (!found) p.order.count = rank;
    for (int i = 0; !found && i < rank; i++) p.order.value[i] = rank - 1 - i;
    return gcam__onnx_emit(im, NULL, "transpose", &x, 1, &p, NULL);
}

/* One axis of a slice, with the clamping rules of ONNX made explicit for an axis of `size`. */
static gcam_slice_params slice_axis(int64_t axis, int64_t size, int64_t start, int64_t end, int64_t step) {
    if (start < 0) start += size;
    if (end < 0) end += size;
    if (step > 0) {
        start = start < 0 ? 0 : start > size ? size : start;
        end = end < 0 ? 0 : end > size ? size : end;
    } else {
        start = start < 0 ? 0 : start >= size ? size - 1 : start;
        end = end < 0 ? -1 : end >= size ? size - 1 : end;
    }
    return (gcam_slice_params){.axis = axis, .start = start, .end = end, .step = step};
}

/* A slice layer; positions are those of slice_axis(). The layer counts negative ends from the axis' end and takes 0 for "as far as
 * the step goes", so the two ends that mean "before the first" are said that way. */
static gcam_status emit_slice(gcam__importer *im, const char *suffix, gcam_node x, gcam_slice_params p, int rank,
                              gcam_node *out) {
    if (p.step > 0 && p.end <= p.start) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it would leave nothing");
    if (p.step < 0 && p.end >= p.start) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it would leave nothing");
    if (p.step < 0 && p.end == 0)
        p.end = -gcam__onnx_shape(im, x)->dim[p.axis]; /* position 0 itself is left out */
    else if (p.step < 0 && p.end < 0)
        p.end = 0;
    if (p.axis == 0) p.axis = -rank; /* zero means the default */
    return gcam__onnx_emit(im, suffix, "slice", &x, 1, &p, out);
}

gcam_status gcam__onnx_Slice(gcam__importer *im) {
    gcam_node x;
    gcam_dims start, end, axes, step;
    int found, has_axes, has_step;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_ints(im, "starts", 1, &start, &found));
    GCAM_TRY(gcam__onnx_ints(im, "ends", 2, &end, &found));
    GCAM_TRY(gcam__onnx_ints(im, "axes", 3, &axes, &has_axes));
    GCAM_TRY(gcam__onnx_ints(im, "steps", 4, &step, &has_step));
    if (start.count != end.count || (has_axes && axes.count != start.count) || (has_step && step.count != start.count))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its starts, ends, axes and steps differ in number");
    const int rank = gcam__onnx_shape(im, x)->rank;
    for (int64_t i = 0; i < start.count; i++) {
        int64_t axis, by = has_step ? step.value[i] : 1;
        char suffix[16];
        GCAM_TRY(gcam__onnx_axis(im, has_axes ? axes.value[i] : i, rank, &axis));
        if (by == 0) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a step of 0 leads nowhere");
        gcam_slice_params p = slice_axis(axis, gcam__onnx_shape(im, x)->dim[axis], start.value[i], end.value[i], by);
        snprintf(suffix, sizeof suffix, "axis%d", (int)axis);
        GCAM_TRY(emit_slice(im, i + 1 == start.count ? NULL : suffix, x, p, rank, &x));
    }
    return start.count ? GCAM_OK : gcam__onnx_set_node(im, 0, x);
}

gcam_status gcam__onnx_Split(gcam__importer *im) {
    gcam_node x;
    gcam_dims sizes;
    int found;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_ints(im, "split", 1, &sizes, &found));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    int64_t axis, at = 0, parts = (int64_t)im->node->output_count;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", 0), in.rank, &axis));
    if (found && sizes.count != parts)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "it has as many sizes as outputs, or none");
    int64_t each = parts ? (in.dim[axis] + parts - 1) / parts : 0;
    for (int64_t i = 0; i < parts; i++) {
        char suffix[24];
        int64_t size = found ? sizes.value[i] : at + each > in.dim[axis] ? in.dim[axis] - at : each;
        if (size <= 0 || size > in.dim[axis] - at)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its sizes do not add up");
        snprintf(suffix, sizeof suffix, "%lld", (long long)i);
        gcam_slice_params p = {.axis = axis, .start = at, .end = at + size, .step = 1};
        gcam_node part;
        GCAM_TRY(emit_slice(im, suffix, x, p, in.rank, &part));
        GCAM_TRY(gcam__onnx_set_node(im, (size_t)i, part));
        at += size;
    }
    return GCAM_OK;
}

enum { MANY = 4096 };

gcam_status gcam__onnx_Concat(gcam__importer *im) {
    gcam_node x[MANY];
    size_t count = im->node->input_count;
    if (count == 0 || count > MANY)
        return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "it has %zu inputs, at most %d are supported", count, MANY);
    for (size_t i = 0; i < count; i++) GCAM_TRY(gcam__onnx_value(im, i, &x[i]));
    int rank = gcam__onnx_shape(im, x[0])->rank;
    int64_t axis;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", 1), rank, &axis));
    gcam_axis_params p = {.axis = axis == 0 ? -rank : axis};
    return gcam__onnx_emit(im, NULL, "concat", x, (int)count, &p, NULL);
}

/* One index: a slice whose axis goes; a list: the slices side by side. */
gcam_status gcam__onnx_Gather(gcam__importer *im) {
    const gcam_tensor_entry *indices;
    gcam_node x, parts[GCAM_MAX_RANK * 32];
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant(im, 1, "indices", &indices));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    int64_t axis, count = gcam_shape_count(&indices->shape), most = sizeof parts / sizeof *parts;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", 0), in.rank, &axis));
    if (indices->shape.rank > 1 || count < 1 || count > most)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its indices must be one number or a list of at most %lld",
                               (long long)most);
    for (int64_t i = 0; i < count; i++) {
        int64_t index = gcam__onnx_int_at(indices, i);
        char suffix[24];
        if (index < 0) index += in.dim[axis];
        if (index < 0 || index >= in.dim[axis])
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "index %lld is outside", (long long)index);
        snprintf(suffix, sizeof suffix, "slice%lld", (long long)i);
        gcam_slice_params p = {.axis = axis, .start = index, .end = index + 1, .step = 1};
        GCAM_TRY(emit_slice(im, suffix, x, p, in.rank, &parts[i]));
    }
    gcam_axis_params along = {.axis = axis == 0 ? -in.rank : axis};
    if (indices->shape.rank == 1) return gcam__onnx_emit(im, NULL, "concat", parts, (int)count, &along, NULL);
    gcam_shape to = {.rank = 0};
    for (int i = 0; i < in.rank; i++)
        if (i != axis) to.dim[to.rank++] = in.dim[i];
    return reshape(im, NULL, parts[0], &to, NULL);
}

gcam_status gcam__onnx_Pad(gcam__importer *im) {
    gcam_node x;
    gcam_pad_params p = {.value = gcam__onnx_attribute_float(im, "value", 0)};
    const gcam_tensor_entry *stored;
    const char *mode = gcam__onnx_attribute_text(im, "mode", "constant");
    const gcam__onnx_attribute *listed = gcam__onnx_attribute_find(im, "pads");
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    if (gcam__onnx_input(im, 3)) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its input of axes is not supported");
    int rank = gcam__onnx_shape(im, x)->rank;
    int is_listed = listed && listed->type == GCAM__ONNX_INTS;
    if (!is_listed) GCAM_TRY(gcam__onnx_constant(im, 1, "pads", &stored));
    int64_t count = is_listed ? (int64_t)listed->count : gcam_shape_count(&stored->shape);
    if (count != 2 * rank) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its pads must be two numbers an axis");
    p.before.count = p.after.count = rank;
    for (int i = 0; i < rank; i++) {
        p.before.value[i] = is_listed ? listed->ints[i] : gcam__onnx_int_at(stored, i);
        p.after.value[i] = is_listed ? listed->ints[rank + i] : gcam__onnx_int_at(stored, rank + i);
    }
    GCAM_TRY(gcam__onnx_constant_number(im, 2, "value", p.value, &p.value));
    if (strcmp(mode, "reflect") == 0) return gcam__onnx_emit(im, NULL, "reflect_pad", &x, 1, &p, NULL);
    if (strcmp(mode, "edge") == 0) return gcam__onnx_emit(im, NULL, "edge_pad", &x, 1, &p, NULL);
    if (strcmp(mode, "constant") != 0)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its mode %.40s is not supported", mode);
    return gcam__onnx_emit(im, NULL, "pad", &x, 1, &p, NULL);
}

gcam_status gcam__onnx_Identity(gcam__importer *im) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    return gcam__onnx_set_node(im, 0, x);
}

gcam_status gcam__onnx_Dropout(gcam__importer *im) {
    gcam_node x;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    return gcam__onnx_emit(im, NULL, "dropout", &x, 1, NULL, NULL);
}

/* Everything is float32 here: only casts among floats leave a value as it is. */
gcam_status gcam__onnx_Cast(gcam__importer *im) {
    int64_t to = gcam__onnx_attribute_int(im, "to", 1);
    if (to != 1 && to != 11)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "only casts to float and double are supported");
    return gcam__onnx_Identity(im);
}
