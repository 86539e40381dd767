/* Inception v3 (Szegedy et al. 2016) as torchvision defines it, without the auxiliary head: blocks A at 35x35, B to halve, C at
 * 17x17 with 7x7 convolutions split into 1x7 and 7x1, D to halve, E at 8x8. variant[0] is 1 where the network itself turns torchvision's
 * normalised input into values -1 .. 1 (transform_input), as the published weights want. */
#include "model/zoo/blocks.h"

#include <stdio.h>

/* One convolution of a block: NAME.PART, R x S with padding that keeps the size, or stride 2 without padding. */
static gcam_node conv(gcam__zoo *zoo, const char *name, const char *part, gcam_node x, gcam_conv2d_params how) {
    if (how.stride[0] < 2) {
        how.pad[0] = how.kernel[0] / 2;
        how.pad[1] = how.kernel[1] / 2;
    }
    return gcam__zoo_basic_conv(zoo, gcam__zoo_name(zoo, "%s.%s", name, part), x, how);
}

#define CONV(part, x, k, r, s) conv(zoo, name, part, x, (gcam_conv2d_params){.out = (k), .kernel = {r, s}})
#define HALVE(part, x, k) conv(zoo, name, part, x, (gcam_conv2d_params){.out = (k), .kernel = {3, 3}, .stride = {2, 2}})

/* 3x3 average, then 1x1. */
static gcam_node average_branch(gcam__zoo *zoo, const char *name, gcam_node x, int64_t out) {
    gcam_pool_params pool = {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1}};
    x = gcam_avg_pool(zoo->b, gcam__zoo_name(zoo, "%s.avg_pool", name), x, &pool);
    return CONV("branch_pool", x, out, 1, 1);
}

static gcam_node halving_pool(gcam__zoo *zoo, const char *name, gcam_node x) {
    gcam_pool_params pool = {.kernel = {3, 3}, .stride = {2, 2}};
    return gcam_max_pool(zoo->b, name, x, &pool);
}

static gcam_node join(gcam__zoo *zoo, const char *name, const gcam_node *branch, int count) {
    gcam_node x = gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat", name), branch, count, NULL);
    gcam_alias(zoo->b, name, x);
    return x;
}

static gcam_node block_a(gcam__zoo *zoo, const char *name, gcam_node x, int64_t pooled) {
    gcam_node branch[4] = {CONV("branch1x1", x, 64, 1, 1), CONV("branch5x5_1", x, 48, 1, 1),
                           CONV("branch3x3dbl_1", x, 64, 1, 1)};
    branch[1] = CONV("branch5x5_2", branch[1], 64, 5, 5);
    branch[2] = CONV("branch3x3dbl_2", branch[2], 96, 3, 3);
    branch[2] = CONV("branch3x3dbl_3", branch[2], 96, 3, 3);
    branch[3] = average_branch(zoo, name, x, pooled);
    return join(zoo, name, branch, 4);
}

static gcam_node block_b(gcam__zoo *zoo, const char *name, gcam_node x) {
    gcam_node branch[3] = {HALVE("branch3x3", x, 384), CONV("branch3x3dbl_1", x, 64, 1, 1)};
    branch[1] = CONV("branch3x3dbl_2", branch[1], 96, 3, 3);
    branch[1] = HALVE("branch3x3dbl_3", branch[1], 96);
    branch[2] = halving_pool(zoo, gcam__zoo_name(zoo, "%s.max_pool", name), x);
    return join(zoo, name, branch, 3);
}

static gcam_node block_c(gcam__zoo *zoo, const char *name, gcam_node x, int64_t inner) {
    gcam_node branch[4] = {CONV("branch1x1", x, 192, 1, 1), CONV("branch7x7_1", x, inner, 1, 1),
                           CONV("branch7x7dbl_1", x, inner, 1, 1)};
    branch[1] = CONV("branch7x7_2", branch[1], inner, 1, 7);
    branch[1] = CONV("branch7x7_3", branch[1], 192, 7, 1);
    branch[2] = CONV("branch7x7dbl_2", branch[2], inner, 7, 1);
    branch[2] = CONV("branch7x7dbl_3", branch[2], inner, 1, 7);
    branch[2] = CONV("branch7x7dbl_4", branch[2], inner, 7, 1);
    branch[2] = CONV("branch7x7dbl_5", branch[2], 192, 1, 7);
    branch[3] = average_branch(zoo, name, x, 192);
    return join(zoo, name, branch, 4);
}

static gcam_node block_d(gcam__zoo *zoo, const char *name, gcam_node x) {
    gcam_node branch[3] = {CONV("branch3x3_1", x, 192, 1, 1), CONV("branch7x7x3_1", x, 192, 1, 1)};
    branch[0] = HALVE("branch3x3_2", branch[0], 320);
    branch[1] = CONV("branch7x7x3_2", branch[1], 192, 1, 7);
    branch[1] = CONV("branch7x7x3_3", branch[1], 192, 7, 1);
    branch[1] = HALVE("branch7x7x3_4", branch[1], 192);
    branch[2] = halving_pool(zoo, gcam__zoo_name(zoo, "%s.max_pool", name), x);
    return join(zoo, name, branch, 3);
}

/* 1x3 and 3x1 of the same value side by side: PART a and PART b, joined by NAME.cat (call 0) or NAME.cat#1. */
static gcam_node split(gcam__zoo *zoo, const char *name, const char *part, int call, gcam_node x) {
    char each[2][32];
    for (int i = 0; i < 2; i++) snprintf(each[i], sizeof each[i], "%s%c", part, 'a' + i);
    gcam_node both[2] = {CONV(each[0], x, 384, 1, 3), CONV(each[1], x, 384, 3, 1)};
    if (call == 0) return gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat", name), both, 2, NULL);
    return gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat#%d", name, call), both, 2, NULL);
}

static gcam_node block_e(gcam__zoo *zoo, const char *name, gcam_node x) {
    gcam_node branch[4] = {CONV("branch1x1", x, 320, 1, 1), CONV("branch3x3_1", x, 384, 1, 1)};
    branch[1] = split(zoo, name, "branch3x3_2", 0, branch[1]);
    branch[2] = CONV("branch3x3dbl_1", x, 448, 1, 1);
    branch[2] = CONV("branch3x3dbl_2", branch[2], 384, 3, 3);
    branch[2] = split(zoo, name, "branch3x3dbl_3", 1, branch[2]);
    branch[3] = average_branch(zoo, name, x, 192);
    x = gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat#2", name), branch, 4, NULL);
    gcam_alias(zoo->b, name, x);
    return x;
}

static gcam_node stem(gcam__zoo *zoo, gcam_node x) {
    if (zoo->variant[0]) x = gcam__zoo_transform_input(zoo, x);
    x = gcam__zoo_basic_conv(zoo, "Conv2d_1a_3x3", x,
                             (gcam_conv2d_params){.out = 32, .kernel = {3, 3}, .stride = {2, 2}});
    x = gcam__zoo_basic_conv(zoo, "Conv2d_2a_3x3", x, (gcam_conv2d_params){.out = 32, .kernel = {3, 3}});
    x = gcam__zoo_basic_conv(zoo, "Conv2d_2b_3x3", x, (gcam_conv2d_params){.out = 64, .kernel = {3, 3}, .pad = {1, 1}});
    x = halving_pool(zoo, "maxpool1", x);
    x = gcam__zoo_basic_conv(zoo, "Conv2d_3b_1x1", x, (gcam_conv2d_params){.out = 80, .kernel = {1, 1}});
    x = gcam__zoo_basic_conv(zoo, "Conv2d_4a_3x3", x, (gcam_conv2d_params){.out = 192, .kernel = {3, 3}});
    return halving_pool(zoo, "maxpool2", x);
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    x = stem(zoo, x);
    x = block_a(zoo, "Mixed_5b", x, 32);
    x = block_a(zoo, "Mixed_5c", x, 64);
    x = block_a(zoo, "Mixed_5d", x, 64);
    x = block_b(zoo, "Mixed_6a", x);
    x = block_c(zoo, "Mixed_6b", x, 128);
    x = block_c(zoo, "Mixed_6c", x, 160);
    x = block_c(zoo, "Mixed_6d", x, 160);
    x = block_c(zoo, "Mixed_6e", x, 192);
    x = block_d(zoo, "Mixed_7a", x);
    x = block_e(zoo, "Mixed_7b", x);
    x = block_e(zoo, "Mixed_7c", x);
    x = gcam_global_avg_pool(zoo->b, "avgpool", x);
    x = gcam_flatten(zoo->b, "flatten", gcam_dropout(zoo->b, "dropout", x));
    return gcam__zoo_classes(zoo, "fc", x);
}

const gcam__family gcam__inception = {
    .build = build, .stem = "Conv2d_1a_3x3.conv.weight", .head = "fc.weight", .ignored = "AuxLogits"};
