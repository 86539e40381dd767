/* One layer with everything a run needs, and its double reference beside it: for tests of the layers room. */
#ifndef TESTS_LAYER_CASE_H
#define TESTS_LAYER_CASE_H

#include "support/layer_reference.h"

/* What to build: an operation, its parameters (NULL: none), its inputs' shapes. */
typedef struct layer_case {
    const char *op;
    const void *params;
    int in_count;
    gcam_shape in[REFERENCE_INPUTS];
    float scale, shift; /* inputs are scale u + shift, u in -1 .. 1; scale 0 means 1 */
} layer_case;

/* layer_cases.c: every operation has at least one; odd sizes, odd strides, batch 2. */
extern const layer_case layer_cases[];
extern const int layer_case_count;

/* A layer, its values and gradients. Inputs are distinct numbers, none 0, so that no rectifier and no maximum is near
 * a kink. Outputs, gradients of inputs and all byte blocks begin as NaN. */
typedef struct trial {
    gcam__compute compute;
    gcam__layer layer;
    int in_count;
    int64_t seeds;
    gcam_shape in_shape[REFERENCE_INPUTS];
    gcam_tensor *in[REFERENCE_INPUTS], *out;
    gcam_tensor *dout, *din[REFERENCE_INPUTS]; /* batch G N */
    gcam_tensor *dweight[GCAM__MAX_WEIGHTS];   /* begins as 1: backward adds */
    void *aux, *prepared, *scratch[2];         /* scratch: forward, backward */
    const gcam__training *training;            /* NULL: as at inference */
} trial;

/* Infers shapes and checks parameters; the error of either. With `t` filled in only as far as that needs. */
gcam_status trial_infer(trial *t, const layer_case *c, gcam_shape *out);
void trial_create(trial *t, const layer_case *c, const gcam__compute *compute, int64_t seeds);
void trial_free(trial *t);

void trial_forward(trial *t);
/* Hands over the inputs and the output only where the operation says that it needs them. */
void trial_backward(trial *t, gcam_rule rule, int with_weights);

/* The reference on the trial's values; with `seed` >= 0 also backward for that seed. */
void trial_reference(const trial *t, reference *r, int64_t seed);
void reference_free(reference *r);

/* `count` distinct numbers in -1 .. 1, none of them 0, in an order that depends on `stream`; streams 0 to 3 share none. */
void fill_distinct(float *values, int64_t count, uint64_t stream);

#endif
