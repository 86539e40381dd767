/* The sheet: one block a target, in it the photo and the target's maps in a grid, each under its caption; the keys to the colours at
 * the foot. All pictures of a sheet have the photo's shape and one size, so that places can be compared by eye. Words never leave
 * their cell: titles are clipped, notes are wrapped inside their picture. */
#include "core/status.h"
#include "io/image.h"
#include "render/font.h"
#include "render/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MARGIN = 28,
    GAP = 22,
    HEADER = 44,  /* the line over a block */
    CAPTION = 40, /* the two lines over a picture */
    PICTURE_WIDTH = 430,
    PICTURE_HEIGHT = 320,
    LEAST_WIDTH = 220,
    LEAST_HEIGHT = 64,
    WIDEST = 1900, /* pixels of a sheet before its blocks take another line */
    KEY_WIDTH = 260,
    KEY_HEIGHT = 50,
    BAR = 12,
    NOTE_LINE = 17
};

static const gcam__colour PAPER = {255, 255, 255}, NIGHT = {22, 24, 29}, EDGE = {208, 212, 218};
static const gcam__type TITLE = {12, 1, {28, 31, 37}}, CAPTION_TYPE = {10, 1, {28, 31, 37}};
static const gcam__type DETAIL = {9, 0, {98, 105, 117}}, NOTE = {8, 0, {255, 214, 130}};

typedef struct layout {
    int picture_width, picture_height;
    int cell_width, cell_height; /* of a picture and room for words where the photo is narrow or flat */
    int columns;
    int keys[3], key_count; /* which keys stand at the foot */
    int keys_a_line;
    int width, height;
} layout;

/* ---- measuring --------------------------------------------------------------------------------------------------------- */

static int same_target(const gcam_target *a, const gcam_target *b) {
    return a->kind == b->kind && a->class_index == b->class_index
           && (a->kind != GCAM_TARGET_DIFFERENCE || a->other_index == b->other_index);
}

/* Where the block that begins at view `begin` ends. */
static size_t block_end(const gcam__view *views, size_t count, size_t begin) {
    size_t end = begin + 1;
    while (end < count && same_target(&views[end].target, &views[begin].target)) end++;
    return end;
}

static int lines_of(size_t cells, int columns) {
    return (int)((cells + (size_t)columns - 1) / (size_t)columns);
}

/* Largest size of the photo's shape within the given box. */
static void fit_picture(layout *l, const gcam_image *photo, int width, int height) {
    double across = (double)width / photo->width, down = (double)height / photo->height;
    double scale = across < down ? across : down;
    l->picture_width = (int)(photo->width * scale + 0.5);
    l->picture_height = (int)(photo->height * scale + 0.5);
    if (l->picture_width < 1) l->picture_width = 1;
    if (l->picture_height < 1) l->picture_height = 1;
    l->cell_width = l->picture_width > LEAST_WIDTH ? l->picture_width : LEAST_WIDTH;
    l->cell_height = l->picture_height > LEAST_HEIGHT ? l->picture_height : LEAST_HEIGHT;
}

/* As many columns as the largest block can use, evenly filled. */
static void choose_columns(layout *l, const gcam__view *views, size_t count) {
    size_t cells = 0;
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = block_end(views, count, begin);
        if (1 + end - begin > cells) cells = 1 + end - begin;
    }
    int most = (WIDEST - 2 * MARGIN + GAP) / (l->cell_width + GAP);
    if (most < 2) most = 2;
    int lines = lines_of(cells, most);
    l->columns = (int)((cells + (size_t)lines - 1) / (size_t)lines);
}

enum { KEY_UNSIGNED, KEY_SIGNED, KEY_PIXELS, KEYS };

static void choose_keys(layout *l, const gcam__view *views, size_t count) {
    int wanted[KEYS] = {0};
    for (size_t i = 0; i < count; i++) {
        wanted[views[i].pixels && !views[i].is_share   ? KEY_PIXELS
               : views[i].pixels || views[i].is_signed ? KEY_SIGNED
                                                       : KEY_UNSIGNED] = 1;
    }
    l->key_count = 0;
    for (int key = 0; key < KEYS; key++) {
        if (wanted[key]) l->keys[l->key_count++] = key;
    }
    l->keys_a_line = (l->width - 2 * MARGIN + GAP) / (KEY_WIDTH + GAP);
    if (l->keys_a_line < 1) l->keys_a_line = 1;
}

static void measure(layout *l, const gcam_image *photo, const gcam__view *views, size_t count, int box_height) {
    fit_picture(l, photo, PICTURE_WIDTH * box_height / PICTURE_HEIGHT, box_height);
    choose_columns(l, views, count);
    l->width = 2 * MARGIN + l->columns * l->cell_width + (l->columns - 1) * GAP;
    choose_keys(l, views, count);
    int64_t height = 2 * MARGIN - GAP / 2 + lines_of((size_t)l->key_count, l->keys_a_line) * KEY_HEIGHT;
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = block_end(views, count, begin);
        height += HEADER + (int64_t)lines_of(1 + end - begin, l->columns) * (CAPTION + l->cell_height + GAP);
    }
    l->height = height < INT32_MAX ? (int)height : INT32_MAX;
}

/* ---- words ------------------------------------------------------------------------------------------------------------- */

static void write_share(char *out, size_t size, double probability) {
    if (probability > 0 && probability < 0.0005)
        snprintf(out, size, "< 0.1 %%");
    else
        snprintf(out, size, "%.1f %%", 100 * probability);
}

/* "class 242, 38.4 %", and what is explained where that is not the class's score itself. */
static void write_detail(char *out, size_t size, const gcam__view *view) {
    static const char *const what[] = {[GCAM_TARGET_LOGIT] = "",
                                       [GCAM_TARGET_PROBABILITY] = ", its probability explained",
                                       [GCAM_TARGET_LOG_PROBABILITY] = ", its log-probability explained",
                                       [GCAM_TARGET_DIFFERENCE] = ", rather than class",
                                       [GCAM_TARGET_SET] = ", in a weighted set",
                                       [GCAM_TARGET_FINE] = ", rather than its nearest rivals",
                                       [GCAM_TARGET_AREA] = ", over an area",
                                       [GCAM_TARGET_SIMILARITY] = ", what it shares with another photo",
                                       [GCAM_TARGET_FUNCTION] = ", a target of the caller's"};
    const gcam_target *target = &view->target;
    char share[32], other[32] = "";
    write_share(share, sizeof share, view->probability);
    if (target->kind == GCAM_TARGET_DIFFERENCE) snprintf(other, sizeof other, " %d", target->other_index);
    if (isnan(view->probability))
        snprintf(out, size, "%s%s", target->negated ? "against it" : "explained", what[target->kind]);
    else
        snprintf(out, size, "%sclass %d, %s%s%s", target->negated ? "against " : "", target->class_index, share,
                 what[target->kind], other);
}

static void draw_header(gcam_image *canvas, const layout *l, int y, const gcam__view *view) {
    char detail[160];
    write_detail(detail, sizeof detail, view);
    const char *label = view->label ? view->label : "";
    double room = l->width - 2 * MARGIN, wanted = gcam__text_width(detail, strlen(detail), &DETAIL);
    double label_room = room - wanted - 17; /* a pixel more than the gap, for rounding */
    if (label_room < room / 3) label_room = room / 3;
    double label_width = gcam__text_width(label, strlen(label), &TITLE);
    if (label_width > label_room) label_width = label_room;
    gcam__text_clip(canvas, MARGIN, y + 20, label_room, label, &TITLE);
    double x = MARGIN + label_width + (label_width > 0 ? 16 : 0);
    gcam__text_clip(canvas, x, y + 20, l->width - MARGIN - x, detail, &DETAIL);
}

static void draw_caption(gcam_image *canvas, const layout *l, int x, int y, const char *title, const char *detail) {
    gcam__text_clip(canvas, x, y + 12, l->cell_width, title, &CAPTION_TYPE);
    gcam__text_clip(canvas, x, y + 29, l->cell_width, detail, &DETAIL);
}

/* Lines that all notes together take. */
static int count_note_lines(const gcam__view *view, double room) {
    int lines = 0;
    for (int i = 0; i < view->note_count; i++) {
        size_t next;
        for (const char *rest = view->notes[i]; *rest; rest += next, lines++) gcam__text_line(rest, room, &NOTE, &next);
    }
    return lines;
}

/* The notes on a dark strip at the cell's foot; as many lines as there is room for. */
static void draw_notes(gcam_image *canvas, gcam__rect cell, const gcam__view *view) {
    double room = cell.width - 20;
    int lines = count_note_lines(view, room), most = (cell.height - 12) / NOTE_LINE;
    if (lines > most) lines = most;
    if (lines < 1) return;
    int y = cell.y + cell.height - lines * NOTE_LINE - 10;
    gcam__fill(canvas, (gcam__rect){cell.x, y, cell.width, lines * NOTE_LINE + 10}, NIGHT, 0.86);
    for (int i = 0; i < view->note_count; i++) {
        size_t next, length;
        for (const char *rest = view->notes[i]; *rest && lines > 0; rest += next, lines--, y += NOTE_LINE) {
            length = gcam__text_line(rest, room, &NOTE, &next);
            gcam__text_draw(canvas, cell.x + 9, y + 17, rest, length, &NOTE);
        }
    }
}

/* ---- cells ------------------------------------------------------------------------------------------------------------- */

/* Left and top of cell `index` of a block whose first line of cells begins at `y`. */
static void place_cell(const layout *l, size_t index, int y, int *cell_x, int *cell_y) {
    *cell_x = MARGIN + (int)(index % (size_t)l->columns) * (l->cell_width + GAP);
    *cell_y = y + (int)(index / (size_t)l->columns) * (CAPTION + l->cell_height + GAP);
}

static int clamp(double v, int low, int high) {
    return v < low ? low : v > high ? high : (int)(v + 0.5);
}

/* A white line within a dark one around what the network saw, unless that is the whole photo. Returns whether it was drawn. */
static int frame_seen(gcam_image *canvas, gcam__rect picture, const gcam_geometry *g) {
    double across = (double)picture.width / g->photo_width * g->scale_x;
    double down = (double)picture.height / g->photo_height * g->scale_y;
    int left = clamp(g->left * across, 0, picture.width), top = clamp(g->top * down, 0, picture.height);
    int right = clamp((g->left + g->input_width) * across, 0, picture.width);
    int bottom = clamp((g->top + g->input_height) * down, 0, picture.height);
    if (left <= 1 && top <= 1 && right >= picture.width - 1 && bottom >= picture.height - 1) return 0;
    gcam__rect seen = {picture.x + left, picture.y + top, right - left, bottom - top};
    gcam__frame(canvas, seen, NIGHT);
    gcam__frame(canvas, (gcam__rect){seen.x + 1, seen.y + 1, seen.width - 2, seen.height - 2}, PAPER);
    return 1;
}

static void draw_photo(gcam_image *canvas, const layout *l, int y, const gcam_image *small, const gcam__view *view) {
    gcam__paste(canvas, small, MARGIN, y + CAPTION);
    gcam__rect picture = {MARGIN, y + CAPTION, small->width, small->height};
    char detail[80];
    const char *framed = frame_seen(canvas, picture, &view->geometry) ? ", seen within the frame" : "";
    snprintf(detail, sizeof detail, "%d x %d%s", view->geometry.photo_width, view->geometry.photo_height, framed);
    draw_caption(canvas, l, MARGIN, y, "Photo", detail);
}

static gcam_status draw_view(gcam_image *canvas, const layout *l, int x, int y, const gcam_image *small,
                             const gcam__view *view, const gcam__style *style) {
    gcam_image *picture = NULL;
    GCAM_TRY(gcam__overlay(&picture, small, view, style));
    gcam__paste(canvas, picture, x, y + CAPTION);
    gcam_image_free(picture);
    char detail[200];
    snprintf(detail, sizeof detail, "%s%.150s", view->layer ? "at layer " : "at the input's pixels",
             view->layer ? view->layer : "");
    draw_caption(canvas, l, x, y, view->method, detail);
    draw_notes(canvas, (gcam__rect){x, y + CAPTION, l->cell_width, l->cell_height}, view);
    return GCAM_OK;
}

static gcam_status draw_block(gcam_image *canvas, const layout *l, int y, const gcam_image *small,
                              const gcam__view *views, size_t count, const gcam__style *style) {
    draw_header(canvas, l, y, views);
    draw_photo(canvas, l, y + HEADER, small, views);
    for (size_t i = 0; i < count; i++) {
        int cell_x, cell_y;
        place_cell(l, i + 1, y + HEADER, &cell_x, &cell_y);
        GCAM_TRY(draw_view(canvas, l, cell_x, cell_y, small, &views[i], style));
    }
    return GCAM_OK;
}

/* ---- keys -------------------------------------------------------------------------------------------------------------- */

static gcam__colour key_colour(int key, const gcam__style *style, double v) {
    if (key == KEY_PIXELS) return (gcam__colour){(uint8_t)(255 * v), (uint8_t)(255 * v), (uint8_t)(255 * v)};
    return gcam__ramp_colour(&style->ramps[key == KEY_SIGNED], key == KEY_SIGNED ? 2 * v - 1 : v, key == KEY_SIGNED);
}

/* `align` is where the tick stands in its label: 0 at its left end, 1 at its right. */
static void draw_tick(gcam_image *canvas, double x, int y, const char *text, double align) {
    double width = gcam__text_width(text, strlen(text), &DETAIL);
    gcam__fill(canvas, (gcam__rect){(int)x, y, 1, 4}, DETAIL.colour, 1);
    gcam__text_draw(canvas, x - width * align, y + 16, text, strlen(text), &DETAIL);
}

/* A heading, the bar and its ticks: numbers are centred under theirs, words stay within the bar. */
static void draw_key(gcam_image *canvas, int x, int y, int key, const gcam__style *style) {
    static const struct {
        const char *title;
        int ticks, words;
        const char *labels[5];
    } keys[KEYS] = {{"share of the map's maximum", 5, 0, {"0", "0.25", "0.5", "0.75", "1"}},
                    {"evidence against and for the class", 5, 0, {"-1", "-0.5", "0", "0.5", "1"}},
                    {"effect of brightening a pixel", 3, 1, {"against", "none", "for"}}};
    int width = KEY_WIDTH - 2 * BAR, left = x + 1;
    gcam__text_clip(canvas, x, y + 9, KEY_WIDTH, keys[key].title, &DETAIL);
    for (int i = 0; i < width; i++) {
        gcam__colour colour = key_colour(key, style, (double)i / (width - 1));
        gcam__fill(canvas, (gcam__rect){left + i, y + 17, 1, BAR}, colour, 1);
    }
    gcam__frame(canvas, (gcam__rect){left - 1, y + 16, width + 2, BAR + 2}, EDGE);
    for (int i = 0; i < keys[key].ticks; i++) {
        double place = (double)i / (keys[key].ticks - 1);
        draw_tick(canvas, left + (width - 1) * place, y + 17 + BAR + 1, keys[key].labels[i],
                  keys[key].words ? place : 0.5);
    }
}

/* ---- the sheet --------------------------------------------------------------------------------------------------------- */

static gcam_status draw_all(gcam_image *canvas, const layout *l, const gcam_image *small, const gcam__view *views,
                            size_t count, const gcam__style *style) {
    gcam__fill(canvas, (gcam__rect){0, 0, l->width, l->height}, PAPER, 1);
    int y = MARGIN - GAP / 2;
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = block_end(views, count, begin);
        GCAM_TRY(draw_block(canvas, l, y, small, views + begin, end - begin, style));
        y += HEADER + lines_of(1 + end - begin, l->columns) * (CAPTION + l->cell_height + GAP);
    }
    for (int i = 0; i < l->key_count; i++) {
        draw_key(canvas, MARGIN + i % l->keys_a_line * (KEY_WIDTH + GAP), y + i / l->keys_a_line * KEY_HEIGHT,
                 l->keys[i], style);
    }
    return GCAM_OK;
}

gcam_status gcam__sheet(gcam_image **out, const gcam_image *photo, const gcam__view *views, size_t count,
                        const gcam__style *style) {
    *out = NULL;
    layout l;
    int box = PICTURE_HEIGHT;
    measure(&l, photo, views, count, box);
    while (gcam__image_check_size(l.width, l.height) != GCAM_OK && box > PICTURE_HEIGHT / 8) {
        box /= 2; /* very many explanations: smaller pictures */
        measure(&l, photo, views, count, box);
    }
    gcam_image *small = NULL;
    GCAM_TRY(gcam_image_create(out, l.width, l.height));
    gcam_status status = gcam_image_resize(&small, photo, l.picture_width, l.picture_height);
    if (status == GCAM_OK) status = draw_all(*out, &l, small, views, count, style);
    gcam_image_free(small);
    if (status != GCAM_OK) {
        gcam_image_free(*out);
        *out = NULL;
    }
    return status;
}
