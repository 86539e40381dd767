/* A folder of class folders. */
#include "eval.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int has_ending(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(name + length - ending, endings[i]) == 0) return 1;
    }
    return 0;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int is_picture(const struct dirent *entry) {
    return is_visible(entry) && has_ending(entry->d_name);
}

static char *join(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static void free_names(struct dirent **names, int count) {
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
}

/* Adds the pictures of one class folder, sorted by name. */
static int add_photos(photo_set *set, const char *folder) {
    struct dirent **names = NULL;
    int count = scandir(folder, &names, is_picture, alphasort);
    if (count <= 0) {
        free(names);
        return 0;
    }
    photo_entry *more = realloc(set->photos, (set->count + (size_t)count) * sizeof *more);
    int code = more ? 0 : eval_fail("out of memory");
    if (more) set->photos = more;
    for (int i = 0; i < count && code == 0; i++) {
        char *path = join(folder, names[i]->d_name);
        if (!path)
            code = eval_fail("out of memory");
        else
            set->photos[set->count++] = (photo_entry){path, set->kind_count, -1};
    }
    free_names(names, count);
    return code;
}

/* Adds a class folder where the model knows the class and there are pictures. */
static int add_kind(photo_set *set, const char *folder, const char *name, const gcam_model *model) {
    photo_kind kind = {.name = strdup(name), .first = set->count};
    char *path = join(folder, name);
    photo_kind *more = realloc(set->kinds, ((size_t)set->kind_count + 1) * sizeof *more);
    int code = kind.name && path && more ? 0 : eval_fail("out of memory");
    if (more) set->kinds = more;
    for (char *p = kind.name; p && *p; p++) *p = *p == '_' ? ' ' : *p;
    if (code == 0 && gcam_model_find_class(model, kind.name, &kind.class_index))
        fprintf(stderr, "eval_default: %s is left out: %s\n", path, gcam_last_error()->message);
    else if (code == 0)
        code = add_photos(set, path);
    free(path);
    kind.count = set->count - kind.first;
    if (kind.count > 0)
        set->kinds[set->kind_count++] = kind;
    else
        free(kind.name);
    return code;
}

int photo_set_open(photo_set *set, const char *folder, const gcam_model *model) {
    struct dirent **names = NULL;
    *set = (photo_set){0};
    int count = scandir(folder, &names, is_visible, alphasort);
    if (count < 0) return eval_fail("%s: cannot be opened, expected a folder of class folders", folder);
    int code = 0;
    for (int i = 0; i < count && code == 0; i++) code = add_kind(set, folder, names[i]->d_name, model);
    free_names(names, count);
    if (code == 0 && set->count == 0)
        code = eval_fail("%s: no photo is in a folder named after a class of the model", folder);
    return code;
}

void photo_set_free(photo_set *set) {
    for (size_t i = 0; i < set->count; i++) free(set->photos[i].path);
    for (int i = 0; i < set->kind_count; i++) free(set->kinds[i].name);
    free(set->photos);
    free(set->kinds);
    *set = (photo_set){0};
}

int photo_set_kind_of(const photo_set *set, int class_index) {
    for (int i = 0; i < set->kind_count; i++) {
        if (set->kinds[i].class_index == class_index) return i;
    }
    return -1;
}
