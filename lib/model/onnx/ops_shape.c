/* Operators that move values without changing them. Sizes that exporters wrote down for a batch of 1 are kept open: the first
 * size is copied from the input wherever it stays the first. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

gcam_status gcam__onnx_emit_reshape(gcam__importer *im, const char *suffix, gcam_node x, const gcam_shape *to,
                                    gcam_node *out) {
    const gcam_shape *from = gcam__onnx_shape(im, x);
    gcam_reshape_params p = {.shape = {.count = to->rank}};
    memcpy(p.shape.value, to->dim, sizeof p.shape.value);
    /* a batch that the file wrote down is the one of the input here */
    if (to->rank > 0 && from->rank > 0
        && (to->dim[0] == from->dim[0] || (from->dim[0] == 1 && to->dim[0] == im->batch)))
        p.shape.value[0] = 0;
    if (to->rank == 0) p.shape = (gcam_dims){1, {1}};
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
    return gcam__onnx_emit_reshape(im, NULL, x, &to, NULL);
}

gcam_status gcam__onnx_Reshape(gcam__importer *im) {
    gcam_node x;
    gcam_dims dims;
    int found;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_ints(im, "shape", 1, &dims, &found));
    gcam_shape to = {.rank = (int)dims.count};
    memcpy(to.dim, dims.value, sizeof to.dim);
    return gcam__onnx_emit_reshape(im, NULL, x, &to, NULL);
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
    return gcam__onnx_emit_reshape(im, NULL, x, &to, NULL);
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
    return gcam__onnx_emit_reshape(im, NULL, x, &to, NULL);
}

int gcam__onnx_turns_channels_first(const gcam__onnx_node *node) {
    static const int64_t order[] = {0, 3, 1, 2};
    if (strcmp(node->op, "Transpose") != 0 || node->attribute_count != 1) return 0;
    const gcam__onnx_attribute *perm = &node->attributes[0];
    return strcmp(perm->name, "perm") == 0 && perm->type == GCAM__ONNX_INTS && perm->count == 4
           && memcmp(perm->ints, order, sizeof order) == 0;
}

gcam_status gcam__onnx_Transpose(gcam__importer *im) {
    gcam_node x;
    const gcam__onnx_slot *slot = gcam__onnx_input(im, 0);
    if (slot && slot->channels_last) return gcam__onnx_set_node(im, 0, slot->node); /* the input is turned already */
    gcam_transpose_params p;
    int found;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_attribute_ints(im, "perm", &p.order, &found));
    int rank = gcam__onnx_shape(im, x)->rank;
    if (!found) p.order.count = rank;
    for (int i = 0; !found && i < rank; i++) p.order.value[i] = rank - 1 - i;
    return gcam__onnx_emit(im, NULL, "transpose", &x, 1, &p, NULL);
}

/* A slice layer of `count` > 0 places. The layer counts negative ends from the axis' end and takes 0 for "as far as the step goes",
 * so an end before the first place is said that way. A range of the whole axis is left open, for other input sizes. */
static gcam_status emit_slice(gcam__importer *im, const char *suffix, gcam_node x, int64_t axis, gcam__onnx_range range,
                              gcam_node *out) {
    const gcam_shape *in = gcam__onnx_shape(im, x);
    gcam_slice_params p = {.axis = axis == 0 ? -in->rank : axis, .start = range.start, .step = range.step};
    int64_t last = range.start + (range.count - 1) * range.step;
    if (range.count <= 0)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                               "it would leave nothing: tensors without elements are not supported");
    p.end = range.step > 0 ? last + 1 : last - 1;
    if (range.step > 0 && last + range.step >= in->dim[axis]) p.end = 0;
    if (range.step < 0 && p.end == 0) p.end = -in->dim[axis]; /* place 0 itself is left out */
    if (range.step < 0 && p.end == -1) p.end = 0;
    return gcam__onnx_emit(im, suffix, "slice", &x, 1, &p, out);
}

gcam_status gcam__onnx_Slice(gcam__importer *im) {
    gcam_node x;
    gcam__onnx_range range[GCAM_MAX_RANK];
    int cut[GCAM_MAX_RANK], count = 0, done = 0;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    GCAM_TRY(gcam__onnx_ranges(im, &in, range));
    for (int i = 0; i < in.rank; i++) {
        cut[i] = range[i].count != in.dim[i] || range[i].step < 0;
        count += cut[i];
    }
    for (int i = 0; i < in.rank; i++) {
        char suffix[16];
        if (!cut[i]) continue;
        snprintf(suffix, sizeof suffix, "axis%d", i);
        GCAM_TRY(emit_slice(im, ++done == count ? NULL : suffix, x, i, range[i], &x));
    }
    return count ? GCAM_OK : gcam__onnx_set_node(im, 0, x);
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
    if (gcam__onnx_attribute_int(im, "num_outputs", parts) != parts)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its num_outputs and its outputs differ in number");
    if (found && sizes.count != parts)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "it has as many sizes as outputs, or none");
    int64_t each = parts ? (in.dim[axis] + parts - 1) / parts : 0;
    for (int64_t i = 0; i < parts; i++) {
        char suffix[24];
        int64_t size = found ? sizes.value[i] : at + each > in.dim[axis] ? in.dim[axis] - at : each;
        if (size <= 0 || size > in.dim[axis] - at)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its sizes do not add up");
        snprintf(suffix, sizeof suffix, "%lld", (long long)i);
        gcam_node part;
        GCAM_TRY(emit_slice(im, suffix, x, axis, (gcam__onnx_range){at, size, 1}, &part));
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

/* Slices side by side; the axis then takes the shape of the indices, and goes where they are a single number. Indices one after
 * another are one slice. */
gcam_status gcam__onnx_Gather(gcam__importer *im) {
    const gcam_tensor_entry *indices;
    gcam_node x, parts[GCAM_MAX_RANK * 32];
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant(im, 1, "indices", &indices));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    int64_t axis, made = 0, count = gcam_shape_count(&indices->shape), most = sizeof parts / sizeof *parts;
    GCAM_TRY(gcam__onnx_axis(im, gcam__onnx_attribute_int(im, "axis", 0), in.rank, &axis));
    if (count < 1 || indices->shape.rank + in.rank - 1 > GCAM_MAX_RANK)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it would leave nothing, or a tensor of too high a rank");
    for (int64_t i = 0, length; i < count; i += length) {
        int64_t index = gcam__onnx_int_at(indices, i);
        char suffix[24];
        if (index < 0) index += in.dim[axis];
        if (index < 0 || index >= in.dim[axis])
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "index %lld is outside", (long long)index);
        for (length = 1; i + length < count && index + length < in.dim[axis]; length++)
            if (gcam__onnx_int_at(indices, i + length) != index + length) break;
        if (made == most)
            return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its indices jump more than %lld times", (long long)most);
        snprintf(suffix, sizeof suffix, "slice%lld", (long long)made);
        GCAM_TRY(emit_slice(im, suffix, x, axis, (gcam__onnx_range){index, length, 1}, &parts[made++]));
    }
    gcam_axis_params along = {.axis = axis == 0 ? -in.rank : axis};
    int is_list = indices->shape.rank == 1;
    if (made > 1 || is_list)
        GCAM_TRY(gcam__onnx_emit(im, is_list ? NULL : "joined", "concat", parts, (int)made, &along, &parts[0]));
    if (is_list) return GCAM_OK;
    gcam_shape to = {.rank = 0};
    for (int i = 0; i < in.rank; i++)
        if (i != axis)
            to.dim[to.rank++] = in.dim[i];
        else
            for (int k = 0; k < indices->shape.rank; k++) to.dim[to.rank++] = indices->shape.dim[k];
    return gcam__onnx_emit_reshape(im, NULL, parts[0], &to, NULL);
}

/* Number `i` of the pads: an attribute (operator set 10 and before), or a constant input. */
static int64_t pad_at(const gcam__onnx_attribute *listed, const gcam_tensor_entry *stored, int64_t i) {
    return listed ? listed->ints[i] : gcam__onnx_int_at(stored, i);
}

static gcam_status take_pads(gcam__importer *im, int rank, gcam_pad_params *p) {
    const gcam__onnx_attribute *listed = gcam__onnx_attribute_find(im, "pads");
    const gcam_tensor_entry *stored = NULL, *chosen = NULL; /* chosen: some axes only (operator set 18) */
    if (listed && listed->type != GCAM__ONNX_INTS) listed = NULL;
    if (!listed) GCAM_TRY(gcam__onnx_constant(im, 1, "pads", &stored));
    if (gcam__onnx_input(im, 3)) GCAM_TRY(gcam__onnx_constant(im, 3, "axes", &chosen));
    int64_t count = listed ? (int64_t)listed->count : gcam_shape_count(&stored->shape);
    int64_t axes = chosen ? gcam_shape_count(&chosen->shape) : rank;
    if (axes > rank || count != 2 * axes)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its pads must be two numbers an axis");
    p->before.count = p->after.count = rank;
    for (int64_t i = 0; i < axes; i++) {
        int64_t axis;
        GCAM_TRY(gcam__onnx_axis(im, chosen ? gcam__onnx_int_at(chosen, i) : i, rank, &axis));
        p->before.value[axis] = pad_at(listed, stored, i);
        p->after.value[axis] = pad_at(listed, stored, axes + i);
    }
    return GCAM_OK;
}

gcam_status gcam__onnx_Pad(gcam__importer *im) {
    gcam_node x;
    gcam_pad_params p = {.value = gcam__onnx_attribute_float(im, "value", 0)};
    const char *mode = gcam__onnx_attribute_text(im, "mode", "constant");
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(take_pads(im, gcam__onnx_shape(im, x)->rank, &p));
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

/* Identity in evaluation mode; its mask is then all ones. */
gcam_status gcam__onnx_Dropout(gcam__importer *im) {
    gcam_node x;
    double training, ratio;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant_number(im, 2, "training_mode", 0, &training));
    if (training != 0) GCAM_TRY(gcam__onnx_constant_number(im, 1, "ratio", 0.5, &ratio));
    if (training != 0 && ratio != 0)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it is in training mode: export the model in evaluation mode");
    GCAM_TRY(gcam__onnx_emit(im, NULL, "dropout", &x, 1, NULL, NULL));
    if (!gcam__onnx_is_read(im, 1)) return GCAM_OK;
    gcam_tensor_entry mask;
    void *data;
    const gcam_shape shape = *gcam__onnx_shape(im, x);
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_BOOL, &shape, &mask, &data));
    memset(data, 1, (size_t)gcam_shape_count(&shape));
    return gcam__onnx_set_constant(im, 1, &mask);
}

/* Everything is float32 here: casts among floats leave a value as it is. */
gcam_status gcam__onnx_Cast(gcam__importer *im) {
    int64_t to = gcam__onnx_attribute_int(im, "to", 1);
    if (to != 1 && to != 10 && to != 11)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                               "a cast to ONNX type %lld is not supported, only to float16, float and double",
                               (long long)to);
    return gcam__onnx_Identity(im);
}

/* Both inputs are floats, or this would have been reckoned at import. */
gcam_status gcam__onnx_CastLike(gcam__importer *im) {
    const gcam__onnx_slot *like = gcam__onnx_input(im, 1);
    if (like && like->is_constant
        && (like->constant.dtype >= GCAM_DTYPE_I64 || like->constant.dtype == GCAM_DTYPE_BF16))
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "a cast to %s is not supported",
                               gcam_dtype_name(like->constant.dtype));
    return gcam__onnx_Identity(im);
}
