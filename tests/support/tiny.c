#include "support/tiny.h"

#include "core/memory.h"
#include "core/random.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void fill(float *values, int64_t count, uint64_t seed, float low, float high) {
    for (int64_t i = 0; i < count; i++)
        values[i] = low + (high - low) * (float)gcam__random_uniform(seed, 0, 0, (uint64_t)i);
}

void tiny_begin(tiny *t) {
    memset(t, 0, sizeof *t);
    ck_assert_int_eq(gcam_tensor_table_create(&t->weights), GCAM_OK);
    ck_assert_int_eq(gcam_builder_create(&t->builder), GCAM_OK);
}

void tiny_weight(tiny *t, const char *name, gcam_shape shape, const float *values, uint64_t seed) {
    int64_t count = gcam_shape_count(&shape);
    float *copy = malloc((size_t)count * sizeof *copy);
    ck_assert_ptr_nonnull(copy);
    if (values)
        memcpy(copy, values, (size_t)count * sizeof *copy);
    else
        fill(copy, count, seed, -1, 1);
    ck_assert_int_eq(gcam_tensor_table_add(t->weights, name, &shape, copy), GCAM_OK);
    free(copy);
}

void tiny_finish(tiny *t, int64_t batch) {
    gcam_session_options options;
    gcam_session_options_defaults(&options);
    options.batch = batch;
    options.deterministic = 1;
    gcam_status status = gcam_builder_finish(&t->network, t->builder, t->weights);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    status = gcam_session_create_network(&t->session, t->network, &options);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    gcam_shape shape = gcam_session_input_shape(t->session);
    ck_assert_int_eq(gcam_tensor_create(&t->input, &shape), GCAM_OK);
}

void tiny_fill_input(tiny *t, uint64_t seed, float low, float high) {
    fill(t->input->data, gcam_shape_count(&t->input->shape), seed, low, high);
}

void tiny_free(tiny *t) {
    gcam_tensor_free(t->input);
    gcam_session_free(t->session);
    gcam_network_free(t->network);
    gcam_tensor_table_free(t->weights);
}

void tiny_convnet(tiny *t, int classes, int biased, int64_t batch) {
    static const float zeros[16];
    tiny_begin(t);
    tiny_weight(t, "c1.weight", gcam_shape_nchw(4, 3, 3, 3), NULL, 1);
    tiny_weight(t, "c1.bias", (gcam_shape){1, {4}}, biased ? NULL : zeros, 2);
    tiny_weight(t, "c2.weight", gcam_shape_nchw(5, 4, 3, 3), NULL, 3);
    tiny_weight(t, "c2.bias", (gcam_shape){1, {5}}, biased ? NULL : zeros, 4);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {classes, 80}}, NULL, 5);
    tiny_weight(t, "fc.bias", (gcam_shape){1, {classes}}, biased ? NULL : zeros, 6);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 4, .kernel = {3, 3}, .pad = {1, 1}};
    gcam_node x = gcam_conv2d(b, "c1", gcam_input(b, "image", 3, 8, 8), &conv);
    x = gcam_max_pool(b, "pool", gcam_relu(b, "a1", x), &(gcam_pool_params){.kernel = {2, 2}});
    conv.out = 5;
    x = gcam_relu(b, "a2", gcam_conv2d(b, "c2", x, &conv));
    gcam_linear(b, "fc", gcam_flatten(b, "flat", x), &(gcam_linear_params){.out = classes});
    tiny_finish(t, batch);
}

void tiny_worked_example(tiny *t) {
    tiny_begin(t);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {2, 2}}, (float[]){2, -8, -2, 8}, 0);
    tiny_weight(t, "fc.bias", (gcam_shape){1, {2}}, (float[]){0.5f, 0}, 0);
    gcam_builder *b = t->builder;
    gcam_node x = gcam_relu(b, "act", gcam_input(b, "image", 2, 2, 2));
    gcam_target_layer(b, x);
    x = gcam_flatten(b, "flat", gcam_dropout(b, "drop", gcam_global_avg_pool(b, "gap", x)));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 2});
    tiny_finish(t, 1);
    memcpy(t->input->data, (float[]){1, 2, 3, 4, 0, 1, 1, 0}, 8 * sizeof(float));
}
