/* What reckoning at import is made of. Integers and truth values are int64_t, everything else is float. */
#ifndef GCAM_MODEL_ONNX_FOLD_H
#define GCAM_MODEL_ONNX_FOLD_H

#include "model/onnx/import.h"

int gcam__fold_is_integer(const gcam_tensor_entry *entry);
/* Input `index` of the node as a constant; NULL where it is left out or computed. */
const gcam_tensor_entry *gcam__fold_input(const gcam__importer *im, size_t index);
/* A result of int64_t or of floats, filled by the caller. */
gcam_status gcam__fold_result(gcam__importer *im, int integer, const gcam_shape *shape, gcam_tensor_entry *out,
                              void **data);
/* data[i] = element `j` of `from`. */
void gcam__fold_store(void *data, int integer, int64_t i, const gcam_tensor_entry *from, int64_t j);
/* The shape that both broadcast to, NumPy's rule; 0 where they do not fit. */
int gcam__fold_broadcast(const gcam_shape *a, const gcam_shape *b, gcam_shape *out);

/* Which element of an operand belongs to element `i` of what it is broadcast to. */
int64_t gcam__fold_index(const gcam_shape *operand, const gcam_shape *result, int64_t i);

/* Operators element by element. `*done` 0: the node is none of them. */
gcam_status gcam__onnx_fold_math(gcam__importer *im, int *done);

#endif
