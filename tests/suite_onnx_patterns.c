/* Tests of the patterns that the ONNX importer takes for one operator: every form becomes one layer and keeps its values, which are
 * compared with the formula in double; where somebody reads an inner value, or a number is another one, nothing is fused. */
#include "support/onnx_writer.h"

#include "gradcam.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 32, WIDTH = 4, MAX_STEPS = 10 };

/* "Op inputs -> output" each; attributes by operator, see put_step(). `inner` is a value inside the group. */
typedef struct form {
    const char *step[MAX_STEPS];
    const char *inner, *op;
    double (*value)(const double *x, int i);
    int opset;
} form;

static double silu(const double *x, int i) {
    return x[i] / (1 + exp(-x[i]));
}

static double hard_sigmoid(const double *x, int i) {
    return fmin(fmax(x[i] + 3, 0), 6) / 6;
}

static double hard_swish(const double *x, int i) {
    return x[i] * hard_sigmoid(x, i);
}

static double gelu(const double *x, int i) {
    return 0.5 * x[i] * (1 + erf(x[i] / sqrt(2)));
}

static double gelu_tanh(const double *x, int i) {
    return 0.5 * x[i] * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x[i] + 0.044715 * x[i] * x[i] * x[i])));
}

/* Over `count` values from `first` on, `step` apart. */
static double normalised(const double *x, int i, int first, int count, int step) {
    double mean = 0, var = 0;
    for (int k = 0; k < count; k++) mean += x[first + k * step] / count;
    for (int k = 0; k < count; k++) var += pow(x[first + k * step] - mean, 2) / count;
    return (x[i] - mean) / sqrt(var + 1e-3);
}

static double row_norm(const double *x, int i) {
    return normalised(x, i, i / WIDTH * WIDTH, WIDTH, 1);
}

static const float scale[] = {1.5f, -2, 0.5f, 3}, shift[] = {0.25f, -1, 2, 0.5f};
static const float matrix[] = {1, -1, 2, 0.5f, 0.25f, -3, 1.5f, 1, 0, 2, -2, 0.75f, 1, 1, -0.5f, 0.25f};

static double affine_norm(const double *x, int i) {
    return row_norm(x, i) * scale[i % WIDTH] + shift[i % WIDTH];
}

static double channel_norm(const double *x, int i) {
    int c = i / 16;
    return normalised(x, i, i % 16, 2, 16) * scale[c] + shift[c];
}

static double linear(const double *x, int i) {
    double sum = shift[i % WIDTH];
    for (int k = 0; k < WIDTH; k++) sum += x[i / WIDTH * WIDTH + k] * matrix[k * WIDTH + i % WIDTH];
    return sum;
}

static double channel_scale(const double *x, int i) {
    return x[i] * scale[i / 16];
}

#define CENTERED "ReduceMean x m", "Sub x m d"
#define NORM CENTERED, "Pow d two q", "ReduceMean q v", "Add v eps s", "Sqrt s r"
static const form forms[] = {
    {{"Sigmoid x a", "Mul x a y"}, "a", "silu", silu, 13},
    {{"Sigmoid x a", "Mul a x y"}, "a", "silu", silu, 9},
    {{"HardSigmoid x a", "Mul a x y"}, "a", "hard_swish", hard_swish, 13},
    {{"Add x three a", "Clip a zero six b", "Mul x b c", "Div c six y"}, "b", "hard_swish", hard_swish, 13},
    {{"Add three x a", "Clip6 a b", "Div b six c", "Mul c x y"}, "c", "hard_swish", hard_swish, 9},
    {{"Add x three a", "Clip a zero six b", "Mul b sixth c", "Mul x c y"}, "a", "hard_swish", hard_swish, 13},
    {{"Add x three a", "Clip a zero six b", "Div b six y"}, "b", "hard_sigmoid", hard_sigmoid, 13},
    {{"Div x sqrt2 a", "Erf a b", "Add b one c", "Mul x c e", "Mul e half y"}, "e", "gelu", gelu, 13},
    {{"Mul x rsqrt2 a", "Erf a b", "Add one b c", "Mul half x e", "Mul e c y"}, "b", "gelu", gelu, 9},
    {{"Mul x x a", "Mul a x b", "Mul kappa b c", "Add x c e", "Mul beta e f", "Tanh f g", "Add g one h", "Mul x h i",
      "Mul half i y"},
     "b",
     "gelu_tanh",
     gelu_tanh,
     13},
    {{"Pow x three b", "Mul kappa b c", "Add c x e", "Mul e beta f", "Tanh f g", "Add g one h", "Mul x half i",
      "Mul i h y"},
     "g",
     "gelu_tanh",
     gelu_tanh,
     13},
    {{NORM, "Div d r y"}, "v", "layer_norm", row_norm, 13},
    {{NORM, "Div d r n", "Mul n scale k", "Add k shift y"}, "d", "layer_norm", affine_norm, 13},
    {{CENTERED, "Mul d d q", "ReduceMean q v", "Add eps v s", "Sqrt s r", "Div d r n", "Mul scale n k",
      "Add shift k y"},
     "k",
     "layer_norm",
     affine_norm,
     13},
    {{"Last x t", "LayerNormalization t channels channels2 n", "Back n y"}, "n", "layer_norm", channel_norm, 17},
    {{"MatMul x matrix a", "Add a shift y"}, "a", "linear", linear, 13},
    {{"MatMul x matrix a", "Add shift a y"}, "a", "linear", linear, 13},
};
enum { FORMS = sizeof forms / sizeof *forms };

static void put_number(message *graph, const char *name, double value) {
    const float number = (float)value;
    put_initializer(graph, name, (int64_t[]){1, 0}, &number);
}

/* All constants there are; `factor` spoils the numbers. */
static void put_constants(message *graph, double factor) {
    const int64_t list[] = {WIDTH, 0}, two[] = {2, 0}, square[] = {WIDTH, WIDTH, 0};
    put_number(graph, "zero", 0);
    put_number(graph, "half", 0.5 * factor);
    put_number(graph, "one", 1 * factor);
    put_number(graph, "two", 2 * factor);
    put_number(graph, "three", 3 * factor);
    put_number(graph, "six", 6 * factor);
    put_number(graph, "sixth", 1.0 / 6 * factor);
    put_number(graph, "sqrt2", sqrt(2) * factor);
    put_number(graph, "rsqrt2", sqrt(0.5) * factor);
    put_number(graph, "kappa", 0.044715 * factor);
    put_number(graph, "beta", sqrt(2 / 3.14159265358979323846) * factor);
    put_number(graph, "eps", 1e-3);
    put_initializer(graph, "scale", list, scale);
    put_initializer(graph, "shift", list, shift);
    put_initializer(graph, "channels", two, scale);
    put_initializer(graph, "channels2", two, shift);
    put_initializer(graph, "matrix", square, matrix);
}

static void put_step(message *graph, const char *step) {
    char op[32], inputs[64] = "", output[16];
    const char *first = strchr(step, ' ') + 1, *last = strrchr(step, ' ') + 1;
    message a = {.size = 0};
    snprintf(op, sizeof op, "%.*s", (int)(first - 1 - step), step);
    snprintf(inputs, sizeof inputs, "%.*s", (int)(last - 1 - first), first);
    snprintf(output, sizeof output, "%s", last);
    if (strcmp(op, "ReduceMean") == 0) put_ints_attribute(&a, "axes", (int64_t[]){-1}, 1);
    if (strcmp(op, "HardSigmoid") == 0) put_float_attribute(&a, "alpha", 1 / 6.0f);
    if (strcmp(op, "LayerNormalization") == 0) put_float_attribute(&a, "epsilon", 1e-3f);
    if (strcmp(op, "Last") == 0) put_ints_attribute(&a, "perm", (int64_t[]){0, 2, 3, 1}, 4);
    if (strcmp(op, "Back") == 0) put_ints_attribute(&a, "perm", (int64_t[]){0, 3, 1, 2}, 4);
    if (strcmp(op, "Last") == 0 || strcmp(op, "Back") == 0) snprintf(op, sizeof op, "Transpose");
    if (strcmp(op, "Clip6") == 0) {
        put_float_attribute(&a, "min", 0);
        put_float_attribute(&a, "max", 6);
        snprintf(op, sizeof op, "Clip");
    }
    put_node(graph, "", op, inputs, output, &a);
}

/* `second`: a value that is an output too; NULL: none. */
static gcam_model *load(const form *f, const char *second, double factor) {
    static message graph, file;
    gcam_model *model = NULL;
    graph.size = file.size = 0;
    put_value(&graph, 11, "x", (int64_t[]){1, 2, 4, 4, 0});
    put_value(&graph, 12, "y", (int64_t[]){1, 2, 4, 4, 0});
    if (second) put_value(&graph, 12, second, (int64_t[]){1, 2, 4, 4, 0});
    put_constants(&graph, factor);
    for (int i = 0; i < MAX_STEPS && f->step[i]; i++) put_step(&graph, f->step[i]);
    finish_model(&file, &graph, f->opset);
    gcam_status status = gcam_model_load_memory(&model, file.bytes, file.size, NULL);
    ck_assert_msg(status == GCAM_OK, "%s: %s", f->op, gcam_last_error()->message);
    return model;
}

static void check_values(const gcam_model *model, const form *f) {
    gcam_session *s = NULL;
    gcam_tensor *in = NULL;
    double x[COUNT];
    ck_assert_int_eq(gcam_session_create(&s, model, NULL), GCAM_OK);
    gcam_shape shape = gcam_session_input_shape(s);
    ck_assert_int_eq(gcam_tensor_create(&in, &shape), GCAM_OK);
    for (int i = 0; i < COUNT; i++) in->data[i] = (float)(x[i] = (i * 7 % COUNT) / 4.0 - 4);
    ck_assert_msg(gcam_session_forward(s, in) == GCAM_OK, "%s", gcam_last_error()->message);
    for (int i = 0; i < COUNT; i++) ck_assert_double_eq_tol(gcam_session_output(s)->data[i], f->value(x, i), 2e-5);
    gcam_tensor_free(in);
    gcam_session_free(s);
}

/* Layers without the input and constants, and the last one's operation. */
static int count_layers(const gcam_model *model, const char **last) {
    const gcam_network *network = gcam_model_network(model);
    int count = 0;
    for (int i = 0; i < gcam_network_layer_count(network); i++) {
        gcam_layer_info layer;
        ck_assert_int_eq(gcam_network_layer(network, i, &layer), GCAM_OK);
        count += strcmp(layer.op, "input") != 0 && strcmp(layer.op, "constant") != 0;
        *last = layer.op;
    }
    return count;
}

START_TEST(each_form_becomes_one_layer) {
    const form *f = &forms[_i];
    const char *last;
    gcam_model *model = load(f, NULL, 1);
    int count = count_layers(model, &last);
    ck_assert_msg(count == 1, "%s is %d layers", f->op, count);
    ck_assert_str_eq(last, f->op);
    check_values(model, f);
    gcam_model_free(model);
}
END_TEST

START_TEST(what_others_read_is_kept) {
    const form *f = &forms[_i];
    const char *last;
    gcam_model *model = load(f, f->inner, 1);
    int count = count_layers(model, &last);
    ck_assert_msg(count > 1, "%s is one layer", f->op);
    check_values(model, f);
    gcam_model_free(model);
}
END_TEST

/* Norms and linear layers have no numbers of their own but the exponent. */
START_TEST(other_numbers_are_something_else) {
    const form *f = &forms[_i];
    const char *last;
    int has_number = 0;
    for (int i = 0; i < MAX_STEPS && f->step[i]; i++)
        has_number |= strstr(f->step[i], "three") || strstr(f->step[i], "half") || strstr(f->step[i], "two");
    if (!has_number) return;
    gcam_model *model = load(f, NULL, 1.01);
    int count = count_layers(model, &last);
    ck_assert_msg(count > 1, "%s is one layer", f->op);
    gcam_model_free(model);
}
END_TEST

START_TEST(nodes_that_only_look_alike_are_kept) {
    static const form alike[] = {
        {{"Sigmoid x a", "Relu x b", "Mul b a y"}, "", "", NULL, 13}, /* another value's gate */
        {{"Sigmoid x a", "Sigmoid a b", "Mul x b y"}, "", "", NULL, 13},
        {{"Last x t", "LayerNormalization t channels channels2 n", "Last n y"}, "", "", NULL, 17},
        {{"MatMul x matrix a", "Add a x y"}, "", "", NULL, 13},
        {{"Add x three a", "Clip a zero three b", "Mul x b c", "Div c six y"}, "", "", NULL, 13},
        {{"Add x three a", "Clip a zero six b", "Mul x b c", "Div six c y"}, "", "", NULL, 13}};
    static const int layers[] = {3, 3, 3, 2, 4, 4};
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        const char *last;
        gcam_model *model = load(&alike[i], NULL, 1);
        ck_assert_int_eq(count_layers(model, &last), layers[i]);
        gcam_model_free(model);
    }
}
END_TEST

START_TEST(the_layer_has_its_modules_name) {
    static message graph, file;
    gcam_model *model = NULL;
    gcam_layer_info layer;
    graph.size = file.size = 0;
    put_value(&graph, 11, "x", (int64_t[]){1, 2, 4, 4, 0});
    put_value(&graph, 12, "y", (int64_t[]){1, 2, 4, 4, 0});
    put_node(&graph, "/layer1/act/Sigmoid", "Sigmoid", "x", "a", NULL);
    put_node(&graph, "/layer1/act/Mul", "Mul", "x a", "b", NULL);
    put_node(&graph, "/layer1/Add", "Add", "b x", "y", NULL);
    finish_model(&file, &graph, 13);
    ck_assert_int_eq(gcam_model_load_memory(&model, file.bytes, file.size, NULL), GCAM_OK);
    int found = gcam_network_find(gcam_model_network(model), "layer1.act");
    ck_assert_int_ge(found, 0);
    ck_assert_int_eq(gcam_network_layer(gcam_model_network(model), found, &layer), GCAM_OK);
    ck_assert_str_eq(layer.op, "silu");
    gcam_model_free(model);
}
END_TEST

START_TEST(a_circle_of_products_is_refused) {
    static message graph, file;
    gcam_model *model = NULL;
    graph.size = file.size = 0;
    put_value(&graph, 11, "x", (int64_t[]){1, 2, 4, 4, 0});
    put_value(&graph, 12, "y", (int64_t[]){1, 2, 4, 4, 0});
    put_node(&graph, "", "Mul", "b x", "a", NULL);
    put_node(&graph, "", "Mul", "a x", "b", NULL);
    put_node(&graph, "", "Relu", "x", "y", NULL);
    finish_model(&file, &graph, 13);
    ck_assert_int_eq(gcam_model_load_memory(&model, file.bytes, file.size, NULL), GCAM_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "Mul"));
    gcam_model_free(model);
}
END_TEST

/* A stored number for each channel is a layer of its own: it has no gate for relevance to mistake it for. */
START_TEST(a_stored_scale_of_channels_is_a_layer) {
    for (int rank = 3; rank <= 4; rank++) {
        static message graph, file;
        const char *last;
        gcam_model *model = NULL;
        graph.size = file.size = 0;
        put_value(&graph, 11, "x", (int64_t[]){1, 2, 4, 4, 0});
        put_value(&graph, 12, "y", (int64_t[]){1, 2, 4, 4, 0});
        put_initializer(&graph, "w", rank == 3 ? (int64_t[]){2, 1, 1, 0} : (int64_t[]){1, 2, 1, 1, 0}, scale);
        put_node(&graph, "", "Mul", rank == 3 ? "w x" : "x w", "y", NULL);
        finish_model(&file, &graph, 13);
        ck_assert_int_eq(gcam_model_load_memory(&model, file.bytes, file.size, NULL), GCAM_OK);
        ck_assert_int_eq(count_layers(model, &last), 1);
        ck_assert_str_eq(last, "layer_scale");
        check_values(model, &(form){.value = channel_scale});
        gcam_model_free(model);
    }
}
END_TEST

Suite *onnx_patterns_suite(void);
Suite *onnx_patterns_suite(void) {
    Suite *suite = suite_create("onnx_patterns");
    TCase *tcase = tcase_create("onnx_patterns");
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, each_form_becomes_one_layer, 0, FORMS);
    tcase_add_loop_test(tcase, what_others_read_is_kept, 0, FORMS);
    tcase_add_loop_test(tcase, other_numbers_are_something_else, 0, FORMS);
    tcase_add_test(tcase, nodes_that_only_look_alike_are_kept);
    tcase_add_test(tcase, the_layer_has_its_modules_name);
    tcase_add_test(tcase, a_circle_of_products_is_refused);
    tcase_add_test(tcase, a_stored_scale_of_channels_is_a_layer);
    return suite;
}
