/* Tests of models: loading, labels, classes by name, saving and loading again, classifying. */
#include "core/half.h"
#include "core/random.h"
#include "graph/network.h"
#include "model/labels.h"
#include "model/zoo/zoo.h"
#include "support/weights.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], checkpoint[128], saved[128];

static void setup(void) {
    snprintf(folder, sizeof folder, "/tmp/gradcam-model-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(checkpoint, sizeof checkpoint, "%s/squeezenet.safetensors", folder);
    snprintf(saved, sizeof saved, "%s/saved.safetensors", folder);
}

static void teardown(void) {
    unlink(checkpoint);
    unlink(saved);
    rmdir(folder);
}

static void check_ok(gcam_status status) {
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
}

/* Writes a table as a checkpoint: tensors alone, without metadata. */
static void write_checkpoint(const gcam_tensor_table *table) {
    size_t count = gcam_tensor_table_count(table);
    gcam_tensor_entry *entries = calloc(count, sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    for (size_t i = 0; i < count; i++) entries[i] = *gcam_tensor_table_at(table, i);
    check_ok(gcam_safetensors_write(checkpoint, entries, count, NULL, 0, GCAM_DTYPE_F32));
    free(entries);
}

/* A checkpoint of SqueezeNet 1.1 with random weights and as many classes. */
static void write_squeezenet(int64_t classes) {
    gcam_tensor_table *like, *table;
    float *zeros = calloc((size_t)classes, sizeof *zeros);
    ck_assert_ptr_nonnull(zeros);
    check_ok(gcam_tensor_table_create(&like));
    check_ok(gcam_tensor_table_add(like, "classifier.1.weight", &(gcam_shape){2, {classes, 1}}, zeros));
    table = weights_of_arch("squeezenet1_1", like, 7);
    write_checkpoint(table);
    free(zeros);
    gcam_tensor_table_free(like);
    gcam_tensor_table_free(table);
}

/* Logits of a model for one fixed random input, at 64 x 48; free with free(). */
static float *logits_of(const gcam_model *model) {
    gcam_session *session;
    gcam_session_options options;
    gcam_session_options_defaults(&options);
    options.height = 64;
    options.width = 48;
    check_ok(gcam_session_create(&session, model, &options));
    ck_assert_ptr_eq(gcam_session_model(session), model);
    gcam_shape shape = gcam_session_input_shape(session);
    gcam_tensor *input;
    check_ok(gcam_tensor_create(&input, &shape));
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++)
        input->data[i] = (float)gcam__random_normal(1, 2, 3, (uint64_t)i);
    check_ok(gcam_session_forward(session, input));
    size_t bytes = (size_t)gcam_model_class_count(model) * sizeof(float);
    float *logits = malloc(bytes);
    ck_assert_ptr_nonnull(logits);
    memcpy(logits, gcam_session_output(session)->data, bytes);
    gcam_tensor_free(input);
    gcam_session_free(session);
    return logits;
}

/* ---- labels ------------------------------------------------------------------------------------------------------------------ */

START_TEST(labels_are_found_as_people_write_them) {
    const char *const text[] = {"tench", "tiger cat", "tiger", "Boxer", "cat", "crane", "crane"};
    gcam__labels labels;
    int index = -1;
    check_ok(gcam__labels_copy(&labels, text, 7, 7));
    check_ok(gcam__labels_find(&labels, "2", &index));
    ck_assert_int_eq(index, 2);
    check_ok(gcam__labels_find(&labels, "tiger", &index)); /* exact, though "tiger cat" has it too */
    ck_assert_int_eq(index, 2);
    check_ok(gcam__labels_find(&labels, "TIGER C", &index));
    ck_assert_int_eq(index, 1);
    check_ok(gcam__labels_find(&labels, "box", &index));
    ck_assert_int_eq(index, 3);
    ck_assert_int_eq(gcam__labels_find(&labels, "tige", &index), GCAM_ERR_ARGUMENT);
    ck_assert_str_eq(gcam_last_error()->message, "class \"tige\" fits 2 labels: 1 tiger cat, 2 tiger");
    ck_assert_int_eq(gcam__labels_find(&labels, "crane", &index), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam__labels_find(&labels, "7", &index), GCAM_ERR_NOT_FOUND);
    ck_assert_str_eq(gcam_last_error()->message, "there is no class 7: the network has 7, counted from 0");
    ck_assert_int_eq(gcam__labels_find(&labels, "-1", &index), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam__labels_find(&labels, "dog", &index), GCAM_ERR_NOT_FOUND);
    ck_assert_str_eq(gcam_last_error()->message, "no label of the 7 classes contains \"dog\"");
    ck_assert_int_eq(gcam__labels_find(&labels, "", &index), GCAM_ERR_NOT_FOUND);
    gcam__labels_clear(&labels);
}
END_TEST

START_TEST(many_hits_are_cut_short) {
    gcam__labels labels;
    int index;
    check_ok(gcam__labels_copy(&labels, gcam__imagenet_labels, 1000, 1000));
    check_ok(gcam__labels_find(&labels, "boxer", &index));
    ck_assert_int_eq(index, 242);
    check_ok(gcam__labels_find(&labels, "tiger cat", &index));
    ck_assert_int_eq(index, 282);
    ck_assert_int_eq(gcam__labels_find(&labels, "e", &index), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, " more"));
    ck_assert_uint_lt(strlen(gcam_last_error()->message), sizeof gcam_last_error()->message - 1);
    gcam__labels_clear(&labels);
}
END_TEST

START_TEST(labels_come_back_from_a_file) {
    const char *const text[] = {"a", "", "c d"};
    gcam__labels labels, back;
    gcam__text lines = {0};
    check_ok(gcam__labels_copy(&labels, text, 3, 3));
    gcam__labels_write(&labels, &lines);
    ck_assert_str_eq(lines.data, "a\n\nc d");
    check_ok(gcam__labels_read(&back, lines.data, 3));
    for (int i = 0; i < 3; i++) ck_assert_str_eq(back.text[i], text[i]);
    gcam__labels_clear(&back);
    ck_assert_int_eq(gcam__labels_read(&back, lines.data, 2), GCAM_ERR_FORMAT);
    ck_assert_int_eq(gcam__labels_copy(&back, text, 3, 4), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam__labels_copy(&back, (const char *const[]){"a\nb"}, 1, 1), GCAM_ERR_ARGUMENT);
    gcam__text_free(&lines);
    gcam__labels_clear(&labels);
}
END_TEST

/* ---- loading ------------------------------------------------------------------------------------------------------------------- */

START_TEST(a_checkpoint_becomes_a_model) {
    gcam_model *model;
    write_squeezenet(1000);
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    ck_assert_str_eq(gcam_model_arch(model), "squeezenet1_1");
    ck_assert_int_eq(gcam_model_class_count(model), 1000);
    ck_assert_str_eq(gcam_model_label(model, 242), "boxer");
    ck_assert_ptr_null(gcam_model_label(model, 1000));
    ck_assert_int_eq(gcam_model_preprocess(model)->resize, 256);
    ck_assert_str_eq(gcam_model_metadata(model, "source"), "squeezenet.safetensors");
    ck_assert_ptr_null(gcam_model_metadata(model, "license"));
    const gcam_network *network = gcam_model_network(model);
    ck_assert_int_eq(gcam_network_target(network), gcam_network_find(network, "features.12"));
    gcam_model_free(model);
}
END_TEST

START_TEST(other_classes_have_numbers_or_the_callers_labels) {
    const char *const labels[] = {"yes", "no"};
    gcam_model *model;
    gcam_model_options options;
    gcam_model_options_defaults(&options);
    write_squeezenet(2);
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    ck_assert_str_eq(gcam_model_label(model, 1), "class 1");
    gcam_model_free(model);
    options.labels = labels;
    options.label_count = 2;
    check_ok(gcam_model_load(&model, checkpoint, &options));
    ck_assert_str_eq(gcam_model_label(model, 1), "no");
    gcam_model_free(model);
    options.label_count = 1;
    ck_assert_int_eq(gcam_model_load(&model, checkpoint, &options), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "there are 1 labels, but the network has 2 classes"));
}
END_TEST

START_TEST(what_cannot_be_loaded_is_named) {
    gcam_model *model;
    gcam_model_options options;
    gcam_model_options_defaults(&options);
    write_squeezenet(2);
    options.arch = "vgg16";
    ck_assert_int_eq(gcam_model_load(&model, checkpoint, &options), GCAM_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "features.2.weight: there is no such weight"));
    options.arch = "vgg17";
    ck_assert_int_eq(gcam_model_load(&model, checkpoint, &options), GCAM_ERR_NOT_FOUND);
    options = (gcam_model_options){.arch = "vgg16"};
    ck_assert_int_eq(gcam_model_load(&model, checkpoint, &options), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_model_load(&model, "/nowhere/x.pth", NULL), GCAM_ERR_IO);
    ck_assert_int_eq(gcam_model_load(&model, NULL, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(model);
}
END_TEST

START_TEST(weights_must_be_finite) {
    gcam_tensor_table *table = weights_of_arch("squeezenet1_1", NULL, 1);
    const gcam_tensor_entry *entry = gcam_tensor_table_find(table, "features.9.expand3x3.weight");
    float *data = (float *)(uintptr_t)entry->data;
    gcam_model *model;
    data[5] = NAN;
    write_checkpoint(table);
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    gcam_session *session;
    gcam_image *photo;
    gcam_prediction top;
    check_ok(gcam_session_create(&session, model, NULL));
    check_ok(gcam_image_create(&photo, 16, 16));
    ck_assert_int_eq(gcam_classify(session, photo, &top, 1), GCAM_ERR_NUMERIC);
    ck_assert_str_eq(gcam_last_error()->message,
                     "features.9.expand3x3.weight: element 5 is NaN, expected a finite number");
    ck_assert_int_eq(gcam_model_save(model, saved, GCAM_DTYPE_F32), GCAM_ERR_NUMERIC);
    ck_assert_int_ne(access(saved, F_OK), 0);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
    gcam_tensor_table_free(table);
}
END_TEST

START_TEST(graph_text_overrules_the_zoo) {
    gcam_model *model;
    gcam_model_options options;
    gcam_model_options_defaults(&options);
    write_squeezenet(1000);
    options.graph = "gradcam graph 1\n"
                    "photo = input channels=3 height=20 width=30\n"
                    "features.0 = conv2d photo out=64 kernel=3\n"
                    "features.1 = relu features.0\n"
                    "pool = global_avg_pool features.1\n";
    check_ok(gcam_model_load(&model, checkpoint, &options));
    ck_assert_str_eq(gcam_model_arch(model), "custom");
    ck_assert_int_eq(gcam_model_class_count(model), 64);
    ck_assert_int_eq(gcam_model_preprocess(model)->width, 30);
    ck_assert_int_eq(gcam_model_preprocess(model)->height, 20);
    gcam_model_free(model);
    options.graph = "gradcam graph 1\nphoto = input\n";
    ck_assert_int_eq(gcam_model_load(&model, checkpoint, &options), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "line 2: photo: channels"));
}
END_TEST

/* ---- saving --------------------------------------------------------------------------------------------------------------------- */

START_TEST(a_model_file_gives_the_same_bits) {
    const char *const labels[] = {"yes", "no", "perhaps"};
    gcam_model *model, *again;
    gcam_model_options options;
    gcam_preprocess how;
    gcam_model_options_defaults(&options);
    check_ok(gcam_preprocess_preset(&how, "caffe"));
    options.labels = labels;
    options.label_count = 3;
    options.preprocess = &how;
    write_squeezenet(3);
    check_ok(gcam_model_load(&model, checkpoint, &options));
    check_ok(gcam_model_save(model, saved, GCAM_DTYPE_F32));
    check_ok(gcam_model_load(&again, saved, NULL));
    float *a = logits_of(model), *b = logits_of(again);
    ck_assert_mem_eq(a, b, 3 * sizeof *a);
    ck_assert(a[0] != a[1]);
    ck_assert_str_eq(gcam_model_arch(again), "squeezenet1_1");
    ck_assert_str_eq(gcam_model_label(again, 2), "perhaps");
    ck_assert_str_eq(gcam_model_metadata(again, "source"), "squeezenet.safetensors");
    ck_assert_uint_eq(strlen(gcam_model_metadata(again, "sha256")), 64);
    ck_assert_mem_eq(gcam_model_preprocess(model), gcam_model_preprocess(again), sizeof how);
    free(a);
    free(b);
    gcam_model_free(model);
    /* a copy of the copy still names the checkpoint */
    check_ok(gcam_model_save(again, checkpoint, GCAM_DTYPE_F32));
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    ck_assert_str_eq(gcam_model_metadata(model, "source"), gcam_model_metadata(again, "source"));
    ck_assert_str_eq(gcam_model_metadata(model, "sha256"), gcam_model_metadata(again, "sha256"));
    gcam_model_free(model);
    gcam_model_free(again);
}
END_TEST

static float to_half(float value) {
    return gcam__half_to_float(gcam__float_to_half(value));
}

static float to_bfloat(float value) {
    return gcam__bfloat_to_float(gcam__float_to_bfloat(value));
}

static void check_rounded(gcam_dtype dtype, float (*round)(float)) {
    gcam_model *model, *again;
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    check_ok(gcam_model_save(model, saved, dtype));
    check_ok(gcam_model_load(&again, saved, NULL));
    const gcam_network *a = gcam_model_network(model), *b = gcam_model_network(again);
    ck_assert_uint_eq(a->parameter_count, b->parameter_count);
    for (size_t i = 0; i < a->parameter_count; i++) {
        const gcam_tensor *x = &a->parameters[i].value, *y = &b->parameters[i].value;
        ck_assert_str_eq(a->parameters[i].name, b->parameters[i].name);
        for (int64_t k = 0; k < gcam_shape_count(&x->shape); k++) ck_assert(round(x->data[k]) == y->data[k]);
    }
    gcam_model_free(model);
    gcam_model_free(again);
}

START_TEST(half_floats_round_once) {
    write_squeezenet(4);
    check_rounded(GCAM_DTYPE_F16, to_half);
    check_rounded(GCAM_DTYPE_BF16, to_bfloat);
    gcam_model *model;
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    ck_assert_int_eq(gcam_model_save(model, saved, GCAM_DTYPE_I8), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_model_save(model, "/nowhere/x", GCAM_DTYPE_F32), GCAM_ERR_IO);
    gcam_model_free(model);
}
END_TEST

static char *read_bytes(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

START_TEST(models_load_from_memory) {
    gcam_model *model, *from_memory;
    size_t size;
    write_squeezenet(3);
    check_ok(gcam_model_load(&model, checkpoint, NULL));
    char *data = read_bytes(checkpoint, &size);
    check_ok(gcam_model_load_memory(&from_memory, data, size, NULL));
    float *a = logits_of(model), *b = logits_of(from_memory);
    ck_assert_mem_eq(a, b, 3 * sizeof *a);
    check_ok(gcam_model_save(from_memory, saved, GCAM_DTYPE_F32));
    gcam_model_free(model);
    gcam_model_free(from_memory);
    free(data);
    check_ok(gcam_model_load(&model, saved, NULL));
    ck_assert_ptr_null(gcam_model_metadata(model, "source"));
    ck_assert_uint_eq(strlen(gcam_model_metadata(model, "sha256")), 64);
    gcam_model_free(model);
    free(a);
    free(b);
}
END_TEST

/* ---- a network of one's own, and the classes of an input ----------------------------------------------------------------------- */

/* image (1 x 1 x 4) -> flatten -> linear with the given rows: logits are the rows' products with the image. */
static gcam_model *own_model(gcam_tensor_table *table, const float *rows, int64_t classes) {
    gcam_builder *builder;
    gcam_network *network;
    gcam_model *model;
    check_ok(gcam_builder_create(&builder));
    gcam_node x = gcam_input(builder, "image", 1, 1, 4);
    gcam_linear_params params = {.out = classes, .no_bias = 1};
    gcam_linear(builder, "fc", gcam_flatten(builder, "flat", x), &params);
    check_ok(gcam_tensor_table_add(table, "fc.weight", &(gcam_shape){2, {classes, 4}}, rows));
    check_ok(gcam_builder_finish(&network, builder, table));
    check_ok(gcam_model_from_network(&model, network, NULL));
    return model;
}

START_TEST(top_classes_are_in_order) {
    const float rows[] = {1, 0, 0, 0, 3, 0, 0, 0, 0, 2, 0, 0, 3, 0, 0, 0, -1, 0, 0, 0};
    gcam_tensor_table *table;
    check_ok(gcam_tensor_table_create(&table));
    gcam_model *model = own_model(table, rows, 5);
    ck_assert_str_eq(gcam_model_arch(model), "custom");
    ck_assert_str_eq(gcam_model_label(model, 4), "class 4");
    gcam_session *session;
    gcam_tensor *input;
    gcam_prediction top[5];
    gcam_session_options options;
    gcam_session_options_defaults(&options);
    options.batch = 2;
    check_ok(gcam_session_create(&session, model, &options));
    ck_assert_int_eq(gcam_session_top(session, 0, top, 5), GCAM_ERR_STATE);
    gcam_shape shape = gcam_session_input_shape(session);
    check_ok(gcam_tensor_create(&input, &shape));
    input->data[0] = 1; /* logits 1 3 0 3 -1 */
    input->data[5] = 1; /* image 1: logits 0 0 2 0 0 */
    check_ok(gcam_session_forward(session, input));
    check_ok(gcam_session_top(session, 0, top, 5));
    const int expected[] = {1, 3, 0, 2, 4};
    const double sum = exp(1) + 2 * exp(3) + exp(0) + exp(-1);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(top[i].class_index, expected[i]);
        ck_assert_double_eq_tol((double)top[i].probability, exp((double)top[i].logit) / sum, 1e-7);
    }
    ck_assert(top[0].logit == 3.0f);
    check_ok(gcam_session_top(session, 1, top, 2));
    ck_assert_int_eq(top[0].class_index, 2);
    ck_assert_int_eq(top[1].class_index, 0);
    ck_assert_int_eq(gcam_session_top(session, 2, top, 2), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_session_top(session, 0, top, 6), GCAM_ERR_ARGUMENT);
    gcam_image *photo;
    check_ok(gcam_image_create(&photo, 8, 8));
    ck_assert_int_eq(gcam_classify(session, photo, top, 1), GCAM_ERR_STATE); /* batch 2 */
    gcam_image_free(photo);
    gcam_tensor_free(input);
    gcam_session_free(session);
    gcam_model_free(model);
    gcam_tensor_table_free(table);
}
END_TEST

START_TEST(own_networks_can_be_saved) {
    const float rows[] = {1, 2, 3, 4, 5, 6, 7, 8};
    gcam_tensor_table *table;
    gcam_model *again;
    check_ok(gcam_tensor_table_create(&table));
    gcam_model *model = own_model(table, rows, 2);
    check_ok(gcam_model_save(model, saved, GCAM_DTYPE_F32));
    gcam_model_free(model);
    gcam_tensor_table_free(table);
    check_ok(gcam_model_load(&again, saved, NULL));
    ck_assert_str_eq(gcam_model_arch(again), "custom");
    ck_assert_ptr_null(gcam_model_metadata(again, "sha256"));
    const gcam_network *network = gcam_model_network(again);
    ck_assert_mem_eq(network->parameters[0].value.data, rows, sizeof rows);
    ck_assert_int_eq(gcam_model_preprocess(again)->width, 4);
    gcam_model_free(again);
}
END_TEST

/* ---- real networks -------------------------------------------------------------------------------------------------------------- */

/* The best class that PyTorch 1.13 finds, and its logit where the photo decodes alike everywhere (PNG). */
typedef struct answer {
    const char *photo;
    int class_index;
    float logit; /* 0: not compared */
} answer;

static void check_answers(const char *path, const answer *answers, size_t count) {
    gcam_model *model;
    gcam_session *session;
    if (access(path, R_OK) != 0 || access("../shared/photos", R_OK) != 0) {
        printf("skipped: %s or ../shared/photos is not there\n", path);
        return;
    }
    check_ok(gcam_model_load(&model, path, NULL));
    check_ok(gcam_session_create(&session, model, NULL));
    for (size_t i = 0; i < count; i++) {
        gcam_image *photo;
        gcam_prediction top;
        char file[128];
        snprintf(file, sizeof file, "../shared/photos/%s", answers[i].photo);
        gcam_status status = gcam_image_load(&photo, file);
        if (status == GCAM_ERR_UNSUPPORTED && !strstr(gcam_image_readers(), "libjpeg")) {
            printf("skipped: %s\n", gcam_last_error()->message);
            continue;
        }
        check_ok(status);
        check_ok(gcam_classify(session, photo, &top, 1));
        ck_assert_int_eq(top.class_index, answers[i].class_index);
        ck_assert_str_eq(top.label, gcam__imagenet_labels[top.class_index]);
        if (answers[i].logit > 0) ck_assert_float_eq_tol(top.logit, answers[i].logit, 1e-4f);
        gcam_image_free(photo);
    }
    gcam_session_free(session);
    gcam_model_free(model);
}

START_TEST(cifar_networks_have_their_own_labels) {
    const char *const file = "../shared/models/resnet20_cifar10.pth";
    gcam_model *model;
    if (access(file, R_OK) != 0) {
        printf("skipped: %s is not there\n", file);
        return;
    }
    check_ok(gcam_model_load(&model, file, NULL));
    ck_assert_str_eq(gcam_model_arch(model), "resnet20_cifar");
    ck_assert_str_eq(gcam_model_label(model, 3), "cat");
    ck_assert_int_eq(gcam_model_preprocess(model)->width, 32);
    gcam_model_free(model);
}
END_TEST

START_TEST(real_networks_answer_as_in_pytorch) {
    const answer squeezenet[] = {{"cat_dog_224.png", 243, 31.47734f},
                                 {"snake_rgba.png", 56, 43.15892f},
                                 {"cat_dog_640.jpg", 243, 0},
                                 {"eagle.jpg", 21, 0},
                                 {"goldfish.jpg", 1, 0},
                                 {"elephant.jpg", 386, 0},
                                 {"hot_dog.jpg", 934, 0},
                                 {"dog_bicycle_truck.jpg", 537, 0}};
    const answer tiny_darknet[] = {{"cat_dog_224.png", 243, 14.74469f},
                                   {"snake_rgba.png", 56, 25.44101f},
                                   {"cat_dog_640.jpg", 243, 0},
                                   {"cat_grey.jpg", 285, 0},
                                   {"goldfish.jpg", 1, 0},
                                   {"elephant.jpg", 386, 0},
                                   {"hot_dog.jpg", 934, 0},
                                   {"dog_bicycle_truck.jpg", 537, 0}};
    check_answers("../shared/models/squeezenet1_1.pth", squeezenet, sizeof squeezenet / sizeof squeezenet[0]);
    check_answers("../shared/models/tiny_darknet.pth", tiny_darknet, sizeof tiny_darknet / sizeof tiny_darknet[0]);
}
END_TEST

Suite *model_suite(void);
Suite *model_suite(void) {
    Suite *suite = suite_create("model");
    TCase *tests = tcase_create("model");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, labels_are_found_as_people_write_them);
    tcase_add_test(tests, many_hits_are_cut_short);
    tcase_add_test(tests, labels_come_back_from_a_file);
    tcase_add_test(tests, a_checkpoint_becomes_a_model);
    tcase_add_test(tests, other_classes_have_numbers_or_the_callers_labels);
    tcase_add_test(tests, what_cannot_be_loaded_is_named);
    tcase_add_test(tests, weights_must_be_finite);
    tcase_add_test(tests, graph_text_overrules_the_zoo);
    tcase_add_test(tests, a_model_file_gives_the_same_bits);
    tcase_add_test(tests, half_floats_round_once);
    tcase_add_test(tests, models_load_from_memory);
    tcase_add_test(tests, top_classes_are_in_order);
    tcase_add_test(tests, own_networks_can_be_saved);
    tcase_add_test(tests, cifar_networks_have_their_own_labels);
    tcase_add_test(tests, real_networks_answer_as_in_pytorch);
    suite_add_tcase(suite, tests);
    return suite;
}
