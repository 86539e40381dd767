/* Resizing N C H W to N C P Q, each axis by itself: y[p, q] = sum over taps i, j of row[p][i] column[q][j] x[..., ...].
 *   resize_nearest  one tap     resize_linear  two taps     resize_cubic  four taps (Keys 1981), coefficient a
 * With s = out / in (or the given scale), output d reads at u =
 *   half_pixel (d + 1/2) / s - 1/2   align_corners d (in - 1) / (out - 1)   asymmetric d / s
 *   pytorch_half_pixel as half_pixel, but 0 where out = 1
 * and taps beyond the border read the border. Backward under every rule: the transpose. Prepared memory: the taps. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef enum method { NEAREST = 1, LINEAR = 2, CUBIC = 4 } method; /* the number of taps */
enum { TAPS = 4 };

typedef struct tap {
    int64_t at[TAPS];
    float weight[TAPS];
} tap;

static double scale_of(const gcam_resize_params *p, int axis) {
    return p->scale.count == 0 ? 0 : p->scale.value[p->scale.count == 1 ? 0 : axis];
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_resize_params *p = layer->params;
    GCAM_TRY(gcam__expect_image(layer, in));
    *out = *in;
    for (int i = 0; i < 2; i++) {
        double scale = scale_of(p, i), size = floor((double)in->dim[2 + i] * scale);
        if (p->size[i] == 0 && !(scale > 0 && size < INT32_MAX))
            return gcam__fail(GCAM_ERR_ARGUMENT, "layer",
                              "%s: resizing needs a size or a scale above 0, found scale %g", layer->name, scale);
        out->dim[2 + i] = p->size[i] ? p->size[i] : (int64_t)size;
    }
    if (p->coordinates > GCAM_RESIZE_PYTORCH_HALF_PIXEL || p->rounding > GCAM_RESIZE_CEIL)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer",
                          "%s: there are no coordinates %" PRId64 " or no rounding %" PRId64, layer->name,
                          p->coordinates, p->rounding);
    return gcam__check_output(layer, out);
}

/* Where output `d` of an axis reads. */
static double position(const gcam_resize_params *p, method how, int axis, int64_t d, const int64_t size[2]) {
    int64_t in = size[0], out = size[1];
    double given = scale_of(p, axis), scale = p->size[axis] || given == 0 ? (double)out / (double)in : given;
    int64_t coordinates = p->coordinates;
    if (coordinates == 0) coordinates = how == NEAREST ? GCAM_RESIZE_ASYMMETRIC : GCAM_RESIZE_HALF_PIXEL;
    if (coordinates == GCAM_RESIZE_ALIGN_CORNERS)
        return out == 1 ? 0 : (double)d * (double)(in - 1) / (double)(out - 1);
    if (coordinates == GCAM_RESIZE_ASYMMETRIC) return (double)d / scale;
    if (coordinates == GCAM_RESIZE_PYTORCH_HALF_PIXEL && out == 1) return 0;
    return ((double)d + 0.5) / scale - 0.5;
}

static double rounded(const gcam_resize_params *p, double u) {
    switch (p->rounding) {
    case GCAM_RESIZE_PREFER_FLOOR:
        return ceil(u - 0.5);
    case GCAM_RESIZE_PREFER_CEIL:
        return floor(u + 0.5);
    case GCAM_RESIZE_CEIL:
        return ceil(u);
    default:
        return floor(u);
    }
}

/* Keys' weight for a sample at distance x. */
static double cubic(double x, double a) {
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static tap make_tap(const gcam_resize_params *p, method how, double u, int64_t size) {
    tap t = {.weight = {1}};
    double base = how == NEAREST ? rounded(p, u) : floor(u), fraction = u - base;
    int64_t first = (int64_t)base - (how == CUBIC);
    for (int i = 0; i < (int)how; i++) {
        int64_t at = first + i;
        t.at[i] = at < 0 ? 0 : at >= size ? size - 1 : at;
        if (how == LINEAR) t.weight[i] = (float)(i ? fraction : 1 - fraction);
        if (how == CUBIC) t.weight[i] = (float)cubic(fraction + 1 - i, p->cubic_a);
    }
    return t;
}

static size_t prepared_bytes(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                             const gcam_shape *out) {
    (void)compute, (void)layer, (void)in;
    return (size_t)(out->dim[2] + out->dim[3]) * sizeof(tap);
}

static void prepare_taps(const gcam__layer *layer, method how, const gcam_shape *in, const gcam_shape *out, tap *taps) {
    for (int axis = 0; axis < 2; axis++) {
        int64_t size[2] = {in->dim[2 + axis], out->dim[2 + axis]};
        for (int64_t d = 0; d < size[1]; d++)
            *taps++ = make_tap(layer->params, how, position(layer->params, how, axis, d, size), size[0]);
    }
}

typedef struct job {
    const tap *rows, *columns;
    int64_t h, w, p, q;
    int taps;
    const float *from;
    float *to;
} job;

static void forward_plane(const void *context, int64_t plane) {
    const job *g = context;
    const float *x = g->from + plane * g->h * g->w;
    float *y = g->to + plane * g->p * g->q;
    for (int64_t p = 0; p < g->p; p++)
        for (int64_t q = 0; q < g->q; q++) {
            float sum = 0;
            for (int i = 0; i < g->taps; i++)
                for (int j = 0; j < g->taps; j++)
                    sum += g->rows[p].weight[i] * g->columns[q].weight[j]
                           * x[g->rows[p].at[i] * g->w + g->columns[q].at[j]];
            *y++ = sum;
        }
}

static void backward_plane(const void *context, int64_t plane) {
    const job *g = context;
    const float *dy = g->from + plane * g->p * g->q;
    float *dx = g->to + plane * g->h * g->w;
    memset(dx, 0, (size_t)(g->h * g->w) * sizeof *dx);
    for (int64_t p = 0; p < g->p; p++)
        for (int64_t q = 0; q < g->q; q++, dy++)
            for (int i = 0; i < g->taps; i++)
                for (int j = 0; j < g->taps; j++)
                    dx[g->rows[p].at[i] * g->w + g->columns[q].at[j]] +=
                        g->rows[p].weight[i] * g->columns[q].weight[j] * *dy;
}

static void run_planes(const gcam__run *run, method how, gcam__item_fn plane) {
    const gcam_shape *in = &run->in_shape[0], *out = run->dout ? &run->dout->shape : &run->out->shape;
    job g = {.rows = run->prepared, .taps = (int)how};
    g.h = in->dim[2], g.w = in->dim[3], g.p = out->dim[2], g.q = out->dim[3];
    g.columns = g.rows + g.p;
    g.from = run->dout ? run->dout->data : run->in[0]->data;
    g.to = run->dout ? run->din[0]->data : run->out->data;
    gcam__for_items(run->compute, out->dim[0] * out->dim[1], g.p * g.q, plane, &g);
}

static const gcam__param parameters[] = {
    {"size", GCAM__PARAM_INT2, offsetof(gcam_resize_params, size)},
    {"scale", GCAM__PARAM_NUMBERS, offsetof(gcam_resize_params, scale)},
    {"coordinates", GCAM__PARAM_INT, offsetof(gcam_resize_params, coordinates)},
    {"rounding", GCAM__PARAM_INT, offsetof(gcam_resize_params, rounding)},
    {"cubic_a", GCAM__PARAM_NUMBER, offsetof(gcam_resize_params, cubic_a), .fallback = -0.75},
    {NULL},
};

#define RESIZE(NAME, METHOD, RELEVANCE)                                                                      \
    static void NAME##_prepare(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in, \
                               const gcam_shape *out, void *prepared) {                                      \
        (void)compute;                                                                                       \
        prepare_taps(layer, METHOD, in, out, prepared);                                                      \
    }                                                                                                        \
    static void NAME##_forward(const gcam__run *run) {                                                       \
        run_planes(run, METHOD, forward_plane);                                                              \
    }                                                                                                        \
    static void NAME##_backward(const gcam__run *run) {                                                      \
        if (run->din[0]) run_planes(run, METHOD, backward_plane);                                            \
    }                                                                                                        \
    const gcam__op gcam__op_##NAME = {.name = #NAME,                                                         \
                                      .params_size = sizeof(gcam_resize_params),                             \
                                      .params = parameters,                                                  \
                                      .min_inputs = 1,                                                       \
                                      .max_inputs = 1,                                                       \
                                      .infer = infer,                                                        \
                                      .prepared_bytes = prepared_bytes,                                      \
                                      .prepare = NAME##_prepare,                                             \
                                      .forward = NAME##_forward,                                             \
                                      .backward = NAME##_backward,                                           \
                                      .relevance = &gcam__##RELEVANCE};

RESIZE(resize_nearest, NEAREST, summed)
RESIZE(resize_linear, LINEAR, summed)
RESIZE(resize_cubic, CUBIC, summed_signed)
