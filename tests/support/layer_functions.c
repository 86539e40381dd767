/* Double-precision references of the operations that layer_reference.c differentiates numerically: forward only, written from the
 * formulas, without the library's walking of broadcast and reduced shapes. */
#include "support/layer_reference.h"

#include <math.h>
#include <string.h>

static int64_t count_of(const gcam_shape *shape) {
    return gcam_shape_count(shape);
}

/* Index tuple of element `i`, and back. */
static void split(const gcam_shape *shape, int64_t i, int64_t at[GCAM_MAX_RANK]) {
    for (int k = shape->rank - 1; k >= 0; i /= shape->dim[k--]) at[k] = i % shape->dim[k];
}

static int64_t join(const gcam_shape *shape, const int64_t *at) {
    int64_t i = 0;
    for (int k = 0; k < shape->rank; k++) i = i * shape->dim[k] + at[k];
    return i;
}

/* ---- element by element ----------------------------------------------------------------------------------------------- */

static double clip_to(double x, double low, double high) {
    return fmin(fmax(x, low), high);
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double apply(const char *name, double x, const double *p) {
#define IS(text) (strcmp(name, text) == 0)
    if (IS("sigmoid")) return sigmoid(x);
    if (IS("tanh")) return tanh(x);
    if (IS("hard_sigmoid")) return clip_to(p[0] * x + p[1], 0, 1);
    if (IS("relu6")) return clip_to(x, 0, 6);
    if (IS("clip")) return clip_to(x, p[0], p[1]);
    if (IS("hard_swish")) return x * clip_to(x + 3, 0, 6) / 6;
    if (IS("silu")) return x * sigmoid(x);
    if (IS("softplus")) return log(1 + exp(x));
    if (IS("mish")) return x * tanh(log(1 + exp(x)));
    if (IS("gelu")) return x * (1 + erf(x / sqrt(2))) / 2;
    if (IS("gelu_tanh")) return x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * pow(x, 3)))) / 2;
    if (IS("elu")) return x > 0 ? x : p[0] * (exp(x) - 1);
    if (IS("celu")) return fmax(x, 0) + fmin(0, p[0] * (exp(x / p[0]) - 1));
    if (IS("thresholded_relu")) return x > p[0] ? x : 0;
    if (IS("selu")) return p[1] * (x > 0 ? x : p[0] * (exp(x) - 1));
    if (IS("softsign")) return x / (1 + fabs(x));
    if (IS("exp")) return exp(x);
    if (IS("log")) return log(x);
    if (IS("sqrt")) return sqrt(x);
    if (IS("abs")) return fabs(x);
    if (IS("neg")) return -x;
    if (IS("reciprocal")) return 1 / x;
    if (IS("erf")) return erf(x);
    return NAN;
}

static void curve(reference *r) {
    for (int64_t i = 0; i < count_of(&r->out_shape); i++)
        r->out[i] += apply(r->layer->op->name, r->in[0][i], r->layer->params);
}

static double combine(const char *name, double a, double b) {
    if (IS("add")) return a + b;
    if (IS("sub")) return a - b;
    if (IS("mul")) return a * b;
    if (IS("div")) return a / b;
    if (IS("pow")) return pow(a, b);
    if (IS("minimum")) return fmin(a, b);
    if (IS("maximum")) return fmax(a, b);
    return NAN;
#undef IS
}

/* Element of a broadcast operand for the output's index tuple. */
static double operand(const reference *r, int which, const int64_t *at) {
    const gcam_shape *shape = &r->in_shape[which];
    int missing = r->out_shape.rank - shape->rank;
    int64_t own[GCAM_MAX_RANK] = {0};
    for (int k = 0; k < shape->rank; k++) own[k] = shape->dim[k] == 1 ? 0 : at[k + missing];
    return r->in[which][join(shape, own)];
}

static void binary(reference *r) {
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) {
        int64_t at[GCAM_MAX_RANK];
        split(&r->out_shape, i, at);
        r->out[i] += combine(r->layer->op->name, operand(r, 0, at), operand(r, 1, at));
    }
}

/* ---- reductions --------------------------------------------------------------------------------------------------------- */

/* The cell of the result that input `i` belongs to: its kept index, as one number. */
static int64_t kept_index(const reference *r, int64_t i) {
    const gcam_reduce_params *p = r->layer->params;
    const gcam_shape *in = r->in_shape;
    int64_t at[GCAM_MAX_RANK], index = 0;
    split(in, i, at);
    for (int k = 0; k < in->rank; k++) {
        int gone = p ? p->axes.count == 0 && k >= 1 : k >= 2;
        for (int64_t j = 0; p && j < p->axes.count; j++)
            gone |= p->axes.value[j] == k || p->axes.value[j] + in->rank == k;
        if (!gone) index = index * in->dim[k] + at[k];
    }
    return index;
}

static void reduce(reference *r) {
    const char *name = r->layer->op->name;
    int64_t out_count = count_of(&r->out_shape), per_cell = count_of(r->in_shape) / out_count;
    int is_max = strstr(name, "max") != NULL, is_min = strstr(name, "min") != NULL,
        is_mean = strstr(name, "mean") != NULL;
    for (int64_t o = 0; o < out_count; o++) r->out[o] = is_max ? -INFINITY : is_min ? INFINITY : 0;
    for (int64_t i = 0; i < count_of(r->in_shape); i++) {
        double x = r->in[0][i], *y = &r->out[kept_index(r, i)];
        *y = is_max ? fmax(*y, x) : is_min ? fmin(*y, x) : *y + (is_mean ? x / (double)per_cell : x);
    }
}

/* ---- rearranging -------------------------------------------------------------------------------------------------------- */

static void transpose(reference *r) {
    const gcam_transpose_params *p = r->layer->params;
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) {
        int64_t at[GCAM_MAX_RANK], from[GCAM_MAX_RANK];
        split(&r->out_shape, i, at);
        for (int k = 0; k < r->out_shape.rank; k++) from[p->order.value[k]] = at[k];
        r->out[i] += r->in[0][join(r->in_shape, from)];
    }
}

static void slice(reference *r) {
    const gcam_slice_params *p = r->layer->params;
    int axis = (int)(p->axis < 0 ? p->axis + r->in_shape->rank : p->axis);
    int64_t size = r->in_shape->dim[axis], start = p->start < 0 ? p->start + size : p->start;
    if (start >= size) start = p->step < 0 ? size - 1 : size;
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) {
        int64_t at[GCAM_MAX_RANK];
        split(&r->out_shape, i, at);
        at[axis] = start + at[axis] * p->step;
        r->out[i] += r->in[0][join(r->in_shape, at)];
    }
}

static void channel_shuffle(reference *r) {
    const gcam_channel_shuffle_params *p = r->layer->params;
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) {
        int64_t at[GCAM_MAX_RANK];
        split(&r->out_shape, i, at);
        at[1] = at[1] % p->groups * (r->in_shape->dim[1] / p->groups) + at[1] / p->groups;
        r->out[i] += r->in[0][join(r->in_shape, at)];
    }
}

static void pad(reference *r) {
    const gcam_pad_params *p = r->layer->params;
    const char *name = r->layer->op->name;
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) {
        int64_t at[GCAM_MAX_RANK];
        int outside = 0;
        split(&r->out_shape, i, at);
        for (int k = 0; k < r->out_shape.rank; k++) {
            int64_t size = r->in_shape->dim[k], from = at[k] - p->before.value[k];
            if (from < 0 || from >= size) outside = strcmp(name, "pad") == 0;
            if (strcmp(name, "reflect_pad") == 0) from = from < 0 ? -from : from >= size ? 2 * size - 2 - from : from;
            at[k] = from < 0 ? 0 : from >= size ? size - 1 : from;
        }
        r->out[i] += outside ? p->value : r->in[0][join(r->in_shape, at)];
    }
}

/* ---- the rest ----------------------------------------------------------------------------------------------------------- */

/* The position `k` steps along `axis` from element `i`'s row. */
static int64_t along(const gcam_shape *shape, int axis, int64_t i, int64_t k) {
    int64_t at[GCAM_MAX_RANK];
    split(shape, i, at);
    at[axis] = k;
    return join(shape, at);
}

static void softmax(reference *r) {
    const gcam_axis_params *p = r->layer->params;
    int axis = (int)(p->axis < 0 ? p->axis + r->in_shape->rank : p->axis);
    for (int64_t i = 0; i < count_of(r->in_shape); i++) {
        double sum = 0;
        for (int64_t k = 0; k < r->in_shape->dim[axis]; k++) sum += exp(r->in[0][along(r->in_shape, axis, i, k)]);
        r->out[i] += exp(r->in[0][i]) / sum;
    }
}

/* ---- the table -------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *names; /* each between blanks */
    void (*run)(reference *r);
} table[] = {
    {" sigmoid tanh hard_sigmoid relu6 clip hard_swish silu softplus mish gelu gelu_tanh elu celu thresholded_relu "
     "selu softsign ",
     curve},
    {" exp log sqrt abs neg reciprocal erf ", curve},
    {" add sub mul div pow minimum maximum ", binary},
    {" reduce_mean reduce_sum reduce_max reduce_min global_max_pool ", reduce},
    {" transpose ", transpose},
    {" slice ", slice},
    {" channel_shuffle ", channel_shuffle},
    {" pad reflect_pad edge_pad ", pad},
    {" softmax ", softmax},
};

int reference_function(reference *r) {
    const char *name = r->layer->op->name;
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (const char *at = table[i].names; (at = strstr(at, name)) != NULL; at++)
            if (at[-1] == ' ' && at[length] == ' ') {
                table[i].run(r);
                return 1;
            }
    return 0;
}
