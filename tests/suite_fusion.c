/* Fusion over layers, test-time augmentation, principal components: against the same made by hand from single explanations. */
#include "core/memory.h"
#include "explain/explain.h"
#include "kernels/kernels.h"
#include "support/ask.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *fusion_suite(void);

enum { SIDE = 8, PIXELS = SIDE * SIDE };

static answers ask_layers(const tiny *t, const char *method, const char *const *layers, size_t layer_count,
                          gcam_explain_options options) {
    gcam_target target = {.class_index = 1};
    options.struct_size = sizeof options;
    options.methods = &method, options.method_count = 1;
    options.targets = &target, options.target_count = 1;
    options.layers = layers, options.layer_count = layer_count;
    answers a = {0};
    gcam_status status = gcam_explain_tensor(&a.list, &a.count, t->session, t->input, 0, &options);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    return a;
}

static void convnet(tiny *t) {
    tiny_convnet(t, 3, 1, 1);
    tiny_fill_input(t, 31, -1, 1);
}

/* ---- layers ------------------------------------------------------------------------------------------------------------------ */

static const char *const layers[] = {"a1", "a2"};

/* One layer's map: rectified, divided by its maximum, enlarged. */
static void part(const answers *a, size_t i, float *out) {
    const gcam_tensor *raw = gcam_explanation_raw(a->list[i]);
    float small[PIXELS], most = 0;
    int64_t count = gcam_shape_count(&raw->shape);
    for (int64_t k = 0; k < count; k++) most = fmaxf(most, small[k] = fmaxf(0, raw->data[k]));
    ck_assert(most > 0);
    for (int64_t k = 0; k < count; k++) small[k] /= most;
    gcam__resize_map(small, raw->shape.dim[0], raw->shape.dim[1], out, SIDE, SIDE, GCAM__BILINEAR);
}

START_TEST(layers_become_one) {
    tiny t;
    convnet(&t);
    float one[PIXELS], two[PIXELS], most = 0;
    double wanted[PIXELS];
    answers single = ask_layers(&t, "layercam", layers, 2, (gcam_explain_options){0});
    answers fused = ask_layers(&t, "layercam", layers, 2, (gcam_explain_options){.fusion = (gcam_fusion)(_i + 1)});
    ck_assert_uint_eq(single.count, 2);
    ck_assert_uint_eq(fused.count, 1);
    part(&single, 0, one);
    part(&single, 1, two);
    for (int i = 0; i < PIXELS; i++) {
        wanted[i] = _i == 0 ? (one[i] + two[i]) / 2 : _i == 1 ? fmaxf(one[i], two[i]) : one[i] * two[i];
        most = fmaxf(most, (float)wanted[i]);
    }
    check_values(raw(fused, 0), wanted, PIXELS, 1e-6);
    for (int i = 0; i < PIXELS; i++) wanted[i] /= most;
    check_values(gcam_explanation_map(fused.list[0])->data, wanted, PIXELS, 1e-6);
    ck_assert_str_eq(gcam_explanation_layer(fused.list[0]), "a1+a2");
    ck_assert_str_eq(gcam_explanation_method(fused.list[0])->id, "layercam");
    drop(single), drop(fused);
    tiny_free(&t);
}
END_TEST

START_TEST(one_layer_is_the_plain_method) {
    tiny t;
    convnet(&t);
    answers plain = ask_layers(&t, "gradcam", layers, 1, (gcam_explain_options){0});
    answers fused = ask_layers(&t, "gradcam", layers, 1, (gcam_explain_options){.fusion = GCAM_FUSION_MEAN});
    ck_assert_int_eq(memcmp(raw(plain, 0), raw(fused, 0), sizeof(float) * (size_t)raw_count(plain, 0)), 0);
    drop(plain), drop(fused);
    tiny_free(&t);
}
END_TEST

/* Several targets and methods, some of pixels: what is fused takes the place of its first layer. */
START_TEST(fusion_leaves_the_others_in_order) {
    tiny t;
    convnet(&t);
    const char *methods[] = {"gradient", "gradcam", "layercam"};
    gcam_target targets[] = {{.class_index = 0}, {.class_index = 2}};
    gcam_explain_options options = {.struct_size = sizeof options, .methods = methods, .method_count = 3};
    options.targets = targets, options.target_count = 2;
    options.layers = layers, options.layer_count = 2;
    options.fusion = GCAM_FUSION_MAX;
    answers a;
    ck_assert_int_eq(gcam_explain_tensor(&a.list, &a.count, t.session, t.input, 0, &options), GCAM_OK);
    ck_assert_uint_eq(a.count, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_str_eq(gcam_explanation_method(a.list[i])->id, methods[i % 3]);
        ck_assert_int_eq(gcam_explanation_class(a.list[i]), targets[i / 3].class_index);
    }
    drop(a);
    options.methods = (const char *const[]){"signed"}, options.method_count = 1;
    ck_assert_int_eq(gcam_explain_tensor(&a.list, &a.count, t.session, t.input, 0, &options), GCAM_ERR_UNSUPPORTED);
    tiny_free(&t);
}
END_TEST

/* ---- views -------------------------------------------------------------------------------------------------------------------- */

static void mirror(float *values, int64_t count, int64_t width) {
    float copy[3 * PIXELS];
    memcpy(copy, values, (size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = copy[i / width * width + width - 1 - i % width];
}

static const char *const view_methods[] = {"signed", "gradcam", "ablationcam", "gradient", "guided-layercam"};

/* The mean of six explanations made by hand; Grad-CAM's ReLU is taken of the mean of S. */
START_TEST(views_are_averaged) {
    tiny t;
    convnet(&t);
    const char *method = view_methods[_i], *each = _i == 1 ? "signed" : method;
    float input[3 * PIXELS];
    double wanted[3 * PIXELS] = {0};
    memcpy(input, t.input->data, sizeof input);
    answers smooth = ask_layers(&t, method, layers, 1, (gcam_explain_options){.smooth = GCAM_SMOOTH_VIEWS});
    int64_t count = raw_count(smooth, 0);
    for (int view = 0; view < 6; view++) {
        static const double gains[3] = {0.9, 1, 1.1};
        for (int i = 0; i < 3 * PIXELS; i++) t.input->data[i] = (float)(gains[view / 2] * input[i]);
        if (view % 2) mirror(t.input->data, 3 * PIXELS, SIDE);
        answers a = ask_layers(&t, each, layers, 1, (gcam_explain_options){0});
        const gcam_tensor *found = gcam_explanation_raw(a.list[0]);
        float values[3 * PIXELS];
        memcpy(values, found->data, (size_t)count * sizeof *values);
        if (view % 2) mirror(values, count, found->shape.dim[found->shape.rank - 1]);
        for (int64_t i = 0; i < count; i++) wanted[i] += values[i] / 6.0;
        drop(a);
    }
    for (int64_t i = 0; i < count && _i == 1; i++) wanted[i] = fmax(0, wanted[i]);
    if (_i
        == 2) { /* its own maps are rectified one by one above, so only where all agree in sign is the mean the same */
        for (int64_t i = 0; i < count; i++) ck_assert_double_le(raw(smooth, 0)[i], wanted[i] + 1e-5);
    } else {
        check_values(raw(smooth, 0), wanted, count, 1e-5);
    }
    drop(smooth);
    tiny_free(&t);
}
END_TEST

/* The mirror image of a photo has the mirror image of its map. */
START_TEST(maps_turn_with_the_photo) {
    tiny t;
    convnet(&t);
    answers a = ask_layers(&t, "gradcam++", layers, 2, (gcam_explain_options){.smooth = GCAM_SMOOTH_VIEWS});
    mirror(t.input->data, 3 * PIXELS, SIDE);
    answers b = ask_layers(&t, "gradcam++", layers, 2, (gcam_explain_options){.smooth = GCAM_SMOOTH_VIEWS});
    for (size_t l = 0; l < 2; l++) {
        const gcam_tensor *turned = gcam_explanation_raw(b.list[l]);
        int64_t count = raw_count(a, l);
        float values[PIXELS];
        double wanted[PIXELS];
        memcpy(values, turned->data, (size_t)count * sizeof *values);
        mirror(values, count, turned->shape.dim[1]);
        for (int64_t i = 0; i < count; i++) wanted[i] = values[i];
        check_values(raw(a, l), wanted, count, 1e-5);
    }
    drop(a), drop(b);
    tiny_free(&t);
}
END_TEST

/* ---- principal components ------------------------------------------------------------------------------------------------------- */

/* X has the columns a_k A^k; its first component by many steps of the power method on X Xt over the cells. */
START_TEST(principal_component_of_weighted_channels) {
    tiny t;
    convnet(&t);
    ck_assert_int_eq(gcam_session_watch(t.session, gcam_network_find(t.network, "a1"), GCAM_WATCH_ACTIVATION), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t.session, t.input), GCAM_OK);
    const gcam_tensor *act = gcam_session_activation(t.session, gcam_network_find(t.network, "a1"));
    int64_t channels = act->shape.dim[1];
    static double x[16][PIXELS];
    double u[PIXELS], next[PIXELS], along = 0;
    ck_assert_int_le(channels, 16);
    for (int64_t i = 0; i < channels * PIXELS; i++) x[i / PIXELS][i % PIXELS] = act->data[i];
    answers plain = ask_layers(&t, "signed", layers, 1, (gcam_explain_options){0});
    const float *alpha = gcam_explanation_weights(plain.list[0], NULL);
    for (int64_t i = 0; i < channels * PIXELS; i++) x[i / PIXELS][i % PIXELS] *= alpha[i / PIXELS];
    for (int i = 0; i < PIXELS; i++) u[i] = raw(plain, 0)[i];
    double value = 0;
    for (int step = 0; step < 3000; step++) {
        memset(next, 0, sizeof next);
        for (int64_t k = 0; k < channels; k++) {
            double product = 0;
            for (int i = 0; i < PIXELS; i++) product += x[k][i] * u[i];
            for (int i = 0; i < PIXELS; i++) next[i] += product * x[k][i];
        }
        value = 0;
        for (int i = 0; i < PIXELS; i++) value += next[i] * next[i];
        value = sqrt(value);
        for (int i = 0; i < PIXELS; i++) u[i] = next[i] / value;
    }
    for (int i = 0; i < PIXELS; i++) along += u[i] * raw(plain, 0)[i];
    for (int i = 0; i < PIXELS; i++) u[i] *= sqrt(value) * (along < 0 ? -1 : 1);
    answers a = ask_layers(&t, "signed", layers, 1, (gcam_explain_options){.smooth = GCAM_SMOOTH_PRINCIPAL});
    check_values(raw(a, 0), u, PIXELS, 1e-5);
    drop(a), drop(plain);
    answers none;
    gcam_explain_options options = {.struct_size = sizeof options, .smooth = GCAM_SMOOTH_PRINCIPAL};
    options.methods = (const char *const[]){"hirescam"}, options.method_count = 1;
    ck_assert_int_eq(gcam_explain_tensor(&none.list, &none.count, t.session, t.input, 0, &options),
                     GCAM_ERR_UNSUPPORTED);
    tiny_free(&t);
}
END_TEST

Suite *fusion_suite(void) {
    Suite *suite = suite_create("fusion");
    TCase *tcase = tcase_create("fusion");
    tcase_add_loop_test(tcase, layers_become_one, 0, 3);
    tcase_add_test(tcase, one_layer_is_the_plain_method);
    tcase_add_test(tcase, fusion_leaves_the_others_in_order);
    tcase_add_loop_test(tcase, views_are_averaged, 0, 5);
    tcase_add_test(tcase, maps_turn_with_the_photo);
    tcase_add_test(tcase, principal_component_of_weighted_channels);
    suite_add_tcase(suite, tcase);
    return suite;
}
