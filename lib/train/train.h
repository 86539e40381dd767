/* The inside of training, shared by its files. */
#ifndef GCAM_TRAIN_TRAIN_H
#define GCAM_TRAIN_TRAIN_H

#include "gradcam/train.h"
#include "graph/session.h"
#include "model/model.h"

/* Streams of random numbers of one seed. */
enum { GCAM__STREAM_WEIGHTS = 1 << 20, GCAM__STREAM_ORDER, GCAM__STREAM_CROP, GCAM__STREAM_SPLIT };

struct gcam_dataset {
    int side;
    gcam__labels labels;
    uint8_t **photos; /* side * side * 3 bytes each */
    int *classes;
    size_t count, photo_capacity, class_capacity;
};

/* A network with weights of its own that may be written. */
typedef struct gcam__weights {
    gcam_tensor_table *table;
    gcam_network *network;
} gcam__weights;

struct gcam_trainer {
    gcam_train_options options;
    gcam_preprocess preprocess;
    const gcam_dataset *photos;
    char *graph;
    gcam__weights now, mean; /* mean.network NULL: no running mean */
    float **velocity;        /* one a parameter; NULL: not trained */
    gcam_session *session;   /* for batches of the current size */
    gcam_tensor *input, *seed;
    int *classes;    /* of the batch */
    uint32_t *order; /* of the photos in the current epoch */
    int ordered;     /* that epoch; -1: none yet */
    float *room;     /* for augmentation, one part a worker */
    size_t room_floats;
    int64_t step;
};

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

/* Makes the network of a graph text with weights drawn from `seed`. */
gcam_status gcam__weights_create(gcam__weights *out, const char *graph, uint64_t seed);
void gcam__weights_free(gcam__weights *weights);
/* 1 where gradient descent moves parameter `index`; 0 for running averages. */
int gcam__weights_trained(const gcam_network *network, size_t index);

/* ---- loss --------------------------------------------------------------------------------------------------------------- */

/* Softmax cross-entropy of rows of logits against smoothed targets, q_k = (1 - e) [k = class] + e / K:
 * mean over rows of - sum_k q_k log p_k; dlogits = (p - q) / rows, NULL: not wanted. `correct` counts rows whose largest is right. */
double gcam__cross_entropy(const float *logits, const int *classes, int64_t rows, int64_t k, double smoothing,
                           float *dlogits, int *correct);

/* ---- optimizer ---------------------------------------------------------------------------------------------------------- */

/* Learning rate of a step: linear warm-up, then half a cosine to 0, or a constant and a line to 0. */
double gcam__learning_rate(const gcam_train_options *options, int64_t step, int64_t epoch_steps);
/* One step of stochastic gradient descent; returns the gradient's norm before clipping. */
double gcam__descend(gcam_trainer *t, double lr);

/* ---- batches ------------------------------------------------------------------------------------------------------------ */

/* Side of the crops in an epoch. */
int gcam__crop_side(const gcam_train_options *options, int epoch);
/* Floats that one worker needs to crop a photo of `side` to `size`. */
size_t gcam__augment_room(int side, int size);
/* Image `index` of the batch: a random crop of a photo, mirrored, jittered, normalised. All chance comes from (seed, step, index). */
void gcam__augment(const gcam_trainer *t, const uint8_t *photo, int64_t step, int64_t index, float *room);
/* A photo of the input's size as it is, normalised. */
void gcam__normalise(const gcam_preprocess *how, const uint8_t *photo, int64_t pixels, float *out);

#endif
