/* What the three containers of PyTorch have in common: storages named by persistent ids, and a dict of tensors at the root. */
#ifndef GCAM_IO_TORCH_H
#define GCAM_IO_TORCH_H

#include "core/names.h"
#include "io/pickle.h"
#include "io/tensor_table.h"

/* The storages that a file's pickle has named so far. */
typedef struct gcam__storages {
    gcam__arena *arena;
    gcam__storage **list;
    size_t count, capacity;
    gcam__names keys;
} gcam__storages;

void gcam__storages_free(gcam__storages *storages);
/* The storage of a persistent id ('storage', type, key, location, count[, view]); the first time, `*is_new` is 1 and its data is not
 * known. With a view the result looks into the keyed storage, which `*root` always is. */
gcam_status gcam__storages_from_id(gcam__storages *storages, const gcam__pickle_value *id, gcam__pickle_value *out,
                                   gcam__storage **root, int *is_new);
/* Adds one whose key is not there yet. Errors: FORMAT, NOMEM. */
gcam_status gcam__storages_add(gcam__storages *storages, const gcam__storage *storage, gcam__storage **out);
/* Storage of a key; NULL if absent. */
gcam__storage *gcam__storages_find(const gcam__storages *storages, const char *key, size_t length);
/* Bytes of one element: 1 where untyped. */
size_t gcam__storage_element_size(const gcam__storage *storage);

/* The pickled description of the writing system, which must be little-endian (stream and tar). */
gcam_status gcam__torch_check_system(gcam__cursor *cursor, gcam__arena *arena);
/* Takes the elements of a storage, behind an int64 that repeats their number (stream and tar). */
gcam_status gcam__torch_take_data(gcam__cursor *cursor, gcam__storage *storage);

/* Puts the tensors of the state dict that `root` is, or contains, into the table. All storages must have their data. */
gcam_status gcam__torch_fill(gcam_tensor_table *table, const gcam__pickle_value *root);

#endif
