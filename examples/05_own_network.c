/* 5. A network of one's own: Tiny Darknet, layer by layer, with the weights of a checkpoint bound by name.
 *
 *     build/examples/own_network tiny_darknet.pth cat_dog.jpg why.png
 *
 * Errors of the builder's calls are sticky: the first one comes out at gcam_builder_finish(), so nothing is checked between.
 */
#include <gradcam.h>
#include <stdio.h>

/* Convolution without bias, batch norm, leaky ReLU: "conv3", "bn3", "act3". */
static gcam_node block(gcam_builder *b, gcam_node x, int number, int channels, int kernel) {
    char name[3][16];
    snprintf(name[0], sizeof name[0], "conv%d", number);
    snprintf(name[1], sizeof name[1], "bn%d", number);
    snprintf(name[2], sizeof name[2], "act%d", number);
    x = gcam_conv2d(b, name[0], x,
                    &(gcam_conv2d_params){
                        .out = channels, .kernel = {kernel, kernel}, .pad = {kernel / 2, kernel / 2}, .no_bias = 1});
    x = gcam_batchnorm(b, name[1], x, &(gcam_batchnorm_params){.eps = 1e-3});
    return gcam_leaky_relu(b, name[2], x, &(gcam_leaky_relu_params){.slope = 0.1});
}

static gcam_status build(gcam_network **network, const gcam_tensor_table *weights) {
    static const int channels[15] = {16, 32, 16, 128, 16, 128, 32, 256, 32, 256, 64, 512, 64, 512, 128};
    gcam_builder *b = NULL;
    gcam_status status = gcam_builder_create(&b);
    if (status) return status;
    gcam_node x = gcam_input(b, "image", 3, 224, 224);
    for (int i = 1; i <= 15; i++) {
        x = block(b, x, i, channels[i - 1], i <= 2 || i % 2 == 0 ? 3 : 1);
        if (i == 15) gcam_target_layer(b, x);
        if (i == 1 || i == 2 || i == 6 || i == 10) {
            char name[16];
            snprintf(name, sizeof name, "pool%d", i);
            x = gcam_max_pool(b, name, x, &(gcam_pool_params){.kernel = {2, 2}});
        }
    }
    x = gcam_conv2d(b, "conv16", x, &(gcam_conv2d_params){.out = 1000, .kernel = {1, 1}});
    gcam_flatten(b, "logits", gcam_global_avg_pool(b, "mean", x));
    return gcam_builder_finish(network, b, weights); /* frees the builder in any case */
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: own_network CHECKPOINT PHOTO PICTURE.png\n"), 2;
    gcam_tensor_table *weights = NULL; /* must outlive the network: the weights are used where they lie in the file */
    gcam_network *network = NULL;
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL, *picture = NULL;
    gcam_explanation *why = NULL;
    gcam_status status = gcam_tensor_table_open(&weights, argv[1]);
    if (!status) status = build(&network, weights);
    if (!status) status = gcam_model_from_network(&model, network, NULL); /* the model owns the network from here on */
    if (status) gcam_network_free(network);
    if (!status) status = gcam_session_create(&session, model, NULL);
    if (!status) status = gcam_image_load(&photo, argv[2]);
    if (!status) status = gcam_explain(&why, session, photo, NULL);
    if (!status) status = gcam_render_overlay(&picture, photo, why, NULL);
    if (!status) status = gcam_image_save(picture, argv[3]);
    if (!status) printf("%s %.3f\n", gcam_explanation_label(why), gcam_explanation_probability(why));
    if (status) fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_image_free(picture);
    gcam_explanation_free(why);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
    gcam_tensor_table_free(weights);
    return status ? 1 : 0;
}
