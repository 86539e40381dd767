/* What is asked of every photo: targets and options of the library's explain calls, as the command line says them. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

static int has_target(const request *q, int class_index) {
    for (size_t i = 0; i < q->target_count; i++) {
        if (q->targets[i].class_index == class_index) return 1;
    }
    return 0;
}

/* A target for each class of --class, or the best class alone. Classes said twice count once. */
static int make_targets(request *q, const engine *e, const settings *s) {
    int code = request_target(q, e, s);
    gcam_target target = q->target;
    q->targets = calloc(s->classes.count + 1, sizeof *q->targets);
    if (!q->targets) return fail_memory();
    for (size_t i = 0; i < s->classes.count && code == EXIT_DONE; i++) {
        code = engine_find_class(e, s->classes.words[i], &target.class_index);
        if (code == EXIT_DONE && target.kind == GCAM_TARGET_DIFFERENCE && target.class_index == target.other_index)
            code = fail_use("--target: the difference of class %d with itself is always 0", target.class_index);
        if (code == EXIT_DONE && !has_target(q, target.class_index)) q->targets[q->target_count++] = target;
    }
    if (s->classes.count == 0) q->targets[q->target_count++] = target;
    return code;
}

static int check_layers(const engine *e, const settings *s) {
    for (size_t i = 0; i < s->layers.count; i++) {
        if (gcam_network_find(gcam_model_network(e->model), s->layers.words[i]) < 0)
            return fail_layer(gcam_model_network(e->model), s->layers.words[i]);
    }
    return EXIT_DONE;
}

int request_make(request *q, const engine *e, const settings *s) {
    int code = make_targets(q, e, s);
    if (code == EXIT_DONE) code = check_layers(e, s);
    return code == EXIT_DONE ? request_names(q, s) : code;
}

void request_free(request *q) {
    free(q->targets);
    free(q->terms);
    free(q->mask);
    free(q->names);
    free(q->names_text);
    gcam_tensor_free(q->embedding);
    *q = (request){0};
}

void request_options(gcam_explain_options *options, const request *q, const settings *s) {
    gcam_explain_options_defaults(options);
    if (s->methods.count) {
        options->methods = s->methods.words;
        options->method_count = s->methods.count;
    }
    options->targets = q->targets;
    options->target_count = q->target_count;
    if (s->layers.count) {
        options->layers = s->layers.words;
        options->layer_count = s->layers.count;
    }
    options->profile = s->profile;
    options->seed = (uint64_t)s->seed;
    options->samples = (int)s->samples;
    options->noise = s->noise;
    options->baseline = s->baseline;
    options->channels = (int)s->channels;
    options->channel_names = q->names;
    options->channel_name_count = q->name_count;
    options->fusion = s->fusion;
    options->smooth = s->smooth;
    options->quadrature = s->quadrature;
    options->completeness = s->completeness;
    options->rule = s->rule;
    options->epsilon = s->epsilon;
    options->gamma = s->gamma;
    options->window = (int)s->window;
    options->stride = (int)s->stride;
    options->max_memory = memory_left() / 2; /* the rest is for the photo's own pass and for its pictures */
}
