/* Class labels. All texts of a model lie in one block, so that a thousand labels are two allocations. */
#include "model/labels.h"

#include "core/memory.h"
#include "core/number.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* Krizhevsky 2009. */
const char *const gcam__cifar10_labels[GCAM__CIFAR10_CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                                 "dog",      "frog",       "horse", "ship", "truck"};

static gcam_status make_room(gcam__labels *out, int classes, size_t bytes) {
    *out = (gcam__labels){0};
    out->text = gcam__calloc((size_t)classes, sizeof *out->text);
    out->block = gcam__alloc(bytes);
    if (out->text == NULL || out->block == NULL) {
        gcam__labels_clear(out);
        return GCAM_ERR_NOMEM;
    }
    out->count = classes;
    return GCAM_OK;
}

gcam_status gcam__labels_copy(gcam__labels *out, const char *const *text, size_t count, int classes) {
    *out = (gcam__labels){0};
    if (count != (size_t)classes)
        return gcam__fail(GCAM_ERR_ARGUMENT, "labels", "there are %zu labels, but the network has %d classes", count,
                          classes);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] == NULL || strchr(text[i], '\n') != NULL)
            return gcam__fail(GCAM_ERR_ARGUMENT, "labels", "label %zu %s", i,
                              text[i] == NULL ? "is NULL" : "has a line break in it");
        bytes += strlen(text[i]) + 1;
    }
    GCAM_TRY(make_room(out, classes, bytes));
    char *end = out->block;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(text[i]) + 1;
        out->text[i] = memcpy(end, text[i], size);
        end += size;
    }
    out->known = 1;
    return GCAM_OK;
}

gcam_status gcam__labels_numbered(gcam__labels *out, int classes) {
    enum { LONGEST = sizeof "class 2147483647" };
    GCAM_TRY(make_room(out, classes, (size_t)classes * LONGEST));
    for (int i = 0; i < classes; i++) {
        char *label = out->block + (size_t)i * LONGEST;
        snprintf(label, LONGEST, "class %d", i);
        out->text[i] = label;
    }
    return GCAM_OK;
}

gcam_status gcam__labels_read(gcam__labels *out, const char *lines, int classes) {
    GCAM_TRY(make_room(out, classes, strlen(lines) + 1));
    memcpy(out->block, lines, strlen(lines) + 1);
    int count = 0;
    for (char *line = out->block; line != NULL; count++) {
        if (count < classes) out->text[count] = line;
        line = strchr(line, '\n');
        if (line != NULL) *line++ = '\0';
    }
    if (count != classes) {
        gcam__labels_clear(out);
        return gcam__fail(GCAM_ERR_FORMAT, "labels", "the file has %d labels, but the network has %d classes", count,
                          classes);
    }
    out->known = 1;
    return GCAM_OK;
}

void gcam__labels_clear(gcam__labels *labels) {
    gcam__free(labels->text);
    gcam__free(labels->block);
    *labels = (gcam__labels){0};
}

void gcam__labels_write(const gcam__labels *labels, gcam__text *text) {
    for (int i = 0; i < labels->count; i++) gcam__text_printf(text, "%s%s", i > 0 ? "\n" : "", labels->text[i]);
}

static int fold(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* 1 where `text` begins with `part`, whatever the case of ASCII letters. */
static int begins_with(const char *text, const char *part) {
    while (*part != '\0' && fold(*text) == fold(*part)) text++, part++;
    return *part == '\0';
}

static int equals(const char *text, const char *part) {
    return strlen(text) == strlen(part) && begins_with(text, part);
}

static int contains(const char *text, const char *part) {
    for (; *text != '\0'; text++)
        if (begins_with(text, part)) return 1;
    return 0;
}

/* Writes the index of the first label that fits and returns how many do. */
static int count_hits(const gcam__labels *labels, const char *part, int (*fits)(const char *, const char *),
                      int *first) {
    int hits = 0;
    for (int i = labels->count - 1; i >= 0; i--) {
        if (!fits(labels->text[i], part)) continue;
        *first = i;
        hits++;
    }
    return hits;
}

static gcam_status several_hits(const gcam__labels *labels, const char *part, int (*fits)(const char *, const char *),
                                int hits) {
    char list[400] = "";
    size_t length = 0;
    int listed = 0;
    for (int i = 0; i < labels->count; i++) {
        if (!fits(labels->text[i], part)) continue;
        size_t needed = strlen(labels->text[i]) + sizeof ", 2147483647 ";
        if (length + needed + sizeof ", and 2147483647 more" > sizeof list) break;
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%d %s", listed++ > 0 ? ", " : "", i,
                                   labels->text[i]);
    }
    if (listed < hits) snprintf(list + length, sizeof list - length, ", and %d more", hits - listed);
    return gcam__fail(GCAM_ERR_ARGUMENT, "find_class", "class \"%.60s\" fits %d labels: %s", part, hits, list);
}

static gcam_status find_index(const gcam__labels *labels, int64_t number, int *index) {
    if (number < 0 || number >= labels->count)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "find_class",
                          "there is no class %lld: the network has %d, counted from 0", (long long)number,
                          labels->count);
    *index = (int)number;
    return GCAM_OK;
}

gcam_status gcam__labels_find(const gcam__labels *labels, const char *text, int *index) {
    int64_t number;
    if (gcam__integer_parse(text, &number)) return find_index(labels, number, index);
    int (*const rules[])(const char *, const char *) = {equals, contains};
    for (int rule = 0; rule < 2 && *text != '\0'; rule++) {
        int hits = count_hits(labels, text, rules[rule], index);
        if (hits == 1) return GCAM_OK;
        if (hits > 1) return several_hits(labels, text, rules[rule], hits);
    }
    return gcam__fail(GCAM_ERR_NOT_FOUND, "find_class", "no label of the %d classes contains \"%.200s\"%s",
                      labels->count, text, labels->known ? "" : " (the model has no labels)");
}
