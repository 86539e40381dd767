/* Concatenation without copies: where the inputs of a concatenation lie one after the other in its output, each is made in its
 * slice of that output. Where all inputs already have neighbouring slices of a later concatenation (dense blocks), the output is
 * a part of that one's. */
#include "graph/plan.h"

/* Bytes of node `node`'s value. */
static size_t bytes_of(const gcam_shape *shape) {
    return (size_t)gcam_shape_count(shape) * sizeof(float);
}

/* A hook may edit a concatenation, and that must not change its inputs. */
static int has_slices(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                      const gcam__forward_plan *plan, int i) {
    const gcam__node *node = &network->nodes[i];
    if (!plan->needed[i] || !node->layer.op->slices || request->activation[i] & (GCAM__GIVEN | GCAM__REACH)) return 0;
    return node->layer.op->slices(&node->layer, &shapes[i]);
}

/* 1 where the inputs of node c have neighbouring slices of one owner. */
static int is_part(const gcam_network *network, const gcam_shape *shapes, const gcam__slice *slices, int c) {
    const gcam__node *node = &network->nodes[c];
    const gcam__slice *first = &slices[node->inputs[0]];
    size_t offset = first->offset;
    for (int k = 0; k < node->input_count; k++) {
        const gcam__slice *slice = &slices[node->inputs[k]];
        if (slice->owner < 0 || slice->owner != first->owner || slice->offset != offset) return 0;
        offset += bytes_of(&shapes[node->inputs[k]]);
    }
    return slices[c].owner < 0;
}

static void later(int *last, int step) {
    if (*last < step) *last = step;
}

void gcam__plan_slices(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                       const gcam__forward_plan *plan, gcam__slice *slices, int *last) {
    for (int i = 0; i < network->count; i++) slices[i] = (gcam__slice){-1, 0};
    for (int c = network->count - 1; c >= 0; c--) { /* from the outermost on */
        if (!has_slices(network, shapes, request, plan, c)) continue;
        const gcam__node *node = &network->nodes[c];
        int part = is_part(network, shapes, slices, c);
        if (part) slices[c] = slices[node->inputs[0]];
        size_t offset = 0;
        for (int k = 0; k < node->input_count; k++) {
            int x = node->inputs[k],
                usable = !network->nodes[x].layer.op->is_input && !network->nodes[x].layer.op->view;
            if (!part && usable && slices[x].owner < 0 && !(request->activation[x] & GCAM__GIVEN))
                slices[x] = (gcam__slice){c, offset};
            offset += bytes_of(&shapes[x]);
            later(&last[x], last[c]); /* neither may be overwritten while the other is read */
            later(&last[c], last[x]);
        }
    }
}
