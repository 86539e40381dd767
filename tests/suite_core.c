/* Tests of lib/core: sizes, memory, half floats, random numbers, threads, errors. */
#include "core/half.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "core/threads.h"

#include <check.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

START_TEST(every_status_has_a_text) {
#define HAS_TEXT(name, value, text)                        \
    ck_assert_str_eq(gcam_status_text(GCAM_##name), text); \
    ck_assert_str_eq(gcam_status_name(GCAM_##name), #name);
    GCAM_STATUS_MAP(HAS_TEXT)
#undef HAS_TEXT
    ck_assert_str_eq(gcam_status_text((gcam_status)77), "unknown status");
}
END_TEST

START_TEST(errors_keep_their_sentence) {
    ck_assert_int_eq(gcam__fail_at(GCAM_ERR_FORMAT, "zip", 42, "entry %d", 7), GCAM_ERR_FORMAT);
    ck_assert_str_eq(gcam_last_error()->message, "entry 7");
    ck_assert_int_eq(gcam_last_error()->offset, 42);
    ck_assert_int_eq(gcam__fail_prefix("a.pth"), GCAM_ERR_FORMAT);
    ck_assert_str_eq(gcam_last_error()->message, "a.pth: entry 7");
    gcam__fail(GCAM_ERR_IO, "x", "again: %s", gcam_last_error()->message); /* an argument inside the error itself */
    ck_assert_str_eq(gcam_last_error()->message, "again: a.pth: entry 7");
}
END_TEST

START_TEST(sizes_do_not_overflow) {
    size_t out;
    ck_assert(gcam__size_mul(3, 4, &out) && out == 12);
    ck_assert(!gcam__size_mul(SIZE_MAX / 2, 3, &out));
    ck_assert_ptr_null(gcam__calloc(SIZE_MAX / 2, 3));
    ck_assert_int_eq(gcam_last_error()->status, GCAM_ERR_LIMIT);
    ck_assert_ptr_null(gcam__alloc(SIZE_MAX - 8));
    gcam_shape shape = {2, {INT64_MAX, 3}};
    ck_assert_int_eq(gcam_shape_count(&shape), -1);
    shape = (gcam_shape){3, {0, 5, -1}};
    ck_assert_int_eq(gcam_shape_count(&shape), -1);
    shape = gcam_shape_nchw(2, 3, 4, 5);
    ck_assert_int_eq(gcam_shape_count(&shape), 120);
    gcam_tensor *tensor = NULL;
    shape.dim[0] = -2;
    ck_assert_int_eq(gcam_tensor_create(&tensor, &shape), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(tensor);
}
END_TEST

START_TEST(blocks_are_aligned_and_counted) {
    gcam_memory_count count;
    gcam_allocator_count(&count);
    char *block = gcam__alloc(100);
    ck_assert_uint_eq((uintptr_t)block % 64, 0);
    memset(block, 7, 100);
    gcam_allocator_set(NULL); /* the block must still find its way home */
    block = gcam__resize(block, 200);
    ck_assert_int_eq(block[99], 7);
    ck_assert_uint_eq(count.allocations, 1);
    ck_assert_uint_eq(count.releases, 1);
    ck_assert_uint_eq(count.bytes, 0);
    ck_assert_uint_ge(count.peak, 100);
    gcam__free(block);
    gcam__free(NULL);
}
END_TEST

static void *refuse(size_t size, void *context) {
    (void)size, (void)context;
    return NULL;
}

START_TEST(no_memory_is_an_error) {
    gcam_allocator none = {refuse, NULL, NULL};
    gcam_allocator_set(&none);
    gcam_tensor *tensor = NULL;
    gcam_shape shape = gcam_shape_nchw(1, 1, 1, 1);
    ck_assert_int_eq(gcam_tensor_create(&tensor, &shape), GCAM_ERR_NOMEM);
    ck_assert_ptr_null(tensor);
    gcam_allocator_set(NULL);
}
END_TEST

START_TEST(half_floats_round_trip) {
    int wrong = 0;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float half = gcam__half_to_float((uint16_t)bits), bfloat = gcam__bfloat_to_float((uint16_t)bits);
        wrong +=
            isnan(half) ? !isnan(gcam__half_to_float(gcam__float_to_half(half))) : gcam__float_to_half(half) != bits;
        wrong += isnan(bfloat) ? !isnan(gcam__bfloat_to_float(gcam__float_to_bfloat(bfloat)))
                               : gcam__float_to_bfloat(bfloat) != bits;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(gcam__float_to_half(65504.0f), 0x7BFF);
    ck_assert_uint_eq(gcam__float_to_half(65519.0f), 0x7BFF);
    ck_assert_uint_eq(gcam__float_to_half(65520.0f), 0x7C00);
    ck_assert_uint_eq(gcam__float_to_half(1.0f + 0x1p-11f), 0x3C00);            /* a tie goes to even */
    ck_assert_uint_eq(gcam__float_to_half(1.0f + 0x1p-11f + 0x1p-20f), 0x3C01); /* above the tie */
    ck_assert_uint_eq(gcam__float_to_half(0x1p-25f), 0);
    ck_assert_uint_eq(gcam__float_to_half(-0x1.8p-25f), 0x8001);
    ck_assert_uint_eq(gcam__float_to_bfloat(1.0f + 0x1p-8f), 0x3F80);
    ck_assert_uint_eq(gcam__float_to_bfloat(1.0f + 0x3p-8f), 0x3F82);
}
END_TEST

START_TEST(random_numbers_depend_on_their_place_alone) {
    ck_assert_uint_eq(gcam__random_bits(1, 2, 3, 4), gcam__random_bits(1, 2, 3, 4));
    ck_assert_uint_ne(gcam__random_bits(1, 2, 3, 4), gcam__random_bits(1, 2, 4, 3));
    double sum = 0, squares = 0;
    enum { DRAWS = 20000 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        double z = gcam__random_normal(5, 0, 0, i);
        sum += z, squares += z * z;
    }
    ck_assert_double_lt(fabs(sum / DRAWS), 0.03); /* 4 standard errors */
    ck_assert_double_lt(fabs(squares / DRAWS - 1), 0.04);
    float *x = gcam__calloc(DRAWS, sizeof *x);
    gcam__pool *pool = NULL;
    ck_assert_int_eq(gcam__pool_create(&pool, 3), GCAM_OK);
    gcam__random_noise(pool, 5, 7, 0.5, x, DRAWS);
    for (uint64_t i = 0; i < DRAWS; i++) ck_assert_float_eq(x[i], (float)(0.5 * gcam__random_normal(5, 0, 7, i)));
    gcam__pool_free(pool);
    gcam__free(x);
}
END_TEST

static void mark(void *context, int64_t index, int worker) {
    (void)worker;
    __atomic_add_fetch((int *)context + index, 1, __ATOMIC_RELAXED);
}

START_TEST(the_pool_runs_each_unit_once) {
    enum { UNITS = 1000, ROUNDS = 200 };
    for (int threads = 1; threads <= 4; threads++) {
        gcam__pool *pool = NULL;
        ck_assert_int_eq(gcam__pool_create(&pool, threads), GCAM_OK);
        ck_assert_int_eq(gcam__pool_threads(pool), threads);
        static int seen[UNITS];
        memset(seen, 0, sizeof seen);
        for (int round = 0; round < ROUNDS; round++) gcam__parallel(pool, UNITS, mark, seen);
        for (int i = 0; i < UNITS; i++) ck_assert_int_eq(seen[i], ROUNDS);
        gcam__pool_free(pool);
    }
    gcam__pool *pool = NULL;
    ck_assert_int_eq(gcam__pool_create(&pool, -1), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(pool);
    ck_assert_int_ge(gcam__cpu_count(), 1);
}
END_TEST

/* Workers that have gone to sleep, or come when all is done, take units of the running job alone. */
START_TEST(small_jobs_in_turn_are_complete) {
    enum { JOBS = 3000, UNITS = 7, PAUSE = 50 };
    gcam__pool *pool = NULL;
    ck_assert_int_eq(gcam__pool_create(&pool, 3), GCAM_OK);
    for (int job = 0; job < JOBS; job++) {
        int seen[UNITS] = {0}, count = job % (UNITS + 1);
        if (job % PAUSE == 0) nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        gcam__parallel(pool, count, mark, seen);
        for (int i = 0; i < UNITS; i++) ck_assert_int_eq(seen[i], i < count);
    }
    gcam__pool_free(pool);
}
END_TEST

static void *fail_elsewhere(void *unused) {
    (void)unused;
    gcam__fail(GCAM_ERR_IO, "other", "in another thread");
    return NULL;
}

START_TEST(errors_belong_to_their_thread) {
    gcam__fail(GCAM_ERR_SHAPE, "here", "in this thread");
    pthread_t thread;
    pthread_create(&thread, NULL, fail_elsewhere, NULL);
    pthread_join(thread, NULL);
    ck_assert_str_eq(gcam_last_error()->message, "in this thread");
}
END_TEST

Suite *core_suite(void);
Suite *core_suite(void) {
    Suite *suite = suite_create("core");
    TCase *tcase = tcase_create("core");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, every_status_has_a_text);
    tcase_add_test(tcase, errors_keep_their_sentence);
    tcase_add_test(tcase, sizes_do_not_overflow);
    tcase_add_test(tcase, blocks_are_aligned_and_counted);
    tcase_add_test(tcase, no_memory_is_an_error);
    tcase_add_test(tcase, half_floats_round_trip);
    tcase_add_test(tcase, random_numbers_depend_on_their_place_alone);
    tcase_add_test(tcase, the_pool_runs_each_unit_once);
    tcase_add_test(tcase, small_jobs_in_turn_are_complete);
    tcase_add_test(tcase, errors_belong_to_their_thread);
    return suite;
}
