/* Counter-based random numbers. */
#include "core/random.h"

#include <math.h>

static uint64_t mix(uint64_t x) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

uint64_t gcam__random_bits(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element) {
    return mix(mix(mix(mix(seed) ^ stream) ^ sample) ^ element);
}

double gcam__random_uniform(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element) {
    return (double)(gcam__random_bits(seed, stream, sample, element) >> 11) * 0x1p-53;
}

double gcam__random_normal(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element) {
    double u = 1.0 - gcam__random_uniform(seed, stream, sample, 2 * element); /* in (0, 1]: the logarithm is finite */
    double v = gcam__random_uniform(seed, stream, sample, 2 * element + 1);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}
