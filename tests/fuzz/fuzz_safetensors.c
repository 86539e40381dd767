/* safetensors. */
#include "fuzz/fuzz.h"
#include "fuzz/tables.h"
#include "support/blob.h"

#include <string.h>

FUZZ_TARGET(safetensors) {
    fuzz_table(&gcam__safetensors_reader, data, size);
    return 0;
}

FUZZ_SEEDS(safetensors) {
    static const char *const headers[] = {
        "{\"__metadata__\":{\"graph\":\"a\\n\\u00e9\\ud83d\\udc15\"},\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],"
        "\"data_offsets\":[0,16]}"
        ",\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[16,18]},\"c\":{\"dtype\":\"I8\",\"shape\":[6],"
        "\"data_offsets\":[18,24]}}  ",
        "{ \"x\" : { \"shape\" : [ 0 , 4 ] , \"data_offsets\" : [ 0 , 0 ] , \"dtype\" : \"F64\" } "
        ",\n\"y\":{\"dtype\":\"BOOL\",\"shape\":[24],"
        "\"data_offsets\":[0,24]}}",
    };
    for (size_t i = 0; i < 2; i++) {
        blob b = {0};
        blob_number(&b, strlen(headers[i]), 8);
        blob_text(&b, headers[i]);
        blob_fill(&b, 0x41, 24);
        emit(context, b.data, b.size);
        blob_free(&b);
    }
}
