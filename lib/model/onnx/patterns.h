/* Patterns: what exporters write as several operators becomes the one operator that it means, before anything is translated. */
#ifndef GCAM_MODEL_ONNX_PATTERNS_H
#define GCAM_MODEL_ONNX_PATTERNS_H

#include "core/arena.h"
#include "model/onnx/links.h"

/* Rewrites the model's nodes, in `arena`: each group of nodes that a row of the table describes, and whose inner values nobody else
 * reads, becomes one node in the place and with the name and the output of the group's last. `links` are those of the model, and are
 * no longer true of it afterwards. Errors: NOMEM, LIMIT. */
gcam_status gcam__onnx_fuse_patterns(gcam__onnx_model *model, gcam__onnx_links *links, gcam__arena *arena);

#endif
