/* The closed list of names that a pickle may use, and what each stands for. */
#ifndef GCAM_IO_PICKLE_NAMES_H
#define GCAM_IO_PICKLE_NAMES_H

#include "io/pickle_value.h"

typedef enum gcam__global_kind {
    GCAM__GLOBAL_ORDERED_DICT,
    GCAM__GLOBAL_REBUILD_TENSOR,
    GCAM__GLOBAL_REBUILD_TENSOR_V2,
    GCAM__GLOBAL_REBUILD_TENSOR_V3,
    GCAM__GLOBAL_REBUILD_PARAMETER,
    GCAM__GLOBAL_PARAMETER,
    GCAM__GLOBAL_SIZE,
    GCAM__GLOBAL_STORAGE,     /* type tag of a persistent id */
    GCAM__GLOBAL_TENSOR_TYPE, /* type tag in the tar container */
    GCAM__GLOBAL_DTYPE        /* argument of rebuild_tensor_v3 */
} gcam__global_kind;

typedef struct gcam__global {
    const char *module, *name;
    gcam__global_kind kind;
    int dtype; /* of the last three kinds: a gcam_dtype, GCAM__STORAGE_UNTYPED or GCAM__STORAGE_UNSUPPORTED */
} gcam__global;

/* The row of a name. Errors: UNSUPPORTED, with a sentence that says what such a file usually is. `at` is for the error. */
gcam_status gcam__global_find(const gcam__global **out, const char *module, size_t module_length, const char *name,
                              size_t name_length, size_t at);

/* What `callable(*arguments)` yields; nothing is run. Errors: FORMAT (arguments that do not fit), UNSUPPORTED, LIMIT, NOMEM. */
gcam_status gcam__global_call(gcam__pickle_value *out, const gcam__global *callable,
                              const gcam__pickle_items *arguments, gcam__arena *arena);

/* Puts a tensor together after checking that all of its elements lie inside the storage. Errors: FORMAT, UNSUPPORTED, NOMEM. */
gcam_status gcam__pickle_tensor_make(gcam__pickle_value *out, const gcam__pickle_tensor *tensor, gcam__arena *arena);

#endif
