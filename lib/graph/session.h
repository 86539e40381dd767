/* The inside of a session: what is watched, the plans, the blocks that hold values, the hooks. */
#ifndef GCAM_GRAPH_SESSION_H
#define GCAM_GRAPH_SESSION_H

#include "graph/plan.h"

#include <stdatomic.h>

enum { GCAM__BACKWARD_PLANS = 4 };

typedef struct gcam__hook {
    gcam_hook_id id;
    unsigned when;
    gcam_hook_fn fn;
    void *user;
    unsigned char *layers; /* one flag a node */
} gcam__hook;

/* A backward plan with the request that it serves; `used` orders them by age. */
typedef struct gcam__planned_backward {
    gcam__request request;
    gcam__backward_plan plan;
    uint64_t used;
} gcam__planned_backward;

/* Memory that grows to the largest size asked for and stays. */
typedef struct gcam__block {
    char *data;
    size_t bytes;
} gcam__block;

/* A pass of relevance: its rules, and the role of every layer in it. */
typedef struct gcam__relevance_pass {
    gcam_relevance how; /* with defaults filled in */
    unsigned family;
    unsigned char *role;
    gcam_session *reference; /* of DeepLIFT */
    double lost;
    gcam__block scratch;
    gcam_tensor *din; /* room for one layer's inputs */
    gcam_tensor **pointer;
} gcam__relevance_pass;

struct gcam_session {
    const gcam_network *network;
    const void *owner; /* the model that the session was made for; the graph never looks inside */
    gcam__compute compute;
    gcam_shape *shape; /* of each node's output at this session's input size */
    const gcam_tensor *
        *given; /* values that the caller of the last pass brought, one a node; NULL where the node computes its own */
    const void **prepared; /* weights prepared for kernels, one a node; NULL where none */

    unsigned char *watch; /* GCAM_WATCH_* per node */
    int watch_parameters, watch_relevance;
    int train;               /* 1: layers run in training */
    int stale;               /* 1: weights have changed since they were prepared */
    gcam__training training; /* what they are told */
    gcam__hook *hooks;
    size_t hook_count, hook_capacity;
    gcam_hook_id next_hook;

    gcam__request request; /* what the current watches and hooks ask for */
    gcam__request planned; /* what `forward` was planned for */
    gcam__forward_plan forward;
    gcam__planned_backward backward[GCAM__BACKWARD_PLANS];
    const gcam__backward_plan *last_backward;
    uint64_t clock;
    gcam__block values, gradients;

    gcam_tensor *activation;         /* views of `values`, one a node; data NULL where not kept */
    gcam_tensor *gradient;           /* views of `gradients` */
    unsigned char *has_gradient;     /* set as the backward pass reaches a node */
    gcam_tensor *parameter_gradient; /* one a parameter; NULL unless asked for */
    const gcam_tensor **in;          /* room for one node's inputs */
    gcam_shape *in_shape;
    gcam_tensor *din;
    gcam_tensor **din_pointer;
    gcam__relevance_pass *relevance;      /* the running one; NULL: gradients are passed */
    gcam__relevance_pass *relevance_room; /* of the last one; NULL before the first */
    int has_plan, has_forward;
    int unfused; /* the next plan fuses nothing */
    atomic_int cancel;
    atomic_int *cancel_with; /* another session's flag that ends this one's passes too; NULL: none */
};

/* The model that a session belongs to. */
void gcam__session_set_owner(gcam_session *s, const void *owner);
const void *gcam__session_owner(const gcam_session *s);

/* Shape of a layer's output in this session, with its batch. */
const gcam_shape *gcam__session_shape(const gcam_session *s, int layer);
const gcam__compute *gcam__session_compute(const gcam_session *s);

/* As gcam_session_backward(), from any layer that the forward pass has run; the seed has that layer's shape. */
gcam_status gcam__session_backward_from(gcam_session *s, int layer, const gcam_tensor *seed, gcam_rule rule);

/* As gcam_session_relevance(), from any layer. */
gcam_status gcam__session_relevance_from(gcam_session *s, int layer, const gcam_tensor *seed, const gcam_relevance *how,
                                         gcam_session *reference);
/* UNSUPPORTED, naming the first layer between `start` and `wanted` that has no rule of this one's family. */
gcam_status gcam__relevance_check(const gcam_session *s, int start, int wanted, gcam_rule rule);
/* How many layers with weights lie between `start` and `wanted`; `*last` is the one nearest to `start`, -1: none. Errors: NOMEM. */
gcam_status gcam__relevance_weights_between(const gcam_session *s, int start, int wanted, int *count, int *last);
/* Spreads relevance over the inputs of layer i; run's dout and din may have several seeds. */
void gcam__relevance_layer(gcam_session *s, int i, gcam__run *run);
/* The input of layer i that gets no relevance and is not passed; -1: none, or no pass of relevance runs. */
int gcam__relevance_idle(const gcam_session *s, int i);
void gcam__relevance_free(gcam_session *s);

/* Runs only what lies behind `count` layers, whose values the caller brings in their places; all paths from the inputs must lead through
 * them. Errors: STATE (a path does not), SHAPE, and those of gcam_session_forward(). */
gcam_status gcam__session_forward_given(gcam_session *s, const int *layers, const gcam_tensor *const *values,
                                        int count);

/* What the blocks of a pass would take as things are watched now, with the values of `count` layers given, and with a way back where
 * `backward`. Errors: NOMEM, LIMIT. */
gcam_status gcam__session_bytes(gcam_session *s, const int *layers, int count, int backward, size_t *bytes);

/* Passes from now on are training passes: batch norm takes and remembers the batch's statistics, dropout drops. The network's weights
 * must be memory that may be written. `step` numbers the pass for random layers. */
void gcam__session_train(gcam_session *s, uint64_t seed, uint64_t step);
/* The network's weights have changed in place: before its next pass the session prepares anew what kernels had prepared. */
void gcam__session_weights_changed(gcam_session *s);
void gcam__session_refresh(gcam_session *s);

/* Puts what watches, hooks and the values given ask for into s->request. */
void gcam__session_collect_request(gcam_session *s);
gcam_status gcam__request_copy(gcam__request *to, const gcam__request *from, int count);
int gcam__request_equal(const gcam__request *a, const gcam__request *b, int count);
void gcam__request_free(gcam__request *request);
gcam_status gcam__request_create(gcam__request *request, int count);
/* Makes a block at least `bytes` large; what it held is lost when it grows. */
gcam_status gcam__block_reserve(gcam__block *block, size_t bytes);

/* Calls the hooks of one node; `value` may be edited by them. */
gcam_status gcam__hooks_call(const gcam_session *s, gcam_hook_when when, int node, gcam_tensor *value);
void gcam__hooks_free(gcam_session *s);

/* Runs the chain that ends at node i; most chains are one node. */
void gcam__session_run_chain(gcam_session *s, int i);
/* Points run's forward fields at node i's values. */
void gcam__session_fill_run(gcam_session *s, int i, gcam__run *run);
/* ERR_CANCELED if someone asked for it. */
gcam_status gcam__session_check_cancel(gcam_session *s, int node);
/* ERR_NUMERIC, naming the layer, if `value` holds NaN or infinity. */
gcam_status gcam__session_check_finite(const gcam_session *s, int node, const gcam_tensor *value, const char *what);

#endif
