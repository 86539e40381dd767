/* ONNX files as data: nodes, attributes, initialisers, inputs and outputs, in the file's order. What an operator means is the
 * business of lib/model/onnx. Raw data of initialisers stays in the file; everything else lives in an arena. */
#ifndef GCAM_IO_ONNX_H
#define GCAM_IO_ONNX_H

#include "core/arena.h"
#include "gradcam/io.h"
#include "io/file.h"

/* AttributeProto.type. */
typedef enum gcam__onnx_type {
    GCAM__ONNX_FLOAT = 1,
    GCAM__ONNX_INT = 2,
    GCAM__ONNX_STRING = 3,
    GCAM__ONNX_TENSOR = 4,
    GCAM__ONNX_GRAPH = 5,
    GCAM__ONNX_FLOATS = 6,
    GCAM__ONNX_INTS = 7,
    GCAM__ONNX_STRINGS = 8
} gcam__onnx_type;

typedef struct gcam__onnx_attribute {
    const char *name;
    int type; /* gcam__onnx_type, or another number for kinds that nobody here reads */
    float f;
    int64_t i;
    const char *s;
    gcam_tensor_entry tensor;
    const float *floats;
    const int64_t *ints;
    size_t count; /* of floats or ints */
} gcam__onnx_attribute;

typedef struct gcam__onnx_node {
    const char *op, *name, *domain;
    const char **inputs, **outputs; /* "" is an input left out */
    size_t input_count, output_count;
    gcam__onnx_attribute *attributes;
    size_t attribute_count;
} gcam__onnx_node;

/* A declared input or output. */
typedef struct gcam__onnx_declared {
    const char *name;
    int element_type; /* TensorProto.DataType; 0: not said */
    gcam_shape shape; /* rank -1: not said; a size of -1: symbolic */
} gcam__onnx_declared;

typedef struct gcam__onnx_model {
    int64_t ir_version, opset;
    const char *producer, *graph_name;
    gcam__onnx_node *nodes;
    size_t node_count;
    gcam_tensor_entry *initializers;
    size_t initializer_count;
    gcam__onnx_declared *inputs, *outputs;
    size_t input_count, output_count;
} gcam__onnx_model;

/* 1 where the bytes look like an ONNX file. */
int gcam__onnx_detect(const uint8_t *data, size_t size);
/* Reads a model, which then lives in `arena`; raw data stays in `file`. Both must outlive it. Errors: FORMAT, UNSUPPORTED, LIMIT,
 * NOMEM. */
gcam_status gcam__onnx_read(gcam__onnx_model **out, const gcam__file *file, gcam__arena *arena);
/* Reads one serialised TensorProto, as test data sets hold them; memory comes from `arena`, raw data stays in `file`. */
gcam_status gcam__onnx_read_tensor(gcam_tensor_entry *out, const gcam__file *file, gcam__arena *arena);

#endif
