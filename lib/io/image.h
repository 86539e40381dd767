/* Images inside the io room: what the decoders, the encoders and the resampler share. */
#ifndef GCAM_IO_IMAGE_H
#define GCAM_IO_IMAGE_H

#include "gradcam/io.h"

/* An encoded file in memory. */
typedef struct gcam__bytes {
    const uint8_t *data;
    size_t size;
} gcam__bytes;

/* Reads one kind of file. `*orientation` is the EXIF orientation 1..8, or untouched where the file has none. A decoder checks
 * the size with gcam__image_check_size() before it decodes anything. Errors: FORMAT, UNSUPPORTED, LIMIT, NOMEM. */
typedef gcam_status (*gcam__image_decode_fn)(gcam_image **out, gcam__bytes file, int *orientation);
gcam_status gcam__jpeg_decode(gcam_image **out, gcam__bytes file, int *orientation);
gcam_status gcam__png_decode(gcam_image **out, gcam__bytes file, int *orientation);
gcam_status gcam__bmp_decode(gcam_image **out, gcam__bytes file, int *orientation);

/* Decodes JPEG, PNG or BMP with stb_image. `width` and `height` are what the header says: no block grows far beyond what a
 * picture of that size needs. */
gcam_status gcam__stb_decode(gcam_image **out, gcam__bytes file, int width, int height);
/* Refuses a JPEG that this stb_image cannot be trusted with, or that is damaged; otherwise its size. */
gcam_status gcam__jpeg_gate(gcam__bytes file, int *width, int *height);

/* The orientation in a TIFF structure (the body of a JPEG's APP1 or a PNG's eXIf); 0 where there is none. */
int gcam__exif_orientation(gcam__bytes tiff);
/* The orientation in a JPEG's APP1 segment; 0 where there is none. */
int gcam__jpeg_orientation(gcam__bytes file);

/* Errors: LIMIT (GCAM_IMAGE_MAX_SIDE, GCAM_IMAGE_MAX_PIXELS), ARGUMENT (a side below 1). */
gcam_status gcam__image_check_size(int64_t width, int64_t height);
/* ARGUMENT unless `image` can be read: not NULL, has pixels and a size within the limits. */
gcam_status gcam__image_check(const gcam_image *image);
/* Turns the picture upright: orientation 1..8 as EXIF defines it. Replaces `*image`; on failure it stays as it was. */
gcam_status gcam__image_orient(gcam_image **image, int orientation);

/* A part of the resized picture: the whole would be full_width x full_height. */
typedef struct gcam__image_part {
    int full_width, full_height;
    int left, top, width, height;
    int bicubic; /* 1: Pillow's BICUBIC; 0: BILINEAR, as gcam_image_resize() */
} gcam__image_part;
/* Resizes and computes only a part: the same bytes, less work. Errors: ARGUMENT, LIMIT, NOMEM. */
gcam_status gcam__image_resize_part(gcam_image **out, const gcam_image *image, const gcam__image_part *part);

/* CRC-32 (ISO 3309, as PNG uses it) continued from `crc`; 0 begins. */
uint32_t gcam__crc32(uint32_t crc, const void *data, size_t size);
/* A zlib stream (RFC 1950) of `data`; free with gcam__free(). Errors: NOMEM. */
gcam_status gcam__zlib_compress(uint8_t **out, size_t *out_size, const uint8_t *data, size_t size);

static inline uint32_t gcam__read_be16(const uint8_t *p) {
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t gcam__read_be32(const uint8_t *p) {
    return gcam__read_be16(p) << 16 | gcam__read_be16(p + 2);
}

static inline uint32_t gcam__read_le16(const uint8_t *p) {
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t gcam__read_le32(const uint8_t *p) {
    return gcam__read_le16(p + 2) << 16 | gcam__read_le16(p);
}

#endif
