/* Inner loops of the fully connected layer: sums of one row in one vector each, so that a result never depends on how many
 * rows are computed together. */

INLINE void dot_rows(int64_t count, const float *w, int64_t ldw, const float *x, int64_t ldx, int rows, float *out) {
    vec sum[3][4] = {{{0}}};
    int64_t c = 0;
    for (; c + VECTOR_WIDTH <= count; c += VECTOR_WIDTH) {
        EACH (j, 4) {
            vec weight = load(w + j * ldw + c);
            EACH (i, rows) sum[i][j] += weight * load(x + i * ldx + c);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 4; j++) {
            float total = 0;
            for (int64_t l = c; l < count; l++) total += w[j * ldw + l] * x[i * ldx + l];
            for (int l = 0; l < VECTOR_WIDTH; l++) total += sum[i][j][l];
            out[i * 4 + j] = total;
        }
}

static void dot(int64_t count, const float *w, int64_t ldw, const float *x, int64_t ldx, int rows, float *out) {
    if (rows == 3)
        dot_rows(count, w, ldw, x, ldx, 3, out);
    else if (rows == 2)
        dot_rows(count, w, ldw, x, ldx, 2, out);
    else
        dot_rows(count, w, ldw, x, ldx, 1, out);
}

static void axpy4(int64_t count, const float a[4], const float *const x[4], const float *const next[4], float *y) {
    int64_t c = 0;
    for (; c + VECTOR_WIDTH <= count; c += VECTOR_WIDTH) {
        vec sum = load(y + c);
        EACH (j, 4) sum += a[j] * load(x[j] + c);
        store(y + c, sum);
        if (c % 16 == 0)
            EACH (j, 4) __builtin_prefetch(next[j] + c);
    }
    for (; c < count; c++)
        for (int j = 0; j < 4; j++) y[c] += a[j] * x[j][c];
}
