/* Runs a shell command and keeps what it printed. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <string.h>

typedef struct process_result {
    int exit_code; /* 128 + signal where a signal ended it */
    char *out;     /* standard output, ends with NUL */
    char *err;     /* standard error */
} process_result;

/* Runs `command` with /bin/sh. Fails the test where it cannot be started. */
void process_run(process_result *result, const char *command);
void process_free(process_result *result);

/* A whole file as text that ends with NUL; NULL where it cannot be read. Free with free(). */
char *read_text_file(const char *path);

/* The build folder under test: $GCAM_BUILD, or "build". */
const char *test_build_folder(void);

#endif
