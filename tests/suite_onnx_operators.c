/* Tests of the ONNX importer's operators: newer operator sets than the ONNX project's installed models have, with answers reckoned by
 * hand, and nodes that ask for what cannot be. */
#include "support/onnx_writer.h"

#include "gradcam.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_text_attribute(message *attributes, const char *name, const char *text) {
    message attribute = {.size = 0};
    put_text(&attribute, 1, name);
    put_text(&attribute, 4, text);
    put_varint(&attribute, 20, 3);
    put_message(attributes, 5, &attribute);
}

static gcam_status load(gcam_model **model, const message *graph, int64_t opset) {
    static message file; /* the model looks into it */
    file.size = 0;
    finish_model(&file, graph, opset);
    return gcam_model_load_memory(model, file.bytes, file.size, NULL);
}

typedef struct expectation {
    int at;
    double value;
} expectation;

/* Output of the graph for 0, 1/10, 2/10, ...: its size, and some of its values; the list ends with at = -1. */
static void check_graph(const message *graph, int64_t opset, int64_t count, const expectation *list) {
    gcam_model *model = NULL;
    gcam_session *s = NULL;
    gcam_tensor *x = NULL;
    ck_assert_msg(load(&model, graph, opset) == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_msg(gcam_session_create(&s, model, NULL) == GCAM_OK, "%s", gcam_last_error()->message);
    gcam_shape shape = gcam_session_input_shape(s);
    ck_assert_int_eq(gcam_tensor_create(&x, &shape), GCAM_OK);
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) x->data[i] = (float)i / 10;
    ck_assert_msg(gcam_session_forward(s, x) == GCAM_OK, "%s", gcam_last_error()->message);
    const gcam_tensor *y = gcam_session_output(s);
    ck_assert_int_eq(gcam_shape_count(&y->shape), count);
    for (; list->at >= 0; list++) ck_assert_double_eq_tol(y->data[list->at], list->value, 1e-5);
    gcam_tensor_free(x);
    gcam_session_free(s);
    gcam_model_free(model);
}

static const int64_t picture[] = {1, 2, 4, 4, 0}, outcome[] = {1, -1, 0};

static void start(message *graph, const int64_t *shape) {
    graph->size = 0;
    put_value(graph, 11, "x", shape);
    put_value(graph, 12, "y", outcome);
}

START_TEST(axes_that_became_inputs_are_read) {
    message graph, a = {.size = 0};
    start(&graph, picture);
    put_integers(&graph, "axes", 2, (int64_t[]){2, -1});
    put_int_attribute(&a, "keepdims", 0);
    put_node(&graph, "r", "ReduceMean", "x axes", "y", &a);
    check_graph(&graph, 18, 2, (expectation[]){{0, 0.75}, {1, 2.35}, {-1, 0}});

    start(&graph, picture);
    put_integers(&graph, "pads", 2, (int64_t[]){1, 2});
    put_integers(&graph, "axes", 1, (int64_t[]){-1});
    put_node(&graph, "p", "Pad", "x pads  axes", "y", NULL);
    check_graph(&graph, 18, 2 * 4 * 7, (expectation[]){{0, 0}, {4, 0.3}, {5, 0}, {8, 0.4}, {-1, 0}});
}
END_TEST

START_TEST(splits_by_number_have_a_smaller_last_part) {
    message graph, a = {.size = 0};
    start(&graph, (int64_t[]){1, 5, 1, 1, 0});
    put_int_attribute(&a, "axis", 1);
    put_int_attribute(&a, "num_outputs", 2);
    put_node(&graph, "s", "Split", "x", "first y", &a);
    check_graph(&graph, 18, 2, (expectation[]){{0, 0.3}, {1, 0.4}, {-1, 0}});
}
END_TEST

START_TEST(resizing_takes_sizes_of_some_axes) {
    message graph, a = {.size = 0};
    start(&graph, picture);
    put_ints_attribute(&a, "axes", (int64_t[]){3, 2}, 2);
    put_text_attribute(&a, "coordinate_transformation_mode", "asymmetric");
    put_text_attribute(&a, "nearest_mode", "floor");
    put_integers(&graph, "sizes", 2, (int64_t[]){8, 4});
    put_node(&graph, "r", "Resize", "x   sizes", "y", &a);
    check_graph(&graph, 18, 2 * 4 * 8, (expectation[]){{1, 0}, {2, 0.1}, {8, 0.4}, {63, 3.1}, {-1, 0}});
}
END_TEST

/* Operator set 18 has one scale a group, 21 one a channel. */
START_TEST(group_norm_takes_either_kind_of_scale) {
    const double r = 1 / sqrt(0.0525 + 1e-5), low = (0 - 0.35) * r, high = (1.5 - 1.15) * r;
    static const float by_group[] = {2, 3}, group_bias[] = {0.5f, -1}, by_channel[] = {2, 4, 3, 5},
                       channel_bias[] = {0.5f, 0, 0, -1};
    message graph, a = {.size = 0};
    put_int_attribute(&a, "num_groups", 2);
    for (int each = 0; each < 2; each++) {
        const int64_t size[] = {each ? 4 : 2, 0};
        start(&graph, (int64_t[]){1, 4, 2, 2, 0});
        put_initializer(&graph, "scale", size, each ? by_channel : by_group);
        put_initializer(&graph, "bias", size, each ? channel_bias : group_bias);
        put_node(&graph, "n", "GroupNormalization", "x scale bias", "y", &a);
        check_graph(&graph, each ? 21 : 18, 16,
                    (expectation[]){{0, low * 2 + 0.5}, {15, high * (each ? 5 : 3) - 1}, {-1, 0}});
    }
}
END_TEST

/* A batch of 8 that was written down is any batch. */
START_TEST(a_written_batch_is_left_open) {
    message graph;
    start(&graph, (int64_t[]){8, 2, 4, 4, 0});
    put_integers(&graph, "to", 2, (int64_t[]){8, -1});
    put_node(&graph, "r", "Reshape", "x to", "y", NULL);
    check_graph(&graph, 13, 32, (expectation[]){{31, 3.1}, {-1, 0}});
}
END_TEST

/* TensorFlow's pictures N H W C: the network takes N C H W, without the transposition, unless somebody else reads them. */
START_TEST(pictures_with_channels_last_are_turned) {
    message graph, a = {.size = 0};
    gcam_model *model = NULL;
    put_ints_attribute(&a, "perm", (int64_t[]){0, 3, 1, 2}, 4);
    for (int also = 0; also < 2; also++) {
        start(&graph, (int64_t[]){1, 4, 5, 2, 0});
        put_node(&graph, "t", "Transpose", "x", "v", &a);
        put_node(&graph, "r", "Relu", "v", "y", NULL);
        if (also) put_node(&graph, "o", "Relu", "x", "z", NULL);
        ck_assert_msg(load(&model, &graph, 13) == GCAM_OK, "%s", gcam_last_error()->message);
        gcam_layer_info input;
        const gcam_network *network = gcam_model_network(model);
        ck_assert_int_eq(gcam_network_layer(network, gcam_network_input(network), &input), GCAM_OK);
        const gcam_shape wanted = also ? gcam_shape_nchw(1, 4, 5, 2) : gcam_shape_nchw(1, 2, 4, 5);
        ck_assert(gcam_shape_equal(&input.shape, &wanted));
        ck_assert_int_eq(gcam_network_find(network, "t") >= 0, also);
        gcam_model_free(model);
        model = NULL;
        check_graph(&graph, 13, 40, (expectation[]){{1, also ? 0.2 : 0.1}, {39, 3.9}, {-1, 0}});
    }
}
END_TEST

START_TEST(all_unsupported_operators_are_named) {
    message graph;
    gcam_model *model = NULL;
    start(&graph, picture);
    put_node(&graph, "a", "Relu", "x", "v", NULL);
    put_node(&graph, "b", "Warp", "v", "w", NULL);
    put_node(&graph, "c", "Bend", "w", "u", NULL);
    put_node(&graph, "d", "Warp", "u", "y", NULL);
    ck_assert_int_eq(load(&model, &graph, 13), GCAM_ERR_UNSUPPORTED);
    ck_assert_str_eq(gcam_last_error()->message, "Warp node b: this operator is not supported; neither are Bend");
}
END_TEST

/* ---- nodes that ask for what cannot be ---------------------------------------------------------------------------------------- */

/* A node `op` with the inputs x, c and d, an attribute, and what is said: the part after "OP node n: ", or of the sentence. */
typedef struct hostile {
    const char *op, *inputs, *attribute;
    int64_t value[4];
    size_t values; /* 1: a single integer, no list */
    int64_t c[4];
    int64_t constants;
    const char *sentence;
} hostile;

#define MOST INT64_MAX
#define LEAST INT64_MIN
static const hostile cases[] = {
    {"Reshape", "x c", NULL, {0}, 0, {MOST, 4}, 2, "shape is 9223372036854775807"},
    {"Reshape", "x c", NULL, {0}, 0, {-5, 4}, 2, "cannot take the shape"},
    {"Reshape", "x c", NULL, {0}, 0, {-1, -1}, 2, "cannot take the shape"},
    {"Reshape", "c d", NULL, {0}, 0, {MOST, MOST}, 2, "changes its size"},
    {"Expand", "x c", NULL, {0}, 0, {1 << 30, 1 << 30}, 2, "too large"},
    {"Expand", "c d", NULL, {0}, 0, {1 << 30, 1 << 30}, 2, "cannot be expanded"},
    {"Expand", "x c", NULL, {0}, 0, {4, -4}, 2, "a size of -4 is not possible"},
    {"ConstantOfShape", "c", NULL, {0}, 0, {1 << 30, 1 << 30}, 2, "too large"},
    {"ConstantOfShape", "c", NULL, {0}, 0, {-1, 4}, 2, "too large"},
    {"Tile", "x c", NULL, {0}, 0, {1, 1, MOST, 1}, 4, "copies are not supported"},
    {"Tile", "x c", NULL, {0}, 0, {1, 1}, 2, "one number an axis"},
    {"Pad", "x", "pads", {MOST, 0}, 2, {0}, 0, "two numbers an axis"},
    {"Pad", "x c", NULL, {0}, 0, {1, 2, 3}, 3, "two numbers an axis"},
    {"Slice", "x c d", NULL, {0}, 0, {LEAST, LEAST}, 2, "would leave nothing"},
    {"Slice", "x c d d d", NULL, {0}, 0, {0, 0}, 2, "a step of 0"},
    {"Split", "x c", NULL, {0}, 0, {-3, 7}, 2, "as many sizes as outputs"},
    {"Split", "x", "axis", {9}, 1, {0}, 0, "axis 9 lies outside a tensor of rank 4"},
    {"Gather", "x c", "axis", {2}, 1, {4}, 1, "index 4 is outside"},
    {"Gather", "x c", "axis", {LEAST}, 1, {0}, 1, "lies outside"},
    {"Transpose", "x", "perm", {0, 1, 1, 3}, 4, {0}, 0, "does not name each axis"},
    {"Transpose", "x", "perm", {0, 1, 2, MOST}, 4, {0}, 0, "order is 9223372036854775807"},
    {"Unsqueeze", "x c", NULL, {0}, 0, {LEAST}, 1, "lies outside"},
    {"Squeeze", "x c", NULL, {0}, 0, {1}, 1, "axis 1 has size 2, not 1"},
    {"Concat", "x x", "axis", {4}, 1, {0}, 0, "lies outside"},
    {"Flatten", "x", "axis", {MOST}, 1, {0}, 0, "lies outside"},
    {"Softmax", "x", "axis", {-5}, 1, {0}, 0, "lies outside"},
    {"ReduceSum", "x c", NULL, {0}, 0, {MOST}, 1, "axes is 9223372036854775807"},
    {"MaxPool", "x", "kernel_shape", {0, 2}, 2, {0}, 0, "at least 1"},
    {"MaxPool", "x", "kernel_shape", {MOST, 2}, 2, {0}, 0, "at least 1"},
    {"MaxPool", "x", "kernel_shape", {9, 9}, 2, {0}, 0, "does not fit"},
    {"MaxPool", "x", "kernel_shape", {2, 2, 2}, 3, {0}, 0, "one for each of 2 axes"},
    {"Conv", "x c", NULL, {0}, 0, {1, 2, 3, 4}, 4, "its weight has rank 1, its input 4"},
    {"Gemm", "x x", NULL, {0}, 0, {0}, 0, "must be matrices"},
    {"Conv", "x x", NULL, {0}, 0, {0}, 0, "computed by the network"},
    {"Conv", "x", NULL, {0}, 0, {0}, 0, "its weight (input 1) is missing"},
    {"DepthToSpace", "x", "blocksize", {MOST}, 1, {0}, 0, "blocksize must be"},
    {"DepthToSpace", "x", "blocksize", {3}, 1, {0}, 0, "cannot take the shape"},
    {"SpaceToDepth", "x", "blocksize", {3}, 1, {0}, 0, "cannot take the shape"},
    {"LRN", "x", "size", {-1}, 1, {0}, 0, "size"},
    {"GroupNormalization", "x c c", "num_groups", {MOST}, 1, {1, 2}, 2, "groups"},
    {"BatchNormalization", "x c c c c", NULL, {0}, 0, {1, 2, 3}, 3, "expected 2, the file has 3"},
    {"Resize", "x  c", NULL, {0}, 0, {1, 1, MOST, MOST}, 4, "is not possible"},
    {"Resize", "x   c", NULL, {0}, 0, {1, 2, 0, 4}, 4, "a size of 0 is not possible"},
    {"Resize", "x", NULL, {0}, 0, {0}, 0, "neither scales nor sizes"},
    {"Range", "c c c", NULL, {0}, 0, {1, 2}, 2, "must be one number"},
    {"Mod", "c d", NULL, {0}, 0, {LEAST, 0}, 2, "does not depend on the input"},
    {"Div", "c d", NULL, {0}, 0, {LEAST, 0}, 2, "does not depend on the input"},
    {"Gemm", "x c", NULL, {0}, 0, {1, 2}, 2, "must be matrices"},
    {"Where", "x x x", NULL, {0}, 0, {0}, 0, "computed by the network"},
    {"Cast", "x", "to", {7}, 1, {0}, 0, "a cast to ONNX type 7 is not supported"},
    {"", "x", NULL, {0}, 0, {0}, 0, "this operator is not supported"},
};

START_TEST(impossible_nodes_end_in_a_sentence) {
    const hostile *t = &cases[_i];
    char node[64];
    message graph, a = {.size = 0};
    gcam_model *model = NULL;
    start(&graph, picture);
    put_integers(&graph, "c", t->constants, t->c);
    put_integers(&graph, "d", t->constants, t->c);
    if (t->values == 1) put_int_attribute(&a, t->attribute, t->value[0]);
    if (t->values > 1) put_ints_attribute(&a, t->attribute, t->value, t->values);
    put_node(&graph, "n", t->op, t->inputs, "y", &a);
    gcam_status status = load(&model, &graph, 13);
    ck_assert_msg(status != GCAM_OK, "%s %s was taken", t->op, t->inputs);
    const char *said = gcam_last_error()->message;
    ck_assert_msg(strstr(said, t->sentence) != NULL, "%s", said);
    snprintf(node, sizeof node, "%s node n: ", *t->op ? t->op : "unnamed");
    /* no node is at work any more */
    int is_late = strstr(t->sentence, "does not depend") || strstr(t->sentence, "the file has");
    ck_assert_msg(is_late || strncmp(said, node, strlen(node)) == 0, "%s", said);
    ck_assert_ptr_null(model);
}
END_TEST

/* Subgraphs within subgraphs are not entered; a tensor that claims more bytes than there are is no tensor. */
START_TEST(hostile_messages_are_refused) {
    message graph, nested = {.size = 0}, outer;
    gcam_model *model = NULL;
    for (int depth = 0; depth < 400; depth++) { /* attribute { g { node { attribute { ... */
        outer.size = 0;
        put_message(&outer, depth % 2 ? 1 : 6, &nested);
        nested = outer;
    }
    start(&graph, picture);
    put_message(&graph, 1, &nested);
    ck_assert_int_ne(load(&model, &graph, 13), GCAM_OK);
    ck_assert_ptr_null(model);

    static const uint8_t claim[] = {0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x08}; /* an initialiser of 4 GiB - 1 */
    start(&graph, picture);
    memcpy(graph.bytes + graph.size, claim, sizeof claim);
    graph.size += sizeof claim;
    ck_assert_int_eq(load(&model, &graph, 13), GCAM_ERR_FORMAT);
    ck_assert_str_eq(gcam_last_error()->message, "a field claims 4294967295 bytes, 1 are left in its message");

    start(&graph, (int64_t[]){1, (int64_t)1 << 31, (int64_t)1 << 31, 4, 0});
    put_node(&graph, "n", "Relu", "x", "y", NULL);
    ck_assert_int_ne(load(&model, &graph, 13), GCAM_OK);
}
END_TEST

Suite *onnx_operators_suite(void);
Suite *onnx_operators_suite(void) {
    Suite *suite = suite_create("onnx_operators");
    TCase *tcase = tcase_create("onnx_operators");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, axes_that_became_inputs_are_read);
    tcase_add_test(tcase, splits_by_number_have_a_smaller_last_part);
    tcase_add_test(tcase, resizing_takes_sizes_of_some_axes);
    tcase_add_test(tcase, group_norm_takes_either_kind_of_scale);
    tcase_add_test(tcase, a_written_batch_is_left_open);
    tcase_add_test(tcase, pictures_with_channels_last_are_turned);
    tcase_add_test(tcase, all_unsupported_operators_are_named);
    tcase_add_loop_test(tcase, impossible_nodes_end_in_a_sentence, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tcase, hostile_messages_are_refused);
    return suite;
}
