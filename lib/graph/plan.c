/* Planning: lifetimes, then places. Values are placed from the largest to the smallest, each at the lowest offset where no value
 * that lives at the same time lies (greedy by size, as in Pisarchyk & Lee 2020); that comes close to the largest sum alive. */
#include "graph/plan.h"

#include "core/memory.h"
#include "core/status.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

/* A value to place: alive in steps first .. last. */
typedef struct span {
    int first, last;
    size_t bytes, offset;
    size_t *target; /* receives the offset */
} span;

typedef struct span_list {
    span *spans;
    size_t count, capacity;
} span_list;

static gcam_status add_span(span_list *list, int first, int last, size_t bytes, size_t *target) {
    GCAM_TRY(gcam__grow((void **)&list->spans, list->count, &list->capacity, sizeof *list->spans));
    if (bytes > SIZE_MAX / 4) return gcam__fail(GCAM_ERR_LIMIT, "plan", "a value is too large for memory");
    list->spans[list->count++] = (span){first, last, gcam__plan_round(bytes), 0, target};
    return GCAM_OK;
}

size_t gcam__plan_round(size_t bytes) {
    return bytes > SIZE_MAX / 4 ? bytes : (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static int larger_first(const void *a, const void *b) {
    const span *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x->target < y->target ? -1 : 1);
}

/* Lowest offset for span `index` among those already placed, which `order` lists by offset. */
static size_t find_place(const span *spans, const size_t *order, size_t placed, const span *wanted) {
    size_t offset = 0;
    for (size_t i = 0; i < placed; i++) {
        const span *other = &spans[order[i]];
        if (other->last < wanted->first || wanted->last < other->first) continue;
        if (offset + wanted->bytes <= other->offset) break;
        if (other->offset + other->bytes > offset) offset = other->offset + other->bytes;
    }
    return offset;
}

/* Gives every span its offset; `*block` is the size of the whole. Frees the list. */
static gcam_status place_spans(span_list *list, size_t *block) {
    *block = 0;
    if (list->count == 0) return GCAM_OK;
    qsort(list->spans, list->count, sizeof *list->spans, larger_first);
    size_t *order = gcam__calloc(list->count, sizeof *order);
    if (!order) return GCAM_ERR_NOMEM;
    gcam_status status = GCAM_OK;
    for (size_t i = 0; i < list->count && status == GCAM_OK; i++) {
        span *s = &list->spans[i];
        s->offset = find_place(list->spans, order, i, s);
        size_t end;
        if (__builtin_add_overflow(s->offset, s->bytes, &end) || end > SIZE_MAX / 2)
            status = gcam__fail(GCAM_ERR_LIMIT, "plan", "the network's values are too large for memory");
        else if (end > *block)
            *block = end;
        *s->target = s->offset;
        size_t at = i; /* keep `order` sorted by offset */
        for (; at > 0 && list->spans[order[at - 1]].offset > s->offset; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    gcam__free(order);
    return status;
}

static size_t bytes_of(const gcam_shape *shape, int64_t seeds) {
    size_t bytes;
    if (!gcam__size_mul((size_t)gcam_shape_count(shape) * sizeof(float), (size_t)seeds, &bytes)) return SIZE_MAX;
    return bytes;
}

/* Shapes of a node's inputs, into `in` (room for the node's inputs). */
static void gather_shapes(const gcam__node *node, const gcam_shape *shapes, gcam_shape *in) {
    for (int k = 0; k < node->input_count; k++) in[k] = shapes[node->inputs[k]];
}

static int most_inputs(const gcam_network *network) {
    int most = 1;
    for (int i = 0; i < network->count; i++)
        if (network->nodes[i].input_count > most) most = network->nodes[i].input_count;
    return most;
}

int gcam__plan_is_view(const gcam__node *node, int training) {
    return node->layer.op->view && !(training && node->layer.op->trains);
}

static void fill_nowhere(size_t *offsets, int count) {
    for (int i = 0; i < count; i++) offsets[i] = GCAM__NOWHERE;
}

/* ---- forward -------------------------------------------------------------------------------------------------------------- */

static int is_output(const gcam_network *network, int node) {
    for (size_t i = 0; i < network->output_count; i++)
        if (network->outputs[i] == node) return 1;
    return 0;
}

static void mark_needed(const gcam_network *network, const gcam__request *request, unsigned char *needed) {
    for (int i = network->count - 1; i >= 0; i--) {
        if (is_output(network, i) || request->activation[i] || request->gradient[i]) needed[i] = 1;
        if (!needed[i] || request->activation[i] & GCAM__GIVEN)
            continue; /* nothing below a given value is needed for it */
        for (int k = 0; k < network->nodes[i].input_count; k++) needed[network->nodes[i].inputs[k]] = 1;
    }
}

static void mark_below(const gcam_network *network, const gcam__request *request, unsigned char *below) {
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        below[i] = request->gradient[i] || (request->parameters && node->parameter[0] >= 0);
        for (int k = 0; k < node->input_count; k++) below[i] |= below[node->inputs[k]];
    }
}

int gcam__plan_passes(const gcam_network *network, const gcam__request *request, const unsigned char *needed,
                      const unsigned char *below, int i) {
    const gcam__node *node = &network->nodes[i];
    if (!needed[i]) return 0;
    if (request->parameters && node->parameter[0] >= 0) return 1;
    for (int k = 0; k < node->input_count; k++)
        if (below[node->inputs[k]]) return 1;
    return 0;
}

static int is_passed(const gcam_network *network, const gcam__request *request, const gcam__forward_plan *plan, int i) {
    return gcam__plan_passes(network, request, plan->needed, plan->below, i);
}

/* Last step at which each node's own value is read; count = after the pass. */
static void find_last_use(const gcam_network *network, const gcam__request *request, const gcam__forward_plan *plan,
                          int *last) {
    int end = network->count;
    for (int i = 0; i < network->count; i++) last[i] = i;
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        if (!plan->needed[i]) continue;
        unsigned needs = is_passed(network, request, plan, i) ? node->layer.op->needs : 0;
        if (!request->parameters) needs &= ~(unsigned)GCAM__NEEDS_INPUT_FOR_WEIGHTS;
        int input_last = needs & (GCAM__NEEDS_INPUT | GCAM__NEEDS_INPUT_FOR_WEIGHTS) ? end : plan->tail[i];
        for (int k = 0; k < node->input_count; k++)
            if (last[node->inputs[k]] < input_last) last[node->inputs[k]] = input_last;
        if (is_output(network, i) || request->activation[i] & GCAM__KEEP || needs & GCAM__NEEDS_OUTPUT) last[i] = end;
    }
}

/* Joins nodes that share memory: `root[i]` is the node whose place node i uses; `last[root]` covers them all. */
static void join_places(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                        const gcam__forward_plan *plan, int *root, int *last) {
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        root[i] = i;
        if (!plan->needed[i] || node->input_count < 1 || request->activation[i] & GCAM__GIVEN) continue;
        if (plan->link[i] >= 0 || plan->tail[i] != i) continue;
        int from = root[node->inputs[0]];
        int same_size = gcam_shape_count(&shapes[i]) == gcam_shape_count(&shapes[from]);
        int joins =
            same_size && (gcam__plan_is_view(node, request->training) || (node->layer.op->in_place && last[from] <= i));
        if (!joins) continue;
        root[i] = from;
        if (last[from] < last[i]) last[from] = last[i];
    }
}

/* A view shares its input's memory for as long as either is read: an in-place layer after a view must see both lives. Views are
 * therefore given their input's last use before places are joined. */
static void extend_views(const gcam_network *network, const gcam__forward_plan *plan, int training, int *last) {
    for (int i = network->count - 1; i >= 0; i--) {
        const gcam__node *node = &network->nodes[i];
        if (!plan->needed[i] || !gcam__plan_is_view(node, training) || node->input_count < 1) continue;
        if (last[node->inputs[0]] < last[i]) last[node->inputs[0]] = last[i];
    }
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        if (!plan->needed[i] || !gcam__plan_is_view(node, training) || node->input_count < 1) continue;
        if (last[i] < last[node->inputs[0]]) last[i] = last[node->inputs[0]];
    }
}

/* A place for node i's scratch, alive at one step only: it lies where values of other steps lie. `backward`: as in layer.h. */
static gcam_status add_scratch(span_list *list, int step, const gcam__node *node, const gcam_shape *shapes, int i,
                               const gcam__compute *compute, int backward, int64_t seeds, gcam_shape *in,
                               size_t *target) {
    if (!node->layer.op->scratch_bytes) return GCAM_OK;
    gather_shapes(node, shapes, in);
    size_t bytes = node->layer.op->scratch_bytes(compute, &node->layer, in, &shapes[i], backward, seeds);
    return bytes ? add_span(list, step, step, bytes, target) : GCAM_OK;
}

/* What planning the places of a forward pass works on, one element a node. */
typedef struct workspace {
    int *root, *last;
    gcam__slice *slices; /* of values, then of roots */
    gcam_shape *in;
} workspace;

/* Slices of values become slices of the places they are in; a place has one owner at most. */
static void slice_roots(const gcam_network *network, const gcam__forward_plan *plan, workspace *w) {
    for (int i = network->count - 1; i >= 0; i--) {
        gcam__slice slice = w->slices[i];
        if (!plan->needed[i] || slice.owner < 0 || w->root[i] == i) continue;
        w->slices[i].owner = -1;
        if (w->slices[w->root[i]].owner < 0) w->slices[w->root[i]] = slice;
    }
}

/* The place that has root i's, and where in it. */
static int outer_place(const workspace *w, int i, size_t *offset) {
    for (*offset = 0; w->slices[i].owner >= 0; i = w->root[w->slices[i].owner]) *offset += w->slices[i].offset;
    return i;
}

/* Adds a span for every place that is in no other: alive from its first slice's step to its last one's end. */
static gcam_status add_places(span_list *list, gcam__forward_plan *plan, const gcam_network *network,
                              const gcam_shape *shapes, const workspace *w) {
    int *first = gcam__calloc((size_t)network->count, sizeof *first);
    if (!first) return GCAM_ERR_NOMEM;
    for (int i = 0; i < network->count; i++) first[i] = i;
    size_t offset;
    for (int i = 0; i < network->count; i++) {
        if (!plan->needed[i] || plan->tail[i] != i || w->root[i] != i) continue;
        int outer = outer_place(w, i, &offset);
        if (first[outer] > i) first[outer] = i;
        if (w->last[outer] < w->last[i]) w->last[outer] = w->last[i];
    }
    gcam_status status = GCAM_OK;
    for (int i = 0; i < network->count && status == GCAM_OK; i++)
        if (plan->needed[i] && plan->tail[i] == i && w->root[i] == i && w->slices[i].owner < 0)
            status = add_span(list, first[i], w->last[i], bytes_of(&shapes[i], 1), &plan->activation[i]);
    gcam__free(first);
    return status;
}

static gcam_status collect_forward(span_list *list, gcam__forward_plan *plan, const gcam_network *network,
                                   const gcam_shape *shapes, const gcam__request *request, const gcam__compute *compute,
                                   const workspace *w) {
    GCAM_TRY(add_places(list, plan, network, shapes, w));
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        if (!plan->needed[i]) continue;
        int tail = plan->tail[i]; /* where the chain runs, with the scratch of its first node */
        if (plan->link[i] < 0)
            GCAM_TRY(add_scratch(list, tail, node, shapes, i, compute, 0, 1, w->in, &plan->scratch[tail]));
        if (tail != i || !node->layer.op->aux_bytes || !is_passed(network, request, plan, i)) continue;
        gather_shapes(node, shapes, w->in);
        size_t bytes = node->layer.op->aux_bytes(&node->layer, w->in, &shapes[i]);
        GCAM_TRY(add_span(list, i, network->count, bytes, &plan->aux[i]));
    }
    return GCAM_OK;
}

static gcam_status plan_places(gcam__forward_plan *plan, const gcam_network *network, const gcam_shape *shapes,
                               const gcam__request *request, const gcam__compute *compute, workspace *w) {
    find_last_use(network, request, plan, w->last);
    extend_views(network, plan, request->training, w->last);
    gcam__plan_slices(network, shapes, request, plan, w->slices, w->last);
    extend_views(network, plan, request->training, w->last);
    join_places(network, shapes, request, plan, w->root, w->last);
    slice_roots(network, plan, w);
    span_list list = {0};
    gcam_status status = collect_forward(&list, plan, network, shapes, request, compute, w);
    if (status == GCAM_OK) status = place_spans(&list, &plan->block_bytes);
    gcam__free(list.spans);
    if (status != GCAM_OK) return status;
    for (int i = 0; i < network->count; i++) {
        if (!plan->needed[i] || plan->tail[i] != i) continue;
        size_t offset;
        int outer = outer_place(w, w->root[i], &offset);
        plan->activation[i] = plan->activation[outer] + offset;
    }
    return GCAM_OK;
}

gcam_status gcam__plan_forward(gcam__forward_plan *plan, const gcam_network *network, const gcam_shape *shapes,
                               const gcam__request *request, const gcam__compute *compute) {
    size_t count = (size_t)network->count;
    memset(plan, 0, sizeof *plan);
    plan->needed = gcam__calloc(count, 1);
    plan->below = gcam__calloc(count, 1);
    plan->activation = gcam__calloc(count, sizeof(size_t));
    plan->aux = gcam__calloc(count, sizeof(size_t));
    plan->scratch = gcam__calloc(count, sizeof(size_t));
    plan->link = gcam__calloc(count, 1);
    plan->tail = gcam__calloc(count, sizeof *plan->tail);
    workspace w = {.root = gcam__calloc(count, sizeof *w.root),
                   .last = gcam__calloc(count, sizeof *w.last),
                   .slices = gcam__calloc(count, sizeof *w.slices),
                   .in = gcam__calloc((size_t)most_inputs(network), sizeof *w.in)};
    gcam_status status = GCAM_ERR_NOMEM;
    int complete = plan->needed && plan->below && plan->activation && plan->aux && plan->scratch && plan->link
                   && plan->tail && w.root && w.last && w.slices && w.in;
    if (complete) {
        fill_nowhere(plan->activation, network->count);
        fill_nowhere(plan->aux, network->count);
        fill_nowhere(plan->scratch, network->count);
        mark_needed(network, request, plan->needed);
        mark_below(network, request, plan->below);
        gcam__plan_chains(network, shapes, request, plan);
        status = plan_places(plan, network, shapes, request, compute, &w);
    }
    gcam__free(w.root);
    gcam__free(w.last);
    gcam__free(w.slices);
    gcam__free(w.in);
    if (status != GCAM_OK) gcam__forward_plan_free(plan);
    return status;
}

void gcam__forward_plan_free(gcam__forward_plan *plan) {
    gcam__free(plan->needed);
    gcam__free(plan->below);
    gcam__free(plan->activation);
    gcam__free(plan->aux);
    gcam__free(plan->scratch);
    gcam__free(plan->link);
    gcam__free(plan->tail);
    memset(plan, 0, sizeof *plan);
}

/* ---- backward ------------------------------------------------------------------------------------------------------------- */

/* Nodes that pass a gradient to node `v`; the last of them in the network's order runs first on the way back. */
static void find_users(const gcam_network *network, const unsigned char *needed, int *users, int *first_user) {
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        for (int k = 0; needed[i] && k < node->input_count; k++) {
            users[node->inputs[k]]++;
            first_user[node->inputs[k]] = i;
        }
    }
}

/* Steps of the backward pass: node i is passed at step count - 1 - i, when its gradient is complete. */
static gcam_status collect_backward(span_list *list, gcam__backward_plan *plan, const gcam_network *network,
                                    const gcam_shape *shapes, const gcam__request *request, const unsigned char *needed,
                                    const int *users, const int *first_user, const gcam__compute *compute,
                                    gcam_shape *in) {
    int count = network->count;
    for (int i = 0; i < count; i++) {
        const gcam__node *node = &network->nodes[i];
        if (!needed[i] || !plan->below[i]) continue;
        /* written by the first user on the way back, or at its own step where the seed starts there */
        int first = users[i] ? count - 1 - first_user[i] : 0;
        int last = request->gradient[i] & GCAM__KEEP ? count : count - 1 - i;
        GCAM_TRY(add_span(list, first, last, bytes_of(&shapes[i], plan->seeds), &plan->gradient[i]));
        size_t partial = 0;
        for (int k = 0; k < node->input_count; k++)
            if (plan->below[node->inputs[k]] && users[node->inputs[k]] > 1)
                partial += gcam__plan_round(bytes_of(&shapes[node->inputs[k]], plan->seeds));
        if (partial) GCAM_TRY(add_span(list, count - 1 - i, count - 1 - i, partial, &plan->partial[i]));
        if (gcam__plan_passes(network, request, needed, plan->below, i))
            GCAM_TRY(add_scratch(list, count - 1 - i, node, shapes, i, compute, request->parameters ? 2 : 1,
                                 plan->seeds, in, &plan->scratch[i]));
    }
    return GCAM_OK;
}

static gcam_status plan_gradients(gcam__backward_plan *plan, const gcam_network *network, const gcam_shape *shapes,
                                  const gcam__request *request, const unsigned char *needed,
                                  const gcam__compute *compute, int *users, int *first_user, gcam_shape *in) {
    fill_nowhere(plan->gradient, network->count);
    fill_nowhere(plan->partial, network->count);
    fill_nowhere(plan->scratch, network->count);
    mark_below(network, request, plan->below);
    find_users(network, needed, users, first_user);
    span_list list = {0};
    gcam_status status =
        collect_backward(&list, plan, network, shapes, request, needed, users, first_user, compute, in);
    if (status == GCAM_OK) status = place_spans(&list, &plan->block_bytes);
    gcam__free(list.spans);
    return status;
}

gcam_status gcam__plan_backward(gcam__backward_plan *plan, const gcam_network *network, const gcam_shape *shapes,
                                const gcam__request *request, const gcam__forward_plan *forward, int64_t seeds,
                                const gcam__compute *compute) {
    size_t count = (size_t)network->count;
    memset(plan, 0, sizeof *plan);
    plan->seeds = seeds;
    plan->below = gcam__calloc(count, 1);
    plan->gradient = gcam__calloc(count, sizeof(size_t));
    plan->partial = gcam__calloc(count, sizeof(size_t));
    plan->scratch = gcam__calloc(count, sizeof(size_t));
    int *users = gcam__calloc(count, sizeof *users), *first_user = gcam__calloc(count, sizeof *first_user);
    gcam_shape *in = gcam__calloc((size_t)most_inputs(network), sizeof *in);
    gcam_status status = GCAM_ERR_NOMEM;
    if (plan->below && plan->gradient && plan->partial && plan->scratch && users && first_user && in)
        status = plan_gradients(plan, network, shapes, request, forward->needed, compute, users, first_user, in);
    gcam__free(users);
    gcam__free(first_user);
    gcam__free(in);
    if (status != GCAM_OK) gcam__backward_plan_free(plan);
    return status;
}

int gcam__plan_covers(const gcam_network *network, const gcam__forward_plan *forward, const gcam__request *planned,
                      const gcam__request *request) {
    if (request->parameters && !planned->parameters) return 0;
    for (int i = 0; i < network->count;
         i++) /* what a wanted gradient needs is kept where it lies below the planned ones */
        if (request->gradient[i] && !(forward->needed[i] && forward->below[i])) return 0;
    return 1;
}

void gcam__backward_plan_free(gcam__backward_plan *plan) {
    gcam__free(plan->below);
    gcam__free(plan->gradient);
    gcam__free(plan->partial);
    gcam__free(plan->scratch);
    memset(plan, 0, sizeof *plan);
}
