/* Reading PNG (ISO 15948). The chunks are walked here first, lengths and checksums included, so that a truncated or damaged file
 * is refused with its byte offset; stb_image then unpacks the pixels. 16 bits are reduced to their upper 8 (as Pillow does for
 * colour pictures; its greyscale ones it clips, which is of no use), alpha is dropped. */
#include "core/status.h"
#include "io/image.h"

#include <string.h>

enum { SIGNATURE = 8, HEAD = 8, CRC = 4, IHDR_LENGTH = 13 };
enum { MOST_EXPANSION = 1032 }; /* bytes that one byte of DEFLATE can become at most: 258 from two bits */

typedef struct chunk {
    size_t offset;
    uint32_t length;
    const char *type; /* 4 characters, not terminated */
    const uint8_t *body;
} chunk;

static gcam_status truncated(size_t offset) {
    return gcam__fail_at(GCAM_ERR_FORMAT, "png", (int64_t)offset,
                         "the PNG is truncated: it ends within the chunk at byte %zu", offset);
}

/* The chunk at `offset`, with its checksum verified. */
static gcam_status read_chunk(chunk *out, gcam__bytes file, size_t offset) {
    size_t left = file.size - offset;
    if (left < HEAD + CRC) return truncated(offset);
    const uint8_t *head = file.data + offset;
    *out = (chunk){offset, gcam__read_be32(head), (const char *)head + 4, head + HEAD};
    if (out->length > left - HEAD - CRC) return truncated(offset);
    uint32_t wanted = gcam__read_be32(out->body + out->length);
    uint32_t found = gcam__crc32(0, head + 4, (size_t)4 + out->length);
    if (wanted == found) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "png", (int64_t)offset,
                         "the PNG is damaged: the chunk at byte %zu has checksum %08X, expected %08X", offset, found,
                         wanted);
}

static int is_type(const chunk *c, const char *type) {
    return memcmp(c->type, type, 4) == 0;
}

typedef struct png {
    int width, height;
    int depth, colour; /* bits of a sample; 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha */
    uint64_t packed;   /* bytes of all IDAT chunks */
    int orientation;   /* 0 where the file has none */
} png;

static gcam_status read_header(png *p, gcam__bytes file) {
    chunk first = {0};
    GCAM_TRY(read_chunk(&first, file, SIGNATURE));
    if (!is_type(&first, "IHDR") || first.length != IHDR_LENGTH) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "png", SIGNATURE, "the PNG does not begin with a header chunk (IHDR)");
    }
    uint32_t w = gcam__read_be32(first.body), h = gcam__read_be32(first.body + 4);
    if (w == 0 || h == 0) return gcam__fail_at(GCAM_ERR_FORMAT, "png", 16, "the PNG's size is %u x %u pixels", w, h);
    GCAM_TRY(gcam__image_check_size(w, h));
    *p = (png){.width = (int)w, .height = (int)h, .depth = first.body[8], .colour = first.body[9]};
    return GCAM_OK;
}

/* Verifies every chunk up to IEND. */
static gcam_status walk_chunks(png *p, gcam__bytes file) {
    for (size_t offset = SIGNATURE;;) {
        chunk c = {0};
        GCAM_TRY(read_chunk(&c, file, offset));
        if (is_type(&c, "IEND")) return GCAM_OK;
        if (is_type(&c, "IDAT")) p->packed += c.length;
        if (is_type(&c, "eXIf")) p->orientation = gcam__exif_orientation((gcam__bytes){c.body, c.length});
        offset += (size_t)HEAD + c.length + CRC;
    }
}

/* The decoder makes room for all rows at once, so a header that promises more than the data can hold is refused first. */
static gcam_status check_data(const png *p) {
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    uint64_t samples = p->colour < 7 ? channels[p->colour] : 0;
    uint64_t rows = (uint64_t)p->width * (uint64_t)p->height * samples * (uint64_t)p->depth / 8;
    if (rows / MOST_EXPANSION <= p->packed) return GCAM_OK;
    return gcam__fail(GCAM_ERR_FORMAT, "png", "the PNG is damaged: %llu bytes of data cannot hold %d x %d pixels",
                      (unsigned long long)p->packed, p->width, p->height);
}

gcam_status gcam__png_decode(gcam_image **out, gcam__bytes file, int *orientation) {
    png p = {0};
    GCAM_TRY(read_header(&p, file));
    GCAM_TRY(walk_chunks(&p, file));
    GCAM_TRY(check_data(&p));
    if (p.orientation) *orientation = p.orientation;
    return gcam__stb_decode(out, file, p.width, p.height);
}
