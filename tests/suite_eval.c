/* The evaluation of a model on a folder of class folders (tools/eval): a network that sees four colours, and pictures of discs
 * in these colours, one of them in the wrong folder. So accuracy, confusion and the grid pointing game have known answers. */
#include "gradcam.h"
#include "support/process.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *eval_suite(void);

enum { COLOURS = 4, SIDE = 24, PHOTOS = 3 };
static const char *const labels[COLOURS] = {"blue", "dark red", "green", "yellow"};
static const uint8_t paints[COLOURS][3] = {{20, 30, 240}, {230, 20, 20}, {10, 235, 30}, {245, 250, 15}};

static char folder[64];

/* ---- the network ---------------------------------------------------------------------------------------------------------- */

/* 4 x 3 x 1 x 1: each unit is on for its own colour and off for the others and for grey; the head lets it speak for its own class
 * and, half as loud, against the others. */
static gcam_status add_weights(gcam_tensor_table *table) {
    static const float conv[COLOURS][3] = {{-1, -1, 1}, {1, -1, -1}, {-1, 1, -1}, {1, 1, -1}},
                       bias[COLOURS] = {0, 0, 0, -1};
    float head[COLOURS][COLOURS];
    gcam_shape kernel = gcam_shape_nchw(COLOURS, 3, 1, 1), square = {2, {COLOURS, COLOURS}}, row = {1, {COLOURS}};
    for (int k = 0; k < COLOURS; k++) {
        for (int c = 0; c < COLOURS; c++) head[k][c] = k == c ? 10.0f : -5.0f;
    }
    gcam_status status = gcam_tensor_table_add(table, "conv.weight", &kernel, &conv[0][0]);
    if (!status) status = gcam_tensor_table_add(table, "conv.bias", &row, bias);
    return status ? status : gcam_tensor_table_add(table, "fc.weight", &square, &head[0][0]);
}

static gcam_status build(gcam_network **out, const gcam_tensor_table *weights) {
    gcam_builder *b = NULL;
    gcam_status status = gcam_builder_create(&b);
    if (status) return status;
    gcam_node x = gcam_input(b, "image", 3, SIDE, SIDE);
    x = gcam_relu(b, "relu", gcam_conv2d(b, "conv", x, &(gcam_conv2d_params){.out = COLOURS, .kernel = {1, 1}}));
    gcam_target_layer(b, x);
    x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "pool", x));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = COLOURS, .no_bias = 1});
    return gcam_builder_finish(out, b, weights);
}

static void save_model(const char *path) {
    gcam_tensor_table *weights = NULL;
    gcam_network *network = NULL;
    gcam_model *model = NULL;
    gcam_preprocess how;
    ck_assert_int_eq(gcam_preprocess_preset(&how, "unit"), GCAM_OK);
    how.resize = how.height = how.width = SIDE;
    gcam_model_options options = {
        .struct_size = sizeof options, .labels = labels, .label_count = COLOURS, .preprocess = &how};
    ck_assert_int_eq(gcam_tensor_table_create(&weights), GCAM_OK);
    ck_assert_int_eq(add_weights(weights), GCAM_OK);
    ck_assert_int_eq(build(&network, weights), GCAM_OK);
    ck_assert_int_eq(gcam_model_from_network(&model, network, &options), GCAM_OK);
    ck_assert_int_eq(gcam_model_save(model, path, GCAM_DTYPE_F32), GCAM_OK);
    gcam_model_free(model);
    gcam_tensor_table_free(weights);
}

/* ---- the photos ------------------------------------------------------------------------------------------------------------ */

/* A disc of the colour on grey; its place depends on `number`. */
static void save_photo(const char *kind, int number, int colour) {
    char path[256];
    gcam_image *photo = NULL;
    int cx = 8 + 4 * number, cy = 15 - 3 * number;
    ck_assert_int_eq(gcam_image_create(&photo, SIDE, SIDE), GCAM_OK);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int inside = (x - cx) * (x - cx) + (y - cy) * (y - cy) < 25;
            for (int c = 0; c < 3; c++) photo->pixels[3 * (y * SIDE + x) + c] = inside ? paints[colour][c] : 120;
        }
    }
    snprintf(path, sizeof path, "%s/photos/%s", folder, kind);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/photos/%s/%d.png", folder, kind, number);
    ck_assert_int_eq(gcam_image_save(photo, path), GCAM_OK);
    gcam_image_free(photo);
}

static void make_folder(void) {
    static const char *const kinds[COLOURS] = {"blue", "dark_red", "green", "yellow"};
    char path[256];
    snprintf(folder, sizeof folder, "/tmp/gradcam-eval-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/colours.safetensors", folder);
    save_model(path);
    snprintf(path, sizeof path, "%s/photos", folder);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    for (int k = 0; k < COLOURS; k++) {
        for (int n = 0; n < PHOTOS; n++)
            save_photo(kinds[k], n, k == 1 && n == 2 ? 2 : k); /* a "dark red" that is green */
    }
    save_photo("purple", 0, 0);
}

static void remove_folder(void) {
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    ck_assert_int_eq(system(line), 0);
}

/* Runs a shell line in which $E is the program and $D the test's folder. */
static process_result run(const char *line) {
    char command[1024];
    process_result result;
    snprintf(command, sizeof command, "E=%s/tools/eval_default; D=%s; %s", test_build_folder(), folder, line);
    process_run(&result, command);
    return result;
}

static void expect_says(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "should say: %s\nbut says: %s", part, text);
}

/* The numbers of a method's row: mass, hit, the same for recognised photos, the same for the control, blank maps. */
enum { MASS, HIT, KNOWN_MASS, KNOWN_HIT, CONTROL_MASS, CONTROL_HIT, BLANK, NUMBERS };

static void read_row(const char *text, const char *title, double numbers[NUMBERS]) {
    char begin[64];
    snprintf(begin, sizeof begin, "| %s |", title);
    const char *at = strstr(text, begin);
    ck_assert_msg(at != NULL, "no row of %s in: %s", title, text);
    at += strlen(begin);
    int n = sscanf(at, "%lf |%lf |%lf |%lf |%lf |%lf |%lf", &numbers[0], &numbers[1], &numbers[2], &numbers[3],
                   &numbers[4], &numbers[5], &numbers[6]);
    ck_assert_msg(n == NUMBERS, "row of %s: %s", title, at);
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------- */

START_TEST(accuracy_and_confusion_are_counted) {
    process_result r = run("$E $D/colours.safetensors $D/photos --montages 0");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    expect_says(r.out, "Top-1 accuracy: 91.7 % (11 of 12 photos).");
    expect_says(r.out, "| dark red | 3 | 2 | 66.7 % | 100.0 % |");
    expect_says(r.out, "| green | 3 | 3 | 100.0 % | 75.0 % |");
    expect_says(r.out, "| | blue | dark red | green | yellow |\n| --- | ---: | ---: | ---: | ---: |");
    expect_says(r.out, "| dark red | 0 | 2 | 1 | 0 |");
    expect_says(r.err, "photos/purple is left out: ");
    ck_assert_ptr_null(strstr(r.out, "pointing"));
    process_free(&r);
}
END_TEST

/* Maps of a network that sees colours lie on them; its copies with shuffled weights know no class. */
START_TEST(maps_point_at_their_photos) {
    static const char line[] = "$E $D/colours.safetensors $D/photos --montages 240 --copies 40 --threads 1";
    process_result moved = run("mv $D/photos/dark_red/2.png $D/"), r = run(line), again = run(line);
    double n[NUMBERS];
    ck_assert_int_eq(moved.exit_code, 0);
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    ck_assert_str_eq(r.out, again.out);
    static const char *const point[] = {"Grad-CAM", "CAM", "HiResCAM", "Guided Grad-CAM"};
    for (size_t i = 0; i < sizeof point / sizeof *point; i++) {
        read_row(r.out, point[i], n);
        ck_assert_msg(n[MASS] > 0.999 && n[HIT] > 0.999 && n[KNOWN_MASS] > 0.999 && n[KNOWN_HIT] > 0.999, "%s: %g %g",
                      point[i], n[MASS], n[HIT]);
        ck_assert_msg(n[CONTROL_MASS] > 0.17 && n[CONTROL_MASS] < 0.33, "%s: control %g", point[i], n[CONTROL_MASS]);
        ck_assert(n[BLANK] < 0.5);
    }
    read_row(r.out, "Counterfactual", n);
    ck_assert_msg(n[MASS] < 0.001 && n[HIT] < 0.001, "counterfactual: %g %g", n[MASS], n[HIT]);
    expect_says(r.out, "CAM, Grad-CAM and HiResCAM are one");
    process_free(&moved);
    process_free(&r);
    process_free(&again);
}
END_TEST

/* With the green disc back among the dark red ones, some montages show no dark red: its map is blank there, and no hit. */
START_TEST(blank_maps_are_counted_apart) {
    process_result r =
        run("mv -f $D/2.png $D/photos/dark_red/; $E $D/colours.safetensors $D/photos --montages 60 --copies 1");
    double n[NUMBERS];
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    read_row(r.out, "Grad-CAM", n);
    ck_assert_msg(n[BLANK] > 0 && n[HIT] < 0.97 && n[HIT] > 0.8, "%g blank maps, hit %g", n[BLANK], n[HIT]);
    process_free(&r);
}
END_TEST

START_TEST(mistakes_are_told) {
    static const struct {
        const char *line, *says;
        int code;
    } cases[] = {
        {"$E", "usage: eval_default MODEL DIR", 2},
        {"$E $D/colours.safetensors $D/photos --montages many", "usage:", 2},
        {"$E $D/colours.safetensors $D/photos extra", "usage:", 2},
        {"$E $D/none.safetensors $D/photos", "none.safetensors", 1},
        {"$E $D/colours.safetensors $D/none", "none: cannot be opened, expected a folder of class folders", 1},
        {"$E $D/colours.safetensors $D/photos/blue", "no photo is in a folder named after a class of the model", 1},
        {"rm -r $D/photos/blue; $E $D/colours.safetensors $D/photos", "needs 4 classes, the folder has 3", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        process_result r = run(cases[i].line);
        ck_assert_msg(r.exit_code == cases[i].code, "%s: exit code %d\n%s", cases[i].line, r.exit_code, r.err);
        expect_says(r.err, cases[i].says);
        process_free(&r);
    }
}
END_TEST

Suite *eval_suite(void) {
    Suite *suite = suite_create("eval");
    TCase *tcase = tcase_create("colours");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
    tcase_add_test(tcase, accuracy_and_confusion_are_counted);
    tcase_add_test(tcase, maps_point_at_their_photos);
    tcase_add_test(tcase, blank_maps_are_counted_apart);
    tcase_add_test(tcase, mistakes_are_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
