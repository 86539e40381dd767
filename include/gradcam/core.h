/**
 * @file core.h
 * The words that every other header uses: status and error, allocator, shape, tensor.
 *
 * Conventions of the whole API. Fallible functions return a gcam_status: 0 (GCAM_OK) is success, errors are negative, and
 * gcam_last_error() says in one sentence what was wrong. Objects come from `_create`, `_load`, `_open` through a first
 * argument `T **out`, which is set to NULL on failure; they go with `_free`, which accepts NULL. Getters return borrowed
 * pointers. Structs of options begin with `struct_size`; a field that is zero means its default; NULL for the whole struct
 * means all defaults. Nothing here prints, exits, aborts or reads the environment.
 */
#ifndef GRADCAM_CORE_H
#define GRADCAM_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* GCAM_API marks what the library exports, GCAM_NODISCARD results that must be looked at. */
#if defined(__GNUC__)
#define GCAM_API __attribute__((visibility("default")))
#define GCAM_NODISCARD __attribute__((warn_unused_result))
#else
#define GCAM_API
#define GCAM_NODISCARD
#endif

/** Version of the library, as numbers for the preprocessor; gcam_version() gives the text of the library that is linked. */
#define GCAM_VERSION_MAJOR 0
#define GCAM_VERSION_MINOR 1
#define GCAM_VERSION_PATCH 0

/** Every status with its value and its sentence, so that the enum and the text cannot drift apart. */
#define GCAM_STATUS_MAP(X)                                                            \
    X(OK, 0, "no error")                                                              \
    X(ERR_ARGUMENT, -1, "an argument is missing or out of range")                     \
    X(ERR_NOMEM, -2, "out of memory")                                                 \
    X(ERR_IO, -3, "a file cannot be opened, read or written")                         \
    X(ERR_FORMAT, -4, "a file is damaged or is not what its first bytes claim")       \
    X(ERR_UNSUPPORTED, -5, "the input is valid, but this version does not handle it") \
    X(ERR_SHAPE, -6, "shapes do not fit together")                                    \
    X(ERR_NOT_FOUND, -7, "no such layer, class, method, tensor or file entry")        \
    X(ERR_NUMERIC, -8, "NaN or infinity in weights, input or result")                 \
    X(ERR_CANCELED, -9, "the call was canceled")                                      \
    X(ERR_LIMIT, -10, "a safety limit was exceeded")                                  \
    X(ERR_STATE, -11, "the call does not fit the object's state")

/** Result of every fallible function. */
typedef enum gcam_status {
#define GCAM_STATUS_ENUM(name, value, text) GCAM_##name = (value),
    GCAM_STATUS_MAP(GCAM_STATUS_ENUM)
#undef GCAM_STATUS_ENUM
} gcam_status;

/** What went wrong last in the calling thread. */
typedef struct gcam_error {
    gcam_status status; /**< GCAM_OK if nothing failed yet in this thread */
    int64_t offset;     /**< byte offset in the file at fault; -1 where no offset applies */
    char where[64];     /**< the function or reader that noticed */
    char message[512];  /**< one sentence: the thing, what was found, what was expected */
} gcam_error;

/** The calling thread's last error. Never NULL; valid until the thread's next failing call. Thread-safe. */
GCAM_API const gcam_error *gcam_last_error(void);

/** The general sentence for a status ("out of memory"); "unknown status" for other numbers. A static string. */
GCAM_API const char *gcam_status_text(gcam_status status);

/** The name of a status without its prefix ("ERR_NOMEM"); "?" for other numbers. A static string. */
GCAM_API const char *gcam_status_name(gcam_status status);

/** Version of the linked library, such as "0.1.0". A static string. */
GCAM_API const char *gcam_version(void);

/** The best instruction set that this processor and the library share: "AVX-512", "AVX2 + FMA", "NEON" or "plain C". A static string. */
GCAM_API const char *gcam_cpu_name(void);

/** Processors that affinity and the container's limits allow this process: the number of threads a session takes by itself. */
GCAM_API int gcam_cpu_count(void);

/** Which kernels a session may use. All give the same results within rounding. */
typedef enum gcam_kernels {
    GCAM_KERNELS_AUTO = 0, /**< the fastest for this processor */
    GCAM_KERNELS_BLAS = 1, /**< im2col and OpenBLAS */
    GCAM_KERNELS_PLAIN = 2 /**< portable C loops */
} gcam_kernels;

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

/**
 * Where memory comes from. `resize` is not needed: the library never grows a block in place.
 * `allocate` returns at least `size` bytes aligned to 16, or NULL. Both may be called from any thread that uses an object
 * made under this allocator.
 */
typedef struct gcam_allocator {
    void *(*allocate)(size_t size, void *context);
    void (*release)(void *block, size_t size, void *context);
    void *context;
} gcam_allocator;

/**
 * Sets the allocator for all objects that the *calling thread* makes from now on; NULL returns to malloc.
 * Each block remembers where it came from, so objects may be freed at any later time and from any thread.
 * `allocator` is copied; its context must outlive every object made under it.
 */
GCAM_API void gcam_allocator_set(const gcam_allocator *allocator);

/** Numbers kept by a counting allocator; see gcam_allocator_count(). */
typedef struct gcam_memory_count {
    size_t allocations; /**< calls of allocate so far */
    size_t releases;    /**< calls of release so far */
    size_t bytes;       /**< bytes alive now */
    size_t peak;        /**< most bytes alive at once */
} gcam_memory_count;

/** Makes the calling thread allocate from malloc and count into `count` (atomically; it must outlive the objects). */
GCAM_API void gcam_allocator_count(gcam_memory_count *count);

/* ---- names ----------------------------------------------------------------------------------------------------------- */

/** Name number `index` of a list; NULL past its end. */
typedef const char *(*gcam_name_at_fn)(const void *list, size_t index);

/** "Did you mean ...?": the name of the list with the fewest single-character edits from `wanted`, without regard to case; NULL
 * where none is near (more than a third of its characters differ) or `wanted` is NULL. */
GCAM_API const char *gcam_suggest(const char *wanted, gcam_name_at_fn name_at, const void *list);

/* ---- tensors --------------------------------------------------------------------------------------------------------- */

/** Most dimensions a tensor can have. */
#define GCAM_MAX_RANK 8

/** Sizes of a tensor, outermost first. Images and activations are N C H W. rank 0 is a scalar. */
typedef struct gcam_shape {
    int rank;
    int64_t dim[GCAM_MAX_RANK];
} gcam_shape;

/** A dense float32 tensor in row-major order. `data` belongs to the tensor where it was made by gcam_tensor_create(). */
typedef struct gcam_tensor {
    gcam_shape shape;
    float *data;
    int owns; /**< 1: gcam_tensor_free() releases data; 0: a view */
} gcam_tensor;

/** Shape of rank 4. */
GCAM_API gcam_shape gcam_shape_nchw(int64_t n, int64_t c, int64_t h, int64_t w);

/** Number of elements; 1 for rank 0; -1 if a size is negative or the product leaves int64_t. */
GCAM_API int64_t gcam_shape_count(const gcam_shape *shape);

/** 1 where rank and all sizes are equal. */
GCAM_API int gcam_shape_equal(const gcam_shape *a, const gcam_shape *b);

/** New tensor filled with zeros. Errors: ARGUMENT (bad shape), LIMIT (size overflow), NOMEM. */
GCAM_API gcam_status gcam_tensor_create(gcam_tensor **out, const gcam_shape *shape);

/** New tensor that looks at the caller's `data` (gcam_shape_count() floats), which must outlive it. Errors: ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_tensor_view(gcam_tensor **out, const gcam_shape *shape, float *data);

/** Frees a tensor; NULL is fine. */
GCAM_API void gcam_tensor_free(gcam_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
