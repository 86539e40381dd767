/* Tiny Darknet (Redmon, 2016): 1x1 and 3x3 convolutions with batch normalisation and leaky ReLU, ended by a 1x1 convolution to the
 * classes and a global average, so that its class activation maps are exact (Zhou et al. 2016). */
#include "model/zoo/zoo.h"

enum { CONVOLUTIONS = 15 };

static gcam_node block(gcam__zoo *zoo, int number, gcam_node x, int64_t width, int64_t kernel) {
    gcam_conv2d_params conv = {.out = width, .kernel = {kernel, kernel}, .pad = {kernel / 2, kernel / 2}, .no_bias = 1};
    x = gcam_conv2d(zoo->b, gcam__zoo_name(zoo, "conv%d", number), x, &conv);
    x = gcam_batchnorm(zoo->b, gcam__zoo_name(zoo, "bn%d", number), x, &(gcam_batchnorm_params){.eps = 1e-3});
    return gcam_leaky_relu(zoo->b, gcam__zoo_name(zoo, "act%d", number), x, &(gcam_leaky_relu_params){.slope = 0.1});
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    static const int widths[CONVOLUTIONS] = {16, 32, 16, 128, 16, 128, 32, 256, 32, 256, 64, 512, 64, 512, 128};
    for (int number = 1; number <= CONVOLUTIONS; number++) {
        int halve = number == 1 || number == 2 || number == 6 || number == 10;
        int kernel = number == 1 || number % 2 == 0 ? 3 : 1;
        x = block(zoo, number, x, widths[number - 1], kernel);
        if (halve)
            x = gcam_max_pool(zoo->b, gcam__zoo_name(zoo, "pool%d", number), x, &(gcam_pool_params){.kernel = {2, 2}});
    }
    x = gcam_conv2d(zoo->b, "conv16", x, &(gcam_conv2d_params){.out = zoo->classes, .kernel = {1, 1}});
    x = gcam_global_avg_pool(zoo->b, "avgpool", x);
    return gcam_flatten(zoo->b, "flatten", x);
}

const gcam__family gcam__tiny_darknet = {.build = build, .stem = "conv1.weight", .head = "conv16.weight"};
