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

int fail_unknown(const char *kind, const char *word, gcam_name_at_fn name_at, const void *list, const char *where) {
    const char *near = gcam_suggest(word, name_at, list);
    if (near) return fail_use("there is no %s \"%s\"; did you mean \"%s\"?", kind, word, near);
    return fail_use("there is no %s \"%s\"; %s", kind, word, where);
}

static const char *layer_at(const void *network, size_t index) {
    gcam_layer_info info;
    return gcam_network_layer(network, (int)index, &info) == GCAM_OK ? info.name : NULL;
}

int fail_layer(const gcam_network *network, const char *word) {
    return fail_unknown("layer", word, layer_at, network, "gradcam inspect lists them");
}
