/* Tests of the class activation maps: the worked example, independent references in plain loops, and the identities between methods. */
#include "explain/explain.h"

#include "model/zoo/zoo.h"
#include "support/ask.h"
#include "support/weights.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Activation and gradient of a layer, fetched from the session itself. */
typedef struct material {
    int64_t k, cells;
    double *a, *g;
    double score;
} material;

static material fetch(const tiny *t, const char *layer, int class_index) {
    int index = gcam_network_find(t->network, layer);
    ck_assert_int_eq(gcam_session_watch(t->session, index, GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t->session, t->input), GCAM_OK);
    const gcam_tensor *output = gcam_session_output(t->session);
    gcam_tensor *seed;
    ck_assert_int_eq(gcam_tensor_create(&seed, &output->shape), GCAM_OK);
    seed->data[class_index] = 1;
    ck_assert_int_eq(gcam_session_backward(t->session, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    gcam_tensor_free(seed);
    const gcam_tensor *a = gcam_session_activation(t->session, index), *g = gcam_session_gradient(t->session, index);
    material m = {a->shape.dim[1], a->shape.dim[2] * a->shape.dim[3], NULL, NULL, output->data[class_index]};
    m.a = malloc((size_t)(m.k * m.cells) * 2 * sizeof(double));
    ck_assert_ptr_nonnull(m.a);
    m.g = m.a + m.k * m.cells;
    for (int64_t i = 0; i < m.k * m.cells; i++) m.a[i] = a->data[i], m.g[i] = g->data[i];
    gcam_session_unwatch_all(t->session);
    return m;
}

static double relu(double v) {
    return v > 0 ? v : 0;
}

static double sum_of(const double *values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

/* ReLU(sum_k weight_k A^k) */
static void map_of(const material *m, const float *weights, double *map) {
    for (int64_t i = 0; i < m->cells; i++) {
        map[i] = 0;
        for (int64_t k = 0; k < m->k; k++) map[i] += (double)weights[k] * m->a[k * m->cells + i];
        map[i] = relu(map[i]);
    }
}

START_TEST(worked_example_of_the_family) {
    tiny t;
    tiny_worked_example(&t);
    answers a = ask(&t, "hirescam,xgradcam,layercam,gradcam++", &(gcam_target){.class_index = 0}, 1, NULL);
    check_values(raw(a, 0), (double[]){.5, -1, -.5, 2}, 4, 1e-6);
    check_values(raw(a, 1), (double[]){.5, 0, 0, 2}, 4, 1e-6);
    check_values(raw(a, 2), (double[]){.5, 1, 1.5, 2}, 4, 1e-6);
    check_values(gcam_explanation_weights(a.list[3], NULL), (double[]){2 / 7., 0}, 2, 1e-6);
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[0]), GCAM_WARN_EQUIVALENT);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(pooled_linear_heads_make_methods_equal) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "conv.weight", gcam_shape_nchw(6, 3, 3, 3), NULL, 41);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {3, 6}}, NULL, 42);
    gcam_builder *b = t.builder;
    gcam_conv2d_params conv = {.out = 6, .kernel = {3, 3}, .no_bias = 1};
    gcam_node x = gcam_relu(b, "act", gcam_conv2d(b, "conv", gcam_input(b, "image", 3, 7, 7), &conv));
    x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", x));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 3, .no_bias = 1});
    tiny_finish(&t, 1);
    tiny_fill_input(&t, 43, -1, 1);
    answers a = ask(&t, "signed,cam,hirescam,xgradcam", &(gcam_target){.class_index = 1}, 1, "act");
    double wanted[25], positive[25], scaled[25];
    for (int i = 0; i < 25; i++) wanted[i] = raw(a, 0)[i], positive[i] = relu(wanted[i]), scaled[i] = 25 * wanted[i];
    check_values(raw(a, 1), scaled, 25, 1e-5);
    check_values(raw(a, 2), wanted, 25, 1e-5);
    check_values(raw(a, 3), positive, 25, 1e-5);
    drop(a);
    tiny_free(&t);
}
END_TEST

/* Grad-CAM generalises CAM: y_c = b_c + sum_k w_ck 1/Z sum_i A_ki gives alpha_k = w_ck / Z, so that the map is CAM's divided by the
 * number of cells (Selvaraju et al. 2017, section 3.1). On whole networks at 96 x 96, where Z = 9; CAM by plain loops as well. */
static void check_gradcam_is_cam(const char *arch, const char *layer, int class_index) {
    tiny t = {.weights = weights_of_arch(arch, NULL, 7)};
    ck_assert_int_eq(gcam__arch_build(&t.builder, gcam__arch_find(arch), t.weights), GCAM_OK);
    ck_assert_int_eq(gcam_builder_finish(&t.network, t.builder, t.weights), GCAM_OK);
    gcam_session_options options = {.struct_size = sizeof options, .height = 96, .width = 96, .deterministic = 1};
    ck_assert_int_eq(gcam_session_create_network(&t.session, t.network, &options), GCAM_OK);
    gcam_shape shape = gcam_session_input_shape(t.session);
    ck_assert_int_eq(gcam_tensor_create(&t.input, &shape), GCAM_OK);
    tiny_fill_input(&t, 45, -2, 2);
    answers a = ask(&t, "cam,signed,gradcam", &(gcam_target){.class_index = class_index}, 1, NULL);
    ck_assert_int_eq(gcam_network_find(t.network, gcam_explanation_layer(a.list[1])),
                     gcam_network_find(t.network, layer)); /* the default layer */
    material m = fetch(&t, layer, class_index);
    const gcam_tensor_entry *head = gcam_tensor_table_find(t.weights, "fc.weight");
    const float *w = (const float *)head->data + class_index * m.k;
    double cam[9] = {0}, signed_map[9], gradcam[9], weights[2048];
    ck_assert_int_eq(m.cells, 9);
    ck_assert(m.k == head->shape.dim[1] && m.k <= 2048);
    for (int64_t k = 0; k < m.k; k++) weights[k] = (double)w[k] / 9;
    for (int64_t i = 0; i < m.k * 9; i++) cam[i % 9] += (double)w[i / 9] * m.a[i];
    for (int i = 0; i < 9; i++) signed_map[i] = cam[i] / 9, gradcam[i] = relu(signed_map[i]);
    check_values(gcam_explanation_weights(a.list[1], NULL), weights, m.k, 1e-5);
    check_values(raw(a, 0), cam, 9, 1e-5);
    check_values(raw(a, 1), signed_map, 9, 1e-5);
    check_values(raw(a, 2), gradcam, 9, 1e-5);
    drop(a);
    free(m.a);
    tiny_free(&t);
}

START_TEST(gradcam_of_googlenet_is_cam) {
    check_gradcam_is_cam("googlenet", "inception5b", 281);
}
END_TEST

START_TEST(gradcam_of_resnet_is_cam) {
    check_gradcam_is_cam("resnet18", "layer4", 5);
}
END_TEST

START_TEST(maps_match_plain_loops) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 44, -1, 1);
    material m = fetch(&t, "a1", 2);
    answers a =
        ask(&t, "gradcam++,xgradcam,hirescam,elementwise-gradcam,layercam", &(gcam_target){.class_index = 2}, 1, "a1");
    double weights[2][4] = {{0}}, maps[3][64] = {{0}};
    for (int64_t k = 0; k < m.k; k++) {
        double sum = sum_of(m.a + k * m.cells, m.cells), products = 0;
        for (int64_t i = 0; i < m.cells; i++) {
            double g = m.g[k * m.cells + i], v = m.a[k * m.cells + i];
            double denominator = 2 * g * g + sum * g * g * g; /* Grad-CAM++ in its quotient form */
            if (denominator != 0) weights[0][k] += g * g / denominator * relu(g);
            products += g * v;
            maps[0][i] += g * v, maps[1][i] += relu(g * v), maps[2][i] += relu(g) * v;
        }
        if (sum != 0) weights[1][k] = products / sum;
    }
    double map[64];
    for (size_t i = 0; i < 2; i++) {
        const float *found = gcam_explanation_weights(a.list[i], NULL);
        check_values(found, weights[i], 4, 1e-5);
        map_of(&m, found, map);
        check_values(raw(a, i), map, 64, 1e-5);
    }
    for (size_t i = 0; i < 3; i++) check_values(raw(a, 2 + i), maps[i], 64, 1e-5);
    for (int i = 0; i < 64; i++) {
        ck_assert_float_ge(raw(a, 4)[i], raw(a, 2)[i] - 1e-5f);           /* LayerCAM >= HiResCAM, A >= 0 */
        ck_assert_float_ge(raw(a, 3)[i], fmaxf(0, raw(a, 2)[i]) - 1e-5f); /* element-wise >= ReLU(HiResCAM) */
    }
    for (int k = 0; k < 4; k++) ck_assert_float_ge(gcam_explanation_weights(a.list[0], NULL)[k], 0);
    drop(a);
    free(m.a);
    tiny_free(&t);
}
END_TEST

START_TEST(xgrad_keeps_the_sum_of_hires) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 45, -1, 1);
    material m = fetch(&t, "a2", 0);
    answers a = ask(&t, "xgradcam,hirescam", &(gcam_target){.class_index = 0}, 1, "a2");
    double sums[2] = {0, 0};
    for (int64_t k = 0; k < m.k; k++)
        sums[0] += gcam_explanation_weights(a.list[0], NULL)[k] * sum_of(m.a + k * m.cells, m.cells);
    for (int64_t i = 0; i < m.cells; i++) sums[1] += raw(a, 1)[i];
    ck_assert_double_eq_tol(sums[0], sums[1], 1e-5 * fabs(sums[1]));
    drop(a);
    free(m.a);
    tiny_free(&t);
}
END_TEST

START_TEST(hires_sums_to_the_score_without_biases) {
    tiny t;
    tiny_convnet(&t, 3, 0, 1);
    tiny_fill_input(&t, 46, -1, 1);
    answers a = ask(&t, "hirescam,input-x-gradient", &(gcam_target){.class_index = 1}, 1, "a1");
    double score = gcam_explanation_score(a.list[0]);
    for (size_t m = 0; m < 2; m++) {
        double sum = 0;
        for (int64_t i = 0; i < raw_count(a, m); i++) sum += raw(a, m)[i];
        ck_assert_double_eq_tol(sum, score, 1e-5 * fabs(score));
    }
    drop(a);
    tiny_free(&t);
}
END_TEST

/* A network whose input is the layer that is looked at: y = sum of all. */
static void input_net(tiny *t, int channels, int side) {
    tiny_begin(t);
    gcam_builder *b = t->builder;
    float ones[64];
    for (int i = 0; i < channels * side * side; i++) ones[i] = 1;
    tiny_weight(t, "fc.weight", (gcam_shape){2, {1, channels * side * side}}, ones, 0);
    gcam_node x = gcam_flatten(b, "flat", gcam_input(b, "image", channels, side, side));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(t, 1);
}

START_TEST(eigen_cam_finds_a_single_pattern) {
    static const double pattern[9] = {1, 2, 0, 4, 0, 3, 1, 1, 5}, share[4] = {1, 2, 0, 2}; /* |share| = 3 */
    for (int channels = 3; channels <= 4; channels++) {
        tiny t;
        input_net(&t, channels, 3);
        double length = channels == 4 ? 3 : sqrt(5), wanted[9];
        for (int i = 0; i < 9 * channels; i++) t.input->data[i] = (float)(share[i / 9] * pattern[i % 9]);
        for (int i = 0; i < 9; i++) wanted[i] = length * pattern[i];
        for (int turn = 0; turn < 2; turn++) {
            answers a = ask(&t, "eigencam,eigengradcam", NULL, 0, "image");
            check_values(raw(a, 0), wanted, 9, 1e-5);
            check_values(raw(a, 1), wanted, 9, 1e-5); /* g = 1 */
            ck_assert_uint_eq(gcam_explanation_warnings(a.list[0]), turn ? GCAM_WARN_ALL_NEGATIVE | GCAM_WARN_FLAT : 0);
            drop(a);
            for (int i = 0; i < 9 * channels; i++) t.input->data[i] *= -1; /* then T < 0, and M with it */
            for (int i = 0; i < 9; i++) wanted[i] = 0;
        }
        tiny_free(&t);
    }
}
END_TEST

START_TEST(eigen_cam_agrees_over_channels_and_over_cells) {
    /* 3 channels of 4 cells, and the same matrix as 4 channels of 3 cells, have the same leading value: |M|^2 = lambda */
    static const float x[12] = {3, 1, 0, 2, 1, 4, 1, 0, 0, 1, 5, 1};
    double norm[2];
    for (int turned = 0; turned < 2; turned++) {
        tiny t;
        tiny_begin(&t);
        gcam_builder *b = t.builder;
        gcam_node image = gcam_input(b, "image", turned ? 4 : 3, 1, turned ? 3 : 4);
        gcam_flatten(b, "flat", gcam_global_avg_pool(b, "gap", image));
        tiny_finish(&t, 1);
        for (int i = 0; i < 12; i++) t.input->data[i] = turned ? x[i % 3 * 4 + i / 3] : x[i];
        answers a = ask(&t, "eigencam", NULL, 0, "image");
        norm[turned] = 0;
        for (int64_t i = 0; i < raw_count(a, 0); i++) norm[turned] += (double)raw(a, 0)[i] * raw(a, 0)[i];
        drop(a);
        tiny_free(&t);
    }
    /* largest eigenvalue of X Xt = [[14,7,3],[7,18,9],[3,9,27]], the largest root of its characteristic polynomial */
    double l = norm[0], p = (14 - l) * ((18 - l) * (27 - l) - 81) - 7 * (7 * (27 - l) - 27) + 3 * (63 - 3 * (18 - l));
    ck_assert_double_eq_tol(p, 0, 1e-2);
    ck_assert_double_gt(l, 27);
    ck_assert_double_eq_tol(norm[0], norm[1], 1e-5 * norm[0]);
}
END_TEST

START_TEST(eigen_cam_says_when_two_patterns_tie) {
    tiny t;
    input_net(&t, 2, 2);
    memcpy(t.input->data, (float[]){1, 0, 0, 0, 0, 0, 0, 1}, 8 * sizeof(float));
    answers a = ask(&t, "eigencam", NULL, 0, "image");
    ck_assert(gcam_explanation_warnings(a.list[0]) & GCAM_WARN_AMBIGUOUS);
    for (int i = 0; i < 4; i++) ck_assert(isfinite(raw(a, 0)[i]));
    drop(a);
    memset(t.input->data, 0, 8 * sizeof(float));
    a = ask(&t, "eigencam", NULL, 0, "image");
    ck_assert_uint_eq(gcam_explanation_warnings(a.list[0]), GCAM_WARN_FLAT | GCAM_WARN_BLANK);
    drop(a);
    tiny_free(&t);
}
END_TEST

START_TEST(every_map_has_a_guided_sister) {
    tiny t;
    tiny_worked_example(&t);
    for (size_t i = 0; i < gcam_method_count(); i++) {
        const gcam_method_info *info = gcam_method_at(i);
        if (strncmp(info->id, "guided-", 7) != 0 || strcmp(info->id, "guided-backprop") == 0) continue;
        char list[128];
        snprintf(list, sizeof list, "%s,%s,guided-backprop", info->id, info->id + 7);
        answers a = ask(&t, list, &(gcam_target){.class_index = 0}, 1, NULL);
        for (int j = 0; j < 8; j++) ck_assert_float_eq(raw(a, 0)[j], raw(a, 2)[j] * fmaxf(0, raw(a, 1)[j % 4]));
        drop(a);
    }
    tiny_free(&t);
}
END_TEST

Suite *cam_suite(void);
/* What a map claims to equal, it equals: each is compared with the method it names, after both are scaled by their maximum. */
START_TEST(equivalents_are_equal) {
    static const char *const same[] = {"gradcam", "hirescam", "xgradcam"};
    tiny t;
    tiny_worked_example(&t);
    answers a = ask(&t, "gradcam,hirescam,xgradcam,layercam,gradcam++,cam,guided-gradcam",
                    &(gcam_target){.class_index = 0}, 1, NULL);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(gcam_explanation_method(a.list[i])->id, same[i]);
        ck_assert_str_eq(gcam_explanation_equivalent(a.list[i]), "cam");
        for (int cell = 0; cell < 4; cell++)
            ck_assert_float_eq_tol(gcam_explanation_map(a.list[i])->data[cell],
                                   gcam_explanation_map(a.list[5])->data[cell], 1e-6f);
    }
    ck_assert_ptr_null(gcam_explanation_equivalent(a.list[3])); /* one gradient is negative */
    ck_assert_ptr_null(gcam_explanation_equivalent(a.list[4]));
    ck_assert_ptr_null(gcam_explanation_equivalent(a.list[5]));
    ck_assert_str_eq(gcam_explanation_equivalent(a.list[6]), "guided-cam");
    drop(a);
    tiny_free(&t);
}
END_TEST

/* A score that only grows with the layer: LayerCAM is HiResCAM. With one channel, any weight is a factor. */
START_TEST(equivalents_of_gradients_and_channels) {
    tiny t;
    tiny_begin(&t);
    tiny_weight(&t, "fc.weight", (gcam_shape){2, {1, 4}}, (float[]){1, 2, 0, 4}, 0);
    gcam_builder *b = t.builder;
    gcam_node act = gcam_relu(b, "act", gcam_input(b, "image", 1, 2, 2));
    gcam_target_layer(b, act);
    gcam_linear(b, "fc", gcam_flatten(b, "flat", act), &(gcam_linear_params){.out = 1, .no_bias = 1});
    tiny_finish(&t, 1);
    memcpy(t.input->data, (float[]){3, 1, 4, 1}, 4 * sizeof(float));
    answers a = ask(&t, "layercam,hirescam,xgradcam,gradcam,ablationcam", &(gcam_target){.class_index = 0}, 1, NULL);
    ck_assert_str_eq(gcam_explanation_equivalent(a.list[0]), "hirescam");
    ck_assert_ptr_null(gcam_explanation_equivalent(a.list[1]));
    ck_assert_str_eq(gcam_explanation_equivalent(a.list[2]), "gradcam");
    ck_assert_ptr_null(gcam_explanation_equivalent(a.list[3]));
    ck_assert_str_eq(gcam_explanation_equivalent(a.list[4]), "gradcam");
    const int pairs[3][2] = {{0, 1}, {2, 3}, {4, 3}};
    for (int i = 0; i < 3; i++) {
        for (int cell = 0; cell < 4; cell++)
            ck_assert_float_eq_tol(gcam_explanation_map(a.list[pairs[i][0]])->data[cell],
                                   gcam_explanation_map(a.list[pairs[i][1]])->data[cell], 1e-6f);
    }
    drop(a);
    tiny_free(&t);
}
END_TEST

Suite *cam_suite(void) {
    Suite *suite = suite_create("cam");
    TCase *tcase = tcase_create("cam");
    tcase_add_test(tcase, equivalents_are_equal);
    tcase_add_test(tcase, equivalents_of_gradients_and_channels);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, worked_example_of_the_family);
    tcase_add_test(tcase, pooled_linear_heads_make_methods_equal);
    tcase_add_test(tcase, gradcam_of_googlenet_is_cam);
    tcase_add_test(tcase, gradcam_of_resnet_is_cam);
    tcase_add_test(tcase, maps_match_plain_loops);
    tcase_add_test(tcase, xgrad_keeps_the_sum_of_hires);
    tcase_add_test(tcase, hires_sums_to_the_score_without_biases);
    tcase_add_test(tcase, eigen_cam_finds_a_single_pattern);
    tcase_add_test(tcase, eigen_cam_agrees_over_channels_and_over_cells);
    tcase_add_test(tcase, eigen_cam_says_when_two_patterns_tie);
    tcase_add_test(tcase, every_map_has_a_guided_sister);
    return suite;
}
