/* Baselines: inputs that say nothing about the photo, from which paths start and with which DeepLIFT compares. In units of the network's
 * input, through the model's mean and standard deviation. */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

enum { DRAWS = 4, RANDOM_STREAM = 1 };

static const gcam_baseline several[] = {GCAM_BASELINE_BLACK, GCAM_BASELINE_WHITE, GCAM_BASELINE_MEAN,
                                        GCAM_BASELINE_BLUR};
enum { SEVERAL = sizeof several / sizeof *several };

double gcam__pixel_value(const gcam__study *study, int64_t c, double v) {
    if (!study->model || c > 2) return v;
    const gcam_preprocess *how = gcam_model_preprocess(study->model);
    return (v * 255 * how->scale - how->mean[c]) / how->std[c];
}

/* One axis of a Gaussian of 10 pixels, edges repeated: `count` lines of `length` elements that lie `step` apart. */
static void blur_line(float *line, float *copy, int64_t length, int64_t step) {
    enum { RADIUS = 30 };
    static const double sigma = 10;
    for (int64_t i = 0; i < length; i++) copy[i] = line[i * step];
    for (int64_t i = 0; i < length; i++) {
        double sum = 0, total = 0;
        for (int64_t d = -RADIUS; d <= RADIUS; d++) {
            int64_t at = i + d < 0 ? 0 : i + d >= length ? length - 1 : i + d;
            double weight = exp(-0.5 * (double)(d * d) / (sigma * sigma));
            sum += weight * copy[at], total += weight;
        }
        line[i * step] = (float)(sum / total);
    }
}

static gcam_status blur(const int64_t *dim, float *x) {
    float *copy = gcam__alloc((size_t)(dim[2] > dim[3] ? dim[2] : dim[3]) * sizeof *copy);
    if (!copy) return gcam_last_error()->status;
    for (int64_t c = 0; c < dim[1]; c++) {
        float *plane = x + c * dim[2] * dim[3];
        for (int64_t y = 0; y < dim[2]; y++) blur_line(plane + y * dim[3], copy, dim[3], 1);
        for (int64_t i = 0; i < dim[3]; i++) blur_line(plane + i, copy, dim[2], dim[3]);
    }
    gcam__free(copy);
    return GCAM_OK;
}

/* Each channel's mean everywhere. */
static void flatten(const int64_t *dim, float *x) {
    int64_t plane = dim[2] * dim[3];
    for (int64_t c = 0; c < dim[1]; c++) {
        double sum = 0;
        for (int64_t i = 0; i < plane; i++) sum += x[c * plane + i];
        for (int64_t i = 0; i < plane; i++) x[c * plane + i] = (float)(sum / (double)plane);
    }
}

/* Draw number `draw` of a kind, into `x`, which holds a copy of the input. */
static gcam_status make_one(const gcam__study *study, gcam_baseline kind, int64_t draw, float *x) {
    const int64_t *dim = study->input->shape.dim;
    int64_t plane = dim[2] * dim[3], size = dim[1] * plane;
    if (kind == GCAM_BASELINE_BLUR) return blur(dim, x);
    if (kind == GCAM_BASELINE_MEAN) flatten(dim, x);
    if (kind == GCAM_BASELINE_MEAN) return GCAM_OK;
    for (int64_t i = 0; i < size; i++) {
        double v = kind == GCAM_BASELINE_WHITE ? 1 : 0;
        if (kind == GCAM_BASELINE_UNIFORM)
            v = gcam__random_uniform(study->options.seed, RANDOM_STREAM, (uint64_t)draw, (uint64_t)i);
        x[i] = kind == GCAM_BASELINE_ZERO ? 0 : (float)gcam__pixel_value(study, i / plane, v);
    }
    return GCAM_OK;
}

static gcam_status take_callers(const gcam__study *study, float **out, int64_t *draws) {
    const gcam_tensor *set = study->options.baseline_set;
    const gcam_shape *shape = &set->shape;
    gcam_shape one = study->input->shape;
    if (shape->rank == one.rank) one.dim[0] = shape->dim[0];
    if (!gcam_shape_equal(shape, &one) || shape->dim[0] < 1)
        return gcam__fail(GCAM_ERR_SHAPE, "explain", "baselines must have the input's shape, with any batch");
    *draws = shape->dim[0];
    *out = gcam__alloc((size_t)gcam_shape_count(shape) * sizeof **out);
    if (!*out) return gcam_last_error()->status;
    memcpy(*out, set->data, (size_t)gcam_shape_count(shape) * sizeof **out);
    return GCAM_OK;
}

gcam_status gcam__baselines_make(const gcam__study *study, float **out, int64_t *draws) {
    gcam_baseline kind = study->options.baseline;
    const int64_t *dim = study->input->shape.dim;
    int64_t size = dim[1] * dim[2] * dim[3];
    *out = NULL;
    if (study->options.baseline_set) return take_callers(study, out, draws);
    *draws = kind == GCAM_BASELINE_UNIFORM ? DRAWS : kind == GCAM_BASELINE_SEVERAL ? SEVERAL : 1;
    *out = gcam__calloc((size_t)(size * *draws), sizeof **out);
    if (!*out) return gcam_last_error()->status;
    for (int64_t draw = 0; draw < *draws; draw++) {
        float *x = *out + draw * size;
        memcpy(x, study->input->data + study->image * size, (size_t)size * sizeof *x);
        GCAM_TRY(make_one(study, kind == GCAM_BASELINE_SEVERAL ? several[draw] : kind, draw, x));
    }
    return GCAM_OK;
}
