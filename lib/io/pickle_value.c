#include "io/pickle_value.h"

#include "core/memory.h"
#include "core/status.h"

#include <string.h>

typedef gcam__pickle_value value;

gcam_status gcam__pickle_append(gcam__pickle_items *list, gcam__arena *arena, const value *v) {
    if (list->count == list->capacity) {
        size_t bytes, wanted = list->capacity ? 2 * list->capacity : 4;
        if (!gcam__size_mul(wanted, sizeof *list->at, &bytes))
            return gcam__fail(GCAM_ERR_LIMIT, "pickle", "a list outgrows memory");
        value *grown = gcam__arena_alloc(arena, bytes);
        if (!grown) return GCAM_ERR_NOMEM;
        if (list->count > 0) memcpy(grown, list->at, list->count * sizeof *grown);
        list->at = grown;
        list->capacity = wanted;
    }
    list->at[list->count++] = *v;
    return GCAM_OK;
}

const char *gcam__pickle_kind_name(gcam__pickle_kind kind) {
    static const char *const names[] = {
        [GCAM__PICKLE_NONE] = "None",          [GCAM__PICKLE_BOOL] = "a truth value",
        [GCAM__PICKLE_INT] = "a whole number", [GCAM__PICKLE_FLOAT] = "a number",
        [GCAM__PICKLE_TEXT] = "a text",        [GCAM__PICKLE_TUPLE] = "a tuple",
        [GCAM__PICKLE_LIST] = "a list",        [GCAM__PICKLE_DICT] = "a dict",
        [GCAM__PICKLE_GLOBAL] = "a name",      [GCAM__PICKLE_STORAGE] = "a storage",
        [GCAM__PICKLE_TENSOR] = "a tensor",
    };
    return names[kind];
}

int gcam__pickle_is_text(const value *v, const char *text) {
    return v->kind == GCAM__PICKLE_TEXT && v->length == strlen(text) && !memcmp(v->text, text, v->length);
}

const value *gcam__pickle_get(const value *dict, const char *key) {
    for (size_t i = dict->items->count; i >= 2; i -= 2) {
        if (gcam__pickle_is_text(&dict->items->at[i - 2], key)) return &dict->items->at[i - 1];
    }
    return NULL;
}
