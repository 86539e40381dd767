#include "support/command.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

const char *command_folder(void) {
    return folder;
}

process_result command_shell(const char *format, ...) {
    char line[4096], tail[3072];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tail, sizeof tail, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line,
             "unset GCAM_KERNELS; B=$(cd %s && pwd); G=$B/bin/gradcam; BARE=$B/tests/gradcam-bare; "
             "SHAPES=$B/tests/gradcam-shapes; D=%s; M=$D/shapes.safetensors; %s",
             test_build_folder(), folder, tail);
    process_result result;
    process_run(&result, line);
    return result;
}

void command_expect_exit(int code, const char *line) {
    process_result r = command_shell("%s", line);
    ck_assert_msg(r.exit_code == code, "exit code %d, expected %d: %s\n%s%s", r.exit_code, code, line, r.out, r.err);
    process_free(&r);
}

void command_expect_contains(const char *text, const char *part, const char *line) {
    ck_assert_msg(strstr(text, part) != NULL, "%s\nshould say: %s\nbut says: %s", line, part, text);
}

int command_wrote(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

void command_folder_make(void) {
    snprintf(folder, sizeof folder, "/tmp/gradcam-cli-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    process_result r = command_shell("%s/demo/shapes $D", test_build_folder());
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    process_free(&r);
}

void command_folder_remove(void) {
    process_result r = command_shell("chmod -R u+w $D; rm -rf $D");
    process_free(&r);
}
