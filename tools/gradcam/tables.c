/* gradcam methods and gradcam archs: the library's tables. */
#include "json_out.h"
#include "tool.h"

#include <string.h>

static void methods_json(void) {
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_array(&j, "methods");
    for (size_t i = 0; i < gcam_method_count(); i++) {
        const gcam_method_info *m = gcam_method_at(i);
        json_object(&j, NULL);
        json_text(&j, "id", m->id);
        json_text(&j, "title", m->title);
        json_text(&j, "summary", m->summary);
        json_text(&j, "paper", m->paper);
        json_text(&j, "cost", m->cost);
        json_text(&j, "map", m->per_pixel ? "pixels" : "layer");
        json_text(&j, "sign", m->is_signed ? "signed" : "positive");
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

/* Makes a column at least as wide as a text. */
static void widen(int *width, const char *text) {
    int length = (int)strlen(text);
    if (length > *width) *width = length;
}

int run_methods(settings *s) {
    if (s->json) {
        methods_json();
        return EXIT_DONE;
    }
    int id = 0, cost = 0, paper = 0;
    for (size_t i = 0; i < gcam_method_count(); i++) {
        const gcam_method_info *m = gcam_method_at(i);
        widen(&id, m->id);
        widen(&cost, m->cost);
        widen(&paper, m->paper);
    }
    for (size_t i = 0; i < gcam_method_count(); i++) {
        const gcam_method_info *m = gcam_method_at(i);
        printf("%-*s  %-*s  %-*s  %s\n", id, m->id, cost, m->cost, paper, m->paper, m->summary);
    }
    puts("\nCost in passes: F forward, B backward to the pixels, b backward to the layer. F and b are shared by all "
         "that is\n"
         "asked of a photo at once.");
    return EXIT_DONE;
}

static void archs_json(void) {
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_array(&j, "archs");
    for (size_t i = 0; i < gcam_arch_count(); i++) {
        const gcam_arch_info *a = gcam_arch_at(i);
        json_object(&j, NULL);
        json_text(&j, "id", a->id);
        json_text(&j, "title", a->title);
        json_text(&j, "layer", a->target);
        json_text(&j, "preprocess", a->preprocess);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static void operators_json(void) {
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_array(&j, "operators");
    for (size_t i = 0; i < gcam_onnx_operator_count(); i++) {
        const gcam_onnx_operator *o = gcam_onnx_operator_at(i);
        json_object(&j, NULL);
        json_text(&j, "name", o->name);
        json_integer(&j, "first", o->first);
        json_integer(&j, "last", o->last);
        json_text(&j, "becomes", o->makes_layers ? "layers" : "constants");
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

/* gradcam archs --onnx: what an ONNX file may consist of. */
static int run_operators(const settings *s) {
    if (s->json) {
        operators_json();
        return EXIT_DONE;
    }
    printf("%-21s %-14s %s\n", "operator", "operator sets", "becomes");
    for (size_t i = 0; i < gcam_onnx_operator_count(); i++) {
        const gcam_onnx_operator *o = gcam_onnx_operator_at(i);
        char sets[32];
        int length = snprintf(sets, sizeof sets, "%d", o->first);
        if (o->last > o->first) snprintf(sets + length, sizeof sets - (size_t)length, "-%d", o->last);
        printf("%-21s %-14s %s\n", o->name, sets, o->makes_layers ? "layers" : "constants, when the file is read");
    }
    return EXIT_DONE;
}

int run_archs(settings *s) {
    if (s->onnx) return run_operators(s);
    if (s->json) {
        archs_json();
        return EXIT_DONE;
    }
    static const gcam_arch_info head = {
        .id = "id", .target = "default layer", .preprocess = "preprocessing", .title = "network"};
    int id = 0, target = 0, preprocess = 0; /* widths */
    for (size_t i = 0; i <= gcam_arch_count(); i++) {
        const gcam_arch_info *a = i ? gcam_arch_at(i - 1) : &head;
        widen(&id, a->id), widen(&target, a->target), widen(&preprocess, a->preprocess);
    }
    for (size_t i = 0; i <= gcam_arch_count(); i++) {
        const gcam_arch_info *a = i ? gcam_arch_at(i - 1) : &head;
        printf("%-*s  %-*s  %-*s  %s\n", id, a->id, target, a->target, preprocess, a->preprocess, a->title);
    }
    return EXIT_DONE;
}
