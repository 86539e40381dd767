/* Hooks: callbacks by layer pattern, kept by the session, called in the order in which they were added. */
#include "core/memory.h"
#include "core/status.h"
#include "graph/session.h"

#include <fnmatch.h>
#include <string.h>

gcam_status gcam_hook_add(gcam_session *s, const char *layer_pattern, unsigned when, gcam_hook_fn fn, void *user,
                          gcam_hook_id *id) {
    if (!s || !layer_pattern || !fn || !when || when & ~(unsigned)(GCAM_HOOK_FORWARD | GCAM_HOOK_BACKWARD))
        return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_hook_add",
                          "a hook needs a session, a layer pattern, a function, and when to call it");
    GCAM_TRY(gcam__grow((void **)&s->hooks, s->hook_count, &s->hook_capacity, sizeof *s->hooks));
    unsigned char *layers = gcam__calloc((size_t)s->network->count, 1);
    if (!layers) return GCAM_ERR_NOMEM;
    int matches = 0;
    for (size_t i = 0; i < s->network->name_count; i++)
        if (fnmatch(layer_pattern, s->network->names[i].text, 0) == 0) {
            layers[s->network->names[i].node] = 1;
            matches++;
        }
    if (matches == 0) {
        gcam__free(layers);
        return gcam__fail(GCAM_ERR_NOT_FOUND, "gcam_hook_add", "no layer's name matches '%s'", layer_pattern);
    }
    gcam__hook hook = {++s->next_hook, when, fn, user, layers};
    s->hooks[s->hook_count++] = hook;
    if (id) *id = hook.id;
    return GCAM_OK;
}

gcam_status gcam_hook_remove(gcam_session *s, gcam_hook_id id) {
    for (size_t i = 0; s && i < s->hook_count; i++) {
        if (s->hooks[i].id != id) continue;
        gcam__free(s->hooks[i].layers);
        memmove(&s->hooks[i], &s->hooks[i + 1], (s->hook_count - i - 1) * sizeof *s->hooks);
        s->hook_count--;
        return GCAM_OK;
    }
    return gcam__fail(GCAM_ERR_NOT_FOUND, "gcam_hook_remove", "the session has no hook %d", id);
}

gcam_status gcam__hooks_call(const gcam_session *s, gcam_hook_when when, int node, gcam_tensor *value) {
    for (size_t i = 0; i < s->hook_count; i++) {
        const gcam__hook *hook = &s->hooks[i];
        if (!(hook->when & when) || !hook->layers[node]) continue;
        const gcam__node *n = &s->network->nodes[node];
        gcam_tensor view = *value; /* the hook edits the numbers, not our bookkeeping */
        gcam_hook_event event = {when, n->name, n->layer.op->name, &view};
        gcam_status status = hook->fn(&event, hook->user);
        if (status != GCAM_OK)
            return gcam__fail(status, "hook", "%s: a hook ended the pass: %s", n->name, gcam_status_text(status));
    }
    return GCAM_OK;
}

void gcam__hooks_free(gcam_session *s) {
    for (size_t i = 0; i < s->hook_count; i++) gcam__free(s->hooks[i].layers);
    gcam__free(s->hooks);
}
