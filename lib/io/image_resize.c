/* Resizing as Pillow's BILINEAR or BICUBIC, bit for bit. Along each axis an output pixel is the mean of the input pixels under a
 * triangle, or a cubic (Keys 1981, a = -1/2), that widens when the picture shrinks (so it does not alias); weights are fixed-point numbers of 22 bits, and the result of the
 * horizontal pass is rounded to 8 bits before the vertical one. A pass that changes nothing is skipped. Only the asked part of the
 * output is computed: a preprocessing that keeps the centre of a large photo pays for the centre. */
#include "core/memory.h"
#include "core/status.h"
#include "io/image.h"

#include <math.h>
#include <string.h>

enum { PRECISION = 22 };

/* Weights of one axis for `count` outputs: output i is the sum of weight[i * taps + j] * input[first[i] + j], j < used[i]. */
typedef struct axis {
    int count, taps;
    int *first, *used;
    int32_t *weight;
} axis;

static void axis_free(axis *a) {
    gcam__free(a->first);
    gcam__free(a->used);
    gcam__free(a->weight);
}

/* Weight before normalisation, `x` >= 0 in units of the filter. */
static double filter(double x, int bicubic) {
    if (!bicubic) return x < 1 ? 1 - x : 0;
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

static int32_t fixed_point(double weight) {
    return (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << PRECISION));
}

/* Weights of output `index`: the filter around its centre, normalised in double, then rounded half away from zero. */
static void fill_output(axis *a, int i, int index, double scale, int in, int bicubic) {
    double stretch = scale > 1 ? scale : 1, reach = bicubic ? 2 * stretch : stretch, centre = (index + 0.5) * scale,
           sum = 0;
    int first = (int)(centre - reach + 0.5), end = (int)(centre + reach + 0.5);
    if (first < 0) first = 0;
    if (end > in) end = in;
    int32_t *weight = a->weight + (size_t)i * (size_t)a->taps;
    double inverse = 1.0 / stretch;
    for (int round = 0; round < 2; round++) { /* first the sum, then the weights: no room for doubles is needed */
        double total = sum;
        for (int j = 0; j < end - first; j++) {
            double share = filter(fabs((j + first - centre + 0.5) * inverse), bicubic);
            if (round == 0)
                sum += share;
            else
                weight[j] = fixed_point(total != 0 ? share / total : share);
        }
    }
    a->first[i] = first;
    a->used[i] = end - first;
}

static gcam_status axis_create(axis *a, int in, int out, int begin, int count, int bicubic) {
    double scale = (double)in / out;
    a->count = count;
    a->taps = 2 * (int)ceil((bicubic ? 2 : 1) * (scale > 1 ? scale : 1)) + 1;
    size_t weights;
    if (!gcam__size_mul((size_t)count, (size_t)a->taps, &weights)) {
        return gcam__fail(GCAM_ERR_LIMIT, "resize", "a resize from %d to %d pixels needs too much memory", in, out);
    }
    a->first = gcam__calloc((size_t)count, sizeof *a->first);
    a->used = gcam__calloc((size_t)count, sizeof *a->used);
    a->weight = gcam__calloc(weights, sizeof *a->weight);
    if (!a->first || !a->used || !a->weight) return gcam_last_error()->status;
    for (int i = 0; i < count; i++) fill_output(a, i, begin + i, scale, in, bicubic);
    return GCAM_OK;
}

/* Only the cubic, which has negative weights, leaves 0..255 by more than rounding. */
static uint8_t rounded(int32_t sum) {
    int32_t value = sum >> PRECISION;
    return (uint8_t)(value > 255 ? 255 : value < 0 ? 0 : value);
}

/* One row of the output of the horizontal pass, from one row of the input. */
static void shrink_row(uint8_t *to, const uint8_t *from, const axis *a) {
    for (int i = 0; i < a->count; i++, to += 3) {
        const int32_t *weight = a->weight + (size_t)i * (size_t)a->taps;
        const uint8_t *pixel = from + (size_t)3 * (size_t)a->first[i];
        int32_t red = 1 << (PRECISION - 1), green = red, blue = red;
        for (int j = 0; j < a->used[i]; j++, pixel += 3) {
            red += weight[j] * pixel[0];
            green += weight[j] * pixel[1];
            blue += weight[j] * pixel[2];
        }
        to[0] = rounded(red), to[1] = rounded(green), to[2] = rounded(blue);
    }
}

/* Row `i` of the output of the vertical pass: a weighted sum of whole rows. `from` is input row a->first[i], `sum` one row. */
static void mix_rows(uint8_t *to, const uint8_t *from, size_t bytes, const axis *a, int i, int32_t *sum) {
    const int32_t *weight = a->weight + (size_t)i * (size_t)a->taps;
    for (size_t x = 0; x < bytes; x++) sum[x] = 1 << (PRECISION - 1);
    for (int j = 0; j < a->used[i]; j++, from += bytes) {
        for (size_t x = 0; x < bytes; x++) sum[x] += weight[j] * from[x];
    }
    for (size_t x = 0; x < bytes; x++) to[x] = rounded(sum[x]);
}

/* Input rows top .. top + height - 1, columns of the part: a picture of part->width x height. */
static gcam_status resize_columns(gcam_image **out, const gcam_image *image, const gcam__image_part *part, int top,
                                  int height) {
    GCAM_TRY(gcam_image_create(out, part->width, height));
    axis a = {0};
    gcam_status status = GCAM_OK;
    int same = part->full_width == image->width;
    if (!same) status = axis_create(&a, image->width, part->full_width, part->left, part->width, part->bicubic);
    size_t in_bytes = (size_t)3 * (size_t)image->width, out_bytes = (size_t)3 * (size_t)part->width;
    for (int y = 0; y < height && status == GCAM_OK; y++) {
        const uint8_t *from = image->pixels + in_bytes * (size_t)(top + y);
        uint8_t *to = (*out)->pixels + out_bytes * (size_t)y;
        if (same)
            memcpy(to, from + (size_t)3 * (size_t)part->left, out_bytes);
        else
            shrink_row(to, from, &a);
    }
    axis_free(&a);
    return status;
}

/* Input rows are those of `image` from `top` on. */
static gcam_status resize_rows(gcam_image **out, const gcam_image *image, const axis *a, int top) {
    GCAM_TRY(gcam_image_create(out, image->width, a->count));
    size_t bytes = (size_t)3 * (size_t)image->width;
    int32_t *sum = gcam__alloc(bytes * sizeof *sum);
    if (!sum) return GCAM_ERR_NOMEM;
    for (int i = 0; i < a->count; i++) {
        mix_rows((*out)->pixels + bytes * (size_t)i, image->pixels + bytes * (size_t)(a->first[i] - top), bytes, a, i,
                 sum);
    }
    gcam__free(sum);
    return GCAM_OK;
}

static gcam_status resize_both(gcam_image **out, const gcam_image *image, const gcam__image_part *part) {
    if (part->full_height == image->height) return resize_columns(out, image, part, part->top, part->height);
    axis a = {0};
    gcam_image *narrow = NULL;
    gcam_status status = axis_create(&a, image->height, part->full_height, part->top, part->height, part->bicubic);
    if (status == GCAM_OK) {
        int top = a.first[0], end = a.first[a.count - 1] + a.used[a.count - 1];
        status = resize_columns(&narrow, image, part, top, end - top);
        if (status == GCAM_OK) status = resize_rows(out, narrow, &a, top);
    }
    gcam_image_free(narrow);
    axis_free(&a);
    return status;
}

gcam_status gcam__image_resize_part(gcam_image **out, const gcam_image *image, const gcam__image_part *part) {
    *out = NULL;
    GCAM_TRY(gcam__image_check(image));
    gcam_status status = resize_both(out, image, part);
    if (status != GCAM_OK) {
        gcam_image_free(*out);
        *out = NULL;
    }
    return status;
}

gcam_status gcam_image_resize(gcam_image **out, const gcam_image *image, int width, int height) {
    *out = NULL;
    GCAM_TRY(gcam__image_check_size(width, height));
    return gcam__image_resize_part(out, image, &(gcam__image_part){width, height, 0, 0, width, height, 0});
}
