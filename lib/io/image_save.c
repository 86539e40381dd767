/* Writing pictures: PNG of 8-bit RGB with a filter chosen for each row, and plain BMP. Files appear whole or not at all. */
#include "core/memory.h"
#include "core/status.h"
#include "io/file.h"
#include "io/image.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void write_be32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void write_le32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (8 * i));
}

/* ---- PNG rows ---------------------------------------------------------------------------------------------------------- */

enum { PIXEL = 3 };

/* Of left, above and above left the one nearest to left + above - above left (Paeth 1991). */
static int paeth(int left, int above, int corner) {
    int to_left = abs(above - corner), to_above = abs(left - corner), to_corner = abs(left + above - 2 * corner);
    if (to_left <= to_above && to_left <= to_corner) return left;
    return to_above <= to_corner ? above : corner;
}

/* One row filtered, `to[0]` being the filter's number; both rows have a pixel of zeros before them. Returns the sum of the
 * differences' sizes, the usual guess at how badly they compress. Inlined with a constant filter, so that the loop has no branch. */
static inline __attribute__((always_inline)) uint32_t filter_row(uint8_t *restrict to, int filter, const uint8_t *row,
                                                                 const uint8_t *above, int bytes) {
    uint32_t sum = 0;
    to[0] = (uint8_t)filter;
    for (int i = 0; i < bytes; i++) {
        int left = row[i - PIXEL], guess = 0;
        if (filter == 1) guess = left;
        if (filter == 2) guess = above[i];
        if (filter == 3) guess = (left + above[i]) / 2;
        if (filter == 4) guess = paeth(left, above[i], above[i - PIXEL]);
        uint8_t difference = (uint8_t)(row[i] - guess);
        to[1 + i] = difference;
        sum += difference < 128 ? difference : 256u - difference;
    }
    return sum;
}

/* The best of the five filters for a row, in `to`; `spare` has room for another attempt. */
static void filter_best(uint8_t *to, uint8_t *spare, const uint8_t *row, const uint8_t *above, int bytes) {
    uint32_t least = filter_row(to, 0, row, above, bytes);
#define TRY_FILTER(number)                                                  \
    do {                                                                    \
        uint32_t sum = filter_row(spare, number, row, above, bytes);        \
        if (sum < least) least = sum, memcpy(to, spare, (size_t)bytes + 1); \
    } while (0)
    TRY_FILTER(1);
    TRY_FILTER(2);
    TRY_FILTER(3);
    TRY_FILTER(4);
#undef TRY_FILTER
}

/* All rows. `spare` is three rows of zeros with room for a pixel before and a filter's number: this row, the one above, a trial. */
static void filter_rows(uint8_t *to, const gcam_image *image, uint8_t *spare) {
    size_t bytes = (size_t)PIXEL * (size_t)image->width;
    uint8_t *row = spare + PIXEL, *above = row + PIXEL + bytes, *trial = above + bytes;
    for (int y = 0; y < image->height; y++, to += 1 + bytes) {
        memcpy(row, image->pixels + bytes * (size_t)y, bytes);
        filter_best(to, trial, row, above, (int)bytes);
        uint8_t *swapped = row;
        row = above, above = swapped;
    }
}

static gcam_status compress_rows(uint8_t **out, size_t *size, const gcam_image *image) {
    size_t row = 1 + (size_t)PIXEL * (size_t)image->width, total = row * (size_t)image->height;
    uint8_t *filtered = gcam__alloc(total), *spare = gcam__calloc(3, row + PIXEL);
    gcam_status status = filtered && spare ? GCAM_OK : GCAM_ERR_NOMEM;
    if (status == GCAM_OK) {
        filter_rows(filtered, image, spare);
        status = gcam__zlib_compress(out, size, filtered, total);
    }
    gcam__free(filtered);
    gcam__free(spare);
    return status;
}

/* ---- PNG chunks -------------------------------------------------------------------------------------------------------- */

/* A chunk whose body comes in two parts. */
static void write_chunk(gcam__writer *writer, const char *type, const void *head, size_t head_size, const void *tail,
                        size_t tail_size) {
    uint8_t word[4];
    write_be32(word, (uint32_t)(head_size + tail_size));
    gcam__writer_write(writer, word, 4);
    gcam__writer_write(writer, type, 4);
    if (head_size) gcam__writer_write(writer, head, head_size);
    if (tail_size) gcam__writer_write(writer, tail, tail_size);
    uint32_t crc = gcam__crc32(gcam__crc32(gcam__crc32(0, type, 4), head, head_size), tail, tail_size);
    write_be32(word, crc);
    gcam__writer_write(writer, word, 4);
}

static int is_ascii(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text > 126) return 0;
    }
    return 1;
}

/* A keyword of PNG: 1 to 79 printable characters, no space at the ends. */
static gcam_status check_text(const gcam_metadata *text) {
    size_t length = text->key ? strlen(text->key) : 0;
    int good =
        length >= 1 && length <= 79 && is_ascii(text->key) && text->key[0] != ' ' && text->key[length - 1] != ' ';
    for (size_t i = 0; good && i < length; i++) good = text->key[i] >= ' ';
    if (!good)
        return gcam__fail(GCAM_ERR_ARGUMENT, "png", "a text chunk's key must be 1 to 79 printable ASCII characters");
    if (!text->value || strlen(text->value) > INT32_MAX / 2) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "png", "the text chunk %s has no value, or one that is too long",
                          text->key);
    }
    return GCAM_OK;
}

/* tEXt for plain ASCII, iTXt (UTF-8, not compressed, no language) for the rest. */
static void write_text(gcam__writer *writer, const gcam_metadata *text) {
    uint8_t head[79 + 5] = {0};
    size_t key = strlen(text->key);
    memcpy(head, text->key, key);
    int plain = is_ascii(text->value);
    write_chunk(writer, plain ? "tEXt" : "iTXt", head, key + (plain ? 1 : 5), text->value, strlen(text->value));
}

static gcam_status write_png(gcam__writer *writer, const gcam_image *image, const gcam_metadata *text, size_t count) {
    uint8_t *packed = NULL;
    size_t size = 0;
    GCAM_TRY(compress_rows(&packed, &size, image));
    uint8_t header[13] = {0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0}; /* 8 bits, RGB, not interlaced */
    write_be32(header, (uint32_t)image->width);
    write_be32(header + 4, (uint32_t)image->height);
    gcam__writer_write(writer, "\x89PNG\r\n\x1A\n", 8);
    write_chunk(writer, "IHDR", header, sizeof header, NULL, 0);
    for (size_t i = 0; i < count; i++) write_text(writer, &text[i]);
    write_chunk(writer, "IDAT", packed, size, NULL, 0);
    write_chunk(writer, "IEND", NULL, 0, NULL, 0);
    gcam__free(packed);
    return GCAM_OK;
}

/* ---- BMP --------------------------------------------------------------------------------------------------------------- */

enum { BMP_HEADER = 54 };

static gcam_status write_bmp(gcam__writer *writer, const gcam_image *image) {
    size_t bytes = (size_t)3 * (size_t)image->width, stride = (bytes + 3) / 4 * 4;
    size_t total = stride * (size_t)image->height;
    uint8_t header[BMP_HEADER] = {'B', 'M', [10] = BMP_HEADER, [14] = 40, [26] = 1, [28] = 24};
    write_le32(header + 2, (uint32_t)(BMP_HEADER + total));
    write_le32(header + 18, (uint32_t)image->width);
    write_le32(header + 22, (uint32_t)image->height);
    write_le32(header + 34, (uint32_t)total);
    uint8_t *row = gcam__calloc(stride, 1);
    if (!row) return GCAM_ERR_NOMEM;
    gcam__writer_write(writer, header, sizeof header);
    for (int y = image->height - 1; y >= 0; y--) {
        const uint8_t *from = image->pixels + bytes * (size_t)y;
        for (size_t i = 0; i < bytes; i += 3) row[i] = from[i + 2], row[i + 1] = from[i + 1], row[i + 2] = from[i];
        gcam__writer_write(writer, row, stride);
    }
    gcam__free(row);
    return GCAM_OK;
}

/* ---- entrances --------------------------------------------------------------------------------------------------------- */

static gcam_status save(const gcam_image *image, const char *path, int bmp, const gcam_metadata *text, size_t count) {
    GCAM_TRY(gcam__image_check(image));
    if (!path) return gcam__fail(GCAM_ERR_ARGUMENT, "image", "the path is NULL");
    for (size_t i = 0; i < count; i++) GCAM_TRY(check_text(&text[i]));
    gcam__writer *writer = NULL;
    GCAM_TRY(gcam__writer_open(&writer, path));
    gcam_status status = bmp ? write_bmp(writer, image) : write_png(writer, image, text, count);
    if (status == GCAM_OK) return gcam__writer_commit(writer);
    gcam__writer_abort(writer);
    return status;
}

gcam_status gcam_image_save(const gcam_image *image, const char *path) {
    size_t length = path ? strlen(path) : 0;
    return save(image, path, length >= 4 && strcasecmp(path + length - 4, ".bmp") == 0, NULL, 0);
}

gcam_status gcam_image_save_with_text(const gcam_image *image, const char *path, const gcam_metadata *text,
                                      size_t text_count) {
    if (text_count > 0 && !text) return gcam__fail(GCAM_ERR_ARGUMENT, "png", "the text chunks are NULL");
    return save(image, path, 0, text, text_count);
}
