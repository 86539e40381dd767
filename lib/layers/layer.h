/* The contract between a layer and the graph. An operation is one file and one row in the table of layers/layer.c:
 * shape inference, forward, backward under every rule, with its formula at the top. */
#ifndef GCAM_LAYERS_LAYER_H
#define GCAM_LAYERS_LAYER_H

#include "gradcam/layers.h"
#include "kernels/kernels.h"

enum { GCAM__MAX_WEIGHTS = 4 };

typedef struct gcam__op gcam__op;

/* A layer: an operation with its parameters and its bound weights. Immutable once the network is finished. */
typedef struct gcam__layer {
    const gcam__op *op;
    const char *name;
    void *params;                          /* op->params_size bytes, defaults filled in; NULL where the op has none */
    gcam_tensor weight[GCAM__MAX_WEIGHTS]; /* in the order of op->weights; data == NULL: absent */
} gcam__layer;

/* How graph text writes one parameter. Kinds: integers are int64_t, numbers double, lists gcam_dims and gcam_numbers. */
typedef enum gcam__param_kind {
    GCAM__PARAM_INT,
    GCAM__PARAM_INT2,
    GCAM__PARAM_NUMBER,
    GCAM__PARAM_DIMS,
    GCAM__PARAM_NUMBERS
} gcam__param_kind;
typedef struct gcam__param {
    const char *name;
    gcam__param_kind kind;
    size_t offset;
    double fallback; /* the default that a zero stands for */
    int required;    /* must be above zero; a list must not be empty */
    int is_signed;   /* an integer that may be negative */
} gcam__param;

/* What a layer is told when it runs in training; NULL at inference. Random layers draw from (seed, step, layer), so that a step can be
 * repeated; batch norm takes the batch's statistics and moves its running averages, whose memory the network's owner may write. */
typedef struct gcam__training {
    uint64_t seed, step;
    int layer; /* index in the network */
} gcam__training;

typedef struct gcam__spread gcam__spread;
struct gcam__window; /* window.h */

/* One run of one layer. Forward reads `in` and writes `out` and `aux`; backward reads `dout` and what the operation says it needs
 * and overwrites each non-NULL `din`. With G seeds, dout and din have batch G N (seed-major), in, out and aux batch N. */
typedef struct gcam__run {
    const gcam__compute *compute;
    const gcam__layer *layer;
    const gcam_tensor *const *in; /* backward: NULL entries unless GCAM__NEEDS_INPUT */
    int in_count;
    const gcam_shape *in_shape;     /* always there, also where in[i] is not */
    gcam_tensor *out;               /* backward: NULL unless GCAM__NEEDS_OUTPUT */
    void *aux;                      /* op->aux_bytes; forward: NULL when no backward will follow */
    void *scratch;                  /* op->scratch_bytes; contents undefined */
    const void *prepared;           /* op->prepared_bytes, made by op->prepare for both directions; NULL where none */
    const gcam__training *training; /* NULL: inference */
    const gcam__epilogue *fused;    /* forward: what the output passes through, as op->fuses allows; NULL: nothing */
    /* backward only */
    int64_t seeds;
    const gcam_tensor *dout;
    gcam_tensor *const *din;     /* NULL entries are not wanted */
    gcam_tensor *const *dweight; /* NULL, or one per weight that the layer has (else NULL); *added to* */
    gcam_rule rule;
    const gcam__spread *spread; /* NULL except in gcam__relevance.pass */
} gcam__run;

/* What backward must find of the forward pass. */
enum { GCAM__NEEDS_INPUT = 1, GCAM__NEEDS_OUTPUT = 2, GCAM__NEEDS_AUX = 4, GCAM__NEEDS_INPUT_FOR_WEIGHTS = 8 };

/* Families of rules of relevance. */
enum { GCAM__LRP = 1, GCAM__EXCITATION = 2, GCAM__DEEPLIFT = 4, GCAM__ALL_FAMILIES = 7 };

/* How relevance passes an operation; see relevance.h. */
typedef struct gcam__relevance {
    void (*pass)(const gcam__run *run); /* in and out are there; one seed; overwrites each non-NULL din */
    unsigned families;                  /* that are defined here */
    int weights;                        /* 1: a convolution's rule, 2: a fully connected layer's; 0: no weights */
    int folds;                          /* 1: takes the scale and shift of a batch normalisation behind it */
    int routes;                         /* 1: values are only moved about */
    int is_norm;                        /* 1: folds into the layer before it; prepared memory: scale, shift */
    int is_gate;                        /* 1: as an input of a product it is a gate, which gets no relevance */
    int is_product;                     /* 1: a gate or constant among its inputs gets nothing, the other all */
    int is_quotient;                    /* 1: the second input gets nothing */
    int one_input;                      /* 1: defined only where all inputs but the first are constants */
} gcam__relevance;

/* What an operation is as a step behind another one; a chain has its steps in this order. */
typedef enum gcam__fuse {
    GCAM__FUSE_NONE = 0,
    GCAM__FUSE_SCALE, /* times and plus a number a channel: prepared weights are scale (C), then shift (C) */
    GCAM__FUSE_ADD,   /* plus another value of the same shape */
    GCAM__FUSE_RELU,  /* max(0, .) */
    GCAM__FUSE_RELU6  /* min(max(0, .), 6) */
} gcam__fuse;

struct gcam__op {
    const char *name; /* "conv2d": in graph text and in the builder */
    size_t params_size;
    const gcam__param *params;  /* ends with a NULL name; NULL: none */
    const char *const *weights; /* names after the layer's own ("weight", "bias"); ends with NULL; NULL: none */
    int min_inputs, max_inputs; /* max_inputs 0: any number */
    unsigned needs;
    int in_place; /* 1: out may be in[0]'s memory in forward, where backward will not need in[0] */
    int view;     /* 1: out is in[0]'s memory under another shape (flatten, dropout); forward copies if it is not */
    int trains;   /* 1: in training the layer is another function than at inference, and no view */
    int is_input; /* 1: the caller gives the value; there is nothing to compute */
    /* 1 where the inputs lie one after the other in the output, so that they may be made there; forward leaves alone what is there. */
    int (*slices)(const gcam__layer *layer, const gcam_shape *out);
    /* 1 where a cell of the output sees a window of each input (N C H W) and nothing else: its rows and columns; `fill` is what padding is. */
    int (*reach)(const gcam__layer *layer, struct gcam__window *window, float *fill);
    gcam__fuse fused_as;                                     /* how another operation can take this one on */
    int (*fuses)(const gcam__layer *layer, gcam__fuse step); /* 1: forward can take such a step on; NULL: none */

    /* Output's shape from the inputs'. Errors: SHAPE with a sentence. */
    gcam_status (*infer)(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out);
    /* Shape that weight `which` must have for these inputs; returns 0 where the layer has no such weight (no_bias). NULL: no weights. */
    int (*weight_shape)(const gcam__layer *layer, const gcam_shape *in, int which, gcam_shape *shape);
    /* Multiply-adds. NULL: 0. */
    int64_t (*multiplies)(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out);
    /* Sizes; NULL functions mean 0. `backward` tells which pass the scratch is for: 0 forward, 1 backward, 2 backward with
     * gradients of weights; `seeds` is G (1 in forward). */
    size_t (*aux_bytes)(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out);
    size_t (*scratch_bytes)(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                            const gcam_shape *out, int backward, int64_t seeds);
    size_t (*prepared_bytes)(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                             const gcam_shape *out);
    void (*prepare)(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out,
                    void *prepared);
    void (*forward)(const gcam__run *run);
    void (*backward)(const gcam__run *run);
    const gcam__relevance *relevance; /* NULL: no rule of relevance is defined */
};

/* The table. "input" stands for the network's input: it has no inputs, infers its usual shape at batch 1, and is never run
 * (forward and backward are NULL). Operation by name or position; NULL if there is none. */
const gcam__op *gcam__op_find(const char *name);
const gcam__op *gcam__op_at(size_t index);

/* Fills `params` with the caller's struct (NULL: all zero) and puts defaults where a field is zero. Errors: ARGUMENT (a required
 * parameter is missing, a size is negative). */
gcam_status gcam__params_set(const gcam__op *op, const char *layer_name, void *params, const void *source);

/* "64x3x11x11", for messages; writes into `text` (at least 160 bytes) and returns it. */
const char *gcam__shape_text(const gcam_shape *shape, char *text);

#endif
