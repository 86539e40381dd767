/* Batch normalisation in training, see batchnorm_train.c. */
#ifndef GCAM_LAYERS_BATCHNORM_H
#define GCAM_LAYERS_BATCHNORM_H

#include "layers/layer.h"

enum { GCAM__BN_GAMMA, GCAM__BN_BETA, GCAM__BN_MEAN, GCAM__BN_VARIANCE };

size_t gcam__batchnorm_aux_bytes(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out);
void gcam__batchnorm_train(const gcam__run *run);
void gcam__batchnorm_train_backward(const gcam__run *run);

#endif
