/* The house itself: the linters can fail, public headers stand alone, and what `make install` writes can be used, the demo
 * finds its photos, published weights are fetched. The checks are shell scripts in tests/scripts; each prints what was wrong. */
#include "support/process.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

Suite *house_suite(void);

static void expect_script_passes(const char *name) {
    char command[256];
    snprintf(command, sizeof command, "sh tests/scripts/%s.sh %s", name, test_build_folder());
    process_result result;
    process_run(&result, command);
    if (strncmp(result.out, "skipped:", 8) == 0) printf("%s", result.out);
    ck_assert_msg(result.exit_code == 0, "%s:\n%s%s", command, result.out, result.err);
    process_free(&result);
}

START_TEST(lint_can_fail) {
    expect_script_passes("lint_can_fail");
}
END_TEST

START_TEST(headers_stand_alone) {
    expect_script_passes("headers");
}
END_TEST

START_TEST(installed_library_is_usable) {
    expect_script_passes("install");
}
END_TEST

START_TEST(demo_finds_its_photos) {
    expect_script_passes("demo");
}
END_TEST

START_TEST(published_weights_are_fetched_whole_or_not_at_all) {
    expect_script_passes("get");
}
END_TEST

Suite *house_suite(void) {
    Suite *suite = suite_create("house");
    TCase *tcase = tcase_create("scripts");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, lint_can_fail);
    tcase_add_test(tcase, headers_stand_alone);
    tcase_add_test(tcase, installed_library_is_usable);
    tcase_add_test(tcase, demo_finds_its_photos);
    tcase_add_test(tcase, published_weights_are_fetched_whole_or_not_at_all);
    suite_add_tcase(suite, tcase);
    return suite;
}
