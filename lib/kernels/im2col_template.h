/* The inner loops of im2col: one run of neighbouring columns for some channels. */

/* count values `stride` apart, all inside the image's row. */
INLINE void copy_every(float *to, const float *from, int count, int64_t stride, int64_t readable) {
    int i = 0;
    if (stride == 1) {
        for (; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH) store(to + i, load(from + i));
        if (i < count && count >= VECTOR_WIDTH) {
            store(to + count - VECTOR_WIDTH, load(from + count - VECTOR_WIDTH));
            return;
        }
    }
#ifdef SPLIT
    if (stride == 2)
        for (; i + VECTOR_WIDTH <= count && 2 * i + 2 * VECTOR_WIDTH <= readable; i += VECTOR_WIDTH)
            store(to + i, SPLIT_EVEN(load(from + 2 * i), load(from + 2 * i + VECTOR_WIDTH)));
#endif
    (void)readable;
    for (; i < count; i++) to[i] = from[i * stride];
}

/* The same where some of the values lie outside and are zero. */
INLINE void copy_border(float *to, const float *row, int64_t w, int count, int64_t stride, int64_t width) {
    for (int i = 0; i < count; i++, w += stride) to[i] = w >= 0 && w < width ? row[w] : 0;
}

INLINE void im2col_strided(const gcam__conv *conv, const gcam__run_of_columns *run, const float *x, int64_t channels,
                           int nr, float *to, int64_t stride) {
    int64_t h0 = run->p * conv->stride[0] - conv->pad[0], w0 = run->q * stride - conv->pad[1], width = conv->w;
    int64_t reach = (run->count - 1) * stride;
    for (int64_t c = 0; c < channels; c++, x += conv->h * width)
        for (int64_t r = 0; r < conv->r; r++) {
            int64_t h = h0 + r * conv->dilation[0], w = w0;
            const float *row = x + h * width;
            for (int64_t s = 0; s < conv->s; s++, w += conv->dilation[1], to += nr) {
                if (h < 0 || h >= conv->h)
                    memset(to, 0, (size_t)run->count * sizeof(float));
                else if (w >= 0 && w + reach < width)
                    copy_every(to, row + w, run->count, stride, width - w);
                else
                    copy_border(to, row, w, run->count, stride, width);
            }
        }
}

static void im2col_run(const gcam__conv *conv, const gcam__run_of_columns *run, const float *x, int64_t channels,
                       int nr, float *to) {
    if (conv->stride[1] == 1)
        im2col_strided(conv, run, x, channels, nr, to, 1);
    else if (conv->stride[1] == 2)
        im2col_strided(conv, run, x, channels, nr, to, 2);
    else
        im2col_strided(conv, run, x, channels, nr, to, conv->stride[1]);
}

/* The adjoint: adds the values to where they came from. */
INLINE void col2im_strided(const gcam__conv *conv, const gcam__run_of_columns *run, const float *from, int64_t channels,
                           int nr, float *dx, int64_t stride) {
    int64_t h0 = run->p * conv->stride[0] - conv->pad[0], w0 = run->q * stride - conv->pad[1], width = conv->w;
    int64_t reach = (run->count - 1) * stride;
    for (int64_t c = 0; c < channels; c++, dx += conv->h * width)
        for (int64_t r = 0; r < conv->r; r++) {
            int64_t h = h0 + r * conv->dilation[0], w = w0;
            float *row = dx + h * width;
            for (int64_t s = 0; s < conv->s; s++, w += conv->dilation[1], from += nr) {
                if (h < 0 || h >= conv->h) continue;
                int i = 0;
                if (w >= 0 && w + reach < width) {
                    for (; stride == 1 && i + VECTOR_WIDTH <= run->count; i += VECTOR_WIDTH)
                        store(row + w + i, load(row + w + i) + load(from + i));
                    for (; i < run->count; i++) row[w + i * stride] += from[i];
                } else {
                    for (; i < run->count; i++)
                        if (w + i * stride >= 0 && w + i * stride < width) row[w + i * stride] += from[i];
                }
            }
        }
}

static void col2im_run(const gcam__conv *conv, const gcam__run_of_columns *run, const float *from, int64_t channels,
                       int nr, float *dx) {
    if (conv->stride[1] == 1)
        col2im_strided(conv, run, from, channels, nr, dx, 1);
    else if (conv->stride[1] == 2)
        col2im_strided(conv, run, from, channels, nr, dx, 2);
    else
        col2im_strided(conv, run, from, channels, nr, dx, conv->stride[1]);
}
