/* `make bench-errors`: how far each convolution algorithm is from sums in double precision, as a table in Markdown. Layers of
 * VGG-16's channels on random values; dx and dw are the gradients of the input and of the weights. Relative to the largest value,
 * and as the root of the mean square relative to the values' own. */
#include "core/memory.h"
#include "kernels/conv.h"
#include "support/reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 28, FILTERS = 32 };

typedef struct {
    gcam__conv g;
    int64_t count[3]; /* of y, dx, dw */
    float *x, *w, *dy;
    double *want[3];
} problem;

static problem make_problem(int64_t channels) {
    problem m = {
        .g = {.n = 1, .c = channels, .h = SIDE, .w = SIDE, .k = FILTERS, .r = 3, .s = 3, .p = SIDE, .q = SIDE}};
    gcam__conv *g = &m.g;
    g->groups = 1;
    for (int i = 0; i < 2; i++) g->stride[i] = g->dilation[i] = g->pad[i] = 1;
    m.count[0] = FILTERS * SIDE * SIDE, m.count[1] = channels * SIDE * SIDE, m.count[2] = FILTERS * channels * 9;
    m.x = random_floats(1, m.count[1]), m.w = random_floats(2, m.count[2]), m.dy = random_floats(3, m.count[0]);
    for (int i = 0; i < 3; i++) m.want[i] = gcam__alloc((size_t)m.count[i] * sizeof(double));
    double *bias = gcam__alloc(FILTERS * sizeof *bias);
    reference_conv(g, m.x, m.w, NULL, m.want[0]);
    reference_conv_backward_data(g, m.dy, m.w, m.want[1]);
    reference_conv_backward_weights(g, m.x, m.dy, m.want[2], bias);
    gcam__free(bias);
    return m;
}

static void *need(size_t bytes) {
    return gcam__calloc(bytes > 0 ? bytes : 1, 1);
}

static void print_row(const gcam__compute *compute, const problem *m, gcam__conv_algorithm algorithm) {
    const gcam__conv *g = &m->g;
    size_t scratch_bytes[] = {gcam__conv_forward_scratch(compute, g, algorithm),
                              gcam__conv_backward_scratch(compute, g, algorithm),
                              gcam__conv_weights_scratch(compute, g, algorithm)};
    void *prepared = need(gcam__conv_prepared_bytes(compute, g, algorithm)), *scratch[3];
    float *got[3];
    for (int i = 0; i < 3; i++) scratch[i] = need(scratch_bytes[i]), got[i] = need((size_t)m->count[i] * sizeof(float));
    gcam__conv_prepare(compute, g, algorithm, m->w, prepared);
    gcam__conv_forward(compute, g, algorithm, m->x, m->w, prepared, NULL, got[0], scratch[0]);
    gcam__conv_backward_data(compute, g, algorithm, m->dy, m->w, prepared, got[1], scratch[1]);
    gcam__conv_backward_weights(compute, g, algorithm, m->x, m->dy, got[2], NULL, scratch[2]);
    printf("| %d | %s |", (int)g->c, gcam__conv_algorithm_name(algorithm));
    for (int i = 0; i < 3; i++) {
        printf(" %.1e | %.1e |", max_error(got[i], m->want[i], m->count[i]),
               sqrt(nmse(got[i], m->want[i], m->count[i])));
        gcam__free(got[i]);
        gcam__free(scratch[i]);
    }
    printf("\n");
    gcam__free(prepared);
}

int main(void) {
    static const gcam__conv_algorithm algorithms[] = {GCAM__CONV_IM2COL, GCAM__CONV_WINOGRAD2, GCAM__CONV_WINOGRAD4};
    gcam__compute compute = {.isa = gcam__cpu_isa()};
    printf("3x3 filters on %dx%d, %d filters, %s, random values.\n\n", SIDE, SIDE, FILTERS,
           gcam__isa_name(compute.isa));
    printf("| channels | algorithm | y max | y rms | dx max | dx rms | dw max | dw rms |\n");
    printf("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int64_t channels = 64; channels <= 512; channels *= 2) {
        problem m = make_problem(channels);
        for (int i = 0; i < 3; i++) print_row(&compute, &m, algorithms[i]);
        void *blocks[] = {m.x, m.w, m.dy, m.want[0], m.want[1], m.want[2]};
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) gcam__free(blocks[i]);
    }
    return 0;
}
