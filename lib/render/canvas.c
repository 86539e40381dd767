#include "render/canvas.h"

#include <string.h>

void gcam__blend(uint8_t *pixel, gcam__colour colour, double alpha) {
    const uint8_t new[3] = {colour.red, colour.green, colour.blue};
    for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)(pixel[c] + (new[c] - pixel[c]) * alpha + 0.5);
}

/* The part of `rect` that lies on the canvas. */
static gcam__rect visible(const gcam_image *canvas, gcam__rect r) {
    int right = r.x + r.width < canvas->width ? r.x + r.width : canvas->width;
    int bottom = r.y + r.height < canvas->height ? r.y + r.height : canvas->height;
    int left = r.x > 0 ? r.x : 0, top = r.y > 0 ? r.y : 0;
    return (gcam__rect){left, top, right > left ? right - left : 0, bottom > top ? bottom - top : 0};
}

static uint8_t *pixel_of(const gcam_image *image, int x, int y) {
    return image->pixels + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
}

void gcam__fill(gcam_image *canvas, gcam__rect rect, gcam__colour colour, double alpha) {
    gcam__rect r = visible(canvas, rect);
    for (int y = r.y; y < r.y + r.height; y++) {
        uint8_t *pixel = pixel_of(canvas, r.x, y);
        for (int x = 0; x < r.width; x++, pixel += 3) gcam__blend(pixel, colour, alpha);
    }
}

void gcam__frame(gcam_image *canvas, gcam__rect r, gcam__colour colour) {
    gcam__fill(canvas, (gcam__rect){r.x, r.y, r.width, 1}, colour, 1);
    gcam__fill(canvas, (gcam__rect){r.x, r.y + r.height - 1, r.width, 1}, colour, 1);
    gcam__fill(canvas, (gcam__rect){r.x, r.y, 1, r.height}, colour, 1);
    gcam__fill(canvas, (gcam__rect){r.x + r.width - 1, r.y, 1, r.height}, colour, 1);
}

void gcam__paste(gcam_image *canvas, const gcam_image *picture, int x, int y) {
    gcam__rect r = visible(canvas, (gcam__rect){x, y, picture->width, picture->height});
    for (int row = r.y; row < r.y + r.height && r.width > 0; row++) {
        memcpy(pixel_of(canvas, r.x, row), pixel_of(picture, r.x - x, row - y), (size_t)3 * (size_t)r.width);
    }
}
