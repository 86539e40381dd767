/* Random weights for the networks of the zoo and of tests. */
#ifndef GCAM_TESTS_WEIGHTS_H
#define GCAM_TESTS_WEIGHTS_H

#include "gradcam/model.h"

/* Adds every weight that the builder's layers want, from counter-based random numbers: He's normal for matrices and convolutions,
 * small biases, batch norm statistics around mean 0 and variance 1. Shapes and names come from the builder. */
void weights_add_random(gcam_tensor_table *table, const gcam_builder *builder, uint64_t seed);

/* The same as a new table for an architecture of the zoo; `like` (may be NULL) tells channels and classes as a file would. */
gcam_tensor_table *weights_of_arch(const char *arch, const gcam_tensor_table *like, uint64_t seed);

/* What to get wrong when writing shapes: names of tensors to leave out, to give one more column, to add. NULL: nothing. */
typedef struct shapes_change {
    const char *drop, *widen, *add;
} shapes_change;

/* Writes a safetensors file that has an architecture's tensors with their shapes, all zero: a file with a hole, so that VGG costs no
 * half gigabyte. */
void weights_write_shapes(const char *path, const char *arch, const gcam_tensor_table *like, shapes_change change);

#endif
