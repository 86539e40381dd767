/* The wire format of protocol buffers: a tag (field number and wire type) as a varint, then the value. */
#include "io/protobuf.h"

#include "core/status.h"

static gcam_status cut_short(const gcam__cursor *cursor) {
    return gcam__fail_at(GCAM_ERR_FORMAT, "protobuf", (int64_t)cursor->at, "the file ends in the middle of a field");
}

gcam_status gcam__proto_varint(gcam__cursor *bytes, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        const uint8_t *byte = gcam__cursor_take(bytes, 1);
        if (!byte) return cut_short(bytes);
        if (shift == 63 && *byte > 1) break;
        *value |= (uint64_t)(*byte & 0x7F) << shift;
        if (!(*byte & 0x80)) return GCAM_OK;
    }
    return gcam__fail_at(GCAM_ERR_FORMAT, "protobuf", (int64_t)bytes->at, "a number is longer than 64 bits");
}

static gcam_status take_fixed(gcam__cursor *message, size_t size, uint64_t *value) {
    const uint8_t *bytes = gcam__cursor_take(message, size);
    if (!bytes) return cut_short(message);
    *value = size == 8 ? gcam__get_u64(bytes) : gcam__get_u32(bytes);
    return GCAM_OK;
}

static gcam_status take_bytes(gcam__cursor *message, gcam__cursor *bytes) {
    uint64_t length;
    GCAM_TRY(gcam__proto_varint(message, &length));
    size_t start = message->at;
    if (length > gcam__cursor_left(message))
        return gcam__fail_at(GCAM_ERR_FORMAT, "protobuf", (int64_t)start,
                             "a field claims %llu bytes, %zu are left in its message", (unsigned long long)length,
                             gcam__cursor_left(message));
    gcam__cursor_take(message, (size_t)length);
    *bytes = (gcam__cursor){message->data, start, start + (size_t)length};
    return GCAM_OK;
}

gcam_status gcam__proto_next(gcam__cursor *message, gcam__proto_field *field, int *more) {
    *more = gcam__cursor_left(message) > 0;
    if (!*more) return GCAM_OK;
    size_t start = message->at;
    uint64_t tag;
    GCAM_TRY(gcam__proto_varint(message, &tag));
    *field = (gcam__proto_field){.number = (uint32_t)(tag >> 3), .wire = (int)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF)
        return gcam__fail_at(GCAM_ERR_FORMAT, "protobuf", (int64_t)start,
                             "a field has the number %llu, which none can have", (unsigned long long)(tag >> 3));
    switch (field->wire) {
    case GCAM__PROTO_VARINT:
        return gcam__proto_varint(message, &field->value);
    case GCAM__PROTO_FIXED64:
        return take_fixed(message, 8, &field->value);
    case GCAM__PROTO_FIXED32:
        return take_fixed(message, 4, &field->value);
    case GCAM__PROTO_BYTES:
        return take_bytes(message, &field->bytes);
    default:
        return gcam__fail_at(GCAM_ERR_FORMAT, "protobuf", (int64_t)start,
                             "a field has wire type %d, expected 0, 1, 2 or 5", field->wire);
    }
}
