/* A model with a session on it, as the command line asks for them. */
#include "tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- labels ------------------------------------------------------------------------------------------------------------- */

int engine_read_labels(engine *e, const char *path) {
    int code = read_text(&e->labels_text, path);
    if (code != EXIT_DONE) return code;
    size_t lines = 1;
    for (const char *p = e->labels_text; *p; p++) lines += *p == '\n';
    e->labels = calloc(lines, sizeof *e->labels);
    if (!e->labels) return fail_memory();
    for (char *line = e->labels_text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        else if (!*line)
            break;
        size_t length = strlen(line);
        while (length > 0 && isspace((unsigned char)line[length - 1])) line[--length] = '\0';
        char *tab = strrchr(line, '\t');
        e->labels[e->label_count++] = tab ? tab + 1 : line;
    }
    return EXIT_DONE;
}

/* ---- model and session -------------------------------------------------------------------------------------------------- */

static int engine_options(engine *e, const settings *s, gcam_model_options *options) {
    *options = (gcam_model_options){.struct_size = sizeof *options, .arch = s->arch};
    if (s->labels) {
        int code = engine_read_labels(e, s->labels);
        if (code != EXIT_DONE) return code;
        options->labels = e->labels;
        options->label_count = e->label_count;
    }
    if (s->graph) {
        int code = read_text(&e->graph_text, s->graph);
        if (code != EXIT_DONE) return code;
        options->graph = e->graph_text;
    }
    if (s->preprocess) {
        if (gcam_preprocess_preset(&e->preprocess, s->preprocess)) return fail_library();
        options->preprocess = &e->preprocess;
    }
    return EXIT_DONE;
}

/* The file of a model: -m, or the first file of the subcommands that are about a model. NULL: the one that the command carries. */
static const char *model_path(const settings *s) {
    if (s->model) return s->model;
    return s->subcommand->bit & (INSPECT | CONVERT) && s->file_count > 0 ? s->files[0] : NULL;
}

extern const unsigned char default_model[], default_model_end[];
extern const char default_model_name[];

size_t default_model_find(const void **data, const char **name) {
    *data = default_model;
    *name = default_model_name;
    return (size_t)((uintptr_t)default_model_end - (uintptr_t)default_model);
}

const char *engine_model_name(const settings *s) {
    const char *path = model_path(s);
    return path ? path : default_model_name;
}

/* Loads the model; the library's status, its sentence not yet said. */
static int load(engine *e, const settings *s, gcam_status *status) {
    gcam_model_options options;
    const char *path = model_path(s), *name;
    const void *data;
    size_t size = default_model_find(&data, &name);
    *e = (engine){0};
    *status = GCAM_OK;
    if (!path && size == 0)
        return fail_use("no model was named, and this command carries none: give a checkpoint or a model file%s",
                        s->subcommand->bit & WITH_PHOTOS ? " with -m" : "");
    int code = engine_options(e, s, &options);
    if (code != EXIT_DONE) return code;
    progress(s, "loading %s", path ? path : name);
    *status =
        path ? gcam_model_load(&e->model, path, &options) : gcam_model_load_memory(&e->model, data, size, &options);
    return EXIT_DONE;
}

int engine_open_model(engine *e, const settings *s) {
    gcam_status status;
    int code = load(e, s, &status);
    return code == EXIT_DONE && status ? fail_library() : code;
}

/* Notes when the network's output is there, to tell the forward pass from what follows. */
static gcam_status note_forward(const gcam_hook_event *event, void *user) {
    (void)event;
    ((engine *)user)->forward_ended = seconds_now();
    return GCAM_OK;
}

static int open_session(engine *e, const settings *s) {
    gcam_session_options options;
    gcam_session_options_defaults(&options);
    options.threads = (int)s->threads;
    options.kernels = s->kernels;
    options.height = s->height;
    options.width = s->width;
    if (gcam_session_create(&e->session, e->model, &options)) return fail_library();
    interrupt_session(e->session);
    const gcam_network *network = gcam_model_network(e->model);
    gcam_layer_info output;
    gcam_hook_id hook;
    if (gcam_network_layer(network, gcam_network_output(network), &output)
        || gcam_hook_add(e->session, output.name, GCAM_HOOK_FORWARD, note_forward, e, &hook))
        return fail_library();
    return EXIT_DONE;
}

int engine_open(engine *e, const settings *s) {
    int code = engine_open_model(e, s);
    return code == EXIT_DONE ? open_session(e, s) : code;
}

int engine_try(engine *e, const settings *s, int *unbuildable) {
    gcam_status status;
    int code = load(e, s, &status);
    *unbuildable = status == GCAM_ERR_UNSUPPORTED || status == GCAM_ERR_SHAPE || status == GCAM_ERR_NOT_FOUND
                   || status == GCAM_ERR_NUMERIC;
    if (code != EXIT_DONE || *unbuildable) return code;
    return status ? fail_library() : open_session(e, s);
}

void engine_close(engine *e) {
    interrupt_session(NULL);
    gcam_session_free(e->session);
    gcam_model_free(e->model);
    free(e->labels);
    free(e->labels_text);
    free(e->graph_text);
    *e = (engine){0};
}

const char *engine_layer(const engine *e) {
    const gcam_network *network = gcam_model_network(e->model);
    int target = gcam_network_target(network);
    gcam_layer_info info;
    for (size_t i = 0; i < gcam_arch_count(); i++) {
        const gcam_arch_info *arch = gcam_arch_at(i);
        if (strcmp(arch->id, gcam_model_arch(e->model)) == 0 && gcam_network_find(network, arch->target) == target)
            return arch->target;
    }
    return target >= 0 && gcam_network_layer(network, target, &info) == GCAM_OK ? info.name : NULL;
}

int engine_find_class(const engine *e, const char *text, int *class_index) {
    return gcam_model_find_class(e->model, text, class_index) ? fail_use("%s", gcam_last_error()->message) : EXIT_DONE;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

static struct {
    size_t limit;
    size_t used; /* from any thread */
} memory;

static void *limited_allocate(size_t size, void *context) {
    (void)context;
    size_t before = __atomic_fetch_add(&memory.used, size, __ATOMIC_RELAXED);
    void *block = before + size >= size && before + size <= memory.limit ? malloc(size ? size : 1) : NULL;
    if (!block) __atomic_fetch_sub(&memory.used, size, __ATOMIC_RELAXED);
    return block;
}

static void limited_release(void *block, size_t size, void *context) {
    (void)context;
    free(block);
    __atomic_fetch_sub(&memory.used, size, __ATOMIC_RELAXED);
}

void limit_memory(size_t bytes) {
    static const gcam_allocator allocator = {limited_allocate, limited_release, NULL};
    memory.limit = bytes;
    gcam_allocator_set(&allocator);
}

size_t memory_left(void) {
    size_t used = __atomic_load_n(&memory.used, __ATOMIC_RELAXED);
    return memory.limit > used ? memory.limit - used : memory.limit > 0;
}
