/* Writes results of explanation methods with options as .npy files, for tools/parity/methods_parity.py. Public API only.
 *
 *   dump_methods MODEL INPUT DIR CLASS METHOD[:OPTION=VALUE]...
 *
 * The k-th method's raw result goes to DIR/k.npy; one line a method says its layer (or "input"), score and residual. Options: layer, profile, rule,
 * epsilon, gamma, ignore_bias, samples, seed, noise, baseline, quadrature, window, stride. */
#include <gradcam.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct asked {
    const char *method, *layer;
    gcam_explain_options options;
} asked;

static int set_option(asked *a, const char *name, const char *value) {
    gcam_explain_options *o = &a->options;
    double number = atof(value);
    if (strcmp(name, "layer") == 0) return a->layer = value, 0;
    if (strcmp(name, "profile") == 0) return gcam_profile_find(&o->profile, value) != GCAM_OK;
    if (strcmp(name, "rule") == 0) return o->rule = value, 0;
    if (strcmp(name, "epsilon") == 0) return o->epsilon = number, 0;
    if (strcmp(name, "gamma") == 0) return o->gamma = number, 0;
    if (strcmp(name, "ignore_bias") == 0) return o->ignore_bias = (int)number, 0;
    if (strcmp(name, "samples") == 0) return o->samples = (int)number, 0;
    if (strcmp(name, "seed") == 0) return o->seed = (uint64_t)number, 0;
    if (strcmp(name, "noise") == 0) return o->noise = number, 0;
    if (strcmp(name, "baseline") == 0) return o->baseline = (gcam_baseline)number, 0;
    if (strcmp(name, "quadrature") == 0) return o->quadrature = (gcam_quadrature)number, 0;
    if (strcmp(name, "window") == 0) return o->window = (int)number, 0;
    if (strcmp(name, "stride") == 0) return o->stride = (int)number, 0;
    return fprintf(stderr, "dump_methods: there is no option %s\n", name), 2;
}

/* "METHOD:name=value:name=value", cut up in place. */
static int read_method(asked *a, char *text) {
    *a = (asked){.options = {.struct_size = sizeof a->options}};
    a->method = strtok(text, ":");
    for (char *part = strtok(NULL, ":"); part; part = strtok(NULL, ":")) {
        char *value = strchr(part, '=');
        if (!value) return fprintf(stderr, "dump_methods: %s has no value\n", part), 2;
        *value++ = '\0';
        if (set_option(a, part, value)) return 2;
    }
    return 0;
}

static int dump_one(gcam_session *s, const gcam_tensor *input, const char *path, int class_index, asked *a) {
    gcam_target target = {.class_index = class_index};
    a->options.methods = &a->method, a->options.method_count = 1;
    a->options.targets = &target, a->options.target_count = 1;
    a->options.layers = a->layer ? &a->layer : NULL, a->options.layer_count = a->layer ? 1 : 0;
    gcam_explanation **list = NULL;
    size_t count = 0;
    if (gcam_explain_tensor(&list, &count, s, input, 0, &a->options)) return 1;
    const char *layer = gcam_explanation_layer(list[0]);
    printf("%s %.9g %.9g\n", layer ? layer : "input", gcam_explanation_score(list[0]),
           gcam_explanation_residual(list[0]));
    int failed = gcam_npy_save(path, gcam_explanation_raw(list[0])) != GCAM_OK;
    gcam_explanations_free(list, count);
    return failed;
}

static int run(gcam_model *model, gcam_session **s, gcam_tensor **input, int count, char **argument) {
    if (gcam_npy_load(input, argument[1])) return 1;
    const int64_t *dim = (*input)->shape.dim;
    gcam_session_options options = {.struct_size = sizeof options, .batch = 1, .height = dim[2], .width = dim[3]};
    if (gcam_session_create(s, model, &options)) return 1;
    for (int k = 0; k < count; k++) {
        asked a;
        char path[2048];
        snprintf(path, sizeof path, "%s/%d.npy", argument[2], k);
        if (read_method(&a, argument[4 + k])) return 2;
        if (dump_one(*s, *input, path, atoi(argument[3]), &a)) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 6) return fprintf(stderr, "dump_methods: see the first lines of tools/parity/dump_methods.c\n"), 2;
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_tensor *input = NULL;
    int failed = gcam_model_load(&model, argv[1], NULL) ? 1 : run(model, &session, &input, argc - 5, argv + 1);
    if (failed == 1) fprintf(stderr, "dump_methods: %s\n", gcam_last_error()->message);
    gcam_session_free(session);
    gcam_tensor_free(input);
    gcam_model_free(model);
    return failed;
}
