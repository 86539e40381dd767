/* `make bench-sessions NET=NAME`: several sessions of one model, each in a thread of the host program's own, beside one session that has all
 * processors to itself. Every session explains a picture of its own by Grad-CAM again and again; scores and maps are compared, bit by
 * bit, with what a session of as many threads gives when it is alone. A table in Markdown; exit status 1 where bits differ.
 *
 *   bench_sessions MODEL SECONDS ROUNDS */
#include "gradcam.h"
#include "support/generator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SESSIONS = 4 };

/* Sessions side by side and the threads of each. The first is what the others are compared with. */
static const struct { int sessions, threads; } cases[] = {{1, 2}, {1, 1}, {2, 1}, {4, 1}, {4, 2}};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct {
    const gcam_model *model;
    gcam_session *session;
    gcam_tensor *input, *scores, *map; /* the last results, copies */
    int number;                        /* of its picture */
    const atomic_int *stop;
    long images;
    gcam_status status;
} guest;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gcam_status keep(gcam_tensor **copy, const gcam_tensor *tensor) {
    gcam_tensor_free(*copy);
    gcam_status status = gcam_tensor_create(copy, &tensor->shape);
    if (!status) memcpy((*copy)->data, tensor->data, (size_t)gcam_shape_count(&tensor->shape) * sizeof(float));
    return status;
}

static gcam_status explain(guest *g) {
    gcam_explanation **list = NULL;
    size_t count = 0;
    const char *method = "gradcam";
    gcam_target top = {.class_index = GCAM_TOP_CLASS};
    gcam_explain_options options = {.struct_size = sizeof options, .methods = &method, .method_count = 1};
    options.targets = &top;
    options.target_count = 1;
    gcam_status status = gcam_explain_tensor(&list, &count, g->session, g->input, 0, &options);
    if (!status) status = keep(&g->scores, gcam_session_output(g->session));
    if (!status) status = keep(&g->map, gcam_explanation_raw(list[0]));
    gcam_explanations_free(list, count);
    return status;
}

static gcam_status open_guest(guest *g, int threads) {
    gcam_session_options options = {.struct_size = sizeof options, .threads = threads};
    gcam_status status = gcam_session_create(&g->session, g->model, &options);
    if (status) return status;
    gcam_shape shape = gcam_session_input_shape(g->session), flat = {1, {gcam_shape_count(&shape)}};
    status = gcam_tensor_create(&g->input, &shape);
    if (!status) generator_fill((uint64_t)g->number + 1, "input.bias", &flat, g->input->data);
    return status ? status : explain(g);
}

static void close_guest(guest *g) {
    gcam_tensor_free(g->input);
    gcam_tensor_free(g->scores);
    gcam_tensor_free(g->map);
    gcam_session_free(g->session);
}

static void *visit(void *argument) {
    guest *g = argument;
    for (; !g->status && !atomic_load(g->stop); g->images++) g->status = explain(g);
    return NULL;
}

static int same(const gcam_tensor *a, const gcam_tensor *b) {
    int64_t count = gcam_shape_count(&a->shape);
    return count == gcam_shape_count(&b->shape) && memcmp(a->data, b->data, (size_t)count * sizeof(float)) == 0;
}

/* Whether a guest's last results are those of a session that has the machine to itself. */
static gcam_status compare_alone(const guest *g, int threads, int *differ) {
    guest alone = {.model = g->model, .number = g->number};
    gcam_status status = open_guest(&alone, threads);
    if (!status) *differ |= !same(g->scores, alone.scores) || !same(g->map, alone.map);
    close_guest(&alone);
    return status;
}

/* Runs the sessions of a case for some time; images a second of all together. */
static gcam_status run_case(const gcam_model *model, int index, double seconds, double *rate, int *differ) {
    guest guests[MAX_SESSIONS];
    pthread_t threads[MAX_SESSIONS];
    atomic_int stop = 0;
    gcam_status status = GCAM_OK;
    int count = cases[index].sessions, started = 0;
    memset(guests, 0, sizeof guests);
    for (int i = 0; i < count && !status; i++) {
        guests[i].model = model, guests[i].number = i, guests[i].stop = &stop;
        status = open_guest(&guests[i], cases[index].threads);
    }
    double start = now();
    while (!status && started < count && pthread_create(&threads[started], NULL, visit, &guests[started]) == 0)
        started++;
    struct timespec rest = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    if (!status) nanosleep(&rest, NULL);
    atomic_store(&stop, 1);
    long images = 0;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        images += guests[i].images;
        if (!status) status = guests[i].status;
    }
    *rate = (double)images / (now() - start);
    for (int i = 0; i < count && !status; i++) status = compare_alone(&guests[i], cases[index].threads, differ);
    for (int i = 0; i < count; i++) close_guest(&guests[i]);
    return status;
}

static gcam_status measure(const gcam_model *model, double seconds, int rounds, int *differ) {
    double best[CASES] = {0};
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < CASES; i++) {
            double rate = 0;
            gcam_status status = run_case(model, i, seconds, &rate, differ);
            if (status) return status;
            if (rate > best[i]) best[i] = rate;
        }
    printf("| sessions | threads of each | images a second | of one session with two threads |\n");
    printf("| ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < CASES; i++)
        printf("| %d | %d | %.1f | %.2f |\n", cases[i].sessions, cases[i].threads, best[i], best[i] / best[0]);
    printf("\nThe best of %d rounds of %g s; scores and maps %s those of a session that is alone.\n", rounds, seconds,
           *differ ? "**are not**" : "are, bit by bit,");
    return GCAM_OK;
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: bench_sessions MODEL SECONDS ROUNDS\n"), 2;
    gcam_model *model = NULL;
    int differ = 0;
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (!status) status = measure(model, atof(argv[2]), atoi(argv[3]), &differ);
    if (status) fprintf(stderr, "bench_sessions: %s\n", gcam_last_error()->message);
    gcam_model_free(model);
    return status != GCAM_OK || differ;
}
