/* For the targets that end in a tensor table. */
#ifndef GCAM_TESTS_FUZZ_TABLES_H
#define GCAM_TESTS_FUZZ_TABLES_H

#include "fuzz/fuzz.h"
#include "io/tensor_table.h"
#include "support/checkpoints.h"

/* Reads a table with one reader, if it recognises the bytes; then reads all of its values, so that a pointer beyond the bytes shows. */
void fuzz_table(const gcam__reader *reader, const uint8_t *data, size_t size);

/* Seeds of a container: the usual checkpoint, and one whose parameters lie below a wrapper and a prefix. */
void emit_samples(fuzz_emit_fn emit, void *context, void (*write)(blob *b, const sample *s));

#endif
