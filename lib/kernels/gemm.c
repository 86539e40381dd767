/* General matrix products on operands that are packed as they are used. Convolutions pack their weights once and have loops of
 * their own; what comes here is the rest: gradients of weights, batches of fully connected layers. */
#include "kernels/gemm.h"

/* Blocks whose packed copies fit the caller's stack and the second-level cache. */
enum { BLOCK_K = 192, BLOCK_M = 56, BLOCK_N = 64, MAX_MR = 16, MAX_NR = 64 };
/* Tiles of C that the pool shares out. */
enum { TILE_M = 128, TILE_N = 256 };

int64_t gcam__packed_a_floats(const gcam__simd *simd, int64_t m, int64_t k) {
    return gcam__ceil_div(m, simd->mr) * simd->mr * k + simd->mr * simd->mr;
}

void gcam__pack_a(const gcam__simd *simd, int64_t m, int64_t k, const float *a, int64_t row_stride,
                  int64_t column_stride, float *packed) {
    int mr = simd->mr;
    for (int64_t i0 = 0; i0 < m; i0 += mr)
        for (int64_t l = 0; l < k; l++)
            for (int64_t i = i0; i < i0 + mr; i++) *packed++ = i < m ? a[i * row_stride + l * column_stride] : 0;
    for (int i = 0; i < mr * mr; i++) *packed++ = 0;
}

void gcam__pack_b(const gcam__simd *simd, int64_t k, int64_t n, const float *b, int64_t row_stride,
                  int64_t column_stride, float *packed) {
    int nr = simd->nr;
    for (int64_t j0 = 0; j0 < n; j0 += nr) {
        int64_t cols = gcam__min(nr, n - j0);
        if (row_stride == 1) {
            simd->pack_transposed(b + j0 * column_stride, column_stride, (int)cols, k, packed);
            packed += k * nr;
            continue;
        }
        for (int64_t l = 0; l < k; l++, packed += nr) {
            const float *from = b + l * row_stride + j0 * column_stride;
            for (int64_t j = 0; j < cols; j++) packed[j] = from[j * column_stride];
            for (int64_t j = cols; j < nr; j++) packed[j] = 0;
        }
    }
}

/* C (m x n) += or = packed blocks of A and B. */
static void multiply_block(const gcam__simd *simd, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                           float *c, int64_t ldc, int accumulate) {
    gcam__tile tile = {.ldc = ldc, .accumulate = accumulate};
    for (int64_t j = 0; j < n; j += simd->nr) {
        tile.cols = (int)gcam__min(simd->nr, n - j);
        for (int64_t i = 0; i < m; i += simd->mr) {
            tile.rows = (int)gcam__min(simd->mr, m - i);
            tile.c = c + i * ldc + j;
            simd->micro(k, a + i * k, b + j * k, simd->nr, &tile);
        }
    }
}

static void gemm_own(const gcam__simd *simd, const gcam__gemm_call *g) {
    _Alignas(64) float a[BLOCK_K * (BLOCK_M + MAX_MR) + MAX_MR * MAX_MR];
    _Alignas(64) float b[BLOCK_K * (BLOCK_N + MAX_NR - 16)];
    int64_t a_row = g->transpose_a ? 1 : g->lda, a_column = g->transpose_a ? g->lda : 1;
    int64_t b_row = g->transpose_b ? 1 : g->ldb, b_column = g->transpose_b ? g->ldb : 1;
    int64_t block_m = BLOCK_M / simd->mr * simd->mr, block_n = BLOCK_N / simd->nr * simd->nr;
    for (int64_t l = 0; l < g->k; l += BLOCK_K) {
        int64_t k = gcam__min(BLOCK_K, g->k - l);
        for (int64_t j = 0; j < g->n; j += block_n) {
            int64_t n = gcam__min(block_n, g->n - j);
            gcam__pack_b(simd, k, n, g->b + l * b_row + j * b_column, b_row, b_column, b);
            for (int64_t i = 0; i < g->m; i += block_m) {
                int64_t m = gcam__min(block_m, g->m - i);
                gcam__pack_a(simd, m, k, g->a + i * a_row + l * a_column, a_row, a_column, a);
                multiply_block(simd, m, n, k, a, b, g->c + i * g->ldc + j, g->ldc, g->accumulate || l > 0);
            }
        }
    }
}

static void clear_c(const gcam__gemm_call *g) {
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) g->c[i * g->ldc + j] = 0;
}

void gcam__gemm_serial(const gcam__compute *compute, const gcam__gemm_call *g) {
    if (g->k == 0) {
        if (!g->accumulate) clear_c(g);
    } else if (gcam__use_blas(compute))
        gcam__gemm_blas(g);
    else
        gemm_own(gcam__simd_for(compute), g);
}

typedef struct gemm_job {
    const gcam__compute *compute;
    const gcam__gemm_call *call;
    int64_t columns; /* tiles side by side */
} gemm_job;

static void gemm_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const gemm_job *job = context;
    gcam__gemm_call part = *job->call;
    int64_t i = index / job->columns * TILE_M, j = index % job->columns * TILE_N;
    part.m = gcam__min(TILE_M, part.m - i);
    part.n = gcam__min(TILE_N, part.n - j);
    part.a += part.transpose_a ? i : i * part.lda;
    part.b += part.transpose_b ? j * part.ldb : j;
    part.c += i * part.ldc + j;
    gcam__gemm_serial(job->compute, &part);
}

void gcam__gemm(const gcam__compute *compute, const gcam__gemm_call *g) {
    gemm_job job = {compute, g, gcam__ceil_div(g->n, TILE_N)};
    gcam__parallel(compute->pool, gcam__ceil_div(g->m, TILE_M) * job.columns, gemm_unit, &job);
}
