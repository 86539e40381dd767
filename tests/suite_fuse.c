/* Tests of fusing and of concatenation in place: a pass in which nobody looks at the layers gives the same numbers as one in which
 * every layer is watched, and so runs by itself, with a place of its own. */
#include "graph/session.h"
#include "support/small_networks.h"
#include "support/weights.h"

#include <check.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    small_network add;
    int chains; /* layers that run together with the one before, at least */
} networks[] = {{"alexnet", small_alexnet, 3},
                {"vgg_bn", small_vgg_bn, 2},
                {"squeezenet", small_squeezenet, 6},
                {"darknet", small_darknet, 2},
                {"resnet", small_resnet, 10}};
enum { NETWORKS = sizeof networks / sizeof networks[0], SIDE = 45 };

typedef struct problem {
    gcam_tensor_table *weights;
    gcam_network *network;
    gcam_tensor *input, *seed;
} problem;

static problem make_problem(int index, int64_t batch) {
    problem p = {0};
    gcam_builder *b = NULL;
    ck_assert_int_eq(gcam_builder_create(&b), GCAM_OK);
    networks[index].add(b, SIDE, SIDE);
    ck_assert_int_eq(gcam_tensor_table_create(&p.weights), GCAM_OK);
    weights_add_random(p.weights, b, 3);
    ck_assert_msg(gcam_builder_finish(&p.network, b, p.weights) == GCAM_OK, "%s", gcam_last_error()->message);
    gcam_shape shape = gcam_shape_nchw(batch, 3, SIDE, SIDE);
    ck_assert_int_eq(gcam_tensor_create(&p.input, &shape), GCAM_OK);
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) p.input->data[i] = (float)sin((double)i * 0.37);
    return p;
}

static void free_problem(problem *p) {
    gcam_tensor_free(p->input);
    gcam_network_free(p->network);
    gcam_tensor_table_free(p->weights);
}

static gcam_session *session_for(const problem *p, gcam_kernels kernels) {
    gcam_session *s = NULL;
    gcam_session_options options = {
        .struct_size = sizeof options, .batch = p->input->shape.dim[0], .threads = 2, .kernels = kernels};
    ck_assert_msg(gcam_session_create_network(&s, p->network, &options) == GCAM_OK, "%s", gcam_last_error()->message);
    return s;
}

static int count_links(const gcam_session *s) {
    int links = 0;
    for (int i = 0; i < s->network->count; i++) links += s->forward.link[i] >= 0;
    return links;
}

static void assert_close(const gcam_tensor *got, const gcam_tensor *want, const char *what, int layer) {
    double most = 1e-30, error = 0;
    ck_assert_ptr_nonnull(got);
    ck_assert(gcam_shape_equal(&got->shape, &want->shape));
    for (int64_t i = 0; i < gcam_shape_count(&want->shape); i++) {
        most = fmax(most, fabs(want->data[i]));
        error = fmax(error, fabs((double)got->data[i] - want->data[i]));
    }
    ck_assert_msg(error <= 2e-5 * most, "%s, layer %d: error %.3g of %.3g", what, layer, error, most);
}

/* A session that watches every layer, after its pass. */
static gcam_session *watched(const problem *p, gcam_kernels kernels) {
    gcam_session *s = session_for(p, kernels);
    for (int i = 0; i < p->network->count; i++)
        ck_assert_int_eq(gcam_session_watch(s, i, GCAM_WATCH_ACTIVATION), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(s, p->input), GCAM_OK);
    ck_assert_int_eq(count_links(s), 0);
    return s;
}

START_TEST(fused_passes_match_watched_ones) {
    static const gcam_kernels kernels[] = {GCAM_KERNELS_AUTO, GCAM_KERNELS_BLAS, GCAM_KERNELS_PLAIN};
    problem p = make_problem(_i % NETWORKS, 1 + _i / NETWORKS);
    for (int k = 0; k < 3; k++) {
        gcam_session *all = watched(&p, kernels[k]), *s = session_for(&p, kernels[k]);
        ck_assert_int_eq(gcam_session_forward(s, p.input), GCAM_OK);
        ck_assert_int_ge(count_links(s), networks[_i % NETWORKS].chains);
        assert_close(gcam_session_output(s), gcam_session_output(all), networks[_i % NETWORKS].name, -1);
        for (int i = 0; i < p.network->count; i += k == 0 ? 1 : 5) { /* each layer alone */
            gcam_session_unwatch_all(s);
            gcam_session_watch(s, i, GCAM_WATCH_ACTIVATION);
            ck_assert_int_eq(gcam_session_forward(s, p.input), GCAM_OK);
            assert_close(gcam_session_activation(s, i), gcam_session_activation(all, i), networks[_i % NETWORKS].name,
                         i);
        }
        gcam_session_free(s);
        gcam_session_free(all);
    }
    free_problem(&p);
}
END_TEST

/* Gradients at a layer, of a seed of ones: what lies above is kept and runs unfused where it is needed, what lies below is fused. */
static void check_gradient(const problem *p, gcam_session *all, int layer, const char *what) {
    gcam_session *s = session_for(p, GCAM_KERNELS_AUTO);
    gcam_tensor *seed = NULL;
    ck_assert_int_eq(gcam_tensor_create(&seed, &gcam_session_output(all)->shape), GCAM_OK);
    for (int64_t i = 0; i < gcam_shape_count(&seed->shape); i++) seed->data[i] = 1;
    gcam_session_watch(s, layer, GCAM_WATCH_GRADIENT);
    gcam_session_watch(all, layer, GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT);
    ck_assert_int_eq(gcam_session_forward(s, p->input), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(all, p->input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(all, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    assert_close(gcam_session_gradient(s, layer), gcam_session_gradient(all, layer), what, layer);
    gcam_session_watch(all, layer, GCAM_WATCH_ACTIVATION);
    gcam_tensor_free(seed);
    gcam_session_free(s);
}

START_TEST(gradients_do_not_depend_on_fusing) {
    problem p = make_problem(_i, 1);
    gcam_session *all = watched(&p, GCAM_KERNELS_AUTO);
    for (int i = p.network->count - 2; i > p.network->count / 2; i--) check_gradient(&p, all, i, networks[_i].name);
    gcam_session_free(all);
    free_problem(&p);
}
END_TEST

/* image -> a -> b -+-> cat1(a, b) -> norm -> c -> cat2(a, b, c) -> d, b with its own ReLU added: cat1 is the first part of cat2, and nothing is copied. */
static gcam_network *dense_network(gcam_tensor_table **weights) {
    gcam_builder *b = NULL;
    gcam_network *network = NULL;
    ck_assert_int_eq(gcam_builder_create(&b), GCAM_OK);
    gcam_conv2d_params three = {.out = 4, .kernel = {3, 3}, .pad = {1, 1}};
    gcam_node x = gcam_input(b, "image", 3, SIDE, SIDE), part[3];
    part[0] = gcam_conv2d(b, "a", x, &three);
    part[1] = gcam_conv2d(b, "b", part[0], &three); /* read twice, so that nothing may be fused with it alone */
    part[1] = gcam_add(b, "b.sum", part[1], gcam_relu(b, "b.relu", part[1]));
    gcam_node cat = gcam_concat(b, "cat1", part, 2, NULL);
    cat = gcam_batchnorm(b, "norm", cat, NULL); /* must not overwrite cat1, whose parts are read again */
    part[2] = gcam_conv2d(b, "c", cat, &three);
    cat = gcam_concat(b, "cat2", part, 3, NULL);
    gcam_conv2d(b, "d", cat, &three);
    ck_assert_int_eq(gcam_tensor_table_create(weights), GCAM_OK);
    weights_add_random(*weights, b, 4);
    ck_assert_msg(gcam_builder_finish(&network, b, *weights) == GCAM_OK, "%s", gcam_last_error()->message);
    return network;
}

START_TEST(concatenations_are_made_in_place) {
    problem p = make_problem(0, 1);
    gcam_network_free(p.network);
    gcam_tensor_table_free(p.weights);
    p.network = dense_network(&p.weights);
    gcam_session *all = watched(&p, GCAM_KERNELS_AUTO), *s = session_for(&p, GCAM_KERNELS_AUTO);
    ck_assert_int_eq(gcam_session_forward(s, p.input), GCAM_OK);
    assert_close(gcam_session_output(s), gcam_session_output(all), "dense", -1);
    const char *parts[] = {"a", "b.sum", "c"};
    const float *whole = s->activation[gcam_network_find(p.network, "cat2")].data;
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(s->activation[gcam_network_find(p.network, parts[i])].data, whole + i * 4 * SIDE * SIDE);
    ck_assert_ptr_eq(s->activation[gcam_network_find(p.network, "cat1")].data, whole);
    gcam_session_free(s);
    gcam_session_free(all);
    free_problem(&p);
}
END_TEST

static gcam_status double_it(const gcam_hook_event *event, void *user) {
    (void)user;
    for (int64_t i = 0; i < gcam_shape_count(&event->value->shape); i++) event->value->data[i] *= 2;
    return GCAM_OK;
}

/* An edited concatenation leaves its inputs alone: cat2 must see the old a and b. */
START_TEST(hooks_edit_a_concatenation_alone) {
    problem p = make_problem(0, 1);
    gcam_network_free(p.network);
    gcam_tensor_table_free(p.weights);
    p.network = dense_network(&p.weights);
    gcam_session *all = watched(&p, GCAM_KERNELS_AUTO), *s = session_for(&p, GCAM_KERNELS_AUTO);
    gcam_hook_id id;
    ck_assert_int_eq(gcam_hook_add(s, "cat1", GCAM_HOOK_FORWARD, double_it, NULL, &id), GCAM_OK);
    gcam_session_watch(s, gcam_network_find(p.network, "b"), GCAM_WATCH_ACTIVATION);
    ck_assert_int_eq(gcam_session_forward(s, p.input), GCAM_OK);
    int b = gcam_network_find(p.network, "b");
    assert_close(gcam_session_activation(s, b), gcam_session_activation(all, b), "hooked", b);
    gcam_session_free(s);
    gcam_session_free(all);
    free_problem(&p);
}
END_TEST

Suite *fuse_suite(void);
Suite *fuse_suite(void) {
    Suite *suite = suite_create("fuse");
    TCase *tests = tcase_create("fuse");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, fused_passes_match_watched_ones, 0, 2 * NETWORKS);
    tcase_add_loop_test(tests, gradients_do_not_depend_on_fusing, 0, NETWORKS);
    tcase_add_test(tests, concatenations_are_made_in_place);
    tcase_add_test(tests, hooks_edit_a_concatenation_alone);
    suite_add_tcase(suite, tests);
    return suite;
}
