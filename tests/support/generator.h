/* Weights and pictures from counters, made alike here and in tools/parity/generator.py, bit for bit: so that golden cases and
 * benchmarks need no files of weights. Only uniform numbers are drawn, because log and cos may differ in their last bit from
 * one C library to the next, while +, * and sqrt may not. */
#ifndef GCAM_TESTS_GENERATOR_H
#define GCAM_TESTS_GENERATOR_H

#include "gradcam.h"

/* Values of the tensor `name`, which also says what it is (its last part) and which stream of numbers it takes:
 * weights of rank 2 and more: uniform in +- sqrt(6 / fan_in), which keeps the scale through rectifiers (He et al. 2015);
 * `bias`, `running_mean`: +- 0.1; `weight` of rank 1 (batch norm) and `running_var`: 0.5 to 1.5. */
void generator_fill(uint64_t seed, const char *name, const gcam_shape *shape, float *out);

/* A table with every tensor of a list: lines "NAME SIZE SIZE ...". Returns GCAM_ERR_IO where the list cannot be read. */
gcam_status generator_table(gcam_tensor_table **out, uint64_t seed, const char *list_path);

/* A drawn picture: a gradient, diagonal stripes on its right half, two discs, noise; integers throughout. */
gcam_status generator_picture(gcam_image **out, uint64_t seed, int width, int height);

#endif
