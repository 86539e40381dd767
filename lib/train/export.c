/* A trained network as a model file. */
#include "core/memory.h"
#include "core/status.h"
#include "train/train.h"

gcam_status gcam_trainer_export(const gcam_trainer *t, const char *path, gcam_train_weights which, gcam_dtype dtype,
                                const gcam_metadata *about, size_t about_count) {
    if (!t || !path) return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "there is no trainer or no path");
    const gcam__weights *weights = which == GCAM_TRAIN_BEST && t->mean.network ? &t->mean : &t->now;
    gcam_network *network = NULL;
    gcam_model *model = NULL;
    gcam_model_options options;
    gcam_model_options_defaults(&options);
    options.preprocess = &t->preprocess;
    if (t->photos) {
        options.labels = t->photos->labels.text;
        options.label_count = (size_t)t->photos->labels.count;
    }
    GCAM_TRY(gcam_network_from_text(&network, t->graph, weights->table));
    gcam_status status = gcam_model_from_network(&model, network, &options);
    if (status != GCAM_OK) {
        gcam_network_free(network);
        return status;
    }
    status = gcam__model_save_about(model, path, dtype, about, about_count);
    gcam_model_free(model);
    return status;
}
