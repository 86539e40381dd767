/* The backward pass: from the layer of the seed down to the watched gradients, and nowhere else.
 *
 * A layer overwrites the gradients of its inputs. Where an input has several readers, the first one on the way back writes in
 * place and the others write beside it and are added: sums run in a fixed order, from the last reader to the first. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/session.h"

#include <string.h>

/* ---- planning --------------------------------------------------------------------------------------------------------------- */

/* The slot that serves the session's request and number of seeds, or the one that was used longest ago. */
static gcam__planned_backward *find_slot(gcam_session *s, int64_t seeds, int *ready) {
    gcam__planned_backward *oldest = &s->backward[0];
    for (int i = 0; i < GCAM__BACKWARD_PLANS; i++) {
        gcam__planned_backward *slot = &s->backward[i];
        *ready = slot->plan.seeds == seeds && gcam__request_equal(&slot->request, &s->request, s->network->count);
        if (*ready) return slot;
        if (slot->used < oldest->used) oldest = slot;
    }
    return oldest;
}

static gcam_status make_plan(gcam_session *s, int64_t seeds, const gcam__backward_plan **out) {
    int ready = 0;
    gcam__planned_backward *slot = find_slot(s, seeds, &ready);
    if (!ready) {
        gcam__backward_plan_free(&slot->plan);
        GCAM_TRY(gcam__request_copy(&slot->request, &s->request, s->network->count));
        GCAM_TRY(gcam__plan_backward(&slot->plan, s->network, s->shape, &s->request, &s->forward, seeds, &s->compute));
    }
    slot->used = ++s->clock;
    GCAM_TRY(gcam__block_reserve(&s->gradients, slot->plan.block_bytes));
    *out = &slot->plan;
    return GCAM_OK;
}

static gcam_shape with_seeds(gcam_shape shape, int64_t seeds) {
    shape.dim[0] *= seeds;
    return shape;
}

static void place_gradients(gcam_session *s, const gcam__backward_plan *plan) {
    for (int i = 0; i < s->network->count; i++) {
        size_t at = plan->gradient[i];
        float *data = at == GCAM__NOWHERE ? NULL : (float *)(void *)(s->gradients.data + at);
        s->gradient[i] = (gcam_tensor){with_seeds(s->shape[i], plan->seeds), data, 0};
        s->has_gradient[i] = 0;
    }
    for (size_t i = 0; s->watch_parameters && i < s->network->parameter_count; i++) {
        gcam_tensor *gradient = &s->parameter_gradient[i];
        memset(gradient->data, 0, (size_t)gcam_shape_count(&gradient->shape) * sizeof(float));
    }
}

/* ---- running ---------------------------------------------------------------------------------------------------------------- */

/* Points din at the place of each wanted input gradient: its own if nobody has begun it, beside otherwise. */
static void place_din(gcam_session *s, const gcam__backward_plan *plan, int i) {
    const gcam__node *node = &s->network->nodes[i];
    char *beside = plan->partial[i] == GCAM__NOWHERE ? NULL : s->gradients.data + plan->partial[i];
    int idle = gcam__relevance_idle(s, i);
    for (int k = 0; k < node->input_count; k++) {
        int from = node->inputs[k];
        s->din_pointer[k] = NULL;
        if (!plan->below[from] || k == idle) continue;
        s->din[k] = s->gradient[from];
        s->din_pointer[k] = &s->din[k];
        if (s->has_gradient[from]) {
            s->din[k].data = (float *)(void *)beside;
            beside += gcam__plan_round((size_t)gcam_shape_count(&s->din[k].shape) * sizeof(float));
        }
        s->has_gradient[from] = 1; /* also for a second input slot that reads the same node */
    }
}

static void add_partials(gcam_session *s, int i) {
    const gcam__node *node = &s->network->nodes[i];
    for (int k = 0; k < node->input_count; k++) {
        float *sum = s->gradient[node->inputs[k]].data;
        if (s->din_pointer[k] && s->din[k].data != sum)
            gcam__add(&s->compute, sum, s->din[k].data, sum, gcam_shape_count(&s->din[k].shape));
    }
}

/* Hides from the layer what the plan did not keep, so that a layer that reads more than it declares fails at once. */
static void hide_values(const gcam__node *node, int parameters, gcam__run *run) {
    unsigned needs = node->layer.op->needs;
    int input = needs & GCAM__NEEDS_INPUT || (parameters && needs & GCAM__NEEDS_INPUT_FOR_WEIGHTS);
    for (int k = 0; k < run->in_count && !input; k++) ((const gcam_tensor **)(uintptr_t)run->in)[k] = NULL;
    if (!(needs & GCAM__NEEDS_OUTPUT)) run->out = NULL;
}

static void pass_layer(gcam_session *s, const gcam__backward_plan *plan, int i, gcam_rule rule) {
    const gcam__node *node = &s->network->nodes[i];
    gcam_tensor *dweight[GCAM__MAX_WEIGHTS] = {0};
    gcam__run run;
    gcam__session_fill_run(s, i, &run);
    if (!s->relevance) hide_values(node, s->watch_parameters, &run);
    place_din(s, plan, i);
    for (int k = 0; s->watch_parameters && k < GCAM__MAX_WEIGHTS; k++)
        if (node->parameter[k] >= 0) dweight[k] = &s->parameter_gradient[node->parameter[k]];
    run.scratch = plan->scratch[i] == GCAM__NOWHERE ? NULL : s->gradients.data + plan->scratch[i];
    run.seeds = plan->seeds;
    run.dout = &s->gradient[i];
    run.din = s->din_pointer;
    run.dweight = s->watch_parameters ? dweight : NULL;
    run.rule = rule;
    if (s->relevance)
        gcam__relevance_layer(s, i, &run);
    else
        node->layer.op->backward(&run);
    add_partials(s, i);
}

static gcam_status run_layers(gcam_session *s, const gcam__backward_plan *plan, int start, const gcam_tensor *seed,
                              gcam_rule rule, int check) {
    place_gradients(s, plan);
    for (int i = start; i >= 0; i--) {
        if (i == start && plan->below[i]) {
            memcpy(s->gradient[i].data, seed->data, (size_t)gcam_shape_count(&seed->shape) * sizeof(float));
            s->has_gradient[i] = 1;
        }
        if (!s->has_gradient[i]) continue;
        GCAM_TRY(gcam__session_check_cancel(s, i));
        if (check) GCAM_TRY(gcam__session_check_finite(s, i, &s->gradient[i], "gradient"));
        GCAM_TRY(gcam__hooks_call(s, GCAM_HOOK_BACKWARD, i, &s->gradient[i]));
        if (gcam__plan_passes(s->network, &s->request, s->forward.needed, plan->below, i)) pass_layer(s, plan, i, rule);
    }
    return GCAM_OK;
}

static gcam_status check_kept(const gcam_session *s) {
    for (int i = 0; i < s->network->count; i++)
        if (s->has_gradient[i] && s->request.gradient[i] & GCAM__KEEP)
            GCAM_TRY(gcam__session_check_finite(s, i, &s->gradient[i], "gradient"));
    return GCAM_OK;
}

static gcam_status check_seed(const gcam_session *s, int layer, const gcam_tensor *seed) {
    const gcam_shape *out = &s->shape[layer];
    char text[2][160];
    if (!seed || !seed->data) return gcam__fail(GCAM_ERR_ARGUMENT, "backward", "a backward pass needs a seed");
    gcam_shape one = seed->shape;
    int64_t batch = out->rank > 0 && one.rank > 0 ? one.dim[0] : 0;
    if (batch > 0) one.dim[0] = out->dim[0];
    if (batch <= 0 || batch % out->dim[0] != 0 || !gcam_shape_equal(&one, out))
        return gcam__fail(GCAM_ERR_SHAPE, "backward", "%s: the seed is %s, expected %s or a multiple of its batch",
                          s->network->nodes[layer].name, gcam__shape_text(&seed->shape, text[0]),
                          gcam__shape_text(out, text[1]));
    return gcam__session_check_finite(s, layer, seed, "seed");
}

static gcam_status run_backward(gcam_session *s, int layer, const gcam_tensor *seed, gcam_rule rule) {
    const gcam__backward_plan *plan = NULL;
    GCAM_TRY(make_plan(s, seed->shape.dim[0] / s->shape[layer].dim[0], &plan));
    int check = s->hook_count > 0;
    GCAM_TRY(run_layers(s, plan, layer, seed, rule, check));
    gcam_status status = check_kept(s);
    if (status == GCAM_ERR_NUMERIC && !check)
        GCAM_TRY(run_layers(s, plan, layer, seed, rule, 1)); /* names the first layer */
    if (status == GCAM_OK) s->last_backward = plan;
    return status;
}

/* Gradients that nobody watched are scratch by now: hide them from the getter. */
static void forget_unkept(gcam_session *s) {
    for (int i = 0; i < s->network->count; i++)
        if (!(s->request.gradient[i] & GCAM__KEEP)) s->has_gradient[i] = 0;
}

gcam_status gcam__session_backward_from(gcam_session *s, int layer, const gcam_tensor *seed, gcam_rule rule) {
    if (!s || !s->has_forward)
        return gcam__fail(GCAM_ERR_STATE, "backward", "a backward pass needs a forward pass before it");
    if (layer < 0 || layer >= s->network->count || !s->forward.needed[layer])
        return gcam__fail(GCAM_ERR_ARGUMENT, "backward", "layer %d: the forward pass did not run it", layer);
    atomic_store(&s->cancel, 0);
    s->last_backward = NULL;
    GCAM_TRY(check_seed(s, layer, seed));
    gcam__session_collect_request(s);
    if (!gcam__plan_covers(s->network, &s->forward, &s->planned, &s->request))
        return gcam__fail(GCAM_ERR_STATE, "backward",
                          "more gradients are watched now than during the forward pass: run it again first");
    gcam__blas_enter(&s->compute);
    gcam_status status = run_backward(s, layer, seed, rule);
    gcam__blas_leave(&s->compute);
    forget_unkept(s);
    return status;
}

gcam_status gcam_session_backward(gcam_session *s, const gcam_tensor *seed, gcam_rule rule) {
    if (rule > GCAM_RULE_DECONVNET) {
        gcam_relevance how = {.conv = rule, .linear = rule};
        return gcam_session_relevance(s, seed, &how, NULL);
    }
    return gcam__session_backward_from(s, s ? s->network->output : 0, seed, rule);
}
