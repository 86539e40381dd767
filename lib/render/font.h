/* Text on pictures. */
#ifndef GCAM_RENDER_FONT_H
#define GCAM_RENDER_FONT_H

#include "render/canvas.h"

/* How text looks. `size` is the height of a capital letter in pixels, 6 to 40. */
typedef struct gcam__type {
    double size;
    int bold;
    gcam__colour colour;
} gcam__type;

/* Width in pixels of the first `length` bytes of `text` (UTF-8; characters that are not ASCII take a box). */
double gcam__text_width(const char *text, size_t length, const gcam__type *type);
/* Draws them with their left edge at x and their baseline at y; what lies outside the picture is cut off. */
void gcam__text_draw(gcam_image *canvas, double x, double y, const char *text, size_t length, const gcam__type *type);
/* Draws all of `text` if it fits into `room` pixels, else its beginning and "...". */
void gcam__text_clip(gcam_image *canvas, double x, double y, double room, const char *text, const gcam__type *type);
/* Bytes of `text` that make one line of at most `room` pixels, broken at a space where there is one; `*next` is where the next
 * line begins. At least one character. */
size_t gcam__text_line(const char *text, double room, const gcam__type *type, size_t *next);

#endif
