/* Pictures: the wrapper around libjpeg-turbo and stb_image, with its own EXIF, PNG and BMP checks, and the gate before stb_image's JPEG
 * decoder. Bytes that decode are read whole. A PNG is also tried with its checksums put right: mutations hardly ever pass them, and
 * what lies behind them must stand by itself. */
#include "core/memory.h"
#include "fuzz/fuzz.h"
#include "io/image.h"
#include "support/blob.h"

#include <string.h>

static void try_to_load(const uint8_t *data, size_t size) {
    gcam_image *image;
    if (gcam_image_load_memory(&image, data, size, NULL) != GCAM_OK) return;
    volatile unsigned sum = 0; /* read for its own sake */
    for (size_t i = 0; i < (size_t)3 * (size_t)image->width * (size_t)image->height; i++) sum = sum + image->pixels[i];
    gcam_image_free(image);
}

/* Chunks: a length of 4 bytes, a type of 4, the body, a checksum over type and body. */
static void repair_checksums(uint8_t *data, size_t size) {
    for (size_t at = 8; size - at >= 12;) {
        size_t length = gcam__read_be32(data + at);
        if (length > size - at - 12) return;
        uint32_t crc = gcam__crc32(0, data + at + 4, length + 4);
        for (int i = 0; i < 4; i++) data[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

FUZZ_TARGET(image) {
    try_to_load(data, size);
    int width, height;
    gcam__bytes whole = {data, size};
    if (size >= 2 && gcam__jpeg_gate(whole, &width, &height) == GCAM_OK && (width < 1 || height < 1)) __builtin_trap();
    if (size < 8 || memcmp(data, "\x89PNG\r\n\x1A\n", 8) != 0) return 0;
    uint8_t *copy = gcam__alloc(size);
    if (!copy) return 0;
    memcpy(copy, data, size);
    repair_checksums(copy, size);
    try_to_load(copy, size);
    gcam__free(copy);
    return 0;
}

/* A BMP of 2 x 2 pixels; the corpus holds small pictures of the other kinds. */
FUZZ_SEEDS(image) {
    blob b = {0};
    blob_text(&b, "BM");
    blob_number(&b, 54 + 16, 4);
    blob_number(&b, 0, 4);
    blob_number(&b, 54, 4);
    blob_number(&b, 40, 4);
    blob_number(&b, 2, 4);
    blob_number(&b, 2, 4);
    blob_number(&b, 1, 2);
    blob_number(&b, 24, 2);
    for (int i = 0; i < 6; i++) blob_number(&b, 0, 4);
    blob_fill(&b, 0x41, 16);
    emit(context, b.data, b.size);
    blob_free(&b);
}
