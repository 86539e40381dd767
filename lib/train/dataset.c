/* Labelled photos in memory. */
#include "core/memory.h"
#include "core/random.h"
#include "core/status.h"
#include "train/train.h"

#include <string.h>

enum { MAX_SIDE = 4096 };

gcam_status gcam_dataset_create(gcam_dataset **out, int side, const char *const *labels, size_t classes) {
    *out = NULL;
    if (side < 1 || side > MAX_SIDE || classes < 1 || classes > INT32_MAX || !labels)
        return gcam__fail(GCAM_ERR_ARGUMENT, "dataset",
                          "photos of %d pixels and %zu classes: expected a side of 1 to %d and at least one label",
                          side, classes, MAX_SIDE);
    gcam_dataset *dataset = gcam__calloc(1, sizeof *dataset);
    if (!dataset) return GCAM_ERR_NOMEM;
    dataset->side = side;
    gcam_status status = gcam__labels_copy(&dataset->labels, labels, classes, (int)classes);
    if (status != GCAM_OK) {
        gcam_dataset_free(dataset);
        return status;
    }
    *out = dataset;
    return GCAM_OK;
}

/* Takes a block of pixels. */
static gcam_status append(gcam_dataset *dataset, uint8_t *pixels, int class_index) {
    GCAM_TRY(gcam__grow((void **)&dataset->photos, dataset->count, &dataset->photo_capacity, sizeof *dataset->photos));
    GCAM_TRY(
        gcam__grow((void **)&dataset->classes, dataset->count, &dataset->class_capacity, sizeof *dataset->classes));
    dataset->photos[dataset->count] = pixels;
    dataset->classes[dataset->count++] = class_index;
    return GCAM_OK;
}

/* The middle of a picture that is at least as large as the photos of the set. */
static gcam_status append_middle(gcam_dataset *dataset, const gcam_image *image, int class_index) {
    size_t side = (size_t)dataset->side, row = side * 3;
    size_t left = ((size_t)image->width - side) / 2, top = ((size_t)image->height - side) / 2;
    uint8_t *pixels = gcam__alloc(side * row);
    if (!pixels) return GCAM_ERR_NOMEM;
    for (size_t y = 0; y < side; y++)
        memcpy(pixels + y * row, image->pixels + ((top + y) * (size_t)image->width + left) * 3, row);
    gcam_status status = append(dataset, pixels, class_index);
    if (status != GCAM_OK) gcam__free(pixels);
    return status;
}

gcam_status gcam_dataset_add(gcam_dataset *dataset, const gcam_image *photo, int class_index) {
    if (!dataset || !photo || class_index < 0 || class_index >= dataset->labels.count)
        return gcam__fail(GCAM_ERR_ARGUMENT, "dataset", "class %d: the set has classes 0 to %d", class_index,
                          dataset ? dataset->labels.count - 1 : -1);
    int64_t side = dataset->side, small = photo->width < photo->height ? photo->width : photo->height;
    if (small == side) return append_middle(dataset, photo, class_index);
    gcam_image *resized = NULL; /* short side to `side`, the other rounded down as torchvision does */
    GCAM_TRY(
        gcam_image_resize(&resized, photo, (int)(side * photo->width / small), (int)(side * photo->height / small)));
    gcam_status status = append_middle(dataset, resized, class_index);
    gcam_image_free(resized);
    return status;
}

gcam_status gcam_dataset_split(gcam_dataset **out, gcam_dataset *dataset, double share, uint64_t seed) {
    *out = NULL;
    if (!dataset || !(share > 0 && share < 1))
        return gcam__fail(GCAM_ERR_ARGUMENT, "dataset", "a share of %g cannot be split off, expected one within 0 to 1",
                          share);
    gcam_dataset *part = NULL;
    GCAM_TRY(gcam_dataset_create(&part, dataset->side, dataset->labels.text, (size_t)dataset->labels.count));
    gcam_status status = GCAM_OK;
    size_t kept = 0, count = dataset->count;
    for (size_t i = 0; i < count; i++) {
        int moves = status == GCAM_OK && gcam__random_uniform(seed, GCAM__STREAM_SPLIT, 0, i) < share;
        if (moves) status = append(part, dataset->photos[i], dataset->classes[i]);
        if (moves && status == GCAM_OK) continue;
        dataset->photos[kept] = dataset->photos[i];
        dataset->classes[kept++] = dataset->classes[i];
    }
    dataset->count = kept;
    *out = part; /* also where memory ran out: no photo is lost */
    return status;
}

size_t gcam_dataset_count(const gcam_dataset *dataset) {
    return dataset ? dataset->count : 0;
}

size_t gcam_dataset_class_count(const gcam_dataset *dataset) {
    return dataset ? (size_t)dataset->labels.count : 0;
}

const char *gcam_dataset_label(const gcam_dataset *dataset, size_t class_index) {
    return class_index < gcam_dataset_class_count(dataset) ? dataset->labels.text[class_index] : NULL;
}

int gcam_dataset_class(const gcam_dataset *dataset, size_t photo) {
    return photo < gcam_dataset_count(dataset) ? dataset->classes[photo] : -1;
}

void gcam_dataset_free(gcam_dataset *dataset) {
    if (!dataset) return;
    for (size_t i = 0; i < dataset->count; i++) gcam__free(dataset->photos[i]);
    gcam__free(dataset->photos);
    gcam__free(dataset->classes);
    gcam__labels_clear(&dataset->labels);
    gcam__free(dataset);
}
