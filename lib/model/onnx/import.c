/* The importer's loop: inputs, initialisers, nodes in the file's order (which ONNX requires to be topological), outputs. */
#include "model/onnx/import.h"

#include "core/memory.h"
#include "core/status.h"
#include "graph/network.h"
#include "io/tensor_table.h"
#include "model/onnx/patterns.h"

#include <stdio.h>
#include <string.h>

/* ---- values --------------------------------------------------------------------------------------------------------------- */

static gcam_status new_slot(gcam__importer *im, const char *name, const gcam__onnx_slot *slot) {
    int added = 0;
    GCAM_TRY(gcam__names_add(&im->names, name, strlen(name), &added));
    if (!added) return gcam__fail(GCAM_ERR_FORMAT, "onnx", "the value %s is made twice", name);
    GCAM_TRY(gcam__grow((void **)&im->slots, im->names.count - 1, &im->slot_capacity, sizeof *im->slots));
    im->slots[im->names.count - 1] = *slot;
    return GCAM_OK;
}

static const gcam__onnx_slot *find_slot(const gcam__importer *im, const char *name) {
    int64_t at = gcam__names_find(&im->names, name, strlen(name));
    return at < 0 ? NULL : &im->slots[at];
}

gcam_status gcam__onnx_set_node(gcam__importer *im, size_t index, gcam_node node) {
    if (index >= im->node->output_count || !*im->node->outputs[index]) return GCAM_OK;
    gcam__onnx_slot slot = {.node = node};
    return new_slot(im, im->node->outputs[index], &slot);
}

gcam_status gcam__onnx_set_constant(gcam__importer *im, size_t index, const gcam_tensor_entry *constant) {
    if (index >= im->node->output_count || !*im->node->outputs[index]) return GCAM_OK;
    gcam__onnx_slot slot = {.is_constant = 1, .constant = *constant};
    return new_slot(im, im->node->outputs[index], &slot);
}

const gcam__onnx_slot *gcam__onnx_input(const gcam__importer *im, size_t index) {
    if (index >= im->node->input_count || !*im->node->inputs[index]) return NULL;
    return find_slot(im, im->node->inputs[index]);
}

/* ---- inputs and initialisers ------------------------------------------------------------------------------------------------ */

static gcam_status add_constants(gcam__importer *im, const gcam_tensor_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        gcam__onnx_slot slot = {.is_constant = 1, .constant = entries[i]};
        GCAM_TRY(new_slot(im, entries[i].name, &slot));
    }
    return GCAM_OK;
}

/* A symbolic batch is 1, and so is a fixed one unless it is to be kept; other symbolic sizes must be known. */
static gcam_status settle_shape(gcam__importer *im, const gcam__onnx_declared *value, gcam_shape *shape) {
    *shape = value->shape;
    if (shape->rank < 0)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx", "input %s has no shape: export the model with one",
                          value->name);
    if (shape->rank > 0 && shape->dim[0] < 0) shape->dim[0] = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] <= 0)
            return gcam__fail(
                GCAM_ERR_UNSUPPORTED, "onnx",
                shape->dim[i] == 0
                    ? "input %s: size %d of its shape is 0: tensors without elements are not supported"
                    : "input %s: size %d of its shape is not fixed: export the model with a fixed picture size",
                value->name, i);
    if (im->batch == 0) im->batch = shape->rank == 4 && !im->options->keep_batch ? shape->dim[0] : 1;
    if (shape->rank > 0 && shape->dim[0] == im->batch) shape->dim[0] = 1;
    return GCAM_OK;
}

/* 1 where the graph itself turns the picture N H W C into N C H W first, as exporters from TensorFlow do, and nothing else reads it. */
static int is_channels_last(const gcam__importer *im, const char *name) {
    int turned = 0;
    for (size_t i = 0; i < im->model->node_count; i++) {
        const gcam__onnx_node *node = &im->model->nodes[i];
        for (size_t k = 0; k < node->input_count; k++) {
            if (strcmp(node->inputs[k], name) != 0) continue;
            if (!gcam__onnx_turns_channels_first(node)) return 0;
            turned = 1;
        }
    }
    for (size_t i = 0; i < im->model->output_count; i++)
        if (strcmp(im->model->outputs[i].name, name) == 0) return 0;
    return turned;
}

static gcam_status add_input(gcam__importer *im, const gcam__onnx_declared *value) {
    if (find_slot(im, value->name)) return GCAM_OK; /* an initialiser: older files list it as an input too */
    gcam_shape shape;
    if (value->element_type && !gcam__onnx_is_float(value->element_type))
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx",
                          "input %s has elements of ONNX type %d: only floating point is supported", value->name,
                          value->element_type);
    GCAM_TRY(settle_shape(im, value, &shape));
    char name[GCAM__MAX_LAYER_NAME + 1];
    GCAM_TRY(gcam__onnx_layer_name(&im->scopes, im->arena, *value->name ? value->name : "input", name));
    /* the first picture decides the batch and may have other sizes; everything else keeps its shape */
    int is_picture = shape.rank == 4 && shape.dim[0] == 1 && gcam__builder_network(im->builder)->count == 0;
    gcam__onnx_slot slot = {.channels_last = is_picture && is_channels_last(im, value->name)};
    if (slot.channels_last) shape = gcam_shape_nchw(1, shape.dim[3], shape.dim[1], shape.dim[2]);
    slot.node = is_picture ? gcam_input(im->builder, name, shape.dim[1], shape.dim[2], shape.dim[3])
                           : gcam_tensor_input(im->builder, name, &shape);
    if (slot.node < 0) return gcam__builder_status(im->builder);
    return new_slot(im, value->name, &slot);
}

/* ---- nodes -------------------------------------------------------------------------------------------------------------------- */

static gcam_status check_node(const gcam__importer *im) {
    const gcam__onnx_node *node = im->node;
    for (size_t i = 0; i < node->input_count; i++)
        if (*node->inputs[i] && !find_slot(im, node->inputs[i]))
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "it reads the value %s, which no input or node before it makes",
                                   node->inputs[i]);
    return GCAM_OK;
}

static gcam_status translate(gcam__importer *im, size_t index) {
    const gcam__onnx_node *node = im->node = &im->model->nodes[index];
    GCAM_TRY(check_node(im));
    int done = 0;
    GCAM_TRY(gcam__onnx_fold(im, &done));
    if (done) return GCAM_OK;
    char name[GCAM__MAX_LAYER_NAME + 1];
    GCAM_TRY(gcam__onnx_node_name(&im->scopes, im->arena, im->model, index, name));
    im->layer = name;
    gcam_status status = gcam__onnx_op_find(node->op)->translate(im);
    im->layer = NULL;
    return status == GCAM_OK ? status : gcam__onnx_fail_layer(im, status);
}

static int is_supported(const gcam__onnx_node *node) {
    int usual = !*node->domain || strcmp(node->domain, "ai.onnx") == 0;
    return usual && gcam__onnx_op_find(node->op) != NULL;
}

enum { LISTED = 8 };

/* The other operators that are not supported, each once, as "; neither are A, B". */
static void list_others(const gcam__importer *im, size_t first, char *text, size_t room) {
    const char *listed[LISTED] = {im->model->nodes[first].op};
    size_t count = 1, length = 0;
    for (size_t i = first + 1; i < im->model->node_count && count < LISTED; i++) {
        const gcam__onnx_node *node = &im->model->nodes[i];
        int seen = is_supported(node);
        for (size_t k = 0; k < count && !seen; k++) seen = strcmp(listed[k], node->op) == 0;
        if (seen || length + 60 > room) continue;
        length +=
            (size_t)snprintf(text + length, room - length, "%s%.40s", count > 1 ? ", " : "; neither are ", node->op);
        listed[count++] = node->op;
    }
}

/* All operators are known before any work is done. */
static gcam_status check_operators(gcam__importer *im) {
    for (size_t i = 0; i < im->model->node_count; i++) {
        const gcam__onnx_node *node = im->node = &im->model->nodes[i];
        char others[200] = "";
        if (is_supported(node)) continue;
        list_others(im, i, others, sizeof others);
        if (*node->domain && strcmp(node->domain, "ai.onnx") != 0)
            return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED,
                                   "the operator belongs to the domain %.80s, which is not supported%s", node->domain,
                                   others);
        return gcam__onnx_fail(im, GCAM_ERR_UNSUPPORTED, "this operator is not supported%s", others);
    }
    return GCAM_OK;
}

/* An output that no layer makes: kept for the caller who asked for such, else an error. */
static gcam_status add_constant_output(gcam__importer *im, size_t index, const gcam_tensor_entry *constant) {
    if (index >= im->options->constant_room)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx", "the output %s does not depend on the input",
                          im->model->outputs[index].name);
    im->options->constants[index] = *constant;
    return GCAM_OK;
}

static gcam_status add_outputs(gcam__importer *im) {
    if (im->model->output_count == 0) return gcam__fail(GCAM_ERR_FORMAT, "onnx", "the graph declares no output");
    for (size_t i = 0; i < im->model->output_count; i++) {
        const char *name = im->model->outputs[i].name;
        const gcam__onnx_slot *slot = find_slot(im, name);
        if (!slot) return gcam__fail(GCAM_ERR_FORMAT, "onnx", "no node makes the output %s", name);
        if (slot->is_constant)
            GCAM_TRY(add_constant_output(im, i, &slot->constant));
        else
            gcam_output(im->builder, slot->node);
        im->layer_outputs += !slot->is_constant;
    }
    return GCAM_OK;
}

/* A module's path is a name of what the module returns, also where a layer of another name makes it. */
static void add_scopes(gcam__importer *im) {
    for (size_t i = 0; i < im->scopes.paths.count; i++) {
        const gcam__onnx_scope *scope = &im->scopes.list[i];
        const gcam__onnx_slot *slot = scope->value ? find_slot(im, scope->value) : NULL;
        if (!slot || slot->is_constant) continue;
        if (gcam_network_find(gcam__builder_network(im->builder), scope->path) < 0)
            gcam_alias(im->builder, scope->path, slot->node);
    }
}

static gcam_status read_links(gcam__importer *im) {
    return gcam__onnx_links_read(&im->links, im->model, im->options->known, im->options->known_count);
}

static gcam_status run(gcam__importer *im) {
    GCAM_TRY(check_operators(im));
    GCAM_TRY(read_links(im));
    GCAM_TRY(gcam__onnx_fuse_patterns(im->model, &im->links, im->arena));
    gcam__onnx_links_free(&im->links);
    GCAM_TRY(read_links(im));
    GCAM_TRY(gcam__onnx_scopes_read(&im->scopes, im->model, &im->links, im->arena));
    GCAM_TRY(add_constants(im, im->options->known, im->options->known_count));
    GCAM_TRY(add_constants(im, im->model->initializers, im->model->initializer_count));
    for (size_t i = 0; i < im->model->input_count; i++) GCAM_TRY(add_input(im, &im->model->inputs[i]));
    for (size_t i = 0; i < im->model->node_count; i++) GCAM_TRY(translate(im, i));
    GCAM_TRY(add_outputs(im));
    if (im->layer_outputs > 0 && gcam__builder_network(im->builder)->input_count == 0)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "onnx",
                          "the graph has no input of floating point: it computes with constants alone");
    add_scopes(im);
    return gcam__builder_status(im->builder);
}

/* Constants that are made at import: this, and some times the file. */
enum { ROOM = 32 << 20 };

static gcam_status import(gcam_network **network, gcam_tensor_table *table, const gcam__onnx_options *options) {
    gcam__onnx_model *model;
    gcam_builder *builder;
    GCAM_TRY(gcam__onnx_read(&model, &table->file, &table->arena));
    GCAM_TRY(gcam_builder_create(&builder));
    gcam__importer im = {
        .model = model, .builder = builder, .weights = table, .arena = &table->arena, .options = options};
    im.room = ROOM + (table->file.size < SIZE_MAX / 8 ? 4 * table->file.size : table->file.size);
    gcam_status status = run(&im);
    gcam__names_free(&im.names);
    gcam__onnx_scopes_free(&im.scopes);
    gcam__onnx_links_free(&im.links);
    gcam__free(im.slots);
    if (status == GCAM_OK && im.layer_outputs > 0) return gcam_builder_finish(network, builder, table);
    gcam_builder_free(builder);
    return status;
}

gcam_status gcam__onnx_import(gcam_network **network, gcam_tensor_table **weights, gcam__file file,
                              const gcam__onnx_options *options) {
    static const gcam__onnx_options usual;
    *network = NULL;
    *weights = NULL;
    gcam_tensor_table *table;
    gcam_status status = gcam_tensor_table_create(&table);
    if (status != GCAM_OK) {
        gcam__file_unmap(&file);
        return status;
    }
    table->file = file;
    table->format = "onnx";
    status = import(network, table, options ? options : &usual);
    if (status == GCAM_OK)
        *weights = table;
    else
        gcam_tensor_table_free(table);
    return status;
}
