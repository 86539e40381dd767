/* Layer names from what the exporter left in node names. */
#ifndef GCAM_MODEL_ONNX_NAMES_H
#define GCAM_MODEL_ONNX_NAMES_H

#include "core/arena.h"
#include "model/onnx/links.h"

/* A module's call: the nodes whose names begin with its scope. */
typedef struct gcam__onnx_scope {
    const char *path;  /* "layer4.1"; a second call's is NAME#1 */
    int parent;        /* by its place; -1: the graph itself */
    int has_parts;     /* there are scopes inside */
    int64_t maker;     /* the node that makes what the module returns; -1: nothing that a layer makes */
    const char *value; /* what it returns */
    int is_left;       /* a node outside reads it, or it is an output; elsewhere the last value stands for it */
} gcam__onnx_scope;

typedef struct gcam__onnx_scopes {
    gcam__names paths; /* numbers are places in `list` */
    gcam__onnx_scope *list;
    size_t capacity;
    int *of;            /* the innermost scope of each node; -1: none, -2: its name says nothing of scopes */
    gcam__names layers; /* names given so far */
} gcam__onnx_scopes;

/* Finds the scopes of the nodes and what each of them returns. torch.onnx.export names a node /SCOPE/SCOPE/Operator. Zero-initialise
 * `scopes`, and free it also where this fails; texts lie in `arena`. Errors: NOMEM, LIMIT. */
gcam_status gcam__onnx_scopes_read(gcam__onnx_scopes *scopes, const gcam__onnx_model *model,
                                   const gcam__onnx_links *links, gcam__arena *arena);
void gcam__onnx_scopes_free(gcam__onnx_scopes *scopes);

/* A unique layer name for a node, into `name` (256 bytes). The operator that makes what a module without parts returns has the
 * module's path ("/layer1/layer1.0/conv1/Conv" is layer1.0.conv1); any other is PATH.operator ("/layer1/layer1.0/Add" is
 * layer1.0.add); a second one of that name is NAME#1. Without scopes it is the node's own name, or its output's, or its operator's.
 * Errors: NOMEM, LIMIT. */
gcam_status gcam__onnx_node_name(gcam__onnx_scopes *scopes, gcam__arena *arena, const gcam__onnx_model *model,
                                 size_t node, char *name);
/* A unique layer name made of `text`. */
gcam_status gcam__onnx_layer_name(gcam__onnx_scopes *scopes, gcam__arena *arena, const char *text, char *name);

#endif
