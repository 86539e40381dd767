/* The tensor table. Design: entries in the file's order with a hash index; names and small things in one arena; data stays where it
 * is, in the mapping. The kinds of files are the rows of one table; a file is recognised by its content alone. */
#include "io/tensor_table.h"

#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/foreign.h"
#include "io/limits.h"

#include <string.h>

static const gcam__reader *const readers[] = {
    &gcam__torch_zip_reader,
    &gcam__torch_stream_reader,
    &gcam__torch_tar_reader,
    &gcam__safetensors_reader,
};

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

gcam_status gcam_tensor_table_create(gcam_tensor_table **out) {
    if (!out) return gcam__fail(GCAM_ERR_ARGUMENT, "tensor_table", "the place for the table is NULL");
    *out = gcam__calloc(1, sizeof **out);
    if (!*out) return GCAM_ERR_NOMEM;
    (*out)->format = "memory";
    return GCAM_OK;
}

void gcam_tensor_table_free(gcam_tensor_table *table) {
    if (!table) return;
    gcam__names_free(&table->names);
    gcam__names_free(&table->metadata_names);
    gcam__free(table->entries);
    gcam__free(table->metadata);
    gcam__arena_free(&table->arena);
    gcam__file_unmap(&table->file);
    gcam__free(table);
}

static gcam_status read_file(gcam_tensor_table *table) {
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        if (!readers[i]->detect(table->file.data, table->file.size)) continue;
        table->format = readers[i]->format;
        return readers[i]->read(table);
    }
    return gcam__refuse_foreign(table->file.data, table->file.size);
}

/* Fills a new table from a file that is open, or passes on the error that opening met. */
static gcam_status open_file(gcam_tensor_table **out, gcam_tensor_table *table, gcam_status status) {
    if (status == GCAM_OK) status = read_file(table);
    if (status == GCAM_OK)
        *out = table;
    else
        gcam_tensor_table_free(table);
    return status;
}

gcam_status gcam_tensor_table_open(gcam_tensor_table **out, const char *path) {
    gcam_tensor_table *table;
    GCAM_TRY(gcam_tensor_table_create(out));
    table = *out;
    *out = NULL;
    gcam_status mapped = gcam__file_map(&table->file, path);
    gcam_status status = open_file(out, table, mapped);
    return status != GCAM_OK && mapped == GCAM_OK ? gcam__fail_prefix(path) : status;
}

gcam_status gcam_tensor_table_open_memory(gcam_tensor_table **out, const void *data, size_t size) {
    gcam_tensor_table *table;
    GCAM_TRY(gcam_tensor_table_create(out));
    table = *out;
    *out = NULL;
    return open_file(out, table, gcam__file_borrow(&table->file, data, size));
}

void gcam__tensor_table_forget(const void *table, const void *data, size_t size) {
    gcam__file_forget(&((const gcam_tensor_table *)table)->file, data, size);
}

/* ---- filling ----------------------------------------------------------------------------------------------------------- */

/* Names end up in messages and on terminals. */
static gcam_status check_name(const char *name, size_t length) {
    char shown[80];
    gcam__utf8_show(shown, sizeof shown, name, length);
    if (length > GCAM__MAX_NAME) {
        return gcam__fail(GCAM_ERR_LIMIT, "tensor_table", "the name %s... has %zu bytes, at most %d are accepted",
                          shown, length, GCAM__MAX_NAME);
    }
    if (gcam__utf8_printable(name, length)) return GCAM_OK;
    return gcam__fail(GCAM_ERR_FORMAT, "tensor_table", "the name %s is not printable UTF-8", shown);
}

gcam_status gcam__tensor_table_put(gcam_tensor_table *table, const gcam_tensor_entry *entry) {
    size_t length = strlen(entry->name);
    GCAM_TRY(check_name(entry->name, length));
    if (table->count == GCAM__MAX_TENSORS) {
        return gcam__fail(GCAM_ERR_LIMIT, "tensor_table", "more than %d tensors", GCAM__MAX_TENSORS);
    }
    GCAM_TRY(gcam__grow((void **)&table->entries, table->count, &table->capacity, sizeof *table->entries));
    int added;
    GCAM_TRY(gcam__names_add(&table->names, entry->name, length, &added));
    if (!added) return gcam__fail(GCAM_ERR_FORMAT, "tensor_table", "%s: two tensors have this name", entry->name);
    table->entries[table->count++] = *entry;
    return GCAM_OK;
}

gcam_status gcam__tensor_table_put_metadata(gcam_tensor_table *table, const char *key, const char *value) {
    GCAM_TRY(gcam__grow((void **)&table->metadata, table->metadata_count, &table->metadata_capacity,
                        sizeof *table->metadata));
    int added;
    GCAM_TRY(gcam__names_add(&table->metadata_names, key, strlen(key), &added));
    if (!added) {
        char shown[80];
        gcam__utf8_show(shown, sizeof shown, key, strlen(key));
        return gcam__fail(GCAM_ERR_FORMAT, "tensor_table", "the metadata key %s occurs twice", shown);
    }
    table->metadata[table->metadata_count++] = (gcam_metadata){key, value};
    return GCAM_OK;
}

gcam_status gcam_tensor_table_add(gcam_tensor_table *table, const char *name, const gcam_shape *shape,
                                  const float *data) {
    if (!table || !name || !shape) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "tensor_table", "the table, the name or the shape is NULL");
    }
    if (table->file.data) return gcam__fail(GCAM_ERR_STATE, "tensor_table", "%s: tables of files are read-only", name);
    int64_t count = shape->rank >= 0 && shape->rank <= GCAM_MAX_RANK ? gcam_shape_count(shape) : -1;
    size_t bytes;
    if (count < 0 || (!data && count > 0) || !gcam__size_mul((size_t)count, sizeof *data, &bytes)) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "tensor_table", "%s: the shape is not valid or the data is NULL", name);
    }
    if (gcam_tensor_table_find(table, name)) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "tensor_table", "%s: the table has a tensor of this name", name);
    }
    gcam_tensor_entry entry = {.dtype = GCAM_DTYPE_F32, .shape = *shape};
    entry.name = gcam__arena_strndup(&table->arena, name, strlen(name));
    void *copy = gcam__arena_alloc(&table->arena, bytes);
    if (!entry.name || !copy) return GCAM_ERR_NOMEM;
    if (bytes > 0) memcpy(copy, data, bytes);
    entry.data = copy;
    gcam__dense_strides(shape, entry.stride);
    return gcam__tensor_table_put(table, &entry);
}

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

size_t gcam_tensor_table_count(const gcam_tensor_table *table) {
    return table->count;
}

const gcam_tensor_entry *gcam_tensor_table_at(const gcam_tensor_table *table, size_t index) {
    return index < table->count ? &table->entries[index] : NULL;
}

const gcam_tensor_entry *gcam_tensor_table_find(const gcam_tensor_table *table, const char *name) {
    int64_t index = gcam__names_find(&table->names, name, strlen(name));
    return index >= 0 ? &table->entries[index] : NULL;
}

const char *gcam_tensor_table_format(const gcam_tensor_table *table) {
    return table->format;
}

const char *gcam_tensor_table_metadata(const gcam_tensor_table *table, const char *key) {
    int64_t index = gcam__names_find(&table->metadata_names, key, strlen(key));
    return index >= 0 ? table->metadata[index].value : NULL;
}

int gcam_tensor_table_metadata_at(const gcam_tensor_table *table, size_t index, const char **key, const char **value) {
    if (index >= table->metadata_count) return 0;
    *key = table->metadata[index].key;
    *value = table->metadata[index].value;
    return 1;
}
