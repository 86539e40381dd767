/* What an explanation holds, and how it goes. */
#include "core/memory.h"
#include "explain/explain.h"

void gcam_explanation_free(gcam_explanation *e) {
    if (!e) return;
    gcam_tensor_free(e->raw);
    gcam_tensor_free(e->map);
    gcam__free(e->weights);
    gcam__free(e->layer);
    gcam__channels_free(e);
    gcam__free(e->sentence);
    gcam__free(e->label);
    gcam__free(e->target_text);
    gcam__free((void *)(uintptr_t)e->target.layer);
    gcam__free((void *)(uintptr_t)e->target.terms);
    gcam__free(e);
}

void gcam_explanations_free(gcam_explanation **list, size_t count) {
    for (size_t i = 0; list && i < count; i++) gcam_explanation_free(list[i]);
    gcam__free(list);
}

const gcam_tensor *gcam_explanation_raw(const gcam_explanation *e) {
    return e->raw;
}

const gcam_tensor *gcam_explanation_map(const gcam_explanation *e) {
    return e->map;
}

const float *gcam_explanation_weights(const gcam_explanation *e, size_t *count) {
    if (count) *count = e->weight_count;
    return e->weights;
}

const gcam_method_info *gcam_explanation_method(const gcam_explanation *e) {
    return &e->method->info;
}

const char *gcam_explanation_layer(const gcam_explanation *e) {
    return e->layer;
}

const gcam_target *gcam_explanation_target(const gcam_explanation *e) {
    return &e->target;
}

const char *gcam_explanation_target_text(const gcam_explanation *e) {
    return e->target_text;
}

gcam_profile gcam_explanation_profile(const gcam_explanation *e) {
    return e->profile;
}

uint64_t gcam_explanation_seed(const gcam_explanation *e) {
    return e->seed;
}

const char *gcam_explanation_equivalent(const gcam_explanation *e) {
    return e->equals;
}

int gcam_explanation_class(const gcam_explanation *e) {
    return e->target.class_index;
}

const char *gcam_explanation_label(const gcam_explanation *e) {
    return e->label;
}

double gcam_explanation_score(const gcam_explanation *e) {
    return e->score;
}

double gcam_explanation_probability(const gcam_explanation *e) {
    return e->probability;
}

double gcam_explanation_residual(const gcam_explanation *e) {
    return e->residual;
}

const gcam_geometry *gcam_explanation_geometry(const gcam_explanation *e) {
    return &e->geometry;
}

int gcam_explanation_bgr(const gcam_explanation *e) {
    return e->bgr;
}

unsigned gcam_explanation_warnings(const gcam_explanation *e) {
    return e->warnings;
}
