/* Tests of relevance (LRP, excitation backpropagation, DeepLIFT): each operation's pass against dense double sums, its conservation and
 * completeness, and passes through whole networks. */
#include "layers/relevance.h"

#include "core/memory.h"
#include "graph/session.h"
#include "support/relevance_reference.h"
#include "support/tiny.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const gcam__compute in_caller = {.kernels = GCAM_KERNELS_AUTO};

static const gcam_relevance usual = {.epsilon = 1e-6, .gamma = 0.25, .alpha = 2};

/* ---- one layer ------------------------------------------------------------------------------------------------------------- */

/* The input of a case that the tests take for a constant; -1: none. */
static int constant_input(const trial *t) {
    const gcam__relevance *kind = t->layer.op->relevance;
    return kind->one_input || kind->is_quotient ? 1 : -1;
}

static gcam__run run_of(trial *t, gcam_tensor **din) {
    gcam__run run = {.compute = &t->compute,
                     .layer = &t->layer,
                     .in = (const gcam_tensor *const *)t->in,
                     .in_count = t->in_count,
                     .in_shape = t->in_shape,
                     .out = t->out,
                     .aux = t->aux,
                     .scratch = t->scratch[1],
                     .prepared = t->prepared,
                     .seeds = 1,
                     .dout = t->dout,
                     .din = din};
    for (int k = 0; k < t->in_count; k++) din[k] = k == constant_input(t) ? NULL : t->din[k];
    return run;
}

/* Spreads t->dout (of one seed) over t->din by `rule`; returns what was lost. `other`: the reference pass. */
static double spread(trial *t, trial *other, gcam_rule rule, const gcam_relevance *how) {
    gcam_tensor *din[REFERENCE_INPUTS], *no_din[REFERENCE_INPUTS];
    double lost = 0;
    gcam__run run = run_of(t, din), before = run_of(other, no_din);
    gcam__spread s = {.rule = rule, .family = gcam__rule_family(rule), .how = how, .reference = &before, .lost = &lost};
    s.idle = constant_input(t);
    size_t bytes = gcam__relevance_scratch(&t->compute, &t->layer, t->in_shape, t->in_count, &t->out->shape);
    s.scratch = gcam__alloc(bytes + 64);
    memset(s.scratch, 0xFF, bytes);
    memset((char *)s.scratch + bytes, 0x5A, 64);
    run.spread = &s, run.rule = rule;
    t->layer.op->relevance->pass(&run);
    for (int i = 0; i < 64; i++) ck_assert_int_eq(((char *)s.scratch + bytes)[i], 0x5A); /* no room but its own */
    gcam__free(s.scratch);
    return lost;
}

static double sum_of(const gcam_tensor *tensor) {
    double sum = 0;
    for (int64_t i = 0; i < gcam_shape_count(&tensor->shape); i++) sum += tensor->data[i];
    return sum;
}

static double magnitude_of(const gcam_tensor *tensor) {
    double sum = 0;
    for (int64_t i = 0; i < gcam_shape_count(&tensor->shape); i++) sum += fabs(tensor->data[i]);
    return sum;
}

static void sums_of(const trial *t, double *sum, double *magnitude) {
    *sum = *magnitude = 0;
    for (int k = 0; k < t->in_count; k++) {
        if (k == constant_input(t)) continue;
        *sum += sum_of(t->din[k]);
        *magnitude += magnitude_of(t->din[k]);
    }
}

static int begin(trial *t, const layer_case *c, unsigned family) {
    trial_create(t, c, &in_caller, 1);
    const gcam__relevance *kind = t->layer.op->relevance;
    if (kind && kind->families & family) {
        trial_forward(t);
        return 1;
    }
    trial_free(t);
    return 0;
}

START_TEST(every_operation_has_a_rule_or_a_reason) {
    static const char *const without[] = {"input", "tensor_input", "constant", "softmax", "log_softmax"};
    for (size_t i = 0; gcam__op_at(i); i++) {
        const gcam__op *op = gcam__op_at(i);
        int excused = 0;
        for (size_t k = 0; k < sizeof without / sizeof *without; k++) excused |= strcmp(op->name, without[k]) == 0;
        ck_assert_msg(excused || (op->relevance && op->relevance->families & GCAM__LRP),
                      "%s has no rule of LRP; layers/relevance.h lists the kinds", op->name);
        ck_assert_msg(excused || op->relevance->families & GCAM__DEEPLIFT, "%s has no rule of DeepLIFT", op->name);
    }
}
END_TEST

/* Without biases and epsilon no relevance is made or lost; padding keeps none for itself but what is cut off is gone. */
START_TEST(lrp_conserves_relevance_in_every_layer) {
    const layer_case *c = &layer_cases[_i];
    const gcam_relevance how = {.gamma = 0.25, .alpha = 2, .ignore_bias = 1};
    static const gcam_rule rules[] = {GCAM_RULE_EPSILON, GCAM_RULE_GAMMA, GCAM_RULE_ALPHA_BETA};
    for (size_t r = 0; r < 3; r++) {
        trial t;
        if (strcmp(c->op, "pad") == 0 || !begin(&t, c, GCAM__LRP)) return;
        double sum, magnitude, lost = spread(&t, &t, rules[r], &how);
        sums_of(&t, &sum, &magnitude);
        double wanted = sum_of(t.dout);
        if (rules[r] == GCAM_RULE_ALPHA_BETA) lost *= 2; /* where terms are of one sign, 2 R or -R */
        ck_assert_msg(fabs(sum - wanted) <= lost + 1e-5 * magnitude + 1e-6, "%s (case %d), rule %d: %g of %g", c->op,
                      _i, (int)rules[r], sum, wanted);
        trial_free(&t);
        if (!gcam__op_find(c->op)->relevance->weights) return;
    }
}
END_TEST

START_TEST(excitation_keeps_its_mass_in_every_layer) {
    const layer_case *c = &layer_cases[_i];
    trial t;
    if (strcmp(c->op, "pad") == 0 || !begin(&t, c, GCAM__EXCITATION)) return;
    for (int64_t i = 0; i < gcam_shape_count(&t.dout->shape); i++) t.dout->data[i] = fabsf(t.dout->data[i]);
    double sum, magnitude, lost = spread(&t, &t, GCAM_RULE_EXCITATION, &usual);
    sums_of(&t, &sum, &magnitude);
    ck_assert_msg(sum == magnitude, "%s (case %d) made negative mass", c->op, _i);
    ck_assert_msg(fabs(sum + lost - sum_of(t.dout)) <= 1e-5 * sum_of(t.dout), "%s (case %d): %g and %g lost, of %g",
                  c->op, _i, sum, lost, sum_of(t.dout));
    trial_free(&t);
}
END_TEST

/* sum m (u - u') is the same before and behind a layer. Norms are linearised (the specification says so): they are left out. */
START_TEST(deeplift_is_complete_in_every_layer) {
    const layer_case *c = &layer_cases[_i];
    trial t, other;
    if (strcmp(c->op, "lrn") == 0 || strcmp(c->op, "l2_normalize") == 0) return;
    if (!begin(&t, c, GCAM__DEEPLIFT) || !begin(&other, c, GCAM__DEEPLIFT)) return;
    for (int k = 0; k < t.in_count; k++) {
        int64_t count = gcam_shape_count(&t.in_shape[k]);
        for (int64_t i = 0; k != constant_input(&t) && i < count; i++)
            other.in[k]->data[i] = t.in[k]->data[count - 1 - i];
    }
    trial_forward(&other);
    spread(&t, &other, GCAM_RULE_DEEPLIFT, &usual);
    double before = 0, behind = 0, size = 0;
    for (int64_t i = 0; i < gcam_shape_count(&t.out->shape); i++)
        behind += t.dout->data[i] * ((double)t.out->data[i] - other.out->data[i]);
    for (int k = 0; k < t.in_count; k++) {
        for (int64_t i = 0; k != constant_input(&t) && i < gcam_shape_count(&t.in_shape[k]); i++) {
            double share = t.din[k]->data[i] * ((double)t.in[k]->data[i] - other.in[k]->data[i]);
            before += share;
            size += fabs(share);
        }
    }
    ck_assert_msg(fabs(before - behind) <= 1e-5 * size + 1e-6, "%s (case %d): %g before, %g behind", c->op, _i, before,
                  behind);
    trial_free(&t);
    trial_free(&other);
}
END_TEST

/* Over an even reference the window's cells differ by rounding alone: the first takes the share, whichever is largest by a bit. */
START_TEST(rounding_does_not_choose_the_winner) {
    const layer_case c = {"max_pool", &(gcam_pool_params){.kernel = {2, 2}}, 1, {{4, {1, 1, 2, 2}}}, .scale = 0};
    const float falling[4] = {0.1f, -0.2f, 0.3f, 0.25f}, even[4] = {0.5f, 0.5f, 0.5f, 0.50000006f};
    trial t, other;
    begin(&t, &c, GCAM__DEEPLIFT), begin(&other, &c, GCAM__DEEPLIFT);
    memcpy(t.in[0]->data, falling, sizeof falling), memcpy(other.in[0]->data, even, sizeof even);
    trial_forward(&t), trial_forward(&other);
    t.dout->data[0] = 3;
    spread(&t, &other, GCAM_RULE_DEEPLIFT, &usual);
    const double factor = (0.3 - 0.5) / (0.1 - 0.5); /* to the reference's winner, as the output fell */
    ck_assert_float_eq_tol(t.din[0]->data[0], 3 * factor, 1e-5);
    for (int i = 1; i < 4; i++) ck_assert_float_eq(t.din[0]->data[i], 0);
    trial_free(&t), trial_free(&other);
}
END_TEST

/* ---- linear layers against dense sums ------------------------------------------------------------------------------------------ */

static void check_dense(const layer_case *c, const dense *d, trial *t, gcam_rule rule, const gcam_relevance *how) {
    ck_assert_int_gt(d->n_in, 0);
    double *expected = calloc((size_t)d->n_in, sizeof *expected), *low = calloc((size_t)d->n_in, 2 * sizeof *low);
    double *high = low + d->n_in, largest = 0;
    for (int64_t i = 0; i < d->n_in; i++) {
        int64_t channel = t->in_shape[0].rank > 1
                              ? i / (d->n_in / t->in_shape[0].dim[0] / t->in_shape[0].dim[1]) % t->in_shape[0].dim[1]
                              : 0;
        low[i] = how->low ? how->low[channel] : -2, high[i] = how->high ? how->high[channel] : 3;
    }
    spread(t, t, rule, how);
    dense_spread(d, rule, how, low, high, t->dout->data, expected);
    for (int64_t i = 0; i < d->n_in; i++) largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < d->n_in; i++)
        ck_assert_msg(fabs(t->din[0]->data[i] - expected[i]) <= 1e-4 * largest,
                      "%s (case %d), rule %d: element %d is %g, expected %g", c->op, (int)(c - layer_cases), (int)rule,
                      (int)i, t->din[0]->data[i], expected[i]);
    free(low), free(expected);
}

START_TEST(weighted_layers_match_dense_sums) {
    const layer_case *c = &layer_cases[_i];
    const gcam__relevance *kind = gcam__op_find(c->op)->relevance;
    int64_t in = gcam_shape_count(&c->in[0]);
    if (!kind || !kind->weights || in > 1000) return; /* dense sums of the large case take seconds */
    static const float low[16] = {-2, -2, -2, -3, -3, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2};
    static const float high[16] = {2, 3, 3, 3, 2, 3, 3, 2, 3, 3, 3, 3, 3, 3, 3, 3};
    for (int positive = 0; positive < 2; positive++) {
        layer_case own = *c;
        own.shift = (float)positive; /* with and without negative inputs */
        trial t;
        trial_create(&t, &own, &in_caller, 1);
        trial_forward(&t);
        dense d;
        dense_create(&d, &t);
        for (gcam_rule rule = GCAM_RULE_EXCITATION; rule <= GCAM_RULE_FLAT; rule++) {
            gcam_relevance how = {.epsilon = 0.1, .gamma = 0.5, .alpha = 3};
            if (t.in_shape[0].rank == 4) how.low = low, how.high = high;
            if (rule == GCAM_RULE_Z_BOX && !how.low) continue;
            check_dense(c, &d, &t, rule, &how);
            how.ignore_bias = 1, how.epsilon = 1e-2, how.alpha = 1;
            check_dense(c, &d, &t, rule, &how);
        }
        dense_free(&d);
        trial_free(&t);
    }
}
END_TEST

START_TEST(linear_layers_without_weights_match_dense_sums) {
    const layer_case *c = &layer_cases[_i];
    const gcam__op *op = gcam__op_find(c->op);
    int summed = op->relevance == &gcam__summed && op->max_inputs == 1, diagonal = op->relevance == &gcam__diagonal;
    if (!summed && !diagonal && op->relevance != &gcam__normalisation) return;
    trial t;
    trial_create(&t, c, &in_caller, 1);
    trial_forward(&t);
    dense d;
    dense_create(&d, &t);
    const gcam_relevance how = {.epsilon = 0.1, .gamma = 0.5, .alpha = 2};
    check_dense(c, &d, &t, GCAM_RULE_EPSILON, &how);
    if (summed) check_dense(c, &d, &t, GCAM_RULE_EXCITATION, &how);
    dense_free(&d);
    trial_free(&t);
}
END_TEST

/* ---- whole networks ------------------------------------------------------------------------------------------------------------- */

typedef struct passed {
    float *input; /* relevance of the input */
    double lost, size;
} passed;

/* Runs forward, then relevance from `seed` down to the input. */
static gcam_status pass_status(tiny *t, const float *seed, const gcam_relevance *how, gcam_session *other) {
    int input = gcam_network_input(t->network);
    ck_assert_int_eq(gcam_session_watch(t->session, input, GCAM_WATCH_GRADIENT), GCAM_OK);
    ck_assert_int_eq(gcam_session_watch_relevance(t->session, 1), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t->session, t->input), GCAM_OK);
    gcam_tensor start = *gcam_session_output(t->session);
    start.data = (float *)(uintptr_t)seed;
    return gcam_session_relevance(t->session, &start, how, other);
}

static passed pass(tiny *t, const float *seed, const gcam_relevance *how) {
    gcam_status status = pass_status(t, seed, how, NULL);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    const gcam_tensor *r = gcam_session_gradient(t->session, gcam_network_input(t->network));
    int64_t count = gcam_shape_count(&r->shape);
    passed p = {.input = calloc((size_t)count, sizeof(float)), .lost = gcam_session_relevance_lost(t->session)};
    memcpy(p.input, r->data, (size_t)count * sizeof(float));
    for (int64_t i = 0; i < count; i++) p.size = fmax(p.size, fabsf(p.input[i]));
    return p;
}

static double total(const float *values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

static gcam_relevance preset(const char *name) {
    gcam_relevance how;
    ck_assert_int_eq(gcam_relevance_preset(&how, name), GCAM_OK);
    return how;
}

/* conv -> batch norm -> relu -> conv -> add -> pool -> linear, or the same with the norm's numbers in the first convolution. */
static void norm_net(tiny *t, int folded) {
    static const float gamma[4] = {1.5f, -0.5f, 0.75f, 2}, beta[4] = {0.1f, 0.4f, -0.2f, 0.3f};
    static const float mean[4] = {0.2f, -0.1f, 0, 0.3f}, var[4] = {0.5f, 1.2f, 2, 0.8f};
    tiny_begin(t);
    float w[4 * 3 * 9], b[4];
    for (int i = 0; i < 4 * 27; i++) w[i] = (float)sin(1 + 0.7 * i);
    for (int k = 0; k < 4; k++) {
        double scale = folded ? gamma[k] / sqrt(var[k] + 1e-5) : 1;
        for (int i = 0; i < 27; i++) w[k * 27 + i] = (float)(w[k * 27 + i] * scale);
        b[k] = (float)(folded ? (0.1 * k - mean[k]) * scale + beta[k] : 0.1 * k);
    }
    tiny_weight(t, "c1.weight", gcam_shape_nchw(4, 3, 3, 3), w, 0);
    tiny_weight(t, "c1.bias", (gcam_shape){1, {4}}, b, 0);
    if (!folded) {
        tiny_weight(t, "n1.weight", (gcam_shape){1, {4}}, gamma, 0);
        tiny_weight(t, "n1.bias", (gcam_shape){1, {4}}, beta, 0);
        tiny_weight(t, "n1.running_mean", (gcam_shape){1, {4}}, mean, 0);
        tiny_weight(t, "n1.running_var", (gcam_shape){1, {4}}, var, 0);
    }
    tiny_weight(t, "c2.weight", gcam_shape_nchw(4, 4, 3, 3), NULL, 3);
    tiny_weight(t, "c2.bias", (gcam_shape){1, {4}}, NULL, 4);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {3, 16}}, NULL, 5);
    tiny_weight(t, "fc.bias", (gcam_shape){1, {3}}, NULL, 6);
    gcam_builder *g = t->builder;
    gcam_conv2d_params conv = {.out = 4, .kernel = {3, 3}, .pad = {1, 1}};
    gcam_node x = gcam_conv2d(g, "c1", gcam_input(g, "image", 3, 8, 8), &conv);
    if (!folded) x = gcam_batchnorm(g, "n1", x, NULL);
    x = gcam_relu(g, "a1", x);
    gcam_node y = gcam_conv2d(g, "c2", x, &conv);
    x = gcam_max_pool(g, "pool", gcam_relu(g, "a2", gcam_add(g, "add", x, y)), &(gcam_pool_params){.kernel = {4, 4}});
    gcam_linear(g, "fc", gcam_flatten(g, "flat", x), &(gcam_linear_params){.out = 3});
    tiny_finish(t, 1);
    tiny_fill_input(t, 9, 0, 1);
}

/* Invariant 31: folding by hand and by the pass is the same under every rule, also where gamma is negative. */
START_TEST(batch_normalisation_is_folded) {
    gcam_relevance excitation = {.conv = GCAM_RULE_EXCITATION};
    for (int i = -1; i < 0 || gcam_relevance_preset_name((size_t)i); i++) {
        gcam_relevance how = i < 0 ? excitation : preset(gcam_relevance_preset_name((size_t)i));
        tiny t[2];
        passed p[2];
        for (int k = 0; k < 2; k++) {
            norm_net(&t[k], k);
            p[k] = pass(&t[k], (float[]){0, 1.5f, 0}, &how);
        }
        ck_assert_double_gt(p[1].size, 0);
        for (int j = 0; j < 3 * 64; j++)
            ck_assert_msg(fabs(p[0].input[j] - p[1].input[j]) <= 1e-4 * p[1].size, "preset %d: %g and %g", i,
                          p[0].input[j], p[1].input[j]);
        for (int k = 0; k < 2; k++) free(p[k].input), tiny_free(&t[k]);
    }
}
END_TEST

/* Invariant 18: LRP-0 with absorbed biases is x * gradient; without biases every rule conserves the score; z-box is positive. */
START_TEST(lrp_0_is_input_times_gradient) {
    tiny t;
    norm_net(&t, 0);
    gcam_relevance how = preset("lrp-0");
    float z[3];
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    memcpy(z, gcam_session_output(t.session)->data, sizeof z);
    passed p = pass(&t, (float[]){0, 0, z[2]}, &how);
    gcam_tensor seed = *gcam_session_output(t.session);
    seed.data = (float[]){0, 0, 1};
    ck_assert_int_eq(gcam_session_backward(t.session, &seed, GCAM_RULE_GRADIENT), GCAM_OK);
    const float *g = gcam_session_gradient(t.session, gcam_network_input(t.network))->data;
    for (int i = 0; i < 3 * 64; i++)
        ck_assert_msg(fabs(p.input[i] - t.input->data[i] * g[i]) <= 1e-4 * p.size, "%g is not %g", p.input[i],
                      t.input->data[i] * g[i]);
    free(p.input);
    tiny_free(&t);
}
END_TEST

START_TEST(presets_conserve_the_score_without_biases) {
    for (size_t i = 0; gcam_relevance_preset_name(i); i++) {
        gcam_relevance how = preset(gcam_relevance_preset_name(i));
        how.ignore_bias = 1;
        tiny t;
        norm_net(&t, 0);
        passed p = pass(&t, (float[]){0, 2, 0}, &how);
        double sum = total(p.input, 3 * 64);
        ck_assert_msg(fabs(sum - 2) <= 1e-3 + 2 * p.lost, "%s: %g of 2, %g lost", gcam_relevance_preset_name(i), sum,
                      p.lost);
        free(p.input);
        tiny_free(&t);
    }
    gcam_relevance how = preset("z-plus");
    how.first = GCAM_RULE_Z_BOX, how.ignore_bias = 1;
    tiny t;
    tiny_convnet(&t, 3, 0, 1);
    tiny_fill_input(&t, 3, 0, 1);
    passed p = pass(&t, (float[]){1, 0, 0}, &how);
    for (int i = 0; i < 3 * 64; i++) ck_assert(p.input[i] >= 0);
    ck_assert_double_eq_tol(total(p.input, 3 * 64) + p.lost, 1, 1e-4);
    free(p.input);
    tiny_free(&t);
}
END_TEST

/* Invariant 19: mass 1, none negative, and equal to LRP z+ without biases; the contrast's sum is 0. */
START_TEST(excitation_is_z_plus_without_biases) {
    gcam_relevance excitation = {.conv = GCAM_RULE_EXCITATION}, contrast = excitation, plus = preset("z-plus");
    plus.ignore_bias = 1;
    contrast.last = GCAM_RULE_CONTRAST;
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 3, 0, 1);
    passed p = pass(&t, (float[]){0, 1, 0}, &excitation), q = pass(&t, (float[]){0, 1, 0}, &plus);
    passed c = pass(&t, (float[]){0, 1, 0}, &contrast);
    for (int i = 0; i < 3 * 64; i++) {
        ck_assert(p.input[i] >= 0);
        ck_assert_double_eq_tol(p.input[i], q.input[i], 1e-5 * p.size);
    }
    ck_assert_double_eq_tol(total(p.input, 3 * 64) + p.lost, 1, 1e-5);
    ck_assert(fabs(total(c.input, 3 * 64)) <= 1e-5 + 2 * c.lost);
    free(p.input), free(q.input), free(c.input);
    tiny_free(&t);
}
END_TEST

/* Squeeze and excitation: the signal gets all, the gate's branch is not passed at all, though it holds a softmax. */
START_TEST(gates_get_nothing) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "se.weight", (gcam_shape){2, {3, 3}}, NULL, 1);
    tiny_weight(&t, "se.bias", (gcam_shape){1, {3}}, NULL, 2);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_input(b, "image", 3, 4, 4), y = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", x));
    y = gcam_softmax(b, "soft", gcam_linear(b, "se", y, &(gcam_linear_params){.out = 3}), NULL);
    y = gcam_layer(b, "sigmoid", "gate", &y, 1, NULL);
    y = gcam_layer(b, "reshape", "wide", &y, 1, &(gcam_reshape_params){{4, {0, 3, 1, 1}}});
    x = gcam_layer(b, "mul", "scale", (gcam_node[]){y, x}, 2, NULL);
    gcam_flatten(b, "out", gcam_global_avg_pool(b, "pool", x));
    tiny_finish(&t, 1);
    tiny_fill_input(&t, 3, 0.1f, 1);
    gcam_relevance how = preset("epsilon");
    passed p = pass(&t, (float[]){0, 3, 0}, &how);
    double sum = total(t.input->data + 16, 16);
    for (int i = 0; i < 48; i++) {
        double wanted = i / 16 == 1 ? 3 * t.input->data[i] / sum : 0;
        ck_assert_double_eq_tol(p.input[i], wanted, 1e-5);
    }
    free(p.input);
    /* DeepLIFT knows no gates: there the softmax is in the way, and says so */
    how = (gcam_relevance){.conv = GCAM_RULE_DEEPLIFT};
    ck_assert_int_eq(pass_status(&t, (float[]){0, 1, 0}, &how, t.session), GCAM_ERR_UNSUPPORTED);
    ck_assert_str_eq(gcam_last_error()->message, "soft (softmax): DeepLIFT is not defined for this layer");
    tiny_free(&t);
}
END_TEST

START_TEST(wrong_relevance_gets_a_sentence) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    gcam_relevance how = {.conv = GCAM_RULE_EPSILON, .linear = GCAM_RULE_EXCITATION};
    const float seed[3] = {1, 0, 0};
    ck_assert_int_eq(pass_status(&t, seed, &how, NULL), GCAM_ERR_ARGUMENT);
    how = (gcam_relevance){.conv = GCAM_RULE_ALPHA_BETA, .alpha = 0.5};
    ck_assert_int_eq(pass_status(&t, seed, &how, NULL), GCAM_ERR_ARGUMENT);
    how = (gcam_relevance){.conv = GCAM_RULE_DEEPLIFT};
    ck_assert_int_eq(pass_status(&t, seed, &how, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_relevance_preset(&how, "epsilon-epsilon"), GCAM_ERR_NOT_FOUND);
    gcam_tensor start = *gcam_session_output(t.session);
    ck_assert_int_eq(gcam_session_watch_relevance(t.session, 0), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(t.session, &start, GCAM_RULE_EPSILON), GCAM_ERR_STATE);
    tiny_free(&t);
}
END_TEST

/* Many seeds at once give what each gives alone. */
START_TEST(seeds_of_relevance_are_independent) {
    tiny t;
    norm_net(&t, 0);
    gcam_relevance how = preset(NULL);
    const float seeds[2][3] = {{0, 2, 0}, {1, 0, -1}};
    float both[2][3 * 64];
    for (int g = 0; g < 2; g++) {
        passed p = pass(&t, seeds[g], &how);
        memcpy(both[g], p.input, sizeof both[g]);
        free(p.input);
    }
    gcam_tensor start = *gcam_session_output(t.session);
    start.shape.dim[0] = 2;
    start.data = (float *)(uintptr_t)&seeds[0][0];
    ck_assert_int_eq(gcam_session_relevance(t.session, &start, &how, NULL), GCAM_OK);
    const gcam_tensor *r = gcam_session_gradient(t.session, gcam_network_input(t.network));
    ck_assert_mem_eq(r->data, both, sizeof both);
    tiny_free(&t);
}
END_TEST

Suite *relevance_suite(void);
Suite *relevance_suite(void) {
    Suite *suite = suite_create("relevance");
    TCase *layers = tcase_create("layers");
    tcase_set_timeout(layers, 60);
    tcase_add_test(layers, every_operation_has_a_rule_or_a_reason);
    tcase_add_loop_test(layers, lrp_conserves_relevance_in_every_layer, 0, layer_case_count);
    tcase_add_loop_test(layers, excitation_keeps_its_mass_in_every_layer, 0, layer_case_count);
    tcase_add_loop_test(layers, deeplift_is_complete_in_every_layer, 0, layer_case_count);
    tcase_add_test(layers, rounding_does_not_choose_the_winner);
    tcase_add_loop_test(layers, weighted_layers_match_dense_sums, 0, layer_case_count);
    tcase_add_loop_test(layers, linear_layers_without_weights_match_dense_sums, 0, layer_case_count);
    suite_add_tcase(suite, layers);
    TCase *networks = tcase_create("networks");
    tcase_add_test(networks, batch_normalisation_is_folded);
    tcase_add_test(networks, lrp_0_is_input_times_gradient);
    tcase_add_test(networks, presets_conserve_the_score_without_biases);
    tcase_add_test(networks, excitation_is_z_plus_without_biases);
    tcase_add_test(networks, gates_get_nothing);
    tcase_add_test(networks, wrong_relevance_gets_a_sentence);
    tcase_add_test(networks, seeds_of_relevance_are_independent);
    suite_add_tcase(suite, networks);
    return suite;
}
