/* The ONNX reader (FORMATS: ModelProto and below). Lists are counted before they are read, so that memory is asked for once and
 * never for more elements than the file has bytes. Data outside the file is refused: a model must not name paths. */
#include "io/onnx.h"

#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/limits.h"
#include "io/protobuf.h"

#include <inttypes.h>
#include <string.h>

/* ---- small things ------------------------------------------------------------------------------------------------------- */

static size_t count_fields(gcam__cursor message, uint32_t number) {
    gcam__proto_field field;
    size_t count = 0;
    for (int more = 1; more && gcam__proto_next(&message, &field, &more) == GCAM_OK;)
        count += more && field.number == number;
    return count;
}

static gcam_status wrong_kind(const gcam__cursor *at, const char *what) {
    return gcam__fail_at(GCAM_ERR_FORMAT, "onnx", (int64_t)at->at, "%s has a field of the wrong kind", what);
}

static gcam_status read_text(gcam__arena *arena, const gcam__proto_field *field, const char **out) {
    const gcam__cursor *bytes = &field->bytes;
    if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(bytes, "a name");
    size_t length = gcam__cursor_left(bytes);
    const char *text = (const char *)bytes->data + bytes->at;
    if (length > GCAM__MAX_PICKLE_STRING)
        return gcam__fail_at(GCAM_ERR_LIMIT, "onnx", (int64_t)bytes->at, "a name has %zu bytes, at most %d are allowed",
                             length, GCAM__MAX_PICKLE_STRING);
    if (!gcam__utf8_printable(text, length))
        return gcam__fail_at(GCAM_ERR_FORMAT, "onnx", (int64_t)bytes->at, "a name is no printable text");
    *out = gcam__arena_strndup(arena, text, length);
    return *out ? GCAM_OK : GCAM_ERR_NOMEM;
}

/* Room for `count` elements, cleared; never NULL for 0. */
static void *room(gcam__arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (!gcam__size_mul(count ? count : 1, size, &bytes)) {
        gcam__fail(GCAM_ERR_LIMIT, "onnx", "a list of %zu elements is too long", count);
        return NULL;
    }
    void *block = gcam__arena_alloc(arena, bytes);
    if (block) memset(block, 0, bytes);
    return block;
}

/* Numbers of a repeated field, packed or not, appended to `out`, which has room for all. */
static gcam_status read_ints(const gcam__proto_field *field, int64_t *out, size_t *count) {
    uint64_t value;
    if (field->wire == GCAM__PROTO_VARINT) {
        out[(*count)++] = (int64_t)field->value;
        return GCAM_OK;
    }
    gcam__cursor bytes = field->bytes;
    if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(&bytes, "a list of integers");
    while (gcam__cursor_left(&bytes)) {
        GCAM_TRY(gcam__proto_varint(&bytes, &value));
        out[(*count)++] = (int64_t)value;
    }
    return GCAM_OK;
}

static gcam_status read_floats(const gcam__proto_field *field, float *out, size_t *count) {
    uint32_t bits;
    if (field->wire == GCAM__PROTO_FIXED32) {
        bits = (uint32_t)field->value;
        memcpy(&out[(*count)++], &bits, sizeof bits);
        return GCAM_OK;
    }
    gcam__cursor bytes = field->bytes;
    size_t left = gcam__cursor_left(&bytes);
    if (field->wire != GCAM__PROTO_BYTES || left % 4) return wrong_kind(&bytes, "a list of floats");
    for (size_t i = 0; i < left / 4; i++) {
        bits = gcam__get_u32(bytes.data + bytes.at + 4 * i);
        memcpy(&out[(*count)++], &bits, sizeof bits);
    }
    return GCAM_OK;
}

/* Most numbers that the fields `number` of a message can hold: one per unpacked field, one per `least` bytes of a packed one. */
static size_t count_numbers(gcam__cursor message, uint32_t number, size_t least) {
    gcam__proto_field field;
    size_t count = 0;
    for (int more = 1; more && gcam__proto_next(&message, &field, &more) == GCAM_OK;)
        if (more && field.number == number)
            count += field.wire == GCAM__PROTO_BYTES ? gcam__cursor_left(&field.bytes) / least : 1;
    return count;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------------ */

enum {
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_SEGMENT = 3,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_DOUBLES = 10,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14
};

static int dtype_of(uint64_t type, gcam_dtype *dtype) {
    static const struct {
        uint64_t type;
        gcam_dtype dtype;
    } table[] = {{1, GCAM_DTYPE_F32},  {2, GCAM_DTYPE_U8},   {3, GCAM_DTYPE_I8},   {5, GCAM_DTYPE_I16},
                 {6, GCAM_DTYPE_I32},  {7, GCAM_DTYPE_I64},  {9, GCAM_DTYPE_BOOL}, {10, GCAM_DTYPE_F16},
                 {11, GCAM_DTYPE_F64}, {16, GCAM_DTYPE_BF16}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == type) {
            *dtype = table[i].dtype;
            return 1;
        }
    return 0;
}

/* What a TensorProto says before its data is understood. */
typedef struct raw_tensor {
    uint64_t type;
    int64_t dims[GCAM_MAX_RANK];
    size_t rank;
    int has_raw;
    gcam__cursor raw;
} raw_tensor;

static gcam_status read_dims(const gcam__proto_field *field, raw_tensor *raw) {
    gcam__cursor bytes = field->bytes;
    uint64_t value = field->value;
    do {
        if (field->wire == GCAM__PROTO_BYTES) {
            if (!gcam__cursor_left(&bytes)) return GCAM_OK;
            GCAM_TRY(gcam__proto_varint(&bytes, &value));
        }
        if (raw->rank == GCAM_MAX_RANK)
            return gcam__fail(GCAM_ERR_LIMIT, "onnx", "a tensor has more than %d dimensions", GCAM_MAX_RANK);
        raw->dims[raw->rank++] = (int64_t)value;
    } while (field->wire == GCAM__PROTO_BYTES);
    return GCAM_OK;
}

static gcam_status read_tensor_field(gcam__arena *arena, const gcam__proto_field *field, raw_tensor *raw,
                                     const char **name) {
    switch (field->number) {
    case TENSOR_DIMS:
        return read_dims(field, raw);
    case TENSOR_TYPE:
        raw->type = field->value;
        return GCAM_OK;
    case TENSOR_NAME:
        return read_text(arena, field, name);
    case TENSOR_RAW:
        if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(&field->bytes, "raw data");
        raw->has_raw = 1;
        raw->raw = field->bytes;
        return GCAM_OK;
    case TENSOR_SEGMENT:
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx", "a tensor is stored in segments, which is not supported");
    case TENSOR_EXTERNAL:
    case TENSOR_LOCATION:
        if (field->number == TENSOR_LOCATION && field->value == 0) return GCAM_OK;
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx",
                          "a tensor's data lies in another file: save the model as one file, without external data");
    default:
        return GCAM_OK;
    }
}

static gcam_status wrong_count(const char *name, size_t has, int64_t wanted) {
    return gcam__fail(GCAM_ERR_FORMAT, "onnx", "tensor %s: its shape has %" PRId64 " elements, its data %zu", name,
                      wanted, has);
}

static gcam_status typed_floats(gcam__arena *arena, gcam__cursor message, const char *name, int64_t count,
                                gcam_tensor_entry *out) {
    gcam__proto_field field;
    size_t have = 0;
    float *values = room(arena, count_numbers(message, TENSOR_FLOATS, 4), sizeof *values);
    if (!values) return gcam_last_error()->status;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more && field.number == TENSOR_FLOATS) GCAM_TRY(read_floats(&field, values, &have));
    }
    out->data = values;
    return have == (size_t)count ? GCAM_OK : wrong_count(name, have, count);
}

static gcam_status typed_doubles(gcam__arena *arena, gcam__cursor message, const char *name, int64_t count,
                                 gcam_tensor_entry *out) {
    gcam__proto_field field;
    size_t have = 0;
    uint64_t *values = room(arena, count_numbers(message, TENSOR_DOUBLES, 8), sizeof *values);
    if (!values) return gcam_last_error()->status;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (!more || field.number != TENSOR_DOUBLES) continue;
        if (field.wire == GCAM__PROTO_FIXED64) values[have++] = field.value;
        for (size_t i = 0; field.wire == GCAM__PROTO_BYTES && i < gcam__cursor_left(&field.bytes) / 8; i++)
            values[have++] = gcam__get_u64(field.bytes.data + field.bytes.at + 8 * i);
    }
    out->data = values;
    return have == (size_t)count ? GCAM_OK : wrong_count(name, have, count);
}

/* Integers of int32_data (also bool, int8, uint8, int16 and the bits of half floats) and int64_data, narrowed to their type. */
static gcam_status typed_ints(gcam__arena *arena, gcam__cursor message, const char *name, int64_t count,
                              gcam_tensor_entry *out) {
    uint32_t number = out->dtype == GCAM_DTYPE_I64 ? TENSOR_INT64S : TENSOR_INT32S;
    gcam__proto_field field;
    size_t have = 0, size = gcam_dtype_size(out->dtype);
    int64_t *values = room(arena, count_numbers(message, number, 1), sizeof *values);
    if (!values) return gcam_last_error()->status;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more && field.number == number) GCAM_TRY(read_ints(&field, values, &have));
    }
    if (have != (size_t)count) return wrong_count(name, have, count);
    uint8_t *narrow = room(arena, have, size);
    if (!narrow) return gcam_last_error()->status;
    for (size_t i = 0; i < have; i++)
        memcpy(narrow + i * size, &values[i], size); /* little endian: the low bytes come first */
    out->data = narrow;
    return GCAM_OK;
}

static gcam_status take_data(gcam__arena *arena, gcam__cursor message, const raw_tensor *raw, gcam_tensor_entry *out) {
    int64_t count = gcam_shape_count(&out->shape);
    size_t bytes;
    if (count < 0 || !gcam__size_mul((size_t)count, gcam_dtype_size(out->dtype), &bytes))
        return gcam__fail(GCAM_ERR_FORMAT, "onnx", "tensor %s: its shape is negative or too large", out->name);
    if (raw->has_raw) {
        if (gcam__cursor_left(&raw->raw) != bytes)
            return gcam__fail_at(GCAM_ERR_FORMAT, "onnx", (int64_t)raw->raw.at,
                                 "tensor %s: its shape needs %zu bytes, the file has %zu", out->name, bytes,
                                 gcam__cursor_left(&raw->raw));
        out->data = raw->raw.data + raw->raw.at;
        return GCAM_OK;
    }
    if (out->dtype == GCAM_DTYPE_F32) return typed_floats(arena, message, out->name, count, out);
    if (out->dtype == GCAM_DTYPE_F64) return typed_doubles(arena, message, out->name, count, out);
    return typed_ints(arena, message, out->name, count, out);
}

static gcam_status read_tensor(gcam__arena *arena, gcam__cursor message, gcam_tensor_entry *out) {
    gcam__cursor whole = message;
    raw_tensor raw = {0};
    gcam__proto_field field;
    const char *name = "";
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more) GCAM_TRY(read_tensor_field(arena, &field, &raw, &name));
    }
    *out = (gcam_tensor_entry){.name = name, .shape = {.rank = (int)raw.rank}};
    memcpy(out->shape.dim, raw.dims, sizeof raw.dims);
    if (!dtype_of(raw.type, &out->dtype))
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx", "tensor %s: element type %" PRIu64 " is not supported", name,
                          raw.type);
    int64_t stride = 1;
    for (int i = out->shape.rank - 1; i >= 0; i--) {
        out->stride[i] = stride;
        if (out->shape.dim[i] > 0 && __builtin_mul_overflow(stride, out->shape.dim[i], &stride))
            return gcam__fail(GCAM_ERR_FORMAT, "onnx", "tensor %s: its shape is too large", name);
    }
    return take_data(arena, whole, &raw, out);
}

/* ---- attributes and nodes ------------------------------------------------------------------------------------------------- */

enum {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20
};

static gcam_status read_attribute_field(gcam__arena *arena, const gcam__proto_field *field, gcam__onnx_attribute *out,
                                        float *floats, int64_t *ints, size_t *float_count, size_t *int_count) {
    uint32_t bits = (uint32_t)field->value;
    switch (field->number) {
    case ATTRIBUTE_NAME:
        return read_text(arena, field, &out->name);
    case ATTRIBUTE_F:
        memcpy(&out->f, &bits, sizeof bits);
        return field->wire == GCAM__PROTO_FIXED32 ? GCAM_OK : wrong_kind(&field->bytes, "a float attribute");
    case ATTRIBUTE_I:
        out->i = (int64_t)field->value;
        return field->wire == GCAM__PROTO_VARINT ? GCAM_OK : wrong_kind(&field->bytes, "an integer attribute");
    case ATTRIBUTE_S:
        return read_text(arena, field, &out->s);
    case ATTRIBUTE_T:
        if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(&field->bytes, "a tensor attribute");
        return read_tensor(arena, field->bytes, &out->tensor);
    case ATTRIBUTE_FLOATS:
        return read_floats(field, floats, float_count);
    case ATTRIBUTE_INTS:
        return read_ints(field, ints, int_count);
    case ATTRIBUTE_TYPE:
        out->type = (int)(field->value & 0xFF);
        return GCAM_OK;
    default:
        return GCAM_OK;
    }
}

/* Files of the first versions leave the type out: it follows from the field that is there. */
static void settle_type(gcam__onnx_attribute *out, size_t float_count, size_t int_count) {
    if (out->type == 0)
        out->type = out->s        ? GCAM__ONNX_STRING
                    : float_count ? GCAM__ONNX_FLOATS
                    : int_count   ? GCAM__ONNX_INTS
                                  : GCAM__ONNX_INT;
    out->count = out->type == GCAM__ONNX_FLOATS ? float_count : int_count;
}

static gcam_status read_attribute(gcam__arena *arena, gcam__cursor message, gcam__onnx_attribute *out) {
    float *floats = room(arena, count_numbers(message, ATTRIBUTE_FLOATS, 4), sizeof *floats);
    int64_t *ints = room(arena, count_numbers(message, ATTRIBUTE_INTS, 1), sizeof *ints);
    if (!floats || !ints) return gcam_last_error()->status;
    size_t float_count = 0, int_count = 0;
    gcam__proto_field field;
    out->name = "";
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more) GCAM_TRY(read_attribute_field(arena, &field, out, floats, ints, &float_count, &int_count));
    }
    out->floats = floats;
    out->ints = ints;
    settle_type(out, float_count, int_count);
    if ((out->type != GCAM__ONNX_TENSOR || out->tensor.data) && (out->type != GCAM__ONNX_STRING || out->s))
        return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "onnx", (int64_t)message.at, "attribute %s has no value of its type",
                         out->name);
}

enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };

static gcam_status read_node_field(gcam__arena *arena, const gcam__proto_field *field, gcam__onnx_node *out) {
    switch (field->number) {
    case NODE_INPUT:
        return read_text(arena, field, &out->inputs[out->input_count++]);
    case NODE_OUTPUT:
        return read_text(arena, field, &out->outputs[out->output_count++]);
    case NODE_NAME:
        return read_text(arena, field, &out->name);
    case NODE_OP:
        return read_text(arena, field, &out->op);
    case NODE_DOMAIN:
        return read_text(arena, field, &out->domain);
    case NODE_ATTRIBUTE:
        if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(&field->bytes, "an attribute");
        return read_attribute(arena, field->bytes, &out->attributes[out->attribute_count++]);
    default:
        return GCAM_OK;
    }
}

static gcam_status read_node(gcam__arena *arena, gcam__cursor message, gcam__onnx_node *out) {
    *out = (gcam__onnx_node){.op = "", .name = "", .domain = ""};
    out->inputs = room(arena, count_fields(message, NODE_INPUT), sizeof *out->inputs);
    out->outputs = room(arena, count_fields(message, NODE_OUTPUT), sizeof *out->outputs);
    out->attributes = room(arena, count_fields(message, NODE_ATTRIBUTE), sizeof *out->attributes);
    if (!out->inputs || !out->outputs || !out->attributes) return gcam_last_error()->status;
    gcam__proto_field field;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more) GCAM_TRY(read_node_field(arena, &field, out));
    }
    return GCAM_OK;
}

/* ---- declared values: ValueInfoProto { name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { value 1, param 2 } } } } } -- */

/* The sub-message `number`; `*found` is 0 where there is none. */
static gcam_status descend(gcam__cursor message, uint32_t number, gcam__cursor *out, int *found) {
    gcam__proto_field field;
    *found = 0;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (!more || field.number != number || field.wire != GCAM__PROTO_BYTES) continue;
        *out = field.bytes;
        *found = 1;
    }
    return GCAM_OK;
}

static gcam_status read_dim(gcam__cursor message, int64_t *out) {
    gcam__proto_field field;
    *out = -1;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more && field.number == 1 && field.wire == GCAM__PROTO_VARINT) *out = (int64_t)field.value;
    }
    return GCAM_OK;
}

static gcam_status read_shape(gcam__cursor message, gcam_shape *out) {
    gcam__proto_field field;
    out->rank = 0;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (!more || field.number != 1 || field.wire != GCAM__PROTO_BYTES) continue;
        if (out->rank == GCAM_MAX_RANK)
            return gcam__fail(GCAM_ERR_LIMIT, "onnx", "an input or output has more than %d dimensions", GCAM_MAX_RANK);
        GCAM_TRY(read_dim(field.bytes, &out->dim[out->rank++]));
    }
    return GCAM_OK;
}

static gcam_status read_type(gcam__cursor message, gcam__onnx_declared *out) {
    gcam__cursor tensor, shape;
    gcam__proto_field field;
    int found;
    GCAM_TRY(descend(message, 1, &tensor, &found));
    if (!found) return GCAM_OK;
    GCAM_TRY(descend(tensor, 2, &shape, &found));
    if (found) GCAM_TRY(read_shape(shape, &out->shape));
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&tensor, &field, &more));
        if (more && field.number == 1 && field.wire == GCAM__PROTO_VARINT)
            out->element_type = (int)(field.value & 0xFF);
    }
    return GCAM_OK;
}

static gcam_status read_value(gcam__arena *arena, gcam__cursor message, gcam__onnx_declared *out) {
    gcam__proto_field field;
    *out = (gcam__onnx_declared){.name = "", .shape = {.rank = -1}};
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (!more) break;
        if (field.number == 1) GCAM_TRY(read_text(arena, &field, &out->name));
        if (field.number == 2 && field.wire == GCAM__PROTO_BYTES) GCAM_TRY(read_type(field.bytes, out));
    }
    return GCAM_OK;
}

/* ---- graph and model -------------------------------------------------------------------------------------------------------- */

enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };

static gcam_status read_graph_field(gcam__arena *arena, const gcam__proto_field *field, gcam__onnx_model *out) {
    if (field->number == GRAPH_NAME) return read_text(arena, field, &out->graph_name);
    if (field->number == GRAPH_SPARSE)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx", "the model has sparse initialisers, which are not supported");
    if (field->wire != GCAM__PROTO_BYTES) return GCAM_OK;
    switch (field->number) {
    case GRAPH_NODE:
        return read_node(arena, field->bytes, &out->nodes[out->node_count++]);
    case GRAPH_INITIALIZER:
        return read_tensor(arena, field->bytes, &out->initializers[out->initializer_count++]);
    case GRAPH_INPUT:
        return read_value(arena, field->bytes, &out->inputs[out->input_count++]);
    case GRAPH_OUTPUT:
        return read_value(arena, field->bytes, &out->outputs[out->output_count++]);
    default:
        return GCAM_OK;
    }
}

static gcam_status read_graph(gcam__arena *arena, gcam__cursor message, gcam__onnx_model *out) {
    if (out->nodes) return gcam__fail_at(GCAM_ERR_FORMAT, "onnx", (int64_t)message.at, "the model has two graphs");
    size_t nodes = count_fields(message, GRAPH_NODE), tensors = count_fields(message, GRAPH_INITIALIZER);
    if (nodes > GCAM__MAX_TENSORS || tensors > GCAM__MAX_TENSORS)
        return gcam__fail(GCAM_ERR_LIMIT, "onnx",
                          "the graph has %zu nodes and %zu tensors, at most %d of each are allowed", nodes, tensors,
                          GCAM__MAX_TENSORS);
    out->nodes = room(arena, nodes, sizeof *out->nodes);
    out->initializers = room(arena, tensors, sizeof *out->initializers);
    out->inputs = room(arena, count_fields(message, GRAPH_INPUT), sizeof *out->inputs);
    out->outputs = room(arena, count_fields(message, GRAPH_OUTPUT), sizeof *out->outputs);
    if (!out->nodes || !out->initializers || !out->inputs || !out->outputs) return gcam_last_error()->status;
    gcam__proto_field field;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more) GCAM_TRY(read_graph_field(arena, &field, out));
    }
    return GCAM_OK;
}

/* OperatorSetIdProto { domain 1, version 2 }: the default domain's version counts. */
static gcam_status read_opset(gcam__arena *arena, gcam__cursor message, gcam__onnx_model *out) {
    gcam__proto_field field;
    const char *domain = "";
    int64_t version = 0;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more && field.number == 1) GCAM_TRY(read_text(arena, &field, &domain));
        if (more && field.number == 2) version = (int64_t)field.value;
    }
    if (!*domain || strcmp(domain, "ai.onnx") == 0)
        out->opset = version;
    else if (out->opset == 0)
        out->opset = 1; /* nodes of other domains only */
    return GCAM_OK;
}

enum { MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8 };

static gcam_status read_model_field(gcam__arena *arena, const gcam__proto_field *field, gcam__onnx_model *out) {
    switch (field->number) {
    case MODEL_IR:
        out->ir_version = (int64_t)field->value;
        return GCAM_OK;
    case MODEL_PRODUCER:
        return read_text(arena, field, &out->producer);
    case MODEL_GRAPH:
        if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(&field->bytes, "the graph");
        return read_graph(arena, field->bytes, out);
    case MODEL_OPSET:
        if (field->wire != GCAM__PROTO_BYTES) return wrong_kind(&field->bytes, "the operator set");
        return read_opset(arena, field->bytes, out);
    default:
        return GCAM_OK;
    }
}

static gcam_status read_model(gcam__arena *arena, const gcam__file *file, gcam__onnx_model *out) {
    gcam__cursor message = {file->data, 0, file->size};
    gcam__proto_field field;
    for (int more = 1; more;) {
        GCAM_TRY(gcam__proto_next(&message, &field, &more));
        if (more) GCAM_TRY(read_model_field(arena, &field, out));
    }
    if (!out->nodes || out->node_count == 0)
        return gcam__fail(GCAM_ERR_FORMAT, "onnx", "the file has no graph: it is no ONNX model, or an empty one");
    if (out->opset <= 0) return gcam__fail(GCAM_ERR_FORMAT, "onnx", "the file does not say which operator set it uses");
    return GCAM_OK;
}

int gcam__onnx_detect(const uint8_t *data, size_t size) {
    /* ModelProto has no magic number; every writer begins with field 1, ir_version, a small varint. A safetensors header may have
     * that length too, but then an opening brace follows. */
    if (size < 12 || data[0] != 0x08 || data[1] == 0 || data[1] > 0x7F || data[8] == '{') return 0;
    gcam__cursor message = {data, 0, size};
    gcam__proto_field field;
    int known = 0;
    for (int more = 1; more;) {
        if (gcam__proto_next(&message, &field, &more) != GCAM_OK) return known >= 2;
        if (more && (field.number > 25 || (field.number == MODEL_GRAPH && field.wire != GCAM__PROTO_BYTES))) return 0;
        known += more;
    }
    return 1;
}

gcam_status gcam__onnx_read(gcam__onnx_model **out, const gcam__file *file, gcam__arena *arena) {
    *out = NULL;
    gcam__onnx_model *model = room(arena, 1, sizeof *model);
    if (!model) return GCAM_ERR_NOMEM;
    model->producer = model->graph_name = "";
    GCAM_TRY(read_model(arena, file, model));
    *out = model;
    return GCAM_OK;
}

gcam_status gcam__onnx_read_tensor(gcam_tensor_entry *out, const gcam__file *file, gcam__arena *arena) {
    return read_tensor(arena, (gcam__cursor){file->data, 0, file->size}, out);
}
