/* From a pickled object to the tensor table. Design: only the way to the state dict is followed (`state_dict`, `model`, ...); whatever
 * else a training checkpoint carries beside it (epoch, optimizer) is not looked at. Nothing here recurses into values. */
#include "io/torch.h"

#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/pickle_names.h"

#include <inttypes.h>
#include <string.h>

typedef gcam__pickle_value value;

/* ---- storages ------------------------------------------------------------------------------------------------------------- */

void gcam__storages_free(gcam__storages *storages) {
    gcam__names_free(&storages->keys);
    gcam__free(storages->list);
    storages->list = NULL;
    storages->count = storages->capacity = 0;
}

size_t gcam__storage_element_size(const gcam__storage *storage) {
    return storage->dtype == GCAM__STORAGE_UNTYPED ? 1 : gcam_dtype_size((gcam_dtype)storage->dtype);
}

gcam__storage *gcam__storages_find(const gcam__storages *storages, const char *key, size_t length) {
    int64_t index = gcam__names_find(&storages->keys, key, length);
    return index >= 0 ? storages->list[index] : NULL;
}

gcam_status gcam__storages_add(gcam__storages *storages, const gcam__storage *storage, gcam__storage **out) {
    int added;
    GCAM_TRY(gcam__grow((void **)&storages->list, storages->count, &storages->capacity, sizeof *storages->list));
    *out = gcam__arena_alloc(storages->arena, sizeof **out);
    if (!*out) return GCAM_ERR_NOMEM;
    **out = *storage;
    GCAM_TRY(gcam__names_add(&storages->keys, storage->key, storage->key_length, &added));
    if (!added) return gcam__fail(GCAM_ERR_FORMAT, "torch", "two storages have the same key");
    storages->list[storages->count++] = *out;
    return GCAM_OK;
}

static gcam_status bad_id(void) {
    return gcam__fail(GCAM_ERR_FORMAT, "torch",
                      "a reference to a storage is not ('storage', type, key, location, count)");
}

/* Reads the tuple into a storage without data. */
static gcam_status parse_id(const value *id, gcam__storage *out) {
    const gcam__pickle_items *parts = id->kind == GCAM__PICKLE_TUPLE ? id->items : NULL;
    if (parts && parts->count > 0 && gcam__pickle_is_text(&parts->at[0], "module")) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "torch",
                          "this is a whole pickled model, not its weights: save its state_dict()");
    }
    if (!parts || parts->count < 5 || parts->count > 6 || !gcam__pickle_is_text(&parts->at[0], "storage"))
        return bad_id();
    const value *type = &parts->at[1], *key = &parts->at[2], *count = &parts->at[4];
    if (type->kind != GCAM__PICKLE_GLOBAL || type->global->kind != GCAM__GLOBAL_STORAGE
        || key->kind != GCAM__PICKLE_TEXT || parts->at[3].kind != GCAM__PICKLE_TEXT || count->kind != GCAM__PICKLE_INT
        || count->integer < 0) {
        return bad_id();
    }
    if (type->global->dtype == GCAM__STORAGE_UNSUPPORTED) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "torch", "a tensor has elements of %s, which are not supported",
                          type->global->name);
    }
    *out = (gcam__storage){key->text, key->length, type->global->dtype, count->integer, NULL, NULL, 0};
    return GCAM_OK;
}

/* The sixth part of an id, in old files: (view key, offset, size). */
static gcam_status make_view(const gcam__storages *storages, const value *view, const gcam__storage *root, value *out) {
    const gcam__pickle_items *parts = view->kind == GCAM__PICKLE_TUPLE ? view->items : NULL;
    if (!parts || parts->count != 3 || parts->at[1].kind != GCAM__PICKLE_INT || parts->at[2].kind != GCAM__PICKLE_INT)
        return bad_id();
    int64_t offset = parts->at[1].integer, size = parts->at[2].integer;
    if (offset < 0 || size < 0 || offset > root->count || size > root->count - offset) {
        return gcam__fail(GCAM_ERR_FORMAT, "torch", "a view of a storage reaches beyond its %" PRId64 " elements",
                          root->count);
    }
    gcam__storage *made = gcam__arena_alloc(storages->arena, sizeof *made);
    if (!made) return GCAM_ERR_NOMEM;
    *made = (gcam__storage){root->key, root->key_length, root->dtype, size, NULL, root, offset};
    *out = (value){.kind = GCAM__PICKLE_STORAGE, .storage = made};
    return GCAM_OK;
}

gcam_status gcam__storages_from_id(gcam__storages *storages, const value *id, value *out, gcam__storage **root,
                                   int *is_new) {
    gcam__storage wanted = {0};
    GCAM_TRY(parse_id(id, &wanted));
    *root = gcam__storages_find(storages, wanted.key, wanted.key_length);
    *is_new = !*root;
    if (*is_new) {
        GCAM_TRY(gcam__storages_add(storages, &wanted, root));
    } else if ((*root)->dtype != wanted.dtype || (*root)->count != wanted.count) {
        char shown[40];
        gcam__utf8_show(shown, sizeof shown, wanted.key, wanted.key_length);
        return gcam__fail(GCAM_ERR_FORMAT, "torch", "storage %s is described in two ways", shown);
    }
    *out = (value){.kind = GCAM__PICKLE_STORAGE, .storage = *root};
    if (id->items->count < 6 || id->items->at[5].kind == GCAM__PICKLE_NONE) return GCAM_OK;
    return make_view(storages, &id->items->at[5], *root, out);
}

/* ---- the state dict ------------------------------------------------------------------------------------------------------- */

static int has_tensors(const value *v) {
    if (v->kind != GCAM__PICKLE_DICT) return 0;
    for (size_t i = 0; i + 1 < v->items->count; i += 2) {
        if (v->items->at[i].kind == GCAM__PICKLE_TEXT && v->items->at[i + 1].kind == GCAM__PICKLE_TENSOR) return 1;
    }
    return 0;
}

/* The dict of weights: one that a training script put under a usual key, else the root itself. */
static const value *find_state_dict(const value *root) {
    static const char *const keys[] = {"state_dict", "model_state_dict", "model", "net", "network"};
    enum { DEPTH = 3 };
    for (int depth = 0; depth < DEPTH && root->kind == GCAM__PICKLE_DICT; depth++) {
        const value *inner = NULL;
        for (size_t i = 0; i < sizeof keys / sizeof *keys && !inner; i++) {
            inner = gcam__pickle_get(root, keys[i]);
            if (inner && !has_tensors(inner) && (inner->kind != GCAM__PICKLE_DICT || has_tensors(root))) inner = NULL;
        }
        if (!inner) break;
        root = inner;
    }
    return root;
}

/* "it has: a, b, c" for the message about a dict without tensors. */
static gcam_status refuse_root(const value *root) {
    if (root->kind != GCAM__PICKLE_DICT) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "torch", "the file holds %s, expected a state dict (names and tensors)",
                          gcam__pickle_kind_name(root->kind));
    }
    char keys[200] = "";
    size_t used = 0;
    for (size_t i = 0; i + 1 < root->items->count && used + 40 < sizeof keys; i += 2) {
        const value *key = &root->items->at[i];
        if (key->kind != GCAM__PICKLE_TEXT) continue;
        if (used > 0) keys[used++] = ',', keys[used++] = ' ';
        gcam__utf8_show(keys + used, 32, key->text, key->length);
        used += strlen(keys + used);
    }
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "torch",
                      "no tensors in the file's dict (its keys: %s); expected a state dict", used > 0 ? keys : "none");
}

/* What wrappers put before every name: DataParallel, torch.compile. */
static size_t common_prefix(const value *dict) {
    static const char *const prefixes[] = {"module.", "_orig_mod."};
    size_t total = 0;
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes;) {
        size_t length = strlen(prefixes[p]);
        int all = 1;
        for (size_t i = 0; i + 1 < dict->items->count && all; i += 2) {
            const value *key = &dict->items->at[i];
            if (key->kind != GCAM__PICKLE_TEXT || dict->items->at[i + 1].kind != GCAM__PICKLE_TENSOR) continue;
            all = key->length > total + length && !memcmp(key->text + total, prefixes[p], length);
        }
        if (all)
            total += length, p = 0;
        else
            p++;
    }
    return total;
}

static gcam_status put_tensor(gcam_tensor_table *table, const value *key, size_t prefix, const gcam__pickle_tensor *t) {
    gcam_tensor_entry entry = {.dtype = t->dtype, .shape = t->shape};
    if (memchr(key->text, 0, key->length))
        return gcam__fail(GCAM_ERR_FORMAT, "torch", "a tensor's name has a zero byte inside");
    entry.name = gcam__arena_strndup(&table->arena, key->text + prefix, key->length - prefix);
    if (!entry.name) return GCAM_ERR_NOMEM;
    memcpy(entry.stride, t->stride, sizeof entry.stride);
    const gcam__storage *root = t->storage->root ? t->storage->root : t->storage;
    size_t size = gcam_dtype_size(t->dtype);
    entry.data =
        root->data + ((size_t)t->storage->root_offset * gcam__storage_element_size(root) + (size_t)t->offset * size);
    return gcam__tensor_table_put(table, &entry);
}

gcam_status gcam__torch_fill(gcam_tensor_table *table, const value *root) {
    const value *dict = find_state_dict(root);
    if (!has_tensors(dict)) return refuse_root(dict);
    size_t prefix = common_prefix(dict);
    for (size_t i = 0; i + 1 < dict->items->count; i += 2) {
        const value *key = &dict->items->at[i], *v = &dict->items->at[i + 1];
        if (key->kind != GCAM__PICKLE_TEXT || v->kind != GCAM__PICKLE_TENSOR) continue;
        if (put_tensor(table, key, prefix, v->tensor) == GCAM_OK) continue;
        return gcam__fail_offset((int64_t)(key->text - (const char *)table->file.data));
    }
    return GCAM_OK;
}
