/* Relevance: a signal that is spread over a layer's inputs in the shares that they had in its output. Most operations are one of a few
 * kinds, whose passes are here; an operation names its kind in its table row. Notation: u inputs, o output, R relevance of the output,
 * st(z) = z + epsilon sgn(z), sgn(0) = 1, a prime marks the reference pass of DeepLIFT. */
#ifndef GCAM_LAYERS_RELEVANCE_H
#define GCAM_LAYERS_RELEVANCE_H

#include "layers/layer.h"

/* What a relevance pass tells a layer beyond the run. */
struct gcam__spread {
    gcam_rule rule;             /* this layer's */
    unsigned family;            /* of the rule */
    const gcam_relevance *how;  /* with defaults filled in; epsilon and gamma are 0 where they were negative */
    const gcam__run *reference; /* DeepLIFT: in, out and aux of the reference pass */
    const float *scale,
        *shift;    /* batch normalisation to fold into the weights, one number an output channel; NULL: none */
    int idle;      /* input that gets nothing: a gate, a divisor or a constant; -1: none */
    int folded;    /* 1: this normalisation is folded into the layer before it */
    void *scratch; /* gcam__relevance_scratch bytes */
    double *lost;  /* grows by |R| that is dropped where a denominator is 0 */
};

/*                               LRP                            excitation                 DeepLIFT
 * gcam__weighted   (relevance_weighted.c)  the rule of the layer                          W^t m
 * gcam__routed                  moved as the gradient          the same                   the same
 * gcam__elementwise             R                              R                          m (o - o') / (u - u')
 * gcam__summed     o = sum c u  u c R / st(o)                  u+ c R / sum u+ c          c m
 * gcam__product    o = a b      R/2 each, or all to the signal the same                   m (b + b') / 2, m (a + a') / 2
 * gcam__bilinear   o = A B      as summed, R/2 each            the same                   as product
 * gcam__diagonal   o = c u + d  u c R / st(o), or folded       R                          c m
 * gcam__winner                  to the winner                  the same                   to the winner, m (o - o') / (u - u')
 * gcam__steady     (norms)      R                              R                          gradient
 * Factors of gcam__elementwise fall back to the derivative where |u - u'| < 1e-6 max(1, |u|). */
extern const gcam__relevance gcam__weighted_conv, gcam__weighted_transposed, gcam__weighted_linear;
extern const gcam__relevance gcam__routed, gcam__elementwise, gcam__falling, gcam__gate, gcam__power;
extern const gcam__relevance gcam__summed, gcam__summed_signed, gcam__product, gcam__quotient, gcam__bilinear;
extern const gcam__relevance gcam__normalisation, gcam__diagonal, gcam__winner, gcam__loser, gcam__steady,
    gcam__no_rule;

/* The family of a rule; 0 for gradients. */
unsigned gcam__rule_family(gcam_rule rule);

/* Bytes of spread.scratch. */
size_t gcam__relevance_scratch(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                               int in_count, const gcam_shape *out);

/* The passes of layers with weights. */
void gcam__weighted_pass(const gcam__run *run);
size_t gcam__weighted_scratch(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                              const gcam_shape *out);

/* R / st(z); 0 where the denominator is 0, and |R| is added to *lost. */
static inline float gcam__share(double r, double z, double epsilon, double *lost) {
    double denominator = z + (z < 0 ? -epsilon : epsilon);
    if (denominator != 0) return (float)(r / denominator);
    *lost += r < 0 ? -r : r;
    return 0;
}

#endif
