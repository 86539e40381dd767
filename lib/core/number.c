/* Numbers as text. A decimal point is made a point by switching the calling thread to the C locale for the moment of one
 * conversion; the C locale is built in, so that switching cannot fail for want of memory. */
#include "core/number.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct switched {
    locale_t plain, before;
} switched;

static switched to_plain(void) {
    switched s = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};
    if (s.plain != (locale_t)0) s.before = uselocale(s.plain);
    return s;
}

static void switch_back(switched s) {
    if (s.plain == (locale_t)0) return;
    uselocale(s.before);
    freelocale(s.plain);
}

static const char *shortest(double value, int single, char text[GCAM__NUMBER_TEXT]) {
    char digits[GCAM__NUMBER_TEXT];
    switched s = to_plain();
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        double back = strtod(digits, NULL);
        if (single ? (float)back == (float)value : back == value) break;
    }
    switch_back(s);
    return memcpy(text, digits, sizeof digits);
}

const char *gcam__number_text(double value, char text[GCAM__NUMBER_TEXT]) {
    return shortest(value, 0, text);
}

const char *gcam__float_text(float value, char text[GCAM__NUMBER_TEXT]) {
    return shortest((double)value, 1, text);
}

int gcam__number_parse(const char *text, double *value) {
    /* strtod would also take white space, hexadecimal, "nan" and "inf" */
    if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text)) return 0;
    switched s = to_plain();
    char *end;
    *value = strtod(text, &end);
    switch_back(s);
    return *end == '\0';
}

int gcam__integer_parse(const char *text, int64_t *value) {
    size_t sign = *text == '-' || *text == '+';
    if (text[sign] == '\0' || strspn(text + sign, "0123456789") != strlen(text + sign)) return 0;
    errno = 0;
    *value = strtoll(text, NULL, 10);
    return errno == 0;
}
