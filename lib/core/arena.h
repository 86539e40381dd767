/* Memory for many small things that go all at once. Zero-initialise an arena; it needs no other preparation. */
#ifndef GCAM_CORE_ARENA_H
#define GCAM_CORE_ARENA_H

#include <stddef.h>

typedef struct gcam__arena {
    struct gcam__arena_chunk *chunks; /* the newest first */
} gcam__arena;

/* `size` bytes aligned to 16 (to 64 from 16 kB up), not cleared. NULL with ERR_NOMEM recorded. */
void *gcam__arena_alloc(gcam__arena *arena, size_t size);
/* Copy of `length` bytes with a zero behind them. NULL with ERR_NOMEM recorded. */
char *gcam__arena_strndup(gcam__arena *arena, const char *text, size_t length);
/* Frees everything; the arena may be used again. */
void gcam__arena_free(gcam__arena *arena);

#endif
