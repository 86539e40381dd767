/* 4. Hooks: look at every layer on the way forward and at a gradient on the way back; Grad-CAM made by hand from the two.
 *
 *     build/examples/hooks squeezenet1_1.pth cat_dog.jpg
 */
#include <gradcam.h>
#include <stdio.h>
#include <stdlib.h>

static gcam_status print_sparsity(const gcam_hook_event *event, void *user) {
    (void)user;
    int64_t count = gcam_shape_count(&event->value->shape), zeros = 0;
    for (int64_t i = 0; i < count; i++) zeros += event->value->data[i] == 0;
    printf("%-12s %-14s %5.1f %% zero\n", event->op, event->layer, 100.0 * (double)zeros / (double)count);
    return GCAM_OK; /* any error would end the pass with it, GCAM_ERR_CANCELED cleanly */
}

/* S = sum over k of (mean gradient of channel k) x (activation of channel k). */
static void print_map(const gcam_tensor *activation, const gcam_tensor *gradient) {
    int64_t channels = activation->shape.dim[1], rows = activation->shape.dim[2], columns = activation->shape.dim[3];
    int64_t cells = rows * columns;
    double most = 0, *map = calloc((size_t)cells, sizeof *map);
    for (int64_t k = 0; map && k < channels; k++) {
        double weight = 0;
        for (int64_t i = 0; i < cells; i++) weight += (double)gradient->data[k * cells + i] / (double)cells;
        for (int64_t i = 0; i < cells; i++) map[i] += weight * (double)activation->data[k * cells + i];
    }
    for (int64_t i = 0; map && i < cells; i++) most = map[i] > most ? map[i] : most;
    for (int64_t i = 0; map && i < cells; i++) {
        int level = most > 0 && map[i] > 0 ? (int)(9.0 * map[i] / most) : 0;
        printf("%c%s", " .:-=+*%@#"[level], i % columns == columns - 1 ? "\n" : " ");
    }
    free(map);
}

static gcam_status run(gcam_session *session, const gcam_model *model, const gcam_image *photo) {
    const gcam_network *network = gcam_session_network(session);
    gcam_shape input_shape = gcam_session_input_shape(session);
    int layer = gcam_network_target(network);
    gcam_tensor *input = NULL, *seed = NULL;
    gcam_prediction top = {0};
    gcam_hook_id hook;
    gcam_status status = gcam_hook_add(session, "*", GCAM_HOOK_FORWARD, print_sparsity, NULL, &hook);
    if (!status) status = gcam_session_watch(session, layer, GCAM_WATCH_ACTIVATION | GCAM_WATCH_GRADIENT);
    if (!status) status = gcam_tensor_create(&input, &input_shape);
    if (!status) status = gcam_preprocess_image(input, 0, photo, gcam_model_preprocess(model), NULL);
    if (!status) status = gcam_session_forward(session, input);
    if (!status) status = gcam_session_top(session, 0, &top, 1);
    if (!status) status = gcam_tensor_create(&seed, &gcam_session_output(session)->shape);
    if (!status) seed->data[top.class_index] = 1; /* d(score of the best class) / d(output) */
    if (!status) status = gcam_session_backward(session, seed, GCAM_RULE_GRADIENT);
    if (!status) printf("\nGrad-CAM of %s:\n", top.label);
    if (!status) print_map(gcam_session_activation(session, layer), gcam_session_gradient(session, layer));
    gcam_tensor_free(seed);
    gcam_tensor_free(input);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: hooks CHECKPOINT PHOTO\n"), 2;
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL;
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (!status) status = gcam_session_create(&session, model, NULL);
    if (!status) status = gcam_image_load(&photo, argv[2]);
    if (!status) status = run(session, model, photo);
    if (status) fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
    return status ? 1 : 0;
}
