/* Sessions: one thread's work on a network. A session owns its values; the network is shared. */
#include "graph/session.h"

#include "core/memory.h"
#include "core/options.h"
#include "core/status.h"

#include <string.h>

/* ---- requests and blocks -------------------------------------------------------------------------------------------------- */

gcam_status gcam__request_create(gcam__request *request, int count) {
    request->parameters = request->everything = request->training = request->unfused = 0;
    request->activation = gcam__calloc((size_t)count, 1);
    request->gradient = gcam__calloc((size_t)count, 1);
    return request->activation && request->gradient ? GCAM_OK : GCAM_ERR_NOMEM;
}

gcam_status gcam__request_copy(gcam__request *to, const gcam__request *from, int count) {
    if (!to->activation) GCAM_TRY(gcam__request_create(to, count));
    memcpy(to->activation, from->activation, (size_t)count);
    memcpy(to->gradient, from->gradient, (size_t)count);
    to->parameters = from->parameters;
    to->everything = from->everything;
    to->training = from->training;
    to->unfused = from->unfused;
    return GCAM_OK;
}

int gcam__request_equal(const gcam__request *a, const gcam__request *b, int count) {
    return a->parameters == b->parameters && a->everything == b->everything && a->training == b->training
           && a->unfused == b->unfused && memcmp(a->activation, b->activation, (size_t)count) == 0
           && memcmp(a->gradient, b->gradient, (size_t)count) == 0;
}

void gcam__request_free(gcam__request *request) {
    gcam__free(request->activation);
    gcam__free(request->gradient);
    memset(request, 0, sizeof *request);
}

gcam_status gcam__block_reserve(gcam__block *block, size_t bytes) {
    if (bytes <= block->bytes) return GCAM_OK;
    gcam__free(block->data);
    block->bytes = 0;
    block->data = gcam__alloc(bytes);
    if (!block->data) return gcam_last_error()->status;
    block->bytes = bytes;
    return GCAM_OK;
}

void gcam__session_collect_request(gcam_session *s) {
    for (int i = 0; i < s->network->count; i++) {
        s->request.activation[i] = s->watch[i] & GCAM_WATCH_ACTIVATION ? GCAM__KEEP : 0;
        s->request.gradient[i] = s->watch[i] & GCAM_WATCH_GRADIENT ? GCAM__KEEP : 0;
        if (s->watch_relevance) s->request.activation[i] |= GCAM__KEEP;
        if (s->given[i]) s->request.activation[i] |= GCAM__GIVEN;
        for (size_t h = 0; h < s->hook_count; h++) {
            if (!s->hooks[h].layers[i]) continue;
            if (s->hooks[h].when & GCAM_HOOK_FORWARD) s->request.activation[i] |= GCAM__REACH;
            if (s->hooks[h].when & GCAM_HOOK_BACKWARD) s->request.gradient[i] |= GCAM__REACH;
        }
    }
    s->request.parameters = s->watch_parameters;
    s->request.everything = s->watch_relevance;
    s->request.training = s->train;
    s->request.unfused = s->unfused;
}

/* ---- making and freeing ---------------------------------------------------------------------------------------------------- */

void gcam_session_options_defaults(gcam_session_options *options) {
    *options = (gcam_session_options){.struct_size = sizeof *options, .batch = 1};
}

static gcam_status read_options(gcam_session_options *to, const gcam_session_options *from) {
    gcam_session_options_defaults(to);
    GCAM_TRY(gcam__options_take(to, sizeof *to, from, "session"));
    if (to->batch == 0) to->batch = 1;
    if (to->batch < 0 || to->height < 0 || to->width < 0 || to->batch > INT32_MAX || to->height > INT32_MAX
        || to->width > INT32_MAX)
        return gcam__fail(GCAM_ERR_ARGUMENT, "session",
                          "batch %lld, input %lldx%lld: sizes must be 1 or more, or 0 for the default",
                          (long long)to->batch, (long long)to->height, (long long)to->width);
    if (to->kernels > GCAM_KERNELS_PLAIN)
        return gcam__fail(GCAM_ERR_ARGUMENT, "session", "kernels %d: there are 0 (auto), 1 (blas) and 2 (plain)",
                          (int)to->kernels);
    return GCAM_OK;
}

static gcam_status allocate_tables(gcam_session *s) {
    const gcam_network *network = s->network;
    size_t count = (size_t)network->count, most = 1;
    for (int i = 0; i < network->count; i++)
        if ((size_t)network->nodes[i].input_count > most) most = (size_t)network->nodes[i].input_count;
    s->shape = gcam__calloc(count, sizeof *s->shape);
    s->given = gcam__calloc(count, sizeof *s->given);
    s->prepared = gcam__calloc(count, sizeof *s->prepared);
    s->watch = gcam__calloc(count, 1);
    s->activation = gcam__calloc(count, sizeof *s->activation);
    s->gradient = gcam__calloc(count, sizeof *s->gradient);
    s->has_gradient = gcam__calloc(count, 1);
    s->in = gcam__calloc(most, sizeof *s->in);
    s->in_shape = gcam__calloc(most, sizeof *s->in_shape);
    s->din = gcam__calloc(most, sizeof *s->din);
    s->din_pointer = gcam__calloc(most, sizeof *s->din_pointer);
    GCAM_TRY(gcam__request_create(&s->request, network->count));
    int complete = s->shape && s->given && s->prepared && s->watch && s->activation && s->gradient && s->has_gradient
                   && s->in && s->in_shape && s->din && s->din_pointer;
    return complete ? GCAM_OK : GCAM_ERR_NOMEM;
}

static gcam_status set_up(gcam_session *s, const gcam_session_options *wanted) {
    gcam_session_options options;
    GCAM_TRY(read_options(&options, wanted));
    GCAM_TRY(gcam__pool_create(&s->compute.pool, options.threads));
    s->compute.kernels = options.kernels;
    s->compute.isa = options.kernels == GCAM_KERNELS_AUTO ? gcam__cpu_isa() : GCAM__ISA_PLAIN;
    s->compute.deterministic = options.deterministic;
    GCAM_TRY(allocate_tables(s));
    for (size_t i = 0; i < s->network->input_count; i++) {
        gcam_shape *shape = &s->shape[s->network->inputs[i]];
        *shape = s->network->nodes[s->network->inputs[i]].shape;
        if (shape->rank > 0 && __builtin_mul_overflow(shape->dim[0], options.batch, &shape->dim[0]))
            return gcam__fail(GCAM_ERR_LIMIT, "session", "a batch of %lld is too large", (long long)options.batch);
    }
    gcam_shape *image = &s->shape[s->network->input];
    if ((options.height || options.width) && image->rank != 4)
        return gcam__fail(GCAM_ERR_ARGUMENT, "session",
                          "the input of this network is no picture: it has no height and width");
    if (options.height) image->dim[2] = options.height;
    if (options.width) image->dim[3] = options.width;
    return gcam__network_infer(s->network, s->shape);
}

gcam_status gcam_session_create_network(gcam_session **out, const gcam_network *network,
                                        const gcam_session_options *options) {
    *out = NULL;
    if (!network) return gcam__fail(GCAM_ERR_ARGUMENT, "session", "a session needs a network");
    gcam_session *s = gcam__calloc(1, sizeof *s);
    if (!s) return GCAM_ERR_NOMEM;
    s->network = network;
    gcam_status status = set_up(s, options);
    if (status != GCAM_OK) {
        gcam_session_free(s);
        return status;
    }
    *out = s;
    return GCAM_OK;
}

static void free_parameter_gradients(gcam_session *s) {
    for (size_t i = 0; s->parameter_gradient && i < s->network->parameter_count; i++)
        gcam__free(s->parameter_gradient[i].data);
    gcam__free(s->parameter_gradient);
    s->parameter_gradient = NULL;
}

void gcam_session_free(gcam_session *s) {
    if (!s) return;
    gcam__hooks_free(s);
    gcam__request_free(&s->request);
    gcam__request_free(&s->planned);
    gcam__forward_plan_free(&s->forward);
    for (int i = 0; i < GCAM__BACKWARD_PLANS; i++) {
        gcam__request_free(&s->backward[i].request);
        gcam__backward_plan_free(&s->backward[i].plan);
    }
    free_parameter_gradients(s);
    gcam__relevance_free(s);
    gcam__free(s->values.data);
    gcam__free(s->gradients.data);
    gcam__free(s->shape);
    gcam__free(s->given);
    gcam__free(s->prepared);
    gcam__free(s->watch);
    gcam__free(s->activation);
    gcam__free(s->gradient);
    gcam__free(s->has_gradient);
    gcam__free(s->in);
    gcam__free(s->in_shape);
    gcam__free(s->din);
    gcam__free(s->din_pointer);
    gcam__pool_free(s->compute.pool);
    gcam__free(s);
}

/* ---- getters and watches ---------------------------------------------------------------------------------------------------- */

const gcam_network *gcam_session_network(const gcam_session *s) {
    return s->network;
}

gcam_shape gcam_session_input_shape(const gcam_session *s) {
    return s->shape[s->network->input];
}

size_t gcam_session_planned_bytes(const gcam_session *s) {
    return s->values.bytes + s->gradients.bytes;
}

gcam_status gcam__session_bytes(gcam_session *s, const int *layers, int count, int backward, size_t *bytes) {
    gcam__forward_plan forward;
    gcam__backward_plan way_back = {0};
    gcam__session_collect_request(s);
    for (int i = 0; i < count; i++) s->request.activation[layers[i]] |= GCAM__GIVEN;
    GCAM_TRY(gcam__plan_forward(&forward, s->network, s->shape, &s->request, &s->compute));
    gcam_status status = GCAM_OK;
    if (backward) status = gcam__plan_backward(&way_back, s->network, s->shape, &s->request, &forward, 1, &s->compute);
    *bytes = forward.block_bytes + way_back.block_bytes;
    gcam__forward_plan_free(&forward);
    gcam__backward_plan_free(&way_back);
    return status;
}

void gcam__session_set_owner(gcam_session *s, const void *owner) {
    s->owner = owner;
}

const void *gcam__session_owner(const gcam_session *s) {
    return s->owner;
}

const gcam_shape *gcam__session_shape(const gcam_session *s, int layer) {
    return &s->shape[layer];
}

const gcam__compute *gcam__session_compute(const gcam_session *s) {
    return &s->compute;
}

static int has_layer(const gcam_session *s, int layer) {
    return s && layer >= 0 && layer < s->network->count;
}

gcam_status gcam_session_watch(gcam_session *s, int layer, unsigned what) {
    if (!has_layer(s, layer) || what & ~(unsigned)(GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT))
        return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_session_watch",
                          "layer %d, watch %u: there is no such layer or watch", layer, what);
    s->watch[layer] = (unsigned char)what;
    return GCAM_OK;
}

void gcam_session_unwatch_all(gcam_session *s) {
    if (!s) return;
    memset(s->watch, 0, (size_t)s->network->count);
    s->watch_relevance = 0;
}

gcam_status gcam_session_watch_parameters(gcam_session *s, int on) {
    if (!s) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_session_watch_parameters", "there is no session");
    s->watch_parameters = on != 0;
    if (!on) free_parameter_gradients(s);
    if (!on || s->parameter_gradient) return GCAM_OK;
    s->parameter_gradient = gcam__calloc(s->network->parameter_count + 1, sizeof *s->parameter_gradient);
    if (!s->parameter_gradient) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < s->network->parameter_count; i++) {
        gcam_tensor *gradient = &s->parameter_gradient[i];
        gradient->shape = s->network->parameters[i].value.shape;
        gradient->data = gcam__calloc((size_t)gcam_shape_count(&gradient->shape), sizeof(float));
        if (!gradient->data) {
            free_parameter_gradients(s);
            s->watch_parameters = 0;
            return GCAM_ERR_NOMEM;
        }
    }
    return GCAM_OK;
}

void gcam__session_train(gcam_session *s, uint64_t seed, uint64_t step) {
    s->train = 1;
    s->training = (gcam__training){.seed = seed, .step = step};
}

void gcam__session_weights_changed(gcam_session *s) {
    s->stale = 1;
}

void gcam__session_refresh(gcam_session *s) {
    if (!s->stale) return;
    s->stale = 0;
    for (int i = 0; i < s->network->count; i++) {
        const gcam__node *node = &s->network->nodes[i];
        if (s->prepared[i])
            node->layer.op->prepare(&s->compute, &node->layer, &s->shape[node->inputs[0]], &s->shape[i],
                                    (void *)(uintptr_t)s->prepared[i]);
    }
}

const gcam_tensor *gcam_session_output(const gcam_session *s) {
    return gcam_session_output_at(s, 0);
}

const gcam_tensor *gcam_session_output_at(const gcam_session *s, int index) {
    int node = s && s->has_forward ? gcam_network_output_at(s->network, index) : -1;
    return node >= 0 ? &s->activation[node] : NULL;
}

const gcam_tensor *gcam_session_activation(const gcam_session *s, int layer) {
    if (!has_layer(s, layer) || !s->has_forward) return NULL;
    int kept = layer == s->network->output || s->planned.activation[layer] & GCAM__KEEP;
    return kept ? &s->activation[layer] : NULL;
}

const gcam_tensor *gcam_session_gradient(const gcam_session *s, int layer) {
    if (!has_layer(s, layer) || !s->last_backward || !s->has_gradient[layer]) return NULL;
    return s->gradient[layer].data ? &s->gradient[layer] : NULL;
}

const gcam_tensor *gcam_session_parameter_gradient(const gcam_session *s, const char *name) {
    if (!s || !name || !s->parameter_gradient || !s->last_backward) return NULL;
    for (size_t i = 0; i < s->network->parameter_count; i++)
        if (strcmp(s->network->parameters[i].name, name) == 0) return &s->parameter_gradient[i];
    return NULL;
}

void gcam_session_cancel(gcam_session *s) {
    if (s) atomic_store(&s->cancel, 1);
}
