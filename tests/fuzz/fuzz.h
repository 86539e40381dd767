/* What a fuzz target is: one file fuzz_NAME.c with FUZZ_TARGET(NAME), which reads bytes that may be anything, and FUZZ_SEEDS(NAME), which
 * hands out valid inputs to begin with. Built with -DGCAM_FUZZ_ALONE by clang, a target is a libFuzzer program (make fuzz); otherwise all
 * targets are linked into the test runner and into the program `replay`. */
#ifndef GCAM_TESTS_FUZZ_H
#define GCAM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

typedef void (*fuzz_emit_fn)(void *context, const void *data, size_t size);

#ifdef GCAM_FUZZ_ALONE
#define FUZZ_TARGET(name)                                         \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
#else
#define FUZZ_TARGET(name)                              \
    int fuzz_##name(const uint8_t *data, size_t size); \
    int fuzz_##name(const uint8_t *data, size_t size)
#endif

#define FUZZ_SEEDS(name)                                      \
    void fuzz_seeds_##name(fuzz_emit_fn emit, void *context); \
    void fuzz_seeds_##name(fuzz_emit_fn emit, void *context)

#endif
