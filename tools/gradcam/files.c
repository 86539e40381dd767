/* Names of results, and the folder they go to. */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *stem_of(const char *path, int *length) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    *length = (int)(dot && dot != name ? (size_t)(dot - name) : strlen(name));
    return name;
}

typedef struct named_file {
    const char *stem, *path;
    int length;
} named_file;

static int compare_stems(const void *a, const void *b) {
    const named_file *x = a, *y = b;
    int shorter = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->stem, y->stem, (size_t)shorter);
    return order ? order : x->length - y->length;
}

int check_stems(const settings *s) {
    named_file *files = calloc((size_t)s->file_count, sizeof *files);
    if (!files) return fail_memory();
    for (int i = 0; i < s->file_count; i++) {
        files[i].path = s->files[i];
        files[i].stem = stem_of(s->files[i], &files[i].length);
    }
    qsort(files, (size_t)s->file_count, sizeof *files, compare_stems);
    int code = EXIT_DONE;
    for (int i = 1; i < s->file_count && code == EXIT_DONE; i++) {
        if (compare_stems(&files[i - 1], &files[i]) == 0)
            code = fail_use("%s and %s would both be written as %.*s.*; rename one, or run them into two folders",
                            files[i - 1].path, files[i].path, files[i].length, files[i].stem);
    }
    free(files);
    return code;
}

/* mkdir -p */
static int make_folders(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        int failed = mkdir(path, 0777) && errno != EEXIST;
        *p = '/';
        if (failed) return -1;
    }
    return mkdir(path, 0777) && errno != EEXIST ? -1 : 0;
}

int prepare_folder(const char *path) {
    char *copy = strdup(path);
    if (!copy) return fail_memory();
    int failed = make_folders(copy);
    int why = errno;
    free(copy);
    struct stat about;
    if (failed) return fail("%s: the folder cannot be made: %s", path, strerror(why));
    if (stat(path, &about) || !S_ISDIR(about.st_mode))
        return fail("%s: is not a folder, so no results can be put there", path);
    if (access(path, W_OK | X_OK)) return fail("%s: no results can be written there: %s", path, strerror(errno));
    return EXIT_DONE;
}

char *result_path(const settings *s, const char *photo, const char *format, ...) {
    int length;
    const char *stem = stem_of(photo, &length);
    char rest[512];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= sizeof rest) return NULL;
    for (char *p = rest; *p; p++) {
        if (*p == '/') *p = '_'; /* a layer's name must not lead into another folder */
    }
    size_t size = strlen(s->out) + (size_t)length + (size_t)written + 3;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%.*s.%s", s->out, s->out[strlen(s->out) - 1] == '/' ? "" : "/", length, stem, rest);
    return path;
}
