/* For the targets that end in a tensor table. */
#ifndef GCAM_TESTS_FUZZ_TABLES_H
#define GCAM_TESTS_FUZZ_TABLES_H

#include "io/tensor_table.h"

/* Reads a table with one reader, if it recognises the bytes; then reads all of its values, so that a pointer beyond the bytes shows. */
void fuzz_table(const gcam__reader *reader, const uint8_t *data, size_t size);

#endif
