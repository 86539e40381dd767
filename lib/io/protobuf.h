/* Protocol buffers, the wire format alone: fields of a message one after another, never beyond its end. Groups are refused. */
#ifndef GCAM_IO_PROTOBUF_H
#define GCAM_IO_PROTOBUF_H

#include "gradcam/core.h"
#include "io/bytes.h"

enum { GCAM__PROTO_VARINT = 0, GCAM__PROTO_FIXED64 = 1, GCAM__PROTO_BYTES = 2, GCAM__PROTO_FIXED32 = 5 };

/* A field: `value` of the number types, `bytes` of strings, packed numbers and messages. */
typedef struct gcam__proto_field {
    uint32_t number;
    int wire;
    uint64_t value;
    gcam__cursor bytes;
} gcam__proto_field;

/* Reads the next field. `*more` is 0 at the end of the message. Errors: FORMAT, with the offset. */
gcam_status gcam__proto_next(gcam__cursor *message, gcam__proto_field *field, int *more);
/* Reads one varint of a packed list. Errors: FORMAT. */
gcam_status gcam__proto_varint(gcam__cursor *bytes, uint64_t *value);

#endif
