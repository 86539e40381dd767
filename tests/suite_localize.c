/* Parts of a map against slow references that share nothing with the library: labels that spread until nothing changes, variances
 * summed anew for every cut, outlines filled by counting crossings. */
#include "core/random.h"
#include "explain/explain.h"
#include "gradcam.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *localize_suite(void);

enum { MOST = 12 * 12 };

/* A map with its geometry: photo = 2 x the input, cut off by nothing, unless a test says otherwise. */
typedef struct sample {
    float map[MOST];
    int h, w;
    gcam_geometry geometry;
} sample;

static gcam_segments *localize(const sample *s, const gcam_localize_options *options) {
    gcam_tensor tensor = {.shape = {2, {s->h, s->w}}, .data = (float *)(uintptr_t)s->map};
    gcam_explanation e = {.map = &tensor, .geometry = s->geometry};
    gcam_segments *segments = NULL;
    ck_assert_msg(gcam_localize(&segments, &e, options) == GCAM_OK, "%s", gcam_last_error()->message);
    return segments;
}

static gcam_geometry doubled(int h, int w) {
    return (gcam_geometry){2, 2, 0, 0, 2 * w, 2 * h, w, h};
}

/* Few different values, so that ties and touching corners are frequent. */
static sample random_map(int seed) {
    sample s = {.h = 3 + seed % 10, .w = 4 + seed * 7 % 9};
    for (int i = 0; i < s.h * s.w; i++)
        s.map[i] = (float)floor(6 * gcam__random_uniform(9, 0, (uint64_t)seed, (uint64_t)i)) / 5.0f - 0.2f;
    s.geometry = doubled(s.h, s.w);
    return s;
}

/* ---- references ----------------------------------------------------------------------------------------------------------- */

/* labels[i] = 1 + the first cell of its part, 0 outside. Spreads the smallest number until nothing changes. */
static void reference_labels(const sample *s, double threshold, int four, int labels[MOST]) {
    for (int i = 0; i < s->h * s->w; i++) labels[i] = s->map[i] > 0 && s->map[i] >= threshold ? i + 1 : 0;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < s->h * s->w; i++) {
            for (int k = 0; k < s->h * s->w && labels[i]; k++) {
                int dx = abs(i % s->w - k % s->w), dy = abs(i / s->w - k / s->w);
                int near = dx <= 1 && dy <= 1 && (!four || dx == 0 || dy == 0);
                if (near && labels[k] && labels[k] < labels[i]) labels[i] = labels[k], changed = 1;
            }
        }
    }
}

typedef struct reference_part {
    int first, cells;
    double sum;
    gcam_box box;
} reference_part;

static reference_part reference_part_of(const sample *s, const int labels[MOST], int first) {
    reference_part p = {.first = first, .box = {s->w, s->h, 0, 0}};
    for (int i = 0; i < s->h * s->w; i++) {
        if (labels[i] != first + 1) continue;
        int x = i % s->w, y = i / s->w;
        p.cells++;
        p.sum += (double)s->map[i];
        if (x < p.box.x0) p.box.x0 = x;
        if (y < p.box.y0) p.box.y0 = y;
        if (x + 1 > p.box.x1) p.box.x1 = x + 1;
        if (y + 1 > p.box.y1) p.box.y1 = y + 1;
    }
    return p;
}

static int goes_before(const reference_part *a, const reference_part *b) {
    if (a->cells != b->cells) return a->cells > b->cells;
    if (fabs(a->sum - b->sum) > 1e-9) return a->sum > b->sum;
    return a->first < b->first;
}

/* All parts, in order. Returns their number. */
static size_t reference_parts(const sample *s, const int labels[MOST], reference_part parts[MOST]) {
    size_t count = 0;
    for (int i = 0; i < s->h * s->w; i++) {
        if (labels[i] != i + 1) continue;
        reference_part p = reference_part_of(s, labels, i);
        size_t at = count++;
        for (; at > 0 && goes_before(&p, &parts[at - 1]); at--) parts[at] = parts[at - 1];
        parts[at] = p;
    }
    return count;
}

/* Is the cell part of what the outline encloses? Crossings of a ray to the right from its centre with upright edges. */
static int is_enclosed(const gcam_segment *segment, double x, double y) {
    int crossings = 0;
    for (size_t i = 0; i < segment->outline_count; i++) {
        gcam_point a = segment->outline[i], b = segment->outline[(i + 1) % segment->outline_count];
        ck_assert_msg(a.x == b.x || a.y == b.y, "an edge is neither upright nor level");
        crossings += a.x == b.x && a.x > x && (a.y > y) != (b.y > y);
    }
    return crossings % 2;
}

/* Marks what surrounds a part: cells outside it that hang together with the map's border. Parts that are joined at corners part
 * what surrounds them there, and the other way round. */
static void reference_outside(const sample *s, const int labels[MOST], int first, int four, char outside[MOST]) {
    memset(outside, 0, MOST);
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < s->h * s->w; i++) {
            int x = i % s->w, y = i / s->w, reached = x == 0 || y == 0 || x == s->w - 1 || y == s->h - 1;
            if (outside[i] || labels[i] == first + 1) continue;
            for (int k = 0; k < s->h * s->w && !reached; k++) {
                int dx = abs(x - k % s->w), dy = abs(y - k / s->w);
                reached = outside[k] && dx <= 1 && dy <= 1 && (four || dx == 0 || dy == 0);
            }
            if (reached) outside[i] = 1, changed = 1;
        }
    }
}

static void check_outline(const sample *s, const int labels[MOST], int first, int four, const gcam_segment *segment) {
    char outside[MOST];
    double area = 0;
    int filled = 0;
    reference_outside(s, labels, first, four, outside);
    ck_assert(segment->outline[0].x == 2.0 * (first % s->w) && segment->outline[0].y == 2.0 * (first / s->w));
    for (size_t i = 0; i < segment->outline_count; i++) {
        gcam_point a = segment->outline[i], b = segment->outline[(i + 1) % segment->outline_count];
        area += (a.x * b.y - b.x * a.y) / 2;
    }
    for (int i = 0; i < s->h * s->w; i++) {
        filled += !outside[i];
        ck_assert_int_eq(is_enclosed(segment, 2 * (i % s->w) + 1, 2 * (i / s->w) + 1), !outside[i]);
    }
    ck_assert_double_eq(area, 4.0 * filled); /* clockwise in a plane whose y grows downwards */
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------- */

START_TEST(parts_and_outlines_match_slow_references) {
    int four = _i % 2, labels[MOST];
    sample s = random_map(_i + 1);
    reference_part parts[MOST];
    double sum = 0, share = 0.3 + 0.1 * (_i % 5);
    float highest = 0;
    for (int i = 0; i < s.h * s.w; i++) highest = fmaxf(highest, s.map[i]), sum += s.map[i] > 0 ? (double)s.map[i] : 0;
    gcam_segments *segments = localize(
        &s,
        &(gcam_localize_options){.struct_size = sizeof(gcam_localize_options), .value = share, .four_connected = four});
    reference_labels(&s, share * (double)highest, four, labels);
    size_t count = reference_parts(&s, labels, parts);
    ck_assert_uint_eq(gcam_segments_count(segments), count);
    ck_assert_int_eq(gcam_segments_fallback(segments), 0);
    for (size_t i = 0; i < count; i++) {
        const gcam_segment *found = gcam_segments_at(segments, i);
        gcam_box b = parts[i].box, wanted = {2 * b.x0, 2 * b.y0, 2 * b.x1, 2 * b.y1};
        ck_assert(memcmp(&found->box, &wanted, sizeof wanted) == 0);
        ck_assert_double_eq_tol(found->area, (double)parts[i].cells / (s.h * s.w), 1e-12);
        ck_assert_double_eq_tol(found->mass, parts[i].sum / sum, 1e-9);
        check_outline(&s, labels, parts[i].first, four, found);
    }
    ck_assert_ptr_null(gcam_segments_at(segments, count));
    gcam_segments_free(segments);
}
END_TEST

/* The variance between the cells below and from `cut` on, by its definition. */
static double variance_between(const sample *s, double cut) {
    double sums[2] = {0, 0}, counts[2] = {0, 0};
    for (int i = 0; i < s->h * s->w; i++)
        sums[(double)s->map[i] >= cut] += (double)s->map[i], counts[(double)s->map[i] >= cut]++;
    if (counts[0] == 0 || counts[1] == 0) return -1;
    double mean = (sums[0] + sums[1]) / (counts[0] + counts[1]), variance = 0;
    for (int g = 0; g < 2; g++) variance += counts[g] * (sums[g] / counts[g] - mean) * (sums[g] / counts[g] - mean);
    return variance;
}

START_TEST(otsu_separates_best) {
    sample s = random_map(_i + 100);
    for (int i = 0; i < s.h * s.w && _i % 2; i++)
        s.map[i] = (float)gcam__random_uniform(9, 1, (uint64_t)_i, (uint64_t)i);
    gcam_segments *segments =
        localize(&s, &(gcam_localize_options){.struct_size = sizeof(gcam_localize_options), .cut = GCAM_CUT_OTSU});
    double best = -1;
    for (int i = 0; i < s.h * s.w; i++) best = fmax(best, variance_between(&s, (double)s.map[i]));
    ck_assert_double_eq_tol(variance_between(&s, gcam_segments_threshold(segments)), best, 1e-9 * best);
    gcam_segments_free(segments);
}
END_TEST

START_TEST(percentiles_count_cells) {
    sample s = {.h = 10, .w = 10, .geometry = doubled(10, 10)};
    for (int i = 0; i < 100; i++) s.map[i * 37 % 100] = (float)(i + 1) / 100;
    gcam_localize_options options = {.struct_size = sizeof options, .cut = GCAM_CUT_PERCENTILE};
    for (int percent = 0; percent < 100; percent += 7) {
        options.value = percent;
        gcam_segments *segments = localize(&s, &options);
        double area = 0;
        for (size_t i = 0; i < gcam_segments_count(segments); i++) area += gcam_segments_at(segments, i)->area;
        ck_assert_double_eq_tol(area, percent ? 1 - percent / 100.0 : 0.1, 1e-9); /* 0 stands for 90 */
        gcam_segments_free(segments);
    }
    for (int i = 0; i < 100; i++) s.map[i] = i < 3 ? 1 : i < 10 ? -1 : 0; /* cells at the cut, but not above zero */
    options.value = 50;
    gcam_segments *segments = localize(&s, &options);
    ck_assert(gcam_segments_count(segments) == 1 && fabs(gcam_segments_at(segments, 0)->area - 0.03) < 1e-12);
    gcam_segments_free(segments);
}
END_TEST

/* ######..
 * #....#..   a ring with a hole, and a cell that touches it at a corner
 * ######..
 * ......#. */
START_TEST(small_parts_are_left_out_and_holes_not_drawn) {
    sample s = {.h = 4, .w = 8, .geometry = {2.5, 2.5, 3, -1, 27, 9, 8, 4}};
    for (int i = 0; i < 32; i++) {
        int x = i % 8, y = i / 8;
        s.map[i] = (y < 3 && x < 6 && (y != 1 || x == 0 || x == 5)) ? 0.5f : y == 3 && x == 6 ? 1.0f : 0.0f;
    }
    gcam_localize_options options = {.struct_size = sizeof options, .four_connected = 1};
    gcam_segments *segments = localize(&s, &options);
    ck_assert_uint_eq(gcam_segments_count(segments), 2);
    const gcam_segment *ring = gcam_segments_at(segments, 0), *cell = gcam_segments_at(segments, 1);
    ck_assert(ring->outline_count == 4 && cell->outline_count == 4);
    ck_assert(ring->peak == 0.5 && cell->peak == 1.0);
    /* left 3, top -1, scale 2.5: x = 7.5 .. 22.5, y = -2.5 .. 5, clipped to the photo of 27 x 9 */
    ck_assert(ring->outline[0].x == 7.5 && ring->outline[0].y == 0 && ring->outline[2].x == 22.5
              && ring->outline[2].y == 5);
    ck_assert(ring->box.x0 == 8 && ring->box.y0 == 0 && ring->box.x1 == 22 && ring->box.y1 == 5);
    ck_assert(cell->box.x0 == 22 && cell->box.y0 == 5 && cell->box.x1 == 25 && cell->box.y1 == 8);
    gcam_segments_free(segments);
    options.least_area = 0.1;
    segments = localize(&s, &options);
    ck_assert_uint_eq(gcam_segments_count(segments), 1);
    gcam_segments_free(segments);
    options = (gcam_localize_options){.struct_size = sizeof options};
    segments = localize(&s, &options);
    ck_assert_uint_eq(gcam_segments_count(segments), 1);
    ck_assert_uint_eq(gcam_segments_at(segments, 0)->outline_count, 8); /* through the corner and back */
    gcam_segments_free(segments);
}
END_TEST

START_TEST(flat_maps_give_the_whole_photo) {
    sample s = {.h = 3, .w = 5, .geometry = doubled(3, 5)};
    for (int i = 0; i < 15; i++) s.map[i] = -1.0f;
    for (gcam_cut cut = GCAM_CUT_SHARE; cut <= GCAM_CUT_OTSU; cut++) {
        gcam_segments *segments =
            localize(&s, &(gcam_localize_options){.struct_size = sizeof(gcam_localize_options), .cut = cut});
        const gcam_segment *whole = gcam_segments_at(segments, 0);
        ck_assert(gcam_segments_fallback(segments) && gcam_segments_count(segments) == 1);
        ck_assert(whole->box.x1 == 10 && whole->box.y1 == 6 && whole->outline_count == 4);
        gcam_segments_free(segments);
    }
}
END_TEST

START_TEST(nonsense_is_refused) {
    static const gcam_localize_options bad[] = {
        {.struct_size = sizeof(gcam_localize_options), .value = -0.1},
        {.struct_size = sizeof(gcam_localize_options), .value = 1.1},
        {.struct_size = sizeof(gcam_localize_options), .value = NAN},
        {.struct_size = sizeof(gcam_localize_options), .cut = GCAM_CUT_PERCENTILE, .value = 100},
        {.struct_size = sizeof(gcam_localize_options), .cut = (gcam_cut)3},
        {.struct_size = sizeof(gcam_localize_options), .least_area = 2},
        {.struct_size = 0},
    };
    float one = 1;
    gcam_tensor tensor = {.shape = {2, {1, 1}}, .data = &one};
    gcam_explanation e = {.map = &tensor, .geometry = doubled(1, 1)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gcam_segments *segments = (gcam_segments *)&one;
        ck_assert_int_eq(gcam_localize(&segments, &e, &bad[i]), GCAM_ERR_ARGUMENT);
        ck_assert_ptr_null(segments);
    }
    gcam_segments *segments = NULL;
    ck_assert_int_eq(gcam_localize(&segments, NULL, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_localize(NULL, &e, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_localize(&segments, &e, NULL), GCAM_OK);
    gcam_segments_free(segments);
    gcam_segments_free(NULL);
}
END_TEST

Suite *localize_suite(void) {
    Suite *suite = suite_create("localize");
    TCase *tcase = tcase_create("segments");
    tcase_add_loop_test(tcase, parts_and_outlines_match_slow_references, 0, 40);
    tcase_add_loop_test(tcase, otsu_separates_best, 0, 20);
    tcase_add_test(tcase, percentiles_count_cells);
    tcase_add_test(tcase, small_parts_are_left_out_and_holes_not_drawn);
    tcase_add_test(tcase, flat_maps_give_the_whole_photo);
    tcase_add_test(tcase, nonsense_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
