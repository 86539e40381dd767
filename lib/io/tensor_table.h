/* The inside of a tensor table, for the readers that fill it. */
#ifndef GCAM_IO_TENSOR_TABLE_H
#define GCAM_IO_TENSOR_TABLE_H

#include "core/arena.h"
#include "core/names.h"
#include "gradcam/io.h"
#include "io/file.h"

struct gcam_tensor_table {
    const char *format;
    gcam__file file;
    gcam__arena arena; /* names, metadata, copied data */
    gcam_tensor_entry *entries;
    size_t count, capacity;
    gcam__names names; /* numbers are places in entries */
    gcam_metadata *metadata;
    size_t metadata_count, metadata_capacity;
    gcam__names metadata_names;
};

/* A kind of checkpoint file. */
typedef struct gcam__reader {
    const char *format; /* for gcam_tensor_table_format() */
    int (*detect)(const uint8_t *data, size_t size);
    gcam_status (*read)(
        gcam_tensor_table *table); /* from table->file; leaves what it made in the table even if it fails */
} gcam__reader;

extern const gcam__reader gcam__safetensors_reader, gcam__torch_zip_reader, gcam__torch_stream_reader,
    gcam__torch_tar_reader;

/* Adds an entry; its name and data must live as long as the table. Errors: FORMAT (name not fit to be one, or there already),
 * LIMIT, NOMEM. */
gcam_status gcam__tensor_table_put(gcam_tensor_table *table, const gcam_tensor_entry *entry);
/* Adds a key and a value that live as long as the table. Errors: FORMAT (key there already), NOMEM. */
gcam_status gcam__tensor_table_put_metadata(gcam_tensor_table *table, const char *key, const char *value);

/* Tells the system that these bytes of the table's file will hardly be read again: the process' memory shrinks, reading them is still
 * allowed. Nothing happens to bytes that are not mapped from a file. `table` is a const gcam_tensor_table *. */
void gcam__tensor_table_forget(const void *table, const void *data, size_t size);

/* Strides of a dense row-major tensor, in elements. */
void gcam__dense_strides(const gcam_shape *shape, int64_t stride[GCAM_MAX_RANK]);
/* 1 where the elements lie in row-major order without gaps. */
int gcam__tensor_entry_is_dense(const gcam_tensor_entry *entry);
/* Elements start .. start+count-1 in row-major order: as float32, or as they are. */
void gcam__tensor_entry_floats(const gcam_tensor_entry *entry, int64_t start, int64_t count, float *out);
void gcam__tensor_entry_bytes(const gcam_tensor_entry *entry, int64_t start, int64_t count, void *out);

#endif
