/* Importing an ONNX graph: its nodes, one after another, become layers of a builder, its initialisers a weight table.
 *
 * A value of the graph is a layer's output or a constant. Operators on constants alone (shapes, indices) are reckoned at once, so
 * that what reaches the network are layers with fixed parameters. An operator is one function and one row of the table. */
#ifndef GCAM_MODEL_ONNX_IMPORT_H
#define GCAM_MODEL_ONNX_IMPORT_H

#include "core/names.h"
#include "gradcam/model.h"
#include "io/onnx.h"
#include "model/onnx/links.h"
#include "model/onnx/names.h"

/* A value by its name. */
typedef struct gcam__onnx_slot {
    int is_constant;
    int channels_last;          /* an input N H W C that the network takes as N C H W; only transpositions read it */
    gcam_node node;             /* of a layer's output */
    gcam_tensor_entry constant; /* data in the file or in the importer's arena */
} gcam__onnx_slot;

typedef struct gcam__importer {
    gcam__onnx_model *model;
    gcam_builder *builder;
    gcam_tensor_table *weights;
    gcam__arena *arena; /* lives as long as the weights */
    const struct gcam__onnx_options *options;
    gcam__names names; /* of values; numbers are places in slots */
    gcam__onnx_slot *slots;
    size_t slot_capacity;
    gcam__onnx_links links;
    gcam__onnx_scopes scopes;
    size_t room;                 /* bytes that constants made at import may still take */
    int64_t batch;               /* that the file says for its first picture, where layers take any; 0: no input yet */
    size_t layer_outputs;        /* outputs that layers make */
    const gcam__onnx_node *node; /* at work */
    const char *layer;           /* its layer's name */
} gcam__importer;

/* What most imports leave at zero. */
typedef struct gcam__onnx_options {
    const gcam_tensor_entry *known; /* values of graph inputs that are meant as constants; must outlive the weights */
    size_t known_count;
    int keep_batch; /* 1: the first picture keeps the batch that the file says, instead of taking any */
    gcam_tensor_entry
        *constants; /* one an output: those that are reckoned at import; `data` NULL where a layer makes it */
    size_t constant_room;
} gcam__onnx_options;

/* Builds the network of an ONNX file, which `weights` then owns (also where the import fails, when both are freed). `options` NULL:
 * an output that depends on no input is an error. With room for constants, `*network` is NULL where all outputs are constants.
 * Errors: UNSUPPORTED (names operator and node), FORMAT, SHAPE, LIMIT, NOMEM. */
gcam_status gcam__onnx_import(gcam_network **network, gcam_tensor_table **weights, gcam__file file,
                              const gcam__onnx_options *options);

/* An operator: `translate` turns im->node into layers. */
typedef struct gcam__onnx_op {
    gcam_onnx_operator info;
    gcam_status (*translate)(gcam__importer *im);
} gcam__onnx_op;
/* NULL where the importer has no such operator. */
const gcam__onnx_op *gcam__onnx_op_find(const char *name);
/* Rows by number; NULL past the end. */
const gcam__onnx_op *gcam__onnx_op_at(size_t index);

/* Reckons im->node if all its inputs are constants and it is one of the operators for shapes and indices; `*done` tells. */
gcam_status gcam__onnx_fold(gcam__importer *im, int *done);

/* ---- what translators are made of --------------------------------------------------------------------------------------- */

/* A failure of the node at work: "Conv node /features/0/Conv: ..." */
gcam_status gcam__onnx_fail(const gcam__importer *im, gcam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts the node before what its layer failed with, which names the layer alone. Returns `status`. */
gcam_status gcam__onnx_fail_layer(const gcam__importer *im, gcam_status status);

/* Input `index` of the node; NULL where it is left out. */
const gcam__onnx_slot *gcam__onnx_input(const gcam__importer *im, size_t index);
/* The same as a layer; a constant becomes a constant layer. Errors: FORMAT (left out). */
gcam_status gcam__onnx_value(gcam__importer *im, size_t index, gcam_node *out);
/* The same as a constant. Errors: UNSUPPORTED (computed by the network), FORMAT (left out). */
gcam_status gcam__onnx_constant(gcam__importer *im, size_t index, const char *what, const gcam_tensor_entry **out);
/* Integers of a constant input, at most GCAM_MAX_RANK of them. */
gcam_status gcam__onnx_constant_ints(gcam__importer *im, size_t index, const char *what, gcam_dims *out);
/* One number of a constant input, `fallback` where it is left out. */
gcam_status gcam__onnx_constant_number(gcam__importer *im, size_t index, const char *what, double fallback,
                                       double *out);
/* Integer `i` and number `i` of an entry. */
int64_t gcam__onnx_int_at(const gcam_tensor_entry *entry, int64_t i);
double gcam__onnx_number_at(const gcam_tensor_entry *entry, int64_t i);

const gcam__onnx_attribute *gcam__onnx_attribute_find(const gcam__importer *im, const char *name);
int64_t gcam__onnx_attribute_int(const gcam__importer *im, const char *name, int64_t fallback);
double gcam__onnx_attribute_float(const gcam__importer *im, const char *name, double fallback);
const char *gcam__onnx_attribute_text(const gcam__importer *im, const char *name, const char *fallback);
/* `*found` 0 where there is none. Errors: LIMIT (more than GCAM_MAX_RANK). */
gcam_status gcam__onnx_attribute_ints(const gcam__importer *im, const char *name, gcam_dims *out, int *found);
/* Integers that older operator sets keep in an attribute and newer ones in a constant input. */
gcam_status gcam__onnx_ints(gcam__importer *im, const char *attribute, size_t input, gcam_dims *out, int *found);

/* Attribute of a LayerNormalization that patterns.c makes: how many axes from `axis` on, where these are not all. */
#define GCAM__ONNX_AXES "libgradcam.axes"

/* 1 for a Transpose from N H W C to N C H W. */
int gcam__onnx_turns_channels_first(const gcam__onnx_node *node);
/* What a Slice takes of an axis: start, start + step, ..., `count` places. */
typedef struct gcam__onnx_range {
    int64_t start, count, step;
} gcam__onnx_range;
/* One for each axis of `in`; from attributes or constant inputs. Errors: FORMAT, UNSUPPORTED. */
gcam_status gcam__onnx_ranges(gcam__importer *im, const gcam_shape *in, gcam__onnx_range range[GCAM_MAX_RANK]);
/* 1 where TensorProto.DataType is float, float16, double or bfloat16. */
int gcam__onnx_is_float(int type);

/* Shape of a layer's output at the usual input size. */
const gcam_shape *gcam__onnx_shape(const gcam__importer *im, gcam_node node);
/* Axis counted from the front. Errors: FORMAT. */
gcam_status gcam__onnx_axis(const gcam__importer *im, int64_t axis, int rank, int64_t *out);

/* Adds a layer. With `suffix` NULL it carries the node's own name and becomes its output number 0; otherwise it is a helper named
 * NAME.suffix and `*out` receives it. */
gcam_status gcam__onnx_emit(gcam__importer *im, const char *suffix, const char *op, const gcam_node *x, int count,
                            const void *params, gcam_node *out);
/* A reshape to `to`; its first size follows the batch where it is the input's own. */
gcam_status gcam__onnx_emit_reshape(gcam__importer *im, const char *suffix, gcam_node x, const gcam_shape *to,
                                    gcam_node *out);
/* A layer that holds a constant, or one number. */
gcam_status gcam__onnx_emit_constant(gcam__importer *im, const char *suffix, const gcam_tensor_entry *entry,
                                     gcam_node *out);
gcam_status gcam__onnx_emit_number(gcam__importer *im, const char *suffix, double number, gcam_node *out);
/* 1 where somebody reads output `index` of the node: another node, or the graph. */
int gcam__onnx_is_read(const gcam__importer *im, size_t index);
/* Gives weight `name` ("weight") of the layer that will be emitted with `suffix`. */
gcam_status gcam__onnx_give_weight(gcam__importer *im, const char *suffix, const char *name,
                                   const gcam_tensor_entry *entry);
/* Makes output `index` of the node a layer's output or a constant. */
gcam_status gcam__onnx_set_node(gcam__importer *im, size_t index, gcam_node node);
gcam_status gcam__onnx_set_constant(gcam__importer *im, size_t index, const gcam_tensor_entry *constant);
/* A new dense constant in the arena, its data cleared and writable through `*data`. What all of them may take together is bounded by
 * the size of the file, so that a small file cannot ask for much memory or time. Errors: LIMIT, NOMEM. */
gcam_status gcam__onnx_new_constant(gcam__importer *im, gcam_dtype dtype, const gcam_shape *shape,
                                    gcam_tensor_entry *out, void **data);

#endif
