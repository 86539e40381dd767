/* The part of Check's interface that the kernels' suites use, so that these run on processors for which no Check is installed:
 * `make test-neon` builds it for 64-bit ARM and runs it in an emulator. A failure ends the program. */
#ifndef TESTS_CROSS_CHECK_H
#define TESTS_CROSS_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TCase {
    void (*set_up)(void), (*tear_down)(void);
    int tests;
} TCase;
typedef struct Suite {
    TCase tcase;
} Suite;
typedef void (*test_function)(int);

#define START_TEST(name)       \
    static void name(int _i) { \
        (void)_i;
#define END_TEST }

#define ck_abort_msg(...) (printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), printf("\n"), exit(1))
#define ck_assert_msg(condition, ...)                \
    do {                                             \
        if (!(condition)) ck_abort_msg(__VA_ARGS__); \
    } while (0)
#define ck_assert(condition) ck_assert_msg(condition, "%s", #condition)
#define ck_assert_int_eq(a, b) ck_assert((a) == (b))
#define ck_assert_float_eq(a, b) ck_assert((a) == (b))
#define ck_assert_double_le(a, b) ck_assert((a) <= (b))
#define ck_assert_mem_eq(a, b, bytes) ck_assert(memcmp(a, b, bytes) == 0)
#define ck_assert_ptr_nonnull(a) ck_assert((a) != NULL)

static inline Suite *suite_create(const char *name) {
    (void)name;
    static Suite suite;
    return &suite;
}
static inline TCase *tcase_create(const char *name) {
    (void)name;
    static TCase tcase; /* of each suite, as every file has its own */
    return &tcase;
}
static inline void suite_add_tcase(Suite *suite, TCase *tcase) {
    (void)suite, (void)tcase;
}
static inline void tcase_set_timeout(TCase *tcase, double seconds) {
    (void)tcase, (void)seconds;
}
static inline void tcase_add_checked_fixture(TCase *tcase, void (*set_up)(void), void (*tear_down)(void)) {
    tcase->set_up = set_up, tcase->tear_down = tear_down;
}

/* Tests run as they are added. */
static inline void tcase_add_loop_test(TCase *tcase, test_function test, int begin, int end) {
    for (int i = begin; i < end; i++, tcase->tests++) {
        if (tcase->set_up) tcase->set_up();
        test(i);
        if (tcase->tear_down) tcase->tear_down();
    }
}
static inline void tcase_add_test(TCase *tcase, test_function test) {
    tcase_add_loop_test(tcase, test, 0, 1);
}

#endif
