/* GoogLeNet (Szegedy et al. 2015) as torchvision defines it, with batch normalisation of eps 1e-3 and without the auxiliary heads.
 * variant[0] is 1 where the network itself turns torchvision's normalised input into values -1 .. 1 (transform_input), as the published
 * weights want. What the paper calls 5x5 is 3x3 in torchvision. */
#include "model/zoo/blocks.h"

#include <stdio.h>

/* Channels of the four branches: 1x1; reduced, 3x3; reduced, "5x5"; 1x1 after the pool. */
typedef struct inception {
    const char *name;
    int width[6];
} inception;

static gcam_node conv(gcam__zoo *zoo, const char *prefix, gcam_node x, int64_t out, int64_t kernel) {
    gcam_conv2d_params params = {.out = out, .kernel = {kernel, kernel}, .pad = {kernel / 2, kernel / 2}};
    return gcam__zoo_basic_conv(zoo, prefix, x, params);
}

/* NAME.branchN: 1x1 to `reduced`, 3x3 to `out`. */
static gcam_node reduce_and_conv(gcam__zoo *zoo, const char *name, int branch, gcam_node x, int reduced, int out) {
    x = conv(zoo, gcam__zoo_name(zoo, "%s.branch%d.0", name, branch), x, reduced, 1);
    x = conv(zoo, gcam__zoo_name(zoo, "%s.branch%d.1", name, branch), x, out, 3);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.branch%d", name, branch), x);
    return x;
}

static gcam_node block(gcam__zoo *zoo, const inception *k, gcam_node x) {
    const int *width = k->width;
    gcam_pool_params pool = {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1}, .ceil_mode = 1};
    gcam_node branch[4];
    branch[0] = conv(zoo, gcam__zoo_name(zoo, "%s.branch1", k->name), x, width[0], 1);
    branch[1] = reduce_and_conv(zoo, k->name, 2, x, width[1], width[2]);
    branch[2] = reduce_and_conv(zoo, k->name, 3, x, width[3], width[4]);
    branch[3] = gcam_max_pool(zoo->b, gcam__zoo_name(zoo, "%s.branch4.0", k->name), x, &pool);
    branch[3] = conv(zoo, gcam__zoo_name(zoo, "%s.branch4.1", k->name), branch[3], width[5], 1);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.branch4", k->name), branch[3]);
    x = gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat", k->name), branch, 4, NULL);
    gcam_alias(zoo->b, k->name, x);
    return x;
}

static gcam_node halve(gcam__zoo *zoo, int number, gcam_node x, int64_t kernel) {
    gcam_pool_params pool = {.kernel = {kernel, kernel}, .stride = {2, 2}, .ceil_mode = 1};
    return gcam_max_pool(zoo->b, gcam__zoo_name(zoo, "maxpool%d", number), x, &pool);
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    static const inception blocks[] = {
        {"inception3a", {64, 96, 128, 16, 32, 32}},     {"inception3b", {128, 128, 192, 32, 96, 64}},
        {"inception4a", {192, 96, 208, 16, 48, 64}},    {"inception4b", {160, 112, 224, 24, 64, 64}},
        {"inception4c", {128, 128, 256, 24, 64, 64}},   {"inception4d", {112, 144, 288, 32, 64, 64}},
        {"inception4e", {256, 160, 320, 32, 128, 128}}, {"inception5a", {256, 160, 320, 32, 128, 128}},
        {"inception5b", {384, 192, 384, 48, 128, 128}}};
    if (zoo->variant[0]) x = gcam__zoo_transform_input(zoo, x);
    x = gcam__zoo_basic_conv(zoo, "conv1", x,
                             (gcam_conv2d_params){.out = 64, .kernel = {7, 7}, .stride = {2, 2}, .pad = {3, 3}});
    x = halve(zoo, 1, x, 3);
    x = conv(zoo, "conv2", x, 64, 1);
    x = conv(zoo, "conv3", x, 192, 3);
    x = halve(zoo, 2, x, 3);
    for (int i = 0; i < 9; i++) {
        x = block(zoo, &blocks[i], x);
        if (i == 1) x = halve(zoo, 3, x, 3);
        if (i == 6) x = halve(zoo, 4, x, 2);
    }
    x = gcam_dropout(zoo->b, "dropout", gcam__zoo_pool_flatten(zoo, x));
    return gcam__zoo_classes(zoo, "fc", x);
}

const gcam__family gcam__googlenet = {
    .build = build, .stem = "conv1.conv.weight", .head = "fc.weight", .ignored = "aux"};
