/* Text that comes in (lists of words, small files) and numbers as people read them. */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *trim(char *word) {
    while (isspace((unsigned char)*word)) word++;
    size_t length = strlen(word);
    while (length > 0 && isspace((unsigned char)word[length - 1])) word[--length] = '\0';
    return word;
}

static int among(const char *const *words, size_t count, const char *word) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) return 1;
    }
    return 0;
}

/* An option given twice adds to its list; the words then live in one common copy. A word said twice counts once. */
int word_list_add(word_list *list, const char *text) {
    size_t old = 0;
    for (size_t i = 0; i < list->count; i++) old += strlen(list->words[i]) + 1;
    char *copy = malloc(old + strlen(text) + 1);
    const char **words = calloc(list->count + strlen(text) + 1, sizeof *words);
    if (!copy || !words) {
        free(copy);
        free(words);
        return 0;
    }
    char *end = copy;
    for (size_t i = 0; i < list->count; i++) {
        words[i] = strcpy(end, list->words[i]);
        end += strlen(end) + 1;
    }
    size_t count = list->count;
    strcpy(end, text);
    for (char *word = end; word; word = end) {
        end = strchr(word, ',');
        if (end) *end++ = '\0';
        word = trim(word);
        if (*word && !among(words, count, word)) words[count++] = word;
    }
    word_list_free(list);
    *list = (word_list){words, count, copy};
    return 1;
}

void word_list_free(word_list *list) {
    free(list->words);
    free(list->copy);
    *list = (word_list){0};
}

int read_text(char **out, const char *path) {
    enum { MOST = 16 << 20 };
    FILE *file = fopen(path, "rb");
    if (!file) return fail("%s: cannot be opened: %s", path, strerror(errno));
    char *text = malloc(MOST + 1);
    size_t size = text ? fread(text, 1, MOST + 1, file) : 0;
    int failed = ferror(file);
    int why = errno;
    fclose(file);
    if (text && !failed && size <= MOST) {
        text[size] = '\0';
        *out = text;
        return EXIT_DONE;
    }
    free(text);
    if (!text) return fail_memory();
    if (failed) return fail("%s: cannot be read: %s", path, strerror(why));
    return fail("%s: a text file of at most 16 MB was expected", path);
}

const char *bytes_text(double bytes, char *text) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB"};
    int unit = 0;
    while (bytes >= 1000 && unit < 3) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

const char *count_text(long long count, char *text) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%lld", count), at = 0;
    for (int i = 0; i < length && at < 31; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}
