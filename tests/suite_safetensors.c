/* Tests of safetensors, read and written. */
#include "core/status.h"
#include "gradcam/io.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void setup(void) {
    snprintf(path, sizeof path, "/tmp/gradcam-st-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void) {
    unlink(path);
}

static gcam_tensor_table *open_path(void) {
    gcam_tensor_table *table;
    ck_assert_msg(gcam_tensor_table_open(&table, path) == GCAM_OK, "%s", gcam_last_error()->message);
    return table;
}

static void check_values(const gcam_tensor_table *table, const char *name, gcam_dtype dtype, const float *values) {
    const gcam_tensor_entry *entry = gcam_tensor_table_find(table, name);
    ck_assert_ptr_nonnull(entry);
    ck_assert_int_eq(entry->dtype, dtype);
    float read[16];
    int64_t count = gcam_shape_count(&entry->shape);
    ck_assert_int_le(count, 16);
    gcam_tensor_entry_read(entry, read);
    for (int64_t i = 0; i < count; i++) ck_assert_float_eq(read[i], values[i]);
}

static const float matrix[6] = {1, 2, 3, -4, 5.5f, 6};
static const int64_t batches = 1234567;
static const uint8_t flags[3] = {1, 0, 1};

static const gcam_tensor_entry entries[] = {
    {"flags", GCAM_DTYPE_BOOL, {1, {3}}, {1}, flags},
    {"matrix", GCAM_DTYPE_F32, {2, {2, 3}}, {3, 1}, matrix},
    {"transposed", GCAM_DTYPE_F32, {2, {3, 2}}, {1, 3}, matrix},
    {"batches", GCAM_DTYPE_I64, {0, {0}}, {0}, &batches},
    {"nothing", GCAM_DTYPE_F32, {2, {0, 7}}, {7, 1}, NULL},
};

START_TEST(what_is_written_is_read) {
    static const gcam_metadata metadata[] = {{"graph", "line 1\nline \"2\"\t\\ \x01 \xC3\xA9 \xF0\x9F\x90\x95"},
                                             {"empty", ""}};
    static const gcam_dtype dtypes[] = {GCAM_DTYPE_F32, GCAM_DTYPE_F16, GCAM_DTYPE_BF16};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(gcam_safetensors_write(path, entries, 5, metadata, 2, dtypes[i]) == GCAM_OK, "%s",
                      gcam_last_error()->message);
        gcam_tensor_table *table = open_path();
        ck_assert_str_eq(gcam_tensor_table_format(table), "safetensors");
        ck_assert_uint_eq(gcam_tensor_table_count(table), 5);
        check_values(table, "matrix", dtypes[i], matrix);
        check_values(table, "transposed", dtypes[i], (float[]){1, -4, 2, 5.5f, 3, 6});
        check_values(table, "batches", GCAM_DTYPE_I64, (float[]){1234567});
        check_values(table, "flags", GCAM_DTYPE_BOOL, (float[]){1, 0, 1});
        check_values(table, "nothing", dtypes[i], NULL);
        ck_assert_str_eq(gcam_tensor_table_metadata(table, "graph"), metadata[0].value);
        ck_assert_str_eq(gcam_tensor_table_metadata(table, "empty"), "");
        ck_assert_ptr_null(gcam_tensor_table_metadata(table, "absent"));
        const char *key, *value;
        ck_assert_int_eq(gcam_tensor_table_metadata_at(table, 0, &key, &value), 1);
        ck_assert_str_eq(key, "graph");
        ck_assert_int_eq(gcam_tensor_table_metadata_at(table, 2, &key, &value), 0);
        for (size_t e = 0; e < 5; e++) { /* the mapping begins at a page */
            const gcam_tensor_entry *entry = gcam_tensor_table_at(table, e);
            ck_assert_uint_eq((uintptr_t)entry->data % gcam_dtype_size(entry->dtype), 0);
            if (e == 0) ck_assert_uint_eq((uintptr_t)entry->data % 64, 0);
        }
        ck_assert_ptr_null(gcam_tensor_table_at(table, 5));
        gcam_tensor_table_free(table);
    }
}
END_TEST

START_TEST(large_strided_tensors_pass_in_pieces) {
    enum { ROWS = 131, COLUMNS = 97 };
    float *data = malloc(sizeof(float) * ROWS * COLUMNS), *read = malloc(sizeof(float) * ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS; i++) data[i] = (float)i;
    gcam_tensor_entry entry = {"t", GCAM_DTYPE_F32, {2, {COLUMNS, ROWS}}, {1, COLUMNS}, data};
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, NULL, 0, GCAM_DTYPE_F32), GCAM_OK);
    gcam_tensor_table *table = open_path();
    gcam_tensor_entry_read(gcam_tensor_table_at(table, 0), read);
    for (int c = 0; c < COLUMNS; c++)
        for (int r = 0; r < ROWS; r++) ck_assert_float_eq(read[c * ROWS + r], (float)(r * COLUMNS + c));
    gcam_tensor_table_free(table);
    free(data);
    free(read);
}
END_TEST

START_TEST(what_cannot_be_written) {
    float big = 1e6f, infinite = INFINITY;
    gcam_tensor_entry entry = {"w", GCAM_DTYPE_F32, {0, {0}}, {0}, &big};
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, NULL, 0, GCAM_DTYPE_F16), GCAM_ERR_NUMERIC);
    ck_assert_str_eq(gcam_last_error()->message, "w: the value 1e+06 is too large for float16");
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, NULL, 0, GCAM_DTYPE_BF16), GCAM_OK);
    entry.data = &infinite;
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, NULL, 0, GCAM_DTYPE_F16), GCAM_OK);
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, NULL, 0, GCAM_DTYPE_F64), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_safetensors_write(NULL, &entry, 1, NULL, 0, GCAM_DTYPE_F32), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_safetensors_write("/absent/x", &entry, 1, NULL, 0, GCAM_DTYPE_F32), GCAM_ERR_IO);
    gcam_tensor_entry twice[] = {entry, entry};
    ck_assert_int_eq(gcam_safetensors_write(path, twice, 2, NULL, 0, GCAM_DTYPE_F32), GCAM_ERR_ARGUMENT);
    gcam_metadata same[] = {{"k", "1"}, {"k", "2"}}, bad[] = {{"k", "\xFF"}};
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, same, 2, GCAM_DTYPE_F32), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, bad, 1, GCAM_DTYPE_F32), GCAM_ERR_ARGUMENT);
    entry.name = "a\nb";
    ck_assert_int_eq(gcam_safetensors_write(path, &entry, 1, NULL, 0, GCAM_DTYPE_F32), GCAM_ERR_ARGUMENT);
}
END_TEST

/* ---- reading by hand ---------------------------------------------------------------------------------------------------- */

/* Opens a file of this header and `bytes` bytes of data; returns the status. */
static gcam_status open_header(const char *json, size_t bytes, gcam_tensor_table **table) {
    size_t length = strlen(json);
    char *file = calloc(1, 8 + length + bytes);
    for (int i = 0; i < 8; i++) file[i] = (char)((uint64_t)length >> 8 * i);
    memcpy(file + 8, json, length);
    gcam_status status = gcam_tensor_table_open_memory(table, file, 8 + length + bytes);
    gcam_tensor_table_free(*table);
    free(file);
    return status;
}

START_TEST(headers_that_are_refused) {
    static const struct {
        const char *json;
        size_t bytes;
        gcam_status status;
        const char *message;
    } cases[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  \n", 8, GCAM_OK, NULL},
        {"{}", 0, GCAM_OK, NULL},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, GCAM_ERR_FORMAT,
         "end 1 bytes before the end of the file"},
        {"{}", 1, GCAM_ERR_FORMAT, "end 1 bytes before"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, GCAM_ERR_FORMAT,
         "a: data_offsets 0 to 8 lie outside the 7"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, GCAM_ERR_FORMAT,
         "a: data_offsets 8 to 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, GCAM_ERR_FORMAT,
         "its shape needs 12 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, GCAM_OK, NULL},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]}}", 0, GCAM_OK, NULL},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_"
         "offsets\":[1,3]}}",
         3, GCAM_ERR_FORMAT, "b: its data begin at 1, but the tensor before it ends at 2"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_"
         "offsets\":[2,3]}}",
         3, GCAM_ERR_FORMAT, "b: its data begin at 2"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_"
         "offsets\":[1,2]}}",
         2, GCAM_ERR_FORMAT, "a: two tensors have this name"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_FORMAT,
         "a: its dtype is given twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, GCAM_ERR_FORMAT, "a: it lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, GCAM_ERR_FORMAT, "are not two numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, GCAM_ERR_FORMAT,
         "are not two numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_FORMAT,
         "\"-\" where a whole number was expected"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_FORMAT, "\".\" where"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_FORMAT, "superfluous 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551616],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_FORMAT,
         "64 bits"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551615],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_LIMIT,
         "a dimension of 18446"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4, GCAM_ERR_LIMIT,
         "overflows"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, GCAM_ERR_LIMIT,
         "overflows"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, GCAM_OK, NULL},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, GCAM_ERR_LIMIT,
         "more than 8 dimensions"},
        {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, GCAM_ERR_UNSUPPORTED,
         "a: its type is F8_E4M3"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, GCAM_ERR_FORMAT,
         "unknown field x"},
        {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}}", 0, GCAM_ERR_FORMAT, "the metadata key k occurs twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, GCAM_ERR_FORMAT, "__metadata__ is given twice"},
        {"{\"__metadata__\":{\"k\":1}}", 0, GCAM_ERR_FORMAT, "where a text was expected"},
        {"{\"__metadata__\":{\"k\":\"\\u0000\"}}", 0, GCAM_ERR_FORMAT, "\\u0000"},
        {"{\"a\\u001b[2J\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, GCAM_ERR_FORMAT,
         "the name a?[2J is not printable"},
        {"{} x", 0, GCAM_ERR_FORMAT, "\"x\" where the end was expected"},
        {"{\"a\"", 0, GCAM_ERR_FORMAT, "the JSON text ends where \":\" was expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gcam_tensor_table *table;
        gcam_status status = open_header(cases[i].json, cases[i].bytes, &table);
        ck_assert_msg(status == cases[i].status, "case %zu: %d %s", i, status, gcam_last_error()->message);
        if (status == GCAM_OK) continue;
        ck_assert_ptr_null(table);
        ck_assert_msg(strstr(gcam_last_error()->message, cases[i].message), "case %zu: %s", i,
                      gcam_last_error()->message);
    }
}
END_TEST

START_TEST(a_truncated_header_is_refused) {
    gcam_tensor_table *table;
    unsigned char file[64] = {100, 0, 0, 0, 0, 0, 0, 0, '{'};
    ck_assert_int_eq(gcam_tensor_table_open_memory(&table, file, sizeof file), GCAM_ERR_FORMAT);
    ck_assert_str_eq(gcam_last_error()->message, "the header claims 100 bytes, the file has 56; it is truncated");
    ck_assert_int_eq(gcam_last_error()->offset, 0);
    memcpy(file, "\x00\xE1\xF5\x05", 4); /* 100,000,000 is the limit */
    ck_assert_int_eq(gcam_tensor_table_open_memory(&table, file, sizeof file), GCAM_ERR_FORMAT);
    memcpy(file, "\x01\xE1\xF5\x05", 4);
    ck_assert_int_eq(gcam_tensor_table_open_memory(&table, file, sizeof file), GCAM_ERR_LIMIT);
}
END_TEST

Suite *safetensors_suite(void);
Suite *safetensors_suite(void) {
    Suite *suite = suite_create("safetensors");
    TCase *group = tcase_create("safetensors");
    tcase_add_checked_fixture(group, setup, teardown);
    tcase_add_test(group, what_is_written_is_read);
    tcase_add_test(group, large_strided_tensors_pass_in_pieces);
    tcase_add_test(group, what_cannot_be_written);
    tcase_add_test(group, headers_that_are_refused);
    tcase_add_test(group, a_truncated_header_is_refused);
    suite_add_tcase(suite, group);
    return suite;
}
