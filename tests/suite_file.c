/* Tests of lib/io/file.c: mapping, and writing that leaves the old file, the new file or nothing. */
#include "core/status.h"
#include "io/file.h"
#include "io/limits.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void setup(void) {
    snprintf(folder, sizeof folder, "/tmp/gradcam-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int files_in_folder(void) {
    int count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_type == DT_REG;
    closedir(dir);
    return count;
}

static void teardown(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *inside(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *path, const char *text) {
    gcam__writer *writer;
    ck_assert_int_eq(gcam__writer_open(&writer, path), GCAM_OK);
    ck_assert_int_eq(gcam__writer_write(writer, text, strlen(text)), GCAM_OK);
    ck_assert_int_eq(gcam__writer_commit(writer), GCAM_OK);
}

static void check_content(const char *path, const char *text) {
    gcam__file file;
    ck_assert_int_eq(gcam__file_map(&file, path), GCAM_OK);
    ck_assert_uint_eq(file.size, strlen(text));
    ck_assert_mem_eq(file.data, text, file.size);
    gcam__file_unmap(&file);
    ck_assert_ptr_null(file.data);
    gcam__file_unmap(&file);
}

START_TEST(what_is_written_is_read) {
    write_text(inside("a"), "first");
    check_content(inside("a"), "first");
    write_text(inside("a"), "second, longer");
    check_content(inside("a"), "second, longer");
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(large_and_small_writes_keep_their_order) {
    enum { TOTAL = 300000 };
    unsigned char *data = malloc(TOTAL);
    for (int i = 0; i < TOTAL; i++) data[i] = (unsigned char)(i * 7 + i / 251);
    gcam__writer *writer;
    ck_assert_int_eq(gcam__writer_open(&writer, inside("big")), GCAM_OK);
    size_t done = 0;
    for (size_t step = 1; done < TOTAL; step = step * 3 + 1) {
        size_t size = step < TOTAL - done ? step : TOTAL - done;
        ck_assert_int_eq(gcam__writer_write(writer, data + done, size), GCAM_OK);
        done += size;
    }
    ck_assert_int_eq(gcam__writer_pad(writer, 5000), GCAM_OK);
    ck_assert_uint_eq(gcam__writer_size(writer), TOTAL + 5000);
    ck_assert_int_eq(gcam__writer_commit(writer), GCAM_OK);
    gcam__file file;
    ck_assert_int_eq(gcam__file_map(&file, inside("big")), GCAM_OK);
    ck_assert_uint_eq(file.size, TOTAL + 5000);
    ck_assert_mem_eq(file.data, data, TOTAL);
    for (size_t i = TOTAL; i < file.size; i++) ck_assert_uint_eq(file.data[i], 0);
    gcam__file_unmap(&file);
    free(data);
}
END_TEST

START_TEST(an_abort_leaves_the_old_file) {
    write_text(inside("a"), "old");
    gcam__writer *writer;
    ck_assert_int_eq(gcam__writer_open(&writer, inside("a")), GCAM_OK);
    ck_assert_int_eq(gcam__writer_write(writer, "new", 3), GCAM_OK);
    gcam__writer_abort(writer);
    gcam__writer_abort(NULL);
    check_content(inside("a"), "old");
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file) {
    write_text(inside("a"), "old");
    struct rlimit before, small = {100000, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    gcam__writer *writer;
    ck_assert_int_eq(gcam__writer_open(&writer, inside("a")), GCAM_OK);
    for (int i = 0; i < 300; i++) (void)gcam__writer_pad(writer, 1000);
    gcam__fail(GCAM_ERR_ARGUMENT, "test", "another error in between");
    gcam_status status = gcam__writer_commit(writer);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_int_eq(status, GCAM_ERR_IO);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "cannot be written: File too large"));
    check_content(inside("a"), "old");
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(places_that_cannot_be_written) {
    gcam__writer *writer = (gcam__writer *)folder;
    ck_assert_int_eq(gcam__writer_open(&writer, inside("absent/x.png")), GCAM_ERR_IO);
    ck_assert_ptr_null(writer);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "absent/x.png: cannot be written: No such file"));
    ck_assert_int_eq(gcam__writer_open(&writer, folder), GCAM_ERR_IO);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "it is a directory"));
    ck_assert_int_eq(gcam__writer_open(&writer, "/dev/null"), GCAM_ERR_IO);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "a device or a pipe"));
    ck_assert_int_eq(gcam__writer_open(&writer, ""), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam__writer_open(&writer, NULL), GCAM_ERR_ARGUMENT);
}
END_TEST

START_TEST(files_that_cannot_be_read) {
    gcam__file file;
    ck_assert_int_eq(gcam__file_map(&file, inside("absent")), GCAM_ERR_IO);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "absent: cannot be opened: No such file"));
    ck_assert_int_eq(gcam__file_map(&file, folder), GCAM_ERR_IO);
    ck_assert_int_eq(gcam__file_map(&file, "/dev/null"), GCAM_ERR_IO);
    ck_assert_int_eq(mkfifo(inside("pipe"), 0600), 0);
    ck_assert_int_eq(gcam__file_map(&file, inside("pipe")), GCAM_ERR_IO);
    ck_assert_int_eq(gcam__file_map(&file, NULL), GCAM_ERR_ARGUMENT);
    write_text(inside("empty"), "");
    ck_assert_int_eq(gcam__file_map(&file, inside("empty")), GCAM_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "the file is empty"));
    ck_assert_int_eq(gcam__file_borrow(&file, NULL, 1), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam__file_borrow(&file, "x", 0), GCAM_ERR_FORMAT);
    ck_assert_ptr_null(file.data);
}
END_TEST

/* Pages given back come from the file again; a caller's buffer is left alone. */
START_TEST(forgotten_pages_come_back) {
    enum { SIZE = 64 * 1024 + 100 };
    static char text[SIZE + 1];
    for (int i = 0; i < SIZE; i++) text[i] = (char)('a' + i % 23);
    write_text(inside("pages"), text);
    gcam__file file, borrowed;
    ck_assert_int_eq(gcam__file_map(&file, inside("pages")), GCAM_OK);
    gcam__file_forget(&file, file.data, file.size);
    gcam__file_forget(&file, file.data + 5000, 20000);
    gcam__file_forget(&file, text, SIZE); /* not of this file */
    ck_assert_mem_eq(file.data, text, SIZE);
    gcam__file_unmap(&file);
    static char copy[SIZE];
    memcpy(copy, text, SIZE);
    ck_assert_int_eq(gcam__file_borrow(&borrowed, copy, SIZE), GCAM_OK);
    gcam__file_forget(&borrowed, borrowed.data, SIZE);
    ck_assert_mem_eq(copy, text, SIZE);
}
END_TEST

START_TEST(the_size_limit_is_exact) {
    int fd = open(inside("sparse"), O_WRONLY | O_CREAT, 0600); /* holes take no space */
    ck_assert_int_ge(fd, 0);
    if (ftruncate(fd, GCAM__MAX_FILE_SIZE)) {
        close(fd);
        printf("skipped: this file system has no files of 8 GiB\n");
        return;
    }
    gcam__file file;
    ck_assert_int_eq(gcam__file_map(&file, inside("sparse")), GCAM_OK);
    ck_assert_uint_eq(file.size, (size_t)GCAM__MAX_FILE_SIZE);
    gcam__file_unmap(&file);
    ck_assert_int_eq(ftruncate(fd, GCAM__MAX_FILE_SIZE + 1), 0);
    ck_assert_int_eq(gcam__file_map(&file, inside("sparse")), GCAM_ERR_LIMIT);
    close(fd);
}
END_TEST

Suite *file_suite(void);
Suite *file_suite(void) {
    Suite *suite = suite_create("file");
    TCase *group = tcase_create("file");
    tcase_add_checked_fixture(group, setup, teardown);
    tcase_add_test(group, what_is_written_is_read);
    tcase_add_test(group, large_and_small_writes_keep_their_order);
    tcase_add_test(group, an_abort_leaves_the_old_file);
    tcase_add_test(group, a_full_disk_leaves_the_old_file);
    tcase_add_test(group, places_that_cannot_be_written);
    tcase_add_test(group, files_that_cannot_be_read);
    tcase_add_test(group, forgotten_pages_come_back);
    tcase_add_test(group, the_size_limit_is_exact);
    suite_add_tcase(suite, group);
    return suite;
}
