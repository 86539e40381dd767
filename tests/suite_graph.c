/* Tests of lib/graph: building, planning, forward, backward, hooks. The networks are small enough to be reckoned by hand or by
 * central differences; a plan that gives two living values one place shows as a wrong number. */
#include "core/memory.h"
#include "core/random.h"
#include "graph/session.h"

#include "gradcam.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- a network with branches, joins, views and in-place layers ---------------------------------------------------------- */

static void add_random(gcam_tensor_table *table, const char *name, gcam_shape shape, uint64_t stream) {
    float values[4096];
    int64_t count = gcam_shape_count(&shape);
    ck_assert_int_le(count, 4096);
    for (int64_t i = 0; i < count; i++) values[i] = (float)(gcam__random_uniform(11, stream, 0, (uint64_t)i) - 0.5);
    ck_assert_int_eq(gcam_tensor_table_add(table, name, &shape, values), GCAM_OK);
}

static gcam_tensor_table *branchy_weights(void) {
    gcam_tensor_table *table = NULL;
    ck_assert_int_eq(gcam_tensor_table_create(&table), GCAM_OK);
    add_random(table, "stem.weight", gcam_shape_nchw(4, 2, 3, 3), 1);
    add_random(table, "stem.bias", (gcam_shape){1, {4}}, 2);
    add_random(table, "left.weight", gcam_shape_nchw(4, 4, 3, 3), 3);
    add_random(table, "left.bias", (gcam_shape){1, {4}}, 4);
    add_random(table, "right.weight", gcam_shape_nchw(4, 4, 1, 1), 5);
    add_random(table, "fc.weight", (gcam_shape){2, {3, 8}}, 7);
    add_random(table, "fc.bias", (gcam_shape){1, {3}}, 8);
    return table;
}

/* image -> stem -> relu -+-> left -> left.relu -+-> add -> dropout -> relu2 -+-> concat(relu2, relu) -> pool -> flatten -> fc
 *                        +-> right -------------+                             |
 *                        +----------------------------------------------------+                                            */
static gcam_network *branchy(const gcam_tensor_table *weights) {
    gcam_builder *b = NULL;
    gcam_network *network = NULL;
    ck_assert_int_eq(gcam_builder_create(&b), GCAM_OK);
    gcam_node x = gcam_input(b, "image", 2, 5, 6);
    x = gcam_conv2d(b, "stem", x, &(gcam_conv2d_params){.out = 4, .kernel = {3, 3}, .pad = {1, 1}});
    gcam_node stem = gcam_relu(b, "relu", x);
    gcam_node left = gcam_conv2d(b, "left", stem, &(gcam_conv2d_params){.out = 4, .kernel = {3, 3}, .pad = {1, 1}});
    left = gcam_leaky_relu(b, "left.relu", left, NULL);
    gcam_node right = gcam_conv2d(b, "right", stem, &(gcam_conv2d_params){.out = 4, .kernel = {1, 1}, .no_bias = 1});
    x = gcam_add(b, "add", left, right);
    x = gcam_dropout(b, "dropout", x);
    x = gcam_relu(b, "relu2", x);
    gcam_node both[2] = {x, stem};
    x = gcam_concat(b, "block.cat", both, 2, NULL);
    gcam_alias(b, "block", x);
    x = gcam_global_avg_pool(b, "pool", x);
    x = gcam_flatten(b, "flatten", x);
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 3});
    ck_assert_msg(gcam_builder_finish(&network, b, weights) == GCAM_OK, "%s", gcam_last_error()->message);
    return network;
}

static gcam_tensor *random_input(const gcam_session *s, uint64_t stream) {
    gcam_shape shape = gcam_session_input_shape(s);
    gcam_tensor *input = NULL;
    ck_assert_int_eq(gcam_tensor_create(&input, &shape), GCAM_OK);
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++)
        input->data[i] = (float)(2 * gcam__random_uniform(5, stream, 0, (uint64_t)i) - 1);
    return input;
}

static gcam_session *session_for(const gcam_network *network, int64_t batch, int threads) {
    gcam_session *s = NULL;
    gcam_session_options options = {.struct_size = sizeof options, .batch = batch, .threads = threads};
    ck_assert_msg(gcam_session_create_network(&s, network, &options) == GCAM_OK, "%s", gcam_last_error()->message);
    return s;
}

static gcam_tensor *seed_for(const gcam_session *s, int64_t seeds) {
    gcam_shape shape = *gcam__session_shape(s, gcam_network_output(gcam_session_network(s)));
    shape.dim[0] *= seeds;
    gcam_tensor *seed = NULL;
    ck_assert_int_eq(gcam_tensor_create(&seed, &shape), GCAM_OK);
    return seed;
}

static void assert_close(const float *a, const float *b, int64_t count, double tolerance) {
    double most = 1e-30;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(b[i]));
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(fabs((double)a[i] - b[i]) <= tolerance * most, "element %lld: %g, expected %g", (long long)i,
                      a[i], b[i]);
}

/* ---- building ------------------------------------------------------------------------------------------------------------- */

/* ---- what the tests begin with ------------------------------------------------------------------------------------------ */

static gcam_tensor_table *weights;
static gcam_network *network;

static void set_up(void) {
    weights = branchy_weights();
    network = branchy(weights);
}

static void tear_down(void) {
    gcam_network_free(network);
    gcam_tensor_table_free(weights);
}

START_TEST(a_network_knows_its_layers) {
    ck_assert_int_eq(gcam_network_layer_count(network), 13);
    ck_assert_int_eq(gcam_network_find(network, "block"), gcam_network_find(network, "block.cat"));
    ck_assert_int_eq(gcam_network_find(network, "nothing"), -1);
    ck_assert_int_eq(gcam_network_target(network), gcam_network_find(network, "block"));
    gcam_layer_info info;
    ck_assert_int_eq(gcam_network_layer(network, gcam_network_find(network, "stem"), &info), GCAM_OK);
    ck_assert_str_eq(info.op, "conv2d");
    ck_assert_int_eq(info.parameters, 4 * 2 * 9 + 4);
    ck_assert_int_eq(info.multiplies, 4 * 2 * 9 * 5 * 6);
    ck_assert_int_eq(info.shape.dim[1], 4);
    ck_assert_int_eq(gcam_network_layer(network, 99, &info), GCAM_ERR_ARGUMENT);
}
END_TEST

static void assert_fails(gcam_builder *b, const gcam_tensor_table *table, gcam_status status, const char *sentence) {
    gcam_network *made = NULL;
    ck_assert_int_eq(gcam_builder_finish(&made, b, table), status);
    ck_assert_ptr_null(made);
    ck_assert_msg(strstr(gcam_last_error()->message, sentence) != NULL, "%s", gcam_last_error()->message);
}

START_TEST(the_builder_names_what_is_wrong) {
    gcam_builder *b = NULL;
    gcam_builder_create(&b);
    gcam_node x = gcam_input(b, "image", 3, 8, 8);
    gcam_relu(b, "a", x);
    ck_assert_int_eq(gcam_relu(b, "a", x), -1);
    ck_assert_int_eq(gcam_relu(b, "later", x), -1); /* the first error sticks */
    assert_fails(b, NULL, GCAM_ERR_ARGUMENT, "the layer name a is used twice");

    gcam_builder_create(&b);
    gcam_relu(b, "a", 3);
    assert_fails(b, NULL, GCAM_ERR_ARGUMENT, "a: input 0 is no layer");

    gcam_builder_create(&b);
    x = gcam_input(b, "image", 3, 8, 8);
    gcam_layer(b, "warp", "w", &x, 1, NULL);
    assert_fails(b, NULL, GCAM_ERR_UNSUPPORTED, "there is no operation warp");

    gcam_builder_create(&b);
    assert_fails(b, NULL, GCAM_ERR_ARGUMENT, "no input");

    gcam_builder_create(&b);
    x = gcam_input(b, "image", 2, 8, 8);
    gcam_conv2d(b, "stem", x, &(gcam_conv2d_params){.out = 5, .kernel = {3, 3}});
    assert_fails(b, weights, GCAM_ERR_SHAPE, "stem.weight: expected 5x2x3x3, the file has 4x2x3x3");
    gcam_builder_create(&b);
    x = gcam_input(b, "image", 2, 8, 8);
    gcam_conv2d(b, "other", x, &(gcam_conv2d_params){.out = 5, .kernel = {3, 3}});
    assert_fails(b, weights, GCAM_ERR_NOT_FOUND, "other.weight: there is no such weight");
}
END_TEST

START_TEST(other_input_sizes_work_where_shapes_allow) {
    gcam_session *s = NULL;
    gcam_session_options options = {.struct_size = sizeof options, .height = 9, .width = 4};
    ck_assert_int_eq(gcam_session_create_network(&s, network, &options), GCAM_OK);
    ck_assert_int_eq(gcam__session_shape(s, gcam_network_find(network, "relu2"))->dim[2], 9);
    gcam_session_free(s);
    gcam_network_free(network);

    gcam_builder *b = NULL;
    gcam_builder_create(&b);
    gcam_node x = gcam_flatten(b, "flatten", gcam_input(b, "image", 2, 2, 2));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 3});
    ck_assert_int_eq(gcam_builder_finish(&network, b, weights), GCAM_OK);
    ck_assert_int_eq(gcam_session_create_network(&s, network, &options), GCAM_ERR_SHAPE);
    ck_assert_ptr_null(s);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "3x72"));
}
END_TEST

/* ---- several inputs and outputs, any batch --------------------------------------------------------------------------------- */

/* score_c = mean over the cells of max(0, a b), which is the first output; the second is a b itself. */
static gcam_network *two_inputs(void) {
    gcam_network *made;
    gcam_status status = gcam_network_from_text(&made,
                                                "gradcam graph 1\n"
                                                "a = input channels=2 height=5 width=6\n"
                                                "b = tensor_input shape=1,2,5,6\n"
                                                "product = mul a b\n"
                                                "act = relu product\n"
                                                "pool = global_avg_pool act\n"
                                                "score = flatten pool\n"
                                                "output score\n"
                                                "output product\n",
                                                NULL);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    return made;
}

static void check_two_outputs(gcam_session *s, gcam_tensor *const in[2], int64_t batch) {
    const float *a = in[0]->data, *b = in[1]->data, *score = gcam_session_output(s)->data;
    ck_assert_ptr_eq(gcam_session_output_at(s, 0), gcam_session_output(s));
    ck_assert_ptr_null(gcam_session_output_at(s, 2));
    ck_assert_int_eq(gcam_session_output(s)->shape.dim[0], batch);
    for (int64_t plane = 0; plane < 2 * batch; plane++) {
        double mean = 0;
        for (int64_t i = 30 * plane; i < 30 * (plane + 1); i++) {
            ck_assert(gcam_session_output_at(s, 1)->data[i] == a[i] * b[i]);
            mean += fmax(0, (double)a[i] * b[i]) / 30;
        }
        ck_assert_double_eq_tol(score[plane], mean, 1e-6);
    }
}

/* The gradient of all scores with respect to either input. */
static void check_two_gradients(gcam_session *s, gcam_tensor *const in[2]) {
    gcam_tensor *seed;
    const gcam_network *product = gcam_session_network(s);
    ck_assert_int_eq(gcam_tensor_create(&seed, &gcam_session_output(s)->shape), GCAM_OK);
    for (int64_t i = 0; i < gcam_shape_count(&seed->shape); i++) seed->data[i] = 1;
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    for (int k = 0; k < 2; k++) {
        const gcam_tensor *gradient = gcam_session_gradient(s, gcam_network_input_at(product, k));
        for (int64_t i = 0; i < gcam_shape_count(&gradient->shape); i++) {
            double wanted = in[0]->data[i] * in[1]->data[i] > 0 ? in[1 - k]->data[i] / 30 : 0;
            ck_assert_double_eq_tol(gradient->data[i], wanted, 1e-8);
        }
    }
    gcam_tensor_free(seed);
}

static void check_batch(const gcam_network *product, int64_t batch) {
    gcam_session *s;
    gcam_tensor *in[2];
    gcam_shape shape = gcam_shape_nchw(batch, 2, 5, 6);
    gcam_session_options options = {.struct_size = sizeof options, .batch = batch};
    ck_assert_int_eq(gcam_session_create_network(&s, product, &options), GCAM_OK);
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(gcam_tensor_create(&in[k], &shape), GCAM_OK);
        for (int64_t i = 0; i < gcam_shape_count(&shape); i++)
            in[k]->data[i] = (float)gcam__random_uniform(17, (uint64_t)k, 0, (uint64_t)i) - 0.5f;
        ck_assert_int_eq(gcam_session_watch(s, gcam_network_input_at(product, k), GCAM_WATCH_GRADIENT), GCAM_OK);
    }
    const gcam_tensor *const given[2] = {in[0], in[1]};
    ck_assert_int_eq(gcam_session_forward_inputs(s, given, 2), GCAM_OK);
    check_two_outputs(s, in, batch);
    check_two_gradients(s, in);
    ck_assert_int_eq(gcam_session_forward(s, in[0]), GCAM_ERR_ARGUMENT);
    ck_assert_str_eq(gcam_last_error()->message, "the network has 2 inputs, 1 were given");
    for (int k = 0; k < 2; k++) gcam_tensor_free(in[k]);
    gcam_session_free(s);
}

START_TEST(several_inputs_and_outputs_in_any_batch) {
    gcam_network *product = two_inputs();
    ck_assert_int_eq(gcam_network_input_count(product), 2);
    ck_assert_int_eq(gcam_network_output_count(product), 2);
    for (int64_t batch = 1; batch <= 4; batch += 3) check_batch(product, batch);
    gcam_network_free(product);
}
END_TEST

/* ---- passes ----------------------------------------------------------------------------------------------------------------- */

static const char *const names[] = {"image",   "stem",  "relu",  "left", "left.relu", "right", "add",
                                    "dropout", "relu2", "block", "pool", "flatten",   "fc"};
enum { NAMES = sizeof names / sizeof names[0] };

/* Watching everything takes every freedom from the plan; the plain pass must give the same output. */
START_TEST(watching_does_not_change_results) {
    gcam_session *plain = session_for(network, 2, 1), *watched = session_for(network, 2, 2);
    gcam_tensor *input = random_input(plain, 1);
    for (int i = 0; i < NAMES; i++)
        ck_assert_int_eq(gcam_session_watch(watched, gcam_network_find(network, names[i]),
                                            GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT),
                         GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(plain, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(watched, input), GCAM_OK);
    ck_assert_mem_eq(gcam_session_output(plain)->data, gcam_session_output(watched)->data, 2 * 3 * sizeof(float));
    ck_assert_uint_lt(gcam_session_planned_bytes(plain), gcam_session_planned_bytes(watched));
    ck_assert_ptr_null(gcam_session_activation(plain, gcam_network_find(network, "stem")));
    const gcam_tensor *image = gcam_session_activation(watched, 0);
    ck_assert_mem_eq(image->data, input->data, 2 * 2 * 30 * sizeof(float));

    /* each layer watched alone is the same as when all are watched */
    for (int i = 0; i < NAMES; i++) {
        int layer = gcam_network_find(network, names[i]);
        gcam_session_unwatch_all(plain);
        gcam_session_watch(plain, layer, GCAM_WATCH_ACTIVATION);
        ck_assert_int_eq(gcam_session_forward(plain, input), GCAM_OK);
        const gcam_tensor *one = gcam_session_activation(plain, layer), *all = gcam_session_activation(watched, layer);
        ck_assert_mem_eq(one->data, all->data, (size_t)gcam_shape_count(&one->shape) * sizeof(float));
    }
    gcam_tensor_free(input);
    gcam_session_free(plain);
    gcam_session_free(watched);
}
END_TEST

static double target_of(gcam_session *s, const gcam_tensor *input, const gcam_tensor *seed) {
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    const gcam_tensor *out = gcam_session_output(s);
    double sum = 0;
    for (int64_t i = 0; i < gcam_shape_count(&out->shape); i++) sum += (double)out->data[i] * seed->data[i];
    return sum;
}

/* What a session says it would take is what it takes, with and without a way back, and nothing is taken by asking. */
START_TEST(the_bytes_of_a_pass_are_known_before_it) {
    for (int backward = 0; backward < 2; backward++) {
        gcam_session *s = session_for(network, 2, 1);
        gcam_tensor *input = random_input(s, 1), *seed = NULL;
        int first = gcam_network_input(network), last = network->output;
        size_t bytes = 0;
        if (backward) ck_assert_int_eq(gcam_session_watch(s, first, GCAM_WATCH_GRADIENT), GCAM_OK);
        ck_assert_int_eq(gcam__session_bytes(s, &first, 1, backward, &bytes), GCAM_OK);
        ck_assert_uint_eq(gcam_session_planned_bytes(s), 0);
        ck_assert_int_eq(gcam__session_forward_given(s, &first, (const gcam_tensor *const *)&input, 1), GCAM_OK);
        size_t forward = gcam_session_planned_bytes(s);
        ck_assert_int_eq(gcam_tensor_create(&seed, &gcam_session_output(s)->shape), GCAM_OK);
        if (backward) ck_assert_int_eq(gcam__session_backward_from(s, last, seed, GCAM_RULE_GRADIENT), GCAM_OK);
        ck_assert_uint_eq(gcam_session_planned_bytes(s), bytes);
        ck_assert_int_eq(bytes > forward, backward);
        gcam_tensor_free(input), gcam_tensor_free(seed);
        gcam_session_free(s);
    }
}
END_TEST

START_TEST(a_pass_may_start_from_given_values) {
    gcam_session *whole = session_for(network, 2, 1), *tail = session_for(network, 2, 1);
    gcam_tensor *input = random_input(whole, 1);
    int layers[2] = {gcam_network_find(network, "add"), gcam_network_find(network, "relu")};
    for (int i = 0; i < 2; i++) ck_assert_int_eq(gcam_session_watch(whole, layers[i], GCAM_WATCH_ACTIVATION), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(whole, input), GCAM_OK);
    const gcam_tensor *values[2];
    for (int i = 0; i < 2; i++) ck_assert_ptr_nonnull(values[i] = gcam_session_activation(whole, layers[i]));
    for (int turn = 0; turn < 2; turn++) {
        ck_assert_int_eq(gcam__session_forward_given(tail, layers, values, 2), GCAM_OK);
        ck_assert(!tail->forward.needed[gcam_network_find(network, "stem")] && !tail->forward.needed[0]);
        ck_assert_mem_eq(gcam_session_output(tail)->data, gcam_session_output(whole)->data, 2 * 3 * sizeof(float));
    }
    ck_assert_int_eq(gcam__session_forward_given(tail, layers, values, 1), GCAM_ERR_STATE); /* the way around is open */
    ck_assert_ptr_null(gcam_session_output(tail));
    ck_assert_int_eq(gcam_session_forward(tail, input), GCAM_OK);
    ck_assert_mem_eq(gcam_session_output(tail)->data, gcam_session_output(whole)->data, 2 * 3 * sizeof(float));
    gcam_tensor_free(input);
    gcam_session_free(whole);
    gcam_session_free(tail);
}
END_TEST

/* The gradient at the input, through branches and shared values, against central differences of the whole network. */
START_TEST(the_input_gradient_is_the_derivative) {
    gcam_session *s = session_for(network, 2, 2);
    gcam_tensor *input = random_input(s, 3), *seed = seed_for(s, 1);
    for (int i = 0; i < 6; i++) seed->data[i] = (float)(i - 2);
    gcam_session_watch(s, gcam_network_input(network), GCAM_WATCH_GRADIENT);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    float gradient[120];
    memcpy(gradient, gcam_session_gradient(s, 0)->data, sizeof gradient);
    int off = 0;
    for (int i = 0; i < 120; i++) {
        float kept = input->data[i];
        const float h = 1e-3f;
        input->data[i] = kept + h;
        double up = target_of(s, input, seed);
        input->data[i] = kept - h;
        double down = target_of(s, input, seed);
        input->data[i] = kept;
        double slope = (up - down) / (2 * (double)h);
        if (fabs(slope - gradient[i]) > 2e-3 * (fabs(slope) + 0.1)) off++; /* a kink may lie in between for a few */
    }
    ck_assert_int_le(off, 4);
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

START_TEST(many_seeds_are_as_many_passes) {
    gcam_session *s = session_for(network, 2, 2);
    gcam_tensor *input = random_input(s, 4), *three = seed_for(s, 3), *one = seed_for(s, 1);
    for (int i = 0; i < 18; i++) three->data[i] = (float)((i * 7) % 5 - 2);
    int stem = gcam_network_find(network, "stem");
    gcam_session_watch(s, stem, GCAM_WATCH_GRADIENT);
    gcam_session_watch(s, 0, GCAM_WATCH_GRADIENT);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    for (int rule = GCAM_RULE_GRADIENT; rule <= GCAM_RULE_DECONVNET; rule++) {
        float all[2][3 * 2 * 4 * 30];
        ck_assert_int_eq(gcam_session_backward(s, three, (gcam_rule)rule), GCAM_OK);
        memcpy(all[0], gcam_session_gradient(s, 0)->data, 3 * 120 * sizeof(float));
        memcpy(all[1], gcam_session_gradient(s, stem)->data, 3 * 240 * sizeof(float));
        for (int g = 0; g < 3; g++) {
            memcpy(one->data, three->data + 6 * g, 6 * sizeof(float));
            ck_assert_int_eq(gcam_session_backward(s, one, (gcam_rule)rule), GCAM_OK);
            assert_close(all[0] + 120 * g, gcam_session_gradient(s, 0)->data, 120, 1e-5);
            assert_close(all[1] + 240 * g, gcam_session_gradient(s, stem)->data, 240, 1e-5);
        }
    }
    gcam_tensor_free(one);
    gcam_tensor_free(three);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

START_TEST(parameter_gradients_sum_over_the_batch) {
    gcam_session *s = session_for(network, 2, 1);
    gcam_tensor *input = random_input(s, 6), *seed = seed_for(s, 1);
    for (int i = 0; i < 6; i++) seed->data[i] = (float)(i + 1);
    ck_assert_int_eq(gcam_session_watch_parameters(s, 1), GCAM_OK);
    gcam_session_watch(s, gcam_network_find(network, "flatten"), GCAM_WATCH_ACTIVATION);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    const gcam_tensor *dw = gcam_session_parameter_gradient(s, "fc.weight"),
                      *db = gcam_session_parameter_gradient(s, "fc.bias");
    const float *x = gcam_session_activation(s, gcam_network_find(network, "flatten"))->data;
    for (int k = 0; k < 3; k++) {
        ck_assert_float_eq_tol(db->data[k], seed->data[k] + seed->data[3 + k], 1e-5);
        for (int c = 0; c < 8; c++)
            ck_assert_float_eq_tol(dw->data[8 * k + c], seed->data[k] * x[c] + seed->data[3 + k] * x[8 + c], 1e-4);
    }
    ck_assert_ptr_null(gcam_session_parameter_gradient(s, "fc.nothing"));
    ck_assert_ptr_nonnull(gcam_session_parameter_gradient(s, "stem.weight"));
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

START_TEST(a_second_pass_allocates_nothing) {
    gcam_memory_count count;
    gcam_allocator_count(&count);
    gcam_tensor_table *table = branchy_weights();
    gcam_network *counted = branchy(table);
    gcam_session *s = session_for(counted, 1, 2);
    gcam_tensor *input = random_input(s, 7), *seed = seed_for(s, 1), *two = seed_for(s, 2);
    seed->data[1] = two->data[2] = two->data[4] = 1;
    size_t before = 0;
    for (int pass = 0; pass < 3; pass++) {
        gcam_session_watch(s, gcam_network_find(counted, "block"), GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT);
        gcam_session_watch(s, 0, GCAM_WATCH_GRADIENT);
        ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
        ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GUIDED), GCAM_OK);
        gcam_session_watch(s, 0, 0); /* a smaller request after the same forward pass */
        ck_assert_int_eq(gcam_session_backward(s, two, GCAM_RULE_GRADIENT), GCAM_OK);
        ck_assert_ptr_null(gcam_session_gradient(s, 0));
        if (pass > 0) ck_assert_uint_eq(count.allocations, before);
        before = count.allocations;
    }
    gcam_tensor_free(two);
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
    gcam_network_free(counted);
    gcam_tensor_table_free(table);
    ck_assert_uint_eq(count.bytes, 0);
    ck_assert_uint_eq(count.allocations, count.releases);
    gcam_allocator_set(NULL);
}
END_TEST

START_TEST(passes_out_of_order_are_refused) {
    gcam_session *s = session_for(network, 1, 1);
    gcam_tensor *input = random_input(s, 8), *seed = seed_for(s, 1);
    seed->data[0] = 1;
    ck_assert_ptr_null(gcam_session_output(s));
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_ERR_STATE);
    ck_assert_int_eq(gcam_session_forward(s, seed), GCAM_ERR_SHAPE);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    gcam_session_watch(s, 0, GCAM_WATCH_GRADIENT);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT),
                     GCAM_ERR_STATE); /* the plan kept nothing for it */
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, input, GCAM_RULE_GRADIENT), GCAM_ERR_SHAPE);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    input->data[3] = NAN;
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_ERR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "image: element 3"));
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

START_TEST(a_bad_weight_is_named) {
    const gcam_tensor_entry *entry = gcam_tensor_table_find(weights, "left.bias");
    ((float *)(uintptr_t)entry->data)[2] = INFINITY;
    gcam_network_free(network);
    network = branchy(weights);
    gcam_session *s = session_for(network, 1, 1);
    gcam_tensor *input = random_input(s, 8);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_ERR_NUMERIC);
    ck_assert_str_eq(gcam_last_error()->message, "left.bias: element 2 is infinite, expected a finite number");
    ck_assert_ptr_null(gcam_session_output(s));
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

/* ---- hooks ------------------------------------------------------------------------------------------------------------------ */

typedef struct seen {
    int calls;
    char order[256];
    float edit; /* added to the first element */
    gcam_status result;
} seen;

static gcam_status watch_layer(const gcam_hook_event *event, void *user) {
    seen *s = user;
    s->calls++;
    snprintf(s->order + strlen(s->order), sizeof s->order - strlen(s->order), "%s%s ", event->layer,
             event->when == GCAM_HOOK_BACKWARD ? "'" : "");
    event->value->data[0] += s->edit;
    return s->result;
}

START_TEST(hooks_see_layers_in_order) {
    gcam_session *s = session_for(network, 1, 1);
    gcam_tensor *input = random_input(s, 9), *seed = seed_for(s, 1);
    seed->data[0] = 1;
    seen relus = {0};
    gcam_hook_id id = 0;
    ck_assert_int_eq(gcam_hook_add(s, "relu*", GCAM_HOOK_FORWARD | GCAM_HOOK_BACKWARD, watch_layer, &relus, &id),
                     GCAM_OK);
    ck_assert_int_eq(gcam_hook_add(s, "nothing*", GCAM_HOOK_FORWARD, watch_layer, &relus, NULL), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    ck_assert_str_eq(relus.order, "relu relu2 relu2' relu' ");
    ck_assert_int_eq(gcam_hook_remove(s, id), GCAM_OK);
    ck_assert_int_eq(gcam_hook_remove(s, id), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(relus.calls, 4);
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

START_TEST(hooks_edit_what_follows) {
    gcam_session *s = session_for(network, 1, 1);
    gcam_tensor *input = random_input(s, 10), *seed = seed_for(s, 1);
    seed->data[0] = 1;
    int block = gcam_network_find(network, "block"), fc = gcam_network_find(network, "fc");
    gcam_session_watch(s, block, GCAM_WATCH_GRADIENT);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    float logit = gcam_session_output(s)->data[0], slope = gcam_session_gradient(s, block)->data[0];

    seen first = {.edit = 30}, second = {.edit = 60}; /* both edit one element of the concatenation, by alias */
    gcam_hook_add(s, "block", GCAM_HOOK_FORWARD, watch_layer, &first, NULL);
    gcam_hook_add(s, "block", GCAM_HOOK_FORWARD, watch_layer, &second, NULL);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_float_eq_tol(gcam_session_output(s)->data[0], logit + 90 * slope, 1e-4);
    ck_assert_str_eq(first.order, "block.cat ");

    seen back = {.edit = 1}; /* the gradient of the output is the seed itself: adding 1 doubles it */
    gcam_hook_add(s, "fc", GCAM_HOOK_BACKWARD, watch_layer, &back, NULL);
    gcam_session_watch(s, fc, GCAM_WATCH_GRADIENT);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GRADIENT), GCAM_OK);
    ck_assert_float_eq_tol(gcam_session_gradient(s, block)->data[0], 2 * slope, 1e-6);
    ck_assert_float_eq(seed->data[0], 1); /* the caller's seed is not touched */
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

START_TEST(a_hook_can_end_a_pass) {
    gcam_session *s = session_for(network, 1, 2);
    gcam_tensor *input = random_input(s, 10);
    seen stop = {.result = GCAM_ERR_CANCELED};
    gcam_hook_id id = 0;
    gcam_hook_add(s, "left", GCAM_HOOK_FORWARD, watch_layer, &stop, &id);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_ERR_CANCELED);
    ck_assert_ptr_null(gcam_session_output(s));
    gcam_hook_remove(s, id);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK); /* the session is whole */
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

static gcam_status cancel_own(const gcam_hook_event *event, void *user) {
    (void)event;
    gcam_session_cancel(user);
    return GCAM_OK;
}

START_TEST(a_running_pass_can_be_canceled) {
    gcam_session *s = session_for(network, 1, 2);
    gcam_tensor *input = random_input(s, 10);
    gcam_hook_id id = 0;
    gcam_hook_add(s, "left", GCAM_HOOK_FORWARD, cancel_own, s, &id);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_ERR_CANCELED);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "canceled at layer left.relu"));
    gcam_hook_remove(s, id);
    ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
    gcam_tensor_free(input);
    gcam_session_free(s);
}
END_TEST

/* ---- many sessions ------------------------------------------------------------------------------------------------------------ */

typedef struct worker {
    const gcam_network *network;
    float output[3];
} worker;

static void *run_session(void *argument) {
    worker *w = argument;
    gcam_session *s = session_for(w->network, 1, 2);
    gcam_tensor *input = random_input(s, 12), *seed = seed_for(s, 1);
    seed->data[2] = 1;
    gcam_session_watch(s, 0, GCAM_WATCH_GRADIENT);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(gcam_session_forward(s, input), GCAM_OK);
        ck_assert_int_eq(gcam_session_backward(s, seed, GCAM_RULE_GUIDED), GCAM_OK);
    }
    memcpy(w->output, gcam_session_output(s)->data, sizeof w->output);
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
    return NULL;
}

START_TEST(sessions_share_a_network) {
    enum { WORKERS = 4 };
    pthread_t threads[WORKERS];
    worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i].network = network;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_session, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
    for (int i = 1; i < WORKERS; i++) ck_assert_mem_eq(workers[i].output, workers[0].output, sizeof workers[0].output);
}
END_TEST

Suite *graph_suite(void);
Suite *graph_suite(void) {
    Suite *suite = suite_create("graph");
    TCase *tcase = tcase_create("graph");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_network_knows_its_layers);
    tcase_add_test(tcase, the_builder_names_what_is_wrong);
    tcase_add_test(tcase, other_input_sizes_work_where_shapes_allow);
    tcase_add_test(tcase, several_inputs_and_outputs_in_any_batch);
    tcase_add_test(tcase, watching_does_not_change_results);
    tcase_add_test(tcase, the_bytes_of_a_pass_are_known_before_it);
    tcase_add_test(tcase, a_pass_may_start_from_given_values);
    tcase_add_test(tcase, the_input_gradient_is_the_derivative);
    tcase_add_test(tcase, many_seeds_are_as_many_passes);
    tcase_add_test(tcase, parameter_gradients_sum_over_the_batch);
    tcase_add_test(tcase, a_second_pass_allocates_nothing);
    tcase_add_test(tcase, passes_out_of_order_are_refused);
    tcase_add_test(tcase, a_bad_weight_is_named);
    tcase_add_test(tcase, hooks_see_layers_in_order);
    tcase_add_test(tcase, hooks_edit_what_follows);
    tcase_add_test(tcase, a_hook_can_end_a_pass);
    tcase_add_test(tcase, a_running_pass_can_be_canceled);
    tcase_add_test(tcase, sessions_share_a_network);
    return suite;
}
