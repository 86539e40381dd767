/* Test-time augmentation (METHODS 2.17): the mean, over views of the input, of each view's result turned back. The views are the input and its
 * mirror image, each at 0.9, 1 and 1.1 times its values; the set is closed under mirroring, so the mirror image of a photo has the mirror image
 * of its map. The parts that a method keeps (ReLU) are taken of the mean. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"

#include <string.h>

enum { VIEWS = 6 };
static const double gains[VIEWS / 2] = {1, 0.9, 1.1};

/* Swaps left and right in `rows` rows. */
static void mirror(float *values, int64_t rows, int64_t width) {
    for (int64_t y = 0; y < rows; y++) {
        float *row = values + y * width;
        for (int64_t x = 0; x < width / 2; x++) {
            float swapped = row[x];
            row[x] = row[width - 1 - x], row[width - 1 - x] = swapped;
        }
    }
}

static gcam_status make_input(gcam_tensor **out, const gcam_tensor *input, int view) {
    GCAM_TRY(gcam_tensor_create(out, &input->shape));
    int64_t count = gcam_shape_count(&input->shape), width = input->shape.dim[3];
    for (int64_t i = 0; i < count; i++) (*out)->data[i] = (float)(gains[view / 2] * input->data[i]);
    if (view % 2) mirror((*out)->data, count / width, width);
    return GCAM_OK;
}

/* The targets that the plain input has resolved, with the masks of areas mirrored where the view is; one block. */
static gcam_status make_targets(gcam_target **out, const gcam__study *study, int mirrored) {
    size_t cells = (size_t)study->end_cells, count = study->aim_count;
    *out = gcam__calloc(1, count * (sizeof **out + cells));
    if (!*out) return gcam_last_error()->status;
    uint8_t *masks = (uint8_t *)(*out + count);
    const gcam_shape *shape = gcam__session_shape(study->session, study->end);
    size_t width = shape->rank == 4 ? (size_t)shape->dim[3] : 1;
    for (size_t a = 0; a < count; a++) {
        gcam_target *target = &(*out)[a];
        *target = study->aims[a].target;
        if (!mirrored || target->kind != GCAM_TARGET_AREA || !target->mask) continue;
        uint8_t *mask = masks + a * cells;
        for (size_t i = 0; i < cells; i++) mask[i] = target->mask[i / width * width + width - 1 - i % width];
        target->mask = mask;
    }
    return GCAM_OK;
}

/* Adds a view's result, turned back, to the sums. */
static void add(double *sum, gcam_tensor *raw, int mirrored) {
    int64_t count = gcam_shape_count(&raw->shape), width = raw->shape.dim[raw->shape.rank - 1];
    if (mirrored) mirror(raw->data, count / width, width);
    for (int64_t i = 0; i < count; i++) sum[i] += raw->data[i] / (double)VIEWS;
}

/* Runs every explanation's method on the view. */
static gcam_status add_all(const gcam__study *view, gcam_explanation *const *list, double *const *sums, size_t count,
                           int mirrored) {
    for (size_t i = 0; i < count; i++) {
        gcam_explanation e = {.method = list[i]->method, .aim = list[i]->aim, .map_layer = list[i]->map_layer};
        gcam__task task = gcam__task_of(view, &e);
        gcam_status status = e.method->run(&task);
        if (status == GCAM_OK) add(sums[i], e.raw, mirrored);
        gcam_tensor_free(e.raw);
        gcam__free(e.weights);
        if (status != GCAM_OK) return status;
    }
    return GCAM_OK;
}

static gcam_status run_view(const gcam__study *study, gcam_session *session, gcam_explanation *const *list,
                            double *const *sums, size_t count, int view) {
    gcam_tensor *input = NULL;
    gcam_target *targets = NULL;
    gcam__study other = {.session = session, .network = study->network, .model = study->model, .image = study->image};
    other.geometry = study->geometry;
    gcam_status status = make_input(&input, study->input, view);
    if (status == GCAM_OK) status = make_targets(&targets, study, view % 2);
    if (status == GCAM_OK) {
        gcam_explain_options options = study->options;
        options.targets = targets;
        other.input = input;
        status = gcam__study_prepare(&other, &options);
    }
    if (status == GCAM_OK) status = gcam__gather(&other);
    if (status == GCAM_OK) status = add_all(&other, list, sums, count, view % 2);
    gcam__study_clear(&other);
    gcam_tensor_free(input);
    gcam__free(targets);
    return status;
}

static gcam_status make_sums(double **sums, gcam_explanation *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sums[i] = gcam__calloc((size_t)gcam_shape_count(&list[i]->raw->shape), sizeof **sums);
        if (!sums[i]) return gcam_last_error()->status;
        add(sums[i], list[i]->raw, 0); /* the first view is the input as it is */
    }
    return GCAM_OK;
}

gcam_status gcam__average_views(const gcam__study *study, gcam_explanation *const *list, size_t count) {
    gcam_session *session = NULL;
    double **sums = gcam__calloc(count, sizeof *sums);
    if (!sums) return gcam_last_error()->status;
    gcam_status status = make_sums(sums, list, count);
    if (status == GCAM_OK) status = gcam__study_session(study, study->input->shape.dim[0], &session);
    for (int view = 1; view < VIEWS && status == GCAM_OK; view++)
        status = run_view(study, session, list, sums, count, view);
    for (size_t i = 0; i < count; i++) {
        int64_t size = gcam_shape_count(&list[i]->raw->shape);
        for (int64_t k = 0; k < size && status == GCAM_OK; k++) list[i]->raw->data[k] = (float)sums[i][k];
        gcam__free(sums[i]);
    }
    gcam_session_free(session);
    gcam__free(sums);
    return status;
}
