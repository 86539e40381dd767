/* The table of one instruction set, after the templates. */
const gcam__simd SIMD_TABLE = {
    .width = VECTOR_WIDTH,
    .mr = TILE_ROWS,
    .nr = TILE_COLUMNS,
    .micro = micro,
    .micro_transposed = micro_transposed,
    .dot = dot,
    .axpy4 = axpy4,
    .im2col_run = im2col_run,
    .col2im_run = col2im_run,
    .depthwise = depthwise,
    .max_row = max_row,
    .winograd_input = {input_run2, input_run4},
    .winograd_output = {output_run2, output_run4},
    .winograd_filter = {filter_panel2, filter_panel4},
};
