/* Names. torch.onnx.export writes a node's scope as /PART/PART/Op, where a part that is a child of a Sequential repeats its
 * parent's name ("layer1.0" below "layer1"); a module called again, and an operator that occurs again, carry "_1", "_2".
 *
 * A module returns the value that leaves its scope: the last one that is made inside and read outside, or is an output of the graph.
 * For a ResNet's block that is its second ReLU, for Inception's the concatenation. */
#include "model/onnx/names.h"

#include "core/memory.h"
#include "core/status.h"
#include "graph/network.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = GCAM__MAX_LAYER_NAME + 1, NO_SCOPE = -1, NO_PATH = -2 };

/* ---- scopes --------------------------------------------------------------------------------------------------------------- */

/* A module path in the making. */
typedef struct path {
    char text[ROOM];
    size_t last; /* where its last part begins */
    long call;   /* of the innermost module that is called again; 0: none is */
    int scope;
} path;

static int find_scope(const gcam__onnx_scopes *scopes, const char *text, size_t length) {
    return (int)gcam__names_find(&scopes->paths, text, length);
}

/* Appends one part: a part that begins with the last one and a dot replaces it. What does not fit is dropped. */
static void append_part(path *p, const char *part, size_t length) {
    size_t have = strlen(p->text), tail = have - p->last;
    int continues = have > 0 && length > tail + 1 && strncmp(part, p->text + p->last, tail) == 0 && part[tail] == '.';
    if (continues) have = p->last;
    if (have + length + 16 > ROOM) return;
    if (have > 0 && !continues) p->text[have++] = '.';
    if (!continues) p->last = have;
    memcpy(p->text + have, part, length);
    p->text[have + length] = 0;
}

/* "conv_1" is a second call where "conv" is known: the number is cut off and becomes the path's. */
static void mark_repeat(const gcam__onnx_scopes *scopes, path *p) {
    size_t length = strlen(p->text), digits = length;
    while (digits > 0 && isdigit((unsigned char)p->text[digits - 1])) digits--;
    if (digits < 2 || digits == length || p->text[digits - 1] != '_' || length - digits > 6) return;
    if (find_scope(scopes, p->text, digits - 1) < 0) return;
    p->call = strtol(p->text + digits, NULL, 10);
    p->text[digits - 1] = 0;
}

/* The scope of the path so far, a new one where it is not known. */
static gcam_status enter(gcam__onnx_scopes *scopes, gcam__arena *arena, path *p) {
    char text[ROOM + 8];
    if (p->call > 0)
        snprintf(text, sizeof text, "%s#%ld", p->text, p->call);
    else
        snprintf(text, sizeof text, "%s", p->text);
    int found = find_scope(scopes, text, strlen(text)), added;
    if (found < 0) {
        const char *kept = gcam__arena_strndup(arena, text, strlen(text));
        if (!kept) return GCAM_ERR_NOMEM;
        GCAM_TRY(gcam__names_add(&scopes->paths, kept, strlen(kept), &added));
        found = (int)scopes->paths.count - 1;
        GCAM_TRY(gcam__grow((void **)&scopes->list, (size_t)found, &scopes->capacity, sizeof *scopes->list));
        scopes->list[found] = (gcam__onnx_scope){.path = kept, .parent = p->scope, .maker = -1};
        if (p->scope >= 0) scopes->list[p->scope].has_parts = 1;
    }
    p->scope = found;
    return GCAM_OK;
}

/* The innermost scope of a node's name; what follows the last slash is the operator. */
static gcam_status read_scope(gcam__onnx_scopes *scopes, gcam__arena *arena, const char *node, int *scope) {
    const char *op = strrchr(node, '/');
    *scope = NO_PATH;
    if (node[0] != '/') return GCAM_OK;
    path p = {.scope = NO_SCOPE};
    for (const char *part = node + 1; part < op;) {
        const char *end = strchr(part, '/');
        append_part(&p, part, (size_t)(end - part));
        mark_repeat(scopes, &p);
        if (*p.text) GCAM_TRY(enter(scopes, arena, &p));
        part = end + 1;
    }
    *scope = p.scope;
    return GCAM_OK;
}

/* 1 where `scope` is `outer` or lies in it. */
static int is_inside(const gcam__onnx_scopes *scopes, int scope, int outer) {
    while (scope > outer) scope = scopes->list[scope].parent; /* parents come before their parts */
    return scope == outer;
}

/* `value` of node `maker` is read by a node in the scope `reader` (NO_SCOPE: outside of all): the scopes that it leaves return it. */
static void leave(gcam__onnx_scopes *scopes, int64_t maker, const char *value, int reader) {
    for (int s = scopes->of[maker]; s >= 0 && !is_inside(scopes, reader, s); s = scopes->list[s].parent) {
        gcam__onnx_scope *scope = &scopes->list[s];
        if (scope->is_left && scope->maker > maker) continue;
        scope->maker = maker, scope->value = value, scope->is_left = 1;
    }
}

static int is_constant(const gcam__onnx_links *links, const gcam__onnx_node *node) {
    const gcam__onnx_link *link = node->output_count ? gcam__onnx_links_find(links, node->outputs[0]) : NULL;
    return !link || link->is_constant;
}

/* Each node's value leaves scopes where it is read; where nothing does, the last one stands for what is returned. */
static void find_returned(gcam__onnx_scopes *scopes, const gcam__onnx_model *model, const gcam__onnx_links *links) {
    for (size_t i = 0; i < model->node_count; i++) {
        const gcam__onnx_node *node = &model->nodes[i];
        if (is_constant(links, node)) continue;
        for (int s = scopes->of[i]; s >= 0; s = scopes->list[s].parent)
            if (!scopes->list[s].is_left) scopes->list[s].maker = (int64_t)i, scopes->list[s].value = node->outputs[0];
        for (size_t k = 0; k < node->input_count; k++) {
            const gcam__onnx_link *link = gcam__onnx_links_find(links, node->inputs[k]);
            if (link && link->maker >= 0 && link->maker < (int64_t)i && !link->is_constant)
                leave(scopes, link->maker, node->inputs[k], scopes->of[i]);
        }
    }
    for (size_t i = 0; i < model->output_count; i++) {
        const gcam__onnx_link *link = gcam__onnx_links_find(links, model->outputs[i].name);
        if (link && link->maker >= 0) leave(scopes, link->maker, model->outputs[i].name, NO_SCOPE);
    }
}

gcam_status gcam__onnx_scopes_read(gcam__onnx_scopes *scopes, const gcam__onnx_model *model,
                                   const gcam__onnx_links *links, gcam__arena *arena) {
    scopes->of = gcam__calloc(model->node_count, sizeof *scopes->of);
    if (!scopes->of) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < model->node_count; i++) {
        scopes->of[i] = NO_PATH;
        if (!is_constant(links, &model->nodes[i]))
            GCAM_TRY(read_scope(scopes, arena, model->nodes[i].name, &scopes->of[i]));
    }
    find_returned(scopes, model, links);
    return GCAM_OK;
}

void gcam__onnx_scopes_free(gcam__onnx_scopes *scopes) {
    gcam__names_free(&scopes->paths);
    gcam__names_free(&scopes->layers);
    gcam__free(scopes->list);
    gcam__free(scopes->of);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

/* What a function of PyTorch is called in a layer's name, where it is not the operator's name in small letters. */
static void write_operator(const char *op, char *text, size_t room) {
    static const char *const names[][2] = {{"Concat", "cat"},
                                           {"ReduceMean", "mean"},
                                           {"Swish", "silu"},
                                           {"HardSwish", "hardswish"},
                                           {"LayerNormalization", "layer_norm"}};
    snprintf(text, room, "%s", op);
    for (char *c = text; *c; c++) *c = (char)tolower((unsigned char)*c);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], op) == 0) snprintf(text, room, "%s", names[i][1]);
}

static int is_taken(const gcam__names *names, const char *name) {
    return gcam__names_find(names, name, strlen(name)) >= 0;
}

/* What is taken gets a number: a free "#1", "#2", ... `own`: 1 for the layer whose name is a module's path. */
static void make_unique(const gcam__onnx_scopes *scopes, int own, char *name) {
    size_t length = strlen(name);
    if (length > ROOM - 12) length = ROOM - 12;
    for (int i = 1; is_taken(&scopes->layers, name) || (!own && is_taken(&scopes->paths, name)); i++)
        snprintf(name + length, ROOM - length, "#%d", i);
}

static void clean(char *name) {
    for (char *c = name; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c)) *c = '_';
}

static gcam_status take_name(gcam__onnx_scopes *scopes, gcam__arena *arena, int own, char *name) {
    clean(name);
    make_unique(scopes, own, name);
    char *kept = gcam__arena_strndup(arena, name, strlen(name));
    if (!kept) return GCAM_ERR_NOMEM;
    int added = 0;
    return gcam__names_add(&scopes->layers, kept, strlen(kept), &added);
}

gcam_status gcam__onnx_layer_name(gcam__onnx_scopes *scopes, gcam__arena *arena, const char *text, char *name) {
    snprintf(name, ROOM, "%.250s", text);
    return take_name(scopes, arena, 0, name);
}

gcam_status gcam__onnx_node_name(gcam__onnx_scopes *scopes, gcam__arena *arena, const gcam__onnx_model *model,
                                 size_t index, char *name) {
    const gcam__onnx_node *node = &model->nodes[index];
    char op[50];
    int of = scopes->of[index], own = 0;
    write_operator(node->op, op, sizeof op);
    if (of >= 0) {
        const gcam__onnx_scope *scope = &scopes->list[of];
        own = !scope->has_parts && scope->maker == (int64_t)index;
        snprintf(name, ROOM, "%.200s%s%s", scope->path, own ? "" : ".", own ? "" : op);
    } else if (of == NO_SCOPE)
        snprintf(name, ROOM, "%s", op);
    else
        snprintf(name, ROOM, "%.250s", *node->name ? node->name : node->output_count ? node->outputs[0] : node->op);
    return take_name(scopes, arena, own, name);
}
