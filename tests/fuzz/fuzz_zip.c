/* PyTorch's zip container. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"
#include "support/checkpoints.h"

FUZZ_TARGET(zip) {
    fuzz_table(&gcam__torch_zip_reader, data, size);
    return 0;
}

FUZZ_SEEDS(zip) {
    blob b = {0};
    sample_zip(&b, &sample_usual);
    emit(context, b.data, b.size);
    blob_free(&b);
    sample other = sample_usual;
    other.style = SAMPLE_PARAMETER;
    other.prefix = "module.";
    other.wrapper = "state_dict";
    sample_zip(&b, &other);
    emit(context, b.data, b.size);
    blob_free(&b);
}
