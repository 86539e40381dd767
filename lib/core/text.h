/* Text that grows. The first failure is kept and later calls do nothing, so only the end needs a check. Zero-initialise it. */
#ifndef GCAM_CORE_TEXT_H
#define GCAM_CORE_TEXT_H

#include "gradcam/core.h"

typedef struct gcam__text {
    char *data; /* from gcam__alloc, with a zero at the end; NULL while empty */
    size_t length, capacity;
    gcam_status status;
} gcam__text;

void gcam__text_add(gcam__text *text, const char *bytes, size_t length);
void gcam__text_printf(gcam__text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gcam__text_free(gcam__text *text);

#endif
