/* PyTorch's tar container. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"

FUZZ_TARGET(tar) {
    fuzz_table(&gcam__torch_tar_reader, data, size);
    return 0;
}

FUZZ_SEEDS(tar) {
    emit_samples(emit, context, sample_tar);
}
