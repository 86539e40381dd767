/* Nearest name by edit distance (Levenshtein 1966), one row of the table at a time. */
#include "gradcam/core.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 128 }; /* longer names are never suggested */

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static size_t edit_distance(const char *a, const char *b, size_t b_length) {
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= b_length; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_length; j++) {
            size_t change = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            diagonal = row[j + 1];
            row[j + 1] = least(change, row[j] + 1, row[j + 1] + 1);
        }
    }
    return row[b_length];
}

const char *gcam_suggest(const char *wanted, gcam_name_at_fn name_at, const void *list) {
    const char *best = NULL;
    if (!wanted || strlen(wanted) > LONGEST) return NULL;
    size_t best_distance = strlen(wanted) / 3 + 1;
    const char *name;
    for (size_t i = 0; (name = name_at(list, i)) != NULL; i++) {
        size_t length = strlen(name);
        if (length > LONGEST) continue;
        size_t distance = edit_distance(wanted, name, length);
        if (distance < best_distance || (distance == best_distance && !best)) best = name, best_distance = distance;
    }
    return best;
}
