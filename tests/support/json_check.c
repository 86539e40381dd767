/* Recursive descent over the text; nothing is stored. */
#include "support/json_check.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_value(const char *p);

static const char *skip_space(const char *p) {
    while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') p++;
    return p;
}

/* All of these return NULL where the text is not valid. */
static const char *skip_string(const char *p) {
    if (*p++ != '"') return NULL;
    for (; *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) return NULL;
        if (*p != '\\') continue;
        p++;
        if (*p == 'u') {
            if (strspn(p + 1, "0123456789abcdefABCDEF") < 4) return NULL;
            p += 4;
        } else if (!*p || !strchr("\"\\/bfnrt", *p)) {
            return NULL;
        }
    }
    return p + 1;
}

static const char *skip_digits(const char *p) {
    size_t count = strspn(p, "0123456789");
    return count ? p + count : NULL;
}

static const char *skip_number(const char *p) {
    if (*p == '-') p++;
    if (*p == '0')
        p++;
    else
        p = skip_digits(p);
    if (p && *p == '.') p = skip_digits(p + 1);
    if (p && (*p == 'e' || *p == 'E')) {
        p++;
        if (*p == '+' || *p == '-') p++;
        p = skip_digits(p);
    }
    return p;
}

static const char *skip_members(const char *p, char close) {
    p = skip_space(p + 1);
    if (*p == close) return p + 1;
    for (;;) {
        if (close == '}') {
            p = skip_string(skip_space(p));
            if (!p || *(p = skip_space(p)) != ':') return NULL;
            p++;
        }
        p = skip_value(p);
        if (!p) return NULL;
        p = skip_space(p);
        if (*p == close) return p + 1;
        if (*p++ != ',') return NULL;
    }
}

static const char *skip_value(const char *p) {
    static const char *const words[] = {"true", "false", "null"};
    p = skip_space(p);
    if (*p == '{') return skip_members(p, '}');
    if (*p == '[') return skip_members(p, ']');
    if (*p == '"') return skip_string(p);
    for (int i = 0; i < 3; i++) {
        if (strncmp(p, words[i], strlen(words[i])) == 0) return p + strlen(words[i]);
    }
    return skip_number(p);
}

int json_is_valid(const char *text) {
    const char *end = skip_value(text);
    return end && *skip_space(end) == '\0';
}

/* The member of an object or the element of an array that one part of a path names. */
static const char *member(const char *p, const char *key, size_t key_length) {
    p = skip_space(p);
    char open = *p;
    if (open != '{' && open != '[') return NULL;
    long wanted = open == '[' ? strtol(key, NULL, 10) : -1;
    p = skip_space(p + 1);
    for (long i = 0; *p != '}' && *p != ']'; i++) {
        const char *name = p;
        if (open == '{') p = skip_space(skip_string(p)) + 1;
        if (open == '[' ? i == wanted : strncmp(name + 1, key, key_length) == 0 && name[1 + key_length] == '"')
            return skip_space(p);
        p = skip_space(skip_value(p));
        if (*p == ',') p = skip_space(p + 1);
    }
    return NULL;
}

const char *json_find(const char *text, const char *path, size_t *length) {
    if (!json_is_valid(text)) return NULL;
    const char *p = skip_space(text);
    while (p && *path) {
        size_t key = strcspn(path, ".");
        p = member(p, path, key);
        path += key + (path[key] == '.');
    }
    if (p && length) *length = (size_t)(skip_value(p) - p);
    return p;
}

double json_number_at(const char *text, const char *path) {
    char *end;
    const char *p = json_find(text, path, NULL);
    ck_assert_msg(p != NULL, "no %s in %s", path, text);
    double value = strtod(p, &end);
    ck_assert_msg(end != p, "%s is not a number", path);
    return value;
}

int json_text_is(const char *text, const char *path, const char *expected) {
    size_t length;
    const char *p = json_find(text, path, &length);
    return p && length == strlen(expected) + 2 && *p == '"' && memcmp(p + 1, expected, strlen(expected)) == 0;
}
