/* Augmentation: a random crop of random area and aspect ratio (Szegedy et al. 2015) resized with a triangle filter as wide as the
 * reduction, mirrored half of the time, then brightness, contrast and saturation varied, a rectangle erased, and normalised. */
#include "core/random.h"
#include "train/train.h"

#include <math.h>
#include <string.h>

enum { MAX_TAPS = 64 };

/* Random numbers of one photo of one step, drawn one after the other. */
typedef struct chance {
    uint64_t seed, step, next;
} chance;

static double draw(chance *c, double from, double to) {
    return from + (to - from) * gcam__random_uniform(c->seed, GCAM__STREAM_CROP, c->step, c->next++);
}

typedef struct crop {
    double left, top, width, height;
} crop;

static crop draw_crop(chance *c, int side, double min_area) {
    double log_ratio = log(4.0 / 3.0);
    double area = draw(c, min_area, 1) * side * side, ratio = exp(draw(c, -log_ratio, log_ratio));
    crop k = {.width = fmin(sqrt(area * ratio), side), .height = fmin(sqrt(area / ratio), side)};
    k.left = draw(c, 0, side - k.width);
    k.top = draw(c, 0, side - k.height);
    return k;
}

/* Weights of the source cells that output cell `index` of `size` covers, in from .. from + length over `limit` cells. */
static int triangle(double from, double length, int size, int limit, int index, int *first, float taps[MAX_TAPS]) {
    double scale = length / size, reach = fmax(scale, 1), centre = from + (index + 0.5) * scale, sum = 0;
    int begin = (int)floor(centre - reach + 0.5), end = (int)floor(centre + reach + 0.5), count = 0;
    if (begin < 0) begin = 0;
    if (end > limit) end = limit;
    if (end <= begin) begin = begin >= limit ? limit - 1 : begin, end = begin + 1;
    for (int i = begin; i < end && count < MAX_TAPS; i++) {
        double weight = fmax(1 - fabs(i + 0.5 - centre) / reach, 1e-6);
        taps[count++] = (float)weight;
        sum += weight;
    }
    for (int i = 0; i < count; i++) taps[i] = (float)(taps[i] / sum);
    *first = begin;
    return count;
}

/* Rows of the photo that the crop needs, made `size` wide; mirrored where asked for. `rows` is side x size x 3. */
static void resize_rows(const uint8_t *photo, int side, const crop *k, int size, int mirror, float *rows) {
    for (int x = 0; x < size; x++) {
        float taps[MAX_TAPS];
        int first, count = triangle(k->left, k->width, size, side, x, &first, taps);
        float *column = rows + (mirror ? size - 1 - x : x) * 3;
        for (int y = 0; y < side; y++) {
            const uint8_t *from = photo + ((size_t)y * (size_t)side + (size_t)first) * 3;
            float sum[3] = {0};
            for (int i = 0; i < count; i++)
                for (int c = 0; c < 3; c++) sum[c] += taps[i] * from[3 * i + c];
            memcpy(column + (size_t)y * (size_t)size * 3, sum, sizeof sum);
        }
    }
}

/* From rows (side x size x 3) to three planes of size x size. */
static void resize_columns(const float *rows, int side, const crop *k, int size, float *planes) {
    size_t area = (size_t)size * (size_t)size;
    for (int y = 0; y < size; y++) {
        float taps[MAX_TAPS];
        int first, count = triangle(k->top, k->height, size, side, y, &first, taps);
        for (int x = 0; x < size; x++) {
            float sum[3] = {0};
            for (int i = 0; i < count; i++) {
                const float *from = rows + ((size_t)(first + i) * (size_t)size + (size_t)x) * 3;
                for (int c = 0; c < 3; c++) sum[c] += taps[i] * from[c];
            }
            for (int c = 0; c < 3; c++) planes[(size_t)c * area + (size_t)y * (size_t)size + (size_t)x] = sum[c];
        }
    }
}

static float grey_of(const float *planes, size_t area, size_t i) {
    return 0.299f * planes[i] + 0.587f * planes[area + i] + 0.114f * planes[2 * area + i];
}

static float limit(float value) {
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* v = clip(b v); v = clip(k v + (1 - k) mean grey); v = clip(s v + (1 - s) grey), as torchvision's ColorJitter in this order. */
static void jitter(chance *c, double amount, float *planes, size_t area) {
    float factor[3];
    for (int i = 0; i < 3; i++) factor[i] = (float)draw(c, 1 - amount, 1 + amount);
    double mean = 0;
    for (size_t i = 0; i < 3 * area; i++) planes[i] = limit(factor[0] * planes[i]);
    for (size_t i = 0; i < area; i++) mean += grey_of(planes, area, i);
    float level = (1 - factor[1]) * (float)(mean / (double)area);
    for (size_t i = 0; i < 3 * area; i++) planes[i] = limit(factor[1] * planes[i] + level);
    for (size_t i = 0; i < area; i++) {
        float grey = (1 - factor[2]) * grey_of(planes, area, i);
        for (size_t p = 0; p < 3; p++) planes[p * area + i] = limit(factor[2] * planes[p * area + i] + grey);
    }
}

/* A rectangle of 2 .. 25 % of the area becomes zero, the mean of normalised photos. */
static void erase(chance *c, float *planes, int size) {
    double area = draw(c, 0.02, 0.25) * size * size, ratio = exp(draw(c, -1, 1));
    int w = (int)fmin(sqrt(area * ratio), size), h = (int)fmin(sqrt(area / ratio), size);
    int left = (int)draw(c, 0, size - w + 0.999), top = (int)draw(c, 0, size - h + 0.999);
    for (int p = 0; p < 3; p++)
        for (int y = top; y < top + h && y < size; y++)
            for (int x = left; x < left + w && x < size; x++)
                planes[((size_t)p * (size_t)size + (size_t)y) * (size_t)size + (size_t)x] = 0;
}

size_t gcam__augment_room(int side, int size) {
    return (size_t)side * (size_t)size * 3;
}

void gcam__augment(const gcam_trainer *t, const uint8_t *photo, int64_t step, int64_t index, float *room) {
    const gcam_train_options *o = &t->options;
    const gcam_preprocess *how = &t->preprocess;
    int side = t->photos->side, size = (int)t->input->shape.dim[2];
    size_t area = (size_t)size * (size_t)size;
    float *planes = t->input->data + (size_t)index * 3 * area;
    chance c = {o->seed, (uint64_t)step, (uint64_t)index << 8};
    crop k = {0, 0, side, side};
    if (o->min_crop > 0) k = draw_crop(&c, side, o->min_crop);
    int mirror = o->flip && draw(&c, 0, 1) < 0.5;
    resize_rows(photo, side, &k, size, mirror, room);
    resize_columns(room, side, &k, size, planes);
    if (o->jitter > 0) jitter(&c, o->jitter, planes, area);
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < area; i++)
            planes[p * area + i] = (planes[p * area + i] * how->scale - how->mean[p]) / how->std[p];
    if (o->erase > 0 && draw(&c, 0, 1) < o->erase) erase(&c, planes, size);
}

void gcam__normalise(const gcam_preprocess *how, const uint8_t *photo, int64_t pixels, float *out) {
    for (int p = 0; p < 3; p++)
        for (int64_t i = 0; i < pixels; i++)
            out[p * pixels + i] = ((float)photo[3 * i + p] * how->scale - how->mean[p]) / how->std[p];
}

int gcam__crop_side(const gcam_train_options *options, int epoch) {
    int rises = (options->size - options->first_size + 15) / 16;
    if (epoch >= options->growth) return options->size;
    return options->size - 16 * (rises - rises * epoch / options->growth);
}
