/* Standard output and error go to temporary files, so that neither can fill a pipe and stop the command. */
#include "support/process.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char *read_stream(FILE *file) {
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity);
    while (text) {
        size += fread(text + size, 1, capacity - size - 1, file);
        if (size + 1 < capacity) break;
        capacity *= 2;
        text = realloc(text, capacity);
    }
    ck_assert_ptr_nonnull(text);
    text[size] = '\0';
    return text;
}

char *read_text_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = read_stream(file);
    fclose(file);
    return text;
}

static void open_temporary(char *path) {
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

void process_run(process_result *result, const char *command) {
    char out_path[] = "/tmp/gradcam-out-XXXXXX", err_path[] = "/tmp/gradcam-err-XXXXXX";
    open_temporary(out_path);
    open_temporary(err_path);
    size_t length = strlen(command) + 128;
    char *line = malloc(length);
    ck_assert_ptr_nonnull(line);
    snprintf(line, length, "{ %s\n} >%s 2>%s", command, out_path, err_path);
    int status = system(line);
    free(line);
    ck_assert_int_ne(status, -1);
    result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result->out = read_text_file(out_path);
    result->err = read_text_file(err_path);
    unlink(out_path);
    unlink(err_path);
}

void process_free(process_result *result) {
    free(result->out);
    free(result->err);
}

const char *test_build_folder(void) {
    const char *folder = getenv("GCAM_BUILD");
    return folder && *folder ? folder : "build";
}
