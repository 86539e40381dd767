/* Is the head CAM's? Class activation maps (Zhou et al. 2016) exist where only global average pooling and one linear map with weights W
 * lie between a layer and the class scores. Averaging and a 1x1 convolution commute, so a head that convolves first (SqueezeNet without
 * its last ReLU, Tiny Darknet) is the same thing. Dropout and flattening change no value and may stand anywhere. */
#include "explain/explain.h"
#include "graph/session.h"

#include <stdio.h>
#include <string.h>

/* What is found between the layer and the scores so far. */
typedef struct tail {
    const gcam__study *study;
    int pooled;
    const float *weights;
} tail;

static int is(const gcam__node *node, const char *op) {
    return strcmp(node->layer.op->name, op) == 0;
}

static int64_t cells(const gcam_shape *shape) {
    return shape->rank == 4 ? shape->dim[2] * shape->dim[3] : 1;
}

/* The only layer that reads `at`; -1 where there is none, or several. */
static int only_reader(const gcam_network *network, int at) {
    int reader = -1;
    for (int i = at + 1; i < network->count; i++) {
        for (int j = 0; j < network->nodes[i].input_count; j++) {
            if (network->nodes[i].inputs[j] != at) continue;
            if (reader >= 0) return -1;
            reader = i;
        }
    }
    return reader;
}

/* Does the layer average all cells of its input, each with the same weight? */
static int averages_all(const gcam__node *node, const gcam_shape *in, const gcam_shape *out) {
    if (cells(out) != 1) return 0;
    if (is(node, "global_avg_pool") || is(node, "adaptive_avg_pool")) return 1;
    if (!is(node, "avg_pool")) return 0;
    const gcam_pool_params *p = node->layer.params;
    return p->kernel[0] == in->dim[2] && p->kernel[1] == in->dim[3] && !p->pad[0] && !p->pad[1] && !p->pad_end[0]
           && !p->pad_end[1];
}

/* A linear map that treats every cell alike: fully connected on pooled channels, or a 1x1 convolution that visits each cell once. */
static int is_linear_map(const gcam__node *node, const gcam_shape *in) {
    if (is(node, "linear")) return cells(in) == 1;
    if (!is(node, "conv2d")) return 0;
    const gcam_conv2d_params *p = node->layer.params;
    return p->kernel[0] == 1 && p->kernel[1] == 1 && p->stride[0] == 1 && p->stride[1] == 1 && p->groups == 1
           && !p->pad[0] && !p->pad[1] && !p->pad_end[0] && !p->pad_end[1];
}

/* Takes one layer into the tail; 0 where it does not belong in one. */
static int take(tail *t, const gcam__node *node, int in, int at) {
    const gcam_shape *in_shape = gcam__session_shape(t->study->session, in);
    if (is(node, "dropout")) return 1;
    if (is(node, "flatten")) return t->pooled;
    if (!t->pooled && averages_all(node, in_shape, gcam__session_shape(t->study->session, at))) return t->pooled = 1;
    if (!t->weights && is_linear_map(node, in_shape)) {
        t->weights = node->layer.weight[0].data;
        return 1;
    }
    return 0;
}

static const float *refuse(char *reason, const char *what, const gcam__node *node) {
    if (reason) snprintf(reason, 256, what, node->name, node->layer.op->name);
    return NULL;
}

const float *gcam__tail_weights(const gcam__study *study, const gcam__map_layer *layer, char *reason) {
    const gcam_network *network = study->network;
    tail t = {study, 0, NULL};
    for (int at = layer->index; at != study->end;) {
        int next = only_reader(network, at);
        if (next < 0) return refuse(reason, "%.100s (%.40s) does not feed exactly one layer", &network->nodes[at]);
        if (!take(&t, &network->nodes[next], at, next))
            return refuse(reason, "%.100s (%.40s) follows", &network->nodes[next]);
        at = next;
    }
    if (t.pooled && t.weights) return t.weights;
    return refuse(reason,
                  t.weights ? "nothing averages over the image before %.100s (%.40s)"
                            : "no linear layer ends in %.100s (%.40s)",
                  &network->nodes[study->end]);
}
