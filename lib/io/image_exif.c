/* The EXIF orientation: tag 0x0112 of the first directory of a TIFF structure (TIFF 6.0; CIPA DC-008). Only that is read, every
 * offset is checked, and whatever is odd counts as "no orientation": a picture is never refused for its EXIF data. */
#include "io/image.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY = 12 };

int gcam__exif_orientation(gcam__bytes tiff) {
    if (tiff.size < 8) return 0;
    int little = memcmp(tiff.data, "II*\0", 4) == 0;
    if (!little && memcmp(tiff.data, "MM\0*", 4) != 0) return 0;
    uint32_t (*read16)(const uint8_t *) = little ? gcam__read_le16 : gcam__read_be16;
    size_t at = little ? gcam__read_le32(tiff.data + 4) : gcam__read_be32(tiff.data + 4);
    if (at > tiff.size - 2) return 0;
    uint32_t count = read16(tiff.data + at);
    at += 2;
    for (; count > 0 && tiff.size - at >= ENTRY; count--, at += ENTRY) {
        const uint8_t *entry = tiff.data + at;
        if (read16(entry) != TAG_ORIENTATION) continue;
        uint32_t value = read16(entry + 8);
        return read16(entry + 2) == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 0;
    }
    return 0;
}

int gcam__jpeg_orientation(gcam__bytes file) {
    size_t at = 2;
    while (file.size >= 4 && at <= file.size - 4 && file.data[at] == 0xFF) {
        uint8_t marker = file.data[at + 1];
        if (marker == 0xFF) { /* a fill byte */
            at++;
            continue;
        }
        size_t length = gcam__read_be16(file.data + at + 2);
        if (marker == 0xDA || length < 2 || length > file.size - at - 2) return 0; /* 0xDA: the picture itself begins */
        const uint8_t *body = file.data + at + 4;
        if (marker == 0xE1 && length >= 8 && memcmp(body, "Exif\0\0", 6) == 0) {
            return gcam__exif_orientation((gcam__bytes){body + 6, length - 8});
        }
        at += 2 + length;
    }
    return 0;
}
