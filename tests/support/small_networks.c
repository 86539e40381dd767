/* Builders of the golden cases' networks. Layers of a chain are named by their position, as in PyTorch's nn.Sequential. */
#include "support/small_networks.h"

#include <stdio.h>

/* A chain under construction: the last layer and how many there are. */
typedef struct {
    gcam_builder *b;
    gcam_node x;
    int count;
    char name[64];
} chain;

static chain start(gcam_builder *b, int64_t height, int64_t width) {
    return (chain){.b = b, .x = gcam_input(b, "image", 3, height, width)};
}

static const char *next(chain *c) {
    snprintf(c->name, sizeof c->name, "%d", c->count++);
    return c->name;
}

static void conv_with(chain *c, gcam_conv2d_params params) {
    c->x = gcam_conv2d(c->b, next(c), c->x, &params);
}

static void conv(chain *c, int64_t out, int64_t kernel, int64_t stride, int64_t pad) {
    conv_with(
        c, (gcam_conv2d_params){.out = out, .kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad}});
}

static void relu(chain *c) {
    c->x = gcam_relu(c->b, next(c), c->x);
}

static void conv_relu(chain *c, int64_t out, int64_t kernel, int64_t stride, int64_t pad) {
    conv(c, out, kernel, stride, pad);
    relu(c);
}

static void max_pool(chain *c, int64_t kernel, int64_t ceil_mode) {
    gcam_pool_params params = {.kernel = {kernel, kernel}, .stride = {2, 2}, .ceil_mode = ceil_mode};
    c->x = gcam_max_pool(c->b, next(c), c->x, &params);
}

static void adaptive_pool(chain *c, int64_t height, int64_t width) {
    c->x = gcam_adaptive_avg_pool(c->b, next(c), c->x, &(gcam_adaptive_pool_params){.out = {height, width}});
}

static void norm(chain *c, double eps) {
    c->x = gcam_batchnorm(c->b, next(c), c->x, &(gcam_batchnorm_params){.eps = eps});
}

static void flatten(chain *c) {
    c->x = gcam_flatten(c->b, next(c), c->x);
}

static void linear(chain *c, int64_t out) {
    c->x = gcam_linear(c->b, next(c), c->x, &(gcam_linear_params){.out = out});
}

void small_alexnet(gcam_builder *b, int64_t height, int64_t width) {
    chain c = start(b, height, width);
    conv_relu(&c, 12, 11, 4, 2);
    max_pool(&c, 3, 0);
    conv_relu(&c, 20, 5, 1, 2);
    max_pool(&c, 3, 0);
    conv_relu(&c, 24, 3, 1, 1);
    adaptive_pool(&c, 3, 2);
    flatten(&c);
    c.x = gcam_dropout(b, next(&c), c.x);
    linear(&c, 32);
    relu(&c);
    linear(&c, 10);
}

static void vgg(gcam_builder *b, int64_t height, int64_t width, int with_norm) {
    chain c = start(b, height, width);
    const int64_t layers[] = {8, 8, 0, 16, 16, 0, 24, 0}; /* 0: a pool */
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (layers[i] == 0) {
            max_pool(&c, 2, 0);
            continue;
        }
        conv(&c, layers[i], 3, 1, 1);
        if (with_norm) norm(&c, 0);
        relu(&c);
    }
    adaptive_pool(&c, 4, 4);
    flatten(&c);
    linear(&c, 40);
    relu(&c);
    linear(&c, 10);
}

void small_vgg(gcam_builder *b, int64_t height, int64_t width) {
    vgg(b, height, width, 0);
}

void small_vgg_bn(gcam_builder *b, int64_t height, int64_t width) {
    vgg(b, height, width, 1);
}

static const char *inside(chain *c, int block, const char *part) {
    snprintf(c->name, sizeof c->name, "%d.%s", block, part);
    return c->name;
}

static gcam_node fire_conv(chain *c, int block, const char *part, gcam_node x, int64_t out, int64_t kernel) {
    gcam_conv2d_params params = {.out = out, .kernel = {kernel, kernel}, .pad = {kernel / 2, kernel / 2}};
    return gcam_conv2d(c->b, inside(c, block, part), x, &params);
}

/* SqueezeNet's module (Iandola et al. 2016), with one ReLU module for its three calls. */
static void fire(chain *c, int64_t squeeze, int64_t expand) {
    int block = c->count++;
    gcam_node x = fire_conv(c, block, "squeeze", c->x, squeeze, 1);
    x = gcam_relu(c->b, inside(c, block, "relu"), x);
    gcam_node small = fire_conv(c, block, "expand1x1", x, expand, 1);
    gcam_node large = fire_conv(c, block, "expand3x3", x, expand, 3);
    gcam_node both[2] = {gcam_relu(c->b, inside(c, block, "relu#1"), small)};
    both[1] = gcam_relu(c->b, inside(c, block, "relu#2"), large);
    c->x = gcam_concat(c->b, inside(c, block, "cat"), both, 2, NULL);
    snprintf(c->name, sizeof c->name, "%d", block);
    gcam_alias(c->b, c->name, c->x);
}

void small_squeezenet(gcam_builder *b, int64_t height, int64_t width) {
    chain c = start(b, height, width);
    conv_relu(&c, 12, 3, 2, 0);
    max_pool(&c, 3, 1);
    fire(&c, 6, 10);
    max_pool(&c, 3, 1);
    fire(&c, 8, 12);
    conv_relu(&c, 10, 1, 1, 0);
    adaptive_pool(&c, 1, 1);
    flatten(&c);
}

static void darknet_block(chain *c, int64_t out, int64_t kernel) {
    conv_with(
        c, (gcam_conv2d_params){.out = out, .kernel = {kernel, kernel}, .pad = {kernel / 2, kernel / 2}, .no_bias = 1});
    norm(c, 1e-3);
    c->x = gcam_leaky_relu(c->b, next(c), c->x, &(gcam_leaky_relu_params){.slope = 0.1});
}

void small_darknet(gcam_builder *b, int64_t height, int64_t width) {
    chain c = start(b, height, width);
    darknet_block(&c, 8, 3);
    max_pool(&c, 2, 0);
    darknet_block(&c, 16, 3);
    max_pool(&c, 2, 0);
    darknet_block(&c, 8, 1);
    darknet_block(&c, 24, 3);
    conv(&c, 10, 1, 1, 0);
    c.x = gcam_global_avg_pool(b, next(&c), c.x);
    flatten(&c);
}

static gcam_node residual_conv(chain *c, int block, const char *part, gcam_node x, int64_t dilation, int64_t groups) {
    gcam_conv2d_params params = {.out = 16,
                                 .kernel = {3, 3},
                                 .pad = {dilation, dilation},
                                 .dilation = {dilation, dilation},
                                 .groups = groups,
                                 .no_bias = 1};
    return gcam_conv2d(c->b, inside(c, block, part), x, &params);
}

/* relu(x + bn2(conv2(relu(bn1(conv1(x)))))), conv1 dilated, conv2 grouped. */
static void residual(chain *c) {
    int block = c->count++;
    gcam_node x = residual_conv(c, block, "conv1", c->x, 2, 1);
    x = gcam_batchnorm(c->b, inside(c, block, "bn1"), x, NULL);
    x = gcam_relu(c->b, inside(c, block, "relu"), x);
    x = residual_conv(c, block, "conv2", x, 1, 4);
    x = gcam_batchnorm(c->b, inside(c, block, "bn2"), x, NULL);
    x = gcam_add(c->b, inside(c, block, "add"), c->x, x);
    c->x = gcam_relu(c->b, inside(c, block, "relu#1"), x);
    snprintf(c->name, sizeof c->name, "%d", block);
    gcam_alias(c->b, c->name, c->x);
}

static void avg_pool(chain *c, gcam_pool_params params) {
    c->x = gcam_avg_pool(c->b, next(c), c->x, &params);
}

void small_resnet(gcam_builder *b, int64_t height, int64_t width) {
    chain c = start(b, height, width);
    conv_with(&c, (gcam_conv2d_params){.out = 16, .kernel = {5, 3}, .stride = {2, 1}, .pad = {1, 2}});
    relu(&c);
    avg_pool(&c, (gcam_pool_params){.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .exclude_pad = 1});
    residual(&c);
    avg_pool(&c, (gcam_pool_params){.kernel = {2, 2}});
    residual(&c);
    adaptive_pool(&c, 1, 1);
    flatten(&c);
    linear(&c, 10);
}
