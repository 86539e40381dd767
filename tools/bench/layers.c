/* `make bench-layers NET=NAME`: where the time of a forward pass goes. Each operation of the planned pass, with what is fused into
 * it, is run again and again by itself on the values of a pass; the table gives its share of the time, GFLOP/s (multiplications and
 * additions of the plain definition, so Winograd may exceed the peak), GB/s of what it must read and write, and both as parts of
 * what this machine was measured to do.
 *
 *   bench_layers MODEL THREADS SECONDS JSON [grouped]
 *
 * `grouped` makes one row of all operations of the same kind and shape, with their share of the time: short enough for a document. */
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

/* An operation with what is fused into it; of grouped ones, all together. */
typedef struct {
    char name[600], shape[160];
    const char *op;
    double seconds, flops, bytes;
    int count;
} row;

typedef struct {
    gcam_session *session;
    double seconds; /* for one layer */
    double peak, bandwidth, total;
    row *rows;
    int count;
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

/* Before the layers and behind them, because a machine has slow spells: the better of both. */
static void measure_limits(report *r) {
    limit l = {gcam__session_compute(r->session), NULL, gcam__calloc((size_t)BLOCK * BLOCKS, sizeof(float))};
    if (!l.data) exit(1);
    l.simd = gcam__simd_for(l.compute);
    int threads = gcam__pool_threads(l.compute->pool);
    double flops = 2.0 * DEPTH * l.simd->mr * l.simd->nr * PRODUCTS * threads;
    r->peak = fmax(r->peak, flops / fastest(&l, threads, multiply_unit) / 1e9);
    r->bandwidth = fmax(r->bandwidth, 4.0 * BLOCK * BLOCKS / fastest(&l, BLOCKS, read_unit) / 1e9);
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

/* "3x3 64 to 128, 112x112 to 56x56" of a convolution; sizes of values of others. */
static void describe(const gcam_session *s, int head, int last, char *text, size_t size) {
    const gcam__node *node = &s->network->nodes[head];
    const gcam_shape *x = &s->shape[node->inputs[0]], *y = &s->shape[last], *w = &node->layer.weight[0].shape;
    if (x->rank == 4 && y->rank == 4 && w->rank == 4)
        snprintf(text, size, "%dx%d, %d to %d channels, %dx%d to %dx%d%s", (int)w->dim[2], (int)w->dim[3],
                 (int)x->dim[1], (int)y->dim[1], (int)x->dim[2], (int)x->dim[3], (int)y->dim[2], (int)y->dim[3],
                 w->dim[1] < x->dim[1] ? ", in groups" : "");
    else if (x->rank == 4 && y->rank == 4)
        snprintf(text, size, "%d channels, %dx%d to %dx%d", (int)y->dim[1], (int)x->dim[2], (int)x->dim[3],
                 (int)y->dim[2], (int)y->dim[3]);
    else
        snprintf(text, size, "%d to %d", (int)(gcam_shape_count(x) / x->dim[0]),
                 (int)(gcam_shape_count(y) / y->dim[0]));
}

static void measure_layer(report *r, int i) {
    gcam_session *s = r->session;
    row *out = &r->rows[r->count++];
    double best = INFINITY, start = now();
    for (int n = 0; n < 3 || now() - start < r->seconds; n++) {
        double begin = now();
        gcam__session_run_chain(s, i);
        best = fmin(best, now() - begin);
    }
    int head = gcam__chain_head(s->network, &s->forward, i);
    name_chain(s, i, out->name, sizeof out->name);
    describe(s, head, i, out->shape, sizeof out->shape);
    work_of(s, i, &out->flops, &out->bytes);
    out->op = s->network->nodes[head].layer.op->name;
    out->seconds = best;
    out->count = 1;
    r->total += best;
}

static void print_rates(const report *r, const row *w) {
    double rate = w->flops / w->seconds / 1e9, speed = w->bytes / w->seconds / 1e9;
    printf(" %.0f | %.0f %% | %.1f | %.0f %% |\n", rate, 100 * rate / r->peak, speed, 100 * speed / r->bandwidth);
}

static void print_rows(const report *r) {
    printf("| layers | operation | ms | GFLOP/s | of peak | GB/s | of memory's |\n");
    printf("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < r->count; i++) {
        printf("| %s | %s | %.3f |", r->rows[i].name, r->rows[i].op, r->rows[i].seconds * 1e3);
        print_rates(r, &r->rows[i]);
    }
}

/* Adds rows up into the first one of their kind; what takes less than a hundredth of the time is told in the last line alone. */
static void print_groups(report *r) {
    double small = 0;
    printf("| operation | how many | ms | of the time | GFLOP/s | of peak | GB/s | of memory's |\n");
    printf("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < r->count; i++) {
        row *w = &r->rows[i];
        for (int k = i + 1; k < r->count && w->count > 0; k++) {
            row *other = &r->rows[k];
            if (other->count == 0 || strcmp(w->op, other->op) != 0 || strcmp(w->shape, other->shape) != 0) continue;
            w->seconds += other->seconds, w->flops += other->flops, w->bytes += other->bytes, w->count += other->count;
            other->count = 0;
        }
        if (w->count == 0) continue;
        if (w->seconds < 0.01 * r->total) {
            small += w->seconds;
            continue;
        }
        printf("| %s %s | %d | %.2f | %.1f %% |", w->op, w->shape, w->count, w->seconds * 1e3,
               100 * w->seconds / r->total);
        print_rates(r, w);
    }
    printf("| everything else | | %.2f | %.1f %% | | | | |\n", small * 1e3, 100 * small / r->total);
}

static void write_json(const report *r, int threads, FILE *file) {
    fprintf(file, "{\"threads\": %d, \"peak_gflops\": %.1f, \"read_gb_per_s\": %.1f, \"layers\": [", threads, r->peak,
            r->bandwidth);
    for (int i = 0; i < r->count; i++) {
        const row *w = &r->rows[i];
        fprintf(
            file,
            "%s\n{\"layer\": \"%s\", \"op\": \"%s\", \"shape\": \"%s\", \"ms\": %.4f, \"gflops\": %.1f, \"gb_per_s\": "
            "%.2f}",
            i ? "," : "", w->name, w->op, w->shape, w->seconds * 1e3, w->flops / w->seconds / 1e9,
            w->bytes / w->seconds / 1e9);
    }
    fprintf(file, "\n], \"ms\": %.4f}\n", r->total * 1e3);
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
    gcam_session *s = r->session;
    r->rows = calloc((size_t)s->network->count, sizeof *r->rows);
    if (!r->rows) return GCAM_ERR_NOMEM;
    measure_limits(r);
    for (int i = 0; i < s->network->count; i++)
        if (s->forward.needed[i] && s->forward.tail[i] == i && !does_nothing(s, i)
            && !s->network->nodes[i].layer.op->is_input && !s->network->nodes[i].layer.op->view)
            measure_layer(r, i);
    measure_limits(r);
    return GCAM_OK;
}

static void print_report(report *r, int threads, int grouped) {
    printf("%d threads: %.0f GFLOP/s in the micro-kernel, %.1f GB/s of memory read.\n\n", threads, r->peak,
           r->bandwidth);
    if (grouped)
        print_groups(r);
    else
        print_rows(r);
    printf("\nAll together %.2f ms.\n", r->total * 1e3);
}

int main(int argc, char **argv) {
    if (argc < 5) return fprintf(stderr, "usage: bench_layers MODEL THREADS SECONDS JSON [grouped]\n"), 2;
    report r = {.seconds = atof(argv[3])};
    FILE *json = fopen(argv[4], "w");
    if (!json) return fprintf(stderr, "bench_layers: %s cannot be written\n", argv[4]), 1;
    gcam_model *model = NULL;
    int threads = atoi(argv[2]);
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (!status) status = measure(&r, model, threads);
    if (status) {
        fprintf(stderr, "bench_layers: %s\n", gcam_last_error()->message);
    } else {
        write_json(&r, threads, json);
        print_report(&r, threads, argc > 5 && strcmp(argv[5], "grouped") == 0);
    }
    fclose(json);
    free(r.rows);
    gcam_session_free(r.session);
    gcam_model_free(model);
    return status != GCAM_OK;
}
