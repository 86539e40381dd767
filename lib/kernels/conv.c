/* The one choice of algorithm for a convolution, and the table of algorithms. */
#include "kernels/conv.h"

enum {
    MIN_CHANNELS = 16,
    CACHED_WEIGHTS = 4 << 20,
    WEIGHT_READ = 32 /* reading a transformed weight costs about as much as multiplying it this often */
};

static const gcam__conv_method *const methods[GCAM__CONV_ALGORITHMS] = {
    [GCAM__CONV_IM2COL] = &gcam__conv_im2col,       [GCAM__CONV_POINTWISE] = &gcam__conv_pointwise,
    [GCAM__CONV_DEPTHWISE] = &gcam__conv_depthwise, [GCAM__CONV_WINOGRAD4] = &gcam__conv_winograd4,
    [GCAM__CONV_WINOGRAD2] = &gcam__conv_winograd2,
};

int gcam__conv_takes(const gcam__conv *conv, gcam__conv_algorithm algorithm) {
    switch (algorithm) {
    case GCAM__CONV_POINTWISE:
        return gcam__conv_is_pointwise(conv);
    case GCAM__CONV_DEPTHWISE:
        return conv->groups == conv->c;
    case GCAM__CONV_WINOGRAD4:
    case GCAM__CONV_WINOGRAD2:
        return gcam__conv_is_winograd(conv);
    default:
        return 1;
    }
}

/* Images that the choice may count on: in deterministic mode a result must not depend on the batch. */
static int64_t images(const gcam__compute *compute, const gcam__conv *conv) {
    return compute->deterministic ? 1 : conv->n;
}

/* Multiplications of F(m x m, 3 x 3) per channel and filter: tiles in whole vectors. */
static int64_t winograd_work(const gcam__compute *compute, const gcam__conv *conv, int m) {
    int64_t tiles = images(compute, conv) * gcam__ceil_div(conv->p, m) * gcam__ceil_div(conv->q, m);
    int64_t width = gcam__simd_for(compute)->width;
    return (m + 2) * (m + 2) * gcam__ceil_div(tiles, width) * width;
}

/* F(4x4) has 36 weights a filter to F(2x2)'s 16. Where they leave the cache, reading them counts: over small pictures (VGG's
 * 14x14) F(4x4) then costs memory and gains nothing. */
static gcam__conv_algorithm better_winograd(const gcam__conv *conv, int64_t four, int64_t two) {
    int64_t read = 36 * conv->c * conv->k > CACHED_WEIGHTS ? WEIGHT_READ : 0;
    return four + 36 * read <= two + 16 * read ? GCAM__CONV_WINOGRAD4 : GCAM__CONV_WINOGRAD2;
}

/* Winograd where it saves more multiplications than its transforms cost; with few channels those dominate. */
static gcam__conv_algorithm choose_winograd(const gcam__compute *compute, const gcam__conv *conv) {
    int64_t four = winograd_work(compute, conv, 4), two = winograd_work(compute, conv, 2);
    int64_t direct = 9 * images(compute, conv) * conv->p * conv->q;
    gcam__conv_algorithm algorithm = better_winograd(conv, four, two);
    int64_t work = algorithm == GCAM__CONV_WINOGRAD4 ? four : two;
    return gcam__min(conv->c, conv->k) < MIN_CHANNELS || 3 * work > 2 * direct ? GCAM__CONV_IM2COL : algorithm;
}

gcam__conv_algorithm gcam__conv_choose(const gcam__compute *compute, const gcam__conv *conv) {
    if (conv->groups == conv->c && conv->c > 1) return GCAM__CONV_DEPTHWISE;
    if (gcam__conv_is_pointwise(conv)) return GCAM__CONV_POINTWISE;
    if (compute->direct || compute->kernels != GCAM_KERNELS_AUTO || gcam__use_blas(compute)
        || !gcam__conv_is_winograd(conv))
        return GCAM__CONV_IM2COL;
    return choose_winograd(compute, conv);
}

const char *gcam__conv_algorithm_name(gcam__conv_algorithm algorithm) {
    return methods[algorithm]->name;
}

size_t gcam__conv_prepared_bytes(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm) {
    return methods[algorithm]->prepared_bytes ? methods[algorithm]->prepared_bytes(compute, conv) : 0;
}

void gcam__conv_prepare(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                        const float *w, void *prepared) {
    if (gcam__conv_prepared_bytes(compute, conv, algorithm) > 0)
        methods[algorithm]->prepare(compute, conv, w, prepared);
}

size_t gcam__conv_forward_scratch(const gcam__compute *compute, const gcam__conv *conv,
                                  gcam__conv_algorithm algorithm) {
    return methods[algorithm]->forward_scratch ? methods[algorithm]->forward_scratch(compute, conv) : 0;
}

void gcam__conv_forward(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                        const float *x, const float *w, const void *prepared, const gcam__epilogue *epilogue, float *y,
                        void *scratch) {
    static const gcam__epilogue none = {0};
    gcam__conv_call call = {compute, conv, x, w, prepared, epilogue ? epilogue : &none, y, scratch};
    methods[algorithm]->forward(&call);
}

size_t gcam__conv_backward_scratch(const gcam__compute *compute, const gcam__conv *conv,
                                   gcam__conv_algorithm algorithm) {
    const gcam__conv_method *method = methods[algorithm];
    return method->backward_scratch ? method->backward_scratch(compute, conv) : 0;
}

void gcam__conv_backward_data(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                              const float *dy, const float *w, const void *prepared, float *dx, void *scratch) {
    gcam__conv_call call = {compute, conv, dy, w, prepared, NULL, dx, scratch};
    methods[algorithm]->backward_data(&call);
}

size_t gcam__conv_weights_scratch(const gcam__compute *compute, const gcam__conv *conv,
                                  gcam__conv_algorithm algorithm) {
    const gcam__conv_method *method = methods[algorithm];
    return method->weights_scratch ? method->weights_scratch(compute, conv) : 0;
}

typedef struct bias_job {
    const gcam__conv *conv;
    const float *dy;
    float *db;
} bias_job;

static void bias_unit(void *context, int64_t k, int worker) {
    (void)worker;
    enum { SUMS = 8 };
    const bias_job *job = context;
    int64_t pixels = job->conv->p * job->conv->q;
    double sum[SUMS] = {0}, total = 0;
    for (int64_t i = 0; i < job->conv->n; i++) {
        const float *dy = job->dy + (i * job->conv->k + k) * pixels;
        int64_t j = 0;
        for (; j + SUMS <= pixels; j += SUMS)
            for (int l = 0; l < SUMS; l++) sum[l] += dy[j + l];
        for (; j < pixels; j++) sum[0] += dy[j];
    }
    for (int l = 0; l < SUMS; l++) total += sum[l];
    job->db[k] += (float)total;
}

void gcam__conv_backward_weights(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                                 const float *x, const float *dy, float *dw, float *db, void *scratch) {
    gcam__conv_weights_call call = {compute, conv, x, dy, dw, scratch};
    methods[algorithm]->backward_weights(&call);
    bias_job job = {conv, dy, db};
    if (db) gcam__parallel(compute->pool, conv->k, bias_unit, &job);
}
