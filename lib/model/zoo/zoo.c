/* The table of architectures, and the search for the one that a state dict belongs to. */
#include "model/zoo/zoo.h"

#include "core/status.h"
#include "graph/network.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const gcam__arch table[] = {
    {{"alexnet", "AlexNet (Krizhevsky 2014)", "features.11", "torchvision"}, &gcam__alexnet},
    {{"vgg11", "VGG-11 (Simonyan & Zisserman 2015)", "features.19", "torchvision"}, &gcam__vgg, {11}},
    {{"vgg13", "VGG-13 (Simonyan & Zisserman 2015)", "features.23", "torchvision"}, &gcam__vgg, {13}},
    {{"vgg16", "VGG-16 (Simonyan & Zisserman 2015)", "features.29", "torchvision"}, &gcam__vgg, {16}},
    {{"vgg19", "VGG-19 (Simonyan & Zisserman 2015)", "features.35", "torchvision"}, &gcam__vgg, {19}},
    {{"vgg11_bn", "VGG-11 with batch normalisation", "features.27", "torchvision"}, &gcam__vgg, {11, 1}},
    {{"vgg13_bn", "VGG-13 with batch normalisation", "features.33", "torchvision"}, &gcam__vgg, {13, 1}},
    {{"vgg16_bn", "VGG-16 with batch normalisation", "features.42", "torchvision"}, &gcam__vgg, {16, 1}},
    {{"vgg19_bn", "VGG-19 with batch normalisation", "features.51", "torchvision"}, &gcam__vgg, {19, 1}},
    {{"squeezenet1_0", "SqueezeNet 1.0 (Iandola et al. 2016)", "features.12", "torchvision"}, &gcam__squeezenet, {0}},
    {{"squeezenet1_1", "SqueezeNet 1.1 (Iandola et al. 2016)", "features.12", "torchvision"}, &gcam__squeezenet, {1}},
    {{"tiny_darknet", "Tiny Darknet (Redmon 2016)", "act15", "unit"}, &gcam__tiny_darknet},
    {{"googlenet", "GoogLeNet (Szegedy et al. 2015)", "inception5b", "torchvision"}, &gcam__googlenet, {1}},
    {{"googlenet_plain", "GoogLeNet without transform_input", "inception5b", "torchvision"}, &gcam__googlenet, {0}},
    {{"inception_v3", "Inception v3 (Szegedy et al. 2016)", "Mixed_7c", "torchvision-342-299"}, &gcam__inception, {1}},
    {{"inception_v3_plain", "Inception v3 without transform_input", "Mixed_7c", "torchvision-342-299"}, &gcam__inception, {0}},
    {{"resnet18", "ResNet-18 (He et al. 2016)", "layer4", "torchvision"}, &gcam__resnet, {0, 2, 2, 2, 2, 1, 64}},
    {{"resnet34", "ResNet-34 (He et al. 2016)", "layer4", "torchvision"}, &gcam__resnet, {0, 3, 4, 6, 3, 1, 64}},
    {{"resnet50", "ResNet-50 (He et al. 2016)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 4, 6, 3, 1, 64}},
    {{"resnet101", "ResNet-101 (He et al. 2016)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 4, 23, 3, 1, 64}},
    {{"resnet152", "ResNet-152 (He et al. 2016)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 8, 36, 3, 1, 64}},
    {{"wide_resnet50_2", "Wide ResNet-50-2 (Zagoruyko & Komodakis 2016)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 4, 6, 3, 1, 128}},
    {{"wide_resnet101_2", "Wide ResNet-101-2 (Zagoruyko & Komodakis 2016)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 4, 23, 3, 1, 128}},
    {{"resnext50_32x4d", "ResNeXt-50 32x4d (Xie et al. 2017)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 4, 6, 3, 32, 4}},
    {{"resnext101_32x8d", "ResNeXt-101 32x8d (Xie et al. 2017)", "layer4", "torchvision"}, &gcam__resnet, {1, 3, 4, 23, 3, 32, 8}},
    {{"resnext101_64x4d", "ResNeXt-101 64x4d (Xie et al. 2017)", "layer4", "torchvision-232"}, &gcam__resnet, {1, 3, 4, 23, 3, 64, 4}},
    {{"resnet20_cifar", "ResNet-20 for CIFAR (He et al. 2016)", "layer3", "torchvision-32-32"}, &gcam__resnet_cifar, {3}},
    {{"resnet32_cifar", "ResNet-32 for CIFAR (He et al. 2016)", "layer3", "torchvision-32-32"}, &gcam__resnet_cifar, {5}},
    {{"resnet44_cifar", "ResNet-44 for CIFAR (He et al. 2016)", "layer3", "torchvision-32-32"}, &gcam__resnet_cifar, {7}},
    {{"resnet56_cifar", "ResNet-56 for CIFAR (He et al. 2016)", "layer3", "torchvision-32-32"}, &gcam__resnet_cifar, {9}},
    {{"resnet110_cifar", "ResNet-110 for CIFAR (He et al. 2016)", "layer3", "torchvision-32-32"}, &gcam__resnet_cifar, {18}},
    {{"densenet121", "DenseNet-121 (Huang et al. 2017)", "relu", "torchvision"}, &gcam__densenet, {32, 64, 6, 12, 24, 16}},
    {{"densenet161", "DenseNet-161 (Huang et al. 2017)", "relu", "torchvision"}, &gcam__densenet, {48, 96, 6, 12, 36, 24}},
    {{"densenet169", "DenseNet-169 (Huang et al. 2017)", "relu", "torchvision"}, &gcam__densenet, {32, 64, 6, 12, 32, 32}},
    {{"densenet201", "DenseNet-201 (Huang et al. 2017)", "relu", "torchvision"}, &gcam__densenet, {32, 64, 6, 12, 48, 32}},
    {{"mobilenet_v2", "MobileNetV2 (Sandler et al. 2018)", "features.18", "torchvision"}, &gcam__mobilenet_v2},
    {{"mobilenet_v3_small", "MobileNetV3 small (Howard et al. 2019)", "features.12", "torchvision"}, &gcam__mobilenet_v3, {0}},
    {{"mobilenet_v3_large", "MobileNetV3 large (Howard et al. 2019)", "features.16", "torchvision"}, &gcam__mobilenet_v3, {1}},
    {{"shufflenet_v2_x0_5", "ShuffleNetV2 x0.5 (Ma et al. 2018)", "conv5", "torchvision"}, &gcam__shufflenet, {24, 48, 96, 192, 1024}},
    {{"shufflenet_v2_x1_0", "ShuffleNetV2 x1.0 (Ma et al. 2018)", "conv5", "torchvision"}, &gcam__shufflenet, {24, 116, 232, 464, 1024}},
    {{"shufflenet_v2_x1_5", "ShuffleNetV2 x1.5 (Ma et al. 2018)", "conv5", "torchvision-232"}, &gcam__shufflenet, {24, 176, 352, 704, 1024}},
    {{"shufflenet_v2_x2_0", "ShuffleNetV2 x2.0 (Ma et al. 2018)", "conv5", "torchvision-232"}, &gcam__shufflenet, {24, 244, 488, 976, 2048}},
    {{"mnasnet0_5", "MNASNet 0.5 (Tan et al. 2019)", "layers.16", "torchvision"}, &gcam__mnasnet, {50}},
    {{"mnasnet0_75", "MNASNet 0.75 (Tan et al. 2019)", "layers.16", "torchvision-232"}, &gcam__mnasnet, {75}},
    {{"mnasnet1_0", "MNASNet 1.0 (Tan et al. 2019)", "layers.16", "torchvision"}, &gcam__mnasnet, {100}},
    {{"mnasnet1_3", "MNASNet 1.3 (Tan et al. 2019)", "layers.16", "torchvision-232"}, &gcam__mnasnet, {130}},
    {{"efficientnet_b0", "EfficientNet-B0 (Tan & Le 2019)", "features.8", "torchvision-256-224-bicubic"}, &gcam__efficientnet, {100, 100, 10}},
    {{"efficientnet_b1", "EfficientNet-B1 (Tan & Le 2019)", "features.8", "torchvision-256-240-bicubic"}, &gcam__efficientnet, {100, 110, 10}},
    {{"efficientnet_b2", "EfficientNet-B2 (Tan & Le 2019)", "features.8", "torchvision-288-288-bicubic"}, &gcam__efficientnet, {110, 120, 10}},
    {{"efficientnet_b3", "EfficientNet-B3 (Tan & Le 2019)", "features.8", "torchvision-320-300-bicubic"}, &gcam__efficientnet, {120, 140, 10}},
    {{"efficientnet_b4", "EfficientNet-B4 (Tan & Le 2019)", "features.8", "torchvision-384-380-bicubic"}, &gcam__efficientnet, {140, 180, 10}},
    {{"efficientnet_b5", "EfficientNet-B5 (Tan & Le 2019)", "features.8", "torchvision-456-456-bicubic"}, &gcam__efficientnet, {160, 220, 1000}},
    {{"efficientnet_b6", "EfficientNet-B6 (Tan & Le 2019)", "features.8", "torchvision-528-528-bicubic"}, &gcam__efficientnet, {180, 260, 1000}},
    {{"efficientnet_b7", "EfficientNet-B7 (Tan & Le 2019)", "features.8", "torchvision-600-600-bicubic"}, &gcam__efficientnet, {200, 310, 1000}},
    {{"efficientnet_v2_s", "EfficientNetV2-S (Tan & Le 2021)", "features.7", "torchvision-384-384"}, &gcam__efficientnet, {0, 0, 1000, 0}},
    {{"efficientnet_v2_m", "EfficientNetV2-M (Tan & Le 2021)", "features.8", "torchvision-480-480"}, &gcam__efficientnet, {0, 0, 1000, 1}},
    {{"efficientnet_v2_l", "EfficientNetV2-L (Tan & Le 2021)", "features.8", "torchvision-480-480-bicubic-half"}, &gcam__efficientnet, {0, 0, 1000, 2}},
    {{"regnet_x_400mf", "RegNetX-400MF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {22, 24, 2448, 254, 16, 0}},
    {{"regnet_x_800mf", "RegNetX-800MF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {16, 56, 3573, 228, 16, 0}},
    {{"regnet_x_1_6gf", "RegNetX-1.6GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {18, 80, 3401, 225, 24, 0}},
    {{"regnet_x_3_2gf", "RegNetX-3.2GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {25, 88, 2631, 225, 48, 0}},
    {{"regnet_x_8gf", "RegNetX-8GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {23, 80, 4956, 288, 120, 0}},
    {{"regnet_x_16gf", "RegNetX-16GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {22, 216, 5559, 210, 128, 0}},
    {{"regnet_x_32gf", "RegNetX-32GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {23, 320, 6986, 200, 168, 0}},
    {{"regnet_y_400mf", "RegNetY-400MF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {16, 48, 2789, 209, 8, 1}},
    {{"regnet_y_800mf", "RegNetY-800MF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {14, 56, 3884, 240, 16, 1}},
    {{"regnet_y_1_6gf", "RegNetY-1.6GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {27, 48, 2071, 265, 24, 1}},
    {{"regnet_y_3_2gf", "RegNetY-3.2GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {21, 80, 4263, 266, 24, 1}},
    {{"regnet_y_8gf", "RegNetY-8GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {17, 192, 7682, 219, 56, 1}},
    {{"regnet_y_16gf", "RegNetY-16GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {18, 200, 10623, 248, 112, 1}},
    {{"regnet_y_32gf", "RegNetY-32GF (Radosavovic et al. 2020)", "trunk_output", "torchvision"}, &gcam__regnet, {20, 232, 11589, 253, 232, 1}},
    {{"regnet_y_128gf", "RegNetY-128GF (Radosavovic et al. 2020)", "trunk_output", "torchvision-384-384-bicubic"}, &gcam__regnet, {27, 456, 16083, 252, 264, 1}},
    {{"convnext_tiny", "ConvNeXt-T (Liu et al. 2022)", "features.7", "torchvision-236"}, &gcam__convnext, {96, 9}},
    {{"convnext_small", "ConvNeXt-S (Liu et al. 2022)", "features.7", "torchvision-230"}, &gcam__convnext, {96, 27}},
    {{"convnext_base", "ConvNeXt-B (Liu et al. 2022)", "features.7", "torchvision-232"}, &gcam__convnext, {128, 27}},
    {{"convnext_large", "ConvNeXt-L (Liu et al. 2022)", "features.7", "torchvision-232"}, &gcam__convnext, {192, 27}},
};
/* clang-format on */

enum { ARCHS = sizeof table / sizeof table[0] };

size_t gcam_arch_count(void) {
    return ARCHS;
}

const gcam__arch *gcam__arch_at(size_t index) {
    return index < ARCHS ? &table[index] : NULL;
}

const gcam_arch_info *gcam_arch_at(size_t index) {
    return index < ARCHS ? &table[index].info : NULL;
}

const gcam__arch *gcam__arch_find(const char *id) {
    for (size_t i = 0; i < ARCHS; i++)
        if (strcmp(table[i].info.id, id) == 0) return &table[i];
    return NULL;
}

const char *gcam__zoo_name(gcam__zoo *zoo, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(zoo->name, sizeof zoo->name, format, arguments);
    va_end(arguments);
    return zoo->name;
}

/* Size `which` of a weight, or `otherwise` where there is no such weight. */
static int64_t size_of(const gcam_tensor_table *weights, const char *name, int which, int64_t otherwise) {
    const gcam_tensor_entry *entry = weights ? gcam_tensor_table_find(weights, name) : NULL;
    return entry != NULL && entry->shape.rank > which && entry->shape.dim[which] > 0 ? entry->shape.dim[which]
                                                                                     : otherwise;
}

gcam_status gcam__arch_build_sized(gcam_builder **out, const gcam__arch *arch, const gcam_tensor_table *weights,
                                   int64_t channels, int64_t classes) {
    gcam_preprocess how = {.struct_size = sizeof how};
    *out = NULL;
    GCAM_TRY(gcam_preprocess_preset(&how, arch->info.preprocess));
    GCAM_TRY(gcam_builder_create(out));
    gcam__zoo zoo = {.b = *out, .variant = arch->variant, .weights = weights, .channels = channels, .classes = classes};
    gcam_node logits = arch->family->build(&zoo, gcam_input(*out, "image", zoo.channels, how.height, how.width));
    gcam_output(*out, logits);
    gcam_target_layer(*out, gcam_network_find(gcam__builder_network(*out), arch->info.target));
    return GCAM_OK;
}

gcam_status gcam__arch_build(gcam_builder **out, const gcam__arch *arch, const gcam_tensor_table *weights) {
    return gcam__arch_build_sized(out, arch, weights, size_of(weights, arch->family->stem, 1, 3),
                                  size_of(weights, arch->family->head, 0, 1000));
}

/* ---- detection ---------------------------------------------------------------------------------------------------------- */

/* How well a table of weights fits an architecture. */
typedef struct match {
    const gcam__arch *arch;
    const gcam_tensor_table *weights;
    size_t wanted, found, left_over;
    char difference[384]; /* the first one; empty: none */
} match;

static gcam_status compare_weight(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which;
    match *m = user;
    char wanted[160], has[160];
    const gcam_tensor_entry *entry = gcam_tensor_table_find(m->weights, name);
    m->wanted++;
    if (entry != NULL && gcam_shape_equal(&entry->shape, shape)) {
        m->found++;
    } else if (m->difference[0] == '\0') {
        gcam__shape_text(shape, wanted);
        if (entry == NULL)
            snprintf(m->difference, sizeof m->difference, "%.128s is missing (%s)", name, wanted);
        else
            snprintf(m->difference, sizeof m->difference, "%.128s: expected %s, the file has %s", name, wanted,
                     gcam__shape_text(&entry->shape, has));
    }
    return GCAM_OK;
}

/* 1 for tensors that inference does not need: batch norm's counters, integers, and what the row ignores. */
static int is_ignored(const gcam__arch *arch, const gcam_tensor_entry *entry) {
    const char *ignored = arch->family->ignored;
    return (entry->dtype != GCAM_DTYPE_F32 && entry->dtype != GCAM_DTYPE_F16 && entry->dtype != GCAM_DTYPE_BF16
            && entry->dtype != GCAM_DTYPE_F64)
           || (ignored != NULL && strncmp(entry->name, ignored, strlen(ignored)) == 0);
}

static size_t count_relevant(const match *m) {
    size_t relevant = 0;
    for (size_t i = 0; i < gcam_tensor_table_count(m->weights); i++)
        relevant += !is_ignored(m->arch, gcam_tensor_table_at(m->weights, i));
    return relevant;
}

typedef struct search {
    const char *name;
    int found;
} search;

static gcam_status look_for(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which, (void)shape;
    search *s = user;
    s->found |= strcmp(s->name, name) == 0;
    return GCAM_OK;
}

/* Names the first tensor of the table that the network has no use for. */
static gcam_status describe_left_over(match *m, const gcam_network *network) {
    for (size_t i = 0; i < gcam_tensor_table_count(m->weights) && m->difference[0] == '\0'; i++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_at(m->weights, i);
        search s = {entry->name, is_ignored(m->arch, entry)};
        GCAM_TRY(gcam__network_each_weight(network, look_for, &s));
        if (!s.found)
            snprintf(m->difference, sizeof m->difference, "it has no %.128s, which the file has", entry->name);
    }
    return GCAM_OK;
}

static gcam_status compare(match *m, const gcam__arch *arch, const gcam_tensor_table *weights) {
    *m = (match){.arch = arch, .weights = weights};
    gcam_builder *builder;
    GCAM_TRY(gcam__arch_build(&builder, arch, weights));
    const gcam_network *network = gcam__builder_network(builder);
    gcam_status status = gcam__network_each_weight(network, compare_weight, m);
    size_t relevant = count_relevant(m);
    m->left_over = relevant > m->found ? relevant - m->found : 0;
    if (status == GCAM_OK && m->found == m->wanted && m->left_over > 0) status = describe_left_over(m, network);
    gcam_builder_free(builder);
    return status;
}

static int fits(const match *m) {
    return m->found == m->wanted && m->left_over == 0;
}

/* Dice's coefficient of the wanted and the present tensors: the nearest architecture has the largest. */
static double similarity(const match *m) {
    return 2.0 * (double)m->found / (double)(m->wanted + m->found + m->left_over);
}

static int has(const gcam_tensor_table *weights, const char *name) {
    return gcam_tensor_table_find(weights, name) != NULL;
}

static gcam_status report_nearest(const gcam_tensor_table *weights) {
    match best = {0}, m;
    for (size_t i = 0; i < ARCHS; i++) {
        if (!has(weights, table[i].family->stem) || !has(weights, table[i].family->head)) continue;
        GCAM_TRY(compare(&m, &table[i], weights));
        if (best.arch == NULL || similarity(&m) > similarity(&best)) best = m;
    }
    const gcam_tensor_entry *first = gcam_tensor_table_at(weights, 0);
    if (best.arch == NULL)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "zoo", "no known architecture resembles the file's %zu tensors%s%.128s",
                          gcam_tensor_table_count(weights), first != NULL ? ", the first of which is " : "",
                          first != NULL ? first->name : "");
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "zoo", "no known architecture fits; the nearest is %s: %s",
                      best.arch->info.id, best.difference);
}

gcam_status gcam__arch_detect(const gcam__arch **out, const gcam_tensor_table *weights) {
    match m;
    *out = NULL;
    for (size_t i = 0; i < ARCHS; i++) {
        const gcam__arch *arch = &table[i];
        if (!has(weights, arch->family->stem) || !has(weights, arch->family->head)) continue;
        GCAM_TRY(compare(&m, arch, weights));
        if (!fits(&m)) continue;
        *out = arch;
        return GCAM_OK;
    }
    return report_nearest(weights);
}
