/* Checks and products of shapes, shared by all operations. */
#include "layers/shape.h"

#include "core/status.h"

#include <inttypes.h>

enum { TEXT = 160 };

gcam_status gcam__expect_image(const gcam__layer *layer, const gcam_shape *in) {
    char text[TEXT];
    if (in->rank != 4)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: expected an input of 4 dimensions (N C H W), found %s",
                          layer->name, gcam__shape_text(in, text));
    for (int i = 1; i < 4; i++)
        if (in->dim[i] > INT32_MAX)
            return gcam__fail(GCAM_ERR_LIMIT, "layer", "%s: an input of %s is too large", layer->name,
                              gcam__shape_text(in, text));
    return GCAM_OK;
}

gcam_status gcam__expect_rank(const gcam__layer *layer, const gcam_shape *in, int rank) {
    char text[TEXT];
    if (in->rank >= rank) return GCAM_OK;
    return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: expected an input of at least %d dimensions, found %s", layer->name,
                      rank, gcam__shape_text(in, text));
}

gcam_status gcam__expect_axis(const gcam__layer *layer, const gcam_shape *in, int64_t axis, int *out) {
    char text[TEXT];
    int64_t position = axis < 0 ? axis + in->rank : axis;
    if (position < 0 || position >= in->rank)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: an input of %s has no axis %" PRId64, layer->name,
                          gcam__shape_text(in, text), axis);
    *out = (int)position;
    return GCAM_OK;
}

gcam_status gcam__check_output(const gcam__layer *layer, const gcam_shape *out) {
    char text[TEXT];
    int64_t count = gcam_shape_count(out), bytes;
    if (count == 0)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: the output would be empty (%s)", layer->name,
                          gcam__shape_text(out, text));
    if (count < 0 || __builtin_mul_overflow(count, (int64_t)sizeof(float), &bytes) || (uint64_t)bytes > SIZE_MAX / 2)
        return gcam__fail(GCAM_ERR_LIMIT, "layer", "%s: an output of %s is too large", layer->name,
                          gcam__shape_text(out, text));
    return GCAM_OK;
}

gcam_status gcam__infer_same(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    *out = *in;
    return gcam__check_output(layer, out);
}

int64_t gcam__dim_product(const gcam_shape *shape, int from, int to) {
    int64_t product = 1;
    for (int i = from; i < to; i++) product *= shape->dim[i];
    return product;
}

int64_t gcam__saturating_mul(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}
