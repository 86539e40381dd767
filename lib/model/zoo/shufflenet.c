/* ShuffleNetV2 (Ma et al. 2018) as torchvision defines it: variant = channels of conv1, stage2, stage3, stage4, conv5. A unit of
 * stride 1 leaves half of its channels alone, works on the others, and mixes the halves by a shuffle. */
#include "model/zoo/blocks.h"

#include <stdio.h>

static gcam_node half(gcam__zoo *zoo, const char *name, gcam_node x, int64_t start, int64_t end) {
    return gcam_layer(zoo->b, "slice", name, &x, 1, &(gcam_slice_params){.start = start, .end = end});
}

/* Depthwise 3x3, then 1x1. */
static gcam_node branch1(gcam__zoo *zoo, const char *unit, gcam_node x, int64_t out) {
    char prefix[GCAM__PREFIX + 16];
    int64_t in = gcam__zoo_channels(zoo, x);
    snprintf(prefix, sizeof prefix, "%s.branch1", unit);
    x = gcam__zoo_numbered_conv(zoo, prefix, 0, x,
                                &(gcam__conv_norm){.out = in, .kernel = 3, .stride = 2, .groups = in});
    x = gcam__zoo_numbered_conv(zoo, prefix, 2, x, &(gcam__conv_norm){.out = out, .kernel = 1, .activation = "relu"});
    gcam_alias(zoo->b, prefix, x);
    return x;
}

/* 1x1, depthwise 3x3, 1x1. */
static gcam_node branch2(gcam__zoo *zoo, const char *unit, gcam_node x, int64_t out, int64_t stride) {
    char prefix[GCAM__PREFIX + 16];
    snprintf(prefix, sizeof prefix, "%s.branch2", unit);
    x = gcam__zoo_numbered_conv(zoo, prefix, 0, x, &(gcam__conv_norm){.out = out, .kernel = 1, .activation = "relu"});
    x = gcam__zoo_numbered_conv(zoo, prefix, 3, x,
                                &(gcam__conv_norm){.out = out, .kernel = 3, .stride = stride, .groups = out});
    x = gcam__zoo_numbered_conv(zoo, prefix, 5, x, &(gcam__conv_norm){.out = out, .kernel = 1, .activation = "relu"});
    gcam_alias(zoo->b, prefix, x);
    return x;
}

static gcam_node unit(gcam__zoo *zoo, const char *prefix, gcam_node x, int64_t out, int64_t stride) {
    gcam_node parts[2];
    if (stride > 1) {
        parts[0] = branch1(zoo, prefix, x, out / 2);
        parts[1] = branch2(zoo, prefix, x, out / 2, stride);
    } else {
        parts[0] = half(zoo, gcam__zoo_name(zoo, "%s.chunk", prefix), x, 0, out / 2);
        parts[1] = half(zoo, gcam__zoo_name(zoo, "%s.chunk#1", prefix), x, out / 2, 0);
        parts[1] = branch2(zoo, prefix, parts[1], out / 2, 1);
    }
    x = gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat", prefix), parts, 2, NULL);
    x = gcam_layer(zoo->b, "channel_shuffle", gcam__zoo_name(zoo, "%s.channel_shuffle", prefix), &x, 1,
                   &(gcam_channel_shuffle_params){.groups = 2});
    gcam_alias(zoo->b, prefix, x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    static const int repeats[3] = {4, 8, 4};
    char prefix[GCAM__PREFIX];
    const int *width = zoo->variant;
    x = gcam__zoo_conv_norm(zoo, "conv1", x,
                            &(gcam__conv_norm){.out = width[0], .kernel = 3, .stride = 2, .activation = "relu"});
    gcam_pool_params pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    x = gcam_max_pool(zoo->b, "maxpool", x, &pool);
    for (int s = 0; s < 3; s++) {
        for (int i = 0; i < repeats[s]; i++) {
            snprintf(prefix, sizeof prefix, "stage%d.%d", s + 2, i);
            x = unit(zoo, prefix, x, width[s + 1], i == 0 ? 2 : 1);
        }
        gcam_alias(zoo->b, gcam__zoo_name(zoo, "stage%d", s + 2), x);
    }
    x = gcam__zoo_conv_norm(zoo, "conv5", x, &(gcam__conv_norm){.out = width[4], .kernel = 1, .activation = "relu"});
    return gcam__zoo_classes(zoo, "fc", gcam__zoo_mean_flatten(zoo, x));
}

const gcam__family gcam__shufflenet = {.build = build, .stem = "conv1.0.weight", .head = "fc.weight"};
