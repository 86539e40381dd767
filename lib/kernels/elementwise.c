/* Operations on one element at a time. Units of fixed size go to the pool; the compiler turns the loops into vectors. */
#include "kernels/simd.h"

#include <stdatomic.h>
#include <string.h>

enum { UNIT = 1 << 15 }; /* a multiple of 8, so that units share no byte of a mask */

typedef struct elementwise_job {
    const float *a, *b;
    float *y;
    uint8_t *mask;
    int64_t count, size, channels;
    float slope;
    _Atomic int64_t first;
} elementwise_job;

static void run(const gcam__compute *compute, elementwise_job *job, gcam__work_fn unit) {
    gcam__parallel(compute->pool, gcam__ceil_div(job->count, UNIT), unit, job);
}

static void write_mask(const float *x, uint8_t *mask, int64_t count) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        unsigned bits = 0;
        for (int j = 0; j < 8; j++) bits |= (unsigned)(x[i + j] > 0) << j;
        mask[i / 8] = (uint8_t)bits;
    }
    if (i == count) return;
    unsigned bits = 0;
    for (int64_t j = i; j < count; j++) bits |= (unsigned)(x[j] > 0) << (j - i);
    mask[i / 8] = (uint8_t)bits;
}

static void relu_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const elementwise_job *job = context;
    int64_t begin = index * UNIT, end = gcam__min(begin + UNIT, job->count);
    if (job->mask) write_mask(job->a + begin, job->mask + begin / 8, end - begin);
    if (job->slope == 0) {
        for (int64_t i = begin; i < end; i++) job->y[i] = job->a[i] <= 0 ? 0 : job->a[i];
    } else {
        for (int64_t i = begin; i < end; i++) job->y[i] = job->a[i] > 0 ? job->a[i] : job->slope * job->a[i];
    }
}

void gcam__relu(const gcam__compute *compute, const float *x, float *y, uint8_t *mask, int64_t count) {
    gcam__leaky_relu(compute, x, y, mask, count, 0);
}

void gcam__leaky_relu(const gcam__compute *compute, const float *x, float *y, uint8_t *mask, int64_t count,
                      float slope) {
    elementwise_job job = {.a = x, .y = y, .mask = mask, .count = count, .slope = slope};
    run(compute, &job, relu_unit);
}

typedef struct gate_job {
    const gcam__simd *simd;
    gcam__gate gate;
    int64_t count;
} gate_job;

static void gate_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const gate_job *job = context;
    job->simd->gate(&job->gate, index * UNIT, gcam__min((index + 1) * UNIT, job->count));
}

void gcam__relu_backward(const gcam__compute *compute, const float *dy, const uint8_t *mask, float *dx, int64_t count,
                         float slope, int positive) {
    gate_job job = {gcam__simd_for(compute), {dy, dx, mask, slope, positive, mask == NULL}, count};
    gcam__parallel(compute->pool, gcam__ceil_div(count, UNIT), gate_unit, &job);
}

static void add_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const elementwise_job *job = context;
    int64_t end = gcam__min((index + 1) * UNIT, job->count);
    for (int64_t i = index * UNIT; i < end; i++) job->y[i] = job->a[i] + job->b[i];
}

void gcam__add(const gcam__compute *compute, const float *a, const float *b, float *y, int64_t count) {
    elementwise_job job = {.a = a, .b = b, .y = y, .count = count};
    run(compute, &job, add_unit);
}

typedef struct scale_job {
    const float *x, *scale, *shift;
    float *y;
    int64_t planes, size, channels, planes_per_unit;
    int relu;
} scale_job;

static void scale_unit(void *context, int64_t index, int worker) {
    (void)worker;
    const scale_job *job = context;
    int64_t end = gcam__min((index + 1) * job->planes_per_unit, job->planes);
    for (int64_t plane = index * job->planes_per_unit; plane < end; plane++) {
        const float *x = job->x + plane * job->size;
        float *y = job->y + plane * job->size;
        float scale = job->scale[plane % job->channels], shift = job->shift ? job->shift[plane % job->channels] : 0;
        if (job->relu) {
            for (int64_t i = 0; i < job->size; i++) {
                float value = x[i] * scale + shift;
                y[i] = value <= 0 ? 0 : value;
            }
        } else {
            for (int64_t i = 0; i < job->size; i++) y[i] = x[i] * scale + shift;
        }
    }
}

void gcam__scale_shift(const gcam__compute *compute, const float *x, float *y, int64_t planes, int64_t size,
                       int64_t channels, const float *scale, const float *shift, int relu) {
    scale_job job = {x, scale, shift, y, planes, size, channels, gcam__max(1, UNIT / gcam__max(size, 1)), relu};
    gcam__parallel(compute->pool, gcam__ceil_div(planes, job.planes_per_unit), scale_unit, &job);
}

/* All bits of the exponent are set in NaN and infinity, and only there. */
static int is_nonfinite(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7F800000u) == 0x7F800000u;
}

static void nonfinite_unit(void *context, int64_t index, int worker) {
    (void)worker;
    elementwise_job *job = context;
    int64_t begin = index * UNIT, end = gcam__min(begin + UNIT, job->count);
    int any = 0;
    for (int64_t i = begin; i < end; i++) any |= is_nonfinite(job->a[i]);
    if (!any) return;
    while (!is_nonfinite(job->a[begin])) begin++;
    int64_t first = atomic_load(&job->first);
    while (begin < first && !atomic_compare_exchange_weak(&job->first, &first, begin)) continue;
}

int64_t gcam__find_nonfinite(const gcam__compute *compute, const float *x, int64_t count) {
    elementwise_job job = {.a = x, .count = count, .first = count};
    run(compute, &job, nonfinite_unit);
    int64_t first = atomic_load(&job.first);
    return first < count ? first : -1;
}
