/* The table of operators. */
#include "core/status.h"
#include "model/onnx/ops.h"

#include <string.h>

static const gcam__onnx_op table[] = {
#define ROW(name, first, last) {{#name, first, last, 1}, gcam__onnx_##name},
#define CONSTANT_ROW(name, first, last) {{#name, first, last, 0}, gcam__onnx_##name},
    GCAM__ONNX_OPS(ROW) GCAM__ONNX_CONSTANT_OPS(CONSTANT_ROW)
#undef ROW
#undef CONSTANT_ROW
};

const gcam__onnx_op *gcam__onnx_op_at(size_t index) {
    return index < sizeof table / sizeof *table ? &table[index] : NULL;
}

size_t gcam_onnx_operator_count(void) {
    return sizeof table / sizeof *table;
}

const gcam_onnx_operator *gcam_onnx_operator_at(size_t index) {
    return index < gcam_onnx_operator_count() ? &table[index].info : NULL;
}

const gcam__onnx_op *gcam__onnx_op_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].info.name, name) == 0) return &table[i];
    return NULL;
}

/* Operators for shapes and indices reach their translator only where fold.c could not reckon them. */
#define ONLY_CONSTANT(name, first, last)                                                       \
    gcam_status gcam__onnx_##name(gcam__importer *im) {                                        \
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "it is supported on constants only"); \
    }
GCAM__ONNX_CONSTANT_OPS(ONLY_CONSTANT)
