/* The one choice of algorithm for a convolution, and the table of algorithms. */
#include "kernels/conv.h"

static const gcam__conv_method *const methods[GCAM__CONV_ALGORITHMS] = {
    [GCAM__CONV_IM2COL] = &gcam__conv_im2col,
    [GCAM__CONV_POINTWISE] = &gcam__conv_pointwise,
    [GCAM__CONV_DEPTHWISE] = &gcam__conv_depthwise,
};

gcam__conv_algorithm gcam__conv_choose(const gcam__compute *compute, const gcam__conv *conv) {
    (void)compute;
    if (conv->groups == conv->c && conv->c > 1) return GCAM__CONV_DEPTHWISE;
    return gcam__conv_is_pointwise(conv) ? GCAM__CONV_POINTWISE : GCAM__CONV_IM2COL;
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
    static const gcam__epilogue none = {NULL, 0};
    gcam__conv_call call = {compute, conv, x, w, prepared, epilogue ? epilogue : &none, y, scratch};
    methods[algorithm]->forward(&call);
}

size_t gcam__conv_backward_scratch(const gcam__compute *compute, const gcam__conv *conv,
                                   gcam__conv_algorithm algorithm) {
    const gcam__conv_method *method = methods[algorithm];
    size_t data = method->backward_scratch ? method->backward_scratch(compute, conv) : 0;
    size_t weights = gcam__conv_weights_scratch(compute, conv);
    return data > weights ? data : weights;
}

void gcam__conv_backward_data(const gcam__compute *compute, const gcam__conv *conv, gcam__conv_algorithm algorithm,
                              const float *dy, const float *w, const void *prepared, float *dx, void *scratch) {
    gcam__conv_call call = {compute, conv, dy, w, prepared, NULL, dx, scratch};
    methods[algorithm]->backward_data(&call);
}
