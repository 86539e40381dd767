/**
 * @file layers.h
 * Parameters of every kind of layer, used by the builder (graph.h). A field left at zero means its default.
 * Letters: N batch, C channels in, H W input size, K channels out, R S kernel, P Q output size.
 */
#ifndef GRADCAM_LAYERS_H
#define GRADCAM_LAYERS_H

#include "gradcam/core.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * 2-D convolution, N C H W -> N K P Q, P = floor((H + pad - dilation (R - 1) - 1) / stride) + 1.
 * Weights: NAME.weight K x C/groups x R x S, and NAME.bias K unless `no_bias`.
 */
typedef struct gcam_conv2d_params {
    int64_t out;       /**< K; required */
    int64_t kernel[2]; /**< R, S; required */
    int64_t stride[2]; /**< default 1, 1 */
    int64_t pad[2];    /**< rows added above and below, columns added left and right; default 0, 0 */
    int64_t
        pad_end[2]; /**< rows below, columns right *beyond* `pad` (asymmetric padding); default 0, 0; may be negative */
    int64_t dilation[2]; /**< default 1, 1 */
    int64_t groups;      /**< default 1 */
    int64_t no_bias;     /**< 1: there is no bias */
} gcam_conv2d_params;

/** Fully connected: (..., C) -> (..., K), y = x Wt + b. Weights: NAME.weight K x C, NAME.bias K unless `no_bias`. */
typedef struct gcam_linear_params {
    int64_t out; /**< K; required */
    int64_t no_bias;
} gcam_linear_params;

/** Max or average pooling over windows of N C H W. */
typedef struct gcam_pool_params {
    int64_t kernel[2];   /**< required */
    int64_t stride[2];   /**< default: the kernel */
    int64_t pad[2];      /**< smaller than the kernel, so that every window sees a cell; default 0, 0 */
    int64_t pad_end[2];  /**< beyond `pad`, below and right; default 0, 0 */
    int64_t dilation[2]; /**< max pooling only; default 1, 1 */
    int64_t ceil_mode;   /**< 1: round the output size up, as PyTorch does (no window starts in the far padding) */
    int64_t exclude_pad; /**< average only: 1 divides by the cells inside the image (count_include_pad = False) */
} gcam_pool_params;

/** Adaptive average pooling to a fixed output size: cell p averages rows floor(pH/P) to ceil((p+1)H/P). */
typedef struct gcam_adaptive_pool_params {
    int64_t out[2]; /**< P, Q; required */
} gcam_adaptive_pool_params;

/**
 * Batch normalisation at inference, y = (x - mean) / sqrt(var + eps) gamma + beta, per channel.
 * Weights: NAME.weight, NAME.bias (unless `no_affine`), NAME.running_mean, NAME.running_var, C each.
 */
typedef struct gcam_batchnorm_params {
    double eps; /**< default 1e-5 */
    int64_t no_affine;
    double momentum; /**< share of a batch in the running averages when training; default 0.1 */
} gcam_batchnorm_params;

/** dropout: identity at inference; in training y = x / (1 - p) or, with probability p, 0. */
typedef struct gcam_dropout_params {
    double p; /**< default 0.5 */
} gcam_dropout_params;

/** y = x for x > 0, slope x otherwise. */
typedef struct gcam_leaky_relu_params {
    double slope; /**< default 0.01 */
} gcam_leaky_relu_params;

/** Concatenation or softmax along one dimension; negative counts from the end. */
typedef struct gcam_axis_params {
    int64_t axis; /**< default 1, the channels */
} gcam_axis_params;

/** The network's input, N C H W; the session decides N and may take another H and W. */
typedef struct gcam_input_params {
    int64_t channels; /**< required */
    int64_t height;   /**< usual size; required */
    int64_t width;
} gcam_input_params;

/** A short list of sizes or positions. */
typedef struct gcam_dims {
    int64_t count;
    int64_t value[GCAM_MAX_RANK];
} gcam_dims;

/** A further input of any shape; a batch of N multiplies its first size. */
typedef struct gcam_tensor_input_params {
    gcam_dims shape;
} gcam_tensor_input_params;

/** Up to GCAM_MAX_RANK numbers. */
typedef struct gcam_numbers {
    int64_t count;
    double value[GCAM_MAX_RANK];
} gcam_numbers;

/** hard_sigmoid: y = alpha x + beta, clipped to 0 .. 1. */
typedef struct gcam_hard_sigmoid_params {
    double alpha; /**< default 1/6 */
    double beta;  /**< default 1/2 */
} gcam_hard_sigmoid_params;

/** clip: y = x, clipped to min .. max. */
typedef struct gcam_clip_params {
    double min;
    double max;
} gcam_clip_params;

/** elu, celu, thresholded_relu. */
typedef struct gcam_elu_params {
    double alpha; /**< default 1 */
} gcam_elu_params;

/** selu. */
typedef struct gcam_selu_params {
    double alpha; /**< default 1.6732632423543772 */
    double gamma; /**< default 1.0507009873554805 */
} gcam_selu_params;

/** reduce_mean, reduce_sum, reduce_max, reduce_min. */
typedef struct gcam_reduce_params {
    gcam_dims axes; /**< negative: from the end; default: all but the first */
    int64_t drop;   /**< 1: the axes disappear; default: they stay with size 1 */
} gcam_reduce_params;

/** transpose: axis k of the output is axis order[k] of the input. */
typedef struct gcam_transpose_params {
    gcam_dims order; /**< required: each axis once */
} gcam_transpose_params;

/** slice: positions start, start + step, ... before `end`; negative positions count from the axis' end. */
typedef struct gcam_slice_params {
    int64_t axis;  /**< default 1, the channels */
    int64_t start; /**< default 0 */
    int64_t end;   /**< default 0: as far as `step` goes */
    int64_t step;  /**< default 1; may be negative */
} gcam_slice_params;

/** channel_shuffle: output channel j is input channel (j mod groups) C/groups + j / groups. */
typedef struct gcam_channel_shuffle_params {
    int64_t groups; /**< required */
} gcam_channel_shuffle_params;

/** reshape: 0 copies the input's size at that place, one -1 stands for what is left. */
typedef struct gcam_reshape_params {
    gcam_dims shape; /**< required */
} gcam_reshape_params;

/** constant: the weight NAME.value of this shape, as a value without a batch. */
typedef struct gcam_constant_params {
    gcam_dims shape; /**< required, at least one dimension */
} gcam_constant_params;

/** pad, reflect_pad, edge_pad: new cells at both ends of each axis; negative numbers cut off. */
typedef struct gcam_pad_params {
    gcam_dims before; /**< one number an axis, the batch included; required */
    gcam_dims after;  /**< the same */
    double value;     /**< pad only; default 0 */
} gcam_pad_params;

/** scale_shift: y = scale x + shift, with one number of each or one a channel. */
typedef struct gcam_scale_shift_params {
    gcam_numbers scale; /**< default 1 */
    gcam_numbers shift; /**< default 0 */
} gcam_scale_shift_params;

/** prelu: weight NAME.weight with C numbers, or one. */
typedef struct gcam_prelu_params {
    int64_t shared; /**< 1: one slope for all channels */
} gcam_prelu_params;

/** lrn: local response normalisation over `size` neighbouring channels, y = x / (k + alpha / size sum x^2)^beta. */
typedef struct gcam_lrn_params {
    int64_t size; /**< required */
    double alpha; /**< default 1e-4 */
    double beta;  /**< default 0.75 */
    double k;     /**< default 1 */
} gcam_lrn_params;

/** layer_norm over `axes` dimensions from `axis` on. Weights: NAME.weight, NAME.bias of these dimensions unless `no_affine`. */
typedef struct gcam_layer_norm_params {
    int64_t axis; /**< default -1, the last; 1 with axes = 1 normalises over the channels of N C H W */
    int64_t axes; /**< default 1 */
    double eps;   /**< default 1e-5 */
    int64_t no_affine;
} gcam_layer_norm_params;

/** group_norm: channels in `groups` groups (C of them: instance norm). Weights: NAME.weight, NAME.bias, C each. */
typedef struct gcam_group_norm_params {
    int64_t groups; /**< required */
    double eps;     /**< default 1e-5 */
    int64_t no_affine;
} gcam_group_norm_params;

/** l2_normalize: y = x / max(|x|, eps) along one axis. */
typedef struct gcam_l2_normalize_params {
    int64_t axis; /**< default 1 */
    double eps;   /**< default 1e-12 */
} gcam_l2_normalize_params;

/** conv_transpose2d. Weights: NAME.weight C x K/groups x R x S, and NAME.bias K unless `no_bias`. */
typedef struct gcam_conv_transpose2d_params {
    int64_t out;         /**< K; required */
    int64_t kernel[2];   /**< R, S; required */
    int64_t stride[2];   /**< default 1, 1 */
    int64_t pad[2];      /**< rows and columns taken off each side of the output */
    int64_t pad_end[2];  /**< beyond `pad`, below and right; may be negative */
    int64_t out_pad[2];  /**< rows added below, columns added right; less than the stride or the dilation */
    int64_t dilation[2]; /**< default 1, 1 */
    int64_t groups;      /**< default 1 */
    int64_t no_bias;
} gcam_conv_transpose2d_params;

/** Where an output pixel of a resize reads; 0: as PyTorch, asymmetric for nearest and half_pixel for the others. */
enum {
    GCAM_RESIZE_HALF_PIXEL = 1,
    GCAM_RESIZE_ALIGN_CORNERS = 2,
    GCAM_RESIZE_ASYMMETRIC = 3,
    GCAM_RESIZE_PYTORCH_HALF_PIXEL = 4
};
/** How resize_nearest rounds that place; 0: down, as PyTorch. */
enum { GCAM_RESIZE_PREFER_FLOOR = 1, GCAM_RESIZE_PREFER_CEIL = 2, GCAM_RESIZE_CEIL = 3 };

/** resize_nearest, resize_linear, resize_cubic of N C H W. */
typedef struct gcam_resize_params {
    int64_t size[2];     /**< P, Q; 0: from `scale` */
    gcam_numbers scale;  /**< of both axes, or of rows and of columns; output sizes are rounded down */
    int64_t coordinates; /**< one of GCAM_RESIZE_HALF_PIXEL ... */
    int64_t rounding;    /**< one of GCAM_RESIZE_PREFER_FLOOR ... */
    double cubic_a;      /**< default -0.75 */
} gcam_resize_params;

/** How backward treats a layer. The first three carry a gradient and differ at activations alone; the others spread relevance
 * over a layer's inputs in the shares that each had in its output. */
typedef enum gcam_rule {
    GCAM_RULE_GRADIENT = 0,  /**< the derivative (Simonyan et al. 2014) */
    GCAM_RULE_GUIDED = 1,    /**< passes where input > 0 and gradient > 0 (Springenberg et al. 2015) */
    GCAM_RULE_DECONVNET = 2, /**< passes where gradient > 0 (Zeiler & Fergus 2014) */
    GCAM_RULE_EXCITATION, /**< a w+ p / sum a w+, a >= 0, no bias: marginal winning probability (Zhang et al. 2016) */
    GCAM_RULE_CONTRAST,   /**< the same with w, minus the same with -w */
    GCAM_RULE_EPSILON,    /**< LRP (Bach et al. 2015): q / (z + epsilon sgn z), q_ij = a_i w_ij, z_j = sum q_ij + b_j */
    GCAM_RULE_GAMMA, /**< favours the terms of z's sign: (q + gamma q+) / (z + gamma sum q+) for z > 0 (Montavon et al. 2019) */
    GCAM_RULE_ALPHA_BETA, /**< alpha q+ / sum q+ - beta q- / sum q-, beta = alpha - 1; alpha = 1 is the z+ rule */
    GCAM_RULE_Z_BOX,      /**< for inputs within low .. high: x w - low w+ - high w- (Montavon et al. 2017) */
    GCAM_RULE_W_SQUARE,   /**< w^2 / sum w^2 */
    GCAM_RULE_FLAT,       /**< 1 / fan-in */
    GCAM_RULE_DEEPLIFT    /**< multipliers against a reference pass, rescale rule (Shrikumar et al. 2017) */
} gcam_rule;

/** Which rule of relevance each layer with weights follows, and the rules' numbers. All of one family: EXCITATION and CONTRAST, or
 * DEEPLIFT, or the others (LRP). Layers without weights follow their family. A field left at zero means its default. */
typedef struct gcam_relevance {
    gcam_rule
        first; /**< layers with weights that read the input itself; default: as the others, or Z_BOX where all are left out */
    gcam_rule conv;   /**< other convolutions; default GAMMA */
    gcam_rule linear; /**< other fully connected layers; default EPSILON, in the family of `conv` */
    gcam_rule last;   /**< the layers with weights next to the score; default: as the others */
    double epsilon;   /**< default 1e-6; negative: 0, which is LRP-0 */
    double gamma;     /**< default 0.25; negative: 0 */
    double alpha;     /**< 1 or more; default 2 */
    int ignore_bias;  /**< 1: biases take no share (relevance is conserved); 0: their share is lost */
    const float *
        low; /**< of Z_BOX, one number a channel of the input; NULL: the least and largest value of that layer's input */
    const float *high;
} gcam_relevance;

#ifdef __cplusplus
}
#endif
#endif
