/* Zip archives whose entries are stored, not compressed: where each entry's bytes lie in the file. */
#ifndef GCAM_IO_ZIP_H
#define GCAM_IO_ZIP_H

#include "core/names.h"
#include "gradcam/core.h"
#include "io/bytes.h"
#include "io/file.h"

typedef struct gcam__zip_entry {
    const char *name; /* in the file: `length` bytes, no zero behind them */
    size_t length;
    uint64_t header; /* offset of the local header */
    uint64_t offset; /* of the data */
    uint64_t size;   /* as it lies in the file */
    int compressed;
} gcam__zip_entry;

typedef struct gcam__zip {
    const gcam__file *file;
    gcam__zip_entry *entries; /* in the order of the central directory */
    size_t count;
    gcam__names names;
} gcam__zip;

/* Reads the directory. Every entry is checked: inside the file, overlapping no other, its two headers of one mind.
 * `file` must outlive the zip. Errors: FORMAT, UNSUPPORTED (encrypted, several parts), LIMIT, NOMEM. */
gcam_status gcam__zip_open(gcam__zip *zip, const gcam__file *file);
void gcam__zip_close(gcam__zip *zip);
/* Error UNSUPPORTED if any entry is compressed. */
gcam_status gcam__zip_require_stored(const gcam__zip *zip);
/* Entry of a name; NULL if absent. */
const gcam__zip_entry *gcam__zip_find(const gcam__zip *zip, const char *name, size_t length);
/* The bytes of an entry. */
gcam__cursor gcam__zip_cursor(const gcam__zip *zip, const gcam__zip_entry *entry);

#endif
