/* The list of operations: a new one is one file that defines gcam__op_NAME, and one row here. */
#ifndef GCAM_LAYERS_TABLE_H
#define GCAM_LAYERS_TABLE_H

#include "layers/layer.h"

#define GCAM__OPS(X)     \
    X(input)             \
    X(tensor_input)      \
    X(conv2d)            \
    X(linear)            \
    X(relu)              \
    X(leaky_relu)        \
    X(max_pool)          \
    X(avg_pool)          \
    X(global_avg_pool)   \
    X(adaptive_avg_pool) \
    X(batchnorm)         \
    X(dropout)           \
    X(flatten)           \
    X(concat)            \
    X(add)               \
    X(softmax)           \
    X(sigmoid)           \
    X(tanh)              \
    X(hard_sigmoid)      \
    X(relu6)             \
    X(clip)              \
    X(hard_swish)        \
    X(silu)              \
    X(softplus)          \
    X(mish)              \
    X(gelu)              \
    X(gelu_tanh)         \
    X(elu)               \
    X(celu)              \
    X(thresholded_relu)  \
    X(selu)              \
    X(softsign)          \
    X(exp)               \
    X(log)               \
    X(sqrt)              \
    X(abs)               \
    X(neg)               \
    X(reciprocal)        \
    X(erf)               \
    X(sub)               \
    X(mul)               \
    X(div)               \
    X(pow)               \
    X(minimum)           \
    X(maximum)           \
    X(reduce_mean)       \
    X(reduce_sum)        \
    X(reduce_max)        \
    X(reduce_min)        \
    X(global_max_pool)   \
    X(transpose)         \
    X(slice)             \
    X(channel_shuffle)   \
    X(reshape)           \
    X(constant)          \
    X(pad)               \
    X(reflect_pad)       \
    X(edge_pad)          \
    X(log_softmax)       \
    X(scale_shift)       \
    X(layer_scale)       \
    X(prelu)             \
    X(lrn)               \
    X(layer_norm)        \
    X(group_norm)        \
    X(l2_normalize)      \
    X(matmul)            \
    X(conv_transpose2d)  \
    X(resize_nearest)    \
    X(resize_linear)     \
    X(resize_cubic)

#define GCAM__DECLARE_OP(name) extern const gcam__op gcam__op_##name;
GCAM__OPS(GCAM__DECLARE_OP)
#undef GCAM__DECLARE_OP

#endif
