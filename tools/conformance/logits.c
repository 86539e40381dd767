/* Runs a model on a float input, for tools/conformance/exports.py. Public API only.
 *
 *   logits MODEL INPUT.npy OUT.npy     writes the output, and prints `target NAME` and one line `NAME OPERATION` a layer */
#include <gradcam.h>

#include <stdio.h>

static gcam_status run(const gcam_model *model, const char *input, const char *out) {
    gcam_tensor *x = NULL;
    gcam_session *s = NULL;
    gcam_status status = gcam_npy_load(&x, input);
    if (status == GCAM_OK) {
        const int64_t *dim = x->shape.dim;
        gcam_session_options options = {
            .struct_size = sizeof options, .batch = dim[0], .height = dim[2], .width = dim[3], .threads = 1};
        status = gcam_session_create(&s, model, &options);
    }
    if (status == GCAM_OK) status = gcam_session_forward(s, x);
    if (status == GCAM_OK) status = gcam_npy_save(out, gcam_session_output(s));
    gcam_session_free(s);
    gcam_tensor_free(x);
    return status;
}

static void print_layers(const gcam_network *network) {
    gcam_layer_info layer;
    if (gcam_network_layer(network, gcam_network_target(network), &layer) == GCAM_OK) printf("target %s\n", layer.name);
    for (int i = 0; i < gcam_network_layer_count(network); i++)
        if (gcam_network_layer(network, i, &layer) == GCAM_OK) printf("%s %s\n", layer.name, layer.op);
}

int main(int argc, char **argv) {
    gcam_model *model = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: logits MODEL INPUT.npy OUT.npy\n");
        return 2;
    }
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (status == GCAM_OK) status = run(model, argv[2], argv[3]);
    if (status == GCAM_OK)
        print_layers(gcam_model_network(model));
    else
        fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_model_free(model);
    return status != GCAM_OK;
}
