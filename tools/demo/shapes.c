/* A network whose answer is known because its weights are set by hand, and a drawn picture to explain with it.
 *
 *   shapes DIR      writes DIR/shapes.png and DIR/shapes.safetensors
 *
 * The network has three classes: disc, upright stripes, level stripes. Its first convolution looks for brightness and for
 * edges in four directions; its second for surroundings that are bright and free of edges (a disc), or full of edges of one
 * kind and free of the other (stripes). The head averages each of the three maps, lets it speak for its own class and, half as
 * loud, against the other two: so the counterfactual map of "disc" must lie on the stripes. */
#include "shapes.h"

#include <gradcam.h>
#include <math.h>
#include <stdio.h>

enum { SIDE = 112, FIRST = 5, PARTS = 3, REACH = 9 };
enum { BRIGHT, RISE_X, FALL_X, RISE_Y, FALL_Y };

/* ---- the picture -------------------------------------------------------------------------------------------------------- */

/* How much of a pixel is covered, from its distance inside a border: a ramp one pixel wide. */
static double cover(double inside) {
    return inside > 0.5 ? 1.0 : inside < -0.5 ? 0.0 : inside + 0.5;
}

static void paint(uint8_t *pixel, const double color[3], double share) {
    for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)lround(pixel[c] * (1 - share) + 255 * color[c] * share);
}

static void draw_pixel(gcam_image *picture, int x, int y) {
    static const double ground[3] = {0.16, 0.20, 0.30}, disc[3] = {0.98, 0.90, 0.62}, stripe[3] = {0.50, 0.72, 0.72};
    uint8_t *pixel = picture->pixels + 3 * ((size_t)y * PICTURE_WIDTH + (size_t)x);
    double shade[3], px = x + 0.5, py = y + 0.5;
    for (int c = 0; c < 3; c++) shade[c] = ground[c] * (0.7 + 0.6 * py / PICTURE_HEIGHT);
    paint(pixel, shade, 1);
    paint(pixel, disc, cover(DISC_RADIUS - hypot(px - DISC_X, py - DISC_Y)));
    if (y >= STRIPES_TOP && y < STRIPES_BOTTOM && x >= STRIPES_LEFT && x < STRIPES_RIGHT) {
        double phase = fmod(px - STRIPES_LEFT, STRIPES_PERIOD);
        paint(pixel, stripe, cover(STRIPES_PERIOD / 4.0 - fabs(phase - STRIPES_PERIOD / 2.0)));
    }
}

static gcam_status draw(const char *path) {
    gcam_image *picture = NULL;
    gcam_status status = gcam_image_create(&picture, PICTURE_WIDTH, PICTURE_HEIGHT);
    for (int y = 0; !status && y < PICTURE_HEIGHT; y++) {
        for (int x = 0; x < PICTURE_WIDTH; x++) draw_pixel(picture, x, y);
    }
    if (!status) status = gcam_image_save(picture, path);
    gcam_image_free(picture);
    return status;
}

/* ---- the weights --------------------------------------------------------------------------------------------------------- */

/* 5 x 3 x 3 x 3: brightness over 0.6, and the Sobel operator to the right, left, down and up. */
static gcam_status add_first(gcam_tensor_table *table) {
    static const float smooth[3] = {0.25f, 0.5f, 0.25f}, step[3] = {-1, 0, 1};
    float weight[FIRST][3][3][3] = {0}, bias[FIRST] = {-0.6f};
    for (int c = 0; c < 3; c++) {
        for (int r = 0; r < 3; r++) {
            for (int s = 0; s < 3; s++) {
                float across = smooth[r] * step[s] / 3, down = step[r] * smooth[s] / 3;
                weight[BRIGHT][c][r][s] = smooth[r] * smooth[s] / 3;
                weight[RISE_X][c][r][s] = across;
                weight[FALL_X][c][r][s] = -across;
                weight[RISE_Y][c][r][s] = down;
                weight[FALL_Y][c][r][s] = -down;
            }
        }
    }
    gcam_shape shape = gcam_shape_nchw(FIRST, 3, 3, 3), row = {1, {FIRST}};
    gcam_status status = gcam_tensor_table_add(table, "edges.weight", &shape, &weight[0][0][0][0]);
    return status ? status : gcam_tensor_table_add(table, "edges.bias", &row, bias);
}

/* 3 x 5 x 9 x 9: each part is a weighted sum of the first maps' means over 9 x 9 cells. */
static gcam_status add_parts(gcam_tensor_table *table) {
    static const float mix[PARTS][FIRST] = {{4, -2, -2, -2, -2}, {0, 4, 4, -6, -6}, {0, -6, -6, 4, 4}};
    static const float bias[PARTS] = {-0.1f, -0.2f, -0.2f};
    float weight[PARTS][FIRST][REACH * REACH];
    for (int k = 0; k < PARTS; k++) {
        for (int c = 0; c < FIRST; c++) {
            for (int i = 0; i < REACH * REACH; i++) weight[k][c][i] = mix[k][c] / (REACH * REACH);
        }
    }
    gcam_shape shape = gcam_shape_nchw(PARTS, FIRST, REACH, REACH), row = {1, {PARTS}};
    gcam_status status = gcam_tensor_table_add(table, "parts.weight", &shape, &weight[0][0][0]);
    return status ? status : gcam_tensor_table_add(table, "parts.bias", &row, bias);
}

/* 3 x 3: for its own class 40, against the others 20. */
static gcam_status add_head(gcam_tensor_table *table) {
    static const float weight[PARTS][PARTS] = {{40, -20, -20}, {-20, 40, -20}, {-20, -20, 40}}, bias[PARTS] = {0};
    gcam_shape shape = {2, {PARTS, PARTS}}, row = {1, {PARTS}};
    gcam_status status = gcam_tensor_table_add(table, "head.weight", &shape, &weight[0][0]);
    return status ? status : gcam_tensor_table_add(table, "head.bias", &row, bias);
}

/* ---- the network ---------------------------------------------------------------------------------------------------------- */

static gcam_status build(gcam_network **out, const gcam_tensor_table *weights) {
    gcam_builder *b = NULL;
    gcam_status status = gcam_builder_create(&b);
    if (status) return status;
    gcam_node x = gcam_input(b, "image", 3, SIDE, SIDE);
    x = gcam_conv2d(b, "edges", x, &(gcam_conv2d_params){.out = FIRST, .kernel = {3, 3}, .pad = {1, 1}});
    x = gcam_relu(b, "edges_relu", x);
    x = gcam_avg_pool(b, "halve", x, &(gcam_pool_params){.kernel = {2, 2}});
    x = gcam_conv2d(b, "parts", x,
                    &(gcam_conv2d_params){.out = PARTS, .kernel = {REACH, REACH}, .pad = {REACH / 2, REACH / 2}});
    x = gcam_relu(b, "parts_relu", x);
    gcam_target_layer(b, x);
    x = gcam_flatten(b, "flat", gcam_global_avg_pool(b, "mean", x));
    gcam_linear(b, "head", x, &(gcam_linear_params){.out = PARTS});
    return gcam_builder_finish(out, b, weights);
}

static gcam_status save_model(const gcam_tensor_table *weights, const char *path) {
    static const char *const labels[PARTS] = {"disc", "upright stripes", "level stripes"};
    gcam_network *network = NULL;
    gcam_model *model = NULL;
    gcam_preprocess preprocess;
    gcam_status status = gcam_preprocess_preset(&preprocess, "unit");
    preprocess.resize = preprocess.height = preprocess.width = SIDE;
    gcam_model_options options = {
        .struct_size = sizeof options, .labels = labels, .label_count = PARTS, .preprocess = &preprocess};
    if (!status) status = build(&network, weights);
    if (status) return status;
    status = gcam_model_from_network(&model, network, &options);
    if (status) gcam_network_free(network);
    if (!status) status = gcam_model_save(model, path, GCAM_DTYPE_F32);
    gcam_model_free(model);
    return status;
}

int main(int argc, char **argv) {
    char picture[1024], model[1024];
    gcam_tensor_table *weights = NULL;
    if (argc != 2) return fprintf(stderr, "usage: shapes DIR\n"), 2;
    snprintf(picture, sizeof picture, "%s/shapes.png", argv[1]);
    snprintf(model, sizeof model, "%s/shapes.safetensors", argv[1]);
    gcam_status status = gcam_tensor_table_create(&weights);
    if (!status) status = add_first(weights);
    if (!status) status = add_parts(weights);
    if (!status) status = add_head(weights);
    if (!status) status = save_model(weights, model);
    if (!status) status = draw(picture);
    gcam_tensor_table_free(weights);
    if (status) return fprintf(stderr, "shapes: %s\n", gcam_last_error()->message), 1;
    return 0;
}
