/* Tests of sheets and terminal pictures: places and colours of constructed pictures. */
#include "render/view.h"

#include "gradcam.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static gcam_image *grey_photo(int width, int height) {
    gcam_image *photo = NULL;
    ck_assert_int_eq(gcam_image_create(&photo, width, height), GCAM_OK);
    memset(photo->pixels, 128, (size_t)3 * (size_t)width * (size_t)height);
    return photo;
}

/* A map of 4 x 4 with its maximum in one cell, over the middle square of a landscape photo. */
static gcam__view view_of(const float *map, int is_signed) {
    return (gcam__view){.method = "Grad-CAM",
                        .label = "disc",
                        .layer = "conv",
                        .probability = 0.5,
                        .map = map,
                        .width = 4,
                        .height = 4,
                        .is_signed = is_signed,
                        .geometry = {.scale_x = 50,
                                     .scale_y = 50,
                                     .left = 2,
                                     .top = 0,
                                     .photo_width = 400,
                                     .photo_height = 200,
                                     .input_width = 4,
                                     .input_height = 4}};
}

START_TEST(the_overlay_lies_where_the_network_looked) {
    float map[16] = {0};
    map[4 * 1 + 3] = 1; /* second row, last column: photo x 250..300, y 50..100 */
    gcam_image *photo = grey_photo(400, 200), *out = NULL;
    gcam__style style;
    gcam__view view = view_of(map, 0);
    ck_assert_int_eq(gcam__style_of(&style, NULL), GCAM_OK);
    ck_assert_int_eq(gcam__overlay(&out, photo, &view, &style), GCAM_OK);
    int best = -1, best_x = 0, best_y = 0;
    for (int y = 0; y < 200; y++)
        for (int x = 0; x < 400; x++) {
            const uint8_t *p = out->pixels + 3 * (y * 400 + x);
            if (p[0] + p[1] > best) best = p[0] + p[1], best_x = x, best_y = y;
        }
    ck_assert_int_ge(best_x,
                     270); /* the map is interpolated: its peak is the cell's middle, up to the edge of what was seen */
    ck_assert_int_lt(best_x, 300);
    ck_assert(best_y >= 65 && best_y <= 85);
    ck_assert_int_lt(out->pixels[3 * (100 * 400 + 50)], 64); /* outside the crop: dimmed */
    gcam_image_free(out);
    gcam_image_free(photo);
}
END_TEST

START_TEST(a_sheet_has_a_row_for_each_target) {
    float map[16] = {0, 1};
    gcam_image *photo = grey_photo(400, 200), *one = NULL, *two = NULL, *wide = NULL;
    gcam__style style;
    gcam__view views[7];
    for (int i = 0; i < 7; i++) views[i] = view_of(map, 0);
    ck_assert_int_eq(gcam__style_of(&style, NULL), GCAM_OK);
    ck_assert_int_eq(gcam__sheet(&one, photo, views, 2, &style), GCAM_OK);
    views[1].target.class_index = 1;
    ck_assert_int_eq(gcam__sheet(&two, photo, views, 2, &style), GCAM_OK);
    ck_assert_int_gt(two->height, one->height);
    ck_assert_int_lt(two->width, one->width);
    views[1].target.class_index = 0;
    ck_assert_int_eq(gcam__sheet(&wide, photo, views, 7, &style), GCAM_OK); /* five maps a row, then two more */
    ck_assert_int_eq(wide->height, two->height);
    int ink = 0; /* the header is written, the corner is paper */
    for (int x = 0; x < 200; x++)
        for (int y = 24; y < 60; y++) ink += one->pixels[3 * (y * one->width + x)] < 100;
    ck_assert_int_gt(ink, 40);
    ck_assert_int_eq(one->pixels[0], 255);
    gcam_image_free(wide);
    gcam_image_free(two);
    gcam_image_free(one);
    gcam_image_free(photo);
}
END_TEST

START_TEST(a_terminal_shows_two_pixels_a_character) {
    gcam_image *picture = NULL;
    char *text = NULL;
    ck_assert_int_eq(gcam_image_create(&picture, 2, 2), GCAM_OK);
    static const uint8_t pixels[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    memcpy(picture->pixels, pixels, sizeof pixels);
    gcam_render_options options = {.struct_size = sizeof options, .columns = 2};
    ck_assert_int_eq(gcam_render_terminal(&text, picture, &options), GCAM_OK);
    ck_assert_str_eq(text, "\033[38;2;255;0;0m\033[48;2;0;0;255m\xE2\x96\x80"
                           "\033[38;2;0;255;0m\033[48;2;255;255;255m\xE2\x96\x80\033[0m\n");
    gcam_text_free(text);
    memset(picture->pixels, 0, 6);
    memset(picture->pixels + 6, 255, 6);
    options.plain = 1;
    ck_assert_int_eq(gcam_render_terminal(&text, picture, &options), GCAM_OK);
    ck_assert_str_eq(text, "==\n");
    gcam_text_free(text);
    options.columns = -3;
    ck_assert_int_eq(gcam_render_terminal(&text, picture, &options), GCAM_ERR_ARGUMENT);
    gcam_image_free(picture);
}
END_TEST

START_TEST(colour_maps_keep_their_promises) {
    for (size_t i = 0; i < gcam_colormap_count(); i++) {
        const gcam_colormap_info *info = gcam_colormap_at(i);
        int last = -1;
        for (int k = 0; k <= 20; k++) {
            uint8_t rgb[3];
            ck_assert_int_eq(gcam_colormap_color(info->name, k / 20.0, rgb), GCAM_OK);
            int light = 77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2];
            if (!info->diverging && strcmp(info->name, "jet") != 0) ck_assert_int_ge(light, last); /* lighter is more */
            last = light;
            if (k == 20 && !info->diverging && strcmp(info->name, "jet") != 0) ck_assert_int_gt(light, 40000);
        }
    }
    uint8_t rgb[3];
    ck_assert_int_eq(gcam_colormap_color("nothing", 0, rgb), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam_colormap_color("jet", 0, rgb), GCAM_OK);
    ck_assert(rgb[0] == 0 && rgb[1] == 0 && rgb[2] == 255);
    ck_assert_int_eq(gcam_colormap_color("jet", 1, rgb), GCAM_OK);
    ck_assert(rgb[0] == 255 && rgb[1] == 0 && rgb[2] == 0);
}
END_TEST

Suite *sheet_suite(void);
Suite *sheet_suite(void) {
    Suite *suite = suite_create("sheet");
    TCase *tcase = tcase_create("sheet");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, the_overlay_lies_where_the_network_looked);
    tcase_add_test(tcase, a_sheet_has_a_row_for_each_target);
    tcase_add_test(tcase, a_terminal_shows_two_pixels_a_character);
    tcase_add_test(tcase, colour_maps_keep_their_promises);
    return suite;
}
