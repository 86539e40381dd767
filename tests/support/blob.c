/* Growing bytes. */
#include "support/blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "blob: %s\n", what);
    abort();
}

void blob_put(blob *b, const void *data, size_t size) {
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size) + 64;
        b->data = realloc(b->data, b->capacity);
        require(b->data != NULL, "out of memory");
    }
    if (size > 0) memcpy(b->data + b->size, data, size);
    b->size += size;
}

void blob_text(blob *b, const char *text) {
    blob_put(b, text, strlen(text));
}

void blob_number(blob *b, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * i);
        blob_put(b, &byte, 1);
    }
}

void blob_fill(blob *b, int byte, size_t size) {
    uint8_t one = (uint8_t)byte;
    for (size_t i = 0; i < size; i++) blob_put(b, &one, 1);
}

void blob_append(blob *b, const blob *other) {
    blob_put(b, other->data, other->size);
}

void blob_free(blob *b) {
    free(b->data);
    *b = (blob){0};
}

size_t blob_find(const blob *b, size_t from, const void *bytes, size_t size) {
    for (size_t at = from; at + size <= b->size; at++)
        if (!memcmp(b->data + at, bytes, size)) return at;
    require(0, "the bytes looked for are not there");
    return 0;
}

void blob_save(const blob *b, const char *path) {
    FILE *file = fopen(path, "wb");
    require(file && fwrite(b->data, 1, b->size, file) == b->size && fclose(file) == 0, path);
}
