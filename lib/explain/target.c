/* Targets (METHODS 4): which scalar y of the class scores z is explained, and its seed dy/dz, p = softmax z:
 *   logit            z_c                  e_c
 *   probability      p_c                  p_c (e_c - p)
 *   log-probability  z_c - logsumexp z    e_c - p
 *   difference       z_c - z_d            e_c - e_d
 * A network that ends in softmax is explained from the softmax's input, so that z is z there too. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

/* Below this share of its usual size (1) a probability's seed is taken for saturated: float32 cannot tell it from rounding. */
static const double SATURATED = 1e-6;

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

static gcam_status check_class(const gcam__study *study, int class_index, const char *role) {
    if (class_index == GCAM_TOP_CLASS) return GCAM_OK;
    if (class_index >= 0 && class_index < study->class_count) return GCAM_OK;
    return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "%s %d does not exist: the network has %lld classes, 0 to %lld",
                      role, class_index, (long long)study->class_count, (long long)study->class_count - 1);
}

gcam_status gcam__targets_check(const gcam__study *study) {
    for (size_t i = 0; i < study->options.target_count; i++) {
        const gcam_target *target = &study->options.targets[i];
        if (target->kind < GCAM_TARGET_LOGIT || target->kind > GCAM_TARGET_DIFFERENCE)
            return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "target %zu has the unknown kind %d", i, (int)target->kind);
        GCAM_TRY(check_class(study, target->class_index, "class"));
        if (target->kind != GCAM_TARGET_DIFFERENCE) continue;
        GCAM_TRY(check_class(study, target->other_index, "the other class"));
        if (target->class_index == target->other_index && target->class_index != GCAM_TOP_CLASS)
            return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "the difference of class %d with itself is always 0",
                              target->class_index);
        if (study->class_count < 2)
            return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain",
                              "a difference needs two classes, the network has one output");
    }
    return GCAM_OK;
}

/* Largest score, lowest index on ties, `but` left out (-1: none). */
static int best_class(const gcam__study *study, int but) {
    int best = -1;
    for (int64_t i = 0; i < study->class_count; i++) {
        if (i != but && (best < 0 || study->z[i] > study->z[best])) best = (int)i;
    }
    return best;
}

/* p = softmax z; returns logsumexp z. */
static double softmax(const float *z, double *p, int64_t count) {
    double top = z[0], sum = 0;
    for (int64_t i = 1; i < count; i++) top = z[i] > top ? z[i] : top;
    for (int64_t i = 0; i < count; i++) sum += p[i] = exp(z[i] - top);
    for (int64_t i = 0; i < count; i++) p[i] /= sum;
    return top + log(sum);
}

double gcam__target_value(const gcam__study *study, const gcam_target *target, const float *z, double *p,
                          double *seed) {
    int64_t count = study->class_count;
    int c = target->class_index, d = target->other_index;
    int of_p = target->kind == GCAM_TARGET_PROBABILITY, of_log = target->kind == GCAM_TARGET_LOG_PROBABILITY;
    double logsumexp = softmax(z, p, count);
    for (int64_t i = 0; seed && i < count; i++)
        seed[i] = of_p || of_log ? (of_p ? p[c] : 1) * ((i == c) - p[i]) : i == c;
    if (of_p) return p[c];
    if (of_log) return z[c] - logsumexp;
    if (target->kind == GCAM_TARGET_LOGIT) return z[c];
    if (seed) seed[d] = -1;
    return (double)z[c] - z[d];
}

/* Copies the scores of the study's image out of the session. */
static gcam_status read_scores(gcam__study *study) {
    const gcam_tensor *scores = gcam_session_activation(study->session, study->logits);
    if (!scores) scores = gcam_session_output(study->session);
    const float *row = scores->data + study->image * study->class_count;
    int64_t dim[3] = {study->class_count, 1, 1};
    GCAM_TRY(gcam__check_finite("the network's output", "a score", row, dim));
    study->z = gcam__calloc((size_t)study->class_count, sizeof *study->z);
    study->p = gcam__calloc((size_t)study->class_count, sizeof *study->p);
    if (!study->z || !study->p) return gcam_last_error()->status;
    memcpy(study->z, row, (size_t)study->class_count * sizeof *study->z);
    return GCAM_OK;
}

gcam_status gcam__targets_aim(gcam__study *study) {
    GCAM_TRY(read_scores(study));
    for (size_t i = 0; i < study->aim_count; i++) {
        gcam__aim *aim = &study->aims[i];
        aim->target = study->options.targets[i];
        gcam_target *target = &aim->target;
        if (target->kind != GCAM_TARGET_DIFFERENCE) target->other_index = GCAM_TOP_CLASS;
        if (target->class_index == GCAM_TOP_CLASS)
            target->class_index = best_class(study, target->kind == GCAM_TARGET_DIFFERENCE ? target->other_index : -1);
        if (target->kind == GCAM_TARGET_DIFFERENCE && target->other_index == GCAM_TOP_CLASS)
            target->other_index = best_class(study, target->class_index);
        aim->seed = gcam__calloc((size_t)study->class_count, sizeof *aim->seed);
        if (!aim->seed) return gcam_last_error()->status;
        aim->score = gcam__target_value(study, target, study->z, study->p, aim->seed);
        aim->probability = study->p[target->class_index];
    }
    return GCAM_OK;
}

int gcam__is_saturated(const gcam__study *study, const gcam__aim *aim) {
    double largest = 0;
    if (aim->target.kind != GCAM_TARGET_PROBABILITY && aim->target.kind != GCAM_TARGET_LOG_PROBABILITY) return 0;
    for (int64_t i = 0; i < study->class_count; i++) largest = fmax(largest, fabs(aim->seed[i]));
    return largest < SATURATED;
}
