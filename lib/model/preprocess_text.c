/* A preprocessing in a model file's metadata: "fit=crop resize=256 height=224 ... mean=0.485,0.456,0.406 ...". Every field is
 * written, so that a file keeps its meaning when defaults change. */
#include "core/memory.h"
#include "core/number.h"
#include "core/status.h"
#include "model/model.h"
#include "model/preprocess.h"

#include <stddef.h>
#include <string.h>

/* Fields after `fit`; integers unless `floats` > 0. */
static const struct field {
    const char *name;
    size_t offset;
    int floats;
} fields[] = {
    {"resize", offsetof(gcam_preprocess, resize), 0},   {"height", offsetof(gcam_preprocess, height), 0},
    {"width", offsetof(gcam_preprocess, width), 0},     {"bgr", offsetof(gcam_preprocess, bgr), 0},
    {"bicubic", offsetof(gcam_preprocess, bicubic), 0}, {"scale", offsetof(gcam_preprocess, scale), 1},
    {"mean", offsetof(gcam_preprocess, mean), 3},       {"std", offsetof(gcam_preprocess, std), 3},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static const char *const fits[] = {[GCAM_FIT_CROP] = "crop", [GCAM_FIT_SQUASH] = "squash"};

void gcam__preprocess_write(const gcam_preprocess *how, gcam__text *text) {
    char digits[GCAM__NUMBER_TEXT];
    gcam__text_printf(text, "fit=%s", fits[how->fit == GCAM_FIT_SQUASH]);
    for (int i = 0; i < FIELDS; i++) {
        const void *at = (const char *)how + fields[i].offset;
        gcam__text_printf(text, " %s=", fields[i].name);
        if (fields[i].floats == 0) gcam__text_printf(text, "%d", *(const int *)at);
        for (int k = 0; k < fields[i].floats; k++)
            gcam__text_printf(text, "%s%s", k > 0 ? "," : "", gcam__float_text(((const float *)at)[k], digits));
    }
}

static gcam_status bad_word(const char *word) {
    return gcam__fail(GCAM_ERR_FORMAT, "preprocess", "the file's preprocessing has \"%.80s\", which is not understood",
                      word);
}

static int read_fit(gcam_preprocess *out, const char *value) {
    for (int i = 0; i < 2; i++) {
        if (strcmp(value, fits[i]) != 0) continue;
        out->fit = (gcam_fit)i;
        return 1;
    }
    return 0;
}

static int read_integer(int *out, const char *value) {
    int64_t number;
    if (!gcam__integer_parse(value, &number) || number < 0 || number > INT32_MAX) return 0;
    *out = (int)number;
    return 1;
}

/* Reads `count` numbers with commas between them; ends them in place. */
static int read_floats(float *out, char *value, int count) {
    for (int i = 0; i < count; i++) {
        double number;
        char *comma = strchr(value, ',');
        if ((comma != NULL) != (i + 1 < count)) return 0;
        if (comma != NULL) *comma = '\0';
        if (!gcam__number_parse(value, &number)) return 0;
        out[i] = (float)number;
        if (comma != NULL) value = comma + 1;
    }
    return 1;
}

static int read_field(gcam_preprocess *out, const char *name, char *value) {
    if (strcmp(name, "fit") == 0) return read_fit(out, value);
    for (int i = 0; i < FIELDS; i++) {
        void *at = (char *)out + fields[i].offset;
        if (strcmp(name, fields[i].name) != 0) continue;
        return fields[i].floats == 0 ? read_integer(at, value) : read_floats(at, value, fields[i].floats);
    }
    return 0;
}

static gcam_status read_words(gcam_preprocess *out, char *text) {
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        if (value == NULL) return bad_word(word);
        *value++ = '\0';
        if (!read_field(out, word, value)) return bad_word(word);
    }
    return GCAM_OK;
}

gcam_status gcam__preprocess_read(gcam_preprocess *out, const char *text) {
    *out = (gcam_preprocess){.struct_size = sizeof *out, .scale = 1, .std = {1, 1, 1}};
    char *copy = gcam__strdup(text);
    if (copy == NULL) return GCAM_ERR_NOMEM;
    gcam_status status = read_words(out, copy);
    gcam__free(copy);
    if (status != GCAM_OK) return status;
    return gcam__preprocess_check(out);
}
