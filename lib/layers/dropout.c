/* Dropout (Srivastava et al. 2014). At inference y = x and dx = dy. In training y = m x and dx = m dy under every rule, with m = 0 with
 * probability p and 1 / (1 - p) otherwise; element i's fate is drawn from (seed, layer, step, i), so backward draws it again. */
#include "core/random.h"
#include "core/status.h"
#include "layers/loops.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

typedef struct drops {
    const gcam__run *run;
    const float *from;
    float *to;
    double p;
} drops;

static void drop_piece(const void *context, int64_t begin, int64_t end) {
    const drops *d = context;
    const gcam__training *now = d->run->training;
    float keep = (float)(1 / (1 - d->p));
    for (int64_t i = begin; i < end; i++) {
        int kept = gcam__random_uniform(now->seed, (uint64_t)now->layer, now->step, (uint64_t)i) >= d->p;
        d->to[i] = kept ? d->from[i] * keep : 0;
    }
}

static void drop(const gcam__run *run, const float *from, float *to) {
    const gcam_dropout_params *params = run->layer->params;
    drops d = {run, from, to, params->p};
    gcam__for_pieces(run->compute, gcam_shape_count(&run->in_shape[0]), drop_piece, &d);
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    const gcam_dropout_params *params = layer->params;
    if (!(params->p > 0 && params->p < 1))
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: p is %g, expected a number between 0 and 1", layer->name,
                          params->p);
    return gcam__infer_same(layer, in, in_count, out);
}

static void forward(const gcam__run *run) {
    if (run->training)
        drop(run, run->in[0]->data, run->out->data);
    else
        gcam__view_forward(run);
}

static void backward(const gcam__run *run) {
    if (!run->training || !run->din[0]) {
        gcam__view_backward(run);
        return;
    }
    int64_t count = gcam_shape_count(&run->in_shape[0]); /* of one seed */
    for (int64_t s = 0; s < run->seeds; s++) drop(run, run->dout->data + s * count, run->din[0]->data + s * count);
}

static const gcam__param parameters[] = {
    {"p", GCAM__PARAM_NUMBER, offsetof(gcam_dropout_params, p), .fallback = 0.5},
    {NULL},
};

const gcam__op gcam__op_dropout = {
    .name = "dropout",
    .params_size = sizeof(gcam_dropout_params),
    .params = parameters,
    .min_inputs = 1,
    .max_inputs = 1,
    .view = 1,
    .trains = 1,
    .reach = gcam__reach_cell,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__routed,
};
