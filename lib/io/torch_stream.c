/* PyTorch's stream container (torch.save from early 2017 to 1.5): five pickles (magic number, protocol version, system, the object, the
 * list of storage keys), then for each key of that list the number of elements (int64) and the elements. */
#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/torch.h"

#include <inttypes.h>
#include <string.h>

/* The pickled magic number 0x1950A86A20F9469CFC6C, which is too large for our whole numbers, and the protocol version 1001. */
static const uint8_t magic[] = {0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};

enum { PROTOCOL = 1001 };

static gcam_status check_protocol(gcam__cursor *cursor, gcam__arena *arena) {
    gcam__pickle_value v;
    int64_t at = (int64_t)cursor->at;
    GCAM_TRY(gcam__pickle_read(&v, cursor, arena, NULL, NULL));
    if (v.kind == GCAM__PICKLE_INT && v.integer == PROTOCOL) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "torch_stream", at, "a stream of another protocol than %d", PROTOCOL);
}

/* {protocol_version, little_endian, type_sizes}: only the byte order matters, as numbers of elements are always int64. */
gcam_status gcam__torch_check_system(gcam__cursor *cursor, gcam__arena *arena) {
    gcam__pickle_value v;
    int64_t at = (int64_t)cursor->at;
    GCAM_TRY(gcam__pickle_read(&v, cursor, arena, NULL, NULL));
    const gcam__pickle_value *little = v.kind == GCAM__PICKLE_DICT ? gcam__pickle_get(&v, "little_endian") : NULL;
    if (!little || little->kind != GCAM__PICKLE_BOOL) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_stream", at,
                             "the description of the writing system lacks little_endian");
    }
    if (little->integer) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "torch_stream", at,
                         "the file was written on a big-endian machine, which is not supported");
}

/* The elements of a storage: an int64 that repeats their number, then the bytes. */
gcam_status gcam__torch_take_data(gcam__cursor *cursor, gcam__storage *storage) {
    char shown[40];
    int64_t at = (int64_t)cursor->at;
    gcam__utf8_show(shown, sizeof shown, storage->key, storage->key_length);
    const uint8_t *count = gcam__cursor_take(cursor, 8);
    if (count && gcam__get_u64(count) != (uint64_t)storage->count) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_stream", at,
                             "storage %s should have %" PRId64 " elements, %" PRIu64 " follow", shown, storage->count,
                             gcam__get_u64(count));
    }
    size_t bytes;
    int fits = gcam__size_mul((size_t)storage->count, gcam__storage_element_size(storage), &bytes);
    storage->data = count && fits ? gcam__cursor_take(cursor, bytes) : NULL;
    if (storage->data) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "torch_stream", at,
                         "the file ends inside the data of storage %s; it is truncated", shown);
}

static gcam_status persist(void *context, const gcam__pickle_value *id, gcam__pickle_value *out) {
    gcam__storage *storage;
    int is_new;
    return gcam__storages_from_id(context, id, out, &storage, &is_new);
}

static gcam_status read_data(gcam__storages *storages, gcam__cursor *cursor) {
    gcam__pickle_value keys;
    int64_t at = (int64_t)cursor->at;
    GCAM_TRY(gcam__pickle_read(&keys, cursor, storages->arena, NULL, NULL));
    if (keys.kind != GCAM__PICKLE_LIST) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_stream", at, "the storage keys are %s, expected a list",
                             gcam__pickle_kind_name(keys.kind));
    }
    if (keys.items->count != storages->count) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_stream", at, "%zu storage keys for %zu storages",
                             keys.items->count, storages->count);
    }
    for (size_t i = 0; i < keys.items->count; i++) {
        const gcam__pickle_value *key = &keys.items->at[i];
        gcam__storage *s =
            key->kind == GCAM__PICKLE_TEXT ? gcam__storages_find(storages, key->text, key->length) : NULL;
        if (!s || s->data)
            return gcam__fail_at(GCAM_ERR_FORMAT, "torch_stream", at, "storage key %zu is unknown or given twice", i);
        GCAM_TRY(gcam__torch_take_data(cursor, s));
    }
    return GCAM_OK;
}

static gcam_status read_stream(gcam_tensor_table *table, gcam__storages *storages) {
    gcam__cursor cursor = {table->file.data, sizeof magic, table->file.size};
    gcam__pickle_value root;
    GCAM_TRY(check_protocol(&cursor, storages->arena));
    GCAM_TRY(gcam__torch_check_system(&cursor, storages->arena));
    GCAM_TRY(gcam__pickle_read(&root, &cursor, storages->arena, persist, storages));
    GCAM_TRY(read_data(storages, &cursor));
    return gcam__torch_fill(table, &root);
}

static gcam_status torch_stream_read(gcam_tensor_table *table) {
    gcam__arena arena = {0};
    gcam__storages storages = {.arena = &arena};
    gcam_status status = read_stream(table, &storages);
    gcam__storages_free(&storages);
    gcam__arena_free(&arena);
    return status;
}

static int torch_stream_detect(const uint8_t *data, size_t size) {
    return size >= sizeof magic && !memcmp(data, magic, sizeof magic);
}

const gcam__reader gcam__torch_stream_reader = {"torch stream", torch_stream_detect, torch_stream_read};
