/* Operations y = f(x), element by element. A file defines NAME_value(x, c) and NAME_slope(x, c), the function and its derivative,
 * and GCAM__CURVE(NAME, rules) makes the loops and the row of the table. `c` holds the operation's parameters, which are
 * doubles only. Backward with p = dy, p+ = max(p, 0), where `rules` is 1 (activations):
 *   gradient dx = f'(x) p,  guided dx = f'(x) p+,  deconvnet dx = p+;  where it is 0, dx = f'(x) p under every rule. */
#ifndef GCAM_LAYERS_CURVE_H
#define GCAM_LAYERS_CURVE_H

#include "layers/loops.h"
#include "layers/rectifier.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"
#include "layers/window.h"

enum { GCAM__CURVE_PARAMS = 2 };

typedef struct gcam__curve {
    const float *x, *dy;
    float *y; /* or dx */
    float c[GCAM__CURVE_PARAMS];
    gcam_rule rule;
} gcam__curve;

void gcam__curve_forward(const gcam__run *run, gcam__piece_fn values);
void gcam__curve_backward(const gcam__run *run, gcam__piece_fn slopes, int rules);

#define GCAM__CURVE(NAME, RULES, RELEVANCE) GCAM__CURVE_WITH(NAME, RULES, RELEVANCE, gcam__infer_same, 0, NULL)

/* RELEVANCE is the kind of relevance.h. The same with an own infer, and parameters: their size and their list. */
#define GCAM__CURVE_WITH(NAME, RULES, RELEVANCE, INFER, PARAMS_SIZE, PARAMS) \
    GCAM__CURVE_FUSED(NAME, RULES, RELEVANCE, INFER, PARAMS_SIZE, PARAMS, GCAM__FUSE_NONE)

/* The same with what the operation is as a step of a chain. */
#define GCAM__CURVE_FUSED(NAME, RULES, RELEVANCE, INFER, PARAMS_SIZE, PARAMS, FUSED)        \
    static void NAME##_values(const void *context, int64_t begin, int64_t end) {            \
        const gcam__curve *g = context;                                                     \
        for (int64_t i = begin; i < end; i++) g->y[i] = NAME##_value(g->x[i], g->c);        \
    }                                                                                       \
    static void NAME##_slopes(const void *context, int64_t begin, int64_t end) {            \
        const gcam__curve *g = context;                                                     \
        for (int64_t i = begin; i < end; i++) {                                             \
            float p = g->rule == GCAM_RULE_GRADIENT ? g->dy[i] : gcam__positive(g->dy[i]);  \
            g->y[i] = g->rule == GCAM_RULE_DECONVNET ? p : NAME##_slope(g->x[i], g->c) * p; \
        }                                                                                   \
    }                                                                                       \
    static void NAME##_forward(const gcam__run *run) {                                      \
        gcam__curve_forward(run, NAME##_values);                                            \
    }                                                                                       \
    static void NAME##_backward(const gcam__run *run) {                                     \
        gcam__curve_backward(run, NAME##_slopes, RULES);                                    \
    }                                                                                       \
    const gcam__op gcam__op_##NAME = {.name = #NAME,                                        \
                                      .min_inputs = 1,                                      \
                                      .max_inputs = 1,                                      \
                                      .needs = GCAM__NEEDS_INPUT,                           \
                                      .in_place = 1,                                        \
                                      .fused_as = FUSED,                                    \
                                      .reach = gcam__reach_cell,                            \
                                      .infer = INFER,                                       \
                                      .params_size = PARAMS_SIZE,                           \
                                      .params = PARAMS,                                     \
                                      .forward = NAME##_forward,                            \
                                      .backward = NAME##_backward,                          \
                                      .relevance = &gcam__##RELEVANCE};

#endif
