/* `make bench-layers NET=NAME`: where the time of a forward pass goes. Each operation of the planned pass, with what is fused into
 * it, is run again and again by itself on the values of a pass; the table gives its share of the time, GFLOP/s (multiplications and
 * additions of the plain definition, so Winograd may exceed the peak), GB/s of what it must read and write, and both as parts of
 * what this machine was measured to do.
 *
 *   bench_layers MODEL THREADS SECONDS JSON */
#include "core/memory.h"
#include "gradcam.h"
#include "graph/session.h"
#include "kernels/simd.h"
#include "support/generator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    gcam_session *session;
    double seconds; /* for one layer */
    double peak, bandwidth;
    FILE *json;
    double total;
} report;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- limits of the machine --------------------------------------------------------------------------------------------------- */

enum { DEPTH = 252, PRODUCTS = 1000, BLOCK = 1 << 20, BLOCKS = 64 };

typedef struct {
    const gcam__compute *compute;
    const gcam__simd *simd;
    float *data;
} limit;

static void multiply_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const limit *l = context;
    gcam__tile tile = {
        .c = l->data + BLOCK + index * 4096, .ldc = l->simd->nr, .rows = l->simd->mr, .cols = l->simd->nr};
    for (int i = 0; i < PRODUCTS; i++)
        l->simd->micro(DEPTH, l->data, l->data + DEPTH * l->simd->mr, l->simd->nr, &tile);
}

static void read_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const limit *l = context;
    gcam__compute alone = {.kernels = GCAM_KERNELS_AUTO};
    if (gcam__find_nonfinite(&alone, l->data + index * BLOCK, BLOCK) >= 0) abort();
}

static double fastest(const limit *l, int64_t units, gcam__work_fn unit) {
    double best = INFINITY, start = now();
    while (now() - start < 0.3) {
        double begin = now();
        gcam__parallel(l->compute->pool, units, unit, (void *)(uintptr_t)l);
        best = fmin(best, now() - begin);
    }
    return best;
}

static void measure_limits(report *r) {
    limit l = {gcam__session_compute(r->session), NULL, gcam__calloc((size_t)BLOCK * BLOCKS, sizeof(float))};
    if (!l.data) exit(1);
    l.simd = gcam__simd_for(l.compute);
    int threads = gcam__pool_threads(l.compute->pool);
    double flops = 2.0 * DEPTH * l.simd->mr * l.simd->nr * PRODUCTS * threads;
    r->peak = flops / fastest(&l, threads, multiply_unit) / 1e9;
    r->bandwidth = 4.0 * BLOCK * BLOCKS / fastest(&l, BLOCKS, read_unit) / 1e9;
    gcam__free(l.data);
}

/* ---- layers -------------------------------------------------------------------------------------------------------------------- */

static double bytes_of(const gcam_shape *shape) {
    return 4.0 * (double)gcam_shape_count(shape);
}

/* Work of the chain that ends at node i: floating-point operations; bytes of its inputs, weights and output. */
static void work_of(const gcam_session *s, int i, double *flops, double *bytes) {
    *flops = 0, *bytes = bytes_of(&s->shape[i]);
    for (int at = i;; at = s->network->nodes[at].inputs[s->forward.link[at]]) {
        const gcam__node *node = &s->network->nodes[at];
        int link = s->forward.link[at];
        gcam_shape in[64];
        for (int k = 0; k < node->input_count; k++) {
            if (k < 64) in[k] = s->shape[node->inputs[k]];
            if (k != link) *bytes += bytes_of(&s->shape[node->inputs[k]]);
        }
        if (node->layer.op->multiplies && link < 0)
            *flops += 2 * (double)node->layer.op->multiplies(&node->layer, in, &s->shape[at]);
        for (int k = 0; k < GCAM__MAX_WEIGHTS; k++)
            if (node->layer.weight[k].data) *bytes += bytes_of(&node->layer.weight[k].shape);
        if (link < 0) return;
    }
}

static void name_chain(const gcam_session *s, int i, char *text, size_t size) {
    int head = gcam__chain_head(s->network, &s->forward, i);
    if (head == i)
        snprintf(text, size, "%s", s->network->nodes[i].name);
    else
        snprintf(text, size, "%s .. %s", s->network->nodes[head].name, s->network->nodes[i].name);
}

/* A concatenation whose inputs are made in their places. */
static int does_nothing(const gcam_session *s, int i) {
    const gcam__node *node = &s->network->nodes[i];
    return node->layer.op->slices && s->activation[i].data == s->activation[node->inputs[0]].data;
}

static void print_layer(report *r, int i) {
    gcam_session *s = r->session;
    double best = INFINITY, start = now(), flops, bytes;
    for (int n = 0; n < 3 || now() - start < r->seconds; n++) {
        double begin = now();
        gcam__session_run_chain(s, i);
        best = fmin(best, now() - begin);
    }
    char name[600];
    int head = gcam__chain_head(s->network, &s->forward, i);
    name_chain(s, i, name, sizeof name);
    work_of(s, i, &flops, &bytes);
    const char *op = s->network->nodes[head].layer.op->name;
    double rate = flops / best / 1e9, speed = bytes / best / 1e9;
    printf("| %s | %s | %.3f | %.0f | %.0f %% | %.1f | %.0f %% |\n", name, op, best * 1e3, rate, 100 * rate / r->peak,
           speed, 100 * speed / r->bandwidth);
    fprintf(r->json, "%s\n{\"layer\": \"%s\", \"op\": \"%s\", \"ms\": %.4f, \"gflops\": %.1f, \"gb_per_s\": %.2f}",
            r->total > 0 ? "," : "", name, op, best * 1e3, rate, speed);
    r->total += best;
}

static gcam_status measure(report *r, const gcam_model *model, int threads) {
    gcam_session_options options = {.struct_size = sizeof options, .threads = threads};
    gcam_status status = gcam_session_create(&r->session, model, &options);
    if (status) return status;
    gcam_shape shape = gcam_session_input_shape(r->session), flat = {1, {gcam_shape_count(&shape)}};
    gcam_tensor *input = NULL;
    status = gcam_tensor_create(&input, &shape);
    if (!status) generator_fill(1, "input.bias", &flat, input->data);
    if (!status) status = gcam_session_forward(r->session, input);
    gcam_tensor_free(input);
    if (status) return status;
    measure_limits(r);
    fprintf(r->json, "{\"threads\": %d, \"peak_gflops\": %.1f, \"read_gb_per_s\": %.1f, \"layers\": [", threads,
            r->peak, r->bandwidth);
    printf("%d threads: %.0f GFLOP/s in the micro-kernel, %.1f GB/s of memory read.\n\n", threads, r->peak,
           r->bandwidth);
    printf("| layers | operation | ms | GFLOP/s | of peak | GB/s | of memory's |\n");
    printf("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
    gcam_session *s = r->session;
    for (int i = 0; i < s->network->count; i++)
        if (s->forward.needed[i] && s->forward.tail[i] == i && !does_nothing(s, i)
            && !s->network->nodes[i].layer.op->is_input && !s->network->nodes[i].layer.op->view)
            print_layer(r, i);
    printf("\nAll together %.2f ms.\n", r->total * 1e3);
    fprintf(r->json, "\n], \"ms\": %.4f}\n", r->total * 1e3);
    return GCAM_OK;
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "usage: bench_layers MODEL THREADS SECONDS JSON\n"), 2;
    report r = {.seconds = atof(argv[3]), .json = fopen(argv[4], "w")};
    if (!r.json) return fprintf(stderr, "bench_layers: %s cannot be written\n", argv[4]), 1;
    gcam_model *model = NULL;
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (!status) status = measure(&r, model, atoi(argv[2]));
    if (status) fprintf(stderr, "bench_layers: %s\n", gcam_last_error()->message);
    gcam_session_free(r.session);
    gcam_model_free(model);
    fclose(r.json);
    return status != GCAM_OK;
}
