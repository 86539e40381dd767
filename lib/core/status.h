/* Errors: one sentence per failure, kept per thread. */
#ifndef GCAM_CORE_STATUS_H
#define GCAM_CORE_STATUS_H

#include "gradcam/core.h"

/* Records an error for the calling thread and returns `status`, so that a function ends with
 * `return gcam__fail(GCAM_ERR_FORMAT, "zip", "entry %s: ...", name)`. */
gcam_status gcam__fail(gcam_status status, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the byte offset in the file at fault. */
gcam_status gcam__fail_at(gcam_status status, const char *where, int64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the current message, as a path before what is wrong with the file. Returns the error's status. */
gcam_status gcam__fail_prefix(const char *prefix);

/* Gives the current error a byte offset if it has none yet. Returns the error's status. */
gcam_status gcam__fail_offset(int64_t offset);

/* Returns from the calling function when a call fails. */
#define GCAM_TRY(call)                                            \
    do {                                                          \
        gcam_status gcam__try_status = (call);                    \
        if (gcam__try_status != GCAM_OK) return gcam__try_status; \
    } while (0)

#endif
