/* JSON (RFC 8259), the part that headers of files need. Design: a pull reader over the bytes of the file; the nesting of the calls
 * mirrors the nesting of the text, so nothing recurses and the only memory is that of the texts. */
#include "io/json.h"

#include "core/status.h"
#include "core/utf8.h"
#include "io/limits.h"

#include <inttypes.h>
#include <string.h>

static int peek(gcam__json *json) {
    gcam__cursor *c = &json->cursor;
    while (c->at < c->end && memchr(" \t\n\r", c->data[c->at], 4)) c->at++;
    return c->at < c->end ? c->data[c->at] : -1;
}

/* "expected X, found Y" at the present place. */
static gcam_status unexpected(gcam__json *json, const char *expected) {
    int found = peek(json);
    int64_t at = (int64_t)json->cursor.at;
    if (found < 0)
        return gcam__fail_at(GCAM_ERR_FORMAT, "json", at, "the JSON text ends where %s was expected", expected);
    if (found < 0x20 || found > 0x7E) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "json", at, "JSON: byte 0x%02X where %s was expected", (unsigned)found,
                             expected);
    }
    return gcam__fail_at(GCAM_ERR_FORMAT, "json", at, "JSON: \"%c\" where %s was expected", found, expected);
}

static int accept(gcam__json *json, int character) {
    if (peek(json) != character) return 0;
    json->cursor.at++;
    return 1;
}

static gcam_status open_level(gcam__json *json, int bracket, const char *expected) {
    if (!accept(json, bracket)) return unexpected(json, expected);
    if (json->depth == GCAM__MAX_JSON_DEPTH) {
        return gcam__fail_at(GCAM_ERR_LIMIT, "json", (int64_t)json->cursor.at - 1,
                             "JSON nested more than %d levels deep", GCAM__MAX_JSON_DEPTH);
    }
    json->depth++;
    json->first = 1;
    return GCAM_OK;
}

/* Steps over the comma before a member, or over the closing bracket, where `*more` becomes 0. */
static gcam_status next_member(gcam__json *json, int bracket, const char *expected, int *more) {
    int first = json->first;
    json->first = 0;
    *more = !accept(json, bracket);
    if (!*more)
        json->depth--;
    else if (!first && !accept(json, ','))
        return unexpected(json, expected);
    return GCAM_OK;
}

gcam_status gcam__json_object(gcam__json *json) {
    return open_level(json, '{', "an object");
}

gcam_status gcam__json_array(gcam__json *json) {
    return open_level(json, '[', "an array");
}

gcam_status gcam__json_element(gcam__json *json, int *more) {
    return next_member(json, ']', "\",\" or \"]\"", more);
}

gcam_status gcam__json_key(gcam__json *json, const char **key) {
    *key = NULL;
    int more;
    GCAM_TRY(next_member(json, '}', "\",\" or \"}\"", &more));
    if (!more) return GCAM_OK;
    if (peek(json) != '"') return unexpected(json, "a key");
    GCAM_TRY(gcam__json_text(json, key));
    return accept(json, ':') ? GCAM_OK : unexpected(json, "\":\"");
}

gcam_status gcam__json_u64(gcam__json *json, uint64_t *out) {
    int c = peek(json);
    size_t start = json->cursor.at;
    if (c < '0' || c > '9') return unexpected(json, "a whole number");
    uint64_t value = 0;
    const gcam__cursor *cursor = &json->cursor;
    for (; cursor->at < cursor->end && (c = cursor->data[cursor->at]) >= '0' && c <= '9'; json->cursor.at++) {
        if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (unsigned)(c - '0'), &value)) {
            return gcam__fail_at(GCAM_ERR_FORMAT, "json", (int64_t)start, "JSON: a number does not fit into 64 bits");
        }
    }
    if (cursor->data[start] == '0' && cursor->at - start > 1) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "json", (int64_t)start, "JSON: a number begins with a superfluous 0");
    }
    *out = value;
    return GCAM_OK;
}

/* ---- texts ------------------------------------------------------------------------------------------------------------- */

static gcam_status bad_text(size_t at, const char *what) {
    return gcam__fail_at(GCAM_ERR_FORMAT, "json", (int64_t)at, "JSON: %s", what);
}

/* Four hex digits at the cursor; -1 if they are not. */
static int32_t hex4(gcam__json *json) {
    const uint8_t *p = gcam__cursor_take(&json->cursor, 4);
    if (!p) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = p[i] ? strchr(digits, p[i]) : NULL;
        if (!digit) return -1;
        value = value << 4 | (int32_t)((digit - digits) & 15);
    }
    return value;
}

/* The code point of \uXXXX or of a surrogate pair \uD8XX\uDCXX; the cursor stands behind the first "\u". */
static gcam_status unicode_escape(gcam__json *json, uint32_t *code) {
    size_t at = json->cursor.at - 2;
    int32_t high = hex4(json);
    if (high < 0) return bad_text(at, "\\u is not followed by four hex digits");
    if (high == 0) return bad_text(at, "a text contains \\u0000");
    *code = (uint32_t)high;
    if (high < 0xD800 || high > 0xDFFF) return GCAM_OK;
    const uint8_t *next = gcam__cursor_take(&json->cursor, 2);
    int32_t low = next && next[0] == '\\' && next[1] == 'u' ? hex4(json) : -1;
    if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF) return bad_text(at, "a surrogate \\u escape has no partner");
    *code = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return GCAM_OK;
}

static gcam_status unescape(gcam__json *json, char **out) {
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const uint8_t *c = gcam__cursor_take(&json->cursor, 1);
    if (c && *c == 'u') {
        uint32_t code = 0;
        GCAM_TRY(unicode_escape(json, &code));
        *out += gcam__utf8_encode(code, *out);
        return GCAM_OK;
    }
    const char *known = c && *c ? strchr(escapes, *c) : NULL;
    if (!known) return bad_text(json->cursor.at, "an unknown escape in a text");
    *(*out)++ = meanings[known - escapes];
    return GCAM_OK;
}

/* Finds the closing quote: the raw length of the text whose first byte is at the cursor. */
static gcam_status raw_length(gcam__json *json, size_t *length) {
    const gcam__cursor *c = &json->cursor;
    size_t at = c->at;
    for (; at < c->end && c->data[at] != '"'; at++) {
        if (c->data[at] < 0x20) return bad_text(at, "a control character in a text");
        if (c->data[at] == '\\') at++;
    }
    if (at >= c->end) return bad_text(c->at - 1, "a text has no closing quote");
    *length = at - c->at;
    return GCAM_OK;
}

gcam_status gcam__json_text(gcam__json *json, const char **out) {
    if (!accept(json, '"')) return unexpected(json, "a text");
    size_t length = 0, start = json->cursor.at;
    GCAM_TRY(raw_length(json, &length));
    const char *raw = (const char *)json->cursor.data + start;
    size_t valid = gcam__utf8_valid(raw, length);
    if (valid < length) return bad_text(start + valid, "a text is not valid UTF-8");
    char *text = gcam__arena_alloc(json->arena, length + 1); /* no escape is shorter than what it stands for */
    if (!text) return GCAM_ERR_NOMEM;
    char *end = text;
    while (json->cursor.at < start + length) {
        char c = (char)json->cursor.data[json->cursor.at++];
        if (c == '\\')
            GCAM_TRY(unescape(json, &end));
        else
            *end++ = c;
    }
    *end = 0;
    json->cursor.at++; /* the closing quote */
    *out = text;
    return GCAM_OK;
}

gcam_status gcam__json_end(gcam__json *json) {
    return peek(json) < 0 ? GCAM_OK : unexpected(json, "the end");
}
