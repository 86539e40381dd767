#include "support/pictures.h"

#include <check.h>
#include <stdlib.h>

gcam_image *draw_pattern(int width, int height) {
    gcam_image *image = NULL;
    ck_assert_int_eq(gcam_image_create(&image, width, height), GCAM_OK);
    uint8_t *to = image->pixels;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            for (int c = 0; c < 3; c++) *to++ = (uint8_t)(37 * x + 59 * y + 101 * c + 13 * x * y);
        }
    }
    return image;
}

gcam_image *draw_plain(int width, int height, uint8_t red, uint8_t green, uint8_t blue) {
    gcam_image *image = NULL;
    ck_assert_int_eq(gcam_image_create(&image, width, height), GCAM_OK);
    for (int i = 0; i < width * height; i++) {
        uint8_t *to = image->pixels + 3 * i;
        to[0] = red, to[1] = green, to[2] = blue;
    }
    return image;
}

const uint8_t *pixel_at(const gcam_image *image, int x, int y) {
    return image->pixels + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
}

void expect_same_picture(const gcam_image *a, const gcam_image *b, int tolerance) {
    ck_assert_int_eq(a->width, b->width);
    ck_assert_int_eq(a->height, b->height);
    for (int i = 0; i < 3 * a->width * a->height; i++) {
        ck_assert_msg(abs(a->pixels[i] - b->pixels[i]) <= tolerance, "byte %d: %d, expected %d", i, a->pixels[i],
                      b->pixels[i]);
    }
}
