/* Pictures in a terminal: a character cell is about twice as high as wide, so the upper half block (U+2580) shows two pixels, the
 * upper in the foreground colour, the lower in the background's. Without colour, a ramp of ASCII characters. */
#include "core/status.h"
#include "core/text.h"
#include "gradcam/render.h"

#include <string.h>

enum { DEFAULT_COLUMNS = 80, MOST_COLUMNS = 1000 };

static const uint8_t *pixel_at(const gcam_image *image, int x, int y) {
    return image->pixels + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
}

static void add_blocks(gcam__text *text, const gcam_image *image, int row) {
    for (int x = 0; x < image->width; x++) {
        const uint8_t *top = pixel_at(image, x, 2 * row), *bottom = pixel_at(image, x, 2 * row + 1);
        gcam__text_printf(text, "\033[38;2;%d;%d;%dm\033[48;2;%d;%d;%dm\xE2\x96\x80", top[0], top[1], top[2], bottom[0],
                          bottom[1], bottom[2]);
    }
    gcam__text_add(text, "\033[0m\n", 5);
}

static int luminance(const uint8_t *pixel) {
    return (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8;
}

static void add_characters(gcam__text *text, const gcam_image *image, int row) {
    static const char ramp[] = " .:-=+*#%@"; /* dark to light, on a dark terminal */
    int steps = (int)strlen(ramp);
    for (int x = 0; x < image->width; x++) {
        int light = (luminance(pixel_at(image, x, 2 * row)) + luminance(pixel_at(image, x, 2 * row + 1))) / 2;
        gcam__text_add(text, &ramp[light * steps / 256], 1);
    }
    gcam__text_add(text, "\n", 1);
}

gcam_status gcam_render_terminal(char **out, const gcam_image *picture, const gcam_render_options *options) {
    *out = NULL;
    int columns = options && options->columns ? options->columns : DEFAULT_COLUMNS;
    if (!picture || !picture->pixels) return gcam__fail(GCAM_ERR_ARGUMENT, "terminal", "there is no picture to show");
    if (columns < 1 || columns > MOST_COLUMNS)
        return gcam__fail(GCAM_ERR_ARGUMENT, "terminal", "%d columns: the number must be 1 to %d", columns,
                          MOST_COLUMNS);
    int64_t rows = ((int64_t)columns * picture->height + picture->width) / (2 * (int64_t)picture->width);
    if (rows < 1) rows = 1;
    if (rows > MOST_COLUMNS) rows = MOST_COLUMNS;
    gcam_image *small;
    GCAM_TRY(gcam_image_resize(&small, picture, columns, 2 * (int)rows));
    gcam__text text = {0};
    for (int row = 0; row < rows; row++) {
        if (options && options->plain)
            add_characters(&text, small, row);
        else
            add_blocks(&text, small, row);
    }
    gcam_image_free(small);
    if (text.status != GCAM_OK) {
        gcam__text_free(&text);
        return gcam_last_error()->status;
    }
    *out = text.data;
    return GCAM_OK;
}
