/* Micro-kernels of the matrix product: a tile of TILE_ROWS x (TILE_VECTORS x VECTOR_WIDTH) sums lives in registers; each step
 * of k loads one packed row of B and multiplies it by TILE_ROWS broadcast values of A (Goto and van de Geijn 2008). Tiles at the
 * edge have variants of 4 and 8 rows and of one vector. A few columns beyond whole vectors have their sums the other way round: a
 * vector holds one column of the tile, and each step multiplies TILE_ROWS values of A by a broadcast value of B, which costs as
 * many instructions as there are columns, not as there are rows. An element's sum is the same in all variants. */

#define TILE_COLUMNS (TILE_VECTORS * VECTOR_WIDTH)

/* Vectors for a column of the tile, and how many columns at most are cheaper than a vector of columns. */
#define COLUMN_VECTORS ((TILE_ROWS + VECTOR_WIDTH - 1) / VECTOR_WIDTH)
#define COLUMN_LANES (COLUMN_VECTORS * VECTOR_WIDTH)
#define MOST_COLUMNS 8
#define FEW_COLUMNS (TILE_ROWS > 8 * COLUMN_VECTORS ? MOST_COLUMNS : TILE_ROWS > 4 * COLUMN_VECTORS ? 4 : 2)

/* A tile at the edge goes through a buffer. */
static void store_partial(const float *buffer, int ld, const gcam__tile *tile) {
    for (int i = 0; i < tile->rows; i++, buffer += ld) {
        float *c = tile->c + i * tile->ldc;
        const float *add = tile->add ? tile->add + i * tile->ldc : buffer;
        for (int j = 0; j < tile->cols; j++)
            c[j] = gcam__finish(tile, i, tile->accumulate ? buffer[j] + c[j] : buffer[j], add[j]);
    }
}

/* Vector j of row i. */
INLINE void store_vector(vec value, const gcam__tile *tile, int i, int j) {
    float *c = tile->c + i * tile->ldc + j * VECTOR_WIDTH;
    if (tile->accumulate) value += load(c);
    if (tile->scale) value *= splat(tile->scale[i]);
    if (tile->bias) value += splat(tile->bias[i]);
    if (tile->add) value += load(tile->add + i * tile->ldc + j * VECTOR_WIDTH);
    store(c, clip(value, tile->relu, tile->cap));
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
        if (i < tile->rows) {
            EACH (j, vectors) store_vector(sum[i][j], tile, i, j);
        }
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
        for (int64_t l = 0; l < k; l++, a += TILE_ROWS, b += ldb) {
            __builtin_prefetch(a + 1024); /* weights of many channels come from afar: 4 kB ahead */
            step(sum, a, 1, b, rows, vectors);
        }
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

/* ---- a few columns ------------------------------------------------------------------------------------------------------- */

/* Rows of a square block become columns: log2(VECTOR_WIDTH) rounds of interleaving. `rows` of them are there. */
INLINE void transpose_block(const float *from, int64_t ld, int rows, float *to, int64_t to_ld) {
    vec v[VECTOR_WIDTH];
    EACH (i, VECTOR_WIDTH) v[i] = i < rows ? load(from + i * ld) : splat(0);
#ifdef SPLIT
    for (int round = 1; round < VECTOR_WIDTH; round *= 2) {
        vec w[VECTOR_WIDTH];
        EACH (i, VECTOR_WIDTH / 2) {
            w[2 * i] = MERGE_LOW(v[i], v[i + VECTOR_WIDTH / 2]);
            w[2 * i + 1] = MERGE_HIGH(v[i], v[i + VECTOR_WIDTH / 2]);
        }
        EACH (i, VECTOR_WIDTH) v[i] = w[i];
    }
    EACH (i, VECTOR_WIDTH) store(to + i * to_ld, v[i]);
#else
    EACH (i, VECTOR_WIDTH)
        for (int j = 0; j < VECTOR_WIDTH; j++) to[j * to_ld + i] = v[i][j];
#endif
}

/* A block of TILE_ROWS x TILE_ROWS values that was packed for the transposed product, as it is packed for this one. */
INLINE void transpose_panel(const float *a, float (*packed)[COLUMN_LANES]) {
    EACH (i, COLUMN_VECTORS)
        EACH (l, COLUMN_VECTORS)
            transpose_block(a + i * VECTOR_WIDTH * TILE_ROWS + l * VECTOR_WIDTH, TILE_ROWS,
                            TILE_ROWS - i * VECTOR_WIDTH, &packed[l * VECTOR_WIDTH][i * VECTOR_WIDTH], COLUMN_LANES);
}

/* column[j] += a b[j] for one step of k. */
INLINE void step_columns(vec column[MOST_COLUMNS][COLUMN_VECTORS], const float *a, const float *b, int columns) {
    vec rows[COLUMN_VECTORS];
    EACH (i, COLUMN_VECTORS) rows[i] = load(a + i * VECTOR_WIDTH);
    EACH (j, columns) {
        vec value = splat(b[j]);
        EACH (i, COLUMN_VECTORS) column[j][i] += rows[i] * value;
    }
}

/* The sums of a tile with a few columns beyond its vectors, on their way to C: one function for all variants. */
typedef struct edge_sums {
    float vector[TILE_ROWS][TILE_COLUMNS], column[MOST_COLUMNS][COLUMN_LANES];
} edge_sums;

static __attribute__((noinline)) void store_edge(const edge_sums *sums, const gcam__tile *tile, int vectors) {
    int first = vectors * VECTOR_WIDTH, bare = !tile->scale && !tile->bias && !tile->add && !tile->relu;
    for (int i = 0; i < tile->rows; i++) {
        for (int j = 0; j < vectors; j++) store_vector(load(&sums->vector[i][j * VECTOR_WIDTH]), tile, i, j);
        float *c = tile->c + i * tile->ldc;
        const float *add = tile->add ? tile->add + i * tile->ldc : c;
        for (int j = first; j < tile->cols; j++) {
            float value = sums->column[j - first][i];
            if (tile->accumulate) value += c[j];
            c[j] = bare ? value : gcam__finish(tile, i, value, add[j]);
        }
    }
}

/* `vectors` vectors of columns, fewer than TILE_VECTORS, and up to `columns` more of their own. */
INLINE void product_and_columns(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                                const gcam__tile *tile, int layout, int vectors, int columns) {
    vec sum[TILE_ROWS][TILE_VECTORS], column[MOST_COLUMNS][COLUMN_VECTORS];
    EACH (i, TILE_ROWS)
        EACH (j, vectors) sum[i][j] = splat(0);
    EACH (j, columns)
        EACH (i, COLUMN_VECTORS) column[j][i] = splat(0);
    if (layout == PACKED)
        for (int64_t l = 0; l < k; l++, a += TILE_ROWS, b += ldb) {
            step(sum, a, 1, b, TILE_ROWS, vectors);
            step_columns(column, a, b + vectors * VECTOR_WIDTH, columns);
        }
    if (layout == TRANSPOSED)
        for (int64_t l = 0; l < k; l += TILE_ROWS, a += block) {
            float packed[COLUMN_LANES][COLUMN_LANES];
            transpose_panel(a, packed);
            for (int i = 0; i < TILE_ROWS; i++, b += ldb) {
                __builtin_prefetch(a + block + i * TILE_ROWS);
                step(sum, packed[i], 1, b, TILE_ROWS, vectors);
                step_columns(column, packed[i], b + vectors * VECTOR_WIDTH, columns);
            }
        }
    edge_sums sums;
    EACH (i, TILE_ROWS)
        EACH (j, vectors) store(&sums.vector[i][j * VECTOR_WIDTH], sum[i][j]);
    EACH (j, columns)
        EACH (i, COLUMN_VECTORS) store(&sums.column[j][i * VECTOR_WIDTH], column[j][i]);
    store_edge(&sums, tile, vectors);
}

INLINE void product_of_columns(int64_t k, const float *a, int64_t block, const float *b, int64_t ldb,
                               const gcam__tile *tile, int layout, int vectors) {
    int columns = tile->cols - vectors * VECTOR_WIDTH;
    if (columns == 1)
        product_and_columns(k, a, block, b, ldb, tile, layout, vectors, 1);
    else if (columns == 2)
        product_and_columns(k, a, block, b, ldb, tile, layout, vectors, 2);
    else if (columns <= 4 && FEW_COLUMNS >= 4)
        product_and_columns(k, a, block, b, ldb, tile, layout, vectors, 4);
    else
        product_and_columns(k, a, block, b, ldb, tile, layout, vectors, FEW_COLUMNS);
}

/* ---- choice of the variant ------------------------------------------------------------------------------------------------- */

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
    int vectors = tile->cols / VECTOR_WIDTH, columns = tile->cols % VECTOR_WIDTH;
    if (layout != STRIPES && columns > 0 && columns <= FEW_COLUMNS && FEW_COLUMNS < VECTOR_WIDTH) {
        if (vectors == 0)
            product_of_columns(k, a, block, b, ldb, tile, layout, 0);
        else if (TILE_VECTORS > 2 && vectors == 1)
            product_of_columns(k, a, block, b, ldb, tile, layout, 1);
        else
            product_of_columns(k, a, block, b, ldb, tile, layout, TILE_VECTORS - 1);
    } else if (tile->cols <= VECTOR_WIDTH && TILE_VECTORS > 1)
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

static void pack_transposed(const float *from, int64_t ld, int rows, int64_t count, float *to) {
    for (int i = 0; i < TILE_COLUMNS; i += VECTOR_WIDTH) {
        int64_t l = 0;
        for (; i + VECTOR_WIDTH <= rows && l + VECTOR_WIDTH <= count; l += VECTOR_WIDTH)
            transpose_block(from + i * ld + l, ld, VECTOR_WIDTH, to + l * TILE_COLUMNS + i, TILE_COLUMNS);
        for (; l < count; l++)
            for (int j = i; j < i + VECTOR_WIDTH; j++) to[l * TILE_COLUMNS + j] = j < rows ? from[j * ld + l] : 0;
    }
}
