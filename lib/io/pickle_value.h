/* What a pickle describes: a tree of values in an arena, whose texts and tensors stay in the file. */
#ifndef GCAM_IO_PICKLE_VALUE_H
#define GCAM_IO_PICKLE_VALUE_H

#include "core/arena.h"
#include "gradcam/io.h"

typedef enum gcam__pickle_kind {
    GCAM__PICKLE_NONE = 0,
    GCAM__PICKLE_BOOL,
    GCAM__PICKLE_INT,
    GCAM__PICKLE_FLOAT,
    GCAM__PICKLE_TEXT,
    GCAM__PICKLE_TUPLE,
    GCAM__PICKLE_LIST,
    GCAM__PICKLE_DICT,
    GCAM__PICKLE_GLOBAL,
    GCAM__PICKLE_STORAGE,
    GCAM__PICKLE_TENSOR
} gcam__pickle_kind;

/* A sequence of values; in a dict keys and values alternate, in the order in which they were set. */
typedef struct gcam__pickle_items {
    struct gcam__pickle_value *at;
    size_t count, capacity;
} gcam__pickle_items;

/* Element type of a storage beyond gcam_dtype: bytes without a type; types that are not supported (complex, quantised). */
enum { GCAM__STORAGE_UNTYPED = -1, GCAM__STORAGE_UNSUPPORTED = -2 };

/* A stretch of memory that tensors look into. */
typedef struct gcam__storage {
    const char *key; /* key_length bytes, in the file */
    size_t key_length;
    int dtype;                        /* a gcam_dtype or GCAM__STORAGE_UNTYPED */
    int64_t count;                    /* elements; bytes where untyped */
    const uint8_t *data;              /* NULL until the reader of the container has found it */
    const struct gcam__storage *root; /* of a view: what it looks into; else NULL */
    int64_t root_offset;              /* of a view: its first element there */
} gcam__storage;

/* A tensor whose elements are known to lie inside its storage. */
typedef struct gcam__pickle_tensor {
    const gcam__storage *storage;
    gcam_dtype dtype;
    int64_t offset; /* in elements */
    gcam_shape shape;
    int64_t stride[GCAM_MAX_RANK];
} gcam__pickle_tensor;

typedef struct gcam__pickle_value {
    gcam__pickle_kind kind;
    uint32_t length; /* of a text */
    union {
        int64_t integer; /* BOOL, INT */
        double real;
        const char *text;
        gcam__pickle_items *items; /* TUPLE, LIST, DICT */
        const struct gcam__global *global;
        const gcam__storage *storage;
        const gcam__pickle_tensor *tensor;
    };
} gcam__pickle_value;

/* "a list", "a whole number", ...: for messages. */
const char *gcam__pickle_kind_name(gcam__pickle_kind kind);
/* Value of a text key of a dict (the last one set); NULL if absent. */
const gcam__pickle_value *gcam__pickle_get(const gcam__pickle_value *dict, const char *key);
/* 1 where the value is this text. */
int gcam__pickle_is_text(const gcam__pickle_value *value, const char *text);
/* Adds to a tuple, list or dict. Errors: NOMEM, LIMIT. */
gcam_status gcam__pickle_append(gcam__pickle_items *items, gcam__arena *arena, const gcam__pickle_value *value);

#endif
