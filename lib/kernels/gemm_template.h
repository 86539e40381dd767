/* Micro-kernels of the matrix product: a tile of TILE_ROWS x (TILE_VECTORS x VECTOR_WIDTH) sums lives in registers; each step
 * of k loads one packed row of B and multiplies it by TILE_ROWS broadcast values of A (Goto and van de Geijn 2008). Tiles at the
 * edge have variants of 4 and 8 rows and of one vector; an element's sum is the same in all of them. */

#define TILE_COLUMNS (TILE_VECTORS * VECTOR_WIDTH)

/* A tile at the edge goes through a buffer. */
static void store_partial(const float *buffer, int ld, const gcam__tile *tile) {
    for (int i = 0; i < tile->rows; i++, buffer += ld) {
        float *c = tile->c + i * tile->ldc;
        const float *add = tile->add ? tile->add + i * tile->ldc : buffer;
        for (int j = 0; j < tile->cols; j++)
            c[j] = gcam__finish(tile, i, tile->accumulate ? buffer[j] + c[j] : buffer[j], add[j]);
    }
}

INLINE void store_row(vec sum[TILE_VECTORS], const gcam__tile *tile, int i, int vectors) {
    float *c = tile->c + i * tile->ldc;
    EACH (j, vectors) {
        vec value = sum[j];
        if (tile->accumulate) value += load(c + j * VECTOR_WIDTH);
        if (tile->scale) value *= splat(tile->scale[i]);
        if (tile->bias) value += splat(tile->bias[i]);
        if (tile->add) value += load(tile->add + i * tile->ldc + j * VECTOR_WIDTH);
        store(c + j * VECTOR_WIDTH, clip(value, tile->relu, tile->cap));
    }
}

INLINE void store_tile(vec sum[TILE_ROWS][TILE_VECTORS], const gcam__tile *tile, int rows, int vectors) {
    if (tile->cols < vectors * VECTOR_WIDTH) {
        float buffer[TILE_ROWS * TILE_COLUMNS];
        EACH (i, rows)
            EACH (j, vectors) store(buffer + (i * vectors + j) * VECTOR_WIDTH, sum[i][j]);
        store_partial(buffer, vectors * VECTOR_WIDTH, tile);
        return;
    }
    EACH (i, rows)
        if (i < tile->rows) store_row(sum[i], tile, i, vectors);
}

/* sum[i][j] += a[i * stride] b[j] for one step of k. */
INLINE void step(vec sum[TILE_ROWS][TILE_VECTORS], const float *a, int stride, const float *b, int rows, int vectors) {
    vec row[TILE_VECTORS];
    EACH (j, vectors) row[j] = load(b + j * VECTOR_WIDTH);
    EACH (i, rows) {
        vec value = splat(a[i * stride]);
        EACH (j, vectors) sum[i][j] += value * row[j];
    }
}

/* How the k x TILE_ROWS values of A lie: packed for this product; packed for the transposed one, in blocks of TILE_ROWS x
 * TILE_ROWS; or unpacked, rows GCAM__STRIPE apart. */
enum { PACKED, TRANSPOSED, STRIPES };

INLINE void product(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb, const gcam__tile *tile,
                    int layout, int rows, int vectors) {
    vec sum[TILE_ROWS][TILE_VECTORS];
    EACH (i, rows) { /* brings the tile's place in C closer while the sums are made */
        __builtin_prefetch(tile->c + i * tile->ldc, 1);
        __builtin_prefetch(tile->c + i * tile->ldc + vectors * VECTOR_WIDTH - 1, 1);
    }
    EACH (i, rows)
        EACH (j, vectors) sum[i][j] = splat(0);
    if (layout == PACKED)
        for (int64_t l = 0; l < k; l++, a += TILE_ROWS, b += ldb) step(sum, a, 1, b, rows, vectors);
    if (layout == STRIPES)
        for (int64_t l = 0; l < k; l++, a++, b += ldb) step(sum, a, GCAM__STRIPE, b, rows, vectors);
    if (layout == TRANSPOSED)
        for (int64_t l = 0; l < k; l += TILE_ROWS, a += block)
            for (int i = 0; i < TILE_ROWS; i++, b += ldb) {
                __builtin_prefetch(a + block + i * TILE_ROWS); /* of the next block, which lies far away */
                step(sum, a + i, TILE_ROWS, b, rows, vectors);
            }
    store_tile(sum, tile, rows, vectors);
}

INLINE void product_of_width(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                             const gcam__tile *tile, int layout, int vectors) {
    if (tile->rows <= 4 && TILE_ROWS > 4)
        product(k, a, block, b, ldb, tile, layout, 4, vectors);
    else if (tile->rows <= 8 && TILE_ROWS > 8)
        product(k, a, block, b, ldb, tile, layout, 8, vectors);
    else
        product(k, a, block, b, ldb, tile, layout, TILE_ROWS, vectors);
}

INLINE void product_of_size(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                            const gcam__tile *tile, int layout) {
    if (tile->cols <= VECTOR_WIDTH && TILE_VECTORS > 1)
        product_of_width(k, a, block, b, ldb, tile, layout, 1);
    else
        product_of_width(k, a, block, b, ldb, tile, layout, TILE_VECTORS);
}

static void micro(int64_t k, const float *a, const float *b, int64_t ldb, const gcam__tile *tile) {
    product_of_size(k, a, 0, b, ldb, tile, PACKED);
}

static void micro_transposed(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                             const gcam__tile *tile) {
    product_of_size(k, a, block, b, ldb, tile, TRANSPOSED);
}

static void micro_stripes(int64_t k, const float *a, const float *b, int64_t ldb, const gcam__tile *tile) {
    product_of_size(k, a, 0, b, ldb, tile, STRIPES);
}

/* ---- packing B from its transpose -------------------------------------------------------------------------------------------- */

/* Rows of a square block become columns: log2(VECTOR_WIDTH) rounds of interleaving. */
INLINE void transpose_block(const float *from, int64_t ld, float *to) {
    vec v[VECTOR_WIDTH];
    EACH (i, VECTOR_WIDTH) v[i] = load(from + i * ld);
#ifdef SPLIT
    for (int round = 1; round < VECTOR_WIDTH; round *= 2) {
        vec w[VECTOR_WIDTH];
        EACH (i, VECTOR_WIDTH / 2) {
            w[2 * i] = MERGE_LOW(v[i], v[i + VECTOR_WIDTH / 2]);
            w[2 * i + 1] = MERGE_HIGH(v[i], v[i + VECTOR_WIDTH / 2]);
        }
        EACH (i, VECTOR_WIDTH) v[i] = w[i];
    }
    EACH (i, VECTOR_WIDTH) store(to + i * TILE_COLUMNS, v[i]);
#else
    EACH (i, VECTOR_WIDTH)
        for (int j = 0; j < VECTOR_WIDTH; j++) to[j * TILE_COLUMNS + i] = v[i][j];
#endif
}

static void pack_transposed(const float *from, int64_t ld, int rows, int64_t count, float *to) {
    for (int i = 0; i < TILE_COLUMNS; i += VECTOR_WIDTH) {
        int64_t l = 0;
        for (; i + VECTOR_WIDTH <= rows && l + VECTOR_WIDTH <= count; l += VECTOR_WIDTH)
            transpose_block(from + i * ld + l, ld, to + l * TILE_COLUMNS + i);
        for (; l < count; l++)
            for (int j = i; j < i + VECTOR_WIDTH; j++) to[l * TILE_COLUMNS + j] = j < rows ? from[j * ld + l] : 0;
    }
}
