/* Tests of graph text: what is written is read back exactly; what people write wrongly is named by its line. */
#include "graph/network.h"
#include "model/zoo/zoo.h"
#include "support/weights.h"

#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

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
static gcam_status read(gcam_network **network, gcam_tensor_table **table, const char *text) {
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
    gcam_status status = read(&network, &table, text);
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
    ck_assert_int_eq(read(&network, &table, small), GCAM_OK);
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
        {"gradcam graph 1\n\nimage = input channels=3 height=8 width=8x\n",
         "line 3: width: expected an integer, found \"8x\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = conv2d i kernel=3,3,3 out=1\n",
         "line 3: kernel: expected one or two integers, found \"3,3,3\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = relu i size=3\n",
         "line 3: relu has no parameter \"size\"; expected one of: weights", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = leaky_relu i slope=nan\n",
         "line 3: slope: expected a number, found \"nan\"", GCAM_ERR_FORMAT},
        {"gradcam graph 1\ni = input channels=3 height=8 width=8\nc = relu j\n", "line 3: there is no layer j above",
         GCAM_ERR_NOT_FOUND},
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
    tcase_add_test(tests, names_that_would_not_come_back_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
