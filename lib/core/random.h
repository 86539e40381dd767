/* Counter-based random numbers: element e of sample n of stream s depends only on (seed, s, n, e). */
#ifndef GCAM_CORE_RANDOM_H
#define GCAM_CORE_RANDOM_H

#include "core/threads.h"

#include <stdint.h>

/* 64 well mixed bits: SplitMix64's finaliser (Steele et al. 2014) over the four numbers. */
uint64_t gcam__random_bits(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element);
/* Uniform in [0, 1), 53 bits. */
double gcam__random_uniform(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element);
/* Standard normal (Box & Muller 1958). */
double gcam__random_normal(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element);
/* x_i += sigma times normal number i of (seed, stream 0, sample), by all threads of the pool. */
void gcam__random_noise(gcam__pool *pool, uint64_t seed, uint64_t sample, double sigma, float *x, int64_t count);

#endif
