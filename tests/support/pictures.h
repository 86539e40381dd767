/* Pictures for tests: a fixed pattern, and what is at a pixel. */
#ifndef GCAM_TESTS_PICTURES_H
#define GCAM_TESTS_PICTURES_H

#include "gradcam/io.h"

/* Channel c of pixel (x, y) is (37 x + 59 y + 101 c + 13 x y) mod 256. */
gcam_image *draw_pattern(int width, int height);
/* A picture of one colour. */
gcam_image *draw_plain(int width, int height, uint8_t red, uint8_t green, uint8_t blue);
const uint8_t *pixel_at(const gcam_image *image, int x, int y);
/* Fails the running test where the pictures differ by more than `tolerance` in any byte. */
void expect_same_picture(const gcam_image *a, const gcam_image *b, int tolerance);

#endif
