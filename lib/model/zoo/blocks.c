/* What several families are built of. */
#include "model/zoo/blocks.h"

#include "graph/network.h"

#include <stdio.h>
#include <string.h>

static const char *keep(char kept[GCAM__PREFIX], const char *prefix) {
    snprintf(kept, GCAM__PREFIX, "%s", prefix);
    return kept;
}

gcam_node gcam__zoo_unary(gcam__zoo *zoo, const char *op, const char *name, gcam_node x) {
    return gcam_layer(zoo->b, op, name, &x, 1, NULL);
}

gcam_node gcam__zoo_conv_bn(gcam__zoo *zoo, const char *conv, const char *bn, gcam_node x, const gcam__conv_norm *how) {
    gcam_conv2d_params params = {.out = how->out,
                                 .kernel = {how->kernel, how->kernel},
                                 .stride = {how->stride, how->stride},
                                 .pad = {(how->kernel - 1) / 2, (how->kernel - 1) / 2},
                                 .groups = how->groups,
                                 .no_bias = 1};
    x = gcam_conv2d(zoo->b, conv, x, &params);
    return gcam_batchnorm(zoo->b, bn, x, &(gcam_batchnorm_params){.eps = how->eps});
}

gcam_node gcam__zoo_numbered_conv(gcam__zoo *zoo, const char *prefix, int n, gcam_node x, const gcam__conv_norm *how) {
    char kept[GCAM__PREFIX], bn[GCAM__PREFIX + 12];
    snprintf(bn, sizeof bn, "%s.%d", keep(kept, prefix), n + 1);
    x = gcam__zoo_conv_bn(zoo, gcam__zoo_name(zoo, "%s.%d", kept, n), bn, x, how);
    if (how->activation == NULL) return x;
    return gcam__zoo_unary(zoo, how->activation, gcam__zoo_name(zoo, "%s.%d", kept, n + 2), x);
}

gcam_node gcam__zoo_conv_norm(gcam__zoo *zoo, const char *prefix, gcam_node x, const gcam__conv_norm *how) {
    char kept[GCAM__PREFIX];
    x = gcam__zoo_numbered_conv(zoo, keep(kept, prefix), 0, x, how);
    gcam_alias(zoo->b, kept, x);
    return x;
}

gcam_node gcam__zoo_basic_conv(gcam__zoo *zoo, const char *prefix, gcam_node x, gcam_conv2d_params params) {
    char kept[GCAM__PREFIX];
    keep(kept, prefix);
    params.no_bias = 1;
    x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "%s.conv", kept), x, &params);
    x = gcam_batchnorm(zoo->b, gcam__zoo_name(zoo, "%s.bn", kept), x, &(gcam_batchnorm_params){.eps = 1e-3});
    x = gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s.relu", kept), x);
    gcam_alias(zoo->b, kept, x);
    return x;
}

gcam_node gcam__zoo_squeeze_excitation(gcam__zoo *zoo, const char *prefix, gcam_node x, int64_t squeeze,
                                       const char *activation, const char *scale_activation) {
    char kept[GCAM__PREFIX];
    int64_t channels = gcam__zoo_channels(zoo, x);
    gcam_node scale = gcam_global_avg_pool(zoo->b, gcam__zoo_name(zoo, "%s.avgpool", keep(kept, prefix)), x);
    gcam_conv2d_params fc = {.out = squeeze, .kernel = {1, 1}};
    scale = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "%s.fc1", kept), scale, &fc);
    scale = gcam__zoo_unary(zoo, activation, gcam__zoo_name(zoo, "%s.activation", kept), scale);
    fc.out = channels;
    scale = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "%s.fc2", kept), scale, &fc);
    scale = gcam__zoo_unary(zoo, scale_activation, gcam__zoo_name(zoo, "%s.scale_activation", kept), scale);
    gcam_node both[2] = {scale, x};
    x = gcam_layer(zoo->b, "mul", gcam__zoo_name(zoo, "%s.mul", kept), both, 2, NULL);
    gcam_alias(zoo->b, kept, x);
    return x;
}

gcam_node gcam__zoo_transform_input(gcam__zoo *zoo, gcam_node x) {
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    gcam_scale_shift_params params = {.scale.count = 3, .shift.count = 3};
    if (gcam__zoo_channels(zoo, x) != 3) return x;
    for (int c = 0; c < 3; c++) {
        params.scale.value[c] = std[c] / 0.5;
        params.shift.value[c] = (mean[c] - 0.5) / 0.5;
    }
    return gcam_layer(zoo->b, "scale_shift", "transform_input", &x, 1, &params);
}

gcam_node gcam__zoo_pool_flatten(gcam__zoo *zoo, gcam_node x) {
    return gcam_flatten(zoo->b, "flatten", gcam_global_avg_pool(zoo->b, "avgpool", x));
}

gcam_node gcam__zoo_mean_flatten(gcam__zoo *zoo, gcam_node x) {
    return gcam_flatten(zoo->b, "flatten", gcam_global_avg_pool(zoo->b, "mean", x));
}

gcam_node gcam__zoo_classes(gcam__zoo *zoo, const char *name, gcam_node x) {
    x = gcam_linear(zoo->b, name, x, &(gcam_linear_params){.out = zoo->classes});
    const char *dot = strrchr(name, '.');
    if (dot != NULL) gcam_alias(zoo->b, gcam__zoo_name(zoo, "%.*s", (int)(dot - name), name), x);
    return x;
}

int64_t gcam__zoo_channels(const gcam__zoo *zoo, gcam_node x) {
    return x < 0 ? 1 : gcam__builder_network(zoo->b)->nodes[x].shape.dim[1];
}

int64_t gcam__zoo_size(const gcam__zoo *zoo, const char *weight, int which, int64_t otherwise) {
    const gcam_tensor_entry *entry = zoo->weights != NULL ? gcam_tensor_table_find(zoo->weights, weight) : NULL;
    if (entry == NULL || entry->shape.rank <= which || entry->shape.dim[which] < 1) return otherwise;
    return entry->shape.dim[which];
}

int64_t gcam__zoo_divisible(double value, int64_t divisor) {
    int64_t rounded = (int64_t)(value + (double)divisor / 2) / divisor * divisor;
    if (rounded < divisor) rounded = divisor;
    return (double)rounded < 0.9 * value ? rounded + divisor : rounded;
}
