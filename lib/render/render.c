/* The entrances of the room: explanations become views, options become a style. */
#include "core/memory.h"
#include "core/options.h"
#include "core/status.h"
#include "io/image.h"
#include "render/view.h"

#include <math.h>

static gcam_status shape_error(const gcam_explanation *e, const char *what) {
    return gcam__fail(GCAM_ERR_ARGUMENT, "render", "%s: %s", gcam_explanation_method(e)->title, what);
}

/* That a method equals a cheaper one is no news to who looks at the picture. */
static void collect_notes(gcam__view *view, unsigned warnings) {
    warnings &= ~(unsigned)GCAM_WARN_EQUIVALENT;
    for (int bit = 0; bit < GCAM__MAX_NOTES; bit++) {
        if (warnings & 1u << bit) view->notes[view->note_count++] = gcam_warning_text((gcam_warning)(1u << bit));
    }
}

gcam_status gcam__view_of(gcam__view *out, const gcam_explanation *e) {
    if (!e) return gcam__fail(GCAM_ERR_ARGUMENT, "render", "the explanation is NULL");
    const gcam_tensor *map = gcam_explanation_map(e), *raw = gcam_explanation_raw(e);
    const gcam_method_info *method = gcam_explanation_method(e);
    if (!map || map->shape.rank < 2) return shape_error(e, "there is no display map");
    const int64_t *size = map->shape.dim + map->shape.rank - 2;
    *out = (gcam__view){.method = method->title,
                        .label = gcam_explanation_label(e),
                        .layer = gcam_explanation_layer(e),
                        .target = *gcam_explanation_target(e),
                        .probability = gcam_explanation_probability(e),
                        .map = map->data,
                        .width = (int)size[1],
                        .height = (int)size[0],
                        .geometry = *gcam_explanation_geometry(e)};
    for (int64_t i = 0; i < size[0] * size[1] && !out->is_signed; i++) out->is_signed = map->data[i] < 0;
    if (method->per_pixel && method->is_signed && raw && raw->shape.rank >= 3) {
        const int64_t *raw_size = raw->shape.dim + raw->shape.rank - 3;
        if (raw_size[1] != size[0] || raw_size[2] != size[1])
            return shape_error(e, "raw result and map differ in size");
        out->pixels = raw->data;
        out->channels = (int)raw_size[0];
        out->bgr = gcam_explanation_bgr(e);
        out->is_share = method->is_share;
    }
    collect_notes(out, gcam_explanation_warnings(e));
    return GCAM_OK;
}

void gcam_render_options_defaults(gcam_render_options *options) {
    *options = (gcam_render_options){.struct_size = sizeof *options};
}

gcam_status gcam__style_of(gcam__style *out, const gcam_render_options *options) {
    gcam_render_options taken;
    gcam_render_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "render"));
    double alpha = taken.alpha != 0 ? taken.alpha : 0.5;
    if (!(alpha > 0 && alpha <= 1)) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "render", "alpha: %g, expected more than 0 and at most 1", alpha);
    }
    out->alpha = alpha;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        GCAM_TRY(gcam__ramp_make(&out->ramps[is_signed], taken.colormap, is_signed));
    }
    return GCAM_OK;
}

static gcam_status check_photo(const gcam_image *photo, const gcam__view *view) {
    GCAM_TRY(gcam__image_check(photo));
    const gcam_geometry *g = &view->geometry;
    if (photo->width == g->photo_width && photo->height == g->photo_height) return GCAM_OK;
    return gcam__fail(GCAM_ERR_ARGUMENT, "render", "the photo has %d x %d pixels, the explained one had %d x %d",
                      photo->width, photo->height, g->photo_width, g->photo_height);
}

gcam_status gcam_render_overlay(gcam_image **out, const gcam_image *photo, const gcam_explanation *e,
                                const gcam_render_options *options) {
    *out = NULL;
    gcam__style style;
    gcam__view view;
    GCAM_TRY(gcam__style_of(&style, options));
    GCAM_TRY(gcam__view_of(&view, e));
    GCAM_TRY(check_photo(photo, &view));
    return gcam__overlay(out, photo, &view, &style);
}

gcam_status gcam_render_sheet(gcam_image **out, const gcam_image *photo, gcam_explanation *const *list, size_t count,
                              const gcam_render_options *options) {
    *out = NULL;
    gcam__style style;
    GCAM_TRY(gcam__style_of(&style, options));
    if (!list || count == 0) return gcam__fail(GCAM_ERR_ARGUMENT, "render", "a sheet needs at least one explanation");
    gcam__view *views = gcam__calloc(count, sizeof *views);
    if (!views) return gcam_last_error()->status;
    gcam_status status = GCAM_OK;
    for (size_t i = 0; i < count && status == GCAM_OK; i++) {
        status = gcam__view_of(&views[i], list[i]);
        if (status == GCAM_OK) status = check_photo(photo, &views[i]);
    }
    if (status == GCAM_OK) status = gcam__sheet(out, photo, views, count, &style);
    gcam__free(views);
    return status;
}
