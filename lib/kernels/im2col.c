/* Convolution as a matrix product: tiles of the column matrix, written straight into the panels that the micro-kernels read. */
#include "kernels/conv.h"

#include <string.h>

enum { CHANNELS = 16 }; /* whose pages are read at a time */

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

/* The lanes of the last panel beyond the tile. */
static void clear_lanes(float *panel, int64_t rows, int first, int nr) {
    for (int64_t i = 0; i < rows; i++)
        for (int j = first; j < nr; j++) panel[i * nr + j] = 0;
}

void gcam__im2col(const gcam__simd *simd, const gcam__conv *conv, const gcam__column_tile *tile, const float *x,
                  int64_t c0, int64_t c1, int64_t rows, float *columns) {
    int64_t plane = conv->h * conv->w, used = (c1 - c0) * conv->r * conv->s, panel = rows * tile->nr;
    for (int64_t c = c0; c < c1; c += CHANNELS)
        for (int i = 0; i < tile->runs; i++) {
            const gcam__run_of_columns *run = &tile->run[i];
            float *to = columns + run->panel * panel + (c - c0) * conv->r * conv->s * tile->nr + run->lane;
            simd->im2col_run(conv, run, x + (run->image * conv->c + c) * plane, gcam__min(CHANNELS, c1 - c), tile->nr,
                             to);
        }
    int64_t panels = gcam__ceil_div(tile->count, tile->nr);
    if (tile->count % tile->nr) clear_lanes(columns + (panels - 1) * panel, used, tile->count % tile->nr, tile->nr);
    for (int64_t i = 0; i < panels && rows > used; i++)
        memset(columns + i * panel + used * tile->nr, 0, (size_t)((rows - used) * tile->nr) * sizeof *columns);
}

void gcam__col2im(const gcam__simd *simd, const gcam__conv *conv, const gcam__column_tile *tile, const float *columns,
                  int64_t c0, int64_t c1, float *dx) {
    for (int i = 0; i < tile->runs; i++) {
        const gcam__run_of_columns *run = &tile->run[i];
        simd->col2im_run(conv, run, columns + run->lane, c1 - c0, tile->nr,
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
