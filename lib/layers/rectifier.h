/* What ReLU and leaky ReLU share: their mask, and their backward pass under every rule. */
#ifndef GCAM_LAYERS_RECTIFIER_H
#define GCAM_LAYERS_RECTIFIER_H

#include "layers/layer.h"

/* One bit an element: x > 0. */
size_t gcam__rectifier_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out);
void gcam__rectifier_backward(const gcam__run *run, float slope);

/* max(p, 0) for the rules that drop negative gradients; NaN stays NaN, so that it is noticed. */
static inline float gcam__positive(float p) {
    return p <= 0 ? 0.0f : p;
}

#endif
