/* Tests of the ONNX reader and importer: graphs written by hand, with answers reckoned by hand, and hostile files. */
#include "model/onnx/import.h"
#include "support/onnx_writer.h"
#include "support/process.h"

#include "gradcam.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t picture[] = {1, 2, 4, 4, 0}, classes[] = {1, 3, 0};

/* x -> Conv -> Relu -> GlobalAveragePool -> Flatten -> Gemm -> y, as torch.onnx.export names such things. */
static void small_graph(message *graph) {
    static const float conv[] = {1, -1, 2, 0.5f}, bias[] = {0.25f, -0.5f};
    static const float fc[] = {1, 2, 3, 4, 5, 6}, fc_bias[] = {0.1f, 0.2f, 0.3f};
    message gemm = {.size = 0};
    put_int_attribute(&gemm, "transB", 1);
    put_initializer(graph, "features.0.weight", (int64_t[]){2, 2, 1, 1, 0}, conv);
    put_initializer(graph, "features.0.bias", (int64_t[]){2, 0}, bias);
    put_initializer(graph, "fc.weight", (int64_t[]){3, 2, 0}, fc);
    put_initializer(graph, "fc.bias", (int64_t[]){3, 0}, fc_bias);
    put_value(graph, 11, "x", picture);
    put_value(graph, 12, "y", classes);
    put_node(graph, "/features/features.0/Conv", "Conv", "x features.0.weight features.0.bias", "a", NULL);
    put_node(graph, "/features/features.1/Relu", "Relu", "a", "b", NULL);
    put_node(graph, "/avgpool/GlobalAveragePool", "GlobalAveragePool", "b", "c", NULL);
    put_node(graph, "/Flatten", "Flatten", "c", "d", NULL);
    put_node(graph, "/fc/Gemm", "Gemm", "d fc.weight fc.bias", "y", &gemm);
}

static gcam_status load(gcam_model **model, const message *graph) {
    static message file; /* the model looks into it */
    file.size = 0;
    finish_model(&file, graph, 13);
    return gcam_model_load_memory(model, file.bytes, file.size, NULL);
}

static void assert_refused(const message *graph, gcam_status status, const char *sentence) {
    gcam_model *model = NULL;
    ck_assert_int_eq(load(&model, graph), status);
    ck_assert_ptr_null(model);
    ck_assert_msg(strstr(gcam_last_error()->message, sentence) != NULL, "%s", gcam_last_error()->message);
}

/* Output of the model for an input of 0, 1, 2, ... divided by 10. */
static void run(const gcam_model *model, float *out, int count) {
    gcam_session *s = NULL;
    gcam_tensor *x = NULL;
    ck_assert_msg(gcam_session_create(&s, model, NULL) == GCAM_OK, "%s", gcam_last_error()->message);
    gcam_shape shape = gcam_session_input_shape(s);
    ck_assert_int_eq(gcam_tensor_create(&x, &shape), GCAM_OK);
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) x->data[i] = (float)i / 10;
    ck_assert_msg(gcam_session_forward(s, x) == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_int_eq(gcam_shape_count(&gcam_session_output(s)->shape), count);
    memcpy(out, gcam_session_output(s)->data, (size_t)count * sizeof *out);
    gcam_tensor_free(x);
    gcam_session_free(s);
}

START_TEST(a_graph_becomes_a_network) {
    message graph = {.size = 0};
    small_graph(&graph);
    gcam_model *model = NULL;
    ck_assert_msg(load(&model, &graph) == GCAM_OK, "%s", gcam_last_error()->message);
    /* channel 0 is i/10, channel 1 is (16 + i)/10: conv 0 = -1.6 + 0.25 < 0 everywhere, conv 1 = 2.5 i/10 + 0.8 - 0.5 */
    double mean = 2.5 * 0.75 + 0.3;
    float out[3];
    run(model, out, 3);
    for (int k = 0; k < 3; k++) ck_assert_float_eq_tol(out[k], 2 * (k + 1) * mean + 0.1 * (k + 1), 1e-5);
    const gcam_network *network = gcam_model_network(model);
    static const char *const names[] = {"features.0", "features.1", "features", "avgpool", "flatten", "fc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) ck_assert_int_ge(gcam_network_find(network, names[i]), 0);
    ck_assert_int_eq(gcam_network_target(network), gcam_network_find(network, "features.1"));
    ck_assert_int_eq(gcam_network_find(network, "features"), gcam_network_find(network, "features.1"));
    gcam_model_free(model);
}
END_TEST

START_TEST(shapes_are_reckoned_at_import) {
    message graph = {.size = 0}, concat = {.size = 0}, gather = {.size = 0}, unsqueeze = {.size = 0};
    put_int_attribute(&concat, "axis", 0);
    put_int_attribute(&gather, "axis", 0);
    put_ints_attribute(&unsqueeze, "axes", (int64_t[]){0}, 1);
    put_integers(&graph, "zero", 1, (int64_t[]){0});
    put_integers(&graph, "rest", 1, (int64_t[]){-1});
    put_value(&graph, 11, "x", (int64_t[]){-1, 2, 4, 4, 0});
    put_value(&graph, 12, "y", (int64_t[]){1, 32, 0});
    put_node(&graph, "s", "Shape", "x", "shape", NULL); /* x.view(x.size(0), -1) as exporters write it */
    put_node(&graph, "g", "Gather", "shape zero", "batch", &gather);
    put_node(&graph, "c", "Concat", "batch rest", "to", &concat);
    put_node(&graph, "r", "Reshape", "x to", "y", NULL);
    gcam_model *model = NULL;
    ck_assert_msg(load(&model, &graph) == GCAM_OK, "%s", gcam_last_error()->message);
    float out[32];
    run(model, out, 32);
    ck_assert_float_eq_tol(out[31], 3.1, 1e-6);
    gcam_session *s = NULL; /* the written batch of 1 is kept open */
    gcam_session_options options = {.struct_size = sizeof options, .batch = 3};
    ck_assert_msg(gcam_session_create(&s, model, &options) == GCAM_OK, "%s", gcam_last_error()->message);
    gcam_session_free(s);
    gcam_model_free(model);
}
END_TEST

/* Exporters store equal tensors once and pass them on by Identity: here one matrix is the weight of two convolutions and, at the end of a
 * chain, of a third, one list their bias and a batch norm's shift and mean, another one its scale and variance. */
START_TEST(stored_values_may_be_shared_and_passed_on) {
    static const float w[] = {1, -1, 2, 0.5f}, b[] = {0.25f, -0.5f}, ones[] = {1, 4};
    static const int64_t list[] = {2, 0};
    message graph = {.size = 0}, a = {.size = 0};
    gcam_model *model = NULL;
    double v[2], out[2];
    float y[32];
    put_float_attribute(&a, "epsilon", 1e-12f);
    put_initializer(&graph, "w", (int64_t[]){2, 2, 1, 1, 0}, w);
    put_initializer(&graph, "b", list, b);
    put_initializer(&graph, "ones", list, ones);
    put_value(&graph, 11, "x", picture);
    put_value(&graph, 12, "y", picture);
    put_node(&graph, "Identity_0", "Identity", "w", "w1", NULL);
    put_node(&graph, "Identity_1", "Identity", "w1", "w2", NULL);
    put_node(&graph, "Identity_2", "Identity", "b", "b1", NULL);
    put_node(&graph, "/first/Conv", "Conv", "x w b", "c1", NULL);
    put_node(&graph, "/pass/Identity", "Identity", "c1", "c2", NULL);
    put_node(&graph, "/second/Conv", "Conv", "c2 w b1", "c3", NULL);
    put_node(&graph, "/third/Conv", "Conv", "c3 w2 b1", "c4", NULL);
    put_node(&graph, "/norm/BatchNormalization", "BatchNormalization", "c4 ones b b1 ones", "y", &a);
    ck_assert_msg(load(&model, &graph) == GCAM_OK, "%s", gcam_last_error()->message);
    run(model, y, 32);
    for (int i = 0; i < 16; i++) {
        v[0] = i / 10.0, v[1] = (16 + i) / 10.0;
        for (int layer = 0; layer < 3; layer++) {
            for (int k = 0; k < 2; k++) out[k] = w[2 * k] * v[0] + w[2 * k + 1] * v[1] + b[k];
            v[0] = out[0], v[1] = out[1];
        }
        for (int k = 0; k < 2; k++)
            ck_assert_double_eq_tol(y[16 * k + i], (v[k] - b[k]) / sqrt(ones[k]) * ones[k] + b[k], 1e-4);
    }
    const gcam_network *network = gcam_model_network(model);
    ck_assert_int_eq(gcam_network_find(network, "pass"), gcam_network_find(network, "first"));
    ck_assert_int_ge(gcam_network_find(network, "third"), 0);
    gcam_model_free(model);
}
END_TEST

START_TEST(padding_rules_agree_with_the_standard) {
    /* SAME_UPPER, 2x2 window, stride 2 on 5x5: one column and row of padding at the end */
    message graph = {.size = 0}, pool = {.size = 0}, same = {.size = 0};
    put_ints_attribute(&pool, "kernel_shape", (int64_t[]){2, 2}, 2);
    put_ints_attribute(&pool, "strides", (int64_t[]){2, 2}, 2);
    put_text(&same, 1, "auto_pad");
    put_text(&same, 4, "SAME_UPPER");
    put_varint(&same, 20, 3);
    put_message(&pool, 5, &same);
    put_value(&graph, 11, "x", (int64_t[]){1, 1, 5, 5, 0});
    put_value(&graph, 12, "y", (int64_t[]){1, 1, 3, 3, 0});
    put_node(&graph, "p", "MaxPool", "x", "y", &pool);
    gcam_model *model = NULL;
    ck_assert_msg(load(&model, &graph) == GCAM_OK, "%s", gcam_last_error()->message);
    float out[9];
    run(model, out, 9);
    static const float expected[] = {6, 8, 9, 16, 18, 19, 21, 23, 24};
    for (int i = 0; i < 9; i++) ck_assert_float_eq_tol(out[i], expected[i] / 10, 1e-6);
    gcam_model_free(model);
}
END_TEST

START_TEST(unsupported_graphs_are_refused_by_name) {
    message graph = {.size = 0};
    small_graph(&graph);
    message other = graph;
    put_node(&other, "/head/Warp", "Warp", "y", "z", NULL);
    assert_refused(&other, GCAM_ERR_UNSUPPORTED, "Warp node /head/Warp: this operator is not supported");
    other = graph;
    put_node(&other, "late", "Relu", "never", "z", NULL);
    assert_refused(&other, GCAM_ERR_FORMAT, "Relu node late: it reads the value never");
    other = graph;
    put_node(&other, "loop", "Add", "loop_out y", "loop_out", NULL); /* a cycle is a value read before it is made */
    assert_refused(&other, GCAM_ERR_FORMAT, "it reads the value loop_out");
    other = graph;
    put_node(&other, "twice", "Relu", "a", "b", NULL);
    assert_refused(&other, GCAM_ERR_FORMAT, "the value b is made twice");
    other = graph;
    put_value(&other, 12, "nothing", classes);
    assert_refused(&other, GCAM_ERR_FORMAT, "no node makes the output nothing");
    other = graph;
    put_node(&other, "conv", "Conv", "x x", "z", NULL);
    assert_refused(&other, GCAM_ERR_UNSUPPORTED, "its weight (input 1) is computed by the network");
}
END_TEST

START_TEST(hostile_tensors_are_refused) {
    message graph = {.size = 0}, tensor = {.size = 0};
    put_varint(&tensor, 1, (uint64_t)1 << 40); /* claims a terabyte, brings nothing */
    put_varint(&tensor, 1, (uint64_t)1 << 40);
    put_varint(&tensor, 2, 1);
    put_text(&tensor, 8, "huge");
    put_message(&graph, 5, &tensor);
    put_node(&graph, "r", "Relu", "x", "y", NULL);
    assert_refused(&graph, GCAM_ERR_FORMAT, "tensor huge: its shape is too large");

    graph.size = tensor.size = 0;
    put_varint(&tensor, 1, 4);
    put_varint(&tensor, 2, 1);
    put_text(&tensor, 8, "elsewhere");
    put_varint(&tensor, 14, 1);
    put_message(&graph, 5, &tensor);
    put_node(&graph, "r", "Relu", "x", "y", NULL);
    assert_refused(&graph, GCAM_ERR_UNSUPPORTED, "without external data");

    graph.size = tensor.size = 0;
    put_varint(&tensor, 1, (uint64_t)-4);
    put_varint(&tensor, 2, 1);
    put_text(&tensor, 8, "negative");
    put_bytes(&tensor, 9, "abcd", 4);
    put_message(&graph, 5, &tensor);
    put_node(&graph, "r", "Relu", "x", "y", NULL);
    assert_refused(&graph, GCAM_ERR_FORMAT, "tensor negative");
}
END_TEST

/* Every truncation and many single-byte changes: an error or a model, never a crash. */
START_TEST(broken_files_never_crash) {
    message graph = {.size = 0}, file = {.size = 0};
    small_graph(&graph);
    finish_model(&file, &graph, 13);
    int refused = 0, tried = 0;
    for (size_t size = 1; size < file.size; size++, tried++) {
        gcam_model *model = NULL;
        if (gcam_model_load_memory(&model, file.bytes, size, NULL) != GCAM_OK) refused++;
        gcam_model_free(model);
    }
    ck_assert_int_eq(refused, tried);
    for (size_t i = 0; i < file.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            gcam_model *model = NULL;
            message broken = file;
            broken.bytes[i] ^= (uint8_t)(1 << bit);
            if (gcam_model_load_memory(&model, broken.bytes, broken.size, NULL) != GCAM_OK)
                ck_assert_int_gt((int)strlen(gcam_last_error()->message), 0);
            gcam_model_free(model);
        }
}
END_TEST

/* A chain of ReLUs and sums whose nodes have these names; `op` tells which, `inputs` what they read. */
static const struct {
    const char *node, *op, *inputs, *output, *name;
} named_nodes[] = {
    {"/layer1/layer1.0/conv1/Relu", "Relu", "x", "a", "layer1.0.conv1"},
    {"/layer1/layer1.0/relu/Relu", "Relu", "a", "b", "layer1.0.relu"},
    {"/layer1/layer1.0/Add", "Add", "b x", "c", "layer1.0.add"},
    {"/layer1/layer1.0/relu_1/Relu", "Relu", "c", "d", "layer1.0.relu#1"},
    /* an activation that is a module of its own, and two operators: the second one is what it returns */
    {"/layer1/layer1.1/act/Tanh", "Tanh", "d", "e", "layer1.1.act.tanh"},
    {"/layer1/layer1.1/act/Mul", "Mul", "d e", "f", "layer1.1.act"},
    {"/layer1/layer1.1/Add", "Add", "f d", "g", "layer1.1.add"},
    {"/layer1/layer1.1/Add_1", "Add", "g f", "h", "layer1.1.add#1"},
    /* the file has something of the block behind what the block returns */
    {"/mixed/branch/Relu", "Relu", "h", "i", "mixed.branch"},
    {"/mixed/Concat", "Concat", "h i", "j", "mixed.cat"},
    {"/mixed/Relu", "Relu", "j", "k", "mixed.relu"},
    {"/features/block1/unit2/norm/Relu", "Relu", "j", "l", "features.block1.unit2.norm"},
    /* a block called twice */
    {"/twice/part/Relu", "Relu", "l", "m", "twice.part"},
    {"/twice/Add", "Add", "m l", "n", "twice.add"},
    {"/twice_1/part/Relu", "Relu", "n", "o", "twice.part#1"},
    {"/twice_1/Add", "Add", "o n", "p", "twice#1.add"},
    {"/GlobalAveragePool", "GlobalAveragePool", "p", "q", "globalaveragepool"},
    {"Conv_0", "Relu", "q", "r", "Conv_0"},
    {"Conv_0", "Relu", "r", "s", "Conv_0#1"},
    {"", "Relu", "s", "y", "y"},
};

START_TEST(names_are_module_paths) {
    /* a block's path finds what the block returns */
    static const char *const blocks[][2] = {{"layer1.0", "layer1.0.relu#1"},
                                            {"layer1.1", "layer1.1.add#1"},
                                            {"layer1", "layer1.1.add#1"},
                                            {"mixed", "mixed.cat"},
                                            {"features", "features.block1.unit2.norm"},
                                            {"features.block1", "features.block1.unit2.norm"},
                                            {"twice", "twice.add"},
                                            {"twice#1", "twice#1.add"}};
    message graph = {.size = 0};
    gcam_model *model = NULL;
    put_value(&graph, 11, "x", picture);
    put_value(&graph, 12, "y", classes);
    for (size_t i = 0; i < sizeof named_nodes / sizeof *named_nodes; i++)
        put_node(&graph, named_nodes[i].node, named_nodes[i].op, named_nodes[i].inputs, named_nodes[i].output, NULL);
    ck_assert_msg(load(&model, &graph) == GCAM_OK, "%s", gcam_last_error()->message);
    const gcam_network *network = gcam_model_network(model);
    for (size_t i = 0; i < sizeof named_nodes / sizeof *named_nodes; i++) {
        gcam_layer_info layer;
        ck_assert_int_eq(gcam_network_layer(network, (int)i + 1, &layer), GCAM_OK);
        ck_assert_str_eq(layer.name, named_nodes[i].name);
    }
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        ck_assert_int_ge(gcam_network_find(network, blocks[i][0]), 0);
        ck_assert_msg(gcam_network_find(network, blocks[i][0]) == gcam_network_find(network, blocks[i][1]),
                      "%s is not %s", blocks[i][0], blocks[i][1]);
    }
    gcam_model_free(model);
}
END_TEST

/* What `make conformance` runs, all of it: no model may fail, and none that passed may be refused later. */
START_TEST(the_onnx_projects_own_models_agree) {
    static const char data[] = "/usr/share/libonnx-testdata/data";
    process_result r;
    char command[300];
    int models, passed, failed;
    if (access(data, R_OK) != 0) {
        printf("skipped: the ONNX project's models, libonnx-testdata is not installed\n");
        return;
    }
    snprintf(command, sizeof command, "%s/tools/conformance %s", test_build_folder(), data);
    process_run(&r, command);
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    ck_assert_int_eq(sscanf(r.out, "%d models: %d passed, %d failed", &models, &passed, &failed), 3);
    ck_assert_int_ge(models, 1072);
    ck_assert_int_ge(passed, 589);
    ck_assert_int_eq(failed, 0);
    process_free(&r);
}
END_TEST

Suite *onnx_suite(void);
Suite *onnx_suite(void) {
    Suite *suite = suite_create("onnx");
    TCase *tcase = tcase_create("onnx");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_graph_becomes_a_network);
    tcase_add_test(tcase, shapes_are_reckoned_at_import);
    tcase_add_test(tcase, stored_values_may_be_shared_and_passed_on);
    tcase_add_test(tcase, padding_rules_agree_with_the_standard);
    tcase_add_test(tcase, unsupported_graphs_are_refused_by_name);
    tcase_add_test(tcase, hostile_tensors_are_refused);
    tcase_add_test(tcase, broken_files_never_crash);
    tcase_add_test(tcase, names_are_module_paths);
    tcase_add_test(tcase, the_onnx_projects_own_models_agree);
    return suite;
}
