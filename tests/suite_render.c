/* Tests of lib/render: colour maps, text, overlays, sheets, terminal pictures. Maps and photos are constructed, so that the right
 * place and colour of a pixel is known; what is only beautiful or not was looked at. */
#include "core/memory.h"
#include "render/font.h"
#include "render/view.h"
#include "support/ask.h"
#include "support/pictures.h"
#include "support/tiny.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *render_suite(void);

static gcam__style default_style(void) {
    gcam__style style;
    ck_assert_int_eq(gcam__style_of(&style, NULL), GCAM_OK);
    return style;
}

/* ---- colour maps ------------------------------------------------------------------------------------------------------- */

static double lightness(const char *name, double v) {
    uint8_t c[3];
    ck_assert_int_eq(gcam_colormap_color(name, v, c), GCAM_OK);
    return 0.2126 * pow(c[0] / 255.0, 2.2) + 0.7152 * pow(c[1] / 255.0, 2.2) + 0.0722 * pow(c[2] / 255.0, 2.2);
}

START_TEST(lighter_is_more) {
    static const char *const names[] = {"inferno", "viridis", "cividis", "grey"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int v = 1; v <= 255; v++) {
            ck_assert_msg(lightness(names[i], v / 255.0) >= lightness(names[i], (v - 1) / 255.0) - 0.002, "%s at %d",
                          names[i], v);
        }
        ck_assert_double_gt(lightness(names[i], 1), lightness(names[i], 0) + 0.5);
    }
}
END_TEST

START_TEST(diverging_maps_have_a_neutral_middle_and_even_arms) {
    for (size_t i = 0; i < gcam_colormap_count(); i++) {
        const gcam_colormap_info *info = gcam_colormap_at(i);
        if (!info->diverging) continue;
        uint8_t middle[3];
        ck_assert_int_eq(gcam_colormap_color(info->name, 0.5, middle), GCAM_OK);
        ck_assert(abs(middle[0] - middle[1]) < 4 && abs(middle[1] - middle[2]) < 4);
        int sign = lightness(info->name, 1) > lightness(info->name, 0.5) ? 1 : -1; /* outwards lighter or darker */
        for (int v = 1; v <= 127; v++) {
            double outer = v / 255.0, inner = (v - 1) / 255.0;
            ck_assert(sign * (lightness(info->name, 0.5 + outer) - lightness(info->name, 0.5 + inner)) >= -0.002);
            ck_assert(sign * (lightness(info->name, 0.5 - outer) - lightness(info->name, 0.5 - inner)) >= -0.002);
        }
    }
}
END_TEST

static void expect_colour(const char *name, double v, int red, int green, int blue) {
    uint8_t c[3];
    ck_assert_int_eq(gcam_colormap_color(name, v, c), GCAM_OK);
    ck_assert_msg(c[0] == red && c[1] == green && c[2] == blue, "%s at %g: %d %d %d, expected %d %d %d", name, v, c[0],
                  c[1], c[2], red, green, blue);
}

START_TEST(known_colours_are_met) {
    expect_colour("inferno", 0, 0, 0, 4);
    expect_colour("inferno", 0.5, 188, 55, 84);
    expect_colour("inferno", 1, 252, 255, 164);
    expect_colour("viridis", 0, 68, 1, 84);
    expect_colour("viridis", 1, 253, 231, 37);
    expect_colour("grey", 1, 255, 255, 255);
    expect_colour("jet", 0, 0, 0, 255);
    expect_colour("jet", 0.125, 0, 128, 255);
    expect_colour("jet", 0.25, 0, 255, 255);
    expect_colour("jet", 0.5, 0, 255, 0);
    expect_colour("jet", 0.75, 255, 255, 0);
    expect_colour("jet", 1, 255, 0, 0);
    expect_colour("grey", NAN, 0, 0, 0);
    expect_colour("grey", -3, 0, 0, 0);
    expect_colour("grey", 3, 255, 255, 255);
}
END_TEST

START_TEST(colour_maps_are_found_by_name) {
    ck_assert_uint_ge(gcam_colormap_count(), 5);
    ck_assert_ptr_null(gcam_colormap_at(gcam_colormap_count()));
    uint8_t c[3];
    ck_assert_int_eq(gcam_colormap_color("rainbow", 0, c), GCAM_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "inferno"));
    ck_assert_int_eq(gcam_colormap_color(NULL, 0, c), GCAM_ERR_ARGUMENT);
    gcam__ramp ramp;
    ck_assert_int_eq(gcam__ramp_make(&ramp, NULL, 0), GCAM_OK);
    ck_assert_int_eq(ramp.diverging, 0);
    ck_assert_int_eq(gcam__ramp_make(&ramp, NULL, 1), GCAM_OK);
    ck_assert_int_eq(ramp.diverging, 1);
    gcam__colour neutral = gcam__ramp_colour(&ramp, 0, 1), same = gcam__ramp_colour(&ramp, 0, 0);
    ck_assert_mem_eq(&neutral, &same, sizeof same); /* zero is neutral for unsigned maps, too */
}
END_TEST

/* ---- text -------------------------------------------------------------------------------------------------------------- */

static const gcam__type ink = {12, 0, {0, 0, 0}};

static gcam_image *new_page(void) {
    return draw_plain(300, 60, 255, 255, 255);
}

/* First and last column with ink; -1 and -1 where there is none. */
static void ink_range(const gcam_image *page, int *first, int *last) {
    *first = *last = -1;
    for (int x = 0; x < page->width; x++) {
        for (int y = 0; y < page->height; y++) {
            if (pixel_at(page, x, y)[0] > 200) continue;
            if (*first < 0) *first = x;
            *last = x;
        }
    }
}

START_TEST(every_character_has_its_own_shape) {
    gcam_image *pages[95];
    for (int c = 0; c < 95; c++) {
        char text[1] = {(char)(32 + c)};
        pages[c] = new_page();
        gcam__text_draw(pages[c], 50, 40, text, 1, &ink);
        int first, last;
        ink_range(pages[c], &first, &last);
        if (c > 0) ck_assert_msg(first >= 49 && last < 50 + gcam__text_width(text, 1, &ink), "character %d", 32 + c);
        for (int other = 0; other < c; other++) {
            ck_assert_msg(memcmp(pages[c]->pixels, pages[other]->pixels, 3 * 300 * 60), "%c looks like %c", 32 + c,
                          32 + other);
        }
    }
    for (int c = 0; c < 95; c++) gcam_image_free(pages[c]);
}
END_TEST

START_TEST(text_stays_within_its_room) {
    static const char *const texts[] = {"Guided Grad-CAM", "", "a-word-without-any-place-to-break-it", "x",
                                        "\xC3\xA9\xC3\xA8 accents, \xE2\x82\xAC"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (int room = 0; room < 200; room += 7) {
            gcam_image *page = new_page();
            int first, last;
            gcam__text_clip(page, 20, 40, room, texts[i], &ink);
            ink_range(page, &first, &last);
            ck_assert_int_le(last, 20 + room);
            gcam_image_free(page);
        }
    }
    ck_assert_double_eq_tol(gcam__text_width("ab", 2, &ink),
                            gcam__text_width("a", 1, &ink) + gcam__text_width("b", 1, &ink), 1e-9);
    ck_assert_double_eq_tol(gcam__text_width("\xC3\xA9", 2, &ink), gcam__text_width("\xE2\x82\xAC", 3, &ink), 1e-9);
}
END_TEST

START_TEST(lines_break_at_blanks) {
    const char *text = "nothing speaks for the class: averylongwordthatdoesnotfit anywhere";
    int lines = 0;
    size_t next, length;
    for (const char *rest = text; *rest; rest += next, lines++) {
        length = gcam__text_line(rest, 120, &ink, &next);
        ck_assert_uint_gt(next, 0);
        ck_assert_double_le(gcam__text_width(rest, length, &ink), 120);
        ck_assert(length == 0 || rest[length - 1] != ' ');
    }
    ck_assert_int_ge(lines, 4);
    length = gcam__text_line("two words", 1000, &ink, &next);
    ck_assert(length == 9 && next == 9);
    length = gcam__text_line("two words", 1, &ink, &next); /* no room: still a character a line */
    ck_assert(length == 1 && next == 1);
}
END_TEST

START_TEST(drawing_beyond_the_edges_is_cut_off) {
    gcam_image *page = draw_plain(20, 20, 255, 255, 255), *stamp = draw_plain(10, 10, 1, 2, 3);
    gcam__text_draw(page, -5, 3, "edge", 4, &ink);
    gcam__text_draw(page, 15, 40, "edge", 4, &ink);
    gcam__text_draw(page, 5000, -5000, "edge", 4, &ink);
    gcam__paste(page, stamp, -5, -5);
    gcam__paste(page, stamp, 15, 15);
    gcam__paste(page, stamp, 50, 50);
    gcam__fill(page, (gcam__rect){-3, 10, 100, 1}, (gcam__colour){9, 9, 9}, 1);
    ck_assert_int_eq(pixel_at(page, 4, 4)[2], 3);
    ck_assert_int_eq(pixel_at(page, 19, 19)[0], 1);
    ck_assert_int_eq(pixel_at(page, 19, 10)[0], 9);
    gcam_image_free(stamp);
    gcam_image_free(page);
}
END_TEST

/* ---- overlays ---------------------------------------------------------------------------------------------------------- */

enum { SIDE = 28 };

/* A map with a peak at (x, y) of an input of SIDE x SIDE that is the middle of a photo. */
static gcam__view peak_view(float *map, int x, int y, int width, int height) {
    for (int i = 0; i < SIDE * SIDE; i++) {
        double dx = i % SIDE - x, dy = (double)(i / SIDE) - y;
        map[i] = (float)exp(-(dx * dx + dy * dy) / 10);
    }
    double scale = (width < height ? width : height) / (double)SIDE;
    return (gcam__view){.method = "Grad-CAM",
                        .label = "boxer",
                        .layer = "features.29",
                        .target = {GCAM_TARGET_LOGIT, 242, 0},
                        .probability = 0.384,
                        .map = map,
                        .width = SIDE,
                        .height = SIDE,
                        .geometry = {.scale_x = scale,
                                     .scale_y = scale,
                                     .left = (width / scale - SIDE) / 2,
                                     .top = (height / scale - SIDE) / 2,
                                     .photo_width = width,
                                     .photo_height = height,
                                     .input_width = SIDE,
                                     .input_height = SIDE}};
}

/* With the grey ramp alone, a pixel's value is the map's. */
static gcam__style grey_style(void) {
    gcam__style style;
    gcam_render_options options = {.struct_size = sizeof options, .colormap = "grey", .alpha = 1};
    ck_assert_int_eq(gcam__style_of(&style, &options), GCAM_OK);
    return style;
}

static void expect_peak(int width, int height, int x, int y) {
    static float map[SIDE * SIDE];
    gcam_image *photo = draw_plain(width, height, 90, 90, 90), *out;
    gcam__view view = peak_view(map, x, y, width, height);
    gcam__style style = grey_style();
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    double sum = 0, sum_x = 0, sum_y = 0; /* the centre of the lightest part; the frame line is 1 pixel thin */
    for (int i = 0; i < width * height; i++) {
        if (out->pixels[3 * i] < 240) continue;
        sum++, sum_x += i % width, sum_y += (double)(i / width);
    }
    const gcam_geometry *g = &view.geometry;
    ck_assert_double_gt(sum, 0);
    ck_assert_double_lt(fabs(sum_x / sum + 0.5 - (x + 0.5 + g->left) * g->scale_x), g->scale_x / 2);
    ck_assert_double_lt(fabs(sum_y / sum + 0.5 - (y + 0.5 + g->top) * g->scale_y), g->scale_y / 2);
    gcam_image_free(out);
    gcam_image_free(photo);
}

START_TEST(peaks_lie_where_the_geometry_says) {
    expect_peak(400, 280, 6, 20);
    expect_peak(280, 400, 6, 20);
    expect_peak(280, 280, 22, 9);
    expect_peak(1000, 300, 14, 14);
    expect_peak(30, 28, 10, 10); /* less than two photo pixels for one of the map */
}
END_TEST

START_TEST(colours_are_mixed_by_alpha_and_the_rest_is_dimmed) {
    static float map[SIDE * SIDE];
    gcam_image *photo = draw_plain(400, 280, 200, 100, 40), *out;
    gcam__view view = peak_view(map, 14, 14, 400, 280);
    for (int i = 0; i < SIDE * SIDE; i++) map[i] = 1;
    gcam__style style;
    gcam_render_options options = {.struct_size = sizeof options, .colormap = "jet", .alpha = 0.25};
    ck_assert_int_eq(gcam__style_of(&style, &options), GCAM_OK);
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    const uint8_t *seen = pixel_at(out, 200, 140), *unseen = pixel_at(out, 10, 140);
    ck_assert(abs(seen[0] - 214) <= 1 && abs(seen[1] - 75) <= 1 && abs(seen[2] - 30) <= 1);
    ck_assert(unseen[0] == unseen[1] && unseen[1] == unseen[2] && unseen[0] < 60);
    gcam_image_free(out);
    gcam_image_free(photo);
}
END_TEST

START_TEST(signed_maps_show_both_signs) {
    static float map[SIDE * SIDE];
    gcam_image *photo = draw_plain(280, 280, 128, 128, 128), *out;
    gcam__view view = peak_view(map, 14, 14, 280, 280);
    for (int i = 0; i < SIDE * SIDE; i++) map[i] = i % SIDE < SIDE / 2 ? -1 : 1;
    view.is_signed = 1;
    gcam__style style = default_style();
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    const uint8_t *against = pixel_at(out, 30, 140), *in_favour = pixel_at(out, 250, 140);
    ck_assert_int_gt(against[2], against[0]);
    ck_assert_int_gt(in_favour[0], in_favour[2]);
    gcam_image_free(out);
    gcam_image_free(photo);
}
END_TEST

START_TEST(results_of_pixels_are_pictures_about_grey) {
    static float map[SIDE * SIDE], pixels[3 * SIDE * SIDE];
    gcam_image *photo = draw_plain(280, 280, 1, 2, 3), *out;
    gcam__view view = peak_view(map, 14, 14, 280, 280);
    view.pixels = pixels;
    view.channels = 3;
    memset(pixels, 0, sizeof pixels);
    gcam__style style = default_style();
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    for (int i = 0; i < 3 * 280 * 280; i++) ck_assert_int_eq(out->pixels[i], 127);
    gcam_image_free(out);
    for (int i = 0; i < SIDE * SIDE; i++) pixels[i] = i % SIDE < 14 ? 2.0f : -2.0f; /* red alone */
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    const uint8_t *more = pixel_at(out, 30, 30), *less = pixel_at(out, 250, 30);
    ck_assert(more[0] == 255 && more[1] == 127 && more[2] == 127);
    ck_assert(less[0] == 0 && less[1] == 127);
    gcam_image_free(out);
    view.bgr = 1; /* blue alone */
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    more = pixel_at(out, 30, 30);
    ck_assert(more[0] == 127 && more[1] == 127 && more[2] == 255);
    gcam_image_free(out);
    view.channels = 1; /* one channel is grey */
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    ck_assert_int_eq(pixel_at(out, 30, 30)[2], 255);
    gcam_image_free(out);
    gcam_image_free(photo);
}
END_TEST

START_TEST(shares_of_pixels_are_summed_over_the_channels) {
    static float map[SIDE * SIDE], pixels[3 * SIDE * SIDE];
    enum { PLANE = SIDE * SIDE };
    gcam_image *photo = draw_plain(280, 280, 1, 2, 3), *out;
    gcam__view view = peak_view(map, 14, 14, 280, 280);
    view.pixels = pixels;
    view.channels = 3;
    view.is_share = 1;
    for (int i = 0; i < PLANE;
         i++) { /* left: 3 - 1 - 2 = 0; right: 3 - 1 - 1 = 1, above the middle with the other sign */
        float sign = i < PLANE / 2 ? -1 : 1;
        pixels[i] = 3 * sign, pixels[PLANE + i] = -sign, pixels[2 * PLANE + i] = (i % SIDE < SIDE / 2 ? -2 : -1) * sign;
    }
    gcam__style style = default_style();
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    const uint8_t *none = pixel_at(out, 30, 250), *in_favour = pixel_at(out, 250, 250),
                  *against = pixel_at(out, 250, 30);
    ck_assert_int_lt(none[0], 40);
    ck_assert_int_lt(none[2], 40);
    ck_assert_int_gt(in_favour[0], in_favour[2] + 40);
    ck_assert_int_gt(against[2], against[0] + 40);
    gcam_image_free(out);
    gcam_image_free(photo);
}
END_TEST

/* ---- sheets ------------------------------------------------------------------------------------------------------------ */

enum { VIEWS = 12, PAPER_EDGE = 20 };

static float sheet_map[SIDE * SIDE];

static void fill_views(gcam__view *views, int count, const gcam_image *photo) {
    for (int i = 0; i < count; i++) views[i] = peak_view(sheet_map, 9, 20, photo->width, photo->height);
}

static gcam_image *make_sheet(const gcam_image *photo, const gcam__view *views, size_t count) {
    gcam__style style = default_style();
    gcam_image *sheet = NULL;
    gcam_status status = gcam__sheet(&sheet, photo, views, count, &style);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    return sheet;
}

/* Nothing may stand in the outer margin: neither words nor pictures. */
static void expect_clean_margin(const gcam_image *sheet) {
    for (int y = 0; y < sheet->height; y++) {
        for (int x = 0; x < sheet->width; x++) {
            int inside =
                x >= PAPER_EDGE && x < sheet->width - PAPER_EDGE && y >= PAPER_EDGE / 2 && y < sheet->height - 8;
            if (inside) continue;
            const uint8_t *p = pixel_at(sheet, x, y);
            ck_assert_msg(p[0] == 255 && p[1] == 255 && p[2] == 255, "ink at (%d, %d) of %d x %d", x, y, sheet->width,
                          sheet->height);
        }
    }
}

START_TEST(sheets_of_all_shapes_keep_their_margins) {
    static const int sizes[][2] = {{640, 480}, {300, 500}, {32, 32}, {1600, 40}, {40, 1600}, {1, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        gcam_image *photo = draw_pattern(sizes[s][0], sizes[s][1]);
        gcam__view views[VIEWS];
        for (int count = 1; count <= VIEWS; count += 5) {
            fill_views(views, count, photo);
            views[0].label =
                "a label so long that no sheet of any width could ever hold all of it, which a person may well have "
                "written into a file of labels without a thought for those who have to draw it somewhere";
            views[0].method = "a method whose title does not fit over its picture, since it is far too long for that";
            views[0].notes[0] = "nothing speaks for the class: the rectified map is zero, the signed one is not";
            views[0].note_count = 1;
            gcam_image *sheet = make_sheet(photo, views, (size_t)count);
            expect_clean_margin(sheet);
            gcam_image_free(sheet);
        }
        gcam_image_free(photo);
    }
}
END_TEST

START_TEST(every_target_has_its_block_and_every_map_its_cell) {
    gcam_image *photo = draw_plain(400, 300, 0, 200, 0);
    gcam__view views[VIEWS];
    fill_views(views, VIEWS, photo);
    gcam_image *one = make_sheet(photo, views, 1), *three = make_sheet(photo, views, 3);
    ck_assert_int_eq(three->height, one->height);
    ck_assert_int_gt(three->width, one->width + 2 * (three->width - one->width) / 3);
    gcam_image *eight = make_sheet(photo, views, 8); /* more than a line holds */
    ck_assert_int_gt(eight->height, one->height);
    ck_assert_int_le(eight->width, 1900);
    views[1].target.class_index = 7;
    gcam_image *two_targets = make_sheet(photo, views, 2);
    ck_assert_int_eq(two_targets->width, one->width);
    ck_assert_int_gt(two_targets->height, one->height);
    views[1].target = views[0].target;
    views[1].is_signed = 1; /* a second key at the foot changes no picture */
    gcam_image *keys = make_sheet(photo, views, 3);
    ck_assert_int_eq(keys->width, three->width);
    gcam_image *all[] = {one, three, eight, two_targets, keys};
    for (int i = 0; i < 5; i++) gcam_image_free(all[i]);
    gcam_image_free(photo);
}
END_TEST

START_TEST(very_many_explanations_make_smaller_pictures) {
    enum { MANY = 700 };
    static gcam__view views[MANY];
    gcam_image *photo = draw_plain(64, 48, 50, 60, 70);
    fill_views(views, MANY, photo);
    for (int i = 0; i < MANY; i++) views[i].target.class_index = i / 20;
    gcam_image *sheet = make_sheet(photo, views, MANY);
    ck_assert_int_le(sheet->height, GCAM_IMAGE_MAX_SIDE);
    gcam_image_free(sheet);
    for (int i = 0; i < MANY; i++) views[i].target.class_index = i; /* beyond all help */
    gcam__style style = default_style();
    ck_assert_int_eq(gcam__sheet(&sheet, photo, views, MANY, &style), GCAM_ERR_LIMIT);
    ck_assert_ptr_null(sheet);
    gcam_image_free(photo);
}
END_TEST

START_TEST(notes_are_written_into_their_cell) {
    gcam_image *photo = draw_plain(400, 300, 255, 255, 255);
    gcam__view view = peak_view(sheet_map, 9, 20, 400, 300);
    gcam_image *silent = make_sheet(photo, &view, 1);
    view.notes[0] = "the map is the same everywhere";
    view.note_count = 1;
    gcam_image *noted = make_sheet(photo, &view, 1);
    ck_assert_int_eq(silent->width, noted->width);
    ck_assert_int_eq(silent->height, noted->height);
    int changed = 0;
    for (int y = 0; y < noted->height; y++) {
        for (int x = 0; x < noted->width; x++) {
            if (memcmp(pixel_at(silent, x, y), pixel_at(noted, x, y), 3) == 0) continue;
            changed++;
            ck_assert_int_gt(x, noted->width / 2); /* the right cell, below its middle */
            ck_assert_int_gt(y, noted->height / 2);
        }
    }
    ck_assert_int_gt(changed, 1000);
    gcam_image_free(silent);
    gcam_image_free(noted);
    gcam_image_free(photo);
}
END_TEST

/* ---- terminal ---------------------------------------------------------------------------------------------------------- */

static void expect_terminal(const gcam_image *picture, int columns, int plain, const char *wanted) {
    char *text;
    gcam_render_options options = {.struct_size = sizeof options, .columns = columns, .plain = plain};
    ck_assert_int_eq(gcam_render_terminal(&text, picture, &options), GCAM_OK);
    ck_assert_str_eq(text, wanted);
    gcam_text_free(text);
}

START_TEST(a_character_shows_two_pixels) {
    uint8_t pixels[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    gcam_image picture = {2, 2, pixels};
    expect_terminal(&picture, 2, 0,
                    "\033[38;2;255;0;0m\033[48;2;0;0;255m\xE2\x96\x80"
                    "\033[38;2;0;255;0m\033[48;2;255;255;255m\xE2\x96\x80\033[0m\n");
    gcam_image *plain = draw_plain(3, 2, 7, 8, 9); /* a colour is sent once */
    expect_terminal(plain, 3, 0, "\033[38;2;7;8;9m\033[48;2;7;8;9m\xE2\x96\x80\xE2\x96\x80\xE2\x96\x80\033[0m\n");
    gcam_image_free(plain);
}
END_TEST

START_TEST(a_plain_terminal_gets_characters) {
    uint8_t steps[4 * 2 * 3];
    for (int i = 0; i < 24; i++) steps[i] = (uint8_t)(40 + i % 12 / 3 * 30); /* the range is stretched */
    expect_terminal(&(gcam_image){4, 2, steps}, 4, 1, " -*@\n");
    gcam_image *grey = draw_plain(2, 4, 128, 128, 128);
    expect_terminal(grey, 2, 1, "++\n++\n");
    gcam_image_free(grey);
}
END_TEST

START_TEST(terminal_sizes_are_sane) {
    gcam_image *wide = draw_pattern(1000, 3);
    char *text;
    gcam_render_options options = {.struct_size = sizeof options, .columns = 10, .plain = 1};
    ck_assert_int_eq(gcam_render_terminal(&text, wide, &options), GCAM_OK);
    ck_assert_uint_eq(strlen(text), 11);
    gcam_text_free(text);
    options.columns = 0; /* the default */
    ck_assert_int_eq(gcam_render_terminal(&text, wide, &options), GCAM_OK);
    ck_assert_uint_eq(strlen(text), 81);
    gcam_text_free(text);
    options.columns = -3;
    ck_assert_int_eq(gcam_render_terminal(&text, wide, &options), GCAM_ERR_ARGUMENT);
    options.columns = 100000;
    ck_assert_int_eq(gcam_render_terminal(&text, wide, &options), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_render_terminal(&text, NULL, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(text);
    gcam_image_free(wide);
}
END_TEST

/* ---- the entrances, with explanations of a tiny network ---------------------------------------------------------------- */

static answers explain_tiny(tiny *t) {
    tiny_convnet(t, 3, 1, 1);
    tiny_fill_input(t, 5, 0, 1);
    gcam_target targets[2] = {{GCAM_TARGET_LOGIT, 0, 0}, {GCAM_TARGET_DIFFERENCE, 1, 2}};
    return ask(t, "gradcam,signed,gradient", targets, 2, NULL);
}

START_TEST(explanations_of_a_network_are_drawn) {
    tiny t;
    answers a = explain_tiny(&t);
    gcam_image *photo = draw_pattern(8, 8), *out;
    for (size_t i = 0; i < a.count; i++) {
        ck_assert_int_eq(gcam_render_overlay(&out, photo, a.list[i], NULL), GCAM_OK);
        ck_assert_int_eq(out->width, 8);
        gcam_image_free(out);
    }
    ck_assert_int_eq(gcam_render_sheet(&out, photo, a.list, a.count, NULL), GCAM_OK);
    expect_clean_margin(out);
    gcam_image_free(out);
    gcam_image_free(photo);
    drop(a);
    tiny_free(&t);
}
END_TEST

/* conv 3x3 -> relu -> average -> linear with small whole weights, for red or for blue first: the same function of the photo. */
static gcam_model *model_of_colours(tiny *t, int bgr) {
    float w[2 * 3 * 9];
    for (int i = 0; i < 54; i++) {
        int out = i / 27, c = i / 9 % 3, colour = bgr ? 2 - c : c;
        w[i] = (float)((out * 31 + colour * 7 + i % 9 * 5) % 11 - 5);
    }
    tiny_begin(t);
    tiny_weight(t, "c.weight", gcam_shape_nchw(2, 3, 3, 3), w, 0);
    tiny_weight(t, "c.bias", (gcam_shape){1, {2}}, (float[]){0, 1}, 0);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {2, 2}}, (float[]){1, 2, -1, 3}, 0);
    tiny_weight(t, "fc.bias", (gcam_shape){1, {2}}, (float[]){0, 0}, 0);
    gcam_builder *b = t->builder;
    gcam_conv2d_params conv = {.out = 2, .kernel = {3, 3}, .pad = {1, 1}};
    gcam_node x = gcam_relu(b, "relu", gcam_conv2d(b, "c", gcam_input(b, "image", 3, 8, 8), &conv));
    x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "pool", x));
    gcam_linear(b, "fc", x, &(gcam_linear_params){.out = 2});
    gcam_network *network = NULL;
    ck_assert_int_eq(gcam_builder_finish(&network, b, t->weights), GCAM_OK);
    gcam_preprocess how;
    ck_assert_int_eq(gcam_preprocess_preset(&how, "unit"), GCAM_OK);
    how.resize = how.height = how.width = 8, how.bgr = bgr;
    gcam_model_options options = {.struct_size = sizeof options, .preprocess = &how};
    gcam_model *model = NULL;
    ck_assert_int_eq(gcam_model_from_network(&model, network, &options), GCAM_OK);
    return model;
}

/* Two networks that compute the same of a photo, one of which reads blue first: their pictures agree, their raw results are swapped. */
START_TEST(pictures_do_not_show_the_order_of_the_channels) {
    gcam_image *photo = draw_pattern(8, 8), *out[2];
    gcam_explanation *e[2];
    tiny t[2];
    gcam_model *model[2];
    for (int bgr = 0; bgr < 2; bgr++) {
        gcam_session *session = NULL;
        const char *method = "gradient";
        gcam_explain_options options = {.struct_size = sizeof options, .methods = &method, .method_count = 1};
        gcam_explanation **list;
        size_t count;
        model[bgr] = model_of_colours(&t[bgr], bgr);
        ck_assert_int_eq(gcam_session_create(&session, model[bgr], NULL), GCAM_OK);
        ck_assert_int_eq(gcam_explain_many(&list, &count, session, photo, &options), GCAM_OK);
        e[bgr] = list[0];
        list[0] = NULL;
        gcam_explanations_free(list, count);
        gcam_session_free(session);
        ck_assert_int_eq(gcam_explanation_bgr(e[bgr]), bgr);
        ck_assert_int_eq(gcam_render_overlay(&out[bgr], photo, e[bgr], NULL), GCAM_OK);
    }
    const float *rgb = gcam_explanation_raw(e[0])->data, *swapped = gcam_explanation_raw(e[1])->data;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 64; i++) ck_assert_float_eq(rgb[c * 64 + i], swapped[(2 - c) * 64 + i]);
    ck_assert_mem_ne(rgb, swapped, 3 * 64 * sizeof *rgb);
    ck_assert_mem_eq(out[0]->pixels, out[1]->pixels, 3 * 64);
    for (int i = 0; i < 2; i++) {
        gcam_image_free(out[i]);
        gcam_explanation_free(e[i]);
        gcam_model_free(model[i]);
        gcam_tensor_table_free(t[i].weights);
    }
    gcam_image_free(photo);
}
END_TEST

START_TEST(wrong_arguments_are_named) {
    tiny t;
    answers a = explain_tiny(&t);
    gcam_image *photo = draw_pattern(8, 8), *other = draw_pattern(9, 8), *out = photo;
    gcam_render_options options = {.struct_size = sizeof options, .colormap = "rainbow"};
    ck_assert_int_eq(gcam_render_overlay(&out, photo, a.list[0], &options), GCAM_ERR_NOT_FOUND);
    ck_assert_ptr_null(out);
    options = (gcam_render_options){.struct_size = sizeof options, .alpha = 1.5};
    ck_assert_int_eq(gcam_render_overlay(&out, photo, a.list[0], &options), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "1.5"));
    options.alpha = NAN;
    ck_assert_int_eq(gcam_render_overlay(&out, photo, a.list[0], &options), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_render_overlay(&out, other, a.list[0], NULL), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "9 x 8"));
    ck_assert_int_eq(gcam_render_overlay(&out, NULL, a.list[0], NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_render_overlay(&out, photo, NULL, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_render_sheet(&out, photo, NULL, 0, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_render_sheet(&out, other, a.list, a.count, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(out);
    gcam_image_free(photo);
    gcam_image_free(other);
    drop(a);
    tiny_free(&t);
}
END_TEST

static void *countdown(size_t size, void *context) {
    int *left = context;
    return (*left)-- > 0 ? malloc(size) : NULL;
}

static void give_back(void *block, size_t size, void *context) {
    (void)size, (void)context;
    free(block);
}

START_TEST(running_out_of_memory_is_an_ordinary_error) {
    tiny t;
    answers a = explain_tiny(&t);
    gcam_image *photo = draw_pattern(8, 8);
    gcam_status status = GCAM_ERR_NOMEM;
    for (int allowed = 0; status != GCAM_OK; allowed++) {
        int left = allowed;
        gcam_allocator_set(&(gcam_allocator){countdown, give_back, &left});
        gcam_image *sheet = NULL;
        char *text = NULL;
        status = gcam_render_sheet(&sheet, photo, a.list, a.count, NULL);
        if (status == GCAM_OK) status = gcam_render_terminal(&text, sheet, NULL);
        ck_assert_msg(status == GCAM_OK || status == GCAM_ERR_NOMEM, "%s", gcam_last_error()->message);
        ck_assert(status == GCAM_OK || text == NULL);
        gcam_image_free(sheet);
        gcam_text_free(text);
        ck_assert_int_lt(allowed, 300);
    }
    gcam_allocator_set(NULL);
    gcam_image_free(photo);
    drop(a);
    tiny_free(&t);
}
END_TEST

Suite *render_suite(void) {
    Suite *suite = suite_create("render");
    TCase *tcase = tcase_create("render");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, lighter_is_more);
    tcase_add_test(tcase, diverging_maps_have_a_neutral_middle_and_even_arms);
    tcase_add_test(tcase, known_colours_are_met);
    tcase_add_test(tcase, colour_maps_are_found_by_name);
    tcase_add_test(tcase, every_character_has_its_own_shape);
    tcase_add_test(tcase, text_stays_within_its_room);
    tcase_add_test(tcase, lines_break_at_blanks);
    tcase_add_test(tcase, drawing_beyond_the_edges_is_cut_off);
    tcase_add_test(tcase, peaks_lie_where_the_geometry_says);
    tcase_add_test(tcase, colours_are_mixed_by_alpha_and_the_rest_is_dimmed);
    tcase_add_test(tcase, shares_of_pixels_are_summed_over_the_channels);
    tcase_add_test(tcase, signed_maps_show_both_signs);
    tcase_add_test(tcase, results_of_pixels_are_pictures_about_grey);
    tcase_add_test(tcase, sheets_of_all_shapes_keep_their_margins);
    tcase_add_test(tcase, every_target_has_its_block_and_every_map_its_cell);
    tcase_add_test(tcase, very_many_explanations_make_smaller_pictures);
    tcase_add_test(tcase, notes_are_written_into_their_cell);
    tcase_add_test(tcase, a_character_shows_two_pixels);
    tcase_add_test(tcase, a_plain_terminal_gets_characters);
    tcase_add_test(tcase, terminal_sizes_are_sane);
    tcase_add_test(tcase, explanations_of_a_network_are_drawn);
    tcase_add_test(tcase, pictures_do_not_show_the_order_of_the_channels);
    tcase_add_test(tcase, wrong_arguments_are_named);
    tcase_add_test(tcase, running_out_of_memory_is_an_ordinary_error);
    return suite;
}
