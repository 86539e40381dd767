/* Tests of the methods that run the network many times: tails, masked inputs, noise, paths, occlusion, random masks. */
#include "core/memory.h"
#include "explain/explain.h"
#include "graph/session.h"

#include "support/ask.h"
#include "support/scarce.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- tails ---------------------------------------------------------------------------------------------------------------- */

START_TEST(worked_example_of_the_tails) {
    tiny t;
    tiny_worked_example(&t);
    answers a = ask(&t, "ablationcam,reciprocam", &(gcam_target){.class_index = 0}, 1, NULL);
    check_values(gcam_explanation_weights(a.list[0], NULL), (double[]){10 / 3., -8 / 3.}, 2, 1e-6);
    check_values(raw(a, 0), (double[]){10 / 3., 4, 22 / 3., 40 / 3.}, 4, 1e-6);
    check_values(raw(a, 1), (double[]){1, -.5, 0, 2.5}, 4, 1e-6);
    check_values(gcam_explanation_map(a.list[1])->data, (double[]){.5, 0, 1 / 6., 1}, 4,
                 1e-6); /* from smallest to largest */
    drop(a);
    tiny_free(&t);
}
END_TEST

/* image -> c1 -> a1 -> c2 -> a2 -> join = a2 + skip(a1) + a way round from the image -> flatten -> fc */
static void skipping(tiny *t) {
    tiny_begin(t);
    tiny_weight(t, "c1.weight", gcam_shape_nchw(3, 2, 3, 3), NULL, 61);
    tiny_weight(t, "c2.weight", gcam_shape_nchw(3, 3, 3, 3), NULL, 62);
    tiny_weight(t, "around.weight", gcam_shape_nchw(3, 2, 1, 1), NULL, 63);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {2, 48}}, NULL, 64);
    gcam_builder *b = t->builder;
    gcam_conv2d_params three = {.out = 3, .kernel = {3, 3}, .pad = {1, 1}, .no_bias = 1},
                       dot = {.out = 3, .kernel = {1, 1}, .no_bias = 1};
    gcam_node image = gcam_input(b, "image", 2, 4, 4);
    gcam_node around = gcam_conv2d(b, "around", image, &dot);
    gcam_node a1 = gcam_relu(b, "a1", gcam_conv2d(b, "c1", image, &three));
    gcam_node a2 = gcam_relu(b, "a2", gcam_conv2d(b, "c2", a1, &three));
    gcam_node join = gcam_relu(b, "join", gcam_add(b, "add2", gcam_add(b, "add1", a2, a1), around));
    gcam_linear(b, "fc", gcam_flatten(b, "flat", join), &(gcam_linear_params){.out = 2, .no_bias = 1});
    tiny_finish(t, 1);
    tiny_fill_input(t, 65, -1, 1);
}

/* What a hook leaves of a 3 x 16 activation: all but one channel, or one cell alone. */
typedef struct keep {
    int channel, cell;
} keep;

static gcam_status edit(const gcam_hook_event *event, void *user) {
    const keep *k = user;
    for (int i = 0; i < 48; i++) {
        if (i / 16 == k->channel || (k->cell >= 0 && i % 16 != k->cell)) event->value->data[i] = 0;
    }
    return GCAM_OK;
}

START_TEST(tails_are_whole_passes_with_an_edited_layer) {
    const char *layers[] = {"a1", "a2"};
    for (int l = 0; l < 2; l++) {
        tiny t;
        skipping(&t);
        answers a = ask(&t, "ablationcam,reciprocam", &(gcam_target){.class_index = 1}, 1, layers[l]);
        double y = gcam_explanation_score(a.list[0]), weights[3], scores[16];
        keep k = {-1, -1};
        gcam_hook_id id;
        ck_assert_int_eq(gcam_hook_add(t.session, layers[l], GCAM_HOOK_FORWARD, edit, &k, &id), GCAM_OK);
        for (k.channel = 0; k.channel < 3; k.channel++) {
            ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
            weights[k.channel] = (y - gcam_session_output(t.session)->data[1]) / fabs(y);
        }
        for (k.channel = -1, k.cell = 0; k.cell < 16; k.cell++) {
            ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
            scores[k.cell] = gcam_session_output(t.session)->data[1];
        }
        check_values(gcam_explanation_weights(a.list[0], NULL), weights, 3, 1e-5);
        check_values(raw(a, 1), scores, 16, 1e-5);
        drop(a);
        tiny_free(&t);
    }
}
END_TEST

/* ---- Score-CAM -------------------------------------------------------------------------------------------------------------- */

START_TEST(score_cam_weighs_channels_by_masked_scores) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 66, -1, 1);
    gcam_explanation *e = ask_one(&t, "scorecam", "a1", 2, (gcam_explain_options){0});
    ck_assert_int_eq(gcam_session_watch(t.session, gcam_network_find(t.network, "a1"), GCAM_WATCH_ACTIVATION), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    const gcam_tensor *a1 = gcam_session_activation(t.session, gcam_network_find(t.network, "a1"));
    double a[256], wanted[4], sum = 0;
    float input[192];
    for (int i = 0; i < 256; i++) a[i] = a1->data[i];
    memcpy(input, t.input->data, sizeof input);
    for (int k = 0; k < 4; k++) { /* a1 has the input's size, so that nothing is resized */
        double low = INFINITY, high = -INFINITY;
        for (int i = 0; i < 64; i++) low = fmin(low, a[k * 64 + i]), high = fmax(high, a[k * 64 + i]);
        for (int i = 0; i < 192; i++) t.input->data[i] = (float)(input[i] * (a[k * 64 + i % 64] - low) / (high - low));
        ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
        sum += wanted[k] = high > low ? exp(gcam_session_output(t.session)->data[2]) : 0;
    }
    double total = 0;
    for (int k = 0; k < 4; k++) wanted[k] /= sum;
    for (int k = 0; k < 4; k++) total += gcam_explanation_weights(e, NULL)[k];
    check_values(gcam_explanation_weights(e, NULL), wanted, 4, 1e-5);
    ck_assert_double_eq_tol(total, 1, 1e-6);
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

START_TEST(flat_channels_have_no_score) {
    tiny t;
    tiny_convnet(&t, 3, 0, 1); /* a black input: every channel is flat */
    gcam_explanation *e = ask_one(&t, "scorecam", "a2", 0, (gcam_explain_options){0});
    ck_assert(gcam_explanation_warnings(e) & GCAM_WARN_FLAT);
    for (int k = 0; k < 5; k++) ck_assert_float_eq(gcam_explanation_weights(e, NULL)[k], 0);
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

/* ---- noise -------------------------------------------------------------------------------------------------------------------- */

START_TEST(without_noise_samples_are_the_gradient) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 67, -1, 1);
    gcam_explain_options quiet = {.noise = -1, .samples = 5};
    gcam_explanation *g = ask_one(&t, "gradient", NULL, 1, quiet), *sg = ask_one(&t, "smoothgrad", NULL, 1, quiet);
    gcam_explanation *vg = ask_one(&t, "vargrad", NULL, 1, quiet), *plus = ask_one(&t, "gradcam++", "a2", 1, quiet);
    gcam_explanation *smooth = ask_one(&t, "smooth-gradcam++", "a2", 1, quiet);
    for (int i = 0; i < 192; i++) {
        ck_assert_float_eq(values(sg)[i], values(g)[i]);
        ck_assert_float_eq(values(vg)[i], 0);
    }
    double wanted[16];
    for (int i = 0; i < 16; i++) wanted[i] = values(plus)[i];
    check_values(values(smooth), wanted, 16, 1e-5);
    gcam_explanation *list[] = {g, sg, vg, plus, smooth};
    for (int i = 0; i < 5; i++) gcam_explanation_free(list[i]);
    tiny_free(&t);
}
END_TEST

START_TEST(moments_of_the_noisy_gradient_agree) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 68, -1, 1);
    gcam_explain_options noisy = {.samples = 7, .seed = 3};
    gcam_explanation *sg = ask_one(&t, "smoothgrad", NULL, 0, noisy),
                     *square = ask_one(&t, "smoothgrad2", NULL, 0, noisy);
    gcam_explanation *vg = ask_one(&t, "vargrad", NULL, 0, noisy);
    double wanted[192], most = 0;
    for (int i = 0; i < 192; i++)
        wanted[i] = values(vg)[i] + (double)values(sg)[i] * values(sg)[i], most = fmax(most, values(vg)[i]);
    check_values(values(square), wanted, 192, 1e-5);
    ck_assert_double_gt(most, 1e-3);
    noisy.seed = 4;
    gcam_explanation *other = ask_one(&t, "smoothgrad", NULL, 0, noisy);
    ck_assert_mem_ne(values(other), values(sg), 192 * sizeof(float));
    gcam_explanation *list[] = {sg, square, vg, other};
    for (int i = 0; i < 4; i++) gcam_explanation_free(list[i]);
    tiny_free(&t);
}
END_TEST

START_TEST(results_do_not_depend_on_the_batch) {
    static const char *const methods[] = {
        "smoothgrad", "vargrad",  "integrated-gradients", "gradientshap", "occlusion",
        "rise",       "scorecam", "ablationcam",          "reciprocam",   "smooth-gradcam++"};
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 69, -1, 1);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        gcam_explain_options many = {.samples = 37, .window = 3, .stride = 2, .noise = 0.1}, single = many;
        single.max_memory = 1;
        gcam_explanation *a = ask_one(&t, methods[i], NULL, 1, many), *b = ask_one(&t, methods[i], NULL, 1, single);
        ck_assert_msg(memcmp(values(a), values(b), (size_t)size_of(a) * sizeof(float)) == 0, "%s", methods[i]);
        gcam_explanation_free(a), gcam_explanation_free(b);
    }
    tiny_free(&t);
}
END_TEST

/* ---- paths, completeness, axioms ---------------------------------------------------------------------------------------------- */

START_TEST(shares_sum_to_the_change) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 70, -1, 1);
    double last = INFINITY;
    for (int steps = 50; steps <= 400; steps *= 8) {
        gcam_explanation *e = ask_one(&t, "integrated-gradients", NULL, 2, (gcam_explain_options){.samples = steps});
        double sum = 0, residual = gcam_explanation_residual(e);
        for (int i = 0; i < 192; i++) sum += values(e)[i];
        memset(t.input->data, 0, 192 * sizeof(float));
        ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
        double change = gcam_explanation_score(e) - gcam_session_output(t.session)->data[2];
        tiny_fill_input(&t, 70, -1, 1);
        ck_assert_double_eq_tol(residual, sum - change, 1e-4);
        ck_assert_double_le(fabs(residual), (steps < 400 ? 0.05 : 0.01) * fabs(change));
        ck_assert_double_le(fabs(residual), last + 1e-6);
        last = fabs(residual);
        gcam_explanation_free(e);
    }
    gcam_explanation *automatic = ask_one(&t, "integrated-gradients", NULL, 2, (gcam_explain_options){.samples = -1});
    ck_assert_double_le(fabs(gcam_explanation_residual(automatic)), 0.05);
    gcam_explanation_free(automatic);
    gcam_explanation *e = ask_one(&t, "gradient", NULL, 2, (gcam_explain_options){0});
    ck_assert(isnan(gcam_explanation_residual(e)));
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

START_TEST(fullgrad_is_complete) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "conv.weight", gcam_shape_nchw(4, 2, 3, 3), NULL, 71);
    tiny_weight(&t, "conv.bias", (gcam_shape){1, {4}}, NULL, 72);
    tiny_weight(&t, "bn.weight", (gcam_shape){1, {4}}, NULL, 73);
    tiny_weight(&t, "bn.bias", (gcam_shape){1, {4}}, NULL, 74);
    tiny_weight(&t, "bn.running_mean", (gcam_shape){1, {4}}, NULL, 75);
    tiny_weight(&t, "bn.running_var", (gcam_shape){1, {4}}, (float[]){.5f, 1, 2, 3}, 0);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {2, 36}}, NULL, 76);
    tiny_weight(&t, "fc.bias", (gcam_shape){1, {2}}, NULL, 77);
    gcam_builder *b = t.builder;
    gcam_node x = gcam_conv2d(b, "conv", gcam_input(b, "image", 2, 6, 6),
                              &(gcam_conv2d_params){.out = 4, .kernel = {3, 3}, .pad = {1, 1}});
    x = gcam_relu(b, "act", gcam_batchnorm(b, "bn", x, NULL));
    x = gcam_max_pool(b, "pool", x, &(gcam_pool_params){.kernel = {2, 2}});
    gcam_linear(b, "fc", gcam_flatten(b, "flat", x), &(gcam_linear_params){.out = 2});
    tiny_finish(&t, 1);
    tiny_fill_input(&t, 78, -1, 1);
    gcam_explanation *e = ask_one(&t, "fullgrad", NULL, 1, (gcam_explain_options){0});
    ck_assert_double_le(fabs(gcam_explanation_residual(e)), 1e-4 * fmax(1, fabs(gcam_explanation_score(e))));
    ck_assert_int_eq(size_of(e), 36);
    for (int i = 0; i < 36; i++) ck_assert_float_ge(values(e)[i], 0);
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

/* y = out . ReLU(W x + b) + c on two pixels (two channels of one cell). */
static void axiom_net(tiny *t, const float w[4], const float bias[2], const float out[2], float c) {
    tiny_begin(t);
    tiny_weight(t, "h.weight", gcam_shape_nchw(2, 2, 1, 1), w, 0);
    tiny_weight(t, "h.bias", (gcam_shape){1, {2}}, bias, 0);
    tiny_weight(t, "y.weight", gcam_shape_nchw(1, 2, 1, 1), out, 0);
    tiny_weight(t, "y.bias", (gcam_shape){1, {1}}, &c, 0);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 2, .kernel = {1, 1}};
    gcam_node x = gcam_relu(b, "act", gcam_conv2d(b, "h", gcam_input(b, "image", 2, 1, 1), &conv));
    conv.out = 1;
    gcam_conv2d(b, "y", x, &conv);
    tiny_finish(t, 1);
}

static void check_rule(tiny *t, const char *method, int ignore_bias, double first, double second, double tolerance) {
    gcam_explain_options options = {.window = 1, .stride = 1, .rule = "lrp-0", .ignore_bias = ignore_bias};
    gcam_explanation *e = ask_one(t, method, NULL, 0, options);
    ck_assert_double_le(fabs(values(e)[0] - first), tolerance);
    if (size_of(e) > 1) ck_assert_double_le(fabs(values(e)[1] - second), tolerance);
    gcam_explanation_free(e);
}

static void check_shares(tiny *t, const char *method, double first, double second, double tolerance) {
    check_rule(t, method, 0, first, second, tolerance);
}

START_TEST(sensitivity_and_symmetry) {
    tiny t;
    axiom_net(&t, (float[]){-1, 0, 0, 0}, (float[]){1, 0}, (float[]){-1, 0},
              1); /* 1 - ReLU(1 - x), the second input is a dummy */
    t.input->data[0] = 2, t.input->data[1] = 5;
    check_shares(&t, "gradient", 0, 0, 0);
    check_shares(&t, "input-x-gradient", 0, 0, 0);
    check_shares(&t, "integrated-gradients", 1, 0, 1e-6);
    check_shares(&t, "occlusion", 1, 0, 1e-6);
    check_shares(&t, "deeplift", 1, 0, 1e-6);
    check_shares(&t, "lrp", 0, 0, 0); /* like the gradients: blind to a saturated unit */
    tiny_free(&t);
    axiom_net(&t, (float[]){1, 1, 0, 0}, (float[]){-1, 0}, (float[]){1, 0}, 0); /* ReLU(x1 + x2 - 1) */
    t.input->data[0] = t.input->data[1] = 1;
    check_shares(&t, "integrated-gradients", .5, .5, 1e-6);
    tiny_free(&t);
}
END_TEST

/* ReLU(ReLU(x1) - 1 - ReLU(x2)), or the equal ReLU(ReLU(x1 - 1) - ReLU(x2)). */
static void invariance_net(tiny *t, int inner) {
    tiny_begin(t);
    tiny_weight(t, "h.weight", gcam_shape_nchw(2, 2, 1, 1), (float[]){1, 0, 0, 1}, 0);
    tiny_weight(t, "h.bias", (gcam_shape){1, {2}}, (float[]){inner ? -1.0f : 0, 0}, 0);
    tiny_weight(t, "d.weight", gcam_shape_nchw(1, 2, 1, 1), (float[]){1, -1}, 0);
    tiny_weight(t, "d.bias", (gcam_shape){1, {1}}, (float[]){inner ? 0 : -1.0f}, 0);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 2, .kernel = {1, 1}};
    gcam_node x = gcam_relu(b, "act", gcam_conv2d(b, "h", gcam_input(b, "image", 2, 1, 1), &conv));
    conv.out = 1;
    gcam_relu(b, "y", gcam_conv2d(b, "d", x, &conv));
    tiny_finish(t, 1);
    t->input->data[0] = 3, t->input->data[1] = 1;
}

START_TEST(equal_networks_have_equal_shares) {
    for (int inner = 0; inner < 2; inner++) {
        tiny t;
        invariance_net(&t, inner);
        check_shares(&t, "gradient", 1, -1, 0);
        check_shares(&t, "integrated-gradients", 1.5, -.5, 0.02);              /* the kink at t = 1/2 */
        check_shares(&t, "deeplift", inner ? 2 : 1.5, inner ? -1 : -.5, 1e-6); /* not invariant */
        check_rule(&t, "lrp", 0, 3, -1, 1e-5);
        check_rule(&t, "lrp", 1, inner ? 2 : 1.5, inner ? -1 : -.5, 1e-5); /* without biases not invariant either */
        tiny_free(&t);
    }
}
END_TEST

/* y = w . x on 2 x 5 x 6 */
static void linear_net(tiny *t) {
    tiny_begin(t);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {1, 60}}, NULL, 81);
    gcam_builder *b = t->builder;
    gcam_linear(b, "fc", gcam_flatten(b, "flat", gcam_input(b, "image", 2, 5, 6)),
                &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(t, 1);
    tiny_fill_input(t, 82, -1, 1);
}

START_TEST(linear_networks_are_explained_exactly) {
    tiny t;
    linear_net(&t);
    gcam_explanation *xg = ask_one(&t, "input-x-gradient", NULL, 0, (gcam_explain_options){0});
    double wanted[60], pixel[30];
    for (int i = 0; i < 60; i++) wanted[i] = values(xg)[i];
    for (int i = 0; i < 30; i++) pixel[i] = wanted[i] + wanted[30 + i];
    gcam_explain_options once = {.samples = 1, .window = 1, .stride = 1};
    gcam_explanation *ig = ask_one(&t, "integrated-gradients", NULL, 0, once),
                     *shap = ask_one(&t, "gradientshap", NULL, 0, once);
    gcam_explanation *hidden = ask_one(&t, "occlusion", NULL, 0, once);
    check_values(values(ig), wanted, 60, 1e-5);
    check_values(values(shap), wanted, 60, 1e-5);
    check_values(values(hidden), pixel, 30, 1e-5);
    gcam_baseline kinds[] = {GCAM_BASELINE_BLACK, GCAM_BASELINE_WHITE, GCAM_BASELINE_BLUR, GCAM_BASELINE_UNIFORM};
    for (int i = 0; i < 4; i++) {
        gcam_explanation *e =
            ask_one(&t, "integrated-gradients", NULL, 0, (gcam_explain_options){.samples = 2, .baseline = kinds[i]});
        ck_assert_double_le(fabs(gcam_explanation_residual(e)), 1e-5);
        if (i) ck_assert_mem_ne(values(e), values(ig), 60 * sizeof(float));
        gcam_explanation_free(e);
    }
    gcam_explanation *list[] = {xg, ig, shap, hidden};
    for (int i = 0; i < 4; i++) gcam_explanation_free(list[i]);
    tiny_free(&t);
}
END_TEST

START_TEST(occlusion_windows_cover_the_image) {
    /* y = sum x, x = 1: each window's value is its number of pixels, so every pixel's mean is that too */
    tiny t;
    tiny_begin(&t);
    gcam_builder *b = t.builder;
    gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", gcam_input(b, "image", 1, 5, 6)));
    tiny_finish(&t, 1);
    for (int i = 0; i < 30; i++) t.input->data[i] = 30;
    gcam_explanation *e = ask_one(&t, "occlusion", NULL, 0, (gcam_explain_options){.window = 3, .stride = 2});
    for (int i = 0; i < 30; i++) ck_assert_double_eq_tol(values(e)[i], 9, 1e-4);
    gcam_explanation_free(e);
    e = ask_one(&t, "occlusion", NULL, 0,
                (gcam_explain_options){.window = 9, .stride = 1}); /* one window, the whole image */
    for (int i = 0; i < 30; i++) ck_assert_double_eq_tol(values(e)[i], 30, 1e-4);
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

START_TEST(rise_of_a_constant_is_the_mean_mask) {
    tiny t;
    tiny_begin(&t);
    gcam_builder *b = t.builder;
    gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", gcam_input(b, "image", 1, 14, 14))); /* one class: p = 1 */
    tiny_finish(&t, 1);
    gcam_explanation *e = ask_one(&t, "rise", NULL, 0, (gcam_explain_options){.samples = 2000, .seed = 5});
    double mean = 0;
    for (int i = 0; i < 196; i++) {
        mean += values(e)[i] / 196;
        ck_assert_double_eq_tol(values(e)[i], 1, 0.12); /* E mean(m) / q = 1; five standard errors */
    }
    ck_assert_double_eq_tol(mean, 1, 0.03);
    gcam_explanation_free(e);
    tiny_free(&t);
}
END_TEST

/* ---- long calls ----------------------------------------------------------------------------------------------------------------- */

typedef struct watcher {
    int calls;
    double last;
    int stop_after;
} watcher;

static int watch(const char *method, double done, void *user) {
    watcher *w = user;
    ck_assert_str_eq(method, "rise");
    ck_assert(done > w->last && done <= 1);
    w->last = done;
    return ++w->calls == w->stop_after;
}

START_TEST(long_methods_report_and_stop) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    watcher w = {0};
    gcam_explain_options options = {.samples = 100, .progress = watch, .progress_user = &w};
    gcam_explanation_free(ask_one(&t, "rise", NULL, 0, options));
    ck_assert_int_gt(w.calls, 3);
    ck_assert_double_eq(w.last, 1);
    w = (watcher){.stop_after = 2};
    const char *method = "rise";
    options.struct_size = sizeof options, options.methods = &method, options.method_count = 1;
    answers a;
    ck_assert_int_eq(gcam_explain_tensor(&a.list, &a.count, t.session, t.input, 0, &options), GCAM_ERR_CANCELED);
    ck_assert_int_eq(w.calls, 2);
    ck_assert_ptr_null(a.list);
    tiny_free(&t);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    static const char *const methods[] = {
        "smoothgrad",  "integrated-gradients", "gradientshap",     "occlusion", "rise", "fullgrad", "scorecam",
        "ablationcam", "reciprocam",           "smooth-gradcam++", "eigencam",  "lrp",  "deeplift", "mwp",
        "c-mwp"};
    gcam_explain_options options = {
        .struct_size = sizeof options, .method_count = 1, .samples = 2, .baseline = GCAM_BASELINE_BLUR};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        gcam_status status = GCAM_ERR_NOMEM;
        options.methods = &methods[i];
        for (int budget = 0; status != GCAM_OK; budget++) {
            tiny t;
            tiny_convnet(&t, 3, 1, 1);
            tiny_fill_input(&t, 83, -1, 1);
            scarce_begin(budget);
            answers a;
            status = gcam_explain_tensor(&a.list, &a.count, t.session, t.input, 0, &options);
            scarce_end();
            ck_assert_msg(status == GCAM_OK || (status == GCAM_ERR_NOMEM && !a.list), "%s", methods[i]);
            if (status == GCAM_OK) drop(a);
            tiny_free(&t);
            ck_assert_int_lt(budget, 500);
        }
    }
}
END_TEST

Suite *passes_suite(void);
Suite *passes_suite(void) {
    Suite *suite = suite_create("passes");
    TCase *tcase = tcase_create("passes");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, worked_example_of_the_tails);
    tcase_add_test(tcase, tails_are_whole_passes_with_an_edited_layer);
    tcase_add_test(tcase, score_cam_weighs_channels_by_masked_scores);
    tcase_add_test(tcase, flat_channels_have_no_score);
    tcase_add_test(tcase, without_noise_samples_are_the_gradient);
    tcase_add_test(tcase, moments_of_the_noisy_gradient_agree);
    tcase_add_test(tcase, results_do_not_depend_on_the_batch);
    tcase_add_test(tcase, shares_sum_to_the_change);
    tcase_add_test(tcase, fullgrad_is_complete);
    tcase_add_test(tcase, sensitivity_and_symmetry);
    tcase_add_test(tcase, equal_networks_have_equal_shares);
    tcase_add_test(tcase, linear_networks_are_explained_exactly);
    tcase_add_test(tcase, occlusion_windows_cover_the_image);
    tcase_add_test(tcase, rise_of_a_constant_is_the_mean_mask);
    tcase_add_test(tcase, long_methods_report_and_stop);
    tcase_add_test(tcase, every_allocation_may_fail);
    return suite;
}
