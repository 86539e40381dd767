/* Operators that copy values to other places, made of reshapes, transpositions, joins and products. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <stdio.h>
#include <string.h>

/* x -> shape `split` -> axes in `order` -> shape `to`. */
static gcam_status shuffle(gcam__importer *im, gcam_node x, const gcam_shape *split, const gcam_transpose_params *order,
                           const gcam_shape *to) {
    GCAM_TRY(gcam__onnx_emit_reshape(im, "split", x, split, &x));
    GCAM_TRY(gcam__onnx_emit(im, "moved", "transpose", &x, 1, order, &x));
    return gcam__onnx_emit_reshape(im, NULL, x, to, NULL);
}

/* Input N C H W and the block's side b. */
static gcam_status take_blocks(gcam__importer *im, gcam_node *x, int64_t *b) {
    GCAM_TRY(gcam__onnx_value(im, 0, x));
    *b = gcam__onnx_attribute_int(im, "blocksize", 0);
    const gcam_shape *in = gcam__onnx_shape(im, *x);
    if (in->rank != 4)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its input has rank %d, expected a picture (rank 4)", in->rank);
    for (int i = 1; i < 4; i++)
        if (in->dim[i] > INT32_MAX) return gcam__onnx_fail(im, GCAM_ERR_LIMIT, "its input is too large");
    if (*b <= 0 || *b > INT16_MAX) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its blocksize must be above zero");
    return GCAM_OK;
}

/* Channels become b x b blocks: DCR takes channel (i b + j) C/b^2 + c, CRD channel (c b + i) b + j to row i, column j. */
gcam_status gcam__onnx_DepthToSpace(gcam__importer *im) {
    gcam_node x;
    int64_t b;
    GCAM_TRY(take_blocks(im, &x, &b));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    const int64_t n = in.dim[0], h = in.dim[2], w = in.dim[3], c = in.dim[1] / (b * b);
    int by_column = strcmp(gcam__onnx_attribute_text(im, "mode", "DCR"), "CRD") == 0;
    gcam_shape split = {6, {n, b, b, c, h, w}}, to = {4, {n, c, h * b, w * b}};
    if (by_column) split = (gcam_shape){6, {n, c, b, b, h, w}};
    gcam_transpose_params first = {{6, {0, 3, 4, 1, 5, 2}}}, second = {{6, {0, 1, 4, 2, 5, 3}}};
    return shuffle(im, x, &split, by_column ? &second : &first, &to);
}

gcam_status gcam__onnx_SpaceToDepth(gcam__importer *im) {
    gcam_node x;
    int64_t b;
    GCAM_TRY(take_blocks(im, &x, &b));
    const gcam_shape in = *gcam__onnx_shape(im, x);
    const int64_t n = in.dim[0], c = in.dim[1], h = in.dim[2] / b, w = in.dim[3] / b;
    gcam_shape split = {6, {n, c, h, b, w, b}}, to = {4, {n, c * b * b, h, w}};
    gcam_transpose_params order = {{6, {0, 3, 5, 1, 2, 4}}};
    return shuffle(im, x, &split, &order, &to);
}

enum { COPIES = 256 };

/* Copies side by side along each axis. */
gcam_status gcam__onnx_Tile(gcam__importer *im) {
    gcam_node x, copies[COPIES];
    gcam_dims repeats;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant_ints(im, 1, "repeats", &repeats));
    const int rank = gcam__onnx_shape(im, x)->rank;
    if (repeats.count != rank) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its repeats must be one number an axis");
    for (int i = 0; i < rank; i++) {
        char suffix[16];
        int64_t count = repeats.value[i];
        if (count == 1) continue;
        if (count < 1 || count > COPIES)
            return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "%lld copies are not supported, only 1 to %d",
                                   (long long)count, COPIES);
        for (int64_t k = 0; k < count; k++) copies[k] = x;
        gcam_axis_params along = {.axis = i - rank};
        snprintf(suffix, sizeof suffix, "axis%d", i);
        GCAM_TRY(gcam__onnx_emit(im, suffix, "concat", copies, (int)count, &along, &x));
    }
    return gcam__onnx_set_node(im, 0, x);
}

/* Broadcasting to a shape: a product with ones. */
gcam_status gcam__onnx_Expand(gcam__importer *im) {
    gcam_node x[2];
    gcam_dims dims;
    gcam_tensor_entry ones;
    void *data;
    int same = 1;
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    GCAM_TRY(gcam__onnx_constant_ints(im, 1, "shape", &dims));
    const gcam_shape *in = gcam__onnx_shape(im, x[0]);
    gcam_shape to = {.rank = (int)dims.count};
    for (int i = 0; i < to.rank; i++) {
        int from = i - (to.rank - in->rank);
        to.dim[i] = from >= 0 && dims.value[i] == in->dim[from] ? 1 : dims.value[i];
        if (from < 0 || to.dim[i] != 1) same = 0;
        if (to.dim[i] < 1)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "a size of %lld is not possible", (long long)to.dim[i]);
    }
    if (same) return gcam__onnx_set_node(im, 0, x[0]);
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &to, &ones, &data));
    for (int64_t i = 0; i < gcam_shape_count(&to); i++) ((float *)data)[i] = 1;
    GCAM_TRY(gcam__onnx_emit_constant(im, "ones", &ones, &x[1]));
    return gcam__onnx_emit(im, NULL, "mul", x, 2, NULL, NULL);
}
