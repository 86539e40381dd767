/* Reductions over some axes: reduce_mean, reduce_sum, reduce_max, reduce_min. The axes stay with size 1, or are dropped. An empty list
 * of axes means all but the first, the batch. global_max_pool is the maximum over all axes from the third on.
 * Backward under every rule: the mean's dy / n or the sum's dy to each value; maximum and minimum give dy to the first winner in
 * row-major order, whose place the forward pass keeps as one int64 an output. NaN wins. */
#include "core/status.h"
#include "layers/box.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <string.h>

typedef enum reduction { MEAN, SUM, MAXIMUM, MINIMUM } reduction;

/* reduced[i] = 1 for the axes to go. */
static gcam_status find_axes(const gcam__layer *layer, const gcam_shape *in, int reduced[GCAM_MAX_RANK]) {
    const gcam_reduce_params *p = layer->params;
    memset(reduced, 0, GCAM_MAX_RANK * sizeof *reduced);
    int from = p ? 1 : 2; /* global_max_pool has no parameters */
    for (int i = from; i < in->rank && (!p || p->axes.count == 0); i++) reduced[i] = 1;
    for (int64_t k = 0; p && k < p->axes.count; k++) {
        int axis;
        GCAM_TRY(gcam__expect_axis(layer, in, p->axes.value[k], &axis));
        reduced[axis] = 1;
    }
    return GCAM_OK;
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_reduce_params *p = layer->params;
    int reduced[GCAM_MAX_RANK];
    GCAM_TRY(gcam__expect_rank(layer, in, p ? 1 : 3));
    GCAM_TRY(find_axes(layer, in, reduced));
    *out = (gcam_shape){0};
    for (int i = 0; i < in->rank; i++)
        if (!reduced[i] || !p || !p->drop) out->dim[out->rank++] = reduced[i] ? 1 : in->dim[i];
    if (out->rank == 0) out->dim[out->rank++] = 1; /* a scalar, as one value */
    return gcam__check_output(layer, in);
}

static size_t aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)in;
    return (size_t)gcam_shape_count(out) * sizeof(int64_t);
}

typedef struct job {
    gcam__box kept, gone; /* strides of the input */
    const float *x, *dy;
    float *y, *dx;
    int64_t *winner;
    reduction kind;
} job;

static job job_of(const gcam__run *run, reduction kind) {
    job j = {.kind = kind, .winner = run->aux};
    const gcam_shape *in = &run->in_shape[0];
    int reduced[GCAM_MAX_RANK];
    int64_t stride[GCAM_MAX_RANK];
    if (find_axes(run->layer, in, reduced) != GCAM_OK) return j; /* infer has seen to it */
    gcam__strides(in, stride);
    for (int i = 0; i < in->rank; i++) gcam__box_add(reduced[i] ? &j.gone : &j.kept, in->dim[i], stride[i], 0, 0);
    return j;
}

static double sum_of(const gcam__box *gone, const float *x) {
    int64_t rows = gcam__box_rows(gone), length = gcam__box_length(gone), step = gcam__box_step(gone, 0);
    double sum = 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t at[GCAM__BOX_TENSORS];
        gcam__box_row(gone, row, at);
        for (int64_t i = 0; i < length; i++) sum += x[at[0] + i * step];
    }
    return sum;
}

/* Offset of the first largest (or smallest) value; of the last NaN, if there is one. */
static int64_t winner_of(const gcam__box *gone, const float *x, reduction kind) {
    int64_t rows = gcam__box_rows(gone), length = gcam__box_length(gone), step = gcam__box_step(gone, 0), best = 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t at[GCAM__BOX_TENSORS];
        gcam__box_row(gone, row, at);
        for (int64_t i = 0; i < length; i++) {
            float value = x[at[0] + i * step];
            int wins = kind == MAXIMUM ? value > x[best] : value < x[best];
            if (wins || value != value) best = at[0] + i * step;
        }
    }
    return best;
}

static void reduce_row(const void *context, const int64_t offset[GCAM__BOX_TENSORS], int64_t index, int64_t count) {
    const job *j = context;
    for (int64_t i = 0; i < count; i++) {
        const float *x = j->x + offset[0] + i * gcam__box_step(&j->kept, 0);
        if (j->kind == MEAN || j->kind == SUM) {
            double sum = sum_of(&j->gone, x);
            j->y[index + i] = (float)(j->kind == MEAN ? sum / (double)gcam__box_count(&j->gone) : sum);
            continue;
        }
        int64_t winner = winner_of(&j->gone, x, j->kind);
        j->y[index + i] = x[winner];
        if (j->winner) j->winner[index + i] = winner;
    }
}

static void spread_row(const void *context, const int64_t offset[GCAM__BOX_TENSORS], int64_t index, int64_t count) {
    const job *j = context;
    int64_t rows = gcam__box_rows(&j->gone), length = gcam__box_length(&j->gone), step = gcam__box_step(&j->gone, 0);
    int has_winner = j->kind == MAXIMUM || j->kind == MINIMUM;
    for (int64_t i = 0; i < count; i++) {
        float *dx = j->dx + offset[0] + i * gcam__box_step(&j->kept, 0), dy = j->dy[index + i];
        float share = has_winner ? 0 : j->kind == MEAN ? dy / (float)gcam__box_count(&j->gone) : dy;
        for (int64_t row = 0; row < rows; row++) {
            int64_t at[GCAM__BOX_TENSORS];
            gcam__box_row(&j->gone, row, at);
            for (int64_t k = 0; k < length; k++) dx[at[0] + k * step] = share;
        }
        if (has_winner) dx[j->winner[index + i]] = dy;
    }
}

static void forward(const gcam__run *run, reduction kind) {
    job j = job_of(run, kind);
    j.x = run->in[0]->data, j.y = run->out->data;
    gcam__box_run(run->compute, &j.kept, reduce_row, &j);
}

static void backward(const gcam__run *run, reduction kind) {
    if (!run->din[0]) return;
    job j = job_of(run, kind);
    int64_t count = gcam_shape_count(&run->in_shape[0]);
    for (int64_t s = 0; s < run->seeds; s++) {
        j.dy = run->dout->data + s * gcam__box_count(&j.kept), j.dx = run->din[0]->data + s * count;
        gcam__box_run(run->compute, &j.kept, spread_row, &j);
    }
}

static const gcam__param parameters[] = {
    {"axes", GCAM__PARAM_DIMS, offsetof(gcam_reduce_params, axes), .is_signed = 1},
    {"drop", GCAM__PARAM_INT, offsetof(gcam_reduce_params, drop)},
    {NULL},
};

#define REDUCTION(NAME, KIND, NEEDS, AUX, PARAMS_SIZE, PARAMS, RELEVANCE) \
    static void NAME##_forward(const gcam__run *run) {                    \
        forward(run, KIND);                                               \
    }                                                                     \
    static void NAME##_backward(const gcam__run *run) {                   \
        backward(run, KIND);                                              \
    }                                                                     \
    const gcam__op gcam__op_##NAME = {.name = #NAME,                      \
                                      .params_size = PARAMS_SIZE,         \
                                      .params = PARAMS,                   \
                                      .min_inputs = 1,                    \
                                      .max_inputs = 1,                    \
                                      .needs = NEEDS,                     \
                                      .infer = infer,                     \
                                      .aux_bytes = AUX,                   \
                                      .forward = NAME##_forward,          \
                                      .backward = NAME##_backward,        \
                                      .relevance = &gcam__##RELEVANCE};

REDUCTION(reduce_mean, MEAN, 0, NULL, sizeof(gcam_reduce_params), parameters, summed)
REDUCTION(reduce_sum, SUM, 0, NULL, sizeof(gcam_reduce_params), parameters, summed)
REDUCTION(reduce_max, MAXIMUM, GCAM__NEEDS_AUX, aux_bytes, sizeof(gcam_reduce_params), parameters, winner)
REDUCTION(reduce_min, MINIMUM, GCAM__NEEDS_AUX, aux_bytes, sizeof(gcam_reduce_params), parameters, loser)
REDUCTION(global_max_pool, MAXIMUM, GCAM__NEEDS_AUX, aux_bytes, 0, NULL, winner)
