/* Reading numbers from bytes, never beyond an end. Offsets are those of the whole file, so that errors can name them. */
#ifndef GCAM_IO_BYTES_H
#define GCAM_IO_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t gcam__get_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t gcam__get_u32(const uint8_t *p) {
    return (uint32_t)gcam__get_u16(p) | (uint32_t)gcam__get_u16(p + 2) << 16;
}

static inline uint64_t gcam__get_u64(const uint8_t *p) {
    return (uint64_t)gcam__get_u32(p) | (uint64_t)gcam__get_u32(p + 4) << 32;
}

/* A place in a file: bytes at .. end-1 of `data` are still to be read; at <= end always holds. */
typedef struct gcam__cursor {
    const uint8_t *data; /* of the whole file */
    size_t at, end;
} gcam__cursor;

static inline size_t gcam__cursor_left(const gcam__cursor *cursor) {
    return cursor->end - cursor->at;
}

/* The next `size` bytes, and steps over them; NULL (and no step) if there are fewer. */
static inline const uint8_t *gcam__cursor_take(gcam__cursor *cursor, size_t size) {
    if (size > gcam__cursor_left(cursor)) return NULL;
    const uint8_t *taken = cursor->data + cursor->at;
    cursor->at += size;
    return taken;
}

#endif
