/* UTF-8. Design: the table of well-formed sequences of the Unicode standard (table 3-7): the first byte fixes the length and the
 * range of the second byte. */
#include "core/utf8.h"

static int is_between(unsigned char c, unsigned low, unsigned high) {
    return c >= low && c <= high;
}

/* Length of the sequence that begins at p (`left` bytes), 0 if it is not well formed. */
static size_t sequence(const unsigned char *p, size_t left) {
    if (p[0] < 0x80) return 1;
    size_t length = is_between(p[0], 0xC2, 0xDF)   ? 2
                    : is_between(p[0], 0xE0, 0xEF) ? 3
                    : is_between(p[0], 0xF0, 0xF4) ? 4
                                                   : 0;
    if (length == 0 || length > left) return 0;
    unsigned low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (!is_between(p[1], low, high)) return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_between(p[i], 0x80, 0xBF)) return 0;
    return length;
}

size_t gcam__utf8_valid(const char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        size_t step = sequence((const unsigned char *)text + at, length - at);
        if (step == 0) break;
        at += step;
    }
    return at;
}

int gcam__utf8_encode(uint32_t code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[tail] | code >> 6 * tail);
    for (int i = 1; i <= tail; i++) out[i] = (char)(0x80 | (code >> 6 * (tail - i) & 0x3F));
    return tail + 1;
}

static int is_control(const unsigned char *p, size_t length) {
    if (length == 1) return p[0] < 0x20 || p[0] == 0x7F;
    return p[0] == 0xC2 && p[1] < 0xA0; /* U+0080 .. U+009F, which terminals obey as well */
}

int gcam__utf8_printable(const char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        const unsigned char *p = (const unsigned char *)text + at;
        size_t step = sequence(p, length - at);
        if (step == 0 || is_control(p, step)) return 0;
        at += step;
    }
    return 1;
}

char *gcam__utf8_show(char *out, size_t room, const char *text, size_t length) {
    size_t used = 0, at = 0;
    while (at < length) {
        const unsigned char *p = (const unsigned char *)text + at;
        size_t step = sequence(p, length - at);
        int keep = step > 0 && !is_control(p, step);
        if (used + (keep ? step : 1) >= room) break;
        for (size_t i = 0; i < (keep ? step : 1); i++) out[used++] = keep ? (char)p[i] : '?';
        at += step ? step : 1;
    }
    out[used] = 0;
    return out;
}
