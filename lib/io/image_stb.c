/* stb_image, compiled here with only the wanted decoders, without stdio, and with every block it asks for capped: a file that
 * unpacks to far more than its header promises is refused, not obeyed. Its assertions are off, since nothing here may abort;
 * its own error paths remain. JPEG is read this way only where libjpeg is missing. */
#include "core/memory.h"
#include "core/status.h"
#include "io/image.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* Largest block of the decoding that this thread does now, and whether more was asked for. stb_image has no place to carry
 * them. */
static _Thread_local size_t block_limit;
static _Thread_local int over_limit;

static void *capped_alloc(size_t size) {
    if (size <= block_limit) return gcam__alloc(size);
    over_limit = 1;
    return NULL;
}

static void *capped_resize(void *block, size_t size) {
    if (size <= block_limit) return gcam__resize(block, size);
    over_limit = 1;
    return NULL;
}

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#ifndef GCAM_WITH_JPEG
#define STBI_ONLY_JPEG
#endif
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS GCAM_IMAGE_MAX_SIDE
#define STBI_ASSERT(condition) ((void)0)
#define STBI_MALLOC(size) capped_alloc(size)
#define STBI_REALLOC(block, size) capped_resize(block, size)
#define STBI_FREE(block) gcam__free(block)

#pragma GCC diagnostic ignored "-Wunused-function" /* reported at the end of the file, so it cannot be popped */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wpointer-sign"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmisleading-indentation"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include <stb_image.h>
#pragma GCC diagnostic pop

/* The largest honest block: 4 channels of 16 bits with a filter byte a row, doubled once where the guess for an interlaced
 * picture is too small; or the compressed data, which are collected in a buffer that doubles. */
static size_t largest_block(size_t file_size, int width, int height) {
    size_t raw = (size_t)8 * (size_t)(width + 1) * (size_t)(height + 8);
    return 2 * (raw + file_size) + 65536;
}

static gcam_status explain_failure(void) {
    if (over_limit) {
        return gcam__fail(GCAM_ERR_FORMAT, "image", "the picture data unpack to more than the header's size allows");
    }
    const char *reason = stbi_failure_reason();
    if (reason && strcmp(reason, "outofmem") == 0) {
        return gcam__fail(GCAM_ERR_NOMEM, "image", "out of memory while decoding a picture");
    }
    return gcam__fail(GCAM_ERR_FORMAT, "image", "the picture data are damaged (%s)",
                      reason ? reason : "no reason given");
}

gcam_status gcam__stb_decode(gcam_image **out, gcam__bytes file, int width, int height) {
    *out = NULL;
    if (file.size > INT_MAX) {
        return gcam__fail(GCAM_ERR_LIMIT, "image", "%zu bytes: a picture's file may have at most %d", file.size,
                          INT_MAX);
    }
    block_limit = largest_block(file.size, width, height);
    over_limit = 0;
    int found_width = 0, found_height = 0, channels = 0;
    uint8_t *pixels = stbi_load_from_memory(file.data, (int)file.size, &found_width, &found_height, &channels, 3);
    if (!pixels) return explain_failure();
    gcam_status status = GCAM_OK;
    if (found_width != width || found_height != height) {
        status = gcam__fail(GCAM_ERR_FORMAT, "image", "%d x %d pixels decoded, the header says %d x %d", found_width,
                            found_height, width, height);
    } else {
        status = gcam_image_create(out, width, height);
    }
    if (status == GCAM_OK) memcpy((*out)->pixels, pixels, (size_t)3 * (size_t)width * (size_t)height);
    gcam__free(pixels);
    return status;
}
