/* Running element-wise operations; see curve.h. */
#include "layers/curve.h"

static gcam__curve curve_of(const gcam__run *run) {
    gcam__curve g = {.x = run->in[0]->data, .rule = GCAM_RULE_GRADIENT};
    const double *params = run->layer->params;
    size_t count = run->layer->op->params_size / sizeof *params;
    for (size_t i = 0; i < count && i < GCAM__CURVE_PARAMS; i++) g.c[i] = (float)params[i];
    return g;
}

void gcam__curve_forward(const gcam__run *run, gcam__piece_fn values) {
    gcam__curve g = curve_of(run);
    g.y = run->out->data;
    gcam__for_pieces(run->compute, gcam_shape_count(&run->out->shape), values, &g);
}

void gcam__curve_backward(const gcam__run *run, gcam__piece_fn slopes, int rules) {
    if (!run->din[0]) return;
    gcam__curve g = curve_of(run);
    if (rules) g.rule = run->rule;
    int64_t count = gcam_shape_count(&run->in_shape[0]);
    for (int64_t s = 0; s < run->seeds; s++) {
        g.dy = run->dout->data + s * count;
        g.y = run->din[0]->data + s * count;
        gcam__for_pieces(run->compute, count, slopes, &g);
    }
}
