/* Runs fuzz targets without libFuzzer, under any compiler and sanitizer.
 *   replay NAME FILE...     runs target NAME on the files
 *   replay seeds FOLDER     writes the seeds of every target to FOLDER/NAME/ */
#include "fuzz/targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(const fuzz_target *target, const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info)) return fprintf(stderr, "replay: %s: %s\n", path, strerror(errno)), 1;
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1); /* no larger than the file, so that a sanitizer sees the end */
    if (!data || fread(data, 1, size, file) != size) return fprintf(stderr, "replay: %s cannot be read\n", path), 1;
    fclose(file);
    target->run(data, size);
    free(data);
    return 0;
}

typedef struct seed_folder {
    const char *path, *target;
    int count, failed;
} seed_folder;

static void write_seed(void *context, const void *data, size_t size) {
    seed_folder *folder = context;
    char path[512];
    snprintf(path, sizeof path, "%s/%s/seed-%d", folder->path, folder->target, folder->count++);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) folder->failed = 1;
}

static int write_seeds(const char *path) {
    mkdir(path, 0777);
    for (int i = 0; i < FUZZ_TARGETS; i++) {
        char folder[512];
        snprintf(folder, sizeof folder, "%s/%s", path, fuzz_targets[i].name);
        mkdir(folder, 0777);
        seed_folder seeds = {path, fuzz_targets[i].name, 0, 0};
        fuzz_targets[i].seeds(write_seed, &seeds);
        if (seeds.failed) return fprintf(stderr, "replay: %s cannot be written\n", folder), 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "seeds")) return write_seeds(argv[2]);
    for (int i = 0; i < FUZZ_TARGETS && argc > 2; i++) {
        if (strcmp(argv[1], fuzz_targets[i].name)) continue;
        int failed = 0;
        for (int f = 2; f < argc; f++) failed |= replay_file(&fuzz_targets[i], argv[f]);
        return failed;
    }
    fprintf(stderr, "usage: replay TARGET FILE...\n       replay seeds FOLDER\ntargets:");
    for (int i = 0; i < FUZZ_TARGETS; i++) fprintf(stderr, " %s", fuzz_targets[i].name);
    fprintf(stderr, "\n");
    return 2;
}
