/* The relevance pass: a backward pass in which each layer spreads what it gets by a rule instead of by its derivative. Before it runs, every
 * layer on the way is given its role: which rule it follows, whether a normalisation folds into it, which of its inputs takes no part. */
#include "layers/relevance.h"

#include "core/memory.h"
#include "core/status.h"
#include "graph/session.h"

#include <math.h>
#include <string.h>

enum { ROLE_REACHED = 1, ROLE_DEPENDS = 2, ROLE_LAST = 4, ROLE_BEHIND = 8, ROLE_READ_TWICE = 16, ROLE_READ = 32 };

static const struct {
    const char *name;
    gcam_relevance how;
} presets[] = {
    {"epsilon-gamma-box", {.first = GCAM_RULE_Z_BOX, .conv = GCAM_RULE_GAMMA, .linear = GCAM_RULE_EPSILON}},
    {"epsilon-plus", {.conv = GCAM_RULE_ALPHA_BETA, .linear = GCAM_RULE_EPSILON, .alpha = 1}},
    {"epsilon-alpha2-beta1", {.conv = GCAM_RULE_ALPHA_BETA, .linear = GCAM_RULE_EPSILON, .alpha = 2}},
    {"epsilon", {.conv = GCAM_RULE_EPSILON, .linear = GCAM_RULE_EPSILON}},
    {"lrp-0", {.conv = GCAM_RULE_EPSILON, .linear = GCAM_RULE_EPSILON, .epsilon = -1}},
    {"gamma", {.conv = GCAM_RULE_GAMMA, .linear = GCAM_RULE_GAMMA}},
    {"z-plus", {.conv = GCAM_RULE_ALPHA_BETA, .linear = GCAM_RULE_ALPHA_BETA, .alpha = 1}},
    {"alpha2-beta1", {.conv = GCAM_RULE_ALPHA_BETA, .linear = GCAM_RULE_ALPHA_BETA, .alpha = 2}},
};

const char *gcam_relevance_preset_name(size_t index) {
    return index < sizeof presets / sizeof *presets ? presets[index].name : NULL;
}

gcam_status gcam_relevance_preset(gcam_relevance *out, const char *name) {
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (name && strcmp(presets[i].name, name) != 0) continue;
        *out = presets[i].how;
        return GCAM_OK;
    }
    *out = presets[0].how;
    return gcam__fail(GCAM_ERR_NOT_FOUND, "relevance",
                      "there is no preset \"%.80s\"; the presets are epsilon-gamma-box, epsilon-plus, "
                      "epsilon-alpha2-beta1, epsilon, lrp-0, gamma, z-plus and alpha2-beta1",
                      name);
}

/* ---- what was asked for ------------------------------------------------------------------------------------------------------- */

static gcam_status fill_in(gcam_relevance *to, const gcam_relevance *from) {
    *to = *from;
    if (!to->conv && !to->linear && !to->first) to->first = GCAM_RULE_Z_BOX;
    if (!to->conv) to->conv = GCAM_RULE_GAMMA;
    if (!to->linear) to->linear = gcam__rule_family(to->conv) == GCAM__LRP ? GCAM_RULE_EPSILON : to->conv;
    unsigned family = gcam__rule_family(to->conv);
    const gcam_rule all[] = {to->first, to->linear, to->last};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i] && gcam__rule_family(all[i]) != family)
            return gcam__fail(GCAM_ERR_ARGUMENT, "relevance", "rules %d and %d are of different families",
                              (int)to->conv, (int)all[i]);
    }
    if (!family) return gcam__fail(GCAM_ERR_ARGUMENT, "relevance", "rule %d does not spread relevance", (int)to->conv);
    to->epsilon = to->epsilon == 0 ? 1e-6 : fmax(to->epsilon, 0);
    to->gamma = to->gamma == 0 ? 0.25 : fmax(to->gamma, 0);
    if (to->alpha == 0) to->alpha = 2;
    if (!(to->alpha >= 1) || !isfinite(to->alpha) || !isfinite(to->epsilon) || !isfinite(to->gamma))
        return gcam__fail(GCAM_ERR_ARGUMENT, "relevance", "alpha %g, expected 1 or more, and finite numbers",
                          to->alpha);
    return GCAM_OK;
}

static const char *family_name(unsigned family) {
    return family == GCAM__LRP ? "LRP" : family == GCAM__DEEPLIFT ? "DeepLIFT" : "excitation backpropagation";
}

/* ---- roles ------------------------------------------------------------------------------------------------------------------------ */

static const gcam__relevance *kind_of(const gcam_network *network, int i) {
    return network->nodes[i].layer.op->relevance;
}

/* The input that stands behind `i` when what only moves or scales values is left out. */
static int producer(const gcam_network *network, const unsigned char *role, int i) {
    for (;;) {
        const gcam__node *node = &network->nodes[i];
        const gcam__relevance *kind = node->layer.op->relevance;
        int scaled = node->input_count == 2 && !(role[node->inputs[1]] & ROLE_DEPENDS);
        if (!kind || (!kind->routes && !scaled) || node->input_count < 1) return i;
        i = node->inputs[0];
    }
}

static int is_gate(const gcam_network *network, const unsigned char *role, int i) {
    const gcam__relevance *kind = kind_of(network, producer(network, role, i));
    return kind && kind->is_gate;
}

/* Of two inputs, the one that takes no part; -1: none. DeepLIFT and gradients know no gates. */
static int idle_input(const gcam_network *network, const unsigned char *role, unsigned family, int i) {
    const gcam__node *node = &network->nodes[i];
    const gcam__relevance *kind = node->layer.op->relevance;
    if (node->input_count != 2) return -1;
    for (int k = 0; k < 2; k++)
        if (!(role[node->inputs[k]] & ROLE_DEPENDS)) return k;
    if (family == GCAM__DEEPLIFT || !kind) return -1;
    if (kind->is_quotient) return 1;
    if (!kind->is_product) return -1;
    int gate[2] = {is_gate(network, role, node->inputs[0]), is_gate(network, role, node->inputs[1])};
    return gate[0] == gate[1] ? -1 : gate[0] ? 0 : 1;
}

int gcam__relevance_idle(const gcam_session *s, int i) {
    return s->relevance ? idle_input(s->network, s->relevance->role, s->relevance->family, i) : -1;
}

static void mark_inputs(const gcam_network *network, unsigned char *role) {
    for (int i = 0; i < network->count; i++) {
        const gcam__node *node = &network->nodes[i];
        role[i] = node->layer.op->is_input ? ROLE_DEPENDS : 0;
        for (int k = 0; k < node->input_count; k++) {
            role[i] |= role[node->inputs[k]] & ROLE_DEPENDS;
            role[node->inputs[k]] |= role[node->inputs[k]] & ROLE_READ ? ROLE_READ_TWICE : ROLE_READ;
        }
    }
}

/* From `start` down: which layers relevance reaches, and which of those with weights it meets first. */
static void mark_reached(const gcam_network *network, unsigned char *role, unsigned family, int start) {
    role[start] |= ROLE_REACHED;
    for (int i = start; i >= 0; i--) {
        const gcam__node *node = &network->nodes[i];
        if (!(role[i] & ROLE_REACHED)) continue;
        int weighted = node->layer.op->relevance && node->layer.op->relevance->weights;
        if (weighted && !(role[i] & ROLE_BEHIND)) role[i] |= ROLE_LAST;
        int idle = idle_input(network, role, family, i);
        for (int k = 0; k < node->input_count; k++) {
            if (k == idle) continue;
            role[node->inputs[k]] |= ROLE_REACHED;
            if (weighted || role[i] & ROLE_BEHIND) role[node->inputs[k]] |= ROLE_BEHIND;
        }
    }
}

static gcam_status check_layer(const gcam_session *s, const unsigned char *role, unsigned family, int i) {
    const gcam__node *node = &s->network->nodes[i];
    const gcam__relevance *kind = node->layer.op->relevance;
    int defined = kind && kind->pass && kind->families & family;
    if (defined && kind->one_input)
        defined = idle_input(s->network, role, family, i) == 1
                  && gcam_shape_count(&s->shape[node->inputs[0]]) == gcam_shape_count(&s->shape[i]);
    if (defined && kind->is_quotient && family == GCAM__DEEPLIFT)
        defined = idle_input(s->network, role, family, i) == 1;
    if (defined) return GCAM_OK;
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "relevance", "%s (%s): %s is not defined for this layer", node->name,
                      node->layer.op->name, family_name(family));
}

/* below[i]: is relevance wanted at layer i or under it? NULL: everywhere. */
static gcam_status set_roles(const gcam_session *s, unsigned char *role, unsigned family, int start,
                             const unsigned char *below) {
    const gcam_network *network = s->network;
    mark_inputs(network, role);
    mark_reached(network, role, family, start);
    for (int i = start; i >= 0; i--) {
        int passes = 0;
        for (int k = 0; k < network->nodes[i].input_count; k++) passes |= !below || below[network->nodes[i].inputs[k]];
        if (role[i] & ROLE_REACHED && passes) GCAM_TRY(check_layer(s, role, family, i));
    }
    return GCAM_OK;
}

gcam_status gcam__relevance_check(const gcam_session *s, int start, int wanted, gcam_rule rule) {
    const gcam_network *network = s->network;
    unsigned char *room = gcam__calloc((size_t)network->count, 2);
    if (!room) return GCAM_ERR_NOMEM;
    unsigned char *below = room + network->count;
    for (int i = 0; i < network->count; i++) {
        below[i] = i == wanted;
        for (int k = 0; k < network->nodes[i].input_count; k++) below[i] |= below[network->nodes[i].inputs[k]];
    }
    gcam_status status = set_roles(s, room, gcam__rule_family(rule), start, below);
    gcam__free(room);
    return status;
}

gcam_status gcam__relevance_weights_between(const gcam_session *s, int start, int wanted, int *count, int *last) {
    const gcam_network *network = s->network;
    unsigned char *below = gcam__calloc((size_t)network->count, 1);
    if (!below) return GCAM_ERR_NOMEM;
    *count = 0, *last = -1;
    for (int i = wanted; i <= start; i++) {
        const gcam__relevance *kind = kind_of(network, i);
        for (int k = 0; k < network->nodes[i].input_count; k++) below[i] |= below[network->nodes[i].inputs[k]];
        if (below[i] && kind && kind->weights) ++*count, *last = i;
        below[i] |= i == wanted;
    }
    gcam__free(below);
    return GCAM_OK;
}

/* ---- passing one layer ------------------------------------------------------------------------------------------------------------- */

/* A normalisation whose scale and shift layer i takes: its only reader. -1: none. */
static int norm_behind(const gcam_session *s, const unsigned char *role, int i) {
    const gcam__relevance *kind = kind_of(s->network, i);
    if (!kind->folds || role[i] & ROLE_READ_TWICE || !(role[i] & ROLE_READ)) return -1;
    for (int j = i + 1; j < s->network->count; j++) {
        if (s->network->nodes[j].input_count < 1 || s->network->nodes[j].inputs[0] != i) continue;
        const gcam__relevance *reader = kind_of(s->network, j);
        return reader && reader->is_norm && s->prepared[j] && role[j] & ROLE_REACHED ? j : -1;
    }
    return -1;
}

static int is_first(const gcam_network *network, const unsigned char *role, int i) {
    return network->nodes[producer(network, role, network->nodes[i].inputs[0])].layer.op->is_input;
}

static gcam_rule rule_of(const gcam_session *s, int i) {
    const gcam__relevance_pass *pass = s->relevance;
    const gcam_relevance *how = &pass->how;
    const gcam__relevance *kind = kind_of(s->network, i);
    if (!kind->weights) return how->conv;
    if (how->last && pass->role[i] & ROLE_LAST) return how->last;
    if (how->first && is_first(s->network, pass->role, i)) return how->first;
    return kind->weights == 2 ? how->linear : how->conv;
}

static void set_fold(const gcam_session *s, int i, gcam__spread *spread) {
    const unsigned char *role = s->relevance->role;
    const gcam__relevance *kind = kind_of(s->network, i);
    if (kind->is_norm) {
        int before = s->network->nodes[i].inputs[0];
        const gcam__relevance *layer = kind_of(s->network, before);
        spread->folded = layer && norm_behind(s, role, before) == i;
    }
    int norm = spread->family == GCAM__DEEPLIFT ? -1 : norm_behind(s, role, i);
    if (norm < 0) return;
    spread->scale = s->prepared[norm];
    spread->shift = spread->scale + s->shape[norm].dim[1];
}

static gcam_shape one_seed(gcam_shape shape, int64_t seeds) {
    shape.dim[0] /= seeds;
    return shape;
}

/* The run of seed g: its own dout and din. */
static void pass_seed(const gcam__run *run, int64_t g, gcam_tensor *din, gcam_tensor **pointer) {
    gcam__run one = *run;
    gcam_tensor dout = *run->dout;
    dout.shape = one_seed(dout.shape, run->seeds);
    dout.data += g * gcam_shape_count(&dout.shape);
    for (int k = 0; k < run->in_count; k++) {
        pointer[k] = run->din[k] ? &din[k] : NULL;
        if (!run->din[k]) continue;
        din[k] = *run->din[k];
        din[k].shape = one_seed(din[k].shape, run->seeds);
        din[k].data += g * gcam_shape_count(&din[k].shape);
    }
    one.seeds = 1;
    one.dout = &dout;
    one.din = pointer;
    run->layer->op->relevance->pass(&one);
}

void gcam__relevance_layer(gcam_session *s, int i, gcam__run *run) {
    gcam__relevance_pass *pass = s->relevance;
    gcam__run reference;
    gcam__spread spread = {
        .rule = rule_of(s, i), .family = pass->family, .how = &pass->how, .idle = gcam__relevance_idle(s, i)};
    spread.scratch = pass->scratch.data;
    spread.lost = &pass->lost;
    set_fold(s, i, &spread);
    if (pass->reference) {
        gcam__session_fill_run(pass->reference, i, &reference);
        spread.reference = &reference;
    }
    run->spread = &spread;
    run->rule = spread.rule;
    run->dweight = NULL;
    for (int64_t g = 0; g < run->seeds; g++) pass_seed(run, g, pass->din, pass->pointer);
    run->spread = NULL;
}

/* ---- the pass ------------------------------------------------------------------------------------------------------------------------ */

static size_t most_scratch(gcam_session *s) {
    size_t most = 0;
    for (int i = 0; i < s->network->count; i++) {
        const gcam__node *node = &s->network->nodes[i];
        if (!(s->relevance->role[i] & ROLE_REACHED) || !node->layer.op->relevance || !node->input_count) continue;
        for (int k = 0; k < node->input_count; k++) s->in_shape[k] = s->shape[node->inputs[k]];
        size_t bytes = gcam__relevance_scratch(&s->compute, &node->layer, s->in_shape, node->input_count, &s->shape[i]);
        if (bytes > most) most = bytes;
    }
    return most;
}

static int most_inputs(const gcam_network *network) {
    int most = 1;
    for (int i = 0; i < network->count; i++)
        if (network->nodes[i].input_count > most) most = network->nodes[i].input_count;
    return most;
}

/* Room that stays with the session. */
static gcam_status make_room(gcam_session *s) {
    if (s->relevance_room) return GCAM_OK;
    gcam__relevance_pass *pass = gcam__calloc(1, sizeof *pass);
    if (!pass) return GCAM_ERR_NOMEM;
    s->relevance_room = pass;
    size_t most = (size_t)most_inputs(s->network);
    pass->role = gcam__calloc((size_t)s->network->count, 1);
    pass->din = gcam__calloc(most, sizeof *pass->din);
    pass->pointer = gcam__calloc(most, sizeof *pass->pointer);
    if (pass->role && pass->din && pass->pointer) return GCAM_OK;
    gcam__relevance_free(s);
    return GCAM_ERR_NOMEM;
}

void gcam__relevance_free(gcam_session *s) {
    gcam__relevance_pass *pass = s->relevance_room;
    s->relevance_room = NULL;
    if (!pass) return;
    gcam__free(pass->role);
    gcam__free(pass->din);
    gcam__free(pass->pointer);
    gcam__free(pass->scratch.data);
    gcam__free(pass);
}

static gcam_status check_reference(const gcam_session *s, unsigned family, const gcam_session *reference) {
    if (family != GCAM__DEEPLIFT) return GCAM_OK;
    if (!reference)
        return gcam__fail(GCAM_ERR_ARGUMENT, "relevance", "DeepLIFT needs a session that has run the reference input");
    if (reference->network != s->network || !reference->has_forward || !reference->planned.everything)
        return gcam__fail(GCAM_ERR_STATE, "relevance",
                          "the reference session must have run the same network while relevance was watched");
    if (!gcam_shape_equal(&reference->shape[reference->network->input], &s->shape[s->network->input]))
        return gcam__fail(GCAM_ERR_SHAPE, "relevance", "the reference session has another input size");
    return GCAM_OK;
}

/* `how` has its defaults, `pass` its family. */
static gcam_status begin_pass(gcam_session *s, int layer, gcam_session *reference) {
    gcam__relevance_pass *pass = s->relevance_room;
    s->relevance = pass;
    pass->reference = reference;
    pass->lost = 0;
    memset(pass->role, 0, (size_t)s->network->count);
    gcam__session_collect_request(s);
    /* what is wanted now decides which layers are passed */
    unsigned char *below = gcam__calloc((size_t)s->network->count, 1);
    if (!below) return GCAM_ERR_NOMEM;
    for (int i = 0; i < s->network->count; i++) {
        below[i] = s->request.gradient[i] != 0;
        for (int k = 0; k < s->network->nodes[i].input_count; k++) below[i] |= below[s->network->nodes[i].inputs[k]];
    }
    gcam_status status = set_roles(s, pass->role, pass->family, layer, below);
    gcam__free(below);
    if (status == GCAM_OK) status = gcam__block_reserve(&pass->scratch, most_scratch(s));
    return status;
}

gcam_status gcam__session_relevance_from(gcam_session *s, int layer, const gcam_tensor *seed, const gcam_relevance *how,
                                         gcam_session *reference) {
    static const gcam_relevance defaults;
    gcam_relevance filled;
    if (!s || !s->has_forward || !s->planned.everything)
        return gcam__fail(GCAM_ERR_STATE, "relevance",
                          "a pass of relevance needs a forward pass made while relevance was watched");
    if (s->watch_parameters)
        return gcam__fail(GCAM_ERR_STATE, "relevance", "weights have no relevance: stop watching parameters first");
    GCAM_TRY(fill_in(&filled, how ? how : &defaults));
    unsigned family = gcam__rule_family(filled.conv);
    GCAM_TRY(check_reference(s, family, reference));
    GCAM_TRY(make_room(s));
    s->relevance_room->how = filled;
    s->relevance_room->family = family;
    gcam_status status = begin_pass(s, layer, family == GCAM__DEEPLIFT ? reference : NULL);
    if (status == GCAM_OK) status = gcam__session_backward_from(s, layer, seed, filled.conv);
    s->relevance = NULL;
    return status;
}

gcam_status gcam_session_relevance(gcam_session *s, const gcam_tensor *seed, const gcam_relevance *how,
                                   gcam_session *reference) {
    return gcam__session_relevance_from(s, s ? s->network->output : 0, seed, how, reference);
}

double gcam_session_relevance_lost(const gcam_session *s) {
    return s && s->relevance_room ? s->relevance_room->lost : 0;
}

gcam_status gcam_session_watch_relevance(gcam_session *s, int on) {
    if (!s) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_session_watch_relevance", "there is no session");
    s->watch_relevance = on != 0;
    return GCAM_OK;
}
