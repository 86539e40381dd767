/* Batch normalisation; batchnorm_train.c has the training pass. At inference (Ioffe & Szegedy 2015), per channel c of N C ...:
 *   y = scale_c x + shift_c,  scale = gamma / sqrt(var + eps),  shift = beta - mean scale.
 * Backward under every rule: dx = scale_c dy; dbeta_c = sum dy, dgamma_c = sum dy (x - mean_c) / sqrt(var_c + eps).
 * Prepared memory: scale (C), then shift (C), from double arithmetic. The graph folds the same numbers into a convolution. */
#include "layers/batchnorm.h"
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <math.h>

enum { GAMMA = GCAM__BN_GAMMA, BETA = GCAM__BN_BETA, MEAN = GCAM__BN_MEAN, VARIANCE = GCAM__BN_VARIANCE };

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    *out = *in;
    return gcam__check_output(layer, out);
}

static int weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    const gcam_batchnorm_params *p = layer->params;
    if (p->no_affine && (which == GAMMA || which == BETA)) return 0;
    *shape = (gcam_shape){1, {in->dim[1]}};
    return 1;
}

static int64_t multiplies(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)in;
    return gcam_shape_count(out);
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                             const gcam_shape *out) {
    (void)compute, (void)layer, (void)out;
    return 2 * (size_t)in->dim[1] * sizeof(float);
}

static double inverse_deviation(const gcam__layer *layer, int64_t c) {
    const gcam_batchnorm_params *p = layer->params;
    return 1 / sqrt((double)layer->weight[VARIANCE].data[c] + p->eps);
}

static void prepare(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out,
                    void *prepared) {
    (void)compute, (void)out;
    const float *gamma = layer->weight[GAMMA].data, *beta = layer->weight[BETA].data;
    int64_t channels = in->dim[1];
    float *scale = prepared, *shift = scale + channels;
    for (int64_t c = 0; c < channels; c++) {
        double factor = (gamma ? gamma[c] : 1) * inverse_deviation(layer, c);
        scale[c] = (float)factor;
        shift[c] = (float)((beta ? beta[c] : 0) - layer->weight[MEAN].data[c] * factor);
    }
}

static void forward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    const float *scale = run->prepared;
    if (run->training) {
        gcam__batchnorm_train(run);
        return;
    }
    gcam__scale_shift(run->compute, run->in[0]->data, run->out->data, in->dim[0] * in->dim[1],
                      gcam__dim_product(in, 2, in->rank), in->dim[1], scale, scale + in->dim[1], run->fused != NULL);
}

static int fuses(const gcam__layer *layer, gcam__fuse step) {
    (void)layer;
    return step == GCAM__FUSE_RELU;
}

/* dgamma and dbeta of one channel. */
static void weight_gradients(const void *context, int64_t c) {
    const gcam__run *run = context;
    const gcam_shape *in = &run->in_shape[0];
    int64_t batch = in->dim[0], size = gcam__dim_product(in, 2, in->rank);
    const float *x = run->in[0] ? run->in[0]->data : NULL;
    double mean = run->layer->weight[MEAN].data[c], dbeta = 0, dgamma = 0;
    for (int64_t n = 0; n < run->seeds * batch; n++) {
        const float *dy = run->dout->data + (n * in->dim[1] + c) * size;
        const float *xn = x ? x + (n % batch * in->dim[1] + c) * size : NULL;
        for (int64_t i = 0; i < size; i++) {
            dbeta += dy[i];
            if (xn) dgamma += dy[i] * (xn[i] - mean);
        }
    }
    if (run->dweight[GAMMA]) run->dweight[GAMMA]->data[c] += (float)(dgamma * inverse_deviation(run->layer, c));
    if (run->dweight[BETA]) run->dweight[BETA]->data[c] += (float)dbeta;
}

static void backward(const gcam__run *run) {
    if (run->training) {
        gcam__batchnorm_train_backward(run);
        return;
    }
    const gcam_shape *in = &run->in_shape[0];
    int64_t size = gcam__dim_product(in, 2, in->rank), planes = run->seeds * in->dim[0] * in->dim[1];
    if (run->din[0])
        gcam__scale_shift(run->compute, run->dout->data, run->din[0]->data, planes, size, in->dim[1], run->prepared,
                          NULL, 0);
    if (run->dweight && (run->dweight[GAMMA] || run->dweight[BETA]))
        gcam__for_items(run->compute, in->dim[1], run->seeds * in->dim[0] * size, weight_gradients, run);
}

static const char *const weights[] = {"weight", "bias", "running_mean", "running_var", NULL};
static const gcam__param parameters[] = {
    {"eps", GCAM__PARAM_NUMBER, offsetof(gcam_batchnorm_params, eps), .fallback = 1e-5},
    {"no_affine", GCAM__PARAM_INT, offsetof(gcam_batchnorm_params, no_affine)},
    {"momentum", GCAM__PARAM_NUMBER, offsetof(gcam_batchnorm_params, momentum), .fallback = 0.1},
    {NULL},
};

const gcam__op gcam__op_batchnorm = {
    .name = "batchnorm",
    .params_size = sizeof(gcam_batchnorm_params),
    .params = parameters,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT_FOR_WEIGHTS | GCAM__NEEDS_AUX,
    .in_place = 1,
    .fused_as = GCAM__FUSE_SCALE,
    .fuses = fuses,
    .reach = gcam__reach_cell,
    .infer = infer,
    .weight_shape = weight_shape,
    .multiplies = multiplies,
    .aux_bytes = gcam__batchnorm_aux_bytes,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__normalisation,
};
