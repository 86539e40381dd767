/* Pictures in a terminal: a character cell is about twice as high as wide, so the upper half block (U+2580) shows two pixels, the
 * upper in the foreground colour, the lower in the background's; a colour is sent only where it changes. Without colour, a ramp of
 * ASCII characters between the picture's darkest and its lightest cell. */
#include "core/options.h"
#include "core/status.h"
#include "core/text.h"
#include "io/image.h"

#include "gradcam/render.h"

#include <string.h>

enum { DEFAULT_COLUMNS = 80, MOST_COLUMNS = 1000 };

static const char HALF_BLOCK[] = "\xE2\x96\x80";
static const char RAMP[] = " .:-=+*#%@"; /* dark to light, on a dark terminal */

/* Two rows of a picture: one line of text. */
typedef struct line {
    const uint8_t *upper, *lower;
    int width;
} line;

static line line_at(const gcam_image *image, int row) {
    size_t bytes = (size_t)3 * (size_t)image->width;
    const uint8_t *upper = image->pixels + bytes * 2 * (size_t)row;
    return (line){upper, upper + bytes, image->width};
}

/* Pixel x of one of the two rows, as foreground (38) or background (48), unless the terminal already has that colour. */
static void add_colour(gcam__text *text, int ground, const uint8_t *row, int x) {
    const uint8_t *pixel = row + (ptrdiff_t)3 * x;
    if (x > 0 && memcmp(pixel, pixel - 3, 3) == 0) return;
    gcam__text_printf(text, "\033[%d;2;%d;%d;%dm", ground, pixel[0], pixel[1], pixel[2]);
}

static void add_blocks(gcam__text *text, line l) {
    for (int x = 0; x < l.width; x++) {
        add_colour(text, 38, l.upper, x);
        add_colour(text, 48, l.lower, x);
        gcam__text_add(text, HALF_BLOCK, strlen(HALF_BLOCK));
    }
    gcam__text_add(text, "\033[0m\n", 5);
}

static int luminance(const uint8_t *pixel) {
    return (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8;
}

static int cell_light(line l, int x) {
    return (luminance(l.upper + (ptrdiff_t)3 * x) + luminance(l.lower + (ptrdiff_t)3 * x)) / 2;
}

static void find_range(const gcam_image *image, int *darkest, int *lightest) {
    *darkest = 255, *lightest = 0;
    for (int row = 0; row < image->height / 2; row++) {
        for (int x = 0; x < image->width; x++) {
            int light = cell_light(line_at(image, row), x);
            if (light < *darkest) *darkest = light;
            if (light > *lightest) *lightest = light;
        }
    }
    if (*darkest == *lightest) *darkest = 0, *lightest = 255; /* one shade: shown as it is */
}

static void add_characters(gcam__text *text, line l, int darkest, int lightest) {
    int steps = (int)strlen(RAMP);
    for (int x = 0; x < l.width; x++) {
        gcam__text_add(text, &RAMP[(cell_light(l, x) - darkest) * steps / (lightest - darkest + 1)], 1);
    }
    gcam__text_add(text, "\n", 1);
}

static void add_lines(gcam__text *text, const gcam_image *image, int plain) {
    int darkest = 0, lightest = 0;
    if (plain) find_range(image, &darkest, &lightest);
    for (int row = 0; row < image->height / 2; row++) {
        if (plain)
            add_characters(text, line_at(image, row), darkest, lightest);
        else
            add_blocks(text, line_at(image, row));
    }
}

gcam_status gcam_render_terminal(char **out, const gcam_image *picture, const gcam_render_options *options) {
    *out = NULL;
    GCAM_TRY(gcam__image_check(picture));
    gcam_render_options taken;
    gcam_render_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "terminal"));
    int columns = taken.columns ? taken.columns : DEFAULT_COLUMNS;
    if (columns < 1 || columns > MOST_COLUMNS)
        return gcam__fail(GCAM_ERR_ARGUMENT, "terminal", "%d columns: the number must be 1 to %d", columns,
                          MOST_COLUMNS);
    int64_t rows = ((int64_t)columns * picture->height + picture->width) / (2 * (int64_t)picture->width);
    if (rows < 1) rows = 1;
    if (rows > MOST_COLUMNS) rows = MOST_COLUMNS;
    gcam_image *small;
    GCAM_TRY(gcam_image_resize(&small, picture, columns, 2 * (int)rows));
    gcam__text text = {0};
    add_lines(&text, small, taken.plain);
    gcam_image_free(small);
    if (text.status != GCAM_OK) {
        gcam__text_free(&text);
        return gcam_last_error()->status;
    }
    *out = text.data;
    return GCAM_OK;
}
