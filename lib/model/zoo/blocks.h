/* What several families are built of. Prefixes are copied at once, so they may come from gcam__zoo_name(). */
#ifndef GCAM_MODEL_ZOO_BLOCKS_H
#define GCAM_MODEL_ZOO_BLOCKS_H

#include "model/zoo/zoo.h"

enum { GCAM__PREFIX = 128 };

/* Convolution without bias, batch normalisation, activation: torchvision's Conv2dNormActivation, named PREFIX.0, .1, .2. */
typedef struct gcam__conv_norm {
    int64_t out, kernel, stride, groups; /* stride, groups: default 1; padding keeps the size at stride 1 */
    double eps;                          /* of the normalisation; default 1e-5 */
    const char *activation;              /* operation; NULL: none */
} gcam__conv_norm;

/* All three give the last layer the prefix as an alias. */
gcam_node gcam__zoo_conv_norm(gcam__zoo *zoo, const char *prefix, gcam_node x, const gcam__conv_norm *how);
/* PREFIX.conv, PREFIX.bn (eps 1e-3), PREFIX.relu: the BasicConv2d of GoogLeNet and Inception. `params` without bias. */
gcam_node gcam__zoo_basic_conv(gcam__zoo *zoo, const char *prefix, gcam_node x, gcam_conv2d_params params);
/* Squeeze and excitation (Hu et al. 2018): PREFIX.avgpool, .fc1, .activation, .fc2, .scale_activation, .mul. */
gcam_node gcam__zoo_squeeze_excitation(gcam__zoo *zoo, const char *prefix, gcam_node x, int64_t squeeze,
                                       const char *activation, const char *scale_activation);

/* Convolution without bias and its batch normalisation under two names; padding keeps the size at stride 1. */
gcam_node gcam__zoo_conv_bn(gcam__zoo *zoo, const char *conv, const char *bn, gcam_node x, const gcam__conv_norm *how);

/* PREFIX.N convolution, PREFIX.N+1 normalisation and, where `how` has an activation, PREFIX.N+2. */
gcam_node gcam__zoo_numbered_conv(gcam__zoo *zoo, const char *prefix, int n, gcam_node x, const gcam__conv_norm *how);

/* What networks trained on values -1 .. 1 do to torchvision's normalised input: x std / 0.5 + (mean - 0.5) / 0.5. Only for three
 * channels. */
gcam_node gcam__zoo_transform_input(gcam__zoo *zoo, gcam_node x);

/* Any operation that has one input and no parameters. */
gcam_node gcam__zoo_unary(gcam__zoo *zoo, const char *op, const char *name, gcam_node x);
/* Global average ("avgpool") and "flatten". */
gcam_node gcam__zoo_pool_flatten(gcam__zoo *zoo, gcam_node x);
/* The same with the average named "mean", for networks that write x.mean([2, 3]). */
gcam_node gcam__zoo_mean_flatten(gcam__zoo *zoo, gcam_node x);
/* Linear layer to the classes; the module that it is the last part of gets its output too. */
gcam_node gcam__zoo_classes(gcam__zoo *zoo, const char *name, gcam_node x);

/* Channels of a value; 1 after an error of the builder. */
int64_t gcam__zoo_channels(const gcam__zoo *zoo, gcam_node x);
/* Size `which` of a weight of the file; `otherwise` where there is none. */
int64_t gcam__zoo_size(const gcam__zoo *zoo, const char *weight, int which, int64_t otherwise);
/* The multiple of `divisor` nearest to `value`, at least `divisor`, and not more than 10 % below `value` (Sandler et al. 2018). */
int64_t gcam__zoo_divisible(double value, int64_t divisor);

#endif
