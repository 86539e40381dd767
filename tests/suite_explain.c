/* Tests of lib/explain: the worked example and the invariants of the method specification on tiny networks whose answers are known. */
#include "explain/explain.h"

#include "graph/session.h"
#include "kernels/kernels.h"
#include "support/ask.h"
#include "support/scarce.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the worked example ------------------------------------------------------------------------------------------------ */

START_TEST(worked_example_has_its_values) {
    tiny t;
    tiny_worked_example(&t);
    answers a = ask(&t, "gradcam,signed,counterfactual,cam", &(gcam_target){.class_index = 0}, 1, NULL);
    ck_assert_uint_eq(a.count, 4);
    check_values(raw(a, 0), (double[]){.5, 0, 0, 2}, 4, 1e-6);
    check_values(raw(a, 1), (double[]){.5, -1, -.5, 2}, 4, 1e-6);
    check_values(raw(a, 2), (double[]){0, 1, .5, 0}, 4, 1e-6);
    check_values(raw(a, 3), (double[]){2, -4, -2, 8}, 4, 1e-6);
    size_t count;
    check_values(gcam_explanation_weights(a.list[0], &count), (double[]){.5, -2}, 2, 1e-6);
    ck_assert_uint_eq(count, 2);
    check_values(gcam_explanation_weights(a.list[3], &count), (double[]){2, -8}, 2, 1e-6);
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[0]), 1.5, 1e-6);
    ck_assert_double_eq_tol(gcam_explanation_probability(a.list[0]), 1 / (1 + exp(-1 - 1.5)), 1e-6);
    ck_assert_str_eq(gcam_explanation_layer(a.list[0]), "act");
    ck_assert_str_eq(gcam_explanation_label(a.list[0]), "class 0");
    check_values(gcam_explanation_map(a.list[0])->data, (double[]){.25, 0, 0, 1}, 4, 1e-6);
    check_values(gcam_explanation_map(a.list[1])->data, (double[]){.25, -.5, -.25, 1}, 4, 1e-6);
    check_values(gcam_explanation_map(a.list[3])->data, (double[]){.25, 0, 0, 1}, 4, 1e-6);
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[0]), GCAM_WARN_EQUIVALENT);
    gcam_box box;
    int fallback;
    ck_assert_int_eq(gcam_explanation_box(a.list[0], 0, &box, &fallback), GCAM_OK);
    ck_assert(box.x0 == 0 && box.y0 == 0 && box.x1 == 2 && box.y1 == 2 && !fallback); /* joined at the corner */
    drop(a);
    tiny_free(&t);
}
END_TEST

/* A head that convolves before it averages is the same head. */
START_TEST(cam_takes_a_convolution_before_the_average) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "conv.weight", gcam_shape_nchw(2, 2, 1, 1), (float[]){2, -8, -2, 8}, 0);
    tiny_weight(&t, "conv.bias", (gcam_shape){1, {2}}, (float[]){0.5f, 0}, 0);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_relu(b, "act", gcam_input(b, "image", 2, 2, 2));
    gcam_target_layer(b, x);
    x = gcam_conv2d(b, "conv", gcam_dropout(b, "drop", x), &(gcam_conv2d_params){.out = 2, .kernel = {1, 1}});
    gcam_flatten(b, "flat", gcam_adaptive_avg_pool(b, "gap", x, &(gcam_adaptive_pool_params){{1, 1}}));
    tiny_finish(&t, 1);
    memcpy(t.input->data, (float[]){1, 2, 3, 4, 0, 1, 1, 0}, 8 * sizeof(float));
    gcam_target both[2] = {{.class_index = 0}, {GCAM_TARGET_DIFFERENCE, 0, 1}};
    answers a = ask(&t, "cam,signed", both, 2, NULL);
    check_values(raw(a, 0), (double[]){2, -4, -2, 8}, 4, 1e-6);
    check_values(raw(a, 1), (double[]){.5, -1, -.5, 2}, 4, 1e-6);
    check_values(raw(a, 2), (double[]){4, -8, -4, 16}, 4, 1e-6); /* W_0 - W_1 = (4, -16) */
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[1]), GCAM_WARN_EQUIVALENT);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(cam_refuses_other_heads) {
    tiny t;
    answers a;
    tiny_convnet(&t, 3, 1, 1);
    ck_assert_int_eq(ask_status(&a, &t, "gradcam,cam", NULL, 0, NULL), GCAM_ERR_UNSUPPORTED);
    ck_assert_ptr_null(a.list);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "flat (flatten) follows"));
    tiny_free(&t);
}
END_TEST

/* ---- invariants ---------------------------------------------------------------------------------------------------------- */

/* Raises channel `k` of a 4 x 64 activation. */
typedef struct nudge {
    int k;
    float by;
} nudge;

static gcam_status nudge_channel(const gcam_hook_event *event, void *user) {
    const nudge *n = user;
    for (int i = 0; i < 64; i++) event->value->data[n->k * 64 + i] += n->by;
    return GCAM_OK;
}

START_TEST(channel_weights_match_finite_differences) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 11, -1, 1);
    answers a = ask(&t, "gradcam", &(gcam_target){.class_index = 1}, 1, "a1");
    nudge n = {0, 0};
    gcam_hook_id id;
    ck_assert_int_eq(gcam_hook_add(t.session, "a1", GCAM_HOOK_FORWARD, nudge_channel, &n, &id), GCAM_OK);
    for (n.k = 0; n.k < 4; n.k++) {
        double score[2];
        for (int side = 0; side < 2; side++) {
            n.by = side ? 1e-3f : -1e-3f;
            ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
            score[side] = gcam_session_output(t.session)->data[1];
        }
        double slope = (score[1] - score[0]) / 2e-3 / 64;
        ck_assert_double_eq_tol(gcam_explanation_weights(a.list[0], NULL)[n.k], slope, 1e-3 * fmax(1, fabs(slope)));
    }
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(parts_of_the_signed_map) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 12, -1, 1);
    gcam_target both[2] = {{GCAM_TARGET_DIFFERENCE, 0, 2}, {GCAM_TARGET_DIFFERENCE, 2, 0}};
    answers a = ask(&t, "signed,gradcam,counterfactual", both, 2, "a2");
    int positive = 0, negative = 0;
    for (int64_t i = 0; i < raw_count(a, 0); i++) {
        float s = raw(a, 0)[i], l = raw(a, 1)[i], against = raw(a, 2)[i];
        ck_assert_float_eq(s, l - against);
        ck_assert_float_eq(fabsf(s), l + against);
        ck_assert_float_eq(l * against, 0);
        ck_assert_float_eq(against, raw(a, 4)[i]); /* L of the negated target */
        positive += s > 0, negative += s < 0;
    }
    ck_assert(positive > 0 && negative > 0);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(signed_map_is_linear_in_the_target) {
    enum { CLASSES = 4 };
    tiny t;
    tiny_convnet(&t, CLASSES, 1, 1);
    for (int i = 0; i < 192; i++)
        t.input->data[i] = 0.02f * (float)(i % 13 - 6); /* small, so that no class has p = 1 */
    gcam_target targets[2 * CLASSES + 2];
    for (int c = 0; c < CLASSES; c++) {
        targets[c] = (gcam_target){.class_index = c};
        targets[CLASSES + c] = (gcam_target){GCAM_TARGET_LOG_PROBABILITY, c, 0};
    }
    targets[2 * CLASSES] = (gcam_target){GCAM_TARGET_DIFFERENCE, 1, 3};
    targets[2 * CLASSES + 1] = (gcam_target){GCAM_TARGET_PROBABILITY, 2, 0};
    answers a = ask(&t, "signed", targets, 2 * CLASSES + 2, "a1");
    for (int64_t i = 0; i < raw_count(a, 0); i++) {
        double mean = 0, scale = 0, weighted = 0;
        for (size_t c = 0; c < CLASSES; c++) {
            double p = gcam_explanation_probability(a.list[c]);
            mean += p * raw(a, c)[i];
            weighted += p * raw(a, CLASSES + c)[i];
            scale = fmax(scale, fabs(raw(a, c)[i]));
        }
        ck_assert_double_eq_tol(weighted, 0, 1e-5 * scale);
        ck_assert_double_eq_tol(raw(a, 2 * CLASSES)[i], raw(a, 1)[i] - (double)raw(a, 3)[i], 1e-5 * scale);
        ck_assert_double_eq_tol(raw(a, CLASSES + 2)[i], raw(a, 2)[i] - mean, 1e-5 * scale);
        double p = gcam_explanation_probability(a.list[2]);
        ck_assert_double_eq_tol(raw(a, 2 * CLASSES + 1)[i], p * raw(a, CLASSES + 2)[i], 1e-5 * scale);
    }
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[2 * CLASSES + 1]), gcam_explanation_probability(a.list[2]),
                            1e-12);
    drop(a);
    tiny_free(&t);
}
END_TEST

/* Two convolutions of known weights with channels permuted and scaled between them. */
static void rescaled(tiny *t, const int order[3], const float scale[3]) {
    float first[9], second[12];
    for (int k = 0; k < 3; k++) {
        for (int c = 0; c < 3; c++) first[k * 3 + c] = sinf((float)(order[k] * 3 + c)) * scale[k];
        for (int o = 0; o < 4; o++) second[o * 3 + k] = cosf((float)(o * 3 + order[k])) / scale[k];
    }
    tiny_begin(t);
    tiny_weight(t, "c1.weight", gcam_shape_nchw(3, 3, 1, 1), first, 0);
    tiny_weight(t, "c2.weight", gcam_shape_nchw(4, 3, 1, 1), second, 0);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {2, 64}}, NULL, 7);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 3, .kernel = {1, 1}, .no_bias = 1};
    gcam_node x = gcam_relu(b, "act", gcam_conv2d(b, "c1", gcam_input(b, "image", 3, 4, 4), &conv));
    conv.out = 4;
    x = gcam_relu(b, "act2", gcam_conv2d(b, "c2", x, &conv));
    gcam_linear(b, "fc", gcam_flatten(b, "flat", x), &(gcam_linear_params){.out = 2, .no_bias = 1});
    tiny_finish(t, 1);
    tiny_fill_input(t, 8, -1, 1);
}

START_TEST(permuting_and_rescaling_channels_changes_nothing) {
    tiny plain, other;
    rescaled(&plain, (int[]){0, 1, 2}, (float[]){1, 1, 1});
    rescaled(&other, (int[]){2, 0, 1}, (float[]){0.3f, 5, 2});
    gcam_target target = {.class_index = 1};
    answers a = ask(&plain, "signed", &target, 1, "act"), b = ask(&other, "signed", &target, 1, "act");
    double wanted[16];
    for (int i = 0; i < 16; i++) wanted[i] = raw(a, 0)[i];
    check_values(raw(b, 0), wanted, 16, 1e-5);
    ck_assert_double_gt(fabs(wanted[0]) + fabs(wanted[5]) + fabs(wanted[10]), 1e-3);
    drop(a), drop(b);
    tiny_free(&plain), tiny_free(&other);
}
END_TEST

START_TEST(gradient_times_input_sums_to_the_score) {
    tiny t;
    tiny_convnet(&t, 3, 0, 1);
    tiny_fill_input(&t, 13, -1, 1);
    answers a = ask(&t, "gradient", &(gcam_target){.class_index = 2}, 1, NULL);
    double sum = 0;
    for (int64_t i = 0; i < raw_count(a, 0); i++) sum += raw(a, 0)[i] * (double)t.input->data[i];
    double score = gcam_explanation_score(a.list[0]);
    ck_assert_double_eq_tol(sum, score, 1e-5 * fabs(score));
    const gcam_tensor *g = gcam_explanation_raw(a.list[0]);
    ck_assert(g->shape.rank == 3 && g->shape.dim[0] == 3 && g->shape.dim[1] == 8 && g->shape.dim[2] == 8);
    ck_assert_ptr_null(gcam_explanation_layer(a.list[0]));
    ck_assert_ptr_null(gcam_explanation_weights(a.list[0], NULL));
    drop(a);
    tiny_free(&t);
}
END_TEST

/* One pixel a channel: conv 1x1 (2 -> 2), relu, conv 1x1 (2 -> 1), so that the rules can be followed by hand. */
static void one_cell_net(tiny *t, const float first[4], const float second[2], const float pixels[2]) {
    tiny_begin(t);
    tiny_weight(t, "c1.weight", gcam_shape_nchw(2, 2, 1, 1), first, 0);
    tiny_weight(t, "c2.weight", gcam_shape_nchw(1, 2, 1, 1), second, 0);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 2, .kernel = {1, 1}, .no_bias = 1};
    gcam_node x = gcam_relu(b, "act", gcam_conv2d(b, "c1", gcam_input(b, "image", 2, 1, 1), &conv));
    conv.out = 1;
    gcam_conv2d(b, "c2", x, &conv);
    tiny_finish(t, 1);
    memcpy(t->input->data, pixels, 2 * sizeof(float));
}

START_TEST(rules_agree_where_all_is_positive) {
    tiny t;
    one_cell_net(&t, (float[]){1, 2, 3, 4}, (float[]){5, 6}, (float[]){1, 1});
    answers a = ask(&t, "gradient,guided-backprop,deconvnet", NULL, 0, NULL);
    for (size_t i = 0; i < 3; i++) check_values(raw(a, i), (double[]){23, 34}, 2, 0);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(rules_differ_at_rectifiers) {
    /* u = (1 - 2, 3 + 4) = (-1, 7): the first unit is off; signals (5, -6) */
    tiny t;
    one_cell_net(&t, (float[]){1, -2, 3, 4}, (float[]){5, -6}, (float[]){1, 1});
    answers a = ask(&t, "gradient,guided-backprop,deconvnet", NULL, 0, NULL);
    check_values(raw(a, 0), (double[]){-18, -24}, 2, 0); /* only the second unit, with its sign */
    check_values(raw(a, 1), (double[]){0, 0}, 2, 0);     /* off, and negative: nothing passes */
    check_values(raw(a, 2), (double[]){5, -10}, 2, 0);   /* only the first unit, although it is off */
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[1]), GCAM_WARN_ZERO_GRAD | GCAM_WARN_FLAT);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(guided_gradcam_is_a_product) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 14, -1, 1);
    gcam_target target = {.class_index = 0};
    answers a = ask(&t, "gradcam,guided-backprop,guided-gradcam", &target, 1, "a2");
    float up[64];
    gcam__resize_map(raw(a, 0), 4, 4, up, 8, 8, GCAM__BILINEAR);
    int zero = 0, nonzero = 0;
    for (int i = 0; i < 192; i++) {
        ck_assert_float_eq(raw(a, 2)[i], raw(a, 1)[i] * up[i % 64]);
        if (up[i % 64] == 0) ck_assert_float_eq(raw(a, 2)[i], 0);
        zero += up[i % 64] == 0, nonzero += raw(a, 2)[i] != 0;
    }
    ck_assert(zero > 0 && nonzero > 0);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(ties_in_max_pooling_go_to_the_first) {
    tiny t;
    tiny_begin(&t);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_max_pool(b, "pool", gcam_input(b, "image", 1, 2, 2), &(gcam_pool_params){.kernel = {2, 2}});
    gcam_flatten(b, "flat", x);
    tiny_finish(&t, 1);
    for (int i = 0; i < 4; i++) t.input->data[i] = 7;
    answers a = ask(&t, "gradient", NULL, 0, NULL);
    check_values(raw(a, 0), (double[]){1, 0, 0, 0}, 4, 0);
    drop(a);
    tiny_free(&t);
}
END_TEST

/* ---- one call for many ------------------------------------------------------------------------------------------------- */

static const char all_methods[] = "gradcam,counterfactual,signed,gradient,guided-backprop,deconvnet,guided-gradcam";

START_TEST(many_are_the_singles) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 15, -1, 1);
    gcam_target targets[3] = {
        {.class_index = 2}, {GCAM_TARGET_DIFFERENCE, 0, 1}, {GCAM_TARGET_LOG_PROBABILITY, GCAM_TOP_CLASS, 0}};
    answers many = ask(&t, all_methods, targets, 3, "a2,a1");
    ck_assert_uint_eq(many.count, 3 * (7 + 4)); /* three methods of pixels appear once a target */
    for (size_t i = 0; i < many.count; i++) {
        const gcam_explanation *e = many.list[i];
        const char *layer = gcam_explanation_layer(e);
        answers one = ask(&t, gcam_explanation_method(e)->id, &targets[i / 11], 1, layer);
        ck_assert_uint_eq(one.count, 1);
        ck_assert_mem_eq(raw(one, 0), raw(many, i), (size_t)raw_count(many, i) * sizeof(float));
        ck_assert_mem_eq(gcam_explanation_map(one.list[0])->data, gcam_explanation_map(e)->data, 64 * sizeof(float));
        ck_assert_double_eq(gcam_explanation_score(one.list[0]), gcam_explanation_score(e));
        ck_assert_uint_eq(gcam_explanation_warnings(one.list[0]), gcam_explanation_warnings(e));
        drop(one);
    }
    const char *wanted[] = {"a2", "a2", "a2", NULL, NULL, NULL, "a2", "a1", "a1", "a1", "a1"};
    for (size_t i = 0; i < 11; i++) {
        const char *layer = gcam_explanation_layer(many.list[i]);
        ck_assert(wanted[i] ? layer && strcmp(layer, wanted[i]) == 0 : !layer);
    }
    drop(many);
    tiny_free(&t);
}
END_TEST

/* Does the session's last backward pass run through this layer? */
static int passed(const tiny *t, const char *layer) {
    return t->session->last_backward->below[gcam_network_find(t->network, layer)];
}

START_TEST(backward_goes_only_where_somebody_looks) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 18, -1, 1);
    gcam_target targets[2] = {{.class_index = 2}, {.class_index = 0}};
    drop(ask(&t, "gradcam,counterfactual,signed", targets, 2, "a2"));
    ck_assert_uint_eq(t.session->clock, 1); /* one pass for two targets and three methods */
    ck_assert(passed(&t, "a2") && !passed(&t, "c2") && !passed(&t, "image"));
    drop(ask(&t, "gradcam", targets, 2, "a2,a1"));
    ck_assert_uint_eq(t.session->clock, 2);
    ck_assert(passed(&t, "a1") && !passed(&t, "c1"));
    drop(ask(&t, "guided-gradcam", targets, 2, "a2"));
    ck_assert_uint_eq(t.session->clock, 4); /* the guided one down to the pixels, the gradient to the layer */
    ck_assert(passed(&t, "a2") && !passed(&t, "c2"));
    drop(ask(&t, "gradient,gradcam", targets, 2, "a2"));
    ck_assert_uint_eq(t.session->clock, 5);
    tiny_free(&t);
    tiny_worked_example(&t);
    drop(ask(&t, "cam", NULL, 0, NULL));
    ck_assert_uint_eq(t.session->clock, 0); /* CAM needs none */
    tiny_free(&t);
}
END_TEST

START_TEST(more_targets_than_fit_one_pass) {
    enum { CLASSES = 40 };
    tiny t;
    gcam_target targets[CLASSES];
    for (int c = 0; c < CLASSES; c++) targets[c] = (gcam_target){.class_index = c};
    tiny_convnet(&t, CLASSES, 1, 1);
    tiny_fill_input(&t, 16, -1, 1);
    answers many = ask(&t, "signed,gradient", targets, CLASSES, "a2");
    for (size_t c = 0; c < CLASSES; c += 13) {
        answers one = ask(&t, "signed,gradient", &targets[c], 1, "a2");
        for (size_t m = 0; m < 2; m++)
            ck_assert_mem_eq(raw(one, m), raw(many, 2 * c + m), (size_t)raw_count(one, m) * sizeof(float));
        drop(one);
    }
    drop(many);
    tiny_free(&t);
}
END_TEST

START_TEST(an_image_of_a_batch_is_explained_as_if_alone) {
    tiny alone, batch;
    tiny_convnet(&alone, 3, 1, 1);
    tiny_convnet(&batch, 3, 1, 3);
    tiny_fill_input(&batch, 17, -1, 1);
    memcpy(alone.input->data, batch.input->data + 2 * 192, 192 * sizeof(float));
    const char *methods[] = {"signed", "guided-backprop"};
    gcam_target targets[2] = {{.class_index = 1}, {.class_index = 0}};
    gcam_explain_options options = {
        .struct_size = sizeof options, .methods = methods, .method_count = 2, .targets = targets, .target_count = 2};
    answers a, b;
    ck_assert_int_eq(gcam_explain_tensor(&a.list, &a.count, alone.session, alone.input, 0, &options), GCAM_OK);
    ck_assert_int_eq(gcam_explain_tensor(&b.list, &b.count, batch.session, batch.input, 2, &options), GCAM_OK);
    ck_assert(a.count == 4 && b.count == 4);
    for (size_t i = 0; i < 4; i++) ck_assert_mem_eq(raw(a, i), raw(b, i), (size_t)raw_count(a, i) * sizeof(float));
    drop(a), drop(b);
    ck_assert_int_eq(gcam_explain_tensor(&b.list, &b.count, batch.session, batch.input, 3, &options),
                     GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_explain_tensor(&b.list, &b.count, batch.session, alone.input, 0, &options), GCAM_ERR_SHAPE);
    tiny_free(&alone), tiny_free(&batch);
}
END_TEST

/* ---- targets ------------------------------------------------------------------------------------------------------------- */

/* The same linear head, with and without a softmax behind it. */
static void softmax_net(tiny *t, int with_softmax, const float *bias) {
    tiny_begin(t);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {3, 8}}, NULL, 21);
    tiny_weight(t, "fc.bias", (gcam_shape){1, {3}}, bias, 22);
    gcam_builder *b = t->builder;
    gcam_node x = gcam_flatten(b, "flat", gcam_relu(b, "act", gcam_input(b, "image", 2, 2, 2)));
    x = gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 3});
    if (with_softmax) gcam_softmax(b, "prob", x, NULL);
    tiny_finish(t, 1);
    tiny_fill_input(t, 23, 0, 1);
}

START_TEST(softmax_at_the_end_is_looked_through) {
    tiny plain, soft;
    softmax_net(&plain, 0, NULL);
    softmax_net(&soft, 1, NULL);
    gcam_target targets[3] = {{.class_index = 1}, {GCAM_TARGET_PROBABILITY, 1, 0}, {GCAM_TARGET_DIFFERENCE, 0, 2}};
    answers a = ask(&plain, "signed", targets, 3, "act"), b = ask(&soft, "signed", targets, 3, "act");
    for (size_t i = 0; i < 3; i++) {
        ck_assert_mem_eq(raw(a, i), raw(b, i), 4 * sizeof(float));
        ck_assert_double_eq(gcam_explanation_score(a.list[i]), gcam_explanation_score(b.list[i]));
    }
    drop(a), drop(b);
    answers none;
    ck_assert_int_eq(ask_status(&none, &soft, "gradcam", NULL, 0, "prob"), GCAM_ERR_UNSUPPORTED);
    tiny_free(&plain), tiny_free(&soft);
}
END_TEST

START_TEST(the_top_class_is_the_first_of_the_best) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {4, 1}}, (float[]){1, 3, 3, 2}, 0);
    gcam_builder *b = t.builder;
    gcam_linear(b, "fc", gcam_flatten(b, "flat", gcam_input(b, "image", 1, 1, 1)),
                &(gcam_linear_params){.out = 4, .no_bias = 1});
    tiny_finish(&t, 1);
    t.input->data[0] = 1;
    gcam_target targets[2] = {{.class_index = GCAM_TOP_CLASS}, {GCAM_TARGET_DIFFERENCE, GCAM_TOP_CLASS, 1}};
    answers a = ask(&t, "gradient", targets, 2, NULL);
    ck_assert_int_eq(gcam_explanation_class(a.list[0]), 1);
    ck_assert_int_eq(gcam_explanation_target(a.list[0])->class_index, 1);
    ck_assert_int_eq(gcam_explanation_class(a.list[1]), 2); /* the best but class 1 */
    drop(a);
    targets[1] = (gcam_target){GCAM_TARGET_DIFFERENCE, 3, GCAM_TOP_CLASS};
    a = ask(&t, "gradient", targets + 1, 1, NULL);
    ck_assert_int_eq(gcam_explanation_target(a.list[0])->other_index, 1); /* why 3 rather than the best */
    ck_assert_double_eq(gcam_explanation_score(a.list[0]), -1);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(saturated_probabilities_are_reported) {
    tiny t;
    softmax_net(&t, 0, (float[]){0, 60, 0});
    gcam_target targets[3] = {
        {GCAM_TARGET_PROBABILITY, 1, 0}, {GCAM_TARGET_LOG_PROBABILITY, 1, 0}, {GCAM_TARGET_LOG_PROBABILITY, 0, 0}};
    answers a = ask(&t, "signed", targets, 3, "act");
    ck_assert(gcam_explanation_warnings(a.list[0]) & GCAM_WARN_SATURATED);
    ck_assert(gcam_explanation_warnings(a.list[1]) & GCAM_WARN_SATURATED);
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[2]) & GCAM_WARN_SATURATED, 0);
    drop(a);
    tiny_free(&t);
}
END_TEST

/* ---- wrong questions ----------------------------------------------------------------------------------------------------- */

static void refused(const tiny *t, gcam_status wanted, const char *methods, const gcam_target *target,
                    const char *layers, const char *hint) {
    answers a = {(gcam_explanation **)t, 7};
    ck_assert_int_eq(ask_status(&a, t, methods, target, target ? 1 : 0, layers), wanted);
    ck_assert_ptr_null(a.list);
    ck_assert_uint_eq(a.count, 0);
    ck_assert_msg(strstr(gcam_last_error()->message, hint), "\"%s\" does not say \"%s\"", gcam_last_error()->message,
                  hint);
}

START_TEST(wrong_questions_get_a_sentence) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    refused(&t, GCAM_ERR_NOT_FOUND, "grad-cam", NULL, NULL, "did you mean \"gradcam\"?");
    refused(&t, GCAM_ERR_NOT_FOUND, "xyzzy", NULL, NULL, "there is no method \"xyzzy\"");
    refused(&t, GCAM_ERR_NOT_FOUND, "gradcam", NULL, "aa2", "did you mean \"a2\"?");
    refused(&t, GCAM_ERR_NOT_FOUND, "gradcam", &(gcam_target){.class_index = 3}, NULL,
            "class 3 does not exist: the network has 3 classes, 0 to 2");
    refused(&t, GCAM_ERR_NOT_FOUND, "gradcam", &(gcam_target){.class_index = -2}, NULL, "class -2");
    refused(&t, GCAM_ERR_NOT_FOUND, "gradcam", &(gcam_target){GCAM_TARGET_DIFFERENCE, 0, 9}, NULL, "the other class 9");
    refused(&t, GCAM_ERR_ARGUMENT, "gradcam", &(gcam_target){GCAM_TARGET_DIFFERENCE, 1, 1}, NULL, "itself");
    refused(&t, GCAM_ERR_ARGUMENT, "gradcam", &(gcam_target){(gcam_target_kind)9, 1, 1}, NULL, "unknown kind 9");
    refused(&t, GCAM_ERR_UNSUPPORTED, "gradcam", NULL, "fc", "the nearest such layer is a2");
    gcam_explanation *e = NULL;
    ck_assert_int_eq(gcam_explain(&e, t.session, &(gcam_image){1, 1, (uint8_t[]){0, 0, 0}}, NULL), GCAM_ERR_STATE);
    ck_assert_int_eq(gcam_explain(&e, NULL, NULL, NULL), GCAM_ERR_ARGUMENT);
    gcam_profile profile;
    ck_assert_int_eq(gcam_profile_find(&profile, "pgc"), GCAM_OK);
    ck_assert_int_eq(profile, GCAM_PROFILE_PYTORCH_GRAD_CAM);
    ck_assert_int_eq(gcam_profile_find(&profile, "nothing"), GCAM_ERR_NOT_FOUND);
    tiny_free(&t);
}
END_TEST

START_TEST(every_method_has_its_row) {
    ck_assert_uint_ge(gcam_method_count(), 8);
    for (size_t i = 0; i < gcam_method_count(); i++) {
        const gcam_method_info *info = gcam_method_at(i);
        ck_assert_ptr_eq(gcam_method_find(info->id), info);
        ck_assert(info->title[0] && info->summary[0] && info->paper[0] && info->cost[0]);
    }
    ck_assert_ptr_null(gcam_method_at(gcam_method_count()));
    ck_assert_ptr_null(gcam_method_find("no such method"));
    for (unsigned bit = 1; bit <= GCAM_WARN_SATURATED; bit *= 2)
        ck_assert_str_ne(gcam_warning_name((gcam_warning)bit), "?");
}
END_TEST

/* ---- degenerate inputs ----------------------------------------------------------------------------------------------------- */

static void check_finite_maps(answers a) {
    for (size_t i = 0; i < a.count; i++) {
        const gcam_tensor *map = gcam_explanation_map(a.list[i]);
        for (int64_t j = 0; j < gcam_shape_count(&map->shape); j++) ck_assert(isfinite(map->data[j]));
        for (int64_t j = 0; j < raw_count(a, i); j++) ck_assert(isfinite(raw(a, i)[j]));
    }
}

START_TEST(a_black_image_has_a_flat_map) {
    tiny t;
    tiny_convnet(&t, 3, 0, 1);
    answers a = ask(&t, all_methods, NULL, 0, "a2");
    check_finite_maps(a);
    for (size_t i = 0; i < a.count; i++) ck_assert(gcam_explanation_warnings(a.list[i]) & GCAM_WARN_FLAT || i == 5);
    gcam_box box;
    int fallback;
    ck_assert_int_eq(gcam_explanation_box(a.list[0], 0, &box, &fallback), GCAM_OK);
    ck_assert(fallback && box.x0 == 0 && box.y0 == 0 && box.x1 == 8 && box.y1 == 8);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(a_score_without_weights_has_no_gradient) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {1, 4}}, (float[]){0, 0, 0, 0}, 0);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_flatten(b, "flat", gcam_relu(b, "act", gcam_input(b, "image", 1, 2, 2)));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(&t, 1);
    tiny_fill_input(&t, 31, 0, 1);
    answers a = ask(&t, all_methods, NULL, 0, "act");
    check_finite_maps(a);
    for (size_t i = 0; i < a.count; i++)
        ck_assert_uint_eq(gcam_explanation_warnings(a.list[i]), GCAM_WARN_ZERO_GRAD | GCAM_WARN_FLAT);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(a_layer_that_only_speaks_against) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {1, 4}}, (float[]){-1, -2, -3, -4}, 0);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_flatten(b, "flat", gcam_relu(b, "act", gcam_input(b, "image", 1, 2, 2)));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(&t, 1);
    memcpy(t.input->data, (float[]){1, 2, 3, 4}, 4 * sizeof(float));
    answers a = ask(&t, "gradcam,signed,counterfactual", NULL, 0, "act");
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[0]), GCAM_WARN_ALL_NEGATIVE | GCAM_WARN_FLAT);
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[1]), GCAM_WARN_ALL_NEGATIVE);
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[2]), 0);
    check_values(raw(a, 2), (double[]){2.5, 5, 7.5, 10}, 4, 1e-6);
    check_values(gcam_explanation_map(a.list[1])->data, (double[]){-.25, -.5, -.75, -1}, 4, 1e-6);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(one_cell_and_one_channel) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {1, 1}}, (float[]){3}, 0);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", gcam_input(b, "image", 1, 2, 2)));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(&t, 1);
    memcpy(t.input->data, (float[]){1, 2, 3, 6}, 4 * sizeof(float));
    answers a = ask(&t, "gradcam", NULL, 0, "gap,image");
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[0]), GCAM_WARN_LAYER_1X1 | GCAM_WARN_FLAT);
    check_values(raw(a, 0), (double[]){9}, 1, 1e-6);
    check_values(raw(a, 1), (double[]){.75, 1.5, 2.25, 4.5}, 4, 1e-6); /* the input itself is a layer too */
    drop(a);
    a = ask(&t, "gradcam,guided-backprop", NULL, 0, "image"); /* the input watched for both */
    check_values(raw(a, 0), (double[]){.75, 1.5, 2.25, 4.5}, 4, 1e-6);
    check_values(raw(a, 1), (double[]){.75, .75, .75, .75}, 4, 1e-6);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(not_a_number_is_an_error_that_names_its_layer) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "conv.weight", gcam_shape_nchw(1, 1, 1, 1), (float[]){NAN}, 0);
    gcam_builder *b = t.builder;
    gcam_conv2d_params conv = {.out = 1, .kernel = {1, 1}, .no_bias = 1};
    gcam_node x = gcam_relu(b, "act", gcam_conv2d(b, "conv", gcam_input(b, "image", 1, 2, 2), &conv));
    gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", x));
    tiny_finish(&t, 1);
    refused(&t, GCAM_ERR_NUMERIC, "gradcam", NULL, "act", "conv");
    tiny_free(&t);
}
END_TEST

static gcam_status poison(const gcam_hook_event *event, void *user) {
    (void)user;
    event->value->data[5] = NAN;
    return GCAM_OK;
}

START_TEST(gradients_that_are_no_numbers_are_an_error) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 33, -1, 1);
    gcam_hook_id id;
    ck_assert_int_eq(gcam_hook_add(t.session, "a2", GCAM_HOOK_BACKWARD, poison, NULL, &id), GCAM_OK);
    refused(&t, GCAM_ERR_NUMERIC, "gradcam", NULL, "a2", "a2");
    tiny_free(&t);
}
END_TEST

static gcam_status stop(const gcam_hook_event *event, void *user) {
    (void)event, (void)user;
    return GCAM_ERR_CANCELED;
}

START_TEST(a_hook_can_stop_it) {
    tiny t;
    answers a;
    tiny_convnet(&t, 3, 1, 1);
    gcam_hook_id id;
    ck_assert_int_eq(gcam_hook_add(t.session, "fc", GCAM_HOOK_BACKWARD, stop, NULL, &id), GCAM_OK);
    ck_assert_int_eq(ask_status(&a, &t, "gradcam", NULL, 0, "a2"), GCAM_ERR_CANCELED);
    ck_assert_ptr_null(a.list);
    ck_assert_int_eq(gcam_hook_remove(t.session, id), GCAM_OK);
    drop(ask(&t, "gradcam", NULL, 0, "a2"));
    tiny_free(&t);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    /* The sanitizers see what a failure leaves behind. */
    for (int budget = 0;; budget++) {
        tiny t;
        tiny_convnet(&t, 3, 1, 1);
        tiny_fill_input(&t, 34, -1, 1);
        scarce_begin(budget);
        answers a;
        gcam_status status = ask_status(&a, &t, all_methods, NULL, 0, "a1,a2");
        scarce_end();
        if (status == GCAM_OK) drop(a);
        tiny_free(&t);
        if (status == GCAM_OK) break;
        ck_assert_int_eq(status, GCAM_ERR_NOMEM);
        ck_assert_ptr_null(a.list);
        ck_assert_int_lt(budget, 1000);
    }
}
END_TEST

/* ---- display maps and boxes -------------------------------------------------------------------------------------------------- */

/* A 2 x 2 layer with the map [[1,2],[3,4]] below a 4 x 4 input. */
static void ramp_net(tiny *t) {
    tiny_begin(t);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {1, 1}}, (float[]){4}, 0);
    gcam_builder *b = t->builder;
    gcam_node x = gcam_avg_pool(b, "pool", gcam_input(b, "image", 1, 4, 4), &(gcam_pool_params){.kernel = {2, 2}});
    x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", x));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(t, 1);
    for (int i = 0; i < 16; i++) t->input->data[i] = (float)(1 + (i / 8) * 2 + i % 4 / 2);
}

static void check_profile(const tiny *t, gcam_profile profile, const double first_row[4], double weight) {
    const char *layer = "pool";
    gcam_explain_options options = {
        .struct_size = sizeof options, .layers = &layer, .layer_count = 1, .profile = profile};
    answers a;
    ck_assert_int_eq(gcam_explain_tensor(&a.list, &a.count, t->session, t->input, 0, &options), GCAM_OK);
    check_values(raw(a, 0), (double[]){weight, 2 * weight, 3 * weight, 4 * weight}, 4, 1e-6);
    check_values(gcam_explanation_map(a.list[0])->data, first_row, 4, 1e-6);
    drop(a);
}

START_TEST(profiles_resize_and_scale_in_their_own_way) {
    tiny t;
    ramp_net(&t);
    check_profile(&t, GCAM_PROFILE_PAPER, (double[]){.25, .3125, .4375, .5}, 1);
    check_profile(&t, GCAM_PROFILE_LUA, (double[]){.25, 1 / 3., 5 / 12., .5},
                  4); /* sum of gradients, corners aligned */
    check_profile(&t, GCAM_PROFILE_CAPTUM, (double[]){.25, .25, .5, .5}, 1);
    check_profile(&t, GCAM_PROFILE_TORCHCAM, (double[]){0, 1 / 12., .25, 1 / 3.}, 1);
    check_profile(&t, GCAM_PROFILE_PYTORCH_GRAD_CAM, (double[]){0, 1 / 12., .25, 1 / 3.}, 1);
    tiny_free(&t);
}
END_TEST

static void check_box(const float *map, int h, int w, gcam_geometry g, gcam_box wanted) {
    gcam_tensor tensor = {.shape = {2, {h, w}}, .data = (float *)(uintptr_t)map};
    gcam_explanation e = {.map = &tensor, .geometry = g};
    gcam_box box;
    int fallback = 7;
    ck_assert_int_eq(gcam_explanation_box(&e, 0.5, &box, &fallback), GCAM_OK);
    ck_assert_int_eq(fallback, 0);
    ck_assert_msg(memcmp(&box, &wanted, sizeof box) == 0, "%d %d %d %d", box.x0, box.y0, box.x1, box.y1);
}

START_TEST(boxes_have_known_places) {
    gcam_geometry same = {1, 1, 0, 0, 4, 3, 4, 3};
    check_box((float[]){1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1}, 3, 4, same, (gcam_box){2, 1, 4, 3}); /* more cells */
    check_box((float[]){.6f, 0, 0, 1, .6f, 0, 0, 1, 0, 0, 0, 0}, 3, 4, same,
              (gcam_box){3, 0, 4, 2}); /* a tie: larger sum */
    check_box((float[]){1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0}, 3, 4, same,
              (gcam_box){0, 0, 1, 2}); /* a full tie: the first */
    check_box((float[]){1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, 3, 4, same, (gcam_box){0, 0, 3, 3}); /* diagonal */
    check_box((float[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 3, 4, same, (gcam_box){0, 0, 4, 3}); /* full */
    check_box((float[]){.5f, .49f, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 3, 4, same,
              (gcam_box){2, 0, 3, 1}); /* at the threshold counts; sums decide */
    gcam_geometry crop = {2.5, 2.5, 3, -1, 13, 3, 4, 3};
    check_box((float[]){0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0}, 3, 4, crop,
              (gcam_box){10, 0, 13, 3}); /* rounded (0), clipped (13, 3) */
    gcam_explanation none = {0};
    gcam_box box;
    ck_assert_int_eq(gcam_explanation_box(&none, -1, &box, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_explanation_box(NULL, 0, &box, NULL), GCAM_ERR_ARGUMENT);
}
END_TEST

/* ---- a real network --------------------------------------------------------------------------------------------------------- */

static gcam_box box_of(const char *table, const char *photo, int class_index) {
    FILE *file = fopen(table, "r");
    char line[256], name[128];
    gcam_box box = {0};
    while (file && fgets(line, sizeof line, file)) {
        int found = -1;
        int fields = sscanf(line, "%127s %d%*[^0-9]%d %d %d %d", name, &found, &box.x0, &box.y0, &box.x1, &box.y1);
        if (fields == 6 && found == class_index && strcmp(name, photo) == 0) break;
        box = (gcam_box){0};
    }
    if (file) fclose(file);
    return box;
}

/* The photo's pixel below the centre of map cell `i`, inside the box? */
static int lies_in(const gcam_explanation *e, int64_t i, gcam_box box) {
    const gcam_geometry *g = gcam_explanation_geometry(e);
    double x = ((double)(i % g->input_width) + 0.5 + g->left) * g->scale_x;
    double y = ((double)(i / g->input_width) + 0.5 + g->top) * g->scale_y;
    return x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
}

static int64_t peak(const gcam_explanation *e) {
    const gcam_tensor *map = gcam_explanation_map(e);
    int64_t best = 0;
    for (int64_t i = 1; i < gcam_shape_count(&map->shape); i++) best = map->data[i] > map->data[best] ? i : best;
    return best;
}

START_TEST(boxer_and_tiger_cat) {
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL;
    if (access("../shared/models/tiny_darknet.pth", R_OK) != 0) {
        printf("skipped: boxer_and_tiger_cat needs ../shared/models/tiny_darknet.pth\n");
        return;
    }
    ck_assert_int_eq(gcam_model_load(&model, "../shared/models/tiny_darknet.pth", NULL), GCAM_OK);
    ck_assert_int_eq(gcam_session_create(&session, model, NULL), GCAM_OK);
    ck_assert_int_eq(gcam_image_load(&photo, "../shared/photos/cat_dog_640.jpg"), GCAM_OK);
    gcam_box boxer = box_of("../shared/photos/boxes.tsv", "cat_dog_640.jpg", 242);
    gcam_box cat = box_of("../shared/photos/boxes.tsv", "cat_dog_640.jpg", 282);
    ck_assert(boxer.x1 == 467 && cat.x1 == 531);
    const char *methods[] = {"gradcam", "counterfactual", "cam"};
    gcam_target targets[2] = {{.class_index = 242}, {.class_index = 282}};
    gcam_explain_options options = {
        .struct_size = sizeof options, .methods = methods, .method_count = 3, .targets = targets, .target_count = 2};
    answers a;
    gcam_status status = gcam_explain_many(&a.list, &a.count, session, photo, &options);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_str_eq(gcam_explanation_layer(a.list[0]), "act15");
    ck_assert_str_eq(gcam_explanation_label(a.list[0]), "boxer");
    ck_assert(lies_in(a.list[0], peak(a.list[0]), boxer));
    ck_assert(lies_in(a.list[3], peak(a.list[3]), cat));
    double on_cat = 0, all = 0;
    const gcam_tensor *against = gcam_explanation_map(a.list[1]);
    for (int64_t i = 0; i < gcam_shape_count(&against->shape); i++) {
        all += against->data[i];
        if (lies_in(a.list[1], i, cat)) on_cat += against->data[i];
    }
    ck_assert_double_gt(on_cat, 0.5 * all);
    for (int64_t i = 0; i < raw_count(a, 0); i++) /* a CAM network: Grad-CAM is ReLU(CAM) / Z */
        ck_assert_double_eq_tol(raw(a, 0)[i], fmax(0, raw(a, 2)[i]) / (double)raw_count(a, 0), 1e-5);
    gcam_explanation *one = NULL;
    ck_assert_int_eq(gcam_explain(&one, session, photo, &options), GCAM_OK);
    ck_assert_int_eq(gcam_explanation_class(one), 242);
    ck_assert_mem_eq(gcam_explanation_map(one)->data, gcam_explanation_map(a.list[0])->data, 1000);
    gcam_explanation_free(one);
    drop(a);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
}
END_TEST

Suite *explain_suite(void);
Suite *explain_suite(void) {
    Suite *suite = suite_create("explain");
    TCase *tcase = tcase_create("explain");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, worked_example_has_its_values);
    tcase_add_test(tcase, cam_takes_a_convolution_before_the_average);
    tcase_add_test(tcase, cam_refuses_other_heads);
    tcase_add_test(tcase, channel_weights_match_finite_differences);
    tcase_add_test(tcase, parts_of_the_signed_map);
    tcase_add_test(tcase, signed_map_is_linear_in_the_target);
    tcase_add_test(tcase, permuting_and_rescaling_channels_changes_nothing);
    tcase_add_test(tcase, gradient_times_input_sums_to_the_score);
    tcase_add_test(tcase, rules_agree_where_all_is_positive);
    tcase_add_test(tcase, rules_differ_at_rectifiers);
    tcase_add_test(tcase, guided_gradcam_is_a_product);
    tcase_add_test(tcase, ties_in_max_pooling_go_to_the_first);
    tcase_add_test(tcase, many_are_the_singles);
    tcase_add_test(tcase, backward_goes_only_where_somebody_looks);
    tcase_add_test(tcase, more_targets_than_fit_one_pass);
    tcase_add_test(tcase, an_image_of_a_batch_is_explained_as_if_alone);
    tcase_add_test(tcase, softmax_at_the_end_is_looked_through);
    tcase_add_test(tcase, the_top_class_is_the_first_of_the_best);
    tcase_add_test(tcase, saturated_probabilities_are_reported);
    tcase_add_test(tcase, wrong_questions_get_a_sentence);
    tcase_add_test(tcase, every_method_has_its_row);
    tcase_add_test(tcase, a_black_image_has_a_flat_map);
    tcase_add_test(tcase, a_score_without_weights_has_no_gradient);
    tcase_add_test(tcase, a_layer_that_only_speaks_against);
    tcase_add_test(tcase, one_cell_and_one_channel);
    tcase_add_test(tcase, not_a_number_is_an_error_that_names_its_layer);
    tcase_add_test(tcase, gradients_that_are_no_numbers_are_an_error);
    tcase_add_test(tcase, a_hook_can_stop_it);
    tcase_add_test(tcase, every_allocation_may_fail);
    tcase_add_test(tcase, profiles_resize_and_scale_in_their_own_way);
    tcase_add_test(tcase, boxes_have_known_places);
    tcase_add_test(tcase, boxer_and_tiger_cat);
    return suite;
}
