/* Reading BMP: the OS/2 header of 12 bytes and the Windows ones from 40 on; 1, 4 and 8 bits with a palette, 16 and 32 with masks,
 * 24. Rows are padded to 4 bytes and run upwards unless the height is negative. Run-length coding is not read. */
#include "core/status.h"
#include "io/image.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_HEADER = 14, PLAIN = 0, BITFIELDS = 3, ALPHABITFIELDS = 6 };

typedef struct bmp {
    int64_t width, height; /* height is positive */
    int upwards;
    uint32_t bits, compression, colours;
    uint32_t mask[3];
    size_t palette, palette_entry; /* where it begins, bytes of an entry */
    size_t pixels, stride;
} bmp;

static gcam_status damaged(const char *what) {
    return gcam__fail(GCAM_ERR_FORMAT, "bmp", "the BMP is damaged: %s", what);
}

/* Bytes of the info header that are understood, and the fields of both kinds of it. */
static gcam_status read_info(bmp *b, gcam__bytes file) {
    if (file.size < FILE_HEADER + 12) return damaged("it ends within its header");
    const uint8_t *info = file.data + FILE_HEADER;
    uint32_t size = gcam__read_le32(info);
    if (size > file.size - FILE_HEADER) return damaged("it ends within its header");
    b->palette = FILE_HEADER + size;
    b->palette_entry = size == 12 ? 3 : 4;
    if (size == 12) {
        b->width = gcam__read_le16(info + 4);
        b->height = gcam__read_le16(info + 6);
        b->bits = gcam__read_le16(info + 10);
    } else if (size >= 40) {
        b->width = (int32_t)gcam__read_le32(info + 4);
        b->height = (int32_t)gcam__read_le32(info + 8);
        b->bits = gcam__read_le16(info + 14);
        b->compression = gcam__read_le32(info + 16);
        b->colours = gcam__read_le32(info + 32);
    } else {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "bmp", "the BMP has a header of %u bytes, expected 12 or at least 40",
                          size);
    }
    b->upwards = b->height > 0;
    b->height = llabs(b->height);
    return GCAM_OK;
}

/* Masks follow a header of 40 bytes and are part of a longer one: the same place. */
static gcam_status read_masks(bmp *b, gcam__bytes file) {
    static const uint32_t usual[2][3] = {{0x7C00, 0x03E0, 0x001F}, {0xFF0000, 0x00FF00, 0x0000FF}};
    memcpy(b->mask, usual[b->bits == 32], sizeof b->mask);
    if (b->compression == PLAIN) return GCAM_OK;
    size_t at = FILE_HEADER + 40;
    if (file.size < at + 12) return damaged("it ends within its colour masks");
    for (int c = 0; c < 3; c++) b->mask[c] = gcam__read_le32(file.data + at + (size_t)4 * (size_t)c);
    if (b->mask[0] == 0 || b->mask[1] == 0 || b->mask[2] == 0) return damaged("a colour mask is 0");
    return GCAM_OK;
}

static gcam_status check_kind(const bmp *b) {
    int masks = b->bits == 16 || b->bits == 32;
    int known = masks || b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 24;
    if (!known)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "bmp", "the BMP has %u bits a pixel, expected 1 to 32", b->bits);
    if (b->compression == PLAIN) return GCAM_OK;
    if (masks && (b->compression == BITFIELDS || b->compression == ALPHABITFIELDS)) return GCAM_OK;
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "bmp", "the BMP is compressed (method %u), expected plain pixels",
                      b->compression);
}

static gcam_status read_layout(bmp *b, gcam__bytes file) {
    GCAM_TRY(read_info(b, file));
    if (b->width < 1 || b->height < 1) return damaged("its size is not positive");
    GCAM_TRY(gcam__image_check_size(b->width, b->height));
    GCAM_TRY(check_kind(b));
    GCAM_TRY(read_masks(b, file));
    b->pixels = gcam__read_le32(file.data + 10);
    b->stride = ((size_t)b->width * b->bits + 31) / 32 * 4;
    if (b->pixels > file.size || b->stride * (size_t)b->height > file.size - b->pixels) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "bmp", (int64_t)file.size,
                             "the BMP is truncated: %zu bytes of pixels begin at byte %zu, the file has %zu",
                             b->stride * (size_t)b->height, b->pixels, file.size);
    }
    if (b->bits > 8) return GCAM_OK;
    if (b->colours == 0 || b->colours > 1u << b->bits) b->colours = 1u << b->bits;
    if (b->palette > b->pixels) return damaged("its palette lies behind its pixels");
    size_t room = (b->pixels - b->palette) / b->palette_entry;
    if (b->colours > room) b->colours = (uint32_t)room;
    return GCAM_OK;
}

static void read_palette_row(uint8_t *to, const bmp *b, gcam__bytes file, const uint8_t *row) {
    uint32_t per_byte = 8 / b->bits, last = (1u << b->bits) - 1;
    for (uint32_t x = 0; x < (uint32_t)b->width; x++, to += 3) {
        uint32_t index = row[x / per_byte] >> (8 - b->bits * (x % per_byte + 1)) & last;
        if (index >= b->colours) continue; /* stays black */
        const uint8_t *entry = file.data + b->palette + b->palette_entry * index;
        to[0] = entry[2], to[1] = entry[1], to[2] = entry[0];
    }
}

static void read_masked_row(uint8_t *to, const bmp *b, const uint8_t *row) {
    for (int64_t x = 0; x < b->width; x++, to += 3) {
        uint32_t value = b->bits == 16 ? gcam__read_le16(row + 2 * x) : gcam__read_le32(row + 4 * x);
        for (int c = 0; c < 3; c++) {
            int shift = __builtin_ctz(b->mask[c]);
            uint64_t top = b->mask[c] >> shift;
            to[c] = (uint8_t)((uint64_t)((value & b->mask[c]) >> shift) * 255 / top);
        }
    }
}

static void read_plain_row(uint8_t *to, int64_t width, const uint8_t *row) {
    for (int64_t x = 0; x < width; x++, to += 3, row += 3) to[0] = row[2], to[1] = row[1], to[2] = row[0];
}

gcam_status gcam__bmp_decode(gcam_image **out, gcam__bytes file, int *orientation) {
    (void)orientation;
    bmp b = {0};
    GCAM_TRY(read_layout(&b, file));
    GCAM_TRY(gcam_image_create(out, (int)b.width, (int)b.height));
    for (int64_t y = 0; y < b.height; y++) {
        const uint8_t *row = file.data + b.pixels + b.stride * (size_t)y;
        uint8_t *to = (*out)->pixels + 3 * b.width * (b.upwards ? b.height - 1 - y : y);
        if (b.bits <= 8)
            read_palette_row(to, &b, file, row);
        else if (b.bits == 24)
            read_plain_row(to, b.width, row);
        else
            read_masked_row(to, &b, row);
    }
    return GCAM_OK;
}
