/* Softmax along one axis: y_i = exp(x_i - m) / sum_j exp(x_j - m), m = max x.
 * Backward under every rule: dx_i = y_i (dy_i - sum_j dy_j y_j). Sums in double. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <math.h>

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_axis_params *p = layer->params;
    int axis;
    GCAM_TRY(gcam__expect_axis(layer, in, p->axis, &axis));
    *out = *in;
    return gcam__check_output(layer, out);
}

/* A row: `length` values, `step` apart. Rows are numbered outermost first. */
typedef struct rows {
    int64_t length, step, rows;
    const float *x; /* x forward, y backward */
    const float *dy;
    float *out;
} rows;

static rows rows_of(const gcam__run *run) {
    const gcam_axis_params *p = run->layer->params;
    const gcam_shape *in = &run->in_shape[0];
    int axis = (int)(p->axis < 0 ? p->axis + in->rank : p->axis);
    rows r = {.length = in->dim[axis], .step = gcam__dim_product(in, axis + 1, in->rank)};
    r.rows = gcam__dim_product(in, 0, axis) * r.step;
    return r;
}

static int64_t row_start(const rows *r, int64_t index) {
    return index / r->step * r->length * r->step + index % r->step;
}

static void forward_row(const void *context, int64_t index) {
    const rows *r = context;
    const float *x = r->x + row_start(r, index);
    float *y = r->out + row_start(r, index);
    float largest = x[0];
    for (int64_t i = 1; i < r->length; i++) largest = fmaxf(largest, x[i * r->step]);
    double sum = 0;
    for (int64_t i = 0; i < r->length; i++) sum += (y[i * r->step] = expf(x[i * r->step] - largest));
    for (int64_t i = 0; i < r->length; i++) y[i * r->step] = (float)(y[i * r->step] / sum);
}

static void backward_row(const void *context, int64_t index) {
    const rows *r = context;
    int64_t start = row_start(r, index);
    const float *y = r->x + start, *dy = r->dy + start;
    double dot = 0;
    for (int64_t i = 0; i < r->length; i++) dot += (double)dy[i * r->step] * y[i * r->step];
    for (int64_t i = 0; i < r->length; i++)
        r->out[start + i * r->step] = (float)(y[i * r->step] * (dy[i * r->step] - dot));
}

static void forward(const gcam__run *run) {
    rows r = rows_of(run);
    r.x = run->in[0]->data, r.out = run->out->data;
    gcam__for_items(run->compute, r.rows, r.length, forward_row, &r);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    rows r = rows_of(run);
    r.x = run->out->data;
    for (int64_t s = 0; s < run->seeds; s++) {
        r.dy = run->dout->data + s * r.rows * r.length;
        r.out = run->din[0]->data + s * r.rows * r.length;
        gcam__for_items(run->compute, r.rows, r.length, backward_row, &r);
    }
}

static const gcam__param parameters[] = {
    {"axis", GCAM__PARAM_INT, offsetof(gcam_axis_params, axis), .fallback = 1, .is_signed = 1},
    {NULL},
};

const gcam__op gcam__op_softmax = {
    .name = "softmax",
    .params_size = sizeof(gcam_axis_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_OUTPUT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
