/* Two spaces a level, one member a line; a row stays on its line. */
#include "json_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length of the UTF-8 sequence at `p`, 0 where it is not one (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
static int utf8_length(const unsigned char *p) {
    if (p[0] < 0x80) return 1;
    int length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    for (int i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
    if (p[0] == 0xed && p[1] > 0x9f) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return length;
}

static void put_string(FILE *file, const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    fputc('"', file);
    while (*p) {
        int length = utf8_length(p);
        if (length == 0) {
            fputs("\\ufffd", file);
            length = 1;
        } else if (*p == '"' || *p == '\\') {
            fprintf(file, "\\%c", *p);
        } else if (*p < 0x20 || *p == 0x7f) {
            fprintf(file, "\\u%04x", *p);
        } else {
            fwrite(p, 1, (size_t)length, file);
        }
        p += length;
    }
    fputc('"', file);
}

static void new_line(json_out *j) {
    fputc('\n', j->file);
    for (int i = 0; i < j->depth; i++) fputs("  ", j->file);
}

/* Comma, line break and key before a value. */
static void before(json_out *j, const char *key) {
    if (j->depth > 0) {
        int flat = j->flat[j->depth - 1];
        if (j->filled[j->depth - 1]) fputs(flat ? ", " : ",", j->file);
        if (!flat) new_line(j);
        j->filled[j->depth - 1] = 1;
    }
    if (key) {
        put_string(j->file, key);
        fputs(": ", j->file);
    }
}

static void open_bracket(json_out *j, const char *key, const char *brackets, int flat) {
    before(j, key);
    fputc(brackets[0], j->file);
    if (j->depth == JSON_DEPTH) abort(); /* a mistake in the command, not in its input */
    j->closing[j->depth] = brackets[1];
    j->filled[j->depth] = 0;
    j->flat[j->depth] = flat || j->compact;
    j->depth++;
}

void json_object(json_out *j, const char *key) {
    open_bracket(j, key, "{}", 0);
}

void json_array(json_out *j, const char *key) {
    open_bracket(j, key, "[]", 0);
}

void json_row(json_out *j, const char *key) {
    open_bracket(j, key, "[]", 1);
}

void json_row_object(json_out *j) {
    open_bracket(j, NULL, "{}", 1);
}

void json_end(json_out *j) {
    j->depth--;
    if (j->filled[j->depth] && !j->flat[j->depth]) new_line(j);
    fputc(j->closing[j->depth], j->file);
    if (j->depth == 0) fputc('\n', j->file);
}

void json_text(json_out *j, const char *key, const char *text) {
    before(j, key);
    if (text)
        put_string(j->file, text);
    else
        fputs("null", j->file);
}

void json_integer(json_out *j, const char *key, long long value) {
    before(j, key);
    fprintf(j->file, "%lld", value);
}

/* The shortest of the precisions that reads back as the same number. */
static void put_number(FILE *file, double value, int is_float) {
    char text[64];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (is_float ? (float)back == (float)value : back == value) break;
    }
    fputs(text, file);
}

void json_number(json_out *j, const char *key, double value) {
    before(j, key);
    if (isfinite(value))
        put_number(j->file, value, 0);
    else
        fputs("null", j->file);
}

void json_float(json_out *j, const char *key, float value) {
    before(j, key);
    if (isfinite(value))
        put_number(j->file, (double)value, 1);
    else
        fputs("null", j->file);
}
