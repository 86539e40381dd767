/* Batch normalisation in training (Ioffe & Szegedy 2015), per channel c over the M = N H W values of the batch:
 *   mu = sum x / M,  v = sum (x - mu)^2 / M,  xh = (x - mu) / sqrt(v + eps),  y = gamma xh + beta.
 * Running averages move as PyTorch's: mean += m (mu - mean), var += m (v M / (M - 1) - var), m the momentum.
 * Backward under every rule, the statistics being functions of x:
 *   dbeta = sum dy,  dgamma = sum dy xh,  dx = gamma / sqrt(v + eps) (dy - dbeta / M - xh dgamma / M).
 * aux: mu (C), then 1 / sqrt(v + eps) (C). Sums run in lanes of floats over short runs and in double from run to run. */
#include "layers/batchnorm.h"
#include "layers/loops.h"
#include "layers/shape.h"

#include <math.h>

enum { LANES = 16, RUN = 1024 };

size_t gcam__batchnorm_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)out;
    return 2 * (size_t)in->dim[1] * sizeof(float);
}

/* Two sums over one run of values. */
typedef struct sums {
    double a, b;
} sums;

/* Adds sum (x - about) and sum (x - about)^2. */
static void add_moments(sums *s, const float *x, int64_t count, float about) {
    float one[LANES] = {0}, two[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float d = x[i + l] - about;
            one[l] += d, two[l] += d * d;
        }
    for (; i < count; i++) {
        float d = x[i] - about;
        one[0] += d, two[0] += d * d;
    }
    for (int l = 0; l < LANES; l++) s->a += one[l], s->b += two[l];
}

/* Adds sum dy and sum dy (x - mean). */
static void add_products(sums *s, const float *dy, const float *x, int64_t count, float mean) {
    float one[LANES] = {0}, two[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int l = 0; l < LANES; l++) one[l] += dy[i + l], two[l] += dy[i + l] * (x[i + l] - mean);
    for (; i < count; i++) one[0] += dy[i], two[0] += dy[i] * (x[i] - mean);
    for (int l = 0; l < LANES; l++) s->a += one[l], s->b += two[l];
}

static int64_t run_length(int64_t begin, int64_t size) {
    return size - begin < RUN ? size - begin : RUN;
}

/* Statistics of a channel; deviations are taken from one of its values, so that their squares do not cancel. */
static void measure(const gcam__run *run, int64_t c, double *mean, double *variance) {
    const gcam_shape *in = &run->in_shape[0];
    int64_t size = gcam__dim_product(in, 2, in->rank), count = in->dim[0] * size;
    const float *x = run->in[0]->data + c * size;
    float about = x[0];
    sums s = {0, 0};
    for (int64_t n = 0; n < in->dim[0]; n++)
        for (int64_t i = 0; i < size; i += RUN)
            add_moments(&s, x + n * in->dim[1] * size + i, run_length(i, size), about);
    double shift = s.a / (double)count;
    *mean = about + shift;
    *variance = fmax(s.b / (double)count - shift * shift, 0);
}

static void move_averages(const gcam__layer *layer, int64_t c, int64_t count, double mean, double variance) {
    const gcam_batchnorm_params *p = layer->params;
    float *m = &layer->weight[GCAM__BN_MEAN].data[c], *v = &layer->weight[GCAM__BN_VARIANCE].data[c];
    double unbiased = count > 1 ? variance * (double)count / (double)(count - 1) : variance;
    *m = (float)((1 - p->momentum) * *m + p->momentum * mean);
    *v = (float)((1 - p->momentum) * *v + p->momentum * unbiased);
}

static void train_channel(const void *context, int64_t c) {
    const gcam__run *run = context;
    const gcam_shape *in = &run->in_shape[0];
    const gcam_batchnorm_params *p = run->layer->params;
    const float *gamma = run->layer->weight[GCAM__BN_GAMMA].data, *beta = run->layer->weight[GCAM__BN_BETA].data;
    int64_t size = gcam__dim_product(in, 2, in->rank);
    double mean, variance;
    measure(run, c, &mean, &variance);
    move_averages(run->layer, c, in->dim[0] * size, mean, variance);
    double inverse = 1 / sqrt(variance + p->eps);
    if (run->aux) {
        float *aux = run->aux;
        aux[c] = (float)mean;
        aux[in->dim[1] + c] = (float)inverse;
    }
    float scale = (float)((gamma ? gamma[c] : 1) * inverse);
    float shift = (float)((beta ? beta[c] : 0) - mean * (gamma ? gamma[c] : 1) * inverse);
    for (int64_t n = 0; n < in->dim[0]; n++) {
        const float *x = run->in[0]->data + (n * in->dim[1] + c) * size;
        float *y = run->out->data + (n * in->dim[1] + c) * size;
        for (int64_t i = 0; i < size; i++) y[i] = x[i] * scale + shift;
    }
}

void gcam__batchnorm_train(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    gcam__for_items(run->compute, in->dim[1], gcam_shape_count(in) / in->dim[1], train_channel, run);
}

/* dx = a dy + b x + c for one channel of one seed. */
static void input_gradient(const gcam__run *run, int64_t seed, int64_t c, const sums *s) {
    const gcam_shape *in = &run->in_shape[0];
    const float *gamma = run->layer->weight[GCAM__BN_GAMMA].data, *aux = run->aux;
    int64_t size = gcam__dim_product(in, 2, in->rank);
    double count = (double)(in->dim[0] * size), mean = aux[c], inverse = aux[in->dim[1] + c];
    double scale = (gamma ? gamma[c] : 1) * inverse, slope = -scale * inverse * inverse * s->b / count;
    float by_dy = (float)scale, by_x = (float)slope, shift = (float)(-scale * s->a / count - slope * mean);
    for (int64_t n = 0; n < in->dim[0]; n++) {
        int64_t at = (n * in->dim[1] + c) * size;
        const float *x = run->in[0]->data + at, *dy = run->dout->data + seed * gcam_shape_count(in) + at;
        float *dx = run->din[0]->data + seed * gcam_shape_count(in) + at;
        for (int64_t i = 0; i < size; i++) dx[i] = by_dy * dy[i] + by_x * x[i] + shift;
    }
}

static void backward_channel(const void *context, int64_t c) {
    const gcam__run *run = context;
    const gcam_shape *in = &run->in_shape[0];
    int64_t size = gcam__dim_product(in, 2, in->rank);
    const float *aux = run->aux;
    sums all = {0, 0};
    for (int64_t seed = 0; seed < run->seeds; seed++) {
        sums s = {0, 0};
        for (int64_t n = 0; n < in->dim[0]; n++)
            for (int64_t i = 0; i < size; i += RUN) {
                int64_t at = (n * in->dim[1] + c) * size + i;
                add_products(&s, run->dout->data + seed * gcam_shape_count(in) + at, run->in[0]->data + at,
                             run_length(i, size), aux[c]);
            }
        if (run->din[0]) input_gradient(run, seed, c, &s);
        all.a += s.a, all.b += s.b;
    }
    gcam_tensor *dgamma = run->dweight ? run->dweight[GCAM__BN_GAMMA] : NULL;
    gcam_tensor *dbeta = run->dweight ? run->dweight[GCAM__BN_BETA] : NULL;
    if (dgamma) dgamma->data[c] += (float)(all.b * aux[in->dim[1] + c]);
    if (dbeta) dbeta->data[c] += (float)all.a;
}

void gcam__batchnorm_train_backward(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    int64_t each = run->seeds * gcam_shape_count(in) / in->dim[1];
    gcam__for_items(run->compute, in->dim[1], each, backward_channel, run);
}
