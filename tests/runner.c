/* Runs every suite of tests/suite_*.c; the Makefile writes their list to suites.inc. CK_RUN_SUITE=name runs one alone. */
#include <check.h>
#include <stdlib.h>

#define SUITE(name) Suite *name##_suite(void);
#include "suites.inc"
#undef SUITE

int main(void) {
    setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* seconds a test; Check's own 4 are too few on a busy machine */
    SRunner *runner = srunner_create(NULL);
#define SUITE(name) srunner_add_suite(runner, name##_suite());
#include "suites.inc"
#undef SUITE
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    int run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
