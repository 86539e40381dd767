/**
 * @file explain.h
 * Explanations: where a network looked, what speaks against its answer, and which pixels matter.
 */
#ifndef GRADCAM_EXPLAIN_H
#define GRADCAM_EXPLAIN_H

#include "gradcam/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- methods ---------------------------------------------------------------------------------------------------------- */

/** A row of the table of methods. Static strings. */
typedef struct gcam_method_info {
    const char *id;      /**< "gradcam" */
    const char *title;   /**< "Grad-CAM" */
    const char *summary; /**< one line: what the map shows */
    const char *paper;   /**< "Selvaraju et al. 2017" */
    const char *cost;    /**< in passes: "F + b" */
    int per_pixel;       /**< 1: the raw result has the input's shape; 0: the layer's */
    int is_signed;       /**< 1: the raw result may be negative */
    int is_share; /**< 1: the raw values are shares of the score: a pixel's is their sum over the channels, and pictures show that */
} gcam_method_info;
/** Number of methods. */
GCAM_API size_t gcam_method_count(void);
/** Method by position; NULL past the end. */
GCAM_API const gcam_method_info *gcam_method_at(size_t index);
/** Method by id; NULL if there is none. */
GCAM_API const gcam_method_info *gcam_method_find(const char *id);

/* ---- targets ---------------------------------------------------------------------------------------------------------- */

/** Which scalar is explained. z are the network's outputs, p = softmax z. */
typedef enum gcam_target_kind {
    GCAM_TARGET_LOGIT = 0,       /**< z_c */
    GCAM_TARGET_PROBABILITY,     /**< p_c */
    GCAM_TARGET_LOG_PROBABILITY, /**< log p_c */
    GCAM_TARGET_DIFFERENCE,      /**< z_c - z_d: "why c rather than d" */
    GCAM_TARGET_SET,             /**< sum of weight x z over `terms` */
    GCAM_TARGET_FINE, /**< z_c minus the mean of its three nearest rivals, weighted by their probabilities (Finer-CAM) */
    GCAM_TARGET_AREA, /**< sum of z_c over the cells inside `mask`, where z is a picture for each class: segmentation; with
                                      `layer`, of channel c of that layer: a unit or a channel */
    GCAM_TARGET_SIMILARITY, /**< cosine of z and `reference`: "what makes this photo like that one" */
    GCAM_TARGET_FUNCTION    /**< what `function` makes of z */
} gcam_target_kind;

/** A class and its weight in a set. */
typedef struct gcam_term {
    int class_index;
    double weight;
} gcam_term;

/** A target of the caller's own: returns y for `count` numbers z, and writes dy/dz to `seed` (zeros before). Called once for each input that
 * a method tries, from the calling thread. */
typedef double (*gcam_target_fn)(const float *z, size_t count, double *seed, void *user);

/** A target: the kind of score and what it is made of. Zero fields that a kind does not name are not looked at. Pointers are borrowed for the
 * length of the call. All targets of one call are read from one layer. */
typedef struct gcam_target {
    gcam_target_kind kind;
    int class_index; /**< c; GCAM_TOP_CLASS for the best class */
    int other_index; /**< d of GCAM_TARGET_DIFFERENCE */
    int negated;     /**< 1: -y, of any kind */
    const char *
        layer; /**< AREA, SIMILARITY, FUNCTION: whose output is z; NULL: the class scores, for SIMILARITY what enters the last linear layer */
    const gcam_term *terms; /**< SET; the first one's class names the explanation */
    size_t term_count;
    const uint8_t *mask;    /**< AREA: a byte for each cell of the layer, row-major, not 0 inside; NULL: all cells */
    int mean;               /**< AREA: 1 divides by the number of cells */
    const float *reference; /**< SIMILARITY: as many numbers as the layer has for one image; see gcam_embedding() */
    size_t reference_count;
    gcam_target_fn function; /**< FUNCTION */
    void *user;
} gcam_target;

/** Stands for the class with the largest output. */
#define GCAM_TOP_CLASS (-1)

/* ---- explaining ------------------------------------------------------------------------------------------------------- */

/** Compatibility modes: which published code's scaling a method follows. */
typedef enum gcam_profile {
    GCAM_PROFILE_PAPER = 0,
    GCAM_PROFILE_PYTORCH_GRAD_CAM,
    GCAM_PROFILE_CAPTUM,
    GCAM_PROFILE_TORCHCAM,
    GCAM_PROFILE_LUA
} gcam_profile;

/** Profile by name ("paper", "pytorch-grad-cam" or "pgc", "captum", "torchcam", "lua"). Errors: NOT_FOUND. */
GCAM_API gcam_status gcam_profile_find(gcam_profile *out, const char *name);

/** Name of a profile ("paper", "pytorch-grad-cam", ...); "?" for other numbers. A static string. */
GCAM_API const char *gcam_profile_name(gcam_profile profile);

/** What a path or a replacement starts from, for methods that compare the input with something that says nothing. */
typedef enum gcam_baseline {
    GCAM_BASELINE_ZERO = 0, /**< a tensor of zeros: the mean colour under most preprocessings */
    GCAM_BASELINE_BLACK,    /**< black pixels, through the model's mean and standard deviation */
    GCAM_BASELINE_WHITE,
    GCAM_BASELINE_BLUR,    /**< the input under a Gaussian of 10 pixels */
    GCAM_BASELINE_UNIFORM, /**< random pixels, averaged over four draws */
    GCAM_BASELINE_MEAN,    /**< the input's own mean colour */
    GCAM_BASELINE_SEVERAL  /**< the average over black, white, the mean colour and the blurred input */
} gcam_baseline;

/** How the integral of integrated gradients is summed. */
typedef enum gcam_quadrature {
    GCAM_QUADRATURE_GAUSS_LEGENDRE = 0,
    GCAM_QUADRATURE_TRAPEZOID, /**< n nodes, both ends among them */
    GCAM_QUADRATURE_LEFT,
    GCAM_QUADRATURE_RIGHT,
    GCAM_QUADRATURE_MIDDLE
} gcam_quadrature;

/** How the maps of several layers become one. */
typedef enum gcam_fusion {
    GCAM_FUSION_NONE = 0, /**< they do not: an explanation for each layer */
    GCAM_FUSION_MEAN,     /**< of the maps, each divided by its maximum */
    GCAM_FUSION_MAX,
    GCAM_FUSION_PRODUCT
} gcam_fusion;

/** What makes maps less ragged; sums are allowed. */
enum {
    GCAM_SMOOTH_VIEWS =
        1, /**< the mean over six views: the input and its mirror image at 0.9, 1 and 1.1 times its values (test-time
                                   augmentation); costs six times as much */
    GCAM_SMOOTH_PRINCIPAL =
        2 /**< in place of the sum of the weighted channels their first principal component; only for maps that weigh
                                   channels */
};

/** Called after each batch of a method that takes many passes: `done` grows from 0 to 1. Another result than 0 cancels the call. */
typedef int (*gcam_progress_fn)(const char *method, double done, void *user);

/** What is asked of gcam_explain() and its kin. Zero fields mean the defaults. */
typedef struct gcam_explain_options {
    size_t struct_size;
    const char *const *methods; /**< ids; default: "gradcam" alone */
    size_t method_count;
    const gcam_target *targets; /**< default: the top class's logit */
    size_t target_count;
    const char *const *layers; /**< names for the CAM family; default: the network's target layer */
    size_t layer_count;
    gcam_profile profile;
    uint64_t seed; /**< of methods that draw random numbers */
    int samples;   /**< noisy copies, steps of a path, masks; default: each method's published number */
    double
        noise; /**< standard deviation of noise as a share of the input's range (smoothgrad and its kin), or in units of the
                                     input (smooth-gradcam++, gradientshap); default: each method's own; negative: none */
    gcam_baseline baseline; /**< of integrated-gradients, gradientshap and deeplift */
    int window, stride;     /**< of occlusion, in input pixels; default 35 and 8 */
    size_t
        max_memory; /**< bytes that methods of many passes may use for them; default 512 MB; results do not depend on it */
    gcam_progress_fn progress; /**< NULL: none */
    void *progress_user;
    const gcam_tensor *baseline_set; /**< in place of `baseline`: any number of inputs, averaged over; NULL: none */
    gcam_quadrature quadrature;      /**< of integrated-gradients */
    double
        completeness; /**< integrated-gradients: steps are doubled (to 800 at most) until the sum misses no more than this
                              share of the change; 0: no doubling, unless `samples` is negative, which means 0.01 */
    const char *rule; /**< of lrp: a preset of gcam_relevance_preset(); NULL: "epsilon-gamma-box" */
    double epsilon;   /**< of lrp: default 1e-6; negative: none */
    double gamma;     /**< of lrp: default 0.25 */
    int ignore_bias;  /**< of lrp: 1: biases take no share, so that relevance is conserved */
    gcam_fusion
        fusion; /**< of several layers, for maps of layers: one explanation in place of one a layer; its raw result has the input's size */
    unsigned smooth; /**< sum of GCAM_SMOOTH_* */
    int channels;    /**< how many channels to list that speak for, and how many that speak against; default 3 */
    const char *const *channel_names; /**< by index, for the lists and sentences; an entry may be NULL; default: none */
    size_t channel_name_count;
} gcam_explain_options;

/** Fills in the defaults. */
GCAM_API void gcam_explain_options_defaults(gcam_explain_options *options);

/** A finished explanation: maps, weights, score, diagnostics. Immutable; independent of the session that made it. */
typedef struct gcam_explanation gcam_explanation;

/** One explanation of one photo: the first method, target and layer of `options`. Session of batch 1;
 * what the session watched before is forgotten. Errors: NOT_FOUND (method, layer, class), ARGUMENT, UNSUPPORTED (the method does not apply to this network), NUMERIC, CANCELED, NOMEM. */
GCAM_API gcam_status gcam_explain(gcam_explanation **out, gcam_session *s, const gcam_image *photo,
                                  const gcam_explain_options *options);

/** All methods x targets x layers of `options` from one forward pass (methods of pixels once for all layers, except guided ones).
 * `*out` is an array of `*count` explanations, targets outermost, then layers, then methods; free with gcam_explanations_free(). */
GCAM_API gcam_status gcam_explain_many(gcam_explanation ***out, size_t *count, gcam_session *s, const gcam_image *photo,
                                       const gcam_explain_options *options);
/** The same for a preprocessed float tensor (the session's input shape); image `index` of the batch is explained. */
GCAM_API gcam_status gcam_explain_tensor(gcam_explanation ***out, size_t *count, gcam_session *s,
                                         const gcam_tensor *input, int64_t index, const gcam_explain_options *options);
/** What the network makes of a photo: the output of `layer` (NULL: what enters the last linear layer; the class scores where there is none),
 * as 1 x count numbers, for GCAM_TARGET_SIMILARITY. Session of batch 1; what it watched before is forgotten. Free with gcam_tensor_free().
 * Errors: NOT_FOUND (layer), STATE, ARGUMENT, NUMERIC, CANCELED, NOMEM. */
GCAM_API gcam_status gcam_embedding(gcam_tensor **out, gcam_session *s, const gcam_image *photo, const char *layer);
/** Frees one explanation of gcam_explain(); NULL is fine. */
GCAM_API void gcam_explanation_free(gcam_explanation *e);
/** Frees an array of gcam_explain_many() with all that is in it; NULL is fine. */
GCAM_API void gcam_explanations_free(gcam_explanation **list, size_t count);

/* ---- what an explanation holds; all borrowed until it is freed -------------------------------------------------------- */

/** Raw result before any normalisation: h x w of the layer (CAM family) or 3 x H x W (methods of pixels). */
GCAM_API const gcam_tensor *gcam_explanation_raw(const gcam_explanation *e);
/** Display map H x W at the network's input size: 0..1, or -1..1 for `signed`. */
GCAM_API const gcam_tensor *gcam_explanation_map(const gcam_explanation *e);
/** The channel weights alpha_k (`*count` of them); NULL for methods that have none. */
GCAM_API const float *gcam_explanation_weights(const gcam_explanation *e, size_t *count);
/** A channel that speaks for the target (weight > 0) or against it. */
typedef struct gcam_channel {
    int index;
    const char *name;       /**< NULL: it has none */
    double weight;          /**< alpha_k */
    double mean;            /**< mean activation over the layer's cells */
    double contribution;    /**< to the map: alpha_k sum A^k */
    double share;           /**< |contribution| as a share of all channels' |contribution| */
    const gcam_tensor *map; /**< A^k, h x w */
} gcam_channel;
/** The channels that speak most for the target, strongest first, then those that speak most against it (Selvaraju et al. 2018); NULL and 0 for
 * methods without channel weights and for fused layers. Borrowed from the explanation. */
GCAM_API const gcam_channel *gcam_explanation_channels(const gcam_explanation *e, size_t *count);
/** One sentence in English: the class, its score, and because of which channels, by name where they have one, despite which others; for methods
 * without channels, where the map is strongest. */
GCAM_API const char *gcam_explanation_sentence(const gcam_explanation *e);
/** The map of listed channel `index` as an explanation of its own, to be drawn; its score is the channel's weight. Free with
 * gcam_explanation_free(). Errors: ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_explanation_of_channel(gcam_explanation **out, const gcam_explanation *e, size_t index);
/** The method's row in the table of methods. */
GCAM_API const gcam_method_info *gcam_explanation_method(const gcam_explanation *e);
GCAM_API const char *gcam_explanation_layer(const gcam_explanation *e); /**< NULL for methods of pixels */
/** The target, with the class filled in; of its pointers, `terms` and `layer` are copies and the others NULL. */
GCAM_API const gcam_target *gcam_explanation_target(const gcam_explanation *e);
/** The target as the command takes it: "logit", "prob", "diff:7", "set:3=1,5=-0.5", "channel:5@features.3". */
GCAM_API const char *gcam_explanation_target_text(const gcam_explanation *e);
/** Index of the explained class. */
GCAM_API int gcam_explanation_class(const gcam_explanation *e);
/** Label of the explained class. */
GCAM_API const char *gcam_explanation_label(const gcam_explanation *e);
GCAM_API double gcam_explanation_score(const gcam_explanation *e);       /**< value of the target */
GCAM_API double gcam_explanation_probability(const gcam_explanation *e); /**< p_c; NaN where z has no classes */
/** Sum of the shares minus what they should sum to, where a method promises completeness (integrated-gradients, gradientshap, fullgrad, deeplift) or conservation (lrp, mwp, c-mwp);
 * NaN for others. */
GCAM_API double gcam_explanation_residual(const gcam_explanation *e);
/** The profile and the seed that it was made with. */
GCAM_API gcam_profile gcam_explanation_profile(const gcam_explanation *e);
/** The seed of methods that draw random numbers. */
GCAM_API uint64_t gcam_explanation_seed(const gcam_explanation *e);
/** Id of the cheaper method that this one equals here, up to a constant factor ("cam" for Grad-CAM, HiResCAM and XGrad-CAM where the head is
 * global average pooling and one linear layer; "hirescam" for LayerCAM where no gradient is negative; "gradcam" for maps that weigh a single
 * channel); NULL: none. Goes with GCAM_WARN_EQUIVALENT. */
GCAM_API const char *gcam_explanation_equivalent(const gcam_explanation *e);
/** Where the map lies in the photo; for tensors, the input itself. */
GCAM_API const gcam_geometry *gcam_explanation_geometry(const gcam_explanation *e);
/** 1 where the model's preprocessing puts blue first: the channels of a method of pixels are then blue, green, red in the raw result. Pictures
 * are in the order of the photo whatever the model's is. 0 without a model. */
GCAM_API int gcam_explanation_bgr(const gcam_explanation *e);

/** Diagnostics: what a map cannot say by itself. Several may hold. */
typedef enum gcam_warning {
    GCAM_WARN_ZERO_GRAD = 1,    /**< the target does not depend on the layer; the map is zero */
    GCAM_WARN_ALL_NEGATIVE = 2, /**< nothing speaks for the class: the rectified map is zero, the signed one is not */
    GCAM_WARN_FLAT = 4,         /**< the map is the same everywhere */
    GCAM_WARN_LAYER_1X1 = 8,    /**< the layer has one cell: the map cannot locate anything */
    GCAM_WARN_EQUIVALENT = 16,  /**< the method equals a cheaper one on this network */
    GCAM_WARN_SATURATED = 32,   /**< the probability's gradient vanishes; explain the logit */
    GCAM_WARN_LEAK = 64,        /**< a share of the score was dropped where a denominator is zero */
    GCAM_WARN_AMBIGUOUS = 128,  /**< the layer has no single strongest pattern; another map is as good */
    GCAM_WARN_BLANK = 256,      /**< the input is the same everywhere */
    GCAM_WARN_LEFT_OUT = 512    /**< a layer's map is flat and adds nothing to the fused one */
} gcam_warning;
/** Sum of gcam_warning values. */
GCAM_API unsigned gcam_explanation_warnings(const gcam_explanation *e);
/** One sentence for one warning bit. A static string. */
GCAM_API const char *gcam_warning_text(gcam_warning warning);
/** Short name for one warning bit ("ALL_NEGATIVE"). A static string. */
GCAM_API const char *gcam_warning_name(gcam_warning warning);

/** A box, half-open: columns x0 <= x < x1, rows y0 <= y < y1. */
typedef struct gcam_box {
    int x0, y0, x1, y1;
} gcam_box;

/** Box, in photo pixels, of the largest 8-connected part of the display map at or above `threshold` x its maximum (0: 0.15; Zhou 2016).
 * A flat map gives the whole photo and `*fallback` = 1 (may be NULL). Errors: ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_explanation_box(const gcam_explanation *e, double threshold, gcam_box *box, int *fallback);

/** What of a display map counts as inside. Cells that are not above zero never do. */
typedef enum gcam_cut {
    GCAM_CUT_SHARE = 0,  /**< cells at or above `value` x the maximum (default 0.15; Zhou et al. 2016) */
    GCAM_CUT_PERCENTILE, /**< cells at or above the value below which `value` percent of all cells lie (default 90) */
    GCAM_CUT_OTSU        /**< the cut that separates two groups best: largest variance between them (Otsu 1979) */
} gcam_cut;

/** How segments are found. Zero fields mean the defaults. */
typedef struct gcam_localize_options {
    size_t struct_size;
    gcam_cut cut;
    double value;       /**< of the cut: share in 0..1, percent below 100; 0: the default */
    int four_connected; /**< 1: cells that touch at a corner only do not hang together */
    double least_area;  /**< segments smaller than this share of the map are left out; the largest never is */
} gcam_localize_options;

/** A point of an outline, in photo pixels: edges, not centres. */
typedef struct gcam_point {
    double x, y;
} gcam_point;

/** A part of the map that hangs together. Pointers are borrowed from the segments. */
typedef struct gcam_segment {
    gcam_box box; /**< in photo pixels */
    double area;  /**< share of the map's cells */
    double mass;  /**< share of the sum of all values above zero */
    double peak;  /**< largest value of the display map in it */
    const gcam_point *
        outline; /**< corners of its outer border along the cells' edges, clockwise from the upper left; holes are not shown */
    size_t outline_count;
} gcam_segment;

/** Parts of one map, the largest first. Immutable; independent of the explanation. */
typedef struct gcam_segments gcam_segments;

/** Fills in the defaults. */
GCAM_API void gcam_localize_options_defaults(gcam_localize_options *options);
/** Cuts the display map and finds the parts that hang together: by number of cells, then by sum, then in row-major order. A flat map gives
 * one segment, the whole photo (see gcam_segments_fallback()). NULL options are the defaults. Errors: ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_localize(gcam_segments **out, const gcam_explanation *e,
                                   const gcam_localize_options *options);
/** Frees segments; NULL is fine. */
GCAM_API void gcam_segments_free(gcam_segments *segments);
/** Number of segments, at least 1. */
GCAM_API size_t gcam_segments_count(const gcam_segments *segments);
/** Segment by position; NULL past the end. Borrowed until the segments are freed. */
GCAM_API const gcam_segment *gcam_segments_at(const gcam_segments *segments, size_t index);
/** The value of the display map from which on a cell was inside. */
GCAM_API double gcam_segments_threshold(const gcam_segments *segments);
/** 1 where the map is flat and the one segment is the whole photo. */
GCAM_API int gcam_segments_fallback(const gcam_segments *segments);

#ifdef __cplusplus
}
#endif
#endif
