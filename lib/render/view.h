/* What the render room knows of an explanation: plain arrays and words, so that pictures can be made and tested without a network. */
#ifndef GCAM_RENDER_VIEW_H
#define GCAM_RENDER_VIEW_H

#include "gradcam/render.h"
#include "render/colormap.h"

enum { GCAM__MAX_NOTES = 12 };

/* All pointers are borrowed. */
typedef struct gcam__view {
    const char *method; /* "Grad-CAM" */
    const char *label;  /* "boxer" */
    const char *layer;  /* NULL for methods of pixels */
    gcam_target target;
    double probability;
    const float *map; /* height x width, 0..1 or -1..1 */
    int width, height;
    int is_signed;
    const float *pixels; /* channels x height x width, signed: shown instead of the map; NULL for methods of layers */
    int channels;
    int bgr;      /* three channels of `pixels` are blue, green, red */
    int is_share; /* `pixels` are shares of the score: their sum over the channels is shown, in the colours of signed maps */
    gcam_geometry geometry;
    const char *notes[GCAM__MAX_NOTES]; /* what the map cannot say by itself */
    int note_count;
} gcam__view;

/* The caller's options with the defaults filled in. */
typedef struct gcam__style {
    gcam__ramp ramps[2]; /* for unsigned and for signed maps */
    double alpha;
} gcam__style;

/* Errors: ARGUMENT (no explanation, maps of strange shapes). */
gcam_status gcam__view_of(gcam__view *out, const gcam_explanation *e);
/* Errors: ARGUMENT (alpha), NOT_FOUND (colour map). */
gcam_status gcam__style_of(gcam__style *out, const gcam_render_options *options);

/* The explanation on its photo, in the photo's size; `photo` may be a scaled copy of the one that was explained. */
gcam_status gcam__overlay(gcam_image **out, const gcam_image *photo, const gcam__view *view, const gcam__style *style);
/* The photo and all views on one sheet. */
gcam_status gcam__sheet(gcam_image **out, const gcam_image *photo, const gcam__view *views, size_t count,
                        const gcam__style *style);

#endif
