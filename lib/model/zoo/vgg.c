/* VGG (Simonyan & Zisserman 2015), configurations A, B, D, E, with or without batch normalisation, as torchvision defines them.
 * variant[0] is the number of weight layers (11, 13, 16, 19), variant[1] is 1 with batch normalisation. */
#include "model/zoo/blocks.h"

enum { STAGES = 5 };

/* 3x3 convolutions in each stage. */
static const int *stage_depths(int weight_layers) {
    static const int depths[4][STAGES] = {{1, 1, 2, 2, 2}, {2, 2, 2, 2, 2}, {2, 2, 3, 3, 3}, {2, 2, 4, 4, 4}};
    return depths[weight_layers == 11 ? 0 : weight_layers == 13 ? 1 : weight_layers == 16 ? 2 : 3];
}

static gcam_node features(gcam__zoo *zoo, gcam_node x) {
    static const int64_t widths[STAGES] = {64, 128, 256, 512, 512};
    const int *depths = stage_depths(zoo->variant[0]);
    int index = 0;
    for (int stage = 0; stage < STAGES; stage++) {
        gcam_conv2d_params params = {.out = widths[stage], .kernel = {3, 3}, .pad = {1, 1}};
        for (int i = 0; i < depths[stage]; i++) {
            x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "features.%d", index++), x, &params);
            if (zoo->variant[1]) x = gcam_batchnorm(zoo->b, gcam__zoo_name(zoo, "features.%d", index++), x, NULL);
            x = gcam_relu(zoo->b, gcam__zoo_name(zoo, "features.%d", index++), x);
        }
        x = gcam_max_pool(zoo->b, gcam__zoo_name(zoo, "features.%d", index++), x,
                          &(gcam_pool_params){.kernel = {2, 2}});
    }
    gcam_alias(zoo->b, "features", x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    gcam_builder *b = zoo->b;
    x = features(zoo, x);
    x = gcam_adaptive_avg_pool(b, "avgpool", x, &(gcam_adaptive_pool_params){.out = {7, 7}});
    x = gcam_flatten(b, "flatten", x);
    x = gcam_linear(b, "classifier.0", x, &(gcam_linear_params){.out = 4096});
    x = gcam_relu(b, "classifier.1", x);
    x = gcam_dropout(b, "classifier.2", x);
    x = gcam_linear(b, "classifier.3", x, &(gcam_linear_params){.out = 4096});
    x = gcam_relu(b, "classifier.4", x);
    x = gcam_dropout(b, "classifier.5", x);
    return gcam__zoo_classes(zoo, "classifier.6", x);
}

const gcam__family gcam__vgg = {.build = build, .stem = "features.0.weight", .head = "classifier.6.weight"};
