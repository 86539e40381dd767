/* Convolution as a matrix product: tiles of the column matrix, written straight into the panels that the micro-kernels read. */
#include "kernels/conv.h"

#include <string.h>

void gcam__column_tile_set(gcam__column_tile *tile, const gcam__conv *conv, int64_t first, int count, int nr) {
    tile->first = first;
    tile->count = count;
    tile->nr = nr;
    tile->runs = 0;
    for (int done = 0, length; done < count; done += length) {
        int64_t column = first + done, pixel = column % (conv->p * conv->q), q = pixel % conv->q;
        int64_t room = gcam__min(nr - done % nr, count - done);
        length = (int)gcam__min(room, conv->q - q);
        tile->run[tile->runs++] = (gcam__run_of_columns){.image = column / (conv->p * conv->q),
                                                         .p = pixel / conv->q,
                                                         .q = q,
                                                         .count = length,
                                                         .panel = done / nr,
                                                         .lane = done % nr};
    }
}

static inline void copy(float *to, const float *from, int64_t count) {
    if (count < 4) {
        for (int64_t i = 0; i < count; i++) to[i] = from[i];
        return;
    }
    for (int64_t i = 0; i + 4 <= count; i += 4) memcpy(to + i, from + i, 16);
    memcpy(to + count - 4, from + count - 4, 16);
}

/* The columns of a run that fall inside the image: begin <= i < end, for the input column `w` of the first. */
static inline void clip(const gcam__conv *conv, int64_t w, int count, int64_t *begin, int64_t *end) {
    int64_t stride = conv->stride[1], left = conv->w - w;
    *begin = w >= 0 ? 0 : gcam__min(gcam__ceil_div(-w, stride), count);
    *end = left <= 0 ? 0 : gcam__min(gcam__ceil_div(left, stride), count);
    if (*end < *begin) *end = *begin;
}

/* One row of the column matrix over one run: `row` is an input row, or NULL where that lies outside. */
static inline void fill(const gcam__conv *conv, const float *row, int64_t w, int count, float *to) {
    int64_t begin = count, end = count, stride = conv->stride[1];
    if (row) clip(conv, w, count, &begin, &end);
    for (int64_t i = 0; i < begin; i++) to[i] = 0;
    if (stride == 1) {
        if (end > begin) copy(to + begin, row + w + begin, end - begin);
    } else {
        for (int64_t i = begin; i < end; i++) to[i] = row[w + i * stride];
    }
    for (int64_t i = end; i < count; i++) to[i] = 0;
}

static void fill_run(const gcam__conv *conv, const gcam__run_of_columns *run, const float *x, int64_t channels, int nr,
                     float *to) {
    int64_t h0 = run->p * conv->stride[0] - conv->pad[0], w0 = run->q * conv->stride[1] - conv->pad[1];
    for (int64_t c = 0; c < channels; c++, x += conv->h * conv->w)
        for (int64_t r = 0; r < conv->r; r++) {
            int64_t h = h0 + r * conv->dilation[0];
            const float *row = h >= 0 && h < conv->h ? x + h * conv->w : NULL;
            for (int64_t s = 0; s < conv->s; s++, to += nr) fill(conv, row, w0 + s * conv->dilation[1], run->count, to);
        }
}

/* The lanes of the last panel beyond the tile. */
static void clear_lanes(float *panel, int64_t rows, int first, int nr) {
    for (int64_t i = 0; i < rows; i++)
        for (int j = first; j < nr; j++) panel[i * nr + j] = 0;
}

void gcam__im2col(const gcam__conv *conv, const gcam__column_tile *tile, const float *x, int64_t c0, int64_t c1,
                  int64_t rows, float *columns) {
    int64_t plane = conv->h * conv->w, used = (c1 - c0) * conv->r * conv->s, panel = rows * tile->nr;
    for (int i = 0; i < tile->runs; i++) {
        const gcam__run_of_columns *run = &tile->run[i];
        fill_run(conv, run, x + (run->image * conv->c + c0) * plane, c1 - c0, tile->nr,
                 columns + run->panel * panel + run->lane);
    }
    int64_t panels = gcam__ceil_div(tile->count, tile->nr);
    if (tile->count % tile->nr) clear_lanes(columns + (panels - 1) * panel, used, tile->count % tile->nr, tile->nr);
    for (int64_t i = 0; i < panels && rows > used; i++)
        memset(columns + i * panel + used * tile->nr, 0, (size_t)((rows - used) * tile->nr) * sizeof *columns);
}

static void add_run(const gcam__conv *conv, const gcam__run_of_columns *run, const float *from, int64_t channels,
                    int nr, float *dx) {
    int64_t h0 = run->p * conv->stride[0] - conv->pad[0], w0 = run->q * conv->stride[1] - conv->pad[1], begin, end;
    for (int64_t c = 0; c < channels; c++, dx += conv->h * conv->w)
        for (int64_t r = 0; r < conv->r; r++) {
            int64_t h = h0 + r * conv->dilation[0];
            for (int64_t s = 0; s < conv->s; s++, from += nr) {
                if (h < 0 || h >= conv->h) continue;
                int64_t w = w0 + s * conv->dilation[1];
                clip(conv, w, run->count, &begin, &end);
                for (int64_t i = begin; i < end; i++) dx[h * conv->w + w + i * conv->stride[1]] += from[i];
            }
        }
}

void gcam__col2im(const gcam__conv *conv, const gcam__column_tile *tile, const float *columns, int64_t c0, int64_t c1,
                  float *dx) {
    for (int i = 0; i < tile->runs; i++) {
        const gcam__run_of_columns *run = &tile->run[i];
        add_run(conv, run, columns + run->lane, c1 - c0, tile->nr,
                dx + (run->image * conv->c + c0) * conv->h * conv->w);
    }
}

int gcam__conv_is_pointwise(const gcam__conv *conv) {
    return conv->r == 1 && conv->s == 1 && conv->stride[0] == 1 && conv->stride[1] == 1 && conv->pad[0] == 0
           && conv->pad[1] == 0 && conv->p == conv->h && conv->q == conv->w;
}

gcam__conv gcam__flatten_conv(const gcam__conv *conv) {
    gcam__conv flat = *conv;
    flat.w *= flat.h;
    flat.h = 1;
    flat.q *= flat.p;
    flat.p = 1;
    flat.dilation[0] = flat.dilation[1] = 1;
    return flat;
}
