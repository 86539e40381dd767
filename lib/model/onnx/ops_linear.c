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

static gcam_status transpose_if(gcam__importer *im, const char *attribute, const char *suffix, gcam_node *x) {
    gcam_transpose_params order = {.order = {2, {1, 0}}};
    if (!gcam__onnx_attribute_int(im, attribute, 0)) return GCAM_OK;
    return gcam__onnx_emit(im, suffix, "transpose", x, 1, &order, x);
}

/* x[0] = factor x[0]. */
static gcam_status scale_value(gcam__importer *im, const char *suffix, const char *number, double factor,
                               gcam_node *x) {
    gcam_node two[2] = {*x};
    GCAM_TRY(gcam__onnx_emit_number(im, number, factor, &two[1]));
    return gcam__onnx_emit(im, suffix, "mul", two, 2, NULL, x);
}

/* The same where the network computes B or C: a product of two values, and a sum. */
static gcam_status gemm_of_values(gcam__importer *im) {
    gcam_node x[2];
    double alpha = gcam__onnx_attribute_float(im, "alpha", 1), beta = gcam__onnx_attribute_float(im, "beta", 1);
    int has_c = gcam__onnx_input(im, 2) != NULL;
    for (size_t i = 0; i < 2; i++) {
        GCAM_TRY(gcam__onnx_value(im, i, &x[i]));
        if (gcam__onnx_shape(im, x[i])->rank != 2)
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "A and B must be matrices");
        GCAM_TRY(transpose_if(im, i ? "transB" : "transA", i ? "b_transposed" : "a_transposed", &x[i]));
    }
    GCAM_TRY(gcam__onnx_emit(im, alpha != 1 || has_c ? "product" : NULL, "matmul", x, 2, NULL, &x[0]));
    if (alpha != 1) GCAM_TRY(scale_value(im, has_c ? "scaled" : NULL, "alpha", alpha, &x[0]));
    if (!has_c) return GCAM_OK;
    GCAM_TRY(gcam__onnx_value(im, 2, &x[1]));
    if (beta != 1) GCAM_TRY(scale_value(im, "c_scaled", "beta", beta, &x[1]));
    return gcam__onnx_emit(im, NULL, "add", x, 2, NULL, NULL);
}

/* y = alpha A' B' + beta C. With B and C stored it is a fully connected layer. */
gcam_status gcam__onnx_Gemm(gcam__importer *im) {
    const gcam_tensor_entry *b, *c = NULL;
    gcam_tensor_entry weight, bias, scaled_bias;
    gcam_node x;
    int has_bias = 0;
    for (size_t i = 1; i < 3; i++) {
        const gcam__onnx_slot *slot = gcam__onnx_input(im, i);
        if (slot && !slot->is_constant) return gemm_of_values(im);
    }
    GCAM_TRY(gcam__onnx_value(im, 0, &x));
    GCAM_TRY(gcam__onnx_constant(im, 1, "matrix B", &b));
    if (gcam__onnx_input(im, 2)) GCAM_TRY(gcam__onnx_constant(im, 2, "C", &c));
    if (b->shape.rank != 2 || gcam__onnx_shape(im, x)->rank != 2)
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "A and B must be matrices");
    GCAM_TRY(transpose_if(im, "transA", "transpose", &x));
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

/* patterns.c gives it a bias as a third input. */
gcam_status gcam__onnx_MatMul(gcam__importer *im) {
    const gcam__onnx_slot *right = gcam__onnx_input(im, 1), *bias = gcam__onnx_input(im, 2);
    gcam_node x[2];
    GCAM_TRY(gcam__onnx_value(im, 0, &x[0]));
    if (right && right->is_constant && right->constant.shape.rank == 2) {
        gcam_tensor_entry weight = transposed(&right->constant);
        gcam_linear_params p = {.out = weight.shape.dim[0], .no_bias = !bias};
        GCAM_TRY(gcam__onnx_give_weight(im, NULL, "weight", &weight));
        if (bias && bias->is_constant) GCAM_TRY(gcam__onnx_give_weight(im, NULL, "bias", &bias->constant));
        return gcam__onnx_emit(im, NULL, "linear", x, 1, &p, NULL);
    }
    GCAM_TRY(gcam__onnx_value(im, 1, &x[1]));
    return gcam__onnx_emit(im, NULL, "matmul", x, 2, NULL, NULL);
}
