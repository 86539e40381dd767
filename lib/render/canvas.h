/* Drawing on a picture: colours, rectangles, pictures on pictures. Everything is cut off at the edges. */
#ifndef GCAM_RENDER_CANVAS_H
#define GCAM_RENDER_CANVAS_H

#include "gradcam/io.h"

typedef struct gcam__colour {
    uint8_t red, green, blue;
} gcam__colour;

typedef struct gcam__rect {
    int x, y, width, height;
} gcam__rect;

/* The pixel's new value is colour * alpha + old * (1 - alpha). */
void gcam__blend(uint8_t *pixel, gcam__colour colour, double alpha);
void gcam__fill(gcam_image *canvas, gcam__rect rect, gcam__colour colour, double alpha);
/* A line of one pixel around the inside of `rect`. */
void gcam__frame(gcam_image *canvas, gcam__rect rect, gcam__colour colour);
void gcam__paste(gcam_image *canvas, const gcam_image *picture, int x, int y);

#endif
