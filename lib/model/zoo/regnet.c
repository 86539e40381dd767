/* RegNet X and Y (Radosavovic et al. 2020) as torchvision defines them: variant = {depth, w_0, w_a in hundredths, w_m in hundredths,
 * group width, 1 with squeeze and excitation}. Widths follow w_0 + w_a i, quantised to w_0 w_m^k and to multiples of 8; blocks of
 * one width form a stage. */
#include "model/zoo/blocks.h"

#include <math.h>
#include <stdio.h>

/* Width of block `i` of the network. */
static int64_t block_width(const int *v, int i) {
    double first = v[1], slope = v[2] / 100.0, factor = v[3] / 100.0;
    double exponent = rint(log((first + slope * i) / first) / log(factor));
    return (int64_t)rint(first * pow(factor, exponent) / 8) * 8;
}

/* A stage's width must hold whole groups. */
static int64_t fit_groups(int64_t width, int64_t *group) {
    if (*group > width) *group = width;
    return gcam__zoo_divisible((double)width, *group);
}

static gcam_node block(gcam__zoo *zoo, const char *prefix, gcam_node x, int64_t width, int64_t group, int64_t stride) {
    int64_t in = gcam__zoo_channels(zoo, x);
    gcam__conv_norm how = {.out = width, .kernel = 1, .stride = stride};
    gcam_node shortcut = x, y = x;
    if (in != width || stride != 1)
        shortcut = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "%s.proj", prefix), x, &how);
    how = (gcam__conv_norm){.out = width, .kernel = 1, .activation = "relu"};
    y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "%s.f.a", prefix), y, &how);
    how.kernel = 3;
    how.stride = stride;
    how.groups = width / group;
    y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "%s.f.b", prefix), y, &how);
    if (zoo->variant[5])
        y = gcam__zoo_squeeze_excitation(zoo, gcam__zoo_name(zoo, "%s.f.se", prefix), y,
                                         (int64_t)rint(0.25 * (double)in), "relu", "sigmoid");
    how = (gcam__conv_norm){.out = width, .kernel = 1};
    y = gcam__zoo_conv_norm(zoo, gcam__zoo_name(zoo, "%s.f.c", prefix), y, &how);
    gcam_alias(zoo->b, gcam__zoo_name(zoo, "%s.f", prefix), y);
    y = gcam_add(zoo->b, gcam__zoo_name(zoo, "%s.add", prefix), shortcut, y);
    y = gcam_relu(zoo->b, gcam__zoo_name(zoo, "%s.activation", prefix), y);
    gcam_alias(zoo->b, prefix, y);
    return y;
}

static gcam_node build(gcam__zoo *zoo, gcam_node x) {
    const int *v = zoo->variant;
    char prefix[GCAM__PREFIX];
    x = gcam__zoo_conv_norm(zoo, "stem", x,
                            &(gcam__conv_norm){.out = 32, .kernel = 3, .stride = 2, .activation = "relu"});
    for (int i = 0, stage = 1; i < v[0]; stage++) {
        int64_t group = v[4], raw = block_width(v, i), width = fit_groups(raw, &group);
        for (int k = 0; i < v[0] && block_width(v, i) == raw; k++, i++) {
            snprintf(prefix, sizeof prefix, "trunk_output.block%d.block%d-%d", stage, stage, k);
            x = block(zoo, prefix, x, width, group, k == 0 ? 2 : 1);
        }
        gcam_alias(zoo->b, gcam__zoo_name(zoo, "trunk_output.block%d", stage), x);
    }
    gcam_alias(zoo->b, "trunk_output", x);
    return gcam__zoo_classes(zoo, "fc", gcam__zoo_pool_flatten(zoo, x));
}

const gcam__family gcam__regnet = {.build = build, .stem = "stem.0.weight", .head = "fc.weight"};
