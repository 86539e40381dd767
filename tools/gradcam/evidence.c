/* What an explanation says of itself: in the JSON, and in the text chunks of the pictures, so that a picture alone tells how to make it
 * again. */
#include "tool.h"

#include "json_out.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the model's SHA-256 -------------------------------------------------------------------------------------------------- */

/* Reading a checkpoint of half a gigabyte for its hash takes longer than explaining with it, so large ones are hashed on demand only. */
enum { MOST_BYTES = 32 << 20 };

const char *engine_sha256(engine *e, const settings *s) {
    struct stat about;
    if (e->sha256_known) return e->sha256[0] ? e->sha256 : NULL;
    e->sha256_known = 1;
    int cheap = !s->model || gcam_model_metadata(e->model, "sha256")
                || (stat(s->model, &about) == 0 && about.st_size <= MOST_BYTES);
    if ((cheap || s->sha256) && gcam_model_sha256(e->model, e->sha256)) e->sha256[0] = '\0';
    return e->sha256[0] ? e->sha256 : NULL;
}

/* ---- as JSON -------------------------------------------------------------------------------------------------------------- */

static void json_range(json_out *j, const gcam_tensor *raw) {
    int64_t count = gcam_shape_count(&raw->shape);
    float least = count > 0 ? raw->data[0] : 0, most = least;
    for (int64_t i = 1; i < count; i++) {
        if (raw->data[i] < least) least = raw->data[i];
        if (raw->data[i] > most) most = raw->data[i];
    }
    json_float(j, "raw_min", least);
    json_float(j, "raw_max", most);
}

static void json_warnings(json_out *j, unsigned warnings) {
    json_row(j, "warnings");
    for (unsigned bit = 1; bit && bit <= warnings; bit <<= 1) {
        if (warnings & bit) json_text(j, NULL, gcam_warning_name((gcam_warning)bit));
    }
    json_end(j);
}

/* Options that were given; those left out are the method's own. */
static void json_given(json_out *j, const settings *s) {
    static const char *const baselines[] = {"zero", "black", "white", "blur", "uniform", "mean", "several"};
    static const char *const fusions[] = {"none", "mean", "max", "product"};
    if (s->samples) json_integer(j, "samples", s->samples);
    if (s->noise != 0) json_number(j, "noise", s->noise > 0 ? s->noise : 0);
    if (s->baseline) json_text(j, "baseline", baselines[s->baseline]);
    if (s->fusion) json_text(j, "fuse", fusions[s->fusion]);
    if (s->smooth & GCAM_SMOOTH_VIEWS) json_text(j, "views", "mirror x 0.9, 1, 1.1");
    if (s->smooth & GCAM_SMOOTH_PRINCIPAL) json_integer(j, "principal", 1);
    if (s->rule) json_text(j, "rule", s->rule);
    if (s->epsilon != 0) json_number(j, "epsilon", s->epsilon);
    if (s->gamma != 0) json_number(j, "gamma", s->gamma);
    if (s->window) json_integer(j, "window", s->window);
    if (s->stride) json_integer(j, "stride", s->stride);
}

void json_evidence(json_out *j, const gcam_explanation *e, const settings *s) {
    json_text(j, "method", gcam_explanation_method(e)->id);
    json_text(j, "profile", gcam_profile_name(gcam_explanation_profile(e)));
    json_integer(j, "class", gcam_explanation_class(e));
    json_text(j, "label", gcam_explanation_label(e));
    json_text(j, "layer", gcam_explanation_layer(e));
    json_text(j, "target", gcam_explanation_target_text(e));
    json_float(j, "score", (float)gcam_explanation_score(e));
    json_float(j, "probability", (float)gcam_explanation_probability(e));
    json_range(j, gcam_explanation_raw(e));
    json_float(j, "residual", (float)gcam_explanation_residual(e));
    json_integer(j, "seed", (long long)gcam_explanation_seed(e));
    json_given(j, s);
    json_text(j, "equivalent_to", gcam_explanation_equivalent(e));
    json_warnings(j, gcam_explanation_warnings(e));
    json_channels(j, e);
    json_text(j, "sentence", gcam_explanation_sentence(e));
}

void json_model(json_out *j, engine *e, const settings *s) {
    json_object(j, "model");
    json_text(j, "file", engine_model_name(s));
    json_text(j, "arch", gcam_model_arch(e->model));
    json_integer(j, "classes", gcam_model_class_count(e->model));
    json_text(j, "layer", engine_layer(e));
    json_text(j, "sha256", engine_sha256(e, s));
    json_end(j);
}

/* ---- in pictures ------------------------------------------------------------------------------------------------------------ */

char *evidence_text(const record *r, size_t first, size_t count, engine *e, const settings *s) {
    char *text = NULL;
    size_t size = 0;
    json_out j = {.file = open_memstream(&text, &size), .compact = 1};
    if (!j.file) return NULL;
    json_object(&j, NULL);
    json_text(&j, "gradcam", gcam_version());
    json_text(&j, "photo", r->path);
    json_model(&j, e, s);
    json_array(&j, "explanations");
    for (size_t i = first; i < first + count; i++) {
        json_object(&j, NULL);
        json_evidence(&j, r->explanations[i], s);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
    int failed = fclose(j.file);
    if (failed || !text) {
        free(text);
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* The title of explanations first .. first + count - 1 of a record. */
static void put_title(char *title, size_t size, const gcam_explanation *one, size_t count) {
    const char *layer = gcam_explanation_layer(one);
    if (count == 1)
        snprintf(title, size, "%s of class %d (%s)%s%s", gcam_explanation_method(one)->title,
                 gcam_explanation_class(one), gcam_explanation_label(one), layer ? " at layer " : "",
                 layer ? layer : "");
    else
        snprintf(title, size, "%zu explanations of one photo", count);
}

gcam_status save_with_text(const gcam_image *picture, const char *path, const gcam_explanation *one, size_t count,
                           const char *evidence) {
    char title[320], software[64];
    put_title(title, sizeof title, one, count);
    snprintf(software, sizeof software, "gradcam %s", gcam_version());
    gcam_metadata text[] = {{"Title", title},
                            {"Description", gcam_explanation_sentence(one)},
                            {"Software", software},
                            {"Explanation", evidence}};
    return gcam_image_save_with_text(picture, path, text, sizeof text / sizeof *text);
}

int save_with_evidence(record *r, const char *path, const gcam_image *picture, size_t first, size_t count, engine *e,
                       const settings *s) {
    char *evidence = evidence_text(r, first, count, e, s);
    if (!evidence) return record_fail_with(r, "out of memory");
    gcam_status status = save_with_text(picture, path, r->explanations[first], count, evidence);
    free(evidence);
    return status ? record_fail(r) : EXIT_DONE;
}
