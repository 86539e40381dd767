/* Tests of the methods that hand the score back in shares: LRP, DeepLIFT, excitation backpropagation, and the quadratures and baselines of
 * integrated gradients. */
#include "core/memory.h"
#include "explain/explain.h"
#include "graph/session.h"
#include "support/ask.h"
#include "support/small_networks.h"
#include "support/weights.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sum_of(const gcam_explanation *e) {
    double sum = 0;
    for (int64_t i = 0; i < size_of(e); i++) sum += values(e)[i];
    return sum;
}

/* ---- DeepLIFT -------------------------------------------------------------------------------------------------------------------- */

/* One of the small networks with random weights; inputs in -1 .. 1. */
static void random_net(tiny *t, small_network build, uint64_t seed) {
    tiny_begin(t);
    build(t->builder, 65, 63);
    weights_add_random(t->weights, t->builder, seed);
    tiny_finish(t, 1);
    tiny_fill_input(t, seed + 1, -1, 1);
}

/* Invariant 17: the shares sum to the change from the baseline. */
START_TEST(deeplift_is_complete) {
    static const small_network nets[] = {small_alexnet, small_vgg_bn, small_squeezenet, small_darknet, small_resnet};
    static const gcam_baseline kinds[] = {GCAM_BASELINE_ZERO, GCAM_BASELINE_BLUR, GCAM_BASELINE_UNIFORM,
                                          GCAM_BASELINE_MEAN, GCAM_BASELINE_SEVERAL};
    tiny t;
    random_net(&t, nets[_i], 300 + (uint64_t)_i);
    gcam_explanation *e = ask_one(&t, "deeplift", NULL, GCAM_TOP_CLASS, (gcam_explain_options){.baseline = kinds[_i]});
    gcam_explanation *ig = ask_one(&t, "integrated-gradients", NULL, GCAM_TOP_CLASS,
                                   (gcam_explain_options){.baseline = kinds[_i], .samples = 8});
    double change = sum_of(ig) - gcam_explanation_residual(ig), size = 0;
    for (int64_t i = 0; i < size_of(e); i++) size = fmax(size, fabsf(values(e)[i]));
    ck_assert_double_gt(size, 0);
    ck_assert_msg(fabs(sum_of(e) - change) <= 1e-4 * fmax(fabs(change), 0.1), "%g of %g", sum_of(e), change);
    ck_assert_double_eq_tol(gcam_explanation_residual(e), sum_of(e) - change, 1e-4 * fmax(fabs(change), 0.1));
    gcam_explanation_free(e);
    gcam_explanation_free(ig);
    tiny_free(&t);
}
END_TEST

/* So near to its baseline no unit changes state: the network is linear on the way, and DeepLIFT is integrated gradients. */
START_TEST(deeplift_is_integrated_gradients_where_no_unit_switches) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 91, -1, 1);
    gcam_tensor *near;
    ck_assert_int_eq(gcam_tensor_create(&near, &t.input->shape), GCAM_OK);
    for (int i = 0; i < 192; i++) near->data[i] = t.input->data[i] + 2e-4f * (float)sin(i);
    gcam_explain_options options = {.baseline_set = near, .samples = 4};
    gcam_explanation *a = ask_one(&t, "deeplift", NULL, 1, options);
    gcam_explanation *b = ask_one(&t, "integrated-gradients", NULL, 1, options);
    double wanted[192];
    for (int i = 0; i < 192; i++) wanted[i] = values(b)[i];
    check_values(values(a), wanted, 192, 2e-3); /* differences of float32 over 2e-4 */
    gcam_explanation_free(a), gcam_explanation_free(b), gcam_tensor_free(near);
    tiny_free(&t);
}
END_TEST

/* ---- integrated gradients ----------------------------------------------------------------------------------------------------------- */

/* All rules meet at the same integral; a wanted completeness is reached by doubling. */
START_TEST(quadratures_agree) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 92, -1, 1);
    gcam_explanation *gauss = ask_one(&t, "integrated-gradients", NULL, 0, (gcam_explain_options){.samples = 400});
    double wanted[192];
    for (int i = 0; i < 192; i++) wanted[i] = values(gauss)[i];
    for (gcam_quadrature q = GCAM_QUADRATURE_TRAPEZOID; q <= GCAM_QUADRATURE_MIDDLE; q++) {
        gcam_explanation *e =
            ask_one(&t, "integrated-gradients", NULL, 0, (gcam_explain_options){.samples = 400, .quadrature = q});
        check_values(values(e), wanted, 192, 0.02);
        ck_assert_mem_ne(values(e), values(gauss), sizeof(float) * 192);
        gcam_explanation_free(e);
    }
    double change = sum_of(gauss) - gcam_explanation_residual(gauss);
    gcam_explanation *rough = ask_one(&t, "integrated-gradients", NULL, 0,
                                      (gcam_explain_options){.samples = 2, .quadrature = GCAM_QUADRATURE_LEFT});
    ck_assert_double_gt(fabs(gcam_explanation_residual(rough)),
                        0.02 * fabs(change)); /* else the next line says nothing */
    gcam_explanation *fine =
        ask_one(&t, "integrated-gradients", NULL, 0,
                (gcam_explain_options){.samples = 2, .quadrature = GCAM_QUADRATURE_LEFT, .completeness = 0.02});
    ck_assert_double_le(fabs(gcam_explanation_residual(fine)), 0.02 * fabs(change));
    gcam_explanation_free(gauss), gcam_explanation_free(rough), gcam_explanation_free(fine);
    tiny_free(&t);
}
END_TEST

/* The trapezoid rule has both ends: with two nodes on y = x^2-like pieces it is the mean of the ends' gradients. */
START_TEST(trapezoid_of_two_is_the_mean_of_the_ends) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 93, -1, 1);
    gcam_explanation *e = ask_one(&t, "integrated-gradients", NULL, 0,
                                  (gcam_explain_options){.samples = 2, .quadrature = GCAM_QUADRATURE_TRAPEZOID});
    double wanted[192];
    gcam_explanation *here = ask_one(&t, "gradient", NULL, 0, (gcam_explain_options){0});
    float x[192];
    memcpy(x, t.input->data, sizeof x);
    memset(t.input->data, 0, sizeof x);
    gcam_explanation *there = ask_one(&t, "gradient", NULL, 0, (gcam_explain_options){0});
    for (int i = 0; i < 192; i++) wanted[i] = x[i] * (values(here)[i] + values(there)[i]) / 2;
    check_values(values(e), wanted, 192, 1e-5);
    gcam_explanation_free(e), gcam_explanation_free(here), gcam_explanation_free(there);
    tiny_free(&t);
}
END_TEST

/* ---- LRP ------------------------------------------------------------------------------------------------------------------------------- */

START_TEST(lrp_reports_what_is_missing) {
    tiny t;
    random_net(&t, small_squeezenet, 310);
    gcam_explanation *kept =
        ask_one(&t, "lrp", NULL, 2, (gcam_explain_options){.rule = "epsilon-plus", .ignore_bias = 1});
    gcam_explanation *lost = ask_one(&t, "lrp", NULL, 2, (gcam_explain_options){.rule = "epsilon-plus"});
    double score = gcam_explanation_score(kept);
    ck_assert_double_eq_tol(gcam_explanation_residual(kept), 0, 1e-3 * fabs(score));
    ck_assert_double_eq_tol(sum_of(kept), score, 1e-3 * fabs(score));
    ck_assert_double_gt(fabs(gcam_explanation_residual(lost)), 1e-3 * fabs(score));
    ck_assert_double_eq_tol(gcam_explanation_residual(lost), sum_of(lost) - score, 1e-6 * fabs(score));
    gcam_explanation_free(kept), gcam_explanation_free(lost);
    tiny_free(&t);
}
END_TEST

/* A weighted target t_c z_c starts with t_c z_c each: LRP is then linear in the target. */
START_TEST(lrp_of_a_difference_is_the_difference) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 94, 0, 1);
    answers both;
    gcam_target difference = {.kind = GCAM_TARGET_DIFFERENCE, .class_index = 0, .other_index = 2};
    ck_assert_int_eq(ask_with(&both, &t, "lrp", NULL, difference, (gcam_explain_options){0}), GCAM_OK);
    gcam_explanation *a = ask_one(&t, "lrp", NULL, 0, (gcam_explain_options){0}),
                     *b = ask_one(&t, "lrp", NULL, 2, (gcam_explain_options){0});
    double wanted[192];
    for (int i = 0; i < 192; i++) wanted[i] = (double)values(a)[i] - values(b)[i];
    check_values(raw(both, 0), wanted, 192, 1e-4);
    gcam_explanation_free(a), gcam_explanation_free(b);
    drop(both);
    tiny_free(&t);
}
END_TEST

/* ---- excitation ----------------------------------------------------------------------------------------------------------------------------- */

START_TEST(excitation_has_mass_one) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 95, 0, 1);
    gcam_explanation *e = ask_one(&t, "mwp", NULL, 1, (gcam_explain_options){0});
    ck_assert_str_eq(gcam_explanation_layer(e), "pool"); /* where the stage of the target layer, a2, begins */
    ck_assert_double_eq_tol(sum_of(e), 1, 1e-5);
    for (int64_t i = 0; i < size_of(e); i++) ck_assert_float_ge(values(e)[i], 0);
    ck_assert_double_eq_tol(gcam_explanation_residual(e), 0, 1e-5);
    gcam_explanation_free(e);
    e = ask_one(&t, "mwp", "a2", 1, (gcam_explain_options){0});
    ck_assert_str_eq(gcam_explanation_layer(e), "a2");
    ck_assert_double_eq_tol(sum_of(e), 1, 1e-5);
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

/* conv -> relu "a" -> linear with weights sign * w */
static void signed_net(tiny *t, float sign) {
    float w[2 * 48];
    for (int i = 0; i < 96; i++) w[i] = sign * (float)sin(3 + 0.9 * i);
    tiny_begin(t);
    tiny_weight(t, "c.weight", gcam_shape_nchw(3, 2, 3, 3), NULL, 96);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {2, 48}}, w, 0);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 3, .kernel = {3, 3}, .pad = {1, 1}, .no_bias = 1};
    gcam_node x = gcam_relu(b, "a", gcam_conv2d(b, "c", gcam_relu(b, "first", gcam_input(b, "image", 2, 4, 4)), &conv));
    gcam_linear(b, "fc", gcam_flatten(b, "flat", x), &(gcam_linear_params){.out = 2, .no_bias = 1});
    tiny_finish(t, 1);
    tiny_fill_input(t, 97, 0.1f, 1);
}

/* c-MWP is MWP of the network minus MWP of the network whose last weights are negated, each of mass 1; then the positive part. */
START_TEST(contrast_is_a_difference_of_two_excitations) {
    tiny t[2];
    gcam_explanation *e[2];
    for (int k = 0; k < 2; k++) {
        signed_net(&t[k], k ? -1.0f : 1.0f);
        e[k] = ask_one(&t[k], "mwp", "first", 1, (gcam_explain_options){0});
    }
    for (int k = 0; k < 2; k++) { /* and the network with -W has the opposite contrast */
        gcam_explanation *c = ask_one(&t[k], "c-mwp", "first", 1, (gcam_explain_options){0});
        double wanted[16], total = 0;
        for (int i = 0; i < 16; i++) {
            double difference = (double)values(e[k])[i] - values(e[1 - k])[i];
            wanted[i] = difference > 0 ? difference : 0;
            total += wanted[i];
        }
        ck_assert_double_gt(total, 0.01);
        check_values(values(c), wanted, 16, 1e-5);
        ck_assert_double_eq_tol(gcam_explanation_residual(c), 0, 1e-5); /* of the signed total */
        gcam_explanation_free(c);
    }
    for (int k = 0; k < 2; k++) gcam_explanation_free(e[k]), tiny_free(&t[k]);
}
END_TEST

/* ---- published codes ---------------------------------------------------------------------------------------------------------------- */

/* Captum: Saliency is |gradient|; SmoothGrad takes 5 copies with noise of 1 in units of the input, GradientSHAP 5 points. */
START_TEST(captum_has_its_own_numbers) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 99, 0, 1);
    double range = 0, low = 1, wanted[192];
    for (int i = 0; i < 192; i++) range = fmax(range, t.input->data[i]), low = fmin(low, t.input->data[i]);
    range -= low;
    gcam_explain_options captum = {.profile = GCAM_PROFILE_CAPTUM};
    gcam_explanation *a = ask_one(&t, "gradient", NULL, 1, captum),
                     *b = ask_one(&t, "gradient", NULL, 1, (gcam_explain_options){0});
    for (int i = 0; i < 192; i++) wanted[i] = fabsf(values(b)[i]);
    check_values(values(a), wanted, 192, 0);
    gcam_explanation_free(a), gcam_explanation_free(b);
    a = ask_one(&t, "smoothgrad", NULL, 1, captum);
    b = ask_one(&t, "smoothgrad", NULL, 1, (gcam_explain_options){.samples = 5, .noise = 1 / range});
    for (int i = 0; i < 192; i++) wanted[i] = values(b)[i];
    check_values(values(a), wanted, 192, 1e-5);
    gcam_explanation_free(a), gcam_explanation_free(b);
    a = ask_one(&t, "gradientshap", NULL, 1, captum);
    b = ask_one(&t, "gradientshap", NULL, 1, (gcam_explain_options){.samples = 5});
    ck_assert_mem_eq(values(a), values(b), sizeof(float) * 192);
    gcam_explanation_free(a), gcam_explanation_free(b);
    tiny_free(&t);
}
END_TEST

/* ---- questions that have no answer ------------------------------------------------------------------------------------------------------------ */

static void refuse(const tiny *t, const char *method, const char *layer, gcam_target target,
                   gcam_explain_options options, gcam_status wanted, const char *sentence) {
    answers a;
    ck_assert_int_eq(ask_with(&a, t, method, layer, target, options), wanted);
    ck_assert_str_eq(gcam_last_error()->message, sentence);
}

START_TEST(impossible_shares_get_a_sentence) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    gcam_explain_options none = {0};
    refuse(&t, "deeplift", NULL, (gcam_target){.kind = GCAM_TARGET_PROBABILITY}, none, GCAM_ERR_UNSUPPORTED,
           "deeplift explains scores and sums of them; the target is a probability, take logit or diff");
    refuse(
        &t, "lrp", NULL, (gcam_target){0}, (gcam_explain_options){.rule = "delta"}, GCAM_ERR_NOT_FOUND,
        "there is no preset \"delta\"; the presets are epsilon-gamma-box, epsilon-plus, epsilon-alpha2-beta1, epsilon, "
        "lrp-0, gamma, z-plus and alpha2-beta1");
    gcam_tensor small = {.shape = {4, {1, 3, 8, 7}}, .data = t.input->data};
    refuse(&t, "deeplift", NULL, (gcam_target){0}, (gcam_explain_options){.baseline_set = &small}, GCAM_ERR_SHAPE,
           "baselines must have the input's shape, with any batch");
    tiny_free(&t);
    tiny_worked_example(&t); /* nothing but pooling and the last layer: fine; without weights in between: not */
    gcam_explanation_free(ask_one(&t, "c-mwp", "act", 0, none));
    tiny_free(&t);
    tiny_begin(&t);
    tiny_weight(&t, "c.weight", gcam_shape_nchw(2, 2, 1, 1), NULL, 1);
    gcam_node x = gcam_relu(t.builder, "act", gcam_input(t.builder, "image", 2, 2, 2));
    x = gcam_conv2d(t.builder, "c", x, &(gcam_conv2d_params){.out = 2, .kernel = {1, 1}, .no_bias = 1});
    gcam_flatten(t.builder, "flat", gcam_global_avg_pool(t.builder, "gap", x));
    tiny_finish(&t, 1);
    refuse(&t, "c-mwp", "act", (gcam_target){0}, none, GCAM_ERR_UNSUPPORTED,
           "c-mwp is zero in every cell of act: only the contrasted layer c lies between it and the scores; choose an "
           "earlier "
           "layer");
    refuse(&t, "c-mwp", "c", (gcam_target){0}, none, GCAM_ERR_UNSUPPORTED,
           "c-mwp needs a layer with weights between c and the scores; choose an earlier layer");
    tiny_free(&t);
}
END_TEST

/* Image 1 of a batch of 2 is explained as if it were alone. */
START_TEST(batches_change_nothing) {
    static const char *const methods[] = {"lrp", "deeplift", "mwp", "c-mwp"};
    tiny alone, pair;
    tiny_convnet(&alone, 3, 1, 1);
    tiny_convnet(&pair, 3, 1, 2);
    tiny_fill_input(&pair, 98, -1, 1);
    memcpy(alone.input->data, pair.input->data + 192, 192 * sizeof(float));
    gcam_explain_options options = {.struct_size = sizeof options, .methods = methods, .method_count = 4};
    gcam_explanation **a, **b;
    size_t count;
    ck_assert_int_eq(gcam_explain_tensor(&a, &count, alone.session, alone.input, 0, &options), GCAM_OK);
    ck_assert_int_eq(gcam_explain_tensor(&b, &count, pair.session, pair.input, 1, &options), GCAM_OK);
    for (size_t m = 0; m < 4; m++) {
        double wanted[192];
        for (int64_t i = 0; i < size_of(a[m]); i++) wanted[i] = values(a[m])[i];
        check_values(values(b[m]), wanted, size_of(a[m]), 1e-5);
    }
    gcam_explanations_free(a, count), gcam_explanations_free(b, count);
    tiny_free(&alone), tiny_free(&pair);
}
END_TEST

Suite *shares_suite(void);
Suite *shares_suite(void) {
    Suite *suite = suite_create("shares");
    TCase *tcase = tcase_create("shares");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, deeplift_is_complete, 0, 5);
    tcase_add_test(tcase, deeplift_is_integrated_gradients_where_no_unit_switches);
    tcase_add_test(tcase, quadratures_agree);
    tcase_add_test(tcase, trapezoid_of_two_is_the_mean_of_the_ends);
    tcase_add_test(tcase, lrp_reports_what_is_missing);
    tcase_add_test(tcase, lrp_of_a_difference_is_the_difference);
    tcase_add_test(tcase, excitation_has_mass_one);
    tcase_add_test(tcase, contrast_is_a_difference_of_two_excitations);
    tcase_add_test(tcase, captum_has_its_own_numbers);
    tcase_add_test(tcase, impossible_shares_get_a_sentence);
    tcase_add_test(tcase, batches_change_nothing);
    return suite;
}
