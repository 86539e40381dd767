/* gradcam compare: one photo, and methods, models, layers and classes as rows and columns of one sheet. Columns are the methods, or, where there
 * is one method, the layers, or the models; whatever else varies makes the rows. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

typedef struct comparison {
    record *records; /* one a model */
    char **evidence; /* of the same models, made while each was open */
    size_t models;
    size_t counts[3]; /* methods, layers, classes */
} comparison;

enum { METHOD, LAYER, CLASS, MODEL };

static const gcam_explanation *cell_at(const comparison *c, size_t model, const size_t at[3]) {
    /* targets outermost, then layers, then methods; methods of pixels stand with the first layer only */
    size_t i = 0, target = 0;
    const record *r = &c->records[model];
    const gcam_method_info *method = NULL;
    size_t seen = 0;
    for (; i < r->count; i++) {
        const gcam_explanation *e = r->explanations[i];
        if (i > 0 && gcam_explanation_class(e) != gcam_explanation_class(r->explanations[i - 1])) target++, seen = 0;
        if (target != at[CLASS]) continue;
        if (!method && seen == at[METHOD]) method = gcam_explanation_method(e);
        seen++;
    }
    size_t layer = 0;
    target = 0;
    for (i = 0; i < r->count && method; i++) {
        const gcam_explanation *e = r->explanations[i];
        if (i > 0 && gcam_explanation_class(e) != gcam_explanation_class(r->explanations[i - 1])) target++;
        if (target != at[CLASS] || gcam_explanation_method(e) != method) continue;
        if (layer++ == at[LAYER]) return e;
    }
    return NULL;
}

/* ---- the models ------------------------------------------------------------------------------------------------------------- */

static int explain_with(record *r, char **evidence, const settings *s, size_t *classes) {
    engine e;
    request q = {0};
    gcam_explain_options options;
    waiting w;
    int code = engine_open(&e, s);
    if (code == EXIT_DONE) code = request_make(&q, &e, s);
    if (code == EXIT_DONE && (record_load(r, s, s->files[0]) != EXIT_DONE)) code = fail("%s", r->error);
    if (code == EXIT_DONE) {
        request_options(&options, &q, s);
        waiting_begin(&w, s, s->files[0]);
        options.progress = waiting_report;
        options.progress_user = &w;
        *classes = q.target_count;
        if (gcam_explain_many(&r->explanations, &r->count, e.session, r->photo, &options)) code = fail_library();
    }
    if (code == EXIT_DONE && !(*evidence = evidence_text(r, 0, r->count, &e, s))) code = fail_memory();
    request_free(&q);
    engine_close(&e);
    return code;
}

static int explain_all(comparison *c, const settings *s) {
    c->models = s->models.count ? s->models.count : 1;
    c->records = calloc(c->models, sizeof *c->records);
    c->evidence = calloc(c->models, sizeof *c->evidence);
    if (!c->records || !c->evidence) return fail_memory();
    c->counts[METHOD] = s->methods.count ? s->methods.count : 1;
    c->counts[LAYER] = s->layers.count && !s->fusion ? s->layers.count : 1;
    int code = EXIT_DONE;
    for (size_t i = 0; i < c->models && code == EXIT_DONE && !interrupted(); i++) {
        settings mine = *s;
        mine.model = s->models.count ? s->models.words[i] : NULL;
        code = explain_with(&c->records[i], &c->evidence[i], &mine, &c->counts[CLASS]);
    }
    return code;
}

/* ---- the sheet -------------------------------------------------------------------------------------------------------------- */

static const char *model_name(const settings *s, size_t i) {
    const char *path = s->models.count ? s->models.words[i] : engine_model_name(s);
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What a row or column is called along one dimension. */
static void add_label(char *text, size_t size, const comparison *c, const settings *s, int dimension, size_t i,
                      const size_t at[4]) {
    size_t used = strlen(text);
    const gcam_explanation *e = cell_at(c, at[MODEL], at);
    if (!e) e = c->records[at[MODEL]].explanations[0];
    const char *between = used ? ", " : "";
    if (dimension == METHOD) snprintf(text + used, size - used, "%s%s", between, gcam_explanation_method(e)->title);
    if (dimension == LAYER) snprintf(text + used, size - used, "%s%s", between, s->layers.words[i]);
    if (dimension == MODEL) snprintf(text + used, size - used, "%s%s", between, model_name(s, i));
    if (dimension == CLASS) snprintf(text + used, size - used, "%s%s", between, gcam_explanation_label(e));
}

typedef struct sheet {
    size_t sizes[4], rows, columns;
    int column_of; /* dimension of the columns */
    char (*labels)[256];
    const char **row_labels, **column_labels, **captions;
    char (*caption_text)[96];
    const gcam_explanation **cells;
} sheet;

static const int row_order[4] = {MODEL, CLASS, LAYER, METHOD};

/* The place in all four dimensions of a row and a column. */
static void place(const sheet *h, size_t row, size_t column, size_t at[4]) {
    for (int k = 3; k >= 0; k--) {
        int dimension = row_order[k];
        if (dimension == h->column_of) continue;
        at[dimension] = row % h->sizes[dimension];
        row /= h->sizes[dimension];
    }
    at[h->column_of] = column;
}

static void fill_sheet(sheet *h, const comparison *c, const settings *s) {
    for (size_t row = 0; row < h->rows; row++) {
        size_t at[4];
        place(h, row, 0, at);
        h->row_labels[row] = h->labels[row];
        for (int k = 0; k < 4; k++) {
            if (row_order[k] != h->column_of && h->sizes[row_order[k]] > 1)
                add_label(h->labels[row], sizeof *h->labels, c, s, row_order[k], at[row_order[k]], at);
        }
        if (!h->labels[row][0]) add_label(h->labels[row], sizeof *h->labels, c, s, CLASS, 0, at);
        for (size_t column = 0; column < h->columns; column++) {
            size_t i = row * h->columns + column;
            place(h, row, column, at);
            const gcam_explanation *e = h->cells[i] = cell_at(c, at[MODEL], at);
            if (e)
                snprintf(h->caption_text[i], sizeof *h->caption_text, "%s %.1f %%", gcam_explanation_label(e),
                         100 * gcam_explanation_probability(e));
            h->captions[i] = h->caption_text[i];
        }
    }
    for (size_t column = 0; column < h->columns; column++) {
        size_t at[4];
        place(h, 0, column, at);
        char *label = h->labels[h->rows + column];
        add_label(label, sizeof *h->labels, c, s, h->column_of, column, at);
        h->column_labels[column] = label;
    }
}

/* What the sheet says of itself: the evidence of its one model, or an array of what each of its models has. The caller frees it; NULL on
 * want of memory. */
static char *join_evidence(const comparison *c) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file) return NULL;
    for (size_t i = 0; i < c->models; i++)
        fprintf(file, "%s%s", c->models == 1 ? "" : i == 0 ? "[" : ", ", c->evidence[i]);
    if (c->models > 1) fputc(']', file);
    if (!fclose(file)) return text;
    free(text);
    return NULL;
}

static gcam_status save_sheet(const comparison *c, const gcam_image *picture, const char *path, const char *evidence) {
    size_t count = 0;
    for (size_t i = 0; i < c->models; i++) count += c->records[i].count;
    return save_with_text(picture, path, c->records[0].explanations[0], count, evidence);
}

static int write_sheet(const sheet *h, const comparison *c, const settings *s) {
    const record *r = &c->records[0];
    gcam_grid grid = {h->rows, h->columns, h->cells, h->row_labels, h->column_labels, h->captions};
    gcam_render_options options = {.struct_size = sizeof options, .colormap = s->colormap, .alpha = s->alpha};
    gcam_image *picture = NULL;
    char *path = result_path(s, s->files[0], "compare.png"), *evidence = join_evidence(c);
    if (!path || !evidence) {
        free(path);
        free(evidence);
        return fail_memory();
    }
    gcam_status status = gcam_render_grid(&picture, r->photo, &grid, &options);
    if (!status) status = save_sheet(c, picture, path, evidence);
    if (!status && !s->quiet) printf("%s: %zu x %zu pictures\n      %s\n", s->files[0], h->rows, h->columns, path);
    if (!status && s->show && show_picture(picture)) status = gcam_last_error()->status;
    gcam_image_free(picture);
    free(path);
    free(evidence);
    return status ? fail_library() : EXIT_DONE;
}

static int make_sheet(const comparison *c, const settings *s) {
    sheet h = {.sizes = {c->counts[METHOD], c->counts[LAYER], c->counts[CLASS], c->models}};
    static const int column_order[4] = {METHOD, LAYER, MODEL, CLASS};
    h.column_of = METHOD;
    for (int k = 3; k >= 0; k--) {
        if (h.sizes[column_order[k]] > 1) h.column_of = column_order[k];
    }
    h.columns = h.sizes[h.column_of];
    h.rows = h.sizes[0] * h.sizes[1] * h.sizes[2] * h.sizes[3] / h.columns;
    size_t count = h.rows * h.columns;
    h.labels = calloc(h.rows + h.columns, sizeof *h.labels);
    h.row_labels = calloc(h.rows, sizeof *h.row_labels);
    h.column_labels = calloc(h.columns, sizeof *h.column_labels);
    h.captions = calloc(count, sizeof *h.captions);
    h.caption_text = calloc(count, sizeof *h.caption_text);
    h.cells = calloc(count, sizeof *h.cells);
    int code = EXIT_DONE;
    if (h.labels && h.row_labels && h.column_labels && h.captions && h.caption_text && h.cells) {
        fill_sheet(&h, c, s);
        code = write_sheet(&h, c, s);
    } else {
        code = fail_memory();
    }
    free(h.labels);
    free(h.row_labels);
    free(h.column_labels);
    free(h.captions);
    free(h.caption_text);
    free(h.cells);
    return code;
}

int run_compare(settings *s) {
    comparison c = {0};
    int code = prepare_folder(s->out);
    if (code == EXIT_DONE) code = explain_all(&c, s);
    progress_clear();
    if (code == EXIT_DONE && !interrupted()) code = make_sheet(&c, s);
    for (size_t i = 0; c.records && i < c.models; i++) record_free(&c.records[i]);
    for (size_t i = 0; c.evidence && i < c.models; i++) free(c.evidence[i]);
    free(c.records);
    free(c.evidence);
    return code;
}
