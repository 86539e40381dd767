/* `make conformance`: the ONNX project's own test models through the importer.
 *
 *   conformance FOLDER [-v] [PART]
 *
 * FOLDER has the parts node, simple, pytorch-converted, pytorch-operator, each with a folder a model (Debian's libonnx-testdata). The
 * tables go to standard output as Markdown, failures to standard error; with -v every verdict, with PART only models whose name
 * contains it. Exit status 1 where a model failed. */
#include "conformance/conformance.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_model(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static result *new_result(results *all) {
    if (all->count == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 256;
        result *list = realloc(all->list, capacity * sizeof *list);
        if (!list) return NULL;
        all->list = list;
        all->capacity = capacity;
    }
    result *r = &all->list[all->count++];
    memset(r, 0, sizeof *r);
    return r;
}

static int run_part(const char *folder, const char *part, const char *only, int verbose, results *all) {
    static const char *const words[] = {"passed", "FAILED", "unsupported"};
    char path[400];
    struct dirent **entries;
    snprintf(path, sizeof path, "%.300s/%s", folder, part);
    int count = scandir(path, &entries, is_model, alphasort);
    if (count < 0) {
        fprintf(stderr, "conformance: there is no folder %s: install libonnx-testdata\n", path);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        char model[600];
        snprintf(model, sizeof model, "%s/%.190s", path, entries[i]->d_name);
        result *r = only && !strstr(model, only) ? NULL : new_result(all);
        if (r) {
            snprintf(r->test, sizeof r->test, "%s/%.100s", part, entries[i]->d_name);
            run_model(model, r);
            if (verbose || r->verdict == FAILED)
                fprintf(stderr, "%-11s %-20s %s: %s\n", words[r->verdict], r->op, r->test, r->reason);
        }
        free(entries[i]);
    }
    free(entries);
    return 1;
}

int main(int argc, char **argv) {
    static const char *const parts[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    int verbose = argc > 2 && strcmp(argv[2], "-v") == 0;
    const char *only = argc > 2 + verbose ? argv[2 + verbose] : NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: conformance FOLDER [-v] [PART]\n");
        return 2;
    }
    results all = {0};
    int complete = 1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        complete &= run_part(argv[1], parts[i], only, verbose, &all);
    write_report(&all);
    int failed = 0;
    for (size_t i = 0; i < all.count; i++) failed += all.list[i].verdict == FAILED;
    free(all.list);
    return failed || !complete;
}
