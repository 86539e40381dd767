/* The sheet: one row a target, the photo first, then a cell for each map with its caption; below, the scales that the colours mean.
 * All lengths are in pixels; pictures are scaled to one height so that places can be compared across a row. */
#include "core/memory.h"
#include "core/status.h"
#include "render/font.h"
#include "render/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MARGIN = 24,
    GAP = 14,
    CELL_HEIGHT = 300,
    CELL_LEAST = 190, /* room for a caption */
    CELL_MOST = 600,
    HEADER = 44,  /* the row's class */
    CAPTION = 76, /* method, layer, one note of two lines */
    BAR_WIDTH = 260,
    BAR_HEIGHT = 14,
    FOOTER = 64,
    MOST_COLUMNS = 5 /* maps side by side; more go on in the next row */
};

static const gcam__colour PAPER = {255, 255, 255}, INK = {24, 26, 30}, QUIET = {104, 108, 116}, ALARM = {168, 58, 20},
                          EDGE = {200, 202, 206};

/* Sizes of one sheet. */
typedef struct layout {
    int cell_width, picture_width, picture_height, columns;
} layout;

static gcam__type type_of(double size, int bold, gcam__colour colour) {
    return (gcam__type){.size = size, .bold = bold, .colour = colour};
}

/* ---- layout --------------------------------------------------------------------------------------------------------------- */

static int same_target(const gcam__view *a, const gcam__view *b) {
    return a->target.kind == b->target.kind && a->target.class_index == b->target.class_index
           && a->target.other_index == b->target.other_index;
}

/* Maps in the row that begins with view `first`: those of one target, at most MOST_COLUMNS. */
static size_t row_length(const gcam__view *views, size_t count, size_t first) {
    size_t length = 1;
    while (first + length < count && length < MOST_COLUMNS && same_target(&views[first], &views[first + length]))
        length++;
    return length;
}

static layout measure(const gcam_image *photo, const gcam__view *views, size_t count, int *rows) {
    layout l = {.picture_height = CELL_HEIGHT};
    double width = (double)CELL_HEIGHT * photo->width / photo->height;
    if (width > CELL_MOST) {
        width = CELL_MOST;
        l.picture_height = (int)fmax(1, (double)CELL_MOST * photo->height / photo->width);
    }
    l.picture_width = (int)fmax(1, width);
    l.cell_width = l.picture_width < CELL_LEAST ? CELL_LEAST : l.picture_width;
    *rows = 0;
    for (size_t i = 0; i < count; i += row_length(views, count, i), (*rows)++)
        if ((int)row_length(views, count, i) + 1 > l.columns) l.columns = (int)row_length(views, count, i) + 1;
    return l;
}

/* ---- cells ---------------------------------------------------------------------------------------------------------------- */

static void draw_notes(gcam_image *sheet, const layout *l, const gcam__view *view, int x, int y) {
    gcam__type type = type_of(8, 0, ALARM);
    for (int i = 0, line = 0; i < view->note_count && line < 2; i++) {
        const char *text = view->notes[i];
        for (; *text && line < 2; line++) {
            size_t next;
            size_t length = gcam__text_line(text, l->cell_width, &type, &next);
            if (line == 1 && text[next])
                gcam__text_clip(sheet, x, y + line * 15, l->cell_width, text, &type);
            else
                gcam__text_draw(sheet, x, y + line * 15, text, length, &type);
            text += next;
        }
    }
}

static void draw_caption(gcam_image *sheet, const layout *l, const char *title, const char *layer, int x, int y) {
    gcam__type bold = type_of(10, 1, INK), small = type_of(8, 0, QUIET);
    gcam__text_clip(sheet, x, y + 18, l->cell_width, title, &bold);
    if (!layer) return;
    char text[300];
    snprintf(text, sizeof text, "at layer %s", layer);
    gcam__text_clip(sheet, x, y + 36, l->cell_width, text, &small);
}

static gcam_status draw_view(gcam_image *sheet, const layout *l, const gcam_image *small, const gcam__view *view,
                             const gcam__style *style, int x, int y) {
    gcam_image *picture;
    GCAM_TRY(gcam__overlay(&picture, small, view, style));
    gcam__paste(sheet, picture, x, y);
    gcam_image_free(picture);
    gcam__frame(sheet, (gcam__rect){x, y, l->picture_width, l->picture_height}, EDGE);
    draw_caption(sheet, l, view->method, view->layer, x, y + l->picture_height);
    draw_notes(sheet, l, view, x, y + l->picture_height + 54);
    return GCAM_OK;
}

/* "boxer, p = 0.312", and what exactly was explained where it is not the logit. */
static void draw_header(gcam_image *sheet, const gcam__view *view, int x, int y) {
    static const char *const kinds[] = {"", "   explained: its probability", "   explained: its log-probability",
                                        "   explained: its lead over another class"};
    gcam__type bold = type_of(14, 1, INK), small = type_of(10, 0, QUIET);
    char text[128];
    double room = sheet->width - x - MARGIN - 260;
    gcam__text_clip(sheet, x, y, room, view->label, &bold);
    double width = gcam__text_width(view->label, strlen(view->label), &bold);
    unsigned kind = view->target.kind < sizeof kinds / sizeof *kinds ? view->target.kind : 0;
    snprintf(text, sizeof text, "p = %.3g%s", view->probability, kinds[kind]);
    gcam__text_clip(sheet, x + fmin(width, room) + 16, y, sheet->width - MARGIN - x - fmin(width, room) - 16, text,
                    &small);
}

/* ---- scales --------------------------------------------------------------------------------------------------------------- */

static void draw_bar(gcam_image *sheet, const gcam__ramp *ramp, int is_signed, int x, int y) {
    gcam__type small = type_of(8, 0, QUIET);
    for (int i = 0; i < BAR_WIDTH; i++) {
        double share = i / (double)(BAR_WIDTH - 1);
        gcam__fill(sheet, (gcam__rect){x + i, y, 1, BAR_HEIGHT},
                   gcam__ramp_colour(ramp, is_signed ? 2 * share - 1 : share, is_signed), 1);
    }
    gcam__frame(sheet, (gcam__rect){x, y, BAR_WIDTH, BAR_HEIGHT}, EDGE);
    const char *left = is_signed ? "-1 against" : "0", *right = is_signed ? "1 for" : "1 = the map's maximum";
    gcam__text_draw(sheet, x, y + BAR_HEIGHT + 14, left, strlen(left), &small);
    gcam__text_draw(sheet, x + BAR_WIDTH - gcam__text_width(right, strlen(right), &small), y + BAR_HEIGHT + 14, right,
                    strlen(right), &small);
}

/* One bar for each kind of map on the sheet. */
static void draw_scales(gcam_image *sheet, const gcam__view *views, size_t count, const gcam__style *style, int y) {
    int present[2] = {0, 0}, x = MARGIN;
    for (size_t i = 0; i < count; i++)
        if (!views[i].pixels) present[views[i].is_signed] = 1;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        if (!present[is_signed]) continue;
        draw_bar(sheet, &style->ramps[is_signed], is_signed, x, y);
        x += BAR_WIDTH + 2 * GAP;
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

static gcam_status draw_rows(gcam_image *sheet, const layout *l, const gcam_image *small, const gcam__view *views,
                             size_t count, const gcam__style *style) {
    int y = MARGIN;
    for (size_t first = 0; first < count;) {
        size_t length = row_length(views, count, first);
        draw_header(sheet, &views[first], MARGIN, y + 18);
        y += HEADER;
        gcam__paste(sheet, small, MARGIN, y);
        gcam__frame(sheet, (gcam__rect){MARGIN, y, l->picture_width, l->picture_height}, EDGE);
        draw_caption(sheet, l, "Photo", NULL, MARGIN, y + l->picture_height);
        for (size_t i = 0; i < length; i++) {
            int x = MARGIN + (int)(i + 1) * (l->cell_width + GAP);
            GCAM_TRY(draw_view(sheet, l, small, &views[first + i], style, x, y));
        }
        y += l->picture_height + CAPTION;
        first += length;
    }
    draw_scales(sheet, views, count, style, y);
    return GCAM_OK;
}

gcam_status gcam__sheet(gcam_image **out, const gcam_image *photo, const gcam__view *views, size_t count,
                        const gcam__style *style) {
    int rows;
    layout l = measure(photo, views, count, &rows);
    int64_t width = 2 * MARGIN + (int64_t)l.columns * (l.cell_width + GAP) - GAP;
    int64_t height = MARGIN + (int64_t)rows * (HEADER + l.picture_height + CAPTION) + FOOTER;
    *out = NULL;
    if (height > GCAM_IMAGE_MAX_SIDE)
        return gcam__fail(GCAM_ERR_LIMIT, "sheet",
                          "%zu explanations make a sheet of %lld rows of pixels, at most %d fit", count,
                          (long long)height, GCAM_IMAGE_MAX_SIDE);
    gcam_image *small, *sheet = NULL;
    GCAM_TRY(gcam_image_resize(&small, photo, l.picture_width, l.picture_height));
    gcam_status status = gcam_image_create(&sheet, (int)width, (int)height);
    if (status == GCAM_OK) {
        gcam__fill(sheet, (gcam__rect){0, 0, sheet->width, sheet->height}, PAPER, 1);
        status = draw_rows(sheet, &l, small, views, count, style);
    }
    gcam_image_free(small);
    if (status == GCAM_OK)
        *out = sheet;
    else
        gcam_image_free(sheet);
    return status;
}
