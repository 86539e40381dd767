/* Reductions over axes, which are an attribute in older operator sets and an input in newer ones. */
#include "core/status.h"
#include "model/onnx/ops.h"

/* Axes and input. `*nothing`: an empty list that means none; elsewhere it means all. */
static gcam_status take(gcam__importer *im, gcam_node *x, gcam_reduce_params *p, int *nothing) {
    int found;
    *p = (gcam_reduce_params){.drop = !gcam__onnx_attribute_int(im, "keepdims", 1)};
    GCAM_TRY(gcam__onnx_value(im, 0, x));
    GCAM_TRY(gcam__onnx_ints(im, "axes", 1, &p->axes, &found));
    int rank = gcam__onnx_shape(im, *x)->rank;
    *nothing = p->axes.count == 0 && gcam__onnx_attribute_int(im, "noop_with_empty_axes", 0);
    if (p->axes.count > 0) return GCAM_OK;
    p->axes.count = rank;
    for (int i = 0; i < rank; i++) p->axes.value[i] = i;
    return GCAM_OK;
}

static gcam_status reduce(gcam__importer *im, const char *op) {
    gcam_node x;
    gcam_reduce_params p;
    int nothing;
    GCAM_TRY(take(im, &x, &p, &nothing));
    return nothing ? gcam__onnx_set_node(im, 0, x) : gcam__onnx_emit(im, NULL, op, &x, 1, &p, NULL);
}

#define REDUCE(name, op)                                \
    gcam_status gcam__onnx_##name(gcam__importer *im) { \
        return reduce(im, op);                          \
    }
REDUCE(ReduceMean, "reduce_mean")
REDUCE(ReduceSum, "reduce_sum")
REDUCE(ReduceMax, "reduce_max")
REDUCE(ReduceMin, "reduce_min")

/* after(sum of before(x)); `before` NULL: x itself, "mul": x x; `after` NULL: the sum itself. */
static gcam_status sum_of(gcam__importer *im, const char *before, const char *after) {
    gcam_node x[2];
    gcam_reduce_params p;
    int nothing;
    GCAM_TRY(take(im, &x[0], &p, &nothing));
    x[1] = x[0];
    if (nothing) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "an empty list of axes is not supported");
    if (before) GCAM_TRY(gcam__onnx_emit(im, "terms", before, x, before[0] == 'm' ? 2 : 1, NULL, &x[0]));
    GCAM_TRY(gcam__onnx_emit(im, after ? "sum" : NULL, "reduce_sum", x, 1, &p, &x[0]));
    return after ? gcam__onnx_emit(im, NULL, after, x, 1, NULL, NULL) : GCAM_OK;
}

gcam_status gcam__onnx_ReduceL1(gcam__importer *im) {
    return sum_of(im, "abs", NULL);
}

gcam_status gcam__onnx_ReduceL2(gcam__importer *im) {
    return sum_of(im, "mul", "sqrt");
}

gcam_status gcam__onnx_ReduceSumSquare(gcam__importer *im) {
    return sum_of(im, "mul", NULL);
}

gcam_status gcam__onnx_ReduceLogSum(gcam__importer *im) {
    return sum_of(im, NULL, "log");
}

/* log(sum of exp x) = m + log(sum of exp(x - m)), m the maximum, so that no exponential overflows. */
gcam_status gcam__onnx_ReduceLogSumExp(gcam__importer *im) {
    gcam_node x[2], sum[2];
    gcam_reduce_params p, keep;
    int nothing;
    GCAM_TRY(take(im, &x[0], &p, &nothing));
    if (nothing) return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "an empty list of axes is not supported");
    keep = p;
    keep.drop = 0;
    GCAM_TRY(gcam__onnx_emit(im, "largest", "reduce_max", x, 1, &keep, &x[1]));
    GCAM_TRY(gcam__onnx_emit(im, "shifted", "sub", x, 2, NULL, &sum[0]));
    GCAM_TRY(gcam__onnx_emit(im, "terms", "exp", sum, 1, NULL, &sum[0]));
    GCAM_TRY(gcam__onnx_emit(im, "sum", "reduce_sum", sum, 1, &p, &sum[0]));
    GCAM_TRY(gcam__onnx_emit(im, "log", "log", sum, 1, NULL, &sum[0]));
    GCAM_TRY(gcam__onnx_emit(im, "largest_alone", "reduce_max", x, 1, &p, &sum[1]));
    return gcam__onnx_emit(im, NULL, "add", sum, 2, NULL, NULL);
}
