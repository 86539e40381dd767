/* Weights that training may write, and what they are at the beginning: normal with variance 2 / fan-in (He et al. 2015) before
 * rectifiers and 1 / fan-in for fully connected layers; 0 for biases; 1 for scales, but 0 for the last batch norm of a residual branch,
 * so that every block begins as the identity (Goyal et al. 2017). */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "train/train.h"

#include <math.h>
#include <string.h>

typedef struct initial {
    gcam_tensor_table *table;
    const gcam_network *network;
    uint64_t seed;
} initial;

static int op_is(const gcam_network *network, int node, const char *op) {
    return strcmp(network->nodes[node].layer.op->name, op) == 0;
}

/* 1 where the node is the first input of a sum: the end of a residual branch. */
static int ends_branch(const gcam_network *network, int node) {
    for (int i = node + 1; i < network->count; i++)
        if (op_is(network, i, "add") && network->nodes[i].inputs[0] == node) return 1;
    return 0;
}

/* What the elements begin as where they are not drawn. */
static float constant_of(const initial *in, int node, int which) {
    const char *name = in->network->nodes[node].layer.op->weights[which];
    if (strcmp(name, "running_var") == 0) return 1;
    if (strcmp(name, "weight") == 0)
        return op_is(in->network, node, "batchnorm") && ends_branch(in->network, node) ? 0 : 1;
    return 0;
}

static gcam_status add_weight(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    const initial *in = user;
    if (gcam_tensor_table_find(in->table, name)) return GCAM_OK; /* shared with a layer before */
    int64_t count = gcam_shape_count(shape), fan_in = shape->rank >= 2 ? count / shape->dim[0] : 0;
    float *values = gcam__calloc((size_t)count, sizeof *values);
    if (!values) return GCAM_ERR_NOMEM;
    double deviation = fan_in ? sqrt((op_is(in->network, node, "linear") ? 1.0 : 2.0) / (double)fan_in) : 0;
    uint64_t stream = GCAM__STREAM_WEIGHTS;
    for (int64_t i = 0; i < count; i++) {
        uint64_t sample = (uint64_t)node * GCAM__MAX_WEIGHTS + (uint64_t)which;
        values[i] = fan_in ? (float)(deviation * gcam__random_normal(in->seed, stream, sample, (uint64_t)i))
                           : constant_of(in, node, which);
    }
    gcam_status status = gcam_tensor_table_add(in->table, name, shape, values);
    gcam__free(values);
    return status;
}

gcam_status gcam__weights_create(gcam__weights *out, const char *graph, uint64_t seed) {
    gcam_builder *builder = NULL;
    *out = (gcam__weights){NULL, NULL};
    GCAM_TRY(gcam__builder_from_text(&builder, graph));
    gcam_status status = gcam_tensor_table_create(&out->table);
    if (status == GCAM_OK) {
        initial in = {out->table, gcam__builder_network(builder), seed};
        status = gcam__network_each_weight(in.network, add_weight, &in);
    }
    if (status == GCAM_OK)
        status = gcam_builder_finish(&out->network, builder, out->table);
    else
        gcam_builder_free(builder);
    if (status != GCAM_OK) gcam__weights_free(out);
    return status;
}

void gcam__weights_free(gcam__weights *weights) {
    gcam_network_free(weights->network);
    gcam_tensor_table_free(weights->table);
    *weights = (gcam__weights){NULL, NULL};
}

int gcam__weights_trained(const gcam_network *network, size_t index) {
    for (int i = 0; i < network->count; i++)
        for (int k = 0; k < GCAM__MAX_WEIGHTS; k++) {
            if (network->nodes[i].parameter[k] != (int)index) continue;
            const char *name = network->nodes[i].layer.op->weights[k];
            if (strcmp(name, "running_mean") == 0 || strcmp(name, "running_var") == 0) return 0;
        }
    return 1;
}
