/* Max pooling: y[n, c, p, q] = max of x[n, c, p stride - pad + r dilation, q stride - pad + s dilation] over the window's cells
 * (r, s) inside the image. Of equal cells the first in row-major order wins; NaN wins over all (PyTorch's rules).
 * Backward under every rule: dy goes to the winner, whose place the forward pass keeps as one int32 an output. */
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    GCAM_TRY(gcam__pool_infer(layer, in, in_count, out));
    if (in->dim[2] * in->dim[3] > INT32_MAX)
        return gcam__fail(GCAM_ERR_LIMIT, "layer",
                          "%s: an input of %" PRId64 "x%" PRId64 " is too large for max pooling", layer->name,
                          in->dim[2], in->dim[3]);
    return GCAM_OK;
}

static size_t aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)in;
    return (size_t)gcam_shape_count(out) * sizeof(int32_t);
}

static gcam__pool2d geometry(const gcam__run *run) {
    const gcam_shape *in = &run->in_shape[0];
    return gcam__pool_geometry(run->layer, in, in->dim[0] * in->dim[1]);
}

static void forward(const gcam__run *run) {
    gcam__pool2d g = geometry(run);
    gcam__max_pool(run->compute, &g, run->in[0]->data, run->out->data, run->aux);
}

static void backward(const gcam__run *run) {
    if (!run->din[0]) return;
    gcam__pool2d g = geometry(run);
    for (int64_t s = 0; s < run->seeds; s++) {
        const float *dy = run->dout->data + s * g.planes * g.p * g.q;
        gcam__max_pool_backward(run->compute, &g, dy, run->aux, run->din[0]->data + s * g.planes * g.h * g.w);
    }
}

/* DeepLIFT (METHODS 8): where the output rose, its change belongs to the winner of this pass, else to the winner of the reference pass:
 *   dx_p += m (y - y') / (x_p - x'_p), a factor in 0 .. 1.
 * Over an even baseline all cells of a window are equal but for rounding, which must not decide: the first cell within NEAR of the layer's
 * largest value from the maximum wins. The sum of the shares is m (y - y') whichever cell takes it. */
typedef struct rescale {
    gcam__pool2d g;
    const float *x, *x0, *y, *y0, *m;
    float *dx, near, near0; /* what counts as equal in either pass */
} rescale;

static const float NEAR = 1e-5f;

/* Place of the first cell of window (p, q) that is within `near` of `top`. */
static int64_t first_near(const gcam__pool2d *g, const float *x, int64_t p, int64_t q, float top, float near) {
    for (int64_t r = 0; r < g->kernel[0]; r++) {
        int64_t row = p * g->stride[0] - g->pad[0] + r * g->dilation[0];
        for (int64_t s = 0; row >= 0 && row < g->h && s < g->kernel[1]; s++) {
            int64_t column = q * g->stride[1] - g->pad[1] + s * g->dilation[1];
            if (column >= 0 && column < g->w && x[row * g->w + column] >= top - near) return row * g->w + column;
        }
    }
    return 0; /* only NaN is near nothing, and a pass with NaN does not get here */
}

static void rescale_plane(const void *context, int64_t plane) {
    const rescale *c = context;
    const gcam__pool2d *g = &c->g;
    const float *x = c->x + plane * g->h * g->w, *x0 = c->x0 + plane * g->h * g->w;
    float *dx = c->dx + plane * g->h * g->w;
    memset(dx, 0, (size_t)(g->h * g->w) * sizeof *dx);
    for (int64_t i = 0; i < g->p * g->q; i++) {
        int64_t at = plane * g->p * g->q + i;
        double rise = (double)c->y[at] - c->y0[at];
        int64_t cell = rise >= 0 ? first_near(g, x, i / g->q, i % g->q, c->y[at], c->near)
                                 : first_near(g, x0, i / g->q, i % g->q, c->y0[at], c->near0);
        double change = (double)x[cell] - x0[cell];
        if (change != 0) dx[cell] += (float)(c->m[at] * (rise / change));
    }
}

static float largest(const gcam_tensor *tensor) {
    float most = 0;
    for (int64_t i = 0; i < gcam_shape_count(&tensor->shape); i++) most = fmaxf(most, fabsf(tensor->data[i]));
    return most;
}

static void pass_relevance(const gcam__run *run) {
    if (run->spread->family != GCAM__DEEPLIFT) {
        backward(run);
        return;
    }
    if (!run->din[0]) return;
    const gcam__run *reference = run->spread->reference;
    rescale c = {.g = geometry(run),
                 .x = run->in[0]->data,
                 .x0 = reference->in[0]->data,
                 .y = run->out->data,
                 .y0 = reference->out->data,
                 .m = run->dout->data,
                 .dx = run->din[0]->data,
                 .near = NEAR * largest(run->in[0]),
                 .near0 = NEAR * largest(reference->in[0])};
    gcam__for_items(run->compute, c.g.planes, c.g.h * c.g.w, rescale_plane, &c);
}

static const gcam__relevance rules = {.pass = pass_relevance, .families = GCAM__ALL_FAMILIES};

static const gcam__param parameters[] = {
    {"kernel", GCAM__PARAM_INT2, offsetof(gcam_pool_params, kernel), .required = 1},
    {"stride", GCAM__PARAM_INT2, offsetof(gcam_pool_params, stride)},
    {"pad", GCAM__PARAM_INT2, offsetof(gcam_pool_params, pad)},
    {"pad_end", GCAM__PARAM_INT2, offsetof(gcam_pool_params, pad_end), .is_signed = 1},
    {"dilation", GCAM__PARAM_INT2, offsetof(gcam_pool_params, dilation), .fallback = 1},
    {"ceil_mode", GCAM__PARAM_INT, offsetof(gcam_pool_params, ceil_mode)},
    {NULL},
};

const gcam__op gcam__op_max_pool = {
    .name = "max_pool",
    .params_size = sizeof(gcam_pool_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .needs = GCAM__NEEDS_AUX,
    .reach = gcam__reach_maximum,
    .infer = infer,
    .aux_bytes = aux_bytes,
    .forward = forward,
    .backward = backward,
    .relevance = &rules,
};
