/* Evidence: what an explanation says of itself, in the JSON and in the pictures. */
#include "gradcam.h"
#include "support/command.h"
#include "support/json_check.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

Suite *evidence_suite(void);

/* The text of a PNG's tEXt or iTXt chunk with this key; NULL where there is none. Free with free(). */
static char *png_text(const char *name, const char *key) {
    char path[256], *found = NULL;
    snprintf(path, sizeof path, "%s/%s", command_folder(), name);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    static unsigned char data[1 << 22];
    size_t size = fread(data, 1, sizeof data, file), at = 8, skip = strlen(key) + 1;
    fclose(file);
    while (at + 12 <= size && !found) {
        size_t length = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        int plain = memcmp(data + at + 4, "tEXt", 4) == 0, wide = memcmp(data + at + 4, "iTXt", 4) == 0;
        if ((plain || wide) && strcmp((char *)data + at + 8, key) == 0)
            found = strndup((char *)data + at + 8 + skip + (wide ? 4 : 0), length - skip - (wide ? 4 : 0));
        at += 12 + length;
    }
    return found;
}

static const char *const same[] = {"method",   "profile", "class",   "label",         "layer",
                                   "target",   "score",   "raw_min", "raw_max",       "seed",
                                   "residual", "samples", "noise",   "equivalent_to", "warnings"};

/* Member for member what the JSON says, for each picture; the sheet has all of them. */
START_TEST(pictures_say_what_the_json_says) {
    process_result r =
        command_shell("$G explain $D/shapes.png -m $M --method gradcam,smoothgrad --seed 9 --samples 3 --noise "
                      "0.25 --profile captum -o $D --json");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    static const char *const pictures[] = {"shapes.1.gradcam.png", "shapes.1.smoothgrad.png"};
    char *sheet = png_text("shapes.sheet.png", "Explanation");
    ck_assert(sheet && json_is_valid(sheet));
    for (int i = 0; i < 2; i++) {
        char *text = png_text(pictures[i], "Explanation");
        ck_assert_msg(text && json_is_valid(text), "%s", text ? text : "none");
        for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
            char path[80];
            size_t length, own_length, sheet_length;
            snprintf(path, sizeof path, "photos.0.explanations.%d.%s", i, same[k]);
            const char *wanted = json_find(r.out, path, &length);
            const char *in_sheet = json_find(sheet, path + strlen("photos.0."), &sheet_length);
            snprintf(path, sizeof path, "explanations.0.%s", same[k]);
            const char *own = json_find(text, path, &own_length);
            ck_assert_msg(wanted && own && in_sheet, "no %s", same[k]);
            ck_assert_msg(length == own_length && memcmp(wanted, own, length) == 0, "%s: %.*s", same[k],
                          (int)own_length, own);
            ck_assert(length == sheet_length && memcmp(wanted, in_sheet, length) == 0);
        }
        ck_assert(json_text_is(text, "explanations.0.profile", "captum"));
        ck_assert_double_eq(json_number_at(text, "explanations.0.seed"), 9);
        free(text);
    }
    free(sheet);
    process_free(&r);
}
END_TEST

/* A checkpoint's hash is its file's; a converted model's that of the file it came from. */
START_TEST(the_model_has_its_sha256) {
    command_expect_exit(0, "$G convert $M $D/again.safetensors -q");
    process_result sum = command_shell("sha256sum $M | cut -c1-64"),
                   own = command_shell("$G explain $D/shapes.png -m $M -o $D --json"),
                   again = command_shell("$G explain $D/shapes.png -m $D/again.safetensors -o $D/again --json");
    sum.out[64] = '\0';
    ck_assert(json_text_is(own.out, "model.sha256", sum.out) && json_text_is(again.out, "model.sha256", sum.out));
    char *text = png_text("shapes.1.gradcam.png", "Explanation"),
         *other = png_text("again/shapes.sheet.png", "Explanation");
    ck_assert(json_text_is(text, "model.sha256", sum.out) && json_text_is(other, "model.sha256", sum.out));
    free(text);
    free(other);
    process_free(&sum);
    process_free(&own);
    process_free(&again);
}
END_TEST

/* A sheet of methods has the evidence of a sheet of `explain`; one of models an array with each model's. */
START_TEST(compared_pictures_say_what_they_are) {
    command_expect_exit(
        0, "$G convert $M $D/other.safetensors -q; "
           "$G compare $D/shapes.png -m $M --method gradcam,smoothgrad --samples 3 --seed 9 --class 0,1 -o $D -q");
    process_result sum = command_shell("sha256sum $M | cut -c1-64");
    sum.out[64] = '\0';
    char *text = png_text("shapes.compare.png", "Explanation"), path[64];
    ck_assert_msg(text && json_is_valid(text), "%s", text ? text : "none");
    ck_assert(json_text_is(text, "model.sha256", sum.out));
    for (int i = 0; i < 4; i++) {
        static const char *const methods[] = {"gradcam", "smoothgrad"};
        snprintf(path, sizeof path, "explanations.%d.method", i);
        ck_assert_msg(json_text_is(text, path, methods[i % 2]), "%s in %s", path, text);
        snprintf(path, sizeof path, "explanations.%d.class", i);
        ck_assert_double_eq(json_number_at(text, path), i / 2);
        snprintf(path, sizeof path, "explanations.%d.seed", i);
        ck_assert_double_eq(json_number_at(text, path), 9);
    }
    free(text);
    command_expect_exit(0, "$G compare $D/shapes.png -m $M,$D/other.safetensors -o $D -q");
    text = png_text("shapes.compare.png", "Explanation");
    ck_assert_msg(text && json_is_valid(text), "%s", text ? text : "none");
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%d.model.sha256", i);
        ck_assert_msg(json_text_is(text, path, sum.out), "%s", text);
        snprintf(path, sizeof path, "%d.explanations.0.method", i);
        ck_assert(json_text_is(text, path, "gradcam"));
    }
    ck_assert(strstr(text, "other.safetensors"));
    free(text);
    process_free(&sum);
}
END_TEST

/* Shares sum to the change but for the residual; a blank photo is said to be one. */
START_TEST(residuals_and_warnings_are_told) {
    process_result r =
        command_shell("$G explain $D/shapes.png -m $M --method integrated-gradients,gradcam --samples 20 -o $D --json");
    double residual = json_number_at(r.out, "photos.0.explanations.0.residual");
    ck_assert(residual != 0 && residual < 0.5 * json_number_at(r.out, "photos.0.explanations.0.score"));
    size_t length;
    const char *none = json_find(r.out, "photos.0.explanations.1.residual", &length);
    ck_assert(none && strncmp(none, "null", 4) == 0);
    process_free(&r);
    char path[128];
    gcam_image *grey = NULL;
    snprintf(path, sizeof path, "%s/blank.png", command_folder());
    ck_assert_int_eq(gcam_image_create(&grey, 50, 40), GCAM_OK);
    memset(grey->pixels, 90, 3 * 50 * 40);
    ck_assert_int_eq(gcam_image_save(grey, path), GCAM_OK);
    gcam_image_free(grey);
    r = command_shell("$G explain $D/blank.png -m $M -o $D --json");
    const char *warnings = json_find(r.out, "photos.0.explanations.0.warnings", &length);
    ck_assert_msg(warnings && memmem(warnings, length, "BLANK", 5), "%s", r.out);
    process_free(&r);
}
END_TEST

Suite *evidence_suite(void) {
    Suite *suite = suite_create("evidence");
    TCase *tcase = tcase_create("evidence");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, command_folder_make, command_folder_remove);
    tcase_add_test(tcase, pictures_say_what_the_json_says);
    tcase_add_test(tcase, the_model_has_its_sha256);
    tcase_add_test(tcase, compared_pictures_say_what_they_are);
    tcase_add_test(tcase, residuals_and_warnings_are_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
