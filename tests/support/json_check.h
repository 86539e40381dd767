/* A small strict reader of JSON for tests: is it valid, and what stands at a path. */
#ifndef TESTS_SUPPORT_JSON_CHECK_H
#define TESTS_SUPPORT_JSON_CHECK_H

#include <stddef.h>

/* 1 where the whole text is one valid JSON value (RFC 8259). */
int json_is_valid(const char *text);

/* Where the value at `path` begins ("photos.0.top.1.label"), and its length in bytes; NULL where there is none. */
const char *json_find(const char *text, const char *path, size_t *length);

/* Number at a path; fails the test where there is none. */
double json_number_at(const char *text, const char *path);

/* 1 where the string at `path` is `expected` (which needs no escapes). */
int json_text_is(const char *text, const char *path, const char *expected);

#endif
