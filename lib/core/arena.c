/* Arena. Design: chunks from gcam__alloc, each twice the size of the one before, filled from the front; what is large gets a chunk of
 * its own. */
#include "core/arena.h"

#include "core/memory.h"
#include "core/status.h"

#include <string.h>

enum { HEADER = 64, FIRST_CHUNK = 2 * 1024, LAST_CHUNK = 64 * 1024, LARGE = 16 * 1024, ALIGNMENT = 16 };

typedef struct gcam__arena_chunk {
    struct gcam__arena_chunk *next;
    size_t used, size; /* in bytes behind the header */
} chunk;

_Static_assert(sizeof(chunk) <= HEADER, "the header of a chunk must fit before its first aligned byte");

static chunk *chunk_create(size_t size) {
    if (size > SIZE_MAX - HEADER) {
        gcam__fail(GCAM_ERR_LIMIT, "memory", "a block of %zu bytes is beyond the address space", size);
        return NULL;
    }
    chunk *made = gcam__alloc(HEADER + size);
    if (made) *made = (chunk){NULL, 0, size};
    return made;
}

static void *large_block(gcam__arena *arena, size_t size) {
    chunk *made = chunk_create(size);
    if (!made) return NULL;
    made->used = size;
    chunk **place = arena->chunks ? &arena->chunks->next : &arena->chunks; /* behind the one that still has room */
    made->next = *place;
    *place = made;
    return (char *)made + HEADER;
}

void *gcam__arena_alloc(gcam__arena *arena, size_t size) {
    if (size >= LARGE) return large_block(arena, size);
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!arena->chunks || arena->chunks->size - arena->chunks->used < rounded) {
        size_t wanted = !arena->chunks                     ? FIRST_CHUNK
                        : arena->chunks->size < LAST_CHUNK ? 2 * arena->chunks->size
                                                           : LAST_CHUNK;
        chunk *made = chunk_create(wanted > rounded ? wanted : rounded);
        if (!made) return NULL;
        made->next = arena->chunks;
        arena->chunks = made;
    }
    char *block = (char *)arena->chunks + HEADER + arena->chunks->used;
    arena->chunks->used += rounded;
    return block;
}

char *gcam__arena_strndup(gcam__arena *arena, const char *text, size_t length) {
    char *copy = gcam__arena_alloc(arena, length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void gcam__arena_free(gcam__arena *arena) {
    while (arena->chunks) {
        chunk *next = arena->chunks->next;
        gcam__free(arena->chunks);
        arena->chunks = next;
    }
}
