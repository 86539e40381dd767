/* The forward pass. A pass that ends in NaN or infinity is run once more, checking every layer, to name the first one: checking
 * always would cost a read of every activation. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/session.h"

#include <string.h>

gcam_status gcam__session_check_cancel(gcam_session *s, int node) {
    int with = s->cancel_with && atomic_load_explicit(s->cancel_with, memory_order_relaxed);
    if (!with && !atomic_load_explicit(&s->cancel, memory_order_relaxed)) return GCAM_OK;
    return gcam__fail(GCAM_ERR_CANCELED, "session", "canceled at layer %s", s->network->nodes[node].name);
}

/* Weights are not scanned when they are loaded, which would cost as much as reading them; they are when something is wrong. */
static gcam_status check_weights_finite(const gcam_session *s, const gcam__node *node) {
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++) {
        if (node->parameter[i] < 0) continue;
        const gcam__parameter *weight = &s->network->parameters[node->parameter[i]];
        GCAM_TRY(gcam__parameter_check_finite(&s->compute, weight));
    }
    return GCAM_OK;
}

gcam_status gcam__session_check_finite(const gcam_session *s, int node, const gcam_tensor *value, const char *what) {
    int64_t at = gcam__find_nonfinite(&s->compute, value->data, gcam_shape_count(&value->shape));
    if (at < 0) return GCAM_OK;
    GCAM_TRY(check_weights_finite(s, &s->network->nodes[node]));
    return gcam__fail(GCAM_ERR_NUMERIC, "session", "%s: element %lld of its %s is NaN or infinite",
                      s->network->nodes[node].name, (long long)at, what);
}

void gcam__session_fill_run(gcam_session *s, int i, gcam__run *run) {
    const gcam__node *node = &s->network->nodes[i];
    for (int k = 0; k < node->input_count; k++) {
        s->in[k] = &s->activation[node->inputs[k]];
        s->in_shape[k] = s->shape[node->inputs[k]];
    }
    s->training.layer = i;
    size_t aux = s->forward.aux[i], scratch = s->forward.scratch[i];
    *run = (gcam__run){.compute = &s->compute,
                       .layer = &node->layer,
                       .in = s->in,
                       .in_count = node->input_count,
                       .in_shape = s->in_shape,
                       .out = &s->activation[i],
                       .aux = aux == GCAM__NOWHERE ? NULL : s->values.data + aux,
                       .scratch = scratch == GCAM__NOWHERE ? NULL : s->values.data + scratch,
                       .prepared = s->prepared[i],
                       .training = s->train ? &s->training : NULL,
                       .seeds = 1};
}

/* ---- planning --------------------------------------------------------------------------------------------------------------- */

static gcam_status prepare_weights(gcam_session *s) {
    for (int i = 0; i < s->network->count; i++) {
        const gcam__node *node = &s->network->nodes[i];
        if (!s->forward.needed[i] || s->prepared[i] || node->input_count < 1) continue;
        GCAM_TRY(gcam__network_prepare(s->network, i, &s->compute, &s->shape[node->inputs[0]], &s->shape[i],
                                       &s->prepared[i]));
    }
    return GCAM_OK;
}

static gcam_status make_plan(gcam_session *s) {
    gcam__session_collect_request(s);
    if (s->has_plan && gcam__request_equal(&s->request, &s->planned, s->network->count)) return GCAM_OK;
    s->has_plan = 0;
    s->has_forward = 0;
    for (int i = 0; i < GCAM__BACKWARD_PLANS; i++) s->backward[i].plan.seeds = 0; /* they rest on the plan that goes */
    gcam__forward_plan_free(&s->forward);
    GCAM_TRY(gcam__plan_forward(&s->forward, s->network, s->shape, &s->request, &s->compute));
    GCAM_TRY(gcam__block_reserve(&s->values, s->forward.block_bytes));
    GCAM_TRY(gcam__request_copy(&s->planned, &s->request, s->network->count));
    for (int i = 0; i < s->network->count; i++) {
        size_t at = s->forward.activation[i];
        s->activation[i] =
            (gcam_tensor){s->shape[i], at == GCAM__NOWHERE ? NULL : (float *)(void *)(s->values.data + at), 0};
    }
    GCAM_TRY(prepare_weights(s));
    s->has_plan = 1;
    return GCAM_OK;
}

/* ---- running ---------------------------------------------------------------------------------------------------------------- */

/* Adds to the epilogue what node i does as a step of a chain. */
static void add_step(const gcam_session *s, int i, gcam__epilogue *epilogue) {
    const gcam__node *node = &s->network->nodes[i];
    switch (node->layer.op->fused_as) {
    case GCAM__FUSE_SCALE:
        epilogue->scale = s->prepared[i];
        epilogue->bias = epilogue->scale + s->shape[i].dim[1];
        break;
    case GCAM__FUSE_ADD:
        epilogue->add = s->activation[node->inputs[1 - s->forward.link[i]]].data;
        break;
    case GCAM__FUSE_RELU6:
        epilogue->cap = 6;
        epilogue->relu = 1;
        break;
    default:
        epilogue->relu = 1;
        break;
    }
}

void gcam__session_run_chain(gcam_session *s, int i) {
    gcam__run run;
    gcam__epilogue epilogue = {0};
    int head = i;
    for (; s->forward.link[head] >= 0; head = s->network->nodes[head].inputs[s->forward.link[head]])
        add_step(s, head, &epilogue);
    size_t scratch = s->forward.scratch[i];
    gcam__session_fill_run(s, head, &run);
    run.out = &s->activation[i];
    run.scratch = scratch == GCAM__NOWHERE ? NULL : s->values.data + scratch;
    if (head != i) run.fused = &epilogue;
    run.layer->op->forward(&run);
}

static int is_shared_view(const gcam_session *s, int i) {
    const gcam__node *node = &s->network->nodes[i];
    return gcam__plan_is_view(node, s->train) && s->activation[i].data == s->activation[node->inputs[0]].data;
}

/* A chain is known by its first node, unless the weights of another one are at fault. */
static gcam_status check_chain(const gcam_session *s, int tail) {
    int head = gcam__chain_head(s->network, &s->forward, tail);
    if (gcam__find_nonfinite(&s->compute, s->activation[tail].data, gcam_shape_count(&s->shape[tail])) < 0)
        return GCAM_OK;
    for (int i = tail; i != head; i = s->network->nodes[i].inputs[s->forward.link[i]])
        GCAM_TRY(check_weights_finite(s, &s->network->nodes[i]));
    return gcam__session_check_finite(s, head, &s->activation[tail], "output");
}

static gcam_status run_layers(gcam_session *s, int check) {
    const gcam_network *network = s->network;
    for (int i = 0; i < network->count; i++) {
        if (!s->forward.needed[i] || s->forward.tail[i] != i) continue;
        GCAM_TRY(gcam__session_check_cancel(s, i));
        if (s->given[i])
            memcpy(s->activation[i].data, s->given[i]->data, (size_t)gcam_shape_count(&s->shape[i]) * sizeof(float));
        else if (!is_shared_view(s, i))
            gcam__session_run_chain(s, i);
        if (check) GCAM_TRY(check_chain(s, i));
        GCAM_TRY(gcam__hooks_call(s, GCAM_HOOK_FORWARD, i, &s->activation[i]));
    }
    return GCAM_OK;
}

static gcam_status check_kept(const gcam_session *s) {
    for (int i = 0; i < s->network->count; i++)
        if (s->planned.activation[i] & GCAM__KEEP)
            GCAM_TRY(gcam__session_check_finite(s, i, &s->activation[i], "output"));
    for (size_t i = 0; i < s->network->output_count; i++) {
        int node = s->network->outputs[i];
        GCAM_TRY(gcam__session_check_finite(s, node, &s->activation[node], "output"));
    }
    return GCAM_OK;
}

static gcam_status check_input(const gcam_session *s, int node, const gcam_tensor *input) {
    const gcam_shape *wanted = &s->shape[node];
    char text[2][160];
    if (!input || !input->data)
        return gcam__fail(GCAM_ERR_ARGUMENT, "forward", "%s: a forward pass needs this input",
                          s->network->nodes[node].name);
    if (!gcam_shape_equal(&input->shape, wanted))
        return gcam__fail(GCAM_ERR_SHAPE, "forward", "%s: the input is %s, the session's is %s",
                          s->network->nodes[node].name, gcam__shape_text(&input->shape, text[0]),
                          gcam__shape_text(wanted, text[1]));
    return gcam__session_check_finite(s, node, input, "values");
}

/* Every input that is needed must be given. */
static gcam_status check_given(const gcam_session *s) {
    for (int i = 0; i < s->network->count; i++)
        if (s->forward.needed[i] && s->network->nodes[i].layer.op->is_input && !s->given[i])
            return gcam__fail(GCAM_ERR_STATE, "forward", "%s: this input is needed too", s->network->nodes[i].name);
    return GCAM_OK;
}

/* Runs again, each node by itself, to name the first bad one. */
static gcam_status name_layer(gcam_session *s, gcam_status status) {
    s->unfused = 1;
    gcam_status named = make_plan(s);
    s->unfused = 0;
    if (named == GCAM_OK) named = run_layers(s, 1);
    return named == GCAM_OK ? status : named;
}

static gcam_status run_forward(gcam_session *s) {
    int check = s->hook_count > 0; /* hooks must not be called twice, so the first pass names the layer */
    GCAM_TRY(check_given(s));
    GCAM_TRY(run_layers(s, check));
    gcam_status status = check_kept(s);
    return status == GCAM_ERR_NUMERIC && !check ? name_layer(s, status) : status;
}

gcam_status gcam__session_forward_given(gcam_session *s, const int *layers, const gcam_tensor *const *values,
                                        int count) {
    atomic_store(&s->cancel, 0);
    s->has_forward = 0;
    s->last_backward = NULL;
    memset(s->given, 0, (size_t)s->network->count * sizeof *s->given);
    for (int i = 0; i < count; i++) {
        GCAM_TRY(check_input(s, layers[i], values[i]));
        s->given[layers[i]] = values[i];
    }
    gcam__blas_enter(&s->compute);
    gcam_status status = make_plan(s);
    if (status == GCAM_OK) {
        gcam__session_refresh(s);
        status = run_forward(s);
    }
    gcam__blas_leave(&s->compute);
    s->has_forward = status == GCAM_OK;
    return status;
}

gcam_status gcam_session_forward_inputs(gcam_session *s, const gcam_tensor *const *inputs, int count) {
    if (!s || !inputs) return gcam__fail(GCAM_ERR_ARGUMENT, "forward", "a forward pass needs a session and its inputs");
    if ((size_t)count != s->network->input_count)
        return gcam__fail(GCAM_ERR_ARGUMENT, "forward", "the network has %zu inputs, %d were given",
                          s->network->input_count, count);
    return gcam__session_forward_given(s, s->network->inputs, inputs, count);
}

gcam_status gcam_session_forward(gcam_session *s, const gcam_tensor *input) {
    return gcam_session_forward_inputs(s, &input, 1);
}
