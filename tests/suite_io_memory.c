/* What the readers and writers of lib/io do when memory runs out: allocation 1, 2, 3, ... fails, once or from then on, until the call
 * succeeds. Each failure must be ERR_NOMEM, leave nothing behind, and set the result to NULL. */
#include "core/status.h"
#include "gradcam/io.h"
#include "support/checkpoints.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct failing {
    size_t calls, fail_at; /* the first call is number 1 */
    int forever;           /* 1: all calls from then on fail */
    size_t alive;          /* blocks */
} failing;

static void *failing_allocate(size_t size, void *context) {
    failing *f = context;
    f->calls++;
    if (f->calls == f->fail_at || (f->forever && f->calls > f->fail_at)) return NULL;
    void *block = malloc(size);
    f->alive += block != NULL;
    return block;
}

static void failing_release(void *block, size_t size, void *context) {
    (void)size;
    ((failing *)context)->alive--;
    free(block);
}

/* A call under test: makes something, checks that failure left NULL, and frees what was made. */
typedef gcam_status (*call_fn)(const void *argument);

static void torture(call_fn call, const void *argument) {
    for (int forever = 0; forever < 2; forever++) {
        for (size_t fail_at = 1;; fail_at++) {
            failing f = {.fail_at = fail_at, .forever = forever};
            gcam_allocator allocator = {failing_allocate, failing_release, &f};
            gcam_allocator_set(&allocator);
            gcam_status status = call(argument);
            gcam_allocator_set(NULL);
            ck_assert_uint_eq(f.alive, 0);
            if (status == GCAM_OK) {
                ck_assert_uint_gt(fail_at, 1); /* something was allocated at all */
                break;
            }
            ck_assert_msg(status == GCAM_ERR_NOMEM, "allocation %zu: %d %s", fail_at, status,
                          gcam_last_error()->message);
            ck_assert_int_eq(gcam_last_error()->status, GCAM_ERR_NOMEM);
        }
    }
}

static gcam_status open_table(const void *argument) {
    const blob *b = argument;
    gcam_tensor_table *table = (gcam_tensor_table *)(uintptr_t)argument;
    gcam_status status = gcam_tensor_table_open_memory(&table, b->data, b->size);
    if (status != GCAM_OK) ck_assert_ptr_null(table);
    gcam_tensor_table_free(table);
    return status;
}

START_TEST(opening_checkpoints) {
    static void (*const writers[])(blob *, const sample *) = {sample_zip, sample_stream, sample_tar};
    blob b = {0};
    sample s = sample_usual;
    s.wrapper = "state_dict";
    writers[_i](&b, &s);
    torture(open_table, &b);
    blob_free(&b);
}
END_TEST

static char path[64];

static gcam_status write_table(const void *argument) {
    static const float data[2] = {1, 2};
    static const gcam_tensor_entry entries[] = {{"a", GCAM_DTYPE_F32, {1, {2}}, {1}, data},
                                                {"b", GCAM_DTYPE_F32, {0, {0}}, {0}, data}};
    static const gcam_metadata metadata[] = {{"key", "value"}};
    (void)argument;
    return gcam_safetensors_write(path, entries, 2, metadata, 1, GCAM_DTYPE_F16);
}

static gcam_status read_table(const void *argument) {
    gcam_tensor_table *table;
    gcam_status status = gcam_tensor_table_open(&table, argument);
    if (status != GCAM_OK) ck_assert_ptr_null(table);
    gcam_tensor_table_free(table);
    return status;
}

static gcam_status fill_table(const void *argument) {
    gcam_tensor_table *table;
    gcam_status status = gcam_tensor_table_create(&table);
    const float value = 1;
    gcam_shape scalar = {0, {0}};
    char name[8];
    for (int i = 0; i < 40 && status == GCAM_OK; i++) {
        snprintf(name, sizeof name, "%d", i);
        status = gcam_tensor_table_add(table, name, &scalar, &value);
    }
    (void)argument;
    gcam_tensor_table_free(table);
    return status;
}

static gcam_status save_array(const void *tensor) {
    return gcam_npy_save(path, tensor);
}

static gcam_status load_array(const void *argument) {
    gcam_tensor *tensor;
    (void)argument;
    gcam_status status = gcam_npy_load(&tensor, path);
    if (status != GCAM_OK) ck_assert_ptr_null(tensor);
    gcam_tensor_free(tensor);
    return status;
}

START_TEST(writing_and_reading_files) {
    snprintf(path, sizeof path, "/tmp/gradcam-memory-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    torture(write_table, NULL);
    torture(read_table, path);
    torture(fill_table, NULL);
    gcam_shape shape = {2, {2, 3}};
    gcam_tensor *tensor;
    ck_assert_int_eq(gcam_tensor_create(&tensor, &shape), GCAM_OK);
    torture(save_array, tensor);
    torture(load_array, NULL);
    gcam_tensor_free(tensor);
    unlink(path);
}
END_TEST

Suite *io_memory_suite(void);
Suite *io_memory_suite(void) {
    Suite *suite = suite_create("io_memory");
    TCase *group = tcase_create("io_memory");
    tcase_set_timeout(group, 60);
    tcase_add_loop_test(group, opening_checkpoints, 0, 3);
    tcase_add_test(group, writing_and_reading_files);
    suite_add_tcase(suite, group);
    return suite;
}
