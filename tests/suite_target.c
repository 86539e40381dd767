/* Targets other than a class's own score: values against formulas written out here, seeds against central differences of those formulas. */
#include "explain/explain.h"
#include "support/ask.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *target_suite(void);

enum { CLASSES = 5, PIXELS = 192 };

static const float reference[CLASSES] = {0.5f, -1, 2, 0.25f, -0.75f};
static const gcam_term terms[] = {{3, 1}, {0, -0.5}, {3, 0.25}};

static double own_function(const float *z, size_t count, double *seed, void *user) {
    ck_assert_uint_eq(count, CLASSES);
    seed[1] = 2.0 * (double)z[1] * z[4];
    seed[4] = (double)z[1] * z[1];
    ++*(int *)user;
    return (double)z[1] * z[1] * z[4];
}

static int calls;

static const gcam_target targets[] = {
    {.kind = GCAM_TARGET_LOGIT, .class_index = 2},
    {.kind = GCAM_TARGET_PROBABILITY, .class_index = 2},
    {.kind = GCAM_TARGET_LOG_PROBABILITY, .class_index = 1},
    {.kind = GCAM_TARGET_DIFFERENCE, .class_index = 1, .other_index = 4},
    {.kind = GCAM_TARGET_SET, .terms = terms, .term_count = 3},
    {.kind = GCAM_TARGET_FINE, .class_index = 2},
    {.kind = GCAM_TARGET_AREA, .class_index = 3, .mean = 1},
    {.kind = GCAM_TARGET_SIMILARITY, .layer = "fc", .reference = reference, .reference_count = CLASSES},
    {.kind = GCAM_TARGET_FUNCTION, .function = own_function, .user = &calls},
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

static const char *const texts[TARGETS] = {"logit", "prob", "logprob",    "diff:4",  "set:3=1,0=-0.5,3=0.25",
                                           "fine",  "area", "similar@fc", "function"};

static double share(const double *z, int c) {
    double sum = 0;
    for (int i = 0; i < CLASSES; i++) sum += exp(z[i]);
    return exp(z[c]) / sum;
}

/* z_2 minus its three nearest rivals, with the weights that `at` gives them. */
static double fine(const double *z, const double *at) {
    double total = 0, sum = 0;
    for (int i = 0; i < CLASSES; i++) {
        int nearer = 0;
        for (int j = 0; j < CLASSES; j++) nearer += j != 2 && j != i && fabs(at[j] - at[2]) < fabs(at[i] - at[2]);
        if (i == 2 || nearer >= 3) continue;
        total += share(at, i);
        sum += share(at, i) * z[i];
    }
    return z[2] - sum / total;
}

/* The value of target `which` for scores z; what a definition holds constant is taken at `at`. */
static double value(int which, const double *z, const double *at) {
    double product = 0, of_z = 0, of_r = 0;
    for (int i = 0; i < CLASSES; i++) {
        product += z[i] * reference[i];
        of_z += z[i] * z[i];
        of_r += (double)reference[i] * reference[i];
    }
    const double values[TARGETS] = {z[2],
                                    share(z, 2),
                                    log(share(z, 1)),
                                    z[1] - z[4],
                                    1.25 * z[3] - 0.5 * z[0],
                                    fine(z, at),
                                    z[3],
                                    product / sqrt(of_z * of_r),
                                    z[1] * z[1] * z[4]};
    return values[which];
}

/* Gradients of all class scores, and the scores. */
static void gradients(const tiny *t, float g[CLASSES][PIXELS], double *z) {
    gcam_target logits[CLASSES];
    for (int c = 0; c < CLASSES; c++) logits[c] = (gcam_target){.class_index = c};
    answers a = ask(t, "gradient", logits, CLASSES, NULL);
    for (size_t c = 0; c < CLASSES; c++) {
        memcpy(g[c], raw(a, c), sizeof g[c]);
        z[c] = gcam_explanation_score(a.list[c]);
    }
    drop(a);
}

START_TEST(values_and_seeds_are_the_formulas) {
    tiny t;
    static float g[CLASSES][PIXELS];
    double z[CLASSES], wanted[PIXELS] = {0};
    tiny_convnet(&t, CLASSES, 1, 1);
    tiny_fill_input(&t, 11, -0.1f, 0.1f); /* scores so near each other that no probability is 1 */
    gradients(&t, g, z);
    for (int c = 0; c < CLASSES; c++) {
        double up[CLASSES], down[CLASSES], step = 1e-5;
        memcpy(up, z, sizeof z), memcpy(down, z, sizeof z);
        up[c] += step, down[c] -= step;
        double slope = (value(_i, up, z) - value(_i, down, z)) / (2 * step);
        for (int i = 0; i < PIXELS; i++) wanted[i] += slope * g[c][i];
    }
    for (int negated = 0; negated < 2; negated++) {
        gcam_target target = targets[_i];
        target.negated = negated;
        answers a = ask(&t, "gradient", &target, 1, NULL);
        double sign = negated ? -1 : 1;
        ck_assert_double_eq_tol(gcam_explanation_score(a.list[0]), sign * value(_i, z, z), 1e-5);
        ck_assert_str_eq(gcam_explanation_target_text(a.list[0]) + negated, texts[_i]);
        check_values(raw(a, 0), wanted, PIXELS, 1e-5);
        for (int i = 0; i < PIXELS; i++) wanted[i] = -wanted[i];
        drop(a);
    }
    tiny_free(&t);
}
END_TEST

/* image -> conv "act" -> conv "out": a score for each of two classes at each of 4 x 4 cells. */
static void painter(tiny *t) {
    tiny_begin(t);
    tiny_weight(t, "conv.weight", gcam_shape_nchw(3, 2, 3, 3), NULL, 21);
    tiny_weight(t, "out.weight", gcam_shape_nchw(2, 3, 1, 1), NULL, 22);
    gcam_builder *b = t->builder;
    gcam_conv2d_params three = {.out = 3, .kernel = {3, 3}, .pad = {1, 1}, .no_bias = 1},
                       dot = {.out = 2, .kernel = {1, 1}, .no_bias = 1};
    gcam_node act = gcam_relu(b, "act", gcam_conv2d(b, "conv", gcam_input(b, "image", 2, 4, 4), &three));
    gcam_target_layer(b, act);
    gcam_conv2d(b, "out", act, &dot);
    tiny_finish(t, 1);
    tiny_fill_input(t, 23, -1, 1);
}

/* Of a network that paints: the sum over the mask, whose gradient at the layer before is the weight on the mask alone. */
START_TEST(areas_of_a_painted_output) {
    tiny t;
    painter(&t);
    uint8_t mask[16] = {0, 0, 1, 1, 0, 0, 9, 0};
    gcam_target two[] = {{.kind = GCAM_TARGET_AREA, .class_index = 1, .mask = mask},
                         {.kind = GCAM_TARGET_AREA, .class_index = GCAM_TOP_CLASS}};
    answers a = ask(&t, "hirescam", two, 2, NULL);
    ck_assert_int_eq(gcam_session_watch(t.session, gcam_network_find(t.network, "act"), GCAM_WATCH_ACTIVATION),
                     GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    const float *z = gcam_session_output(t.session)->data;
    double map[16], inside = 0, sums[2] = {0};
    for (int i = 0; i < 16; i++) {
        map[i] = mask[i] ? z[16 + i] : 0; /* no bias: weight x activation, summed over channels, is the score itself */
        inside += map[i];
        sums[0] += z[i], sums[1] += z[16 + i];
    }
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[0]), inside, 1e-5);
    check_values(raw(a, 0), map, 16, 1e-5);
    ck_assert_int_eq(gcam_explanation_class(a.list[1]), sums[1] > sums[0]);
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[1]), fmax(sums[0], sums[1]), 1e-5);
    ck_assert(isnan(gcam_explanation_probability(a.list[0])));
    drop(a);
    answers none;
    ck_assert_int_eq(ask_status(&none, &t, "gradcam", &(gcam_target){.class_index = 0}, 1, NULL), GCAM_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "explain an area"));
    memset(mask, 0, sizeof mask);
    ck_assert_int_eq(ask_status(&none, &t, "gradcam", two, 1, NULL), GCAM_ERR_ARGUMENT);
    tiny_free(&t);
}
END_TEST

/* The mean of a channel behind the layer: passes back begin there, and the maps see nothing of the head. */
START_TEST(a_channel_of_a_layer) {
    tiny t;
    tiny_convnet(&t, CLASSES, 1, 1);
    tiny_fill_input(&t, 12, -1, 1);
    gcam_target channel = {.kind = GCAM_TARGET_AREA, .class_index = 1, .layer = "a2", .mean = 1};
    answers a = ask(&t, "gradcam,ablationcam", &channel, 1, "a1");
    ck_assert_int_eq(gcam_session_watch(t.session, gcam_network_find(t.network, "a2"), GCAM_WATCH_ACTIVATION), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    const gcam_tensor *layer = gcam_session_activation(t.session, gcam_network_find(t.network, "a2"));
    int64_t cells = layer->shape.dim[2] * layer->shape.dim[3];
    double mean = 0;
    for (int64_t i = 0; i < cells; i++) mean += layer->data[cells + i] / (double)cells;
    ck_assert_double_gt(mean, 0);
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[0]), mean, 1e-5);
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[1]), mean, 1e-5);
    ck_assert_str_eq(gcam_explanation_label(a.list[0]), "channel 1 of a2");
    ck_assert_str_eq(gcam_explanation_target_text(a.list[0]), "channel:1@a2");
    drop(a);
    answers none;
    ck_assert_int_eq(ask_status(&none, &t, "gradcam", &channel, 1, "fc"), GCAM_ERR_UNSUPPORTED);
    channel.class_index = 99;
    ck_assert_int_eq(ask_status(&none, &t, "gradcam", &channel, 1, "a1"), GCAM_ERR_NOT_FOUND);
    tiny_free(&t);
}
END_TEST

/* A photo is as like itself as can be: 1, with nothing to gain anywhere. Without a layer, what enters the last linear one is compared. */
START_TEST(a_photo_is_like_itself) {
    tiny t;
    tiny_convnet(&t, CLASSES, 1, 1);
    tiny_fill_input(&t, 13, -1, 1);
    int flat = gcam__embedding_layer(t.network);
    gcam_layer_info info;
    ck_assert_int_eq(gcam_network_layer(t.network, flat, &info), GCAM_OK);
    ck_assert_str_eq(info.name, "flat");
    int64_t count = gcam_shape_count(&info.shape);
    float *own = calloc((size_t)count, sizeof *own);
    ck_assert_int_eq(gcam_session_watch(t.session, flat, GCAM_WATCH_ACTIVATION), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    memcpy(own, gcam_session_activation(t.session, flat)->data, (size_t)count * sizeof *own);
    gcam_target like = {.kind = GCAM_TARGET_SIMILARITY, .reference = own, .reference_count = (size_t)count};
    answers a = ask(&t, "gradient", &like, 1, NULL);
    ck_assert_double_eq_tol(gcam_explanation_score(a.list[0]), 1, 1e-6);
    for (int i = 0; i < PIXELS; i++) ck_assert_float_eq_tol(raw(a, 0)[i], 0, 1e-6f);
    drop(a);
    answers none;
    like.reference_count--;
    ck_assert_int_eq(ask_status(&none, &t, "gradient", &like, 1, NULL), GCAM_ERR_SHAPE);
    memset(own, 0, (size_t)count * sizeof *own);
    like.reference_count++;
    ck_assert_int_eq(ask_status(&none, &t, "gradient", &like, 1, NULL), GCAM_ERR_NUMERIC);
    free(own);
    tiny_free(&t);
}
END_TEST

/* Words and numbers of a target are the explanation's own. */
START_TEST(explanations_outlive_their_targets) {
    tiny t;
    tiny_convnet(&t, CLASSES, 1, 1);
    gcam_term *mine = malloc(2 * sizeof *mine);
    mine[0] = (gcam_term){4, 1}, mine[1] = (gcam_term){1, -2};
    gcam_target set = {.kind = GCAM_TARGET_SET, .terms = mine, .term_count = 2};
    answers a = ask(&t, "gradcam", &set, 1, NULL);
    free(mine);
    const gcam_target *kept = gcam_explanation_target(a.list[0]);
    ck_assert(kept->term_count == 2 && kept->terms[1].class_index == 1 && kept->terms[1].weight == -2);
    ck_assert_int_eq(gcam_explanation_class(a.list[0]), 4);
    drop(a);
    tiny_free(&t);
}
END_TEST

static const struct {
    gcam_target target[2];
    size_t count;
    gcam_status status;
    const char *sentence;
} mistakes[] = {
    {{{.kind = GCAM_TARGET_SET}}, 1, GCAM_ERR_ARGUMENT, "names none"},
    {{{.kind = GCAM_TARGET_SET, .terms = &(gcam_term){9, 1}, .term_count = 1}},
     1,
     GCAM_ERR_NOT_FOUND,
     "class 9 does not"},
    {{{.kind = GCAM_TARGET_SET, .terms = &(gcam_term){-1, 1}, .term_count = 1}},
     1,
     GCAM_ERR_NOT_FOUND,
     "does not exist"},
    {{{.kind = GCAM_TARGET_FINE, .class_index = 7}}, 1, GCAM_ERR_NOT_FOUND, "class 7 does not exist"},
    {{{.kind = GCAM_TARGET_FUNCTION}}, 1, GCAM_ERR_ARGUMENT, "has none"},
    {{{.kind = GCAM_TARGET_AREA, .layer = "nowhere"}}, 1, GCAM_ERR_NOT_FOUND, "\"nowhere\", which does not exist"},
    {{{.class_index = 0}, {.kind = GCAM_TARGET_AREA, .layer = "a2"}}, 2, GCAM_ERR_ARGUMENT, "from fc and a2"},
    {{{.kind = (gcam_target_kind)77}}, 1, GCAM_ERR_ARGUMENT, "unknown kind 77"},
};

START_TEST(wrong_targets_get_a_sentence) {
    tiny t;
    answers a;
    tiny_convnet(&t, CLASSES, 1, 1);
    gcam_status status = ask_status(&a, &t, "gradcam", mistakes[_i].target, mistakes[_i].count, NULL);
    ck_assert_int_eq(status, mistakes[_i].status);
    ck_assert_msg(strstr(gcam_last_error()->message, mistakes[_i].sentence) != NULL, "%s", gcam_last_error()->message);
    tiny_free(&t);
}
END_TEST

Suite *target_suite(void) {
    Suite *suite = suite_create("target");
    TCase *tcase = tcase_create("targets");
    tcase_add_loop_test(tcase, values_and_seeds_are_the_formulas, 0, TARGETS);
    tcase_add_test(tcase, areas_of_a_painted_output);
    tcase_add_test(tcase, a_channel_of_a_layer);
    tcase_add_test(tcase, a_photo_is_like_itself);
    tcase_add_test(tcase, explanations_outlive_their_targets);
    tcase_add_loop_test(tcase, wrong_targets_get_a_sentence, 0, (int)(sizeof mistakes / sizeof *mistakes));
    suite_add_tcase(suite, tcase);
    return suite;
}
