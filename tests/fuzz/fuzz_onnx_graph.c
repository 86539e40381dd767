/* ONNX files to networks: the reader, the arithmetic at import, the translators, shape inference, the binding of weights. */
#include "fuzz/fuzz.h"
#include "graph/network.h"
#include "model/onnx/import.h"

FUZZ_TARGET(onnx_graph) {
    gcam__file file = {data, size, 0};
    gcam_network *network;
    gcam_tensor_table *weights;
    if (gcam__onnx_import(&network, &weights, file, NULL) == GCAM_OK) {
        gcam_network_free(network);
        gcam_tensor_table_free(weights);
    }
    return 0;
}

/* ir_version 7, operator set 13, one node; fuzz.sh adds the ONNX project's own models where they are installed. */
FUZZ_SEEDS(onnx_graph) {
    static const uint8_t file[] = {0x08, 7, 0x42, 2,    0x10, 13,  0x3A, 16, 0x0A, 14,  0x0A, 1,  'x',
                                   0x12, 1, 'y',  0x1A, 1,    'n', 0x22, 4,  'R',  'e', 'l',  'u'};
    emit(context, file, sizeof file);
}
