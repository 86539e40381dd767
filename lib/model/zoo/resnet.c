/* Residual networks (He et al. 2016) as torchvision defines them, with their wide (Zagoruyko & Komodakis 2016) and grouped (Xie et
 * al. 2017) forms: variant = {bottleneck?, blocks in layer1 .. layer4, groups, base width}. A bottleneck strides in its 3x3
 * convolution. The CIFAR form has three stages of 16, 32, 64 channels on a 3x3 stem without pooling: variant = {blocks a stage}. */
#include "model/labels.h"
#include "model/zoo/blocks.h"

#include <stdio.h>

/* One residual block: `inner` channels inside, `outer` at its end. */
typedef struct block {
    const char *prefix;
    int is_bottleneck;
    int64_t inner, outer, stride, groups;
} block;

/* PREFIX.convN and PREFIX.bnN. */
static gcam_node conv_bn(gcam__zoo *zoo, const block *k, int number, gcam_node x, gcam__conv_norm how) {
    char bn[GCAM__PREFIX + 16];
    snprintf(bn, sizeof bn, "%s.bn%d", k->prefix, number);
    return gcam__zoo_conv_bn(zoo, gcam__zoo_name(zoo, "%s.conv%d", k->prefix, number), bn, x, &how);
}

/* One module is called after each convolution but the last, and once more after the sum. */
static gcam_node relu(gcam__zoo *zoo, const block *k, int call, gcam_node x) {
    if (call == 0) return gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s.relu", k->prefix), x);
    return gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s.relu#%d", k->prefix, call), x);
}

static gcam_node shortcut(gcam__zoo *zoo, const block *k, gcam_node x) {
    if (k->stride == 1 && gcam__zoo_channels(zoo, x) == k->outer) return x;
    gcam__conv_norm how = {.out = k->outer, .kernel = 1, .stride = k->stride};
    return gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "%s.downsample", k->prefix), x, &how);
}

static gcam_node residual(gcam__zoo *zoo, const block *k, gcam_node x) {
    gcam_node y = x;
    if (k->is_bottleneck) {
        y = conv_bn(zoo, k, 1, y, (gcam__conv_norm){.out = k->inner, .kernel = 1});
        y = relu(zoo, k, 0, y);
        y = conv_bn(zoo, k, 2, y,
                    (gcam__conv_norm){.out = k->inner, .kernel = 3, .stride = k->stride, .groups = k->groups});
        y = relu(zoo, k, 1, y);
        y = conv_bn(zoo, k, 3, y, (gcam__conv_norm){.out = k->outer, .kernel = 1});
    } else {
        y = conv_bn(zoo, k, 1, y, (gcam__conv_norm){.out = k->inner, .kernel = 3, .stride = k->stride});
        y = relu(zoo, k, 0, y);
        y = conv_bn(zoo, k, 2, y, (gcam__conv_norm){.out = k->outer, .kernel = 3});
    }
    y = gcam_add(zoo->b, gcam__zoo_name(zoo, "%s.add", k->prefix), y, shortcut(zoo, k, x));
    y = relu(zoo, k, k->is_bottleneck ? 2 : 1, y);
    gcam_alias(zoo->b, k->prefix, y);
    return y;
}

/* layerN: `count` blocks, the first with `stride`. */
static gcam_node stage(gcam__zoo *zoo, int number, int count, block k, gcam_node x) {
    char prefix[GCAM__PREFIX];
    k.prefix = prefix;
    for (int i = 0; i < count; i++) {
        snprintf(prefix, sizeof prefix, "layer%d.%d", number, i);
        x = residual(zoo, &k, x);
        k.stride = 1;
    }
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "layer%d", number), x);
    return x;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    const int *v = zoo->variant;
    x = gcam__zoo_conv_bn(zoo, "conv1", "bn1", x, &(gcam__conv_norm){.out = 64, .kernel = 7, .stride = 2});
    x = gcam_relu(zoo->b, "relu", x);
    gcam_pool_params pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    x = gcam_max_pool(zoo->b, "maxpool", x, &pool);
    for (int i = 0; i < 4; i++) {
        int64_t planes = (int64_t)64 << i;
        block k = {.is_bottleneck = v[0], .inner = planes, .outer = planes, .stride = i == 0 ? 1 : 2, .groups = v[5]};
        if (v[0]) {
            k.inner = planes * v[6] / 64 * v[5];
            k.outer = 4 * planes;
        }
        x = stage(zoo, i + 1, v[i + 1], k, x);
    }
    return gcam__zoo_classes(zoo, "fc", gcam__zoo_pool_flatten(zoo, x));
}

static gcam_node build_cifar(gcam__zoo *zoo, gcam_node x) {
    x = gcam__zoo_conv_bn(zoo, "conv1", "bn1", x, &(gcam__conv_norm){.out = 16, .kernel = 3});
    x = gcam_relu(zoo->b, "relu", x);
    for (int i = 0; i < 3; i++) {
        int64_t planes = (int64_t)16 << i;
        x = stage(zoo, i + 1, zoo->variant[0], (block){.inner = planes, .outer = planes, .stride = i == 0 ? 1 : 2}, x);
    }
    return gcam__zoo_classes(zoo, "fc", gcam__zoo_pool_flatten(zoo, x));
}

const gcam__family gcam__resnet = {.build = build, .stem = "conv1.weight", .head = "fc.weight"};
const gcam__family gcam__resnet_cifar = {.build = build_cifar,
                                         .stem = "conv1.weight",
                                         .head = "fc.weight",
                                         .labels = gcam__cifar10_labels,
                                         .label_count = GCAM__CIFAR10_CLASSES};
