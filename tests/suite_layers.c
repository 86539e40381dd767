/* Tests of lib/layers: every row of the table against its double reference, the backward rules, shapes and sentences. */
#include "support/layer_case.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NCHW(n, c, h, w) \
    {                    \
        4, {             \
            n, c, h, w   \
        }                \
    }
#define PARAMS(type, ...) \
    &(const type) {       \
        __VA_ARGS__       \
    }

enum { SEEDS = 3 };

static gcam__compute compute_with(gcam_kernels kernels, gcam__pool *pool) {
    return (gcam__compute){.pool = pool, .kernels = kernels, .isa = gcam__cpu_isa()};
}

static const gcam__compute in_caller = {.kernels = GCAM_KERNELS_PLAIN};

/* Within 1e-4 of the largest reference, and a normalised mean square error of at most 1e-10. */
static void assert_matches(const char *what, const layer_case *c, const float *found, const double *expected,
                           int64_t count) {
    double largest = 0, power = 0, error = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(expected[i])), power += expected[i] * expected[i];
    for (int64_t i = 0; i < count; i++) {
        double difference = found[i] - expected[i];
        ck_assert_msg(fabs(difference) <= 1e-4 * largest, "%s (case %d): %s[%ld] is %g, expected %g", c->op,
                      (int)(c - layer_cases), what, (long)i, (double)found[i], expected[i]);
        error += difference * difference;
    }
    ck_assert_msg(error <= 1e-10 * power, "%s (case %d): NMSE of %s is %g", c->op, (int)(c - layer_cases), what,
                  error / power);
}

START_TEST(every_operation_has_a_case_and_a_reference) {
    for (size_t i = 0; gcam__op_at(i); i++) {
        const char *name = gcam__op_at(i)->name;
        ck_assert_ptr_eq(gcam__op_find(name), gcam__op_at(i));
        int found = gcam__op_at(i)->is_input;
        for (int k = 0; k < layer_case_count; k++) found |= strcmp(layer_cases[k].op, name) == 0;
        ck_assert_msg(found, "%s has no test case", name);
    }
    ck_assert_ptr_null(gcam__op_find("no such operation"));
}
END_TEST

/* ---- the references against central differences ------------------------------------------------------------------------ */

static void check_slopes(const layer_case *c, reference *r, double *values, const double *gradient, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(gradient[i]));
    int64_t stride = 1 + count / 13; /* large tensors are sampled */
    for (int64_t i = 0; i < count; i += stride) {
        double slope = reference_quotient(r, &values[i]);
        ck_assert_msg(fabs(slope - gradient[i]) <= 1e-6 * fmax(largest, 1e-3),
                      "%s (case %d): derivative %ld is %g, expected %g", c->op, (int)(c - layer_cases), (long)i,
                      gradient[i], slope);
    }
}

START_TEST(references_are_differentiated_rightly) {
    const layer_case *c = &layer_cases[_i];
    trial t;
    reference r;
    trial_create(&t, c, &in_caller, 1);
    trial_reference(&t, &r, 0);
    for (int i = 0; i < t.in_count; i++) check_slopes(c, &r, r.in[i], r.din[i], gcam_shape_count(&t.in_shape[i]));
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++)
        if (r.weight[i] && i < 2) /* running statistics have no gradient */
            check_slopes(c, &r, r.weight[i], r.dweight[i], gcam_shape_count(&t.layer.weight[i].shape));
    reference_free(&r);
    trial_free(&t);
}
END_TEST

/* ---- the layers against the references ------------------------------------------------------------------------------------ */

/* `expected`: the reference of each seed. Backward adds the weights' gradients of all seeds to 1. */
static void check_gradients(const layer_case *c, const trial *t, const reference *expected, int with_weights) {
    for (int64_t s = 0; s < t->seeds; s++)
        for (int i = 0; i < t->in_count; i++) {
            int64_t count = gcam_shape_count(&t->in_shape[i]);
            assert_matches("din", c, t->din[i]->data + s * count, expected[s].din[i], count);
        }
    for (int i = 0; with_weights && i < 2; i++) {
        if (!expected[0].weight[i]) continue;
        int64_t count = gcam_shape_count(&t->layer.weight[i].shape);
        double *sum = calloc((size_t)count, sizeof *sum);
        for (int64_t j = 0; j < count; j++) {
            sum[j] = 1;
            for (int64_t s = 0; s < t->seeds; s++) sum[j] += expected[s].dweight[i][j];
        }
        assert_matches("dweight", c, t->dweight[i]->data, sum, count);
        free(sum);
    }
}

static void check_case(const layer_case *c, const gcam__compute *compute, const reference *expected) {
    trial t;
    trial_create(&t, c, compute, SEEDS);
    trial_forward(&t);
    assert_matches("out", c, t.out->data, expected[0].out, gcam_shape_count(&t.out->shape));
    trial_backward(&t, GCAM_RULE_GRADIENT, 0);
    check_gradients(c, &t, expected, 0);
    for (int i = 0; i < t.in_count; i++) memset(t.din[i]->data, 0xFF, (size_t)gcam_shape_count(&t.din[i]->shape) * 4);
    trial_backward(&t, GCAM_RULE_GRADIENT, 1);
    check_gradients(c, &t, expected, 1);
    trial_free(&t);
}

START_TEST(layers_match_their_references) {
    static const gcam_kernels kernels[] = {GCAM_KERNELS_PLAIN, GCAM_KERNELS_BLAS, GCAM_KERNELS_AUTO};
    trial t; /* all trials of a case have the same values */
    reference expected[SEEDS];
    trial_create(&t, &layer_cases[_i], &in_caller, SEEDS);
    for (int s = 0; s < SEEDS; s++) trial_reference(&t, &expected[s], s);
    gcam__pool *pool;
    ck_assert_int_eq(gcam__pool_create(&pool, 2), GCAM_OK);
    for (int i = 0; i < 3; i++) {
        gcam__compute compute = compute_with(kernels[i], i == 1 ? NULL : pool);
        check_case(&layer_cases[_i], &compute, expected);
    }
    gcam__pool_free(pool);
    for (int s = 0; s < SEEDS; s++) reference_free(&expected[s]);
    trial_free(&t);
}
END_TEST

/* Output and aux must be the same whether the input survives or not, and whether a backward pass will follow or not. */
static void check_in_place(const layer_case *c) {
    trial a, b;
    trial_create(&a, c, &in_caller, 1);
    trial_forward(&a);
    size_t bytes = (size_t)gcam_shape_count(&a.out->shape) * sizeof(float);
    trial_create(&b, c, &in_caller, 1);
    void *aux = b.aux;
    b.aux = NULL;
    trial_forward(&b);
    ck_assert_mem_eq(a.out->data, b.out->data, bytes);
    b.aux = aux;
    int same_size = a.in_count > 0 && gcam_shape_count(&a.in_shape[0]) == gcam_shape_count(&a.out->shape);
    if (same_size && (a.layer.op->in_place || a.layer.op->view)) {
        gcam_tensor shared = {b.out->shape, b.in[0]->data, 0}, *out = b.out;
        b.out = &shared;
        trial_forward(&b);
        ck_assert_mem_eq(a.out->data, shared.data, bytes);
        if (aux) ck_assert_mem_eq(a.aux, b.aux, a.layer.op->aux_bytes(&a.layer, a.in_shape, &a.out->shape));
        b.out = out;
    }
    trial_free(&a);
    trial_free(&b);
}

START_TEST(in_place_and_forward_only_give_the_same_bits) {
    for (int i = 0; i < layer_case_count; i++) check_in_place(&layer_cases[i]);
}
END_TEST

static void check_nan(const layer_case *c) {
    trial t;
    trial_create(&t, c, &in_caller, 1);
    int64_t hits = 0, count = gcam_shape_count(&t.in_shape[0]);
    int selects = strcmp(c->op, "slice") == 0 || strcmp(c->op, "pad") == 0; /* not every value comes out */
    for (int64_t i = 0; t.in_count > 0 && i < count; i++)
        if (selects || i == count / 2) t.in[0]->data[i] = NAN;
    trial_forward(&t);
    for (int64_t i = 0; i < gcam_shape_count(&t.out->shape); i++) hits += isnan(t.out->data[i]) != 0;
    ck_assert_msg(hits > 0 || t.in_count == 0, "%s (case %d) lost a NaN", c->op, (int)(c - layer_cases));
    trial_free(&t);
}

START_TEST(nan_is_never_swallowed) {
    for (int i = 0; i < layer_case_count; i++) check_nan(&layer_cases[i]);
}
END_TEST

/* ---- rules --------------------------------------------------------------------------------------------------------------------- */

/* x and p in all combinations of signs, for one rectifier; expected = slope of (rule, x > 0, p > 0). */
static void check_rules(const char *op, const void *params, float slope) {
    static const float x[9] = {-2, -2, -2, 0, 0, 0, 2, 2, 2}, p[9] = {-3, 0, 0.25f, -3, 0, 0.25f, -3, 0, 0.25f};
    const layer_case c = {op, params, 1, {{2, {1, 9}}}};
    trial t;
    trial_create(&t, &c, &in_caller, 2);
    memcpy(t.in[0]->data, x, sizeof x);
    for (int s = 0; s < 2; s++) memcpy(t.dout->data + 9 * s, p, sizeof p);
    t.dout->data[17] = 5; /* the second seed is its own */
    trial_forward(&t);
    memset(t.out->data, 0, sizeof x); /* what a hook makes of the output does not matter */
    for (int rule = GCAM_RULE_GRADIENT; rule <= GCAM_RULE_DECONVNET; rule++) {
        trial_backward(&t, (gcam_rule)rule, 0);
        for (int i = 0; i < 18; i++) {
            float incoming = t.dout->data[i], local = x[i % 9] > 0 ? 1 : slope;
            if (rule != GCAM_RULE_GRADIENT && incoming < 0) incoming = 0;
            float expected = rule == GCAM_RULE_DECONVNET ? incoming : local * incoming;
            ck_assert_msg(t.din[0]->data[i] == expected, "%s, rule %d, x %g, p %g: %g, expected %g", op, rule,
                          (double)x[i % 9], (double)t.dout->data[i], (double)t.din[0]->data[i], (double)expected);
        }
    }
    trial_free(&t);
}

START_TEST(rectifiers_follow_the_rules) {
    check_rules("relu", NULL, 0);
    check_rules("leaky_relu", PARAMS(gcam_leaky_relu_params, .slope = 0.25), 0.25f);
    check_rules("leaky_relu", PARAMS(gcam_leaky_relu_params, .slope = -0.5), -0.5f);
}
END_TEST

static int is_activation(const char *op) {
    static const char *const names[] = {"relu",     "leaky_relu", "sigmoid",          "tanh", "hard_sigmoid",
                                        "relu6",    "clip",       "hard_swish",       "silu", "mish",
                                        "softplus", "gelu",       "gelu_tanh",        "elu",  "celu",
                                        "selu",     "softsign",   "thresholded_relu", "prelu"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], op) == 0) return 1;
    return 0;
}

/* Guided is the derivative applied to max(p, 0), deconvnet max(p, 0) itself; all other operations know one rule only. */
static void check_rule_use(const layer_case *c) {
    int activation = is_activation(c->op);
    trial plain, ruled;
    trial_create(&plain, c, &in_caller, 1);
    trial_create(&ruled, c, &in_caller, 1);
    trial_forward(&plain), trial_forward(&ruled);
    int64_t count = gcam_shape_count(&plain.out->shape);
    for (int64_t i = 0; activation && i < count; i++) plain.dout->data[i] = fmaxf(plain.dout->data[i], 0);
    for (int rule = GCAM_RULE_GUIDED; rule <= GCAM_RULE_DECONVNET; rule++) {
        trial_backward(&plain, GCAM_RULE_GRADIENT, 0);
        trial_backward(&ruled, (gcam_rule)rule, 0);
        int is_deconvnet = activation && rule == GCAM_RULE_DECONVNET;
        for (int k = 0; k < plain.in_count; k++) {
            const float *expected = is_deconvnet ? plain.dout->data : plain.din[k]->data;
            for (int64_t i = 0; i < gcam_shape_count(&plain.in_shape[k]); i++)
                ck_assert_msg(ruled.din[k]->data[i] == expected[i], "%s, rule %d: %g, expected %g", c->op, rule,
                              (double)ruled.din[k]->data[i], (double)expected[i]);
        }
    }
    trial_free(&plain), trial_free(&ruled);
}

START_TEST(rules_concern_activations_alone) {
    for (int i = 0; i < layer_case_count; i++) check_rule_use(&layer_cases[i]);
}
END_TEST

/* ---- max pooling's choices --------------------------------------------------------------------------------------------------------- */

START_TEST(the_first_of_equal_values_wins) {
    const layer_case c = {"max_pool", PARAMS(gcam_pool_params, .kernel = {2, 2}), 1, {NCHW(1, 1, 2, 4)}};
    trial t;
    trial_create(&t, &c, &in_caller, 1);
    static const float x[8] = {1, 1, -1, 2, 1, 1, 2, 2}, expected[8] = {5, 0, 0, 7, 0, 0, 0, 0};
    memcpy(t.in[0]->data, x, sizeof x);
    t.dout->data[0] = 5, t.dout->data[1] = 7;
    trial_forward(&t);
    trial_backward(&t, GCAM_RULE_GRADIENT, 0);
    ck_assert_mem_eq(t.din[0]->data, expected, sizeof expected);
    trial_free(&t);
}
END_TEST

START_TEST(padding_and_nan_in_max_pooling) {
    const layer_case c = {
        "max_pool", PARAMS(gcam_pool_params, .kernel = {3, 3}, .stride = {3, 3}, .pad = {1, 1}), 1, {NCHW(1, 1, 5, 5)}};
    trial t;
    trial_create(&t, &c, &in_caller, 1);
    for (int i = 0; i < 25; i++) t.in[0]->data[i] = -INFINITY; /* padding must not win over it */
    t.in[0]->data[24] = NAN;
    trial_forward(&t);
    trial_backward(&t, GCAM_RULE_GRADIENT, 0);
    for (int i = 0; i < 3; i++) ck_assert(t.out->data[i] == -INFINITY);
    ck_assert(isnan(t.out->data[3]));
    static const int winner[4] = {0, 2, 10, 24};
    for (int i = 0; i < 4; i++) ck_assert(t.din[0]->data[winner[i]] == t.dout->data[i]);
    trial_free(&t);
}
END_TEST

/* ---- shapes and sentences ------------------------------------------------------------------------------------------------------------ */

typedef struct bad_case {
    layer_case layer;
    gcam_status status;
    const char *message;
} bad_case;

#define HUGE ((int64_t)1 << 62)
static const bad_case bad_cases[] = {
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = 2, .kernel = {5, 5}), 1, {NCHW(1, 1, 3, 3)}},
     GCAM_ERR_SHAPE,
     "features.3: 5x5 kernel does not fit in an input of 3x3 with padding 0"},
    {{"conv2d",
      PARAMS(gcam_conv2d_params, .out = 2, .kernel = {5, 5}, .pad = {1, 0}, .dilation = {2, 1}),
      1,
      {NCHW(1, 1, 3, 9)}},
     GCAM_ERR_SHAPE,
     "features.3: 5x5 kernel with dilation 2,1 does not fit in an input of 3x9 with padding 1,0 before and 1,0 after"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .kernel = {5, 5}), 1, {NCHW(1, 1, 3, 3)}},
     GCAM_ERR_ARGUMENT,
     "features.3: out is 0, expected a number above 0"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = 2, .kernel = {1, 1}, .stride = {1, -1}), 1, {NCHW(1, 1, 3, 3)}},
     GCAM_ERR_ARGUMENT,
     "features.3: stride is -1, expected no negative number"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = HUGE, .kernel = {1, 1}), 1, {NCHW(1, 1, 3, 3)}},
     GCAM_ERR_ARGUMENT,
     "features.3: out is 4611686018427387904, expected at most 2147483647"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = 4, .kernel = {1, 1}, .groups = 2), 1, {NCHW(1, 3, 3, 3)}},
     GCAM_ERR_SHAPE,
     "features.3: 3 input channels cannot be divided into 2 groups"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = 3, .kernel = {1, 1}, .groups = 2), 1, {NCHW(1, 4, 3, 3)}},
     GCAM_ERR_SHAPE,
     "features.3: 3 output channels cannot be divided into 2 groups"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = 3, .kernel = {1, 1}), 1, {{2, {1, 512}}}},
     GCAM_ERR_SHAPE,
     "features.3: expected an input of 4 dimensions (N C H W), found 1x512"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = 3, .kernel = {1, 1}), 1, {NCHW(1, 3, HUGE, 3)}},
     GCAM_ERR_LIMIT,
     "features.3: an input of 1x3x4611686018427387904x3 is too large"},
    {{"conv2d", PARAMS(gcam_conv2d_params, .out = INT32_MAX, .kernel = {1, 1}), 1, {NCHW(1, 3, INT32_MAX, INT32_MAX)}},
     GCAM_ERR_LIMIT,
     "features.3: an output of 1x2147483647x2147483647x2147483647 is too large"},
    {{"linear", PARAMS(gcam_linear_params, .out = 3), 1, {{0}}},
     GCAM_ERR_SHAPE,
     "features.3: expected an input of at least 1 dimensions, found a scalar"},
    {{"relu", NULL, 1, {NCHW(1, 3, 0, 3)}}, GCAM_ERR_SHAPE, "features.3: the output would be empty (1x3x0x3)"},
    {{"flatten", NULL, 1, {NCHW(1, HUGE, HUGE, 2)}},
     GCAM_ERR_LIMIT,
     "features.3: an output of 1x4611686018427387904x4611686018427387904x2 is too large"},
    {{"leaky_relu", PARAMS(gcam_leaky_relu_params, .slope = INFINITY), 1, {{1, {3}}}},
     GCAM_ERR_ARGUMENT,
     "features.3: slope is not a finite number"},
    {{"max_pool", PARAMS(gcam_pool_params, .kernel = {2, 2}, .pad = {2, 0}), 1, {NCHW(1, 3, 4, 4)}},
     GCAM_ERR_SHAPE,
     "features.3: padding 2 is not smaller than the kernel, which spans 2"},
    {{"max_pool", PARAMS(gcam_pool_params, .kernel = {2, 2}, .pad_end = {0, -1}), 1, {NCHW(1, 3, 4, 4)}},
     GCAM_ERR_ARGUMENT,
     "features.3: the padding below or right is -1, expected no negative number"},
    {{"max_pool", PARAMS(gcam_pool_params, .kernel = {2, 2}, .pad = {1, 1}, .dilation = {3, 1}), 1, {NCHW(1, 3, 2, 2)}},
     GCAM_ERR_SHAPE,
     "features.3: dilation 3 is larger than the input's 2"},
    {{"max_pool", PARAMS(gcam_pool_params, .kernel = {1, 1}), 1, {NCHW(1, 1, 65536, 65536)}},
     GCAM_ERR_LIMIT,
     "features.3: an input of 65536x65536 is too large for max pooling"},
    {{"avg_pool", PARAMS(gcam_pool_params, .kernel = {2, 2}, .dilation = {2, 1}), 1, {NCHW(1, 1, 4, 4)}},
     GCAM_ERR_UNSUPPORTED,
     "features.3: average pooling has no dilation"},
    {{"concat", NULL, 2, {NCHW(1, 3, 4, 4), NCHW(1, 3, 4, 5)}},
     GCAM_ERR_SHAPE,
     "features.3: inputs of 1x3x4x4 and 1x3x4x5 cannot be concatenated along axis 1"},
    {{"concat", PARAMS(gcam_axis_params, .axis = 4), 1, {NCHW(1, 3, 4, 4)}},
     GCAM_ERR_SHAPE,
     "features.3: an input of 1x3x4x4 has no axis 4"},
    {{"add", NULL, 2, {NCHW(1, 3, 4, 4), {2, {1, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: inputs of 1x3x4x4 and 1x3 do not fit together"},
    {{"clip", PARAMS(gcam_clip_params, .min = 2, .max = 1), 1, {{1, {3}}}},
     GCAM_ERR_ARGUMENT,
     "features.3: min 2 is above max 1"},
    {{"transpose", PARAMS(gcam_transpose_params, {3, {0, 1, 1}}), 1, {{3, {2, 3, 4}}}},
     GCAM_ERR_SHAPE,
     "features.3: order does not name each axis of an input of 2x3x4 once"},
    {{"transpose", PARAMS(gcam_transpose_params, {9, {0}}), 1, {{3, {2, 3, 4}}}},
     GCAM_ERR_ARGUMENT,
     "features.3: order has 9 numbers, expected 1 to 8"},
    {{"slice", PARAMS(gcam_slice_params, .start = 5), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: the output would be empty (2x0)"},
    {{"reshape", PARAMS(gcam_reshape_params, {2, {5, -1}}), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: an input of 2x3 cannot take the shape 5x-1"},
    {{"channel_shuffle", PARAMS(gcam_channel_shuffle_params, 2), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: 3 channels cannot be divided into 2 groups"},
    {{"pad", PARAMS(gcam_pad_params, {1, {1}}, {1, {1}}), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: before and after need 2 numbers each, one an axis"},
    {{"reflect_pad", PARAMS(gcam_pad_params, {1, {1}}, {1, {4}}), 1, {{1, {4}}}},
     GCAM_ERR_SHAPE,
     "features.3: reflecting 4 cells needs more than the input's 4"},
    {{"reduce_sum", PARAMS(gcam_reduce_params, {1, {2}}), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: an input of 2x3 has no axis 2"},
    {{"scale_shift", PARAMS(gcam_scale_shift_params, {2, {1, 2}}), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: scale has 2 numbers for 3 channels"},
    {{"layer_norm", PARAMS(gcam_layer_norm_params, .axis = 1, .axes = 2), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: there are no 2 axes from axis 1 on"},
    {{"group_norm", PARAMS(gcam_group_norm_params, .groups = 2), 1, {{2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: 3 channels cannot be divided into 2 groups"},
    {{"matmul", NULL, 2, {{2, {2, 3}}, {2, {2, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: inputs of 2x3 and 2x3 cannot be multiplied as matrices"},
    {{"conv_transpose2d",
      PARAMS(gcam_conv_transpose2d_params, .out = 1, .kernel = {1, 1}, .out_pad = {1, 0}),
      1,
      {NCHW(1, 1, 2, 2)}},
     GCAM_ERR_ARGUMENT,
     "features.3: out_pad is 1, expected less than the stride or the dilation"},
    {{"conv_transpose2d",
      PARAMS(gcam_conv_transpose2d_params, .out = 1, .kernel = {1, 1}, .pad = {1, 0}),
      1,
      {NCHW(1, 1, 2, 2)}},
     GCAM_ERR_SHAPE,
     "features.3: the output would be empty (1x1x0x2)"},
    {{"resize_linear", NULL, 1, {NCHW(1, 1, 2, 2)}},
     GCAM_ERR_ARGUMENT,
     "features.3: resizing needs a size or a scale above 0, found scale 0"},
    {{"softmax", PARAMS(gcam_axis_params, .axis = -3), 1, {{2, {1, 3}}}},
     GCAM_ERR_SHAPE,
     "features.3: an input of 1x3 has no axis -3"},
};

START_TEST(bad_shapes_end_in_a_sentence) {
    trial t;
    gcam_shape out;
    const bad_case *bad = &bad_cases[_i];
    ck_assert_msg(trial_infer(&t, &bad->layer, &out) == bad->status, "%s: %s", bad->layer.op,
                  gcam_last_error()->message);
    ck_assert_str_eq(gcam_last_error()->message, bad->message);
    trial_free(&t);
}
END_TEST

START_TEST(output_sizes_follow_pytorch) {
    /* size, kernel, stride, pad, ceil_mode: what torch.nn.functional.max_pool2d gives */
    static const int64_t golden[][6] = {
        {224, 2, 2, 0, 0, 112}, {55, 3, 2, 0, 0, 27}, {54, 3, 2, 0, 1, 27}, {112, 3, 2, 1, 0, 56}, {5, 2, 2, 1, 1, 3},
        {7, 2, 2, 0, 1, 4},     {6, 3, 2, 1, 1, 4},   {2, 2, 2, 1, 1, 2},   {3, 3, 3, 1, 1, 2},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        const int64_t *g = golden[i];
        gcam_pool_params p = {.kernel = {g[1], 1}, .stride = {g[2], 1}, .pad = {g[3], 0}, .ceil_mode = g[4]};
        const layer_case c = {"max_pool", &p, 1, {NCHW(1, 1, g[0], 1)}};
        trial t;
        gcam_shape out;
        ck_assert_int_eq(trial_infer(&t, &c, &out), GCAM_OK);
        ck_assert_msg(out.dim[2] == g[5], "row %d: %ld, expected %ld", (int)i, (long)out.dim[2], (long)g[5]);
        trial_free(&t);
    }
}
END_TEST

START_TEST(multiplies_are_counted) {
    const layer_case c = {
        "conv2d", PARAMS(gcam_conv2d_params, .out = 64, .kernel = {3, 3}, .pad = {1, 1}), 1, {NCHW(1, 3, 224, 224)}};
    trial t;
    gcam_shape out;
    ck_assert_int_eq(trial_infer(&t, &c, &out), GCAM_OK);
    ck_assert_int_eq(t.layer.op->multiplies(&t.layer, t.in_shape, &out), 86704128); /* 64 * 224 * 224 * 27 */
    trial_free(&t);
}
END_TEST

Suite *layers_suite(void);
Suite *layers_suite(void) {
    Suite *suite = suite_create("layers");
    TCase *numbers = tcase_create("numbers"), *shapes = tcase_create("shapes");
    tcase_set_timeout(numbers, 60);
    tcase_add_test(numbers, every_operation_has_a_case_and_a_reference);
    tcase_add_loop_test(numbers, references_are_differentiated_rightly, 0, layer_case_count);
    tcase_add_loop_test(numbers, layers_match_their_references, 0, layer_case_count);
    tcase_add_test(numbers, in_place_and_forward_only_give_the_same_bits);
    tcase_add_test(numbers, nan_is_never_swallowed);
    tcase_add_test(numbers, rectifiers_follow_the_rules);
    tcase_add_test(numbers, rules_concern_activations_alone);
    tcase_add_test(numbers, the_first_of_equal_values_wins);
    tcase_add_test(numbers, padding_and_nan_in_max_pooling);
    tcase_add_loop_test(shapes, bad_shapes_end_in_a_sentence, 0, sizeof bad_cases / sizeof *bad_cases);
    tcase_add_test(shapes, output_sizes_follow_pytorch);
    tcase_add_test(shapes, multiplies_are_counted);
    suite_add_tcase(suite, numbers);
    suite_add_tcase(suite, shapes);
    return suite;
}
