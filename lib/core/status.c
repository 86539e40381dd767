/* Errors. Design: the sentence is written where the facts are known; nobody above rewrites it, they may only put a name in front. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local gcam_error last_error = {.offset = -1};

const gcam_error *gcam_last_error(void) {
    return &last_error;
}

static gcam_status record(gcam_status status, const char *where, int64_t offset, const char *format,
                          va_list arguments) {
    char message[sizeof last_error.message]; /* arguments may point into last_error itself */
    vsnprintf(message, sizeof message, format, arguments);
    last_error.status = status;
    last_error.offset = offset;
    snprintf(last_error.where, sizeof last_error.where, "%s", where);
    memcpy(last_error.message, message, sizeof message);
    return status;
}

gcam_status gcam__fail(gcam_status status, const char *where, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    record(status, where, -1, format, arguments);
    va_end(arguments);
    return status;
}

gcam_status gcam__fail_at(gcam_status status, const char *where, int64_t offset, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    record(status, where, offset, format, arguments);
    va_end(arguments);
    return status;
}

gcam_status gcam__fail_prefix(const char *prefix) {
    char message[sizeof last_error.message];
    snprintf(message, sizeof message, "%s", last_error.message);
    snprintf(last_error.message, sizeof last_error.message, "%.200s: %.300s", prefix, message);
    return last_error.status;
}

gcam_status gcam__fail_offset(int64_t offset) {
    if (last_error.offset < 0) last_error.offset = offset;
    return last_error.status;
}

const char *gcam_status_text(gcam_status status) {
    switch (status) {
#define TEXT_CASE(name, value, text) \
    case GCAM_##name:                \
        return text;
        GCAM_STATUS_MAP(TEXT_CASE)
#undef TEXT_CASE
    }
    return "unknown status";
}

const char *gcam_status_name(gcam_status status) {
    switch (status) {
#define NAME_CASE(name, value, text) \
    case GCAM_##name:                \
        return #name;
        GCAM_STATUS_MAP(NAME_CASE)
#undef NAME_CASE
    }
    return "?";
}

#define VERSION_TEXT(a, b, c) #a "." #b "." #c
#define VERSION_OF(a, b, c) VERSION_TEXT(a, b, c)

const char *gcam_version(void) {
    return VERSION_OF(GCAM_VERSION_MAJOR, GCAM_VERSION_MINOR, GCAM_VERSION_PATCH);
}
