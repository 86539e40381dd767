/* The pickle machine alone: every opcode, storages that are promised but have no data. */
#include "fuzz/fuzz.h"
#include "io/torch.h"
#include "support/checkpoints.h"

static gcam_status persist(void *context, const gcam__pickle_value *id, gcam__pickle_value *out) {
    gcam__storage *storage;
    int is_new;
    return gcam__storages_from_id(context, id, out, &storage, &is_new);
}

FUZZ_TARGET(pickle) {
    gcam__arena arena = {0};
    gcam__storages storages = {.arena = &arena};
    gcam__cursor cursor = {data, 0, size};
    gcam__pickle_value root;
    (void)gcam__pickle_read(&root, &cursor, &arena, persist, &storages);
    gcam__storages_free(&storages);
    gcam__arena_free(&arena);
    return 0;
}

FUZZ_SEEDS(pickle) {
    blob b = {0};
    for (int style = SAMPLE_REBUILD; style <= SAMPLE_PARAMETER; style++) {
        sample s = sample_usual;
        s.style = (sample_style)style;
        s.tensor_count = 3; /* float32 only, as V3 wants it */
        sample_pickle(&b, &s);
        emit(context, b.data, b.size);
        blob_free(&b);
    }
    static const char rest[] =
        "\x80\2]q\0(K\1M\2\1J\xFF\xFF\xFF\xFFN\x88\x89\x8A\2\xE9\3G@\t!\xFBTD-\x18U\3keyr\1\0\0\0\x8F"
        "eK\1ah\0\x86j\1\0\0\0\x85\x87}K\1K\2su.";
    emit(context, rest, sizeof rest - 1);
}
