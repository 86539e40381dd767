/* Pictures in memory: making them, taking over a caller's pixels, turning them upright. A picture and its pixels are one block. */
#include "io/image.h"

#include "core/memory.h"
#include "core/status.h"

#include <inttypes.h>
#include <string.h>

gcam_status gcam__image_check_size(int64_t width, int64_t height) {
    if (width < 1 || height < 1) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "image", "%" PRId64 " x %" PRId64 " pixels: a side must have at least 1",
                          width, height);
    }
    if (width > GCAM_IMAGE_MAX_SIDE || height > GCAM_IMAGE_MAX_SIDE) {
        return gcam__fail(GCAM_ERR_LIMIT, "image", "%" PRId64 " x %" PRId64 " pixels: a side may have at most %d",
                          width, height, GCAM_IMAGE_MAX_SIDE);
    }
    if (width * height > GCAM_IMAGE_MAX_PIXELS) {
        return gcam__fail(GCAM_ERR_LIMIT, "image",
                          "%" PRId64 " x %" PRId64 " pixels: a picture may have at most %d million", width, height,
                          GCAM_IMAGE_MAX_PIXELS / 1000000);
    }
    return GCAM_OK;
}

gcam_status gcam__image_check(const gcam_image *image) {
    if (!image || !image->pixels) return gcam__fail(GCAM_ERR_ARGUMENT, "image", "the picture is NULL or has no pixels");
    return gcam__image_check_size(image->width, image->height);
}

gcam_status gcam_image_create(gcam_image **out, int width, int height) {
    *out = NULL;
    GCAM_TRY(gcam__image_check_size(width, height));
    gcam_image *image = gcam__calloc(1, sizeof *image + (size_t)3 * (size_t)width * (size_t)height);
    if (!image) return GCAM_ERR_NOMEM;
    *image = (gcam_image){width, height, (uint8_t *)(image + 1)};
    *out = image;
    return GCAM_OK;
}

void gcam_image_free(gcam_image *image) {
    gcam__free(image);
}

/* ---- the caller's pixels ----------------------------------------------------------------------------------------------- */

/* Where red, green and blue lie in a pixel of each gcam_pixel_format. */
static const struct layout {
    int bytes, red, green, blue;
} layouts[] = {{3, 0, 1, 2}, {3, 2, 1, 0}, {1, 0, 0, 0}, {4, 0, 1, 2}, {4, 2, 1, 0}};

static void copy_row(uint8_t *to, const uint8_t *from, int width, const struct layout *layout) {
    for (int x = 0; x < width; x++, to += 3, from += layout->bytes) {
        to[0] = from[layout->red];
        to[1] = from[layout->green];
        to[2] = from[layout->blue];
    }
}

gcam_status gcam_image_from_pixels(gcam_image **out, const uint8_t *pixels, int width, int height, ptrdiff_t stride,
                                   gcam_pixel_format format) {
    *out = NULL;
    if (!pixels) return gcam__fail(GCAM_ERR_ARGUMENT, "image", "the pixels are NULL");
    if ((unsigned)format >= sizeof layouts / sizeof *layouts) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "image", "%d is not a pixel format", (int)format);
    }
    GCAM_TRY(gcam__image_check_size(width, height));
    const struct layout *layout = &layouts[format];
    ptrdiff_t packed = (ptrdiff_t)width * layout->bytes;
    if (stride == 0) stride = packed;
    if (stride < packed && stride > -packed) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "image", "a stride of %td bytes is less than a row of %td", stride,
                          packed);
    }
    GCAM_TRY(gcam_image_create(out, width, height));
    for (int y = 0; y < height; y++) {
        copy_row((*out)->pixels + (size_t)3 * (size_t)width * (size_t)y, pixels + y * stride, width, layout);
    }
    return GCAM_OK;
}

/* ---- EXIF orientation -------------------------------------------------------------------------------------------------- */

/* Upright (x, y) comes from stored (u, v). Orientations 5..8 swap the axes; then u or v may run backwards. */
static const struct turn {
    int swap, u_backwards, v_backwards;
} turns[] = {
    {0, 0, 0}, /* 1: upright */
    {0, 1, 0}, /* 2: mirrored left to right */
    {0, 1, 1}, /* 3: upside down */
    {0, 0, 1}, /* 4: mirrored top to bottom */
    {1, 0, 0}, /* 5: mirrored along the main diagonal */
    {1, 0, 1}, /* 6: to be turned clockwise */
    {1, 1, 1}, /* 7: mirrored along the other diagonal */
    {1, 1, 0}, /* 8: to be turned anticlockwise */
};

gcam_status gcam__image_orient(gcam_image **image, int orientation) {
    if (orientation <= 1 || orientation > 8) return GCAM_OK;
    const gcam_image *stored = *image;
    const struct turn *turn = &turns[orientation - 1];
    gcam_image *upright = NULL;
    GCAM_TRY(gcam_image_create(&upright, turn->swap ? stored->height : stored->width,
                               turn->swap ? stored->width : stored->height));
    uint8_t *to = upright->pixels;
    for (int y = 0; y < upright->height; y++) {
        for (int x = 0; x < upright->width; x++, to += 3) {
            int u = turn->swap ? y : x, v = turn->swap ? x : y;
            if (turn->u_backwards) u = stored->width - 1 - u;
            if (turn->v_backwards) v = stored->height - 1 - v;
            memcpy(to, stored->pixels + 3 * ((size_t)v * (size_t)stored->width + (size_t)u), 3);
        }
    }
    gcam_image_free(*image);
    *image = upright;
    return GCAM_OK;
}
