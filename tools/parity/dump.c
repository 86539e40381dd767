/* Writes what libgradcam computes as .npy files, for tools/parity/parity.py to compare with PyTorch. Public API only.
 *
 *   dump graph MODEL                                      one line a layer: name, operation, names of its inputs
 *   dump activations MODEL INPUT DIR LAYERS               DIR/output.npy, DIR/LAYER.npy; says which names it does not know
 *   dump gradient MODEL INPUT DIR LAYERS CLASSES          DIR/gradient/LAYER.npy, and the decisions
 *   dump explain MODEL INPUT DIR LAYERS METHODS CLASSES   DIR/IMAGE.LAYER.METHOD.{raw,map}.npy, DIR/output.npy
 *   dump explain-decisions ...                            the same, and the decisions
 *   dump photo MODEL PHOTO OUT                            a photo as the model wants it, EXIF orientation ignored
 *   dump convert IN OUT                                   the self-contained model file
 *
 * Lists are separated by commas; "-" for LAYERS of explain is the network's default layer, and its name in the files; CLASSES has one class for each image of the batch. Decisions are DIR/decisions/LAYER.npy: the
 * outputs of rectifiers and what max-pools and clipped activations read, seen by hooks in the very pass that made the result. */
#include <gradcam.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_LIST = 1024 };

typedef struct {
    int count;
    const char *item[MAX_LIST];
} list;

/* Cuts `text` at its commas, in place. */
static list split(char *text) {
    list l = {0};
    for (char *part = strtok(text, ","); part && l.count < MAX_LIST; part = strtok(NULL, ",")) l.item[l.count++] = part;
    return l;
}

typedef struct {
    gcam_model *model;
    gcam_session *session;
    const gcam_network *network;
    gcam_tensor *input;
    const char *dir;
} job;

static gcam_status save(const char *dir, const char *name, const gcam_tensor *tensor) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%s.npy", dir, name);
    return gcam_npy_save(path, tensor);
}

static gcam_status open_job(job *j, char **argument) {
    gcam_status status = gcam_model_load(&j->model, argument[0], NULL);
    if (status) return status;
    j->network = gcam_model_network(j->model);
    if (!argument[1]) return GCAM_OK;
    status = gcam_npy_load(&j->input, argument[1]);
    if (status) return status;
    const int64_t *dim = j->input->shape.dim;
    const char *threads = getenv("PARITY_THREADS"); /* of parity.py --threads */
    gcam_session_options options = {.struct_size = sizeof options,
                                    .batch = dim[0],
                                    .height = dim[2],
                                    .width = dim[3],
                                    .threads = threads ? atoi(threads) : 0};
    j->dir = argument[2];
    return gcam_session_create(&j->session, j->model, &options);
}

static void close_job(job *j) {
    gcam_session_free(j->session);
    gcam_tensor_free(j->input);
    gcam_model_free(j->model);
}

static int dump_graph(job *j, char **argument) {
    (void)argument;
    gcam_layer_info layer, input;
    for (int i = 0; i < gcam_network_layer_count(j->network); i++) {
        if (gcam_network_layer(j->network, i, &layer)) return 1;
        printf("%s %s", layer.name, layer.op);
        for (int k = 0; k < layer.input_count; k++) {
            if (gcam_network_layer(j->network, layer.inputs[k], &input)) return 1;
            printf(" %s", input.name);
        }
        printf("\n");
    }
    return 0;
}

static int dump_activations(job *j, char **argument) {
    list layers = split(argument[3]);
    for (int i = 0; i < layers.count; i++) {
        int layer = gcam_network_find(j->network, layers.item[i]);
        if (layer < 0)
            printf("unknown %s\n", layers.item[i]);
        else if (gcam_session_watch(j->session, layer, GCAM_WATCH_ACTIVATION))
            return 1;
    }
    if (gcam_session_forward(j->session, j->input)) return 1;
    for (int i = 0; i < layers.count; i++) {
        int layer = gcam_network_find(j->network, layers.item[i]);
        if (layer >= 0 && save(j->dir, layers.item[i], gcam_session_activation(j->session, layer))) return 1;
    }
    return save(j->dir, "output", gcam_session_output(j->session)) != GCAM_OK;
}

/* Hook: writes a layer's activation below the directory `user`. Later passes of a deterministic run write the same again. */
static gcam_status write_decision(const gcam_hook_event *event, void *user) {
    return save(user, event->layer, event->value);
}

static int decides(const char *op) {
    return strcmp(op, "relu") == 0 || strcmp(op, "leaky_relu") == 0;
}

/* Layers whose choices are read off what they read. */
static int chooses(const char *op) {
    static const char *const ops[] = {"max_pool", "relu6", "clip", "hard_swish", "hard_sigmoid"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(op, ops[i]) == 0) return 1;
    return 0;
}

/* Hooks every rectifier and whatever a layer that chooses reads. `dir` must live as long as the session. */
static gcam_status hook_decisions(const job *j, char *dir) {
    int count = gcam_network_layer_count(j->network);
    char *wanted = calloc((size_t)count, 1);
    gcam_status status = wanted ? GCAM_OK : GCAM_ERR_NOMEM;
    gcam_layer_info layer;
    for (int i = 0; i < count && !status; i++) {
        status = gcam_network_layer(j->network, i, &layer);
        if (status) break;
        if (decides(layer.op)) wanted[i] = 1;
        if (chooses(layer.op)) wanted[layer.inputs[0]] = 1;
    }
    for (int i = 0; i < count && !status; i++) {
        gcam_hook_id id;
        if (!wanted[i]) continue;
        status = gcam_network_layer(j->network, i, &layer);
        if (!status) status = gcam_hook_add(j->session, layer.name, GCAM_HOOK_FORWARD, write_decision, dir, &id);
    }
    free(wanted);
    return status;
}

/* Makes DIR/NAME and writes its path to `path` (1024 bytes). */
static void make_folder(const job *j, const char *name, char *path) {
    snprintf(path, 1024, "%s/%s", j->dir, name);
    mkdir(path, 0777);
}

static int dump_gradient(job *j, char **argument) {
    char decisions[1024], gradients[1024];
    make_folder(j, "decisions", decisions);
    make_folder(j, "gradient", gradients);
    list layers = split(argument[3]), classes = split(argument[4]);
    for (int i = 0; i < layers.count; i++) {
        int layer = gcam_network_find(j->network, layers.item[i]);
        if (layer < 0) return fprintf(stderr, "dump: no layer %s\n", layers.item[i]), 2;
        if (gcam_session_watch(j->session, layer, GCAM_WATCH_GRADIENT)) return 1;
    }
    if (hook_decisions(j, decisions) || gcam_session_forward(j->session, j->input)) return 1;
    const gcam_tensor *output = gcam_session_output(j->session);
    gcam_tensor *seed = NULL;
    if (gcam_tensor_create(&seed, &output->shape)) return 1;
    int64_t outputs = gcam_shape_count(&output->shape) / output->shape.dim[0];
    for (int n = 0; n < classes.count; n++) seed->data[n * outputs + atoll(classes.item[n])] = 1;
    int failed = gcam_session_backward(j->session, seed, GCAM_RULE_GRADIENT) != GCAM_OK;
    for (int i = 0; i < layers.count && !failed; i++) {
        int layer = gcam_network_find(j->network, layers.item[i]);
        failed = save(gradients, layers.item[i], gcam_session_gradient(j->session, layer)) != GCAM_OK;
    }
    gcam_tensor_free(seed);
    return failed;
}

static int save_explanation(const job *j, int image, int by_default, const gcam_explanation *e) {
    const char *layer = gcam_explanation_layer(e), *method = gcam_explanation_method(e)->id;
    char name[512];
    if (layer && by_default) layer = "-";
    snprintf(name, sizeof name, "%d.%s.%s.raw", image, layer ? layer : "input", method);
    if (save(j->dir, name, gcam_explanation_raw(e))) return 1;
    snprintf(name, sizeof name, "%d.%s.%s.map", image, layer ? layer : "input", method);
    return save(j->dir, name, gcam_explanation_map(e)) != GCAM_OK;
}

static int dump_explain(job *j, char **argument) {
    list layers = split(argument[3]), methods = split(argument[4]), classes = split(argument[5]);
    int failed = 0, by_default = layers.count == 1 && strcmp(layers.item[0], "-") == 0;
    for (int image = 0; image < classes.count && !failed; image++) {
        gcam_target target = {GCAM_TARGET_LOGIT, atoi(classes.item[image]), 0};
        gcam_explain_options options = {.struct_size = sizeof options,
                                        .methods = methods.item,
                                        .method_count = (size_t)methods.count,
                                        .targets = &target,
                                        .target_count = 1,
                                        .layers = layers.item,
                                        .layer_count = by_default ? 0 : (size_t)layers.count};
        gcam_explanation **found = NULL;
        size_t count = 0;
        if (gcam_explain_tensor(&found, &count, j->session, j->input, image, &options)) return 1;
        for (size_t i = 0; i < count && !failed; i++) failed = save_explanation(j, image, by_default, found[i]);
        gcam_explanations_free(found, count);
    }
    return failed || save(j->dir, "output", gcam_session_output(j->session));
}

static int dump_explain_decisions(job *j, char **argument) {
    char decisions[1024];
    make_folder(j, "decisions", decisions);
    return hook_decisions(j, decisions) || dump_explain(j, argument);
}

static int dump_photo(job *j, char **argument) {
    const gcam_preprocess *how = gcam_model_preprocess(j->model);
    gcam_image_options options = {.struct_size = sizeof options, .ignore_exif = 1};
    gcam_image *photo = NULL;
    gcam_tensor *input = NULL;
    gcam_shape shape = gcam_shape_nchw(1, 3, how->height, how->width);
    int failed = gcam_image_load_with(&photo, argument[1], &options) || gcam_tensor_create(&input, &shape)
                 || gcam_preprocess_image(input, 0, photo, how, NULL) || gcam_npy_save(argument[2], input);
    gcam_image_free(photo);
    gcam_tensor_free(input);
    return failed;
}

static int dump_convert(job *j, char **argument) {
    return gcam_model_save(j->model, argument[1], GCAM_DTYPE_F32) != GCAM_OK;
}

typedef struct {
    const char *name;
    int arguments, runs; /* runs: the second argument is an input, and there is a session for it */
    int (*run)(job *j, char **argument);
} command;

static const command commands[] = {
    {"graph", 1, 0, dump_graph},       {"activations", 4, 1, dump_activations},
    {"gradient", 5, 1, dump_gradient}, {"explain", 6, 1, dump_explain},
    {"photo", 3, 0, dump_photo},       {"explain-decisions", 6, 1, dump_explain_decisions},
    {"convert", 2, 0, dump_convert},
};

static int run_command(const command *c, char **argument) {
    job j = {0};
    char *model_only[] = {argument[0], NULL};
    int failed = open_job(&j, c->runs ? argument : model_only) ? 1 : c->run(&j, argument);
    if (failed && failed != 2) fprintf(stderr, "dump: %s\n", gcam_last_error()->message);
    close_job(&j);
    return failed;
}

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (argc - 2 == commands[i].arguments && strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argv + 2);
    fprintf(stderr, "dump: see the first lines of tools/parity/dump.c\n");
    return 2;
}
