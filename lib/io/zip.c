/* Zip (APPNOTE 6.3), as torch.save writes it. Design: the central directory is the truth, because torch leaves crc and sizes of the
 * local headers zero; the local header only gives the place of the data and must carry the same name. The end record must be the
 * last thing in the file, so one file cannot be read as two archives. The crc is not checked: newer writers may leave it out. */
#include "io/zip.h"

#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { END_SIZE = 22, LOCATOR_SIZE = 20, END64_SIZE = 56, CENTRAL_SIZE = 46, LOCAL_SIZE = 30, MAX_COMMENT = 65535 };

#define END_MARK 0x06054B50u
#define LOCATOR_MARK 0x07064B50u
#define END64_MARK 0x06064B50u
#define CENTRAL_MARK 0x02014B50u
#define LOCAL_MARK 0x04034B50u

/* What the end of the archive says about the central directory. */
typedef struct directory {
    uint64_t offset, size, count;
    uint64_t limit; /* no entry and no directory may reach beyond this place */
} directory;

/* ---- end records --------------------------------------------------------------------------------------------------------- */

/* Place of the end record whose comment ends exactly with the file. */
static int find_end(const gcam__file *file, size_t *place) {
    if (file->size < END_SIZE) return 0;
    size_t lowest = file->size > END_SIZE + MAX_COMMENT ? file->size - END_SIZE - MAX_COMMENT : 0;
    for (size_t at = file->size - END_SIZE + 1; at-- > lowest;) {
        const uint8_t *p = file->data + at;
        if (gcam__get_u32(p) != END_MARK || gcam__get_u16(p + 20) != file->size - END_SIZE - at) continue;
        *place = at;
        return 1;
    }
    return 0;
}

/* The zip64 record, where there is one, holds the same numbers with 64 bits. */
static gcam_status read_end64(const gcam__file *file, size_t end, directory *d) {
    if (end < LOCATOR_SIZE || gcam__get_u32(file->data + end - LOCATOR_SIZE) != LOCATOR_MARK) return GCAM_OK;
    size_t locator = end - LOCATOR_SIZE;
    uint64_t at = gcam__get_u64(file->data + locator + 8);
    if (at > locator || locator - at < END64_SIZE || gcam__get_u32(file->data + at) != END64_MARK) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "zip", (int64_t)locator, "the zip64 locator points to no zip64 record");
    }
    const uint8_t *p = file->data + at;
    if (gcam__get_u32(p + 16) != 0 || gcam__get_u32(p + 20) != 0) {
        return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "zip", (int64_t)at, "the zip archive has several parts");
    }
    directory wide = {gcam__get_u64(p + 48), gcam__get_u64(p + 40), gcam__get_u64(p + 32), at};
    if ((d->count != 0xFFFF && d->count != wide.count) || (d->size != UINT32_MAX && d->size != wide.size)
        || (d->offset != UINT32_MAX && d->offset != wide.offset)) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "zip", (int64_t)at,
                             "the two end records of the zip archive contradict each other");
    }
    *d = wide;
    return GCAM_OK;
}

static gcam_status read_end(const gcam__file *file, directory *d) {
    size_t end;
    if (!find_end(file, &end)) {
        return gcam__fail_at(
            GCAM_ERR_FORMAT, "zip", (int64_t)file->size,
            "the file begins as a zip archive, but the directory at its end is missing; it is truncated");
    }
    const uint8_t *p = file->data + end;
    if (gcam__get_u16(p + 4) != 0 || gcam__get_u16(p + 6) != 0) {
        return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "zip", (int64_t)end, "the zip archive has several parts");
    }
    *d = (directory){gcam__get_u32(p + 16), gcam__get_u32(p + 12), gcam__get_u16(p + 10), end};
    GCAM_TRY(read_end64(file, end, d));
    if (d->offset > d->limit || d->size > d->limit - d->offset) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "zip", (int64_t)end,
                             "the zip directory (%" PRIu64 " bytes at %" PRIu64 ") lies outside the file", d->size,
                             d->offset);
    }
    if (d->count > GCAM__MAX_ZIP_ENTRIES) {
        return gcam__fail_at(GCAM_ERR_LIMIT, "zip", (int64_t)end, "%" PRIu64 " zip entries, at most %d are accepted",
                             d->count, GCAM__MAX_ZIP_ENTRIES);
    }
    if (d->count <= d->size / CENTRAL_SIZE) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "zip", (int64_t)end,
                         "%" PRIu64 " zip entries do not fit into a directory of %" PRIu64 " bytes", d->count, d->size);
}

/* ---- entries ------------------------------------------------------------------------------------------------------------- */

static gcam_status entry_fails(gcam_status status, const gcam__zip_entry *e, uint64_t at, const char *what) {
    char shown[100];
    gcam__utf8_show(shown, sizeof shown, e->name, e->length);
    return gcam__fail_at(status, "zip", (int64_t)at, "zip entry %s: %s", shown, what);
}

/* Replaces the numbers that did not fit into 32 bits by those of the zip64 extra field (id 1). */
static gcam_status read_extra64(gcam__cursor extra, gcam__zip_entry *e, uint64_t unpacked) {
    uint64_t *wanted[] = {&unpacked, &e->size, &e->header}; /* in the order of the field */
    size_t at = extra.at;
    for (const uint8_t *p; (p = gcam__cursor_take(&extra, 4));) {
        size_t length = gcam__get_u16(p + 2);
        const uint8_t *field = gcam__cursor_take(&extra, length);
        if (!field) return entry_fails(GCAM_ERR_FORMAT, e, extra.at, "an extra field reaches beyond its header");
        if (gcam__get_u16(p) != 1) continue;
        gcam__cursor values = {field, 0, length};
        for (size_t i = 0; i < 3; i++) {
            if (*wanted[i] != UINT32_MAX) continue;
            const uint8_t *value = gcam__cursor_take(&values, 8);
            if (!value) return entry_fails(GCAM_ERR_FORMAT, e, extra.at, "its zip64 field is too short");
            *wanted[i] = gcam__get_u64(value);
        }
        break;
    }
    if (e->compressed || unpacked == e->size) return GCAM_OK;
    return entry_fails(GCAM_ERR_FORMAT, e, at, "its two sizes differ, though it is not compressed");
}

/* Place of the data, by the local header, which must agree with the directory where it says anything. */
static gcam_status read_local(const gcam__zip *zip, gcam__zip_entry *e, uint64_t directory_offset) {
    const gcam__file *file = zip->file;
    if (e->header > directory_offset || directory_offset - e->header < LOCAL_SIZE) {
        return entry_fails(GCAM_ERR_FORMAT, e, e->header, "it lies outside the file");
    }
    const uint8_t *p = file->data + e->header;
    if (gcam__get_u32(p) != LOCAL_MARK)
        return entry_fails(GCAM_ERR_FORMAT, e, e->header, "no entry begins at the given place");
    size_t name_length = gcam__get_u16(p + 26);
    e->offset = e->header + LOCAL_SIZE + name_length + gcam__get_u16(p + 28);
    if (e->offset > directory_offset || e->size > directory_offset - e->offset) {
        return entry_fails(GCAM_ERR_FORMAT, e, e->header,
                           "its data reach beyond the part of the file that holds entries");
    }
    if (name_length != e->length || memcmp(p + LOCAL_SIZE, e->name, e->length)) {
        return entry_fails(GCAM_ERR_FORMAT, e, e->header, "its own header carries another name");
    }
    if ((gcam__get_u16(p + 8) != 0) != e->compressed) {
        return entry_fails(GCAM_ERR_FORMAT, e, e->header, "its own header contradicts the directory about compression");
    }
    uint32_t size = gcam__get_u32(p + 18); /* 0 where a data descriptor follows, all ones with zip64 */
    int has_descriptor = gcam__get_u16(p + 6) & 8;
    if (has_descriptor || size == UINT32_MAX || size == e->size) return GCAM_OK;
    return entry_fails(GCAM_ERR_FORMAT, e, e->header, "its own header gives another size");
}

/* One record of the central directory. */
static gcam_status read_central(gcam__zip *zip, gcam__cursor *cursor, uint64_t directory_offset) {
    gcam__zip_entry *e = &zip->entries[zip->count];
    size_t at = cursor->at;
    const uint8_t *p = gcam__cursor_take(cursor, CENTRAL_SIZE);
    if (!p || gcam__get_u32(p) != CENTRAL_MARK) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "zip", (int64_t)at, "the zip directory is damaged at entry %zu",
                             zip->count);
    }
    *e = (gcam__zip_entry){
        .length = gcam__get_u16(p + 28), .header = gcam__get_u32(p + 42), .size = gcam__get_u32(p + 20)};
    e->compressed = gcam__get_u16(p + 10) != 0;
    size_t extra_length = gcam__get_u16(p + 30);
    e->name = (const char *)gcam__cursor_take(cursor, e->length);
    gcam__cursor extra = {cursor->data, cursor->at, cursor->at + extra_length};
    if (!e->name || !gcam__cursor_take(cursor, extra_length) || !gcam__cursor_take(cursor, gcam__get_u16(p + 32))) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "zip", (int64_t)at, "the zip directory ends inside entry %zu",
                             zip->count);
    }
    if (e->length > GCAM__MAX_NAME) return entry_fails(GCAM_ERR_LIMIT, e, at, "its name is too long");
    if (gcam__get_u16(p + 8) & 1) return entry_fails(GCAM_ERR_UNSUPPORTED, e, at, "it is encrypted");
    GCAM_TRY(read_extra64(extra, e, gcam__get_u32(p + 24)));
    return read_local(zip, e, directory_offset);
}

static int by_place(const void *a, const void *b) {
    const gcam__zip_entry *const *x = a, *const *y = b;
    return (*x)->header < (*y)->header ? -1 : (*x)->header > (*y)->header;
}

static gcam_status check_overlap(const gcam__zip *zip) {
    const gcam__zip_entry **sorted = gcam__calloc(zip->count, sizeof *sorted);
    if (!sorted) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < zip->count; i++) sorted[i] = &zip->entries[i];
    if (zip->count > 0) qsort(sorted, zip->count, sizeof *sorted, by_place);
    gcam_status status = GCAM_OK;
    for (size_t i = 1; i < zip->count && status == GCAM_OK; i++) {
        if (sorted[i]->header >= sorted[i - 1]->offset + sorted[i - 1]->size) continue;
        status = entry_fails(GCAM_ERR_FORMAT, sorted[i], sorted[i]->header, "it overlaps another entry");
    }
    gcam__free(sorted);
    return status;
}

static gcam_status read_entries(gcam__zip *zip, const directory *d) {
    zip->entries = gcam__calloc((size_t)d->count, sizeof *zip->entries);
    if (!zip->entries) return GCAM_ERR_NOMEM;
    gcam__cursor cursor = {zip->file->data, (size_t)d->offset, (size_t)(d->offset + d->size)};
    while (zip->count < d->count) {
        int added;
        GCAM_TRY(read_central(zip, &cursor, d->offset));
        const gcam__zip_entry *e = &zip->entries[zip->count];
        GCAM_TRY(gcam__names_add(&zip->names, e->name, e->length, &added));
        if (!added) return entry_fails(GCAM_ERR_FORMAT, e, e->header, "two entries have this name");
        zip->count++;
    }
    return check_overlap(zip);
}

gcam_status gcam__zip_open(gcam__zip *zip, const gcam__file *file) {
    *zip = (gcam__zip){.file = file};
    directory d = {0};
    GCAM_TRY(read_end(file, &d));
    gcam_status status = read_entries(zip, &d);
    if (status != GCAM_OK) gcam__zip_close(zip);
    return status;
}

void gcam__zip_close(gcam__zip *zip) {
    gcam__names_free(&zip->names);
    gcam__free(zip->entries);
    *zip = (gcam__zip){0};
}

gcam_status gcam__zip_require_stored(const gcam__zip *zip) {
    for (size_t i = 0; i < zip->count; i++) {
        if (!zip->entries[i].compressed) continue;
        return entry_fails(GCAM_ERR_UNSUPPORTED, &zip->entries[i], zip->entries[i].header,
                           "it is compressed, which torch.save never does; repack the archive without compression");
    }
    return GCAM_OK;
}

const gcam__zip_entry *gcam__zip_find(const gcam__zip *zip, const char *name, size_t length) {
    int64_t index = gcam__names_find(&zip->names, name, length);
    return index >= 0 ? &zip->entries[index] : NULL;
}

gcam__cursor gcam__zip_cursor(const gcam__zip *zip, const gcam__zip_entry *entry) {
    return (gcam__cursor){zip->file->data, (size_t)entry->offset, (size_t)(entry->offset + entry->size)};
}
