/* The plan: where every value of a pass lives, and how long.
 *
 * A forward pass takes one step a node. A value lives from the step that makes it to the last step that reads it; a layer that
 * changes nothing but the shape (a view) or may overwrite its input (in place) shares its input's place. What a watcher, or a layer
 * on the way back, still needs afterwards lives to the end. A backward pass has its own block, planned the same way over the steps
 * from the output back to the watched gradients; its sizes grow with the number of seeds. */
#ifndef GCAM_GRAPH_PLAN_H
#define GCAM_GRAPH_PLAN_H

#include "graph/network.h"

/* What a pass must leave behind; one flag a node. */
typedef struct gcam__request {
    unsigned char *
        activation; /* GCAM__REACH: compute it; GCAM__KEEP: keep it after the pass; GCAM__GIVEN: the caller brings it */
    unsigned char *gradient; /* the same for the gradient */
    int parameters;          /* gradients of weights */
    int everything;          /* every value that a pass of relevance may read: all activations */
    int training;            /* layers run as in training */
    int unfused;             /* every node runs by itself */
} gcam__request;

enum { GCAM__REACH = 1, GCAM__KEEP = 2, GCAM__GIVEN = 4 };

#define GCAM__NOWHERE SIZE_MAX

/* Bytes of one block with a place per value. */
typedef struct gcam__forward_plan {
    unsigned char *needed; /* the node runs: the output, or something watched, depends on it */
    unsigned char *below;  /* a wanted gradient lies at this node or below: backward passes through it */
    size_t *activation;    /* offset of the node's output in the block */
    size_t *aux;           /* offset of what its backward needs; GCAM__NOWHERE */
    size_t *scratch;       /* offset of what the node needs while it runs; GCAM__NOWHERE */
    signed char *link;     /* which input the node runs together with, as one operation; -1: none */
    int *tail;             /* last node of the chain that the node runs in, often itself */
    size_t block_bytes;
} gcam__forward_plan;

typedef struct gcam__backward_plan {
    int64_t seeds;
    unsigned char *below; /* as in the forward plan, for this pass's own, perhaps smaller, request */
    size_t *gradient;     /* offset of the node's gradient; GCAM__NOWHERE */
    size_t *partial; /* offset where this node puts contributions to gradients that others have begun; GCAM__NOWHERE */
    size_t *scratch; /* offset of what the node needs while it is passed; GCAM__NOWHERE */
    size_t block_bytes;
} gcam__backward_plan;

/* Plans for shapes (one a node, at the session's size). Errors: NOMEM, LIMIT. */
gcam_status gcam__plan_forward(gcam__forward_plan *plan, const gcam_network *network, const gcam_shape *shapes,
                               const gcam__request *request, const gcam__compute *compute);
gcam_status gcam__plan_backward(gcam__backward_plan *plan, const gcam_network *network, const gcam_shape *shapes,
                                const gcam__request *request, const gcam__forward_plan *forward, int64_t seeds,
                                const gcam__compute *compute);
/* 1 where a forward pass planned for `forward` kept all that a backward pass for `request` needs. */
int gcam__plan_covers(const gcam_network *network, const gcam__forward_plan *forward, const gcam__request *planned,
                      const gcam__request *request);
/* 1 where the node is passed on the way back: one of its inputs, or its weights, want a gradient. */
int gcam__plan_passes(const gcam_network *network, const gcam__request *request, const unsigned char *needed,
                      const unsigned char *below, int node);
/* 1 where the node's output is its input's memory. */
int gcam__plan_is_view(const gcam__node *node, int training);
/* A place inside the place of another node, the owner (-1: none); `offset` in bytes. */
typedef struct gcam__slice {
    int owner;
    size_t offset;
} gcam__slice;

/* Slices for all nodes; extends lives (`last`) that a shared place ties together. */
void gcam__plan_slices(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                       const gcam__forward_plan *plan, gcam__slice *slices, int *last);
/* Fills in plan->link and plan->tail; `needed` and `below` are there. The first node of a chain is the one that runs. */
void gcam__plan_chains(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                       gcam__forward_plan *plan);
int gcam__chain_head(const gcam_network *network, const gcam__forward_plan *plan, int node);
/* Bytes of one place: rounded up so that the next one is aligned. */
size_t gcam__plan_round(size_t bytes);
void gcam__forward_plan_free(gcam__forward_plan *plan);
void gcam__backward_plan_free(gcam__backward_plan *plan);

#endif
