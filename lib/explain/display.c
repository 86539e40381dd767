/* From a raw result to the display map (METHODS 1.3, 1.4): reduce to one plane, rectify, resize to the input, normalise. The profile
 * chooses the resampling and the normalisation:
 *   paper     bilinear, divided by the maximum           captum    nearest, divided by the value that holds 98 % of the sum
 *   lua       bilinear with aligned corners, / maximum   torchcam  min-max at the layer's size, bilinear
 *   pgc       min-max at the layer's size, bilinear, min-max again */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>

static gcam__interpolation interpolation(gcam_profile profile) {
    if (profile == GCAM_PROFILE_CAPTUM) return GCAM__NEAREST;
    return profile == GCAM_PROFILE_LUA ? GCAM__BILINEAR_ALIGNED : GCAM__BILINEAR;
}

static void min_max(float *map, int64_t count, double epsilon) {
    float low = map[0], high = map[0];
    for (int64_t i = 1; i < count; i++) low = fminf(low, map[i]), high = fmaxf(high, map[i]);
    double range = (double)high - low + epsilon;
    for (int64_t i = 0; i < count; i++) map[i] = (float)((map[i] - (double)low) / range);
}

static void first_min_max(gcam_profile profile, float *map, int64_t count) {
    if (profile == GCAM_PROFILE_PYTORCH_GRAD_CAM) min_max(map, count, 1e-7);
    if (profile == GCAM_PROFILE_TORCHCAM) min_max(map, count, 1e-8);
}

static void resize(const gcam__study *study, const float *map, int64_t h, int64_t w, float *out) {
    const int64_t *size = study->input->shape.dim;
    gcam__resize_map(map, h, w, out, size[2], size[3], interpolation(study->options.profile));
}

void gcam__map_to_input(const gcam__study *study, float *map, int64_t h, int64_t w, float *out) {
    first_min_max(study->options.profile, map, h * w);
    resize(study, map, h, w, out);
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Divides by the magnitude at which the sorted magnitudes reach 98 % of their sum, and clips. */
static gcam_status percentile(float *map, int64_t count) {
    float *sorted = gcam__alloc((size_t)count * sizeof *sorted);
    if (!sorted) return gcam_last_error()->status;
    double sum = 0, partial = 0, limit = 0;
    for (int64_t i = 0; i < count; i++) sum += sorted[i] = fabsf(map[i]);
    qsort(sorted, (size_t)count, sizeof *sorted, by_size);
    for (int64_t i = 0; i < count && partial < 0.98 * sum; i++) partial += limit = sorted[i];
    for (int64_t i = 0; i < count && limit > 0; i++) map[i] = (float)fmax(-1, fmin(1, map[i] / limit));
    gcam__free(sorted);
    return GCAM_OK;
}

static gcam_status normalise(gcam_profile profile, gcam__show show, float *map, int64_t count) {
    if (profile == GCAM_PROFILE_CAPTUM) return percentile(map, count);
    if (show != GCAM__SHOW_SIGNED && profile == GCAM_PROFILE_PYTORCH_GRAD_CAM) {
        min_max(map, count, 1e-7);
        return GCAM_OK;
    }
    if (show == GCAM__SHOW_POSITIVE && profile == GCAM_PROFILE_TORCHCAM) return GCAM_OK;
    double largest = gcam__max_abs(map, count);
    for (int64_t i = 0; i < count && largest > 0; i++) map[i] = (float)(map[i] / largest);
    return GCAM_OK;
}

/* `plane` = max over the channels of |raw|. */
static void max_abs_channels(const gcam_tensor *raw, float *plane) {
    int64_t size = raw->shape.dim[1] * raw->shape.dim[2];
    for (int64_t i = 0; i < size; i++) plane[i] = 0;
    for (int64_t c = 0; c < raw->shape.dim[0]; c++) {
        for (int64_t i = 0; i < size; i++) plane[i] = fmaxf(plane[i], fabsf(raw->data[c * size + i]));
    }
}

void gcam__enlarge(const float *map, const int64_t from[2], float *out, const int64_t to[2]) {
    gcam__resize_map(map, from[0], from[1], out, to[0], to[1], GCAM__BILINEAR);
}

gcam_status gcam__make_pixels(const gcam__task *task, int64_t channels) {
    const int64_t *dim = task->study->input->shape.dim;
    gcam_shape shape = {3, {channels, dim[2], dim[3]}};
    return gcam_tensor_create(&task->e->raw, &shape);
}

/* Fills `out` (input size) from the map of a layer; 1 where the map is flat. */
static int show_layer(const gcam__task *task, float *map, float *out) {
    const gcam_tensor *raw = task->e->raw;
    int64_t h = raw->shape.dim[0], w = raw->shape.dim[1];
    gcam__show show = task->e->method->show;
    int is_signed = show == GCAM__SHOW_SIGNED;
    for (int64_t i = 0; i < h * w; i++) map[i] = show != GCAM__SHOW_POSITIVE || raw->data[i] > 0 ? raw->data[i] : 0;
    if (gcam__is_flat(map, h * w)) return 1;
    if (show == GCAM__SHOW_RANGE) min_max(map, h * w, 0);
    if (is_signed)
        resize(task->study, map, h, w, out);
    else
        gcam__map_to_input(task->study, map, h, w, out);
    return 0;
}

gcam_status gcam__display(const gcam__task *task) {
    gcam_explanation *e = task->e;
    const int64_t *size = task->study->input->shape.dim;
    gcam_shape shape = {2, {size[2], size[3]}};
    int64_t count = size[2] * size[3];
    int flat;
    GCAM_TRY(gcam_tensor_create(&e->map, &shape));
    if (e->raw->shape.rank == 3) {
        max_abs_channels(e->raw, e->map->data);
        flat = gcam__is_flat(e->map->data, count);
        if (!flat && e->method->show == GCAM__SHOW_RANGE) min_max(e->map->data, count, 0);
    } else {
        float *copy = gcam__alloc((size_t)gcam_shape_count(&e->raw->shape) * sizeof *copy);
        if (!copy) return gcam_last_error()->status;
        flat = show_layer(task, copy, e->map->data);
        gcam__free(copy);
    }
    if (!flat) return normalise(task->study->options.profile, e->method->show, e->map->data, count);
    e->warnings |= GCAM_WARN_FLAT;
    for (int64_t i = 0; i < count; i++) e->map->data[i] = 0;
    return GCAM_OK;
}
