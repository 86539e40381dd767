/**
 * @file graph.h
 * Networks and sessions. A gcam_network is an immutable directed graph of named layers with bound weights, shared by any
 * number of threads. A gcam_session is one thread's work on it: plan, activations, gradients, hooks.
 */
#ifndef GRADCAM_GRAPH_H
#define GRADCAM_GRAPH_H

#include "gradcam/core.h"
#include "gradcam/io.h"
#include "gradcam/layers.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An immutable network with its weights. Any number of threads may use it. */
typedef struct gcam_network gcam_network;
/** One thread's work on a network: plan, activations, gradients, hooks. */
typedef struct gcam_session gcam_session;

/* ---- building -------------------------------------------------------------------------------------------------------- */

/** A network in the making. */
typedef struct gcam_builder gcam_builder;

/** Handle of a layer inside one builder; its value is the layer's index in the finished network. Negative: a failed call. */
typedef int gcam_node;

/**
 * Starts an empty network. Errors of the calls below are sticky: they return -1, later calls do nothing, and
 * gcam_builder_finish() reports the first one. Names are unique, at most 255 bytes, without white space or control characters.
 */
GCAM_API gcam_status gcam_builder_create(gcam_builder **out);
/** Drops an unfinished builder; NULL is fine. */
GCAM_API void gcam_builder_free(gcam_builder *b);

/** Image input of `c` channels; `h` x `w` is the usual size, other sizes are allowed where the layers' shapes allow them. */
GCAM_API gcam_node gcam_input(gcam_builder *b, const char *name, int64_t c, int64_t h, int64_t w);
/** A further input of any shape, for networks that take more than one. Inputs are numbered in the order of these calls. */
GCAM_API gcam_node gcam_tensor_input(gcam_builder *b, const char *name, const gcam_shape *shape);
/** 2-D convolution: N C H W -> N K P Q. */
GCAM_API gcam_node gcam_conv2d(gcam_builder *b, const char *name, gcam_node x, const gcam_conv2d_params *params);
/** Fully connected: (..., C) -> (..., K). */
GCAM_API gcam_node gcam_linear(gcam_builder *b, const char *name, gcam_node x, const gcam_linear_params *params);
/** max(0, x). */
GCAM_API gcam_node gcam_relu(gcam_builder *b, const char *name, gcam_node x);
/** x for x > 0, slope x otherwise. */
GCAM_API gcam_node gcam_leaky_relu(gcam_builder *b, const char *name, gcam_node x,
                                   const gcam_leaky_relu_params *params);
/** Maximum of each window: N C H W -> N C P Q. */
GCAM_API gcam_node gcam_max_pool(gcam_builder *b, const char *name, gcam_node x, const gcam_pool_params *params);
/** Mean of each window: N C H W -> N C P Q. */
GCAM_API gcam_node gcam_avg_pool(gcam_builder *b, const char *name, gcam_node x, const gcam_pool_params *params);
/** Mean over H x W: N C H W -> N C 1 1. */
GCAM_API gcam_node gcam_global_avg_pool(gcam_builder *b, const char *name, gcam_node x);
/** Means over a fixed grid of cells: N C H W -> N C P Q. */
GCAM_API gcam_node gcam_adaptive_avg_pool(gcam_builder *b, const char *name, gcam_node x,
                                          const gcam_adaptive_pool_params *params);
/** Batch normalisation with the stored statistics. */
GCAM_API gcam_node gcam_batchnorm(gcam_builder *b, const char *name, gcam_node x, const gcam_batchnorm_params *params);
/** Identity at inference. */
GCAM_API gcam_node gcam_dropout(gcam_builder *b, const char *name, gcam_node x);
/** N C H W -> N x CHW. */
GCAM_API gcam_node gcam_flatten(gcam_builder *b, const char *name, gcam_node x);
/** `count` values joined along one dimension. */
GCAM_API gcam_node gcam_concat(gcam_builder *b, const char *name, const gcam_node *x, int count,
                               const gcam_axis_params *params);
/** Sum of two values of one shape. */
GCAM_API gcam_node gcam_add(gcam_builder *b, const char *name, gcam_node x, gcam_node y);
/** exp(x) / sum exp(x) along one dimension. */
GCAM_API gcam_node gcam_softmax(gcam_builder *b, const char *name, gcam_node x, const gcam_axis_params *params);

/** Any layer by its operation's name ("conv2d"), with `params` the struct of that operation or NULL. */
GCAM_API gcam_node gcam_layer(gcam_builder *b, const char *op, const char *name, const gcam_node *x, int count,
                              const void *params);
/** A second name for a node, as a block's name for its last layer ("features.12" for "features.12.cat"). */
GCAM_API void gcam_alias(gcam_builder *b, const char *alias, gcam_node x);
/** Names whose weights the layer takes ("shared" instead of its own name): weights shared between layers. */
GCAM_API void gcam_weights_from(gcam_builder *b, gcam_node x, const char *prefix);
/** Declares the output, or with further calls further outputs; left out, the last layer added is the output. */
GCAM_API void gcam_output(gcam_builder *b, gcam_node x);
/** Declares the default layer for class activation maps; left out, it is found as the guide describes. */
GCAM_API void gcam_target_layer(gcam_builder *b, gcam_node x);

/**
 * Checks shapes, binds weights by name, and makes the network. Always frees the builder.
 * `weights` is borrowed and must outlive the network (tensors are used in place where they are contiguous float32); NULL is
 * allowed for networks without weights. Errors: the builder's first one; NOT_FOUND (a weight), SHAPE, NOMEM.
 */
GCAM_API gcam_status gcam_builder_finish(gcam_network **out, gcam_builder *b, const gcam_tensor_table *weights);

/* ---- networks -------------------------------------------------------------------------------------------------------- */

/** Frees a network that no model owns and no session uses; NULL is fine. */
GCAM_API void gcam_network_free(gcam_network *network);

/** What one layer is. Pointers are borrowed from the network. */
typedef struct gcam_layer_info {
    const char *name;
    const char *op; /**< "conv2d", "relu", ... */
    int input_count;
    const int *inputs;  /**< indices of the layers it reads */
    gcam_shape shape;   /**< of its output, at batch 1 and the network's usual input size */
    int64_t parameters; /**< number of weights */
    int64_t multiplies; /**< multiply-adds at that size */
} gcam_layer_info;

/** Number of layers, the input included. */
GCAM_API int gcam_network_layer_count(const gcam_network *network);
/** Fills `info` for layer `index`. Errors: ARGUMENT. */
GCAM_API gcam_status gcam_network_layer(const gcam_network *network, int index, gcam_layer_info *info);
/** Index of a layer by name or alias; -1 if there is none. */
GCAM_API int gcam_network_find(const gcam_network *network, const char *name);
/** Index of the (first) input. */
GCAM_API int gcam_network_input(const gcam_network *network);
/** Index of the (first) output. */
GCAM_API int gcam_network_output(const gcam_network *network);
/** Number of inputs, and their layers by position (-1 outside); most networks have one. */
GCAM_API int gcam_network_input_count(const gcam_network *network);
/** Layer of input number `index`. */
GCAM_API int gcam_network_input_at(const gcam_network *network, int index);
/** Number of outputs, and their layers by position (-1 outside); most networks have one. */
GCAM_API int gcam_network_output_count(const gcam_network *network);
/** Layer of output number `index`. */
GCAM_API int gcam_network_output_at(const gcam_network *network, int index);
/** Index of the default layer for class activation maps; -1 where none has spatial extent. */
GCAM_API int gcam_network_target(const gcam_network *network);

/* ---- sessions -------------------------------------------------------------------------------------------------------- */

/** Options of a session. Zero fields mean the defaults. */
typedef struct gcam_session_options {
    size_t struct_size;
    int64_t batch;  /**< N; default 1 */
    int64_t height; /**< input size; default: the network's usual one */
    int64_t width;
    int threads;          /**< default: all processors that affinity and the container's limits allow */
    gcam_kernels kernels; /**< default AUTO */
    int deterministic;    /**< 1: the same bits for any number of threads and any batch size */
} gcam_session_options;

/** Fills in the defaults. */
GCAM_API void gcam_session_options_defaults(gcam_session_options *options);

/**
 * A session for a bare network (gcam_session_create() in model.h makes one for a model). The network must outlive it.
 * Errors: ARGUMENT, SHAPE (the network cannot take this input size), NOMEM.
 */
GCAM_API gcam_status gcam_session_create_network(gcam_session **out, const gcam_network *network,
                                                 const gcam_session_options *options);
/** Frees a session; NULL is fine. Not while a call on this session runs. */
GCAM_API void gcam_session_free(gcam_session *s);
/** The session's network. */
GCAM_API const gcam_network *gcam_session_network(const gcam_session *s);
/** Shape of the session's input, N C H W. */
GCAM_API gcam_shape gcam_session_input_shape(const gcam_session *s);
/** Bytes of the block that holds activations and gradients, as planned for the last pass (0 before the first). */
GCAM_API size_t gcam_session_planned_bytes(const gcam_session *s);

/** Name and version of the BLAS that GCAM_KERNELS_BLAS uses, or "none". A static string. */
GCAM_API const char *gcam_blas_name(void);

/** What gcam_session_watch() keeps of a layer. */
enum { GCAM_WATCH_ACTIVATION = 1, GCAM_WATCH_GRADIENT = 2 };

/**
 * Asks that the next passes keep a layer's activation or compute and keep its gradient (`what` is a sum of GCAM_WATCH_*; 0
 * forgets the layer). Backward runs only over layers between the output and the watched gradients. Errors: ARGUMENT, NOMEM.
 */
GCAM_API gcam_status gcam_session_watch(gcam_session *s, int layer, unsigned what);
/** Forgets all watched layers. */
GCAM_API void gcam_session_unwatch_all(gcam_session *s);
/** Asks for gradients of all weights (1) or not (0, the default). */
GCAM_API gcam_status gcam_session_watch_parameters(gcam_session *s, int on);

/**
 * Runs the network on `input` (the session's input shape). Errors: SHAPE, NUMERIC (NaN or infinity; names the first layer),
 * CANCELED, NOMEM, or what a hook returned.
 */
GCAM_API gcam_status gcam_session_forward(gcam_session *s, const gcam_tensor *input);
/** The same for a network with several inputs, in the network's order. */
GCAM_API gcam_status gcam_session_forward_inputs(gcam_session *s, const gcam_tensor *const *inputs, int count);

/**
 * Back-propagates `seed` = d(target)/d(output) from the network's output to all watched layers, under `rule`. The seed has the
 * output's shape with batch G x N: G seeds (G >= 1) for the same forward pass, seed-major; gradients then have batch G x N too,
 * and every weight is read once for all of them. Needs a forward pass made while the same layers were watched.
 * Errors: STATE (no forward, or layers watched since), SHAPE, CANCELED, NUMERIC, NOMEM, or what a hook returned.
 */
GCAM_API gcam_status gcam_session_backward(gcam_session *s, const gcam_tensor *seed, gcam_rule rule);

/** Asks that the next forward passes keep what a pass of relevance reads: every activation (1); or not (0, the default, and
 * after gcam_session_unwatch_all()). */
GCAM_API gcam_status gcam_session_watch_relevance(gcam_session *s, int on);

/**
 * Spreads `seed`, the relevance of the network's output (or for DEEPLIFT the target's gradient there), down to all watched layers by the
 * rules of `how` (NULL: the defaults); gcam_session_gradient() then holds relevance, or DeepLIFT's multipliers. A batch normalisation
 * directly behind a layer with weights is folded into it; inputs of a product that come from a sigmoid or its like are gates and
 * get nothing. `reference` is a session that has run the reference input, for DEEPLIFT only (may be NULL otherwise).
 * gcam_session_backward() with one of these rules does the same with that rule for all layers.
 * Errors: STATE (no forward pass while relevance was watched), ARGUMENT, UNSUPPORTED (names the layer that the rules do not cover,
 * before anything runs), and those of gcam_session_backward().
 */
GCAM_API gcam_status gcam_session_relevance(gcam_session *s, const gcam_tensor *seed, const gcam_relevance *how,
                                            gcam_session *reference);
/** How much relevance (sum of magnitudes) the last such pass dropped because a denominator was zero. */
GCAM_API double gcam_session_relevance_lost(const gcam_session *s);
/** Rules by name: "epsilon-gamma-box" (the default, also for NULL), "epsilon-plus", "epsilon-alpha2-beta1", "epsilon", "lrp-0",
 * "gamma", "z-plus", "alpha2-beta1". Errors: NOT_FOUND. */
GCAM_API gcam_status gcam_relevance_preset(gcam_relevance *out, const char *name);
/** Name of a preset by position; NULL past the end. */
GCAM_API const char *gcam_relevance_preset_name(size_t index);

/** The network's output of the last forward pass; NULL before it. Borrowed until the next pass. */
GCAM_API const gcam_tensor *gcam_session_output(const gcam_session *s);
/** The same by position, for networks with several outputs; NULL past the end. */
GCAM_API const gcam_tensor *gcam_session_output_at(const gcam_session *s, int index);
/** A watched layer's activation (or the input's); NULL if not kept. Borrowed until the next pass. */
GCAM_API const gcam_tensor *gcam_session_activation(const gcam_session *s, int layer);
/** A watched layer's gradient of the last backward pass; NULL if not kept. Borrowed until the next pass. */
GCAM_API const gcam_tensor *gcam_session_gradient(const gcam_session *s, int layer);
/** Gradient of a weight ("features.0.weight"), summed over the batch; NULL if not asked for. Borrowed until the next pass. */
GCAM_API const gcam_tensor *gcam_session_parameter_gradient(const gcam_session *s, const char *name);

/** Ends a running call of this session at the next layer with ERR_CANCELED. From any thread; cleared when a pass starts. */
GCAM_API void gcam_session_cancel(gcam_session *s);

/* ---- hooks ----------------------------------------------------------------------------------------------------------- */

/** When a hook is called; sums are allowed when adding one. */
typedef enum gcam_hook_when {
    GCAM_HOOK_FORWARD = 1, /**< right after a layer's output was computed; value = activation */
    GCAM_HOOK_BACKWARD =
        2 /**< when a layer's gradient is complete, before the layer itself is passed; value = gradient */
} gcam_hook_when;

/** What a hook is shown. */
typedef struct gcam_hook_event {
    gcam_hook_when when;
    const char *layer; /**< the layer's own name, also where the pattern matched an alias */
    const char *op;
    gcam_tensor *value; /**< N C H W or N x C; may be edited in place during the call, not kept */
} gcam_hook_event;

/** Returns GCAM_OK to go on; any error ends the pass with that status (GCAM_ERR_CANCELED for a clean stop). */
typedef gcam_status (*gcam_hook_fn)(const gcam_hook_event *event, void *user);
/** Names an installed hook, for gcam_hook_remove(). */
typedef int gcam_hook_id;

/**
 * Calls `fn` for every layer whose name or alias matches the glob `layer_pattern` (`*`, `?`, `[...]`; `*` also crosses dots).
 * A backward hook makes backward reach its layers. Several hooks on one layer run in the order they were added; all in the
 * session's own thread. Errors: NOT_FOUND (no layer matches), ARGUMENT, NOMEM.
 */
GCAM_API gcam_status gcam_hook_add(gcam_session *s, const char *layer_pattern, unsigned when, gcam_hook_fn fn,
                                   void *user, gcam_hook_id *id);
/** Removes a hook. Errors: NOT_FOUND. */
GCAM_API gcam_status gcam_hook_remove(gcam_session *s, gcam_hook_id id);

#ifdef __cplusplus
}
#endif
#endif
