/* One measurement in a process of its own: `worker WORK MODEL THREADS SECONDS` repeats a piece of work for SECONDS (at least
 * three times) after one warm-up and prints "min_ms", "median_ms" and "runs", one a line. More words: side=, batch= and classes= (the first ones,
 * asked for in one call); cpu=1 makes it processor time, which with one thread other processes disturb less. tools/bench/bench.c starts workers and
 * peers in turn and adds what it sees from outside: wall time and peak memory.
 *
 * `worker make ARCH MODEL` writes a model file with the generator's weights for an architecture of the zoo. With live=25 the biases of
 * linear layers that a ReLU follows are shifted until that many percent of their rows are live, as in trained networks fewer are; `live`
 * as WORK prints how many are at the most. */
#include "graph/network.h"
#include "model/zoo/zoo.h"
#include "support/generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_CLASSES = 1000 };

typedef struct {
    gcam_model *model;
    gcam_session *session;
    gcam_tensor *input;
    gcam_memory_count *memory;
    int classes; /* asked for in one call */
} job;

static clockid_t used_clock = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(used_clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gcam_status forward(job *j) {
    return gcam_session_forward(j->session, j->input);
}

static gcam_status explain(job *j, const char *method) {
    gcam_explanation **list = NULL;
    size_t count = 0;
    gcam_target targets[MAX_CLASSES] = {{.class_index = GCAM_TOP_CLASS}};
    for (int i = 1; i < j->classes && i < MAX_CLASSES; i++) targets[i].class_index = i;
    gcam_explain_options options = {.struct_size = sizeof options, .methods = &method, .method_count = 1};
    options.targets = targets;
    options.target_count = (size_t)(j->classes < MAX_CLASSES ? j->classes : MAX_CLASSES);
    gcam_status status = gcam_explain_tensor(&list, &count, j->session, j->input, 0, &options);
    gcam_explanations_free(list, count);
    return status;
}

static gcam_status gradcam(job *j) {
    return explain(j, "gradcam");
}

static gcam_status gradient(job *j) {
    return explain(j, "gradient");
}

static gcam_status guided_gradcam(job *j) {
    return explain(j, "guided-gradcam");
}

/* Forward and backward to the target layer through the session itself. */
static gcam_status pass(job *j, gcam_tensor *seed) {
    int target = gcam_network_target(gcam_model_network(j->model));
    gcam_status status = gcam_session_watch(j->session, target, GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT);
    if (!status) status = gcam_session_forward(j->session, j->input);
    if (!status) status = gcam_session_backward(j->session, seed, GCAM_RULE_GRADIENT);
    return status;
}

/* Prints how many blocks the second pass of a session allocates. */
static gcam_status allocations(job *j) {
    gcam_status status = forward(j);
    if (status) return status;
    gcam_tensor *seed = NULL;
    status = gcam_tensor_create(&seed, &gcam_session_output(j->session)->shape);
    if (status) return status;
    seed->data[0] = 1;
    status = pass(j, seed);
    size_t before = j->memory->allocations;
    if (!status) status = pass(j, seed);
    printf("allocations %zu\n", j->memory->allocations - before);
    gcam_tensor_free(seed);
    return status;
}

/* The next layer from `from` on that is linear and rectified, or -1. */
static int hidden_linear(const gcam_network *network, int from) {
    for (int i = from; i + 1 < network->count; i++) {
        const gcam__node *node = &network->nodes[i], *next = &network->nodes[i + 1];
        if (strcmp(node->layer.op->name, "linear") == 0 && strcmp(next->layer.op->name, "relu") == 0) return i;
    }
    return -1;
}

static int descending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Sums of the linear layer `layer` of a model on the worker's input, largest first, to be freed. */
static gcam_status sorted_sums(job *j, int layer, float **sums, int64_t *count) {
    gcam_status status = gcam_session_watch(j->session, layer, GCAM_WATCH_ACTIVATION);
    if (!status) status = forward(j);
    if (status) return status;
    const gcam_tensor *y = gcam_session_activation(j->session, layer);
    *count = gcam_shape_count(&y->shape);
    *sums = malloc((size_t)*count * sizeof **sums);
    if (!*sums) return GCAM_ERR_NOMEM;
    memcpy(*sums, y->data, (size_t)*count * sizeof **sums);
    qsort(*sums, (size_t)*count, sizeof **sums, descending);
    return GCAM_OK;
}

/* Prints the largest part of rows that are live in any hidden linear layer. */
static gcam_status live(job *j) {
    const gcam_network *network = gcam_model_network(j->model);
    double most = 0;
    for (int i = -1; (i = hidden_linear(network, i + 1)) >= 0;) {
        float *sums = NULL;
        int64_t count = 0, alive = 0;
        gcam_status status = sorted_sums(j, i, &sums, &count);
        if (status) return status;
        while (alive < count && sums[alive] > 0) alive++;
        free(sums);
        if (100.0 * (double)alive / (double)count > most) most = 100.0 * (double)alive / (double)count;
    }
    printf("live %.2f\n", most);
    return GCAM_OK;
}

static const struct {
    const char *name;
    gcam_status (*run)(job *j);
    int once;
} works[] = {{"forward", forward, 0},         {"gradcam", gradcam, 0},
             {"gradient", gradient, 0},       {"guided-gradcam", guided_gradcam, 0},
             {"allocations", allocations, 1}, {"live", live, 1}};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static gcam_status repeat(job *j, gcam_status (*run)(job *), double seconds) {
    enum { MAX_RUNS = 10000, MIN_RUNS = 3 };
    static double ms[MAX_RUNS];
    int runs = 0;
    gcam_status status = run(j);
    for (double end = now() + seconds; !status && runs < MAX_RUNS && (runs < MIN_RUNS || now() < end); runs++) {
        double start = now();
        status = run(j);
        ms[runs] = 1e3 * (now() - start);
    }
    qsort(ms, (size_t)runs, sizeof *ms, ascending);
    printf("min_ms %.4f\nmedian_ms %.4f\nruns %d\n", ms[0], ms[runs / 2], runs);
    return status;
}

/* The number after `name` among the last words, or `fallback`. */
static int option(char **words, const char *name, int fallback) {
    for (size_t length = strlen(name); *words; words++)
        if (strncmp(*words, name, length) == 0 && (*words)[length] == '=') return atoi(*words + length + 1);
    return fallback;
}

static gcam_status open_job(job *j, const char *path, int threads, char **words) {
    gcam_status status = gcam_model_load(&j->model, path, NULL);
    int side = option(words, "side", 0);
    gcam_session_options options = {.struct_size = sizeof options, .threads = threads, .height = side, .width = side};
    options.batch = option(words, "batch", 1);
    j->classes = option(words, "classes", 1);
    if (option(words, "cpu", 0)) used_clock = CLOCK_PROCESS_CPUTIME_ID;
    if (!status) status = gcam_session_create(&j->session, j->model, &options);
    if (status) return status;
    gcam_shape shape = gcam_session_input_shape(j->session), flat = {1, {gcam_shape_count(&shape)}};
    status = gcam_tensor_create(&j->input, &shape);
    if (!status) generator_fill(1, "input.bias", &flat, j->input->data);
    return status;
}

static void close_job(job *j) {
    gcam_tensor_free(j->input);
    gcam_session_free(j->session);
    gcam_model_free(j->model);
}

static int run_work(size_t index, char **argument) {
    gcam_memory_count memory = {0};
    job j = {.memory = &memory};
    gcam_allocator_count(&memory);
    gcam_status status = open_job(&j, argument[2], atoi(argument[3]), argument + 5);
    if (!status) status = works[index].once ? works[index].run(&j) : repeat(&j, works[index].run, atof(argument[4]));
    if (status) fprintf(stderr, "worker: %s\n", gcam_last_error()->message);
    close_job(&j);
    return status != GCAM_OK;
}

static gcam_status add_weight(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which;
    gcam_tensor *tensor = NULL;
    gcam_status status = gcam_tensor_create(&tensor, shape);
    if (status) return status;
    generator_fill(1, name, shape, tensor->data);
    status = gcam_tensor_table_add(user, name, shape, tensor->data);
    gcam_tensor_free(tensor);
    return status;
}

static gcam_status write_table(const gcam_tensor_table *table, const char *path) {
    size_t count = gcam_tensor_table_count(table);
    gcam_tensor_entry *entries = calloc(count, sizeof *entries);
    if (!entries) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) entries[i] = *gcam_tensor_table_at(table, i);
    gcam_status status = gcam_safetensors_write(path, entries, count, NULL, 0, GCAM_DTYPE_F32);
    free(entries);
    return status;
}

/* Lowers the biases of the linear layer `layer` so that `percent` of its rows are above zero. */
static gcam_status lower_biases(gcam_tensor_table *table, const job *j, int layer, const float *sums, int64_t count,
                                int percent) {
    char name[256];
    snprintf(name, sizeof name, "%s.bias", gcam_model_network(j->model)->nodes[layer].name);
    const gcam_tensor_entry *bias = gcam_tensor_table_find(table, name);
    if (!bias) return GCAM_ERR_NOT_FOUND;
    float *b = (float *)(uintptr_t)bias->data; /* the table's own copy */
    for (int64_t i = 0; i < count; i++) b[i] -= sums[count * percent / 100];
    return GCAM_OK;
}

/* Layer by layer, because the next one's sums change with it. */
static gcam_status thin_out(gcam_tensor_table *table, const char *path, int percent) {
    int layer = -1;
    for (gcam_status status = GCAM_OK; !status;) {
        job j = {0};
        float *sums = NULL;
        int64_t count = 0;
        char *none[] = {NULL};
        status = open_job(&j, path, 2, none);
        if (!status) layer = hidden_linear(gcam_model_network(j.model), layer + 1);
        if (!status && layer >= 0) status = sorted_sums(&j, layer, &sums, &count);
        if (!status && layer >= 0) status = lower_biases(table, &j, layer, sums, count, percent);
        close_job(&j);
        free(sums);
        if (status || layer < 0) return status;
        status = write_table(table, path);
    }
    return GCAM_OK;
}

/* Generated weights for an architecture of the zoo, first as plain tensors, then as a model file. */
static gcam_status make_model(const char *arch, const char *path, int percent) {
    const gcam__arch *row = gcam__arch_find(arch);
    gcam_builder *builder = NULL;
    gcam_tensor_table *table = NULL;
    gcam_model *model = NULL;
    gcam_model_options options = {.struct_size = sizeof options, .arch = arch};
    gcam_status status = row ? gcam__arch_build(&builder, row, NULL) : GCAM_ERR_NOT_FOUND;
    if (!status) status = gcam_tensor_table_create(&table);
    if (!status) status = gcam__network_each_weight(gcam__builder_network(builder), add_weight, table);
    if (!status) status = write_table(table, path);
    if (!status && percent < 100) status = thin_out(table, path, percent);
    gcam_builder_free(builder);
    gcam_tensor_table_free(table);
    if (!status) status = gcam_model_load(&model, path, &options);
    if (!status) status = gcam_model_save(model, path, GCAM_DTYPE_F32);
    gcam_model_free(model);
    return status;
}

int main(int argc, char **argv) {
    if (argc >= 4 && strcmp(argv[1], "make") == 0) {
        gcam_status status = make_model(argv[2], argv[3], option(argv + 4, "live", 100));
        if (status) fprintf(stderr, "worker: %s: %s\n", argv[2], gcam_last_error()->message);
        return status != GCAM_OK;
    }
    for (size_t i = 0; argc >= 5 && i < sizeof works / sizeof *works; i++)
        if (strcmp(argv[1], works[i].name) == 0) return run_work(i, argv);
    fprintf(stderr, "worker: see the first lines of tools/bench/worker.c\n");
    return 2;
}
