/* Writers of PyTorch's three checkpoint containers, for tests and seeds of fuzzers: byte for byte what torch.save writes where a reader
 * looks, in pieces, so that tests can also write what torch.save never would. */
#ifndef GCAM_TESTS_CHECKPOINTS_H
#define GCAM_TESTS_CHECKPOINTS_H

#include "support/blob.h"

/* ---- pickles ---------------------------------------------------------------------------------------------------------------- */

void pickle_begin(blob *b);
void pickle_text(blob *b, const char *text);
void pickle_int(blob *b, int64_t value);
void pickle_global(blob *b, const char *module, const char *name);
/* OrderedDict() */
void pickle_ordered_dict(blob *b);
/* A tuple of numbers. */
void pickle_ints(blob *b, const int64_t *values, int count);

/* ---- archives --------------------------------------------------------------------------------------------------------------- */

typedef struct zip_part {
    const char *name;
    const void *data;
    size_t size;
} zip_part;

/* A stored archive as torch writes it: sizes only in the directory, descriptors, data at multiples of 64, zip64 end records. */
void zip_write(blob *b, const zip_part *parts, size_t count);
/* One member of a tar archive, padded to 512 bytes; `type` is '0' for a file. */
void tar_member(blob *b, const char *name, char type, const blob *content);
/* Pads a tar archive to a multiple of 10,240 bytes. */
void tar_end(blob *b);

/* ---- checkpoints ------------------------------------------------------------------------------------------------------------ */

typedef struct sample_storage {
    const char *type; /* "Float", "Half", ... */
    int64_t count;    /* elements */
    const void *data;
    size_t bytes;
} sample_storage;

typedef struct sample_tensor {
    const char *name;
    int storage;
    int64_t offset;
    int rank;
    int64_t dim[4], stride[4];
} sample_tensor;

/* How the pickle makes its tensors. */
typedef enum sample_style {
    SAMPLE_REBUILD,   /* _rebuild_tensor, 4 arguments */
    SAMPLE_V2,        /* _rebuild_tensor_v2 */
    SAMPLE_V3,        /* _rebuild_tensor_v3 over untyped storages: float32 only */
    SAMPLE_PARAMETER, /* a Parameter around v2 */
    SAMPLE_KEY        /* a key of the tar container */
} sample_style;

typedef struct sample {
    const sample_storage *storages;
    size_t storage_count;
    const sample_tensor *tensors;
    size_t tensor_count;
    sample_style style;
    const char *prefix;  /* before each name; NULL for none */
    int id_has_view;     /* 1: ids end with a view, None (stream) */
    const char *wrapper; /* key of a dict around the state dict, among other entries; NULL for none */
} sample;

/* Nine tensors over six storages: views, a transposed one, half, bfloat16, double, int64, an empty one. */
extern const sample sample_usual;
/* The values of its tensor number `index` as float32, row-major; returns their number. */
size_t sample_values(size_t index, float *out);

/* The object's pickle. */
void sample_pickle(blob *b, const sample *s);
void sample_zip(blob *b, const sample *s);
void sample_stream(blob *b, const sample *s);
void sample_tar(blob *b, const sample *s);

#endif
