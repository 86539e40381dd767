/* Writes small ONNX files for tests. */
#include "support/onnx_writer.h"

#include <check.h>
#include <string.h>

static void put_byte(message *m, uint8_t byte) {
    ck_assert_uint_lt(m->size, sizeof m->bytes);
    m->bytes[m->size++] = byte;
}

static void put_raw_varint(message *m, uint64_t value) {
    for (; value >= 128; value >>= 7) put_byte(m, (uint8_t)(value | 128));
    put_byte(m, (uint8_t)value);
}

void put_varint(message *m, uint32_t field, uint64_t value) {
    put_raw_varint(m, (uint64_t)field << 3);
    put_raw_varint(m, value);
}

void put_float(message *m, uint32_t field, float value) {
    uint8_t bytes[4];
    memcpy(bytes, &value, sizeof bytes);
    put_raw_varint(m, (uint64_t)field << 3 | 5);
    for (int i = 0; i < 4; i++) put_byte(m, bytes[i]);
}

void put_bytes(message *m, uint32_t field, const void *bytes, size_t size) {
    put_raw_varint(m, (uint64_t)field << 3 | 2);
    put_raw_varint(m, size);
    for (size_t i = 0; i < size; i++) put_byte(m, ((const uint8_t *)bytes)[i]);
}

void put_text(message *m, uint32_t field, const char *text) {
    put_bytes(m, field, text, strlen(text));
}

void put_message(message *m, uint32_t field, const message *inner) {
    put_bytes(m, field, inner->bytes, inner->size);
}

void put_initializer(message *graph, const char *name, const int64_t *dims, const float *values) {
    message tensor = {.size = 0};
    size_t count = 1;
    for (; *dims; dims++) {
        put_varint(&tensor, 1, (uint64_t)*dims);
        count *= (size_t)*dims;
    }
    put_varint(&tensor, 2, 1);
    put_text(&tensor, 8, name);
    put_bytes(&tensor, 9, values, count * sizeof *values);
    put_message(graph, 5, &tensor);
}

void put_integers(message *graph, const char *name, int64_t count, const int64_t *values) {
    message tensor = {.size = 0};
    put_varint(&tensor, 1, (uint64_t)count);
    put_varint(&tensor, 2, 7);
    for (int64_t i = 0; i < count; i++) put_varint(&tensor, 7, (uint64_t)values[i]); /* int64_data, not packed */
    put_text(&tensor, 8, name);
    put_message(graph, 5, &tensor);
}

void put_value(message *graph, uint32_t field, const char *name, const int64_t *dims) {
    message value = {.size = 0}, type = {.size = 0}, tensor = {.size = 0}, shape = {.size = 0};
    for (; *dims; dims++) {
        message dim = {.size = 0};
        if (*dims > 0)
            put_varint(&dim, 1, (uint64_t)*dims);
        else
            put_text(&dim, 2, "N");
        put_message(&shape, 1, &dim);
    }
    put_varint(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

static void put_words(message *node, uint32_t field, const char *words) {
    while (*words) {
        size_t length = strcspn(words, " ");
        put_bytes(node, field, words, length);
        words += length + (words[length] == ' ');
    }
}

void put_node(message *graph, const char *name, const char *op, const char *inputs, const char *outputs,
              const message *attributes) {
    message node = {.size = 0};
    put_words(&node, 1, inputs);
    put_words(&node, 2, outputs);
    put_text(&node, 3, name);
    put_text(&node, 4, op);
    if (attributes) { /* they are fields of the node already */
        memcpy(node.bytes + node.size, attributes->bytes, attributes->size);
        node.size += attributes->size;
    }
    put_message(graph, 1, &node);
}

void put_int_attribute(message *attributes, const char *name, int64_t value) {
    message attribute = {.size = 0};
    put_text(&attribute, 1, name);
    put_varint(&attribute, 3, (uint64_t)value);
    put_varint(&attribute, 20, 2);
    put_message(attributes, 5, &attribute);
}

void put_ints_attribute(message *attributes, const char *name, const int64_t *values, size_t count) {
    message attribute = {.size = 0}, packed = {.size = 0};
    for (size_t i = 0; i < count; i++) put_raw_varint(&packed, (uint64_t)values[i]);
    put_text(&attribute, 1, name);
    put_message(&attribute, 8, &packed);
    put_varint(&attribute, 20, 7);
    put_message(attributes, 5, &attribute);
}

void put_float_attribute(message *attributes, const char *name, float value) {
    message attribute = {.size = 0};
    put_text(&attribute, 1, name);
    put_float(&attribute, 2, value);
    put_varint(&attribute, 20, 1);
    put_message(attributes, 5, &attribute);
}

void finish_model(message *file, const message *graph, int64_t opset) {
    message set = {.size = 0};
    put_varint(&set, 2, (uint64_t)opset);
    put_varint(file, 1, 7);
    put_text(file, 2, "libgradcam tests");
    put_message(file, 7, graph);
    put_message(file, 8, &set);
}
