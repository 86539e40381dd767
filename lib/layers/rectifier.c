/* Backward pass of y = x for x > 0, slope x otherwise, with p = dy and p+ = max(p, 0):
 *   gradient    dx = p where x > 0, slope p elsewhere    (Simonyan et al. 2014)
 *   guided      dx = p+ where x > 0, slope p+ elsewhere  (Springenberg et al. 2015)
 *   deconvnet   dx = p+                                  (Zeiler & Fergus 2014)
 * A NaN in p stays one, so that it is noticed. Which x were positive is kept as bits of the forward pass: hooks may then edit
 * the output, and the output may take the input's place. */
#include "layers/rectifier.h"

size_t gcam__rectifier_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer, (void)in;
    return ((size_t)gcam_shape_count(out) + 7) / 8;
}

void gcam__rectifier_backward(const gcam__run *run, float slope) {
    if (!run->din[0]) return;
    int64_t count = gcam_shape_count(&run->in_shape[0]); /* of one seed */
    const uint8_t *mask = run->rule == GCAM_RULE_DECONVNET ? NULL : run->aux;
    int positive = run->rule == GCAM_RULE_GUIDED || run->rule == GCAM_RULE_DECONVNET;
    for (int64_t s = 0; s < run->seeds; s++)
        gcam__relu_backward(run->compute, run->dout->data + s * count, mask, run->din[0]->data + s * count, count,
                            slope, positive);
}
