/* Tests of lib/train and of layers in training: batch statistics against a double reference, whole steps against PyTorch's losses,
 * runs that are stopped and resumed, and a small problem with a known answer. */
#include "core/memory.h"
#include "core/random.h"
#include "support/generator.h"
#include "support/layer_case.h"
#include "support/process.h"
#include "train/train.h"

#include "gradcam.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *train_suite(void);

#define OK(call) ck_assert_msg((call) == GCAM_OK, "%s", gcam_last_error()->message)

/* ---- batch norm ---------------------------------------------------------------------------------------------------------- */

/* sum of dout y, y = gamma (x - mean) / sqrt(var + eps) + beta with the statistics of the batch, in double. */
static double normalised_sum(const reference *r, double eps) {
    int64_t channels = r->in_shape->dim[1], count = gcam_shape_count(r->in_shape), size = 1;
    for (int i = 2; i < r->in_shape->rank; i++) size *= r->in_shape->dim[i];
    double sum = 0;
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, variance = 0, each = (double)(count / channels);
        for (int64_t i = 0; i < count; i++)
            if (i / size % channels == c) mean += r->in[0][i] / each;
        for (int64_t i = 0; i < count; i++)
            if (i / size % channels == c) variance += (r->in[0][i] - mean) * (r->in[0][i] - mean) / each;
        for (int64_t i = 0; i < count; i++)
            if (i / size % channels == c)
                sum += r->dout[i] * (r->weight[0][c] * (r->in[0][i] - mean) / sqrt(variance + eps) + r->weight[1][c]);
    }
    return sum;
}

/* d normalised_sum / d *value, four-point central difference. */
static double slope_of(const reference *r, double eps, double *value) {
    static const double step = 1e-3, weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12}, shift[4] = {-2, -1, 1, 2};
    double start = *value, slope = 0;
    for (int k = 0; k < 4; k++) {
        *value = start + shift[k] * step;
        slope += weight[k] / step * normalised_sum(r, eps);
    }
    *value = start;
    return slope;
}

START_TEST(batch_norm_in_training_has_the_gradient_of_its_statistics) {
    const layer_case cases[] = {
        {"batchnorm", &(const gcam_batchnorm_params){.eps = 1e-3}, 1, {{4, {3, 5, 4, 7}}}, 2, 5},
        {"batchnorm", NULL, 1, {{2, {6, 4}}}, 1, 0},
    };
    const layer_case *c = &cases[_i];
    double eps = _i == 0 ? 1e-3 : 1e-5;
    gcam__training training = {1, 2, 3};
    trial t;
    reference r;
    trial_create(&t, c, &(gcam__compute){.kernels = GCAM_KERNELS_PLAIN}, 2);
    t.training = &training;
    trial_forward(&t);
    trial_backward(&t, GCAM_RULE_GRADIENT, 1);
    double expected[2][8] = {{0}};
    int64_t count = gcam_shape_count(&t.in_shape[0]), channels = t.in_shape[0].dim[1];
    for (int64_t seed = 0; seed < 2; seed++) {
        trial_reference(&t, &r, seed);
        for (int64_t i = 0; i < count; i++)
            ck_assert_double_eq_tol(t.din[0]->data[seed * count + i], slope_of(&r, eps, &r.in[0][i]), 2e-5);
        for (int k = 0; k < 2; k++)
            for (int64_t i = 0; i < channels; i++) expected[k][i] += slope_of(&r, eps, &r.weight[k][i]);
        reference_free(&r);
    }
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < channels; i++)
            ck_assert_double_eq_tol(t.dweight[k]->data[i], 1 + expected[k][i], 5e-5); /* added to ones */
    trial_free(&t);
}
END_TEST

/* Two values a channel, reckoned by hand: 1 and 3 have mean 2, variance 1, unbiased 2. */
START_TEST(batch_norm_moves_its_running_averages) {
    const layer_case c = {"batchnorm", NULL, 1, {{2, {2, 1}}}};
    gcam__training training = {1, 2, 3};
    trial t;
    trial_create(&t, &c, &(gcam__compute){.kernels = GCAM_KERNELS_PLAIN}, 1);
    t.training = &training;
    t.in[0]->data[0] = 1, t.in[0]->data[1] = 3;
    t.layer.weight[0].data[0] = 2, t.layer.weight[1].data[0] = 10;
    t.layer.weight[2].data[0] = 5, t.layer.weight[3].data[0] = 7;
    trial_forward(&t);
    ck_assert_float_eq_tol(t.out->data[0], 8, 1e-4F);
    ck_assert_float_eq_tol(t.out->data[1], 12, 1e-4F);
    ck_assert_float_eq_tol(t.layer.weight[2].data[0], 0.9F * 5 + 0.1F * 2, 1e-6F);
    ck_assert_float_eq_tol(t.layer.weight[3].data[0], 0.9F * 7 + 0.1F * 2, 1e-6F);
    trial_free(&t);
}
END_TEST

/* ---- dropout ------------------------------------------------------------------------------------------------------------- */

START_TEST(dropout_drops_its_share_and_passes_what_it_kept) {
    const layer_case c = {"dropout", &(const gcam_dropout_params){.p = 0.25}, 1, {{2, {10, 2000}}}};
    gcam__training training = {1, 2, 3};
    trial t;
    trial_create(&t, &c, &(gcam__compute){.kernels = GCAM_KERNELS_PLAIN}, 2);
    t.training = &training;
    trial_forward(&t);
    trial_backward(&t, GCAM_RULE_GRADIENT, 0);
    int64_t count = gcam_shape_count(&t.in_shape[0]), dropped = 0;
    for (int64_t i = 0; i < count; i++) {
        int kept = t.out->data[i] != 0;
        dropped += !kept;
        if (kept) ck_assert_float_eq_tol(t.out->data[i], t.in[0]->data[i] / 0.75F, 1e-6F);
        for (int64_t s = 0; s < 2; s++)
            ck_assert_float_eq_tol(t.din[0]->data[s * count + i], kept ? t.dout->data[s * count + i] / 0.75F : 0,
                                   1e-6F);
    }
    ck_assert_double_eq_tol((double)dropped / (double)count, 0.25, 0.02); /* six standard deviations */
    training.step++;
    int64_t other = 0;
    float *before = malloc((size_t)count * sizeof *before);
    memcpy(before, t.out->data, (size_t)count * sizeof *before);
    trial_forward(&t);
    for (int64_t i = 0; i < count; i++) other += t.out->data[i] != before[i];
    ck_assert_int_gt(other, count / 5);
    free(before);
    trial_free(&t);
}
END_TEST

/* y = dropout(x) + x is x or 3 x with p = 1/2: 0 or 4 x where dropout has taken x's place as it does at inference. */
START_TEST(dropout_in_training_leaves_its_input_to_others) {
    gcam_network *network = NULL;
    gcam_session *s = NULL;
    gcam_tensor *input = NULL;
    gcam_shape shape = gcam_shape_nchw(2, 3, 5, 5);
    gcam_session_options options = {.struct_size = sizeof options, .batch = 2};
    OK(gcam_network_from_text(&network,
                              "gradcam graph 1\nx = input channels=3 height=5 width=5\ndrop = dropout x\n"
                              "y = add drop x\n",
                              NULL));
    OK(gcam_session_create_network(&s, network, &options));
    OK(gcam_session_watch(s, 0, GCAM_WATCH_GRADIENT));
    OK(gcam_tensor_create(&input, &shape));
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) input->data[i] = 1;
    OK(gcam_session_forward(s, input));
    ck_assert_float_eq(gcam_session_output(s)->data[0], 2); /* at inference */
    gcam__session_train(s, 1, 0);
    OK(gcam_session_forward(s, input));
    OK(gcam_session_backward(s, input, GCAM_RULE_GRADIENT));
    const float *y = gcam_session_output(s)->data, *dx = gcam_session_gradient(s, 0)->data;
    int tripled = 0;
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) {
        ck_assert(y[i] == 1 || y[i] == 3);
        ck_assert_float_eq(dx[i], y[i]);
        tripled += y[i] == 3;
    }
    ck_assert(tripled > 50 && tripled < 100);
    gcam_tensor_free(input);
    gcam_session_free(s);
    gcam_network_free(network);
}
END_TEST

/* ---- loss ---------------------------------------------------------------------------------------------------------------- */

START_TEST(cross_entropy_is_its_formula_and_has_its_gradient) {
    float logits[6] = {1, 2, 0.5F, -1, 0, 3}, slope[6];
    int classes[2] = {1, 0}, correct;
    double loss = gcam__cross_entropy(logits, classes, 2, 3, 0.3, slope, &correct), expected = 0;
    for (int i = 0; i < 2; i++) {
        double sum = 0;
        for (int k = 0; k < 3; k++) sum += exp(logits[3 * i + k]);
        for (int k = 0; k < 3; k++)
            expected -= ((k == classes[i] ? 0.7 : 0) + 0.1) * log(exp(logits[3 * i + k]) / sum) / 2;
    }
    ck_assert_double_eq_tol(loss, expected, 1e-12);
    ck_assert_int_eq(correct, 1);
    for (int i = 0; i < 6; i++) {
        float kept = logits[i];
        logits[i] = kept + 1.0F / 256;
        double above = gcam__cross_entropy(logits, classes, 2, 3, 0.3, NULL, &correct);
        logits[i] = kept - 1.0F / 256;
        double below = gcam__cross_entropy(logits, classes, 2, 3, 0.3, NULL, &correct);
        logits[i] = kept;
        ck_assert_double_eq_tol(slope[i], (above - below) * 128, 1e-5);
    }
}
END_TEST

START_TEST(the_learning_rate_follows_its_schedule) {
    gcam_train_options o;
    gcam_train_options_defaults(&o);
    o.epochs = 10, o.lr = 1, o.warm_up = 2;
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 9, 10), 0.5, 1e-12);
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 19, 10), 1, 1e-12);
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 59, 10), 0.5, 0.02);
    ck_assert_double_lt(gcam__learning_rate(&o, 99, 10), 0.001);
    ck_assert_double_gt(gcam__learning_rate(&o, 99, 10), 0);
    o.cool_down = 4;
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 40, 10), 1, 1e-12);
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 60, 10), 1, 1e-12);
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 80, 10), 0.5, 1e-12);
    ck_assert_double_eq_tol(gcam__learning_rate(&o, 99, 10), 0.025, 1e-12);
    o.first_size = 64, o.size = 96, o.growth = 6;
    static const int sides[10] = {64, 64, 64, 80, 80, 80, 96, 96, 96, 96};
    for (int epoch = 0; epoch < 10; epoch++) ck_assert_int_eq(gcam__crop_side(&o, epoch), sides[epoch]);
}
END_TEST

/* ---- PyTorch -------------------------------------------------------------------------------------------------------------- */

static char *read_file(const char *path) {
    static char text[1 << 15];
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no %s: run the tests from the top folder", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void fill_from_generator(gcam_trainer *t) {
    gcam_tensor_table *table = NULL;
    OK(gcam_tensor_table_create(&table));
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam__parameter *p = &t->now.network->parameters[i];
        float values[8192];
        ck_assert_int_le(gcam_shape_count(&p->value.shape), 8192);
        generator_fill(1, p->name, &p->value.shape, values);
        OK(gcam_tensor_table_add(table, p->name, &p->value.shape, values));
    }
    OK(gcam_trainer_set_weights(t, table));
    gcam_tensor_table_free(table);
}

static void golden_losses(gcam_kernels kernels, int threads) {
    gcam_train_options o = {
        .struct_size = sizeof o, .lr = 0.05, .weight_decay = 1e-3, .label_smoothing = 0.1, .threads = threads};
    o.kernels = kernels;
    gcam_trainer *t = NULL;
    gcam_tensor *input = NULL;
    gcam_shape shape = gcam_shape_nchw(8, 3, 16, 16);
    OK(gcam_trainer_create(&t, read_file("tests/golden/train.net"), NULL, &o));
    OK(gcam_tensor_create(&input, &shape));
    fill_from_generator(t);
    char *at = read_file("tests/golden/train.golden");
    for (int step = 0; step < 20; step++) {
        char name[32];
        int classes[8];
        gcam_train_report report;
        snprintf(name, sizeof name, "batch%d", step);
        generator_fill(1, name, &shape, input->data);
        for (int64_t i = 0; i < gcam_shape_count(&shape); i++) input->data[i] *= 16;
        for (int i = 0; i < 8; i++) classes[i] = (step * 7 + i * 3) % 5;
        OK(gcam_trainer_step_on(t, input, classes, &report));
        ck_assert_msg(fabs(report.loss - strtod(at, &at)) <= 1e-4, "step %d: loss %.9g", step, report.loss);
    }
    gcam_tensor_free(input);
    gcam_trainer_free(t);
}

START_TEST(twenty_steps_have_the_losses_of_pytorch) {
    golden_losses(GCAM_KERNELS_AUTO, 2);
    golden_losses(GCAM_KERNELS_PLAIN, 1);
}
END_TEST

/* ---- discs and stripes ----------------------------------------------------------------------------------------------------- */

static const char *const shapes[2] = {"disc", "stripes"};
static const char shapes_graph[] = "gradcam graph 1\n"
                                   "image = input channels=3 height=24 width=24\n"
                                   "conv1 = conv2d image out=16 kernel=3 stride=1 pad=1 no_bias=1\n"
                                   "bn1 = batchnorm conv1\n"
                                   "relu1 = relu bn1\n"
                                   "conv2 = conv2d relu1 out=32 kernel=3 stride=2 pad=1 no_bias=1\n"
                                   "bn2 = batchnorm conv2\n"
                                   "relu2 = relu bn2\n"
                                   "drop = dropout relu2 p=0.1\n"
                                   "pool = global_avg_pool drop\n"
                                   "flat = flatten pool\n"
                                   "fc = linear flat out=2\n";

/* A disc or upright stripes of random place and colour on noise. */
static gcam_image *draw_shape(int kind, uint64_t sample) {
    gcam_image *image = NULL;
    uint64_t next = 0;
    OK(gcam_image_create(&image, 24, 24));
    double x0 = 6 + 12 * gcam__random_uniform(9, 0, sample, next++),
           y0 = 6 + 12 * gcam__random_uniform(9, 0, sample, next++);
    double radius = 4 + 3 * gcam__random_uniform(9, 0, sample, next++);
    int color[3], period = 3 + (int)(3 * gcam__random_uniform(9, 0, sample, next++));
    for (int c = 0; c < 3; c++) color[c] = (int)(255 * gcam__random_uniform(9, 0, sample, next++));
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 24; x++) {
            double dx = x - x0, dy = y - y0;
            int inside = kind ? x / period % 2 : dx * dx + dy * dy < radius * radius;
            for (int c = 0; c < 3; c++)
                image->pixels[(y * 24 + x) * 3 + c] =
                    (uint8_t)(inside ? color[c] : 255 * gcam__random_uniform(9, 1, sample, next++));
        }
    return image;
}

static gcam_dataset *draw_shapes(int count, uint64_t first) {
    gcam_dataset *dataset = NULL;
    OK(gcam_dataset_create(&dataset, 24, shapes, 2));
    for (int i = 0; i < count; i++) {
        gcam_image *image = draw_shape(i % 2, first + (uint64_t)i);
        OK(gcam_dataset_add(dataset, image, i % 2));
        gcam_image_free(image);
    }
    return dataset;
}

static gcam_trainer *shapes_trainer(const gcam_dataset *photos, int epochs, int threads) {
    gcam_train_options o;
    gcam_trainer *t = NULL;
    gcam_train_options_photos(&o);
    o.epochs = epochs, o.batch = 16, o.seed = 5, o.threads = threads, o.average = 0.9, o.erase = 0.25, o.warm_up = 0.5;
    OK(gcam_trainer_create(&t, shapes_graph, photos, &o));
    return t;
}

START_TEST(a_small_network_learns_discs_from_stripes) {
    gcam_dataset *photos = draw_shapes(192, 0), *others = draw_shapes(200, 1000);
    gcam_trainer *t = shapes_trainer(photos, 20, 2);
    t->options.min_crop = 0, t->options.erase = 0; /* they hide too much of so small a picture */
    gcam_train_score before, after, raw;
    OK(gcam_trainer_evaluate(t, others, GCAM_TRAIN_BEST, &before, NULL));
    while (gcam_trainer_position(t) < gcam_trainer_steps(t)) OK(gcam_trainer_step(t, NULL));
    ck_assert_int_eq(gcam_trainer_step(t, NULL), GCAM_ERR_STATE);
    OK(gcam_trainer_evaluate(t, others, GCAM_TRAIN_BEST, &after, NULL));
    OK(gcam_trainer_evaluate(t, others, GCAM_TRAIN_RAW, &raw, NULL));
    ck_assert_int_lt(before.correct, 150);
    ck_assert_msg(after.correct >= 190 && raw.correct >= 190, "%d and %d of 200 right", (int)after.correct,
                  (int)raw.correct);
    ck_assert_double_lt(after.loss, before.loss / 2);

    /* what was exported is a model that anybody can load, and it says the same */
    char path[64];
    snprintf(path, sizeof path, "/tmp/gradcam-train-%ld.safetensors", (long)getpid());
    gcam_metadata about = {"license", "drawn by the test"};
    OK(gcam_trainer_export(t, path, GCAM_TRAIN_BEST, GCAM_DTYPE_F16, &about, 1));
    gcam_model *model = NULL;
    gcam_session *s = NULL;
    OK(gcam_model_load(&model, path, NULL));
    unlink(path);
    ck_assert_str_eq(gcam_model_metadata(model, "license"), "drawn by the test");
    ck_assert_str_eq(gcam_model_label(model, 1), "stripes");
    OK(gcam_session_create(&s, model, NULL));
    int right = 0;
    for (int i = 0; i < 40; i++) {
        gcam_image *image = draw_shape(i % 2, 1000 + (uint64_t)i);
        gcam_prediction top;
        OK(gcam_classify(s, image, &top, 1));
        right += top.class_index == i % 2;
        gcam_image_free(image);
    }
    ck_assert_int_ge(right, 36);
    gcam_session_free(s);
    gcam_model_free(model);
    gcam_trainer_free(t);
    gcam_dataset_free(photos);
    gcam_dataset_free(others);
}
END_TEST

/* ---- the same bits --------------------------------------------------------------------------------------------------------- */

/* All weights, velocities and means are the same bits. */
static void assert_same(const gcam_trainer *a, const gcam_trainer *b) {
    ck_assert_int_eq(gcam_trainer_position(a), gcam_trainer_position(b));
    for (size_t i = 0; i < a->now.network->parameter_count; i++) {
        const gcam__parameter *p = &a->now.network->parameters[i];
        size_t bytes = (size_t)gcam_shape_count(&p->value.shape) * sizeof(float);
        ck_assert_mem_eq(p->value.data, b->now.network->parameters[i].value.data, bytes);
        ck_assert_mem_eq(a->mean.network->parameters[i].value.data, b->mean.network->parameters[i].value.data, bytes);
        if (a->velocity[i]) ck_assert_mem_eq(a->velocity[i], b->velocity[i], bytes);
    }
}

START_TEST(a_resumed_run_is_the_same_run) {
    gcam_dataset *photos = draw_shapes(40, 0);
    gcam_trainer *straight = shapes_trainer(photos, 2, 1), *first = shapes_trainer(photos, 2, 2);
    gcam_trainer *second = shapes_trainer(photos, 2, 1), *other = shapes_trainer(photos, 3, 1);
    char path[64];
    snprintf(path, sizeof path, "/tmp/gradcam-checkpoint-%ld", (long)getpid());
    for (int i = 0; i < 4; i++) OK(gcam_trainer_step(straight, NULL));
    for (int i = 0; i < 2; i++) OK(gcam_trainer_step(first, NULL));
    OK(gcam_trainer_save(first, path));
    OK(gcam_trainer_resume(second, path));
    assert_same(first, second);
    for (int i = 0; i < 2; i++) OK(gcam_trainer_step(second, NULL));
    assert_same(straight, second); /* also: two threads gave the bits of one */
    ck_assert_int_eq(gcam_trainer_resume(other, path), GCAM_ERR_ARGUMENT);
    ck_assert_msg(strstr(gcam_last_error()->message, "2 epochs") != NULL, "%s", gcam_last_error()->message);
    unlink(path);
    gcam_trainer_free(straight);
    gcam_trainer_free(first);
    gcam_trainer_free(second);
    gcam_trainer_free(other);
    gcam_dataset_free(photos);
}
END_TEST

START_TEST(clipping_bounds_a_step) {
    gcam_dataset *photos = draw_shapes(32, 0);
    gcam_train_options o = {.struct_size = sizeof o, .batch = 16, .lr = 1, .momentum = -1, .clip = 0.01};
    gcam_trainer *t = NULL;
    gcam_train_report report;
    OK(gcam_trainer_create(&t, shapes_graph, photos, &o));
    double moved = 0;
    float *before[32];
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam_tensor *w = &t->now.network->parameters[i].value;
        before[i] = malloc((size_t)gcam_shape_count(&w->shape) * sizeof(float));
        memcpy(before[i], w->data, (size_t)gcam_shape_count(&w->shape) * sizeof(float));
    }
    OK(gcam_trainer_step(t, &report));
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam_tensor *w = &t->now.network->parameters[i].value;
        for (int64_t e = 0; t->velocity[i] && e < gcam_shape_count(&w->shape); e++)
            moved += pow((double)w->data[e] - before[i][e], 2);
        free(before[i]);
    }
    ck_assert_double_gt(report.gradient, 0.02);
    ck_assert_double_eq_tol(sqrt(moved), 0.01 * report.lr, 1e-5);
    gcam_trainer_free(t);
    gcam_dataset_free(photos);
}
END_TEST

/* ---- photos ------------------------------------------------------------------------------------------------------------------ */

/* A crop of everything, at the photo's own size, is the photo; mirrored it is the mirrored photo. */
START_TEST(augmentation_without_chance_is_preprocessing) {
    gcam_dataset *photos = draw_shapes(16, 0);
    gcam_train_options o = {.struct_size = sizeof o, .batch = 16};
    gcam_trainer *t = NULL;
    OK(gcam_trainer_create(&t, shapes_graph, photos, &o));
    OK(gcam_trainer_step(t, NULL)); /* leaves the batch in t->input */
    float plain[3 * 24 * 24];
    for (int i = 0; i < 16; i++) {
        gcam__normalise(&t->preprocess, photos->photos[t->order[i]], 24 * 24, plain);
        for (int e = 0; e < 3 * 24 * 24; e++)
            ck_assert_float_eq_tol(t->input->data[i * 3 * 24 * 24 + e], plain[e], 1e-4F);
    }
    t->options.flip = 1;
    int mirrored = 0;
    float *room = malloc(gcam__augment_room(24, 24) * sizeof *room);
    for (int i = 0; i < 16; i++) {
        gcam__augment(t, photos->photos[0], 3, i, room);
        gcam__normalise(&t->preprocess, photos->photos[0], 24 * 24, plain);
        const float *got = t->input->data + i * 3 * 24 * 24;
        int turned = fabsf(got[0] - plain[0]) > 1e-3F;
        mirrored += turned;
        for (int e = 0; e < 3 * 24 * 24; e++)
            ck_assert_float_eq_tol(got[e], plain[turned ? e / 24 * 24 + 23 - e % 24 : e], 1e-4F);
    }
    ck_assert(mirrored > 2 && mirrored < 14);
    free(room);
    gcam_trainer_free(t);
    gcam_dataset_free(photos);
}
END_TEST

static void write_photo(const char *folder, const char *name, int kind) {
    char path[512];
    gcam_image *image = draw_shape(kind, 1);
    mkdir(folder, 0755);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(gcam_image_save(image, path));
    gcam_image_free(image);
}

START_TEST(a_folder_of_folders_is_a_set_of_photos) {
    char folder[] = "/tmp/gradcam-photos-XXXXXX", path[256], line[300];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/two_words", folder);
    write_photo(path, "b.png", 1);
    write_photo(path, "a.png", 0);
    snprintf(path, sizeof path, "%s/one", folder);
    write_photo(path, "c.png", 1);
    gcam_dataset *set = NULL;
    OK(gcam_dataset_load(&set, folder, NULL, 12, NULL, 0));
    ck_assert_uint_eq(gcam_dataset_count(set), 3);
    ck_assert_str_eq(gcam_dataset_label(set, 0), "one");
    ck_assert_str_eq(gcam_dataset_label(set, 1), "two words");
    ck_assert_int_eq(gcam_dataset_class(set, 2), 1);
    gcam_dataset_free(set);
    static const char *const order[] = {"Two words", "one"}, *const missing[] = {"one", "three"};
    OK(gcam_dataset_load(&set, folder, NULL, 12, order, 2));
    ck_assert_int_eq(gcam_dataset_class(set, 0), 0);
    ck_assert_str_eq(gcam_dataset_label(set, 0), "Two words");
    gcam_dataset_free(set);
    ck_assert_int_eq(gcam_dataset_load(&set, folder, NULL, 12, missing, 2), GCAM_ERR_NOT_FOUND);
    ck_assert_ptr_null(set);
    ck_assert_msg(strstr(gcam_last_error()->message, "\"three\"") != NULL, "%s", gcam_last_error()->message);
    ck_assert_int_eq(gcam_dataset_load(&set, folder, "val", 12, NULL, 0), GCAM_ERR_IO);
    snprintf(line, sizeof line, "%s/one/d.png", folder);
    FILE *file = fopen(line, "w");
    fputs("no picture", file);
    fclose(file);
    ck_assert_int_ne(gcam_dataset_load(&set, folder, NULL, 12, NULL, 0), GCAM_OK);
    ck_assert_msg(strstr(gcam_last_error()->message, "d.png") != NULL, "%s", gcam_last_error()->message);
    snprintf(line, sizeof line, "rm -r %s", folder);
    ck_assert_int_eq(system(line), 0);
}
END_TEST

START_TEST(a_set_is_split_by_chance) {
    gcam_dataset *set = draw_shapes(400, 0), *part = NULL;
    OK(gcam_dataset_split(&part, set, 0.25, 3));
    ck_assert_uint_eq(gcam_dataset_count(set) + gcam_dataset_count(part), 400);
    ck_assert(gcam_dataset_count(part) > 60 && gcam_dataset_count(part) < 140);
    gcam_dataset_free(set);
    gcam_dataset_free(part);
}
END_TEST

/* ---- wrong use --------------------------------------------------------------------------------------------------------------- */

START_TEST(what_cannot_be_trained_is_refused_in_a_sentence) {
    gcam_dataset *photos = draw_shapes(8, 0);
    gcam_trainer *t = NULL;
    gcam_train_options o = {.struct_size = sizeof o, .label_smoothing = 2};
    ck_assert_int_eq(gcam_trainer_create(&t, shapes_graph, photos, &o), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(
        gcam_trainer_create(&t, "gradcam graph 1\nx = input channels=3 height=24 width=24\ny = linear x out=3\n",
                            photos, NULL),
        GCAM_ERR_SHAPE);
    ck_assert_int_eq(gcam_trainer_create(&t, "gradcam graph 1\nx = inptu\n", photos, NULL), GCAM_ERR_UNSUPPORTED);
    ck_assert_int_eq(gcam_trainer_create(&t, NULL, photos, NULL), GCAM_ERR_ARGUMENT);
    OK(gcam_trainer_create(&t, shapes_graph, photos, NULL));
    ck_assert_int_eq(gcam_trainer_steps(t), 16); /* a batch is at most all photos */
    int classes[1] = {2};
    gcam_tensor *input = NULL;
    gcam_shape shape = gcam_shape_nchw(1, 3, 24, 24);
    OK(gcam_tensor_create(&input, &shape));
    ck_assert_int_eq(gcam_trainer_step_on(t, input, classes, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_trainer_resume(t, "/nonexistent/file"), GCAM_ERR_IO);
    gcam_tensor_free(input);
    gcam_trainer_free(t);
    gcam_dataset_free(photos);
}
END_TEST

/* ---- the command and the example ---------------------------------------------------------------------------------------------- */

/* FOLDER/disc and FOLDER/stripes with 20 photos each, and the graph beside them. */
static void write_shapes(const char *folder) {
    char path[512];
    for (int i = 0; i < 40; i++) {
        gcam_image *image = draw_shape(i % 2, (uint64_t)i);
        snprintf(path, sizeof path, "%s/%s", folder, shapes[i % 2]);
        mkdir(path, 0755);
        snprintf(path, sizeof path, "%s/%s/%02d.png", folder, shapes[i % 2], i);
        OK(gcam_image_save(image, path));
        gcam_image_free(image);
    }
    snprintf(path, sizeof path, "%s.net", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(shapes_graph, file);
    fclose(file);
}

/* $B is the build folder, $D the folder of photos. */
static void expect(const char *folder, const char *line, int code, const char *says) {
    char command[1024];
    process_result r;
    snprintf(command, sizeof command, "B=%s D=%s; %s", test_build_folder(), folder, line);
    process_run(&r, command);
    ck_assert_msg(r.exit_code == code && strstr(code ? r.err : r.out, says), "%s\nexit code %d: %s%s", line,
                  r.exit_code, r.out, r.err);
    process_free(&r);
}

START_TEST(the_command_trains_and_goes_on) {
    char folder[] = "/tmp/gradcam-shapes-XXXXXX", path[512];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_shapes(folder);
    static const char run[] = "$B/bin/gradcam train $D --graph $D.net --epochs 2 --batch 8 --seed 3 --hold-out 0.3";
    snprintf(path, sizeof path, "%s -o $D.model --json && wc -l < $D.model.tsv", run);
    expect(folder, path, 0, "\"taken_for\"");
    expect(folder, "$B/bin/gradcam classify -m $D.model $D/disc/00.png", 0, "disc");
    expect(folder, "wc -l < $D.model.tsv; ls $D.model*", 0, "3\n");
    expect(folder, "test ! -e $D.model.checkpoint && echo gone", 0, "gone");
    expect(folder, "$B/bin/gradcam train $D/none", 1, "cannot be read as a folder");
    expect(folder, "$B/bin/gradcam train $D --epochs 0", 2, "--epochs: \"0\" is not a whole number");
    expect(folder, "$B/examples/train $D $D.model", 0, "epoch 10");
    snprintf(path, sizeof path, "rm -r %s %s.*", folder, folder);
    ck_assert_int_eq(system(path), 0);
}
END_TEST

Suite *train_suite(void) {
    Suite *suite = suite_create("train");
    TCase *layers = tcase_create("layers"), *whole = tcase_create("whole"), *photos = tcase_create("photos");
    tcase_add_loop_test(layers, batch_norm_in_training_has_the_gradient_of_its_statistics, 0, 2);
    tcase_add_test(layers, batch_norm_moves_its_running_averages);
    tcase_add_test(layers, dropout_drops_its_share_and_passes_what_it_kept);
    tcase_add_test(layers, dropout_in_training_leaves_its_input_to_others);
    tcase_add_test(layers, cross_entropy_is_its_formula_and_has_its_gradient);
    tcase_add_test(layers, the_learning_rate_follows_its_schedule);
    tcase_add_test(whole, twenty_steps_have_the_losses_of_pytorch);
    tcase_add_test(whole, a_small_network_learns_discs_from_stripes);
    tcase_add_test(whole, a_resumed_run_is_the_same_run);
    tcase_add_test(whole, clipping_bounds_a_step);
    tcase_add_test(photos, augmentation_without_chance_is_preprocessing);
    tcase_add_test(photos, a_folder_of_folders_is_a_set_of_photos);
    tcase_add_test(photos, a_set_is_split_by_chance);
    tcase_add_test(photos, what_cannot_be_trained_is_refused_in_a_sentence);
    tcase_add_test(whole, the_command_trains_and_goes_on);
    tcase_set_timeout(whole, 60);
    suite_add_tcase(suite, layers);
    suite_add_tcase(suite, whole);
    suite_add_tcase(suite, photos);
    return suite;
}
