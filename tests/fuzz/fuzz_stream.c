/* PyTorch's stream container. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"
#include "support/checkpoints.h"

FUZZ_TARGET(stream) {
    fuzz_table(&gcam__torch_stream_reader, data, size);
    return 0;
}

FUZZ_SEEDS(stream) {
    blob b = {0};
    sample_stream(&b, &sample_usual);
    emit(context, b.data, b.size);
    blob_free(&b);
    sample other = sample_usual;
    other.style = SAMPLE_PARAMETER;
    other.prefix = "module.";
    other.wrapper = "state_dict";
    sample_stream(&b, &other);
    emit(context, b.data, b.size);
    blob_free(&b);
}
