/* Structs of options across versions of the library. */
#include "core/options.h"

#include "core/status.h"

#include <string.h>

gcam_status gcam__options_take(void *to, size_t size, const void *options, const char *where) {
    if (options == NULL) return GCAM_OK;
    size_t given;
    memcpy(&given, options, sizeof given);
    if (given < sizeof given || given > size)
        return gcam__fail(GCAM_ERR_ARGUMENT, where,
                          "options: struct_size is %zu, expected %zu (use the _defaults function)", given, size);
    memcpy(to, options, given);
    return GCAM_OK;
}
