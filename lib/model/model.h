/* The inside of a model, shared by loading, saving and classifying. */
#ifndef GCAM_MODEL_MODEL_H
#define GCAM_MODEL_MODEL_H

#include "core/text.h"
#include "gradcam/model.h"
#include "model/labels.h"

struct gcam_model {
    gcam_network *network;
    gcam_tensor_table *weights; /* owned; NULL where the network came from the caller */
    gcam__labels labels;
    gcam_preprocess preprocess;
    char *arch;
    char *path;       /* file that the weights came from; NULL: none */
    const void *data; /* buffer that they came from; NULL: none */
    size_t size;
};

/* Keys of a model file's metadata. */
#define GCAM__KEY_FORMAT "format" /* its value: */
#define GCAM__FORMAT "gradcam"
#define GCAM__KEY_GRAPH "graph"
#define GCAM__KEY_LABELS "labels"
#define GCAM__KEY_PREPROCESS "preprocess"
#define GCAM__KEY_ARCH "arch"
#define GCAM__KEY_SOURCE "source" /* base name of the checkpoint */
#define GCAM__KEY_SHA256 "sha256" /* of the checkpoint */

/* As gcam_model_save(), with further metadata. */
gcam_status gcam__model_save_about(const gcam_model *model, const char *path, gcam_dtype dtype,
                                   const gcam_metadata *about, size_t about_count);

/* The builder with all that graph text says, before weights are bound. Errors name the line. */
gcam_status gcam__builder_from_text(gcam_builder **out, const char *text);

/* A preprocessing as one line of NAME=VALUE words, and back. Errors: FORMAT, ARGUMENT, NOMEM. */
void gcam__preprocess_write(const gcam_preprocess *how, gcam__text *text);
gcam_status gcam__preprocess_read(gcam_preprocess *out, const char *text);

#endif
