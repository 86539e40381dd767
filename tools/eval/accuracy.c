/* How often the model is right, by class, and what it takes for what. */
#include "eval.h"

#include <stdlib.h>

enum { BATCH = 16 };

/* ---- answers --------------------------------------------------------------------------------------------------------------- */

/* Fills the batch with photos from `first` on; the number of photos in it, or -1. */
static int fill(gcam_tensor *batch, const photo_set *set, size_t first, const gcam_preprocess *how) {
    int count = 0;
    for (; count < BATCH && first + (size_t)count < set->count; count++) {
        gcam_image *photo = NULL;
        gcam_status status = gcam_image_load(&photo, set->photos[first + (size_t)count].path);
        if (!status) status = gcam_preprocess_image(batch, count, photo, how, NULL);
        gcam_image_free(photo);
        if (status) return -1;
    }
    return count;
}

static gcam_status answer(photo_set *set, const gcam_model *model, gcam_session *session, gcam_tensor *batch) {
    const gcam_preprocess *how = gcam_model_preprocess(model);
    for (size_t first = 0; first < set->count; first += BATCH) {
        eval_progress("accuracy: photo %zu of %zu", first + 1, set->count);
        int count = fill(batch, set, first, how);
        if (count < 0) return gcam_last_error()->status;
        gcam_status status = gcam_session_forward(session, batch);
        for (int i = 0; i < count && !status; i++) {
            gcam_prediction best;
            status = gcam_session_top(session, i, &best, 1);
            set->photos[first + (size_t)i].answer = best.class_index;
        }
        if (status) return status;
    }
    return GCAM_OK;
}

/* ---- tables ---------------------------------------------------------------------------------------------------------------- */

/* table[true kind][answered kind]; the last column counts answers that have no folder. */
static size_t *confusion(const photo_set *set) {
    size_t columns = (size_t)set->kind_count + 1;
    size_t *table = calloc((size_t)set->kind_count * columns, sizeof *table);
    for (size_t i = 0; table && i < set->count; i++) {
        int kind = photo_set_kind_of(set, set->photos[i].answer);
        table[(size_t)set->photos[i].kind * columns + (kind < 0 ? columns - 1 : (size_t)kind)]++;
    }
    return table;
}

static void print_accuracy(const photo_set *set, const size_t *table) {
    size_t columns = (size_t)set->kind_count + 1, right = 0;
    for (size_t k = 0; k + 1 < columns; k++) right += table[k * columns + k];
    printf("Top-1 accuracy: %.1f %% (%zu of %zu photos).\n\n", 100.0 * (double)right / (double)set->count, right,
           set->count);
    puts("| class | photos | right | recall | precision |\n| --- | ---: | ---: | ---: | ---: |");
    for (size_t k = 0; k + 1 < columns; k++) {
        size_t own = table[k * columns + k], answered = 0;
        for (size_t t = 0; t + 1 < columns; t++) answered += table[t * columns + k];
        printf("| %s | %zu | %zu | %.1f %% | ", set->kinds[k].name, set->kinds[k].count, own,
               100.0 * (double)own / (double)set->kinds[k].count);
        if (answered > 0)
            printf("%.1f %% |\n", 100.0 * (double)own / (double)answered);
        else
            puts("- |");
    }
}

static void print_confusion(const photo_set *set, const size_t *table) {
    size_t columns = (size_t)set->kind_count + 1, others = 0;
    for (size_t k = 0; k + 1 < columns; k++) others += table[k * columns + columns - 1];
    printf("\nWhat was taken for what (rows: what it is; columns: what the model said):\n\n|");
    for (size_t k = 0; k + 1 < columns; k++) printf(" | %s", set->kinds[k].name);
    printf("%s |\n| ---", others ? " | other" : "");
    for (size_t k = 0; k + !others < columns; k++) printf(" | ---:");
    puts(" |");
    for (size_t t = 0; t + 1 < columns; t++) {
        printf("| %s", set->kinds[t].name);
        for (size_t k = 0; k + !others < columns; k++) printf(" | %zu", table[t * columns + k]);
        puts(" |");
    }
    putchar('\n');
}

int eval_accuracy(photo_set *set, const gcam_model *model, const eval_options *options) {
    gcam_session *session = NULL;
    gcam_tensor *batch = NULL;
    gcam_session_options session_options;
    gcam_session_options_defaults(&session_options);
    session_options.batch = BATCH;
    session_options.threads = (int)options->threads;
    gcam_status status = gcam_session_create(&session, model, &session_options);
    if (!status) {
        gcam_shape shape = gcam_session_input_shape(session);
        status = gcam_tensor_create(&batch, &shape);
    }
    if (!status) status = answer(set, model, session, batch);
    eval_progress(NULL);
    gcam_tensor_free(batch);
    gcam_session_free(session);
    if (status) return eval_fail_library();
    size_t *table = confusion(set);
    if (!table) return eval_fail("out of memory");
    print_accuracy(set, table);
    print_confusion(set, table);
    free(table);
    return 0;
}
