/* Scaling to length 1 along one axis: y = x / n, n = max(|x|, eps). Backward under every rule: dx = (dy - y <y, dy>) / n, without the
 * second term where n = eps. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <math.h>

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_l2_normalize_params *p = layer->params;
    int axis;
    GCAM_TRY(gcam__expect_axis(layer, in, p->axis, &axis));
    return gcam__infer_same(layer, in, in_count, out);
}

typedef struct job {
    gcam__rows rows;
    double eps;
    const float *x, *dy;
    float *out; /* y or dx */
} job;

static double dot(const job *j, const float *a, const float *b) {
    double sum = 0;
    for (int64_t i = 0; i < j->rows.length; i++) sum += (double)a[i * j->rows.step] * b[i * j->rows.step];
    return sum;
}

static void forward_row(const void *context, int64_t index) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, index);
    const float *x = j->x + start;
    double length = sqrt(dot(j, x, x));
    if (length < j->eps) length = j->eps;
    for (int64_t i = 0; i < j->rows.length; i++)
        j->out[start + i * j->rows.step] = (float)(x[i * j->rows.step] / length);
}

static void backward_row(const void *context, int64_t index) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, index);
    const float *x = j->x + start, *dy = j->dy + start;
    double square = dot(j, x, x), length = sqrt(square), along = dot(j, x, dy) / square;
    if (length < j->eps) length = j->eps, along = 0;
    for (int64_t i = 0; i < j->rows.length; i++)
        j->out[start + i * j->rows.step] = (float)((dy[i * j->rows.step] - x[i * j->rows.step] * along) / length);
}

static job job_of(const gcam__run *run) {
    const gcam_l2_normalize_params *p = run->layer->params;
    return (job){.rows = gcam__rows_of(&run->in_shape[0], p->axis, 1), .eps = p->eps, .x = run->in[0]->data};
}

static void forward(const gcam__run *run) {
    job j = job_of(run);
    j.out = run->out->data;
    gcam__for_items(run->compute, j.rows.count, j.rows.length, forward_row, &j);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    job j = job_of(run);
    for (int64_t s = 0; s < run->seeds; s++) {
        j.dy = run->dout->data + s * j.rows.count * j.rows.length;
        j.out = run->din[0]->data + s * j.rows.count * j.rows.length;
        gcam__for_items(run->compute, j.rows.count, j.rows.length, backward_row, &j);
    }
}

static const gcam__param parameters[] = {
    {"axis", GCAM__PARAM_INT, offsetof(gcam_l2_normalize_params, axis), .fallback = 1, .is_signed = 1},
    {"eps", GCAM__PARAM_NUMBER, offsetof(gcam_l2_normalize_params, eps), .fallback = 1e-12},
    {NULL},
};

const gcam__op gcam__op_l2_normalize = {
    .name = "l2_normalize",
    .params_size = sizeof(gcam_l2_normalize_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__steady,
};
