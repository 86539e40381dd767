/* Structs of options whose first field is `size_t struct_size`. */
#ifndef GCAM_CORE_OPTIONS_H
#define GCAM_CORE_OPTIONS_H

#include "gradcam/core.h"

/* Copies the caller's options over `to`, which holds the defaults in `size` bytes; a caller compiled when the struct was shorter
 * leaves the newer fields as they are. NULL options change nothing. Errors: ARGUMENT (struct_size is zero or too large). */
gcam_status gcam__options_take(void *to, size_t size, const void *options, const char *where);

#endif
