/* SqueezeNet (Iandola et al. 2016) 1.0 and 1.1 as torchvision defines them. variant[0] is the minor version.
 * The classifier is a 1x1 convolution, a ReLU and a global average, so classes compete only through rectified maps. */
#include "model/zoo/zoo.h"

#include <stdio.h>

static gcam_node conv_relu(gcam__zoo *zoo, const char *prefix, gcam_node x, const gcam_conv2d_params *params) {
    x = gcam_conv2d(zoo->b, prefix, x, params);
    return gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s_activation", prefix), x);
}

/* Squeeze to `width` channels by 1x1, expand to 4 x width by 1x1 and to as many by 3x3, side by side. */
static gcam_node fire(gcam__zoo *zoo, int index, gcam_node x, int64_t width) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "features.%d.squeeze", index);
    x = conv_relu(zoo, prefix, x, &(gcam_conv2d_params){.out = width, .kernel = {1, 1}});
    gcam_node expanded[2];
    snprintf(prefix, sizeof prefix, "features.%d.expand1x1", index);
    expanded[0] = conv_relu(zoo, prefix, x, &(gcam_conv2d_params){.out = 4 * width, .kernel = {1, 1}});
    snprintf(prefix, sizeof prefix, "features.%d.expand3x3", index);
    expanded[1] = conv_relu(zoo, prefix, x, &(gcam_conv2d_params){.out = 4 * width, .kernel = {3, 3}, .pad = {1, 1}});
    x = gcam_concat(zoo->b, gcam__zoo_name(zoo, "features.%d.cat", index), expanded, 2, NULL);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d", index), x);
    return x;
}

static gcam_node features(gcam__zoo *zoo, gcam_node x) {
    static const int64_t plans[2][13] = {{0, 0, 0, 16, 16, 32, 0, 32, 48, 48, 64, 0, 64},
                                         {0, 0, 0, 16, 16, 0, 32, 32, 0, 48, 48, 64, 64}}; /* 0: a pool */
    int minor = zoo->variant[0];
    int64_t kernel = minor == 0 ? 7 : 3;
    x = gcam_conv2d(zoo->b, "features.0", x,
                    &(gcam_conv2d_params){.out = minor == 0 ? 96 : 64, .kernel = {kernel, kernel}, .stride = {2, 2}});
    x = gcam_relu(zoo->b, "features.1", x);
    for (int i = 2; i < 13; i++) {
        gcam_pool_params pool = {.kernel = {3, 3}, .stride = {2, 2}, .ceil_mode = 1};
        if (plans[minor][i] > 0)
            x = fire(zoo, i, x, plans[minor][i]);
        else
            x = gcam_max_pool(zoo->b, gcam__zoo_name(zoo, "features.%d", i), x, &pool);
    }
    gcam_alias(zoo->b, "features", x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    gcam_builder *b = zoo->b;
    x = features(zoo, x);
    x = gcam_dropout(b, "classifier.0", x);
    x = gcam_conv2d(b, "classifier.1", x, &(gcam_conv2d_params){.out = zoo->classes, .kernel = {1, 1}});
    x = gcam_relu(b, "classifier.2", x);
    x = gcam_global_avg_pool(b, "classifier.3", x);
    gcam_alias(b, "classifier", x);
    return gcam_flatten(b, "flatten", x);
}

const gcam__family gcam__squeezenet = {.build = build, .stem = "features.0.weight", .head = "classifier.1.weight"};
