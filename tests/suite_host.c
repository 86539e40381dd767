/* Tests of the library as a guest of a program that has threads and an OpenBLAS of its own: sessions of one network side by side give what
 * each gives alone, bit by bit, and the program's number of OpenBLAS threads is the same before and after every call, failed ones
 * included. */
#include "gradcam.h"
#include "support/small_networks.h"
#include "support/weights.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { SIDE = 45, SESSIONS = 4, PASSES = 5, HOST_THREADS = 2 };

#ifdef GCAM_WITH_BLAS
#include <cblas.h>
#else
static int openblas_get_num_threads(void) {
    return HOST_THREADS;
}
static void openblas_set_num_threads(int threads) {
    (void)threads;
}
#endif

static const gcam_kernels kernels[] = {GCAM_KERNELS_AUTO, GCAM_KERNELS_BLAS, GCAM_KERNELS_PLAIN};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static gcam_tensor_table *weights;
static gcam_network *network;
static int threads_before;

static void set_up(void) {
    gcam_builder *b = NULL;
    ck_assert_int_eq(gcam_builder_create(&b), GCAM_OK);
    small_resnet(b, SIDE, SIDE);
    ck_assert_int_eq(gcam_tensor_table_create(&weights), GCAM_OK);
    weights_add_random(weights, b, 3);
    ck_assert_msg(gcam_builder_finish(&network, b, weights) == GCAM_OK, "%s", gcam_last_error()->message);
    threads_before = openblas_get_num_threads();
    openblas_set_num_threads(HOST_THREADS);
}

static void tear_down(void) {
    openblas_set_num_threads(threads_before);
    gcam_network_free(network);
    gcam_tensor_table_free(weights);
}

/* One of the program's threads: a session, a picture of its own, scores and the gradient of the picture. */
typedef struct {
    gcam_kernels kernels;
    int number;
    gcam_status status;
    gcam_session *session;
    gcam_tensor *input, *seed;
} visitor;

static gcam_status open_visitor(visitor *v) {
    gcam_session_options options = {.struct_size = sizeof options, .threads = 2, .kernels = v->kernels};
    gcam_shape picture = gcam_shape_nchw(1, 3, SIDE, SIDE);
    gcam_status status = gcam_session_create_network(&v->session, network, &options);
    if (!status) status = gcam_session_watch(v->session, 0, GCAM_WATCH_GRADIENT);
    if (!status) status = gcam_tensor_create(&v->input, &picture);
    for (int64_t i = 0; !status && i < gcam_shape_count(&picture); i++)
        v->input->data[i] = (float)sin((double)i * 0.37 + v->number);
    if (!status) status = gcam_session_forward(v->session, v->input);
    if (!status) status = gcam_tensor_create(&v->seed, &gcam_session_output(v->session)->shape);
    if (!status) v->seed->data[v->number] = 1;
    return status;
}

static void close_visitor(visitor *v) {
    gcam_tensor_free(v->seed);
    gcam_tensor_free(v->input);
    gcam_session_free(v->session);
}

static void *visit(void *argument) {
    visitor *v = argument;
    v->status = open_visitor(v);
    for (int i = 0; i < PASSES && !v->status; i++) {
        v->status = gcam_session_forward(v->session, v->input);
        if (!v->status) v->status = gcam_session_backward(v->session, v->seed, GCAM_RULE_GRADIENT);
    }
    return NULL;
}

static void assert_same(const gcam_tensor *got, const gcam_tensor *want) {
    ck_assert(gcam_shape_equal(&got->shape, &want->shape));
    ck_assert_mem_eq(got->data, want->data, (size_t)gcam_shape_count(&want->shape) * sizeof(float));
}

START_TEST(sessions_side_by_side_are_as_each_alone) {
    visitor together[SESSIONS] = {{0}};
    pthread_t threads[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        together[i].kernels = kernels[_i], together[i].number = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, visit, &together[i]), 0);
    }
    for (int i = 0; i < SESSIONS; i++) pthread_join(threads[i], NULL);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
    for (int i = 0; i < SESSIONS; i++) {
        visitor alone = {.kernels = kernels[_i], .number = i};
        ck_assert_int_eq(together[i].status, GCAM_OK);
        visit(&alone);
        ck_assert_int_eq(alone.status, GCAM_OK);
        assert_same(gcam_session_output(together[i].session), gcam_session_output(alone.session));
        assert_same(gcam_session_gradient(together[i].session, 0), gcam_session_gradient(alone.session, 0));
        close_visitor(&together[i]);
        close_visitor(&alone);
    }
}
END_TEST

#ifdef GCAM_WITH_BLAS

static gcam_status look_at_threads(const gcam_hook_event *event, void *user) {
    (void)event;
    *(int *)user = openblas_get_num_threads();
    return GCAM_OK;
}

static gcam_status refuse(const gcam_hook_event *event, void *user) {
    (void)event, (void)user;
    return GCAM_ERR_CANCELED;
}

START_TEST(calls_leave_the_programs_blas_threads_alone) {
    visitor v = {.kernels = kernels[_i]};
    int inside = 0;
    gcam_hook_id id = 0;
    ck_assert_int_eq(open_visitor(&v), GCAM_OK);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
    ck_assert_int_eq(gcam_hook_add(v.session, "*", GCAM_HOOK_FORWARD, look_at_threads, &inside, &id), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(v.session, v.input), GCAM_OK);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
    if (kernels[_i] == GCAM_KERNELS_BLAS) ck_assert_int_eq(inside, 1); /* two pools would fight */
    ck_assert_int_eq(gcam_session_backward(v.session, v.seed, GCAM_RULE_GUIDED), GCAM_OK);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
    gcam_hook_remove(v.session, id);
    ck_assert_int_eq(gcam_hook_add(v.session, "*", GCAM_HOOK_FORWARD, refuse, NULL, &id), GCAM_OK);
    ck_assert_int_ne(gcam_session_forward(v.session, v.input), GCAM_OK);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
    gcam_hook_remove(v.session, id);
    v.input->data[7] = NAN;
    ck_assert_int_eq(gcam_session_forward(v.session, v.input), GCAM_ERR_NUMERIC);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
    close_visitor(&v);
    ck_assert_int_eq(openblas_get_num_threads(), HOST_THREADS);
}
END_TEST
#endif

Suite *host_suite(void);
Suite *host_suite(void) {
    Suite *suite = suite_create("host");
    TCase *tests = tcase_create("host");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, sessions_side_by_side_are_as_each_alone, 0, KERNELS);
#ifdef GCAM_WITH_BLAS
    tcase_add_loop_test(tests, calls_leave_the_programs_blas_threads_alone, 0, KERNELS);
#endif
    return suite;
}
