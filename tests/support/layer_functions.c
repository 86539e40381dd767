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

static void log_softmax(reference *r) {
    int64_t count = count_of(r->in_shape);
    double *before = r->out;
    double exponential[512];
    r->out = memset(exponential, 0, sizeof exponential);
    softmax(r);
    r->out = before;
    for (int64_t i = 0; i < count; i++) r->out[i] += log(exponential[i]);
}

static int64_t channel_of(const reference *r, int64_t i) {
    int64_t at[GCAM_MAX_RANK];
    split(r->in_shape, i, at);
    return at[1];
}

static void per_channel(reference *r) {
    const char *name = r->layer->op->name;
    const gcam_scale_shift_params *numbers = r->layer->params;
    const gcam_prelu_params *prelu = r->layer->params;
    for (int64_t i = 0; i < count_of(r->in_shape); i++) {
        double x = r->in[0][i];
        int64_t c = channel_of(r, i);
        if (strcmp(name, "layer_scale") == 0)
            r->out[i] += x * r->weight[0][c];
        else if (strcmp(name, "prelu") == 0)
            r->out[i] += fmax(x, 0) + r->weight[0][prelu->shared ? 0 : c] * fmin(x, 0);
        else
            r->out[i] += x * (numbers->scale.count ? numbers->scale.value[numbers->scale.count > 1 ? c : 0] : 1)
                         + (numbers->shift.count ? numbers->shift.value[numbers->shift.count > 1 ? c : 0] : 0);
    }
}

static void lrn(reference *r) {
    const gcam_lrn_params *p = r->layer->params;
    for (int64_t i = 0; i < count_of(r->in_shape); i++) {
        int64_t c = channel_of(r, i);
        double sum = 0;
        for (int64_t j = 0; j < r->in_shape->dim[1]; j++) {
            double x = r->in[0][along(r->in_shape, 1, i, j)];
            if (2 * (c - j) <= p->size - 1 && 2 * (j - c) <= p->size) sum += x * x;
        }
        r->out[i] += r->in[0][i] * pow(p->k + p->alpha * sum / (double)p->size, -p->beta);
    }
}

static void l2_normalize(reference *r) {
    const gcam_l2_normalize_params *p = r->layer->params;
    int axis = (int)(p->axis < 0 ? p->axis + r->in_shape->rank : p->axis);
    for (int64_t i = 0; i < count_of(r->in_shape); i++) {
        double sum = 0;
        for (int64_t k = 0; k < r->in_shape->dim[axis]; k++) sum += pow(r->in[0][along(r->in_shape, axis, i, k)], 2);
        r->out[i] += r->in[0][i] / fmax(sqrt(sum), p->eps);
    }
}

/* Which set of values element i is normalised with, and which number of gamma and beta it takes. */
static void norm_place(const reference *r, int64_t i, int64_t *set, int64_t *k) {
    int64_t at[GCAM_MAX_RANK];
    const gcam_shape *in = r->in_shape;
    split(in, i, at);
    *set = *k = 0;
    if (strcmp(r->layer->op->name, "group_norm") == 0) {
        const gcam_group_norm_params *p = r->layer->params;
        *k = at[1];
        *set = at[0] * p->groups + at[1] / (in->dim[1] / p->groups);
        return;
    }
    const gcam_layer_norm_params *p = r->layer->params;
    int64_t axis = p->axis < 0 ? p->axis + in->rank : p->axis;
    for (int d = 0; d < in->rank; d++) {
        int64_t *which = d >= axis && d < axis + p->axes ? k : set;
        *which = *which * in->dim[d] + at[d];
    }
}

static void norm(reference *r) {
    int is_group = strcmp(r->layer->op->name, "group_norm") == 0;
    double eps = is_group ? ((const gcam_group_norm_params *)r->layer->params)->eps
                          : ((const gcam_layer_norm_params *)r->layer->params)->eps;
    for (int64_t i = 0; i < count_of(r->in_shape); i++) {
        int64_t set, k, other, unused;
        double n = 0, sum = 0, squares = 0;
        norm_place(r, i, &set, &k);
        for (int64_t j = 0; j < count_of(r->in_shape); j++) {
            norm_place(r, j, &other, &unused);
            if (other == set) n++, sum += r->in[0][j], squares += r->in[0][j] * r->in[0][j];
        }
        double z = (r->in[0][i] - sum / n) / sqrt(squares / n - sum / n * sum / n + eps);
        r->out[i] += r->weight[0] ? z * r->weight[0][k] + r->weight[1][k] : z;
    }
}

static void matmul(reference *r) {
    const gcam_shape *out = &r->out_shape;
    int64_t inner = r->in_shape[0].dim[r->in_shape[0].rank - 1];
    for (int64_t o = 0; o < count_of(out); o++)
        for (int64_t k = 0; k < inner; k++) {
            int64_t left[GCAM_MAX_RANK], right[GCAM_MAX_RANK];
            split(out, o, left), split(out, o, right);
            left[out->rank - 1] = right[out->rank - 2] = k;
            r->out[o] += operand(r, 0, left) * operand(r, 1, right);
        }
}

/* ---- resizing -------------------------------------------------------------------------------------------------------------- */

/* Weight of the sample at distance x: a step, a tent, or Keys' cubic. */
static double resize_weight(const char *name, double x, double a) {
    x = fabs(x);
    if (strstr(name, "linear")) return fmax(0, 1 - x);
    if (x <= 1) return (a + 2) * pow(x, 3) - (a + 3) * x * x + 1;
    return x < 2 ? a * pow(x, 3) - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

/* How much of input cell `i` (of `in`) output cell `d` (of `out`) takes along one axis. */
static double resize_share(const reference *r, double scale, int64_t i, int64_t in, int64_t d, int64_t out) {
    const gcam_resize_params *p = r->layer->params;
    const char *name = r->layer->op->name;
    int is_nearest = strstr(name, "nearest") != NULL;
    double u = ((double)d + 0.5) / scale - 0.5;
    if (p->coordinates == GCAM_RESIZE_ALIGN_CORNERS) u = (double)d * (double)(in - 1) / (double)(out - 1);
    if (p->coordinates == GCAM_RESIZE_ASYMMETRIC || (p->coordinates == 0 && is_nearest)) u = (double)d / scale;
    if (is_nearest) {
        double sides[] = {floor(u), ceil(u - 0.5), floor(u + 0.5), ceil(u)};
        return fmin(fmax(sides[p->rounding], 0), (double)in - 1) == (double)i;
    }
    double share = 0;
    for (int64_t m = -4; m < in + 4; m++) /* samples beyond the border are the border */
        if ((m < 0 ? 0 : m >= in ? in - 1 : m) == i) share += resize_weight(name, u - (double)m, p->cubic_a);
    return share;
}

static void resize(reference *r) {
    const gcam_resize_params *p = r->layer->params;
    const int64_t *in = r->in_shape->dim, *out = r->out_shape.dim;
    double scale[2];
    for (int k = 0; k < 2; k++)
        scale[k] = p->scale.count ? p->scale.value[p->scale.count > 1 ? k : 0] : (double)out[2 + k] / (double)in[2 + k];
    for (int64_t o = 0; o < count_of(&r->out_shape); o++)
        for (int64_t y = 0; y < in[2]; y++)
            for (int64_t x = 0; x < in[3]; x++) {
                double rows = resize_share(r, scale[0], y, in[2], o / out[3] % out[2], out[2]);
                double columns = resize_share(r, scale[1], x, in[3], o % out[3], out[3]);
                r->out[o] += rows * columns * r->in[0][(o / (out[2] * out[3]) * in[2] + y) * in[3] + x];
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
    {" log_softmax ", log_softmax},
    {" scale_shift layer_scale prelu ", per_channel},
    {" lrn ", lrn},
    {" l2_normalize ", l2_normalize},
    {" layer_norm group_norm ", norm},
    {" matmul ", matmul},
    {" resize_nearest resize_linear resize_cubic ", resize},
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
