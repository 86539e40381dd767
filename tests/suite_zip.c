/* Tests of the zip reader: what a directory may say, and what it may not. */
#include "core/status.h"
#include "io/limits.h"
#include "io/zip.h"
#include "support/checkpoints.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const zip_part parts[] = {{"m/data.pkl", "pickle", 6}, {"m/data/0", "0123456789", 10}, {"m/version", "3\n", 2}};

static void make(blob *b) {
    blob_free(b);
    zip_write(b, parts, 3);
}

/* Offset of the directory's record number `index`. */
static size_t central(const blob *b, int index) {
    size_t at = blob_find(b, 0, "PK\1\2", 4);
    while (index-- > 0) at = blob_find(b, at + 1, "PK\1\2", 4);
    return at;
}

static void set(blob *b, size_t at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) b->data[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

static gcam_status open_zip(const blob *b, gcam__zip *zip, uint8_t **copy, gcam__file *file) {
    *copy = malloc(b->size ? b->size : 1);
    memcpy(*copy, b->data, b->size);
    *file = (gcam__file){*copy, b->size, 0};
    return gcam__zip_open(zip, file);
}

static void expect(const blob *b, gcam_status status, const char *message) {
    gcam__zip zip;
    gcam__file file;
    uint8_t *copy;
    gcam_status found = open_zip(b, &zip, &copy, &file);
    gcam__zip_close(&zip);
    free(copy);
    ck_assert_msg(found == status && (status == GCAM_OK || strstr(gcam_last_error()->message, message)),
                  "%d: %s\n  expected %d: %s", found, gcam_last_error()->message, status, message);
    if (status != GCAM_OK) ck_assert_int_ge(gcam_last_error()->offset, 0);
}

START_TEST(entries_are_found) {
    blob b = {0};
    gcam__zip zip;
    gcam__file file;
    uint8_t *copy;
    make(&b);
    ck_assert_int_eq(open_zip(&b, &zip, &copy, &file), GCAM_OK);
    ck_assert_uint_eq(zip.count, 3);
    ck_assert_int_eq(gcam__zip_require_stored(&zip), GCAM_OK);
    for (size_t i = 0; i < 3; i++) {
        const gcam__zip_entry *e = gcam__zip_find(&zip, parts[i].name, strlen(parts[i].name));
        ck_assert_ptr_nonnull(e);
        ck_assert_uint_eq(e->offset % 64, 0);
        gcam__cursor cursor = gcam__zip_cursor(&zip, e);
        ck_assert_uint_eq(gcam__cursor_left(&cursor), parts[i].size);
        ck_assert_mem_eq(gcam__cursor_take(&cursor, parts[i].size), parts[i].data, parts[i].size);
    }
    ck_assert_ptr_null(gcam__zip_find(&zip, "m/data", 6));
    gcam__zip_close(&zip);
    free(copy);
    blob_free(&b);
}
END_TEST

START_TEST(ends_of_archives) {
    blob b = {0};
    make(&b);
    size_t end = b.size - 22, locator = end - 20, end64 = locator - 56;
    expect(&b, GCAM_OK, NULL);
    set(&b, end + 20, 5, 2); /* a comment */
    blob_text(&b, "hello");
    expect(&b, GCAM_OK, NULL);
    blob_text(&b, "!");
    expect(&b, GCAM_ERR_FORMAT, "the directory at its end is missing; it is truncated");
    make(&b);
    b.size = 10;
    expect(&b, GCAM_ERR_FORMAT, "the directory at its end is missing");
    make(&b);
    set(&b, end + 4, 1, 2);
    expect(&b, GCAM_ERR_UNSUPPORTED, "the zip archive has several parts");
    make(&b);
    set(&b, end64 + 16, 1, 4);
    expect(&b, GCAM_ERR_UNSUPPORTED, "the zip archive has several parts");
    make(&b);
    set(&b, locator + 8, UINT64_MAX, 8);
    expect(&b, GCAM_ERR_FORMAT, "the zip64 locator points to no zip64 record");
    set(&b, locator + 8, locator - 1, 8);
    expect(&b, GCAM_ERR_FORMAT, "points to no zip64 record");
    set(&b, locator + 8, 0, 8);
    expect(&b, GCAM_ERR_FORMAT, "points to no zip64 record");
    make(&b);
    set(&b, end64 + 32, 2, 8); /* two entries here, three there: two readers would see two archives */
    expect(&b, GCAM_ERR_FORMAT, "the two end records of the zip archive contradict each other");
    make(&b);
    set(&b, end + 16, 0xFFFFFFFF, 4); /* "see the zip64 record" */
    set(&b, end + 12, 0xFFFFFFFF, 4);
    set(&b, end + 10, 0xFFFF, 2);
    expect(&b, GCAM_OK, NULL);
    set(&b, end64 + 48, UINT64_MAX, 8);
    expect(&b, GCAM_ERR_FORMAT, "lies outside the file");
    make(&b);
    set(&b, locator, 0, 4); /* no zip64 at all */
    expect(&b, GCAM_OK, NULL);
    set(&b, end + 16, end - 1, 4);
    expect(&b, GCAM_ERR_FORMAT, "lies outside the file");
    make(&b);
    set(&b, locator, 0, 4);
    set(&b, end + 10, 60000, 2);
    expect(&b, GCAM_ERR_FORMAT, "60000 zip entries do not fit into a directory of");
    set(&b, end + 10, 4, 2);
    expect(&b, GCAM_ERR_FORMAT, "do not fit");
    set(&b, end + 10, 2, 2);
    expect(&b, GCAM_OK, NULL);
    blob_free(&b);
}
END_TEST

START_TEST(records_of_the_directory) {
    blob b = {0};
    make(&b);
    size_t second = central(&b, 1), first = central(&b, 0);
    b.data[second] = 'Q';
    expect(&b, GCAM_ERR_FORMAT, "the zip directory is damaged at entry 1");
    make(&b);
    set(&b, second + 28, 60000, 2);
    expect(&b, GCAM_ERR_FORMAT, "the zip directory ends inside entry 1");
    make(&b);
    set(&b, second + 30, 60000, 2);
    expect(&b, GCAM_ERR_FORMAT, "the zip directory ends inside entry 1");
    make(&b);
    set(&b, second + 32, 60000, 2);
    expect(&b, GCAM_ERR_FORMAT, "the zip directory ends inside entry 1");
    make(&b);
    set(&b, second + 8, 0x0809, 2);
    expect(&b, GCAM_ERR_UNSUPPORTED, "zip entry m/data/0: it is encrypted");
    make(&b);
    set(&b, second + 24, 11, 4);
    expect(&b, GCAM_ERR_FORMAT, "zip entry m/data/0: its two sizes differ, though it is not compressed");
    make(&b);
    set(&b, second + 42, 0x7FFFFFFF, 4);
    expect(&b, GCAM_ERR_FORMAT, "zip entry m/data/0: it lies outside the file");
    make(&b);
    set(&b, second + 42, 1, 4);
    expect(&b, GCAM_ERR_FORMAT, "zip entry m/data/0: no entry begins at the given place");
    make(&b);
    set(&b, second + 42, 0, 4); /* the place of the first entry */
    expect(&b, GCAM_ERR_FORMAT, "zip entry m/data/0: its own header carries another name");
    make(&b);
    set(&b, second + 20, 1000000, 4);
    set(&b, second + 24, 1000000, 4);
    expect(&b, GCAM_ERR_FORMAT, "zip entry m/data/0: its data reach beyond the part of the file that holds entries");
    make(&b);
    set(&b, first + 20, 100, 4); /* reaches into the second */
    set(&b, first + 24, 100, 4);
    expect(&b, GCAM_ERR_FORMAT, "zip entry m/data/0: it overlaps another entry");
    make(&b);
    set(&b, second + 20, 0xFFFFFFFF, 4); /* zip64 numbers without a zip64 field */
    set(&b, second + 24, 0xFFFFFFFF, 4);
    expect(&b, GCAM_ERR_FORMAT, "its data reach beyond");
    blob_free(&b);
}
END_TEST

START_TEST(local_headers) {
    blob b = {0};
    make(&b);
    size_t local = blob_find(&b, 1, "PK\3\4", 4);
    set(&b, local + 8, 8, 2);
    expect(&b, GCAM_ERR_FORMAT, "its own header contradicts the directory about compression");
    make(&b);
    b.data[local + 30] = 'n';
    expect(&b, GCAM_ERR_FORMAT, "its own header carries another name");
    make(&b);
    set(&b, local + 6, 0, 2); /* no descriptor: the sizes count */
    expect(&b, GCAM_ERR_FORMAT, "its own header gives another size");
    set(&b, local + 18, 10, 4);
    expect(&b, GCAM_OK, NULL);
    set(&b, local + 18, 0xFFFFFFFF, 4);
    expect(&b, GCAM_OK, NULL);
    blob_free(&b);
}
END_TEST

/* An archive of one entry whose directory record has this extra field. */
static void with_extra(blob *b, const void *extra, size_t size) {
    blob whole = {0};
    zip_write(&whole, parts, 1);
    size_t at = central(&whole, 0), ends = blob_find(&whole, at, "PK\6\6", 4);
    set(&whole, at + 20, 0xFFFFFFFF, 4);
    set(&whole, at + 24, 0xFFFFFFFF, 4);
    set(&whole, at + 30, size, 2);
    blob_free(b);
    blob_put(b, whole.data, ends);
    blob_put(b, extra, size);
    blob_put(b, "PK\5\6\0\0\0\0\1\0\1\0", 12);
    blob_number(b, ends - at + size, 4);
    blob_number(b, at, 4);
    blob_number(b, 0, 2);
    blob_free(&whole);
}

START_TEST(sizes_of_64_bits) {
    blob b = {0};
    with_extra(&b, "\x09\0\1\0x\1\0\x10\0\6\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0", 25); /* behind a field of another kind */
    expect(&b, GCAM_OK, NULL);
    with_extra(&b, "\1\0\x10\0\6\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0", 20);
    expect(&b, GCAM_ERR_FORMAT, "its two sizes differ");
    with_extra(&b, "\1\0\x08\0\6\0\0\0\0\0\0\0", 12);
    expect(&b, GCAM_ERR_FORMAT, "its zip64 field is too short");
    with_extra(&b, "\1\0\x10\0\6\0\0\0\0\0\0\0", 12);
    expect(&b, GCAM_ERR_FORMAT, "an extra field reaches beyond its header");
    with_extra(&b, "\1\0\x10\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 20);
    expect(&b, GCAM_ERR_FORMAT, "its data reach beyond");
    blob_free(&b);
}
END_TEST

START_TEST(compressed_entries) {
    blob b = {0};
    gcam__zip zip;
    gcam__file file;
    uint8_t *copy;
    make(&b);
    set(&b, central(&b, 1) + 10, 8, 2);
    set(&b, central(&b, 1) + 24, 999, 4);
    set(&b, blob_find(&b, 1, "PK\3\4", 4) + 8, 8, 2);
    ck_assert_int_eq(open_zip(&b, &zip, &copy, &file), GCAM_OK);
    ck_assert_int_eq(gcam__zip_require_stored(&zip), GCAM_ERR_UNSUPPORTED);
    ck_assert_str_eq(
        gcam_last_error()->message,
        "zip entry m/data/0: it is compressed, which torch.save never does; repack the archive without compression");
    gcam__zip_close(&zip);
    free(copy);
    blob_free(&b);
}
END_TEST

START_TEST(names_of_entries) {
    static char name[GCAM__MAX_NAME + 2];
    blob b = {0};
    const zip_part twice[] = {{"a", "x", 1}, {"a", "y", 1}};
    zip_write(&b, twice, 2);
    expect(&b, GCAM_ERR_FORMAT, "zip entry a: two entries have this name");
    for (size_t extra = 0; extra < 2; extra++) {
        memset(name, 'n', sizeof name);
        name[GCAM__MAX_NAME + extra] = 0;
        const zip_part part = {name, "x", 1};
        blob_free(&b);
        zip_write(&b, &part, 1);
        expect(&b, extra ? GCAM_ERR_LIMIT : GCAM_OK, "its name is too long");
    }
    blob_free(&b);
}
END_TEST

START_TEST(the_number_of_entries) {
    zip_part *many = calloc(GCAM__MAX_ZIP_ENTRIES + 1, sizeof *many);
    char *names = calloc(GCAM__MAX_ZIP_ENTRIES + 1, 8);
    ck_assert(many && names);
    for (size_t i = 0; i <= GCAM__MAX_ZIP_ENTRIES; i++) {
        snprintf(names + 8 * i, 8, "%zu", i);
        many[i] = (zip_part){names + 8 * i, "x", 1};
    }
    blob b = {0};
    zip_write(&b, many, GCAM__MAX_ZIP_ENTRIES);
    expect(&b, GCAM_OK, NULL);
    blob_free(&b);
    zip_write(&b, many, GCAM__MAX_ZIP_ENTRIES + 1);
    expect(&b, GCAM_ERR_LIMIT, "65537 zip entries, at most 65536 are accepted");
    blob_free(&b);
    free(many);
    free(names);
}
END_TEST

Suite *zip_suite(void);
Suite *zip_suite(void) {
    Suite *suite = suite_create("zip");
    TCase *group = tcase_create("zip");
    tcase_set_timeout(group, 30);
    tcase_add_test(group, entries_are_found);
    tcase_add_test(group, ends_of_archives);
    tcase_add_test(group, records_of_the_directory);
    tcase_add_test(group, local_headers);
    tcase_add_test(group, sizes_of_64_bits);
    tcase_add_test(group, compressed_entries);
    tcase_add_test(group, names_of_entries);
    tcase_add_test(group, the_number_of_entries);
    suite_add_tcase(suite, group);
    return suite;
}
