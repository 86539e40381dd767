/* `make bench-kernels`: the machine's limits (fused multiply-adds, memory) and the speed of every layer shape of some networks.
 *
 *   bench_kernels [--threads N] [--kernels auto|blas|plain] [--net NAME] [--seconds S] [--batch N] [--algorithm NAME] [--backward 0|1|2]
 *     [--clock wall|cpu]
 *
 * Each figure is the best of many short runs, because a shared machine only ever adds time. GFLOP/s counts the multiplications
 * and additions of the plain definition, so Winograd may exceed the processor's peak. With one thread, --clock cpu leaves out the time that other processes took. */
#include "core/memory.h"
#include "core/random.h"
#include "kernels/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct layer_shape {
    const char *net;
    int c, side, k, kernel, stride, pad, groups, times; /* times: how often the network has it */
} layer_shape;

static const layer_shape shapes[] = {
    {"vgg16", 3, 224, 64, 3, 1, 1, 1, 1},         {"vgg16", 64, 224, 64, 3, 1, 1, 1, 1},
    {"vgg16", 64, 112, 128, 3, 1, 1, 1, 1},       {"vgg16", 128, 112, 128, 3, 1, 1, 1, 1},
    {"vgg16", 128, 56, 256, 3, 1, 1, 1, 1},       {"vgg16", 256, 56, 256, 3, 1, 1, 1, 2},
    {"vgg16", 256, 28, 512, 3, 1, 1, 1, 1},       {"vgg16", 512, 28, 512, 3, 1, 1, 1, 2},
    {"vgg16", 512, 14, 512, 3, 1, 1, 1, 3},       {"resnet50", 3, 224, 64, 7, 2, 3, 1, 1},
    {"resnet50", 64, 56, 64, 1, 1, 0, 1, 1},      {"resnet50", 64, 56, 64, 3, 1, 1, 1, 3},
    {"resnet50", 64, 56, 256, 1, 1, 0, 1, 4},     {"resnet50", 256, 56, 64, 1, 1, 0, 1, 2},
    {"resnet50", 256, 56, 128, 1, 1, 0, 1, 1},    {"resnet50", 128, 56, 128, 3, 2, 1, 1, 1},
    {"resnet50", 128, 28, 512, 1, 1, 0, 1, 4},    {"resnet50", 256, 56, 512, 1, 2, 0, 1, 1},
    {"resnet50", 512, 28, 128, 1, 1, 0, 1, 3},    {"resnet50", 128, 28, 128, 3, 1, 1, 1, 3},
    {"resnet50", 512, 28, 256, 1, 1, 0, 1, 1},    {"resnet50", 256, 28, 256, 3, 2, 1, 1, 1},
    {"resnet50", 256, 14, 1024, 1, 1, 0, 1, 6},   {"resnet50", 512, 28, 1024, 1, 2, 0, 1, 1},
    {"resnet50", 1024, 14, 256, 1, 1, 0, 1, 5},   {"resnet50", 256, 14, 256, 3, 1, 1, 1, 5},
    {"resnet50", 1024, 14, 512, 1, 1, 0, 1, 1},   {"resnet50", 512, 14, 512, 3, 2, 1, 1, 1},
    {"resnet50", 512, 7, 2048, 1, 1, 0, 1, 3},    {"resnet50", 1024, 14, 2048, 1, 2, 0, 1, 1},
    {"resnet50", 2048, 7, 512, 1, 1, 0, 1, 2},    {"resnet50", 512, 7, 512, 3, 1, 1, 1, 2},
    {"googlenet", 3, 224, 64, 7, 2, 3, 1, 1},     {"googlenet", 64, 56, 64, 1, 1, 0, 1, 1},
    {"googlenet", 64, 56, 192, 3, 1, 1, 1, 1},    {"googlenet", 192, 28, 96, 1, 1, 0, 1, 1},
    {"googlenet", 96, 28, 128, 3, 1, 1, 1, 1},    {"googlenet", 16, 28, 32, 3, 1, 1, 1, 1},
    {"googlenet", 192, 28, 16, 1, 1, 0, 1, 1},    {"googlenet", 480, 14, 192, 1, 1, 0, 1, 1},
    {"googlenet", 112, 14, 224, 3, 1, 1, 1, 1},   {"googlenet", 832, 7, 384, 1, 1, 0, 1, 1},
    {"googlenet", 192, 7, 384, 3, 1, 1, 1, 1},    {"squeezenet", 3, 224, 64, 3, 2, 0, 1, 1},
    {"squeezenet", 64, 55, 16, 1, 1, 0, 1, 1},    {"squeezenet", 16, 55, 64, 1, 1, 0, 1, 2},
    {"squeezenet", 16, 55, 64, 3, 1, 1, 1, 2},    {"squeezenet", 128, 27, 32, 1, 1, 0, 1, 1},
    {"squeezenet", 32, 27, 128, 3, 1, 1, 1, 2},   {"squeezenet", 64, 13, 256, 3, 1, 1, 1, 2},
    {"squeezenet", 512, 13, 1000, 1, 1, 0, 1, 1}, {"alexnet", 3, 224, 64, 11, 4, 2, 1, 1},
    {"alexnet", 64, 27, 192, 5, 1, 2, 1, 1},      {"alexnet", 192, 13, 384, 3, 1, 1, 1, 1},
    {"alexnet", 384, 13, 256, 3, 1, 1, 1, 1},     {"alexnet", 256, 13, 256, 3, 1, 1, 1, 1},
    {"mobilenet", 3, 224, 32, 3, 2, 1, 1, 1},     {"mobilenet", 32, 112, 32, 3, 1, 1, 32, 1},
    {"mobilenet", 32, 112, 16, 1, 1, 0, 1, 1},    {"mobilenet", 16, 112, 96, 1, 1, 0, 1, 1},
    {"mobilenet", 96, 112, 96, 3, 2, 1, 96, 1},   {"mobilenet", 96, 56, 24, 1, 1, 0, 1, 1},
    {"mobilenet", 24, 56, 144, 1, 1, 0, 1, 2},    {"mobilenet", 144, 56, 144, 3, 1, 1, 144, 1},
    {"mobilenet", 144, 56, 24, 1, 1, 0, 1, 1},    {"mobilenet", 384, 14, 384, 3, 1, 1, 384, 4},
    {"mobilenet", 960, 7, 960, 3, 1, 1, 960, 3},  {"mobilenet", 320, 7, 1280, 1, 1, 0, 1, 1},
    {"training", 3, 64, 24, 3, 1, 1, 1, 1},       {"training", 24, 64, 48, 3, 2, 1, 1, 1},
    {"training", 24, 64, 24, 3, 1, 1, 1, 1},      {"training", 48, 32, 48, 3, 1, 1, 1, 1},
    {"training", 48, 32, 96, 3, 2, 1, 1, 1},      {"training", 96, 16, 96, 3, 1, 1, 1, 1},
    {"training", 192, 16, 192, 3, 1, 1, 1, 1},    {"training", 96, 32, 192, 3, 2, 1, 1, 1},
    {"training", 96, 32, 96, 1, 1, 0, 1, 1},      {"training", 192, 16, 96, 1, 1, 0, 1, 1},
    {"training", 48, 32, 96, 1, 2, 0, 1, 1},      {"training", 48, 32, 48, 3, 1, 1, 48, 1},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

typedef struct settings {
    gcam__compute compute;
    const char *net, *algorithm;
    double seconds;
    int64_t batch;
    int backward;
} settings;

static clockid_t used_clock = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(used_clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Fastest of the runs that fit into the time, at least three. */
static double best_time(void (*run)(void *), void *context, double seconds) {
    double best = INFINITY, start = now();
    for (int i = 0; i < 3 || now() - start < seconds; i++) {
        double begin = now();
        run(context);
        best = fmin(best, now() - begin);
    }
    return best;
}

static void *need(size_t bytes) {
    void *memory = gcam__alloc(bytes);
    if (!memory) {
        fprintf(stderr, "bench_kernels: %s\n", gcam_last_error()->message);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

static float *need_floats(int64_t count) {
    float *values = need((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = (float)gcam__random_uniform(1, 0, 0, (uint64_t)i % 4096) - 0.5f;
    return values;
}

/* ---- limits of the machine --------------------------------------------------------------------------------------------- */

enum { DEPTH = 252, PRODUCTS = 1000 };

typedef struct limit {
    const settings *s;
    const gcam__simd *simd;
    float *data, *sums;
    int64_t count;
} limit;

/* A micro-kernel on operands in the first-level cache is the fastest product there is. */
static void multiply_unit(void *context, int64_t index, int worker) {
    (void)index;
    limit *l = context;
    gcam__tile tile = {.c = l->sums + worker * 4096, .ldc = l->simd->nr, .rows = l->simd->mr, .cols = l->simd->nr};
    for (int i = 0; i < PRODUCTS; i++)
        l->simd->micro(DEPTH, l->data, l->data + DEPTH * l->simd->mr, l->simd->nr, &tile);
}

static void multiply(void *context) {
    limit *l = context;
    gcam__parallel(l->s->compute.pool, gcam__pool_threads(l->s->compute.pool), multiply_unit, l);
}

static void read_unit(void *context, int64_t index, int worker) {
    (void)worker;
    limit *l = context;
    l->sums[index] = (float)gcam__find_nonfinite(&(gcam__compute){.pool = NULL}, l->data + index * (1 << 20), 1 << 20);
}

static void read_memory(void *context) {
    limit *l = context;
    gcam__parallel(l->s->compute.pool, l->count >> 20, read_unit, l);
}

/* GFLOP/s of the micro-kernel. Measured again beside each layer: the speed that a shared machine gives varies. */
static double peak_of(limit *l, double seconds) {
    double flops = 2.0 * DEPTH * l->simd->mr * l->simd->nr * PRODUCTS * gcam__pool_threads(l->s->compute.pool);
    return flops / best_time(multiply, l, seconds) / 1e9;
}

static void print_limits(const settings *s, limit *l) {
    l->data = need_floats(l->count);
    double memory = (double)l->count * 4 / best_time(read_memory, l, 1) / 1e9;
    printf("%s, %d threads: %.0f GFLOP/s in the micro-kernel, %.1f GB/s of memory read\n",
           gcam__isa_name(s->compute.isa), gcam__pool_threads(s->compute.pool), peak_of(l, 1), memory);
}

/* ---- layers -------------------------------------------------------------------------------------------------------------- */

typedef struct layer_run {
    const settings *s;
    gcam__conv g;
    gcam__conv_algorithm algorithm;
    float *x, *w, *bias, *y, *dw;
    void *prepared, *scratch;
} layer_run;

static void run_forward(void *context) {
    layer_run *l = context;
    gcam__epilogue epilogue = {.bias = l->bias, .relu = 1};
    gcam__conv_forward(&l->s->compute, &l->g, l->algorithm, l->x, l->w, l->prepared, &epilogue, l->y, l->scratch);
}

static void run_backward(void *context) {
    layer_run *l = context;
    gcam__conv_backward_data(&l->s->compute, &l->g, l->algorithm, l->y, l->w, l->prepared, l->x, l->scratch);
}

static void run_weights(void *context) {
    layer_run *l = context;
    gcam__conv_backward_weights(&l->s->compute, &l->g, l->algorithm, l->x, l->y, l->dw, l->bias, l->scratch);
}

static void run_prepare(void *context) {
    layer_run *l = context;
    gcam__conv_prepare(&l->s->compute, &l->g, l->algorithm, l->w, l->prepared);
}

static gcam__conv conv_of(const layer_shape *t, int64_t batch) {
    gcam__conv g = {.n = batch, .c = t->c, .h = t->side, .w = t->side, .k = t->k, .r = t->kernel, .s = t->kernel};
    g.groups = t->groups;
    for (int i = 0; i < 2; i++) g.stride[i] = t->stride, g.pad[i] = t->pad, g.dilation[i] = 1;
    g.p = g.q = (t->side + 2 * t->pad - t->kernel) / t->stride + 1;
    return g;
}

/* The algorithm asked for where it takes the shape, else the library's choice. */
static gcam__conv_algorithm algorithm_of(const settings *s, const gcam__conv *g) {
    for (int i = 0; s->algorithm && i < GCAM__CONV_ALGORITHMS; i++) {
        gcam__conv_algorithm algorithm = (gcam__conv_algorithm)i;
        if (strcmp(s->algorithm, gcam__conv_algorithm_name(algorithm)) == 0 && gcam__conv_takes(g, algorithm))
            return algorithm;
    }
    return gcam__conv_choose(&s->compute, g);
}

/* Prints one shape and returns the forward's seconds in the whole network. */
static double print_layer(const settings *s, const layer_shape *t, limit *limits, double *backward_total) {
    layer_run l = {.s = s, .g = conv_of(t, s->batch)};
    l.algorithm = algorithm_of(s, &l.g);
    size_t forward = gcam__conv_forward_scratch(&s->compute, &l.g, l.algorithm);
    size_t backward = gcam__conv_backward_scratch(&s->compute, &l.g, l.algorithm);
    l.x = need_floats(l.g.n * l.g.c * l.g.h * l.g.w);
    l.w = need_floats(l.g.k * l.g.c / l.g.groups * l.g.r * l.g.s);
    l.bias = need_floats(l.g.k);
    l.y = need_floats(l.g.n * l.g.k * l.g.p * l.g.q);
    l.dw = need_floats(l.g.k * l.g.c / l.g.groups * l.g.r * l.g.s);
    size_t weights_bytes = s->backward > 1 ? gcam__conv_weights_scratch(&s->compute, &l.g, l.algorithm) : 0;
    size_t most = forward > backward ? forward : backward;
    l.scratch = need(most > weights_bytes ? most : weights_bytes);
    l.prepared = need(gcam__conv_prepared_bytes(&s->compute, &l.g, l.algorithm));
    gcam__conv_prepare(&s->compute, &l.g, l.algorithm, l.w, l.prepared);
    double flops = 2.0 * (double)(l.g.n * l.g.k * l.g.p * l.g.q * (l.g.c / l.g.groups) * l.g.r * l.g.s);
    double time = INFINITY, back = INFINITY, weights = INFINITY, prepare = INFINITY, peak = 0;
    for (int i = 0; i < 4; i++) {
        peak = fmax(peak, peak_of(limits, s->seconds / 16));
        time = fmin(time, best_time(run_forward, &l, s->seconds / 4));
        if (s->backward) back = fmin(back, best_time(run_backward, &l, s->seconds / 4));
        if (s->backward > 1) weights = fmin(weights, best_time(run_weights, &l, s->seconds / 4));
        if (s->backward > 1) prepare = fmin(prepare, best_time(run_prepare, &l, s->seconds / 16));
    }
    printf("%-10s %4d x%4d -> %4d  %2dx%-2d /%d  %-10s x%d  %8.3f ms %6.0f GF/s %4.0f %% of %3.0f   back %8.3f ms "
           "%6.0f GF/s",
           t->net, t->c, t->side, t->k, t->kernel, t->kernel, t->stride, gcam__conv_algorithm_name(l.algorithm),
           t->times, time * 1e3, flops / time / 1e9, flops / time / 1e7 / peak, peak, back * 1e3, flops / back / 1e9);
    if (s->backward > 1)
        printf("   dW %8.3f ms %6.0f GF/s   preparing %.3f ms", weights * 1e3, flops / weights / 1e9, prepare * 1e3);
    printf("\n");
    void *blocks[] = {l.x, l.w, l.bias, l.y, l.dw, l.scratch, l.prepared};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) gcam__free(blocks[i]);
    *backward_total += back * t->times;
    return time * t->times;
}

typedef struct linear_run {
    const settings *s;
    float *x, *w, *y;
    int64_t c, k;
} linear_run;

static void run_linear(void *context) {
    linear_run *l = context;
    gcam__linear_forward(&l->s->compute, l->x, l->w, NULL, l->y, l->s->batch, l->c, l->k);
}
static void run_linear_backward(void *context) {
    linear_run *l = context;
    gcam__linear_backward(&l->s->compute, l->y, l->w, l->x, l->s->batch, l->c, l->k);
}

static void print_linear(const settings *s, int64_t c, int64_t k) {
    linear_run l = {s, need_floats(s->batch * c), need_floats(c * k), need_floats(s->batch * k), c, k};
    double bytes = (double)(c * k) * 4, time = best_time(run_linear, &l, s->seconds);
    for (int64_t i = 0; i < s->batch * k; i++) l.y[i] = 1;
    double back = best_time(run_linear_backward, &l, s->seconds);
    for (int64_t i = 0; i < s->batch * k; i++) l.y[i] = i % 4 == 0;
    double quarter = best_time(run_linear_backward, &l, s->seconds);
    printf("linear %5d -> %4d  %8.3f ms %5.1f GB/s   back %8.3f ms %5.1f GB/s, a quarter live %8.3f ms\n", (int)c,
           (int)k, time * 1e3, bytes / time / 1e9, back * 1e3, bytes / back / 1e9, quarter * 1e3);
    gcam__free(l.x);
    gcam__free(l.w);
    gcam__free(l.y);
}

static void print_net(const settings *s, const char *net, limit *limits) {
    double forward = 0, backward = 0;
    for (int i = 0; i < SHAPES; i++)
        if (strcmp(shapes[i].net, net) == 0) forward += print_layer(s, &shapes[i], limits, &backward);
    printf("%-10s all listed convolutions: forward %.2f ms, backward %.2f ms\n", net, forward * 1e3, backward * 1e3);
}

static int parse(settings *s, int argc, char **argv, int *threads) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0)
            *threads = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--net") == 0)
            s->net = argv[i + 1];
        else if (strcmp(argv[i], "--algorithm") == 0)
            s->algorithm = argv[i + 1];
        else if (strcmp(argv[i], "--seconds") == 0)
            s->seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--clock") == 0)
            used_clock = strcmp(argv[i + 1], "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
        else if (strcmp(argv[i], "--backward") == 0)
            s->backward = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--batch") == 0)
            s->batch = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--kernels") == 0)
            s->compute.kernels = strcmp(argv[i + 1], "blas") == 0    ? GCAM_KERNELS_BLAS
                                 : strcmp(argv[i + 1], "plain") == 0 ? GCAM_KERNELS_PLAIN
                                                                     : GCAM_KERNELS_AUTO;
        else
            return 0;
    }
    return argc % 2 == 1 && s->batch > 0;
}

int main(int argc, char **argv) {
    settings s = {.seconds = 0.3, .batch = 1, .backward = 1};
    int threads = 0;
    s.compute.isa = gcam__cpu_isa();
    if (!parse(&s, argc, argv, &threads)) {
        fprintf(stderr,
                "usage: bench_kernels [--threads N] [--kernels auto|blas|plain] [--net NAME] [--batch N]\n"
                "                     [--seconds S] [--algorithm NAME] [--backward 0|1|2] [--clock wall|cpu]\n");
        return 2;
    }
    if (gcam__pool_create(&s.compute.pool, threads) != GCAM_OK) return 1;
    gcam__blas_enter(&s.compute);
    limit limits = {&s, gcam__simd_for(&s.compute), NULL, need_floats(1 << 16), 100 << 20};
    print_limits(&s, &limits);
    for (int i = 0; i < SHAPES; i++) {
        int first = i == 0 || strcmp(shapes[i].net, shapes[i - 1].net) != 0;
        if (first && (!s.net || strcmp(s.net, shapes[i].net) == 0)) print_net(&s, shapes[i].net, &limits);
    }
    if (!s.net || strcmp(s.net, "linear") == 0) {
        print_linear(&s, 25088, 4096);
        print_linear(&s, 4096, 4096);
        print_linear(&s, 4096, 1000);
        print_linear(&s, 2048, 1000);
    }
    gcam__free(limits.data);
    gcam__free(limits.sums);
    gcam__blas_leave(&s.compute);
    gcam__pool_free(s.compute.pool);
    return 0;
}
