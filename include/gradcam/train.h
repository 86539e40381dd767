/**
 * @file train.h
 * Training a classifier: photos in memory, stochastic gradient descent, checkpoints. Everything random is drawn from (seed, step,
 * photo), so a run that was stopped and resumed gives the same bits as one that was not.
 */
#ifndef GRADCAM_TRAIN_H
#define GRADCAM_TRAIN_H

#include "gradcam/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- photos ---------------------------------------------------------------------------------------------------------- */

/** Labelled photos of one size, decoded, 3 bytes a pixel. Not changed by training: any number of trainers may share it. */
typedef struct gcam_dataset gcam_dataset;

/** An empty set of photos of `side` x `side` pixels and `classes` classes, whose labels are copied. Errors: ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_dataset_create(gcam_dataset **out, int side, const char *const *labels, size_t classes);
/** Adds a photo: short side resized to the set's side, then the centre cut out. Errors: ARGUMENT (class), NOMEM. */
GCAM_API gcam_status gcam_dataset_add(gcam_dataset *dataset, const gcam_image *photo, int class_index);
/**
 * Reads a folder of class folders ("DIR/cat", "DIR/dog", ...), or its folder `part` ("train", "val") where that is not NULL.
 * `labels` in the order of the classes; a label's folder is the label in lower case with '_' for spaces. NULL labels: the names
 * of the folders in alphabetical order, '_' shown as a space. Photos are read in alphabetical order.
 * Errors: IO, FORMAT (names the photo), NOT_FOUND (a folder is missing, or there are no photos), ARGUMENT, NOMEM.
 */
GCAM_API gcam_status gcam_dataset_load(gcam_dataset **out, const char *dir, const char *part, int side,
                                       const char *const *labels, size_t classes);
/** Moves a share (0 .. 1) of the photos, drawn by `seed`, into a new set. Errors: ARGUMENT, NOMEM. */
GCAM_API gcam_status gcam_dataset_split(gcam_dataset **out, gcam_dataset *dataset, double share, uint64_t seed);
/** Number of photos. */
GCAM_API size_t gcam_dataset_count(const gcam_dataset *dataset);
/** Number of classes. */
GCAM_API size_t gcam_dataset_class_count(const gcam_dataset *dataset);
/** Label of a class; NULL outside the classes. */
GCAM_API const char *gcam_dataset_label(const gcam_dataset *dataset, size_t class_index);
/** Class of a photo; -1 outside the photos. */
GCAM_API int gcam_dataset_class(const gcam_dataset *dataset, size_t photo);
/** Frees a set that no trainer uses; NULL is fine. */
GCAM_API void gcam_dataset_free(gcam_dataset *dataset);

/* ---- training -------------------------------------------------------------------------------------------------------- */

/** A network in training: its weights, their momentum and running mean, and the place in the schedule. For one thread at a time. */
typedef struct gcam_trainer gcam_trainer;

/** Options of a trainer. Zero fields mean the defaults; gcam_train_options_photos() has a recipe for photos. */
typedef struct gcam_train_options {
    size_t struct_size;
    int epochs;             /**< default 16 */
    int batch;              /**< photos a step; default 64, at most the number of photos */
    double lr;              /**< highest learning rate; default 0.1 */
    double momentum;        /**< default 0.9; negative: none */
    int plain_momentum;     /**< 1: not Nesterov's */
    double weight_decay;    /**< of weights with two and more dimensions: not of batch norm and biases; default none */
    double label_smoothing; /**< share of the target spread over all classes (Szegedy et al. 2016); default none */
    double warm_up;         /**< epochs in which the rate rises from 0; default none */
    double
        cool_down; /**< epochs at the end in which it falls to 0 in a straight line, being constant between (Zhai et al. 2022); default: after the warm-up it falls as a cosine */
    double clip;   /**< largest norm of the whole gradient; default none */
    double average;       /**< decay a step of the running mean of the weights; default none */
    double min_crop;      /**< smallest area of a random crop, of 1 (Szegedy et al. 2015); default: no random crops */
    int flip;             /**< 1: every other photo is mirrored */
    double jitter;        /**< brightness, contrast and saturation vary by this factor either way; default none */
    double erase;         /**< probability that a random rectangle becomes grey (Zhong et al. 2020); default none */
    int size;             /**< side of crops; default: the network's input size */
    int first_size;       /**< side at the beginning, growing to `size` in steps of 16; default: `size` */
    int growth;           /**< epochs after which crops have their last size; default: three quarters of the epochs */
    uint64_t seed;        /**< of initial weights, order and augmentation */
    int threads;          /**< default: all processors that affinity and the container's limits allow */
    gcam_kernels kernels; /**< default AUTO */
    const gcam_preprocess
        *preprocess; /**< copied; default: 0..1 less ImageNet's mean, over its deviation, at the input size */
} gcam_train_options;

/** Fills in the defaults. */
GCAM_API void gcam_train_options_defaults(gcam_train_options *options);
/** Fills in a recipe for a few thousand photos and a small residual network. */
GCAM_API void gcam_train_options_photos(gcam_train_options *options);

/**
 * A trainer for the network that `graph` (graph text, see gcam_network_from_text()) describes, with initial weights drawn as He et
 * al. (2015); the last batch norm of a residual branch, the first input of an `add`, begins at 0. `photos` is borrowed.
 * NULL photos: only gcam_trainer_step_on(). Errors: those of graph text, SHAPE (classes), ARGUMENT, NOMEM.
 */
GCAM_API gcam_status gcam_trainer_create(gcam_trainer **out, const char *graph, const gcam_dataset *photos,
                                         const gcam_train_options *options);
/** Frees a trainer; NULL is fine. */
GCAM_API void gcam_trainer_free(gcam_trainer *trainer);

/** What one step was. */
typedef struct gcam_train_report {
    int64_t step;    /**< from 0 */
    int epoch;       /**< from 0 */
    double loss;     /**< mean cross-entropy of the batch against its smoothed targets */
    int correct;     /**< photos of the batch whose best class was right */
    int photos;      /**< photos of the batch */
    double lr;       /**< learning rate of the step */
    double gradient; /**< norm of the whole gradient before clipping */
    int size;        /**< side of the crops */
} gcam_train_report;

/** Number of steps of the whole schedule; 0 without photos. */
GCAM_API int64_t gcam_trainer_steps(const gcam_trainer *trainer);
/** Number of steps of one epoch: photos that do not fill a batch are left to the next epoch's order. */
GCAM_API int64_t gcam_trainer_epoch_steps(const gcam_trainer *trainer);
/** Side of the network's input: of the photos it wants. */
GCAM_API int gcam_trainer_input_side(const gcam_trainer *trainer);
/** Side of the crops of an epoch, from 0. */
GCAM_API int gcam_trainer_crop_side(const gcam_trainer *trainer, int epoch);
/** Steps done so far. */
GCAM_API int64_t gcam_trainer_position(const gcam_trainer *trainer);
/** One step on the schedule's next batch. Errors: STATE (the schedule has ended), NUMERIC (the loss is not finite), NOMEM. */
GCAM_API gcam_status gcam_trainer_step(gcam_trainer *trainer, gcam_train_report *report);
/** One step on the caller's own batch, N C H W, of the highest learning rate. Errors: SHAPE, ARGUMENT, NUMERIC, NOMEM. */
GCAM_API gcam_status gcam_trainer_step_on(gcam_trainer *trainer, const gcam_tensor *input, const int *classes,
                                          gcam_train_report *report);
/** Sets weights by name; names that the network does not have are left out. Errors: SHAPE, NOT_FOUND (one is missing). */
GCAM_API gcam_status gcam_trainer_set_weights(gcam_trainer *trainer, const gcam_tensor_table *weights);

/** Which weights of a trainer. */
typedef enum gcam_train_weights {
    GCAM_TRAIN_BEST = 0, /**< the running mean where there is one */
    GCAM_TRAIN_RAW = 1   /**< those of the last step */
} gcam_train_weights;

/** How many photos of a set are classified right, and the mean cross-entropy. */
typedef struct gcam_train_score {
    int64_t photos, correct;
    double loss;
} gcam_train_score;

/** Classifies all photos of a set at the network's input size. `predicted` (gcam_dataset_count() ints) may be NULL. */
GCAM_API gcam_status gcam_trainer_evaluate(gcam_trainer *trainer, const gcam_dataset *photos, gcam_train_weights which,
                                           gcam_train_score *score, int *predicted);

/** Writes all that a resumed run needs to `path`, through a temporary file. Errors: IO, NOMEM. */
GCAM_API gcam_status gcam_trainer_save(const gcam_trainer *trainer, const char *path);
/** Goes on where gcam_trainer_save() was called, with a trainer of the same graph and options; only the number of epochs may be another
 * one where the schedule has a cool-down that had not begun. Errors: IO, FORMAT, SHAPE, ARGUMENT (other options), NOMEM. */
GCAM_API gcam_status gcam_trainer_resume(gcam_trainer *trainer, const char *path);
/** Writes a model file with the labels of the photos, see gcam_model_save(); `about` are further metadata (licence, ...), may be
 * NULL. Errors: those of gcam_model_save(). */
GCAM_API gcam_status gcam_trainer_export(const gcam_trainer *trainer, const char *path, gcam_train_weights which,
                                         gcam_dtype dtype, const gcam_metadata *about, size_t about_count);

#ifdef __cplusplus
}
#endif
#endif
