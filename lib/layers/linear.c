/* Fully connected: x (... x C) -> y (... x K), y = x Wt + b, W K x C.
 * Backward under every rule: dx = dy W; dW += dyt x, db += sum dy. */
#include "core/status.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

enum { WEIGHT, BIAS };

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_linear_params *p = layer->params;
    GCAM_TRY(gcam__expect_rank(layer, in, 1));
    *out = *in;
    out->dim[in->rank - 1] = p->out;
    return gcam__check_output(layer, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    const gcam_linear_params *p = layer->params;
    if (which == BIAS) {
        *shape = (gcam_shape){1, {p->out}};
        return !p->no_bias;
    }
    *shape = (gcam_shape){2, {p->out, in->dim[in->rank - 1]}};
    return 1;
}

static int64_t multiplies(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer;
    return gcam__saturating_mul(gcam_shape_count(out), in->dim[in->rank - 1]);
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    const gcam_linear_params *p = run->layer->params;
    gcam__linear_forward(run->compute, run->in[0]->data, run->layer->weight[WEIGHT].data, run->layer->weight[BIAS].data,
                         run->out->data, gcam__dim_product(in, 0, in->rank - 1), in->dim[in->rank - 1], p->out);
}

static void bias_gradient(const float *dy, int64_t rows, int64_t k, float *db) {
    for (int64_t j = 0; j < k; j++) {
        double sum = 0;
        for (int64_t i = 0; i < rows; i++) sum += dy[i * k + j];
        db[j] += (float)sum;
    }
}

static void weight_gradient(const gcam__run *run, int64_t rows, int64_t c, int64_t k) {
    for (int64_t s = 0; s < run->seeds; s++) {
        gcam__gemm_call g = {.m = k,
                             .n = c,
                             .k = rows,
                             .a = run->dout->data + s * rows * k,
                             .b = run->in[0]->data,
                             .c = run->dweight[WEIGHT]->data,
                             .lda = k,
                             .ldb = c,
                             .ldc = c,
                             .transpose_a = 1,
                             .accumulate = 1};
        gcam__gemm(run->compute, &g);
    }
}

static void backward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    const gcam_linear_params *p = run->layer->params;
    int64_t rows = gcam__dim_product(in, 0, in->rank - 1), c = in->dim[in->rank - 1];
    if (run->din[0])
        gcam__linear_backward(run->compute, run->dout->data, run->layer->weight[WEIGHT].data, run->din[0]->data,
                              run->seeds * rows, c, p->out);
    if (run->dweight && run->dweight[WEIGHT]) weight_gradient(run, rows, c, p->out);
    if (run->dweight && run->dweight[BIAS])
        bias_gradient(run->dout->data, run->seeds * rows, p->out, run->dweight[BIAS]->data);
}

static const char *const weights[] = {"weight", "bias", NULL};
static const gcam__param parameters[] = {
    {"out", GCAM__PARAM_INT, offsetof(gcam_linear_params, out), .required = 1},
    {"no_bias", GCAM__PARAM_INT, offsetof(gcam_linear_params, no_bias)},
    {NULL},
};

const gcam__op gcam__op_linear = {
    .name = "linear",
    .params_size = sizeof(gcam_linear_params),
    .params = parameters,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT_FOR_WEIGHTS,
    .infer = infer,
    .weight_shape = weight_shape,
    .multiplies = multiplies,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__weighted_linear,
};
