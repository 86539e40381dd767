/* Embeddings: what the network makes of a photo before its last linear layer, for targets that ask how alike two photos are. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"
#include "model/preprocess.h"

#include <string.h>

gcam_status gcam__photo_to_input(gcam_tensor **out, gcam_session *s, const gcam_image *photo, gcam_geometry *geometry) {
    *out = NULL;
    gcam_shape shape = gcam_session_input_shape(s);
    const gcam_model *model = gcam_session_model(s);
    if (!model)
        return gcam__fail(GCAM_ERR_STATE, "explain",
                          "the session has no model, so no preprocessing for a photo; use gcam_explain_tensor");
    if (shape.dim[0] != 1)
        return gcam__fail(GCAM_ERR_STATE, "explain", "a photo needs a session of batch 1, this one has %lld",
                          (long long)shape.dim[0]);
    gcam_preprocess how;
    GCAM_TRY(gcam__preprocess_for_size(gcam_model_preprocess(model), (int)shape.dim[2], (int)shape.dim[3], &how));
    GCAM_TRY(gcam_tensor_create(out, &shape));
    gcam_status status = gcam_preprocess_image(*out, 0, photo, &how, geometry);
    if (status == GCAM_OK) return GCAM_OK;
    gcam_tensor_free(*out);
    *out = NULL;
    return status;
}

static gcam_status find_layer(int *index, const gcam_network *network, const char *layer) {
    *index = layer ? gcam_network_find(network, layer) : gcam__embedding_layer(network);
    if (*index >= 0) return GCAM_OK;
    return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "there is no layer \"%.80s\" to read an embedding from", layer);
}

/* One pass that keeps layer `index`; its output is copied. */
static gcam_status run(gcam_tensor **out, gcam_session *s, const gcam_tensor *input, int index) {
    gcam_session_unwatch_all(s);
    GCAM_TRY(gcam_session_watch(s, index, GCAM_WATCH_ACTIVATION));
    gcam_status status = gcam_session_forward(s, input);
    const gcam_tensor *value = status == GCAM_OK ? gcam_session_activation(s, index) : NULL;
    if (status == GCAM_OK && !value) value = gcam_session_output(s);
    if (value) {
        gcam_shape shape = {2, {1, gcam_shape_count(&value->shape)}};
        status = gcam_tensor_create(out, &shape);
        if (status == GCAM_OK) memcpy((*out)->data, value->data, (size_t)shape.dim[1] * sizeof(float));
    }
    gcam_session_unwatch_all(s);
    return status;
}

gcam_status gcam_embedding(gcam_tensor **out, gcam_session *s, const gcam_image *photo, const char *layer) {
    if (!out) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is nowhere to put the embedding");
    *out = NULL;
    if (!s || !photo) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "an embedding needs a session and a photo");
    int index;
    gcam_tensor *input = NULL;
    GCAM_TRY(find_layer(&index, gcam_session_network(s), layer));
    GCAM_TRY(gcam__photo_to_input(&input, s, photo, NULL));
    gcam_status status = run(out, s, input, index);
    gcam_tensor_free(input);
    return status;
}
