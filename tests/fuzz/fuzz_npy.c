/* NumPy's .npy. */
#include "fuzz/fuzz.h"
#include "io/npy.h"
#include "support/blob.h"

#include <string.h>

FUZZ_TARGET(npy) {
    gcam_tensor *tensor;
    gcam__file file = {data, size, 0};
    if (gcam__npy_read(&tensor, &file) == GCAM_OK) gcam_tensor_free(tensor);
    return 0;
}

FUZZ_SEEDS(npy) {
    static const char *const headers[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
                                          "{'shape': (3,), 'fortran_order': True, 'descr': '<f8'}\n"};
    for (size_t i = 0; i < 2; i++) {
        blob b = {0};
        blob_put(&b, "\x93NUMPY\1\0", 8);
        blob_number(&b, strlen(headers[i]), 2);
        blob_text(&b, headers[i]);
        blob_fill(&b, 0x40, 24);
        emit(context, b.data, b.size);
        blob_free(&b);
    }
}
