/* Depthwise convolution of one plane. A strip of input rows is copied with its padding, split into `stride` phases, so that every
 * filter tap is a plain vector load for VECTOR_WIDTH neighbouring outputs. */

/* Input row h, or zeros where it lies outside, to `row`: phase f, column i = padded column i * stride + f. */
INLINE void depthwise_load(const gcam__depthwise *d, int64_t h, float *row) {
    const gcam__conv *g = d->conv;
    int64_t stride = g->stride[1], length = stride * d->phase, pad = g->pad[1];
    if (h < 0 || h >= g->h) {
        memset(row, 0, (size_t)length * sizeof *row);
        return;
    }
    float *linear = stride == 1 ? row : d->linear;
    const float *x = d->x + h * g->w;
    int64_t begin = gcam__min(gcam__max(pad, 0), length), end = gcam__min(gcam__max(pad + g->w, begin), length);
    memset(linear, 0, (size_t)begin * sizeof *linear);
    memcpy(linear + begin, x + begin - pad, (size_t)(end - begin) * sizeof *linear);
    memset(linear + end, 0, (size_t)(length - end) * sizeof *linear);
    if (stride == 1) return;
    int64_t i = 0;
#ifdef SPLIT
    for (; stride == 2 && i + VECTOR_WIDTH <= d->phase; i += VECTOR_WIDTH) {
        vec low = load(linear + 2 * i), high = load(linear + 2 * i + VECTOR_WIDTH);
        store(row + i, SPLIT_EVEN(low, high));
        store(row + d->phase + i, SPLIT_ODD(low, high));
    }
#endif
    for (; i < d->phase; i++)
        for (int64_t f = 0; f < stride; f++) row[f * d->phase + i] = linear[i * stride + f];
}

/* One vector of outputs; `rows` is the first of the window's rows in the strip. */
INLINE vec depthwise_sum(const gcam__depthwise *d, const float *rows, int64_t q, int64_t r_count, int64_t s_count) {
    const gcam__conv *g = d->conv;
    int64_t stride = g->stride[1];
    vec sum = splat(0);
    EACH (r, r_count) {
        const float *row = rows + r * g->dilation[0] * stride * d->phase + q;
        EACH (s, s_count) {
            int64_t column = s * g->dilation[1], f = stride == 1 ? 0 : column % stride;
            sum += d->w[r * s_count + s] * load(row + f * d->phase + (stride == 1 ? column : column / stride));
        }
    }
    return sum;
}

INLINE void depthwise_row(const gcam__depthwise *d, const float *rows, int64_t p, int64_t r_count, int64_t s_count) {
    int64_t outputs = d->conv->q;
    float *y = d->y + p * outputs;
    for (int64_t q = 0; q < outputs; q += VECTOR_WIDTH) {
        if (q + VECTOR_WIDTH > outputs && outputs >= VECTOR_WIDTH) q = outputs - VECTOR_WIDTH;
        vec sum = depthwise_sum(d, rows, q, r_count, s_count) * d->scale + d->bias, added = {0};
        if (d->add && outputs >= VECTOR_WIDTH)
            added = load(d->add + p * outputs + q);
        else if (d->add)
            memcpy(&added, d->add + p * outputs, (size_t)outputs * sizeof *y);
        sum = clip(sum + added, d->relu, d->cap);
        if (outputs >= VECTOR_WIDTH)
            store(y + q, sum);
        else
            memcpy(y, &sum, (size_t)outputs * sizeof *y);
    }
}

INLINE void depthwise_strip(const gcam__depthwise *d, int64_t p0, int64_t p1, int64_t r_count, int64_t s_count) {
    const gcam__conv *g = d->conv;
    int64_t row = g->stride[1] * d->phase, h0 = p0 * g->stride[0] - g->pad[0];
    int64_t count = (p1 - p0 - 1) * g->stride[0] + (g->r - 1) * g->dilation[0] + 1;
    for (int64_t i = 0; i < count; i++) depthwise_load(d, h0 + i, d->strip + i * row);
    for (int64_t p = p0; p < p1; p++) depthwise_row(d, d->strip + (p - p0) * g->stride[0] * row, p, r_count, s_count);
}

static void depthwise(const gcam__depthwise *d) {
    const gcam__conv *g = d->conv;
    for (int64_t p = 0; p < g->p; p += d->rows) {
        int64_t end = gcam__min(p + d->rows, g->p);
        if (g->r == 3 && g->s == 3)
            depthwise_strip(d, p, end, 3, 3);
        else
            depthwise_strip(d, p, end, g->r, g->s);
    }
}

/* ---- gradient of the weights ----------------------------------------------------------------------------------------------- */

/* Adds one row's products of dy (zero beyond the outputs, in whole vectors) and the window's rows, for taps r0 .. and s0 .. */
INLINE void depthwise_taps(const gcam__depthwise *d, const float *rows, const float *dy, vec *sum, int64_t r_count,
                           int64_t s0, int64_t s_count) {
    const gcam__conv *g = d->conv;
    int64_t stride = g->stride[1];
    for (int64_t q = 0; q < g->q; q += VECTOR_WIDTH) {
        vec gradient = load(dy + q);
        EACH (r, r_count) {
            const float *row = rows + r * g->dilation[0] * stride * d->phase + q;
            EACH (s, s_count) {
                int64_t column = (s0 + s) * g->dilation[1], f = stride == 1 ? 0 : column % stride;
                sum[r * s_count + s] += gradient * load(row + f * d->phase + (stride == 1 ? column : column / stride));
            }
        }
    }
}

/* Taps r0 .. r0 + r_count - 1, s0 .. s0 + s_count - 1 over the strip of output rows p0 .. p1 - 1. */
INLINE void depthwise_block(const gcam__depthwise *d, const float *dy, double *sums, int64_t p0, int64_t p1, int64_t r0,
                            int64_t s0, int64_t r_count, int64_t s_count) {
    const gcam__conv *g = d->conv;
    int64_t row = g->stride[1] * d->phase;
    vec sum[9];
    EACH (i, r_count * s_count) sum[i] = splat(0);
    for (int64_t p = p0; p < p1; p++) {
        int64_t whole = gcam__ceil_div(g->q, VECTOR_WIDTH) * VECTOR_WIDTH;
        memcpy(d->linear, dy + p * g->q, (size_t)g->q * sizeof *dy);
        memset(d->linear + g->q, 0, (size_t)(whole - g->q) * sizeof *dy);
        const float *rows = d->strip + ((p - p0) * g->stride[0] + r0 * g->dilation[0]) * row;
        depthwise_taps(d, rows, d->linear, sum, r_count, s0, s_count);
    }
    for (int64_t i = 0; i < r_count * s_count; i++)
        for (int l = 0; l < VECTOR_WIDTH; l++) sums[(r0 + i / s_count) * g->s + s0 + i % s_count] += (double)sum[i][l];
}

static void depthwise_weights(const gcam__depthwise *d, const float *dy, double *sums) {
    const gcam__conv *g = d->conv;
    int64_t row = g->stride[1] * d->phase;
    for (int64_t p = 0; p < g->p; p += d->rows) {
        int64_t end = gcam__min(p + d->rows, g->p), h0 = p * g->stride[0] - g->pad[0];
        int64_t count = (end - p - 1) * g->stride[0] + (g->r - 1) * g->dilation[0] + 1;
        for (int64_t i = 0; i < count; i++) depthwise_load(d, h0 + i, d->strip + i * row);
        if (g->r == 3 && g->s == 3) {
            depthwise_block(d, dy, sums, p, end, 0, 0, 3, 3);
            continue;
        }
        for (int64_t i = 0; i < g->r * g->s; i++) depthwise_block(d, dy, sums, p, end, i / g->s, i % g->s, 1, 1);
    }
}
