/* --target: which score is explained. A '-' before it explains the score's negative. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

static int unknown(const char *text) {
    return fail_use("--target: \"%s\" is not one of logit, prob, logprob, diff:CLASS, fine, set:CLASS=WEIGHT,..., "
                    "similar:PHOTO, area, area:MASK, channel:K@LAYER",
                    text);
}

static int parse_difference(request *q, const engine *e, const settings *s, const char *value) {
    (void)s;
    return engine_find_class(e, value, &q->target.other_index);
}

/* "dog=1,cat=-0.5"; a class without a number counts once. Labels may hold '=', so the last one splits. */
static int parse_term(gcam_term *term, const engine *e, char *word) {
    char *number = strrchr(word, '='), *end = NULL;
    term->weight = 1;
    if (number) {
        term->weight = strtod(number + 1, &end);
        if (end == number + 1 || *end) return fail_use("--target: \"%s\" is not CLASS=WEIGHT", word);
        *number = '\0';
    }
    return engine_find_class(e, word, &term->class_index);
}

static int parse_set(request *q, const engine *e, const settings *s, const char *value) {
    (void)s;
    word_list words = {0};
    if (!word_list_add(&words, value)) return fail_memory();
    int code = words.count ? EXIT_DONE : fail_use("--target: set: names no class, such as set:dog=1,cat=-0.5");
    q->terms = calloc(words.count + 1, sizeof *q->terms);
    if (!q->terms) code = fail_memory();
    for (size_t i = 0; i < words.count && code == EXIT_DONE; i++)
        code = parse_term(&q->terms[i], e, words.copy + (words.words[i] - words.copy)); /* the words lie in the copy */
    q->target.terms = q->terms;
    q->target.term_count = words.count;
    word_list_free(&words);
    return code;
}

static int parse_similar(request *q, const engine *e, const settings *s, const char *value) {
    gcam_image_options options = {.struct_size = sizeof options, .ignore_exif = s->no_exif};
    gcam_image *photo = NULL;
    if (!*value) return fail_use("--target: similar: names no photo");
    if (gcam_image_load_with(&photo, value, &options)) return fail_library();
    gcam_status status = gcam_embedding(&q->embedding, e->session, photo, NULL);
    gcam_image_free(photo);
    if (status) return fail_library();
    q->target.reference = q->embedding->data;
    q->target.reference_count = (size_t)gcam_shape_count(&q->embedding->shape);
    return EXIT_DONE;
}

/* The mask is prepared as the photo is, without the colours' mean; a cell of the output lies inside where its centre is bright. */
static int read_mask(request *q, const engine *e, const gcam_image *picture) {
    gcam_preprocess how = *gcam_model_preprocess(e->model);
    gcam_shape input = gcam_session_input_shape(e->session);
    gcam_layer_info output;
    gcam_tensor *x = NULL;
    const gcam_network *network = gcam_model_network(e->model);
    how.scale = 1 / 255.0f;
    for (int c = 0; c < 3; c++) how.mean[c] = 0, how.std[c] = 1;
    how.height = (int)input.dim[2], how.width = (int)input.dim[3];
    if (gcam_network_layer(network, gcam_network_output(network), &output) || gcam_tensor_create(&x, &input)
        || gcam_preprocess_image(x, 0, picture, &how, NULL)) {
        gcam_tensor_free(x);
        return fail_library();
    }
    int64_t rows = output.shape.rank == 4 ? output.shape.dim[2] : 1,
            columns = output.shape.rank == 4 ? output.shape.dim[3] : 1;
    q->mask = malloc((size_t)(rows * columns));
    for (int64_t i = 0; q->mask && i < rows * columns; i++) {
        int64_t y = (2 * (i / columns) + 1) * input.dim[2] / (2 * rows),
                column = (2 * (i % columns) + 1) * input.dim[3] / (2 * columns);
        q->mask[i] = x->data[y * input.dim[3] + column] > 0.5f;
    }
    gcam_tensor_free(x);
    q->target.mask = q->mask;
    return q->mask ? EXIT_DONE : fail_memory();
}

static int parse_area(request *q, const engine *e, const settings *s, const char *value) {
    (void)s;
    gcam_image *picture = NULL;
    if (!*value) return EXIT_DONE;
    if (gcam_image_load(&picture, value)) return fail_library();
    int code = read_mask(q, e, picture);
    gcam_image_free(picture);
    return code;
}

/* "17@layer3": the mean of one channel. */
static int parse_channel(request *q, const engine *e, const settings *s, const char *value) {
    (void)s;
    int used = 0;
    if (sscanf(value, "%8d@%n", &q->target.class_index, &used) != 1 || !used || q->target.class_index < 0)
        return fail_use("--target: \"channel:%s\" is not channel:NUMBER@LAYER", value);
    q->target.layer = value + used;
    q->target.mean = 1;
    if (gcam_network_find(gcam_model_network(e->model), q->target.layer) >= 0) return EXIT_DONE;
    return fail_layer(gcam_model_network(e->model), q->target.layer);
}

static const struct {
    const char *word; /* with a colon: a value follows */
    gcam_target_kind kind;
    int takes_class; /* --class says which class */
    int (*parse)(request *q, const engine *e, const settings *s, const char *value);
} kinds[] = {
    {"logit", GCAM_TARGET_LOGIT, 1, NULL},
    {"prob", GCAM_TARGET_PROBABILITY, 1, NULL},
    {"logprob", GCAM_TARGET_LOG_PROBABILITY, 1, NULL},
    {"fine", GCAM_TARGET_FINE, 1, NULL},
    {"diff:", GCAM_TARGET_DIFFERENCE, 1, parse_difference},
    {"set:", GCAM_TARGET_SET, 0, parse_set},
    {"similar:", GCAM_TARGET_SIMILARITY, 0, parse_similar},
    {"area:", GCAM_TARGET_AREA, 1, parse_area},
    {"area", GCAM_TARGET_AREA, 1, NULL},
    {"channel:", GCAM_TARGET_AREA, 0, parse_channel},
};

/* Does `text` say this word, with a value or without as the word wants? */
static int says(const char *text, const char *word) {
    size_t length = strlen(word);
    return word[length - 1] == ':' ? strncmp(text, word, length) == 0 : strcmp(text, word) == 0;
}

int request_target(request *q, const engine *e, const settings *s) {
    const char *text = s->target ? s->target : "logit";
    q->target = (gcam_target){.class_index = GCAM_TOP_CLASS, .other_index = GCAM_TOP_CLASS, .negated = *text == '-'};
    text += *text == '-';
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!says(text, kinds[i].word)) continue;
        q->target.kind = kinds[i].kind;
        if (s->classes.count && !kinds[i].takes_class)
            return fail_use("--target %s says itself what is explained; leave out --class", s->target);
        return kinds[i].parse ? kinds[i].parse(q, e, s, text + strlen(kinds[i].word)) : EXIT_DONE;
    }
    return unknown(s->target);
}
