/* Resizing of pictures, by Resize (operator set 10 and later) and Upsample (7 to 9). */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <math.h>
#include <string.h>

/* What the node asks for, axis by axis; a scale of 0: from the size. */
typedef struct resizing {
    double scale[GCAM_MAX_RANK];
    int64_t size[GCAM_MAX_RANK];
} resizing;

/* Place of axis number `i` of the list: the list of axes (operator set 18) or all of them in order. */
static gcam_status axis_at(gcam__importer *im, int64_t i, int rank, int64_t count, int64_t *axis) {
    gcam_dims axes;
    int found;
    GCAM_TRY(gcam__onnx_attribute_ints(im, "axes", &axes, &found));
    if (count != (found ? axes.count : rank))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "it has %lld scales or sizes for %lld axes", (long long)count,
                               (long long)(found ? axes.count : rank));
    return gcam__onnx_axis(im, found ? axes.value[i] : i, rank, axis);
}

/* A list input that is there and not empty; NULL otherwise. */
static gcam_status take_list(gcam__importer *im, size_t index, const char *what, const gcam_tensor_entry **out) {
    *out = NULL;
    if (!gcam__onnx_input(im, index)) return GCAM_OK;
    GCAM_TRY(gcam__onnx_constant(im, index, what, out));
    if (gcam_shape_count(&(*out)->shape) == 0) *out = NULL;
    return GCAM_OK;
}

static gcam_status take_scales(gcam__importer *im, const gcam_tensor_entry *list, int rank, resizing *r) {
    const gcam__onnx_attribute *attribute = gcam__onnx_attribute_find(im, "scales");
    int listed = !list && attribute && attribute->type == GCAM__ONNX_FLOATS;
    int64_t count = list ? gcam_shape_count(&list->shape) : listed ? (int64_t)attribute->count : 0, axis;
    if (!list && !listed) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "it has neither scales nor sizes");
    for (int64_t i = 0; i < count; i++) {
        GCAM_TRY(axis_at(im, i, rank, count, &axis));
        r->scale[axis] = list ? gcam__onnx_number_at(list, i) : (double)attribute->floats[i];
    }
    return GCAM_OK;
}

static gcam_status take_sizes(gcam__importer *im, const gcam_tensor_entry *list, const gcam_shape *in, resizing *r) {
    int64_t count = gcam_shape_count(&list->shape), axis;
    const char *policy = gcam__onnx_attribute_text(im, "keep_aspect_ratio_policy", "stretch");
    if (strcmp(policy, "stretch") != 0)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its keep_aspect_ratio_policy %.40s is not supported", policy);
    for (int64_t i = 0; i < count; i++) {
        GCAM_TRY(axis_at(im, i, in->rank, count, &axis));
        r->size[axis] = gcam__onnx_int_at(list, i);
        if (r->size[axis] <= 0 || r->size[axis] > INT32_MAX)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a size of %lld is not possible", (long long)r->size[axis]);
        r->scale[axis] = r->size[axis] == in->dim[axis] ? 1 : 0;
    }
    return GCAM_OK;
}

static gcam_status emit(gcam__importer *im, gcam_node x, const char *op, const resizing *r, gcam_resize_params *p) {
    const gcam_shape *in = gcam__onnx_shape(im, x);
    if (in->rank != 4 || r->scale[0] != 1 || r->scale[1] != 1)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "only height and width of pictures (N C H W) can be resized");
    for (int i = 0; i < 2; i++) {
        double scale = r->scale[2 + i];
        p->size[i] = r->size[2 + i];
        if (p->size[i] == 0 && !(scale > 0 && (double)in->dim[2 + i] * scale < INT32_MAX))
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a scale of %g is not possible", scale);
        if (p->size[i] == 0 && p->coordinates == GCAM_RESIZE_ALIGN_CORNERS
            && fmod((double)in->dim[2 + i] * scale, 1) != 0)
            return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                                   "align_corners with a scale of %g, which makes no whole size, is not supported",
                                   scale);
        p->scale.value[p->scale.count++] = p->size[i] ? 1 : scale;
    }
    if (p->size[0] && p->size[1]) p->scale.count = 0;
    return gcam__onnx_emit(im, NULL, op, &x, 1, p, NULL);
}

static int place_of(const char *text, const char *const *list) {
    for (int i = 0; list[i]; i++)
        if (strcmp(list[i], text) == 0) return i;
    return -1;
}

/* Modes that the layers know; everything else is refused by name. */
static gcam_status take_mode(gcam__importer *im, const char **op, gcam_resize_params *p) {
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const ops[] = {"resize_nearest", "resize_linear", "resize_cubic"};
    static const char *const places[] = {"", "half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", NULL};
    static const char *const roundings[] = {"floor", "round_prefer_floor", "round_prefer_ceil", "ceil", NULL};
    int old = im->model->opset < 11 || strcmp(im->node->op, "Upsample") == 0;
    const char *mode = gcam__onnx_attribute_text(im, "mode", "nearest");
    const char *place =
        gcam__onnx_attribute_text(im, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    const char *rounding = gcam__onnx_attribute_text(im, "nearest_mode", old ? "floor" : "round_prefer_floor");
    int m = place_of(strcmp(mode, "bilinear") == 0 ? "linear" : mode, modes), c = place_of(place, places),
        r = place_of(rounding, roundings);
    if (m < 0) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its mode %.40s is not supported", mode);
    if (c < 0)
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its coordinate_transformation_mode %.40s is not supported",
                               place);
    if (r < 0) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "its nearest_mode %.40s is not supported", rounding);
    if (gcam__onnx_attribute_int(im, "antialias", 0) || gcam__onnx_attribute_int(im, "exclude_outside", 0))
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "antialias and exclude_outside are not supported");
    *op = ops[m];
    p->coordinates = c;
    p->rounding = r;
    p->cubic_a = gcam__onnx_attribute_float(im, "cubic_coeff_a", -0.75);
    return GCAM_OK;
}

/* Inputs: x, roi, scales, sizes; before operator set 11, and for Upsample, x and scales. */
gcam_status gcam__onnx_Resize(gcam__importer *im) {
    gcam_node x;
    const char *op = NULL;
    gcam_resize_params p = {.size = {0, 0}};
    const gcam_tensor_entry *scales, *sizes = NULL;
    resizing r;
    int old = im->model->opset < 11 || strcmp(im->node->op, "Upsample") == 0;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(take_mode(im, &op, &p));
    GCAM_TRY(take_list(im, old ? 1 : 2, "scales", &scales));
    if (!old) GCAM_TRY(take_list(im, 3, "sizes", &sizes));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    for (int i = 0; i < GCAM_MAX_RANK; i++) r.scale[i] = 1, r.size[i] = 0;
    if (sizes)
        GCAM_TRY(take_sizes(im, sizes, &in, &r));
    else
        GCAM_TRY(take_scales(im, scales, in.rank, &r));
    return emit(im, x, op, &r, &p);
}

gcam_status gcam__onnx_Upsample(gcam__importer *im) {
    return gcam__onnx_Resize(im);
}
