/* Parts of a map (METHODS 5.1; Zhou et al. 2016): cells at or above a cut, the parts of them that hang together (diagonal neighbours
 * included, as in the CAM authors' contour tracing), their tight boxes and outlines, mapped back to the photo. */
#include "core/arena.h"
#include "core/memory.h"
#include "core/options.h"
#include "core/status.h"
#include "explain/explain.h"
#include "explain/segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PERCENTILE = 90 };
static const double DEFAULT_SHARE = 0.15;

/* A connected part of the map. */
typedef struct part {
    int64_t cells;
    double sum, peak;
    int64_t first; /* cell in row-major order */
    int64_t x0, y0, x1, y1;
} part;

typedef struct search {
    const float *map;
    int64_t h, w;
    double threshold;
    int four_connected;
    int32_t *labels;
    int64_t *stack; /* every cell enters it once */
    part *parts;
    size_t count, capacity;
} search;

struct gcam_segments {
    gcam__arena arena;
    gcam_segment *list;
    size_t count;
    double threshold;
    int fallback;
};

/* ---- cuts ------------------------------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The cut k of the sorted values, between [0, k) and [k, count), with the largest variance between the two groups:
 * w0 w1 (mean0 - mean1)^2. Cuts between equal values are none; of equal ones the lowest counts. */
static double otsu(const float *sorted, int64_t count) {
    double total = 0, below = 0, best = -1, cut = sorted[0];
    for (int64_t i = 0; i < count; i++) total += sorted[i];
    for (int64_t k = 1; k < count; k++) {
        below += sorted[k - 1];
        if (sorted[k] <= sorted[k - 1]) continue;
        double difference = below / (double)k - (total - below) / (double)(count - k);
        double variance = (double)k * (double)(count - k) * difference * difference;
        if (variance > best) best = variance, cut = sorted[k];
    }
    return cut;
}

/* Cuts that depend on how many cells have which value. */
static gcam_status cut_by_rank(const float *map, int64_t count, const gcam_localize_options *o, double *threshold) {
    float *sorted = gcam__alloc((size_t)count * sizeof *sorted);
    if (!sorted) return gcam_last_error()->status;
    memcpy(sorted, map, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    int64_t rank = (int64_t)floor((double)count * o->value / 100);
    *threshold = o->cut == GCAM_CUT_OTSU ? otsu(sorted, count) : (double)sorted[rank < count ? rank : count - 1];
    gcam__free(sorted);
    return GCAM_OK;
}

/* ---- parts ----------------------------------------------------------------------------------------------------------------- */

static int is_inside(const search *s, int64_t i) {
    return s->map[i] > 0 && s->map[i] >= s->threshold;
}

/* Marks a cell and puts it on the stack where it belongs to the part and is new. */
static int64_t visit(search *s, int64_t x, int64_t y, int64_t depth) {
    if (x < 0 || y < 0 || x >= s->w || y >= s->h) return depth;
    int64_t i = y * s->w + x;
    if (s->labels[i] || !is_inside(s, i)) return depth;
    s->labels[i] = (int32_t)(s->count + 1);
    s->stack[depth] = i;
    return depth + 1;
}

/* The part that holds cell `first`. */
static part flood(search *s, int64_t first) {
    part p = {.first = first, .x0 = s->w, .y0 = s->h};
    int64_t depth = visit(s, first % s->w, first / s->w, 0);
    while (depth > 0) {
        int64_t i = s->stack[--depth], x = i % s->w, y = i / s->w;
        p.cells++;
        p.sum += s->map[i];
        p.peak = fmax(p.peak, s->map[i]);
        p.x0 = x < p.x0 ? x : p.x0, p.x1 = x >= p.x1 ? x + 1 : p.x1;
        p.y0 = y < p.y0 ? y : p.y0, p.y1 = y >= p.y1 ? y + 1 : p.y1;
        for (int dy = -1; dy <= 1; dy++) {
            for (int dx = -1; dx <= 1; dx++) {
                if (!s->four_connected || dx == 0 || dy == 0) depth = visit(s, x + dx, y + dy, depth);
            }
        }
    }
    return p;
}

/* Most cells; then the larger sum; then the first in row-major order. */
static int by_size(const void *a, const void *b) {
    const part *p = a, *q = b;
    if (p->cells != q->cells) return p->cells < q->cells ? 1 : -1;
    if (p->sum != q->sum) return p->sum < q->sum ? 1 : -1;
    return (p->first > q->first) - (p->first < q->first);
}

static gcam_status find_parts(search *s) {
    size_t cells = (size_t)(s->h * s->w);
    s->labels = gcam__calloc(cells, sizeof *s->labels);
    s->stack = gcam__calloc(cells, sizeof *s->stack);
    if (!s->labels || !s->stack) return gcam_last_error()->status;
    for (int64_t i = 0; i < s->h * s->w; i++) {
        if (s->labels[i] || !is_inside(s, i)) continue;
        GCAM_TRY(gcam__grow((void **)&s->parts, s->count, &s->capacity, sizeof *s->parts));
        part found = flood(s, i);
        s->parts[s->count++] = found;
    }
    qsort(s->parts, s->count, sizeof *s->parts, by_size);
    return GCAM_OK;
}

static void search_free(search *s) {
    gcam__free(s->labels);
    gcam__free(s->stack);
    gcam__free(s->parts);
}

/* ---- in the photo ---------------------------------------------------------------------------------------------------------- */

static double to_photo(int64_t edge, double offset, double scale, int limit) {
    double at = ((double)edge + offset) * scale;
    return at < 0 ? 0 : at > limit ? limit : at;
}

static gcam_point point_of(const gcam_geometry *g, int64_t x, int64_t y) {
    return (gcam_point){to_photo(x, g->left, g->scale_x, g->photo_width),
                        to_photo(y, g->top, g->scale_y, g->photo_height)};
}

static gcam_box box_of(const gcam_geometry *g, const part *p) {
    gcam_point a = point_of(g, p->x0, p->y0), b = point_of(g, p->x1, p->y1);
    return (gcam_box){(int)rint(a.x), (int)rint(a.y), (int)rint(b.x), (int)rint(b.y)};
}

/* The outline's corners, counted first and then kept. */
static gcam_status add_outline(gcam_segments *out, gcam_segment *segment, const search *s, const part *p,
                               const gcam_geometry *g) {
    const gcam__cells cells = {s->labels, s->h, s->w, s->four_connected};
    size_t count = gcam__outline(&cells, p->first, NULL, 0);
    gcam__corner *corners = gcam__calloc(count, sizeof *corners);
    gcam_point *points = gcam__arena_alloc(&out->arena, count * sizeof *points);
    if (corners && points) {
        gcam__outline(&cells, p->first, corners, count);
        for (size_t i = 0; i < count; i++) points[i] = point_of(g, corners[i].x, corners[i].y);
        segment->outline = points;
        segment->outline_count = count;
    }
    gcam__free(corners);
    return segment->outline ? GCAM_OK : gcam_last_error()->status;
}

static gcam_status add_segments(gcam_segments *out, const search *s, const gcam_geometry *g, double least_area) {
    int64_t cells = s->h * s->w;
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) sum += s->map[i] > 0 ? (double)s->map[i] : 0;
    out->list = gcam__arena_alloc(&out->arena, s->count * sizeof *out->list);
    if (!out->list) return gcam_last_error()->status;
    for (size_t i = 0; i < s->count; i++) {
        const part *p = &s->parts[i];
        double area = (double)p->cells / (double)cells;
        if (i > 0 && area < least_area) break;
        out->list[i] = (gcam_segment){.box = box_of(g, p), .area = area, .mass = p->sum / sum, .peak = p->peak};
        GCAM_TRY(add_outline(out, &out->list[i], s, p, g));
        out->count++;
    }
    return GCAM_OK;
}

/* A flat map locates nothing: the whole photo. */
static gcam_status add_whole(gcam_segments *out, const gcam_geometry *g) {
    gcam_point *corners = gcam__arena_alloc(&out->arena, 4 * sizeof *corners);
    out->list = gcam__arena_alloc(&out->arena, sizeof *out->list);
    if (!corners || !out->list) return gcam_last_error()->status;
    double right = g->photo_width, bottom = g->photo_height;
    const gcam_point all[4] = {{0, 0}, {right, 0}, {right, bottom}, {0, bottom}};
    memcpy(corners, all, sizeof all);
    out->list[0] = (gcam_segment){
        .box = {0, 0, g->photo_width, g->photo_height}, .area = 1, .mass = 1, .outline = corners, .outline_count = 4};
    out->count = 1;
    out->fallback = 1;
    return GCAM_OK;
}

/* ---- the entrances --------------------------------------------------------------------------------------------------------- */

void gcam_localize_options_defaults(gcam_localize_options *options) {
    *options = (gcam_localize_options){.struct_size = sizeof *options};
}

static gcam_status check(const gcam_localize_options *o) {
    int percentile = o->cut == GCAM_CUT_PERCENTILE;
    if (o->cut < GCAM_CUT_SHARE || o->cut > GCAM_CUT_OTSU)
        return gcam__fail(GCAM_ERR_ARGUMENT, "localize", "cut: %d is not one of gcam_cut", (int)o->cut);
    if (!(o->value >= 0 && (percentile ? o->value < 100 : o->value <= 1)))
        return gcam__fail(GCAM_ERR_ARGUMENT, "localize", "a cut's value is %g, expected %s", o->value,
                          percentile ? "percent from 0 to below 100" : "a share from 0 to 1");
    if (!(o->least_area >= 0 && o->least_area <= 1))
        return gcam__fail(GCAM_ERR_ARGUMENT, "localize", "least_area is %g, expected a share from 0 to 1",
                          o->least_area);
    return GCAM_OK;
}

/* The threshold in the map's own values; 0 where the map has none above zero. */
static gcam_status find_threshold(search *s, const gcam_localize_options *o, int *flat) {
    int64_t count = s->h * s->w;
    float highest = 0;
    for (int64_t i = 0; i < count; i++) highest = s->map[i] > highest ? s->map[i] : highest;
    *flat = highest <= 0;
    s->threshold = (o->value > 0 ? o->value : DEFAULT_SHARE) * (double)highest;
    if (*flat || o->cut == GCAM_CUT_SHARE) return GCAM_OK;
    gcam_localize_options mine = *o;
    if (mine.value == 0) mine.value = DEFAULT_PERCENTILE;
    return cut_by_rank(s->map, count, &mine, &s->threshold);
}

static gcam_status fill(gcam_segments *out, search *s, const gcam_explanation *e, const gcam_localize_options *o) {
    int flat = 0;
    GCAM_TRY(find_threshold(s, o, &flat));
    if (flat) return add_whole(out, &e->geometry);
    out->threshold = s->threshold;
    GCAM_TRY(find_parts(s));
    return add_segments(out, s, &e->geometry, o->least_area);
}

gcam_status gcam_localize(gcam_segments **out, const gcam_explanation *e, const gcam_localize_options *options) {
    gcam_localize_options mine;
    gcam_localize_options_defaults(&mine);
    if (out) *out = NULL;
    if (!out || !e) return gcam__fail(GCAM_ERR_ARGUMENT, "localize", "segments need an explanation and a place to go");
    GCAM_TRY(gcam__options_take(&mine, sizeof mine, options, "localize"));
    GCAM_TRY(check(&mine));
    gcam_segments *segments = gcam__calloc(1, sizeof *segments);
    if (!segments) return gcam_last_error()->status;
    search s = {.map = e->map->data,
                .h = e->map->shape.dim[0],
                .w = e->map->shape.dim[1],
                .four_connected = mine.four_connected};
    gcam_status status = fill(segments, &s, e, &mine);
    search_free(&s);
    if (status)
        gcam_segments_free(segments);
    else
        *out = segments;
    return status;
}

void gcam_segments_free(gcam_segments *segments) {
    if (segments) gcam__arena_free(&segments->arena);
    gcam__free(segments);
}

size_t gcam_segments_count(const gcam_segments *segments) {
    return segments->count;
}

const gcam_segment *gcam_segments_at(const gcam_segments *segments, size_t index) {
    return index < segments->count ? &segments->list[index] : NULL;
}

double gcam_segments_threshold(const gcam_segments *segments) {
    return segments->threshold;
}

int gcam_segments_fallback(const gcam_segments *segments) {
    return segments->fallback;
}

gcam_status gcam_explanation_box(const gcam_explanation *e, double threshold, gcam_box *box, int *fallback) {
    gcam_localize_options options = {.struct_size = sizeof options, .value = threshold, .least_area = 1};
    gcam_segments *segments = NULL;
    if (!box) return gcam__fail(GCAM_ERR_ARGUMENT, "localize", "a box needs a place to go");
    GCAM_TRY(gcam_localize(&segments, e, &options));
    *box = segments->list[0].box;
    if (fallback) *fallback = segments->fallback;
    gcam_segments_free(segments);
    return GCAM_OK;
}
