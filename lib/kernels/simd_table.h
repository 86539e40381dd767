/* The table of one instruction set, after the templates. */
const gcam__simd SIMD_TABLE = {
    .width = VECTOR_WIDTH,
    .mr = TILE_ROWS,
    .nr = TILE_COLUMNS,
    .micro = micro,
    .micro_transposed = micro_transposed,
    .dot = dot,
    .axpy4 = axpy4,
};
