/* MobileNetV2 (Sandler et al. 2018) and V3 (Howard et al. 2019) as torchvision defines them. V3's variant[0] is 1 for large, 0 for
 * small; its batch normalisation has eps 1e-3. */
#include "model/zoo/blocks.h"

#include <stdio.h>

/* ---- V2 -------------------------------------------------------------------------------------------------------------- */

/* features.I: expand (unless `expansion` is 1), depthwise 3x3, project; plus the input where nothing changes its shape. */
static gcam_node inverted_v2(gcam__zoo *zoo, int index, gcam_node x, int expansion, int64_t out, int64_t stride) {
    int64_t in = gcam__zoo_channels(zoo, x), inner = in * expansion;
    int part = 0;
    gcam_node y = x;
    gcam__conv_norm expand = {.out = inner, .kernel = 1, .activation = "relu6"};
    gcam__conv_norm depth = {.out = inner, .kernel = 3, .stride = stride, .groups = inner, .activation = "relu6"};
    if (expansion > 1)
        y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d.conv.%d", index, part++), y, &expand);
    y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d.conv.%d", index, part++), y, &depth);
    char bn[GCAM__PREFIX + 16];
    snprintf(bn, sizeof bn, "features.%d.conv.%d", index, part + 1);
    y = gcam__zoo_conv_bn(zoo, gcam__zoo_name(zoo, "features.%d.conv.%d", index, part), bn, y,
                          &(gcam__conv_norm){.out = out, .kernel = 1});
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d.conv", index), y);
    if (stride == 1 && in == out) y = gcam_add(zoo->b, gcam__zoo_name(zoo, "features.%d.add", index), x, y);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d", index), y);
    return y;
}

static gcam_node build_v2(gcam__zoo *zoo, gcam_node x) {
    static const int stages[7][4] = {
        {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
        {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}; /* expansion, channels, blocks, stride */
    int index = 1;
    x = gcam__zoo_conv_norm(zoo, "features.0", x,
                            &(gcam__conv_norm){.out = 32, .kernel = 3, .stride = 2, .activation = "relu6"});
    for (int s = 0; s < 7; s++)
        for (int i = 0; i < stages[s][2]; i++)
            x = inverted_v2(zoo, index++, x, stages[s][0], stages[s][1], i == 0 ? stages[s][3] : 1);
    x = gcam__zoo_conv_norm(zoo, "features.18", x, &(gcam__conv_norm){.out = 1280, .kernel = 1, .activation = "relu6"});
    gcam_alias(zoo->b, "features", x);
    x = gcam_dropout(zoo->b, "classifier.0", gcam__zoo_pool_flatten(zoo, x));
    return gcam__zoo_classes(zoo, "classifier.1", x);
}

/* ---- V3 -------------------------------------------------------------------------------------------------------------- */

typedef struct bottleneck {
    int kernel, inner, out, has_squeeze, has_swish, stride;
} bottleneck;

static const bottleneck large[] = {{3, 16, 16, 0, 0, 1},   {3, 64, 24, 0, 0, 2},   {3, 72, 24, 0, 0, 1},
                                   {5, 72, 40, 1, 0, 2},   {5, 120, 40, 1, 0, 1},  {5, 120, 40, 1, 0, 1},
                                   {3, 240, 80, 0, 1, 2},  {3, 200, 80, 0, 1, 1},  {3, 184, 80, 0, 1, 1},
                                   {3, 184, 80, 0, 1, 1},  {3, 480, 112, 1, 1, 1}, {3, 672, 112, 1, 1, 1},
                                   {5, 672, 160, 1, 1, 2}, {5, 960, 160, 1, 1, 1}, {5, 960, 160, 1, 1, 1}};
static const bottleneck small[] = {{3, 16, 16, 1, 0, 2},  {3, 72, 24, 0, 0, 2},  {3, 88, 24, 0, 0, 1},
                                   {5, 96, 40, 1, 1, 2},  {5, 240, 40, 1, 1, 1}, {5, 240, 40, 1, 1, 1},
                                   {5, 120, 48, 1, 1, 1}, {5, 144, 48, 1, 1, 1}, {5, 288, 96, 1, 1, 2},
                                   {5, 576, 96, 1, 1, 1}, {5, 576, 96, 1, 1, 1}};

static gcam_node inverted_v3(gcam__zoo *zoo, int index, gcam_node x, const bottleneck *k) {
    const char *activation = k->has_swish ? "hard_swish" : "relu";
    int64_t in = gcam__zoo_channels(zoo, x);
    gcam__conv_norm how = {.out = k->inner, .kernel = 1, .eps = 1e-3, .activation = activation};
    int part = 0;
    gcam_node y = x;
    if (k->inner != in)
        y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d.block.%d", index, part++), y, &how);
    how.kernel = k->kernel;
    how.stride = k->stride;
    how.groups = k->inner;
    y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d.block.%d", index, part++), y, &how);
    if (k->has_squeeze)
        y = gcam__zoo_squeeze_excitation(zoo, gcam__zoo_name(zoo, "features.%d.block.%d", index, part++), y,
                                         gcam__zoo_divisible(k->inner / 4, 8), "relu", "hard_sigmoid");
    how = (gcam__conv_norm){.out = k->out, .kernel = 1, .eps = 1e-3};
    y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d.block.%d", index, part), y, &how);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d.block", index), y);
    if (k->stride == 1 && in == k->out) y = gcam_add(zoo->b, gcam__zoo_name(zoo, "features.%d.add", index), x, y);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "features.%d", index), y);
    return y;
}

static gcam_node build_v3(gcam__zoo *zoo, gcam_node x) {
    int is_large = zoo->variant[0], count = is_large ? sizeof large / sizeof large[0] : sizeof small / sizeof small[0];
    gcam__conv_norm how = {.out = 16, .kernel = 3, .stride = 2, .eps = 1e-3, .activation = "hard_swish"};
    x = gcam__zoo_conv_norm(zoo, "features.0", x, &how);
    for (int i = 0; i < count; i++) x = inverted_v3(zoo, i + 1, x, is_large ? &large[i] : &small[i]);
    how =
        (gcam__conv_norm){.out = 6 * gcam__zoo_channels(zoo, x), .kernel = 1, .eps = 1e-3, .activation = "hard_swish"};
    x = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "features.%d", count + 1), x, &how);
    gcam_alias(zoo->b, "features", x);
    x = gcam__zoo_pool_flatten(zoo, x);
    x = gcam_linear(zoo->b, "classifier.0", x, &(gcam_linear_params){.out = is_large ? 1280 : 1024});
    x = gcam__zoo_unary(zoo, "hard_swish", "classifier.1", x);
    return gcam__zoo_classes(zoo, "classifier.3", gcam_dropout(zoo->b, "classifier.2", x));
}

const gcam__family gcam__mobilenet_v2 = {
    .build = build_v2, .stem = "features.0.0.weight", .head = "classifier.1.weight"};
const gcam__family gcam__mobilenet_v3 = {
    .build = build_v3, .stem = "features.0.0.weight", .head = "classifier.3.weight"};
