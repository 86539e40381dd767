/* Rules of relevance as dense sums in double precision. */
#include "support/relevance_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void dense_create(dense *d, const trial *t) {
    reference r;
    trial_reference(t, &r, -1);
    *d = (dense){.n_in = gcam_shape_count(&t->in_shape[0]), .n_out = gcam_shape_count(&t->out->shape)};
    size_t in = (size_t)d->n_in, out = (size_t)d->n_out;
    d->a = calloc(in, sizeof(double)), d->w = calloc(in * out, sizeof(double));
    d->b = calloc(out, sizeof(double)), d->z = calloc(out, sizeof(double));
    memcpy(d->z, r.out, out * sizeof(double));
    memcpy(d->a, r.in[0], in * sizeof(double));
    memset(r.in[0], 0, in * sizeof(double));
    memset(r.out, 0, out * sizeof(double));
    reference_run(&r);
    memcpy(d->b, r.out, out * sizeof(double));
    for (size_t i = 0; i < in; i++) {
        r.in[0][i] = 1;
        memset(r.out, 0, out * sizeof(double));
        reference_run(&r);
        r.in[0][i] = 0;
        for (size_t j = 0; j < out; j++) d->w[j * in + i] = r.out[j] - d->b[j];
    }
    reference_free(&r);
}

void dense_free(dense *d) {
    free(d->a), free(d->w), free(d->b), free(d->z);
}

static double plus(double x) {
    return x > 0 ? x : 0;
}

static double minus(double x) {
    return x < 0 ? x : 0;
}

/* q_ij over one output's inputs, for the rule's own idea of a share. */
static double quantity(gcam_rule rule, double a, double w, double low, double high) {
    switch (rule) {
    case GCAM_RULE_EXCITATION:
        return plus(a) * plus(w);
    case GCAM_RULE_Z_BOX:
        return a * w - low * plus(w) - high * minus(w);
    case GCAM_RULE_W_SQUARE:
        return w * w;
    case GCAM_RULE_FLAT:
        return w != 0 ? 1 : 0;
    default:
        return a * w;
    }
}

static double ratio(double q, double z) {
    return z == 0 ? 0 : q / z;
}

static double stable(double z, double epsilon) {
    return z < 0 ? z - epsilon : z + epsilon;
}

/* The share of q in an output whose positive and negative sums are given. */
static double share_of(gcam_rule rule, const gcam_relevance *how, double q, double up, double down, double bias) {
    double z = up + down + bias, e = how->epsilon, g = how->gamma;
    double up_all = up + plus(bias), down_all = down + minus(bias);
    switch (rule) {
    case GCAM_RULE_EPSILON:
        return ratio(q, stable(z, e));
    case GCAM_RULE_GAMMA:
        if (z > 0) return ratio(q + g * plus(q), stable(z + g * up_all, e));
        return z < 0 ? ratio(q + g * minus(q), stable(z + g * down_all, e)) : 0;
    case GCAM_RULE_ALPHA_BETA:
        return how->alpha * ratio(plus(q), up_all) - (how->alpha - 1) * ratio(minus(q), down_all);
    default:
        return ratio(q, up + down);
    }
}

void dense_spread(const dense *d, gcam_rule rule, const gcam_relevance *how, const double *low, const double *high,
                  const float *r, double *r_in) {
    if (rule == GCAM_RULE_CONTRAST) { /* with w, minus the same with -w */
        dense negated = *d;
        double *other = calloc((size_t)d->n_in, sizeof *other);
        negated.w = calloc((size_t)(d->n_in * d->n_out), sizeof(double));
        for (int64_t i = 0; i < d->n_in * d->n_out; i++) negated.w[i] = -d->w[i];
        dense_spread(d, GCAM_RULE_EXCITATION, how, low, high, r, r_in);
        dense_spread(&negated, GCAM_RULE_EXCITATION, how, low, high, r, other);
        for (int64_t i = 0; i < d->n_in; i++) r_in[i] -= other[i];
        free(negated.w), free(other);
        return;
    }
    memset(r_in, 0, (size_t)d->n_in * sizeof *r_in);
    for (int64_t j = 0; j < d->n_out; j++) {
        double up = 0, down = 0, bias = how->ignore_bias ? 0 : d->b[j];
        for (int turn = 0; turn < 2; turn++) {
            for (int64_t i = 0; i < d->n_in; i++) {
                double q = quantity(rule, d->a[i], d->w[j * d->n_in + i], low ? low[i] : 0, high ? high[i] : 0);
                if (turn == 0)
                    up += plus(q), down += minus(q);
                else
                    r_in[i] += share_of(rule, how, q, up, down, bias) * r[j];
            }
        }
    }
}
