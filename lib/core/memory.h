/* All memory of the library: one allocator, blocks that remember where they came from, sizes that cannot overflow. */
#ifndef GCAM_CORE_MEMORY_H
#define GCAM_CORE_MEMORY_H

#include "gradcam/core.h"

/* `*out` = a * b; 0 if that leaves size_t. The only multiplication of sizes that come from outside. */
int gcam__size_mul(size_t a, size_t b, size_t *out);

/* Block of `size` bytes (0 is a valid block), aligned to 64; not cleared. NULL with ERR_NOMEM recorded. */
void *gcam__alloc(size_t size);
/* `count` elements of `size` bytes, cleared. NULL with ERR_NOMEM (or ERR_LIMIT on overflow) recorded. */
void *gcam__calloc(size_t count, size_t size);
/* Frees a block of the two above, from any thread; NULL is fine. */
void gcam__free(void *block);
/* New block of `size` bytes that begins with the old one's content (which is freed; NULL is fine). On failure NULL, and
 * the old block stays. */
void *gcam__resize(void *block, size_t size);
/* Copy of a string or of its first `length` bytes; NULL with ERR_NOMEM recorded. */
char *gcam__strdup(const char *text);
char *gcam__strndup(const char *text, size_t length);

/* Makes room for one more element in a growing array: doubles `*capacity` when `count` has reached it. */
gcam_status gcam__grow(void **array, size_t count, size_t *capacity, size_t element_size);

#endif
