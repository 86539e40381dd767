/* Names. Design: an open-addressing hash table that is never more than half full; the hash is FNV-1a (Fowler, Noll, Vo 1991). */
#include "core/names.h"

#include "core/memory.h"
#include "core/status.h"

#include <string.h>

typedef struct gcam__name {
    const char *text;
    size_t length;
    uint64_t hash;
} name;

static uint64_t hash_of(const char *text, size_t length) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash ^ hash >> 32; /* the slot is taken from the low bits */
}

/* Slot of the name, or the empty slot where it belongs. */
static size_t slot_of(const gcam__names *names, const char *text, size_t length, uint64_t hash) {
    size_t mask = names->slot_count - 1, slot = (size_t)hash & mask;
    for (; names->slots[slot]; slot = (slot + 1) & mask) {
        const name *there = &names->list[names->slots[slot] - 1];
        if (there->hash == hash && there->length == length && !memcmp(there->text, text, length)) break;
    }
    return slot;
}

int64_t gcam__names_find(const gcam__names *names, const char *text, size_t length) {
    if (!names->slot_count) return -1;
    return (int64_t)names->slots[slot_of(names, text, length, hash_of(text, length))] - 1;
}

static gcam_status widen(gcam__names *names) {
    if (names->count >= UINT32_MAX / 2)
        return gcam__fail(GCAM_ERR_LIMIT, "names", "more than %u names", UINT32_MAX / 2);
    size_t wanted = names->slot_count ? 2 * names->slot_count : 16;
    uint32_t *slots = gcam__calloc(wanted, sizeof *slots);
    if (!slots) return GCAM_ERR_NOMEM;
    gcam__free(names->slots);
    names->slots = slots;
    names->slot_count = wanted;
    for (size_t i = 0; i < names->count; i++) {
        const name *n = &names->list[i];
        slots[slot_of(names, n->text, n->length, n->hash)] = (uint32_t)i + 1;
    }
    return GCAM_OK;
}

gcam_status gcam__names_add(gcam__names *names, const char *text, size_t length, int *added) {
    if (2 * (names->count + 1) > names->slot_count) GCAM_TRY(widen(names));
    uint64_t hash = hash_of(text, length);
    size_t slot = slot_of(names, text, length, hash);
    *added = !names->slots[slot];
    if (!*added) return GCAM_OK;
    GCAM_TRY(gcam__grow((void **)&names->list, names->count, &names->capacity, sizeof *names->list));
    names->list[names->count++] = (name){text, length, hash};
    names->slots[slot] = (uint32_t)names->count;
    return GCAM_OK;
}

void gcam__names_free(gcam__names *names) {
    gcam__free(names->list);
    gcam__free(names->slots);
    *names = (gcam__names){0};
}
