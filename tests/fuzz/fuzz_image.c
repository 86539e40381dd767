/* Pictures: the wrapper around libjpeg-turbo and stb_image, with its own EXIF, PNG and BMP checks. Bytes that decode are read whole. */
#include "fuzz/fuzz.h"
#include "gradcam/io.h"
#include "support/blob.h"

FUZZ_TARGET(image) {
    gcam_image *image;
    if (gcam_image_load_memory(&image, data, size, NULL) != GCAM_OK) return 0;
    volatile unsigned sum = 0; /* read for its own sake */
    for (size_t i = 0; i < (size_t)3 * (size_t)image->width * (size_t)image->height; i++) sum = sum + image->pixels[i];
    gcam_image_free(image);
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
