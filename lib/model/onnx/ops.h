/* The translators, a line an operator; the table is made from this list. */
#ifndef GCAM_MODEL_ONNX_OPS_H
#define GCAM_MODEL_ONNX_OPS_H

#include "model/onnx/import.h"

#define GCAM__ONNX_OPS(X)                                              \
    /* ops_window.c: convolution, pooling */                           \
    X(Conv)                                                            \
    X(MaxPool)                                                         \
    X(AveragePool)                                                     \
    X(GlobalAveragePool)                                               \
    X(GlobalMaxPool)                                                   \
    /* ops_linear.c: products and normalisation */                     \
    X(Gemm)                                                            \
    X(MatMul)                                                          \
    X(BatchNormalization)                                              \
    X(Softmax)                                                         \
    X(LogSoftmax)                                                      \
    /* ops_shape.c: the same values in another order or shape */       \
    X(Flatten)                                                         \
    X(Reshape)                                                         \
    X(Squeeze)                                                         \
    X(Unsqueeze)                                                       \
    X(Transpose)                                                       \
    X(Slice)                                                           \
    X(Split)                                                           \
    X(Concat)                                                          \
    X(Gather)                                                          \
    X(Pad)                                                             \
    X(Identity)                                                        \
    X(Dropout)                                                         \
    X(Cast)                                                            \
    /* ops_math.c: element by element, and sums over axes */           \
    X(Relu)                                                            \
    X(LeakyRelu)                                                       \
    X(Clip)                                                            \
    X(Sigmoid)                                                         \
    X(Tanh)                                                            \
    X(HardSigmoid)                                                     \
    X(HardSwish)                                                       \
    X(Elu)                                                             \
    X(Celu)                                                            \
    X(Selu)                                                            \
    X(ThresholdedRelu)                                                 \
    X(Softplus)                                                        \
    X(Softsign)                                                        \
    X(Mish)                                                            \
    X(Gelu)                                                            \
    X(Exp)                                                             \
    X(Log)                                                             \
    X(Sqrt)                                                            \
    X(Abs)                                                             \
    X(Neg)                                                             \
    X(Reciprocal)                                                      \
    X(Erf)                                                             \
    X(Add)                                                             \
    X(Sub)                                                             \
    X(Mul)                                                             \
    X(Div)                                                             \
    X(Pow)                                                             \
    X(Min)                                                             \
    X(Max)                                                             \
    X(Sum)                                                             \
    X(Mean)                                                            \
    X(ReduceMean)                                                      \
    X(ReduceSum)                                                       \
    X(ReduceMax)                                                       \
    X(ReduceMin)                                                       \
    /* fold.c reckons these at import; they never reach the network */ \
    X(Constant)                                                        \
    X(ConstantOfShape)                                                 \
    X(Shape)                                                           \
    X(Size)                                                            \
    X(Floor)                                                           \
    X(Ceil)

#define GCAM__ONNX_DECLARE(name) gcam_status gcam__onnx_##name(gcam__importer *im);
GCAM__ONNX_OPS(GCAM__ONNX_DECLARE)
#undef GCAM__ONNX_DECLARE

#endif
