/* Neuron importance, sentences, names of channels, and gradcam compare. */
#include "core/memory.h"
#include "explain/explain.h"
#include "support/ask.h"
#include "support/command.h"
#include "support/json_check.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *channels_suite(void);

/* ---- the worked example: a = (1/2, -2), sums 10 and 2 ---------------------------------------------------------------------------- */

static gcam_explanation *worked(tiny *t, int negated, const char *const *names) {
    tiny_worked_example(t);
    gcam_target target = {.class_index = 0, .negated = negated};
    gcam_explain_options options = {.struct_size = sizeof options, .targets = &target, .target_count = 1};
    options.channel_names = names, options.channel_name_count = names ? 2 : 0;
    gcam_explanation **list;
    size_t count;
    ck_assert_int_eq(gcam_explain_tensor(&list, &count, t->session, t->input, 0, &options), GCAM_OK);
    gcam_explanation *e = list[0];
    gcam__free(list);
    return e;
}

START_TEST(channels_for_and_against) {
    tiny t;
    for (int negated = 0; negated < 2; negated++) {
        gcam_explanation *e = worked(&t, negated, NULL);
        size_t count;
        const gcam_channel *list = gcam_explanation_channels(e, &count);
        ck_assert_uint_eq(count, 2);
        const gcam_channel *first = &list[negated], *second = &list[!negated]; /* by index */
        double sign = negated ? -1 : 1;
        ck_assert(first->index == 0 && second->index == 1);
        ck_assert_double_eq_tol(first->weight, 0.5 * sign, 1e-6);
        ck_assert_double_eq_tol(second->weight, -2 * sign, 1e-6);
        ck_assert_double_eq_tol(first->mean, 2.5, 1e-6);
        ck_assert_double_eq_tol(first->contribution, 5 * sign, 1e-6);
        ck_assert_double_eq_tol(second->contribution, -4 * sign, 1e-6);
        ck_assert_double_eq_tol(first->share, 5.0 / 9, 1e-6);
        ck_assert_double_eq_tol(second->share, 4.0 / 9, 1e-6);
        check_values(first->map->data, (double[]){1, 2, 3, 4}, 4, 0);
        gcam_explanation *one = NULL;
        ck_assert_int_eq(gcam_explanation_of_channel(&one, e, (size_t)negated), GCAM_OK);
        check_values(gcam_explanation_map(one)->data, (double[]){0.25, 0.5, 0.75, 1}, 4, 1e-6);
        ck_assert_str_eq(gcam_explanation_label(one), "channel 0");
        gcam_explanation_free(one);
        ck_assert_int_eq(gcam_explanation_of_channel(&one, e, 2), GCAM_ERR_ARGUMENT);
        gcam_explanation_free(e);
        tiny_free(&t);
    }
}
END_TEST

START_TEST(sentences_name_their_reasons) {
    tiny t;
    static const char *const names[] = {"fur", NULL}, *const same[] = {"fur", "fur"};
    gcam_explanation *e = worked(&t, 0, NULL);
    ck_assert_str_eq(gcam_explanation_sentence(e),
                     "class 0 (logit 1.5, 92.4 %), Grad-CAM: because of channel 0, despite channel 1.");
    gcam_explanation_free(e);
    tiny_free(&t);
    e = worked(&t, 0, names);
    ck_assert_str_eq(gcam_explanation_sentence(e),
                     "class 0 (logit 1.5, 92.4 %), Grad-CAM: because of fur, despite channel 1.");
    gcam_explanation_free(e);
    tiny_free(&t);
    e = worked(&t, 1, same);
    ck_assert_str_eq(gcam_explanation_sentence(e),
                     "class 0 (-logit -1.5, 92.4 %), Grad-CAM: because of fur, despite fur.");
    gcam_explanation_free(e);
    tiny_free(&t);
    tiny_worked_example(&t);
    answers a = ask(&t, "reciprocam,cam", &(gcam_target){.class_index = 0}, 1, NULL);
    ck_assert_str_eq(gcam_explanation_sentence(a.list[0]),
                     "class 0 (logit 1.5, 92.4 %), Recipro-CAM: most at 75 % from the left and 75 % from the top of "
                     "what the network saw.");
    drop(a);
    tiny_free(&t);
}
END_TEST

/* Several channels of one name are said once. */
START_TEST(duplicates_are_merged) {
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 41, -1, 1);
    static const char *const names[64] = {"eye", "eye", "eye", "eye", "eye", "eye", "eye", "eye"};
    gcam_target target = {.class_index = 1};
    gcam_explain_options options = {
        .struct_size = sizeof options, .targets = &target, .target_count = 1, .channels = 2};
    options.channel_names = names, options.channel_name_count = 64;
    answers a;
    ck_assert_int_eq(gcam_explain_tensor(&a.list, &a.count, t.session, t.input, 0, &options), GCAM_OK);
    const char *said = strstr(gcam_explanation_sentence(a.list[0]), "because of");
    ck_assert_msg(said && strncmp(said, "because of eye", 14) == 0 && (said[14] == ',' || said[14] == '.'), "%s",
                  gcam_explanation_sentence(a.list[0]));
    size_t count;
    gcam_explanation_channels(a.list[0], &count);
    ck_assert_uint_le(count, 4);
    drop(a);
    tiny_free(&t);
}
END_TEST

/* ---- the command --------------------------------------------------------------------------------------------------------------------- */

/* A picture of one colour with a bright square of `side`. */
static void paint(const char *name, int grey, int side) {
    char path[256];
    gcam_image *image = NULL;
    snprintf(path, sizeof path, "%s/%s", command_folder(), name);
    ck_assert_int_eq(gcam_image_create(&image, 112, 112), GCAM_OK);
    for (int i = 0; i < 112 * 112; i++) memset(image->pixels + 3 * i, i % 112 < side && i / 112 < side ? 255 : grey, 3);
    ck_assert_int_eq(gcam_image_save(image, path), GCAM_OK);
    gcam_image_free(image);
}

enum { PHOTOS = 6 };

/* Each photo's mean activation of each channel of parts_relu. */
static int64_t means(const char *const *names, float mean[PHOTOS][8]) {
    char path[256];
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    snprintf(path, sizeof path, "%s/shapes.safetensors", command_folder());
    ck_assert_int_eq(gcam_model_load(&model, path, NULL), GCAM_OK);
    ck_assert_int_eq(gcam_session_create(&session, model, NULL), GCAM_OK);
    int layer = gcam_network_find(gcam_model_network(model), "parts_relu");
    int64_t channels = 0;
    for (int i = 0; i < PHOTOS; i++) {
        gcam_image *image = NULL;
        gcam_tensor *input = NULL;
        gcam_shape shape = gcam_session_input_shape(session);
        snprintf(path, sizeof path, "%s/%s", command_folder(), names[i]);
        ck_assert_int_eq(gcam_image_load(&image, path), GCAM_OK);
        ck_assert_int_eq(gcam_tensor_create(&input, &shape), GCAM_OK);
        ck_assert_int_eq(gcam_preprocess_image(input, 0, image, gcam_model_preprocess(model), NULL), GCAM_OK);
        ck_assert_int_eq(gcam_session_watch(session, layer, GCAM_WATCH_ACTIVATION), GCAM_OK);
        ck_assert_int_eq(gcam_session_forward(session, input), GCAM_OK);
        const gcam_tensor *a = gcam_session_activation(session, layer);
        int64_t cells = a->shape.dim[2] * a->shape.dim[3];
        channels = a->shape.dim[1];
        ck_assert_int_le(channels, 8);
        for (int64_t k = 0; k < channels; k++) {
            double sum = 0;
            for (int64_t c = 0; c < cells; c++) sum += a->data[k * cells + c];
            mean[i][k] = (float)(sum / (double)cells);
        }
        gcam_tensor_free(input);
        gcam_image_free(image);
    }
    gcam_session_free(session);
    gcam_model_free(model);
    return channels;
}

/* The area by counting pairs: a photo of the class above one of another counts 1, a tie 1/2. */
START_TEST(names_are_the_best_separated_classes) {
    static const char *const names[PHOTOS] = {"named/dark/a.png",   "named/dark/b.png",   "named/dark/c.png",
                                              "named/square/a.png", "named/square/b.png", "named/square/c.png"};
    command_expect_exit(0, "mkdir -p $D/named/dark $D/named/square; echo no photo > $D/named/readme.txt");
    for (int i = 0; i < 3; i++) {
        paint(names[i], 20 + 30 * i, i == 2 ? 30 : 0);
        paint(names[3 + i], 10 + 20 * i, 20 + 25 * i);
    }
    process_result r = command_shell("$G name-channels $D/named -m $M --layer parts_relu");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    float mean[PHOTOS][8];
    int64_t channels = means(names, mean);
    const char *line = strchr(r.out, '\n') + 1;
    for (int64_t k = 0; k < channels; k++, line = strchr(line, '\n') + 1) {
        double above = 0, area = 0;
        char name[32];
        int index = -1;
        for (int i = 0; i < 3; i++) {
            for (int j = 3; j < 6; j++) above += mean[i][k] > mean[j][k] ? 1 : mean[i][k] == mean[j][k] ? 0.5 : 0;
        }
        ck_assert_int_eq(sscanf(line, "%d\t%31[^\t]\t%lf", &index, name, &area), 3);
        ck_assert_int_eq(index, k);
        ck_assert_double_eq_tol(area, fmax(above, 9 - above) / 9, 1e-4);
        ck_assert_str_eq(name, above >= 4.5 ? "dark" : "square");
    }
    ck_assert_str_eq(line, "");
    process_free(&r);
    command_expect_exit(
        0, "$G name-channels $D/named -m $M --layer parts_relu > $D/names.tsv && $G explain $D/shapes.png -m $M "
           "--channels 2 --channel-names $D/names.tsv -o $D/n | grep -Eq 'because of (dark|square)'");
    ck_assert(command_wrote("n/shapes.1.gradcam.channels.png"));
    r = command_shell("$G explain $D/shapes.png -m $M --channels 2 --channel-names $D/names.tsv -o $D/n --json");
    ck_assert_msg(json_is_valid(r.out) && json_find(r.out, "photos.0.explanations.0.channels.0.share", NULL), "%s",
                  r.out);
    ck_assert_ptr_nonnull(json_find(r.out, "photos.0.explanations.0.sentence", NULL));
    process_free(&r);
}
END_TEST

static const struct {
    const char *line;
    int code;
    const char *sentence;
} mistakes[] = {
    {"$G name-channels $D/nowhere -m $M", 1, "nowhere: cannot be listed"},
    {"mkdir -p $D/none; $G name-channels $D/none -m $M", 1, "holds no photos in folders, one folder a class"},
    {"$G name-channels $D -m $M --layer no", 2, "there is no layer \"no\""},
    {"printf 'x\\ty\\n' > $D/bad.tsv; $G explain $D/shapes.png -m $M --channel-names $D/bad.tsv", 1,
     "line 1 is not a channel's number"},
    {"$G explain $D/shapes.png -m $M --channels 0", 2, "\"0\" is not a whole number from 1 to 1000"},
    {"$G compare $D/shapes.png -m $M,$D/none.pth", 1, "none.pth"},
    {"$G compare $D/shapes.png -m $M --method x", 2, "there is no method \"x\""},
    {"$G compare -m $M", 2, "compare needs exactly 1 file name"},
};

START_TEST(mistakes_get_a_sentence) {
    process_result r = command_shell("%s", mistakes[_i].line);
    ck_assert_msg(r.exit_code == mistakes[_i].code, "%d: %s", r.exit_code, r.err);
    command_expect_contains(r.err, mistakes[_i].sentence, mistakes[_i].line);
    process_free(&r);
}
END_TEST

static const struct {
    const char *words, *says;
} comparisons[] = {
    {"--method gradcam,gradient,layercam", "1 x 3 pictures"},
    {"--layer edges_relu,parts_relu", "1 x 2 pictures"},
    {"-m $M,$D/other.safetensors", "1 x 2 pictures"},
    {"-m $M,$D/other.safetensors --method gradcam,signed --class 0,1 --layer edges_relu,parts_relu", "8 x 2 pictures"},
    {"--class 0,1,2", "1 x 3 pictures"},
    {"--layer edges_relu,parts_relu --fuse mean --method gradcam,layercam", "1 x 2 pictures"},
};

START_TEST(comparisons_have_rows_and_columns) {
    const char *words = comparisons[_i].words;
    process_result r = command_shell("cp $M $D/other.safetensors; $G compare $D/shapes.png %s %s -o $D/compared",
                                     strncmp(words, "-m", 2) == 0 ? "" : "-m $M", words);
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    command_expect_contains(r.out, comparisons[_i].says, words);
    ck_assert(command_wrote("compared/shapes.compare.png"));
    process_free(&r);
}
END_TEST

Suite *channels_suite(void) {
    Suite *suite = suite_create("channels");
    TCase *tcase = tcase_create("channels");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, command_folder_make, command_folder_remove);
    tcase_add_test(tcase, channels_for_and_against);
    tcase_add_test(tcase, sentences_name_their_reasons);
    tcase_add_test(tcase, duplicates_are_merged);
    tcase_add_test(tcase, names_are_the_best_separated_classes);
    tcase_add_loop_test(tcase, mistakes_get_a_sentence, 0, (int)(sizeof mistakes / sizeof *mistakes));
    tcase_add_loop_test(tcase, comparisons_have_rows_and_columns, 0, (int)(sizeof comparisons / sizeof *comparisons));
    suite_add_tcase(suite, tcase);
    return suite;
}
