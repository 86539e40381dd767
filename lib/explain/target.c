/* Targets (METHODS 4): which scalar y of a layer's output z is explained, and its seed dy/dz. Usually z are the class scores, p = softmax z:
 *   logit            z_c                                e_c
 *   probability      p_c                                p_c (e_c - p)
 *   log-probability  z_c - logsumexp z                  e_c - p
 *   difference       z_c - z_d                          e_c - e_d
 *   set              sum t_i z_i                        t
 *   fine             z_c - sum p_r z_r / sum p_r        e_c - sum p_r e_r / sum p_r, r the three classes nearest in score (Finer-CAM,
 *                                                       Zhang et al. 2025); p_r is held constant
 *   area             sum or mean of z_c over cells      1 (or 1 / cells) on the cells
 *   similarity       cos(z, r)                          (r / |r| - cos z / |z|) / |z|
 *   function         the caller's                       the caller's
 * A network that ends in softmax is explained from the softmax's input, so that z is z there too. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/session.h"

#include <math.h>
#include <string.h>

/* Below this share of its usual size (1) a probability's seed is taken for saturated: float32 cannot tell it from rounding. */
static const double SATURATED = 1e-6;

enum { RIVALS = 3 };

/* One reading of a target: z has `count` numbers, `cells` for each class or channel; `p` is work of `count` numbers. */
typedef struct reading {
    const gcam_target *target;
    const float *z;
    int64_t count, cells;
    double *p;
    double *seed; /* cleared; never NULL: p's second half where nobody wants it */
} reading;

/* ---- the kinds ---------------------------------------------------------------------------------------------------------------- */

/* p = softmax z; returns logsumexp z. */
static double softmax(const float *z, double *p, int64_t count) {
    double top = z[0], sum = 0;
    for (int64_t i = 1; i < count; i++) top = z[i] > top ? z[i] : top;
    for (int64_t i = 0; i < count; i++) sum += p[i] = exp(z[i] - top);
    for (int64_t i = 0; i < count; i++) p[i] /= sum;
    return top + log(sum);
}

static double logit(const reading *r) {
    r->seed[r->target->class_index] = 1;
    return r->z[r->target->class_index];
}

static double probability(const reading *r) {
    int c = r->target->class_index;
    softmax(r->z, r->p, r->count);
    for (int64_t i = 0; i < r->count; i++) r->seed[i] = r->p[c] * ((i == c) - r->p[i]);
    return r->p[c];
}

static double log_probability(const reading *r) {
    int c = r->target->class_index;
    double logsumexp = softmax(r->z, r->p, r->count);
    for (int64_t i = 0; i < r->count; i++) r->seed[i] = (i == c) - r->p[i];
    return r->z[c] - logsumexp;
}

static double difference(const reading *r) {
    int c = r->target->class_index, d = r->target->other_index;
    r->seed[c] = 1;
    r->seed[d] = -1;
    return (double)r->z[c] - r->z[d];
}

static double set(const reading *r) {
    double y = 0;
    for (size_t i = 0; i < r->target->term_count; i++) {
        const gcam_term *term = &r->target->terms[i];
        r->seed[term->class_index] += term->weight;
        y += term->weight * r->z[term->class_index];
    }
    return y;
}

/* The class nearest to c in score that no seed marks yet; -1: none is left. */
static int64_t next_rival(const reading *r, int c) {
    int64_t best = -1;
    for (int64_t i = 0; i < r->count; i++) {
        if (i == c || r->seed[i] != 0) continue;
        if (best < 0 || fabs((double)r->z[i] - r->z[c]) < fabs((double)r->z[best] - r->z[c])) best = i;
    }
    return best;
}

static double fine(const reading *r) {
    int c = r->target->class_index;
    int64_t rival[RIVALS];
    int count = 0;
    double total = 0, y = r->z[c];
    softmax(r->z, r->p, r->count);
    while (count < RIVALS && (rival[count] = next_rival(r, c)) >= 0) {
        double weight = fmax(r->p[rival[count]], 1e-300); /* a class that softmax rounds to 0 is still a rival */
        r->seed[rival[count++]] = -weight;
        total += weight;
    }
    for (int i = 0; i < count; i++) y += (r->seed[rival[i]] /= total) * r->z[rival[i]];
    r->seed[c] = 1;
    return y;
}

static double area(const reading *r) {
    const gcam_target *t = r->target;
    const float *z = r->z + t->class_index * r->cells;
    double *seed = r->seed + t->class_index * r->cells, inside = 0, y = 0;
    for (int64_t i = 0; i < r->cells; i++) inside += !t->mask || t->mask[i];
    double share = t->mean ? 1 / inside : 1;
    for (int64_t i = 0; i < r->cells; i++) {
        if (t->mask && !t->mask[i]) continue;
        seed[i] = share;
        y += share * z[i];
    }
    return y;
}

static double norm(const float *v, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)v[i] * v[i];
    return sqrt(sum);
}

/* An embedding of zeros is similar to nothing: 0, and a seed of zeros. */
static double similarity(const reading *r) {
    const float *reference = r->target->reference;
    double of_z = norm(r->z, r->count), of_r = norm(reference, r->count), product = 0;
    if (of_z == 0) return 0;
    for (int64_t i = 0; i < r->count; i++) product += (double)r->z[i] * reference[i];
    double cosine = product / (of_z * of_r);
    for (int64_t i = 0; i < r->count; i++) r->seed[i] = (reference[i] / of_r - cosine * r->z[i] / of_z) / of_z;
    return cosine;
}

static double function(const reading *r) {
    return r->target->function(r->z, (size_t)r->count, r->seed, r->target->user);
}

/* Which of a target's fields a kind uses. */
enum { OF_SCORES = 1, OF_CLASS = 2, OF_CHANNEL = 4 };

static const struct {
    const char *name;
    unsigned uses;
    double (*value)(const reading *r);
} kinds[] = {
    [GCAM_TARGET_LOGIT] = {"logit", OF_SCORES | OF_CLASS, logit},
    [GCAM_TARGET_PROBABILITY] = {"prob", OF_SCORES | OF_CLASS, probability},
    [GCAM_TARGET_LOG_PROBABILITY] = {"logprob", OF_SCORES | OF_CLASS, log_probability},
    [GCAM_TARGET_DIFFERENCE] = {"diff", OF_SCORES | OF_CLASS, difference},
    [GCAM_TARGET_SET] = {"set", OF_SCORES, set},
    [GCAM_TARGET_FINE] = {"fine", OF_SCORES | OF_CLASS, fine},
    [GCAM_TARGET_AREA] = {"area", OF_CHANNEL, area},
    [GCAM_TARGET_SIMILARITY] = {"similar", 0, similarity},
    [GCAM_TARGET_FUNCTION] = {"function", 0, function},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

double gcam__target_value(const gcam__study *study, const gcam_target *target, const float *z, double *work,
                          double *seed) {
    int64_t count = study->end_count;
    reading r = {target, z, count, study->end_cells, work, seed ? seed : work + count};
    memset(r.seed, 0, (size_t)count * sizeof *r.seed);
    double y = kinds[target->kind].value(&r);
    if (!target->negated) return y;
    for (int64_t i = 0; i < count; i++) r.seed[i] = -r.seed[i];
    return -y;
}

/* ---- where z is read ------------------------------------------------------------------------------------------------------------ */

static int only_reshapes(const char *op) {
    return strcmp(op, "flatten") == 0 || strcmp(op, "dropout") == 0 || strcmp(op, "reshape") == 0;
}

int gcam__logits_layer(const gcam_network *network) {
    int output = gcam_network_output(network);
    gcam_layer_info info;
    for (int at = output; gcam_network_layer(network, at, &info) == GCAM_OK && info.input_count == 1;
         at = info.inputs[0]) {
        if (strcmp(info.op, "softmax") == 0) return info.inputs[0];
        if (!only_reshapes(info.op)) break;
    }
    return output;
}

int gcam__embedding_layer(const gcam_network *network) {
    int logits = gcam__logits_layer(network);
    gcam_layer_info info;
    for (int at = logits; gcam_network_layer(network, at, &info) == GCAM_OK && info.input_count == 1;
         at = info.inputs[0]) {
        if (strcmp(info.op, "linear") == 0) return info.inputs[0];
        if (!only_reshapes(info.op)) break;
    }
    return logits;
}

/* Layer whose output a target is read from; -1 where it has no such layer. */
static int layer_of(const gcam__study *study, const gcam_target *target) {
    if ((unsigned)target->kind < (unsigned)KINDS && kinds[target->kind].uses & OF_SCORES) return study->logits;
    if (target->layer) return gcam_network_find(study->network, target->layer);
    return target->kind == GCAM_TARGET_SIMILARITY ? gcam__embedding_layer(study->network) : study->logits;
}

gcam_status gcam__targets_place(gcam__study *study) {
    const gcam_target *targets = study->options.targets;
    for (size_t i = 0; i < study->options.target_count; i++) {
        int layer = layer_of(study, &targets[i]);
        if (layer < 0)
            return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "a target names the layer \"%.80s\", which does not exist",
                              targets[i].layer);
        if (i > 0 && layer != study->end)
            return gcam__fail(GCAM_ERR_ARGUMENT, "explain",
                              "the targets of one call are read from one layer, not from %.80s and %.80s",
                              study->network->nodes[study->end].name, study->network->nodes[layer].name);
        study->end = layer;
    }
    const gcam_shape *shape = gcam__session_shape(study->session, study->end);
    study->end_count = gcam_shape_count(shape) / shape->dim[0];
    study->end_cells = shape->rank == 4 ? shape->dim[2] * shape->dim[3] : 1;
    return GCAM_OK;
}

/* ---- before the passes ------------------------------------------------------------------------------------------------------------ */

static gcam_status check_class(int64_t count, int class_index, const char *role) {
    if (class_index == GCAM_TOP_CLASS) return GCAM_OK;
    if (class_index >= 0 && class_index < count) return GCAM_OK;
    return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "%s %d does not exist: the network has %lld classes, 0 to %lld",
                      role, class_index, (long long)count, (long long)count - 1);
}

static gcam_status check_difference(const gcam__study *study, const gcam_target *target) {
    GCAM_TRY(check_class(study->class_count, target->other_index, "the other class"));
    if (target->class_index == target->other_index && target->class_index != GCAM_TOP_CLASS)
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "the difference of class %d with itself is always 0",
                          target->class_index);
    if (study->class_count >= 2) return GCAM_OK;
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain", "a difference needs two classes, the network has one output");
}

static gcam_status check_set(const gcam__study *study, const gcam_target *target) {
    if (!target->terms || !target->term_count)
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "a target that is a set of classes names none");
    for (size_t i = 0; i < target->term_count; i++) {
        int c = target->terms[i].class_index;
        GCAM_TRY(check_class(study->class_count, c == GCAM_TOP_CLASS ? -2 : c, "class"));
        if (!isfinite(target->terms[i].weight))
            return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "the weight of class %d is not a finite number", c);
    }
    return GCAM_OK;
}

static gcam_status check_area(const gcam__study *study, const gcam_target *target) {
    int64_t inside = 0, channels = study->end_count / study->end_cells;
    for (int64_t i = 0; target->mask && i < study->end_cells; i++) inside += target->mask[i] != 0;
    if (target->mask && inside == 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "the mask of an area target has no cell inside");
    if (study->end == study->logits) return check_class(channels, target->class_index, "class");
    if (target->class_index >= 0 && target->class_index < channels) return GCAM_OK;
    return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "channel %d does not exist: %.80s has %lld, 0 to %lld",
                      target->class_index, study->network->nodes[study->end].name, (long long)channels,
                      (long long)channels - 1);
}

static gcam_status check_similarity(const gcam__study *study, const gcam_target *target) {
    const char *layer = study->network->nodes[study->end].name;
    if (!target->reference || (int64_t)target->reference_count != study->end_count)
        return gcam__fail(GCAM_ERR_SHAPE, "explain", "the embedding to compare with has %zu numbers, %.80s has %lld",
                          target->reference ? target->reference_count : 0, layer, (long long)study->end_count);
    double length = norm(target->reference, study->end_count);
    if (length > 0 && isfinite(length)) return GCAM_OK;
    return gcam__fail(GCAM_ERR_NUMERIC, "explain", "the embedding to compare with is %s",
                      length == 0 ? "zero everywhere" : "not finite");
}

static gcam_status check(const gcam__study *study, const gcam_target *target) {
    if (kinds[target->kind].uses & OF_SCORES && study->end_cells > 1)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                          "%.80s has %lld cells for each class; class scores have one: explain an area",
                          study->network->nodes[study->end].name, (long long)study->end_cells);
    if (kinds[target->kind].uses & OF_CLASS) GCAM_TRY(check_class(study->class_count, target->class_index, "class"));
    switch (target->kind) {
    case GCAM_TARGET_DIFFERENCE:
        return check_difference(study, target);
    case GCAM_TARGET_SET:
        return check_set(study, target);
    case GCAM_TARGET_AREA:
        return check_area(study, target);
    case GCAM_TARGET_SIMILARITY:
        return check_similarity(study, target);
    case GCAM_TARGET_FUNCTION:
        if (!target->function) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "a target that is a function has none");
        return GCAM_OK;
    default:
        return GCAM_OK;
    }
}

gcam_status gcam__targets_check(const gcam__study *study) {
    for (size_t i = 0; i < study->options.target_count; i++) {
        const gcam_target *target = &study->options.targets[i];
        if ((unsigned)target->kind >= (unsigned)KINDS)
            return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "target %zu has the unknown kind %d", i, (int)target->kind);
        GCAM_TRY(check(study, target));
    }
    return GCAM_OK;
}

/* ---- after the forward pass -------------------------------------------------------------------------------------------------------- */

/* The score of a class, or its sum over the cells that an area has. */
static double score_of(const gcam__study *study, const gcam_target *target, int64_t c) {
    int64_t cells = study->logits_cells;
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) {
        int inside = target->kind != GCAM_TARGET_AREA || !target->mask || target->mask[i];
        if (inside) sum += study->z[c * cells + i];
    }
    return sum;
}

/* Largest score, lowest index on ties, `but` left out (-1: none). */
static int best_class(const gcam__study *study, const gcam_target *target, int but) {
    int best = -1;
    double most = 0;
    for (int64_t c = 0; c < study->class_count; c++) {
        double score = c == but ? 0 : score_of(study, target, c);
        if (c != but && (best < 0 || score > most)) best = (int)c, most = score;
    }
    return best;
}

/* Copies the scores of the study's image out of the session. */
static gcam_status read_scores(gcam__study *study) {
    const gcam_tensor *scores = gcam_session_activation(study->session, study->logits);
    if (!scores) scores = gcam_session_output(study->session);
    int64_t count = study->class_count * study->logits_cells, dim[3] = {count, 1, 1};
    const float *row = scores->data + study->image * count;
    GCAM_TRY(gcam__check_finite("the network's output", "a score", row, dim));
    study->z = gcam__calloc((size_t)count, sizeof *study->z);
    study->p = gcam__calloc((size_t)count, sizeof *study->p);
    if (!study->z || !study->p) return gcam_last_error()->status;
    memcpy(study->z, row, (size_t)count * sizeof *study->z);
    softmax(study->z, study->p, count);
    return GCAM_OK;
}

/* Puts the best class, or the best two, where none was named. */
static void choose_classes(const gcam__study *study, gcam_target *target) {
    int of_difference = target->kind == GCAM_TARGET_DIFFERENCE;
    if (!of_difference) target->other_index = GCAM_TOP_CLASS;
    if (target->kind == GCAM_TARGET_SET) target->class_index = target->terms[0].class_index;
    if (target->class_index == GCAM_TOP_CLASS || !(kinds[target->kind].uses || target->kind == GCAM_TARGET_SET))
        target->class_index = best_class(study, target, of_difference ? target->other_index : -1);
    if (of_difference && target->other_index == GCAM_TOP_CLASS)
        target->other_index = best_class(study, target, target->class_index);
}

gcam_status gcam__targets_aim(gcam__study *study) {
    GCAM_TRY(read_scores(study));
    double *work = gcam__calloc((size_t)study->end_count, 2 * sizeof *work);
    gcam_status status = work ? GCAM_OK : gcam_last_error()->status;
    const gcam_tensor *z = gcam_session_activation(study->session, study->end);
    if (!z) z = gcam_session_output(study->session);
    const float *row = z->data + study->image * study->end_count;
    for (size_t i = 0; i < study->aim_count && status == GCAM_OK; i++) {
        gcam__aim *aim = &study->aims[i];
        aim->target = study->options.targets[i];
        choose_classes(study, &aim->target);
        aim->seed = gcam__calloc((size_t)study->end_count, sizeof *aim->seed);
        if (!aim->seed) {
            status = gcam_last_error()->status;
            break;
        }
        aim->score = gcam__target_value(study, &aim->target, row, work, aim->seed);
        int of_channel = study->end != study->logits && kinds[aim->target.kind].uses & OF_CHANNEL;
        aim->probability = of_channel || study->logits_cells > 1 ? NAN : study->p[aim->target.class_index];
        if (!isfinite(aim->score)) status = gcam__fail(GCAM_ERR_NUMERIC, "explain", "the target's value is not finite");
    }
    gcam__free(work);
    return status;
}

int gcam__is_saturated(const gcam__study *study, const gcam__aim *aim) {
    double largest = 0;
    if (aim->target.kind != GCAM_TARGET_PROBABILITY && aim->target.kind != GCAM_TARGET_LOG_PROBABILITY) return 0;
    for (int64_t i = 0; i < study->end_count; i++) largest = fmax(largest, fabs(aim->seed[i]));
    return largest < SATURATED;
}

/* ---- in words ------------------------------------------------------------------------------------------------------------------ */

void gcam__target_text(const gcam_target *target, gcam__text *out) {
    int of_channel = target->kind == GCAM_TARGET_AREA && target->layer;
    if (target->negated) gcam__text_add(out, "-", 1);
    gcam__text_printf(out, "%s", of_channel ? "channel" : kinds[target->kind].name);
    if (of_channel) gcam__text_printf(out, ":%d", target->class_index);
    if (target->kind == GCAM_TARGET_DIFFERENCE) gcam__text_printf(out, ":%d", target->other_index);
    for (size_t i = 0; target->kind == GCAM_TARGET_SET && i < target->term_count; i++)
        gcam__text_printf(out, "%c%d=%.6g", i ? ',' : ':', target->terms[i].class_index, target->terms[i].weight);
    if (target->layer && !(kinds[target->kind].uses & OF_SCORES)) gcam__text_printf(out, "@%.200s", target->layer);
}
