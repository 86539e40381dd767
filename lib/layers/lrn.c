/* Local response normalisation across channels (Krizhevsky et al. 2012):
 *   y_c = x_c d_c^-beta,  d_c = k + alpha / n * sum of x_j^2 over j = c - floor((n-1)/2) .. c + ceil((n-1)/2), inside 0 .. C-1.
 * Backward under every rule, with p = dy:
 *   dx_j = p_j d_j^-beta - 2 alpha beta / n x_j * sum over c whose window holds j of p_c x_c d_c^(-beta-1). */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <math.h>

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    GCAM_TRY(gcam__expect_rank(layer, in, 2));
    return gcam__infer_same(layer, in, in_count, out);
}

/* One image, of one seed. */
typedef struct image {
    int64_t channels, size;
    const gcam_lrn_params *params;
    const float *x, *dy;
    float *out; /* y or dx */
} image;

static int64_t window_begin(const image *g, int64_t c) {
    int64_t begin = c - (g->params->size - 1) / 2;
    return begin < 0 ? 0 : begin;
}

static int64_t window_end(const image *g, int64_t c) {
    int64_t end = c + g->params->size / 2 + 1;
    return end > g->channels ? g->channels : end;
}

static double denominator(const image *g, int64_t c, int64_t i) {
    const gcam_lrn_params *p = g->params;
    double sum = 0;
    for (int64_t j = window_begin(g, c); j < window_end(g, c); j++) {
        double x = g->x[j * g->size + i];
        sum += x * x;
    }
    return p->k + p->alpha / (double)p->size * sum;
}

static void forward_channel(const void *context, int64_t c) {
    const image *g = context;
    for (int64_t i = 0; i < g->size; i++) {
        double scale = pow(denominator(g, c, i), -g->params->beta);
        g->out[c * g->size + i] = (float)(g->x[c * g->size + i] * scale);
    }
}

/* Windows are mirrored on the way back: c's window holds j for c = j - floor(n/2) .. j + floor((n-1)/2). */
static void backward_channel(const void *context, int64_t j) {
    const image *g = context;
    const gcam_lrn_params *p = g->params;
    int64_t begin = j - p->size / 2, end = j + (p->size - 1) / 2 + 1;
    if (begin < 0) begin = 0;
    if (end > g->channels) end = g->channels;
    for (int64_t i = 0; i < g->size; i++) {
        double sum = 0, own = 0;
        for (int64_t c = begin; c < end; c++) {
            double d = denominator(g, c, i), scale = pow(d, -p->beta), dy = g->dy[c * g->size + i];
            sum += dy * g->x[c * g->size + i] * scale / d;
            if (c == j) own = dy * scale;
        }
        double factor = 2 * p->alpha * p->beta / (double)p->size * g->x[j * g->size + i];
        g->out[j * g->size + i] = (float)(own - factor * sum);
    }
}

static image image_of(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    return (image){.channels = in->dim[1], .size = gcam__dim_product(in, 2, in->rank), .params = run->layer->params};
}

static void forward(const gcam__run *run) {
    image g = image_of(run);
    for (int64_t n = 0; n < run->in_shape[0].dim[0]; n++) {
        g.x = run->in[0]->data + n * g.channels * g.size, g.out = run->out->data + n * g.channels * g.size;
        gcam__for_items(run->compute, g.channels, g.size, forward_channel, &g);
    }
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    image g = image_of(run);
    int64_t batch = run->in_shape[0].dim[0], count = g.channels * g.size;
    for (int64_t n = 0; n < run->seeds * batch; n++) {
        g.x = run->in[0]->data + n % batch * count;
        g.dy = run->dout->data + n * count, g.out = run->din[0]->data + n * count;
        gcam__for_items(run->compute, g.channels, g.size, backward_channel, &g);
    }
}

static const gcam__param parameters[] = {
    {"size", GCAM__PARAM_INT, offsetof(gcam_lrn_params, size), .required = 1},
    {"alpha", GCAM__PARAM_NUMBER, offsetof(gcam_lrn_params, alpha), .fallback = 1e-4},
    {"beta", GCAM__PARAM_NUMBER, offsetof(gcam_lrn_params, beta), .fallback = 0.75},
    {"k", GCAM__PARAM_NUMBER, offsetof(gcam_lrn_params, k), .fallback = 1},
    {NULL},
};

const gcam__op gcam__op_lrn = {
    .name = "lrn",
    .params_size = sizeof(gcam_lrn_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_INPUT,
    .reach = gcam__reach_cell,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__steady,
};
