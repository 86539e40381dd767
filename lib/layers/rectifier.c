/* Backward pass of y = x for x > 0, slope x otherwise, with p = dy and p+ = max(p, 0):
 *   gradient    dx = p where x > 0, slope p elsewhere    (Simonyan et al. 2014)
 *   guided      dx = p+ where x > 0, slope p+ elsewhere  (Springenberg et al. 2015)
 *   deconvnet   dx = p+                                  (Zeiler & Fergus 2014)
 * A NaN in p stays one, so that it is noticed. Which x were positive is kept as bits of the forward pass: hooks may then edit
 * the output, and the output may take the input's place. */
#include "layers/rectifier.h"

#include "layers/loops.h"

size_t gcam__rectifier_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)in;
    return ((size_t)gcam_shape_count(out) + 7) / 8;
}

typedef struct gate {
    const float *dy;
    float *dx;
    const uint8_t *mask;
    float slope;
    gcam_rule rule;
} gate;

/* `rule` is a constant where this is called, so each rule gets a loop of its own. */
static inline void pass(const gate *g, int64_t begin, int64_t end, gcam_rule rule) {
    for (int64_t i = begin; i < end; i++) {
        int on = g->mask[i >> 3] >> (i & 7) & 1;
        float p = rule == GCAM_RULE_GRADIENT ? g->dy[i] : gcam__positive(g->dy[i]);
        float off = g->slope == 0 ? 0.0f : g->slope * p;
        g->dx[i] = on || rule == GCAM_RULE_DECONVNET ? p : off;
    }
}

static void pass_piece(const void *context, int64_t begin, int64_t end) {
    const gate *g = context;
    switch (g->rule) {
    case GCAM_RULE_GUIDED:
        pass(g, begin, end, GCAM_RULE_GUIDED);
        break;
    case GCAM_RULE_DECONVNET:
        pass(g, begin, end, GCAM_RULE_DECONVNET);
        break;
    default:
        pass(g, begin, end, GCAM_RULE_GRADIENT);
        break;
    }
}

void gcam__rectifier_backward(const gcam__run *run, float slope) {
    if (!run->din[0]) return;
    int64_t count = gcam_shape_count(&run->in_shape[0]); /* of one seed */
    for (int64_t s = 0; s < run->seeds; s++) {
        gate g = {run->dout->data + s * count, run->din[0]->data + s * count, run->aux, slope, run->rule};
        gcam__for_pieces(run->compute, count, pass_piece, &g);
    }
}
