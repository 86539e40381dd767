/* The inside of the explain room. One call of the entrance (explain.c) is a study: it resolves what was asked, runs one forward pass and
 * as few backward passes as the methods want, copies what they left, and hands every method its task. A method is a row of the table in
 * methods.c: what it wants gathered, a function from that material to the raw result, and how the result is shown. */
#ifndef GCAM_EXPLAIN_EXPLAIN_H
#define GCAM_EXPLAIN_EXPLAIN_H

#include "core/text.h"
#include "gradcam/explain.h"

enum { GCAM__RULES = 3 }; /* rules of gcam_rule that a pass down to the pixels may follow */

/* What a method wants from the passes. */
enum {
    GCAM__WANTS_ACTIVATION = 1, /* A of the layer */
    GCAM__WANTS_GRADIENT = 2,   /* dy/dA */
    GCAM__WANTS_LAYER = 3,      /* either makes it a method of a layer */
    GCAM__WANTS_PIXELS = 4,     /* dy/dx; the same bit shifted by a gcam_rule for the other rules */
    GCAM__WANTS_GUIDED = 4 << GCAM_RULE_GUIDED,
    GCAM__WANTS_DECONVNET = 4 << GCAM_RULE_DECONVNET,
    GCAM__WANTS_ENTRANCE = 128, /* a method of a layer whose default is the entrance of the target layer's stage */
    GCAM__WANTS_RELEVANCE = 64, /* every activation, for passes of relevance down to the layer or the pixels */
    GCAM__WANTS_TAIL = 32       /* what the layers behind the layer read beside it, to run them again with another A */
};

/* How a raw result becomes a display map. */
typedef enum gcam__show {
    GCAM__SHOW_POSITIVE, /* rectified, 0..1 */
    GCAM__SHOW_SIGNED,   /* -1..1 */
    GCAM__SHOW_RANGE,    /* from the smallest, 0, to the largest, 1 */
    GCAM__SHOW_MAX_ABS   /* of pixels: largest magnitude over the channels, 0..1 */
} gcam__show;

/* A layer whose maps are asked for; A is K x h x w. */
typedef struct gcam__map_layer {
    int index;        /* in the network */
    const char *name; /* as it was asked for */
    int64_t k, h, w;
    float *activation; /* of the explained image */
} gcam__map_layer;

/* A target, resolved: the scalar y, its seed dy/dz, and the gradients that the passes left. */
typedef struct gcam__aim {
    gcam_target target;
    double score, probability;
    double *seed;               /* one number an element of the end layer */
    float **gradient;           /* dy/dA, one K x h x w a layer */
    float *pixels[GCAM__RULES]; /* dy/dx, C x H x W, by rule */
} gcam__aim;

typedef struct gcam__method gcam__method;

/* Which part of S is the result of a class activation map. */
typedef enum gcam__part { GCAM__PART_ALL, GCAM__PART_POSITIVE, GCAM__PART_NEGATIVE } gcam__part;

typedef struct gcam__study {
    gcam_session *session;
    const gcam_network *network;
    const gcam_model *model; /* NULL for a bare network */
    const gcam_tensor *input;
    int64_t image; /* which of the batch */
    int is_blank;  /* the input has one colour */
    gcam_geometry geometry;
    gcam_explain_options options;
    const gcam__method **methods;
    size_t method_count;
    gcam__map_layer *layers;
    size_t layer_count;
    gcam__map_layer entrance; /* its activation is not gathered */
    gcam__aim *aims;
    size_t aim_count;
    unsigned wants;                    /* of all methods together */
    int logits;                        /* layer of the class scores: the network's output, or what enters its softmax */
    int64_t class_count, logits_cells; /* cells of each class: 1 unless the output is a picture */
    float *z;                          /* class scores */
    double *p;                         /* their softmax */
    int end; /* layer whose output the targets are read from, where passes back begin: mostly `logits` */
    int64_t end_count, end_cells; /* its elements in all and in each class or channel */
} gcam__study;

/* What one method is to do: fill in e->raw, and weights and warnings where it has them. */
typedef struct gcam__task {
    const gcam__study *study;
    const gcam__aim *aim;
    const gcam__map_layer *layer; /* NULL for methods of pixels */
    const float *gradient;        /* dy/dA of aim and layer; NULL unless wanted */
    gcam_explanation *e;
} gcam__task;

struct gcam__method {
    gcam_method_info info;
    unsigned wants;
    gcam__show show;
    gcam_status (*run)(const gcam__task *task);
    gcam_status (*check)(
        const gcam__study *study,
        const gcam__map_layer *layer); /* does it apply here? layer NULL: to the pixels; NULL: always */
    /* class activation maps only, whose run is gcam__cam_run: S (h w numbers, zero before) and the part that is the result */
    gcam_status (*map)(const gcam__task *task, double *s);
    gcam__part part;
    int equals_cam; /* 1: the same as CAM / Z where CAM exists */
};

struct gcam_explanation {
    const gcam__method *method;
    gcam_target target; /* its terms and layer are copies; other pointers are NULL */
    char *target_text;
    char *layer; /* NULL for methods of pixels */
    char *label;
    gcam_tensor *raw, *map;
    float *weights;
    size_t weight_count;
    gcam_channel *channels; /* names and maps are owned */
    size_t channel_count;
    char *sentence;
    double score, probability, residual;
    gcam_profile profile;
    uint64_t seed;
    size_t aim, map_layer; /* which of the study's it explains */
    const char *equals;    /* id of the cheaper method that this one equals here; NULL: none */
    gcam_geometry geometry;
    int bgr; /* the channels of pixels are blue, green, red */
    unsigned warnings;
};

/* ---- methods.c ---- */
gcam_status gcam__method_lookup(const gcam__method **out, const char *id);

/* ---- target.c ---- */
/* Layer whose output holds the class scores. */
int gcam__logits_layer(const gcam_network *network);
/* What enters the last linear layer; the class scores where no linear layer ends in them. */
int gcam__embedding_layer(const gcam_network *network);
/* Finds the end layer. */
gcam_status gcam__targets_place(gcam__study *study);
/* Before the passes: do the classes exist, and all that a kind needs? */
gcam_status gcam__targets_check(const gcam__study *study);
/* The target's value for z, the end layer's output (end_count floats), and dy/dz unless `seed` is NULL (then cleared first). `work` has
 * room for 2 end_count numbers. */
double gcam__target_value(const gcam__study *study, const gcam_target *target, const float *z, double *work,
                          double *seed);
/* 1 where a probability's seed has vanished. */
int gcam__is_saturated(const gcam__study *study, const gcam__aim *aim);
/* "logit", "diff:7", "set:3=1,5=-0.5". */
void gcam__target_text(const gcam_target *target, gcam__text *out);
/* After the forward pass: fills in z, p, and every aim's target, seed, score and probability. */
gcam_status gcam__targets_aim(gcam__study *study);

/* ---- embed.c ---- */
/* The photo as the session's input. */
gcam_status gcam__photo_to_input(gcam_tensor **out, gcam_session *s, const gcam_image *photo, gcam_geometry *geometry);

/* ---- explain.c ---- */
/* Resolves what was asked, before the passes; clear a study also after a failure. */
gcam_status gcam__study_prepare(gcam__study *study, const gcam_explain_options *options);
void gcam__study_clear(gcam__study *study);
/* The task of an explanation whose method, aim and map_layer are set. */
gcam__task gcam__task_of(const gcam__study *study, gcam_explanation *e);

/* ---- channels.c ---- */
/* Lists the channels, where the method weighs them. */
gcam_status gcam__channels_list(const gcam__task *task);
void gcam__channels_free(gcam_explanation *e);
gcam_status gcam__sentence(gcam_explanation *e);

/* ---- fuse.c ---- */
gcam_status gcam__fusion_check(const gcam__study *study);
/* Are this method's layers made one? */
int gcam__fuses(const gcam__study *study, const gcam__method *method);
/* Fills in raw and map of `out` from those of the layers. */
gcam_status gcam__join_layers(const gcam__study *study, gcam_explanation *out, gcam_explanation *const *parts,
                              size_t count);
/* The layers' names, joined; the caller frees it. */
gcam_status gcam__fused_layer(const gcam__study *study, char **out);

/* ---- views.c ---- */
/* Replaces the raw results by their means over the views of the input. */
gcam_status gcam__average_views(const gcam__study *study, gcam_explanation *const *list, size_t count);

/* ---- layer.c ---- */
/* Resolves options.layers (or the network's target layer) into study->layers; each must be N C H W. */
gcam_status gcam__layers_resolve(gcam__study *study);
/* Layer number `i` as `method` sees it. */
const gcam__map_layer *gcam__layer_for(const gcam__study *study, const gcam__method *method, size_t i);

/* ---- tail.c ---- */
/* The weights W (classes x K) of a head that is global average pooling and one linear map after `layer`, in either order where that is the
 * same. NULL where the head is anything else; `reason` (256 bytes, may be NULL) then says in which layer it differs. */
const float *gcam__tail_weights(const gcam__study *study, const gcam__map_layer *layer, char *reason);

/* ---- lab.c: further passes ---- */
/* A second session on the study's network that runs many changed inputs, or many changed activations of one layer, at once. */
typedef struct gcam__lab {
    const gcam__study *study;
    const gcam__aim *aim;
    const char *method;   /* for progress */
    int64_t count, batch; /* inputs in all, and in one pass */
    int watched;          /* layer whose gradient is taken; -1: none */
    gcam_session *session;
    int *given;           /* layers whose values are brought: the input alone, or a layer and what runs beside it */
    gcam_tensor **values; /* theirs, `batch` images each; values[0] is what the caller fills */
    int given_count;
    int64_t size;                    /* of one image of values[0] */
    double *score, *work, *seed_row; /* the target's value for each image; room for two readings */
    gcam_tensor *seed;
    gcam_session
        *known; /* what the study's own image makes, where only changed rectangles run again; NULL: whole images do */
    struct gcam__region *region;
} gcam__lab;

/* Fills image `n` (of lab->count) with `size` floats, copies of the study's own value before. */
typedef void (*gcam__fill_fn)(const gcam__lab *lab, int64_t n, float *x, void *user);
/* Takes what came out for image `n`: the target's value, and dy/d(watched layer) where one is watched. In the order of n. */
typedef void (*gcam__take_fn)(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user);

/* For `count` changed inputs; gradients at layer `watched`, -1: none. Close it also after a failure. */
gcam_status gcam__lab_open(gcam__lab *lab, const gcam__task *task, int64_t count, int watched);
/* For `count` inputs that differ from the study's own in one of the rectangles of `sides` at `corner`: where that is cheaper, only what
 * depends on the rectangles runs. */
typedef void (*gcam__place_fn)(const void *user, int64_t n, int64_t *y, int64_t *x);
gcam_status gcam__lab_open_windows(gcam__lab *lab, const gcam__task *task, int64_t count, const int64_t sides[2],
                                   gcam__place_fn corner, const void *user);
/* For `count` changed activations of task->layer: runs only the layers behind it. */
gcam_status gcam__lab_open_tail(gcam__lab *lab, const gcam__task *task, int64_t count);
gcam_status gcam__lab_run(gcam__lab *lab, gcam__fill_fn fill, gcam__take_fn take, void *user);
void gcam__lab_close(gcam__lab *lab);
/* A second session on the study's network that is canceled with the first. */
gcam_status gcam__study_session(const gcam__study *study, int64_t batch, gcam_session **out);
/* Makes the study's forward pass keep what the tail behind `layer` reads beside it. */
gcam_status gcam__tail_watch(const gcam__study *study, const gcam__map_layer *layer);

/* ---- baseline.c ---- */
/* A new block of `*draws` baselines of the input's size, over which a method averages; also set after a failure, to be freed. */
gcam_status gcam__baselines_make(const gcam__study *study, float **out, int64_t *draws);
/* The value of a pixel of brightness v (0..1) in channel c, as the model's preprocessing makes it. */
double gcam__pixel_value(const gcam__study *study, int64_t c, double v);

/* ---- gather.c ---- */
/* The passes: one forward, then one backward for each rule that is wanted (for several targets at once). */
gcam_status gcam__gather(gcam__study *study);

/* ---- display.c ---- */
/* New raw result of `channels` x H x W at the input's size. */
gcam_status gcam__make_pixels(const gcam__task *task, int64_t channels);
/* Enlarges a map of from[0] x from[1] to to[0] x to[1], bilinearly. */
void gcam__enlarge(const float *map, const int64_t from[2], float *out, const int64_t to[2]);
/* Makes e->map from e->raw, and notes FLAT. */
gcam_status gcam__display(const gcam__task *task);
/* One rectified map of h x w (changed in place where the profile normalises first) resized to the network's input as the profile says. */
void gcam__map_to_input(const gcam__study *study, float *map, int64_t h, int64_t w, float *out);

/* ---- diagnose.c ---- */
double gcam__max_abs(const float *values, int64_t count);
/* 1 where the map has no relief: max - min <= 1e-7 max|.| */
int gcam__is_flat(const float *values, int64_t count);
/* NUMERIC, naming `what` of `layer` and the place, where an element of the K x h x w values is NaN or infinite. */
gcam_status gcam__check_finite(const char *layer, const char *what, const float *values, const int64_t dim[3]);

/* ---- cam.c ---- */
/* Runs task->e->method's map and keeps its part. */
gcam_status gcam__cam_run(const gcam__task *task);
/* Makes the method's part of a raw result that is still the whole S, and notes what S says; cam_run does it itself unless views are averaged. */
void gcam__cam_finish(const gcam__task *task);
/* Does the method's map weigh channels? */
int gcam__weighs_channels(const gcam__method *method);
/* s = first principal component of the weighted channels. */
gcam_status gcam__principal_map(const gcam__task *task, const double *alpha, double *s);
/* s += sum_k alpha_k A^k; keeps alpha as the explanation's weights. */
gcam_status gcam__sum_channels(const gcam__task *task, const double *alpha, double *s);
/* The same with weights from a function that fills in `alpha` (K numbers, zero before). */
typedef void (*gcam__weigh_fn)(const gcam__task *task, double *alpha);
gcam_status gcam__weigh_channels(const gcam__task *task, gcam__weigh_fn weigh, double *s);

/* ---- the methods' own files ---- */
gcam_status gcam__cam_check(const gcam__study *study, const gcam__map_layer *layer);
gcam_status gcam__cam_map(const gcam__task *task, double *s);
gcam_status gcam__gradcam_map(const gcam__task *task, double *s);
gcam_status gcam__plusplus_map(const gcam__task *task, double *s);
gcam_status gcam__xgrad_map(const gcam__task *task, double *s);
gcam_status gcam__hires_map(const gcam__task *task, double *s);
gcam_status gcam__elementwise_map(const gcam__task *task, double *s);
gcam_status gcam__layercam_map(const gcam__task *task, double *s);
gcam_status gcam__eigen_map(const gcam__task *task, double *s);
gcam_status gcam__eigengrad_map(const gcam__task *task, double *s);
gcam_status gcam__smooth_plusplus_map(const gcam__task *task, double *s);
gcam_status gcam__score_map(const gcam__task *task, double *s);
gcam_status gcam__ablation_map(const gcam__task *task, double *s);
gcam_status gcam__recipro_map(const gcam__task *task, double *s);
gcam_status gcam__fullgrad_run(const gcam__task *task);
gcam_status gcam__smoothgrad_run(const gcam__task *task);
gcam_status gcam__smoothgrad2_run(const gcam__task *task);
gcam_status gcam__vargrad_run(const gcam__task *task);
gcam_status gcam__integrated_run(const gcam__task *task);
gcam_status gcam__gradientshap_run(const gcam__task *task);
gcam_status gcam__occlusion_run(const gcam__task *task);
gcam_status gcam__rise_run(const gcam__task *task);
gcam_status gcam__lrp_check(const gcam__study *study, const gcam__map_layer *layer);
gcam_status gcam__lrp_run(const gcam__task *task);
gcam_status gcam__deeplift_check(const gcam__study *study, const gcam__map_layer *layer);
gcam_status gcam__deeplift_run(const gcam__task *task);
gcam_status gcam__mwp_check(const gcam__study *study, const gcam__map_layer *layer);
gcam_status gcam__mwp_map(const gcam__task *task, double *s);
gcam_status gcam__contrast_check(const gcam__study *study, const gcam__map_layer *layer);
gcam_status gcam__contrast_map(const gcam__task *task, double *s);
gcam_status gcam__gradient_run(const gcam__task *task);
gcam_status gcam__input_gradient_run(const gcam__task *task);
gcam_status gcam__guided_run(const gcam__task *task);
gcam_status gcam__deconvnet_run(const gcam__task *task);
/* Guided X for the class activation map X that the method's id names after "guided-". */
gcam_status gcam__guided_cam_run(const gcam__task *task);

#endif
