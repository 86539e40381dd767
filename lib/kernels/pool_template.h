/* One output row of max pooling: VECTOR_WIDTH windows at a time where their columns lie inside the image, one at a time at the
 * borders. The windows' cells are visited in row-major order, so that the first of equal values wins. */

typedef struct max_state {
    vec best;
    ivec at;
} max_state;

INLINE vec select(ivec mask, vec yes, vec no) {
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* Takes x where it is greater than the best so far, or NaN. */
INLINE void max_update(max_state *state, vec x, ivec at, int with_index) {
    ivec take = (x > state->best) | (x != x);
    state->best = select(take, x, state->best);
    if (with_index) state->at = (take & at) | (~take & state->at);
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

INLINE void max_vector(const gcam__max_row *row, int64_t q, int with_index, int64_t stride) {
    int64_t w = q * stride - row->pad;
    ivec lanes = {0};
    for (int i = 0; i < VECTOR_WIDTH; i++) lanes[i] = i * (int32_t)stride;
    max_state state = {splat(-INFINITY), lanes + (int32_t)(row->begin * row->w + w)};
    for (int64_t h = row->begin; h < row->end; h += row->row_step)
        for (int64_t s = 0; s < row->kernel; s++) {
            int64_t cell = h * row->w + w + s * row->column_step;
            max_update(&state, load_every(row->x + cell, stride), lanes + (int32_t)cell, with_index);
        }
    store(row->y + q, state.best);
    if (with_index) memcpy(row->index + q, &state.at, sizeof state.at);
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
    if (row->index) {
        for (; q + VECTOR_WIDTH <= last; q += VECTOR_WIDTH) max_vector(row, q, 1, stride);
    } else {
        for (; q + VECTOR_WIDTH <= last; q += VECTOR_WIDTH) max_vector(row, q, 0, stride);
    }
    for (; q < last; q++) max_scalar(row, q);
}

static void max_row(const gcam__max_row *row) {
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
