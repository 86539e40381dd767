/* Passes on changed rectangles: occlusion must give what whole passes of covered images give, whatever the layers look through. */
#include "graph/region.h"

#include "support/ask.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { H = 37, W = 45, CHANNELS = 2 };

/* Strides, padding of either side, dilation, rounding up, a sum and a concatenation of ways with windows of different size. */
static void windowed(tiny *t, int64_t stride, int64_t groups) {
    tiny_begin(t);
    tiny_weight(t, "c1.weight", gcam_shape_nchw(4, CHANNELS, 3, 5), NULL, 1);
    tiny_weight(t, "c2.weight", gcam_shape_nchw(4, 4 / groups, 3, 3), NULL, 2);
    tiny_weight(t, "c3.weight", gcam_shape_nchw(3, 8, 3, 3), NULL, 3);
    tiny_weight(t, "c4.weight", gcam_shape_nchw(5, 3, 2, 2), NULL, 4);
    tiny_weight(t, "fc.weight", (gcam_shape){2, {2, 5}}, NULL, 5);
    gcam_builder *b = t->builder;
    gcam_node x = gcam_input(b, "image", CHANNELS, H, W);
    x = gcam_conv2d(
        b, "c1", x,
        &(gcam_conv2d_params){
            .out = 4, .kernel = {3, 5}, .stride = {stride, 1}, .pad = {1, 2}, .pad_end = {1, -1}, .no_bias = 1});
    gcam_node a1 =
        gcam_max_pool(b, "pool", x, /* of both signs, so that it matters what padding is */
                      &(gcam_pool_params){.kernel = {3, 2}, .stride = {2, 2}, .pad = {1, 0}, .ceil_mode = 1});
    a1 = gcam_leaky_relu(b, "a1", a1, NULL);
    x = gcam_conv2d(b, "c2", a1,
                    &(gcam_conv2d_params){.out = 4, .kernel = {3, 3}, .pad = {1, 1}, .groups = groups, .no_bias = 1});
    x = gcam_relu(b, "a2", gcam_add(b, "sum", x, a1));
    gcam_node mean =
        gcam_avg_pool(b, "mean", a1, &(gcam_pool_params){.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1}});
    x = gcam_concat(b, "cat", (gcam_node[]){x, mean}, 2, &(gcam_axis_params){.axis = 1});
    x = gcam_conv2d(b, "c3", x,
                    &(gcam_conv2d_params){.out = 3, .kernel = {3, 3}, .pad = {2, 2}, .dilation = {2, 2}, .no_bias = 1});
    x = gcam_conv2d(b, "c4", gcam_relu(b, "a3", x),
                    &(gcam_conv2d_params){.out = 5, .kernel = {2, 2}, .pad_end = {1, 1}, .no_bias = 1});
    x = gcam_global_avg_pool(b, "gap", gcam_relu(b, "a4", x));
    gcam_linear(b, "fc", gcam_flatten(b, "flat", x), &(gcam_linear_params){.out = 2, .no_bias = 1});
    tiny_finish(t, 1);
    tiny_fill_input(t, 65, -1, 1);
}

static int64_t corner(int64_t n, int64_t length, int64_t window, int64_t stride) {
    int64_t last = length > window ? length - window : 0;
    return n * stride < last ? n * stride : last;
}

/* Mean change of the score over the windows that cover each pixel, from a whole pass a window. */
static double *by_whole_passes(tiny *t, int64_t window, int64_t stride) {
    double *sum = calloc(2 * H * W, sizeof *sum), *count = sum + H * W;
    ck_assert_ptr_nonnull(sum);
    gcam_tensor *x = NULL;
    ck_assert_int_eq(gcam_tensor_create(&x, &t->input->shape), GCAM_OK);
    ck_assert_int_eq(gcam_session_forward(t->session, t->input), GCAM_OK);
    double y = gcam_session_output(t->session)->data[0];
    for (int64_t i = 0; i == 0 || corner(i - 1, H, window, stride) < H - window; i++) {
        for (int64_t j = 0; j == 0 || corner(j - 1, W, window, stride) < W - window; j++) {
            int64_t top = corner(i, H, window, stride), left = corner(j, W, window, stride);
            memcpy(x->data, t->input->data, CHANNELS * H * W * sizeof(float));
            for (int64_t c = 0; c < CHANNELS; c++)
                for (int64_t r = top; r < top + window && r < H; r++)
                    for (int64_t s = left; s < left + window && s < W; s++) x->data[(c * H + r) * W + s] = 0;
            ck_assert_int_eq(gcam_session_forward(t->session, x), GCAM_OK);
            double change = y - gcam_session_output(t->session)->data[0];
            for (int64_t r = top; r < top + window && r < H; r++)
                for (int64_t s = left; s < left + window && s < W; s++) sum[r * W + s] += change, count[r * W + s]++;
        }
    }
    for (int64_t i = 0; i < H * W; i++) sum[i] = count[i] > 0 ? sum[i] / count[i] : 0;
    gcam_tensor_free(x);
    return sum;
}

static void at_corner(const void *user, int64_t n, int64_t *y, int64_t *x) {
    *y = n % 2 * (H - *(const int64_t *)user);
    *x = n / 2 * (W - *(const int64_t *)user);
}

/* Does the network run on rectangles of this size at all? */
static int is_worth_while(const tiny *t, int64_t window) {
    gcam__region *region = NULL;
    gcam_session *base = NULL;
    ck_assert_int_eq(gcam_session_create_network(&base, t->network, NULL), GCAM_OK);
    int end = gcam_network_find(t->network, "fc"), found;
    ck_assert_int_eq(gcam__region_create(&region, base, end, (int64_t[]){window, window}, 4, at_corner, &window),
                     GCAM_OK);
    found = region != NULL;
    gcam__region_free(region);
    gcam_session_free(base);
    return found;
}

START_TEST(rectangles_give_what_whole_passes_give) {
    static const int64_t windows[][2] = {{1, 7}, {5, 3}, {8, 8}, {13, 5}, {30, 4}, {50, 1}};
    int rectangles = 0;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        tiny t;
        windowed(&t, 1 + _i % 2, _i < 2 ? 1 : 4);
        rectangles += is_worth_while(&t, windows[i][0]);
        gcam_explain_options options = {.window = windows[i][0], .stride = windows[i][1]};
        gcam_explanation *e = ask_one(&t, "occlusion", NULL, 0, options);
        double *whole = by_whole_passes(&t, windows[i][0], windows[i][1]), most = 0;
        for (int64_t k = 0; k < H * W; k++) most = fmax(most, fabs(whole[k]));
        for (int64_t k = 0; k < H * W; k++) ck_assert_double_eq_tol(values(e)[k], whole[k], 1e-5 * fmax(most, 1));
        free(whole);
        gcam_explanation_free(e);
        tiny_free(&t);
    }
    ck_assert_int_ge(rectangles, 3);
}
END_TEST

Suite *region_suite(void);
Suite *region_suite(void) {
    Suite *suite = suite_create("region");
    TCase *tcase = tcase_create("region");
    tcase_add_loop_test(tcase, rectangles_give_what_whole_passes_give, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}
