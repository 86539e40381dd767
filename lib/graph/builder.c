/* The builder: layers one after another, each checked as it is added, so that a wrong shape is named where it arises. The first
 * error sticks; finish() reports it. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/network.h"

#include <ctype.h>
#include <string.h>

struct gcam_builder {
    gcam_network *network;
    size_t capacity;
    gcam_error error; /* the first one; status GCAM_OK so far */
};

gcam_status gcam_builder_create(gcam_builder **out) {
    *out = NULL;
    gcam_builder *b = gcam__calloc(1, sizeof *b);
    gcam_network *network = gcam__calloc(1, sizeof *network);
    if (!b || !network) {
        gcam__free(b);
        gcam__free(network);
        return GCAM_ERR_NOMEM;
    }
    pthread_mutex_init(&network->lock, NULL);
    network->input = network->output = network->target = -1;
    b->network = network;
    *out = b;
    return GCAM_OK;
}

void gcam_builder_free(gcam_builder *b) {
    if (!b) return;
    gcam_network_free(b->network);
    gcam__free(b);
}

const gcam_network *gcam__builder_network(const gcam_builder *b) {
    return b->network;
}

/* Keeps the thread's last error as the builder's first one. */
static int stick(gcam_builder *b) {
    if (b->error.status == GCAM_OK) b->error = *gcam_last_error();
    return -1;
}

static int failed(const gcam_builder *b) {
    return !b || b->error.status != GCAM_OK;
}

static gcam_status check_name(const char *name) {
    if (!name || !*name) return gcam__fail(GCAM_ERR_ARGUMENT, "builder", "a layer needs a name");
    if (strlen(name) > GCAM__MAX_LAYER_NAME)
        return gcam__fail(GCAM_ERR_LIMIT, "builder", "the layer name %.40s... is longer than %d bytes", name,
                          GCAM__MAX_LAYER_NAME);
    for (const char *c = name; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
            return gcam__fail(GCAM_ERR_ARGUMENT, "builder",
                              "the layer name '%s' has white space or a control character", name);
    return GCAM_OK;
}

static gcam_status check_inputs(const gcam_network *network, const gcam__op *op, const char *name, const gcam_node *x,
                                int count) {
    if (count < op->min_inputs || (op->max_inputs > 0 && count > op->max_inputs))
        return gcam__fail(GCAM_ERR_ARGUMENT, "builder", "%s: %s takes %d input%s, not %d", name, op->name,
                          op->min_inputs, op->min_inputs == 1 ? "" : "s", count);
    for (int i = 0; i < count; i++)
        if (x[i] < 0 || x[i] >= network->count)
            return gcam__fail(GCAM_ERR_ARGUMENT, "builder", "%s: input %d is no layer of this builder", name, i);
    return GCAM_OK;
}

/* Shape of the new node's output, from its inputs' shapes at the usual size. */
static gcam_status infer_shape(const gcam_network *network, gcam__node *node) {
    gcam_shape *in = gcam__calloc((size_t)node->input_count, sizeof *in);
    if (!in) return GCAM_ERR_NOMEM;
    for (int i = 0; i < node->input_count; i++) in[i] = network->nodes[node->inputs[i]].shape;
    gcam_status status = node->layer.op->infer(&node->layer, in, node->input_count, &node->shape);
    gcam__free(in);
    if (status != GCAM_OK) return status;
    int64_t count = gcam_shape_count(&node->shape);
    if (count <= 0 || count > INT64_MAX / 8)
        return gcam__fail(GCAM_ERR_LIMIT, "builder", "%s: the output would have no elements or too many", node->name);
    return GCAM_OK;
}

static gcam_status fill_node(gcam_network *network, gcam__node *node, const gcam__op *op, const char *name,
                             const gcam_node *x, int count, const void *params) {
    node->layer.op = op;
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++) node->parameter[i] = -1;
    node->name = gcam__strdup(name);
    if (!node->name) return GCAM_ERR_NOMEM;
    node->layer.name = node->name;
    node->inputs = gcam__calloc((size_t)count + 1, sizeof *node->inputs);
    if (!node->inputs) return GCAM_ERR_NOMEM;
    if (count) memcpy(node->inputs, x, (size_t)count * sizeof *x);
    node->input_count = count;
    if (op->params_size) {
        node->layer.params = gcam__calloc(1, op->params_size);
        if (!node->layer.params) return GCAM_ERR_NOMEM;
        GCAM_TRY(gcam__params_set(op, name, node->layer.params, params));
    }
    return infer_shape(network, node);
}

static gcam_status list_node(int **list, size_t *count, size_t *capacity, int node) {
    GCAM_TRY(gcam__grow((void **)list, *count, capacity, sizeof **list));
    (*list)[(*count)++] = node;
    return GCAM_OK;
}

static gcam_status add_node(gcam_builder *b, const char *op_name, const char *name, const gcam_node *x, int count,
                            const void *params) {
    gcam_network *network = b->network;
    GCAM_TRY(check_name(name));
    const gcam__op *op = op_name ? gcam__op_find(op_name) : NULL;
    if (!op)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "builder", "%s: there is no operation %s", name,
                          op_name ? op_name : "(null)");
    GCAM_TRY(check_inputs(network, op, name, x, count));
    if (network->count >= GCAM__MAX_NODES)
        return gcam__fail(GCAM_ERR_LIMIT, "builder", "a network may have at most %d layers", GCAM__MAX_NODES);
    GCAM_TRY(gcam__grow((void **)&network->nodes, (size_t)network->count, &b->capacity, sizeof *network->nodes));
    gcam__node *node = &network->nodes[network->count];
    memset(node, 0, sizeof *node);
    network->count++; /* from here on gcam_network_free() cleans up */
    GCAM_TRY(fill_node(network, node, op, name, x, count, params));
    if (op->is_input)
        GCAM_TRY(list_node(&network->inputs, &network->input_count, &network->input_capacity, network->count - 1));
    return gcam__network_add_name(network, name, network->count - 1, 0);
}

gcam_node gcam_layer(gcam_builder *b, const char *op, const char *name, const gcam_node *x, int count,
                     const void *params) {
    if (failed(b)) return -1;
    if (add_node(b, op, name, x, count, params) != GCAM_OK) return stick(b);
    return b->network->count - 1;
}

gcam_node gcam_input(gcam_builder *b, const char *name, int64_t c, int64_t h, int64_t w) {
    gcam_input_params params = {c, h, w};
    return gcam_layer(b, "input", name, NULL, 0, &params);
}

gcam_node gcam_tensor_input(gcam_builder *b, const char *name, const gcam_shape *shape) {
    gcam_tensor_input_params params = {{0}};
    params.shape.count = shape ? shape->rank : -1;
    for (int i = 0; shape && i < shape->rank && i < GCAM_MAX_RANK; i++) params.shape.value[i] = shape->dim[i];
    return gcam_layer(b, "tensor_input", name, NULL, 0, &params);
}

gcam_node gcam_conv2d(gcam_builder *b, const char *name, gcam_node x, const gcam_conv2d_params *params) {
    return gcam_layer(b, "conv2d", name, &x, 1, params);
}

gcam_node gcam_linear(gcam_builder *b, const char *name, gcam_node x, const gcam_linear_params *params) {
    return gcam_layer(b, "linear", name, &x, 1, params);
}

gcam_node gcam_relu(gcam_builder *b, const char *name, gcam_node x) {
    return gcam_layer(b, "relu", name, &x, 1, NULL);
}

gcam_node gcam_leaky_relu(gcam_builder *b, const char *name, gcam_node x, const gcam_leaky_relu_params *params) {
    return gcam_layer(b, "leaky_relu", name, &x, 1, params);
}

gcam_node gcam_max_pool(gcam_builder *b, const char *name, gcam_node x, const gcam_pool_params *params) {
    return gcam_layer(b, "max_pool", name, &x, 1, params);
}

gcam_node gcam_avg_pool(gcam_builder *b, const char *name, gcam_node x, const gcam_pool_params *params) {
    return gcam_layer(b, "avg_pool", name, &x, 1, params);
}

gcam_node gcam_global_avg_pool(gcam_builder *b, const char *name, gcam_node x) {
    return gcam_layer(b, "global_avg_pool", name, &x, 1, NULL);
}

gcam_node gcam_adaptive_avg_pool(gcam_builder *b, const char *name, gcam_node x,
                                 const gcam_adaptive_pool_params *params) {
    return gcam_layer(b, "adaptive_avg_pool", name, &x, 1, params);
}

gcam_node gcam_batchnorm(gcam_builder *b, const char *name, gcam_node x, const gcam_batchnorm_params *params) {
    return gcam_layer(b, "batchnorm", name, &x, 1, params);
}

gcam_node gcam_dropout(gcam_builder *b, const char *name, gcam_node x) {
    return gcam_layer(b, "dropout", name, &x, 1, NULL);
}

gcam_node gcam_flatten(gcam_builder *b, const char *name, gcam_node x) {
    return gcam_layer(b, "flatten", name, &x, 1, NULL);
}

gcam_node gcam_concat(gcam_builder *b, const char *name, const gcam_node *x, int count,
                      const gcam_axis_params *params) {
    return gcam_layer(b, "concat", name, x, count, params);
}

gcam_node gcam_add(gcam_builder *b, const char *name, gcam_node x, gcam_node y) {
    gcam_node both[2] = {x, y};
    return gcam_layer(b, "add", name, both, 2, NULL);
}

gcam_node gcam_softmax(gcam_builder *b, const char *name, gcam_node x, const gcam_axis_params *params) {
    return gcam_layer(b, "softmax", name, &x, 1, params);
}

/* 1 where `x` is a layer of the builder; otherwise the builder's error is set. */
static int check_node(gcam_builder *b, const char *what, gcam_node x) {
    if (failed(b)) return 0;
    if (x >= 0 && x < b->network->count) return 1;
    gcam__fail(GCAM_ERR_ARGUMENT, "builder", "%s: %d is no layer of this builder", what, x);
    stick(b);
    return 0;
}

void gcam_alias(gcam_builder *b, const char *alias, gcam_node x) {
    if (!check_node(b, "alias", x)) return;
    if (check_name(alias) != GCAM_OK || gcam__network_add_name(b->network, alias, x, 1) != GCAM_OK) stick(b);
}

void gcam_weights_from(gcam_builder *b, gcam_node x, const char *prefix) {
    if (!check_node(b, "shared weights", x)) return;
    char *copy = check_name(prefix) == GCAM_OK ? gcam__strdup(prefix) : NULL;
    if (!copy) {
        stick(b);
        return;
    }
    gcam__free(b->network->nodes[x].weights_from);
    b->network->nodes[x].weights_from = copy;
}

void gcam_output(gcam_builder *b, gcam_node x) {
    if (!check_node(b, "output", x)) return;
    gcam_network *network = b->network;
    if (list_node(&network->outputs, &network->output_count, &network->output_capacity, x) != GCAM_OK) stick(b);
}

void gcam_target_layer(gcam_builder *b, gcam_node x) {
    if (check_node(b, "target layer", x)) b->network->target = x;
}

/* ---- binding weights ---------------------------------------------------------------------------------------------------- */

static int is_contiguous(const gcam_tensor_entry *entry) {
    int64_t stride = 1;
    for (int i = entry->shape.rank - 1; i >= 0; i--) {
        if (entry->shape.dim[i] != 1 && entry->stride[i] != stride) return 0;
        stride *= entry->shape.dim[i];
    }
    return 1;
}

/* The entry's values as a tensor: in place where they are contiguous, aligned float32, converted otherwise. */
static gcam_status take_values(gcam_tensor *value, const gcam_tensor_entry *entry) {
    value->shape = entry->shape;
    if (entry->dtype == GCAM_DTYPE_F32 && is_contiguous(entry) && (uintptr_t)entry->data % sizeof(float) == 0) {
        value->data = (float *)(uintptr_t)entry->data; /* weights are never written to */
        return GCAM_OK;
    }
    value->data = gcam__calloc((size_t)gcam_shape_count(&entry->shape), sizeof(float));
    if (!value->data) return GCAM_ERR_NOMEM;
    value->owns = 1;
    gcam_tensor_entry_read(entry, value->data);
    return GCAM_OK;
}

/* The parameter of this entry: a new one, or the one that another layer has bound already. */
static gcam_status add_parameter(gcam_network *network, const gcam_tensor_entry *entry, int shared, int *index) {
    for (size_t i = 0; shared && i < network->parameter_count; i++)
        if (strcmp(network->parameters[i].name, entry->name) == 0) {
            *index = (int)i;
            return GCAM_OK;
        }
    GCAM_TRY(gcam__grow((void **)&network->parameters, network->parameter_count, &network->parameter_capacity,
                        sizeof *network->parameters));
    gcam__parameter *parameter = &network->parameters[network->parameter_count];
    memset(parameter, 0, sizeof *parameter);
    parameter->name = gcam__strdup(entry->name);
    if (!parameter->name) return GCAM_ERR_NOMEM;
    *index = (int)network->parameter_count++;
    return take_values(&parameter->value, entry);
}

/* What binding needs; `shared`: two layers may name the same weight, which needs a prefix, since names of layers are unique. */
typedef struct binding {
    gcam_network *network;
    const gcam_tensor_table *weights;
    int shared;
} binding;

static gcam_status bind_weight(void *user, int index, int which, const char *name, const gcam_shape *wanted) {
    const binding *b = user;
    gcam__node *node = &b->network->nodes[index];
    char text[2][160];
    const gcam_tensor_entry *entry = b->weights ? gcam_tensor_table_find(b->weights, name) : NULL;
    if (!entry)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "network", "%s: there is no such weight; expected a tensor of %s", name,
                          gcam__shape_text(wanted, text[0]));
    if (!gcam_shape_equal(&entry->shape, wanted))
        return gcam__fail(GCAM_ERR_SHAPE, "network", "%s: expected %s, the file has %s", name,
                          gcam__shape_text(wanted, text[0]), gcam__shape_text(&entry->shape, text[1]));
    GCAM_TRY(add_parameter(b->network, entry, b->shared, &node->parameter[which]));
    const gcam_tensor *value = &b->network->parameters[node->parameter[which]].value;
    node->layer.weight[which] = (gcam_tensor){value->shape, value->data, 0};
    return GCAM_OK;
}

static gcam_status bind_weights(gcam_network *network, const gcam_tensor_table *weights) {
    binding b = {network, weights, 0};
    for (int i = 0; i < network->count; i++) b.shared |= network->nodes[i].weights_from != NULL;
    return gcam__network_each_weight(network, bind_weight, &b);
}

/* ---- finishing ----------------------------------------------------------------------------------------------------------- */

static int is_spatial(const gcam_shape *shape) {
    return shape->rank == 4 && shape->dim[2] > 1 && shape->dim[3] > 1;
}

/* The last activation with spatial extent over 1x1 that feeds the head: back from the output along first inputs to the first
 * spatial value, then over the pooling and reshaping between it and the activation. */
static int find_target(const gcam_network *network) {
    int i = network->output;
    while (i >= 0 && !is_spatial(&network->nodes[i].shape))
        i = network->nodes[i].input_count ? network->nodes[i].inputs[0] : -1;
    while (i >= 0 && i != network->input) {
        const gcam__node *node = &network->nodes[i];
        if (!node->layer.op->view && !strstr(node->layer.op->name, "pool")) return i;
        i = node->inputs[0];
    }
    return -1;
}

gcam_status gcam__builder_status(const gcam_builder *b) {
    if (b->error.status == GCAM_OK) return GCAM_OK;
    /* the thread may have failed elsewhere since: report the first error of the builder */
    return gcam__fail_at(b->error.status, b->error.where, b->error.offset, "%s", b->error.message);
}

static gcam_status finish(gcam_builder *b, const gcam_tensor_table *weights) {
    gcam_network *network = b->network;
    GCAM_TRY(gcam__builder_status(b));
    if (network->input_count == 0) return gcam__fail(GCAM_ERR_ARGUMENT, "builder", "the network has no input");
    if (network->output_count == 0)
        GCAM_TRY(list_node(&network->outputs, &network->output_count, &network->output_capacity, network->count - 1));
    network->input = network->inputs[0];
    network->output = network->outputs[0];
    if (network->target < 0) network->target = find_target(network);
    return bind_weights(network, weights);
}

gcam_status gcam_builder_finish(gcam_network **out, gcam_builder *b, const gcam_tensor_table *weights) {
    *out = NULL;
    if (!b) return gcam__fail(GCAM_ERR_ARGUMENT, "builder", "there is no builder to finish");
    gcam_status status = finish(b, weights);
    if (status == GCAM_OK) {
        *out = b->network;
        b->network = NULL;
    }
    gcam_builder_free(b);
    return status;
}
