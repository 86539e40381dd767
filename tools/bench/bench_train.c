/* Times of a training step, forward and backward, of a network's graph text:
 *
 *     bench_train NETWORK.net [BATCH [SIZE [THREADS [ROUNDS]]]]
 *
 * Both directions are timed on the clock and in seconds of all processors together, which a machine that others use at the same time
 * disturbs less; the best of ROUNDS counts. Backward is reckoned as twice the forward's multiply-adds: gradients of values and of weights. */
#include <gradcam.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_TEXT = 1 << 16 };

typedef struct spent {
    double clock, processors;
} spent;

static spent now(void) {
    struct timespec t;
    struct rusage use;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &use);
    return (spent){(double)t.tv_sec + 1e-9 * (double)t.tv_nsec,
                   (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
                       + 1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec)};
}

static void keep_best(spent *best, spent from, spent to) {
    double clock = to.clock - from.clock, processors = to.processors - from.processors;
    if (best->clock == 0 || clock < best->clock) best->clock = clock;
    if (best->processors == 0 || processors < best->processors) best->processors = processors;
}

static int complain(void) {
    fprintf(stderr, "%s\n", gcam_last_error()->message);
    return 1;
}

/* Multiply-adds of one picture at the session's size. */
static double multiplies_at(const gcam_network *network, double side) {
    double sum = 0, usual = 1;
    for (int i = 0; i < gcam_network_layer_count(network); i++) {
        gcam_layer_info info;
        if (gcam_network_layer(network, i, &info)) continue;
        if (i == gcam_network_input(network)) usual = (double)info.shape.dim[2];
        sum += (double)info.multiplies * (strcmp(info.op, "linear") == 0 ? 1 : side * side / usual / usual);
    }
    return sum;
}

static int measure(gcam_session *s, const gcam_tensor *input, gcam_tensor *seed, int rounds, spent best[2]) {
    if (gcam_session_watch_parameters(s, 1)) return complain();
    for (int round = 0; round <= rounds; round++) { /* the first one plans */
        spent begin = now();
        if (gcam_session_forward(s, input)) return complain();
        spent middle = now();
        if (gcam_session_backward(s, seed, GCAM_RULE_GRADIENT)) return complain();
        if (round == 0) continue;
        keep_best(&best[0], begin, middle);
        keep_best(&best[1], middle, now());
    }
    return 0;
}

static void report(const spent best[2], double multiplies, double step_clock, double step_processors) {
    static const char *const names[2] = {"forward", "backward"};
    double rate[2];
    printf("| pass | GFLOP | ms | processor ms | GFLOP/s a processor |\n| --- | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < 2; i++) {
        double work = 2e-9 * multiplies * (i + 1);
        rate[i] = work / best[i].processors;
        printf("| %s | %.1f | %.0f | %.0f | %.1f |\n", names[i], work, 1e3 * best[i].clock, 1e3 * best[i].processors,
               rate[i]);
    }
    printf("| whole step | %.1f | %.0f | %.0f | %.1f |\n", 6e-9 * multiplies, 1e3 * step_clock, 1e3 * step_processors,
           6e-9 * multiplies / step_processors);
    printf("\nBackward runs at %.0f %% of the forward pass's GFLOP/s.\n", 100 * rate[1] / rate[0]);
}

/* A trainer's whole step on the same batch: passes with batch statistics, loss, descent. */
static int measure_step(gcam_trainer *t, const gcam_tensor *input, int rounds, spent *best) {
    int *classes = calloc((size_t)input->shape.dim[0], sizeof *classes), failed = 0;
    for (int round = 0; classes && round <= rounds && !failed; round++) {
        spent begin = now();
        failed = gcam_trainer_step_on(t, input, classes, NULL) ? complain() : 0;
        if (round > 0) keep_best(best, begin, now());
    }
    free(classes);
    return failed;
}

static int run(const char *graph, int batch, int size, int threads, int rounds) {
    gcam_train_options options = {.struct_size = sizeof options, .lr = 1e-4, .threads = threads};
    gcam_session_options wanted = {
        .struct_size = sizeof wanted, .batch = batch, .height = size, .width = size, .threads = threads};
    gcam_shape shape = gcam_shape_nchw(batch, 3, size, size);
    gcam_trainer *t = NULL;
    gcam_model *model = NULL;
    gcam_session *s = NULL;
    gcam_tensor *input = NULL, *seed = NULL;
    char path[] = "/tmp/bench-train-XXXXXX";
    spent best[2] = {{0, 0}, {0, 0}}, step = {0, 0};
    int file = mkstemp(path);
    int failed = file < 0 || gcam_trainer_create(&t, graph, NULL, &options) || gcam_tensor_create(&input, &shape)
                 || gcam_trainer_export(t, path, GCAM_TRAIN_RAW, GCAM_DTYPE_F32, NULL, 0)
                 || gcam_model_load(&model, path, NULL) || gcam_session_create(&s, model, &wanted);
    if (failed) return complain();
    remove(path);
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) input->data[i] = (float)(i * 7919 % 1000) / 500 - 1;
    if (gcam_session_forward(s, input) || gcam_tensor_create(&seed, &gcam_session_output(s)->shape)) return complain();
    for (int64_t i = 0; i < gcam_shape_count(&seed->shape); i++) seed->data[i] = 1.0F / (float)batch;
    failed = measure(s, input, seed, rounds, best) || measure_step(t, input, rounds, &step);
    double multiplies = multiplies_at(gcam_model_network(model), size) * batch;
    if (!failed) report(best, multiplies, step.clock, step.processors);
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    gcam_session_free(s);
    gcam_model_free(model);
    gcam_trainer_free(t);
    return failed;
}

int main(int argc, char **argv) {
    static char graph[MOST_TEXT];
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!file || !fread(graph, 1, sizeof graph - 1, file))
        return fprintf(stderr, "usage: bench_train NETWORK.net [BATCH [SIZE [THREADS [ROUNDS]]]]\n"), 2;
    fclose(file);
    int number[4] = {64, 96, 2, 10};
    for (int i = 0; i < 4 && i + 2 < argc; i++) number[i] = atoi(argv[i + 2]);
    return run(graph, number[0], number[1], number[2], number[3]);
}
