/* The trainer: batches, forward, loss, backward, descent, and the schedule over them. */
#include "core/memory.h"
#include "core/options.h"
#include "core/random.h"
#include "core/status.h"
#include "model/preprocess.h"
#include "train/train.h"

#include <math.h>
#include <string.h>

/* ---- options --------------------------------------------------------------------------------------------------------------- */

void gcam_train_options_defaults(gcam_train_options *options) {
    *options =
        (gcam_train_options){.struct_size = sizeof *options, .epochs = 16, .batch = 64, .lr = 0.1, .momentum = 0.9};
}

void gcam_train_options_photos(gcam_train_options *options) {
    gcam_train_options_defaults(options);
    options->lr = 0.15;
    options->weight_decay = 1e-3;
    options->label_smoothing = 0.1;
    options->warm_up = 2;
    options->clip = 5;
    options->average = 0.998;
    options->min_crop = 0.35;
    options->flip = 1;
    options->jitter = 0.3;
}

static gcam_status check_options(const gcam_train_options *o) {
    if (o->epochs < 1 || o->batch < 1 || o->batch > 65536)
        return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "%d epochs in batches of %d: expected 1 or more of both",
                          o->epochs, o->batch);
    if (!(o->lr > 0 && o->momentum < 1 && o->weight_decay >= 0 && o->clip >= 0))
        return gcam__fail(
            GCAM_ERR_ARGUMENT, "trainer",
            "learning rate %g, momentum %g, weight decay %g, clip %g: expected a rate above 0, a momentum "
            "below 1, and no negative numbers",
            o->lr, o->momentum, o->weight_decay, o->clip);
    const double shares[] = {o->label_smoothing, o->average, o->min_crop, o->jitter, o->erase};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (!(shares[i] >= 0 && shares[i] <= 1))
            return gcam__fail(
                GCAM_ERR_ARGUMENT, "trainer",
                "%g is no share: label smoothing, average, smallest crop, jitter and erase are within 0 to 1",
                shares[i]);
    if (!(o->warm_up >= 0 && o->cool_down >= 0 && o->warm_up + o->cool_down <= o->epochs))
        return gcam__fail(GCAM_ERR_ARGUMENT, "trainer",
                          "%g epochs of warm-up and %g of cool-down do not fit into %d epochs", o->warm_up,
                          o->cool_down, o->epochs);
    if (o->size < 1 || o->first_size < 1 || o->first_size > o->size)
        return gcam__fail(GCAM_ERR_ARGUMENT, "trainer",
                          "crops of %d growing to %d pixels: expected 1 or more, and growth", o->first_size, o->size);
    return GCAM_OK;
}

/* The network's input gives the sizes that were left out. */
static gcam_status complete_options(gcam_trainer *t) {
    gcam_train_options *o = &t->options;
    const gcam_shape *input = &t->now.network->nodes[t->now.network->input].shape;
    if (input->rank != 4 || input->dim[1] != 3 || input->dim[2] != input->dim[3])
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "trainer",
                          "only networks that take square pictures of 3 channels are trained");
    if (o->epochs == 0) o->epochs = 16;
    if (o->batch == 0) o->batch = 64;
    if (o->lr == 0) o->lr = 0.1;
    if (o->momentum == 0) o->momentum = 0.9;
    if (o->momentum < 0) o->momentum = 0;
    if (o->size == 0) o->size = (int)input->dim[2];
    if (o->first_size == 0) o->first_size = o->size;
    if (o->growth == 0) o->growth = o->epochs * 3 / 4;
    if (t->photos && (size_t)o->batch > t->photos->count) o->batch = (int)t->photos->count;
    if (o->preprocess) {
        t->preprocess = *o->preprocess;
        o->preprocess = NULL;
    } else {
        GCAM_TRY(gcam_preprocess_preset(&t->preprocess, "torchvision"));
        t->preprocess.resize = t->preprocess.height = t->preprocess.width = (int)input->dim[2];
    }
    GCAM_TRY(gcam__preprocess_check(&t->preprocess));
    return check_options(o);
}

/* ---- making and freeing ---------------------------------------------------------------------------------------------------- */

static int class_count(const gcam_trainer *t) {
    return (int)gcam_shape_count(&t->now.network->nodes[t->now.network->output].shape);
}

static gcam_status check_photos(const gcam_trainer *t, const gcam_dataset *photos) {
    int64_t side = t->now.network->nodes[t->now.network->input].shape.dim[2];
    if (photos->count == 0) return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "there are no photos in the set");
    if (photos->labels.count != class_count(t))
        return gcam__fail(GCAM_ERR_SHAPE, "trainer", "the network has %d outputs, the photos have %d classes",
                          class_count(t), photos->labels.count);
    if (photos->side != side)
        return gcam__fail(GCAM_ERR_SHAPE, "trainer", "the photos are %d pixels wide, the network's input is %lld",
                          photos->side, (long long)side);
    return GCAM_OK;
}

static gcam_status set_up(gcam_trainer *t, const char *graph) {
    t->graph = gcam__strdup(graph);
    if (!t->graph) return GCAM_ERR_NOMEM;
    GCAM_TRY(gcam__weights_create(&t->now, graph, t->options.seed));
    GCAM_TRY(complete_options(t));
    if (t->photos) GCAM_TRY(check_photos(t, t->photos));
    if (t->options.average > 0) GCAM_TRY(gcam__weights_create(&t->mean, graph, t->options.seed));
    size_t count = t->now.network->parameter_count;
    t->velocity = gcam__calloc(count + 1, sizeof *t->velocity);
    t->classes = gcam__calloc((size_t)t->options.batch, sizeof *t->classes);
    t->order = gcam__calloc(t->photos ? t->photos->count : 1, sizeof *t->order);
    if (!t->velocity || !t->classes || !t->order) return GCAM_ERR_NOMEM;
    t->ordered = -1;
    for (size_t i = 0; i < count; i++) {
        if (!gcam__weights_trained(t->now.network, i)) continue;
        int64_t elements = gcam_shape_count(&t->now.network->parameters[i].value.shape);
        t->velocity[i] = gcam__calloc((size_t)elements, sizeof(float));
        if (!t->velocity[i]) return GCAM_ERR_NOMEM;
    }
    return GCAM_OK;
}

gcam_status gcam_trainer_create(gcam_trainer **out, const char *graph, const gcam_dataset *photos,
                                const gcam_train_options *options) {
    *out = NULL;
    if (!graph) return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "there is no graph text");
    gcam_trainer *t = gcam__calloc(1, sizeof *t);
    if (!t) return GCAM_ERR_NOMEM;
    t->photos = photos;
    gcam_train_options_defaults(&t->options);
    gcam_status status = gcam__options_take(&t->options, sizeof t->options, options, "gcam_trainer_create");
    if (status == GCAM_OK) status = set_up(t, graph);
    if (status == GCAM_OK)
        *out = t;
    else
        gcam_trainer_free(t);
    return status;
}

static void drop_session(gcam_trainer *t) {
    gcam_session_free(t->session);
    gcam_tensor_free(t->input);
    gcam_tensor_free(t->seed);
    gcam__free(t->room);
    t->session = NULL, t->input = NULL, t->seed = NULL, t->room = NULL;
}

void gcam_trainer_free(gcam_trainer *t) {
    if (!t) return;
    drop_session(t);
    for (size_t i = 0; t->velocity && i < t->now.network->parameter_count; i++) gcam__free(t->velocity[i]);
    gcam__free(t->velocity);
    gcam__free(t->classes);
    gcam__free(t->order);
    gcam__free(t->graph);
    gcam__weights_free(&t->now);
    gcam__weights_free(&t->mean);
    gcam__free(t);
}

/* ---- batches --------------------------------------------------------------------------------------------------------------- */

/* A session, input and seed for batches of this shape; those of the last batch where they fit. */
static gcam_status fit_session(gcam_trainer *t, const gcam_shape *shape) {
    if (t->session && gcam_shape_equal(&t->input->shape, shape)) return GCAM_OK;
    drop_session(t);
    gcam_session_options options = {.struct_size = sizeof options,
                                    .batch = shape->dim[0],
                                    .height = shape->dim[2],
                                    .width = shape->dim[3],
                                    .threads = t->options.threads,
                                    .kernels = t->options.kernels};
    GCAM_TRY(gcam_session_create_network(&t->session, t->now.network, &options));
    GCAM_TRY(gcam_session_watch_parameters(t->session, 1));
    GCAM_TRY(gcam_tensor_create(&t->input, shape));
    GCAM_TRY(gcam_tensor_create(&t->seed, gcam__session_shape(t->session, t->now.network->output)));
    gcam__session_weights_changed(t->session);
    if (!t->photos) return GCAM_OK;
    size_t workers = (size_t)gcam__pool_threads(gcam__session_compute(t->session)->pool);
    t->room_floats = gcam__augment_room(t->photos->side, (int)shape->dim[2]);
    t->room = gcam__calloc(workers * t->room_floats, sizeof *t->room);
    return t->room ? GCAM_OK : GCAM_ERR_NOMEM;
}

/* The photos of an epoch in the order of Fisher and Yates. */
static void shuffle(gcam_trainer *t, int epoch) {
    if (t->ordered == epoch) return;
    for (size_t i = 0; i < t->photos->count; i++) t->order[i] = (uint32_t)i;
    for (size_t i = t->photos->count - 1; i > 0; i--) {
        size_t j = (size_t)(gcam__random_bits(t->options.seed, GCAM__STREAM_ORDER, (uint64_t)epoch, i) % (i + 1));
        uint32_t swapped = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = swapped;
    }
    t->ordered = epoch;
}

static void augment_unit(void *context, int64_t index, int worker) {
    const gcam_trainer *t = context;
    int64_t first = t->step % gcam_trainer_epoch_steps(t) * t->options.batch;
    const uint8_t *photo = t->photos->photos[t->order[first + index]];
    gcam__augment(t, photo, t->step, index, t->room + (size_t)worker * t->room_floats);
}

static void fill_batch(gcam_trainer *t) {
    int64_t steps = gcam_trainer_epoch_steps(t), first = t->step % steps * t->options.batch;
    shuffle(t, (int)(t->step / steps));
    for (int64_t i = 0; i < t->options.batch; i++) t->classes[i] = t->photos->classes[t->order[first + i]];
    gcam__parallel(gcam__session_compute(t->session)->pool, t->options.batch, augment_unit, t);
}

/* ---- steps ----------------------------------------------------------------------------------------------------------------- */

static gcam_status run_step(gcam_trainer *t, const gcam_tensor *input, const int *classes, double lr,
                            gcam_train_report *report) {
    int k = class_count(t);
    gcam__session_train(t->session, t->options.seed, (uint64_t)t->step);
    GCAM_TRY(gcam_session_forward(t->session, input));
    const gcam_tensor *logits = gcam_session_output(t->session);
    int64_t rows = input->shape.dim[0];
    report->step = t->step;
    report->photos = (int)rows;
    report->lr = lr;
    report->size = (int)input->shape.dim[2];
    report->loss = gcam__cross_entropy(logits->data, classes, rows, k, t->options.label_smoothing, t->seed->data,
                                       &report->correct);
    GCAM_TRY(gcam_session_backward(t->session, t->seed, GCAM_RULE_GRADIENT));
    report->gradient = gcam__descend(t, lr);
    if (!isfinite(report->gradient))
        return gcam__fail(GCAM_ERR_NUMERIC, "trainer", "step %lld: the gradient is not finite", (long long)t->step);
    t->step++;
    return GCAM_OK;
}

int64_t gcam_trainer_epoch_steps(const gcam_trainer *t) {
    return t && t->photos ? (int64_t)t->photos->count / t->options.batch : 0;
}

int64_t gcam_trainer_steps(const gcam_trainer *t) {
    return t ? gcam_trainer_epoch_steps(t) * t->options.epochs : 0;
}

int gcam_trainer_input_side(const gcam_trainer *t) {
    return (int)t->now.network->nodes[t->now.network->input].shape.dim[2];
}

int gcam_trainer_crop_side(const gcam_trainer *t, int epoch) {
    return gcam__crop_side(&t->options, epoch);
}

int64_t gcam_trainer_position(const gcam_trainer *t) {
    return t ? t->step : 0;
}

gcam_status gcam_trainer_step(gcam_trainer *t, gcam_train_report *report) {
    gcam_train_report ignored;
    if (!report) report = &ignored;
    if (!t || t->step >= gcam_trainer_steps(t))
        return gcam__fail(GCAM_ERR_STATE, "trainer", "the schedule of %lld steps has ended",
                          (long long)gcam_trainer_steps(t));
    report->epoch = (int)(t->step / gcam_trainer_epoch_steps(t));
    int side = gcam__crop_side(&t->options, report->epoch);
    gcam_shape shape = gcam_shape_nchw(t->options.batch, 3, side, side);
    GCAM_TRY(fit_session(t, &shape));
    fill_batch(t);
    return run_step(t, t->input, t->classes, gcam__learning_rate(&t->options, t->step, gcam_trainer_epoch_steps(t)),
                    report);
}

gcam_status gcam_trainer_step_on(gcam_trainer *t, const gcam_tensor *input, const int *classes,
                                 gcam_train_report *report) {
    gcam_train_report ignored;
    if (!report) report = &ignored;
    if (!t || !input || !classes || input->shape.rank != 4)
        return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "a step needs a trainer, a batch N C H W and its classes");
    for (int64_t i = 0; i < input->shape.dim[0]; i++)
        if (classes[i] < 0 || classes[i] >= class_count(t))
            return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "class %d: the network has classes 0 to %d", classes[i],
                              class_count(t) - 1);
    report->epoch = 0;
    GCAM_TRY(fit_session(t, &input->shape));
    return run_step(t, input, classes, t->options.lr, report);
}

gcam_status gcam_trainer_set_weights(gcam_trainer *t, const gcam_tensor_table *weights) {
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam__parameter *p = &t->now.network->parameters[i];
        const gcam_tensor_entry *entry = gcam_tensor_table_find(weights, p->name);
        char text[2][160];
        if (!entry) return gcam__fail(GCAM_ERR_NOT_FOUND, "trainer", "%s: there is no such weight", p->name);
        if (!gcam_shape_equal(&entry->shape, &p->value.shape))
            return gcam__fail(GCAM_ERR_SHAPE, "trainer", "%s: expected %s, found %s", p->name,
                              gcam__shape_text(&p->value.shape, text[0]), gcam__shape_text(&entry->shape, text[1]));
        gcam_tensor_entry_read(entry, p->value.data);
        if (t->mean.network) gcam_tensor_entry_read(entry, t->mean.network->parameters[i].value.data);
    }
    if (t->session) gcam__session_weights_changed(t->session);
    return GCAM_OK;
}

/* ---- judging --------------------------------------------------------------------------------------------------------------- */

enum { JUDGED_TOGETHER = 64 };

static gcam_status judge(gcam_session *s, const gcam_trainer *t, const gcam_dataset *photos, gcam_tensor *input,
                         gcam_train_score *score, int *predicted) {
    int64_t batch = input->shape.dim[0], pixels = (int64_t)photos->side * photos->side, k = class_count(t);
    for (size_t first = 0; first < photos->count; first += (size_t)batch) {
        size_t left = photos->count - first, rows = left < (size_t)batch ? left : (size_t)batch;
        for (size_t i = 0; i < rows; i++)
            gcam__normalise(&t->preprocess, photos->photos[first + i], pixels, input->data + (int64_t)i * 3 * pixels);
        GCAM_TRY(gcam_session_forward(s, input));
        const float *logits = gcam_session_output(s)->data;
        for (size_t i = 0; i < rows; i++) {
            int right;
            const float *row = logits + (int64_t)i * k;
            score->loss += gcam__cross_entropy(row, &photos->classes[first + i], 1, k, 0, NULL, &right);
            score->correct += right;
            int best = 0;
            for (int j = 1; j < k; j++)
                if (row[j] > row[best]) best = j;
            if (predicted) predicted[first + i] = best;
        }
    }
    score->photos = (int64_t)photos->count;
    score->loss /= (double)photos->count;
    return GCAM_OK;
}

gcam_status gcam_trainer_evaluate(gcam_trainer *t, const gcam_dataset *photos, gcam_train_weights which,
                                  gcam_train_score *score, int *predicted) {
    *score = (gcam_train_score){0};
    if (!t || !photos) return gcam__fail(GCAM_ERR_ARGUMENT, "trainer", "there are no photos to classify");
    GCAM_TRY(check_photos(t, photos));
    const gcam__weights *weights = which == GCAM_TRAIN_BEST && t->mean.network ? &t->mean : &t->now;
    gcam_session_options options = {.struct_size = sizeof options,
                                    .batch = JUDGED_TOGETHER,
                                    .threads = t->options.threads,
                                    .kernels = t->options.kernels};
    gcam_session *s = NULL;
    gcam_tensor *input = NULL;
    gcam_status status = gcam_session_create_network(&s, weights->network, &options);
    if (status == GCAM_OK) {
        gcam_shape shape = gcam_session_input_shape(s);
        status = gcam_tensor_create(&input, &shape);
        gcam__session_weights_changed(s);
    }
    if (status == GCAM_OK) status = judge(s, t, photos, input, score, predicted);
    gcam_tensor_free(input);
    gcam_session_free(s);
    return status;
}
