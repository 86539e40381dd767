/**
 * @file io.h
 * Files to named tensors and images, and back. Readers detect the kind of file by its content and execute nothing in it.
 */
#ifndef GRADCAM_IO_H
#define GRADCAM_IO_H

#include "gradcam/core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- checkpoints ------------------------------------------------------------------------------------------------------ */

/** Element types that checkpoints hold. */
typedef enum gcam_dtype {
    GCAM_DTYPE_F32 = 0,
    GCAM_DTYPE_F16,
    GCAM_DTYPE_BF16,
    GCAM_DTYPE_F64,
    GCAM_DTYPE_I64,
    GCAM_DTYPE_I32,
    GCAM_DTYPE_I16,
    GCAM_DTYPE_I8,
    GCAM_DTYPE_U8,
    GCAM_DTYPE_BOOL
} gcam_dtype;

/** Bytes of one element; 0 for other numbers. */
GCAM_API size_t gcam_dtype_size(gcam_dtype dtype);
/** "float32", "bfloat16", ... A static string. */
GCAM_API const char *gcam_dtype_name(gcam_dtype dtype);

/** Name to tensor, read-only, mapped from a file where possible. Shared by any number of threads. */
typedef struct gcam_tensor_table gcam_tensor_table;

/** One tensor of a table. Pointers are borrowed from the table. Strides count elements. */
typedef struct gcam_tensor_entry {
    const char *name;
    gcam_dtype dtype;
    gcam_shape shape;
    int64_t stride[GCAM_MAX_RANK];
    const void *data; /**< first element; not necessarily aligned */
} gcam_tensor_entry;

/**
 * Opens a PyTorch state dict (zip, older stream, oldest tar) or a safetensors file. `module.` prefixes are dropped, and
 * `state_dict` or `model` dicts inside are opened. Errors: IO, FORMAT (with the byte offset), UNSUPPORTED, LIMIT, NOMEM.
 */
GCAM_API gcam_status gcam_tensor_table_open(gcam_tensor_table **out, const char *path);
/** The same from a buffer, which is borrowed and must outlive the table. */
GCAM_API gcam_status gcam_tensor_table_open_memory(gcam_tensor_table **out, const void *data, size_t size);
/** An empty table to fill with gcam_tensor_table_add(). */
GCAM_API gcam_status gcam_tensor_table_create(gcam_tensor_table **out);
/** Adds a copy of `data` (gcam_shape_count() floats) under a new name. Only for tables from gcam_tensor_table_create(). */
GCAM_API gcam_status gcam_tensor_table_add(gcam_tensor_table *table, const char *name, const gcam_shape *shape,
                                           const float *data);
/** Frees a table; NULL is fine. Not while a network uses the table. */
GCAM_API void gcam_tensor_table_free(gcam_tensor_table *table);

/** Number of tensors. */
GCAM_API size_t gcam_tensor_table_count(const gcam_tensor_table *table);
/** Entry by position, in the file's order; NULL past the end. */
GCAM_API const gcam_tensor_entry *gcam_tensor_table_at(const gcam_tensor_table *table, size_t index);
/** Entry by name; NULL if there is none. */
GCAM_API const gcam_tensor_entry *gcam_tensor_table_find(const gcam_tensor_table *table, const char *name);
/** "safetensors", "torch zip", "torch stream", "torch tar" or "memory". A static string. */
GCAM_API const char *gcam_tensor_table_format(const gcam_tensor_table *table);
/** Value of a key of safetensors' `__metadata__`; NULL if absent. */
GCAM_API const char *gcam_tensor_table_metadata(const gcam_tensor_table *table, const char *key);
/** The same by position: 1 and key and value, or 0 past the end. */
GCAM_API int gcam_tensor_table_metadata_at(const gcam_tensor_table *table, size_t index, const char **key,
                                           const char **value);

/** Writes one entry's values as float32 to `out` (gcam_shape_count() floats), in row-major order. */
GCAM_API void gcam_tensor_entry_read(const gcam_tensor_entry *entry, float *out);

/** A key and its text, for gcam_safetensors_write(). */
typedef struct gcam_metadata {
    const char *key;
    const char *value;
} gcam_metadata;

/**
 * Writes `count` entries and metadata to a safetensors file: to a temporary file beside `path`, then renamed. Float tensors are
 * converted to `dtype` (GCAM_DTYPE_F32, F16 or BF16); others keep their type. Data starts at a multiple of 64.
 * Errors: IO, ARGUMENT, NOMEM.
 */
GCAM_API gcam_status gcam_safetensors_write(const char *path, const gcam_tensor_entry *entries, size_t count,
                                            const gcam_metadata *metadata, size_t metadata_count, gcam_dtype dtype);

/** Writes a tensor as NumPy .npy, float32, to a temporary file that is then renamed. Errors: IO, NOMEM. */
GCAM_API gcam_status gcam_npy_save(const char *path, const gcam_tensor *tensor);
/** Reads a .npy of float32 or float64, C order. Errors: IO, FORMAT, UNSUPPORTED, NOMEM. */
GCAM_API gcam_status gcam_npy_load(gcam_tensor **out, const char *path);

/* ---- images ------------------------------------------------------------------------------------------------------------ */

/** An 8-bit RGB picture, row-major, no padding between rows. */
typedef struct gcam_image {
    int width;
    int height;
    uint8_t *pixels; /**< 3 * width * height bytes: R G B of row 0, column 0, then column 1, ... */
} gcam_image;

/** How the caller's own pixels are stored, for gcam_image_from_pixels(). */
typedef enum gcam_pixel_format {
    GCAM_PIXELS_RGB = 0,
    GCAM_PIXELS_BGR,
    GCAM_PIXELS_GREY,
    GCAM_PIXELS_RGBA, /**< alpha is dropped, not composited */
    GCAM_PIXELS_BGRA
} gcam_pixel_format;

/** Options of the image readers. Zero fields mean the defaults. */
typedef struct gcam_image_options {
    size_t struct_size;
    int ignore_exif; /**< 1: EXIF orientation is not applied (as torchvision's default loader) */
} gcam_image_options;

/** Fills in the defaults. */
GCAM_API void gcam_image_options_defaults(gcam_image_options *options);

/** Largest side that the readers accept. */
#define GCAM_IMAGE_MAX_SIDE 16384
/** Largest number of pixels that the readers accept. */
#define GCAM_IMAGE_MAX_PIXELS (64 * 1000 * 1000)

/** What decodes pictures in this build: "libjpeg-turbo 2.1.5 (JPEG), stb_image (PNG), own reader (BMP)". A static string. */
GCAM_API const char *gcam_image_readers(void);

/** New black picture. Errors: ARGUMENT, LIMIT, NOMEM. */
GCAM_API gcam_status gcam_image_create(gcam_image **out, int width, int height);
/** Reads JPEG, PNG or BMP; grey is replicated, alpha dropped, 16 bits reduced to 8, EXIF orientation applied. Errors: IO, FORMAT,
 * UNSUPPORTED, LIMIT, NOMEM. */
GCAM_API gcam_status gcam_image_load(gcam_image **out, const char *path);
/** The same with options; NULL options are the defaults. */
GCAM_API gcam_status gcam_image_load_with(gcam_image **out, const char *path, const gcam_image_options *options);
/** The same from an encoded file in memory. */
GCAM_API gcam_status gcam_image_load_memory(gcam_image **out, const void *data, size_t size,
                                            const gcam_image_options *options);
/** Copies the caller's pixels; `stride` is bytes from one row to the next, negative for bottom-up pictures, 0 for packed rows. */
GCAM_API gcam_status gcam_image_from_pixels(gcam_image **out, const uint8_t *pixels, int width, int height,
                                            ptrdiff_t stride, gcam_pixel_format format);
/** Writes PNG (or BMP where the path ends in .bmp) to a temporary file that is then renamed. Errors: IO, ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_image_save(const gcam_image *image, const char *path);
/** The same, PNG only, with text chunks (key, value; Latin-1 or UTF-8) for provenance. */
GCAM_API gcam_status gcam_image_save_with_text(const gcam_image *image, const char *path, const gcam_metadata *text,
                                               size_t text_count);
/** Frees a picture; NULL is fine. */
GCAM_API void gcam_image_free(gcam_image *image);

/** Resizes as Pillow's BILINEAR filter does (antialiased when shrinking), bit for bit. Errors: ARGUMENT, LIMIT, NOMEM. */
GCAM_API gcam_status gcam_image_resize(gcam_image **out, const gcam_image *image, int width, int height);

#ifdef __cplusplus
}
#endif
#endif
