/* Tests of graph text: what is written is read back exactly; what people write wrongly is named by its line. */
#include "core/random.h"
#include "graph/network.h"
#include "model/zoo/zoo.h"
#include "support/weights.h"

#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char small[] = "gradcam graph 1\n"
                            "image = input channels=3 height=8 width=6\n"
                            "conv1 = conv2d image out=4 kernel=3,3 stride=2,1 pad=1,1\n"
                            "alias block = conv1\n"
                            "act = leaky_relu conv1 slope=0.1\n"
                            "bn = batchnorm act eps=0.001\n"
                            "again = conv2d bn out=4 kernel=1,1 no_bias=1\n"
                            "shared = conv2d again out=4 kernel=1,1 no_bias=1 weights=again\n"
                            "cat = concat bn shared\n"
                            "pool = max_pool cat kernel=2,2 ceil_mode=1\n"
                            "flat = flatten pool\n"
                            "fc = linear flat out=5\n"
                            "p = softmax fc\n"
                            "target act\n"
                            "output fc\n";

/* Network of a text with random weights of the shapes that it wants. */
static gcam_status read_graph(gcam_network **network, gcam_tensor_table **table, const char *text) {
    ck_assert_int_eq(gcam_tensor_table_create(table), GCAM_OK);
    const struct {
        const char *name;
        gcam_shape shape;
    } weights[] = {{"conv1.weight", {4, {4, 3, 3, 3}}},
                   {"conv1.bias", {1, {4}}},
                   {"bn.weight", {1, {4}}},
                   {"bn.bias", {1, {4}}},
                   {"bn.running_mean", {1, {4}}},
                   {"bn.running_var", {1, {4}}},
                   {"again.weight", {4, {4, 4, 1, 1}}},
                   {"fc.weight", {2, {5, 8 * 2 * 3}}},
                   {"fc.bias", {1, {5}}}};
    static const float values[5 * 8 * 2 * 3];
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        ck_assert_int_eq(gcam_tensor_table_add(*table, weights[i].name, &weights[i].shape, values), GCAM_OK);
    return gcam_network_from_text(network, text, *table);
}

static void check_round_trip(const char *text, const char *expected) {
    gcam_network *network;
    gcam_tensor_table *table;
    char *back;
    gcam_status status = read_graph(&network, &table, text);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_int_eq(gcam_network_to_text(&back, network), GCAM_OK);
    ck_assert_str_eq(back, expected);
    gcam_text_free(back);
    gcam_network_free(network);
    gcam_tensor_table_free(table);
}

START_TEST(text_round_trip) {
    check_round_trip(small, small);
}
END_TEST

START_TEST(locale_does_not_matter) {
    const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    int set = 0;
    for (int i = 0; i < 3 && !set; i++) set = setlocale(LC_ALL, names[i]) != NULL;
    if (!set) puts("skipped: no locale with a decimal comma is installed");
    check_round_trip(small, small);
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(people_may_write_freely) {
    check_round_trip("gradcam graph 1   # by hand\r\n"
                     "\n"
                     "# a comment\n"
                     "  image = input   height=8 width=6\tchannels=3 # any order\r\n"
                     "conv1 = conv2d image kernel=3 out=4 stride=2,1 pad=1 groups=1 dilation=1,1\n"
                     "alias block = conv1\n"
                     "act = leaky_relu block slope=1e-1\n"
                     "bn = batchnorm act eps=.001\n"
                     "again = conv2d bn out=4 kernel=1 no_bias=1\n"
                     "shared = conv2d again out=4 kernel=1 no_bias=1 weights=again\n"
                     "cat = concat bn shared axis=1\n"
                     "pool = max_pool cat kernel=2 ceil_mode=1\n"
                     "target act\n"
                     "flat = flatten pool\n"
                     "fc = linear flat out=5\n"
                     "p = softmax fc\n"
                     "output fc",
                     small);
}
END_TEST

START_TEST(weights_may_be_shared) {
    gcam_network *network;
    gcam_tensor_table *table;
    ck_assert_int_eq(read_graph(&network, &table, small), GCAM_OK);
    const gcam__node *again = &network->nodes[gcam_network_find(network, "again")];
    const gcam__node *shared = &network->nodes[gcam_network_find(network, "shared")];
    ck_assert_int_eq(again->parameter[0], shared->parameter[0]);
    ck_assert_int_eq(gcam_network_output(network), gcam_network_find(network, "fc"));
    ck_assert_int_eq(gcam_network_target(network), gcam_network_find(network, "act"));
    gcam_network_free(network);
    gcam_tensor_table_free(table);
}
END_TEST

START_TEST(mistakes_are_named_with_their_line) {
    static const struct {
        const char *text, *message;
        gcam_status status;
    } wrong[] = {
        {"", "line 1: expected \"gradcam graph 1\", found \"\"", GCAM_ERR_FORMAT},
        {"gradcam graph 12\n", "line 1: expected \"gradcam graph 1\", found \"gradcam graph 12\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\nimage = imag\n", "line 2: image: there is no operation \"imag\"", GCAM_ERR_UNSUPPORTED},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nb = batch_norm i\n",
         "line 3: b: there is no operation \"batch_norm\"; did you mean \"batchnorm\"?", GCAM_ERR_UNSUPPORTED},
        {"gradcam graph 1\n\nimage = input channels=3 height=8 width=8x\n",
         "line 3: width: expected an integer, found \"8x\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = conv2d i kernel=3,3,3 out=1\n",
         "line 3: kernel: expected one or two integers, found \"3,3,3\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = relu i size=3\n",
         "line 3: relu has no parameter \"size\"; expected one of: weights", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = leaky_relu i slope=nan\n",
         "line 3: slope: expected a number, found \"nan\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = relu j\n",
         "line 3: there is no layer \"j\" above; did you mean \"i\"?", GCAM_ERR_NOT_FOUND},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nalias j i\n",
         "line 3: expected \"alias NAME = LAYER\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nalias i = i\n", "line 3: the name i is taken",
         GCAM_ERR_ARGUMENT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\ntarget\n", "line 3: expected the name of a layer",
         GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\noutput i i\n",
         "line 3: expected the end of the line, found \"i\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nr relu i\n",
         "line 3: expected \"NAME = OPERATION ...\", \"alias\", \"target\" or \"output\", found \"r\"",
         GCAM_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gcam_network *network;
        ck_assert_int_eq(gcam_network_from_text(&network, wrong[i].text, NULL), wrong[i].status);
        ck_assert_ptr_null(network);
        ck_assert_str_eq(gcam_last_error()->message, wrong[i].message);
    }
    gcam_network *network;
    ck_assert_int_eq(
        gcam_network_from_text(&network,
                               "gradcam graph 1\ni = input channels=3 height=8 width=8\nc = conv2d i kernel=3", NULL),
        GCAM_ERR_ARGUMENT);
    ck_assert_msg(strstr(gcam_last_error()->message, "line 3: c: out") != NULL, "%s", gcam_last_error()->message);
    ck_assert_int_eq(gcam_network_from_text(&network, NULL, NULL), GCAM_ERR_ARGUMENT);
}
END_TEST

START_TEST(several_inputs_and_outputs) {
    static const char text[] = "gradcam graph 1\n"
                               "a = input channels=2 height=4 width=4\n"
                               "b = tensor_input shape=1,2,4,4\n"
                               "c = add a b\n"
                               "d = relu c\n"
                               "target d\n"
                               "output d\n"
                               "output c\n";
    check_round_trip(text, text);
}
END_TEST

START_TEST(the_zoo_can_be_written) {
    gcam_tensor_table *table = weights_of_arch("squeezenet1_1", NULL, 1);
    gcam_builder *builder;
    gcam_network *network, *again;
    char *text, *back;
    ck_assert_int_eq(gcam__arch_build(&builder, gcam__arch_find("squeezenet1_1"), table), GCAM_OK);
    ck_assert_int_eq(gcam_builder_finish(&network, builder, table), GCAM_OK);
    ck_assert_int_eq(gcam_network_to_text(&text, network), GCAM_OK);
    ck_assert_ptr_nonnull(strstr(text, "\nfeatures.2 = max_pool features.1 kernel=3,3 stride=2,2 ceil_mode=1\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nalias features.3 = features.3.cat\n"));
    ck_assert_int_eq(gcam_network_from_text(&again, text, table), GCAM_OK);
    ck_assert_int_eq(gcam_network_to_text(&back, again), GCAM_OK);
    ck_assert_str_eq(text, back);
    gcam_text_free(text);
    gcam_text_free(back);
    gcam_network_free(network);
    gcam_network_free(again);
    gcam_tensor_table_free(table);
}
END_TEST

/* ---- the guide's worked examples ---------------------------------------------------------------------------------------- */

static const struct {
    const char *arch, *graph, *checkpoint, *preprocess;
    int classes, side;
} examples[] = {
    {"tiny_darknet", "tests/fixtures/graphs/tiny_darknet.net", "../shared/models/tiny_darknet.pth", "unit", 1000, 64},
    {"resnet20_cifar", "tests/fixtures/graphs/resnet20_cifar10.net", "../shared/models/resnet20_cifar10.pth",
     "torchvision-32-32", 10, 32},
};
enum { EXAMPLES = sizeof examples / sizeof examples[0] };

static char *read_whole(const char *path) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "there is no %s", path);
    char *text = calloc(1, 1 << 16);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_lt(fread(text, 1, (1 << 16) - 1, file), (1 << 16) - 1);
    fclose(file);
    return text;
}

/* Logits for reproducible noise of side x side, to be freed. */
static float *logits_of(const gcam_network *network, int side, int classes) {
    gcam_session_options options = {.struct_size = sizeof options, .height = side, .width = side, .deterministic = 1};
    gcam_session *session;
    gcam_tensor *input;
    gcam_shape shape = gcam_shape_nchw(1, 3, side, side);
    ck_assert_int_eq(gcam_session_create_network(&session, network, &options), GCAM_OK);
    ck_assert_int_eq(gcam_tensor_create(&input, &shape), GCAM_OK);
    for (int i = 0; i < 3 * side * side; i++) input->data[i] = (float)gcam__random_uniform(3, 0, 0, (uint64_t)i);
    ck_assert_int_eq(gcam_session_forward(session, input), GCAM_OK);
    ck_assert_int_eq(gcam_shape_count(&gcam_session_output(session)->shape), classes);
    float *logits = malloc((size_t)classes * sizeof *logits);
    ck_assert_ptr_nonnull(logits);
    memcpy(logits, gcam_session_output(session)->data, (size_t)classes * sizeof *logits);
    gcam_tensor_free(input);
    gcam_session_free(session);
    return logits;
}

static void check_same_network(const gcam_network *found, const gcam_network *wanted, int side, int classes) {
    float *logits = logits_of(found, side, classes), *expected = logits_of(wanted, side, classes);
    ck_assert(expected[0] != expected[1]);
    ck_assert_mem_eq(logits, expected, (size_t)classes * sizeof *logits);
    free(logits);
    free(expected);
    const gcam__node *target = &found->nodes[gcam_network_target(found)];
    ck_assert(gcam_shape_equal(&target->shape, &wanted->nodes[gcam_network_target(wanted)].shape));
}

START_TEST(documented_graphs_are_the_zoos_networks) {
    for (int i = 0; i < EXAMPLES; i++) {
        gcam_tensor_table *like, *weights;
        gcam_builder *builder;
        gcam_network *wanted, *found;
        char *text = read_whole(examples[i].graph);
        int is_cifar = examples[i].classes == 10;
        ck_assert_int_eq(gcam_tensor_table_create(&like), GCAM_OK);
        gcam_shape head = {2, {10, 1}};
        if (is_cifar) ck_assert_int_eq(gcam_tensor_table_add(like, "fc.weight", &head, (float[10]){0}), GCAM_OK);
        weights = weights_of_arch(examples[i].arch, like, 5);
        ck_assert_int_eq(gcam__arch_build(&builder, gcam__arch_find(examples[i].arch), weights), GCAM_OK);
        ck_assert_int_eq(gcam_builder_finish(&wanted, builder, weights), GCAM_OK);
        gcam_status status = gcam_network_from_text(&found, text, weights);
        ck_assert_msg(status == GCAM_OK, "%s: %s", examples[i].graph, gcam_last_error()->message);
        check_same_network(found, wanted, examples[i].side, examples[i].classes);
        gcam_network_free(found);
        gcam_network_free(wanted);
        gcam_tensor_table_free(weights);
        gcam_tensor_table_free(like);
        free(text);
    }
}
END_TEST

/* What `gradcam convert CHECKPOINT OUT --graph GRAPH` does, and the file it makes. */
START_TEST(documented_graphs_take_the_trained_weights) {
    for (int i = 0; i < EXAMPLES; i++) {
        if (access(examples[i].checkpoint, R_OK) != 0) {
            printf("skipped: %s is not there\n", examples[i].checkpoint);
            continue;
        }
        char path[] = "/tmp/gradcam-graph-XXXXXX", *text = read_whole(examples[i].graph);
        gcam_model *wanted, *found, *saved;
        gcam_preprocess how;
        gcam_model_options options = {.struct_size = sizeof options, .graph = text, .preprocess = &how};
        ck_assert_int_eq(gcam_preprocess_preset(&how, examples[i].preprocess), GCAM_OK);
        close(mkstemp(path));
        ck_assert_int_eq(gcam_model_load(&wanted, examples[i].checkpoint, NULL), GCAM_OK);
        ck_assert_str_eq(gcam_model_arch(wanted), examples[i].arch);
        ck_assert_int_eq(gcam_model_load(&found, examples[i].checkpoint, &options), GCAM_OK);
        ck_assert_int_eq(gcam_model_save(found, path, GCAM_DTYPE_F32), GCAM_OK);
        ck_assert_int_eq(gcam_model_load(&saved, path, NULL), GCAM_OK);
        ck_assert_mem_eq(gcam_model_preprocess(saved), gcam_model_preprocess(wanted), sizeof how);
        check_same_network(gcam_model_network(saved), gcam_model_network(wanted), examples[i].side,
                           examples[i].classes);
        gcam_model_free(wanted);
        gcam_model_free(found);
        gcam_model_free(saved);
        unlink(path);
        free(text);
    }
}
END_TEST

START_TEST(the_guide_shows_the_graphs_and_every_operation) {
    char *guide = read_whole("docs/graph-text.md"), quoted[80];
    for (int i = 0; i < EXAMPLES; i++) {
        char *text = read_whole(examples[i].graph);
        ck_assert_msg(strstr(guide, text) != NULL, "docs/graph-text.md does not show %s as it is", examples[i].graph);
        free(text);
    }
    const char *table = strstr(guide, "## Operations");
    ck_assert_ptr_nonnull(table);
    const gcam__op *op;
    for (size_t i = 0; (op = gcam__op_at(i)) != NULL; i++) {
        snprintf(quoted, sizeof quoted, "`%s`", op->name);
        const char *row = strstr(table, quoted);
        char line[512] = "";
        ck_assert_msg(row != NULL, "docs/graph-text.md does not list %s", op->name);
        snprintf(line, sizeof line, "%.*s", (int)strcspn(row, "\n"), row);
        for (const gcam__param *param = op->params; param != NULL && param->name != NULL; param++)
            ck_assert_msg(strstr(line, param->name) != NULL, "docs/graph-text.md: %s lacks %s", op->name, param->name);
    }
    free(guide);
}
END_TEST

START_TEST(weights_that_do_not_fit_are_named_with_their_line) {
    gcam_tensor_table *table;
    gcam_network *network;
    char text[sizeof small + 16] = "";
    const char *at = strstr(small, "out=5");
    snprintf(text, sizeof text, "%.*sout=6%s", (int)(at - small), small, at + 5);
    ck_assert_int_eq(read_graph(&network, &table, text), GCAM_ERR_SHAPE);
    ck_assert_str_eq(gcam_last_error()->message, "line 12: fc.weight: expected 6x48, the file has 5x48");
    gcam_tensor_table_free(table);
    at = strstr(small, "again = conv2d bn out=4 kernel=1,1 no_bias=1");
    snprintf(text, sizeof text, "%.*sagain = conv2d bn out=4 kernel=1,1%s", (int)(at - small), small, at + 44);
    ck_assert_int_eq(read_graph(&network, &table, text), GCAM_ERR_NOT_FOUND);
    ck_assert_str_eq(gcam_last_error()->message,
                     "line 7: again.bias: expected a tensor of 4, the file has none of this name");
    gcam_tensor_table_free(table);
}
END_TEST

START_TEST(names_that_would_not_come_back_are_refused) {
    gcam_builder *builder;
    gcam_network *network;
    char *text;
    ck_assert_int_eq(gcam_builder_create(&builder), GCAM_OK);
    gcam_relu(builder, "a=b", gcam_input(builder, "x", 1, 2, 2));
    ck_assert_int_eq(gcam_builder_finish(&network, builder, NULL), GCAM_OK);
    ck_assert_int_eq(gcam_network_to_text(&text, network), GCAM_ERR_UNSUPPORTED);
    ck_assert_ptr_null(text);
    gcam_network_free(network);
}
END_TEST

Suite *graph_text_suite(void);
Suite *graph_text_suite(void) {
    Suite *suite = suite_create("graph_text");
    TCase *tests = tcase_create("graph_text");
    tcase_add_test(tests, text_round_trip);
    tcase_add_test(tests, locale_does_not_matter);
    tcase_add_test(tests, people_may_write_freely);
    tcase_add_test(tests, weights_may_be_shared);
    tcase_add_test(tests, mistakes_are_named_with_their_line);
    tcase_add_test(tests, several_inputs_and_outputs);
    tcase_add_test(tests, the_zoo_can_be_written);
    tcase_add_test(tests, documented_graphs_are_the_zoos_networks);
    tcase_add_test(tests, documented_graphs_take_the_trained_weights);
    tcase_add_test(tests, the_guide_shows_the_graphs_and_every_operation);
    tcase_add_test(tests, weights_that_do_not_fit_are_named_with_their_line);
    tcase_add_test(tests, names_that_would_not_come_back_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
