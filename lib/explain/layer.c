/* Which layers the maps are made at. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"

#include <string.h>

static const char *layer_name(const void *list, size_t index) {
    const gcam_network *network = list;
    return index < network->name_count ? network->names[index].text : NULL;
}

/* The name by which an architecture calls its default layer, where that is an alias ("features.12" for "features.12.cat"). */
static const char *default_name(const gcam__study *study, int index) {
    for (size_t i = 0; i < gcam_arch_count() && study->model; i++) {
        const gcam_arch_info *arch = gcam_arch_at(i);
        if (strcmp(arch->id, gcam_model_arch(study->model)) == 0 && arch->target
            && gcam_network_find(study->network, arch->target) == index)
            return arch->target;
    }
    return study->network->nodes[index].name;
}

/* The nearest layer below `index` that has cells to map; -1 if there is none. */
static int nearest_spatial(const gcam__study *study, int index) {
    while (index >= 0) {
        const gcam_shape *shape = gcam__session_shape(study->session, index);
        if (shape->rank == 4 && shape->dim[2] * shape->dim[3] > 1) return index;
        index = study->network->nodes[index].input_count ? study->network->nodes[index].inputs[0] : -1;
    }
    return -1;
}

static gcam_status not_spatial(const gcam__study *study, const char *name, int index) {
    char text[160];
    int near = nearest_spatial(study, index);
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                      "layer %.80s has the shape %s, a map needs N x C x H x W; the nearest such layer is %.80s", name,
                      gcam__shape_text(gcam__session_shape(study->session, index), text),
                      near >= 0 ? study->network->nodes[near].name : "none");
}

static gcam_status set_layer(const gcam__study *study, gcam__map_layer *layer, const char *name, int index) {
    const gcam_shape *shape = gcam__session_shape(study->session, index);
    if (shape->rank != 4) return not_spatial(study, name, index);
    if (index > study->end)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain", "layer %.80s comes after the %s (%.80s); choose one before",
                          name, study->end == study->logits ? "class scores" : "layer that the target is read from",
                          study->network->nodes[study->end].name);
    *layer =
        (gcam__map_layer){.index = index, .name = name, .k = shape->dim[1], .h = shape->dim[2], .w = shape->dim[3]};
    return GCAM_OK;
}

static gcam_status find_layer(const gcam__study *study, const char *name, int *index) {
    if (!name) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "a layer's name is NULL");
    *index = gcam_network_find(study->network, name);
    if (*index >= 0) return GCAM_OK;
    const char *near = gcam_suggest(name, layer_name, study->network);
    if (near)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "there is no layer \"%.80s\"; did you mean \"%.80s\"?", name,
                          near);
    return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "there is no layer \"%.80s\"; `gradcam inspect` lists them", name);
}

/* Last reader of each layer among those that `target` depends on; -1: none. */
static void find_readers(const gcam_network *network, int target, int *last) {
    for (int i = 0; i <= target; i++) last[i] = -1;
    last[target] = target;
    for (int i = target; i >= 0; i--) {
        for (int k = 0; last[i] >= 0 && k < network->nodes[i].input_count; k++) {
            int from = network->nodes[i].inputs[k];
            if (last[from] < i) last[from] = i;
        }
    }
}

static int same_size(const gcam_shape *a, const gcam_shape *b) {
    return a->rank == 4 && b->rank == 4 && a->dim[2] == b->dim[2] && a->dim[3] == b->dim[3];
}

/* Where the target layer's stage begins: the first layer of its size, or the last one before it through which all paths lead (VGG-16's
 * pool4, the output of a ResNet's third stage). The target layer itself where the stage begins with the input. */
static int find_entrance(const gcam__study *study, int target, int *last) {
    const gcam_network *network = study->network;
    const gcam_shape *size = gcam__session_shape(study->session, target);
    int entrance = target, reach = 0;
    find_readers(network, target, last);
    for (int i = 0; i < target; i++) {
        if (last[i] < 0) continue;
        int first = same_size(gcam__session_shape(study->session, i), size);
        int all_paths = reach <= i && !network->nodes[i].layer.op->is_input;
        if (all_paths && gcam__session_shape(study->session, i)->rank == 4) entrance = i;
        if (first) break;
        if (last[i] > reach) reach = last[i];
    }
    return entrance;
}

static gcam_status set_entrance(gcam__study *study, int target) {
    if (!(study->wants & GCAM__WANTS_ENTRANCE)) return GCAM_OK;
    int *last = gcam__calloc((size_t)study->network->count, sizeof *last);
    if (!last) return gcam_last_error()->status;
    int entrance = find_entrance(study, target, last);
    gcam__free(last);
    return set_layer(study, &study->entrance, default_name(study, entrance), entrance);
}

const gcam__map_layer *gcam__layer_for(const gcam__study *study, const gcam__method *method, size_t i) {
    return study->entrance.name && method->wants & GCAM__WANTS_ENTRANCE ? &study->entrance : &study->layers[i];
}

gcam_status gcam__layers_resolve(gcam__study *study) {
    const gcam_explain_options *options = &study->options;
    if (!(study->wants & GCAM__WANTS_LAYER)) return GCAM_OK;
    study->layer_count = options->layer_count ? options->layer_count : 1;
    study->layers = gcam__calloc(study->layer_count, sizeof *study->layers);
    if (!study->layers) return gcam_last_error()->status;
    for (size_t i = 0; i < options->layer_count; i++) {
        int index = -1;
        GCAM_TRY(find_layer(study, options->layers[i], &index));
        GCAM_TRY(set_layer(study, &study->layers[i], options->layers[i], index));
    }
    if (options->layer_count) return GCAM_OK;
    int target = gcam_network_target(study->network);
    if (target < 0)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                          "no layer of the network has spatial extent, so there is nothing to map");
    GCAM_TRY(set_entrance(study, target));
    return set_layer(study, &study->layers[0], default_name(study, target), target);
}
