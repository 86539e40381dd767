/* The grid: explanations of one photo in rows and columns that have names, to compare methods, models, layers or channels by eye. All pictures
 * have one size; words are clipped to their cell. */
#include "core/memory.h"
#include "core/status.h"
#include "io/image.h"
#include "render/font.h"
#include "render/view.h"

#include <math.h>
#include <string.h>

enum {
    MARGIN = 24,
    GAP = 12,
    LABELS = 190,
    HEADER = 34,
    CAPTION = 24,
    PICTURE_WIDTH = 300,
    PICTURE_HEIGHT = 230,
    LINE = 18
};

static const gcam__colour PAPER = {255, 255, 255}, EDGE = {208, 212, 218};
static const gcam__type TITLE = {10, 1, {28, 31, 37}}, DETAIL = {9, 0, {98, 105, 117}};

typedef struct layout {
    int picture_width, picture_height;
    int left, top;    /* of the first picture */
    int across, down; /* from one picture to the next */
    int64_t width, height;
} layout;

static void measure(layout *l, const gcam_image *photo, const gcam_grid *grid, int box) {
    double scale = fmin((double)box / photo->width, (double)box * PICTURE_HEIGHT / PICTURE_WIDTH / photo->height);
    l->picture_width = (int)fmax(1, photo->width * scale);
    l->picture_height = (int)fmax(1, photo->height * scale);
    l->left = MARGIN + (grid->row_labels ? LABELS : 0);
    l->top = MARGIN + (grid->column_labels ? HEADER : 0);
    l->across = l->picture_width + GAP;
    l->down = l->picture_height + GAP + (grid->captions ? CAPTION : 0);
    l->width = l->left + (int64_t)grid->columns * l->across - GAP + MARGIN;
    l->height = l->top + (int64_t)grid->rows * l->down - GAP + MARGIN;
}

/* As many lines as the height has room for. */
static void draw_row_label(gcam_image *canvas, int y, int height, const char *label) {
    size_t next, length;
    int room = LABELS - GAP;
    for (const char *rest = label; *rest && height >= LINE; rest += next, y += LINE, height -= LINE) {
        length = gcam__text_line(rest, room, &TITLE, &next);
        gcam__text_draw(canvas, MARGIN, y + 13, rest, length, &TITLE);
    }
}

static gcam_status draw_cell(gcam_image *canvas, const layout *l, int x, int y, const gcam_image *small,
                             const gcam_explanation *e, const gcam__style *style) {
    gcam__view view;
    gcam_image *picture = NULL;
    GCAM_TRY(gcam__view_of(&view, e));
    GCAM_TRY(gcam__overlay(&picture, small, &view, style));
    gcam__paste(canvas, picture, x, y);
    gcam__frame(canvas, (gcam__rect){x - 1, y - 1, l->picture_width + 2, l->picture_height + 2}, EDGE);
    gcam_image_free(picture);
    return GCAM_OK;
}

static gcam_status draw(gcam_image *canvas, const layout *l, const gcam_image *small, const gcam_grid *grid,
                        const gcam__style *style) {
    gcam__fill(canvas, (gcam__rect){0, 0, canvas->width, canvas->height}, PAPER, 1);
    for (size_t column = 0; grid->column_labels && column < grid->columns; column++)
        gcam__text_clip(canvas, l->left + (int)column * l->across, MARGIN + 16, l->picture_width,
                        grid->column_labels[column], &TITLE);
    for (size_t i = 0; i < grid->rows * grid->columns; i++) {
        int x = l->left + (int)(i % grid->columns) * l->across, y = l->top + (int)(i / grid->columns) * l->down;
        if (i % grid->columns == 0 && grid->row_labels)
            draw_row_label(canvas, y, l->picture_height, grid->row_labels[i / grid->columns]);
        if (!grid->cells[i]) continue;
        GCAM_TRY(draw_cell(canvas, l, x, y, small, grid->cells[i], style));
        if (grid->captions && grid->captions[i])
            gcam__text_clip(canvas, x, y + l->picture_height + 16, l->picture_width, grid->captions[i], &DETAIL);
    }
    return GCAM_OK;
}

static gcam_status check(const gcam_image *photo, const gcam_grid *grid) {
    GCAM_TRY(gcam__image_check(photo));
    if (!grid || !grid->cells || !grid->rows || !grid->columns)
        return gcam__fail(GCAM_ERR_ARGUMENT, "render", "a grid needs at least one row and one column of explanations");
    for (size_t i = 0; i < grid->rows * grid->columns; i++) {
        const gcam_geometry *g = grid->cells[i] ? gcam_explanation_geometry(grid->cells[i]) : NULL;
        if (g && (photo->width != g->photo_width || photo->height != g->photo_height))
            return gcam__fail(GCAM_ERR_ARGUMENT, "render",
                              "the photo has %d x %d pixels, the explained one had %d x %d", photo->width,
                              photo->height, g->photo_width, g->photo_height);
    }
    return GCAM_OK;
}

gcam_status gcam_render_grid(gcam_image **out, const gcam_image *photo, const gcam_grid *grid,
                             const gcam_render_options *options) {
    *out = NULL;
    gcam__style style;
    layout l;
    GCAM_TRY(gcam__style_of(&style, options));
    GCAM_TRY(check(photo, grid));
    int box = PICTURE_WIDTH;
    measure(&l, photo, grid, box);
    while ((l.width > GCAM_IMAGE_MAX_SIDE || l.height > GCAM_IMAGE_MAX_SIDE) && box > 20)
        measure(&l, photo, grid, box /= 2); /* very many cells: smaller pictures */
    GCAM_TRY(gcam__image_check_size(l.width, l.height));
    gcam_image *small = NULL;
    GCAM_TRY(gcam_image_create(out, (int)l.width, (int)l.height));
    gcam_status status = gcam_image_resize(&small, photo, l.picture_width, l.picture_height);
    if (status == GCAM_OK) status = draw(*out, &l, small, grid, &style);
    gcam_image_free(small);
    if (status == GCAM_OK) return GCAM_OK;
    gcam_image_free(*out);
    *out = NULL;
    return status;
}
