/* Normalisation over parts of each image: y = (x - mu) r gamma + beta, r = 1 / sqrt(var + eps), mu and var (population) over a row.
 *   layer_norm  (Ba et al. 2016)     a row is `axes` dimensions from `axis` on; gamma and beta have their shape
 *   group_norm  (Wu & He 2018)       a row is one group of channels with all their positions; gamma and beta have one number a
 *                                    channel. groups = C is instance normalisation (Ulyanov et al. 2016).
 * Backward under every rule, with z = (x - mu) r and q = dy gamma: dx = r (q - mean q - z mean(q z));
 * dgamma = sum of dy z, dbeta = sum of dy. The forward pass keeps mu and r of each row. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <inttypes.h>
#include <math.h>

enum { GAMMA, BETA };

typedef struct moments {
    double mean, scale; /* mu, r */
} moments;

/* Element j of row i takes number (i mod groups) `per_row` + j / spread of gamma and beta. */
typedef struct job {
    gcam__rows rows;
    int64_t groups, per_row, spread;
    double eps;
    const float *gamma, *beta, *x, *dy;
    float *y, *dx;
    moments *kept; /* NULL: nobody needs them */
    int64_t seeds; /* weight gradients only */
    float *dgamma, *dbeta;
} job;

static int64_t weight_index(const job *j, int64_t row, int64_t i) {
    return row % j->groups * j->per_row + i / j->spread;
}

static moments moments_of(const job *j, const float *x) {
    double sum = 0, squares = 0, length = (double)j->rows.length;
    for (int64_t i = 0; i < j->rows.length; i++) sum += x[i * j->rows.step];
    double mean = sum / length;
    for (int64_t i = 0; i < j->rows.length; i++) {
        double distance = x[i * j->rows.step] - mean;
        squares += distance * distance;
    }
    return (moments){mean, 1 / sqrt(squares / length + j->eps)};
}

static void forward_row(const void *context, int64_t row) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, row);
    moments m = moments_of(j, j->x + start);
    if (j->kept) j->kept[row] = m;
    for (int64_t i = 0; i < j->rows.length; i++) {
        int64_t at = start + i * j->rows.step, k = weight_index(j, row, i);
        double z = (j->x[at] - m.mean) * m.scale;
        j->y[at] = (float)(z * (j->gamma ? j->gamma[k] : 1) + (j->beta ? j->beta[k] : 0));
    }
}

static void backward_row(const void *context, int64_t row) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, row), step = j->rows.step;
    moments m = j->kept[row];
    double mean_q = 0, mean_qz = 0;
    for (int64_t i = 0; i < j->rows.length; i++) {
        double q = j->dy[start + i * step] * (j->gamma ? j->gamma[weight_index(j, row, i)] : 1.0);
        mean_q += q / (double)j->rows.length;
        mean_qz += q * (j->x[start + i * step] - m.mean) * m.scale / (double)j->rows.length;
    }
    for (int64_t i = 0; i < j->rows.length; i++) {
        double q = j->dy[start + i * step] * (j->gamma ? j->gamma[weight_index(j, row, i)] : 1.0);
        double z = (j->x[start + i * step] - m.mean) * m.scale;
        j->dx[start + i * step] = (float)(m.scale * (q - mean_q - z * mean_qz));
    }
}

/* dgamma and dbeta of number k: rows of its group, the `spread` elements that take it. */
static void weight_gradient(const void *context, int64_t k) {
    const job *j = context;
    double dgamma = 0, dbeta = 0;
    for (int64_t s = 0; s < j->seeds; s++)
        for (int64_t row = k / j->per_row; row < j->rows.count; row += j->groups)
            for (int64_t i = k % j->per_row * j->spread; i < (k % j->per_row + 1) * j->spread; i++) {
                int64_t at = gcam__row_start(&j->rows, row) + i * j->rows.step;
                double dy = j->dy[s * j->rows.count * j->rows.length + at];
                dbeta += dy;
                dgamma += dy * (j->x[at] - j->kept[row].mean) * j->kept[row].scale;
            }
    j->dgamma[k] += (float)dgamma;
    j->dbeta[k] += (float)dbeta;
}

static void forward(const gcam__run *run, job j) {
    j.x = run->in[0]->data, j.y = run->out->data, j.kept = run->aux;
    gcam__for_items(run->compute, j.rows.count, j.rows.length, forward_row, &j);
}

static void backward(const gcam__run *run, job j) {
    int64_t count = j.rows.count * j.rows.length;
    j.x = run->in[0]->data, j.kept = run->aux;
    for (int64_t s = 0; run->din[0] && s < run->seeds; s++) {
        j.dy = run->dout->data + s * count, j.dx = run->din[0]->data + s * count;
        gcam__for_items(run->compute, j.rows.count, j.rows.length, backward_row, &j);
    }
    if (!run->dweight || !run->dweight[GAMMA]) return;
    j.dy = run->dout->data, j.seeds = run->seeds;
    j.dgamma = run->dweight[GAMMA]->data, j.dbeta = run->dweight[BETA]->data;
    int64_t weights = j.groups * j.per_row;
    gcam__for_items(run->compute, weights, run->seeds * count / weights, weight_gradient, &j);
}

/* ---- relevance ------------------------------------------------------------------------------------------------------------
 *
 * LRP holds r fixed (Ali et al. 2022): y = gamma r (x - mean x) + beta is then linear, under the epsilon rule. DeepLIFT, with
 * c = x - mu, takes y = gamma c r as a product and r as a function of var = mean c^2: with q = m gamma,
 *   m_c = q (r + r') / 2 + (sum q (c + c') / 2) (r - r') / (var - var') (c + c') / n,   m_x = m_c - mean m_c. */

static void spread_row(const job *j, const gcam__spread *spread, const float *y, int64_t row) {
    int64_t start = gcam__row_start(&j->rows, row), step = j->rows.step;
    double scale = j->kept[row].scale, mean = 0;
    for (int64_t i = 0; i < j->rows.length; i++) {
        int64_t at = start + i * step, k = weight_index(j, row, i);
        double beta = j->beta && spread->how->ignore_bias ? j->beta[k] : 0;
        j->dx[at] = gcam__share(j->dy[at], y[at] - beta, spread->how->epsilon, spread->lost);
        j->dx[at] *= (float)((j->gamma ? j->gamma[k] : 1) * scale);
        mean += j->dx[at] / (double)j->rows.length;
    }
    for (int64_t i = 0; i < j->rows.length; i++)
        j->dx[start + i * step] = (float)(j->x[start + i * step] * (j->dx[start + i * step] - mean));
}

/* x0 and m0: of the reference pass. */
static void rescale_row(const job *j, const float *x0, moments m0, int64_t row) {
    int64_t start = gcam__row_start(&j->rows, row), step = j->rows.step;
    moments m = j->kept[row];
    double length = (double)j->rows.length, along = 0, mean = 0;
    double change = 1 / (m.scale * m.scale) - 1 / (m0.scale * m0.scale);
    double slope = fabs(change) * m.scale * m.scale < 1e-6 ? -0.5 * pow(m.scale, 3) : (m.scale - m0.scale) / change;
    for (int64_t i = 0; i < j->rows.length; i++) {
        int64_t at = start + i * step;
        double q = j->dy[at] * (j->gamma ? j->gamma[weight_index(j, row, i)] : 1.0);
        along += q * (j->x[at] - m.mean + x0[at] - m0.mean) / 2;
    }
    for (int64_t i = 0; i < j->rows.length; i++) {
        int64_t at = start + i * step;
        double q = j->dy[at] * (j->gamma ? j->gamma[weight_index(j, row, i)] : 1.0);
        double both = j->x[at] - m.mean + x0[at] - m0.mean;
        double value = q * (m.scale + m0.scale) / 2 + along * slope * both / length;
        j->dx[at] = (float)value;
        mean += value / length;
    }
    for (int64_t i = 0; i < j->rows.length; i++) j->dx[start + i * step] -= (float)mean;
}

static void pass_relevance(const gcam__run *run, job j) {
    const gcam__spread *spread = run->spread;
    if (!run->din[0]) return;
    j.x = run->in[0]->data, j.kept = run->aux, j.dy = run->dout->data, j.dx = run->din[0]->data;
    const gcam__run *reference = spread->reference;
    if (spread->family == GCAM__EXCITATION) gcam__copy(j.dx, j.dy, j.rows.count * j.rows.length);
    for (int64_t row = 0; row < j.rows.count && spread->family != GCAM__EXCITATION; row++) {
        if (spread->family == GCAM__LRP)
            spread_row(&j, spread, run->out->data, row);
        else
            rescale_row(&j, reference->in[0]->data, ((const moments *)reference->aux)[row], row);
    }
}

static const char *const weights[] = {"weight", "bias", NULL};

/* ---- layer_norm --------------------------------------------------------------------------------------------------------- */

static gcam_status layer_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_layer_norm_params *p = layer->params;
    int axis;
    GCAM_TRY(gcam__expect_axis(layer, in, p->axis, &axis));
    if (p->axes > in->rank - axis)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: there are no %" PRId64 " axes from axis %d on", layer->name,
                          p->axes, axis);
    return gcam__infer_same(layer, in, in_count, out);
}

static int layer_weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    (void)which;
    const gcam_layer_norm_params *p = layer->params;
    int64_t axis = p->axis < 0 ? p->axis + in->rank : p->axis;
    shape->rank = (int)p->axes;
    for (int i = 0; i < shape->rank; i++) shape->dim[i] = in->dim[axis + i];
    return !p->no_affine;
}

static size_t layer_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)out;
    const gcam_layer_norm_params *p = layer->params;
    return (size_t)gcam__rows_of(in, p->axis, p->axes).count * sizeof(moments);
}

static job layer_job(const gcam__run *run) {
    const gcam_layer_norm_params *p = run->layer->params;
    job j = {.rows = gcam__rows_of(&run->in_shape[0], p->axis, p->axes), .groups = 1, .spread = 1, .eps = p->eps};
    j.per_row = j.rows.length;
    j.gamma = run->layer->weight[GAMMA].data, j.beta = run->layer->weight[BETA].data;
    return j;
}

static void layer_forward(const gcam__run *run) {
    forward(run, layer_job(run));
}

static void layer_backward(const gcam__run *run) {
    backward(run, layer_job(run));
}

static void layer_relevance(const gcam__run *run) {
    pass_relevance(run, layer_job(run));
}

static const gcam__relevance layer_rules = {.pass = layer_relevance, .families = GCAM__ALL_FAMILIES};

static const gcam__param layer_params[] = {
    {"axis", GCAM__PARAM_INT, offsetof(gcam_layer_norm_params, axis), .fallback = -1, .is_signed = 1},
    {"axes", GCAM__PARAM_INT, offsetof(gcam_layer_norm_params, axes), .fallback = 1},
    {"eps", GCAM__PARAM_NUMBER, offsetof(gcam_layer_norm_params, eps), .fallback = 1e-5},
    {"no_affine", GCAM__PARAM_INT, offsetof(gcam_layer_norm_params, no_affine)},
    {NULL},
};

const gcam__op gcam__op_layer_norm = {
    .name = "layer_norm",
    .params_size = sizeof(gcam_layer_norm_params),
    .params = layer_params,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT | GCAM__NEEDS_AUX,
    .infer = layer_infer,
    .weight_shape = layer_weight_shape,
    .aux_bytes = layer_aux_bytes,
    .forward = layer_forward,
    .backward = layer_backward,
    .relevance = &layer_rules,
};

/* ---- group_norm --------------------------------------------------------------------------------------------------------- */

static gcam_status group_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_group_norm_params *p = layer->params;
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    if (in->dim[1] % p->groups)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: %" PRId64 " channels cannot be divided into %" PRId64 " groups",
                          layer->name, in->dim[1], p->groups);
    return gcam__infer_same(layer, in, in_count, out);
}

static int group_weight_shape(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape) {
    (void)which;
    const gcam_group_norm_params *p = layer->params;
    *shape = (gcam_shape){1, {in->dim[1]}};
    return !p->no_affine;
}

static size_t group_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)out;
    const gcam_group_norm_params *p = layer->params;
    return (size_t)(in->dim[0] * p->groups) * sizeof(moments);
}

static job group_job(const gcam__run *run) {
    const gcam_group_norm_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    job j = {.groups = p->groups, .per_row = in->dim[1] / p->groups, .eps = p->eps};
    j.spread = gcam__dim_product(in, 2, in->rank);
    j.rows = (gcam__rows){.count = in->dim[0] * p->groups, .length = j.per_row * j.spread, .step = 1};
    j.gamma = run->layer->weight[GAMMA].data, j.beta = run->layer->weight[BETA].data;
    return j;
}

static void group_forward(const gcam__run *run) {
    forward(run, group_job(run));
}

static void group_backward(const gcam__run *run) {
    backward(run, group_job(run));
}

static void group_relevance(const gcam__run *run) {
    pass_relevance(run, group_job(run));
}

static const gcam__relevance group_rules = {.pass = group_relevance, .families = GCAM__ALL_FAMILIES};

static const gcam__param group_params[] = {
    {"groups", GCAM__PARAM_INT, offsetof(gcam_group_norm_params, groups), .required = 1},
    {"eps", GCAM__PARAM_NUMBER, offsetof(gcam_group_norm_params, eps), .fallback = 1e-5},
    {"no_affine", GCAM__PARAM_INT, offsetof(gcam_group_norm_params, no_affine)},
    {NULL},
};

const gcam__op gcam__op_group_norm = {
    .name = "group_norm",
    .params_size = sizeof(gcam_group_norm_params),
    .params = group_params,
    .weights = weights,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT | GCAM__NEEDS_AUX,
    .infer = group_infer,
    .weight_shape = group_weight_shape,
    .aux_bytes = group_aux_bytes,
    .forward = group_forward,
    .backward = group_backward,
    .relevance = &group_rules,
};
