/* Golden cases: whole networks, from weights and pictures out of a counter to every explanation, against what PyTorch computed in
 * float64 (tests/golden, written by tools/parity/make_golden.py). Nothing but the expected outputs is read.
 *
 * In the small networks no unit and no pooling window of the reference is near a tie, so every value must agree to 1e-4 of the
 * maximum. In AlexNet and SqueezeNet ties cannot be avoided: their pixel methods are compared as a whole (relative L2). */
#include "support/generator.h"
#include "support/small_networks.h"

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_VALUES = 97, MAX_BATCH = 4 };
static const double SAME = 1e-4, TOGETHER = 1e-2;

typedef struct {
    const char *name;
    small_network build; /* NULL: an architecture of the zoo, by way of a file */
    int batch, height, width;
    const char *layer;
} golden_case;

static const golden_case cases[] = {
    {"alexnet_like", small_alexnet, 2, 96, 80, "7"},  {"vgg_like", small_vgg, 1, 48, 64, "11"},
    {"vgg_bn_like", small_vgg_bn, 2, 40, 40, "16"},   {"fire_like", small_squeezenet, 1, 59, 67, "5"},
    {"darknet_like", small_darknet, 1, 52, 44, "13"}, {"residual_like", small_resnet, 2, 37, 41, "5"},
    {"alexnet", NULL, 1, 224, 224, "features.11"},    {"squeezenet1_1", NULL, 1, 224, 224, "features.12"},
};

/* One line of a .golden file. */
typedef struct {
    char name[64];
    double peak, norm, value[MAX_VALUES];
    int64_t count;
    int shown; /* how many of the `count` values are there, evenly spread */
} expected;

typedef struct {
    const golden_case *c;
    gcam_tensor_table *weights;
    gcam_model *model;
    gcam_session *session;
    gcam_tensor *input;
    long seed;
    int classes[MAX_BATCH];
    expected *line;
    int lines;
} run;

/* Where test files live: beside this source, wherever the tests are started. */
static void golden_path(char *path, size_t size, const golden_case *c, const char *end) {
    snprintf(path, size, "tests/golden/%s.%s", c->name, end);
}

static void parse(expected *e, const char *text) {
    int used = 0;
    ck_assert_int_eq(sscanf(text, "%63s %lf %lf %" SCNd64 "%n", e->name, &e->peak, &e->norm, &e->count, &used), 4);
    char *at = (char *)text + used;
    for (char *end; e->shown < MAX_VALUES; at = end) {
        e->value[e->shown] = strtod(at, &end);
        if (end == at) break;
        e->shown++;
    }
    ck_assert_int_eq(e->shown, e->count < MAX_VALUES ? e->count : MAX_VALUES);
}

static void read_golden(run *r) {
    char path[512], *text = NULL;
    size_t size = 0;
    golden_path(path, sizeof path, r->c, "golden");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no %s: run the tests from the top folder", path);
    ck_assert_int_eq(fscanf(file, "seed %ld classes", &r->seed), 1);
    for (int n = 0; n < r->c->batch; n++) ck_assert_int_eq(fscanf(file, "%d", &r->classes[n]), 1);
    ck_assert_int_eq(fgetc(file), '\n');
    while (getline(&text, &size, file) > 0) {
        r->line = realloc(r->line, (size_t)(r->lines + 1) * sizeof *r->line);
        ck_assert_ptr_nonnull(r->line);
        r->line[r->lines] = (expected){0};
        parse(&r->line[r->lines++], text);
    }
    free(text);
    fclose(file);
}

static void build_small(run *r) {
    gcam_builder *b = NULL;
    gcam_network *network = NULL;
    ck_assert_int_eq(gcam_builder_create(&b), GCAM_OK);
    r->c->build(b, r->c->height, r->c->width);
    ck_assert_msg(gcam_builder_finish(&network, b, r->weights) == GCAM_OK, "%s", gcam_last_error()->message);
    gcam_preprocess how;
    ck_assert_int_eq(gcam_preprocess_preset(&how, "squash"), GCAM_OK);
    how.height = r->c->height, how.width = r->c->width;
    gcam_model_options options = {.struct_size = sizeof options, .preprocess = &how};
    ck_assert_int_eq(gcam_model_from_network(&r->model, network, &options), GCAM_OK);
}

/* The way of a checkpoint: the weights go to a file, and the loader finds the architecture. */
static void load_zoo(run *r) {
    char path[512];
    const char *folder = getenv("GCAM_BUILD");
    snprintf(path, sizeof path, "%s/golden-%ld-%s", folder ? folder : "/tmp", (long)getpid(), r->c->name);
    size_t count = gcam_tensor_table_count(r->weights);
    gcam_tensor_entry *entries = calloc(count, sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    for (size_t i = 0; i < count; i++) entries[i] = *gcam_tensor_table_at(r->weights, i);
    ck_assert_int_eq(gcam_safetensors_write(path, entries, count, NULL, 0, GCAM_DTYPE_F32), GCAM_OK);
    free(entries);
    gcam_status status = gcam_model_load(&r->model, path, NULL);
    unlink(path);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_str_eq(gcam_model_arch(r->model), r->c->name);
}

static void make_input(run *r) {
    gcam_shape shape = gcam_shape_nchw(r->c->batch, 3, r->c->height, r->c->width);
    ck_assert_int_eq(gcam_tensor_create(&r->input, &shape), GCAM_OK);
    for (int n = 0; n < r->c->batch; n++) {
        gcam_image *picture = NULL;
        int width = r->c->build ? r->c->width * 5 / 4 : 320, height = r->c->build ? r->c->height * 5 / 4 : 280;
        ck_assert_int_eq(generator_picture(&picture, (uint64_t)(r->seed + n), width, height), GCAM_OK);
        ck_assert_int_eq(gcam_preprocess_image(r->input, n, picture, gcam_model_preprocess(r->model), NULL), GCAM_OK);
        gcam_image_free(picture);
    }
}

static void setup(run *r) {
    char path[512];
    read_golden(r);
    golden_path(path, sizeof path, r->c, "tensors");
    ck_assert_int_eq(generator_table(&r->weights, (uint64_t)r->seed, path), GCAM_OK);
    if (r->c->build)
        build_small(r);
    else
        load_zoo(r);
    make_input(r);
    gcam_session_options options = {.struct_size = sizeof options, .batch = r->c->batch};
    ck_assert_msg(gcam_session_create(&r->session, r->model, &options) == GCAM_OK, "%s", gcam_last_error()->message);
}

static void finish(run *r) {
    free(r->line);
    gcam_tensor_free(r->input);
    gcam_session_free(r->session);
    gcam_model_free(r->model);
    gcam_tensor_table_free(r->weights);
}

static const expected *find(const run *r, const char *name) {
    for (int i = 0; i < r->lines; i++)
        if (strcmp(r->line[i].name, name) == 0) return &r->line[i];
    return NULL;
}

static float value_at(const expected *e, const gcam_tensor *t, int i) {
    return t->data[e->shown < e->count ? (int64_t)i * (e->count - 1) / (e->shown - 1) : i];
}

/* Every shown value within `reach` of the expected one, and the norm of all. */
static void check_values(const expected *e, const gcam_tensor *t, double reach) {
    double squares = 0;
    ck_assert_int_eq(gcam_shape_count(&t->shape), e->count);
    for (int64_t i = 0; i < e->count; i++) squares += (double)t->data[i] * t->data[i];
    for (int i = 0; i < e->shown; i++) {
        double got = value_at(e, t, i);
        ck_assert_msg(fabs(got - e->value[i]) <= reach, "%s, value %d: %.8g, expected %.8g within %.2g", e->name, i,
                      got, e->value[i], reach);
    }
    double allowed = reach * sqrt((double)e->count);
    ck_assert_msg(fabs(sqrt(squares) - e->norm) <= allowed, "%s: norm %.8g, expected %.8g within %.2g", e->name,
                  sqrt(squares), e->norm, allowed);
}

/* The values as a whole, where single ones may depend on how a tie falls. */
static void check_together(const expected *e, const gcam_tensor *t) {
    double gap = 0, size = 0;
    ck_assert_int_eq(gcam_shape_count(&t->shape), e->count);
    for (int i = 0; i < e->shown; i++) {
        double difference = value_at(e, t, i) - e->value[i];
        gap += difference * difference, size += e->value[i] * e->value[i];
    }
    ck_assert_msg(gap <= TOGETHER * TOGETHER * size, "%s: relative distance %.3g", e->name, sqrt(gap / size));
}

/* CAM-family maps are compared on the scale of the signed map S: a rectified one may be almost or exactly zero. */
static double scale_of(const run *r, int image, const gcam_explanation *e, const expected *raw) {
    char name[64];
    snprintf(name, sizeof name, "%d.signed.raw", image);
    const char *id = gcam_explanation_method(e)->id;
    int of_signed = strcmp(id, "gradcam") == 0 || strcmp(id, "counterfactual") == 0;
    return of_signed ? find(r, name)->peak : raw->peak;
}

static void check_explanation(const run *r, int image, const gcam_explanation *e) {
    char name[64];
    const gcam_method_info *method = gcam_explanation_method(e);
    snprintf(name, sizeof name, "%d.%s.raw", image, method->id);
    const expected *raw = find(r, name);
    snprintf(name, sizeof name, "%d.%s.map", image, method->id);
    const expected *map = find(r, name);
    ck_assert_msg(raw && map, "no expected output for %s", name);
    if (method->per_pixel && !r->c->build) {
        check_together(raw, gcam_explanation_raw(e));
        check_together(map, gcam_explanation_map(e));
        return;
    }
    double scale = scale_of(r, image, e, raw);
    check_values(raw, gcam_explanation_raw(e), SAME * scale);
    check_values(map, gcam_explanation_map(e), raw->peak > 0 ? SAME * scale / raw->peak : SAME);
}

static void check_image(const run *r, int image) {
    const char *methods[] = {"gradcam",         "signed",    "counterfactual", "gradient",
                             "guided-backprop", "deconvnet", "guided-gradcam", "cam"};
    size_t count = sizeof methods / sizeof *methods;
    if (!find(r, "0.cam.raw")) count--;
    gcam_target target = {GCAM_TARGET_LOGIT, r->classes[image], 0};
    gcam_explain_options options = {.struct_size = sizeof options,
                                    .methods = methods,
                                    .method_count = count,
                                    .targets = &target,
                                    .target_count = 1,
                                    .layers = &r->c->layer,
                                    .layer_count = 1};
    gcam_explanation **found = NULL;
    size_t got = 0;
    gcam_status status = gcam_explain_tensor(&found, &got, r->session, r->input, image, &options);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_uint_eq(got, count);
    for (size_t i = 0; i < got; i++) check_explanation(r, image, found[i]);
    gcam_explanations_free(found, got);
}

START_TEST(same_numbers_as_pytorch) {
    run r = {.c = &cases[_i]};
    setup(&r);
    ck_assert_msg(gcam_session_forward(r.session, r.input) == GCAM_OK, "%s", gcam_last_error()->message);
    const expected *logits = find(&r, "logits");
    check_values(logits, gcam_session_output(r.session), SAME * logits->peak);
    gcam_prediction top;
    for (int n = 0; n < r.c->batch; n++) {
        ck_assert_int_eq(gcam_session_top(r.session, n, &top, 1), GCAM_OK);
        ck_assert_int_eq(top.class_index, r.classes[n]);
        check_image(&r, n);
    }
    finish(&r);
}
END_TEST

Suite *golden_suite(void);
Suite *golden_suite(void) {
    Suite *suite = suite_create("golden");
    TCase *tcase = tcase_create("golden");
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, same_numbers_as_pytorch, 0, sizeof cases / sizeof *cases);
    return suite;
}
