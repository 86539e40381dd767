/* ONNX files: the wire format and the reader; whatever it accepts is read whole. */
#include "core/memory.h"
#include "fuzz/fuzz.h"
#include "io/onnx.h"

static void read_entry(const gcam_tensor_entry *entry) {
    int64_t count = gcam_shape_count(&entry->shape);
    if (count <= 0 || count > 1 << 20) return;
    float *values = gcam__calloc((size_t)count, sizeof *values);
    if (values) gcam_tensor_entry_read(entry, values);
    gcam__free(values);
}

FUZZ_TARGET(onnx) {
    gcam__arena arena = {0};
    gcam__file file = {data, size, 0};
    gcam__onnx_model *model;
    gcam_tensor_entry tensor;
    gcam__onnx_detect(data, size);
    if (gcam__onnx_read(&model, &file, &arena) == GCAM_OK) {
        for (size_t i = 0; i < model->initializer_count; i++) read_entry(&model->initializers[i]);
        for (size_t i = 0; i < model->node_count; i++)
            for (size_t k = 0; k < model->nodes[i].attribute_count; k++)
                if (model->nodes[i].attributes[k].type == GCAM__ONNX_TENSOR)
                    read_entry(&model->nodes[i].attributes[k].tensor);
    }
    if (gcam__onnx_read_tensor(&tensor, &file, &arena) == GCAM_OK) read_entry(&tensor);
    gcam__arena_free(&arena);
    return 0;
}

/* ir_version 7, an operator set, and a graph of one node; the corpus holds a whole network. */
FUZZ_SEEDS(onnx) {
    static const uint8_t file[] = {0x08, 7, 0x42, 2,    0x10, 13,  0x3A, 16, 0x0A, 14,  0x0A, 1,  'x',
                                   0x12, 1, 'y',  0x1A, 1,    'n', 0x22, 4,  'R',  'e', 'l',  'u'};
    emit(context, file, sizeof file);
}
