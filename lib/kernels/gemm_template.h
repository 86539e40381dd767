/* Micro-kernels of the matrix product: a tile of TILE_ROWS x (TILE_VECTORS x VECTOR_WIDTH) sums lives in registers; each step
 * of k loads one packed row of B and multiplies it by TILE_ROWS broadcast values of A (Goto and van de Geijn 2008). */

#define TILE_COLUMNS (TILE_VECTORS * VECTOR_WIDTH)

/* A tile at the edge goes through a buffer. */
static void store_partial(const float *buffer, const gcam__tile *tile) {
    for (int i = 0; i < tile->rows; i++, buffer += TILE_COLUMNS) {
        float *c = tile->c + i * tile->ldc, bias = tile->bias ? tile->bias[i] : 0;
        for (int j = 0; j < tile->cols; j++) {
            float value = buffer[j];
            if (tile->accumulate) value += c[j];
            if (tile->bias) value += bias;
            c[j] = tile->relu && value <= 0 ? 0 : value;
        }
    }
}

INLINE void store_row(vec sum[TILE_VECTORS], const gcam__tile *tile, int i) {
    float *c = tile->c + i * tile->ldc;
    EACH (j, TILE_VECTORS) {
        vec value = sum[j];
        if (tile->accumulate) value += load(c + j * VECTOR_WIDTH);
        if (tile->bias) value += splat(tile->bias[i]);
        store(c + j * VECTOR_WIDTH, tile->relu ? rectify(value) : value);
    }
}

INLINE void store_tile(vec sum[TILE_ROWS][TILE_VECTORS], const gcam__tile *tile) {
    if (tile->cols < TILE_COLUMNS) {
        float buffer[TILE_ROWS * TILE_COLUMNS];
        EACH (i, TILE_ROWS)
            EACH (j, TILE_VECTORS) store(buffer + i * TILE_COLUMNS + j * VECTOR_WIDTH, sum[i][j]);
        store_partial(buffer, tile);
        return;
    }
    EACH (i, TILE_ROWS)
        if (i < tile->rows) store_row(sum[i], tile, i);
}

INLINE void clear(vec sum[TILE_ROWS][TILE_VECTORS]) {
    EACH (i, TILE_ROWS)
        EACH (j, TILE_VECTORS) sum[i][j] = splat(0);
}

/* sum[i][j] += a[i * stride] b[j] for one step of k. */
INLINE void step(vec sum[TILE_ROWS][TILE_VECTORS], const float *a, int stride, const float *b) {
    vec row[TILE_VECTORS];
    EACH (j, TILE_VECTORS) row[j] = load(b + j * VECTOR_WIDTH);
    EACH (i, TILE_ROWS) {
        vec value = splat(a[i * stride]);
        EACH (j, TILE_VECTORS) sum[i][j] += value * row[j];
    }
}

/* Brings the tile's place in C closer while the sums are made. */
INLINE void prefetch_tile(const gcam__tile *tile) {
    EACH (i, TILE_ROWS) __builtin_prefetch(tile->c + i * tile->ldc, 1);
    EACH (i, TILE_ROWS) __builtin_prefetch(tile->c + i * tile->ldc + TILE_COLUMNS - 1, 1);
}

static void micro(int64_t k, const float *a, const float *b, int64_t ldb, const gcam__tile *tile) {
    vec sum[TILE_ROWS][TILE_VECTORS];
    prefetch_tile(tile);
    clear(sum);
    for (int64_t l = 0; l < k; l++, a += TILE_ROWS, b += ldb) step(sum, a, 1, b);
    store_tile(sum, tile);
}

static void micro_transposed(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                             const gcam__tile *tile) {
    vec sum[TILE_ROWS][TILE_VECTORS];
    prefetch_tile(tile);
    clear(sum);
    for (int64_t l = 0; l < k; l += TILE_ROWS, a += block)
        for (int i = 0; i < TILE_ROWS; i++, b += ldb) step(sum, a + i, TILE_ROWS, b);
    store_tile(sum, tile);
}
