/* gradcam localize: what of a map counts as inside, drawn on the picture, as JSON and for people. */
#include "json_out.h"
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the cut, as --threshold says it --------------------------------------------------------------------------------------- */

int parse_threshold(settings *s, const char *value) {
    gcam_localize_options *o = &s->localize;
    char *end = NULL;
    int percent = value[0] == 'p';
    if (strcmp(value, "otsu") == 0) {
        o->cut = GCAM_CUT_OTSU;
        o->value = 0;
        return EXIT_DONE;
    }
    o->cut = percent ? GCAM_CUT_PERCENTILE : GCAM_CUT_SHARE;
    o->value = strtod(value + percent, &end);
    if (end == value + percent || *end || !(o->value > 0) || (percent ? o->value >= 100 : o->value > 1))
        return fail_use("--threshold: \"%s\" is not a share above 0 and up to 1, a percentile such as p95, or otsu",
                        value);
    return EXIT_DONE;
}

int parse_connect(settings *s, const char *value) {
    if (strcmp(value, "4") != 0 && strcmp(value, "8") != 0)
        return fail_use("--connect: \"%s\" is not 4 (sides) or 8 (sides and corners)", value);
    s->localize.four_connected = value[0] == '4';
    return EXIT_DONE;
}

/* Segments as the command line asks for them; without --all, the largest alone. */
static gcam_status find(gcam_segments **out, const gcam_explanation *e, const settings *s) {
    gcam_localize_options options = s->localize;
    options.struct_size = sizeof options;
    options.least_area = !s->all ? 1 : s->least_area > 0 ? s->least_area : 0.01;
    return gcam_localize(out, e, &options);
}

/* ---- drawn ----------------------------------------------------------------------------------------------------------------- */

static void fill(gcam_image *picture, int x0, int y0, int x1, int y1, int value) {
    x0 = x0 < 0 ? 0 : x0, y0 = y0 < 0 ? 0 : y0;
    x1 = x1 > picture->width ? picture->width : x1, y1 = y1 > picture->height ? picture->height : y1;
    for (int y = y0; y < y1 && x0 < x1; y++)
        memset(picture->pixels + 3 * ((size_t)y * (size_t)picture->width + (size_t)x0), value, 3 * (size_t)(x1 - x0));
}

/* Frames `line` wide inside the box. */
static void draw_frame(gcam_image *picture, const gcam_box *b, int line, int value) {
    fill(picture, b->x0, b->y0, b->x1, b->y0 + line, value);
    fill(picture, b->x0, b->y1 - line, b->x1, b->y1, value);
    fill(picture, b->x0, b->y0, b->x0 + line, b->y1, value);
    fill(picture, b->x1 - line, b->y0, b->x1, b->y1, value);
}

/* The upright and level edges of an outline, `reach` pixels to either side. */
static void draw_outline(gcam_image *picture, const gcam_segment *segment, int reach, int value) {
    for (size_t i = 0; i < segment->outline_count; i++) {
        gcam_point a = segment->outline[i], b = segment->outline[(i + 1) % segment->outline_count];
        fill(picture, (int)rint(fmin(a.x, b.x)) - reach, (int)rint(fmin(a.y, b.y)) - reach,
             (int)rint(fmax(a.x, b.x)) + reach, (int)rint(fmax(a.y, b.y)) + reach, value);
    }
}

/* White with a black rim, so that they show on any photo; lines of 1/160 of the longer side, others than the largest half as wide. */
static void draw_segment(gcam_image *picture, const gcam_segment *segment, int largest, int outlined) {
    int longer = picture->width > picture->height ? picture->width : picture->height;
    int line = longer / (largest ? 160 : 320) > 1 ? longer / (largest ? 160 : 320) : 1;
    gcam_box inner = {segment->box.x0 + line, segment->box.y0 + line, segment->box.x1 - line, segment->box.y1 - line};
    if (outlined) {
        draw_outline(picture, segment, line, 0);
        draw_outline(picture, segment, (line + 1) / 2, 255);
        return;
    }
    if (inner.x0 < inner.x1 && inner.y0 < inner.y1) draw_frame(picture, &inner, line, 0);
    draw_frame(picture, &segment->box, line, 255);
}

gcam_status draw_segments(gcam_image *picture, const gcam_explanation *e, const settings *s) {
    gcam_segments *segments = NULL;
    gcam_status status = find(&segments, e, s);
    for (size_t i = status ? 0 : gcam_segments_count(segments); i-- > 0;)
        draw_segment(picture, gcam_segments_at(segments, i), i == 0, s->outline);
    gcam_segments_free(segments);
    return status;
}

/* ---- as JSON --------------------------------------------------------------------------------------------------------------- */

static void json_box(json_out *j, const gcam_box *box) {
    json_row(j, "box");
    json_integer(j, NULL, box->x0);
    json_integer(j, NULL, box->y0);
    json_integer(j, NULL, box->x1);
    json_integer(j, NULL, box->y1);
    json_end(j);
}

static void json_outline(json_out *j, const gcam_segment *segment) {
    json_row(j, "outline");
    for (size_t i = 0; i < segment->outline_count; i++) {
        json_row(j, NULL);
        json_float(j, NULL, (float)segment->outline[i].x);
        json_float(j, NULL, (float)segment->outline[i].y);
        json_end(j);
    }
    json_end(j);
}

static void json_list(json_out *j, const gcam_segments *segments, const settings *s) {
    json_float(j, "cut", (float)gcam_segments_threshold(segments));
    json_array(j, "segments");
    for (size_t i = 0; i < gcam_segments_count(segments); i++) {
        const gcam_segment *segment = gcam_segments_at(segments, i);
        json_object(j, NULL);
        json_box(j, &segment->box);
        json_float(j, "area", (float)segment->area);
        json_float(j, "mass", (float)segment->mass);
        json_float(j, "peak", (float)segment->peak);
        if (s->outline) json_outline(j, segment);
        json_end(j);
    }
    json_end(j);
}

void json_segments(json_out *j, const gcam_explanation *e, const settings *s) {
    gcam_segments *segments = NULL;
    if (find(&segments, e, s)) {
        json_text(j, "box", NULL);
        return;
    }
    json_box(j, &gcam_segments_at(segments, 0)->box);
    if (s->subcommand->bit == LOCALIZE) json_list(j, segments, s);
    gcam_segments_free(segments);
}

/* ---- for people ------------------------------------------------------------------------------------------------------------ */

void print_segments(const gcam_explanation *e, const settings *s) {
    gcam_segments *segments = NULL;
    if (find(&segments, e, s)) return;
    size_t count = gcam_segments_count(segments);
    printf("  %s (%d):", gcam_explanation_label(e), gcam_explanation_class(e));
    for (size_t i = 0; i < count; i++) {
        const gcam_segment *segment = gcam_segments_at(segments, i);
        printf("%sleft %d, top %d, right %d, bottom %d", count > 1 ? "\n    " : " ", segment->box.x0, segment->box.y0,
               segment->box.x1, segment->box.y1);
        if (count > 1) printf("; %.1f %% of the map, %.1f %% of its sum", 100 * segment->area, 100 * segment->mass);
    }
    puts(gcam_segments_fallback(segments) ? " (the map is flat, so this is the whole photo)" : "");
    gcam_segments_free(segments);
}
