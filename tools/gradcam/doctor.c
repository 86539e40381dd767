/* gradcam doctor: what this build is made of, what it found on this machine, and whether it computes what it should. */
#include "json_out.h"
#include "tool.h"

#include <math.h>
#include <string.h>

/* The self-test: two channels of 2 x 2 pass a convolution that changes nothing, a rectifier, and a head of global average
 * pooling and one linear unit with weights 2 and -8 and bias 0.5. With these inputs the score is 1.5, its mean gradients are
 * 0.5 and -2, and the signed map is 0.5 -1 | -0.5 2. */
static const float PIXELS[8] = {1, 2, 3, 4, 0, 1, 1, 0};
static const float EXPECTED[4] = {0.5f, -1.0f, -0.5f, 2.0f};
static const double EXPECTED_SCORE = 1.5;

static gcam_status make_weights(gcam_tensor_table *table) {
    float identity[2 * 2 * 3 * 3] = {0};
    const float weight[2] = {2, -8}, bias[1] = {0.5f};
    gcam_shape kernel = gcam_shape_nchw(2, 2, 3, 3), row = {2, {1, 2}}, one = {1, {1}};
    identity[4] = identity[(1 * 2 + 1) * 9 + 4] = 1; /* the centres of channel 0 to 0 and of 1 to 1 */
    gcam_status status = gcam_tensor_table_add(table, "conv.weight", &kernel, identity);
    if (!status) status = gcam_tensor_table_add(table, "fc.weight", &row, weight);
    return status ? status : gcam_tensor_table_add(table, "fc.bias", &one, bias);
}

static gcam_status make_model(gcam_model **out, gcam_tensor_table *weights) {
    gcam_builder *b = NULL;
    gcam_network *network = NULL;
    gcam_status status = make_weights(weights);
    if (!status) status = gcam_builder_create(&b);
    if (status) return status;
    gcam_node x = gcam_input(b, "image", 2, 2, 2);
    x = gcam_conv2d(b, "conv", x, &(gcam_conv2d_params){.out = 2, .kernel = {3, 3}, .pad = {1, 1}, .no_bias = 1});
    x = gcam_relu(b, "relu", x);
    gcam_target_layer(b, x);
    x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "pool", x));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 1});
    status = gcam_builder_finish(&network, b, weights);
    if (!status) status = gcam_model_from_network(out, network, NULL);
    if (status) gcam_network_free(network);
    return status;
}

static int is_close(double a, double b) {
    return fabs(a - b) <= 1e-5;
}

/* 1 where the model's signed map and score are the known ones. */
static int answer_is_right(const gcam_explanation *e) {
    const gcam_tensor *raw = gcam_explanation_raw(e);
    int right = gcam_shape_count(&raw->shape) == 4 && is_close(gcam_explanation_score(e), EXPECTED_SCORE);
    for (int i = 0; right && i < 4; i++) right = is_close((double)raw->data[i], (double)EXPECTED[i]);
    return right;
}

static gcam_status explain_known(const gcam_model *model, gcam_kernels kernels, int threads, int *right) {
    gcam_session *session = NULL;
    gcam_tensor *input = NULL;
    gcam_explanation **list = NULL;
    size_t count = 0;
    float pixels[8];
    const char *method = "signed";
    gcam_shape shape = gcam_shape_nchw(1, 2, 2, 2);
    gcam_session_options session_options;
    gcam_explain_options options;
    memcpy(pixels, PIXELS, sizeof pixels);
    gcam_session_options_defaults(&session_options);
    session_options.kernels = kernels;
    session_options.threads = threads;
    gcam_explain_options_defaults(&options);
    options.methods = &method;
    options.method_count = 1;
    gcam_status status = gcam_session_create(&session, model, &session_options);
    if (!status) status = gcam_tensor_view(&input, &shape, pixels);
    if (!status) status = gcam_explain_tensor(&list, &count, session, input, 0, &options);
    *right = !status && count == 1 && answer_is_right(list[0]);
    gcam_explanations_free(list, count);
    gcam_tensor_free(input);
    gcam_session_free(session);
    return status;
}

static const char *const kernel_names[] = {"auto", "blas", "plain"};
enum { KERNELS = 3 };

/* Fills right[] for each kind of kernels; 0 and the library's sentence where a step failed. */
static int self_test(int threads, int right[KERNELS], const char **why) {
    gcam_tensor_table *weights = NULL;
    gcam_model *model = NULL;
    gcam_status status = gcam_tensor_table_create(&weights);
    int all = 1;
    if (!status) status = make_model(&model, weights);
    for (int k = 0; k < KERNELS; k++) {
        right[k] = 0;
        if (!status) status = explain_known(model, (gcam_kernels)k, threads, &right[k]);
        all = all && right[k];
    }
    *why = status ? gcam_last_error()->message : all ? NULL : "the self-test's map is not the known one";
    gcam_model_free(model);
    gcam_tensor_table_free(weights);
    return all;
}

/* ---- the model that the command carries ------------------------------------------------------------------------------------ */

typedef struct carried {
    const char *name; /* NULL: none */
    int classes, right;
    gcam_shape input;
} carried;

/* Loads it and runs it on zeros: it is whole where its output is finite. */
static int try_carried(carried *c, int threads, const char **why) {
    const void *data;
    const char *name;
    size_t size = default_model_find(&data, &name);
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_tensor *zeros = NULL;
    gcam_session_options options;
    *c = (carried){0};
    if (size == 0) return 1;
    c->name = name;
    gcam_session_options_defaults(&options);
    options.threads = threads;
    gcam_status status = gcam_model_load_memory(&model, data, size, NULL);
    if (!status) status = gcam_session_create(&session, model, &options);
    if (!status) {
        c->classes = gcam_model_class_count(model);
        c->input = gcam_session_input_shape(session);
        status = gcam_tensor_create(&zeros, &c->input);
    }
    if (!status) status = gcam_session_forward(session, zeros);
    if (status) *why = gcam_last_error()->message;
    gcam_tensor_free(zeros);
    gcam_session_free(session);
    gcam_model_free(model);
    c->right = !status;
    return c->right;
}

static void print_carried(const carried *c) {
    if (!c->name)
        puts("built in    no model: -m names one");
    else
        printf("built in    %s, %d classes, input %lldx%lldx%lld: %s\n", c->name, c->classes,
               (long long)c->input.dim[1], (long long)c->input.dim[2], (long long)c->input.dim[3],
               c->right ? "right" : "WRONG");
}

/* ---- what is printed ------------------------------------------------------------------------------------------------------- */

static void print_json(const settings *s, const int right[KERNELS], const carried *c, const char *why) {
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_text(&j, "version", gcam_version());
    json_text(&j, "cpu", gcam_cpu_name());
    json_integer(&j, "processors", gcam_cpu_count());
    json_text(&j, "blas", gcam_blas_name());
    json_text(&j, "pictures", gcam_image_readers());
    json_text(&j, "kernels", kernel_names[s->kernels]);
    json_object(&j, "self_test");
    for (int k = 0; k < KERNELS; k++) json_text(&j, kernel_names[k], right[k] ? "right" : "wrong");
    json_end(&j);
    json_text(&j, "built_in", c->name);
    json_text(&j, "error", why);
    json_end(&j);
}

int run_doctor(settings *s) {
    int right[KERNELS];
    const char *why;
    carried c;
    int healthy = self_test((int)s->threads, right, &why);
    healthy = try_carried(&c, (int)s->threads, &why) && healthy;
    if (s->json) {
        print_json(s, right, &c, why);
    } else if (!s->quiet) {
        printf("gradcam     %s\n", gcam_version());
        printf("processor   %s, %d allowed\n", gcam_cpu_name(), gcam_cpu_count());
        printf("BLAS        %s\n", gcam_blas_name());
        printf("pictures    %s\n", gcam_image_readers());
        printf("kernels     %s (GCAM_KERNELS=plain|blas|auto)\n", kernel_names[s->kernels]);
        print_carried(&c);
        printf("self-test   a network with a known answer:");
        for (int k = 0; k < KERNELS; k++)
            printf(" %s %s%s", kernel_names[k], right[k] ? "right" : "WRONG", k + 1 < KERNELS ? "," : "\n");
    }
    return healthy ? EXIT_DONE : fail("%s", why);
}
