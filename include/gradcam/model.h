/**
 * @file model.h
 * Models: a network with its class labels and its preprocessing; what a checkpoint or a model file becomes.
 */
#ifndef GRADCAM_MODEL_H
#define GRADCAM_MODEL_H

#include "gradcam/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A network with class labels and preprocessing. Immutable; any number of threads may use it. */
typedef struct gcam_model gcam_model;

/** How a photo becomes the network's input. */
typedef enum gcam_fit {
    GCAM_FIT_CROP = 0,  /**< short side to `resize`, then the centre (torchvision) */
    GCAM_FIT_SQUASH = 1 /**< the whole picture to the input size, aspect ratio not kept (Caffe, the Grad-CAM authors) */
} gcam_fit;

/** A preprocessing. value = (pixel * scale - mean[c]) / std[c], c in the network's channel order. */
typedef struct gcam_preprocess {
    size_t struct_size;
    gcam_fit fit;
    int resize; /**< short side before the crop (FIT_CROP); 0: the crop size */
    int height; /**< input size */
    int width;
    int bgr;     /**< 1: channels in the order blue, green, red */
    float scale; /**< 1/255 for values 0..1, 1 for 0..255 */
    float mean[3];
    float std[3];
    int bicubic; /**< 1: resize by the cubic filter (EfficientNet); 0: bilinear */
} gcam_preprocess;

/**
 * A preprocessing by name: "torchvision" (resize 256, crop 224), "torchvision-RESIZE", "torchvision-RESIZE-CROP", either with
 * "-bicubic" (filter) and "-half" (mean and deviation 0.5) after it, "caffe", "unit" (0..1, no mean), "cifar", "squash" (whole image,
 * torchvision's mean). Errors: NOT_FOUND.
 */
GCAM_API gcam_status gcam_preprocess_preset(gcam_preprocess *out, const char *name);

/** Where the network's input lies in the photo: input (x, y) = photo ((x + left) * scale_x, (y + top) * scale_y), edges not centres. */
typedef struct gcam_geometry {
    double scale_x, scale_y; /**< photo pixels per input pixel */
    double left, top;        /**< offset of the crop, in input pixels; negative where the photo was padded */
    int photo_width, photo_height;
    int input_width, input_height;
} gcam_geometry;

/**
 * Turns a photo into image number `index` of `input` (N C H W, C = 3 or 1), bit for bit as torchvision does.
 * `geometry` may be NULL. Errors: ARGUMENT, SHAPE, NOMEM.
 */
GCAM_API gcam_status gcam_preprocess_image(gcam_tensor *input, int64_t index, const gcam_image *photo,
                                           const gcam_preprocess *how, gcam_geometry *geometry);

/** What to override when a model is loaded. Zero fields mean the defaults. */
typedef struct gcam_model_options {
    size_t struct_size;
    const char *arch;          /**< architecture id of gcam_arch_at(); default: found from names and shapes */
    const char *const *labels; /**< class labels, copied; default: the file's own, ImageNet's for 1000 classes */
    size_t label_count;
    const gcam_preprocess *preprocess; /**< default: the file's own, or the architecture's */
    const char *graph; /**< graph text of a network of one's own; overrules `arch` and the file's own graph */
} gcam_model_options;

/** Fills in the defaults. */
GCAM_API void gcam_model_options_defaults(gcam_model_options *options);

/** Loads a checkpoint or model file. NULL options are the defaults. Weights are mapped, not read: NaN in them is named by the first
 * pass that meets it, and by gcam_model_save(). Errors: IO, FORMAT, UNSUPPORTED (no known architecture fits: names the nearest and
 * what differs), SHAPE, NOT_FOUND, ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_model_load(gcam_model **out, const char *path, const gcam_model_options *options);
/** The same from a buffer, borrowed until the model is freed. */
GCAM_API gcam_status gcam_model_load_memory(gcam_model **out, const void *data, size_t size,
                                            const gcam_model_options *options);
/** Makes a network of one's own explainable. On success the model owns the network (not its weight table); without
 * options->preprocess, "unit" at the network's usual size. */
GCAM_API gcam_status gcam_model_from_network(gcam_model **out, gcam_network *network,
                                             const gcam_model_options *options);
/** Frees a model; NULL is fine. Not while a session uses the model. */
GCAM_API void gcam_model_free(gcam_model *model);

/** Writes the self-contained model file: safetensors with graph, labels, preprocessing and source in its metadata.
 * `dtype` F32, F16 or BF16. Written beside `path`, then renamed. Errors: ARGUMENT, IO, NUMERIC (names the weight), UNSUPPORTED (a name
 * that graph text cannot hold), NOMEM. */
GCAM_API gcam_status gcam_model_save(const gcam_model *model, const char *path, gcam_dtype dtype);

/** Compares the eight hex digits in a file's name ("vgg16-397923af.pth") with its SHA-256. 1: they agree, 0: the name has none, error
 * FORMAT: they differ. `hex` (65 bytes, may be NULL) receives the SHA-256. */
GCAM_API gcam_status gcam_file_check_name(const char *path, int *agrees, char *hex);

/** The model's network. */
GCAM_API const gcam_network *gcam_model_network(const gcam_model *model);
/** The model's preprocessing. */
GCAM_API const gcam_preprocess *gcam_model_preprocess(const gcam_model *model);
/** Architecture id ("vgg16"), or "custom". */
GCAM_API const char *gcam_model_arch(const gcam_model *model);
/** Number of classes. */
GCAM_API int gcam_model_class_count(const gcam_model *model);
/** Label of a class, "class N" where none is known; NULL outside the classes. */
GCAM_API const char *gcam_model_label(const gcam_model *model, int class_index);
/** Class by what a person wrote: an integer is an index; otherwise an exact label, then a unique part of one, case-insensitive.
 * Errors: NOT_FOUND, ARGUMENT (several hits; the message lists them). */
GCAM_API gcam_status gcam_model_find_class(const gcam_model *model, const char *text, int *class_index);
/** Value of a metadata key of the model file ("source", "sha256", "license"); NULL if absent. Checkpoints have a "source", their own
 * file name. Borrowed until the model is freed. */
GCAM_API const char *gcam_model_metadata(const gcam_model *model, const char *key);

/** SHA-256, as 64 hex digits and a zero, of the checkpoint that the model came from: what a model file says of it, or else that of the file or
 * buffer itself, which is read for it (about half a second a gigabyte where the processor has instructions for it, five times that where
 * not). Errors: NOT_FOUND (a model of no file), IO, ARGUMENT. */
GCAM_API gcam_status gcam_model_sha256(const gcam_model *model, char hex[65]);

/** The graph as readable text, one line a layer; free with gcam_text_free(). */
GCAM_API gcam_status gcam_network_to_text(char **out, const gcam_network *network);
/** Makes a network from such text (which people may write by hand) and weights. Errors name the line. */
GCAM_API gcam_status gcam_network_from_text(gcam_network **out, const char *text, const gcam_tensor_table *weights);
/** Frees text that the library made; NULL is fine. */
GCAM_API void gcam_text_free(char *text);

/** A row of the table of architectures. Static strings. */
typedef struct gcam_arch_info {
    const char *id;         /**< "vgg16" */
    const char *title;      /**< "VGG-16 (Simonyan & Zisserman 2015)" */
    const char *target;     /**< default layer for class activation maps */
    const char *preprocess; /**< name of its preset */
} gcam_arch_info;
/** Number of architectures. */
GCAM_API size_t gcam_arch_count(void);
/** Architecture by position; NULL past the end. */
GCAM_API const gcam_arch_info *gcam_arch_at(size_t index);

/** An operator of ONNX that the importer reads. Static strings. */
typedef struct gcam_onnx_operator {
    const char *name; /**< "Conv" */
    int first;        /**< operator sets of files that it is read from: from this one, at least 7 */
    int last;         /**< to this one */
    int makes_layers; /**< 0: it is reckoned when the file is read, on shapes and stored values */
} gcam_onnx_operator;
/** Number of operators. */
GCAM_API size_t gcam_onnx_operator_count(void);
/** Operator by position; NULL past the end. */
GCAM_API const gcam_onnx_operator *gcam_onnx_operator_at(size_t index);

/** A session for a model; see gcam_session_options in graph.h. The model must outlive it. */
GCAM_API gcam_status gcam_session_create(gcam_session **out, const gcam_model *model,
                                         const gcam_session_options *options);
/** The session's model; NULL for sessions of a bare network. */
GCAM_API const gcam_model *gcam_session_model(const gcam_session *s);

/** One of the top classes. */
typedef struct gcam_prediction {
    int class_index;
    const char *label; /**< borrowed from the model */
    float probability; /**< softmax of the logits */
    float logit;
} gcam_prediction;

/** Runs the network on a photo and writes the `count` best classes, best first. Session of batch 1. */
GCAM_API gcam_status gcam_classify(gcam_session *s, const gcam_image *photo, gcam_prediction *top, int count);
/** The `count` best classes of image `index` of the last forward pass. Errors: STATE, ARGUMENT. */
GCAM_API gcam_status gcam_session_top(const gcam_session *s, int64_t index, gcam_prediction *top, int count);

#ifdef __cplusplus
}
#endif
#endif
