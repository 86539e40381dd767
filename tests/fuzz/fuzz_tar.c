/* PyTorch's tar container. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"
#include "support/checkpoints.h"

FUZZ_TARGET(tar) {
    fuzz_table(&gcam__torch_tar_reader, data, size);
    return 0;
}

FUZZ_SEEDS(tar) {
    blob b = {0};
    sample_tar(&b, &sample_usual);
    emit(context, b.data, b.size);
    blob_free(&b);
    sample other = sample_usual;
    other.style = SAMPLE_PARAMETER;
    other.prefix = "module.";
    other.wrapper = "state_dict";
    sample_tar(&b, &other);
    emit(context, b.data, b.size);
    blob_free(&b);
}
