/* The passes of a study: one forward, then backward passes that serve all methods, targets and layers at once. Each rule goes back only as
 * far as somebody wants its signal: methods of a layer never make the gradient run below the lowest layer asked for. What the passes
 * leave is copied, because the next pass of the session overwrites it. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"

#include <string.h>

/* Targets that share one backward pass: as many as keep its two largest signals within SEED_BYTES, at most MOST_SEEDS. */
enum { MOST_SEEDS = 16 };
static const int64_t SEED_BYTES = 64 << 20;

static int wants_pixels(const gcam__study *study, gcam_rule rule) {
    return (study->wants & ((unsigned)GCAM__WANTS_PIXELS << rule)) != 0;
}

static int wants_any_pixels(const gcam__study *study) {
    return wants_pixels(study, GCAM_RULE_GRADIENT) || wants_pixels(study, GCAM_RULE_GUIDED)
           || wants_pixels(study, GCAM_RULE_DECONVNET);
}

/* Adds to what the session keeps of a layer. */
static gcam_status add_watch(gcam_session *s, int layer, unsigned what) {
    return gcam_session_watch(s, layer, s->watch[layer] | what);
}

/* Gradients of the pixels are wanted no longer, unless the input is one of the layers. */
static gcam_status drop_pixels(const gcam__study *study) {
    int input = gcam_network_input(study->network);
    for (size_t i = 0; i < study->layer_count; i++) {
        if (study->layers[i].index == input) return GCAM_OK;
    }
    return gcam_session_watch(study->session, input, study->session->watch[input] & GCAM_WATCH_ACTIVATION);
}

static gcam_status watch_all(const gcam__study *study) {
    gcam_session *s = study->session;
    gcam_session_unwatch_all(s);
    GCAM_TRY(gcam_session_watch(s, study->logits, GCAM_WATCH_ACTIVATION));
    GCAM_TRY(add_watch(s, study->end, GCAM_WATCH_ACTIVATION));
    int signals = study->wants & (GCAM__WANTS_GRADIENT | GCAM__WANTS_RELEVANCE);
    unsigned what = GCAM_WATCH_ACTIVATION | (signals ? GCAM_WATCH_GRADIENT : 0);
    for (size_t i = 0; i < study->layer_count; i++) {
        GCAM_TRY(add_watch(s, study->layers[i].index, what));
        if (study->wants & GCAM__WANTS_TAIL) GCAM_TRY(gcam__tail_watch(study, &study->layers[i]));
    }
    if (study->entrance.name) GCAM_TRY(add_watch(s, study->entrance.index, GCAM_WATCH_GRADIENT));
    if (study->wants & GCAM__WANTS_RELEVANCE) GCAM_TRY(gcam_session_watch_relevance(s, 1));
    if (!wants_any_pixels(study) && !(study->wants & GCAM__WANTS_RELEVANCE)) return GCAM_OK;
    return add_watch(s, gcam_network_input(study->network), GCAM_WATCH_GRADIENT);
}

/* Copies image `row` of a tensor; zeros where the pass did not reach it, because the target does not depend on it. */
static gcam_status copy_row(float **out, const gcam_tensor *from, int64_t row, int64_t count) {
    *out = gcam__calloc((size_t)count, sizeof **out);
    if (!*out) return gcam_last_error()->status;
    if (from) memcpy(*out, from->data + row * count, (size_t)count * sizeof **out);
    return GCAM_OK;
}

static gcam_status copy_activations(gcam__study *study) {
    for (size_t i = 0; i < study->layer_count; i++) {
        gcam__map_layer *layer = &study->layers[i];
        const gcam_tensor *from = gcam_session_activation(study->session, layer->index);
        GCAM_TRY(copy_row(&layer->activation, from, study->image, layer->k * layer->h * layer->w));
        GCAM_TRY(gcam__check_finite(layer->name, "the activation", layer->activation,
                                    (int64_t[]){layer->k, layer->h, layer->w}));
    }
    return GCAM_OK;
}

/* Keeps what one pass left for aim `a`, its seed number `g`. */
static gcam_status copy_gradients(gcam__study *study, size_t a, int64_t g, gcam_rule rule) {
    gcam__aim *aim = &study->aims[a];
    int64_t row = g * study->input->shape.dim[0] + study->image;
    if (wants_pixels(study, rule)) {
        const int64_t *dim = study->input->shape.dim;
        const gcam_tensor *from = gcam_session_gradient(study->session, gcam_network_input(study->network));
        GCAM_TRY(copy_row(&aim->pixels[rule], from, row, dim[1] * dim[2] * dim[3]));
        GCAM_TRY(gcam__check_finite("the input", "the signal of the backward pass", aim->pixels[rule], dim + 1));
    }
    if (rule != GCAM_RULE_GRADIENT || !(study->wants & GCAM__WANTS_GRADIENT)) return GCAM_OK;
    for (size_t i = 0; i < study->layer_count; i++) {
        const gcam__map_layer *layer = &study->layers[i];
        const gcam_tensor *from = gcam_session_gradient(study->session, layer->index);
        GCAM_TRY(copy_row(&aim->gradient[i], from, row, layer->k * layer->h * layer->w));
        GCAM_TRY(gcam__check_finite(layer->name, "the gradient", aim->gradient[i],
                                    (int64_t[]){layer->k, layer->h, layer->w}));
    }
    return GCAM_OK;
}

/* Bytes of the largest signal between the scores and the lowest place that the pass reaches. */
static int64_t largest_signal(const gcam__study *study, int lowest) {
    int64_t largest = 1;
    for (int i = lowest; i <= study->end; i++) {
        int64_t count = gcam_shape_count(gcam__session_shape(study->session, i));
        largest = count > largest ? count : largest;
    }
    return largest * (int64_t)sizeof(float);
}

static size_t seeds_at_once(const gcam__study *study, int to_pixels) {
    int lowest = to_pixels ? gcam_network_input(study->network) : study->end;
    for (size_t i = 0; i < study->layer_count; i++)
        lowest = study->layers[i].index < lowest ? study->layers[i].index : lowest;
    int64_t seeds = SEED_BYTES / (2 * largest_signal(study, lowest));
    seeds = seeds < 1 ? 1 : seeds > MOST_SEEDS ? MOST_SEEDS : seeds;
    return (size_t)seeds < study->aim_count ? (size_t)seeds : study->aim_count;
}

/* Seeds of aims first .. first + count - 1; zero for the other images of the batch. */
static void fill_seed(const gcam__study *study, size_t first, size_t count, gcam_tensor *seed) {
    int64_t batch = study->input->shape.dim[0], count_z = study->end_count;
    memset(seed->data, 0, (size_t)gcam_shape_count(&seed->shape) * sizeof *seed->data);
    for (size_t g = 0; g < count; g++) {
        float *row = seed->data + ((int64_t)g * batch + study->image) * count_z;
        for (int64_t c = 0; c < count_z; c++) row[c] = (float)study->aims[first + g].seed[c];
    }
}

/* Backward passes under one rule for all aims, `at_once` seeds each. */
static gcam_status run_rule(gcam__study *study, gcam_rule rule, size_t at_once) {
    gcam_tensor *seed = NULL;
    gcam_shape shape = *gcam__session_shape(study->session, study->end);
    shape.dim[0] *= (int64_t)at_once;
    GCAM_TRY(gcam_tensor_create(&seed, &shape));
    gcam_status status = GCAM_OK;
    for (size_t first = 0; first < study->aim_count && status == GCAM_OK; first += at_once) {
        size_t count = study->aim_count - first < at_once ? study->aim_count - first : at_once;
        seed->shape.dim[0] = (int64_t)count * study->input->shape.dim[0];
        fill_seed(study, first, count, seed);
        status = gcam__session_backward_from(study->session, study->end, seed, rule);
        for (size_t g = 0; g < count && status == GCAM_OK; g++)
            status = copy_gradients(study, first + g, (int64_t)g, rule);
    }
    gcam_tensor_free(seed);
    return status;
}

static gcam_status run_backward(gcam__study *study) {
    for (gcam_rule rule = GCAM_RULE_GUIDED; rule <= GCAM_RULE_DECONVNET; rule++) {
        if (wants_pixels(study, rule)) GCAM_TRY(run_rule(study, rule, seeds_at_once(study, 1)));
    }
    int pixels = wants_pixels(study, GCAM_RULE_GRADIENT);
    if (!pixels) GCAM_TRY(drop_pixels(study));
    if (!pixels && !(study->wants & GCAM__WANTS_GRADIENT)) return GCAM_OK;
    return run_rule(study, GCAM_RULE_GRADIENT, seeds_at_once(study, pixels));
}

gcam_status gcam__gather(gcam__study *study) {
    gcam_status status = watch_all(study);
    if (status == GCAM_OK) status = gcam_session_forward(study->session, study->input);
    if (status == GCAM_OK) status = copy_activations(study);
    if (status == GCAM_OK) status = gcam__targets_aim(study);
    if (status == GCAM_OK) status = run_backward(study);
    gcam_session_unwatch_all(study->session);
    return status;
}
