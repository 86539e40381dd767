/* Channels: names that the user gives them, the sheet of those that matter, and gradcam name-channels, which finds names: of a folder of class
 * folders, the class that a channel's mean activation tells best from the others. */
#include "tool.h"

#include "json_out.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- names from a file ----------------------------------------------------------------------------------------------------- */

enum { MOST_CHANNELS = 1 << 20 };

/* "17<TAB>muzzle<TAB>..."; lines that begin with # and empty ones are skipped. */
static int read_line(request *q, char *line, const char *path, int number) {
    char *end;
    long index = strtol(line, &end, 10);
    if (end == line || *end != '\t' || index < 0 || index >= MOST_CHANNELS)
        return fail("%s: line %d is not a channel's number, a tab and a name", path, number);
    if ((size_t)index >= q->name_count) {
        const char **names = realloc(q->names, ((size_t)index + 1) * sizeof *names);
        if (!names) return fail_memory();
        for (size_t i = q->name_count; i <= (size_t)index; i++) names[i] = NULL;
        q->names = names;
        q->name_count = (size_t)index + 1;
    }
    char *name = end + 1;
    name[strcspn(name, "\t\r")] = '\0';
    q->names[index] = *name ? name : NULL;
    return EXIT_DONE;
}

int request_names(request *q, const settings *s) {
    if (!s->channel_names) return EXIT_DONE;
    int code = read_text(&q->names_text, s->channel_names), number = 0;
    for (char *line = q->names_text, *next; code == EXIT_DONE && line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        number++;
        if (*line && *line != '#' && *line != '\r') code = read_line(q, line, s->channel_names, number);
    }
    return code;
}

/* ---- what is shown of them --------------------------------------------------------------------------------------------------- */

void json_channels(struct json_out *j, const gcam_explanation *e) {
    size_t count;
    const gcam_channel *list = gcam_explanation_channels(e, &count);
    if (!list) return;
    json_array(j, "channels");
    for (size_t i = 0; i < count; i++) {
        json_row_object(j);
        json_integer(j, "channel", list[i].index);
        json_text(j, "name", list[i].name);
        json_number(j, "weight", (float)list[i].weight);
        json_float(j, "mean", (float)list[i].mean);
        json_float(j, "contribution", (float)list[i].contribution);
        json_float(j, "share", (float)list[i].share);
        json_end(j);
    }
    json_end(j);
}

/* Two rows: for and against, strongest first, each with its weight and its share of the map. */
static int draw(record *r, size_t index, gcam_explanation **list, size_t count, const char *path, engine *e,
                const settings *s) {
    static const char *const rows[] = {"speak for it", "speak against it"};
    const gcam_channel *channels = gcam_explanation_channels(r->explanations[index], NULL);
    gcam_render_options options = {.struct_size = sizeof options, .colormap = s->colormap, .alpha = s->alpha};
    size_t columns = 0, filled[2] = {0, 0};
    for (size_t i = 0; i < count; i++) filled[channels[i].weight < 0]++;
    columns = filled[0] > filled[1] ? filled[0] : filled[1];
    const gcam_explanation **cells = calloc(2 * columns, sizeof *cells);
    const char **captions = calloc(2 * columns, sizeof *captions);
    char(*text)[128] = calloc(2 * columns, sizeof *text);
    size_t first = filled[0] ? 0 : 1, rows_used = (filled[0] > 0) + (filled[1] > 0);
    for (size_t i = 0; cells && captions && text && i < count; i++) {
        size_t at = i < filled[0] ? i : (1 - first) * columns + i - filled[0];
        cells[at] = list[i];
        captions[at] = text[at];
        snprintf(text[at], sizeof *text, "%s: %.3g, %.1f %%", gcam_explanation_label(list[i]), channels[i].weight,
                 100 * channels[i].share);
    }
    gcam_grid grid = {rows_used, columns, cells, rows + first, NULL, captions};
    gcam_image *sheet = NULL;
    int code = EXIT_DONE;
    if (!cells || !captions || !text)
        code = record_fail_with(r, "out of memory");
    else if (gcam_render_grid(&sheet, r->photo, &grid, &options))
        code = record_fail(r);
    if (code == EXIT_DONE) code = save_with_evidence(r, path, sheet, index, 1, e, s);
    gcam_image_free(sheet);
    free(cells);
    free(captions);
    free(text);
    return code;
}

int save_channels(record *r, size_t index, const char *path, engine *e, const settings *s) {
    size_t count, made = 0;
    if (!gcam_explanation_channels(r->explanations[index], &count)) return EXIT_DONE;
    gcam_explanation **list = calloc(count, sizeof *list);
    if (!list) return record_fail_with(r, "out of memory");
    int code = EXIT_DONE;
    for (; made < count && code == EXIT_DONE; made++) {
        if (gcam_explanation_of_channel(&list[made], r->explanations[index], made)) code = record_fail(r);
    }
    if (code == EXIT_DONE) code = draw(r, index, list, count, path, e, s);
    for (size_t i = 0; i < made; i++) gcam_explanation_free(list[i]);
    free(list);
    return code;
}

/* ---- finding names ------------------------------------------------------------------------------------------------------------ */

typedef struct found {
    char **classes; /* names of the folders, sorted */
    size_t class_count;
    float *mean; /* photos x channels */
    int *of;     /* each photo's class */
    size_t count, room;
    int64_t channels;
    int failed;
} found;

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder that do not begin with a dot, sorted. Free with free_list(). */
static char **list_folder(const char *path, size_t *count) {
    DIR *folder = opendir(path);
    size_t room = 16;
    char **names = folder ? calloc(room, sizeof *names) : NULL;
    *count = 0;
    while (names) {
        const struct dirent *entry = readdir(folder);
        if (!entry) break;
        if (entry->d_name[0] == '.') continue;
        char **more = *count < room ? names : realloc(names, (room *= 2) * sizeof *names);
        if (!more) break;
        names = more;
        names[*count] = strdup(entry->d_name);
        if (names[*count]) ++*count;
    }
    if (folder) closedir(folder);
    if (names) qsort(names, *count, sizeof *names, by_name);
    return names;
}

static void free_list(char **names, size_t count) {
    for (size_t i = 0; names && i < count; i++) free(names[i]);
    free(names);
}

/* Adds a photo's mean activation of each channel. */
static int add_means(found *f, const gcam_tensor *activation, int of) {
    f->channels = activation->shape.dim[1];
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 64;
        float *mean = realloc(f->mean, room * (size_t)f->channels * sizeof *mean);
        if (mean) f->mean = mean;
        int *classes = mean ? realloc(f->of, room * sizeof *classes) : NULL;
        if (!classes) return fail_memory();
        f->of = classes;
        f->room = room;
    }
    int64_t cells = gcam_shape_count(&activation->shape) / f->channels;
    for (int64_t k = 0; k < f->channels; k++) {
        double sum = 0;
        for (int64_t i = 0; i < cells; i++) sum += activation->data[k * cells + i];
        f->mean[(int64_t)f->count * f->channels + k] = (float)(sum / (double)cells);
    }
    f->of[f->count++] = of;
    return EXIT_DONE;
}

/* One photo; a bad one is reported and the others go on. */
static int add_photo(found *f, engine *e, const settings *s, int layer, const char *path, int of) {
    gcam_image *photo = NULL;
    gcam_tensor *input = NULL;
    gcam_shape shape = gcam_session_input_shape(e->session);
    gcam_preprocess how = *gcam_model_preprocess(e->model);
    how.height = (int)shape.dim[2], how.width = (int)shape.dim[3];
    gcam_image_options options = {.struct_size = sizeof options, .ignore_exif = s->no_exif};
    gcam_status status = gcam_image_load_with(&photo, path, &options);
    if (!status) status = gcam_tensor_create(&input, &shape);
    if (!status) status = gcam_preprocess_image(input, 0, photo, &how, NULL);
    if (!status) status = gcam_session_watch(e->session, layer, GCAM_WATCH_ACTIVATION);
    if (!status) status = gcam_session_forward(e->session, input);
    const gcam_tensor *activation = status ? NULL : gcam_session_activation(e->session, layer);
    int code = activation ? add_means(f, activation, of) : fail("%s: %s", path, gcam_last_error()->message);
    if (!activation) f->failed = 1, code = EXIT_DONE;
    gcam_tensor_free(input);
    gcam_image_free(photo);
    return code;
}

static int add_class(found *f, engine *e, const settings *s, int layer, int of) {
    char folder[4096], path[4608];
    size_t count;
    snprintf(folder, sizeof folder, "%s/%s", s->files[0], f->classes[of]);
    struct stat about;
    if (stat(folder, &about) || !S_ISDIR(about.st_mode)) return EXIT_DONE;
    char **photos = list_folder(folder, &count);
    int code = photos ? EXIT_DONE : fail("%s: cannot be listed: %s", folder, strerror(errno));
    for (size_t i = 0; i < count && code == EXIT_DONE && !interrupted(); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, photos[i]);
        progress(s, "[%d/%zu] %s", of + 1, f->class_count, path);
        code = add_photo(f, e, s, layer, path, of);
    }
    free_list(photos, count);
    return code;
}

typedef struct ranked {
    float value;
    int of;
} ranked;

static int by_value(const void *a, const void *b) {
    float x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;
    return (x > y) - (x < y);
}

/* Area under the ROC curve of "photo is of class c" by each class's sum of ranks, ties at their middle (Mann & Whitney 1947):
 * (R - n (n + 1) / 2) / (n (N - n)). The best class is returned; `of` is work. */
static int best_class(const found *f, int64_t channel, ranked *order, double *sums, double *area) {
    size_t n = f->count;
    for (size_t i = 0; i < n; i++) order[i] = (ranked){f->mean[(int64_t)i * f->channels + channel], f->of[i]};
    qsort(order, n, sizeof *order, by_value);
    for (size_t c = 0; c < 2 * f->class_count; c++) sums[c] = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && order[end].value == order[i].value;) end++;
        for (size_t k = i; k < end; k++) {
            sums[2 * order[k].of] += (double)(i + end + 1) / 2;
            sums[2 * order[k].of + 1]++;
        }
    }
    int best = -1;
    for (size_t c = 0; c < f->class_count; c++) {
        double own = sums[2 * c + 1], others = (double)n - own;
        if (own == 0 || others == 0) continue;
        double a = (sums[2 * c] - own * (own + 1) / 2) / (own * others);
        if (best < 0 || a > *area) best = (int)c, *area = a;
    }
    return best;
}

static int print_names(const found *f, const char *layer) {
    ranked *order = calloc(f->count, sizeof *order);
    double *sums = calloc(2 * f->class_count, sizeof *sums);
    int code = order && sums ? EXIT_DONE : fail_memory();
    if (code == EXIT_DONE)
        printf("# channel of %s\tclass it tells best from the others\tarea under the ROC curve\n", layer);
    for (int64_t k = 0; k < f->channels && code == EXIT_DONE; k++) {
        double area = 0;
        int best = best_class(f, k, order, sums, &area);
        if (best < 0)
            code = fail("photos of two classes at least are needed, so that one can be told from another");
        else
            printf("%lld\t%s\t%.4f\n", (long long)k, f->classes[best], area);
    }
    free(order);
    free(sums);
    return code;
}

int run_name_channels(settings *s) {
    engine e;
    found f = {0};
    int code = engine_open(&e, s), layer = -1;
    const char *name = NULL;
    if (code == EXIT_DONE) {
        name = s->layers.count ? s->layers.words[0] : engine_layer(&e);
        layer = name ? gcam_network_find(gcam_model_network(e.model), name) : -1;
        if (layer < 0) code = fail_layer(gcam_model_network(e.model), name ? name : "");
    }
    if (code == EXIT_DONE && !(f.classes = list_folder(s->files[0], &f.class_count)))
        code = fail("%s: cannot be listed: %s", s->files[0], strerror(errno));
    for (size_t c = 0; c < f.class_count && code == EXIT_DONE && !interrupted(); c++)
        code = add_class(&f, &e, s, layer, (int)c);
    progress_clear();
    if (code == EXIT_DONE && f.count == 0)
        code = fail("%s: holds no photos in folders, one folder a class", s->files[0]);
    if (code == EXIT_DONE && !interrupted()) code = print_names(&f, name);
    free_list(f.classes, f.class_count);
    free(f.mean);
    free(f.of);
    engine_close(&e);
    return code == EXIT_DONE && f.failed ? EXIT_FAILED : code;
}
