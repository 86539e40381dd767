/* Relevance through layers without weights; relevance.h has the table of what each kind does. */
#include "layers/relevance.h"

#include "layers/loops.h"
#include "layers/shape.h"

#include <math.h>
#include <string.h>

enum { MOST_INPUTS = 2 }; /* of the operations whose inputs are clamped or averaged */

unsigned gcam__rule_family(gcam_rule rule) {
    if (rule == GCAM_RULE_DEEPLIFT) return GCAM__DEEPLIFT;
    if (rule == GCAM_RULE_EXCITATION || rule == GCAM_RULE_CONTRAST) return GCAM__EXCITATION;
    return rule >= GCAM_RULE_EPSILON && rule <= GCAM_RULE_FLAT ? GCAM__LRP : 0;
}

/* One output and two copies of every input. */
size_t gcam__relevance_scratch(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                               int in_count, const gcam_shape *out) {
    if (layer->op->relevance->weights) return gcam__weighted_scratch(compute, layer, in, out);
    int64_t floats = 2 * gcam_shape_count(out);
    for (int i = 0; i < in_count; i++) floats += 2 * gcam_shape_count(&in[i]);
    return (size_t)floats * sizeof(float);
}

static int64_t count_of(const gcam_tensor *tensor) {
    return gcam_shape_count(&tensor->shape);
}

static float *after(float *block, const gcam_shape *shape) {
    return block + gcam_shape_count(shape);
}

/* ---- the gradient, and values moved about ------------------------------------------------------------------------------- */

static void gradient_of(const gcam__run *run, const float *signal) {
    gcam_tensor dout = *run->dout;
    gcam__run inner = *run;
    dout.data = (float *)(uintptr_t)signal;
    inner.dout = &dout;
    inner.rule = GCAM_RULE_GRADIENT;
    inner.spread = NULL;
    run->layer->op->backward(&inner);
}

static void pass_gradient(const gcam__run *run) {
    gradient_of(run, run->dout->data);
}

static void pass_unchanged(const gcam__run *run) {
    if (run->din[0]) gcam__copy(run->din[0]->data, run->dout->data, count_of(run->dout));
}

const gcam__relevance gcam__routed = {.pass = pass_gradient, .families = GCAM__ALL_FAMILIES, .routes = 1};

/* ---- element by element --------------------------------------------------------------------------------------------------- */

typedef struct slopes {
    const float *u, *o, *u0, *o0, *m;
    float *din;
} slopes;

static void rescale_piece(const void *context, int64_t begin, int64_t end) {
    const slopes *g = context;
    for (int64_t i = begin; i < end; i++) {
        double change = (double)g->u[i] - g->u0[i];
        if (fabs(change) >= 1e-6 * fmax(1, fabs((double)g->u[i])))
            g->din[i] = (float)(g->m[i] * (((double)g->o[i] - g->o0[i]) / change));
    }
}

static void pass_elementwise(const gcam__run *run) {
    const gcam__spread *spread = run->spread;
    if (spread->family != GCAM__DEEPLIFT || !run->din[0]) {
        pass_unchanged(run);
        return;
    }
    const gcam__run *reference = spread->reference;
    pass_gradient(run);
    slopes g = {run->in[0]->data,     run->out->data,  reference->in[0]->data,
                reference->out->data, run->dout->data, run->din[0]->data};
    gcam__for_pieces(run->compute, count_of(run->out), rescale_piece, &g);
}

const gcam__relevance gcam__elementwise = {.pass = pass_elementwise, .families = GCAM__ALL_FAMILIES};
const gcam__relevance gcam__falling = {.pass = pass_elementwise, .families = GCAM__LRP | GCAM__DEEPLIFT};
const gcam__relevance gcam__gate = {.pass = pass_elementwise, .families = GCAM__ALL_FAMILIES, .is_gate = 1};
const gcam__relevance gcam__power = {.pass = pass_elementwise, .families = GCAM__ALL_FAMILIES, .one_input = 1};
const gcam__relevance gcam__no_rule = {.pass = pass_gradient, .families = 0, .is_gate = 1};

/* LRN's scale d^-beta = o / u is held fixed; other norms follow their gradient. */
static void pass_steady(const gcam__run *run) {
    if (run->spread->family != GCAM__DEEPLIFT)
        pass_unchanged(run);
    else
        pass_gradient(run);
}

const gcam__relevance gcam__steady = {.pass = pass_steady, .families = GCAM__ALL_FAMILIES};

/* ---- sums and products of values -------------------------------------------------------------------------------------------- */

/* A run of the same layer on other inputs. */
typedef struct variant {
    gcam__run run;
    gcam_tensor in[MOST_INPUTS], out;
    const gcam_tensor *pointer[MOST_INPUTS];
} variant;

static void begin_variant(variant *v, const gcam__run *run) {
    v->run = *run;
    v->run.spread = NULL;
    v->run.rule = GCAM_RULE_GRADIENT;
    v->run.aux = NULL;
    for (int k = 0; k < run->in_count && k < MOST_INPUTS; k++) {
        v->in[k] = *run->in[k];
        v->pointer[k] = &v->in[k];
    }
    v->run.in = v->pointer;
}

/* Inputs clamped at 0 where excitation is passed: a minuend's positive part, a subtrahend's negative part. */
static void clamp_input(const gcam__run *run, int k, float *to) {
    int negative = k == 1 && strcmp(run->layer->op->name, "sub") == 0;
    const float *from = run->in[k]->data;
    for (int64_t i = 0; i < count_of(run->in[k]); i++) to[i] = negative ? fminf(from[i], 0) : fmaxf(from[i], 0);
}

/* Does input k take part in the sum? Constants are biases: they do where biases are absorbed. */
static int takes_part(const gcam__run *run, int k) {
    const gcam__spread *spread = run->spread;
    int is_bias = spread->idle == k && !run->layer->op->relevance->is_product;
    return !is_bias || (spread->family == GCAM__LRP && !spread->how->ignore_bias);
}

/* o = sum of c u: din = u (backward of R / st(o)). */
static void pass_shares(const gcam__run *run, double factor) {
    const gcam__spread *spread = run->spread;
    variant v;
    begin_variant(&v, run);
    float *room = spread->scratch, *share = room;
    room = after(room, &run->out->shape);
    v.out = (gcam_tensor){run->out->shape, room, 0};
    room = after(room, &run->out->shape);
    v.run.out = &v.out;
    for (int k = 0; k < run->in_count; k++) {
        int same = spread->family == GCAM__LRP && takes_part(run, k);
        if (same) continue;
        v.in[k].data = room;
        room = after(room, &run->in_shape[k]);
        if (takes_part(run, k))
            clamp_input(run, k, v.in[k].data);
        else
            memset(v.in[k].data, 0, (size_t)count_of(run->in[k]) * sizeof(float));
    }
    gcam__run there = v.run;
    there.dout = NULL, there.din = NULL;
    run->layer->op->forward(&there);
    double epsilon = spread->family == GCAM__LRP ? spread->how->epsilon : 0;
    for (int64_t i = 0; i < count_of(run->out); i++)
        share[i] = (float)factor * gcam__share(run->dout->data[i], v.out.data[i], epsilon, spread->lost);
    gradient_of(&v.run, share);
    for (int k = 0; k < run->in_count; k++) {
        for (int64_t i = 0; run->din[k] && i < count_of(run->in[k]); i++) run->din[k]->data[i] *= v.in[k].data[i];
    }
}

static void pass_summed(const gcam__run *run) {
    if (run->spread->family == GCAM__DEEPLIFT)
        pass_gradient(run);
    else
        pass_shares(run, 1);
}

const gcam__relevance gcam__summed = {.pass = pass_summed, .families = GCAM__ALL_FAMILIES};
/* Weights of both signs that cannot be taken apart. */
const gcam__relevance gcam__summed_signed = {.pass = pass_summed, .families = GCAM__LRP | GCAM__DEEPLIFT};

/* Products: a b - a' b' = (a - a') (b + b') / 2 + (b - b') (a + a') / 2, the gradient at the middle. */
static void pass_middle(const gcam__run *run) {
    variant v;
    begin_variant(&v, run);
    float *room = run->spread->scratch;
    for (int k = 0; k < run->in_count; k++) {
        const float *u = run->in[k]->data, *u0 = run->spread->reference->in[k]->data;
        for (int64_t i = 0; i < count_of(run->in[k]); i++) room[i] = 0.5f * (u[i] + u0[i]);
        v.in[k].data = room;
        room = after(room, &run->in_shape[k]);
    }
    gradient_of(&v.run, run->dout->data);
}

static void pass_bilinear(const gcam__run *run) {
    if (run->spread->family == GCAM__DEEPLIFT)
        pass_middle(run);
    else
        pass_shares(run, run->spread->idle < 0 ? 0.5 : 1);
}

const gcam__relevance gcam__bilinear = {.pass = pass_bilinear, .families = GCAM__ALL_FAMILIES, .is_product = 1};

/* Each operand's part of R, summed over what was repeated: the gradient of a sum does just that. */
static void pass_product(const gcam__run *run) {
    if (run->spread->family == GCAM__DEEPLIFT) {
        pass_middle(run);
        return;
    }
    gcam__run sum = *run;
    sum.spread = NULL;
    sum.rule = GCAM_RULE_GRADIENT;
    gcam__op_find("add")->backward(&sum);
    for (int k = 0; k < run->in_count && run->spread->idle < 0; k++) {
        for (int64_t i = 0; run->din[k] && i < count_of(run->in[k]); i++) run->din[k]->data[i] *= 0.5f;
    }
}

const gcam__relevance gcam__product = {.pass = pass_product, .families = GCAM__ALL_FAMILIES, .is_product = 1};

/* a / b: all to a, for which b is a scale. With DeepLIFT b must be a constant. */
static void pass_quotient(const gcam__run *run) {
    if (run->spread->family == GCAM__DEEPLIFT)
        pass_gradient(run);
    else
        pass_product(run);
}

const gcam__relevance gcam__quotient = {.pass = pass_quotient, .families = GCAM__ALL_FAMILIES, .is_quotient = 1};

/* ---- o = c u + d ------------------------------------------------------------------------------------------------------------- */

static void pass_diagonal(const gcam__run *run) {
    const gcam__spread *spread = run->spread;
    if (spread->family == GCAM__DEEPLIFT) {
        pass_gradient(run);
        return;
    }
    if (spread->family == GCAM__EXCITATION || spread->folded || spread->how->ignore_bias || !run->din[0]) {
        pass_unchanged(run);
        return;
    }
    float *share = spread->scratch;
    for (int64_t i = 0; i < count_of(run->out); i++)
        share[i] = gcam__share(run->dout->data[i], run->out->data[i], spread->how->epsilon, spread->lost);
    gradient_of(run, share);
    for (int64_t i = 0; i < count_of(run->out); i++) run->din[0]->data[i] *= run->in[0]->data[i];
}

const gcam__relevance gcam__normalisation = {.pass = pass_diagonal, .families = GCAM__ALL_FAMILIES, .is_norm = 1};
const gcam__relevance gcam__diagonal = {.pass = pass_diagonal, .families = GCAM__ALL_FAMILIES};

/* ---- maxima and minima --------------------------------------------------------------------------------------------------------- */

/* DeepLIFT: where the output rose, its change belongs to the winner u_p of this pass, else to the winner u'_q of the reference pass
 * (for minima the other way round); what reaches a place is divided by that place's own change, so that the factor is in 0 .. 1. */
static void pass_changes(const gcam__run *run, int is_minimum) {
    const gcam__run *reference = run->spread->reference;
    float *signal = run->spread->scratch, *room = after(after(signal, &run->out->shape), &run->out->shape);
    gcam_tensor here[MOST_INPUTS] = {0};
    gcam_tensor *pointer[MOST_INPUTS] = {NULL, NULL};
    gcam__run winners = *run, others = *run;
    others.in = reference->in, others.out = reference->out, others.aux = reference->aux, others.din = pointer;
    for (int k = 0; k < run->in_count && k < MOST_INPUTS; k++) {
        if (!run->din[k]) continue;
        here[k] = (gcam_tensor){run->in_shape[k], room, 0};
        pointer[k] = &here[k];
        room = after(room, &run->in_shape[k]);
    }
    for (int turn = 0; turn < 2; turn++) {
        for (int64_t i = 0; i < count_of(run->out); i++) {
            double change = (double)run->out->data[i] - reference->out->data[i];
            int mine = (change >= 0) != (is_minimum != 0);
            signal[i] = mine == (turn == 0) ? (float)(run->dout->data[i] * change) : 0;
        }
        gradient_of(turn == 0 ? &winners : &others, signal);
    }
    for (int k = 0; k < run->in_count && k < MOST_INPUTS; k++) {
        for (int64_t i = 0; pointer[k] && i < count_of(run->in[k]); i++) {
            double change = (double)run->in[k]->data[i] - reference->in[k]->data[i];
            double sum = (double)run->din[k]->data[i] + here[k].data[i];
            run->din[k]->data[i] = change != 0 ? (float)(sum / change) : 0;
        }
    }
}

static void pass_winner(const gcam__run *run) {
    if (run->spread->family == GCAM__DEEPLIFT)
        pass_changes(run, 0);
    else
        pass_gradient(run);
}

static void pass_loser(const gcam__run *run) {
    if (run->spread->family == GCAM__DEEPLIFT)
        pass_changes(run, 1);
    else
        pass_gradient(run);
}

const gcam__relevance gcam__winner = {.pass = pass_winner, .families = GCAM__ALL_FAMILIES};
const gcam__relevance gcam__loser = {.pass = pass_loser, .families = GCAM__ALL_FAMILIES};
