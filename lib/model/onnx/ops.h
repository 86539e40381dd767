/* The translators, a line an operator: its name, and the first and the last operator set that it is promised for (7 to 21, unless the
 * standard has it later or no longer). The table is made from this list. */
#ifndef GCAM_MODEL_ONNX_OPS_H
#define GCAM_MODEL_ONNX_OPS_H

#include "model/onnx/import.h"

/* fold.c and fold_math.c reckon these at import; they never reach the network. */
#define GCAM__ONNX_CONSTANT_OPS(X) \
    X(Constant, 7, 21)             \
    X(ConstantOfShape, 9, 21)      \
    X(Shape, 7, 21)                \
    X(Size, 7, 21)                 \
    X(Range, 11, 21)               \
    X(Floor, 7, 21)                \
    X(Ceil, 7, 21)                 \
    X(Round, 11, 21)               \
    X(Sign, 9, 21)                 \
    X(Sin, 7, 21)                  \
    X(Cos, 7, 21)                  \
    X(Mod, 10, 21)                 \
    X(Equal, 7, 21)                \
    X(Less, 7, 21)                 \
    X(Greater, 7, 21)              \
    X(LessOrEqual, 12, 21)         \
    X(GreaterOrEqual, 12, 21)      \
    X(And, 7, 21)                  \
    X(Or, 7, 21)                   \
    X(Xor, 7, 21)                  \
    X(Not, 7, 21)

#define GCAM__ONNX_OPS(X)                                                \
    /* ops_window.c: convolution, pooling */                             \
    X(Conv, 7, 21)                                                       \
    X(ConvTranspose, 7, 21)                                              \
    X(MaxPool, 7, 21)                                                    \
    X(AveragePool, 7, 21)                                                \
    X(GlobalAveragePool, 7, 21)                                          \
    X(GlobalMaxPool, 7, 21)                                              \
    /* ops_linear.c: products */                                         \
    X(Gemm, 7, 21)                                                       \
    X(MatMul, 7, 21)                                                     \
    /* ops_norm.c: normalisation, softmax */                             \
    X(BatchNormalization, 7, 21)                                         \
    X(InstanceNormalization, 7, 21)                                      \
    X(GroupNormalization, 18, 21)                                        \
    X(LayerNormalization, 17, 21)                                        \
    X(LRN, 7, 21)                                                        \
    X(LpNormalization, 7, 21)                                            \
    X(Softmax, 7, 21)                                                    \
    X(LogSoftmax, 7, 21)                                                 \
    /* ops_resize.c */                                                   \
    X(Resize, 10, 21)                                                    \
    X(Upsample, 7, 9)                                                    \
    /* ops_shape.c: the same values in another shape, or some of them */ \
    X(Flatten, 7, 21)                                                    \
    X(Reshape, 7, 21)                                                    \
    X(Squeeze, 7, 21)                                                    \
    X(Unsqueeze, 7, 21)                                                  \
    X(Transpose, 7, 21)                                                  \
    X(Slice, 7, 21)                                                      \
    X(Split, 7, 21)                                                      \
    X(Concat, 7, 21)                                                     \
    X(Gather, 7, 21)                                                     \
    X(Pad, 7, 21)                                                        \
    X(Identity, 7, 21)                                                   \
    X(Dropout, 7, 21)                                                    \
    X(Cast, 7, 21)                                                       \
    X(CastLike, 15, 21)                                                  \
    /* ops_rearrange.c: the same values in other places */               \
    X(DepthToSpace, 7, 21)                                               \
    X(SpaceToDepth, 7, 21)                                               \
    X(Tile, 7, 21)                                                       \
    X(Expand, 8, 21)                                                     \
    /* ops_math.c: element by element */                                 \
    X(Relu, 7, 21)                                                       \
    X(LeakyRelu, 7, 21)                                                  \
    X(PRelu, 7, 21)                                                      \
    X(Clip, 7, 21)                                                       \
    X(Sigmoid, 7, 21)                                                    \
    X(Tanh, 7, 21)                                                       \
    X(HardSigmoid, 7, 21)                                                \
    X(HardSwish, 14, 21)                                                 \
    X(Elu, 7, 21)                                                        \
    X(Celu, 12, 21)                                                      \
    X(Selu, 7, 21)                                                       \
    X(ThresholdedRelu, 10, 21)                                           \
    X(Softplus, 7, 21)                                                   \
    X(Softsign, 7, 21)                                                   \
    X(Mish, 18, 21)                                                      \
    X(Gelu, 20, 21)                                                      \
    X(Swish, 24, 24)                                                     \
    X(Exp, 7, 21)                                                        \
    X(Log, 7, 21)                                                        \
    X(Sqrt, 7, 21)                                                       \
    X(Abs, 7, 21)                                                        \
    X(Neg, 7, 21)                                                        \
    X(Reciprocal, 7, 21)                                                 \
    X(Erf, 9, 21)                                                        \
    X(Add, 7, 21)                                                        \
    X(Sub, 7, 21)                                                        \
    X(Mul, 7, 21)                                                        \
    X(Div, 7, 21)                                                        \
    X(Pow, 7, 21)                                                        \
    X(Min, 7, 21)                                                        \
    X(Max, 7, 21)                                                        \
    X(Sum, 7, 21)                                                        \
    X(Mean, 7, 21)                                                       \
    X(Where, 9, 21)                                                      \
    /* ops_reduce.c: over axes */                                        \
    X(ReduceMean, 7, 21)                                                 \
    X(ReduceSum, 7, 21)                                                  \
    X(ReduceMax, 7, 21)                                                  \
    X(ReduceMin, 7, 21)                                                  \
    X(ReduceL1, 7, 21)                                                   \
    X(ReduceL2, 7, 21)                                                   \
    X(ReduceSumSquare, 7, 21)                                            \
    X(ReduceLogSum, 7, 21)                                               \
    X(ReduceLogSumExp, 7, 21)

#define GCAM__ONNX_DECLARE(name, first, last) gcam_status gcam__onnx_##name(gcam__importer *im);
GCAM__ONNX_OPS(GCAM__ONNX_DECLARE)
GCAM__ONNX_CONSTANT_OPS(GCAM__ONNX_DECLARE)
#undef GCAM__ONNX_DECLARE

#endif
