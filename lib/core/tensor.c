/* Shapes and tensors. */
#include "core/memory.h"
#include "core/status.h"

#include <string.h>

gcam_shape gcam_shape_nchw(int64_t n, int64_t c, int64_t h, int64_t w) {
    return (gcam_shape){4, {n, c, h, w}};
}

int64_t gcam_shape_count(const gcam_shape *shape) {
    if (!shape || shape->rank < 0 || shape->rank > GCAM_MAX_RANK) return -1;
    int64_t count = 1;
    int empty = 0; /* a later negative size must still be seen */
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) return -1;
        if (shape->dim[i] == 0)
            empty = 1;
        else if (__builtin_mul_overflow(count, shape->dim[i], &count))
            return -1;
    }
    return empty ? 0 : count;
}

int gcam_shape_equal(const gcam_shape *a, const gcam_shape *b) {
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

static gcam_status make(gcam_tensor **out, const gcam_shape *shape, float *data) {
    *out = NULL;
    int64_t count = gcam_shape_count(shape);
    if (count < 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "tensor", "a tensor's shape has a negative size or too many elements");
    gcam_tensor *tensor = gcam__calloc(1, sizeof *tensor);
    if (!tensor) return GCAM_ERR_NOMEM;
    tensor->shape = *shape;
    tensor->data = data;
    if (!data) {
        tensor->owns = 1;
        tensor->data = gcam__calloc((size_t)count, sizeof(float));
        if (!tensor->data) {
            gcam__free(tensor);
            return gcam_last_error()->status;
        }
    }
    *out = tensor;
    return GCAM_OK;
}

gcam_status gcam_tensor_create(gcam_tensor **out, const gcam_shape *shape) {
    return make(out, shape, NULL);
}

gcam_status gcam_tensor_view(gcam_tensor **out, const gcam_shape *shape, float *data) {
    if (!data) {
        *out = NULL;
        return gcam__fail(GCAM_ERR_ARGUMENT, "tensor", "a view needs data to look at");
    }
    return make(out, shape, data);
}

void gcam_tensor_free(gcam_tensor *tensor) {
    if (!tensor) return;
    if (tensor->owns) gcam__free(tensor->data);
    gcam__free(tensor);
}
