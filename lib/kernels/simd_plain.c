/* Portable: 4 floats, which any processor's baseline has or the compiler imitates; 8 sums fit 16 registers. */

#define VECTOR_WIDTH 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
#define SIMD_TABLE gcam__simd_plain
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
