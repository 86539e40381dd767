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

gcam_status gcam__arch_build(gcam_builder **out, const gcam__arch *arch, const gcam_tensor_table *weights) {
    gcam_preprocess how = {.struct_size = sizeof how};
    *out = NULL;
    GCAM_TRY(gcam_preprocess_preset(&how, arch->info.preprocess));
    GCAM_TRY(gcam_builder_create(out));
    gcam__zoo zoo = {.b = *out,
                     .variant = arch->variant,
                     .weights = weights,
                     .channels = size_of(weights, arch->family->stem, 1, 3),
                     .classes = size_of(weights, arch->family->head, 0, 1000)};
    gcam_node logits = arch->family->build(&zoo, gcam_input(*out, "image", zoo.channels, how.height, how.width));
    gcam_output(*out, logits);
    gcam_target_layer(*out, gcam_network_find(gcam__builder_network(*out), arch->info.target));
    return GCAM_OK;
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

static gcam_status report_nearest(const gcam_tensor_table *weights) {
    match best = {0}, m;
    for (size_t i = 0; i < ARCHS; i++) {
        GCAM_TRY(compare(&m, &table[i], weights));
        if (best.arch == NULL || similarity(&m) > similarity(&best)) best = m;
    }
    if (best.found == 0)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "zoo", "no known architecture has any of the file's %zu tensors",
                          gcam_tensor_table_count(weights));
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "zoo", "no known architecture fits; the nearest is %s: %s",
                      best.arch->info.id, best.difference);
}

gcam_status gcam__arch_detect(const gcam__arch **out, const gcam_tensor_table *weights) {
    match m;
    *out = NULL;
    for (size_t i = 0; i < ARCHS; i++) {
        const gcam__arch *arch = &table[i];
        if (!gcam_tensor_table_find(weights, arch->family->stem)
            || !gcam_tensor_table_find(weights, arch->family->head))
            continue;
        GCAM_TRY(compare(&m, arch, weights));
        if (!fits(&m)) continue;
        *out = arch;
        return GCAM_OK;
    }
    return report_nearest(weights);
}
