/* The examples run as their first lines say: on the demo's small model, and on real checkpoints where ../shared has them. */
#include "support/process.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Suite *examples_suite(void);

static char folder[64];
static char examples[512]; /* absolute path of the built examples */

static void make_folder(void) {
    char here[256], line[600];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    snprintf(examples, sizeof examples, "%s/%s/examples", here, test_build_folder());
    if (test_build_folder()[0] == '/') snprintf(examples, sizeof examples, "%s/examples", test_build_folder());
    snprintf(folder, sizeof folder, "/tmp/gradcam-examples-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(line, sizeof line, "%s/../demo/shapes %s", examples, folder);
    ck_assert_int_eq(system(line), 0);
}

static void remove_folder(void) {
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    ck_assert_int_eq(system(line), 0);
}

/* Runs an example inside the folder; $S is ../shared. */
static process_result run(const char *line) {
    char command[2048], here[256];
    process_result result;
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    snprintf(command, sizeof command, "S=%s/../shared; cd %s && %s/%s", here, folder, examples, line);
    process_run(&result, command);
    return result;
}

static void expect(const char *line, int code, const char *says) {
    process_result r = run(line);
    ck_assert_msg(r.exit_code == code, "exit code %d, expected %d: %s\n%s%s", r.exit_code, code, line, r.out, r.err);
    ck_assert_msg(strstr(code ? r.err : r.out, says) != NULL, "%s\nshould say: %s\nbut says: %s%s", line, says, r.out,
                  r.err);
    process_free(&r);
}

static void expect_file(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_msg(access(path, F_OK) == 0, "%s was not written", name);
    ck_assert_int_eq(unlink(path), 0);
}

START_TEST(minimal_writes_a_picture) {
    expect("minimal shapes.safetensors shapes.png why.png", 0, "upright stripes\n");
    expect_file("why.png");
}
END_TEST

START_TEST(three_pictures_of_one_class) {
    static const char *const names[] = {"alexnet", "vgg16"};
    for (int i = 0; i < 2; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s shapes.safetensors shapes.png disc", names[i]);
        expect(line, 0, "disc");
        expect_file("gradcam.png");
        expect_file("counterfactual.png");
        expect_file("guided-gradcam.png");
        snprintf(line, sizeof line, "%s shapes.safetensors shapes.png", names[i]);
        expect(line, 0, "upright stripes");
        snprintf(line, sizeof line, "%s shapes.safetensors shapes.png zebra", names[i]);
        expect(line, 1, "zebra");
    }
}
END_TEST

/* The map made by hand is printed with one character a cell: its strongest cell is "@" or "#". */
START_TEST(hooks_see_layers_and_make_a_map) {
    expect("hooks shapes.safetensors shapes.png", 0, "parts_relu");
    expect("hooks shapes.safetensors shapes.png", 0, "Grad-CAM of upright stripes:");
    expect("hooks shapes.safetensors shapes.png", 0, "@");
}
END_TEST

START_TEST(own_network_is_tiny_darknet) {
    expect("own_network shapes.safetensors shapes.png why.png", 1, "conv1.weight");
    if (access("../shared/models/tiny_darknet.pth", R_OK) != 0) {
        printf("skipped: own_network on a real checkpoint, ../shared is absent\n");
        return;
    }
    expect("own_network $S/models/tiny_darknet.pth $S/photos/cat_dog_640.jpg why.png", 0, "bull mastiff 0.6");
    expect_file("why.png");
}
END_TEST

START_TEST(wrong_use_says_how) {
    static const char *const names[] = {"minimal", "alexnet", "vgg16", "hooks", "own_network"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) expect(names[i], 2, "usage:");
    expect("minimal none.pth shapes.png why.png", 1, "none.pth");
}
END_TEST

Suite *examples_suite(void) {
    Suite *suite = suite_create("examples");
    TCase *tcase = tcase_create("programs");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
    tcase_add_test(tcase, minimal_writes_a_picture);
    tcase_add_test(tcase, three_pictures_of_one_class);
    tcase_add_test(tcase, hooks_see_layers_and_make_a_map);
    tcase_add_test(tcase, own_network_is_tiny_darknet);
    tcase_add_test(tcase, wrong_use_says_how);
    suite_add_tcase(suite, tcase);
    return suite;
}
