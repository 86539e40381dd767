/* PyTorch's stream container. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"

FUZZ_TARGET(stream) {
    fuzz_table(&gcam__torch_stream_reader, data, size);
    return 0;
}

FUZZ_SEEDS(stream) {
    emit_samples(emit, context, sample_stream);
}
