/* Writes small ONNX files for tests: protobuf messages by hand, so that broken ones can be written as well. */
#ifndef GCAM_TESTS_ONNX_WRITER_H
#define GCAM_TESTS_ONNX_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* A message in the making; zero-initialise it. Tests are short-lived: a message that outgrows its room fails the test. */
typedef struct message {
    uint8_t bytes[32768];
    size_t size;
} message;

void put_varint(message *m, uint32_t field, uint64_t value);
void put_float(message *m, uint32_t field, float value);
void put_bytes(message *m, uint32_t field, const void *bytes, size_t size);
void put_text(message *m, uint32_t field, const char *text);
void put_message(message *m, uint32_t field, const message *inner);

/* An initialiser of float32 numbers as raw data; dims ends with 0. */
void put_initializer(message *graph, const char *name, const int64_t *dims, const float *values);
/* The same of int64 numbers. */
void put_integers(message *graph, const char *name, int64_t count, const int64_t *values);
/* A declared input (field 11) or output (field 12); dims ends with 0, -1 is symbolic. */
void put_value(message *graph, uint32_t field, const char *name, const int64_t *dims);
/* A node "NAME: OP(inputs) -> outputs"; the lists are separated by spaces. `attributes` may be NULL. */
void put_node(message *graph, const char *name, const char *op, const char *inputs, const char *outputs,
              const message *attributes);
/* Attributes of a node, collected in a message of their own. */
void put_int_attribute(message *attributes, const char *name, int64_t value);
void put_ints_attribute(message *attributes, const char *name, const int64_t *values, size_t count);
void put_float_attribute(message *attributes, const char *name, float value);
/* The whole file. */
void finish_model(message *file, const message *graph, int64_t opset);

#endif
