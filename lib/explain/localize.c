/* A box from a map (METHODS 5.1; Zhou et al. 2016): cells at or above a share of the maximum, the largest part that hangs together
 * (diagonal neighbours included, as in the CAM authors' contour tracing), its tight box, mapped back to the photo. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>

/* A connected part of the map. */
typedef struct part {
    int64_t cells;
    double sum;
    int64_t x0, y0, x1, y1;
} part;

typedef struct search {
    const float *map;
    int64_t h, w;
    double threshold;
    uint8_t *seen;
    int64_t *stack; /* every cell enters it once */
} search;

/* Marks a cell and puts it on the stack where it belongs to the part and is new. */
static int64_t visit(search *s, int64_t x, int64_t y, int64_t depth) {
    if (x < 0 || y < 0 || x >= s->w || y >= s->h) return depth;
    int64_t i = y * s->w + x;
    if (s->seen[i] || s->map[i] < s->threshold) return depth;
    s->seen[i] = 1;
    s->stack[depth] = i;
    return depth + 1;
}

/* The part that holds cell `first`. */
static part flood(search *s, int64_t first) {
    part p = {0, 0, s->w, s->h, 0, 0};
    int64_t depth = visit(s, first % s->w, first / s->w, 0);
    while (depth > 0) {
        int64_t i = s->stack[--depth], x = i % s->w, y = i / s->w;
        p.cells++;
        p.sum += s->map[i];
        p.x0 = x < p.x0 ? x : p.x0, p.x1 = x >= p.x1 ? x + 1 : p.x1;
        p.y0 = y < p.y0 ? y : p.y0, p.y1 = y >= p.y1 ? y + 1 : p.y1;
        for (int64_t dy = -1; dy <= 1; dy++) {
            for (int64_t dx = -1; dx <= 1; dx++) depth = visit(s, x + dx, y + dy, depth);
        }
    }
    return p;
}

/* Most cells; then the larger sum; then the first in row-major order. */
static part largest_part(search *s) {
    part best = {0};
    for (int64_t i = 0; i < s->h * s->w; i++) {
        if (s->seen[i] || s->map[i] < s->threshold) continue;
        part p = flood(s, i);
        if (p.cells > best.cells || (p.cells == best.cells && p.sum > best.sum)) best = p;
    }
    return best;
}

static int to_photo(int64_t edge, double offset, double scale, int limit) {
    double at = rint(((double)edge + offset) * scale);
    return at < 0 ? 0 : at > limit ? limit : (int)at;
}

gcam_status gcam_explanation_box(const gcam_explanation *e, double threshold, gcam_box *box, int *fallback) {
    if (!e || !box || !(threshold >= 0 && threshold <= 1))
        return gcam__fail(GCAM_ERR_ARGUMENT, "box", "a box needs an explanation and a threshold from 0 to 1, not %g",
                          threshold);
    const gcam_geometry *g = &e->geometry;
    search s = {.map = e->map->data, .h = e->map->shape.dim[0], .w = e->map->shape.dim[1]};
    int64_t count = s.h * s.w;
    float highest = 0;
    for (int64_t i = 0; i < count; i++) highest = s.map[i] > highest ? s.map[i] : highest;
    *box = (gcam_box){0, 0, g->photo_width, g->photo_height};
    if (fallback) *fallback = highest <= 0;
    if (highest <= 0) return GCAM_OK;
    s.threshold = (threshold > 0 ? threshold : 0.15) * highest;
    s.stack = gcam__alloc((size_t)count * (sizeof *s.stack + 1));
    if (!s.stack) return gcam_last_error()->status;
    s.seen = (uint8_t *)(s.stack + count);
    for (int64_t i = 0; i < count; i++) s.seen[i] = 0;
    part p = largest_part(&s);
    gcam__free(s.stack);
    box->x0 = to_photo(p.x0, g->left, g->scale_x, g->photo_width);
    box->y0 = to_photo(p.y0, g->top, g->scale_y, g->photo_height);
    box->x1 = to_photo(p.x1, g->left, g->scale_x, g->photo_width);
    box->y1 = to_photo(p.y1, g->top, g->scale_y, g->photo_height);
    return GCAM_OK;
}
