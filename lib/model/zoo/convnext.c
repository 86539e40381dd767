/* ConvNeXt (Liu et al. 2022) as torchvision defines it: variant = {channels of the first stage, blocks in the third}; the others have
 * three. A block is a 7x7 depthwise convolution, layer normalisation over the channels, two linear layers around a GELU, layer scale
 * and the sum with its input; nothing in it is rectified, so the maps of its target layer are signed. */
#include "model/zoo/blocks.h"

#include <stdio.h>

/* Over the channels of N C H W: axis 1, otherwise the last. */
static gcam_node norm(gcam__zoo *zoo, const char *name, gcam_node x, int64_t axis) {
    return gcam_layer(zoo->b, "layer_norm", name, &x, 1, &(gcam_layer_norm_params){.axis = axis, .eps = 1e-6});
}

/* PREFIX.block.N: axis k of the output is axis order[k] of the input. */
static gcam_node permute(gcam__zoo *zoo, const char *prefix, int n, gcam_node x, gcam_dims order) {
    return gcam_layer(zoo->b, "transpose", gcam__zoo_name(zoo, "%s.block.%d", prefix, n), &x, 1,
                      &(gcam_transpose_params){order});
}

static gcam_node block(gcam__zoo *zoo, const char *prefix, gcam_node x) {
    int64_t width = gcam__zoo_channels(zoo, x);
    gcam_conv2d_params depthwise = {.out = width, .kernel = {7, 7}, .pad = {3, 3}, .groups = width};
    gcam_node y = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "%s.block.0", prefix), x, &depthwise);
    y = permute(zoo, prefix, 1, y, (gcam_dims){4, {0, 2, 3, 1}});
    y = norm(zoo, gcam__zoo_name(zoo, "%s.block.2", prefix), y, -1);
    y = gcam_linear(zoo->b, gcam__zoo_name(zoo, "%s.block.3", prefix), y, &(gcam_linear_params){.out = 4 * width});
    y = gcam__zoo_unary(zoo, "gelu", gcam__zoo_name(zoo, "%s.block.4", prefix), y);
    y = gcam_linear(zoo->b, gcam__zoo_name(zoo, "%s.block.5", prefix), y, &(gcam_linear_params){.out = width});
    y = permute(zoo, prefix, 6, y, (gcam_dims){4, {0, 3, 1, 2}});
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.block", prefix), y);
    y = gcam__zoo_unary(zoo, "layer_scale", gcam__zoo_name(zoo, "%s.layer_scale", prefix), y);
    gcam_weights_from(zoo->b, y, prefix);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.stochastic_depth", prefix), y);
    y = gcam_add(zoo->b, gcam__zoo_name(zoo, "%s.add", prefix), y, x);
    gcam_alias(zoo->b, prefix, y);
    return y;
}

/* features.INDEX: halves the map and changes its channels. */
static gcam_node downsample(gcam__zoo *zoo, int index, gcam_node x, int64_t width) {
    x = norm(zoo, gcam__zoo_name(zoo, "features.%d.0", index), x, 1);
    x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "features.%d.1", index), x,
                    &(gcam_conv2d_params){.out = width, .kernel = {2, 2}, .stride = {2, 2}});
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d", index), x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    char prefix[64];
    int64_t width = zoo->variant[0];
    x = gcam_conv2d(zoo->b, "features.0.0", x, &(gcam_conv2d_params){.out = width, .kernel = {4, 4}, .stride = {4, 4}});
    x = norm(zoo, "features.0.1", x, 1);
    gcam_alias(zoo->b, "features.0", x);
    for (int s = 0; s < 4; s++) {
        if (s > 0) x = downsample(zoo, 2 * s, x, width << s);
        for (int i = 0; i < (s == 2 ? zoo->variant[1] : 3); i++) {
            snprintf(prefix, sizeof prefix, "features.%d.%d", 2 * s + 1, i);
            x = block(zoo, prefix, x);
        }
        gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d", 2 * s + 1), x);
    }
    gcam_alias(zoo->b, "features", x);
    x = gcam_global_avg_pool(zoo->b, "avgpool", x);
    x = gcam_flatten(zoo->b, "classifier.1", norm(zoo, "classifier.0", x, 1));
    return gcam__zoo_classes(zoo, "classifier.2", x);
}

const gcam__family gcam__convnext = {.build = build, .stem = "features.0.0.weight", .head = "classifier.2.weight"};
