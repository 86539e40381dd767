/* See reference.h. Plain loops; speed does not matter here. */
#include "support/reference.h"

#include "core/memory.h"
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void reference_gemm(const gcam__gemm_call *g, double *c) {
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            double sum = g->accumulate ? g->c[i * g->ldc + j] : 0;
            for (int64_t l = 0; l < g->k; l++)
                sum += (double)g->a[g->transpose_a ? l * g->lda + i : i * g->lda + l]
                       * (double)g->b[g->transpose_b ? j * g->ldb + l : l * g->ldb + j];
            c[i * g->n + j] = sum;
        }
}

void reference_linear(const float *x, const float *w, const float *bias, double *y, int64_t rows, int64_t c,
                      int64_t k) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < k; j++) {
            double sum = bias ? (double)bias[j] : 0;
            for (int64_t l = 0; l < c; l++) sum += (double)x[i * c + l] * (double)w[j * c + l];
            y[i * k + j] = sum;
        }
}

void reference_linear_backward(const float *dy, const float *w, double *dx, int64_t rows, int64_t c, int64_t k) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t l = 0; l < c; l++) {
            double sum = 0;
            for (int64_t j = 0; j < k; j++) sum += (double)dy[i * k + j] * (double)w[j * c + l];
            dx[i * c + l] = sum;
        }
}

void reference_linear_backward_weights(const float *x, const float *dy, double *dw, double *db, int64_t rows, int64_t c,
                                       int64_t k) {
    for (int64_t j = 0; j < k; j++) {
        if (db) db[j] = 0;
        for (int64_t i = 0; db && i < rows; i++) db[j] += (double)dy[i * k + j];
        for (int64_t l = 0; l < c; l++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i++) sum += (double)dy[i * k + j] * (double)x[i * c + l];
            dw[j * c + l] = sum;
        }
    }
}

/* Calls `visit` with the position of every product x[at.x] w[at.w] of output at.y. */
typedef struct conv_term {
    int64_t x, w, y;
} conv_term;

typedef void (*conv_visitor)(void *context, conv_term at);

/* The terms of output (n, k, p, q). */
static void visit_window(const gcam__conv *g, int64_t n, int64_t k, int64_t p, int64_t q, conv_visitor visit,
                         void *context) {
    int64_t group_c = g->c / g->groups, first_c = k / (g->k / g->groups) * group_c;
    for (int64_t c = 0; c < group_c; c++)
        for (int64_t r = 0; r < g->r; r++)
            for (int64_t s = 0; s < g->s; s++) {
                int64_t h = p * g->stride[0] - g->pad[0] + r * g->dilation[0];
                int64_t w = q * g->stride[1] - g->pad[1] + s * g->dilation[1];
                if (h < 0 || h >= g->h || w < 0 || w >= g->w) continue;
                visit(context, (conv_term){.x = ((n * g->c + first_c + c) * g->h + h) * g->w + w,
                                           .w = ((k * group_c + c) * g->r + r) * g->s + s,
                                           .y = ((n * g->k + k) * g->p + p) * g->q + q});
            }
}

static void visit_all(const gcam__conv *g, conv_visitor visit, void *context) {
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t k = 0; k < g->k; k++)
            for (int64_t p = 0; p < g->p; p++)
                for (int64_t q = 0; q < g->q; q++) visit_window(g, n, k, p, q, visit, context);
}

typedef struct conv_data {
    const float *x, *w, *dy;
    double *out;
} conv_data;

static void add_to_y(void *context, conv_term at) {
    conv_data *data = context;
    data->out[at.y] += (double)data->x[at.x] * (double)data->w[at.w];
}
static void add_to_dx(void *context, conv_term at) {
    conv_data *data = context;
    data->out[at.x] += (double)data->dy[at.y] * (double)data->w[at.w];
}
static void add_to_dw(void *context, conv_term at) {
    conv_data *data = context;
    data->out[at.w] += (double)data->dy[at.y] * (double)data->x[at.x];
}

void reference_conv(const gcam__conv *g, const float *x, const float *w, const float *bias, double *y) {
    int64_t pixels = g->p * g->q;
    for (int64_t i = 0; i < g->n * g->k * pixels; i++) y[i] = bias ? (double)bias[i / pixels % g->k] : 0;
    visit_all(g, add_to_y, &(conv_data){.x = x, .w = w, .out = y});
}

void reference_conv_backward_data(const gcam__conv *g, const float *dy, const float *w, double *dx) {
    for (int64_t i = 0; i < g->n * g->c * g->h * g->w; i++) dx[i] = 0;
    visit_all(g, add_to_dx, &(conv_data){.dy = dy, .w = w, .out = dx});
}

void reference_conv_backward_weights(const gcam__conv *g, const float *x, const float *dy, double *dw, double *db) {
    int64_t pixels = g->p * g->q;
    for (int64_t i = 0; i < g->k * (g->c / g->groups) * g->r * g->s; i++) dw[i] = 0;
    visit_all(g, add_to_dw, &(conv_data){.x = x, .dy = dy, .out = dw});
    if (!db) return;
    for (int64_t k = 0; k < g->k; k++) db[k] = 0;
    for (int64_t i = 0; i < g->n * g->k * pixels; i++) db[i / pixels % g->k] += (double)dy[i];
}

void reference_max_pool(const gcam__pool2d *g, const float *x, double *y, int32_t *index) {
    for (int64_t plane = 0; plane < g->planes; plane++, x += g->h * g->w)
        for (int64_t p = 0; p < g->p; p++)
            for (int64_t q = 0; q < g->q; q++) {
                double best = -INFINITY;
                int64_t at = -1;
                for (int64_t r = 0; r < g->kernel[0]; r++)
                    for (int64_t s = 0; s < g->kernel[1]; s++) {
                        int64_t h = p * g->stride[0] - g->pad[0] + r * g->dilation[0];
                        int64_t w = q * g->stride[1] - g->pad[1] + s * g->dilation[1];
                        if (h < 0 || h >= g->h || w < 0 || w >= g->w) continue;
                        double value = x[h * g->w + w];
                        if (at < 0 || value > best || isnan(value)) best = value, at = h * g->w + w;
                    }
                *y++ = best;
                if (index) *index++ = (int32_t)at;
            }
}

void reference_max_pool_backward(const gcam__pool2d *g, const float *dy, const int32_t *index, double *dx) {
    for (int64_t i = 0; i < g->planes * g->h * g->w; i++) dx[i] = 0;
    for (int64_t i = 0; i < g->planes * g->p * g->q; i++)
        if (index[i] >= 0) dx[i / (g->p * g->q) * g->h * g->w + index[i]] += (double)dy[i];
}

/* 1 / divisor of an average's window, as aten/native/AvgPool2d.cpp defines it; 0 for a window outside the image. */
static double average_share(const gcam__pool2d *g, int64_t p, int64_t q) {
    double cells[2], inside[2];
    int64_t out[2] = {p, q}, size[2] = {g->h, g->w};
    for (int axis = 0; axis < 2; axis++) {
        int64_t begin = out[axis] * g->stride[axis] - g->pad[axis], end = begin + g->kernel[axis];
        int64_t limit = size[axis] + g->pad[axis] + g->pad_end[axis];
        if (end > limit) end = limit;
        cells[axis] = (double)(end - begin);
        if (begin < 0) begin = 0;
        if (end > size[axis]) end = size[axis];
        if (end <= begin) return 0;
        inside[axis] = (double)(end - begin);
    }
    return g->exclude_pad ? 1 / (inside[0] * inside[1]) : 1 / (cells[0] * cells[1]);
}

void reference_avg_pool(const gcam__pool2d *g, const float *x, double *y) {
    for (int64_t i = 0; i < g->planes * g->p * g->q; i++) {
        int64_t q = i % g->q, p = i / g->q % g->p, plane = i / (g->p * g->q);
        y[i] = 0;
        for (int64_t r = 0; r < g->kernel[0]; r++)
            for (int64_t s = 0; s < g->kernel[1]; s++) {
                int64_t h = p * g->stride[0] - g->pad[0] + r, w = q * g->stride[1] - g->pad[1] + s;
                if (h >= 0 && h < g->h && w >= 0 && w < g->w) y[i] += (double)x[(plane * g->h + h) * g->w + w];
            }
        y[i] *= average_share(g, p, q);
    }
}

void reference_avg_pool_backward(const gcam__pool2d *g, const float *dy, double *dx) {
    for (int64_t i = 0; i < g->planes * g->h * g->w; i++) dx[i] = 0;
    for (int64_t i = 0; i < g->planes * g->p * g->q; i++) {
        int64_t q = i % g->q, p = i / g->q % g->p, plane = i / (g->p * g->q);
        for (int64_t r = 0; r < g->kernel[0]; r++)
            for (int64_t s = 0; s < g->kernel[1]; s++) {
                int64_t h = p * g->stride[0] - g->pad[0] + r, w = q * g->stride[1] - g->pad[1] + s;
                if (h >= 0 && h < g->h && w >= 0 && w < g->w)
                    dx[(plane * g->h + h) * g->w + w] += (double)dy[i] * average_share(g, p, q);
            }
    }
}

/* 1 if input position `in` of `size` belongs to cell `out` of `count`. */
static int in_cell(int64_t in, int64_t size, int64_t out, int64_t count) {
    return in >= (int64_t)floor((double)(out * size) / (double)count)
           && in < (int64_t)ceil((double)((out + 1) * size) / (double)count);
}

static double adaptive_share(const gcam__pool2d *g, int64_t p, int64_t q) {
    int rows = 0, columns = 0;
    for (int64_t h = 0; h < g->h; h++) rows += in_cell(h, g->h, p, g->p);
    for (int64_t w = 0; w < g->w; w++) columns += in_cell(w, g->w, q, g->q);
    return 1.0 / rows / columns;
}

void reference_adaptive_avg_pool(const gcam__pool2d *g, const float *x, double *y) {
    for (int64_t i = 0; i < g->planes * g->p * g->q; i++) {
        int64_t q = i % g->q, p = i / g->q % g->p, plane = i / (g->p * g->q);
        y[i] = 0;
        for (int64_t h = 0; h < g->h; h++)
            for (int64_t w = 0; w < g->w; w++)
                if (in_cell(h, g->h, p, g->p) && in_cell(w, g->w, q, g->q))
                    y[i] += (double)x[(plane * g->h + h) * g->w + w];
        y[i] *= adaptive_share(g, p, q);
    }
}

void reference_adaptive_avg_pool_backward(const gcam__pool2d *g, const float *dy, double *dx) {
    for (int64_t i = 0; i < g->planes * g->h * g->w; i++) dx[i] = 0;
    for (int64_t i = 0; i < g->planes * g->p * g->q; i++) {
        int64_t q = i % g->q, p = i / g->q % g->p, plane = i / (g->p * g->q);
        for (int64_t h = 0; h < g->h; h++)
            for (int64_t w = 0; w < g->w; w++)
                if (in_cell(h, g->h, p, g->p) && in_cell(w, g->w, q, g->q))
                    dx[(plane * g->h + h) * g->w + w] += (double)dy[i] * adaptive_share(g, p, q);
    }
}

static double batchnorm_scale(const reference_batchnorm_params *g, int64_t c) {
    return (g->gamma ? (double)g->gamma[c] : 1) / sqrt((double)g->var[c] + g->eps);
}

void reference_batchnorm(const reference_batchnorm_params *g, const float *x, double *y) {
    for (int64_t i = 0; i < g->n * g->c * g->size; i++) {
        int64_t c = i / g->size % g->c;
        y[i] = ((double)x[i] - (double)g->mean[c]) * batchnorm_scale(g, c) + (g->beta ? (double)g->beta[c] : 0);
    }
}

void reference_batchnorm_backward(const reference_batchnorm_params *g, const float *dy, double *dx) {
    for (int64_t i = 0; i < g->n * g->c * g->size; i++) dx[i] = (double)dy[i] * batchnorm_scale(g, i / g->size % g->c);
}

void reference_softmax(const float *x, double *y, int64_t outer, int64_t count, int64_t inner) {
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const float *in = x + o * count * inner + i;
            double most = -INFINITY, sum = 0;
            for (int64_t j = 0; j < count; j++) most = fmax(most, (double)in[j * inner]);
            for (int64_t j = 0; j < count; j++) sum += exp((double)in[j * inner] - most);
            for (int64_t j = 0; j < count; j++)
                y[(o * count + j) * inner + i] = exp((double)in[j * inner] - most) / sum;
        }
}

int64_t reference_out_size(int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t pad_end, int64_t dilation,
                           int ceil_mode) {
    int64_t room = size + pad + pad_end - dilation * (kernel - 1) - 1;
    int64_t out = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (ceil_mode && (out - 1) * stride >= size + pad) out--; /* no window starts in the far padding */
    return out;
}

double nmse(const float *got, const double *want, int64_t count) {
    double error = 0, power = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(got[i])) return INFINITY;
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        power += want[i] * want[i];
    }
    return error == 0 ? 0 : error / power;
}

double max_error(const float *got, const double *want, int64_t count) {
    double error = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(got[i])) return INFINITY;
        error = fmax(error, fabs((double)got[i] - want[i]));
        most = fmax(most, fabs(want[i]));
    }
    return error == 0 ? 0 : error / most;
}

float *random_floats(uint64_t seed, int64_t count) {
    float *values = gcam__alloc((size_t)count * sizeof *values);
    if (!values) abort();
    for (int64_t i = 0; i < count; i++) values[i] = (float)gcam__random_normal(seed, 0, 0, (uint64_t)i);
    return values;
}
