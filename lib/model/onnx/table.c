/* The table of operators. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <string.h>

static const gcam__onnx_op table[] = {
#define ROW(name) {#name, gcam__onnx_##name, 0},
#define CONSTANT_ROW(name) {#name, gcam__onnx_##name, 1},
    GCAM__ONNX_OPS(ROW) GCAM__ONNX_CONSTANT_OPS(CONSTANT_ROW)
#undef ROW
#undef CONSTANT_ROW
};

const gcam__onnx_op *gcam__onnx_op_at(size_t index) {
    return index < sizeof table / sizeof *table ? &table[index] : NULL;
}

const gcam__onnx_op *gcam__onnx_op_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

/* Operators for shapes and indices reach their translator only where fold.c could not reckon them. */
#define ONLY_CONSTANT(name)                                                                    \
    gcam_status gcam__onnx_##name(gcam__importer *im) {                                        \
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it is supported on constants only"); \
    }
GCAM__ONNX_CONSTANT_OPS(ONLY_CONSTANT)
