/* PyTorch's zip container (torch.save since 1.6): FOLDER/data.pkl and one stored entry FOLDER/data/KEY for each storage. */
#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/limits.h"
#include "io/torch.h"
#include "io/zip.h"

#include <inttypes.h>
#include <string.h>

typedef struct reader {
    gcam__zip zip;
    gcam__storages storages;
    const char *folder; /* with its slash */
    size_t folder_length;
} reader;

/* Entry FOLDER/`name`, where `name` has `length` bytes; NULL if absent. */
static const gcam__zip_entry *find(const reader *r, const char *name, size_t length) {
    char path[2 * GCAM__MAX_NAME];
    if (length > sizeof path - r->folder_length) return NULL;
    memcpy(path, r->folder, r->folder_length);
    memcpy(path + r->folder_length, name, length);
    return gcam__zip_find(&r->zip, path, r->folder_length + length);
}

static const gcam__zip_entry *find_text(const reader *r, const char *name) {
    return find(r, name, strlen(name));
}

/* All entries of a checkpoint lie in one folder, whatever it is called. */
static gcam_status find_folder(reader *r) {
    const gcam__zip_entry *first = r->zip.count > 0 ? &r->zip.entries[0] : NULL;
    const char *slash = first ? memchr(first->name, '/', first->length) : NULL;
    r->folder = first ? first->name : "";
    r->folder_length = slash ? (size_t)(slash - first->name) + 1 : 0;
    if (find_text(r, "constants.pkl")) {
        return gcam__fail(
            GCAM_ERR_UNSUPPORTED, "torch_zip",
            "this is a TorchScript program, not a state dict: load it in Python and save its state_dict()");
    }
    if (find_text(r, "data.pkl")) return GCAM_OK;
    return gcam__fail(GCAM_ERR_FORMAT, "torch_zip",
                      "a zip archive without FOLDER/data.pkl; torch.save did not write it");
}

/* 1 where the entry is present and its bytes, without white space at the end, are `text`. */
static int entry_is(const reader *r, const char *name, const char *text) {
    const gcam__zip_entry *entry = find_text(r, name);
    return entry && entry->size >= strlen(text) && !memcmp(r->zip.file->data + entry->offset, text, strlen(text));
}

static gcam_status check_layout(const reader *r) {
    if (!entry_is(r, "byteorder", "big")) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "torch_zip", (int64_t)find_text(r, "byteorder")->offset,
                         "the file was written on a big-endian machine, which is not supported");
}

/* Points a storage to its entry, which must have exactly the bytes that the pickle claims. */
static gcam_status find_data(const reader *r, gcam__storage *storage) {
    char name[GCAM__MAX_NAME + 8] = "data/", shown[40];
    gcam__utf8_show(shown, sizeof shown, storage->key, storage->key_length);
    const gcam__zip_entry *entry = NULL;
    if (storage->key_length <= GCAM__MAX_NAME) {
        memcpy(name + 5, storage->key, storage->key_length);
        entry = find(r, name, storage->key_length + 5);
    }
    if (!entry) return gcam__fail(GCAM_ERR_FORMAT, "torch_zip", "storage %s has no entry in the archive", shown);
    size_t bytes;
    if (!gcam__size_mul((size_t)storage->count, gcam__storage_element_size(storage), &bytes) || bytes != entry->size) {
        return gcam__fail(GCAM_ERR_FORMAT, "torch_zip",
                          "storage %s should have %" PRId64 " elements of %zu bytes, its entry has %" PRIu64 " bytes",
                          shown, storage->count, gcam__storage_element_size(storage), entry->size);
    }
    storage->data = r->zip.file->data + entry->offset;
    return GCAM_OK;
}

static gcam_status persist(void *context, const gcam__pickle_value *id, gcam__pickle_value *out) {
    reader *r = context;
    gcam__storage *storage;
    int is_new;
    GCAM_TRY(gcam__storages_from_id(&r->storages, id, out, &storage, &is_new));
    return is_new ? find_data(r, storage) : GCAM_OK;
}

static gcam_status read_archive(reader *r, gcam_tensor_table *table) {
    gcam__pickle_value root;
    GCAM_TRY(find_folder(r));
    GCAM_TRY(gcam__zip_require_stored(&r->zip));
    GCAM_TRY(check_layout(r));
    gcam__cursor cursor = gcam__zip_cursor(&r->zip, find_text(r, "data.pkl"));
    GCAM_TRY(gcam__pickle_read(&root, &cursor, r->storages.arena, persist, r));
    return gcam__torch_fill(table, &root);
}

static gcam_status torch_zip_read(gcam_tensor_table *table) {
    gcam__arena arena = {0};
    reader r = {.storages.arena = &arena};
    GCAM_TRY(gcam__zip_open(&r.zip, &table->file));
    gcam_status status = read_archive(&r, table);
    gcam__storages_free(&r.storages);
    gcam__zip_close(&r.zip);
    gcam__arena_free(&arena);
    return status;
}

static int torch_zip_detect(const uint8_t *data, size_t size) {
    return size >= 4 && !memcmp(data, "PK\3\4", 4);
}

const gcam__reader gcam__torch_zip_reader = {"torch zip", torch_zip_detect, torch_zip_read};
