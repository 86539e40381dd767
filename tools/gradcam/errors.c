/* Errors of the command: "gradcam: " and one sentence on stderr. Text that comes from files may hold anything, so what could
 * steer a terminal is replaced. */
#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>

static void say(const char *format, va_list arguments) {
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    }
    progress_clear();
    fflush(stdout);
    fprintf(stderr, "gradcam: %s\n", text);
}

int fail_use(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return EXIT_USE;
}

int fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int fail_library(void) {
    return fail("%s", gcam_last_error()->message);
}

int fail_memory(void) {
    return fail("out of memory");
}
