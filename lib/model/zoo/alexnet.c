/* AlexNet in the one-tower form of "One weird trick for parallelizing convolutional neural networks" (Krizhevsky 2014), as
 * torchvision defines it: no local response normalisation, adaptive pooling to 6 x 6 before the fully connected part. */
#include "model/zoo/blocks.h"

static gcam_node conv(gcam__zoo *zoo, int index, gcam_node x, gcam_conv2d_params params) {
    x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "features.%d", index), x, &params);
    return gcam_relu(zoo->b, gcam__zoo_name(zoo, "features.%d", index + 1), x);
}

static gcam_node pool(gcam__zoo *zoo, const char *name, gcam_node x) {
    return gcam_max_pool(zoo->b, name, x, &(gcam_pool_params){.kernel = {3, 3}, .stride = {2, 2}});
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    gcam_builder *b = zoo->b;
    x = conv(zoo, 0, x, (gcam_conv2d_params){.out = 64, .kernel = {11, 11}, .stride = {4, 4}, .pad = {2, 2}});
    x = pool(zoo, "features.2", x);
    x = conv(zoo, 3, x, (gcam_conv2d_params){.out = 192, .kernel = {5, 5}, .pad = {2, 2}});
    x = pool(zoo, "features.5", x);
    x = conv(zoo, 6, x, (gcam_conv2d_params){.out = 384, .kernel = {3, 3}, .pad = {1, 1}});
    x = conv(zoo, 8, x, (gcam_conv2d_params){.out = 256, .kernel = {3, 3}, .pad = {1, 1}});
    x = conv(zoo, 10, x, (gcam_conv2d_params){.out = 256, .kernel = {3, 3}, .pad = {1, 1}});
    x = pool(zoo, "features.12", x);
    gcam_alias(b, "features", x);
    x = gcam_adaptive_avg_pool(b, "avgpool", x, &(gcam_adaptive_pool_params){.out = {6, 6}});
    x = gcam_flatten(b, "flatten", x);
    x = gcam_dropout(b, "classifier.0", x);
    x = gcam_linear(b, "classifier.1", x, &(gcam_linear_params){.out = 4096});
    x = gcam_relu(b, "classifier.2", x);
    x = gcam_dropout(b, "classifier.3", x);
    x = gcam_linear(b, "classifier.4", x, &(gcam_linear_params){.out = 4096});
    x = gcam_relu(b, "classifier.5", x);
    return gcam__zoo_classes(zoo, "classifier.6", x);
}

const gcam__family gcam__alexnet = {.build = build, .stem = "features.0.weight", .head = "classifier.6.weight"};
