/* Colour maps as tables of 256 colours. */
#ifndef GCAM_RENDER_COLORMAP_H
#define GCAM_RENDER_COLORMAP_H

#include "gradcam/render.h"
#include "render/canvas.h"

typedef struct gcam__ramp {
    gcam__colour colours[256];
    int diverging;
} gcam__ramp;

/* The ramp called `name`; NULL: the default for signed or unsigned maps. Errors: NOT_FOUND. */
gcam_status gcam__ramp_make(gcam__ramp *out, const char *name, int is_signed);
/* Colour of a map's value: 0..1, or -1..1 for signed maps. A diverging ramp shows unsigned values with its upper half. */
gcam__colour gcam__ramp_colour(const gcam__ramp *ramp, double value, int is_signed);

#endif
