/* Layer names from what the exporter left in node names. */
#ifndef GCAM_MODEL_ONNX_NAMES_H
#define GCAM_MODEL_ONNX_NAMES_H

#include "core/arena.h"
#include "core/names.h"
#include "gradcam/graph.h"

/* A unique layer name for a node, into `name` (256 bytes): the module path that torch.onnx.export wrote
 * ("/layer1/layer1.0/conv1/Conv" is layer1.0.conv1; without a module of its own, "/layer1/layer1.0/Add" is layer1.0.add; a
 * module's second call is NAME#1), or the node's own name, or its output's, or its operator's with a number. `layers` holds the
 * names given so far; the new one is added, its text in `arena`. */
gcam_status gcam__onnx_layer_name(gcam__names *layers, gcam__arena *arena, const char *node, const char *output,
                                  const char *op, char *name);

/* Adds the names of blocks ("layer4.2", "layer4") as aliases of their last layers. */
gcam_status gcam__onnx_add_scopes(gcam_builder *builder);

#endif
