/* Names. torch.onnx.export writes a node's scope as /PART/PART/Op, where a part that is a child of a Sequential repeats its
 * parent's name ("layer1.0" below "layer1"); a module called again, and an operator that occurs again, carry "_1", "_2". */
#include "model/onnx/names.h"

#include "core/status.h"
#include "graph/network.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = GCAM__MAX_LAYER_NAME + 1 };

/* Appends one part of a scope to a module path: a part that begins with the last one and a dot replaces it. */
static void append_part(char *path, size_t *last, const char *part, size_t length) {
    size_t have = strlen(path), tail = have - *last;
    int continues = have > 0 && length > tail + 1 && strncmp(part, path + *last, tail) == 0 && part[tail] == '.';
    if (continues) have = *last;
    if (have + length + 2 > ROOM) return; /* the rest of an overlong path is dropped; the name is made unique later */
    if (have > 0 && !continues) path[have++] = '.';
    if (!continues) *last = have;
    memcpy(path + have, part, length);
    path[have + length] = 0;
}

/* Module path of a scoped node name; what follows the last slash is the operator. Returns it, or NULL where there is no scope. */
static const char *read_scope(const char *node, char *path) {
    const char *op = strrchr(node, '/');
    if (node[0] != '/' || !op) return NULL;
    size_t last = 0;
    path[0] = 0;
    for (const char *part = node + 1; part < op;) {
        const char *end = strchr(part, '/');
        append_part(path, &last, part, (size_t)(end - part));
        part = end + 1;
    }
    return op + 1;
}

static int is_taken(const gcam__names *layers, const char *name) {
    return gcam__names_find(layers, name, strlen(name)) >= 0;
}

/* A second call's "_1" becomes "#1" where the first call's name is known. */
static void mark_repeat(const gcam__names *layers, char *path) {
    size_t digits = strlen(path);
    while (digits > 0 && isdigit((unsigned char)path[digits - 1])) digits--;
    if (digits < 2 || !path[digits] || path[digits - 1] != '_') return;
    path[digits - 1] = 0;
    int known = is_taken(layers, path);
    path[digits - 1] = known ? '#' : '_';
}

static void lower_case(char *text) {
    for (; *text; text++) *text = (char)tolower((unsigned char)*text);
}

/* What a module path cannot tell apart gets a number: a free "#1", "#2", ... */
static void make_unique(const gcam__names *layers, char *name) {
    if (!is_taken(layers, name)) return;
    size_t length = strlen(name);
    if (length > ROOM - 12) length = ROOM - 12;
    for (int i = 1; is_taken(layers, name); i++) snprintf(name + length, ROOM - length, "#%d", i);
}

static void clean(char *name) {
    for (char *c = name; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c)) *c = '_';
}

gcam_status gcam__onnx_layer_name(gcam__names *layers, gcam__arena *arena, const char *node, const char *output,
                                  const char *op, char *name) {
    char path[ROOM];
    const char *tail = read_scope(node, path);
    const char *source = *node ? node : *output ? output : op;
    if (tail && *path) {
        /* a module of its own makes one operator; a second one in the same scope is told apart by its operator's name */
        mark_repeat(layers, path);
        if (!is_taken(layers, path))
            snprintf(name, ROOM, "%s", path);
        else {
            char lower[50];
            snprintf(lower, sizeof lower, "%s", tail);
            lower_case(lower);
            snprintf(name, ROOM, "%.200s.%s", path, lower);
        }
    } else if (tail) {
        snprintf(name, ROOM, "%s", tail);
        lower_case(name);
    } else
        snprintf(name, ROOM, "%.250s", source);
    clean(name);
    make_unique(layers, name);
    char *kept = gcam__arena_strndup(arena, name, strlen(name));
    if (!kept) return GCAM_ERR_NOMEM;
    int added = 0;
    return gcam__names_add(layers, kept, strlen(kept), &added);
}

gcam_status gcam__onnx_add_scopes(gcam_builder *builder) {
    const gcam_network *network = gcam__builder_network(builder);
    int count = network->count;
    for (int i = count - 1; i >= 0; i--) { /* the last layer of a block comes first */
        char scope[ROOM];
        snprintf(scope, sizeof scope, "%s", network->nodes[i].name);
        for (char *dot = strrchr(scope, '.'); dot; dot = strrchr(scope, '.')) {
            *dot = 0;
            if (*scope && gcam_network_find(network, scope) < 0) gcam_alias(builder, scope, i);
        }
    }
    return gcam__builder_status(builder);
}
