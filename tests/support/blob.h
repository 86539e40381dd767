/* Bytes that grow, for tests that build files in memory. Zero-initialise; failures of malloc end the test. */
#ifndef GCAM_TESTS_BLOB_H
#define GCAM_TESTS_BLOB_H

#include <stddef.h>
#include <stdint.h>

typedef struct blob {
    uint8_t *data;
    size_t size, capacity;
} blob;

void blob_put(blob *b, const void *data, size_t size);
void blob_text(blob *b, const char *text); /* without its zero */
/* The `bytes` low bytes of a number, little endian. */
void blob_number(blob *b, uint64_t value, int bytes);
/* `size` times the same byte. */
void blob_fill(blob *b, int byte, size_t size);
void blob_append(blob *b, const blob *other);
void blob_free(blob *b);
/* Offset of the first occurrence of some bytes at or behind `from`; ends the test if there is none. */
size_t blob_find(const blob *b, size_t from, const void *bytes, size_t size);
/* Writes to a file; ends the test if it cannot. */
void blob_save(const blob *b, const char *path);

#endif
