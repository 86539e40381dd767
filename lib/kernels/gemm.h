/* Packed operands of the matrix product, shared by the convolutions. */
#ifndef GCAM_KERNELS_GEMM_H
#define GCAM_KERNELS_GEMM_H

#include "kernels/simd.h"

/* Floats of A (m x k) packed in panels of mr rows, [panel][k][mr]; the last panel is filled with zeros, and so is what follows
 * it, as far as a transposed reading of a last partial panel reaches. */
int64_t gcam__packed_a_floats(const gcam__simd *simd, int64_t m, int64_t k);
/* Packs element (i, l) = a[i * row_stride + l * column_stride]; only rows < m and l < k are read. */
void gcam__pack_a(const gcam__simd *simd, int64_t m, int64_t k, const float *a, int64_t row_stride,
                  int64_t column_stride, float *packed);
/* Packs B (k x n) in panels of nr columns, [panel][k][nr], the last one filled with zeros. */
void gcam__pack_b(const gcam__simd *simd, int64_t k, int64_t n, const float *b, int64_t row_stride,
                  int64_t column_stride, float *packed);

/* 1: matrix products go to OpenBLAS. */
int gcam__use_blas(const gcam__compute *compute);
/* The product by OpenBLAS; only where gcam__use_blas() says so. */
void gcam__gemm_blas(const gcam__gemm_call *g);

#endif
