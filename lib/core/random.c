/* Counter-based random numbers. */
#include "core/random.h"

#include <math.h>

static uint64_t mix(uint64_t x) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static uint64_t key_of(uint64_t seed, uint64_t stream, uint64_t sample) {
    return mix(mix(mix(seed) ^ stream) ^ sample);
}

static double uniform_at(uint64_t key, uint64_t element) {
    return (double)(mix(key ^ element) >> 11) * 0x1p-53;
}

uint64_t gcam__random_bits(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element) {
    return mix(key_of(seed, stream, sample) ^ element);
}

double gcam__random_uniform(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element) {
    return uniform_at(key_of(seed, stream, sample), element);
}

static double normal_at(uint64_t key, uint64_t element) {
    double u = 1.0 - uniform_at(key, 2 * element); /* in (0, 1]: the logarithm is finite */
    double v = uniform_at(key, 2 * element + 1);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

double gcam__random_normal(uint64_t seed, uint64_t stream, uint64_t sample, uint64_t element) {
    return normal_at(key_of(seed, stream, sample), element);
}

typedef struct noise {
    uint64_t key;
    double sigma;
    float *x;
    int64_t count;
} noise;

enum { NOISE_BLOCK = 4096 };

static void noise_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const noise *job = context;
    int64_t end = (index + 1) * NOISE_BLOCK < job->count ? (index + 1) * NOISE_BLOCK : job->count;
    for (int64_t i = index * NOISE_BLOCK; i < end; i++)
        job->x[i] += (float)(job->sigma * normal_at(job->key, (uint64_t)i));
}

void gcam__random_noise(gcam__pool *pool, uint64_t seed, uint64_t sample, double sigma, float *x, int64_t count) {
    noise job = {key_of(seed, 0, sample), sigma, x, count};
    if (sigma != 0) gcam__parallel(pool, (count + NOISE_BLOCK - 1) / NOISE_BLOCK, noise_unit, &job);
}
