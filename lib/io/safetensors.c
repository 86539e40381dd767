/* safetensors: u64 length N, N bytes of JSON, data. Design of the reader: every number is checked against the bytes of the file before
 * it is used; the data ranges must tile the data section exactly, so no byte belongs to two tensors or to none. */
#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/json.h"
#include "io/limits.h"
#include "io/tensor_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    gcam_dtype dtype;
} dtypes[] = {
    {"F32", GCAM_DTYPE_F32}, {"F16", GCAM_DTYPE_F16},   {"BF16", GCAM_DTYPE_BF16}, {"F64", GCAM_DTYPE_F64},
    {"I64", GCAM_DTYPE_I64}, {"I32", GCAM_DTYPE_I32},   {"I16", GCAM_DTYPE_I16},   {"I8", GCAM_DTYPE_I8},
    {"U8", GCAM_DTYPE_U8},   {"BOOL", GCAM_DTYPE_BOOL},
};

typedef struct span {
    uint64_t begin, end;
    size_t entry;
} span;

typedef struct reader {
    gcam_tensor_table *table;
    gcam__json json;
    span *spans; /* one for each entry of the table */
    size_t capacity;
    uint64_t data_start, data_size;
} reader;

/* The three fields of an entry; `seen` has a bit for each. */
typedef struct fields {
    gcam_tensor_entry entry;
    span where;
    unsigned seen;
} fields;

enum { SEEN_DTYPE = 1, SEEN_SHAPE = 2, SEEN_OFFSETS = 4, SEEN_ALL = 7 };

static gcam_status read_dtype(reader *r, fields *f) {
    const char *text;
    size_t at = r->json.cursor.at;
    GCAM_TRY(gcam__json_text(&r->json, &text));
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(text, dtypes[i].name)) continue;
        f->entry.dtype = dtypes[i].dtype;
        return GCAM_OK;
    }
    char shown[32];
    gcam__utf8_show(shown, sizeof shown, text, strlen(text));
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "safetensors", (int64_t)at,
                         "its type is %s; supported are F32, F16, BF16, F64, integers and BOOL", shown);
}

static gcam_status read_shape(reader *r, fields *f) {
    GCAM_TRY(gcam__json_array(&r->json));
    for (int more;;) {
        int64_t at = (int64_t)r->json.cursor.at;
        GCAM_TRY(gcam__json_element(&r->json, &more));
        if (!more) return GCAM_OK;
        uint64_t dim;
        GCAM_TRY(gcam__json_u64(&r->json, &dim));
        if (f->entry.shape.rank == GCAM_MAX_RANK) {
            return gcam__fail_at(GCAM_ERR_LIMIT, "safetensors", at, "it has more than %d dimensions", GCAM_MAX_RANK);
        }
        if (dim > INT64_MAX) return gcam__fail_at(GCAM_ERR_LIMIT, "safetensors", at, "a dimension of %" PRIu64, dim);
        f->entry.shape.dim[f->entry.shape.rank++] = (int64_t)dim;
    }
}

static gcam_status read_offsets(reader *r, fields *f) {
    int64_t at = (int64_t)r->json.cursor.at;
    uint64_t pair[2];
    int more;
    GCAM_TRY(gcam__json_array(&r->json));
    for (int i = 0; i < 2; i++) {
        GCAM_TRY(gcam__json_element(&r->json, &more));
        if (!more) return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", at, "data_offsets are not two numbers");
        GCAM_TRY(gcam__json_u64(&r->json, &pair[i]));
    }
    GCAM_TRY(gcam__json_element(&r->json, &more));
    if (more) return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", at, "data_offsets are not two numbers");
    if (pair[0] > pair[1] || pair[1] > r->data_size) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", at,
                             "data_offsets %" PRIu64 " to %" PRIu64 " lie outside the %" PRIu64
                             " bytes of data in the file%s",
                             pair[0], pair[1], r->data_size, pair[0] <= pair[1] ? "; it is truncated or damaged" : "");
    }
    f->where.begin = pair[0];
    f->where.end = pair[1];
    return GCAM_OK;
}

static gcam_status read_field(reader *r, fields *f, const char *key) {
    static const struct {
        const char *key;
        unsigned bit;
        gcam_status (*read)(reader *, fields *);
    } known[] = {{"dtype", SEEN_DTYPE, read_dtype},
                 {"shape", SEEN_SHAPE, read_shape},
                 {"data_offsets", SEEN_OFFSETS, read_offsets}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(key, known[i].key)) continue;
        if (f->seen & known[i].bit) {
            return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", (int64_t)r->json.cursor.at, "its %s is given twice",
                                 key);
        }
        f->seen |= known[i].bit;
        return known[i].read(r, f);
    }
    char shown[40];
    gcam__utf8_show(shown, sizeof shown, key, strlen(key));
    return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", (int64_t)r->json.cursor.at,
                         "unknown field %s; expected dtype, shape and data_offsets", shown);
}

static gcam_status check_size(const fields *f, int64_t at) {
    int64_t count = gcam_shape_count(&f->entry.shape);
    size_t bytes;
    if (count < 0 || !gcam__size_mul((size_t)count, gcam_dtype_size(f->entry.dtype), &bytes)) {
        return gcam__fail_at(GCAM_ERR_LIMIT, "safetensors", at, "the product of its dimensions overflows");
    }
    if (f->where.end - f->where.begin == bytes) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", at, "its shape needs %zu bytes, data_offsets give it %" PRIu64,
                         bytes, f->where.end - f->where.begin);
}

static gcam_status read_fields(reader *r, fields *f) {
    int64_t at = (int64_t)r->json.cursor.at;
    const char *key;
    GCAM_TRY(gcam__json_object(&r->json));
    for (;;) {
        GCAM_TRY(gcam__json_key(&r->json, &key));
        if (!key) break;
        GCAM_TRY(read_field(r, f, key));
    }
    if (f->seen != SEEN_ALL) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", at, "it lacks dtype, shape or data_offsets");
    }
    return check_size(f, at);
}

static gcam_status read_entry(reader *r, const char *name) {
    int64_t at = (int64_t)r->json.cursor.at;
    fields f = {.entry.name = name};
    if (read_fields(r, &f) != GCAM_OK) {
        char shown[200];
        return gcam__fail_prefix(gcam__utf8_show(shown, sizeof shown, name, strlen(name)));
    }
    f.where.entry = r->table->count;
    f.entry.data = r->table->file.data + r->data_start + f.where.begin;
    gcam__dense_strides(&f.entry.shape, f.entry.stride);
    GCAM_TRY(gcam__grow((void **)&r->spans, r->table->count, &r->capacity, sizeof *r->spans));
    r->spans[r->table->count] = f.where;
    return gcam__tensor_table_put(r->table, &f.entry) == GCAM_OK ? GCAM_OK : gcam__fail_offset(at);
}

static gcam_status read_metadata(reader *r) {
    const char *key, *value;
    GCAM_TRY(gcam__json_object(&r->json));
    for (;;) {
        GCAM_TRY(gcam__json_key(&r->json, &key));
        if (!key) return GCAM_OK;
        GCAM_TRY(gcam__json_text(&r->json, &value));
        if (gcam__tensor_table_put_metadata(r->table, key, value) != GCAM_OK)
            return gcam__fail_offset((int64_t)r->json.cursor.at);
    }
}

static gcam_status read_header(reader *r) {
    const char *key;
    int metadata = 0;
    GCAM_TRY(gcam__json_object(&r->json));
    for (;;) {
        GCAM_TRY(gcam__json_key(&r->json, &key));
        if (!key) return gcam__json_end(&r->json);
        int64_t at = (int64_t)r->json.cursor.at;
        if (strcmp(key, "__metadata__"))
            GCAM_TRY(read_entry(r, key));
        else if (metadata++)
            return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", at, "__metadata__ is given twice");
        else
            GCAM_TRY(read_metadata(r));
    }
}

static int by_place(const void *a, const void *b) {
    const span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The ranges must follow each other without gap or overlap and end with the file. */
static gcam_status check_tiling(reader *r) {
    uint64_t at = 0;
    if (r->table->count > 0) qsort(r->spans, r->table->count, sizeof *r->spans, by_place);
    for (size_t i = 0; i < r->table->count; i++) {
        const span *s = &r->spans[i];
        if (s->begin != at) {
            return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", (int64_t)(r->data_start + s->begin),
                                 "%s: its data begin at %" PRIu64 ", but the tensor before it ends at %" PRIu64,
                                 r->table->entries[s->entry].name, s->begin, at);
        }
        at = s->end;
    }
    if (at == r->data_size) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", (int64_t)(r->data_start + at),
                         "the tensors end %" PRIu64 " bytes before the end of the file", r->data_size - at);
}

static gcam_status safetensors_read(gcam_tensor_table *table) {
    const gcam__file *file = &table->file;
    uint64_t length = gcam__get_u64(file->data);
    if (length > GCAM__MAX_SAFETENSORS_HEADER) {
        return gcam__fail_at(GCAM_ERR_LIMIT, "safetensors", 0, "a header of %" PRIu64 " bytes, at most %d are accepted",
                             length, GCAM__MAX_SAFETENSORS_HEADER);
    }
    if (length > file->size - 8) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "safetensors", 0,
                             "the header claims %" PRIu64 " bytes, the file has %zu; it is truncated", length,
                             file->size - 8);
    }
    reader r = {.table = table, .data_start = 8 + length, .data_size = file->size - 8 - length};
    r.json = (gcam__json){.cursor = {file->data, 8, 8 + (size_t)length}, .arena = &table->arena};
    gcam_status status = read_header(&r);
    if (status == GCAM_OK) status = check_tiling(&r);
    gcam__free(r.spans);
    return status;
}

/* The eight bytes of the length may look like anything; the brace behind them and a possible length do not come by chance. */
static int safetensors_detect(const uint8_t *data, size_t size) {
    return size > 9 && data[8] == '{' && gcam__get_u64(data) < (uint64_t)1 << 40;
}

const gcam__reader gcam__safetensors_reader = {"safetensors", safetensors_detect, safetensors_read};
