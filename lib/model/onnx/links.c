/* Links of values, in one pass over the graph, whose nodes come in topological order. */
#include "model/onnx/links.h"

#include "core/memory.h"
#include "core/status.h"
#include "model/onnx/import.h"

#include <string.h>

gcam__onnx_link *gcam__onnx_links_find(const gcam__onnx_links *links, const char *value) {
    int64_t at = gcam__names_find(&links->names, value, strlen(value));
    return at < 0 ? NULL : &links->list[at];
}

void gcam__onnx_links_free(gcam__onnx_links *links) {
    gcam__names_free(&links->names);
    gcam__free(links->list);
    *links = (gcam__onnx_links){.capacity = 0};
}

/* The link of a value, a new one where it has none. */
static gcam_status link_of(gcam__onnx_links *links, const char *value, gcam__onnx_link **out) {
    int added = 0;
    GCAM_TRY(gcam__names_add(&links->names, value, strlen(value), &added));
    if (added) {
        GCAM_TRY(gcam__grow((void **)&links->list, links->names.count - 1, &links->capacity, sizeof *links->list));
        links->list[links->names.count - 1] = (gcam__onnx_link){.maker = -1};
    }
    *out = gcam__onnx_links_find(links, value);
    return GCAM_OK;
}

static gcam_status add_stored(gcam__onnx_links *links, const gcam_tensor_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        gcam__onnx_link *link;
        GCAM_TRY(link_of(links, entries[i].name, &link));
        link->stored = &entries[i];
        link->is_constant = 1;
    }
    return GCAM_OK;
}

/* What a Constant holds, or what an Identity passes on. */
static const gcam_tensor_entry *stored_by(const gcam__onnx_links *links, const gcam__onnx_node *node) {
    if (strcmp(node->op, "Constant") == 0 && node->attribute_count > 0 && node->attributes[0].type == GCAM__ONNX_TENSOR)
        return &node->attributes[0].tensor;
    if (strcmp(node->op, "Identity") != 0 || node->input_count != 1) return NULL;
    const gcam__onnx_link *link = gcam__onnx_links_find(links, node->inputs[0]);
    return link ? link->stored : NULL;
}

static gcam_status add_node(gcam__onnx_links *links, const gcam__onnx_node *node, int64_t place) {
    const gcam__onnx_op *op = gcam__onnx_op_find(node->op);
    gcam__onnx_link *link;
    int is_constant = 1;
    for (size_t i = 0; i < node->input_count; i++) {
        if (!*node->inputs[i]) continue;
        GCAM_TRY(link_of(links, node->inputs[i], &link));
        link->readers++;
        is_constant &= link->is_constant;
    }
    for (size_t i = 0; i < node->output_count; i++) {
        if (!*node->outputs[i]) continue;
        GCAM_TRY(link_of(links, node->outputs[i], &link));
        link->maker = place;
        link->is_constant = is_constant || (op && !op->info.makes_layers);
        link->stored = stored_by(links, node);
    }
    return GCAM_OK;
}

gcam_status gcam__onnx_links_read(gcam__onnx_links *links, const gcam__onnx_model *model,
                                  const gcam_tensor_entry *known, size_t known_count) {
    GCAM_TRY(add_stored(links, known, known_count));
    GCAM_TRY(add_stored(links, model->initializers, model->initializer_count));
    for (size_t i = 0; i < model->node_count; i++) GCAM_TRY(add_node(links, &model->nodes[i], (int64_t)i));
    for (size_t i = 0; i < model->output_count; i++) {
        gcam__onnx_link *link;
        GCAM_TRY(link_of(links, model->outputs[i].name, &link));
        link->is_output = 1;
    }
    return GCAM_OK;
}
