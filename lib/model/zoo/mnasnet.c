/* MNASNet-B1 (Tan et al. 2019) as torchvision defines it. variant[0] is the width multiplier in percent. The first version of the
 * multipliers other than 1 left the stem at 32 and 16 channels, which the file's own weights tell. */
#include "model/zoo/blocks.h"

#include <stdio.h>

static gcam_node inverted(gcam__zoo *zoo, const char *prefix, gcam_node x, const gcam__conv_norm *depth, int64_t out) {
    char layers[GCAM__PREFIX + 16];
    int64_t in = gcam__zoo_channels(zoo, x);
    snprintf(layers, sizeof layers, "%s.layers", prefix);
    gcam_node y = gcam__zoo_numbered_conv(zoo, layers, 0, x,
                                          &(gcam__conv_norm){.out = depth->out, .kernel = 1, .activation = "relu"});
    y = gcam__zoo_numbered_conv(zoo, layers, 3, y, depth);
    y = gcam__zoo_numbered_conv(zoo, layers, 6, y, &(gcam__conv_norm){.out = out, .kernel = 1});
    gcam_alias(zoo->b, layers, y);
    if (depth->stride == 1 && in == out) y = gcam_add(zoo->b, gcam__zoo_name(zoo, "%s.add", prefix), x, y);
    gcam_alias(zoo->b, prefix, y);
    return y;
}

static gcam_node stack(gcam__zoo *zoo, int index, gcam_node x, const int how[5], int64_t out) {
    char prefix[64];
    int kernel = how[0], stride = how[1], expansion = how[2], repeats = how[3];
    for (int i = 0; i < repeats; i++) {
        int64_t inner = gcam__zoo_channels(zoo, x) * expansion;
        gcam__conv_norm depth = {
            .out = inner, .kernel = kernel, .stride = i == 0 ? stride : 1, .groups = inner, .activation = "relu"};
        snprintf(prefix, sizeof prefix, "layers.%d.%d", index, i);
        x = inverted(zoo, prefix, x, &depth, out);
    }
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "layers.%d", index), x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    static const int stacks[6][5] = {{3, 2, 3, 3, 24}, {5, 2, 3, 3, 40},  {5, 2, 6, 3, 80},
                                     {3, 1, 6, 2, 96}, {5, 2, 6, 4, 192}, {3, 1, 6, 1, 320}};
    double alpha = zoo->variant[0] / 100.0;
    int64_t stem = gcam__zoo_size(zoo, "layers.0.weight", 0, gcam__zoo_divisible(32 * alpha, 8));
    int64_t separated = gcam__zoo_size(zoo, "layers.6.weight", 0, gcam__zoo_divisible(16 * alpha, 8));
    x = gcam__zoo_numbered_conv(zoo, "layers", 0, x,
                                &(gcam__conv_norm){.out = stem, .kernel = 3, .stride = 2, .activation = "relu"});
    x = gcam__zoo_numbered_conv(zoo, "layers", 3, x,
                                &(gcam__conv_norm){.out = stem, .kernel = 3, .groups = stem, .activation = "relu"});
    x = gcam__zoo_numbered_conv(zoo, "layers", 6, x, &(gcam__conv_norm){.out = separated, .kernel = 1});
    for (int i = 0; i < 6; i++) x = stack(zoo, 8 + i, x, stacks[i], gcam__zoo_divisible(stacks[i][4] * alpha, 8));
    x = gcam__zoo_numbered_conv(zoo, "layers", 14, x,
                                &(gcam__conv_norm){.out = 1280, .kernel = 1, .activation = "relu"});
    gcam_alias(zoo->b, "layers", x);
    x = gcam_dropout(zoo->b, "classifier.0", gcam__zoo_mean_flatten(zoo, x));
    return gcam__zoo_classes(zoo, "classifier.1", x);
}

const gcam__family gcam__mnasnet = {.build = build, .stem = "layers.0.weight", .head = "classifier.1.weight"};
