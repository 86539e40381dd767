/* The inside of a network: nodes in topological order (a node's inputs come before it), weights bound, shapes at the usual size. */
#ifndef GCAM_GRAPH_NETWORK_H
#define GCAM_GRAPH_NETWORK_H

#include "core/names.h"
#include "gradcam/graph.h"
#include "layers/layer.h"

#include <pthread.h>

enum { GCAM__MAX_NODES = 65536, GCAM__MAX_LAYER_NAME = 255 };

typedef struct gcam__node {
    gcam__layer layer;
    char *name;
    char *weights_from; /* prefix of the weights' names; NULL: the layer's own name */
    int *inputs;
    int input_count;
    gcam_shape shape;                 /* at batch 1 and the usual input size */
    int parameter[GCAM__MAX_WEIGHTS]; /* index in the network's parameters; -1: absent */
} gcam__node;

/* A weight by its full name; layers that share it point to the same one. */
typedef struct gcam__parameter {
    char *name;
    gcam_tensor value; /* a view of the weight table, or owned where its type or layout had to be converted */
} gcam__parameter;

/* Weights that an operation has prepared for its kernel, made once and shared by all sessions. */
typedef struct gcam__prepared {
    int node;
    size_t bytes;
    gcam_kernels kernels;
    void *data;
} gcam__prepared;

/* A name or alias of a node. */
typedef struct gcam__node_name {
    char *text; /* borrowed from the node for its own name, owned for an alias */
    int node;
    int is_alias;
} gcam__node_name;

struct gcam_network {
    gcam__node *nodes;
    int count;
    gcam__node_name *names; /* in the order of their declaration */
    size_t name_count, name_capacity;
    gcam__names name_index; /* numbers are places in names */
    gcam__parameter *parameters;
    size_t parameter_count, parameter_capacity;
    int *inputs, *outputs; /* the first ones are the main ones */
    size_t input_count, input_capacity, output_count, output_capacity;
    int input, output, target; /* input = inputs[0], output = outputs[0] */
    /* Told that weights have been prepared and will hardly be read again; NULL: nobody wants to know. */
    void (*forget)(const void *context, const void *data, size_t size);
    const void *forget_context;
    pthread_mutex_t lock; /* guards `prepared` */
    gcam__prepared *prepared;
    size_t prepared_count, prepared_capacity;
};

/* The network that a builder has made so far. */
const gcam_network *gcam__builder_network(const gcam_builder *b);

/* Calls `fn` for every weight that the layers want, in the order of the layers: `which` of node `node`, its full name, its shape.
 * An error of `fn` ends the calls. Errors: those of `fn`. */
typedef gcam_status (*gcam__weight_fn)(void *user, int node, int which, const char *name, const gcam_shape *shape);
gcam_status gcam__network_each_weight(const gcam_network *network, gcam__weight_fn fn, void *user);

/* ERR_NUMERIC, naming the weight, if it holds NaN or infinity. */
gcam_status gcam__parameter_check_finite(const gcam__compute *compute, const gcam__parameter *weight);

/* Adds a name or alias. Errors: ARGUMENT (taken), NOMEM. */
gcam_status gcam__network_add_name(gcam_network *network, const char *text, int node, int is_alias);

/* The builder's first error, also recorded as the thread's; GCAM_OK so far. */
gcam_status gcam__builder_status(const gcam_builder *b);

/* Infers the shapes of all nodes from those of the inputs, which the caller has put into `shapes` (network->count elements).
 * Errors: SHAPE. */
gcam_status gcam__network_infer(const gcam_network *network, gcam_shape *shapes);

/* The prepared weights of a node for these shapes, made on first use; `*out` = NULL where the operation prepares none. */
gcam_status gcam__network_prepare(const gcam_network *network, int node, const gcam__compute *compute,
                                  const gcam_shape *in, const gcam_shape *out_shape, const void **out);

#endif
