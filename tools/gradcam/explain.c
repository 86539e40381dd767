/* gradcam explain: maps for each photo, class, layer and method, as pictures and arrays. gradcam localize: their boxes.
 * One forward pass serves everything that is asked of a photo. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

/* ---- one photo ---------------------------------------------------------------------------------------------------------- */

static int find_top(record *r, const engine *e) {
    int classes = gcam_model_class_count(e->model);
    r->top_count = classes < TOP_SHOWN ? classes : TOP_SHOWN;
    r->top = calloc((size_t)r->top_count, sizeof *r->top);
    if (!r->top) return record_fail_with(r, "out of memory");
    return gcam_session_top(e->session, 0, r->top, r->top_count) ? record_fail(r) : EXIT_DONE;
}

static int compute(record *r, engine *e, const settings *s, const request *q) {
    gcam_explain_options options;
    waiting w;
    request_options(&options, q, s);
    waiting_begin(&w, s, r->path);
    options.progress = waiting_report;
    options.progress_user = &w;
    double start = seconds_now();
    e->forward_ended = start;
    if (gcam_explain_many(&r->explanations, &r->count, e->session, r->photo, &options)) return record_fail(r);
    r->seconds.forward = e->forward_ended - start;
    r->seconds.explain = seconds_now() - e->forward_ended;
    r->files = calloc(r->count, sizeof *r->files);
    return r->files ? find_top(r, e) : record_fail_with(r, "out of memory");
}

/* "242.gradcam", and the layer's name behind it where several layers were asked for. */
static void result_name(const settings *s, const gcam_explanation *e, char *name, size_t size) {
    const char *layer = s->layers.count > 1 ? gcam_explanation_layer(e) : NULL;
    snprintf(name, size, "%d.%s%s%s", gcam_explanation_class(e), gcam_explanation_method(e)->id, layer ? "." : "",
             layer ? layer : "");
}

static gcam_render_options render_options(const settings *s) {
    return (gcam_render_options){
        .struct_size = sizeof(gcam_render_options), .colormap = s->colormap, .alpha = s->alpha};
}

static gcam_status show(const gcam_image *picture, const gcam_explanation *e) {
    progress_clear();
    printf("%s for %s (%d)\n", gcam_explanation_method(e)->title, gcam_explanation_label(e), gcam_explanation_class(e));
    return show_picture(picture) ? gcam_last_error()->status : GCAM_OK;
}

static int make_overlay(record *r, size_t i, engine *e, const settings *s, const char *name) {
    gcam_render_options options = render_options(s);
    const gcam_explanation *why = r->explanations[i];
    int with_box = s->subcommand->bit == LOCALIZE, wanted = (s->save & SAVE_PNG) != 0, code = EXIT_DONE;
    gcam_image *picture = NULL;
    if (!wanted && !s->show) return EXIT_DONE;
    gcam_status status = gcam_render_overlay(&picture, r->photo, why, &options);
    if (!status && with_box) status = draw_segments(picture, why, s);
    if (!status && wanted) {
        r->files[i][FILE_PNG] = result_path(s, r->path, "%s%s.png", name, with_box ? ".box" : "");
        code = r->files[i][FILE_PNG] ? save_with_evidence(r, r->files[i][FILE_PNG], picture, i, 1, e, s)
                                     : record_fail_with(r, "out of memory");
    }
    if (!status && code == EXIT_DONE && s->show) status = show(picture, why);
    gcam_image_free(picture);
    return status ? record_fail(r) : code;
}

static int save_array(record *r, char **path, const gcam_tensor *tensor) {
    if (!*path) return record_fail_with(r, "out of memory");
    return gcam_npy_save(*path, tensor) ? record_fail(r) : EXIT_DONE;
}

static int save_arrays(record *r, size_t i, const settings *s, const char *name) {
    const gcam_explanation *e = r->explanations[i];
    char **files = r->files[i];
    int code = EXIT_DONE;
    if (s->save & SAVE_NPY) {
        files[FILE_NPY] = result_path(s, r->path, "%s.npy", name);
        code = save_array(r, &files[FILE_NPY], gcam_explanation_raw(e));
    }
    if (code == EXIT_DONE && s->save & SAVE_MAP) {
        files[FILE_MAP] = result_path(s, r->path, "%s.map.npy", name);
        code = save_array(r, &files[FILE_MAP], gcam_explanation_map(e));
    }
    return code;
}

static int save_sheet(record *r, engine *e, const settings *s) {
    gcam_render_options options = render_options(s);
    gcam_image *sheet = NULL;
    r->sheet = result_path(s, r->path, "sheet.png");
    if (!r->sheet) return record_fail_with(r, "out of memory");
    gcam_status status = gcam_render_sheet(&sheet, r->photo, r->explanations, r->count, &options);
    int code = status ? record_fail(r) : save_with_evidence(r, r->sheet, sheet, 0, r->count, e, s);
    gcam_image_free(sheet);
    return code;
}

static int draw_channels(record *r, size_t i, engine *e, const settings *s, const char *name) {
    if (!gcam_explanation_channels(r->explanations[i], NULL)) return EXIT_DONE;
    char **path = &r->files[i][FILE_CHANNELS];
    *path = result_path(s, r->path, "%s.channels.png", name);
    return *path ? save_channels(r, i, *path, e, s) : record_fail_with(r, "out of memory");
}

static int explain(record *r, engine *e, const settings *s, void *context) {
    int code = compute(r, e, s, context);
    double start = seconds_now();
    for (size_t i = 0; i < r->count && code == EXIT_DONE; i++) {
        char name[400];
        result_name(s, r->explanations[i], name, sizeof name);
        code = make_overlay(r, i, e, s, name);
        if (code == EXIT_DONE) code = save_arrays(r, i, s, name);
        if (code == EXIT_DONE && s->channels && s->save & SAVE_PNG) code = draw_channels(r, i, e, s, name);
    }
    if (code == EXIT_DONE && s->save & SAVE_SHEET) code = save_sheet(r, e, s);
    r->seconds.render = seconds_now() - start;
    return code;
}

/* ---- what people read ---------------------------------------------------------------------------------------------------- */

static void print_warnings(unsigned warnings, int indent) {
    for (unsigned bit = 1; bit && bit <= warnings; bit <<= 1) {
        if (warnings & bit) printf("%*snote: %s\n", indent, "", gcam_warning_text((gcam_warning)bit));
    }
}

/* What is said of one explanation. That a method equals a cheaper one is said once a photo instead. */
static void print_own_warnings(const gcam_explanation *e) {
    print_warnings(gcam_explanation_warnings(e) & ~(unsigned)GCAM_WARN_EQUIVALENT, 6);
}

/* Has an explanation before `i` said it already? */
static int said_before(const record *r, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (gcam_explanation_equivalent(r->explanations[k])
            && gcam_explanation_method(r->explanations[k]) == gcam_explanation_method(r->explanations[i]))
            return 1;
    }
    return 0;
}

static void print_equivalents(const record *r) {
    for (size_t i = 0; i < r->count; i++) {
        const char *id = gcam_explanation_equivalent(r->explanations[i]);
        if (id && !said_before(r, i))
            printf("  note: %s equals %s here, up to a constant factor\n",
                   gcam_explanation_method(r->explanations[i])->title, gcam_method_find(id)->title);
    }
}

static void print(const record *r, const settings *s) {
    (void)s;
    print_top(r, 3);
    for (size_t i = 0; i < r->count; i++) {
        const gcam_explanation *e = r->explanations[i];
        const char *layer = gcam_explanation_layer(e);
        printf("  %s for %s (%d)%s%s\n", gcam_explanation_method(e)->title, gcam_explanation_label(e),
               gcam_explanation_class(e), layer ? ", layer " : "", layer ? layer : "");
        printf("      %s\n", gcam_explanation_sentence(e));
        for (int k = 0; k < FILES; k++) {
            if (r->files[i][k]) printf("      %s\n", r->files[i][k]);
        }
        print_own_warnings(e);
    }
    print_equivalents(r);
    if (r->sheet) printf("  all on one sheet\n      %s\n", r->sheet);
}

static void print_boxes(const record *r, const settings *s) {
    print_top(r, 3);
    for (size_t i = 0; i < r->count; i++) {
        print_segments(r->explanations[i], s);
        if (r->files[i][FILE_PNG]) printf("      %s\n", r->files[i][FILE_PNG]);
        print_own_warnings(r->explanations[i]);
    }
}

static int run(settings *s, print_fn print_record) {
    engine e;
    request q = {0};
    int code = check_stems(s);
    if (code != EXIT_DONE) return code;
    code = engine_open(&e, s);
    if (code == EXIT_DONE) code = request_make(&q, &e, s);
    if (code == EXIT_DONE && s->save) code = prepare_folder(s->out);
    if (code == EXIT_DONE) code = each_photo(&e, s, explain, print_record, &q);
    request_free(&q);
    engine_close(&e);
    return code;
}

int run_explain(settings *s) {
    return run(s, print);
}

int run_localize(settings *s) {
    s->save = SAVE_PNG;
    return run(s, print_boxes);
}
