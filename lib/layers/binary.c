/* Operations on two values, y = f(a, b), element by element with NumPy's broadcasting: shapes are aligned at their ends, and a size
 * of 1 or a missing dimension is repeated.
 *   add a + b, sub a - b, mul a b, div a / b, pow a^b, minimum, maximum (NaN wins)
 * Backward under every rule: da = dy df/da, db = dy df/db, summed in double over what was repeated; where minimum or maximum
 * find equal values, each gets half (PyTorch's rule). */
#include "core/status.h"
#include "layers/box.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <math.h>

enum { A, B, OUT };

static int broadcast(const gcam_shape in[2], gcam_shape *out) {
    out->rank = in[A].rank > in[B].rank ? in[A].rank : in[B].rank;
    for (int i = 0; i < out->rank; i++) {
        int64_t a = gcam__aligned_dim(&in[A], i, out->rank), b = gcam__aligned_dim(&in[B], i, out->rank);
        if (a != b && a != 1 && b != 1) return 0;
        out->dim[i] = a == 1 ? b : a;
    }
    return 1;
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    char a[160], b[160];
    if (!broadcast(in, out))
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: inputs of %s and %s do not fit together", layer->name,
                          gcam__shape_text(&in[A], a), gcam__shape_text(&in[B], b));
    return gcam__check_output(layer, out);
}

/* The box over those dimensions of the output that operand `which` has (repeated 0) or lacks (repeated 1); all for which < 0. */
static gcam__box box_of(const gcam_shape in[2], int which, int repeated) {
    gcam__box box = {0};
    gcam_shape out;
    broadcast(in, &out);
    for (int i = 0; i < out.rank; i++) {
        int64_t stride[2] = {gcam__aligned_stride(&in[A], i, out.rank), gcam__aligned_stride(&in[B], i, out.rank)};
        if (which >= 0 && (stride[which] == 0) != repeated) continue;
        gcam__box_add(&box, out.dim[i], stride[A], stride[B], gcam__dim_product(&out, i + 1, out.rank));
    }
    return box;
}

/* ---- the functions -------------------------------------------------------------------------------------------------- */

typedef enum function { ADD, SUB, MUL, DIV, POW, MINIMUM, MAXIMUM } function;

typedef struct operands {
    const float *a, *b;
    float *y;
    int64_t step_a, step_b;
    function kind;
} operands;

/* One loop a function, chosen outside. */
#define ROW(EXPRESSION)                                   \
    for (int64_t i = 0; i < count; i++) {                 \
        float a = u[i * o->step_a], b = v[i * o->step_b]; \
        y[i] = EXPRESSION;                                \
    }                                                     \
    break

static void value_row(const void *context, const int64_t offset[GCAM__BOX_TENSORS], int64_t index, int64_t count) {
    const operands *o = context;
    const float *u = o->a + offset[A], *v = o->b + offset[B];
    float *y = o->y + index;
    switch (o->kind) {
    case ADD:
        ROW(a + b);
    case SUB:
        ROW(a - b);
    case MUL:
        ROW(a * b);
    case DIV:
        ROW(a / b);
    case POW:
        ROW(powf(a, b));
    case MINIMUM:
        ROW(a < b ? a : b <= a ? b : a + b);
    case MAXIMUM:
        ROW(a > b ? a : b >= a ? b : a + b);
    }
}

static float one(float a, float b) {
    (void)a, (void)b;
    return 1;
}
static float minus_one(float a, float b) {
    (void)a, (void)b;
    return -1;
}
static float first(float a, float b) {
    (void)b;
    return a;
}
static float second(float a, float b) {
    (void)a;
    return b;
}
static float div_da(float a, float b) {
    (void)a;
    return 1 / b;
}
static float div_db(float a, float b) {
    return -a / (b * b);
}
static float pow_da(float a, float b) {
    return b == 0 ? 0 : b * powf(a, b - 1);
}
static float pow_db(float a, float b) {
    return a == 0 && b > 0 ? 0 : powf(a, b) * logf(a);
}
static float if_less(float a, float b) {
    return a < b ? 1.0f : a == b ? 0.5f : 0.0f;
}
static float if_greater(float a, float b) {
    return a > b ? 1.0f : a == b ? 0.5f : 0.0f;
}

typedef float (*slope_fn)(float a, float b);
static const slope_fn slopes[][2] = {
    [ADD] = {one, one},
    [SUB] = {one, minus_one},
    [MUL] = {second, first},
    [DIV] = {div_da, div_db},
    [POW] = {pow_da, pow_db},
    [MINIMUM] = {if_less, if_greater},
    [MAXIMUM] = {if_greater, if_less},
};

/* ---- forward and backward --------------------------------------------------------------------------------------------- */

static void forward(const gcam__run *run, function kind) {
    int64_t count = gcam_shape_count(&run->out->shape);
    if (kind == ADD && gcam_shape_equal(&run->in_shape[A], &run->in_shape[B])) {
        gcam__add(run->compute, run->in[A]->data, run->in[B]->data, run->out->data, count);
        return;
    }
    gcam__box box = box_of(run->in_shape, -1, 0);
    operands o = {.a = run->in[A]->data, .b = run->in[B]->data, .y = run->out->data, .kind = kind};
    o.step_a = gcam__box_step(&box, A), o.step_b = gcam__box_step(&box, B);
    gcam__box_run(run->compute, &box, value_row, &o);
}

/* Gradient of one operand: `kept` are its own dimensions, `repeated` those that are summed over. */
typedef struct gradient {
    gcam__box kept, repeated;
    const float *a, *b, *dy; /* a, b: NULL where the slope is a constant */
    float *dx;
    slope_fn slope;
} gradient;

static inline double term(const gradient *g, const int64_t at[GCAM__BOX_TENSORS]) {
    float slope = g->slope(g->a ? g->a[at[A]] : 0, g->b ? g->b[at[B]] : 0);
    return (double)g->dy[at[OUT]] * slope;
}

static void gradient_row(const void *context, const int64_t offset[GCAM__BOX_TENSORS], int64_t index, int64_t count) {
    const gradient *g = context;
    int64_t rows = gcam__box_rows(&g->repeated), length = gcam__box_length(&g->repeated);
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int64_t row = 0; row < rows; row++) {
            int64_t at[GCAM__BOX_TENSORS];
            gcam__box_row(&g->repeated, row, at);
            for (int t = 0; t < GCAM__BOX_TENSORS; t++) at[t] += offset[t] + i * gcam__box_step(&g->kept, t);
            for (int64_t j = 0; j < length; j++) {
                sum += term(g, at);
                for (int t = 0; t < GCAM__BOX_TENSORS; t++) at[t] += gcam__box_step(&g->repeated, t);
            }
        }
        g->dx[index + i] = (float)sum;
    }
}

/* The gradient of a sum of two values of one shape is the output's, twice. */
static int pass_on(const gcam__run *run, function kind) {
    if (kind != ADD || !gcam_shape_equal(&run->in_shape[A], &run->in_shape[B])) return 0;
    for (int which = A; which <= B; which++)
        if (run->din[which]) gcam__copy(run->din[which]->data, run->dout->data, gcam_shape_count(&run->dout->shape));
    return 1;
}

static void backward(const gcam__run *run, function kind) {
    if (pass_on(run, kind)) return;
    gcam_shape out;
    broadcast(run->in_shape, &out);
    for (int which = A; which <= B; which++) {
        if (!run->din[which]) continue;
        gradient g = {.kept = box_of(run->in_shape, which, 0),
                      .repeated = box_of(run->in_shape, which, 1),
                      .a = run->in[A] ? run->in[A]->data : NULL,
                      .b = run->in[B] ? run->in[B]->data : NULL,
                      .slope = slopes[kind][which]};
        for (int64_t s = 0; s < run->seeds; s++) {
            g.dy = run->dout->data + s * gcam_shape_count(&out);
            g.dx = run->din[which]->data + s * gcam_shape_count(&run->in_shape[which]);
            gcam__box_run(run->compute, &g.kept, gradient_row, &g);
        }
    }
}

#define BINARY(NAME, KIND, NEEDS, RELEVANCE, FUSED)                \
    static void NAME##_forward(const gcam__run *run) {             \
        forward(run, KIND);                                        \
    }                                                              \
    static void NAME##_backward(const gcam__run *run) {            \
        backward(run, KIND);                                       \
    }                                                              \
    const gcam__op gcam__op_##NAME = {.name = #NAME,               \
                                      .min_inputs = 2,             \
                                      .max_inputs = 2,             \
                                      .needs = NEEDS,              \
                                      .in_place = 1,               \
                                      .fused_as = FUSED,           \
                                      .reach = gcam__reach_cell,   \
                                      .infer = infer,              \
                                      .forward = NAME##_forward,   \
                                      .backward = NAME##_backward, \
                                      .relevance = &gcam__##RELEVANCE};

BINARY(add, ADD, 0, summed, GCAM__FUSE_ADD)
BINARY(sub, SUB, 0, summed, GCAM__FUSE_NONE)
BINARY(mul, MUL, GCAM__NEEDS_INPUT, product, GCAM__FUSE_NONE)
BINARY(div, DIV, GCAM__NEEDS_INPUT, quotient, GCAM__FUSE_NONE)
BINARY(pow, POW, GCAM__NEEDS_INPUT, power, GCAM__FUSE_NONE)
BINARY(minimum, MINIMUM, GCAM__NEEDS_INPUT, loser, GCAM__FUSE_NONE)
BINARY(maximum, MAXIMUM, GCAM__NEEDS_INPUT, winner, GCAM__FUSE_NONE)
