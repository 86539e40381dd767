/* gradcam train: a network from a folder of class folders. Beside the model OUT lie OUT.tsv, a line an epoch, and while the run is not
 * finished OUT.checkpoint, from which it goes on by itself. */
#include "json_out.h"
#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct training {
    const settings *s;
    const char *out;
    engine e; /* keeps the labels */
    char *graph;
    char *checkpoint, *log; /* paths */
    gcam_dataset *photos, *others;
    gcam_trainer *trainer;
    double begun, done_at_begin; /* clock and work done when this process started */
    double epoch_begun;
    double loss;
    int64_t seen, right; /* of the current epoch */
    int *predicted;      /* class of each photo of `others`, by the written model */
    gcam_train_score score;
} training;

/* ---- the network that is trained without --graph ---------------------------------------------------------------------------- */

/* weights/photos11.net for any number of classes, one line a layer. */
typedef struct lines {
    char text[8192];
    size_t length;
} lines;

static void line(lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(lines *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    l->length += (size_t)vsnprintf(l->text + l->length, sizeof l->text - l->length, format, arguments);
    va_end(arguments);
}

/* Two 3x3 convolutions and a sum; where the size changes, the shortcut is a 1x1 convolution. */
static void block_lines(lines *l, const char *name, const char *from, int channels, int stride) {
    int s = stride;
    line(l, "%s.conv1 = conv2d %s out=%d kernel=3,3 stride=%d,%d pad=1,1 no_bias=1\n", name, from, channels, s, s);
    line(l, "%s.bn1 = batchnorm %s.conv1\n%s.relu1 = relu %s.bn1\n", name, name, name, name);
    line(l, "%s.conv2 = conv2d %s.relu1 out=%d kernel=3,3 pad=1,1 no_bias=1\n", name, name, channels);
    line(l, "%s.bn2 = batchnorm %s.conv2\n", name, name);
    if (stride > 1) {
        line(l, "%s.down.conv = conv2d %s out=%d kernel=1,1 stride=%d,%d no_bias=1\n", name, from, channels, s, s);
        line(l, "%s.down.bn = batchnorm %s.down.conv\n", name, name);
        line(l, "%s.add = add %s.bn2 %s.down.bn\n", name, name, name);
    } else {
        line(l, "%s.add = add %s.bn2 %s\n", name, name, from);
    }
    line(l, "%s.relu = relu %s.add\nalias %s = %s.relu\n", name, name, name, name);
}

static char *usual_graph(int classes) {
    lines l = {.length = 0};
    line(&l, "gradcam graph 1\nimage = input channels=3 height=128 width=128\n"
             "stem.conv = conv2d image out=32 kernel=3,3 stride=2,2 pad=1,1 no_bias=1\n"
             "stem.bn = batchnorm stem.conv\nstem.relu = relu stem.bn\n");
    block_lines(&l, "layer1.0", "stem.relu", 64, 2);
    block_lines(&l, "layer2.0", "layer1.0.relu", 128, 2);
    block_lines(&l, "layer2.1", "layer2.0.relu", 128, 1);
    block_lines(&l, "layer2.2", "layer2.1.relu", 128, 1);
    line(&l, "pool = global_avg_pool layer2.2.relu\nflat = flatten pool\nfc = linear flat out=%d\n", classes);
    line(&l, "target layer2.2.relu\n");
    return strdup(l.text);
}

/* ---- photos ------------------------------------------------------------------------------------------------------------------ */

static char *joined(const char *a, const char *b) {
    size_t length = strlen(a) + strlen(b) + 1;
    char *text = malloc(length);
    if (text) snprintf(text, length, "%s%s", a, b);
    return text;
}

static int has_folder(const char *dir, const char *name) {
    struct stat about;
    char *slash = joined(dir, "/"), *path = slash ? joined(slash, name) : NULL;
    int found = path && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    free(slash);
    free(path);
    return found;
}

/* Side of the network's input, from a trainer without photos. */
static int input_side(training *t, int *side) {
    gcam_trainer *probe = NULL;
    if (!t->graph) {
        *side = 128;
        return EXIT_DONE;
    }
    if (gcam_trainer_create(&probe, t->graph, NULL, NULL)) return fail_library();
    *side = gcam_trainer_input_side(probe);
    gcam_trainer_free(probe);
    return EXIT_DONE;
}

static int load_photos(training *t) {
    const char *dir = t->s->files[0];
    const char *const *labels = t->e.labels;
    size_t count = t->e.label_count;
    int parts = has_folder(dir, "train"), side = 0;
    int code = input_side(t, &side);
    if (code != EXIT_DONE) return code;
    progress(t->s, "reading %s", dir);
    if (gcam_dataset_load(&t->photos, dir, parts ? "train" : NULL, side, labels, count)) return fail_library();
    if (parts && has_folder(dir, "val")) {
        if (gcam_dataset_load(&t->others, dir, "val", side, labels, count)) return fail_library();
    } else if (gcam_dataset_split(&t->others, t->photos, t->s->hold_out, (uint64_t)t->s->seed)) {
        return fail_library();
    }
    if (gcam_dataset_count(t->others) == 0)
        return fail("%s: there are too few photos to hold any back for validation", dir);
    if (!t->graph) t->graph = usual_graph((int)gcam_dataset_class_count(t->photos));
    t->predicted = calloc(gcam_dataset_count(t->others), sizeof *t->predicted);
    progress_clear();
    return t->graph && t->predicted ? EXIT_DONE : fail_memory();
}

/* ---- the run ----------------------------------------------------------------------------------------------------------------- */

static void take_options(gcam_train_options *o, const settings *s) {
    gcam_train_options_photos(o);
    if (s->epochs) o->epochs = (int)s->epochs;
    if (s->batch) o->batch = (int)s->batch;
    if (s->lr > 0) o->lr = s->lr;
    if (s->weight_decay >= 0) o->weight_decay = s->weight_decay;
    if (s->warm_up >= 0)
        o->warm_up = s->warm_up;
    else if (o->warm_up > o->epochs / 4.0)
        o->warm_up = o->epochs / 4.0;
    if (s->cool_down >= 0) o->cool_down = s->cool_down;
    o->size = (int)s->crop;
    o->first_size = (int)s->first_crop;
    o->growth = (int)s->growth;
    o->seed = (uint64_t)s->seed;
    o->threads = (int)s->threads;
    o->kernels = s->kernels;
}

/* Work of the steps before `step`, which goes with the area of their crops. */
static double work_until(const training *t, int64_t step) {
    int64_t each = gcam_trainer_epoch_steps(t->trainer);
    double work = 0;
    for (int epoch = 0; epoch * each < step; epoch++) {
        double side = gcam_trainer_crop_side(t->trainer, epoch);
        int64_t left = step - epoch * each;
        work += side * side * (double)(left < each ? left : each);
    }
    return work;
}

static void show_step(const training *t, const gcam_train_report *r) {
    int64_t steps = gcam_trainer_steps(t->trainer), each = gcam_trainer_epoch_steps(t->trainer);
    double done = work_until(t, r->step + 1), passed = seconds_now() - t->begun;
    char left[48];
    duration_text((work_until(t, steps) - done) * passed / (done - t->done_at_begin), left, sizeof left);
    int filled = (int)(20 * (r->step + 1) / steps);
    progress(t->s, "[%.*s%.*s] epoch %d, %3.0f %%: loss %.3f, %.1f %% right, %s left", filled, "####################",
             20 - filled, "....................", r->epoch + 1, 100.0 * (double)(r->step % each + 1) / (double)each,
             t->loss / (double)t->seen, 100.0 * (double)t->right / (double)t->seen, left);
}

static int write_log(const training *t, const gcam_train_report *r, const gcam_train_score *score, double seconds) {
    FILE *file = fopen(t->log, r->epoch == 0 ? "w" : "a");
    if (!file) return fail("%s: cannot be written", t->log);
    if (r->epoch == 0) fputs("epoch\tsize\trate\tloss\tright\tval_loss\tval_right\tseconds\n", file);
    fprintf(file, "%d\t%d\t%.5f\t%.4f\t%.4f\t%.4f\t%.4f\t%.1f\n", r->epoch + 1, r->size, r->lr,
            t->loss / (double)t->seen, (double)t->right / (double)t->seen, score->loss,
            (double)score->correct / (double)score->photos, seconds);
    return fclose(file) ? fail("%s: cannot be written", t->log) : EXIT_DONE;
}

/* What follows the last step of an epoch: a checkpoint first, so that nothing is lost. */
static int end_epoch(training *t, const gcam_train_report *r) {
    gcam_train_score score;
    double seconds = seconds_now() - t->epoch_begun;
    if (gcam_trainer_save(t->trainer, t->checkpoint)) return fail_library();
    progress(t->s, "validating");
    if (gcam_trainer_evaluate(t->trainer, t->others, GCAM_TRAIN_BEST, &score, NULL)) return fail_library();
    progress_clear();
    if (!t->s->quiet)
        fprintf(stderr, "epoch %3d  %3d px  loss %.4f  %4.1f %% right  validation loss %.4f  %4.1f %% right  %.0f s\n",
                r->epoch + 1, r->size, t->loss / (double)t->seen, 100.0 * (double)t->right / (double)t->seen,
                score.loss, 100.0 * (double)score.correct / (double)score.photos, seconds);
    int code = write_log(t, r, &score, seconds);
    t->loss = 0, t->seen = t->right = 0, t->epoch_begun = seconds_now();
    return code;
}

static int run_steps(training *t) {
    int64_t each = gcam_trainer_epoch_steps(t->trainer);
    t->begun = t->epoch_begun = seconds_now();
    t->done_at_begin = work_until(t, gcam_trainer_position(t->trainer));
    while (gcam_trainer_position(t->trainer) < gcam_trainer_steps(t->trainer)) {
        gcam_train_report r;
        if (gcam_trainer_step(t->trainer, &r)) return fail_library();
        t->loss += r.loss * r.photos;
        t->seen += r.photos;
        t->right += r.correct;
        show_step(t, &r);
        int code = (r.step + 1) % each == 0 ? end_epoch(t, &r) : EXIT_DONE;
        if (code != EXIT_DONE) return code;
        if (!interrupted()) continue;
        if (gcam_trainer_save(t->trainer, t->checkpoint)) return fail_library();
        return fail("stopped after step %lld of %lld; the same command goes on from %s", (long long)r.step + 1,
                    (long long)gcam_trainer_steps(t->trainer), t->checkpoint);
    }
    return EXIT_DONE;
}

static int make_trainer(training *t) {
    gcam_train_options options;
    take_options(&options, t->s);
    if (gcam_trainer_create(&t->trainer, t->graph, t->photos, &options)) return fail_library();
    if (access(t->checkpoint, F_OK) != 0) return EXIT_DONE;
    if (gcam_trainer_resume(t->trainer, t->checkpoint)) return fail_library();
    if (!t->s->quiet)
        fprintf(stderr, "going on after step %lld of %lld, from %s\n", (long long)gcam_trainer_position(t->trainer),
                (long long)gcam_trainer_steps(t->trainer), t->checkpoint);
    return EXIT_DONE;
}

/* Writes the model, and judges what was written: its weights as the file holds them. */
static int write_model(training *t) {
    gcam_metadata about[1] = {{"license", t->s->license}};
    gcam_tensor_table *written = NULL;
    if (gcam_trainer_export(t->trainer, t->out, GCAM_TRAIN_BEST, t->s->dtype, about, t->s->license ? 1 : 0)
        || gcam_tensor_table_open(&written, t->out))
        return fail_library();
    progress(t->s, "validating %s", t->out);
    int code = EXIT_DONE;
    if (gcam_trainer_set_weights(t->trainer, written)
        || gcam_trainer_evaluate(t->trainer, t->others, GCAM_TRAIN_RAW, &t->score, t->predicted))
        code = fail_library();
    gcam_tensor_table_free(written);
    progress_clear();
    return code;
}

/* ---- what it came to ---------------------------------------------------------------------------------------------------------- */

/* Photos of class `of` that were taken for class `for_`; all of the class where `for_` is negative. */
static int64_t count_of(const training *t, int of, int for_) {
    int64_t count = 0;
    for (size_t i = 0; i < gcam_dataset_count(t->others); i++)
        count += gcam_dataset_class(t->others, i) == of && (for_ < 0 || t->predicted[i] == for_);
    return count;
}

static void print_table(const training *t) {
    int classes = (int)gcam_dataset_class_count(t->others);
    printf("%s: %.2f %% of %lld photos right, loss %.4f\n\n%-24s right   taken for\n", t->out,
           100.0 * (double)t->score.correct / (double)t->score.photos, (long long)t->score.photos, t->score.loss,
           "class");
    for (int of = 0; of < classes; of++) {
        int64_t all = count_of(t, of, -1);
        printf("%-24s %4.1f %%", gcam_dataset_label(t->others, (size_t)of),
               all ? 100.0 * (double)count_of(t, of, of) / (double)all : 0.0);
        for (int other = 0; other < classes && classes <= 20; other++)
            printf(" %4lld", (long long)count_of(t, of, other));
        putchar('\n');
    }
}

static void print_json(const training *t) {
    int classes = (int)gcam_dataset_class_count(t->others);
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_text(&j, "out", t->out);
    json_integer(&j, "photos", t->score.photos);
    json_integer(&j, "right", t->score.correct);
    json_number(&j, "loss", t->score.loss);
    json_array(&j, "classes");
    for (int of = 0; of < classes; of++) {
        json_object(&j, NULL);
        json_text(&j, "label", gcam_dataset_label(t->others, (size_t)of));
        json_row(&j, "taken_for");
        for (int other = 0; other < classes; other++) json_integer(&j, NULL, count_of(t, of, other));
        json_end(&j);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static int train(training *t) {
    int code = t->s->labels ? engine_read_labels(&t->e, t->s->labels) : EXIT_DONE;
    if (code == EXIT_DONE && t->s->graph) code = read_text(&t->graph, t->s->graph);
    if (code == EXIT_DONE) code = load_photos(t);
    if (code == EXIT_DONE) code = make_trainer(t);
    if (code == EXIT_DONE) code = run_steps(t);
    if (code == EXIT_DONE) code = write_model(t);
    if (code != EXIT_DONE) return code;
    unlink(t->checkpoint);
    if (t->s->json)
        print_json(t);
    else if (!t->s->quiet)
        print_table(t);
    return EXIT_DONE;
}

int run_train(settings *s) {
    training t = {.s = s, .out = strcmp(s->out, ".") == 0 ? "model.safetensors" : s->out};
    t.checkpoint = joined(t.out, ".checkpoint");
    t.log = joined(t.out, ".tsv");
    int code = t.checkpoint && t.log ? train(&t) : fail_memory();
    gcam_trainer_free(t.trainer);
    gcam_dataset_free(t.photos);
    gcam_dataset_free(t.others);
    engine_close(&t.e);
    free(t.graph);
    free(t.checkpoint);
    free(t.log);
    free(t.predicted);
    return code;
}
