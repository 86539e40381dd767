/* The translators, a line an operator; the table is made from this list. */
#ifndef GCAM_MODEL_ONNX_OPS_H
#define GCAM_MODEL_ONNX_OPS_H

#include "model/onnx/import.h"

/* fold.c and fold_math.c reckon these at import; they never reach the network. */
#define GCAM__ONNX_CONSTANT_OPS(X) \
    X(Constant)                    \
    X(ConstantOfShape)             \
    X(Shape)                       \
    X(Size)                        \
    X(Range)                       \
    X(Floor)                       \
    X(Ceil)                        \
    X(Round)                       \
    X(Sign)                        \
    X(Sin)                         \
    X(Cos)                         \
    X(Mod)                         \
    X(Equal)                       \
    X(Less)                        \
    X(Greater)                     \
    X(LessOrEqual)                 \
    X(GreaterOrEqual)              \
    X(And)                         \
    X(Or)                          \
    X(Xor)                         \
    X(Not)

#define GCAM__ONNX_OPS(X)                                                \
    /* ops_window.c: convolution, pooling */                             \
    X(Conv)                                                              \
    X(ConvTranspose)                                                     \
    X(MaxPool)                                                           \
    X(AveragePool)                                                       \
    X(GlobalAveragePool)                                                 \
    X(GlobalMaxPool)                                                     \
    /* ops_linear.c: products */                                         \
    X(Gemm)                                                              \
    X(MatMul)                                                            \
    /* ops_norm.c: normalisation, softmax */                             \
    X(BatchNormalization)                                                \
    X(InstanceNormalization)                                             \
    X(GroupNormalization)                                                \
    X(LayerNormalization)                                                \
    X(LRN)                                                               \
    X(LpNormalization)                                                   \
    X(Softmax)                                                           \
    X(LogSoftmax)                                                        \
    /* ops_resize.c */                                                   \
    X(Resize)                                                            \
    X(Upsample)                                                          \
    /* ops_shape.c: the same values in another shape, or some of them */ \
    X(Flatten)                                                           \
    X(Reshape)                                                           \
    X(Squeeze)                                                           \
    X(Unsqueeze)                                                         \
    X(Transpose)                                                         \
    X(Slice)                                                             \
    X(Split)                                                             \
    X(Concat)                                                            \
    X(Gather)                                                            \
    X(Pad)                                                               \
    X(Identity)                                                          \
    X(Dropout)                                                           \
    X(Cast)                                                              \
    X(CastLike)                                                          \
    /* ops_rearrange.c: the same values in other places */               \
    X(DepthToSpace)                                                      \
    X(SpaceToDepth)                                                      \
    X(Tile)                                                              \
    X(Expand)                                                            \
    /* ops_math.c: element by element */                                 \
    X(Relu)                                                              \
    X(LeakyRelu)                                                         \
    X(PRelu)                                                             \
    X(Clip)                                                              \
    X(Sigmoid)                                                           \
    X(Tanh)                                                              \
    X(HardSigmoid)                                                       \
    X(HardSwish)                                                         \
    X(Elu)                                                               \
    X(Celu)                                                              \
    X(Selu)                                                              \
    X(ThresholdedRelu)                                                   \
    X(Softplus)                                                          \
    X(Softsign)                                                          \
    X(Mish)                                                              \
    X(Gelu)                                                              \
    X(Swish)                                                             \
    X(Exp)                                                               \
    X(Log)                                                               \
    X(Sqrt)                                                              \
    X(Abs)                                                               \
    X(Neg)                                                               \
    X(Reciprocal)                                                        \
    X(Erf)                                                               \
    X(Add)                                                               \
    X(Sub)                                                               \
    X(Mul)                                                               \
    X(Div)                                                               \
    X(Pow)                                                               \
    X(Min)                                                               \
    X(Max)                                                               \
    X(Sum)                                                               \
    X(Mean)                                                              \
    X(Where)                                                             \
    /* ops_reduce.c: over axes */                                        \
    X(ReduceMean)                                                        \
    X(ReduceSum)                                                         \
    X(ReduceMax)                                                         \
    X(ReduceMin)                                                         \
    X(ReduceL1)                                                          \
    X(ReduceL2)                                                          \
    X(ReduceSumSquare)                                                   \
    X(ReduceLogSum)                                                      \
    X(ReduceLogSumExp)

#define GCAM__ONNX_DECLARE(name) gcam_status gcam__onnx_##name(gcam__importer *im);
GCAM__ONNX_OPS(GCAM__ONNX_DECLARE)
GCAM__ONNX_CONSTANT_OPS(GCAM__ONNX_DECLARE)
#undef GCAM__ONNX_DECLARE

#endif
