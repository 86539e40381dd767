/* The fuzz targets under the ordinary build: their seeds, each seed cut off everywhere and changed in every byte, and the inputs in
 * tests/fuzz/corpus, which once were trouble. Nothing to compare: the sanitizers, and the checks inside the targets, are the judge. */
#include "fuzz/targets.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs on a copy of exactly this size, so that a sanitizer sees a read beyond the end. */
static void run_copy(const fuzz_target *target, const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    if (size > 0) memcpy(copy, data, size);
    target->run(copy, size);
    free(copy);
}

enum { MUTATED = 8192 }; /* seeds beyond this size are changed at fewer places */

static void run_mutations(void *context, const void *data, size_t size) {
    static const uint8_t changes[] = {0x01, 0x80, 0xFF};
    const fuzz_target *target = context;
    uint8_t *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, size);
    target->run(copy, size);
    size_t step = size / MUTATED + 1;
    for (size_t at = 0; at < size; at += step) {
        run_copy(target, copy, at);
        for (size_t i = 0; i < sizeof changes; i++) {
            copy[at] ^= changes[i];
            target->run(copy, size);
            copy[at] ^= changes[i];
        }
    }
    free(copy);
}

START_TEST(seeds_and_their_mutations) {
    const fuzz_target *target = &fuzz_targets[_i];
    target->seeds(run_mutations, (void *)(uintptr_t)target);
}
END_TEST

START_TEST(corpus) {
    const fuzz_target *target = &fuzz_targets[_i];
    char folder[128], path[512];
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", target->name);
    DIR *dir = opendir(folder);
    if (!dir) return; /* none kept for this target */
    static uint8_t data[1 << 20];
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        ck_assert_ptr_nonnull(file);
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        run_copy(target, data, size);
    }
    closedir(dir);
}
END_TEST

Suite *fuzz_suite(void);
Suite *fuzz_suite(void) {
    Suite *suite = suite_create("fuzz");
    TCase *group = tcase_create("fuzz");
    tcase_set_timeout(group, 120);
    tcase_add_loop_test(group, seeds_and_their_mutations, 0, FUZZ_TARGETS);
    tcase_add_loop_test(group, corpus, 0, FUZZ_TARGETS);
    suite_add_tcase(suite, group);
    return suite;
}
