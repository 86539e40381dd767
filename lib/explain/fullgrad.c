/* FullGrad (Srinivas & Fleuret 2019): a rectifier network is y = sum x dy/dx + sum over its biases b dy/db, exactly. The map adds up where
 * those shares lie: |x dy/dx| and, for each layer with biases, |b_k dy/do_k| at every position, each scaled to 0..1 over the layer, summed
 * over channels, and resized to the input. Batch normalisation's bias is beta - mu gamma / sqrt(v + eps). */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

static int is(const gcam__node *node, const char *op) {
    return strcmp(node->layer.op->name, op) == 0;
}

/* Bias k of a layer; 0 where it has none. */
static double bias(const gcam__node *node, int64_t k) {
    const gcam_tensor *w = node->layer.weight;
    if (!is(node, "batchnorm")) return w[1].data ? w[1].data[k] : 0;
    const gcam_batchnorm_params *params = node->layer.params;
    double gamma = w[0].data ? w[0].data[k] : 1, beta = w[1].data ? w[1].data[k] : 0;
    return beta - w[2].data[k] * gamma / sqrt(w[3].data[k] + params->eps);
}

static int has_bias(const gcam__node *node) {
    if (is(node, "batchnorm")) return 1;
    return (is(node, "conv2d") || is(node, "linear")) && node->layer.weight[1].data;
}

/* A running sum of scaled shares at the input's size, and the sum of all shares. */
typedef struct total {
    const gcam__task *task;
    double *map;
    double sum;
} total;

/* plane += each channel of `share` from 0 to 1: over all channels jointly, or each by itself (pytorch-grad-cam). */
static void scale_channels(const float *share, int64_t channels, int64_t cells, int jointly, float *plane) {
    int64_t step = jointly ? channels * cells : cells;
    for (int64_t start = 0; start < channels * cells; start += step) {
        float low = INFINITY, high = 0;
        for (int64_t i = start; i < start + step; i++) low = fminf(low, share[i]), high = fmaxf(high, share[i]);
        for (int64_t i = start; high > low && i < start + step; i++)
            plane[i % cells] += (share[i] - low) / (high - low);
    }
}

/* Adds one layer's shares (K x h x w, changed in place). */
static gcam_status add_shares(total *t, float *share, const int64_t dim[3]) {
    const int64_t *size = t->task->study->input->shape.dim;
    int64_t cells = dim[1] * dim[2], pixels = size[2] * size[3];
    for (int64_t i = 0; i < dim[0] * cells; i++) {
        t->sum += share[i];
        share[i] = fabsf(share[i]);
    }
    if (cells == 1) return GCAM_OK;
    float *plane = gcam__calloc((size_t)(cells + pixels), sizeof *plane);
    if (!plane) return gcam_last_error()->status;
    scale_channels(share, dim[0], cells, t->task->study->options.profile != GCAM_PROFILE_PYTORCH_GRAD_CAM, plane);
    gcam__resize_map(plane, dim[1], dim[2], plane + cells, size[2], size[3], GCAM__BILINEAR);
    for (int64_t i = 0; i < pixels; i++) t->map[i] += plane[cells + i];
    gcam__free(plane);
    return GCAM_OK;
}

/* Shares of node `i`: its gradient times x (the input) or times its biases. */
static gcam_status add_node(total *t, const gcam__lab *lab, int i) {
    const gcam__node *node = &t->task->study->network->nodes[i];
    const gcam_tensor *g = gcam_session_gradient(lab->session, i);
    if (!g) return GCAM_OK;
    int of_input = node->layer.op->is_input;
    const float *x = t->task->study->input->data + t->task->study->image * lab->size;
    int64_t count = gcam_shape_count(&g->shape), rank4 = g->shape.rank == 4;
    int64_t dim[3] = {g->shape.dim[1], rank4 ? g->shape.dim[2] : 1, rank4 ? g->shape.dim[3] : 1};
    float *share = gcam__alloc((size_t)count * sizeof *share);
    if (!share) return gcam_last_error()->status;
    for (int64_t j = 0; j < count; j++)
        share[j] = (float)(g->data[j] * (of_input ? x[j] : bias(node, j / (dim[1] * dim[2]) % dim[0])));
    gcam_status status = add_shares(t, share, dim);
    gcam__free(share);
    return status;
}

static void fill_nothing(const gcam__lab *lab, int64_t n, float *x, void *user) {
    (void)lab, (void)n, (void)x, (void)user;
}

static void take_nothing(const gcam__lab *lab, int64_t n, double score, const float *gradient, void *user) {
    (void)lab, (void)n, (void)score, (void)gradient, (void)user;
}

static gcam_status add_all(total *t, gcam__lab *lab) {
    const gcam_network *network = t->task->study->network;
    for (int i = 0; i < network->count; i++) {
        if (has_bias(&network->nodes[i]))
            GCAM_TRY(gcam_session_watch(lab->session, i, lab->session->watch[i] | GCAM_WATCH_GRADIENT));
    }
    GCAM_TRY(gcam__lab_run(lab, fill_nothing, take_nothing, NULL));
    for (int i = 0; i < network->count; i++) {
        if (has_bias(&network->nodes[i]) || i == network->input) GCAM_TRY(add_node(t, lab, i));
    }
    return GCAM_OK;
}

gcam_status gcam__fullgrad_run(const gcam__task *task) {
    const int64_t *size = task->study->input->shape.dim;
    total t = {.task = task};
    GCAM_TRY(gcam__make_pixels(task, 1));
    t.map = gcam__calloc((size_t)(size[2] * size[3]), sizeof *t.map);
    if (!t.map) return gcam_last_error()->status;
    gcam__lab lab;
    gcam_status status = gcam__lab_open(&lab, task, 1, gcam_network_input(task->study->network));
    if (status == GCAM_OK) status = add_all(&t, &lab);
    gcam__lab_close(&lab);
    for (int64_t i = 0; status == GCAM_OK && i < size[2] * size[3]; i++) task->e->raw->data[i] = (float)t.map[i];
    task->e->residual = t.sum - task->aim->score;
    gcam__free(t.map);
    return status;
}
