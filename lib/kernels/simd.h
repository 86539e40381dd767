/* The inner loops that are compiled once per instruction set: simd_plain.c, simd_avx2.c, simd_avx512.c and simd_neon.c set the
 * register sizes and include the same templates (*_template.h); the table of each is chosen when the program runs. */
#ifndef GCAM_KERNELS_SIMD_H
#define GCAM_KERNELS_SIMD_H

#include "kernels/kernels.h"

/* Distance of neighbouring rows of an unpacked A, and how many columns they have at most: a constant for the addressing, and no
 * multiple of large powers of two, so that rows do not fall into the same cache set. */
enum { GCAM__STRIPE = 272, GCAM__STRIPE_COLUMNS = 256 };

/* Where a product of one row panel and one column panel goes. */
typedef struct gcam__tile {
    float *c;
    int64_t ldc;
    int rows, cols;    /* how many of the panel's mr rows and nr columns are stored */
    int accumulate;    /* 1: c +=, 0: c = */
    const float *bias; /* one per row, added after the sum; NULL: none */
    int relu;
    const float *scale; /* one per row, multiplied with the sum before; NULL: 1 */
    const float *add;   /* added after the bias, ldc apart; NULL: nothing */
    float cap;          /* with relu: an upper bound; 0: none */
} gcam__tile;

/* What the epilogue of a tile makes of the sum of row i; `add`: that element's. */
static inline float gcam__finish(const gcam__tile *tile, int i, float value, float add) {
    if (tile->scale) value *= tile->scale[i];
    if (tile->bias) value += tile->bias[i];
    if (tile->add) value += add;
    if (tile->relu && value <= 0) value = 0;
    return tile->cap > 0 && value > tile->cap ? tile->cap : value;
}

/* Neighbouring columns in one output row, and in one panel of the tile. */
typedef struct gcam__run_of_columns {
    int64_t image, p, q;
    int count;
    int panel, lane;
} gcam__run_of_columns;

/* A run of neighbouring tiles of one tile row in Winograd's input transform. */
enum { GCAM__WINOGRAD_RUN = 64 };
typedef struct gcam__winograd_input {
    const float *plane; /* h x w */
    int64_t h, w;
    int64_t top, left; /* of the first tile; may lie outside the plane, where the input is zero */
    int tiles;         /* at most GCAM__WINOGRAD_RUN */
    int room;          /* lanes that may be written, at least `tiles`: those beyond get meaningless values */
    float *v;          /* element e of tile i goes to v[e * stride + i] */
    int64_t stride;
} gcam__winograd_input;

/* The same for the output: element e of tile i is at products[e * stride + i], readable up to the next full vector. */
typedef struct gcam__winograd_output {
    const float *products;
    int64_t stride;
    int tiles;
    float *y; /* output of the first tile's first element; rows of w floats */
    int64_t w;
    int64_t rows, columns; /* of the output that remain below and right of y */
    float bias, scale;
    int relu;
    const float *add; /* as y; NULL: nothing */
    float cap;        /* 0: none */
} gcam__winograd_output;

/* One plane of a depthwise convolution. */
typedef struct gcam__depthwise {
    const gcam__conv *conv;
    const float *x, *w;
    float bias, scale;
    int relu;
    const float *add; /* as y; NULL: nothing */
    float cap;        /* 0: none */
    float *y;
    int64_t phase; /* floats of one phase of a padded row, a multiple of the width */
    int64_t rows;  /* output rows of one strip */
    float *strip;  /* the strip's input rows, stride x phase floats each */
    float *linear; /* one padded row */
} gcam__depthwise;

/* `count` outputs of one plane of a depthwise convolution as one array: tap (r, s) of output j is at x[row[r] + column[s] + j], and
 * counts where its column's mask is -1. Masks of the S columns are mask_floats apart and repeat after `period` outputs; they are there
 * for `period` and one vector. */
enum { GCAM__FLAT_SIDE = 8 }; /* of a filter at most */
typedef struct gcam__depthwise_flat {
    const float *x, *w;
    int64_t row[GCAM__FLAT_SIDE], column[GCAM__FLAT_SIDE];
    int64_t r, s;
    const int32_t *mask;
    int64_t mask_floats, period;
    int64_t step,
        last_at; /* places in the period: of the second vector, and of the last one, which ends at the last output */
    float bias, scale;
    int relu;
    const float *add; /* as y; NULL: nothing */
    float cap;        /* 0: none */
    float *y;
    int64_t count;
} gcam__depthwise_flat;

/* The way back through a rectifier: dx = p where the bit of mask is set (or `open`), slope p elsewhere; p = dy, or max(dy, 0) if
 * `positive`. */
typedef struct gcam__gate {
    const float *dy;
    float *dx;
    const uint8_t *mask;
    float slope;
    int positive, open;
} gcam__gate;

/* One output row of max pooling over one plane. */
typedef struct gcam__max_row {
    const float *x;
    int64_t w, cells;                         /* columns of the plane, and all its cells */
    int64_t begin, end, row_step;             /* its rows that the windows cover */
    int64_t kernel, stride, pad, column_step; /* along the row */
    int64_t q;                                /* outputs */
    float *y;
    int32_t *index; /* NULL: not wanted */
} gcam__max_row;

typedef struct gcam__simd {
    int width;  /* floats in a vector */
    int mr, nr; /* rows and columns of the micro-kernel's tile */
    int few;    /* columns beyond whole vectors that cost less than a vector of columns */

    /* tile (mr x nr) = a b: `a` packed k x mr; row l of `b` (nr floats) at b + l ldb. */
    void (*micro)(int64_t k, const float *a, const float *b, int64_t ldb, const gcam__tile *tile);
    /* The same with `a` read from panels that were packed for the transposed product: k must be a multiple of mr, and block
     * i of mr x mr values (one line of mr per row of the tile) begins at a + i * block. */
    void (*micro_transposed)(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                             const gcam__tile *tile);
    /* The same with rows of `a` as they are, GCAM__STRIPE apart. */
    void (*micro_stripes)(int64_t k, const float *a, const float *b, int64_t ldb, const gcam__tile *tile);
    /* to[l * nr + i] = from[i * ld + l] for i < rows (at most nr), 0 for the others, for all l < count: one panel of B. */
    void (*pack_transposed)(const float *from, int64_t ld, int rows, int64_t count, float *to);

    /* out[i * 4 + j] = w row j . x row i, for 4 rows of w and `rows` (1 to 3) rows of x. */
    void (*dot)(int64_t count, const float *w, int64_t ldw, const float *x, int64_t ldx, int rows, float *out);
    /* y += a[0] x[0] + ... + a[3] x[3], added one after the other. `next` are the rows that the next call will read. */
    void (*axpy4)(int64_t count, const float a[4], const float *const x[4], const float *const next[4], float *y);

    /* Rows of the column matrix (nr apart) for one run, x: the run's image and the first of the channels; and the adjoint. */
    void (*im2col_run)(const gcam__conv *conv, const gcam__run_of_columns *run, const float *x, int64_t channels,
                       int nr, float *to);
    void (*col2im_run)(const gcam__conv *conv, const gcam__run_of_columns *run, const float *from, int64_t channels,
                       int nr, float *dx);
    void (*depthwise)(const gcam__depthwise *d);
    void (*depthwise_flat)(const gcam__depthwise_flat *d);
    /* Even columns of every second row of w floats, `rows` of them, to rows of (w + 1) / 2 at `to`, odd ones at to + odd. `readable`
     * floats may be read, and two vectors more than the last row be written. */
    void (*split_rows)(const float *x, int64_t rows, int64_t w, int64_t readable, float *to, int64_t odd);
    /* sums[r * S + s] += the plane's gradient of each tap; dy instead of y, bias and relu unused. */
    void (*depthwise_weights)(const gcam__depthwise *d, const float *dy, double *sums);
    void (*max_row)(const gcam__max_row *row);
    void (*gate)(const gcam__gate *gate, int64_t begin, int64_t end);

    /* Winograd's transforms, [0] for F(2x2, 3x3) and [1] for F(4x4, 3x3). */
    void (*winograd_input[2])(const gcam__winograd_input *in);
    void (*winograd_output[2])(const gcam__winograd_output *out);
    /* `rows` (1 to mr) filters of 3 x 3, row_stride apart, to element e of row i at u[e * stride + i]; rows up to mr are zero. */
    void (*winograd_filter[2])(const float *w, int64_t row_stride, int rows, float *u, int64_t stride);
    /* The gradient of the weights: tiles of m x m of dy to their elements (the input's struct, tiles m apart, none overlapping);
     * and element e of filter i at u[e * stride + i], for i < count <= width, to gradients that are added at dw + i * step. */
    void (*winograd_gradient[2])(const gcam__winograd_input *in);
    void (*winograd_filter_gradient[2])(const float *u, int64_t stride, int count, float *dw, int64_t step);
} gcam__simd;

extern const gcam__simd gcam__simd_plain;
#if defined(__x86_64__)
extern const gcam__simd gcam__simd_avx2;
extern const gcam__simd gcam__simd_avx512;
#elif defined(__aarch64__)
extern const gcam__simd gcam__simd_neon;
#endif

/* Columns of a tile of which `count` are wanted and whole vectors may be stored: what is fastest. */
static inline int gcam__tile_columns(const gcam__simd *simd, int64_t count) {
    int columns = (int)(count < simd->nr ? count : simd->nr), rest = columns % simd->width;
    return rest <= simd->few ? columns : columns - rest + simd->width;
}

/* The table for what `compute` allows. */
const gcam__simd *gcam__simd_for(const gcam__compute *compute);

static inline int64_t gcam__ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
static inline int64_t gcam__min(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t gcam__max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

#endif
