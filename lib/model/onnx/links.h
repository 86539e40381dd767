/* Who makes and who reads each value of an ONNX graph. */
#ifndef GCAM_MODEL_ONNX_LINKS_H
#define GCAM_MODEL_ONNX_LINKS_H

#include "core/names.h"
#include "io/onnx.h"

typedef struct gcam__onnx_link {
    int64_t maker;                   /* the node, by its place; -1: an input, an initialiser, or nothing */
    const gcam_tensor_entry *stored; /* where the value is an initialiser or a Constant's; NULL elsewhere */
    int is_constant;                 /* depends on no input but by its shape, so that no layer makes it */
    int is_output;                   /* of the graph */
    size_t readers;                  /* inputs of nodes that name it */
} gcam__onnx_link;

typedef struct gcam__onnx_links {
    gcam__names names; /* numbers are places in `list` */
    gcam__onnx_link *list;
    size_t capacity;
} gcam__onnx_links;

/* Reads them; the links borrow from the model. Zero-initialise `links`, and free it also where this fails. Errors: NOMEM, LIMIT. */
gcam_status gcam__onnx_links_read(gcam__onnx_links *links, const gcam__onnx_model *model,
                                  const gcam_tensor_entry *known, size_t known_count);
void gcam__onnx_links_free(gcam__onnx_links *links);
/* NULL for a value that nothing names. Borrowed until values are added. */
gcam__onnx_link *gcam__onnx_links_find(const gcam__onnx_links *links, const char *value);

#endif
