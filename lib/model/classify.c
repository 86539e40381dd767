/* Sessions for models, and their simplest use: the classes of a photo. */
#include "core/options.h"
#include "core/status.h"
#include "graph/session.h"
#include "model/model.h"
#include "model/preprocess.h"

#include <math.h>

gcam_status gcam_session_create(gcam_session **out, const gcam_model *model, const gcam_session_options *options) {
    *out = NULL;
    if (model == NULL) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_session_create", "there is no model");
    gcam_session_options taken;
    gcam_session_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "gcam_session_create"));
    if (taken.height == 0) taken.height = model->preprocess.height;
    if (taken.width == 0) taken.width = model->preprocess.width;
    GCAM_TRY(gcam_session_create_network(out, model->network, &taken));
    gcam__session_set_owner(*out, model);
    return GCAM_OK;
}

const gcam_model *gcam_session_model(const gcam_session *s) {
    return gcam__session_owner(s);
}

/* Index of the largest value after (limit, from) in the order: larger values first, then lower indices; -1: none. */
static int next_best(const float *logits, int count, float limit, int from) {
    int best = -1;
    for (int i = 0; i < count; i++) {
        int is_later = logits[i] < limit || (logits[i] == limit && i > from);
        if (is_later && (best < 0 || logits[i] > logits[best])) best = i;
    }
    return best;
}

gcam_status gcam_session_top(const gcam_session *s, int64_t index, gcam_prediction *top, int count) {
    const gcam_model *model = gcam_session_model(s);
    const gcam_tensor *output = gcam_session_output(s);
    if (model == NULL || output == NULL)
        return gcam__fail(GCAM_ERR_STATE, "gcam_session_top", "the session has no %s yet",
                          model == NULL ? "model" : "forward pass");
    int classes = model->labels.count;
    if (index < 0 || index >= output->shape.dim[0] || count < 0 || count > classes)
        return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_session_top",
                          "%d classes of image %lld: the session has %lld images of %d classes", count,
                          (long long)index, (long long)output->shape.dim[0], classes);
    const float *logits = output->data + index * classes;
    float last = INFINITY, largest = logits[next_best(logits, classes, INFINITY, -1)];
    double sum = 0;
    for (int i = 0; i < classes; i++) sum += exp((double)logits[i] - (double)largest);
    for (int i = 0, best = -1; i < count; i++) {
        best = next_best(logits, classes, last, best);
        last = logits[best];
        double probability = exp((double)last - (double)largest) / sum;
        top[i] = (gcam_prediction){best, model->labels.text[best], (float)probability, last};
    }
    return GCAM_OK;
}

gcam_status gcam_classify(gcam_session *s, const gcam_image *photo, gcam_prediction *top, int count) {
    gcam_shape shape = gcam_session_input_shape(s);
    if (gcam_session_model(s) == NULL || shape.dim[0] != 1)
        return gcam__fail(GCAM_ERR_STATE, "gcam_classify", "expected a session of a model with batch 1");
    gcam_preprocess how;
    gcam_tensor *input;
    GCAM_TRY(gcam__preprocess_for_size(gcam_model_preprocess(gcam_session_model(s)), (int)shape.dim[2],
                                       (int)shape.dim[3], &how));
    GCAM_TRY(gcam_tensor_create(&input, &shape));
    gcam_status status = gcam_preprocess_image(input, 0, photo, &how, NULL);
    if (status == GCAM_OK) status = gcam_session_forward(s, input);
    if (status == GCAM_OK) status = gcam_session_top(s, 0, top, count);
    gcam_tensor_free(input);
    return status;
}
