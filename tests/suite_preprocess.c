/* Tests of lib/model/preprocess.c. References: torchvision's floats (support/image_goldens.h), and the formula itself. */
#include "model/preprocess.h"
#include "support/image_goldens.h"
#include "support/pictures.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *preprocess_suite(void);

static gcam_preprocess preset(const char *name) {
    gcam_preprocess how;
    ck_assert_int_eq(gcam_preprocess_preset(&how, name), GCAM_OK);
    return how;
}

static gcam_tensor *new_input(int64_t batch, int64_t channels, const gcam_preprocess *how) {
    gcam_tensor *input;
    gcam_shape shape = gcam_shape_nchw(batch, channels, how->height, how->width);
    ck_assert_int_eq(gcam_tensor_create(&input, &shape), GCAM_OK);
    return input;
}

static void expect_bits(const gcam_preprocess *how, int channels, const uint32_t *golden) {
    gcam_image *photo = draw_pattern(9, 7);
    gcam_tensor *input = new_input(1, channels, how);
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, how, NULL), GCAM_OK);
    int count = channels * how->height * how->width;
    for (int i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &input->data[i], 4);
        ck_assert_msg(bits == golden[i], "value %d: %08X, expected %08X", i, bits, golden[i]);
    }
    gcam_tensor_free(input);
    gcam_image_free(photo);
}

START_TEST(values_are_torchvisions_bit_for_bit) {
    gcam_preprocess how = preset("torchvision");
    how.resize = 6, how.height = 4, how.width = 3;
    expect_bits(&how, 3, golden_crop);
    how.resize = 3, how.height = 4, how.width = 6;
    expect_bits(&how, 3, golden_pad);
    how = preset("squash");
    how.height = 3, how.width = 5;
    expect_bits(&how, 3, golden_squash);
    how = preset("unit");
    how.resize = 4, how.height = how.width = 4;
    expect_bits(&how, 1, golden_grey);
}
END_TEST

START_TEST(caffe_wants_blue_first_and_0_to_255) {
    gcam_preprocess how = preset("caffe");
    how.height = how.width = 1;
    gcam_image *photo = draw_plain(3, 5, 10, 20, 30);
    gcam_tensor *input = new_input(2, 3, &how);
    ck_assert_int_eq(gcam_preprocess_image(input, 1, photo, &how, NULL), GCAM_OK);
    ck_assert(input->data[0] == 0 && input->data[2] == 0); /* the other image of the batch */
    ck_assert(input->data[3] == 30 - 103.939f);
    ck_assert(input->data[4] == 20 - 116.779f);
    ck_assert(input->data[5] == 10 - 123.68f);
    gcam_tensor_free(input);
    gcam_image_free(photo);
}
END_TEST

START_TEST(presets_are_found_by_name) {
    static const char *const names[] = {"torchvision", "torchvision-232", "caffe", "unit", "cifar", "squash"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gcam_preprocess how = preset(names[i]);
        ck_assert_int_eq(gcam__preprocess_check(&how), GCAM_OK);
    }
    ck_assert_int_eq(preset("torchvision").resize, 256);
    ck_assert_int_eq(preset("torchvision-232").resize, 232);
    ck_assert_int_eq(preset("cifar").height, 32);
    gcam_preprocess sized = preset("torchvision-320-300-bicubic");
    ck_assert(sized.resize == 320 && sized.height == 300 && sized.width == 300 && sized.bicubic);
    ck_assert_int_eq(preset("torchvision-232-bicubic").height, 224);
    gcam_preprocess half = preset("torchvision-480-480-bicubic-half");
    ck_assert(half.bicubic && half.mean[2] == 0.5f && half.std[0] == 0.5f && half.height == 480);
    ck_assert_int_eq(preset("torchvision-32-32").bicubic, 0);
    gcam_preprocess how;
    ck_assert_int_eq(gcam_preprocess_preset(&how, "torchvision-"), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam_preprocess_preset(&how, "torchvision-0"), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam_preprocess_preset(&how, "torchvision-256-224-cubic"), GCAM_ERR_NOT_FOUND);
    ck_assert_int_eq(gcam_preprocess_preset(&how, "nonsense"), GCAM_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "torchvision"));
    ck_assert_int_eq(gcam_preprocess_preset(&how, NULL), GCAM_ERR_ARGUMENT);
}
END_TEST

/* A white square on black must land where the geometry says. */
static void expect_geometry(gcam_preprocess how, int width, int height, int x, int y) {
    gcam_image *photo = draw_plain(width, height, 0, 0, 0);
    for (int dy = -3; dy <= 3; dy++) {
        for (int dx = -3; dx <= 3; dx++) memset(photo->pixels + 3 * ((y + dy) * width + x + dx), 255, 3);
    }
    gcam_tensor *input = new_input(1, 3, &how);
    gcam_geometry g;
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &how, &g), GCAM_OK);
    int best = 0;
    for (int i = 0; i < how.height * how.width; i++) {
        if (input->data[i] > input->data[best]) best = i;
    }
    double found_x = (best % how.width + 0.5 + g.left) * g.scale_x;
    double found_y = (best / how.width + 0.5 + g.top) * g.scale_y;
    ck_assert_msg(fabs(found_x - x - 0.5) < 4 + g.scale_x && fabs(found_y - y - 0.5) < 4 + g.scale_y,
                  "found (%g, %g), drawn at (%d, %d)", found_x, found_y, x, y);
    ck_assert_int_eq(g.photo_width, width);
    ck_assert_int_eq(g.input_height, how.height);
    gcam_tensor_free(input);
    gcam_image_free(photo);
}

START_TEST(geometry_leads_back_to_the_photo) {
    gcam_preprocess how = preset("torchvision");
    expect_geometry(how, 640, 480, 300, 100);
    expect_geometry(how, 300, 500, 250, 200);
    expect_geometry(how, 100, 90, 20, 70);
    how = preset("squash");
    expect_geometry(how, 640, 480, 20, 460);
    how = preset("unit");
    how.height = 60, how.width = 90;
    expect_geometry(how, 200, 200, 100, 100);
    how.resize = 40; /* smaller than the crop: padded */
    expect_geometry(how, 60, 40, 15, 30);
}
END_TEST

START_TEST(without_resize_the_photo_just_covers_the_input) {
    gcam_preprocess how = preset("unit");
    how.height = 50, how.width = 100;
    for (int width = 20; width < 300; width += 37) {
        gcam_image *photo = draw_plain(width, 120, 255, 255, 255);
        gcam_tensor *input = new_input(1, 3, &how);
        gcam_geometry g;
        ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &how, &g), GCAM_OK);
        for (int i = 0; i < 3 * 50 * 100; i++) ck_assert(input->data[i] == 1);
        ck_assert(g.left == 0 || g.top == 0);
        gcam_tensor_free(input);
        gcam_image_free(photo);
    }
}
END_TEST

START_TEST(extreme_photos_are_handled) {
    gcam_preprocess how = preset("torchvision");
    static const int sizes[][2] = {{16384, 1}, {1, 16384}, {1, 1}, {2, 3000}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gcam_image *photo = draw_plain(sizes[i][0], sizes[i][1], 255, 255, 255);
        gcam_tensor *input = new_input(1, 3, &how);
        ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &how, NULL), GCAM_OK);
        float white = (1.0f - 0.485f) / 0.229f;
        for (int j = 0; j < 224 * 224; j++) ck_assert(input->data[j] == white);
        gcam_tensor_free(input);
        gcam_image_free(photo);
    }
}
END_TEST

START_TEST(a_preprocessing_follows_the_input_size) {
    gcam_preprocess how = preset("torchvision"), scaled;
    ck_assert_int_eq(gcam__preprocess_for_size(&how, 224, 224, &scaled), GCAM_OK);
    ck_assert_int_eq(scaled.resize, 256);
    ck_assert_int_eq(gcam__preprocess_for_size(&how, 448, 448, &scaled), GCAM_OK);
    ck_assert_int_eq(scaled.resize, 512);
    ck_assert_int_eq(gcam__preprocess_for_size(&how, 320, 256, &scaled), GCAM_OK);
    ck_assert_int_eq(scaled.resize, 293);
    ck_assert_int_eq(scaled.height, 320);
    ck_assert_int_eq(scaled.width, 256);
    how = preset("unit");
    ck_assert_int_eq(gcam__preprocess_for_size(&how, 100, 50, &how), GCAM_OK);
    ck_assert_int_eq(how.resize, 0);
    ck_assert_int_eq(how.width, 50);
    ck_assert_int_eq(gcam__preprocess_for_size(&how, 0, 50, &how), GCAM_ERR_ARGUMENT);
}
END_TEST

START_TEST(wrong_arguments_are_named) {
    gcam_preprocess how = preset("unit"), wrong;
    how.height = how.width = 4;
    gcam_image *photo = draw_pattern(5, 5);
    gcam_tensor *input = new_input(1, 3, &how), *two = new_input(1, 2, &how);
    ck_assert_int_eq(gcam_preprocess_image(input, 1, photo, &how, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_preprocess_image(input, -1, photo, &how, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_preprocess_image(two, 0, photo, &how, NULL), GCAM_ERR_SHAPE);
    ck_assert_int_eq(gcam_preprocess_image(NULL, 0, photo, &how, NULL), GCAM_ERR_SHAPE);
    ck_assert_int_eq(gcam_preprocess_image(input, 0, NULL, &how, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, NULL, NULL), GCAM_ERR_ARGUMENT);
    wrong = how, wrong.std[1] = 0;
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &wrong, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "channel 1"));
    wrong = how, wrong.mean[2] = NAN;
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &wrong, NULL), GCAM_ERR_ARGUMENT);
    wrong = how, wrong.width = 5;
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &wrong, NULL), GCAM_ERR_SHAPE);
    wrong = how, wrong.resize = -3;
    ck_assert_int_eq(gcam_preprocess_image(input, 0, photo, &wrong, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "resize: -3"));
    gcam_tensor_free(input);
    gcam_tensor_free(two);
    gcam_image_free(photo);
}
END_TEST

Suite *preprocess_suite(void) {
    Suite *suite = suite_create("preprocess");
    TCase *tcase = tcase_create("preprocess");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, values_are_torchvisions_bit_for_bit);
    tcase_add_test(tcase, caffe_wants_blue_first_and_0_to_255);
    tcase_add_test(tcase, presets_are_found_by_name);
    tcase_add_test(tcase, geometry_leads_back_to_the_photo);
    tcase_add_test(tcase, without_resize_the_photo_just_covers_the_input);
    tcase_add_test(tcase, extreme_photos_are_handled);
    tcase_add_test(tcase, a_preprocessing_follows_the_input_size);
    tcase_add_test(tcase, wrong_arguments_are_named);
    return suite;
}
