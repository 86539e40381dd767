/* Rules of relevance once more, as dense sums over q_ij = a_i w_ij in double precision: what lib/layers/relevance*.c is compared with. */
#ifndef TESTS_RELEVANCE_REFERENCE_H
#define TESTS_RELEVANCE_REFERENCE_H

#include "support/layer_case.h"

/* A linear layer as a matrix: z_j = sum_i a_i w[j n_in + i] + b[j]. Made by feeding the double reference of the layer one unit vector after
 * the other, so padding, groups and windows need no second description. */
typedef struct dense {
    int64_t n_in, n_out;
    double *a, *w, *b, *z;
} dense;

void dense_create(dense *d, const trial *t);
void dense_free(dense *d);

/* R_i = sum_j (share of i in j) R_j by `rule` with the numbers of `how` (defaults filled in); overwrites r_in. `low` and `high` are for
 * Z_BOX, one number an input. */
void dense_spread(const dense *d, gcam_rule rule, const gcam_relevance *how, const double *low, const double *high,
                  const float *r, double *r_in);

#endif
