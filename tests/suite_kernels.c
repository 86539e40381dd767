/* Tests of lib/kernels: every algorithm on a grid of shapes against the double-precision loops of support/reference.c, adjoint
 * identities, equal bits for any number of threads, PyTorch's rules of pooling. */
#include "core/memory.h"
#include "core/random.h"
#include "kernels/conv.h"
#include "support/reference.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every combination that a session can ask for on this machine. */
typedef struct backend {
    const char *name;
    gcam_kernels kernels;
    int isa; /* -1: the processor's */
    int threads;
} backend;

static const backend backends[] = {
    {"auto, 1 thread", GCAM_KERNELS_AUTO, -1, 1},
    {"auto, 3 threads", GCAM_KERNELS_AUTO, -1, 3},
    {"AVX2, 2 threads", GCAM_KERNELS_AUTO, GCAM__ISA_AVX2, 2},
    {"blas, 2 threads", GCAM_KERNELS_BLAS, -1, 2},
    {"plain, 2 threads", GCAM_KERNELS_PLAIN, -1, 2},
};
enum { BACKENDS = sizeof backends / sizeof backends[0], PLAIN = BACKENDS - 1 };

static gcam__compute computes[BACKENDS];

static void open_backends(void) {
    gcam__isa best = gcam__cpu_isa();
    for (int i = 0; i < BACKENDS; i++) {
        int isa = backends[i].isa;
        computes[i] = (gcam__compute){.kernels = backends[i].kernels, .isa = best};
        if (isa >= 0 && best == GCAM__ISA_AVX512) computes[i].isa = (gcam__isa)isa;
        ck_assert_int_eq(gcam__pool_create(&computes[i].pool, backends[i].threads), GCAM_OK);
        gcam__blas_enter(&computes[i]);
    }
}

static void close_backends(void) {
    for (int i = 0; i < BACKENDS; i++) {
        gcam__blas_leave(&computes[i]);
        gcam__pool_free(computes[i].pool);
    }
}

static void *block(int64_t count, size_t size) {
    void *memory = gcam__alloc((size_t)count * size);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0xFF, (size_t)count * size); /* NaN: what is not written shows */
    return memory;
}

static void check_close(const float *got, const double *want, int64_t count, const char *what) {
    double mean = nmse(got, want, count), most = max_error(got, want, count);
    ck_assert_msg(mean <= 1e-10 && most <= 1e-4, "%s: NMSE %.3g, max error %.3g", what, mean, most);
}

/* ---- convolution ------------------------------------------------------------------------------------------------------ */

/* n c h w, k r s, stride, pad, pad_end (beyond), dilation, groups */
typedef struct conv_case {
    int n, c, h, w, k, r, s, stride[2], pad[2], pad_end[2], dilation[2], groups;
} conv_case;

static const conv_case conv_cases[] = {
    {1, 3, 11, 13, 5, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},     /* odd sizes */
    {2, 8, 9, 7, 16, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},      /* */
    {1, 3, 32, 31, 8, 7, 7, {2, 2}, {3, 3}, {0, 0}, {1, 1}, 1},     /* ResNet's first */
    {1, 3, 43, 41, 10, 11, 11, {4, 4}, {2, 2}, {0, 0}, {1, 1}, 1},  /* AlexNet's first */
    {1, 16, 13, 13, 24, 5, 5, {1, 1}, {2, 2}, {0, 0}, {1, 1}, 1},   /* */
    {1, 12, 10, 11, 18, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1},   /* */
    {1, 12, 10, 11, 18, 3, 3, {2, 1}, {0, 1}, {1, 0}, {1, 1}, 1},   /* unequal strides and pads */
    {1, 6, 9, 12, 9, 3, 3, {1, 1}, {1, 0}, {1, 1}, {1, 1}, 1},      /* more below than above */
    {1, 6, 9, 12, 9, 2, 3, {1, 1}, {1, 1}, {-1, 0}, {1, 1}, 1},     /* less below than above */
    {1, 4, 17, 15, 6, 3, 3, {1, 1}, {2, 2}, {0, 0}, {2, 2}, 1},     /* dilated */
    {2, 4, 17, 15, 6, 3, 2, {2, 1}, {3, 2}, {0, 1}, {3, 2}, 1},     /* */
    {1, 8, 8, 9, 12, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 2},      /* groups */
    {3, 12, 7, 7, 8, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 4},      /* */
    {1, 64, 14, 14, 48, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},   /* pointwise */
    {3, 20, 7, 7, 34, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},     /* panels across images */
    {3, 20, 2, 1, 34, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},     /* several images in a panel */
    {2, 300, 12, 11, 30, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},  /* more than one block of channels, read in place */
    {2, 24, 16, 9, 20, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 2},    /* */
    {1, 300, 12, 12, 450, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1}, /* weights that leave the cache */
    {2, 12, 5, 6, 10, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 2},     /* */
    {1, 20, 9, 9, 14, 1, 1, {2, 2}, {0, 0}, {0, 0}, {1, 1}, 1},     /* a ResNet's shortcut */
    {1, 5, 6, 6, 7, 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},       /* 1x1 with padding */
    {2, 6, 11, 10, 6, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 6},     /* depthwise */
    {1, 6, 11, 10, 12, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 6},    /* with a multiplier */
    {1, 5, 12, 9, 5, 5, 5, {1, 2}, {2, 1}, {0, 1}, {1, 1}, 5},      /* */
    {1, 4, 40, 37, 4, 3, 3, {1, 1}, {2, 2}, {0, 0}, {2, 2}, 4},     /* */
    {2, 9, 14, 14, 9, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 9},     /* depthwise over flat planes */
    {1, 3, 60, 120, 3, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 3},    /* several strips */
    {1, 3, 99, 130, 3, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 3},    /* */
    {2, 4, 14, 14, 8, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 4},     /* both phases */
    {1, 4, 7, 9, 4, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 4},       /* one more even column than odd */
    {1, 4, 12, 10, 4, 3, 3, {2, 2}, {0, 0}, {1, 1}, {1, 1}, 4},     /* all padding below and right */
    {1, 3, 3, 3, 3, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 3},       /* less than a vector */
    {1, 3, 2, 1, 3, 5, 5, {2, 2}, {2, 2}, {0, 0}, {1, 1}, 3},       /* */
    {1, 3, 13, 17, 3, 5, 5, {1, 1}, {2, 2}, {0, 0}, {1, 1}, 3},     /* */
    {1, 3, 28, 29, 3, 5, 5, {2, 2}, {2, 2}, {0, 0}, {1, 1}, 3},     /* */
    {1, 2, 11, 19, 2, 7, 7, {1, 1}, {3, 3}, {0, 0}, {1, 1}, 2},     /* */
    {1, 2, 9, 12, 2, 3, 3, {1, 1}, {1, 0}, {1, 2}, {1, 1}, 2},      /* more below, all padding right */
    {1, 3, 6, 5, 4, 6, 5, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},       /* window as large as the image */
    {2, 70, 3, 3, 40, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},     /* many channels, few pixels */
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},       /* the smallest */
    {1, 2, 5, 5, 3, 3, 3, {3, 3}, {2, 2}, {0, 0}, {1, 1}, 1},       /* windows wholly outside */
    {1, 1, 25, 260, 3, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},    /* more than one tile */
    {1, 150, 6, 6, 130, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},   /* more than one block of rows and channels */
    {1, 130, 15, 14, 70, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},  /* */
    {5, 17, 13, 11, 35, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},   /* tiles and columns across images */
    {2, 9, 33, 37, 21, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},    /* more than one block of tiles */
    {3, 20, 19, 23, 200, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1},  /* more than one block of filters */
};
enum { CONV_CASES = sizeof conv_cases / sizeof conv_cases[0] };

static gcam__conv conv_of(const conv_case *t) {
    gcam__conv g = {.n = t->n, .c = t->c, .h = t->h, .w = t->w, .k = t->k, .r = t->r, .s = t->s, .groups = t->groups};
    for (int i = 0; i < 2; i++) g.stride[i] = t->stride[i], g.pad[i] = t->pad[i], g.dilation[i] = t->dilation[i];
    g.p = reference_out_size(g.h, g.r, g.stride[0], g.pad[0], t->pad[0] + t->pad_end[0], g.dilation[0], 0);
    g.q = reference_out_size(g.w, g.s, g.stride[1], g.pad[1], t->pad[1] + t->pad_end[1], g.dilation[1], 0);
    return g;
}

typedef struct conv_problem {
    gcam__conv g;
    int64_t x_count, w_count, y_count;
    float *x, *w, *bias, *dy;
    double *y, *dx, *dw, *db;
} conv_problem;

static conv_problem make_problem(const conv_case *t, uint64_t seed) {
    conv_problem m = {.g = conv_of(t)};
    gcam__conv *g = &m.g;
    m.x_count = g->n * g->c * g->h * g->w;
    m.w_count = g->k * (g->c / g->groups) * g->r * g->s;
    m.y_count = g->n * g->k * g->p * g->q;
    m.x = random_floats(seed, m.x_count);
    m.w = random_floats(seed + 1, m.w_count);
    m.bias = random_floats(seed + 2, g->k);
    m.dy = random_floats(seed + 3, m.y_count);
    m.y = block(m.y_count, sizeof(double));
    m.dx = block(m.x_count, sizeof(double));
    m.dw = block(m.w_count, sizeof(double));
    m.db = block(g->k, sizeof(double));
    reference_conv(g, m.x, m.w, m.bias, m.y);
    reference_conv_backward_data(g, m.dy, m.w, m.dx);
    reference_conv_backward_weights(g, m.x, m.dy, m.dw, m.db);
    return m;
}

static void free_problem(conv_problem *m) {
    void *blocks[] = {m->x, m->w, m->bias, m->dy, m->y, m->dx, m->dw, m->db};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) gcam__free(blocks[i]);
}

/* Scale, bias, addition and a capped ReLU in one, against the same steps after the sums, in double. */
static void check_epilogue(const gcam__compute *compute, gcam__conv_algorithm algorithm, const conv_problem *m,
                           const void *prepared, void *scratch, const char *what) {
    const gcam__conv *g = &m->g;
    float *scale = random_floats(77, g->k), *add = random_floats(78, m->y_count), *y = block(m->y_count, sizeof *y);
    double *want = block(m->y_count, sizeof *want);
    gcam__epilogue all = {.bias = m->bias, .relu = 1, .scale = scale, .add = add, .cap = 0.75f};
    gcam__conv_forward(compute, g, algorithm, m->x, m->w, prepared, &all, y, scratch);
    for (int64_t i = 0; i < m->y_count; i++) {
        int64_t k = i / (g->p * g->q) % g->k;
        double value = (m->y[i] - m->bias[k]) * scale[k] + m->bias[k] + add[i];
        want[i] = fmin(fmax(value, 0), 0.75);
    }
    double most = 1, error = 0; /* the sums' errors, which the cap does not make smaller */
    for (int64_t i = 0; i < m->y_count; i++)
        most = fmax(most, fabs(m->y[i])), error = fmax(error, fabs((double)y[i] - want[i]));
    ck_assert_msg(error <= 1e-4 * most, "%s: epilogue, error %.3g of %.3g", what, error, most);
    void *blocks[] = {scale, add, y, want};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) gcam__free(blocks[i]);
}

static void check_forward(const gcam__compute *compute, gcam__conv_algorithm algorithm, const conv_problem *m,
                          const void *prepared, const char *what) {
    const gcam__conv *g = &m->g;
    void *scratch = block((int64_t)gcam__conv_forward_scratch(compute, g, algorithm), 1);
    float *y = block(m->y_count, sizeof *y);
    gcam__conv_forward(compute, g, algorithm, m->x, m->w, prepared, &(gcam__epilogue){.bias = m->bias}, y, scratch);
    check_close(y, m->y, m->y_count, what);
    float *rectified = block(m->y_count, sizeof *y);
    gcam__conv_forward(compute, g, algorithm, m->x, m->w, prepared, &(gcam__epilogue){.bias = m->bias, .relu = 1},
                       rectified, scratch);
    int64_t wrong = 0;
    for (int64_t i = 0; i < m->y_count; i++) wrong += rectified[i] != (y[i] > 0 ? y[i] : 0);
    ck_assert_msg(wrong == 0, "%s: %d outputs are not max(y, 0)", what, (int)wrong);
    check_epilogue(compute, algorithm, m, prepared, scratch, what);
    gcam__conv_forward(compute, g, algorithm, m->x, m->w, prepared, NULL, rectified, scratch);
    for (int64_t i = 0; i < m->y_count; i++) rectified[i] += m->bias[i / (g->p * g->q) % g->k];
    check_close(rectified, m->y, m->y_count, what);
    gcam__free(rectified);
    gcam__free(y);
    gcam__free(scratch);
}

static void check_backward(const gcam__compute *compute, gcam__conv_algorithm algorithm, const conv_problem *m,
                           const void *prepared, const char *what) {
    const gcam__conv *g = &m->g;
    size_t of_data = gcam__conv_backward_scratch(compute, g, algorithm);
    size_t of_weights = gcam__conv_weights_scratch(compute, g, algorithm);
    void *scratch = block((int64_t)(of_data > of_weights ? of_data : of_weights), 1);
    float *dx = block(m->x_count, sizeof *dx);
    gcam__conv_backward_data(compute, g, algorithm, m->dy, m->w, prepared, dx, scratch);
    check_close(dx, m->dx, m->x_count, what);
    float *dw = gcam__calloc((size_t)m->w_count, sizeof *dw), *db = gcam__calloc((size_t)g->k, sizeof *db);
    gcam__conv_backward_weights(compute, g, algorithm, m->x, m->dy, dw, db, scratch);
    check_close(dw, m->dw, m->w_count, what);
    check_close(db, m->db, g->k, what);
    gcam__conv_backward_weights(compute, g, algorithm, m->x, m->dy, dw, NULL, scratch); /* adds */
    for (int64_t i = 0; i < m->w_count; i++) dw[i] *= 0.5f;
    check_close(dw, m->dw, m->w_count, what);
    gcam__free(db);
    gcam__free(dw);
    gcam__free(dx);
    gcam__free(scratch);
}

static void check_algorithm(int backend_index, gcam__conv_algorithm algorithm, const conv_problem *m, int case_index) {
    const gcam__compute *compute = &computes[backend_index];
    char what[128];
    snprintf(what, sizeof what, "conv case %d, %s, %s", case_index, gcam__conv_algorithm_name(algorithm),
             backends[backend_index].name);
    size_t bytes = gcam__conv_prepared_bytes(compute, &m->g, algorithm);
    void *prepared = bytes ? block((int64_t)bytes, 1) : NULL;
    gcam__conv_prepare(compute, &m->g, algorithm, m->w, prepared);
    check_forward(compute, algorithm, m, prepared, what);
    check_backward(compute, algorithm, m, prepared, what);
    gcam__free(prepared);
}

/* A gradient of few channels takes a path of its own: the same numbers as from the columns. */
START_TEST(sparse_gradients_of_pointwise_layers) {
    conv_problem m = make_problem(&(conv_case){1, 70, 7, 9, 90, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1}, 12);
    const gcam__conv *g = &m.g;
    for (int64_t i = 0; i < m.y_count; i++)
        if (i / (g->p * g->q) % 18) m.dy[i] = 0; /* five of 90 channels are left */
    reference_conv_backward_data(g, m.dy, m.w, m.dx);
    for (int i = 0; i < BACKENDS; i++) {
        void *scratch = block((int64_t)gcam__conv_backward_scratch(&computes[i], g, GCAM__CONV_POINTWISE), 1);
        float *dx = block(m.x_count, sizeof *dx);
        gcam__conv_backward_data(&computes[i], g, GCAM__CONV_POINTWISE, m.dy, m.w, NULL, dx, scratch);
        check_close(dx, m.dx, m.x_count, backends[i].name);
        gcam__free(dx);
        gcam__free(scratch);
    }
    free_problem(&m);
}
END_TEST

/* One forward and both backwards; `out` receives y, dx and dw one after the other. */
static void run_conv(const gcam__compute *compute, const conv_problem *m, gcam__conv_algorithm algorithm, float *out) {
    const gcam__conv *g = &m->g;
    size_t forward = gcam__conv_forward_scratch(compute, g, algorithm);
    size_t backward = gcam__conv_backward_scratch(compute, g, algorithm),
           bytes = forward > backward ? forward : backward;
    size_t of_weights = gcam__conv_weights_scratch(compute, g, algorithm);
    bytes = bytes > of_weights ? bytes : of_weights;
    void *scratch = block((int64_t)bytes, 1), *prepared = NULL;
    size_t prepared_bytes = gcam__conv_prepared_bytes(compute, g, algorithm);
    if (prepared_bytes) prepared = block((int64_t)prepared_bytes, 1);
    gcam__conv_prepare(compute, g, algorithm, m->w, prepared);
    gcam__conv_forward(compute, g, algorithm, m->x, m->w, prepared, &(gcam__epilogue){.bias = m->bias}, out, scratch);
    gcam__conv_backward_data(compute, g, algorithm, m->dy, m->w, prepared, out + m->y_count, scratch);
    float *dw = out + m->y_count + m->x_count;
    memset(dw, 0, (size_t)m->w_count * sizeof *dw);
    gcam__conv_backward_weights(compute, g, algorithm, m->x, m->dy, dw, NULL, scratch);
    gcam__free(prepared);
    gcam__free(scratch);
}

START_TEST(convolutions_match_the_reference) {
    conv_problem m = make_problem(&conv_cases[_i], 100 + (uint64_t)_i);
    for (int backend_index = 0; backend_index < BACKENDS; backend_index++) {
        ck_assert(gcam__conv_takes(&m.g, gcam__conv_choose(&computes[backend_index], &m.g)));
        for (int algorithm = 0; algorithm < GCAM__CONV_ALGORITHMS; algorithm++)
            if (gcam__conv_takes(&m.g, (gcam__conv_algorithm)algorithm))
                check_algorithm(backend_index, (gcam__conv_algorithm)algorithm, &m, _i);
    }
    free_problem(&m);
}
END_TEST

/* A random geometry of at most a few thousand multiplications per output channel. */
static int draw(uint64_t seed, int element, int low, int high) {
    return low + (int)(gcam__random_bits(seed, 1, 2, (uint64_t)element) % (uint64_t)(high - low + 1));
}

static conv_case random_case(uint64_t seed) {
    int kind = draw(seed, 0, 0, 5), groups = kind == 4 ? draw(seed, 1, 2, 4) : 1;
    conv_case t = {draw(seed, 2, 1, 3), groups * draw(seed, 3, 1, 9), draw(seed, 4, 5, 22), draw(seed, 5, 5, 22)};
    t.k = groups * draw(seed, 6, 1, 11);
    t.r = draw(seed, 7, 1, 4), t.s = draw(seed, 8, 1, 4), t.groups = groups;
    if (kind == 0) t.r = t.s = 1;
    if (kind == 1 || kind == 2) t.r = t.s = 3;
    if (kind == 5) t.groups = t.c, t.k = t.c * draw(seed, 9, 1, 2), t.r = t.s = draw(seed, 10, 2, 4);
    for (int i = 0; i < 2; i++) {
        int window = i == 0 ? t.r : t.s;
        t.stride[i] = kind < 2 ? 1 : draw(seed, 11 + i, 1, 3);
        t.dilation[i] = kind < 3 ? 1 : draw(seed, 13 + i, 1, 2);
        t.pad[i] = kind == 0 ? 0 : draw(seed, 15 + i, 0, window);
        t.pad_end[i] = kind == 0 ? 0 : draw(seed, 17 + i, -t.pad[i], 2);
    }
    return t;
}

enum { RANDOM_CASES = 480, CASES_PER_TEST = 40 };

START_TEST(random_convolutions_match_the_reference) {
    for (int i = _i * CASES_PER_TEST; i < (_i + 1) * CASES_PER_TEST; i++) {
        conv_case t = random_case((uint64_t)i);
        conv_problem m = make_problem(&t, (uint64_t)i);
        if (m.g.p < 1 || m.g.q < 1) ck_abort_msg("random case %d has no output", i);
        for (int algorithm = 0; algorithm < GCAM__CONV_ALGORITHMS; algorithm++)
            if (gcam__conv_takes(&m.g, (gcam__conv_algorithm)algorithm))
                check_algorithm(i % BACKENDS, (gcam__conv_algorithm)algorithm, &m, 1000 + i);
        free_problem(&m);
    }
}
END_TEST

/* The error that docs/performance.md states for each algorithm: on 256 channels of random numbers, relative to the largest
 * output. Direct sums in float reach 1e-6 as well. */
START_TEST(winograd_errors_are_bounded) {
    static const double bounds[GCAM__CONV_ALGORITHMS] = {
        [GCAM__CONV_IM2COL] = 1e-6, [GCAM__CONV_WINOGRAD4] = 6e-6, [GCAM__CONV_WINOGRAD2] = 2e-6};
    conv_problem m = make_problem(&(conv_case){1, 256, 14, 14, 24, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}, 5);
    for (int algorithm = 0; algorithm < GCAM__CONV_ALGORITHMS; algorithm++) {
        if (!gcam__conv_takes(&m.g, (gcam__conv_algorithm)algorithm)) continue;
        for (int i = 0; i < BACKENDS; i++) {
            float *out = block(m.y_count + m.x_count + m.w_count, sizeof *out);
            run_conv(&computes[i], &m, (gcam__conv_algorithm)algorithm, out);
            double forward = max_error(out, m.y, m.y_count), backward = max_error(out + m.y_count, m.dx, m.x_count);
            ck_assert_msg(forward <= bounds[algorithm] && backward <= bounds[algorithm], "%s, %s: %.2g %.2g",
                          gcam__conv_algorithm_name((gcam__conv_algorithm)algorithm), backends[i].name, forward,
                          backward);
            gcam__free(out);
        }
    }
    free_problem(&m);
}
END_TEST

/* Known good choices; the numbers behind them are those of `make bench-kernels`. */
START_TEST(algorithms_are_chosen_by_shape) {
    static const struct {
        conv_case shape;
        gcam__conv_algorithm want;
    } choices[] = {
        {{1, 64, 224, 224, 64, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}, GCAM__CONV_WINOGRAD4},
        {{1, 512, 28, 28, 512, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}, GCAM__CONV_WINOGRAD4},
        {{1, 512, 14, 14, 512, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},
         GCAM__CONV_WINOGRAD2}, /* saves 60 MB in VGG-16 */
        {{1, 256, 28, 28, 256, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}, GCAM__CONV_WINOGRAD4},
        {{1, 3, 224, 224, 64, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}, GCAM__CONV_IM2COL},
        {{1, 256, 28, 28, 256, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1}, GCAM__CONV_IM2COL},
        {{1, 256, 14, 14, 64, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1}, GCAM__CONV_POINTWISE},
        {{1, 96, 14, 14, 96, 3, 3, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 96}, GCAM__CONV_DEPTHWISE},
    };
    gcam__compute fast = {.kernels = GCAM_KERNELS_AUTO, .isa = gcam__cpu_isa()}, blas = {.kernels = GCAM_KERNELS_BLAS};
    if (fast.isa == GCAM__ISA_PLAIN) return;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        gcam__conv g = conv_of(&choices[i].shape);
        ck_assert_int_eq(gcam__conv_choose(&fast, &g), choices[i].want);
        ck_assert(gcam__conv_choose(&blas, &g) < GCAM__CONV_WINOGRAD4); /* the exact path */
    }
}
END_TEST

/* ---- matrix products --------------------------------------------------------------------------------------------------- */

static void check_gemm(const gcam__compute *compute, gcam__gemm_call g, const char *what) {
    g.lda = (g.transpose_a ? g.m : g.k) + 3, g.ldb = (g.transpose_b ? g.k : g.n) + 2, g.ldc = g.n + 1;
    float *a = random_floats(1, (g.transpose_a ? g.k : g.m) * g.lda);
    float *b = random_floats(2, (g.transpose_b ? g.n : g.k) * g.ldb), *c = random_floats(3, g.m * g.ldc);
    float *got = gcam__alloc((size_t)(g.m * g.n) * sizeof *got);
    double *want = block(g.m * g.n, sizeof *want);
    g.a = a, g.b = b, g.c = c;
    reference_gemm(&g, want);
    float guard = c[g.n];
    gcam__gemm(compute, &g);
    ck_assert_float_eq(c[g.n], guard); /* what lies between the rows stays */
    for (int64_t i = 0; i < g.m * g.n; i++) got[i] = c[i / g.n * g.ldc + i % g.n];
    check_close(got, want, g.m * g.n, what);
    void *blocks[] = {a, b, c, got, want};
    for (int i = 0; i < 5; i++) gcam__free(blocks[i]);
}

START_TEST(matrix_products_match_the_reference) {
    static const int shapes[][3] = {{1, 1, 1},     {5, 17, 3},    {6, 16, 200}, {7, 33, 191},
                                    {129, 65, 40}, {60, 300, 10}, {14, 1, 9}};
    for (int flags = 0; flags < 8; flags++) {
        const int *s = shapes[_i];
        gcam__gemm_call g = {.m = s[0], .n = s[1], .k = s[2], .transpose_a = flags & 1, .transpose_b = flags >> 1 & 1};
        g.accumulate = flags >> 2;
        for (int i = 0; i < BACKENDS; i++) check_gemm(&computes[i], g, backends[i].name);
    }
}
END_TEST

START_TEST(linear_layers_match_the_reference) {
    static const int shapes[][3] = {{1, 1, 1},    {1, 100, 7}, {2, 33, 18},  {3, 64, 40},
                                    {4, 2100, 5}, {7, 19, 23}, {1, 5000, 17}};
    int64_t rows = shapes[_i][0], c = shapes[_i][1], k = shapes[_i][2];
    float *x = random_floats(1, rows * c), *w = random_floats(2, k * c), *bias = random_floats(3, k);
    float *dy = random_floats(4, rows * k), *y = block(rows * k, sizeof *y), *dx = block(rows * c, sizeof *dx);
    double *want = block(rows * k, sizeof *want), *want_dx = block(rows * c, sizeof *want_dx);
    for (int64_t i = 0; i < rows * k; i += 3) dy[i] = 0;
    reference_linear(x, w, bias, want, rows, c, k);
    reference_linear_backward(dy, w, want_dx, rows, c, k);
    for (int i = 0; i < BACKENDS; i++) {
        gcam__linear_forward(&computes[i], x, w, bias, y, rows, c, k);
        check_close(y, want, rows * k, backends[i].name);
        gcam__linear_backward(&computes[i], dy, w, dx, rows, c, k);
        check_close(dx, want_dx, rows * c, backends[i].name);
    }
    void *blocks[] = {x, w, bias, dy, y, dx, want, want_dx};
    for (int i = 0; i < 8; i++) gcam__free(blocks[i]);
}
END_TEST

/* A row's result must not depend on what else is in the batch. */
START_TEST(a_linear_row_is_the_same_alone) {
    enum { ROWS = 5, C = 321, K = 37 };
    float *x = random_floats(1, ROWS * C), *w = random_floats(2, K * C), *dy = random_floats(3, ROWS * K);
    float y[ROWS * K], dx[ROWS * C], one_y[K], one_dx[C];
    for (int i = 0; i < ROWS * K; i += 2) dy[i] = 0;
    gcam__linear_forward(&computes[1], x, w, NULL, y, ROWS, C, K);
    gcam__linear_backward(&computes[1], dy, w, dx, ROWS, C, K);
    for (int i = 0; i < ROWS; i++) {
        gcam__linear_forward(&computes[0], x + i * C, w, NULL, one_y, 1, C, K);
        gcam__linear_backward(&computes[0], dy + i * K, w, one_dx, 1, C, K);
        ck_assert_mem_eq(one_y, y + i * K, sizeof one_y);
        ck_assert_mem_eq(one_dx, dx + i * C, sizeof one_dx);
    }
    gcam__free(x);
    gcam__free(w);
    gcam__free(dy);
}
END_TEST

/* Rows of W without a gradient are not read: NaN in them does no harm. */
START_TEST(dead_rows_are_not_read) {
    enum { C = 50, K = 30 };
    float *w = random_floats(1, K * C), *dy = random_floats(2, K), dx[C];
    for (int k = 0; k < K; k++)
        if (k % 4 != 1) {
            dy[k] = 0;
            for (int c = 0; c < C; c++) w[k * C + c] = NAN;
        }
    gcam__linear_backward(&computes[0], dy, w, dx, 1, C, K);
    for (int c = 0; c < C; c++) ck_assert(isfinite(dx[c]));
    memset(dy, 0, K * sizeof *dy);
    gcam__linear_backward(&computes[0], dy, w, dx, 1, C, K);
    for (int c = 0; c < C; c++) ck_assert(dx[c] == 0);
    gcam__free(w);
    gcam__free(dy);
}
END_TEST

/* ---- threads and adjoints ------------------------------------------------------------------------------------------------ */

START_TEST(threads_do_not_change_bits) {
    conv_problem m = make_problem(&conv_cases[_i], 7);
    int64_t count = m.y_count + m.x_count + m.w_count;
    float *one = block(count, sizeof *one), *more = block(count, sizeof *more);
    for (int algorithm = 0; algorithm < GCAM__CONV_ALGORITHMS; algorithm++) {
        if (!gcam__conv_takes(&m.g, (gcam__conv_algorithm)algorithm)) continue;
        run_conv(&computes[0], &m, (gcam__conv_algorithm)algorithm, one);
        run_conv(&computes[1], &m, (gcam__conv_algorithm)algorithm, more);
        ck_assert_mem_eq(one, more, (size_t)count * sizeof *one);
    }
    gcam__free(one);
    gcam__free(more);
    free_problem(&m);
}
END_TEST

/* In deterministic mode the first image's result is the same alone and in a batch. */
START_TEST(batches_do_not_change_bits) {
    conv_case t = conv_cases[_i];
    t.n = 1;
    conv_problem single = make_problem(&t, 7);
    t.n = 3;
    conv_problem batch = make_problem(&t, 7); /* begins with the same numbers */
    memcpy(batch.w, single.w, (size_t)single.w_count * sizeof *single.w);
    gcam__compute compute = computes[0];
    compute.deterministic = 1;
    gcam__conv_algorithm algorithm = gcam__conv_choose(&compute, &single.g);
    ck_assert_int_eq(algorithm, gcam__conv_choose(&compute, &batch.g));
    float *one = block(single.y_count + single.x_count + single.w_count, sizeof *one);
    float *more = block(batch.y_count + batch.x_count + batch.w_count, sizeof *more);
    run_conv(&compute, &single, algorithm, one);
    run_conv(&compute, &batch, algorithm, more);
    ck_assert_mem_eq(one, more, (size_t)single.y_count * sizeof *one);
    ck_assert_mem_eq(one + single.y_count, more + batch.y_count, (size_t)single.x_count * sizeof *one);
    gcam__free(one);
    gcam__free(more);
    free_problem(&single);
    free_problem(&batch);
}
END_TEST

static double inner(const float *a, const float *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* <dy, A x> = <A' dy, x> and = <w, dw>: backward is the transpose of forward, whatever the reference says. */
START_TEST(backward_is_the_adjoint_of_forward) {
    conv_problem m = make_problem(&conv_cases[_i], 70 + (uint64_t)_i);
    int64_t count = m.y_count + m.x_count + m.w_count;
    float *out = block(count, sizeof *out);
    memset(m.bias, 0, (size_t)m.g.k * sizeof *m.bias);
    for (int i = 0; i < BACKENDS * GCAM__CONV_ALGORITHMS; i++) {
        gcam__conv_algorithm algorithm = (gcam__conv_algorithm)(i / BACKENDS);
        if (!gcam__conv_takes(&m.g, algorithm)) continue;
        run_conv(&computes[i % BACKENDS], &m, algorithm, out);
        double forward = inner(out, m.dy, m.y_count), data = inner(out + m.y_count, m.x, m.x_count);
        double weights = inner(out + m.y_count + m.x_count, m.w, m.w_count);
        double scale = sqrt(inner(out, out, m.y_count) * inner(m.dy, m.dy, m.y_count)) + 1e-30;
        ck_assert_msg(fabs(forward - data) <= 1e-6 * scale && fabs(forward - weights) <= 1e-6 * scale,
                      "case %d, %s, %s: %.9g %.9g %.9g", _i, backends[i % BACKENDS].name,
                      gcam__conv_algorithm_name(algorithm), forward, data, weights);
    }
    gcam__free(out);
    free_problem(&m);
}
END_TEST

/* ---- pooling ------------------------------------------------------------------------------------------------------------- */

typedef struct pool_case {
    int planes, h, w, kernel[2], stride[2], pad[2], pad_end[2] /* beyond pad */, dilation[2], ceil_mode;
} pool_case;

static const pool_case pool_cases[] = {
    {3, 8, 8, {2, 2}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, 0},     {2, 9, 7, {2, 2}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, 1},
    {2, 9, 7, {3, 3}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, 0},     {2, 55, 55, {3, 3}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, 1},
    {2, 14, 13, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 0},   {2, 14, 13, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1},
    {3, 7, 7, {3, 3}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 0},     {1, 10, 12, {3, 2}, {3, 1}, {1, 0}, {0, 0}, {1, 1}, 1},
    {1, 5, 5, {5, 5}, {1, 1}, {2, 2}, {0, 0}, {1, 1}, 0},     {2, 13, 11, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {1, 1}, 0},
    {1, 1, 1, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 0},     {4, 6, 41, {1, 3}, {1, 2}, {0, 1}, {0, 1}, {1, 1}, 1},
    {2, 112, 112, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 0}, {2, 2, 2, {2, 2}, {1, 1}, {0, 0}, {1, 1}, {1, 1}, 0},
    {1, 2, 40, {1, 2}, {1, 2}, {0, 0}, {3, 0}, {1, 1}, 0},    {1, 17, 19, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {2, 3}, 0},
    {2, 15, 9, {2, 4}, {2, 3}, {1, 2}, {0, 0}, {1, 1}, 1},    {1, 2, 2600, {2, 3}, {2, 1}, {0, 1}, {0, 0}, {1, 1}, 0},
};
enum { POOL_CASES = sizeof pool_cases / sizeof pool_cases[0] };

static gcam__pool2d pool_of(const pool_case *t) {
    gcam__pool2d g = {.planes = t->planes, .h = t->h, .w = t->w};
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = t->kernel[i], g.stride[i] = t->stride[i], g.pad[i] = t->pad[i];
        g.pad_end[i] = t->pad_end[i], g.dilation[i] = t->dilation[i];
    }
    g.p = reference_out_size(g.h, g.kernel[0], g.stride[0], g.pad[0], g.pad[0] + g.pad_end[0], g.dilation[0],
                             t->ceil_mode);
    g.q = reference_out_size(g.w, g.kernel[1], g.stride[1], g.pad[1], g.pad[1] + g.pad_end[1], g.dilation[1],
                             t->ceil_mode);
    return g;
}

typedef void (*pool_forward)(const gcam__compute *, const gcam__pool2d *, const float *, float *);
typedef void (*reference_pool)(const gcam__pool2d *, const float *, double *);

/* Forward or backward of an average: both turn one array into another. */
static void check_average(const gcam__pool2d *g, int64_t in, int64_t out, pool_forward run, reference_pool reference,
                          const char *what) {
    float *x = random_floats(9, in), *y = block(out, sizeof *y);
    double *want = block(out, sizeof *want);
    reference(g, x, want);
    for (int i = 0; i < BACKENDS; i++) {
        run(&computes[i], g, x, y);
        check_close(y, want, out, what);
    }
    gcam__free(x);
    gcam__free(y);
    gcam__free(want);
}

START_TEST(average_pooling_matches_the_reference) {
    gcam__pool2d g = pool_of(&pool_cases[_i]);
    if (g.dilation[0] > 1) return; /* averages have none */
    for (g.exclude_pad = 0; g.exclude_pad < 2; g.exclude_pad++) {
        int64_t in = g.planes * g.h * g.w, out = g.planes * g.p * g.q;
        check_average(&g, in, out, gcam__avg_pool, reference_avg_pool, "avg_pool");
        check_average(&g, out, in, gcam__avg_pool_backward, reference_avg_pool_backward, "avg_pool_backward");
    }
}
END_TEST

/* torch.nn.functional.avg_pool2d(torch.ones(1, 1, 4, 4), 3, 2, padding=1, ceil_mode=True) */
START_TEST(average_pooling_divides_as_pytorch_does) {
    static const double want[] = {4 / 9.0, 2 / 3.0, 1 / 3.0, 2 / 3.0, 1, 0.5, 1 / 3.0, 0.5, 0.25};
    gcam__pool2d g = {1, 4, 4, 3, 3, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 0}, 0};
    float x[16], y[9];
    for (int i = 0; i < 16; i++) x[i] = 1;
    gcam__avg_pool(&computes[0], &g, x, y);
    check_close(y, want, 9, "avg_pool with ceil_mode");
}
END_TEST

START_TEST(adaptive_pooling_matches_the_reference) {
    static const int sizes[][4] = {{7, 7, 1, 1}, {13, 11, 6, 6}, {6, 6, 6, 6},
                                   {3, 4, 7, 7}, {1, 1, 7, 7},   {10, 7, 3, 5}};
    const int *s = sizes[_i];
    gcam__pool2d g = {.planes = 5, .h = s[0], .w = s[1], .p = s[2], .q = s[3]};
    int64_t in = g.planes * g.h * g.w, out = g.planes * g.p * g.q;
    check_average(&g, in, out, gcam__adaptive_avg_pool, reference_adaptive_avg_pool, "adaptive");
    check_average(&g, out, in, gcam__adaptive_avg_pool_backward, reference_adaptive_avg_pool_backward,
                  "adaptive backward");
}
END_TEST

/* Values in quarter steps, so that ties are common; `special` sprinkles NaN and infinities. */
static float *tied_floats(int64_t count, int special) {
    float *x = random_floats(11, count);
    for (int64_t i = 0; i < count; i++) x[i] = floorf(x[i] * 2) / 4;
    for (int64_t i = 0; special && i < count; i += 7) x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? -INFINITY : INFINITY;
    return x;
}

static void check_max_pool(const gcam__compute *compute, const gcam__pool2d *g, int special) {
    int64_t in = g->planes * g->h * g->w, out = g->planes * g->p * g->q;
    float *x = tied_floats(in, special), *y = block(out, sizeof *y), *dx = block(in, sizeof *dx);
    double *want = block(out, sizeof *want), *want_dx = block(in, sizeof *want_dx);
    int32_t *index = block(out, sizeof *index), *want_index = block(out, sizeof *want_index);
    reference_max_pool(g, x, want, want_index);
    for (int with_index = 1; with_index >= 0; with_index--) {
        gcam__max_pool(compute, g, x, y, with_index ? index : NULL);
        int64_t wrong = 0;
        for (int64_t i = 0; i < out; i++) {
            int same = isnan(want[i]) ? isnan(y[i]) : (double)y[i] == want[i];
            wrong += index[i] != want_index[i] || !same;
        }
        ck_assert_int_eq(wrong, 0);
    }
    float *dy = random_floats(12, out);
    reference_max_pool_backward(g, dy, index, want_dx);
    gcam__max_pool_backward(compute, g, dy, index, dx);
    check_close(dx, want_dx, in, "max_pool_backward");
    void *blocks[] = {x, y, dx, want, want_dx, index, want_index, dy};
    for (int i = 0; i < 8; i++) gcam__free(blocks[i]);
}

START_TEST(max_pooling_follows_the_tie_rule) {
    gcam__pool2d g = pool_of(&pool_cases[_i]);
    for (int i = 0; i < BACKENDS; i++)
        for (int special = 0; special < 2; special++) check_max_pool(&computes[i], &g, special);
}
END_TEST

/* ---- element by element ---------------------------------------------------------------------------------------------------- */

static void check_rectifier(const gcam__compute *compute, const float *x, float *y, uint8_t *mask, int64_t count,
                            int leaky) {
    memset(mask, 0xA5, (size_t)count / 8 + 2);
    if (leaky)
        gcam__leaky_relu(compute, x, y, mask, count, 0.25f);
    else
        gcam__relu(compute, x, y, mask, count);
    int64_t wrong = mask[(count + 7) / 8] != 0xA5;
    for (int64_t j = 0; j < count; j++) {
        float want = x[j] > 0 ? x[j] : leaky ? 0.25f * x[j] : isnan(x[j]) ? x[j] : 0;
        wrong += !(y[j] == want || (isnan(y[j]) && isnan(want)));
        wrong += (mask[j / 8] >> j % 8 & 1) != (x[j] > 0);
    }
    ck_assert_int_eq(wrong, 0);
}

START_TEST(rectifiers_write_masks) {
    enum { COUNT = 70001 };
    float *x = tied_floats(COUNT, 1), *y = block(COUNT, sizeof *y);
    uint8_t *mask = block(COUNT / 8 + 2, 1);
    for (int i = 0; i < BACKENDS; i++)
        for (int64_t count = COUNT - 9; count <= COUNT; count++)
            for (int leaky = 0; leaky < 2; leaky++) check_rectifier(&computes[i], x, y, mask, count, leaky);
    gcam__free(x);
    gcam__free(y);
    gcam__free(mask);
}
END_TEST

START_TEST(sums_and_scales_work_in_place) {
    enum { PLANES = 6, SIZE = 12001, CHANNELS = 3, COUNT = PLANES * SIZE };
    float *a = random_floats(1, COUNT), *b = random_floats(2, COUNT), *y = block(COUNT, sizeof *y);
    float scale[CHANNELS] = {2, -1, 0.5f}, shift[CHANNELS] = {1, 0, -3};
    for (int i = 0; i < BACKENDS; i++) {
        int wrong = 0;
        gcam__add(&computes[i], a, b, y, COUNT);
        for (int j = 0; j < COUNT; j++) wrong += y[j] != a[j] + b[j];
        gcam__scale_shift(&computes[i], y, y, PLANES, SIZE, CHANNELS, scale, shift, 0);
        for (int j = 0; j < COUNT; j++) {
            int c = j / SIZE % CHANNELS;
            wrong += fabs((double)y[j] - ((double)(a[j] + b[j]) * (double)scale[c] + (double)shift[c])) > 1e-5;
        }
        gcam__scale_shift(&computes[i], a, y, PLANES, SIZE, CHANNELS, scale, NULL, 0);
        for (int j = 0; j < COUNT; j++) wrong += y[j] != a[j] * scale[j / SIZE % CHANNELS];
        ck_assert_int_eq(wrong, 0);
    }
    gcam__free(a);
    gcam__free(b);
    gcam__free(y);
}
END_TEST

START_TEST(nonfinite_values_are_found_at_once) {
    enum { COUNT = 100003 };
    static const int places[] = {0, 1, 40000, 32768, 65535, 100002};
    float *x = random_floats(1, COUNT);
    x[5] = 3.4e38f, x[6] = 1e-45f, x[7] = -0.0f;
    for (int i = 0; i < BACKENDS; i++) {
        ck_assert_int_eq(gcam__find_nonfinite(&computes[i], x, COUNT), -1);
        ck_assert_int_eq(gcam__find_nonfinite(&computes[i], x, 0), -1);
        for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
            float kept = x[places[j]], last = x[COUNT - 1];
            x[COUNT - 1] = INFINITY;
            x[places[j]] = j % 3 == 0 ? NAN : j % 3 == 1 ? INFINITY : -INFINITY;
            ck_assert_int_eq(gcam__find_nonfinite(&computes[i], x, COUNT), places[j]);
            x[COUNT - 1] = last, x[places[j]] = kept;
        }
    }
    gcam__free(x);
}
END_TEST

/* ---- maps -------------------------------------------------------------------------------------------------------------------- */

static void check_resize(const float *x, int h, int w, int p, int q, gcam__interpolation how, const float *want) {
    float y[64];
    gcam__resize_map(x, h, w, y, p, q, how);
    for (int i = 0; i < p * q; i++) ck_assert_double_le(fabs((double)y[i] - (double)want[i]), 1e-6);
}

START_TEST(maps_are_resized_as_specified) {
    static const float two[] = {1, 2, 3, 4}, three[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    check_resize(two, 2, 2, 4, 4, GCAM__BILINEAR,
                 (float[]){1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f, 4});
    check_resize(two, 2, 2, 1, 4, GCAM__BILINEAR_ALIGNED, (float[]){1, 4 / 3.0f, 5 / 3.0f, 2});
    check_resize(three, 3, 3, 2, 2, GCAM__BILINEAR, (float[]){1, 2.5f, 5.5f, 7});
    check_resize(three, 3, 3, 3, 3, GCAM__BILINEAR, three);
    check_resize(three, 3, 3, 3, 3, GCAM__BILINEAR_ALIGNED, three);
    check_resize(two, 2, 2, 3, 4, GCAM__NEAREST, (float[]){1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4});
    check_resize(three, 3, 3, 1, 1, GCAM__BILINEAR_ALIGNED, three);
}
END_TEST

#ifdef GCAM_WITH_BLAS
#include <cblas.h>

START_TEST(the_host_keeps_its_blas_threads) {
    int before = openblas_get_num_threads();
    close_backends(); /* no pass runs */
    openblas_set_num_threads(2);
    gcam__compute blas = {.kernels = GCAM_KERNELS_BLAS}, own = {.kernels = GCAM_KERNELS_PLAIN};
    gcam__blas_enter(&own);
    ck_assert_int_eq(openblas_get_num_threads(), 2);
    gcam__blas_leave(&own);
    gcam__blas_enter(&blas);
    gcam__blas_enter(&blas);
    ck_assert_int_eq(openblas_get_num_threads(), 1);
    gcam__blas_leave(&blas);
    ck_assert_int_eq(openblas_get_num_threads(), 1);
    gcam__blas_leave(&blas);
    ck_assert_int_eq(openblas_get_num_threads(), 2);
    openblas_set_num_threads(before);
    ck_assert_ptr_nonnull(strstr(gcam__blas_name(), "OpenBLAS"));
    open_backends();
}
END_TEST
#endif

Suite *kernels_suite(void);
Suite *kernels_suite(void) {
    Suite *suite = suite_create("kernels");
    TCase *tcase = tcase_create("kernels");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, open_backends, close_backends);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, sparse_gradients_of_pointwise_layers);
    tcase_add_loop_test(tcase, convolutions_match_the_reference, 0, CONV_CASES);
    tcase_add_loop_test(tcase, random_convolutions_match_the_reference, 0, RANDOM_CASES / CASES_PER_TEST);
    tcase_add_test(tcase, algorithms_are_chosen_by_shape);
    tcase_add_test(tcase, winograd_errors_are_bounded);
    tcase_add_loop_test(tcase, threads_do_not_change_bits, 0, CONV_CASES);
    tcase_add_loop_test(tcase, batches_do_not_change_bits, 0, CONV_CASES);
    tcase_add_loop_test(tcase, backward_is_the_adjoint_of_forward, 0, CONV_CASES);
    tcase_add_loop_test(tcase, matrix_products_match_the_reference, 0, 7);
    tcase_add_loop_test(tcase, linear_layers_match_the_reference, 0, 7);
    tcase_add_test(tcase, a_linear_row_is_the_same_alone);
    tcase_add_test(tcase, dead_rows_are_not_read);
    tcase_add_loop_test(tcase, average_pooling_matches_the_reference, 0, POOL_CASES);
    tcase_add_test(tcase, average_pooling_divides_as_pytorch_does);
    tcase_add_loop_test(tcase, adaptive_pooling_matches_the_reference, 0, 6);
    tcase_add_loop_test(tcase, max_pooling_follows_the_tie_rule, 0, POOL_CASES);
    tcase_add_test(tcase, rectifiers_write_masks);
    tcase_add_test(tcase, sums_and_scales_work_in_place);
    tcase_add_test(tcase, nonfinite_values_are_found_at_once);
    tcase_add_test(tcase, maps_are_resized_as_specified);
#ifdef GCAM_WITH_BLAS
    tcase_add_test(tcase, the_host_keeps_its_blas_threads);
#endif
    return suite;
}
