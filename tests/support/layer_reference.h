/* Every operation once more in double precision, as plain loops over the formula: what the layers room is compared with. */
#ifndef TESTS_LAYER_REFERENCE_H
#define TESTS_LAYER_REFERENCE_H

#include "layers/layer.h"

enum { REFERENCE_INPUTS = 4 };

/* One evaluation. Forward adds to `out` (cleared by the caller); with `backward` set, it adds to `din` and `dweight` instead,
 * for the gradient `dout` of one seed. */
typedef struct reference {
    const gcam__layer *layer;
    int in_count;
    const gcam_shape *in_shape;
    gcam_shape out_shape;
    double *in[REFERENCE_INPUTS], *weight[GCAM__MAX_WEIGHTS], *out;
    int backward;
    double *dout, *din[REFERENCE_INPUTS], *dweight[GCAM__MAX_WEIGHTS];
} reference;

/* Runs the reference of the layer's operation; 0 if there is none. Operations that have no formula for their gradient here are
 * differentiated numerically. */
int reference_run(reference *r);
/* d(sum of dout * out) / d(*value), where `value` is one of the inputs or weights: four-point central difference. */
double reference_quotient(reference *r, double *value);

/* The functions without a formula for the gradient (layer_functions.c): forward of the operation `name`; 0 if there is none. */
int reference_function(reference *r);

#endif
