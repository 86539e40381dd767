#include "support/ask.h"

#include "core/memory.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

gcam_status ask_status(answers *a, const tiny *t, const char *methods, const gcam_target *targets, size_t target_count,
                       const char *layers) {
    char text[2][256] = {"", ""};
    const char *names[2][16];
    size_t counts[2] = {0, 0};
    const char *lists[2] = {methods, layers};
    for (int i = 0; i < 2; i++) {
        if (!lists[i]) continue;
        snprintf(text[i], sizeof text[i], "%s", lists[i]);
        for (char *at = strtok(text[i], ","); at; at = strtok(NULL, ",")) names[i][counts[i]++] = at;
    }
    gcam_explain_options options;
    gcam_explain_options_defaults(&options);
    options.methods = names[0], options.method_count = counts[0];
    options.layers = names[1], options.layer_count = counts[1];
    options.targets = targets, options.target_count = target_count;
    return gcam_explain_tensor(&a->list, &a->count, t->session, t->input, 0, &options);
}

answers ask(const tiny *t, const char *methods, const gcam_target *targets, size_t target_count, const char *layers) {
    answers a;
    gcam_status status = ask_status(&a, t, methods, targets, target_count, layers);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    return a;
}

void drop(answers a) {
    gcam_explanations_free(a.list, a.count);
}

gcam_status ask_with(answers *a, const tiny *t, const char *method, const char *layer, gcam_target target,
                     gcam_explain_options options) {
    options.struct_size = sizeof options;
    options.methods = &method, options.method_count = 1;
    options.targets = &target, options.target_count = 1;
    options.layers = layer ? &layer : NULL, options.layer_count = layer ? 1 : 0;
    return gcam_explain_tensor(&a->list, &a->count, t->session, t->input, 0, &options);
}

gcam_explanation *ask_one(const tiny *t, const char *method, const char *layer, int class_index,
                          gcam_explain_options options) {
    answers a;
    gcam_status status = ask_with(&a, t, method, layer, (gcam_target){.class_index = class_index}, options);
    ck_assert_msg(status == GCAM_OK, "%s: %s", method, gcam_last_error()->message);
    ck_assert_uint_eq(a.count, 1);
    gcam_explanation *e = a.list[0];
    gcam__free(a.list);
    return e;
}

const float *values(const gcam_explanation *e) {
    return gcam_explanation_raw(e)->data;
}

int64_t size_of(const gcam_explanation *e) {
    return gcam_shape_count(&gcam_explanation_raw(e)->shape);
}

const float *raw(answers a, size_t i) {
    ck_assert_uint_lt(i, a.count);
    return values(a.list[i]);
}

int64_t raw_count(answers a, size_t i) {
    return size_of(a.list[i]);
}

void check_values(const float *found, const double *wanted, int64_t count, double tolerance) {
    double scale = 1e-30;
    for (int64_t i = 0; i < count; i++) scale = fmax(scale, fabs(wanted[i]));
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(fabs(found[i] - wanted[i]) <= tolerance * scale, "element %d is %.9g, expected %.9g", (int)i,
                      found[i], wanted[i]);
}
