/* Products of matrices. */
#include "core/status.h"
#include "io/tensor_table.h"
#include "model/onnx/ops.h"

#include <string.h>

/* The matrix with rows and columns exchanged: its strides tell, nothing moves. */
static gcam_tensor_entry transposed(const gcam_tensor_entry *matrix) {
    gcam_tensor_entry out = *matrix;
    out.shape.dim[0] = matrix->shape.dim[1], out.shape.dim[1] = matrix->shape.dim[0];
    out.stride[0] = matrix->stride[1], out.stride[1] = matrix->stride[0];
    return out;
}

static gcam_status scaled(gcam__importer *im, const gcam_tensor_entry *x, double factor, gcam_tensor_entry *out) {
    void *data;
    *out = *x;
    if (factor == 1) return GCAM_OK;
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &x->shape, out, &data));
    int64_t count = gcam_shape_count(&x->shape);
    gcam_tensor_entry_read(x, data);
    for (int64_t i = 0; i < count; i++) ((float *)data)[i] *= (float)factor;
    return GCAM_OK;
}

/* C of a Gemm as a bias of K numbers; 0 where it has another shape. */
static gcam_status as_bias(gcam__importer *im, const gcam_tensor_entry *c, int64_t k, gcam_tensor_entry *out,
                           int *fits) {
    int64_t count = gcam_shape_count(&c->shape);
    void *data;
    *fits = count == 1 || (count == k && c->shape.rank > 0 && c->shape.dim[c->shape.rank - 1] == k);
    if (!*fits) return GCAM_OK;
    GCAM_TRY(gcam__onnx_new_constant(im, GCAM_DTYPE_F32, &(gcam_shape){1, {k}}, out, &data));
    for (int64_t i = 0; i < k; i++) ((float *)data)[i] = (float)gcam__onnx_number_at(c, count == 1 ? 0 : i);
    return GCAM_OK;
}

/* y = alpha A' B' + beta C, B and C stored: a fully connected layer. */
gcam_status gcam__onnx_Gemm(gcam__importer *im) {
    const gcam_tensor_entry *b, *c = NULL;
    gcam_tensor_entry weight, bias, scaled_bias;
    gcam_node x;
    int has_bias = 0;
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant(im, 1, "matrix B", &b));
    if (gcam__onnx_input(im, 2)) GCAM_TRY(gcam__onnx_constant(im, 2, "C", &c));
    if (b->shape.rank != 2 || gcam__onnx_shape(im, x)->rank != 2)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "A and B must be matrices");
    if (gcam__onnx_attribute_int(im, "transA", 0)) {
        gcam_transpose_params order = {.order = {2, {1, 0}}};
        GCAM_TRY(gcam__onnx_emit(im, "transpose", "transpose", &x, 1, &order, &x));
    }
    gcam_tensor_entry rows = gcam__onnx_attribute_int(im, "transB", 0) ? *b : transposed(b);
    GCAM_TRY(scaled(im, &rows, gcam__onnx_attribute_float(im, "alpha", 1), &weight));
    gcam_linear_params p = {.out = weight.shape.dim[0]};
    if (c) GCAM_TRY(as_bias(im, c, p.out, &bias, &has_bias));
    double beta = gcam__onnx_attribute_float(im, "beta", 1);
    p.no_bias = !has_bias;
    const char *suffix = c && !has_bias ? "product" : NULL;
    GCAM_TRY(gcam__onnx_give_weight(im, suffix, "weight", &weight));
    if (has_bias) {
        GCAM_TRY(scaled(im, &bias, beta, &scaled_bias));
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "bias", &scaled_bias));
    }
    GCAM_TRY(gcam__onnx_emit(im, suffix, "linear", &x, 1, &p, &x));
    if (!suffix) return GCAM_OK;
    gcam_node both[2] = {x};
    GCAM_TRY(scaled(im, c, beta, &scaled_bias));
    GCAM_TRY(gcam__onnx_emit_constant(im, "c", &scaled_bias, &both[1]));
    return gcam__onnx_emit(im, NULL, "add", both, 2, NULL, NULL);
}

gcam_status gcam__onnx_MatMul(gcam__importer *im) {
    const gcam__onnx_slot *right = gcam__onnx_input(im, 1);
    gcam_node x[2];
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    if (right && right->is_constant && right->constant.shape.rank == 2) {
        gcam_tensor_entry weight = transposed(&right->constant);
        gcam_linear_params p = {.out = weight.shape.dim[0], .no_bias = 1};
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "weight", &weight));
        return gcam__onnx_emit(im, NULL, "linear", x, 1, &p, NULL);
    }
    GCAM_TRY(gcam__onnx_value(im, 1, &x[1]));
    return gcam__onnx_emit(im, NULL, "matmul", x, 2, NULL, NULL);
}
