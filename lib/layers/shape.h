/* What the operations share when they infer shapes: checks with their sentences, and products of sizes. */
#ifndef GCAM_LAYERS_SHAPE_H
#define GCAM_LAYERS_SHAPE_H

#include "layers/layer.h"

/* SHAPE unless `in` is N C H W with sizes within 31 bits. */
gcam_status gcam__expect_image(const gcam__layer *layer, const gcam_shape *in);
/* SHAPE unless `in` has at least `rank` dimensions. */
gcam_status gcam__expect_rank(const gcam__layer *layer, const gcam_shape *in, int rank);
/* `*out` = axis as 0 .. rank-1; negative axes count from the end. SHAPE if there is no such dimension. */
gcam_status gcam__expect_axis(const gcam__layer *layer, const gcam_shape *in, int64_t axis, int *out);
/* Every infer ends with it: SHAPE if an output is empty, LIMIT if its bytes do not fit into memory sizes. */
gcam_status gcam__check_output(const gcam__layer *layer, const gcam_shape *out);

/* The infer of operations whose output has their first input's shape. */
gcam_status gcam__infer_same(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out);

/* Product of the sizes of dimensions from .. to-1. */
int64_t gcam__dim_product(const gcam_shape *shape, int from, int to);
/* a * b for a, b >= 0; INT64_MAX where that is too large. For counts that only inform. */
int64_t gcam__saturating_mul(int64_t a, int64_t b);

#endif
