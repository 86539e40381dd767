/* Double-precision references of all operations.
 *
 * Most operations are sums of terms, output o += coefficient * input i * weight j (an input or weight left out counts as 1).
 * Such an operation only lists its terms; term() adds them up on the way forward, and on the way back applies the product rule
 * to each. The adjoint is then right by construction, and central differences check it all the same. */
#include "support/layer_reference.h"

#include <math.h>
#include <string.h>

enum { NONE = -1 };

static void term(reference *r, int64_t o, int input, int64_t i, int weight, int64_t j, double coefficient) {
    double x = input == NONE ? 1 : r->in[input][i], w = weight == NONE ? 1 : r->weight[weight][j];
    if (!r->backward) {
        r->out[o] += coefficient * x * w;
        return;
    }
    if (input != NONE) r->din[input][i] += r->dout[o] * coefficient * w;
    if (weight != NONE) r->dweight[weight][j] += r->dout[o] * coefficient * x;
}

static int64_t count_of(const gcam_shape *shape) {
    return gcam_shape_count(shape);
}

/* Row-major position in N C H W. */
static int64_t at(const gcam_shape *s, int64_t n, int64_t c, int64_t y, int64_t x) {
    return ((n * s->dim[1] + c) * s->dim[2] + y) * s->dim[3] + x;
}

/* ---- convolution and linear ------------------------------------------------------------------------------------------ */

typedef struct output_cell {
    int64_t n, k, p, q, o;
} output_cell;

/* Calls `fn` for every cell of an N K P Q output. */
static void each_cell(reference *r, void (*fn)(reference *r, output_cell cell)) {
    const gcam_shape *s = &r->out_shape;
    output_cell c = {0};
    for (c.n = 0; c.n < s->dim[0]; c.n++)
        for (c.k = 0; c.k < s->dim[1]; c.k++)
            for (c.p = 0; c.p < s->dim[2]; c.p++)
                for (c.q = 0; c.q < s->dim[3]; c.q++, c.o++) fn(r, c);
}

static void conv2d_cell(reference *r, output_cell cell) {
    const gcam_conv2d_params *p = r->layer->params;
    const gcam_shape *in = r->in_shape;
    int64_t per_group = in->dim[1] / p->groups, first = cell.k / (p->out / p->groups) * per_group;
    for (int64_t c = 0; c < per_group; c++)
        for (int64_t a = 0; a < p->kernel[0]; a++)
            for (int64_t b = 0; b < p->kernel[1]; b++) {
                int64_t y = cell.p * p->stride[0] - p->pad[0] + a * p->dilation[0];
                int64_t x = cell.q * p->stride[1] - p->pad[1] + b * p->dilation[1];
                if (y < 0 || y >= in->dim[2] || x < 0 || x >= in->dim[3]) continue;
                int64_t j = ((cell.k * per_group + c) * p->kernel[0] + a) * p->kernel[1] + b;
                term(r, cell.o, 0, at(in, cell.n, first + c, y, x), 0, j, 1);
            }
    if (!p->no_bias) term(r, cell.o, NONE, 0, 1, cell.k, 1);
}

static void conv2d(reference *r) {
    each_cell(r, conv2d_cell);
}

static void conv_transpose2d(reference *r) {
    const gcam_conv_transpose2d_params *p = r->layer->params;
    const gcam_shape *in = r->in_shape, *out = &r->out_shape;
    int64_t in_group = in->dim[1] / p->groups, out_group = p->out / p->groups, taps = p->kernel[0] * p->kernel[1];
    for (int64_t i = 0; i < count_of(in); i++) /* each input cell spreads over a window of the output */
        for (int64_t k = 0; k < out_group; k++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t x = i % in->dim[3], y = i / in->dim[3] % in->dim[2],
                        c = i / (in->dim[2] * in->dim[3]) % in->dim[1];
                int64_t row = y * p->stride[0] - p->pad[0] + t / p->kernel[1] * p->dilation[0];
                int64_t column = x * p->stride[1] - p->pad[1] + t % p->kernel[1] * p->dilation[1];
                if (row < 0 || row >= out->dim[2] || column < 0 || column >= out->dim[3]) continue;
                int64_t n = i / (in->dim[1] * in->dim[2] * in->dim[3]), plane = c / in_group * out_group + k;
                term(r, at(out, n, plane, row, column), 0, i, 0, (c * out_group + k) * taps + t, 1);
            }
    for (int64_t o = 0; !p->no_bias && o < count_of(out); o++)
        term(r, o, NONE, 0, 1, o / (out->dim[2] * out->dim[3]) % p->out, 1);
}

static void linear(reference *r) {
    const gcam_linear_params *p = r->layer->params;
    int64_t c = r->in_shape->dim[r->in_shape->rank - 1];
    for (int64_t o = 0; o < count_of(&r->out_shape); o++) {
        int64_t row = o / p->out, k = o % p->out;
        for (int64_t i = 0; i < c; i++) term(r, o, 0, row * c + i, 0, k * c + i, 1);
        if (!p->no_bias) term(r, o, NONE, 0, 1, k, 1);
    }
}

/* ---- rectifiers ---------------------------------------------------------------------------------------------------------- */

static void relu(reference *r) {
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) term(r, i, 0, i, NONE, 0, r->in[0][i] > 0);
}

static void leaky_relu(reference *r) {
    const gcam_leaky_relu_params *p = r->layer->params;
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) term(r, i, 0, i, NONE, 0, r->in[0][i] > 0 ? 1 : p->slope);
}

/* ---- pooling ------------------------------------------------------------------------------------------------------------- */

typedef struct span {
    int64_t begin, end; /* cells of the padded axis that a window covers */
} span;

static span pool_span(const gcam_pool_params *p, int axis, int64_t position) {
    int64_t stride = p->stride[axis] ? p->stride[axis] : p->kernel[axis], begin = position * stride - p->pad[axis];
    return (span){begin, begin + (p->kernel[axis] - 1) * p->dilation[axis] + 1};
}

static void max_pool_cell(reference *r, output_cell cell) {
    const gcam_pool_params *p = r->layer->params;
    const gcam_shape *in = r->in_shape;
    span rows = pool_span(p, 0, cell.p), columns = pool_span(p, 1, cell.q);
    int64_t best = NONE;
    for (int64_t y = rows.begin; y < rows.end; y += p->dilation[0])
        for (int64_t x = columns.begin; x < columns.end; x += p->dilation[1]) {
            if (y < 0 || y >= in->dim[2] || x < 0 || x >= in->dim[3]) continue;
            int64_t i = at(in, cell.n, cell.k, y, x);
            if (best == NONE || r->in[0][i] > r->in[0][best]) best = i;
        }
    term(r, cell.o, 0, best, NONE, 0, 1);
}

static void max_pool(reference *r) {
    each_cell(r, max_pool_cell);
}

static int64_t min_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Averages one window: `divisor` 0 counts the cells inside the image. */
static void average(reference *r, output_cell cell, span rows, span columns, int64_t divisor) {
    const gcam_shape *in = r->in_shape;
    span y = {max_of(rows.begin, 0), min_of(rows.end, in->dim[2])};
    span x = {max_of(columns.begin, 0), min_of(columns.end, in->dim[3])};
    if (divisor == 0) divisor = (y.end - y.begin) * (x.end - x.begin);
    for (int64_t i = y.begin; i < y.end; i++)
        for (int64_t j = x.begin; j < x.end; j++)
            term(r, cell.o, 0, at(in, cell.n, cell.k, i, j), NONE, 0, 1.0 / (double)divisor);
}

static void avg_pool_cell(reference *r, output_cell cell) {
    const gcam_pool_params *p = r->layer->params;
    span rows = pool_span(p, 0, cell.p), columns = pool_span(p, 1, cell.q);
    /* Padding counts, but not what ceil_mode sticks out over it (PyTorch's rule). */
    int64_t height = min_of(rows.end, r->in_shape->dim[2] + p->pad[0] + p->pad_end[0]) - rows.begin;
    int64_t width = min_of(columns.end, r->in_shape->dim[3] + p->pad[1] + p->pad_end[1]) - columns.begin;
    average(r, cell, rows, columns, p->exclude_pad ? 0 : height * width);
}

static void avg_pool(reference *r) {
    each_cell(r, avg_pool_cell);
}

static span adaptive_span(int64_t position, int64_t in, int64_t out) {
    return (span){position * in / out, ((position + 1) * in + out - 1) / out};
}

static void adaptive_cell(reference *r, output_cell cell) {
    const gcam_shape *in = r->in_shape, *out = &r->out_shape;
    average(r, cell, adaptive_span(cell.p, in->dim[2], out->dim[2]), adaptive_span(cell.q, in->dim[3], out->dim[3]), 0);
}

static void adaptive_avg_pool(reference *r) {
    each_cell(r, adaptive_cell);
}

static void global_avg_pool(reference *r) {
    int64_t size = count_of(r->in_shape) / count_of(&r->out_shape);
    for (int64_t i = 0; i < count_of(r->in_shape); i++) term(r, i / size, 0, i, NONE, 0, 1.0 / (double)size);
}

/* ---- the rest -------------------------------------------------------------------------------------------------------------- */

static void batchnorm(reference *r) {
    const gcam_batchnorm_params *p = r->layer->params;
    int64_t channels = r->in_shape->dim[1], size = 1;
    for (int i = 2; i < r->in_shape->rank; i++) size *= r->in_shape->dim[i];
    int gamma = p->no_affine ? NONE : 0;
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) {
        int64_t c = i / size % channels;
        double factor = 1 / sqrt(r->weight[3][c] + p->eps);
        term(r, i, 0, i, gamma, c, factor);
        term(r, i, NONE, 0, gamma, c, -r->weight[2][c] * factor);
        if (!p->no_affine) term(r, i, NONE, 0, 1, c, 1);
    }
}

static void identity(reference *r) {
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) term(r, i, 0, i, NONE, 0, 1);
}

static void constant(reference *r) {
    for (int64_t i = 0; i < count_of(&r->out_shape); i++) term(r, i, NONE, 0, 0, i, 1);
}

static int64_t product(const gcam_shape *shape, int from, int to) {
    int64_t result = 1;
    for (int i = from; i < to; i++) result *= shape->dim[i];
    return result;
}

static int axis_of(const reference *r) {
    const gcam_axis_params *p = r->layer->params;
    return (int)(p->axis < 0 ? p->axis + r->in_shape->rank : p->axis);
}

static void concat(reference *r) {
    int axis = axis_of(r);
    int64_t inner = product(&r->out_shape, axis + 1, r->out_shape.rank), total = r->out_shape.dim[axis], begin = 0;
    for (int k = 0; k < r->in_count; k++) {
        int64_t length = r->in_shape[k].dim[axis];
        for (int64_t i = 0; i < count_of(&r->in_shape[k]); i++) {
            int64_t outer = i / (length * inner), along = i / inner % length, rest = i % inner;
            term(r, (outer * total + begin + along) * inner + rest, k, i, NONE, 0, 1);
        }
        begin += length;
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(reference *r);
} table[] = {
    {"conv2d", conv2d},
    {"conv_transpose2d", conv_transpose2d},
    {"linear", linear},
    {"relu", relu},
    {"leaky_relu", leaky_relu},
    {"max_pool", max_pool},
    {"avg_pool", avg_pool},
    {"global_avg_pool", global_avg_pool},
    {"adaptive_avg_pool", adaptive_avg_pool},
    {"batchnorm", batchnorm},
    {"dropout", identity},
    {"flatten", identity},
    {"reshape", identity},
    {"concat", concat},
    {"constant", constant},
};

/* ---- differentiation ----------------------------------------------------------------------------------------------------- */

double reference_quotient(reference *r, double *value) {
    static const double step = 1e-3, weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12}, shift[4] = {-2, -1, 1, 2};
    double start = *value, slope = 0;
    int64_t count = count_of(&r->out_shape);
    int backward = r->backward;
    r->backward = 0;
    for (int k = 0; k < 4; k++) {
        *value = start + shift[k] * step;
        memset(r->out, 0, (size_t)count * sizeof *r->out);
        reference_run(r);
        for (int64_t i = 0; i < count; i++) slope += weight[k] / step * r->dout[i] * r->out[i];
    }
    *value = start;
    memset(r->out, 0, (size_t)count * sizeof *r->out);
    reference_run(r);
    r->backward = backward;
    return slope;
}

static void differentiate(reference *r) {
    for (int k = 0; k < r->in_count; k++)
        for (int64_t i = 0; i < count_of(&r->in_shape[k]); i++) r->din[k][i] += reference_quotient(r, &r->in[k][i]);
    for (int k = 0; k < GCAM__MAX_WEIGHTS; k++)
        for (int64_t i = 0; r->weight[k] && i < count_of(&r->layer->weight[k].shape); i++)
            r->dweight[k][i] += reference_quotient(r, &r->weight[k][i]);
}

int reference_run(reference *r) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, r->layer->op->name) == 0) {
            table[i].run(r);
            return 1;
        }
    if (!r->backward) return reference_function(r);
    differentiate(r);
    return 1;
}
