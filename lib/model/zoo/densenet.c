/* DenseNet (Huang et al. 2017) as torchvision defines it: variant = {growth, channels of the stem, layers in denseblock1 .. 4}. Each
 * layer adds `growth` channels to what all layers before it have made. Checkpoints of early versions write norm.1 for norm1 and
 * conv.2 for conv2. */
#include "model/zoo/blocks.h"

#include <stdio.h>
#include <string.h>

enum { BOTTLENECK = 4 };

/* PREFIX.KINDn; old files have the weights under PREFIX.KIND.n. */
static void take_old_name(gcam__zoo *zoo, const char *prefix, const char *kind, int n, gcam_node node) {
    char old[GCAM__PREFIX];
    snprintf(old, sizeof old, "%s.%s.%d.weight", prefix, kind, n);
    if (zoo->weights == NULL || gcam_tensor_table_find(zoo->weights, old) == NULL) return;
    gcam_weights_from(zoo->b, node, gcam__zoo_name(zoo, "%s.%s.%d", prefix, kind, n));
}

/* PREFIX.normN, .reluN, .convN. */
static gcam_node norm_relu_conv(gcam__zoo *zoo, const char *prefix, int n, gcam_node x, int64_t out, int64_t kernel) {
    x = gcam_batchnorm(zoo->b, gcam__zoo_name(zoo, "%s.norm%d", prefix, n), x, NULL);
    take_old_name(zoo, prefix, "norm", n, x);
    x = gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s.relu%d", prefix, n), x);
    gcam_conv2d_params params = {.out = out, .kernel = {kernel, kernel}, .pad = {kernel / 2, kernel / 2}, .no_bias = 1};
    x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "%s.conv%d", prefix, n), x, &params);
    take_old_name(zoo, prefix, "conv", n, x);
    return x;
}

static gcam_node dense_block(gcam__zoo *zoo, int block, gcam_node x) {
    char prefix[GCAM__PREFIX];
    int64_t growth = zoo->variant[0];
    int layers = zoo->variant[1 + block];
    for (int i = 1; i <= layers; i++) {
        snprintf(prefix, sizeof prefix, "features.denseblock%d.denselayer%d", block, i);
        gcam_node both[2] = {x, norm_relu_conv(zoo, prefix, 1, x, BOTTLENECK * growth, 1)};
        both[1] = norm_relu_conv(zoo, prefix, 2, both[1], growth, 3);
        gcam_alias(zoo->b, prefix, both[1]);
        /* what layer i + 1 reads; what leaves the block belongs to the block */
        if (i < layers)
            snprintf(prefix, sizeof prefix, "features.denseblock%d.denselayer%d", block, i + 1);
        else
            snprintf(prefix, sizeof prefix, "features.denseblock%d", block);
        x = gcam_concat(zoo->b, gcam__zoo_name(zoo, "%s.cat", prefix), both, 2, NULL);
    }
    gcam_alias(zoo->b, prefix, x);
    return x;
}

static gcam_node transition(gcam__zoo *zoo, int block, gcam_node x) {
    char prefix[GCAM__PREFIX];
    snprintf(prefix, sizeof prefix, "features.transition%d", block);
    gcam_conv2d_params conv = {.out = gcam__zoo_channels(zoo, x) / 2, .kernel = {1, 1}, .no_bias = 1};
    x = gcam_batchnorm(zoo->b, gcam__zoo_name(zoo, "%s.norm", prefix), x, NULL);
    x = gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s.relu", prefix), x);
    x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "%s.conv", prefix), x, &conv);
    x = gcam_avg_pool(zoo->b, gcam__zoo_name(zoo, "%s.pool", prefix), x, &(gcam_pool_params){.kernel = {2, 2}});
    gcam_alias(zoo->b, prefix, x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    gcam_pool_params pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    gcam__conv_norm how = {.out = zoo->variant[1], .kernel = 7, .stride = 2};
    x = gcam__zoo_conv_bn(zoo, "features.conv0", "features.norm0", x, &how);
    x = gcam_relu(zoo->b, "features.relu0", x);
    x = gcam_max_pool(zoo->b, "features.pool0", x, &pool);
    for (int block = 1; block <= 4; block++) {
        x = dense_block(zoo, block, x);
        if (block < 4) x = transition(zoo, block, x);
    }
    x = gcam_batchnorm(zoo->b, "features.norm5", x, NULL);
    gcam_alias(zoo->b, "features", x);
    x = gcam_relu(zoo->b, "relu", x);
    return gcam__zoo_classes(zoo, "classifier", gcam__zoo_pool_flatten(zoo, x));
}

const gcam__family gcam__densenet = {.build = build, .stem = "features.conv0.weight", .head = "classifier.weight"};
