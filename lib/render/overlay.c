/* An explanation on its photo. Maps of layers are laid over the region that the network saw, in colour; the rest of the photo is
 * dimmed. Results of pixels are pictures themselves: they are stretched about a neutral grey, as the papers print them, since colour on
 * a photo would hide the fine lines that they consist of. Where they are shares of the score, the three channels of a pixel belong
 * together: their sum is shown in the colours of signed maps, over a dim photo. */
#include "core/memory.h"
#include "core/status.h"
#include "render/view.h"

#include <math.h>
#include <string.h>

#define EDGE_ALPHA 0.6
#define SHARE_ALPHA 0.85

/* ---- where a photo's pixels lie in the map ----------------------------------------------------------------------------- */

/* For one column or row of the photo: two neighbours in the map and the share of the second; low < 0: the network did not see it. */
typedef struct place {
    int low, high;
    float share;
} place;

/* Along one axis: the photo has `count` pixels that stand for `original` ones; scale and offset are the geometry's. */
static void fill_places(place *places, int count, int original, double scale, double offset, int input, int map) {
    for (int i = 0; i < count; i++) {
        double at = ((i + 0.5) * original / count) / scale - offset; /* in the input, edges not centres */
        if (at < 0 || at >= input) {
            places[i] = (place){-1, -1, 0};
            continue;
        }
        double centre = at * map / input - 0.5;
        if (centre < 0) centre = 0;
        int low = (int)centre;
        places[i] = (place){low, low + 1 < map ? low + 1 : map - 1, (float)(centre - low)};
    }
}

static float sample(const float *map, int width, const place *column, const place *row) {
    const float *top = map + (ptrdiff_t)row->low * width, *bottom = map + (ptrdiff_t)row->high * width;
    float above = top[column->low] + (top[column->high] - top[column->low]) * column->share;
    float below = bottom[column->low] + (bottom[column->high] - bottom[column->low]) * column->share;
    return above + (below - above) * row->share;
}

/* ---- pixels ------------------------------------------------------------------------------------------------------------ */

/* What the network did not see: grey, so that no colour there is taken for the map's; `floor` is what black becomes. */
static void dim(uint8_t *to, const uint8_t *from, int floor) {
    int grey = (from[0] * 77 + from[1] * 150 + from[2] * 29) >> 8;
    memset(to, floor + grey * 3 / 10, 3);
}

static void show_heat(uint8_t *to, const uint8_t *from, float value, const gcam__view *view, const gcam__style *style) {
    memcpy(to, from, 3);
    gcam__blend(to, gcam__ramp_colour(&style->ramps[view->is_signed], value, view->is_signed), style->alpha);
}

/* The magnitude that 99.5 % of the values do not exceed; a few extreme ones would otherwise leave the rest grey. */
static float usual_magnitude(const float *values, int64_t count) {
    enum { BINS = 4096 };
    float largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(values[i]));
    if (largest <= 0) return 1;
    int64_t bins[BINS] = {0}, seen = 0;
    for (int64_t i = 0; i < count; i++) bins[(int)(fabsf(values[i]) / largest * (BINS - 1))]++;
    int bin = 0;
    while (bin < BINS && (seen += bins[bin]) < count - count / 200) bin++;
    return largest * (float)(bin + 1) / BINS;
}

static void show_stretched(uint8_t *to, const gcam__view *view, const place *column, const place *row,
                           float magnitude) {
    ptrdiff_t plane = (ptrdiff_t)view->width * view->height;
    for (int c = 0; c < 3; c++) {
        int channel = view->channels != 3 ? 0 : view->bgr ? 2 - c : c;
        float value = sample(view->pixels + channel * plane, view->width, column, row) / magnitude;
        value = value < -1 ? -1 : value > 1 ? 1 : value;
        to[c] = (uint8_t)(127.5f + 127.5f * value);
    }
}

static void show_share(uint8_t *to, const uint8_t *from, float share, const gcam__style *style) {
    dim(to, from, 8);
    gcam__blend(to, gcam__ramp_colour(&style->ramps[1], fmaxf(-1, fminf(1, share)), 1), SHARE_ALPHA);
}

static void fill_pictures(gcam_image *out, const gcam_image *photo, const gcam__view *view, const gcam__style *style,
                          const place *columns, const place *rows) {
    float magnitude = 1;
    if (view->pixels) magnitude = usual_magnitude(view->pixels, (int64_t)view->channels * view->width * view->height);
    size_t at = 0;
    for (int y = 0; y < photo->height; y++) {
        for (int x = 0; x < photo->width; x++, at += 3) {
            uint8_t *to = out->pixels + at;
            const uint8_t *from = photo->pixels + at;
            if (rows[y].low < 0 || columns[x].low < 0)
                dim(to, from, view->pixels && !view->is_share ? 58 : 8);
            else if (view->is_share)
                show_share(to, from, sample(view->pixels, view->width, &columns[x], &rows[y]) / magnitude, style);
            else if (view->pixels)
                show_stretched(to, view, &columns[x], &rows[y], magnitude);
            else
                show_heat(to, from, sample(view->map, view->width, &columns[x], &rows[y]), view, style);
        }
    }
}

/* First and one past the last place that the network saw. */
static void seen_range(const place *places, int count, int *begin, int *end) {
    for (*begin = 0; *begin < count && places[*begin].low < 0;) ++*begin;
    for (*end = count; *end > *begin && places[*end - 1].low < 0;) --*end;
}

/* A thin line around what the network saw, on those sides where the photo goes on. */
static void mark_edge(gcam_image *out, const place *columns, const place *rows) {
    static const gcam__colour line = {255, 255, 255};
    int left, right, top, bottom;
    seen_range(columns, out->width, &left, &right);
    seen_range(rows, out->height, &top, &bottom);
    if (right <= left || bottom <= top) return;
    gcam__fill(out, (gcam__rect){left - 1, top - 1, 1, bottom - top + 2}, line, EDGE_ALPHA);
    gcam__fill(out, (gcam__rect){right, top - 1, 1, bottom - top + 2}, line, EDGE_ALPHA);
    gcam__fill(out, (gcam__rect){left, top - 1, right - left, 1}, line, EDGE_ALPHA);
    gcam__fill(out, (gcam__rect){left, bottom, right - left, 1}, line, EDGE_ALPHA);
}

static gcam_status draw(gcam_image **out, const gcam_image *photo, const gcam__view *view, const gcam__style *style) {
    *out = NULL;
    place *columns = gcam__alloc((size_t)photo->width * sizeof *columns);
    place *rows = gcam__alloc((size_t)photo->height * sizeof *rows);
    gcam_status status = columns && rows ? gcam_image_create(out, photo->width, photo->height) : GCAM_ERR_NOMEM;
    if (status == GCAM_OK) {
        const gcam_geometry *g = &view->geometry;
        fill_places(columns, photo->width, g->photo_width, g->scale_x, g->left, g->input_width, view->width);
        fill_places(rows, photo->height, g->photo_height, g->scale_y, g->top, g->input_height, view->height);
        fill_pictures(*out, photo, view, style, columns, rows);
        mark_edge(*out, columns, rows);
    }
    gcam__free(columns);
    gcam__free(rows);
    return status;
}

gcam_status gcam__overlay(gcam_image **out, const gcam_image *photo, const gcam__view *view, const gcam__style *style) {
    *out = NULL;
    if (!view->pixels || !view->is_share) return draw(out, photo, view, style);
    int64_t plane = (int64_t)view->width * view->height;
    float *sums = gcam__calloc((size_t)plane, sizeof *sums);
    if (!sums) return gcam_last_error()->status;
    for (int64_t i = 0; i < plane * view->channels; i++) sums[i % plane] += view->pixels[i];
    gcam__view summed = *view;
    summed.pixels = sums;
    summed.channels = 1;
    gcam_status status = draw(out, photo, &summed, style);
    gcam__free(sums);
    return status;
}
