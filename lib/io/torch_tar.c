/* PyTorch's tar container (the first releases, to early 2017). Members: sys_info; storages: pickled number, then for each storage a
 * pickled (key, location, type), the number of elements (int64) and the elements, then a pickled list of views (key, root, offset,
 * count); tensors: pickled number, then for each tensor a pickled (key, storage key, type), the rank (int32), 4 bytes of nothing, sizes,
 * strides and offset (int64); pickle: the object, whose persistent ids are the tensors' keys as text. */
#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/pickle_names.h"
#include "io/tar.h"
#include "io/torch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef gcam__pickle_value value;

enum { SYS_INFO, STORAGES, TENSORS, PICKLE, MEMBERS };

static const char *const member_names[MEMBERS] = {"sys_info", "storages", "tensors", "pickle"};

typedef struct reader {
    gcam__cursor members[MEMBERS];
    gcam__storages storages; /* keys are the decimal digits of their numbers, as for tensors */
    gcam__names tensor_keys;
    value *tensors;
    size_t tensor_count, tensor_capacity;
} reader;

static gcam_status find_members(reader *r, const gcam__file *file) {
    gcam__cursor cursor = {file->data, 0, file->size};
    gcam__tar_member member;
    for (int more = 1;;) {
        int64_t at = (int64_t)cursor.at;
        GCAM_TRY(gcam__tar_next(&cursor, &member, &more));
        if (!more) break;
        int i = 0;
        while (i < MEMBERS && strcmp(member.name, member_names[i])) i++;
        if (i == MEMBERS || r->members[i].data) {
            return gcam__fail_at(
                GCAM_ERR_FORMAT, "torch_tar", at,
                "tar member %s: expected sys_info, pickle, tensors and storages, each once, as PyTorch wrote them",
                member.name);
        }
        r->members[i] = member.content;
    }
    for (int i = 0; i < MEMBERS; i++) {
        if (r->members[i].data) continue;
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_tar", (int64_t)file->size,
                             "the tar archive lacks %s; it is truncated or not PyTorch's", member_names[i]);
    }
    return GCAM_OK;
}

/* ---- helpers ------------------------------------------------------------------------------------------------------------- */

static gcam_status read_value(const reader *r, gcam__cursor *cursor, value *out) {
    return gcam__pickle_read(out, cursor, r->storages.arena, NULL, NULL);
}

static gcam_status read_count(const reader *r, gcam__cursor *cursor, int64_t *out) {
    value v;
    int64_t at = (int64_t)cursor->at;
    GCAM_TRY(read_value(r, cursor, &v));
    *out = v.integer;
    if (v.kind == GCAM__PICKLE_INT && v.integer >= 0) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "torch_tar", at, "the number of storages or tensors is not a number");
}

/* A tuple of three whose first part is a number and whose last is a type of `kind`. */
static gcam_status read_triple(const reader *r, gcam__cursor *cursor, gcam__global_kind kind, const value **parts) {
    value v;
    int64_t at = (int64_t)cursor->at;
    GCAM_TRY(read_value(r, cursor, &v));
    *parts = v.kind == GCAM__PICKLE_TUPLE && v.items->count == 3 ? v.items->at : NULL;
    if (!*parts || (*parts)[0].kind != GCAM__PICKLE_INT || (*parts)[2].kind != GCAM__PICKLE_GLOBAL
        || (*parts)[2].global->kind != kind) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_tar", at,
                             "the description of a storage or tensor is not a key, a place and a type");
    }
    if ((*parts)[2].global->dtype != GCAM__STORAGE_UNSUPPORTED) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "torch_tar", at, "a tensor has elements of %s, which are not supported",
                         (*parts)[2].global->name);
}

/* The digits of a number, in the arena. */
static gcam_status key_text(const reader *r, int64_t number, const char **out, size_t *length) {
    char digits[24];
    *length = (size_t)snprintf(digits, sizeof digits, "%" PRId64, number);
    *out = gcam__arena_strndup(r->storages.arena, digits, *length);
    return *out ? GCAM_OK : GCAM_ERR_NOMEM;
}

static gcam_status find_storage(const reader *r, int64_t number, gcam__storage **out) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    *out = gcam__storages_find(&r->storages, digits, (size_t)length);
    return *out ? GCAM_OK : gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "storage %s is not in the file", digits);
}

/* ---- storages ------------------------------------------------------------------------------------------------------------ */

static gcam_status read_storage(reader *r, gcam__cursor *cursor) {
    const value *parts;
    int64_t at = (int64_t)cursor->at;
    gcam__storage s = {0}, *added;
    GCAM_TRY(read_triple(r, cursor, GCAM__GLOBAL_STORAGE, &parts));
    s.dtype = parts[2].global->dtype;
    GCAM_TRY(key_text(r, parts[0].integer, &s.key, &s.key_length));
    if (gcam__cursor_left(cursor) >= 8) s.count = (int64_t)gcam__get_u64(cursor->data + cursor->at);
    if (s.count < 0)
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_tar", at, "storage %s has %" PRId64 " elements", s.key, s.count);
    GCAM_TRY(gcam__torch_take_data(cursor, &s));
    return gcam__storages_add(&r->storages, &s, &added);
}

/* A view becomes a storage of its own, as the data of its root is known. */
static gcam_status read_view(reader *r, const value *view) {
    const gcam__pickle_items *parts = view->kind == GCAM__PICKLE_TUPLE && view->items->count == 4 ? view->items : NULL;
    for (size_t i = 0; parts && i < 4; i++)
        if (parts->at[i].kind != GCAM__PICKLE_INT) parts = NULL;
    if (!parts) return gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "a view of a storage is not four numbers");
    gcam__storage *root = NULL, *added;
    GCAM_TRY(find_storage(r, parts->at[1].integer, &root));
    int64_t offset = parts->at[2].integer, count = parts->at[3].integer;
    if (offset < 0 || count < 0 || offset > root->count || count > root->count - offset) {
        return gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "a view of storage %s reaches beyond its %" PRId64 " elements",
                          root->key, root->count);
    }
    gcam__storage s = *root;
    s.count = count;
    s.data += (size_t)offset * gcam__storage_element_size(root);
    GCAM_TRY(key_text(r, parts->at[0].integer, &s.key, &s.key_length));
    return gcam__storages_add(&r->storages, &s, &added);
}

static gcam_status read_storages(reader *r) {
    gcam__cursor *cursor = &r->members[STORAGES];
    int64_t count = 0;
    value views;
    GCAM_TRY(read_count(r, cursor, &count));
    for (int64_t i = 0; i < count; i++) GCAM_TRY(read_storage(r, cursor));
    int64_t at = (int64_t)cursor->at;
    GCAM_TRY(read_value(r, cursor, &views));
    if (views.kind != GCAM__PICKLE_LIST)
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_tar", at, "the list of views is not a list");
    for (size_t i = 0; i < views.items->count; i++) {
        if (read_view(r, &views.items->at[i]) != GCAM_OK) return gcam__fail_offset(at);
    }
    return GCAM_OK;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------------- */

/* Rank, sizes, strides and offset. */
static gcam_status read_geometry(gcam__cursor *cursor, gcam__pickle_tensor *t) {
    int64_t at = (int64_t)cursor->at;
    const uint8_t *p = gcam__cursor_take(cursor, 8);
    uint32_t rank = p ? gcam__get_u32(p) : 0;
    if (rank > GCAM_MAX_RANK) {
        return gcam__fail_at(GCAM_ERR_LIMIT, "torch_tar", at,
                             "a tensor of %" PRIu32 " dimensions, at most %d are accepted", rank, GCAM_MAX_RANK);
    }
    const uint8_t *numbers = p ? gcam__cursor_take(cursor, 16 * (size_t)rank + 8) : NULL;
    if (!numbers)
        return gcam__fail_at(GCAM_ERR_FORMAT, "torch_tar", at,
                             "the tensors end in the middle; the file is truncated or damaged");
    t->shape.rank = (int)rank;
    for (uint32_t i = 0; i < rank; i++) {
        t->shape.dim[i] = (int64_t)gcam__get_u64(numbers + 8 * i);
        t->stride[i] = (int64_t)gcam__get_u64(numbers + 8 * (rank + i));
    }
    t->offset = (int64_t)gcam__get_u64(numbers + 16 * rank);
    return GCAM_OK;
}

static gcam_status read_tensor(reader *r, gcam__cursor *cursor) {
    const value *parts;
    const char *key = NULL;
    size_t length = 0;
    int added;
    gcam__storage *storage = NULL;
    GCAM_TRY(read_triple(r, cursor, GCAM__GLOBAL_TENSOR_TYPE, &parts));
    GCAM_TRY(key_text(r, parts[0].integer, &key, &length));
    if (parts[1].kind != GCAM__PICKLE_INT)
        return gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "tensor %s names no storage", key);
    GCAM_TRY(find_storage(r, parts[1].integer, &storage));
    gcam__pickle_tensor t = {.storage = storage, .dtype = (gcam_dtype)storage->dtype};
    if (storage->dtype != parts[2].global->dtype) {
        return gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "tensor %s is %s, its storage has another element type", key,
                          parts[2].global->name);
    }
    GCAM_TRY(read_geometry(cursor, &t));
    GCAM_TRY(gcam__grow((void **)&r->tensors, r->tensor_count, &r->tensor_capacity, sizeof *r->tensors));
    GCAM_TRY(gcam__names_add(&r->tensor_keys, key, length, &added));
    if (!added) return gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "two tensors have the key %s", key);
    return gcam__pickle_tensor_make(&r->tensors[r->tensor_count++], &t, r->storages.arena);
}

static gcam_status read_tensors(reader *r) {
    gcam__cursor *cursor = &r->members[TENSORS];
    int64_t count = 0;
    GCAM_TRY(read_count(r, cursor, &count));
    for (int64_t i = 0; i < count; i++) {
        int64_t at = (int64_t)cursor->at;
        if (read_tensor(r, cursor) == GCAM_OK) continue;
        return gcam__fail_offset(at);
    }
    return GCAM_OK;
}

static gcam_status persist(void *context, const value *id, value *out) {
    const reader *r = context;
    if (id->kind == GCAM__PICKLE_TUPLE) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "torch_tar",
                          "this is a whole pickled model, not its weights: save its state_dict()");
    }
    int64_t index = id->kind == GCAM__PICKLE_TEXT ? gcam__names_find(&r->tensor_keys, id->text, id->length) : -1;
    if (index < 0)
        return gcam__fail(GCAM_ERR_FORMAT, "torch_tar", "the pickle refers to a tensor that is not in the file");
    *out = r->tensors[index];
    return GCAM_OK;
}

static gcam_status read_archive(reader *r, gcam_tensor_table *table) {
    value root;
    GCAM_TRY(find_members(r, &table->file));
    GCAM_TRY(gcam__torch_check_system(&r->members[SYS_INFO], r->storages.arena));
    GCAM_TRY(read_storages(r));
    GCAM_TRY(read_tensors(r));
    GCAM_TRY(gcam__pickle_read(&root, &r->members[PICKLE], r->storages.arena, persist, r));
    return gcam__torch_fill(table, &root);
}

static gcam_status torch_tar_read(gcam_tensor_table *table) {
    gcam__arena arena = {0};
    reader r = {.storages.arena = &arena};
    gcam_status status = read_archive(&r, table);
    gcam__storages_free(&r.storages);
    gcam__names_free(&r.tensor_keys);
    gcam__free(r.tensors);
    gcam__arena_free(&arena);
    return status;
}

const gcam__reader gcam__torch_tar_reader = {"torch tar", gcam__tar_detect, torch_tar_read};
