/* The list of fuzz targets, which the Makefile writes to targets.inc. */
#ifndef GCAM_TESTS_FUZZ_TARGETS_H
#define GCAM_TESTS_FUZZ_TARGETS_H

#include "fuzz/fuzz.h"

#define TARGET(name)                                   \
    int fuzz_##name(const uint8_t *data, size_t size); \
    void fuzz_seeds_##name(fuzz_emit_fn emit, void *context);
#include "targets.inc"
#undef TARGET

typedef struct fuzz_target {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
    void (*seeds)(fuzz_emit_fn emit, void *context);
} fuzz_target;

static const fuzz_target fuzz_targets[] = {
#define TARGET(name) {#name, fuzz_##name, fuzz_seeds_##name},
#include "targets.inc"
#undef TARGET
};

enum { FUZZ_TARGETS = sizeof fuzz_targets / sizeof *fuzz_targets };

#endif
