/* Saving: safetensors whose metadata hold the whole model. Weights are written as the network uses them, float32 bit for bit, so
 * results do not change; what the network does not use is left out. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/network.h"
#include "io/sha256.h"
#include "model/model.h"

#include <string.h>

/* What goes into the file, and the texts that were made for it. */
typedef struct contents {
    gcam_tensor_entry *entries;
    gcam_metadata *metadata;
    size_t metadata_count, metadata_capacity;
    char *graph;
    gcam__text labels, preprocess;
    char sha256[65];
} contents;

static void clear(contents *c) {
    gcam__free(c->entries);
    gcam__free(c->metadata);
    gcam_text_free(c->graph);
    gcam__text_free(&c->labels);
    gcam__text_free(&c->preprocess);
}

static gcam_tensor_entry entry_of(const gcam__parameter *weight) {
    gcam_tensor_entry entry = {weight->name, GCAM_DTYPE_F32, weight->value.shape, {0}, weight->value.data};
    int64_t stride = 1;
    for (int i = entry.shape.rank - 1; i >= 0; i--) {
        entry.stride[i] = stride;
        stride *= entry.shape.dim[i];
    }
    return entry;
}

static gcam_status collect_weights(contents *c, const gcam_network *network) {
    c->entries = gcam__calloc(network->parameter_count + 1, sizeof *c->entries);
    if (c->entries == NULL) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < network->parameter_count; i++) {
        GCAM_TRY(gcam__parameter_check_finite(&(gcam__compute){0}, &network->parameters[i]));
        c->entries[i] = entry_of(&network->parameters[i]);
    }
    return GCAM_OK;
}

/* Adds a key; NULL or empty values are left out. */
static gcam_status add(contents *c, const char *key, const char *value) {
    if (value == NULL || *value == '\0') return GCAM_OK;
    GCAM_TRY(gcam__grow((void **)&c->metadata, c->metadata_count, &c->metadata_capacity, sizeof *c->metadata));
    c->metadata[c->metadata_count++] = (gcam_metadata){key, value};
    return GCAM_OK;
}

static int is_ours(const char *key) {
    static const char *const keys[] = {GCAM__KEY_FORMAT, GCAM__KEY_GRAPH,  GCAM__KEY_LABELS, GCAM__KEY_PREPROCESS,
                                       GCAM__KEY_ARCH,   GCAM__KEY_SOURCE, GCAM__KEY_SHA256};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) return 1;
    return 0;
}

/* What else the file said of itself: licence, training, ... */
static gcam_status keep_metadata(contents *c, const gcam_model *model) {
    const char *key, *value;
    if (model->weights == NULL) return GCAM_OK;
    for (size_t i = 0; gcam_tensor_table_metadata_at(model->weights, i, &key, &value); i++)
        if (!is_ours(key)) GCAM_TRY(add(c, key, value));
    return GCAM_OK;
}

gcam_status gcam_model_sha256(const gcam_model *model, char hex[65]) {
    if (model == NULL || hex == NULL) return gcam__fail(GCAM_ERR_ARGUMENT, "model", "there is no model to hash");
    const char *known = gcam_model_metadata(model, GCAM__KEY_SHA256);
    hex[0] = 0;
    if (known != NULL && strlen(known) == 64) {
        memcpy(hex, known, 65);
        return GCAM_OK;
    }
    if (model->path != NULL) return gcam__file_sha256(model->path, hex);
    if (model->data == NULL)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "model", "the model came from no file, so it has no SHA-256");
    gcam__sha256(model->data, model->size, hex);
    return GCAM_OK;
}

/* SHA-256 of the checkpoint, "" where the model came from no file. */
static gcam_status find_sha256(contents *c, const gcam_model *model) {
    gcam_status status = gcam_model_sha256(model, c->sha256);
    return status == GCAM_ERR_NOT_FOUND ? GCAM_OK : status;
}

static gcam_status collect_metadata(contents *c, const gcam_model *model) {
    GCAM_TRY(gcam_network_to_text(&c->graph, model->network));
    if (model->labels.known) gcam__labels_write(&model->labels, &c->labels);
    GCAM_TRY(c->labels.status);
    gcam__preprocess_write(&model->preprocess, &c->preprocess);
    GCAM_TRY(c->preprocess.status);
    GCAM_TRY(find_sha256(c, model));
    GCAM_TRY(add(c, GCAM__KEY_FORMAT, GCAM__FORMAT));
    GCAM_TRY(add(c, GCAM__KEY_ARCH, model->arch));
    GCAM_TRY(add(c, GCAM__KEY_SOURCE, gcam_model_metadata(model, GCAM__KEY_SOURCE)));
    GCAM_TRY(add(c, GCAM__KEY_SHA256, c->sha256));
    GCAM_TRY(keep_metadata(c, model));
    GCAM_TRY(add(c, GCAM__KEY_PREPROCESS, c->preprocess.data));
    GCAM_TRY(add(c, GCAM__KEY_LABELS, c->labels.data));
    return add(c, GCAM__KEY_GRAPH, c->graph);
}

gcam_status gcam__model_save_about(const gcam_model *model, const char *path, gcam_dtype dtype,
                                   const gcam_metadata *about, size_t about_count) {
    if (model == NULL || path == NULL)
        return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_model_save", "there is no %s", model == NULL ? "model" : "path");
    if (dtype != GCAM_DTYPE_F32 && dtype != GCAM_DTYPE_F16 && dtype != GCAM_DTYPE_BF16)
        return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_model_save",
                          "weights cannot be saved as %s, expected float32, float16 or bfloat16",
                          gcam_dtype_name(dtype));
    contents c = {0};
    gcam_status status = collect_weights(&c, model->network);
    if (status == GCAM_OK) status = collect_metadata(&c, model);
    for (size_t i = 0; i < about_count && status == GCAM_OK; i++) status = add(&c, about[i].key, about[i].value);
    if (status == GCAM_OK)
        status = gcam_safetensors_write(path, c.entries, model->network->parameter_count, c.metadata, c.metadata_count,
                                        dtype);
    clear(&c);
    return status;
}

gcam_status gcam_model_save(const gcam_model *model, const char *path, gcam_dtype dtype) {
    return gcam__model_save_about(model, path, dtype, NULL, 0);
}

gcam_status gcam_file_check_name(const char *path, int *agrees, char *hex) {
    return gcam__file_check_name(path, agrees, hex);
}
