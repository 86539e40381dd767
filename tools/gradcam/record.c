/* One photo with what was found in it; the loop over all photos; and how both are printed. */
#include "json_out.h"
#include "tool.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int record_fail_with(record *r, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->error, sizeof r->error, format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int record_fail(record *r) {
    return record_fail_with(r, "%s", gcam_last_error()->message);
}

int record_load(record *r, const settings *s, const char *path) {
    gcam_image_options options = {.struct_size = sizeof options, .ignore_exif = s->no_exif};
    *r = (record){.path = path};
    double start = seconds_now();
    if (gcam_image_load_with(&r->photo, path, &options)) return record_fail(r);
    r->seconds.load = seconds_now() - start;
    return EXIT_DONE;
}

void record_free(record *r) {
    for (size_t i = 0; r->files && i < r->count; i++) {
        for (int k = 0; k < FILES; k++) free(r->files[i][k]);
    }
    free(r->files);
    free(r->sheet);
    free(r->top);
    gcam_explanations_free(r->explanations, r->count);
    gcam_image_free(r->photo);
    *r = (record){0};
}

/* ---- for people --------------------------------------------------------------------------------------------------------- */

void print_top(const record *r, int count) {
    printf("%s:", r->path);
    for (int i = 0; i < count && i < r->top_count; i++)
        printf("%s %s (%d) %.3f", i ? "," : "", r->top[i].label, r->top[i].class_index, (double)r->top[i].probability);
    putchar('\n');
}

/* The sentence of an error, with the photo's name before it unless it begins with it already. */
static void print_error(const record *r) {
    int named = strncmp(r->error, r->path, strlen(r->path)) == 0;
    fail("%s%s%s", named ? "" : r->path, named ? "" : ": ", r->error);
}

/* ---- as JSON ------------------------------------------------------------------------------------------------------------ */

static void json_explanation(json_out *j, const record *r, size_t index, const settings *s) {
    const gcam_explanation *e = r->explanations[index];
    json_object(j, NULL);
    json_evidence(j, e, s);
    json_segments(j, e, s);
    json_row(j, "files");
    for (int k = 0; r->files && k < FILES; k++) {
        if (r->files[index][k]) json_text(j, NULL, r->files[index][k]);
    }
    json_end(j);
    json_end(j);
}

static void json_top(json_out *j, const record *r) {
    json_array(j, "top");
    for (int i = 0; i < r->top_count; i++) {
        json_object(j, NULL);
        json_integer(j, "class", r->top[i].class_index);
        json_text(j, "label", r->top[i].label);
        json_float(j, "probability", r->top[i].probability);
        json_float(j, "logit", r->top[i].logit);
        json_end(j);
    }
    json_end(j);
}

/* To the microsecond. */
static double rounded(double seconds) {
    return round(seconds * 1e6) / 1e6;
}

static void json_seconds(json_out *j, const timing *seconds, int explained) {
    json_object(j, "seconds");
    json_number(j, "load", rounded(seconds->load));
    json_number(j, "forward", rounded(seconds->forward));
    if (explained) {
        json_number(j, "explain", rounded(seconds->explain));
        json_number(j, "render", rounded(seconds->render));
    }
    json_end(j);
}

static void json_found(json_out *j, const record *r, const engine *e, const settings *s) {
    gcam_shape input = gcam_session_input_shape(e->session);
    json_row(j, "input");
    for (int i = 0; i < input.rank; i++) json_integer(j, NULL, input.dim[i]);
    json_end(j);
    json_top(j, r);
    if (s->subcommand->bit != CLASSIFY) {
        json_array(j, "explanations");
        for (size_t i = 0; i < r->count; i++) json_explanation(j, r, i, s);
        json_end(j);
        if (r->sheet) json_text(j, "sheet", r->sheet);
    }
    json_seconds(j, &r->seconds, s->subcommand->bit != CLASSIFY);
}

static void json_record(json_out *j, const record *r, const engine *e, const settings *s) {
    json_object(j, NULL);
    json_text(j, "photo", r->path);
    if (r->error[0])
        json_text(j, "error", r->error);
    else
        json_found(j, r, e, s);
    json_end(j);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------ */

int each_photo(engine *e, const settings *s, photo_fn work, print_fn print, void *context) {
    json_out j = {.file = stdout};
    int code = EXIT_DONE;
    if (s->json) {
        json_object(&j, NULL);
        json_array(&j, "photos");
    }
    for (int i = 0; i < s->file_count && !interrupted(); i++) {
        record r;
        progress(s, "[%d/%d] %s", i + 1, s->file_count, s->files[i]);
        int failed = record_load(&r, s, s->files[i]) || work(&r, e, s, context);
        progress_clear();
        if (failed) {
            print_error(&r);
            code = EXIT_FAILED;
        } else if (!s->quiet && !s->json) {
            print(&r, s);
        }
        if (s->json) json_record(&j, &r, e, s);
        record_free(&r);
    }
    if (s->json) {
        json_end(&j);
        json_model(&j, e, s);
        json_end(&j);
    }
    return code;
}
