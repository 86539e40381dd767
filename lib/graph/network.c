/* Networks: look-ups, shape inference at any input size, prepared weights. A network never changes after the builder finished it;
 * only the cache of prepared weights grows, under a lock. */
#include "graph/network.h"

#include "core/memory.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

/* ---- names -------------------------------------------------------------------------------------------------------------- */

gcam_status gcam__network_add_name(gcam_network *network, const char *text, int node, int is_alias) {
    GCAM_TRY(
        gcam__grow((void **)&network->names, network->name_count, &network->name_capacity, sizeof *network->names));
    char *kept = is_alias ? gcam__strdup(text) : network->nodes[node].name;
    if (!kept) return GCAM_ERR_NOMEM;
    int added = 0;
    gcam_status status = gcam__names_add(&network->name_index, kept, strlen(kept), &added);
    if (status == GCAM_OK && !added)
        status = gcam__fail(GCAM_ERR_ARGUMENT, "network", "the layer name %s is used twice", text);
    if (status != GCAM_OK) {
        if (is_alias) gcam__free(kept);
        return status;
    }
    network->names[network->name_count++] = (gcam__node_name){kept, node, is_alias};
    return GCAM_OK;
}

int gcam_network_find(const gcam_network *network, const char *name) {
    if (!network || !name) return -1;
    int64_t number = gcam__names_find(&network->name_index, name, strlen(name));
    return number < 0 ? -1 : network->names[number].node;
}

/* ---- getters ------------------------------------------------------------------------------------------------------------ */

int gcam_network_layer_count(const gcam_network *network) {
    return network ? network->count : 0;
}

int gcam_network_input(const gcam_network *network) {
    return network->input;
}

int gcam_network_output(const gcam_network *network) {
    return network->output;
}

int gcam_network_input_count(const gcam_network *network) {
    return (int)network->input_count;
}

int gcam_network_input_at(const gcam_network *network, int index) {
    return index >= 0 && (size_t)index < network->input_count ? network->inputs[index] : -1;
}

int gcam_network_output_count(const gcam_network *network) {
    return (int)network->output_count;
}

int gcam_network_output_at(const gcam_network *network, int index) {
    return index >= 0 && (size_t)index < network->output_count ? network->outputs[index] : -1;
}

int gcam_network_target(const gcam_network *network) {
    return network->target;
}

gcam_status gcam_network_layer(const gcam_network *network, int index, gcam_layer_info *info) {
    if (!network || !info || index < 0 || index >= network->count)
        return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_network_layer", "layer %d: the network has layers 0 to %d", index,
                          network ? network->count - 1 : -1);
    const gcam__node *node = &network->nodes[index];
    *info = (gcam_layer_info){.name = node->name,
                              .op = node->layer.op->name,
                              .input_count = node->input_count,
                              .inputs = node->inputs,
                              .shape = node->shape};
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++)
        if (node->parameter[i] >= 0)
            info->parameters += gcam_shape_count(&network->parameters[node->parameter[i]].value.shape);
    if (node->layer.op->multiplies && node->input_count) {
        const gcam_shape *in = &network->nodes[node->inputs[0]].shape;
        info->multiplies = node->layer.op->multiplies(&node->layer, in, &node->shape);
    }
    return GCAM_OK;
}

static const char *weight_name(const gcam__node *node, int which, char text[2 * GCAM__MAX_LAYER_NAME + 2]) {
    const char *prefix = node->weights_from ? node->weights_from : node->name;
    size_t length = strlen(prefix);
    memcpy(text, prefix, length);
    text[length] = '.';
    strcpy(text + length + 1, node->layer.op->weights[which]);
    return text;
}

gcam_status gcam__network_each_weight(const gcam_network *network, gcam__weight_fn fn, void *user) {
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        if (!node->layer.op->weights) continue;
        const gcam_shape *in = &network->nodes[node->inputs[0]].shape;
        gcam_shape wanted;
        char name[2 * GCAM__MAX_LAYER_NAME + 2];
        for (int k = 0; node->layer.op->weights[k]; k++)
            if (node->layer.op->weight_shape(&node->layer, in, k, &wanted))
                GCAM_TRY(fn(user, i, k, weight_name(node, k, name), &wanted));
    }
    return GCAM_OK;
}

gcam_status gcam__parameter_check_finite(const gcam__compute *compute, const gcam__parameter *weight) {
    int64_t at = gcam__find_nonfinite(compute, weight->value.data, gcam_shape_count(&weight->value.shape));
    if (at < 0) return GCAM_OK;
    return gcam__fail(GCAM_ERR_NUMERIC, "network", "%s: element %lld is %s, expected a finite number", weight->name,
                      (long long)at, isnan(weight->value.data[at]) ? "NaN" : "infinite");
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------- */

/* A layer whose weights were bound for another size (a linear layer after flatten) cannot take this one. */
static gcam_status check_weights(const gcam_network *network, const gcam__node *node, const gcam_shape *in,
                                 const gcam_shape *input) {
    for (int k = 0; k < GCAM__MAX_WEIGHTS; k++) {
        gcam_shape wanted;
        char text[2][160];
        if (node->parameter[k] < 0 || !node->layer.op->weight_shape(&node->layer, in, k, &wanted)) continue;
        const gcam_shape *has = &network->parameters[node->parameter[k]].value.shape;
        if (!gcam_shape_equal(has, &wanted))
            return gcam__fail(GCAM_ERR_SHAPE, "session",
                              "%s: an input of %s would need a %s of %s, the network's is %s", node->name,
                              gcam__shape_text(input, (char[160]){0}), node->layer.op->weights[k],
                              gcam__shape_text(&wanted, text[0]), gcam__shape_text(has, text[1]));
    }
    return GCAM_OK;
}

gcam_status gcam__network_infer(const gcam_network *network, gcam_shape *shapes) {
    int most = 1;
    for (int i = 0; i < network->count; i++)
        if (network->nodes[i].input_count > most) most = network->nodes[i].input_count;
    gcam_shape *in = gcam__calloc((size_t)most, sizeof *in);
    if (!in) return GCAM_ERR_NOMEM;
    gcam_status status = GCAM_OK;
    for (int i = 0; i < network->count && status == GCAM_OK; i++) {
        const gcam__node *node = &network->nodes[i];
        for (int k = 0; k < node->input_count; k++) in[k] = shapes[node->inputs[k]];
        if (!node->layer.op->is_input) status = node->layer.op->infer(&node->layer, in, node->input_count, &shapes[i]);
        if (status == GCAM_OK) status = check_weights(network, node, in, &shapes[network->input]);
        if (status == GCAM_OK && (gcam_shape_count(&shapes[i]) <= 0 || gcam_shape_count(&shapes[i]) > INT64_MAX / 8))
            status =
                gcam__fail(GCAM_ERR_LIMIT, "session", "%s: the output would have no elements or too many", node->name);
    }
    gcam__free(in);
    return status;
}

/* ---- prepared weights ---------------------------------------------------------------------------------------------------- */

static gcam_status prepare_locked(gcam_network *network, int index, const gcam__compute *compute, const gcam_shape *in,
                                  const gcam_shape *out_shape, size_t bytes, const void **out) {
    for (size_t i = 0; i < network->prepared_count; i++) {
        const gcam__prepared *p = &network->prepared[i];
        if (p->node == index && p->bytes == bytes && p->kernels == compute->kernels) {
            *out = p->data;
            return GCAM_OK;
        }
    }
    GCAM_TRY(gcam__grow((void **)&network->prepared, network->prepared_count, &network->prepared_capacity,
                        sizeof *network->prepared));
    void *data = gcam__alloc(bytes);
    if (!data) return GCAM_ERR_NOMEM;
    const gcam__layer *layer = &network->nodes[index].layer;
    layer->op->prepare(compute, layer, in, out_shape, data);
    for (int i = 0; network->forget && i < GCAM__MAX_WEIGHTS; i++)
        if (layer->weight[i].data)
            network->forget(network->forget_context, layer->weight[i].data,
                            (size_t)gcam_shape_count(&layer->weight[i].shape) * sizeof(float));
    network->prepared[network->prepared_count++] = (gcam__prepared){index, bytes, compute->kernels, data};
    *out = data;
    return GCAM_OK;
}

gcam_status gcam__network_prepare(const gcam_network *network, int node, const gcam__compute *compute,
                                  const gcam_shape *in, const gcam_shape *out_shape, const void **out) {
    const gcam__layer *layer = &network->nodes[node].layer;
    *out = NULL;
    size_t bytes = layer->op->prepared_bytes ? layer->op->prepared_bytes(compute, layer, in, out_shape) : 0;
    if (bytes == 0) return GCAM_OK;
    gcam_network *shared =
        (gcam_network *)(uintptr_t)network; /* the cache is the one part that may grow, under its lock */
    pthread_mutex_lock(&shared->lock);
    gcam_status status = prepare_locked(shared, node, compute, in, out_shape, bytes, out);
    pthread_mutex_unlock(&shared->lock);
    return status;
}

void gcam_network_free(gcam_network *network) {
    if (!network) return;
    for (size_t i = 0; i < network->name_count; i++)
        if (network->names[i].is_alias) gcam__free(network->names[i].text);
    for (int i = 0; i < network->count; i++) {
        gcam__node *node = &network->nodes[i];
        gcam__free(node->name);
        gcam__free(node->weights_from);
        gcam__free(node->inputs);
        gcam__free(node->layer.params);
    }
    for (size_t i = 0; i < network->parameter_count; i++) {
        gcam__free(network->parameters[i].name);
        if (network->parameters[i].value.owns) gcam__free(network->parameters[i].value.data);
    }
    for (size_t i = 0; i < network->prepared_count; i++) gcam__free(network->prepared[i].data);
    gcam__free(network->prepared);
    gcam__free(network->inputs);
    gcam__free(network->outputs);
    gcam__free(network->parameters);
    gcam__free(network->names);
    gcam__names_free(&network->name_index);
    gcam__free(network->nodes);
    pthread_mutex_destroy(&network->lock);
    gcam__free(network);
}
