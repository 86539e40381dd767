/* Reference operations in double precision, written as the formulas read: what every fast kernel and every layer is compared
 * with. N C H W throughout; gradients overwrite their output. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include "kernels/kernels.h"

void reference_gemm(const gcam__gemm_call *g, double *c);

void reference_linear(const float *x, const float *w, const float *bias, double *y, int64_t rows, int64_t c, int64_t k);
void reference_linear_backward(const float *dy, const float *w, double *dx, int64_t rows, int64_t c, int64_t k);
void reference_linear_backward_weights(const float *x, const float *dy, double *dw, double *db, int64_t rows, int64_t c,
                                       int64_t k);

/* bias may be NULL */
void reference_conv(const gcam__conv *conv, const float *x, const float *w, const float *bias, double *y);
void reference_conv_backward_data(const gcam__conv *conv, const float *dy, const float *w, double *dx);
void reference_conv_backward_weights(const gcam__conv *conv, const float *x, const float *dy, double *dw, double *db);

void reference_max_pool(const gcam__pool2d *g, const float *x, double *y, int32_t *index);
void reference_max_pool_backward(const gcam__pool2d *g, const float *dy, const int32_t *index, double *dx);
void reference_avg_pool(const gcam__pool2d *g, const float *x, double *y);
void reference_avg_pool_backward(const gcam__pool2d *g, const float *dy, double *dx);
void reference_adaptive_avg_pool(const gcam__pool2d *g, const float *x, double *y);
void reference_adaptive_avg_pool_backward(const gcam__pool2d *g, const float *dy, double *dx);

/* y = (x - mean) / sqrt(var + eps) gamma + beta; gamma and beta may be NULL. `c` channels of `size` values, n images. */
typedef struct reference_batchnorm_params {
    int64_t n, c, size;
    const float *mean, *var, *gamma, *beta;
    double eps;
} reference_batchnorm_params;
void reference_batchnorm(const reference_batchnorm_params *g, const float *x, double *y);
void reference_batchnorm_backward(const reference_batchnorm_params *g, const float *dy, double *dx);

/* Along the middle one of outer x count x inner. */
void reference_softmax(const float *x, double *y, int64_t outer, int64_t count, int64_t inner);

/* Output size of a window: floor or ceil((size + pads - dilation (kernel - 1) - 1) / stride) + 1, PyTorch's ceil rule. */
int64_t reference_out_size(int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t pad_end, int64_t dilation,
                           int ceil_mode);

/* sum (got - want)^2 / sum want^2, and max |got - want| / max |want|. NaN or infinity in `got` gives infinity. */
double nmse(const float *got, const double *want, int64_t count);
double max_error(const float *got, const double *want, int64_t count);

/* count floats of a fixed sequence, standard normal / a block that the test frees with gcam__free. */
float *random_floats(uint64_t seed, int64_t count);

#endif
