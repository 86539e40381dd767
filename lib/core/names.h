/* A map from names to the numbers 0, 1, 2, ... in the order in which they were added. Zero-initialise it. */
#ifndef GCAM_CORE_NAMES_H
#define GCAM_CORE_NAMES_H

#include "gradcam/core.h"

typedef struct gcam__names {
    struct gcam__name *list; /* by number */
    size_t count, capacity;
    uint32_t *slots;   /* open addressing: number + 1, or 0 */
    size_t slot_count; /* a power of two, or 0 */
} gcam__names;

/* Number of a name, -1 if absent. */
int64_t gcam__names_find(const gcam__names *names, const char *text, size_t length);
/* Gives `text` (borrowed) the next number, where `*added` is 1; if it is there already, `*added` is 0. Errors: NOMEM, LIMIT. */
gcam_status gcam__names_add(gcam__names *names, const char *text, size_t length, int *added);
void gcam__names_free(gcam__names *names);

#endif
