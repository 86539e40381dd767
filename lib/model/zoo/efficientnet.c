/* EfficientNet B0 .. B7 (Tan & Le 2019) and V2 S, M, L (Tan & Le 2021) as torchvision defines them.
 * B: variant = {width multiplier in percent, depth multiplier in percent, eps of batch normalisation in millionths}.
 * V2: variant = {0, 0, eps in millionths, 0 for S, 1 for M, 2 for L}; its early stages fuse expansion and depthwise convolution. */
#include "model/zoo/blocks.h"

#include <stdio.h>

typedef struct stage {
    int is_fused, expansion, kernel, stride, out, blocks;
} stage;

enum { STAGES = 7 };

static const stage stages_b[STAGES] = {{0, 1, 3, 1, 16, 1}, {0, 6, 3, 2, 24, 2},  {0, 6, 5, 2, 40, 2},
                                       {0, 6, 3, 2, 80, 3}, {0, 6, 5, 1, 112, 3}, {0, 6, 5, 2, 192, 4},
                                       {0, 6, 3, 1, 320, 1}};
static const stage stages_v2[3][STAGES] = {{{1, 1, 3, 1, 24, 2},
                                            {1, 4, 3, 2, 48, 4},
                                            {1, 4, 3, 2, 64, 4},
                                            {0, 4, 3, 2, 128, 6},
                                            {0, 6, 3, 1, 160, 9},
                                            {0, 6, 3, 2, 256, 15}},
                                           {{1, 1, 3, 1, 24, 3},
                                            {1, 4, 3, 2, 48, 5},
                                            {1, 4, 3, 2, 80, 5},
                                            {0, 4, 3, 2, 160, 7},
                                            {0, 6, 3, 1, 176, 14},
                                            {0, 6, 3, 2, 304, 18},
                                            {0, 6, 3, 1, 512, 5}},
                                           {{1, 1, 3, 1, 32, 4},
                                            {1, 4, 3, 2, 64, 7},
                                            {1, 4, 3, 2, 96, 7},
                                            {0, 4, 3, 2, 192, 10},
                                            {0, 6, 3, 1, 224, 19},
                                            {0, 6, 3, 2, 384, 25},
                                            {0, 6, 3, 1, 640, 7}}};

static gcam_node part(gcam__zoo *zoo, const char *prefix, int *index, gcam_node x, gcam__conv_norm how) {
    how.eps = zoo->variant[2] * 1e-6;
    return gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "%s.block.%d", prefix, (*index)++), x, &how);
}

/* Expand, depthwise, squeeze and excitation, project; fused: expand by the K x K convolution itself, project. */
static gcam_node inverted(gcam__zoo *zoo, const char *prefix, gcam_node x, const stage *k, int64_t out,
                          int64_t stride) {
    int64_t in = gcam__zoo_channels(zoo, x), inner = gcam__zoo_divisible((double)(in * k->expansion), 8);
    int index = 0;
    gcam__conv_norm project = {.out = out, .kernel = 1};
    gcam__conv_norm wide = {.out = inner, .kernel = k->kernel, .stride = stride, .activation = "silu"};
    gcam_node y = x;
    if (k->is_fused && inner == in) wide.out = out; /* nothing to project */
    if (!k->is_fused && inner != in)
        y = part(zoo, prefix, &index, y, (gcam__conv_norm){.out = inner, .kernel = 1, .activation = "silu"});
    if (!k->is_fused) wide.groups = inner;
    y = part(zoo, prefix, &index, y, wide);
    if (!k->is_fused)
        y = gcam__zoo_squeeze_excitation(zoo, gcam__zoo_name(zoo, "%s.block.%d", prefix, index++), y,
                                         in / 4 > 1 ? in / 4 : 1, "silu", "sigmoid");
    if (!k->is_fused || inner != in) y = part(zoo, prefix, &index, y, project);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.block", prefix), y);
    if (stride == 1 && in == out) {
        gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.stochastic_depth", prefix), y);
        y = gcam_add(zoo->b, gcam__zoo_name(zoo, "%s.add", prefix), y, x);
    }
    gcam_alias(zoo->b, prefix, y);
    return y;
}

static int64_t scaled_width(const gcam__zoo *zoo, int64_t width) {
    return zoo->variant[0] == 0 ? width : gcam__zoo_divisible((double)width * zoo->variant[0] / 100, 8);
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    const int *v = zoo->variant;
    const stage *stages = v[0] == 0 ? stages_v2[v[3]] : stages_b;
    gcam__conv_norm how = {.out = v[0] == 0 ? stages[0].out : scaled_width(zoo, 32),
                           .kernel = 3,
                           .stride = 2,
                           .eps = v[2] * 1e-6,
                           .activation = "silu"};
    char prefix[64];
    int count = 0;
    x = gcam__zoo_conv_norm(zoo, "features.0", x, &how);
    for (; count < STAGES && stages[count].blocks > 0; count++) {
        const stage *k = &stages[count];
        int blocks = v[0] == 0 ? k->blocks : (k->blocks * v[1] + 99) / 100;
        for (int i = 0; i < blocks; i++) {
            snprintf(prefix, sizeof prefix, "features.%d.%d", count + 1, i);
            x = inverted(zoo, prefix, x, k, scaled_width(zoo, k->out), i == 0 ? k->stride : 1);
        }
        gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d", count + 1), x);
    }
    how.out = v[0] == 0 ? 1280 : 4 * gcam__zoo_channels(zoo, x);
    how.kernel = how.stride = 1;
    x = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d", count + 1), x, &how);
    gcam_alias(zoo->b, "features", x);
    x = gcam_dropout(zoo->b, "classifier.0", gcam__zoo_pool_flatten(zoo, x));
    return gcam__zoo_classes(zoo, "classifier.1", x);
}

const gcam__family gcam__efficientnet = {.build = build, .stem = "features.0.0.weight", .head = "classifier.1.weight"};
