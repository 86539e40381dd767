/* What ReLU and leaky ReLU share: their shape, their mask, and their backward pass under every rule. */
#ifndef GCAM_LAYERS_RECTIFIER_H
#define GCAM_LAYERS_RECTIFIER_H

#include "layers/layer.h"

gcam_status gcam__rectifier_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out);
/* One bit an element: x > 0. */
size_t gcam__rectifier_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out);
void gcam__rectifier_backward(const gcam__run *run, float slope);

#endif
