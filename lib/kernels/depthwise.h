/* Depthwise convolution over flat planes, see depthwise_flat.c. */
#ifndef GCAM_KERNELS_DEPTHWISE_H
#define GCAM_KERNELS_DEPTHWISE_H

#include "kernels/conv.h"

/* 1 for the geometries that it takes. */
int gcam__depthwise_is_flat(const gcam__conv *conv);
size_t gcam__depthwise_flat_scratch(const gcam__compute *compute, const gcam__conv *conv);
/* The call's operands with the geometry `conv`, and with `flip` with the filters turned round (groups = C = K). */
void gcam__depthwise_flat_run(const gcam__conv_call *call, const gcam__conv *conv, int flip);

#endif
