/* Tests of the micro-kernels alone: every size of tile, every layout of A, on every instruction set that this processor has. */
#include "core/cpu.h"
#include "core/memory.h"
#include "kernels/gemm.h"
#include "support/reference.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MR = 16, NR = 32, LD = NR + 3 };

typedef enum layout { PACKED, TRANSPOSED, STRIPES, LAYOUTS } layout;

/* One product: k steps, a[i * k + l], b[l * nr + j], what is in C before, and the epilogue's operands. */
typedef struct problem {
    const gcam__simd *simd;
    int64_t k;
    float *a, *b, *c, *add, *bias, *scale;
    float *packed[LAYOUTS];
    double sum[MR * NR];
} problem;

static problem make_problem(const gcam__simd *simd, int64_t k) {
    problem p = {.simd = simd, .k = k};
    int64_t mr = simd->mr, nr = simd->nr;
    p.a = random_floats(1, mr * k), p.b = random_floats(2, nr * k);
    p.c = random_floats(3, MR * LD), p.add = random_floats(4, MR * LD);
    p.bias = random_floats(5, mr), p.scale = random_floats(6, mr);
    for (int i = 0; i < LAYOUTS; i++)
        p.packed[i] = calloc((size_t)(k * mr + mr * mr + mr * GCAM__STRIPE), sizeof(float));
    gcam__pack_a(simd, mr, k, p.a, k, 1, p.packed[PACKED]);
    gcam__pack_a(simd, k, mr, p.a, 1, k, p.packed[TRANSPOSED]); /* Wt, packed for the product with W */
    for (int64_t i = 0; i < mr; i++)
        memcpy(p.packed[STRIPES] + i * GCAM__STRIPE, p.a + i * k, (size_t)k * sizeof(float));
    for (int64_t i = 0; i < mr; i++)
        for (int64_t j = 0; j < nr; j++) {
            p.sum[i * nr + j] = 0;
            for (int64_t l = 0; l < k; l++) p.sum[i * nr + j] += (double)p.a[i * k + l] * (double)p.b[l * nr + j];
        }
    return p;
}

static void free_problem(problem *p) {
    float *blocks[] = {p->a, p->b, p->c, p->add, p->bias, p->scale};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) gcam__free(blocks[i]);
    for (int i = 0; i < LAYOUTS; i++) free(p->packed[i]);
}

/* A tile of rows x cols; epilogue 0: the sums, 1: added to C, 2: everything. */
static void multiply(const problem *p, layout how, int rows, int cols, int epilogue, float *c) {
    const gcam__simd *simd = p->simd;
    gcam__tile tile = {.c = c, .ldc = LD, .rows = rows, .cols = cols, .accumulate = epilogue > 0};
    if (epilogue == 2) tile.bias = p->bias, tile.scale = p->scale, tile.add = p->add, tile.relu = 1, tile.cap = 0.75f;
    memcpy(c, p->c, MR * LD * sizeof *c);
    if (how == PACKED) simd->micro(p->k, p->packed[how], p->b, simd->nr, &tile);
    if (how == TRANSPOSED) simd->micro_transposed(p->k, p->packed[how], simd->mr * simd->mr, p->b, simd->nr, &tile);
    if (how == STRIPES) simd->micro_stripes(p->k, p->packed[how], p->b, simd->nr, &tile);
}

/* The tile against sums in double, and bit for bit against the whole tile's; nothing beside it is touched. */
static void check_tile(const problem *p, layout how, int rows, int cols, int epilogue, const float *whole) {
    float c[MR * LD];
    double error = 0;
    int touched = 0, other_bits = 0;
    multiply(p, how, rows, cols, epilogue, c);
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < LD; j++) {
            int at = i * LD + j;
            if (i >= rows || j >= cols) {
                touched += c[at] != p->c[at];
                continue;
            }
            double want = p->sum[i * p->simd->nr + j] + (epilogue ? (double)p->c[at] : 0);
            if (epilogue == 2)
                want = fmin(fmax(want * (double)p->scale[i] + (double)p->bias[i] + (double)p->add[at], 0), 0.75);
            else
                other_bits += memcmp(&c[at], &whole[at], sizeof c[at]) != 0;
            error = fmax(error, fabs((double)c[at] - want));
        }
    ck_assert_msg(
        error <= 1e-4 && !touched && !other_bits,
        "width %d, layout %d, %d x %d, epilogue %d: error %g, %d values beside it changed, %d other bits than "
        "in a whole tile",
        p->simd->width, how, rows, cols, epilogue, error, touched, other_bits);
}

static void check_table(const gcam__simd *simd) {
    float whole[MR * LD];
    for (int depth = 1; depth <= 3; depth += 2) {
        problem p = make_problem(simd, (int64_t)depth * simd->mr);
        for (int how = 0; how < LAYOUTS; how++)
            for (int epilogue = 0; epilogue < 3; epilogue++) {
                multiply(&p, PACKED, simd->mr, simd->nr, epilogue, whole);
                for (int rows = 1; rows <= simd->mr; rows++)
                    for (int cols = 1; cols <= simd->nr; cols++)
                        check_tile(&p, (layout)how, rows, cols, epilogue, whole);
            }
        free_problem(&p);
    }
}

START_TEST(every_tile_has_the_same_sums) {
    for (int isa = 0; isa <= (int)gcam__cpu_isa(); isa++)
        check_table(gcam__simd_for(&(gcam__compute){.isa = (gcam__isa)isa}));
}
END_TEST

Suite *micro_suite(void);
Suite *micro_suite(void) {
    Suite *suite = suite_create("micro");
    TCase *tcase = tcase_create("micro");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_tile_has_the_same_sums);
    return suite;
}
