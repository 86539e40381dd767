/* PyTorch's zip container. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"

FUZZ_TARGET(zip) {
    fuzz_table(&gcam__torch_zip_reader, data, size);
    return 0;
}

FUZZ_SEEDS(zip) {
    emit_samples(emit, context, sample_zip);
}
