/* The one entrance. gcam_explain_tensor() does the work; gcam_explain_many() preprocesses a photo first, and gcam_explain() keeps the first
 * explanation. Everything that can be refused is refused before the first pass. */
#include "explain/explain.h"
#include "core/memory.h"
#include "core/options.h"
#include "core/status.h"
#include "graph/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const default_methods[] = {"gradcam"};
static const gcam_target default_targets[] = {{GCAM_TARGET_LOGIT, GCAM_TOP_CLASS, GCAM_TOP_CLASS}};

void gcam_explain_options_defaults(gcam_explain_options *options) {
    *options = (gcam_explain_options){.struct_size = sizeof *options};
}

/* The caller's options with what they leave out. */
static gcam_status read_options(gcam__study *study, const gcam_explain_options *options) {
    gcam_explain_options *mine = &study->options;
    gcam_explain_options_defaults(mine);
    GCAM_TRY(gcam__options_take(mine, sizeof *mine, options, "explain"));
    if ((mine->method_count && !mine->methods) || (mine->target_count && !mine->targets)
        || (mine->layer_count && !mine->layers))
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain",
                          "the options count methods, targets or layers, but their list is NULL");
    if (mine->profile < GCAM_PROFILE_PAPER || mine->profile > GCAM_PROFILE_LUA)
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is no profile number %d", (int)mine->profile);
    if (!mine->method_count) mine->methods = default_methods, mine->method_count = 1;
    if (!mine->target_count) mine->targets = default_targets, mine->target_count = 1;
    return GCAM_OK;
}

static gcam_status find_methods(gcam__study *study) {
    study->method_count = study->options.method_count;
    study->methods = gcam__calloc(study->method_count, sizeof(const gcam__method *));
    if (!study->methods) return gcam_last_error()->status;
    for (size_t i = 0; i < study->method_count; i++) {
        GCAM_TRY(gcam__method_lookup(&study->methods[i], study->options.methods[i]));
        study->wants |= study->methods[i]->wants;
    }
    return GCAM_OK;
}

/* Where the class scores are, and how many. */
static gcam_status find_scores(gcam__study *study) {
    study->logits = gcam__logits_layer(study->network);
    const gcam_shape *scores = gcam__session_shape(study->session, study->logits);
    int64_t count = gcam_shape_count(scores);
    if (scores->rank != 4 && (scores->rank < 2 || count != scores->dim[0] * scores->dim[1])) {
        char text[160];
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain", "the output has the shape %s; class scores are N x classes",
                          gcam__shape_text(scores, text));
    }
    study->class_count = scores->dim[1];
    study->logits_cells = count / (scores->dim[0] * scores->dim[1]);
    return gcam__targets_place(study);
}

static gcam_status check_methods(const gcam__study *study) {
    for (size_t m = 0; m < study->method_count; m++) {
        if (study->options.smooth & GCAM_SMOOTH_PRINCIPAL && !gcam__weighs_channels(study->methods[m]))
            return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                              "%s does not weigh channels, so there is no principal component of them",
                              study->methods[m]->info.id);
        const gcam__method *method = study->methods[m];
        int of_layer = (method->wants & GCAM__WANTS_LAYER) != 0;
        if (method->check && !of_layer) GCAM_TRY(method->check(study, NULL));
        for (size_t i = 0; i < study->layer_count && method->check && of_layer; i++)
            GCAM_TRY(method->check(study, gcam__layer_for(study, method, i)));
    }
    return GCAM_OK;
}

static gcam_status make_aims(gcam__study *study) {
    study->aim_count = study->options.target_count;
    study->aims = gcam__calloc(study->aim_count, sizeof *study->aims);
    if (!study->aims) return gcam_last_error()->status;
    for (size_t i = 0; i < study->aim_count; i++) {
        study->aims[i].gradient = gcam__calloc(study->layer_count, sizeof(float *));
        if (!study->aims[i].gradient) return gcam_last_error()->status;
    }
    return GCAM_OK;
}

/* Every channel of the input is flat. */
static int is_blank(const gcam__study *study) {
    const int64_t *dim = study->input->shape.dim;
    int64_t plane = dim[2] * dim[3];
    for (int64_t c = 0; plane > 1 && c < dim[1]; c++) {
        if (!gcam__is_flat(study->input->data + (study->image * dim[1] + c) * plane, plane)) return 0;
    }
    return plane > 1;
}

gcam_status gcam__study_prepare(gcam__study *study, const gcam_explain_options *options) {
    study->is_blank = is_blank(study);
    GCAM_TRY(read_options(study, options));
    GCAM_TRY(find_methods(study));
    GCAM_TRY(find_scores(study));
    GCAM_TRY(gcam__layers_resolve(study));
    GCAM_TRY(gcam__targets_check(study));
    GCAM_TRY(check_methods(study));
    GCAM_TRY(gcam__fusion_check(study));
    return make_aims(study);
}

void gcam__study_clear(gcam__study *study) {
    for (size_t i = 0; study->aims && i < study->aim_count; i++) {
        gcam__aim *aim = &study->aims[i];
        for (size_t l = 0; aim->gradient && l < study->layer_count; l++) gcam__free(aim->gradient[l]);
        for (int rule = 0; rule < GCAM__RULES; rule++) gcam__free(aim->pixels[rule]);
        gcam__free(aim->gradient);
        gcam__free(aim->seed);
    }
    for (size_t i = 0; study->layers && i < study->layer_count; i++) gcam__free(study->layers[i].activation);
    gcam__free(study->aims);
    gcam__free(study->layers);
    gcam__free(study->methods);
    gcam__free(study->z);
    gcam__free(study->p);
}

/* A class has a label; a channel of some layer is a channel. */
static char *label_of(const gcam__study *study, const gcam_target *target) {
    char text[160];
    int of_channel = target->kind == GCAM_TARGET_AREA && study->end != study->logits;
    const char *label = study->model && !of_channel ? gcam_model_label(study->model, target->class_index) : NULL;
    if (of_channel)
        snprintf(text, sizeof text, "channel %d of %.100s", target->class_index,
                 study->network->nodes[study->end].name);
    else if (!label)
        snprintf(text, sizeof text, "class %d", target->class_index);
    return gcam__strdup(label ? label : text);
}

/* The explanation outlives the call, so it has the target's words and numbers for itself. */
static gcam_status keep_target(const gcam__study *study, gcam_explanation *e, const gcam_target *target) {
    gcam__text text = {0};
    gcam__target_text(target, &text);
    e->target_text = text.data;
    e->target = *target;
    e->target.mask = NULL;
    e->target.reference = NULL;
    e->target.function = NULL;
    e->target.user = NULL;
    e->target.layer = target->layer ? gcam__strdup(target->layer) : NULL;
    e->target.terms = NULL;
    e->label = label_of(study, target);
    if (text.status != GCAM_OK || !e->label || (target->layer && !e->target.layer)) return gcam_last_error()->status;
    if (!target->terms) return GCAM_OK;
    gcam_term *terms = gcam__alloc(target->term_count * sizeof *terms);
    if (!terms) return gcam_last_error()->status;
    memcpy(terms, target->terms, target->term_count * sizeof *terms);
    e->target.terms = terms;
    return GCAM_OK;
}

/* What an explanation says of itself before its method runs; fused layers have a common name. */
static gcam_status describe(const gcam__task *task, int fused) {
    const gcam__study *study = task->study;
    gcam_explanation *e = task->e;
    GCAM_TRY(keep_target(study, e, &task->aim->target));
    e->score = task->aim->score;
    e->residual = NAN;
    e->profile = study->options.profile;
    e->seed = study->options.seed;
    e->probability = task->aim->probability;
    e->geometry = study->geometry;
    e->bgr = study->model && gcam_model_preprocess(study->model)->bgr;
    if (study->is_blank) e->warnings |= GCAM_WARN_BLANK;
    if (gcam__is_saturated(study, task->aim)) e->warnings |= GCAM_WARN_SATURATED;
    if (!task->layer) return GCAM_OK;
    if (fused) return gcam__fused_layer(study, &e->layer);
    if (task->layer->h * task->layer->w == 1) e->warnings |= GCAM_WARN_LAYER_1X1;
    e->layer = gcam__strdup(task->layer->name);
    return e->layer ? GCAM_OK : GCAM_ERR_NOMEM;
}

gcam__task gcam__task_of(const gcam__study *study, gcam_explanation *e) {
    const gcam__aim *aim = &study->aims[e->aim];
    int of_layer = (e->method->wants & GCAM__WANTS_LAYER) != 0;
    return (gcam__task){study, aim, of_layer ? gcam__layer_for(study, e->method, e->map_layer) : NULL,
                        of_layer ? aim->gradient[e->map_layer] : NULL, e};
}

static gcam_status explain_one(gcam_explanation **out, const gcam__study *study, size_t a, size_t l,
                               const gcam__method *method) {
    *out = gcam__calloc(1, sizeof **out);
    if (!*out) return gcam_last_error()->status;
    (*out)->method = method;
    (*out)->aim = a;
    (*out)->map_layer = l;
    gcam__task task = gcam__task_of(study, *out);
    GCAM_TRY(describe(&task, 0));
    return method->run(&task);
}

/* From the raw result, averaged over views or not, to what is shown. */
static gcam_status finish(const gcam__study *study, gcam_explanation *e) {
    gcam__task task = gcam__task_of(study, e);
    if (study->options.smooth & GCAM_SMOOTH_VIEWS) {
        if (e->method->run == gcam__cam_run) gcam__cam_finish(&task);
        e->residual = NAN; /* the mean of the views' shares sums to no single score */
    }
    const gcam_shape *raw = &e->raw->shape;
    int64_t dim[3] = {raw->rank == 3 ? raw->dim[0] : 1, raw->dim[raw->rank - 2], raw->dim[raw->rank - 1]};
    GCAM_TRY(gcam__check_finite(e->method->info.id, "the result", e->raw->data, dim));
    GCAM_TRY(gcam__display(&task));
    GCAM_TRY(gcam__channels_list(&task));
    return gcam__sentence(e);
}

/* Targets outermost, then layers, then methods; methods of pixels appear with the first layer only. */
static gcam_status explain_all(gcam_explanation **list, size_t *count, const gcam__study *study) {
    size_t layers = study->layer_count ? study->layer_count : 1;
    for (size_t a = 0; a < study->aim_count; a++) {
        for (size_t l = 0; l < layers; l++) {
            for (size_t m = 0; m < study->method_count; m++) {
                if (l > 0 && !(study->methods[m]->wants & GCAM__WANTS_LAYER)) continue;
                GCAM_TRY(explain_one(&list[(*count)++], study, a, l, study->methods[m]));
            }
        }
    }
    if (study->options.smooth & GCAM_SMOOTH_VIEWS) GCAM_TRY(gcam__average_views(study, list, *count));
    for (size_t i = 0; i < *count; i++) GCAM_TRY(finish(study, list[i]));
    return GCAM_OK;
}

/* Puts one explanation in the place of the one at `first` and drops its sisters of other layers. */
static gcam_status fuse_at(gcam_explanation **list, size_t first, size_t *count, const gcam__study *study) {
    const gcam_explanation *one = list[first];
    gcam_explanation *out = gcam__calloc(1, sizeof *out), **parts = gcam__calloc(study->layer_count, sizeof *parts);
    gcam_status status = out && parts ? GCAM_OK : gcam_last_error()->status;
    size_t kept = first + 1, found = 0;
    if (status == GCAM_OK) {
        out->method = one->method;
        out->aim = one->aim;
        gcam__task task = gcam__task_of(study, out);
        status = describe(&task, 1);
    }
    for (size_t i = first; i < *count && status == GCAM_OK; i++) {
        if (list[i]->method == one->method && list[i]->aim == one->aim)
            parts[found++] = list[i];
        else if (i > first)
            list[kept++] = list[i];
    }
    if (status == GCAM_OK) {
        status = gcam__join_layers(study, out, parts, found);
        if (status == GCAM_OK) status = gcam__sentence(out);
        for (size_t i = 0; i < found; i++) gcam_explanation_free(parts[i]);
        list[first] = out;
        *count = kept;
    } else {
        gcam_explanation_free(out);
    }
    gcam__free(parts);
    return status;
}

static gcam_status run(gcam_explanation ***out, size_t *count, gcam__study *study,
                       const gcam_explain_options *options) {
    GCAM_TRY(gcam__study_prepare(study, options));
    GCAM_TRY(gcam__gather(study));
    size_t most = study->aim_count * study->method_count * (study->layer_count ? study->layer_count : 1);
    gcam_explanation **list = gcam__calloc(most, sizeof *list);
    if (!list) return gcam_last_error()->status;
    size_t made = 0;
    gcam_status status = explain_all(list, &made, study);
    for (size_t i = 0; i < made && status == GCAM_OK; i++) {
        if (gcam__fuses(study, list[i]->method)) status = fuse_at(list, i, &made, study);
    }
    if (status != GCAM_OK) {
        gcam_explanations_free(list, made);
        return status;
    }
    *out = list;
    *count = made;
    return GCAM_OK;
}

/* With the geometry of a photo, or NULL for a tensor that came without one. */
static gcam_status explain_input(gcam_explanation ***out, size_t *count, gcam__study *study,
                                 const gcam_geometry *geometry, const gcam_explain_options *options) {
    const int64_t *dim = study->input->shape.dim;
    study->network = gcam_session_network(study->session);
    study->model = gcam_session_model(study->session);
    if (geometry)
        study->geometry = *geometry;
    else
        study->geometry = (gcam_geometry){.scale_x = 1,
                                          .scale_y = 1,
                                          .photo_width = (int)dim[3],
                                          .photo_height = (int)dim[2],
                                          .input_width = (int)dim[3],
                                          .input_height = (int)dim[2]};
    gcam_status status = run(out, count, study, options);
    gcam__study_clear(study);
    return status;
}

gcam_status gcam_explain_tensor(gcam_explanation ***out, size_t *count, gcam_session *s, const gcam_tensor *input,
                                int64_t index, const gcam_explain_options *options) {
    if (!out || !count) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is nowhere to put the explanations");
    *out = NULL;
    *count = 0;
    if (!s || !input) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "explaining needs a session and an input");
    gcam_shape wanted = gcam_session_input_shape(s);
    char expected[160], found[160];
    if (wanted.rank != 4 || gcam_network_input_count(gcam_session_network(s)) != 1)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                          "only networks with one input, a picture N x C x H x W, can be explained");
    if (!gcam_shape_equal(&input->shape, &wanted))
        return gcam__fail(GCAM_ERR_SHAPE, "explain", "the input is %s, the session was made for %s",
                          gcam__shape_text(&input->shape, found), gcam__shape_text(&wanted, expected));
    if (index < 0 || index >= wanted.dim[0])
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is no image %lld in a batch of %lld", (long long)index,
                          (long long)wanted.dim[0]);
    gcam__study study = {.session = s, .input = input, .image = index};
    return explain_input(out, count, &study, NULL, options);
}

gcam_status gcam_explain_many(gcam_explanation ***out, size_t *count, gcam_session *s, const gcam_image *photo,
                              const gcam_explain_options *options) {
    if (!out || !count) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is nowhere to put the explanations");
    *out = NULL;
    *count = 0;
    if (!s || !photo) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "explaining needs a session and a photo");
    gcam_tensor *input = NULL;
    gcam_geometry geometry;
    GCAM_TRY(gcam__photo_to_input(&input, s, photo, &geometry));
    gcam__study study = {.session = s, .input = input};
    gcam_status status = explain_input(out, count, &study, &geometry, options);
    gcam_tensor_free(input);
    return status;
}

gcam_status gcam_explain(gcam_explanation **out, gcam_session *s, const gcam_image *photo,
                         const gcam_explain_options *options) {
    if (!out) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is nowhere to put the explanation");
    *out = NULL;
    gcam__study first = {0};
    GCAM_TRY(read_options(&first, options));
    first.options.struct_size = sizeof first.options;
    first.options.method_count = first.options.target_count = 1;
    if (first.options.layer_count) first.options.layer_count = 1;
    gcam_explanation **list = NULL;
    size_t count;
    GCAM_TRY(gcam_explain_many(&list, &count, s, photo, &first.options));
    *out = list[0];
    gcam__free(list);
    return GCAM_OK;
}
