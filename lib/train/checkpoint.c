/* Checkpoints: a safetensors file with the weights, their velocities ("velocity:NAME") and running mean ("mean:NAME"), and in its
 * metadata the place in the schedule and what the schedule rests on. Chance is drawn from counters, so there is no state of it. */
#include "core/memory.h"
#include "core/number.h"
#include "core/status.h"
#include "train/train.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char velocity_prefix[] = "velocity:", mean_prefix[] = "mean:";

/* What a resumed run must have in common with the saved one. */
static gcam_status describe(const gcam_trainer *t, gcam__text *text) {
    const gcam_train_options *o = &t->options;
    const double numbers[] = {o->lr,      o->momentum, o->weight_decay, o->label_smoothing, o->warm_up,  o->clip,
                              o->average, o->min_crop, o->jitter,       o->erase,           o->cool_down};
    gcam__text_printf(
        text, "batch=%d size=%d first_size=%d growth=%d flip=%d plain_momentum=%d seed=%" PRIu64 " photos=%zu numbers=",
        o->batch, o->size, o->first_size, o->growth, o->flip, o->plain_momentum, o->seed,
        gcam_dataset_count(t->photos));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char digits[GCAM__NUMBER_TEXT];
        gcam__text_printf(text, "%s%s", i ? "," : "", gcam__number_text(numbers[i], digits));
    }
    return text->status;
}

static gcam_tensor_entry entry_of(const char *name, const gcam_shape *shape, const float *data) {
    gcam_tensor_entry entry = {.name = name, .dtype = GCAM_DTYPE_F32, .shape = *shape, .data = data};
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        entry.stride[i] = stride;
        stride *= shape->dim[i];
    }
    return entry;
}

/* Entries with their names, which live in `names`. */
typedef struct contents {
    gcam_tensor_entry *entries;
    char **names;
    size_t count;
} contents;

static gcam_status add(contents *c, const char *prefix, const gcam__parameter *p, const float *data) {
    gcam__text name = {0};
    gcam__text_printf(&name, "%s%s", prefix, p->name);
    GCAM_TRY(name.status);
    c->names[c->count] = name.data;
    c->entries[c->count++] = entry_of(name.data, &p->value.shape, data);
    return GCAM_OK;
}

static gcam_status collect(contents *c, const gcam_trainer *t) {
    size_t count = t->now.network->parameter_count;
    c->entries = gcam__calloc(3 * count + 1, sizeof *c->entries);
    c->names = gcam__calloc(3 * count + 1, sizeof *c->names);
    if (!c->entries || !c->names) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const gcam__parameter *p = &t->now.network->parameters[i];
        GCAM_TRY(add(c, "", p, p->value.data));
        if (t->velocity[i]) GCAM_TRY(add(c, velocity_prefix, p, t->velocity[i]));
        if (t->mean.network) GCAM_TRY(add(c, mean_prefix, p, t->mean.network->parameters[i].value.data));
    }
    return GCAM_OK;
}

static void clear(contents *c) {
    for (size_t i = 0; i < c->count; i++) gcam__free(c->names[i]);
    gcam__free(c->names);
    gcam__free(c->entries);
}

gcam_status gcam_trainer_save(const gcam_trainer *t, const char *path) {
    if (!t || !path) return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "there is no trainer or no path");
    contents c = {0};
    gcam__text schedule = {0};
    char step[32], epochs[32];
    snprintf(step, sizeof step, "%" PRId64, t->step);
    snprintf(epochs, sizeof epochs, "%d", t->options.epochs);
    gcam_status status = describe(t, &schedule);
    if (status == GCAM_OK) status = collect(&c, t);
    if (status == GCAM_OK) {
        gcam_metadata about[] = {
            {"format", "gradcam training"}, {"step", step}, {"epochs", epochs}, {"schedule", schedule.data}};
        status = gcam_safetensors_write(path, c.entries, c.count, about, sizeof about / sizeof *about, GCAM_DTYPE_F32);
    }
    gcam__text_free(&schedule);
    clear(&c);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

/* Another number of epochs is no other run as long as neither schedule has come to where they part. */
static gcam_status check_epochs(const gcam_trainer *t, const gcam_tensor_table *table, int64_t step) {
    const char *text = gcam_tensor_table_metadata(table, "epochs");
    int64_t theirs, mine = t->options.epochs;
    if (!text || !gcam__integer_parse(text, &theirs) || theirs < 1)
        return gcam__fail(GCAM_ERR_FORMAT, "trainer", "the checkpoint does not say of how many epochs");
    double constant = (double)(theirs < mine ? theirs : mine) - t->options.cool_down;
    int common = t->options.cool_down > 0 && (double)step <= constant * (double)gcam_trainer_epoch_steps(t);
    if (theirs == mine || common) return GCAM_OK;
    return gcam__fail(
        GCAM_ERR_ARGUMENT, "trainer",
        "it was saved by a run of %lld epochs, in which the learning rate had begun to fall; this one has "
        "%lld",
        (long long)theirs, (long long)mine);
}

static gcam_status check_schedule(const gcam_trainer *t, const gcam_tensor_table *table, int64_t *step) {
    gcam__text mine = {0};
    const char *format = gcam_tensor_table_metadata(table, "format"), *at = gcam_tensor_table_metadata(table, "step");
    const char *theirs = gcam_tensor_table_metadata(table, "schedule");
    if (!format || strcmp(format, "gradcam training") != 0 || !theirs || !at || !gcam__integer_parse(at, step)
        || *step < 0)
        return gcam__fail(GCAM_ERR_FORMAT, "trainer", "this is no checkpoint of a training run");
    gcam_status status = check_epochs(t, table, *step);
    if (status == GCAM_OK) status = describe(t, &mine);
    if (status == GCAM_OK && strcmp(mine.data, theirs) != 0)
        status = gcam__fail(GCAM_ERR_ARGUMENT, "trainer",
                            "it was saved by a run with other options: \"%.200s\", this one has \"%.200s\"", theirs,
                            mine.data);
    gcam__text_free(&mine);
    return status;
}

static gcam_status find(const gcam_tensor_entry **out, const gcam_tensor_table *table, const char *prefix,
                        const gcam__parameter *p) {
    gcam__text name = {0};
    gcam__text_printf(&name, "%s%s", prefix, p->name);
    GCAM_TRY(name.status);
    *out = gcam_tensor_table_find(table, name.data);
    gcam_status status = GCAM_OK;
    if (!*out || !gcam_shape_equal(&(*out)->shape, &p->value.shape))
        status =
            gcam__fail(GCAM_ERR_SHAPE, "trainer", "%s: the checkpoint has no such tensor of this shape", name.data);
    gcam__text_free(&name);
    return status;
}

/* First all are looked for and then all are read, so that a failure changes nothing. */
static gcam_status take(gcam_trainer *t, const gcam_tensor_table *table, int read) {
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam__parameter *p = &t->now.network->parameters[i];
        const gcam_tensor_entry *entry;
        GCAM_TRY(find(&entry, table, "", p));
        if (read) gcam_tensor_entry_read(entry, p->value.data);
        if (t->velocity[i]) {
            GCAM_TRY(find(&entry, table, velocity_prefix, p));
            if (read) gcam_tensor_entry_read(entry, t->velocity[i]);
        }
        if (t->mean.network) {
            GCAM_TRY(find(&entry, table, mean_prefix, p));
            if (read) gcam_tensor_entry_read(entry, t->mean.network->parameters[i].value.data);
        }
    }
    return GCAM_OK;
}

gcam_status gcam_trainer_resume(gcam_trainer *t, const char *path) {
    if (!t || !path) return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "there is no trainer or no path");
    gcam_tensor_table *table = NULL;
    int64_t step = 0;
    GCAM_TRY(gcam_tensor_table_open(&table, path));
    gcam_status status = check_schedule(t, table, &step);
    if (status == GCAM_OK) status = take(t, table, 0);
    if (status == GCAM_OK) status = take(t, table, 1);
    gcam_tensor_table_free(table);
    if (status != GCAM_OK) return gcam__fail_prefix(path);
    t->step = step;
    if (t->session) gcam__session_weights_changed(t->session);
    return GCAM_OK;
}
