/* A folder of class folders as a set of photos. */
#include "core/memory.h"
#include "core/status.h"
#include "core/text.h"
#include "train/train.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Names in a folder, in the order of their bytes, whatever the locale. */
typedef struct listing {
    char **names;
    size_t count, capacity;
} listing;

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_free(listing *list) {
    for (size_t i = 0; i < list->count; i++) gcam__free(list->names[i]);
    gcam__free(list->names);
    *list = (listing){0};
}

static gcam_status join(gcam__text *path, const char *dir, const char *name) {
    path->length = 0;
    gcam__text_printf(path, "%s/%s", dir, name);
    return path->status;
}

static int is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static gcam_status add_name(listing *list, const char *name) {
    GCAM_TRY(gcam__grow((void **)&list->names, list->count, &list->capacity, sizeof *list->names));
    list->names[list->count] = gcam__strdup(name);
    if (!list->names[list->count]) return GCAM_ERR_NOMEM;
    list->count++;
    return GCAM_OK;
}

/* Folders (or files) of a folder; hidden ones are left out. */
static gcam_status list_folder(listing *list, const char *dir, int folders) {
    DIR *stream = opendir(dir);
    if (!stream) return gcam__fail(GCAM_ERR_IO, "dataset", "%s: cannot be read as a folder: %s", dir, strerror(errno));
    gcam_status status = GCAM_OK;
    gcam__text path = {0};
    for (struct dirent *entry; status == GCAM_OK && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.') continue;
        status = join(&path, dir, entry->d_name);
        if (status == GCAM_OK && is_folder(path.data) == folders) status = add_name(list, entry->d_name);
    }
    closedir(stream);
    gcam__text_free(&path);
    if (list->count) qsort(list->names, list->count, sizeof *list->names, by_bytes);
    return status;
}

static gcam_status read_class(gcam_dataset *dataset, const char *dir, int class_index) {
    listing files = {0};
    gcam__text path = {0};
    gcam_status status = list_folder(&files, dir, 0);
    for (size_t i = 0; i < files.count && status == GCAM_OK; i++) {
        gcam_image *photo = NULL;
        status = join(&path, dir, files.names[i]);
        if (status == GCAM_OK) status = gcam_image_load(&photo, path.data);
        if (status == GCAM_OK) status = gcam_dataset_add(dataset, photo, class_index);
        gcam_image_free(photo);
    }
    gcam__text_free(&path);
    listing_free(&files);
    return status;
}

/* Turns a label into its folder's name, or a folder's name into a label. */
static void translate(char *text, int to_folder) {
    for (; *text; text++) {
        if (*text == (to_folder ? ' ' : '_')) *text = to_folder ? '_' : ' ';
        if (to_folder) *text = (char)tolower((unsigned char)*text);
    }
}

static gcam_status read_classes(gcam_dataset *dataset, const char *dir, const listing *folders) {
    gcam__text path = {0};
    gcam_status status = GCAM_OK;
    for (size_t i = 0; i < folders->count && status == GCAM_OK; i++) {
        status = join(&path, dir, folders->names[i]);
        if (status == GCAM_OK && !is_folder(path.data))
            status = gcam__fail(GCAM_ERR_NOT_FOUND, "dataset", "%s: there is no such folder for the class \"%s\"",
                                path.data, dataset->labels.text[i]);
        if (status == GCAM_OK) status = read_class(dataset, path.data, (int)i);
    }
    gcam__text_free(&path);
    if (status == GCAM_OK && dataset->count == 0)
        status = gcam__fail(GCAM_ERR_NOT_FOUND, "dataset", "%s: there are no photos in its class folders", dir);
    return status;
}

/* Fills `folders` with the classes' folders and makes the empty set. */
static gcam_status begin(gcam_dataset **out, listing *folders, const char *dir, int side, const char *const *labels,
                         size_t classes) {
    if (labels) {
        for (size_t i = 0; i < classes; i++) {
            GCAM_TRY(add_name(folders, labels[i]));
            translate(folders->names[i], 1);
        }
        return gcam_dataset_create(out, side, labels, classes);
    }
    GCAM_TRY(list_folder(folders, dir, 1));
    if (folders->count == 0)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "dataset", "%s: there are no class folders in it", dir);
    listing names = {0};
    gcam_status status = GCAM_OK;
    for (size_t i = 0; i < folders->count && status == GCAM_OK; i++) {
        status = add_name(&names, folders->names[i]);
        if (status == GCAM_OK) translate(names.names[i], 0);
    }
    if (status == GCAM_OK) status = gcam_dataset_create(out, side, (const char *const *)names.names, names.count);
    listing_free(&names);
    return status;
}

gcam_status gcam_dataset_load(gcam_dataset **out, const char *dir, const char *part, int side,
                              const char *const *labels, size_t classes) {
    *out = NULL;
    if (!dir) return gcam__fail(GCAM_ERR_ARGUMENT, "dataset", "there is no folder");
    gcam_dataset *dataset = NULL;
    listing folders = {0};
    gcam__text path = {0};
    gcam_status status = part ? join(&path, dir, part) : GCAM_OK;
    if (part) dir = path.data;
    if (status == GCAM_OK) status = begin(&dataset, &folders, dir, side, labels, classes);
    if (status == GCAM_OK) status = read_classes(dataset, dir, &folders);
    listing_free(&folders);
    gcam__text_free(&path);
    if (status == GCAM_OK)
        *out = dataset;
    else
        gcam_dataset_free(dataset);
    return status;
}
