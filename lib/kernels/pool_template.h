/* One output row of max pooling. With indices: VECTOR_WIDTH windows at a time where their columns lie inside the image, one at a time
 * at the borders; the windows' cells are visited in row-major order, so that the first of equal values wins. Without: the maximum
 * of the windows' rows first, as one padded line, then along it. */

typedef struct max_state {
    vec best;
    ivec at;
} max_state;

/* Takes x where it is greater than the best so far, or NaN. */
INLINE void max_update(max_state *state, vec x, ivec at) {
    ivec take = (x > state->best) | (x != x);
    state->best = select(take, x, state->best);
    state->at = (take & at) | (~take & state->at);
}

INLINE vec larger(vec best, vec x) {
    return select((x > best) | (x != x), x, best);
}

INLINE vec load_every(const float *from, int64_t stride) {
#ifdef SPLIT
    if (stride == 2) return SPLIT_EVEN(load(from), load(from + VECTOR_WIDTH));
#endif
    if (stride == 1) return load(from);
    vec values = {0};
    for (int i = 0; i < VECTOR_WIDTH; i++) values[i] = from[i * stride];
    return values;
}

INLINE void max_vector(const gcam__max_row *row, int64_t q, int64_t stride) {
    int64_t w = q * stride - row->pad;
    ivec lanes = {0};
    for (int i = 0; i < VECTOR_WIDTH; i++) lanes[i] = i * (int32_t)stride;
    max_state state = {splat(-INFINITY), lanes + (int32_t)(row->begin * row->w + w)};
    for (int64_t h = row->begin; h < row->end; h += row->row_step)
        for (int64_t s = 0; s < row->kernel; s++) {
            int64_t cell = h * row->w + w + s * row->column_step;
            max_update(&state, load_every(row->x + cell, stride), lanes + (int32_t)cell);
        }
    store(row->y + q, state.best);
    if (row->index) memcpy(row->index + q, &state.at, sizeof state.at); /* rows longer than a line come without */
}

static void max_scalar(const gcam__max_row *row, int64_t q) {
    int64_t begin = q * row->stride - row->pad, step = row->column_step;
    int64_t end = gcam__min(begin + (row->kernel - 1) * step + 1, row->w);
    if (begin < 0) begin += gcam__ceil_div(-begin, step) * step;
    int64_t at = row->begin < row->end && begin < end ? row->begin * row->w + begin : -1;
    float best = -INFINITY;
    for (int64_t h = row->begin; h < row->end; h += row->row_step)
        for (int64_t w = begin; w < end; w += step) {
            float value = row->x[h * row->w + w];
            if (value > best || value != value) best = value, at = h * row->w + w;
        }
    row->y[q] = best;
    if (row->index) row->index[q] = (int32_t)at;
}

/* Outputs first <= q < last have all their columns inside; a vector of stride 2 reads one value more. */
INLINE void max_inside(const gcam__max_row *row, int64_t first, int64_t last, int64_t stride) {
    int64_t q = first;
    for (; q + VECTOR_WIDTH <= last; q += VECTOR_WIDTH) max_vector(row, q, stride);
    for (; q < last; q++) max_scalar(row, q);
}

static void max_row_with_index(const gcam__max_row *row) {
    int64_t reach = (row->kernel - 1) * row->column_step + row->stride, room = row->w + row->pad - reach;
    int64_t first = gcam__min(gcam__ceil_div(row->pad, row->stride), row->q);
    int64_t last = room < 0 ? 0 : gcam__min(room / row->stride + 1, row->q);
    if (last < first || row->begin >= row->end) last = first;
    for (int64_t q = 0; q < first; q++) max_scalar(row, q);
    if (row->stride == 1)
        max_inside(row, first, last, 1);
    else if (row->stride == 2)
        max_inside(row, first, last, 2);
    else
        max_inside(row, first, last, row->stride);
    for (int64_t q = last; q < row->q; q++) max_scalar(row, q);
}

/* ---- without indices --------------------------------------------------------------------------------------------------------- */

enum { LINE = 2048 };

/* Columns c .. of row h; what lies beyond the plane is 0. */
INLINE vec load_columns(const gcam__max_row *row, int64_t h, int64_t c) {
    int64_t at = h * row->w + c, left = row->cells - at;
    if (left >= VECTOR_WIDTH) return load(row->x + at);
    vec values = {0};
    memcpy(&values, row->x + at, (size_t)left * sizeof(float));
    return values;
}

INLINE void fill_lowest(float *from, const float *end) {
    for (; from < end; from++) *from = -INFINITY;
}

INLINE void max_along(const gcam__max_row *row, const float *line, int64_t stride) {
    for (int64_t q = 0; q < row->q; q += VECTOR_WIDTH) {
        vec best = load_every(line + q * stride, stride);
        for (int64_t s = 1; s < row->kernel; s++)
            best = larger(best, load_every(line + q * stride + s * row->column_step, stride));
        if (q + VECTOR_WIDTH <= row->q)
            store(row->y + q, best);
        else
            memcpy(row->y + q, &best, (size_t)(row->q - q) * sizeof(float));
    }
}

static void max_line(const gcam__max_row *row, int64_t length) {
    float line[LINE];
    fill_lowest(line, line + row->pad);
    for (int64_t c = 0; c < row->w; c += VECTOR_WIDTH) {
        vec best = splat(-INFINITY);
        for (int64_t h = row->begin; h < row->end; h += row->row_step) best = larger(best, load_columns(row, h, c));
        store(line + row->pad + c, best);
    }
    fill_lowest(line + row->pad + row->w, line + length);
    if (row->stride == 1)
        max_along(row, line, 1);
    else if (row->stride == 2)
        max_along(row, line, 2);
    else
        max_along(row, line, row->stride);
}

static void max_row(const gcam__max_row *row) {
    /* of the padded line, with what whole vectors read and write */
    int64_t windows = (row->q + 2 * VECTOR_WIDTH) * row->stride + (row->kernel - 1) * row->column_step;
    int64_t length = gcam__max(windows, row->pad + row->w + VECTOR_WIDTH);
    if (row->index || length > LINE)
        max_row_with_index(row);
    else
        max_line(row, length);
}
