/* Writing safetensors. Design: tensors are ordered by falling element size, so that ranges which touch, as the format demands, are
 * aligned to their elements; the header is padded with spaces so that the data begin at a multiple of 64. Values pass through a small
 * buffer only where they must be converted or gathered. */
#include "core/half.h"
#include "core/memory.h"
#include "core/names.h"
#include "core/status.h"
#include "core/text.h"
#include "core/utf8.h"
#include "io/file.h"
#include "io/limits.h"
#include "io/tensor_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
    [GCAM_DTYPE_F32] = "F32", [GCAM_DTYPE_F16] = "F16",   [GCAM_DTYPE_BF16] = "BF16", [GCAM_DTYPE_F64] = "F64",
    [GCAM_DTYPE_I64] = "I64", [GCAM_DTYPE_I32] = "I32",   [GCAM_DTYPE_I16] = "I16",   [GCAM_DTYPE_I8] = "I8",
    [GCAM_DTYPE_U8] = "U8",   [GCAM_DTYPE_BOOL] = "BOOL",
};

typedef struct item {
    const gcam_tensor_entry *entry;
    gcam_dtype dtype; /* in the file */
    int64_t count;
    size_t place; /* in the caller's order, which is kept among equals */
} item;

static int is_float(gcam_dtype dtype) {
    return dtype == GCAM_DTYPE_F32 || dtype == GCAM_DTYPE_F16 || dtype == GCAM_DTYPE_BF16 || dtype == GCAM_DTYPE_F64;
}

/* ---- what is to be written ---------------------------------------------------------------------------------------------- */

static gcam_status check_entry(const gcam_tensor_entry *entry, item *out) {
    if (!entry->name || !gcam__utf8_printable(entry->name, strlen(entry->name))
        || strlen(entry->name) > GCAM__MAX_NAME) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "safetensors", "a tensor's name is NULL, too long or not printable UTF-8");
    }
    size_t bytes, size = gcam_dtype_size(entry->dtype);
    out->count = gcam_shape_count(&entry->shape);
    if (size == 0 || out->count < 0 || (!entry->data && out->count > 0)
        || !gcam__size_mul((size_t)out->count, 8, &bytes)) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "safetensors", "%s: its type or shape is not valid, or its data is NULL",
                          entry->name);
    }
    return GCAM_OK;
}

static int by_size(const void *a, const void *b) {
    const item *x = a, *y = b;
    size_t p = gcam_dtype_size(x->dtype), q = gcam_dtype_size(y->dtype);
    if (p != q) return p > q ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static gcam_status check_unique(const item *items, size_t count) {
    gcam__names names = {0};
    gcam_status status = GCAM_OK;
    for (size_t i = 0; i < count && status == GCAM_OK; i++) {
        int added = 1;
        const char *name = items[i].entry->name;
        status = gcam__names_add(&names, name, strlen(name), &added);
        if (!added) status = gcam__fail(GCAM_ERR_ARGUMENT, "safetensors", "%s: two tensors have this name", name);
    }
    gcam__names_free(&names);
    return status;
}

static gcam_status collect(item *items, const gcam_tensor_entry *entries, size_t count, gcam_dtype dtype) {
    for (size_t i = 0; i < count; i++) {
        items[i] =
            (item){.entry = &entries[i], .dtype = is_float(entries[i].dtype) ? dtype : entries[i].dtype, .place = i};
        GCAM_TRY(check_entry(&entries[i], &items[i]));
    }
    if (count > 0) qsort(items, count, sizeof *items, by_size);
    return check_unique(items, count);
}

/* ---- header -------------------------------------------------------------------------------------------------------------- */

static gcam_status add_string(gcam__text *json, const char *string) {
    size_t length = string ? strlen(string) : 0;
    if (!string || gcam__utf8_valid(string, length) < length) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "safetensors", "a metadata key or value is NULL or not valid UTF-8");
    }
    gcam__text_add(json, "\"", 1);
    for (const char *c = string, *plain = string;; c++) {
        if ((unsigned char)*c >= 0x20 && *c != '"' && *c != '\\') continue;
        gcam__text_add(json, plain, (size_t)(c - plain));
        if (!*c) break;
        if (*c == '"' || *c == '\\')
            gcam__text_printf(json, "\\%c", *c);
        else if (*c == '\n')
            gcam__text_add(json, "\\n", 2);
        else
            gcam__text_printf(json, "\\u%04x", (unsigned)*c);
        plain = c + 1;
    }
    gcam__text_add(json, "\"", 1);
    return json->status;
}

static gcam_status add_metadata(gcam__text *json, const gcam_metadata *metadata, size_t count) {
    if (count == 0) return GCAM_OK;
    gcam__names keys = {0};
    gcam_status status = GCAM_OK;
    gcam__text_printf(json, "\"__metadata__\":{");
    for (size_t i = 0; i < count && status == GCAM_OK; i++) {
        int added = 1;
        if (i > 0) gcam__text_add(json, ",", 1);
        status = add_string(json, metadata[i].key);
        if (status == GCAM_OK) status = gcam__names_add(&keys, metadata[i].key, strlen(metadata[i].key), &added);
        if (!added)
            status =
                gcam__fail(GCAM_ERR_ARGUMENT, "safetensors", "the metadata key %s is given twice", metadata[i].key);
        gcam__text_add(json, ":", 1);
        if (status == GCAM_OK) status = add_string(json, metadata[i].value);
    }
    gcam__text_printf(json, "}");
    gcam__names_free(&keys);
    return status;
}

static gcam_status add_item(gcam__text *json, const item *it, uint64_t begin, uint64_t end) {
    GCAM_TRY(add_string(json, it->entry->name));
    gcam__text_printf(json, ":{\"dtype\":\"%s\",\"shape\":[", type_names[it->dtype]);
    for (int i = 0; i < it->entry->shape.rank; i++) {
        gcam__text_printf(json, "%s%" PRId64, i > 0 ? "," : "", it->entry->shape.dim[i]);
    }
    gcam__text_printf(json, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
    return json->status;
}

static gcam_status make_header(gcam__text *json, const item *items, size_t count, const gcam_metadata *metadata,
                               size_t metadata_count) {
    uint64_t at = 0;
    gcam__text_add(json, "{", 1);
    GCAM_TRY(add_metadata(json, metadata, metadata_count));
    for (size_t i = 0; i < count; i++) {
        if (json->length > 1) gcam__text_add(json, ",", 1);
        uint64_t end = at + (uint64_t)items[i].count * gcam_dtype_size(items[i].dtype);
        GCAM_TRY(add_item(json, &items[i], at, end));
        at = end;
    }
    gcam__text_add(json, "}", 1);
    while (json->status == GCAM_OK && (8 + json->length) % 64) gcam__text_add(json, " ", 1);
    if (json->status != GCAM_OK || json->length <= GCAM__MAX_SAFETENSORS_HEADER) return json->status;
    return gcam__fail(GCAM_ERR_LIMIT, "safetensors", "the header needs %zu bytes, at most %d are allowed", json->length,
                      GCAM__MAX_SAFETENSORS_HEADER);
}

/* ---- data ---------------------------------------------------------------------------------------------------------------- */

enum { CHUNK = 2048 }; /* elements converted at a time */

/* A finite weight must not become infinite. */
static gcam_status to_half(const item *it, const float *in, size_t count, uint16_t *out) {
    for (size_t i = 0; i < count; i++) {
        out[i] = it->dtype == GCAM_DTYPE_F16 ? gcam__float_to_half(in[i]) : gcam__float_to_bfloat(in[i]);
        float back = it->dtype == GCAM_DTYPE_F16 ? gcam__half_to_float(out[i]) : gcam__bfloat_to_float(out[i]);
        if (isinf(back) && !isinf(in[i])) {
            return gcam__fail(GCAM_ERR_NUMERIC, "safetensors", "%s: the value %g is too large for %s", it->entry->name,
                              (double)in[i], gcam_dtype_name(it->dtype));
        }
    }
    return GCAM_OK;
}

static gcam_status write_chunk(gcam__writer *writer, const item *it, int64_t start, int64_t count) {
    float values[CHUNK];
    uint16_t halves[CHUNK];
    uint8_t bytes[CHUNK * 8];
    size_t size = gcam_dtype_size(it->dtype);
    if (it->dtype == it->entry->dtype) {
        gcam__tensor_entry_bytes(it->entry, start, count, bytes);
        return gcam__writer_write(writer, bytes, (size_t)count * size);
    }
    gcam__tensor_entry_floats(it->entry, start, count, values);
    if (it->dtype == GCAM_DTYPE_F32) return gcam__writer_write(writer, values, (size_t)count * size);
    GCAM_TRY(to_half(it, values, (size_t)count, halves));
    return gcam__writer_write(writer, halves, (size_t)count * size);
}

static gcam_status write_item(gcam__writer *writer, const item *it) {
    if (it->dtype == it->entry->dtype && gcam__tensor_entry_is_dense(it->entry)) {
        return gcam__writer_write(writer, it->entry->data, (size_t)it->count * gcam_dtype_size(it->dtype));
    }
    for (int64_t at = 0; at < it->count; at += CHUNK) {
        GCAM_TRY(write_chunk(writer, it, at, it->count - at < CHUNK ? it->count - at : CHUNK));
    }
    return GCAM_OK;
}

static gcam_status write_all(gcam__writer *writer, const gcam__text *json, const item *items, size_t count) {
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)json->length >> 8 * i);
    GCAM_TRY(gcam__writer_write(writer, length, sizeof length));
    GCAM_TRY(gcam__writer_write(writer, json->data, json->length));
    for (size_t i = 0; i < count; i++) GCAM_TRY(write_item(writer, &items[i]));
    return GCAM_OK;
}

static gcam_status write_file(const char *path, const gcam__text *json, const item *items, size_t count) {
    gcam__writer *writer;
    GCAM_TRY(gcam__writer_open(&writer, path));
    gcam_status status = write_all(writer, json, items, count);
    if (status == GCAM_OK) return gcam__writer_commit(writer);
    gcam__writer_abort(writer);
    return status;
}

gcam_status gcam_safetensors_write(const char *path, const gcam_tensor_entry *entries, size_t count,
                                   const gcam_metadata *metadata, size_t metadata_count, gcam_dtype dtype) {
    if (!path || (!entries && count > 0) || (!metadata && metadata_count > 0)) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "safetensors", "the path, the entries or the metadata are NULL");
    }
    if (!is_float(dtype) || dtype == GCAM_DTYPE_F64) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "safetensors",
                          "floats can be written as float32, float16 or bfloat16, not as %s", gcam_dtype_name(dtype));
    }
    if (count > GCAM__MAX_TENSORS) {
        return gcam__fail(GCAM_ERR_LIMIT, "safetensors", "%zu tensors, at most %d are accepted", count,
                          GCAM__MAX_TENSORS);
    }
    item *items = gcam__calloc(count, sizeof *items);
    if (!items) return GCAM_ERR_NOMEM;
    gcam__text json = {0};
    gcam_status status = collect(items, entries, count, dtype);
    if (status == GCAM_OK) status = make_header(&json, items, count, metadata, metadata_count);
    if (status == GCAM_OK) status = write_file(path, &json, items, count);
    gcam__text_free(&json);
    gcam__free(items);
    return status;
}
