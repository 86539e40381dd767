/* NEON on 64-bit ARM: 32 registers of 4 floats, 21 of them sums, because gcc keeps the broadcast values in registers as well. */
#if defined(__aarch64__)
#define VECTOR_WIDTH 4
#define TILE_ROWS 7
#define TILE_VECTORS 3
#define SIMD_TABLE gcam__simd_neon
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
