/* Methods of pixels from one pass down to the input, C x H x W: the gradient (Simonyan et al. 2014), guided backpropagation (Springenberg
 * et al. 2015), the deconvnet (Zeiler & Fergus 2014), which differ in the rule of the pass alone; input x gradient (Shrikumar et al. 2016);
 * and Guided Grad-CAM (Selvaraju et al. 2017) with its sisters: guided backpropagation times up(L) of a class activation map. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static gcam_status run_rule(const gcam__task *task, gcam_rule rule) {
    GCAM_TRY(gcam__make_pixels(task, task->study->input->shape.dim[1]));
    gcam_tensor *raw = task->e->raw;
    int64_t count = gcam_shape_count(&raw->shape);
    memcpy(raw->data, task->aim->pixels[rule], (size_t)count * sizeof *raw->data);
    if (gcam__max_abs(raw->data, count) == 0) task->e->warnings |= GCAM_WARN_ZERO_GRAD;
    return GCAM_OK;
}

/* Captum's Saliency is |dy/dx|. */
gcam_status gcam__gradient_run(const gcam__task *task) {
    GCAM_TRY(run_rule(task, GCAM_RULE_GRADIENT));
    gcam_tensor *raw = task->e->raw;
    int absolute = task->study->options.profile == GCAM_PROFILE_CAPTUM;
    for (int64_t i = 0; absolute && i < gcam_shape_count(&raw->shape); i++) raw->data[i] = fabsf(raw->data[i]);
    return GCAM_OK;
}

gcam_status gcam__guided_run(const gcam__task *task) {
    return run_rule(task, GCAM_RULE_GUIDED);
}

gcam_status gcam__deconvnet_run(const gcam__task *task) {
    return run_rule(task, GCAM_RULE_DECONVNET);
}

gcam_status gcam__input_gradient_run(const gcam__task *task) {
    GCAM_TRY(run_rule(task, GCAM_RULE_GRADIENT));
    gcam_tensor *raw = task->e->raw;
    int64_t count = gcam_shape_count(&raw->shape);
    const float *x = task->study->input->data + task->study->image * count;
    for (int64_t i = 0; i < count; i++) raw->data[i] *= x[i];
    return GCAM_OK;
}

/* raw (C x H x W) *= up(L), L the positive part of `map`, in every channel. */
static gcam_status multiply_by_map(const gcam__task *task, const gcam_tensor *map) {
    gcam_tensor *raw = task->e->raw;
    int64_t h = map->shape.dim[0], w = map->shape.dim[1], size = raw->shape.dim[1] * raw->shape.dim[2];
    float *large = gcam__alloc((size_t)(size + h * w) * sizeof *large);
    if (!large) return gcam_last_error()->status;
    float *small = large + size;
    for (int64_t i = 0; i < h * w; i++) small[i] = map->data[i] > 0 ? map->data[i] : 0;
    gcam__map_to_input(task->study, small, h, w, large);
    for (int64_t c = 0; c < raw->shape.dim[0]; c++) {
        for (int64_t i = 0; i < size; i++) raw->data[c * size + i] *= large[i];
    }
    gcam__free(large);
    return GCAM_OK;
}

/* The id of Guided X; NULL for none. */
static const char *guided_sister(const char *id) {
    char name[64];
    if (!id) return NULL;
    snprintf(name, sizeof name, "guided-%s", id);
    return gcam_method_find(name)->id;
}

gcam_status gcam__guided_cam_run(const gcam__task *task) {
    gcam_explanation *e = task->e;
    gcam_explanation map = {0};
    GCAM_TRY(gcam__method_lookup(&map.method, e->method->info.id + strlen("guided-")));
    GCAM_TRY(run_rule(task, GCAM_RULE_GUIDED));
    gcam__task inner = *task;
    inner.e = &map;
    gcam_status status = map.method->run(&inner);
    if (status == GCAM_OK) status = multiply_by_map(task, map.raw);
    e->warnings |= map.warnings;
    e->equals = guided_sister(map.equals);
    e->weights = map.weights;
    e->weight_count = map.weight_count;
    gcam_tensor_free(map.raw);
    return status;
}
