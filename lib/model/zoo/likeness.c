/* Recognition of a network whose weights have lost their names, as exporters do that fold batch norm into convolutions: by the shapes
 * of the weights of its convolutions and linear layers, in any order. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/network.h"
#include "model/zoo/zoo.h"

#include <stdlib.h>
#include <string.h>

typedef struct shapes {
    gcam_shape *list;
    size_t count, capacity;
} shapes;

/* Batch norm may have been folded, biases added: the matrices and convolutions themselves stay what they were. */
static gcam_status add_shape(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)name;
    shapes *s = user;
    if (which != 0 || (shape->rank != 2 && shape->rank != 4)) return GCAM_OK;
    GCAM_TRY(gcam__grow((void **)&s->list, s->count, &s->capacity, sizeof *s->list));
    s->list[s->count++] = *shape;
    return GCAM_OK;
}

static int by_sizes(const void *a, const void *b) {
    const gcam_shape *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] != y->dim[i]) return x->dim[i] < y->dim[i] ? -1 : 1;
    return 0;
}

static gcam_status read_shapes(shapes *s, const gcam_network *network) {
    s->count = 0;
    GCAM_TRY(gcam__network_each_weight(network, add_shape, s));
    if (s->count > 0) qsort(s->list, s->count, sizeof *s->list, by_sizes);
    return GCAM_OK;
}

static int are_equal(const shapes *a, const shapes *b) {
    if (a->count != b->count) return 0;
    for (size_t i = 0; i < a->count; i++)
        if (!gcam_shape_equal(&a->list[i], &b->list[i])) return 0;
    return 1;
}

/* The row's network with the channels and classes of this one. */
static gcam_status build_like(gcam_builder **out, const gcam__arch *arch, const gcam_network *network) {
    const gcam_shape *image = &network->nodes[network->inputs[0]].shape;
    int64_t channels = image->rank == 4 ? image->dim[1] : 3;
    int64_t classes = gcam_shape_count(&network->nodes[network->outputs[0]].shape);
    return gcam__arch_build_sized(out, arch, NULL, channels, classes);
}

/* Rows of which it does not matter which one is taken. */
static int are_alike(const gcam__arch *a, const gcam__arch *b) {
    return a->family == b->family && strcmp(a->info.target, b->info.target) == 0
           && strcmp(a->info.preprocess, b->info.preprocess) == 0;
}

static gcam_status find_like(const gcam__arch **out, const gcam_network *network, const shapes *wanted, shapes *row) {
    const gcam__arch *arch;
    int rivals = 0;
    for (size_t i = 0; (arch = gcam__arch_at(i)) != NULL; i++) {
        gcam_builder *builder;
        GCAM_TRY(build_like(&builder, arch, network));
        gcam_status status = read_shapes(row, gcam__builder_network(builder));
        gcam_builder_free(builder);
        GCAM_TRY(status);
        if (!are_equal(wanted, row)) continue;
        rivals |= *out != NULL && !are_alike(*out, arch);
        if (*out == NULL) *out = arch;
    }
    if (rivals) *out = NULL;
    return GCAM_OK;
}

/* Convolutions and linear layers of the smallest row, AlexNet. The rows need not be built to be compared with less. */
enum { FEWEST = 8 };

gcam_status gcam__arch_like(const gcam__arch **out, const gcam_network *network) {
    shapes wanted = {.count = 0}, row = {.count = 0};
    *out = NULL;
    gcam_status status = read_shapes(&wanted, network);
    if (status == GCAM_OK && wanted.count >= FEWEST) status = find_like(out, network, &wanted, &row);
    gcam__free(wanted.list);
    gcam__free(row.list);
    return status;
}

gcam_status gcam__arch_target(int *out, const gcam__arch *arch, const gcam_network *network) {
    gcam_builder *builder;
    *out = gcam_network_find(network, arch->info.target);
    if (*out >= 0) return GCAM_OK;
    GCAM_TRY(build_like(&builder, arch, network));
    const gcam_network *model = gcam__builder_network(builder);
    const gcam__node *wanted = model->target < 0 ? NULL : &model->nodes[model->target];
    for (int i = wanted == NULL ? -1 : network->outputs[0]; i >= 0 && *out < 0;) {
        const gcam__node *node = &network->nodes[i];
        if (node->layer.op == wanted->layer.op && node->shape.rank == 4 && node->shape.dim[1] == wanted->shape.dim[1])
            *out = i;
        i = node->input_count > 0 ? node->inputs[0] : -1;
    }
    gcam_builder_free(builder);
    return GCAM_OK;
}
