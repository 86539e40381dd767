/**
 * @file render.h
 * Pictures of explanations: overlays, sheets, terminal previews.
 */
#ifndef GRADCAM_RENDER_H
#define GRADCAM_RENDER_H

#include "gradcam/explain.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A colour map. Static strings. */
typedef struct gcam_colormap_info {
    const char *name; /**< "inferno", "jet", ... */
    const char *summary;
    int diverging; /**< 1: for signed maps, neutral in the middle */
} gcam_colormap_info;
/** Number of colour maps. */
GCAM_API size_t gcam_colormap_count(void);
/** Colour map by position; NULL past the end. */
GCAM_API const gcam_colormap_info *gcam_colormap_at(size_t index);
/** Colour of `v` in 0..1 (clamped). Errors: NOT_FOUND. */
GCAM_API gcam_status gcam_colormap_color(const char *name, double v, uint8_t rgb[3]);

/** How pictures look. Zero fields mean the defaults. */
typedef struct gcam_render_options {
    size_t struct_size;
    const char *
        colormap; /**< default: a perceptually ordered one, safe for the colour-blind; a diverging one for signed maps */
    double alpha; /**< share of the map's colour in an overlay, 0 < alpha <= 1; default 0.5 */
    int columns;  /**< terminal: width in characters; default 80 */
    int plain;    /**< terminal: 1 uses ASCII characters without colour */
} gcam_render_options;
/** Fills in the defaults. */
GCAM_API void gcam_render_options_defaults(gcam_render_options *options);

/** The photo with the map over the region that the network saw, the rest dimmed. Errors: ARGUMENT, NOT_FOUND (colour map), NOMEM. */
GCAM_API gcam_status gcam_render_overlay(gcam_image **out, const gcam_image *photo, const gcam_explanation *e,
                                         const gcam_render_options *options);

/** One sheet: the photo and all maps side by side, with captions and a colour bar. */
GCAM_API gcam_status gcam_render_sheet(gcam_image **out, const gcam_image *photo, gcam_explanation *const *list,
                                       size_t count, const gcam_render_options *options);

/** Explanations of one photo in rows and columns; everything is borrowed. */
typedef struct gcam_grid {
    size_t rows, columns;
    const gcam_explanation *const *cells; /**< rows x columns of them, row by row; NULL: an empty place */
    const char *const *row_labels;        /**< one a row; NULL: none */
    const char *const *column_labels;     /**< one a column; NULL: none */
    const char *const *captions;          /**< one a cell, below it; NULL: none; an entry may be NULL */
} gcam_grid;

/** Methods, models, layers or channels side by side, every picture at one size. Errors: ARGUMENT, LIMIT, NOT_FOUND (colour map), NOMEM. */
GCAM_API gcam_status gcam_render_grid(gcam_image **out, const gcam_image *photo, const gcam_grid *grid,
                                      const gcam_render_options *options);

/** A picture as text for a terminal (half blocks, 24-bit colour); free with gcam_text_free(). */
GCAM_API gcam_status gcam_render_terminal(char **out, const gcam_image *picture, const gcam_render_options *options);

#ifdef __cplusplus
}
#endif
#endif
