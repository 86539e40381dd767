/* AVX2 and FMA: 16 registers of 8 floats, 12 of them sums. */
#if defined(__x86_64__)
#define VECTOR_WIDTH 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define SIMD_TABLE gcam__simd_avx2
#include "kernels/vector_template.h"

#include "kernels/depthwise_flat_template.h"
#include "kernels/depthwise_template.h"
#include "kernels/gate_template.h"
#include "kernels/gemm_template.h"
#include "kernels/im2col_template.h"
#include "kernels/linear_template.h"
#include "kernels/pool_template.h"
#include "kernels/winograd_template.h"

#include "kernels/simd_table.h"
#endif
typedef int gcam__not_empty; /* ISO C wants a declaration in every file */
