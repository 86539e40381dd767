/* Softmax and its logarithm along one axis, m = max x:
 *   softmax      y_i = exp(x_i - m) / sum_j exp(x_j - m);   backward dx_i = y_i (dy_i - sum_j dy_j y_j)
 *   log_softmax  y_i = x_i - m - log sum_j exp(x_j - m);    backward dx_i = dy_i - exp(y_i) sum_j dy_j
 * under every rule. Sums in double. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <math.h>

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_axis_params *p = layer->params;
    int axis;
    GCAM_TRY(gcam__expect_axis(layer, in, p->axis, &axis));
    return gcam__infer_same(layer, in, in_count, out);
}

typedef struct job {
    gcam__rows rows;
    const float *x, *y, *dy;
    float *out; /* y or dx */
} job;

/* m and sum_j exp(x_j - m) of a row. */
static double row_sum(const job *j, const float *x, float *largest) {
    double sum = 0;
    *largest = x[0];
    for (int64_t i = 1; i < j->rows.length; i++) *largest = fmaxf(*largest, x[i * j->rows.step]);
    for (int64_t i = 0; i < j->rows.length; i++) sum += expf(x[i * j->rows.step] - *largest);
    return sum;
}

static void softmax_row(const void *context, int64_t index) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, index), step = j->rows.step;
    float largest;
    double sum = row_sum(j, j->x + start, &largest);
    for (int64_t i = 0; i < j->rows.length; i++)
        j->out[start + i * step] = (float)(expf(j->x[start + i * step] - largest) / sum);
}

static void softmax_row_backward(const void *context, int64_t index) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, index), step = j->rows.step;
    const float *y = j->y + start, *dy = j->dy + start;
    double dot = 0;
    for (int64_t i = 0; i < j->rows.length; i++) dot += (double)dy[i * step] * y[i * step];
    for (int64_t i = 0; i < j->rows.length; i++) j->out[start + i * step] = (float)(y[i * step] * (dy[i * step] - dot));
}

static void log_softmax_row(const void *context, int64_t index) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, index), step = j->rows.step;
    float largest;
    double shift = log(row_sum(j, j->x + start, &largest));
    for (int64_t i = 0; i < j->rows.length; i++)
        j->out[start + i * step] = (float)((double)j->x[start + i * step] - largest - shift);
}

static void log_softmax_row_backward(const void *context, int64_t index) {
    const job *j = context;
    int64_t start = gcam__row_start(&j->rows, index), step = j->rows.step;
    const float *y = j->y + start, *dy = j->dy + start;
    double sum = 0;
    for (int64_t i = 0; i < j->rows.length; i++) sum += dy[i * step];
    for (int64_t i = 0; i < j->rows.length; i++)
        j->out[start + i * step] = (float)(dy[i * step] - expf(y[i * step]) * sum);
}

static job job_of(const gcam__run *run) {
    const gcam_axis_params *p = run->layer->params;
    return (job){.rows = gcam__rows_of(&run->in_shape[0], p->axis, 1)};
}

static void forward(const gcam__run *run, gcam__item_fn row) {
    job j = job_of(run);
    j.x = run->in[0]->data, j.out = run->out->data;
    gcam__for_items(run->compute, j.rows.count, j.rows.length, row, &j);
}

static void backward(const gcam__run *run, gcam__item_fn row) {
    if (!run->din[0]) return;
    job j = job_of(run);
    j.y = run->out->data;
    for (int64_t s = 0; s < run->seeds; s++) {
        j.dy = run->dout->data + s * j.rows.count * j.rows.length;
        j.out = run->din[0]->data + s * j.rows.count * j.rows.length;
        gcam__for_items(run->compute, j.rows.count, j.rows.length, row, &j);
    }
}

static const gcam__param parameters[] = {
    {"axis", GCAM__PARAM_INT, offsetof(gcam_axis_params, axis), .fallback = 1, .is_signed = 1},
    {NULL},
};

#define SOFTMAX(NAME)                                                          \
    static void NAME##_forward(const gcam__run *run) {                         \
        forward(run, NAME##_row);                                              \
    }                                                                          \
    static void NAME##_backward(const gcam__run *run) {                        \
        backward(run, NAME##_row_backward);                                    \
    }                                                                          \
    const gcam__op gcam__op_##NAME = {.name = #NAME,                           \
                                      .params_size = sizeof(gcam_axis_params), \
                                      .params = parameters,                    \
                                      .min_inputs = 1,                         \
                                      .max_inputs = 1,                         \
                                      .needs = GCAM__NEEDS_OUTPUT,             \
                                      .infer = infer,                          \
                                      .forward = NAME##_forward,               \
                                      .backward = NAME##_backward,             \
                                      .relevance = &gcam__no_rule};

SOFTMAX(softmax)
SOFTMAX(log_softmax)
