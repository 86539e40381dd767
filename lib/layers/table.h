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
    X(softmax)

#define GCAM__DECLARE_OP(name) extern const gcam__op gcam__op_##name;
GCAM__OPS(GCAM__DECLARE_OP)
#undef GCAM__DECLARE_OP

#endif
