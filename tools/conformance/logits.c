/* Runs a model on a float input, for tools/conformance/exports.py. Public API only.
 *
 *   logits MODEL INPUT.npy OUT.npy [NAMES.txt FOLDER]
 *
 * writes the output, and for line I of NAMES the value of the layer that this name or alias finds to FOLDER/I.npy. Prints `arch ID`,
 * `target NAME` and one line `NAME OPERATION` a layer. */
#include <gradcam.h>

#include <stdio.h>
#include <string.h>

enum { MOST = 8192 };

typedef struct wish {
    int line, layer;
} wish;

/* The layers that the file names, by line; names that find none are left out. */
static size_t read_wishes(const gcam_network *network, const char *path, wish *list) {
    FILE *file = fopen(path, "r");
    char name[512];
    size_t count = 0;
    for (int line = 0; file && count < MOST && fgets(name, sizeof name, file); line++) {
        name[strcspn(name, "\n")] = 0;
        int layer = gcam_network_find(network, name);
        if (layer >= 0) list[count++] = (wish){line, layer};
    }
    if (file) fclose(file);
    return count;
}

static gcam_status save_wishes(const gcam_session *s, const wish *list, size_t count, const char *folder) {
    char path[1024];
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%d.npy", folder, list[i].line);
        gcam_status status = gcam_npy_save(path, gcam_session_activation(s, list[i].layer));
        if (status != GCAM_OK) return status;
    }
    return GCAM_OK;
}

static gcam_status run(const gcam_model *model, char **argument, int count) {
    static wish wishes[MOST];
    gcam_tensor *x = NULL;
    gcam_session *s = NULL;
    size_t wanted = count > 3 ? read_wishes(gcam_model_network(model), argument[3], wishes) : 0;
    gcam_status status = gcam_npy_load(&x, argument[1]);
    if (status == GCAM_OK) {
        const int64_t *dim = x->shape.dim;
        gcam_session_options options = {
            .struct_size = sizeof options, .batch = dim[0], .height = dim[2], .width = dim[3], .threads = 1};
        status = gcam_session_create(&s, model, &options);
    }
    for (size_t i = 0; i < wanted && status == GCAM_OK; i++)
        status = gcam_session_watch(s, wishes[i].layer, GCAM_WATCH_ACTIVATION);
    if (status == GCAM_OK) status = gcam_session_forward(s, x);
    if (status == GCAM_OK) status = gcam_npy_save(argument[2], gcam_session_output(s));
    if (status == GCAM_OK) status = save_wishes(s, wishes, wanted, argument[4]);
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
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: logits MODEL INPUT.npy OUT.npy [NAMES.txt FOLDER]\n");
        return 2;
    }
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (status == GCAM_OK) status = run(model, argv + 1, argc - 1);
    if (status == GCAM_OK) {
        printf("arch %s\n", gcam_model_arch(model));
        print_layers(gcam_model_network(model));
    } else
        fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_model_free(model);
    return status != GCAM_OK;
}
