/* AVX-512: 32 registers of 16 floats, 28 of them sums. */
#if defined(__x86_64__)
#define VECTOR_WIDTH 16
#define TILE_ROWS 14
#define TILE_VECTORS 2
#define SIMD_TABLE gcam__simd_avx512
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
