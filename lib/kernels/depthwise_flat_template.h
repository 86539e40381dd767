/* Depthwise convolution over flat planes, see depthwise_flat.c. */

/* VECTOR_WIDTH outputs; `at` is the first one's place in the period. Sums of each tap column are masked as a whole; the middle one
 * of three (`middle`) never lies outside. */
INLINE vec flat_sum(const float *const *rows, const int64_t *columns, const int32_t *const *masks, const vec *w,
                    int64_t j, int64_t at, int64_t r_count, int64_t s_count, int middle) {
    vec total = splat(0);
    EACH (s, s_count) {
        vec sum = splat(0);
        EACH (r, r_count) sum += w[r * s_count + s] * load(rows[r] + columns[s] + j);
        ivec mask;
        memcpy(&mask, masks[s] + at, sizeof mask);
        total += middle && s == 1 ? sum : (vec)((ivec)sum & mask);
    }
    return total;
}

/* All outputs, at least one vector of them. */
INLINE void flat_outputs(const gcam__depthwise_flat *d, const vec *w, int64_t r_count, int64_t s_count, int middle) {
    const float *rows[GCAM__FLAT_SIDE] = {0}, *add = d->add;
    const int32_t *masks[GCAM__FLAT_SIDE] = {0};
    int64_t columns[GCAM__FLAT_SIDE] = {0};
    EACH (r, r_count) rows[r] = d->x + d->row[r];
    EACH (s, s_count) columns[s] = d->column[s], masks[s] = d->mask + s * d->mask_floats;
    vec scale = splat(d->scale), bias = splat(d->bias);
    float cap = d->cap, *y = d->y;
    int relu = d->relu;
    int64_t period = d->period, last = d->count - VECTOR_WIDTH, at = 0, step = d->step;
    for (int64_t j = 0;; j += VECTOR_WIDTH) {
        if (j > last) j = last, at = d->last_at;
        vec sum = flat_sum(rows, columns, masks, w, j, at, r_count, s_count, middle) * scale + bias;
        if (add) sum += load(add + j);
        store(y + j, clip(sum, relu, cap));
        if (j == last) return;
        at += step;
        if (at >= period) at -= period;
    }
}

/* 1 where the middle of three tap columns finds the plane everywhere. */
static int is_inside(const gcam__depthwise_flat *d) {
    const int32_t *mask = d->mask + d->mask_floats;
    return mask[0] && mask[d->period - 1];
}

static void flat_vectors(const gcam__depthwise_flat *d) {
    if (d->r == 3 && d->s == 3 && is_inside(d)) {
        vec w[9];
        EACH (i, 9) w[i] = splat(d->w[i]);
        flat_outputs(d, w, 3, 3, 1);
        return;
    }
    vec w[GCAM__FLAT_SIDE * GCAM__FLAT_SIDE] = {{0}};
    for (int64_t i = 0; i < d->r * d->s; i++) w[i] = splat(d->w[i]);
    if (d->r == 5 && d->s == 5)
        flat_outputs(d, w, 5, 5, 0);
    else
        flat_outputs(d, w, d->r, d->s, 0);
}

/* Fewer outputs than a vector has come from a buffer. */
static void depthwise_flat(const gcam__depthwise_flat *d) {
    if (d->count >= VECTOR_WIDTH) {
        flat_vectors(d);
        return;
    }
    float y[VECTOR_WIDTH] = {0}, add[VECTOR_WIDTH] = {0};
    gcam__depthwise_flat whole = *d;
    if (d->add) memcpy(add, d->add, (size_t)d->count * sizeof *add);
    whole.y = y, whole.count = VECTOR_WIDTH, whole.last_at = 0;
    if (d->add) whole.add = add;
    flat_vectors(&whole);
    memcpy(d->y, y, (size_t)d->count * sizeof *y);
}

INLINE void split_vector(vec low, vec high, float *even, float *odd) {
#ifdef SPLIT
    store(even, SPLIT_EVEN(low, high));
    store(odd, SPLIT_ODD(low, high));
#else
    for (int l = 0; l < VECTOR_WIDTH; l++) {
        even[l] = 2 * l < VECTOR_WIDTH ? low[2 * l] : high[2 * l - VECTOR_WIDTH];
        odd[l] = 2 * l + 1 < VECTOR_WIDTH ? low[2 * l + 1] : high[2 * l + 1 - VECTOR_WIDTH];
    }
#endif
}

/* What a row's last vector writes too much is overwritten by the next row. */
static void split_rows(const float *x, int64_t rows, int64_t w, int64_t readable, float *to, int64_t odd) {
    int64_t length = (w + 1) / 2;
    for (int64_t h = 0; h < rows; h++, x += 2 * w, readable -= 2 * w, to += length)
        for (int64_t i = 0; i < length; i += VECTOR_WIDTH) {
            if (2 * i + 2 * VECTOR_WIDTH <= readable) {
                split_vector(load(x + 2 * i), load(x + 2 * i + VECTOR_WIDTH), to + i, to + odd + i);
                continue;
            }
            vec last[2] = {{0}};
            memcpy(last, x + 2 * i, (size_t)(readable - 2 * i) * sizeof(float));
            split_vector(last[0], last[1], to + i, to + odd + i);
        }
}
