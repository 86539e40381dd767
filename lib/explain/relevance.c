/* Methods that hand the score back in shares, by passes of relevance (graph/relevance.c) from the forward pass that all methods share:
 *   LRP (Bach et al. 2015)                       R = seed x z at the scores, spread by the rules of a preset down to the pixels
 *   DeepLIFT (Shrikumar et al. 2017)             multipliers m against a baseline x', C = m (x - x'); the shares sum to y(x) - y(x')
 *   MWP (Zhang et al. 2016)                      P = 1 at the class, spread over positive weights down to a layer, summed over channels
 *   c-MWP                                        the same, the last layer with weights once with W and once with -W, subtracted
 * What a rule loses or a bias keeps is reported: the sum of the shares minus what they should sum to. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"

#include <math.h>
#include <string.h>

/* ---- one pass --------------------------------------------------------------------------------------------------------------------- */

/* Passes `start` (end_count numbers) down to `layer`; `*out` is a new copy of what arrives there for the explained image. */
static gcam_status pass(const gcam__task *task, const double *start, int layer, const gcam_relevance *how,
                        gcam_session *reference, float **out) {
    const gcam__study *study = task->study;
    gcam_session *s = study->session;
    gcam_tensor *seed = NULL;
    const gcam_shape *shape = gcam__session_shape(s, layer);
    int64_t size = gcam_shape_count(shape) / shape->dim[0];
    *out = gcam__calloc((size_t)size, sizeof **out);
    if (!*out) return gcam_last_error()->status;
    GCAM_TRY(gcam_tensor_create(&seed, gcam__session_shape(s, study->end)));
    memset(seed->data, 0, (size_t)gcam_shape_count(&seed->shape) * sizeof *seed->data);
    for (int64_t i = 0; i < study->end_count; i++) seed->data[study->image * study->end_count + i] = (float)start[i];
    gcam_session_unwatch_all(s);
    gcam_status status = gcam_session_watch(s, layer, GCAM_WATCH_GRADIENT);
    if (status == GCAM_OK) status = gcam__session_relevance_from(s, study->end, seed, how, reference);
    const gcam_tensor *found = status == GCAM_OK ? gcam_session_gradient(s, layer) : NULL;
    if (found) memcpy(*out, found->data + study->image * size, (size_t)size * sizeof **out);
    gcam_session_unwatch_all(s);
    gcam_tensor_free(seed);
    return status;
}

/* LEAK where more was dropped than rounding explains. */
static void note_lost(const gcam__task *task, double magnitude) {
    if (gcam_session_relevance_lost(task->study->session) > 1e-6 * magnitude) task->e->warnings |= GCAM_WARN_LEAK;
}

/* ---- LRP -------------------------------------------------------------------------------------------------------------------------- */

static gcam_status read_rules(const gcam__study *study, gcam_relevance *how) {
    const gcam_explain_options *options = &study->options;
    GCAM_TRY(gcam_relevance_preset(how, options->rule));
    if (options->epsilon != 0) how->epsilon = options->epsilon;
    if (options->gamma != 0) how->gamma = options->gamma;
    how->ignore_bias = options->ignore_bias;
    return GCAM_OK;
}

gcam_status gcam__lrp_check(const gcam__study *study, const gcam__map_layer *layer) {
    (void)layer;
    gcam_relevance how;
    GCAM_TRY(read_rules(study, &how));
    return gcam__relevance_check(study->session, study->end, gcam_network_input(study->network), how.conv);
}

/* The box of the z-box rule, a number a channel; `low` has room for twice the channels. Black and white in units of the input; where the
 * caller's own tensor leaves that box, its own range. */
static void fill_box(const gcam__study *study, float *low, gcam_relevance *how) {
    const int64_t *dim = study->input->shape.dim;
    int64_t channels = dim[1], plane = dim[2] * dim[3];
    const float *x = study->input->data + study->image * channels * plane;
    float *high = low + channels, least = x[0], most = x[0];
    int inside = 1;
    for (int64_t c = 0; c < channels; c++) {
        low[c] = (float)gcam__pixel_value(study, c, 0), high[c] = (float)gcam__pixel_value(study, c, 1);
        float slack = 1e-3f * (high[c] - low[c]);
        for (int64_t i = c * plane; i < (c + 1) * plane; i++) {
            inside &= x[i] >= low[c] - slack && x[i] <= high[c] + slack;
            least = fminf(least, x[i]), most = fmaxf(most, x[i]);
        }
    }
    for (int64_t c = 0; c < channels && !inside; c++) low[c] = least, high[c] = most;
    how->low = low, how->high = high;
}

static gcam_status run_lrp(const gcam__task *task, double *start, float *box) {
    const gcam__study *study = task->study;
    gcam_relevance how;
    float *found = NULL;
    double wanted = 0, size = 0, sum = 0;
    const gcam_tensor *z = gcam_session_activation(study->session, study->end);
    GCAM_TRY(read_rules(study, &how));
    fill_box(study, box, &how);
    for (int64_t i = 0; i < study->end_count; i++) {
        start[i] = task->aim->seed[i] * z->data[study->image * study->end_count + i];
        wanted += start[i];
        size += fabs(start[i]);
    }
    gcam_status status = pass(task, start, gcam_network_input(study->network), &how, NULL, &found);
    gcam_tensor *raw = task->e->raw;
    for (int64_t i = 0; status == GCAM_OK && i < gcam_shape_count(&raw->shape); i++) sum += raw->data[i] = found[i];
    task->e->residual = sum - wanted;
    note_lost(task, size);
    gcam__free(found);
    return status;
}

gcam_status gcam__lrp_run(const gcam__task *task) {
    const gcam__study *study = task->study;
    GCAM_TRY(gcam__make_pixels(task, study->input->shape.dim[1]));
    double *start = gcam__calloc((size_t)study->end_count, sizeof *start);
    float *box = gcam__calloc((size_t)study->input->shape.dim[1], 2 * sizeof *box);
    gcam_status status = start && box ? run_lrp(task, start, box) : GCAM_ERR_NOMEM;
    gcam__free(start);
    gcam__free(box);
    return status;
}

/* ---- DeepLIFT ---------------------------------------------------------------------------------------------------------------------- */

gcam_status gcam__deeplift_check(const gcam__study *study, const gcam__map_layer *layer) {
    (void)layer;
    for (size_t i = 0; i < study->options.target_count; i++) {
        gcam_target_kind kind = study->options.targets[i].kind;
        if (kind == GCAM_TARGET_PROBABILITY || kind == GCAM_TARGET_LOG_PROBABILITY)
            return gcam__fail(
                GCAM_ERR_UNSUPPORTED, "explain",
                "deeplift explains scores and sums of them; the target is a probability, take logit or diff");
    }
    return gcam__relevance_check(study->session, study->end, gcam_network_input(study->network), GCAM_RULE_DEEPLIFT);
}

/* A session that runs baselines, in the place of the explained image. */
static gcam_status open_reference(const gcam__study *study, gcam_session **out) {
    const gcam__compute *compute = gcam__session_compute(study->session);
    const int64_t *dim = study->input->shape.dim;
    gcam_session_options options;
    gcam_session_options_defaults(&options);
    options.batch = dim[0], options.height = dim[2], options.width = dim[3];
    options.threads = gcam__pool_threads(compute->pool);
    options.kernels = compute->kernels;
    options.deterministic = compute->deterministic;
    GCAM_TRY(gcam_session_create_network(out, study->network, &options));
    GCAM_TRY(gcam_session_watch_relevance(*out, 1));
    return gcam_session_watch(*out, gcam_network_input(study->network), GCAM_WATCH_GRADIENT);
}

/* Adds (x - x') m / draws to the result; `*change` grows by (y(x) - y(x')) / draws. */
static gcam_status add_shares(const gcam__task *task, gcam_session *reference, gcam_tensor *input, const float *from,
                              double *work, int64_t draws, double *change) {
    static const gcam_relevance how = {.conv = GCAM_RULE_DEEPLIFT};
    const gcam__study *study = task->study;
    gcam_tensor *raw = task->e->raw;
    int64_t size = gcam_shape_count(&raw->shape), own = study->image * size;
    memcpy(input->data + own, from, (size_t)size * sizeof *from);
    GCAM_TRY(gcam_session_forward(reference, input));
    const gcam_tensor *z = gcam_session_activation(reference, study->end);
    double before =
        gcam__target_value(study, &task->aim->target, z->data + study->image * study->end_count, work, NULL);
    *change += (task->aim->score - before) / (double)draws;
    float *m = NULL;
    gcam_status status = pass(task, task->aim->seed, gcam_network_input(study->network), &how, reference, &m);
    for (int64_t i = 0; status == GCAM_OK && i < size; i++)
        raw->data[i] += m[i] * (study->input->data[own + i] - from[i]) / (float)draws;
    gcam__free(m);
    return status;
}

static gcam_status run_deeplift(const gcam__task *task, gcam_session *reference, const float *baselines,
                                int64_t draws) {
    gcam_tensor *input = NULL, *raw = task->e->raw;
    int64_t size = gcam_shape_count(&raw->shape);
    double change = 0, sum = 0, *work = gcam__calloc((size_t)task->study->end_count, 2 * sizeof *work);
    gcam_status status = work ? gcam_tensor_create(&input, &task->study->input->shape) : GCAM_ERR_NOMEM;
    if (status == GCAM_OK)
        memcpy(input->data, task->study->input->data, (size_t)gcam_shape_count(&input->shape) * sizeof(float));
    memset(raw->data, 0, (size_t)size * sizeof *raw->data);
    for (int64_t draw = 0; draw < draws && status == GCAM_OK; draw++)
        status = add_shares(task, reference, input, baselines + draw * size, work, draws, &change);
    for (int64_t i = 0; i < size; i++) sum += raw->data[i];
    task->e->residual = sum - change;
    gcam_tensor_free(input);
    gcam__free(work);
    return status;
}

gcam_status gcam__deeplift_run(const gcam__task *task) {
    gcam_session *reference = NULL;
    float *baselines = NULL;
    int64_t draws = 0;
    GCAM_TRY(gcam__make_pixels(task, task->study->input->shape.dim[1]));
    gcam_status status = gcam__baselines_make(task->study, &baselines, &draws);
    if (status == GCAM_OK) status = open_reference(task->study, &reference);
    if (status == GCAM_OK) status = run_deeplift(task, reference, baselines, draws);
    gcam_session_free(reference);
    gcam__free(baselines);
    return status;
}

/* ---- excitation backpropagation ------------------------------------------------------------------------------------------------------- */

gcam_status gcam__mwp_check(const gcam__study *study, const gcam__map_layer *layer) {
    return gcam__relevance_check(study->session, study->end, layer->index, GCAM_RULE_EXCITATION);
}

gcam_status gcam__contrast_check(const gcam__study *study, const gcam__map_layer *layer) {
    GCAM_TRY(gcam__mwp_check(study, layer));
    int count, last;
    GCAM_TRY(gcam__relevance_weights_between(study->session, study->end, layer->index, &count, &last));
    if (count == 0)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                          "c-mwp needs a layer with weights between %.80s and the scores; choose an earlier layer",
                          layer->name);
    const gcam_shape *out = gcam__session_shape(study->session, last);
    if (count > 1 || out->rank != 4 || out->dim[2] * out->dim[3] == 1) return GCAM_OK;
    return gcam__fail(
        GCAM_ERR_UNSUPPORTED, "explain",
        "c-mwp is zero in every cell of %.80s: only the contrasted layer %.80s lies between it and the scores; "
        "choose an earlier layer",
        layer->name, study->network->nodes[last].name);
}

/* The start has mass 1: the target's gradient, scaled. */
static gcam_status excite(const gcam__task *task, gcam_rule last, double *s) {
    const gcam__study *study = task->study;
    const gcam__map_layer *layer = task->layer;
    gcam_relevance how = {.conv = GCAM_RULE_EXCITATION, .last = last};
    double *start = gcam__calloc((size_t)study->end_count, sizeof *start), mass = 0, sum = 0, wanted = 0;
    if (!start) return gcam_last_error()->status;
    for (int64_t i = 0; i < study->end_count; i++) mass += fabs(task->aim->seed[i]);
    for (int64_t i = 0; i < study->end_count && mass > 0; i++) wanted += start[i] = task->aim->seed[i] / mass;
    float *found = NULL;
    gcam_status status = pass(task, start, layer->index, &how, NULL, &found);
    int64_t cells = layer->h * layer->w;
    for (int64_t i = 0; status == GCAM_OK && i < layer->k * cells; i++) {
        s[i % cells] += found[i];
        sum += found[i];
    }
    task->e->residual = sum - (last == GCAM_RULE_CONTRAST ? 0 : wanted);
    note_lost(task, 1);
    gcam__free(found);
    gcam__free(start);
    return status;
}

gcam_status gcam__mwp_map(const gcam__task *task, double *s) {
    return excite(task, GCAM_RULE_EXCITATION, s);
}

gcam_status gcam__contrast_map(const gcam__task *task, double *s) {
    return excite(task, GCAM_RULE_CONTRAST, s);
}
