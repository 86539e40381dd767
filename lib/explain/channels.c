/* Neuron importance and explanation in words (Selvaraju et al. 2018, 2020; METHODS 6.11): the channels whose weights a_k speak most for and
 * most against the target, each with its own map A^k, its mean, and its contribution to the map, a_k sum A^k; and one sentence made of
 * their names. Negating the target swaps the two lists. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

enum { SPOKEN = 3 }; /* names a side in the sentence */

/* ---- the channels ----------------------------------------------------------------------------------------------------------------- */

static int is_listed(const gcam_channel *list, size_t count, int64_t k) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].index == k) return 1;
    }
    return 0;
}

/* The strongest channel of one sign that is not listed yet; lowest index on ties; -1: none. */
static int64_t strongest(const gcam_explanation *e, double sign, const gcam_channel *list, size_t count) {
    int64_t best = -1;
    for (int64_t k = 0; k < (int64_t)e->weight_count; k++) {
        double weight = sign * e->weights[k];
        if (weight > 0 && (best < 0 || weight > sign * e->weights[best]) && !is_listed(list, count, k)) best = k;
    }
    return best;
}

static double sum_of(const float *values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

/* Fills in one channel; its share is of the magnitudes of all channels' contributions. */
static gcam_status describe(const gcam__task *task, int64_t k, double total, gcam_channel *out) {
    const gcam_explain_options *options = &task->study->options;
    int64_t cells = task->layer->h * task->layer->w;
    const float *a = task->layer->activation + k * cells;
    double sum = sum_of(a, cells), weight = task->e->weights[k];
    gcam_shape shape = {2, {task->layer->h, task->layer->w}};
    const char *name =
        options->channel_names && (size_t)k < options->channel_name_count ? options->channel_names[k] : NULL;
    *out = (gcam_channel){.index = (int)k, .weight = weight, .mean = sum / (double)cells, .contribution = weight * sum};
    out->share = total > 0 ? fabs(out->contribution) / total : 0;
    out->name = name ? gcam__strdup(name) : NULL;
    if (name && !out->name) return GCAM_ERR_NOMEM;
    gcam_tensor *map = NULL;
    GCAM_TRY(gcam_tensor_create(&map, &shape));
    memcpy(map->data, a, (size_t)cells * sizeof *a);
    out->map = map;
    return GCAM_OK;
}

static gcam_status list_side(const gcam__task *task, double sign, double total, size_t most) {
    gcam_explanation *e = task->e;
    for (size_t i = 0; i < most; i++) {
        int64_t k = strongest(e, sign, e->channels, e->channel_count);
        if (k < 0) break;
        GCAM_TRY(describe(task, k, total, &e->channels[e->channel_count++]));
    }
    return GCAM_OK;
}

gcam_status gcam__channels_list(const gcam__task *task) {
    gcam_explanation *e = task->e;
    size_t most = task->study->options.channels > 0 ? (size_t)task->study->options.channels : SPOKEN;
    if (!e->weights || !task->layer || (int64_t)e->weight_count != task->layer->k) return GCAM_OK;
    most = most < e->weight_count ? most : e->weight_count;
    int64_t cells = task->layer->h * task->layer->w;
    double total = 0;
    for (int64_t k = 0; k < task->layer->k; k++)
        total += fabs(e->weights[k] * sum_of(task->layer->activation + k * cells, cells));
    e->channels = gcam__calloc(2 * most, sizeof *e->channels);
    if (!e->channels) return gcam_last_error()->status;
    GCAM_TRY(list_side(task, 1, total, most));
    return list_side(task, -1, total, most);
}

void gcam__channels_free(gcam_explanation *e) {
    for (size_t i = 0; i < e->channel_count; i++) {
        gcam_tensor_free((gcam_tensor *)(uintptr_t)e->channels[i].map);
        gcam__free((char *)(uintptr_t)e->channels[i].name);
    }
    gcam__free(e->channels);
}

const gcam_channel *gcam_explanation_channels(const gcam_explanation *e, size_t *count) {
    if (count) *count = e->channel_count;
    return e->channel_count ? e->channels : NULL;
}

/* ---- the sentence ------------------------------------------------------------------------------------------------------------------- */

static int same_name(const gcam_channel *a, const gcam_channel *b) {
    return a->name && b->name ? strcmp(a->name, b->name) == 0 : a == b;
}

/* "stripes, channel 17 and ears": the first SPOKEN different names of one side. Returns how many. */
static int say_side(gcam__text *text, const gcam_explanation *e, double sign, const char *before) {
    const gcam_channel *said[SPOKEN];
    int count = 0;
    for (size_t i = 0; i < e->channel_count && count < SPOKEN; i++) {
        int known = sign * e->channels[i].weight <= 0;
        for (int k = 0; k < count && !known; k++) known = same_name(said[k], &e->channels[i]);
        if (!known) said[count++] = &e->channels[i];
    }
    for (int k = 0; k < count; k++) {
        gcam__text_printf(text, "%s", k == 0 ? before : k + 1 < count ? ", " : " and ");
        if (said[k]->name)
            gcam__text_printf(text, "%s", said[k]->name);
        else
            gcam__text_printf(text, "channel %d", said[k]->index);
    }
    return count;
}

/* Where the map is strongest, in shares of what the network saw. */
static void say_place(gcam__text *text, const gcam_explanation *e) {
    int64_t count = gcam_shape_count(&e->map->shape), width = e->map->shape.dim[1], best = 0;
    for (int64_t i = 1; i < count; i++) {
        if (fabsf(e->map->data[i]) > fabsf(e->map->data[best])) best = i;
    }
    gcam__text_printf(text, "most at %.0f %% from the left and %.0f %% from the top of what the network saw",
                      100 * ((double)(best % width) + 0.5) / (double)width,
                      100 * ((double)(best / width) + 0.5) / (double)(count / width));
}

gcam_status gcam__sentence(gcam_explanation *e) {
    gcam__text text = {0};
    gcam__text_printf(&text, "%s (%s %.4g", e->label, e->target_text, e->score);
    if (isfinite(e->probability)) gcam__text_printf(&text, ", %.1f %%", 100 * e->probability);
    gcam__text_printf(&text, "), %s: ", e->method->info.title);
    if (e->warnings & GCAM_WARN_FLAT && !e->channel_count) {
        gcam__text_printf(&text, "nothing stands out");
    } else if (e->channel_count) {
        int reasons = say_side(&text, e, 1, "because of ");
        say_side(&text, e, -1, reasons ? ", despite " : "nothing speaks for it; against it ");
    } else {
        say_place(&text, e);
    }
    gcam__text_add(&text, ".", 1);
    e->sentence = text.data;
    return text.status;
}

const char *gcam_explanation_sentence(const gcam_explanation *e) {
    return e->sentence;
}

/* ---- a channel as an explanation of its own ------------------------------------------------------------------------------------------- */

static const gcam__method channel_method = {
    .info = {"channel", "Channel", "where one channel of the layer is active", "", "", 0, 0},
    .wants = GCAM__WANTS_ACTIVATION,
    .show = GCAM__SHOW_POSITIVE,
};

static gcam_status copy_channel(gcam_explanation *out, const gcam_explanation *e, const gcam_channel *channel) {
    gcam__text label = {0};
    gcam__text_printf(&label, "%s%schannel %d", channel->name ? channel->name : "", channel->name ? ", " : "",
                      channel->index);
    out->label = label.data;
    out->layer = e->layer ? gcam__strdup(e->layer) : NULL;
    out->target_text = gcam__strdup(e->target_text);
    if (label.status != GCAM_OK || !out->layer || !out->target_text) return GCAM_ERR_NOMEM;
    GCAM_TRY(gcam_tensor_create(&out->raw, &channel->map->shape));
    memcpy(out->raw->data, channel->map->data, (size_t)gcam_shape_count(&channel->map->shape) * sizeof(float));
    GCAM_TRY(gcam_tensor_create(&out->map, &e->map->shape));
    const int64_t *from = channel->map->shape.dim, *to = e->map->shape.dim;
    for (int64_t i = 0; i < from[0] * from[1]; i++) out->raw->data[i] = fmaxf(0, out->raw->data[i]);
    double largest = gcam__max_abs(out->raw->data, from[0] * from[1]);
    gcam__enlarge(out->raw->data, from, out->map->data, to);
    for (int64_t i = 0; i < to[0] * to[1]; i++)
        out->map->data[i] = largest > 0 ? (float)(out->map->data[i] / largest) : 0;
    memcpy(out->raw->data, channel->map->data, (size_t)(from[0] * from[1]) * sizeof(float));
    return gcam__sentence(out);
}

gcam_status gcam_explanation_of_channel(gcam_explanation **out, const gcam_explanation *e, size_t index) {
    if (!out) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is nowhere to put the channel's map");
    *out = NULL;
    if (!e || index >= e->channel_count)
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "the explanation lists %zu channels, so there is no number %zu",
                          e ? e->channel_count : 0, index);
    const gcam_channel *channel = &e->channels[index];
    gcam_explanation *copy = gcam__calloc(1, sizeof *copy);
    if (!copy) return gcam_last_error()->status;
    copy->method = &channel_method;
    copy->target = (gcam_target){.kind = GCAM_TARGET_AREA, .class_index = channel->index};
    copy->score = channel->weight;
    copy->probability = copy->residual = NAN;
    copy->geometry = e->geometry;
    gcam_status status = copy_channel(copy, e, channel);
    if (status == GCAM_OK)
        *out = copy;
    else
        gcam_explanation_free(copy);
    return status;
}
