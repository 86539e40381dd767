/* Fusing: a convolution takes on the batch norm, addition and ReLU behind it where nobody looks at the values in between and no layer
 * on the way back needs them. Such a chain runs as one operation at the place of its last node, the tail, where all its operands
 * are there; the nodes before have no values. The way back is not fused: each node is passed by itself. */
#include "graph/plan.h"

static int count_users(const gcam_network *network, const unsigned char *needed, int node) {
    int users = 0;
    for (int i = node + 1; i < network->count; i++)
        for (int k = 0; needed[i] && k < network->nodes[i].input_count; k++)
            users += network->nodes[i].inputs[k] == node;
    return users;
}

static int is_output(const gcam_network *network, int node) {
    for (size_t i = 0; i < network->output_count; i++)
        if (network->outputs[i] == node) return 1;
    return 0;
}

int gcam__chain_head(const gcam_network *network, const gcam__forward_plan *plan, int node) {
    while (plan->link[node] >= 0) node = network->nodes[node].inputs[plan->link[node]];
    return node;
}

/* What backward needs of a node that is passed; 0 where it is not. */
static unsigned needs_of(const gcam_network *network, const gcam__request *request, const gcam__forward_plan *plan,
                         int node) {
    if (!gcam__plan_passes(network, request, plan->needed, plan->below, node)) return 0;
    unsigned needs = network->nodes[node].layer.op->needs;
    return request->parameters ? needs : needs & ~(unsigned)GCAM__NEEDS_INPUT_FOR_WEIGHTS;
}

/* 1 where node i may run as the next step of the chain that ends in its input k. */
static int may_link(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                    const gcam__forward_plan *plan, int i, int k) {
    const gcam__node *node = &network->nodes[i];
    int x = node->inputs[k], head = gcam__chain_head(network, plan, x);
    const gcam__layer *first = &network->nodes[head].layer;
    gcam__fuse before = head == x ? GCAM__FUSE_NONE : network->nodes[x].layer.op->fused_as;
    if (node->layer.op->fused_as <= before || !first->op->fuses || !first->op->fuses(first, node->layer.op->fused_as))
        return 0;
    if (request->activation[x] || request->activation[i] & GCAM__GIVEN || is_output(network, x)) return 0;
    if (needs_of(network, request, plan, i) || needs_of(network, request, plan, x) & GCAM__NEEDS_OUTPUT) return 0;
    for (int j = 0; j < node->input_count; j++)
        if (!gcam_shape_equal(&shapes[node->inputs[j]], &shapes[i])) return 0;
    return count_users(network, plan->needed, x) == 1;
}

void gcam__plan_chains(const gcam_network *network, const gcam_shape *shapes, const gcam__request *request,
                       gcam__forward_plan *plan) {
    int alone = request->unfused || request->everything || request->training;
    for (int i = 0; i < network->count; i++) {
        plan->link[i] = -1;
        plan->tail[i] = i;
        if (!plan->needed[i] || alone || network->nodes[i].layer.op->fused_as == GCAM__FUSE_NONE) continue;
        int best = -1; /* of two inputs that would do, the one that is made last */
        for (int k = 0; k < network->nodes[i].input_count; k++) {
            int later = best < 0 || network->nodes[i].inputs[k] > network->nodes[i].inputs[best];
            if (later && may_link(network, shapes, request, plan, i, k)) best = k;
        }
        plan->link[i] = (signed char)best;
    }
    for (int i = network->count - 1; i >= 0; i--)
        if (plan->link[i] >= 0) plan->tail[network->nodes[i].inputs[plan->link[i]]] = plan->tail[i];
}
