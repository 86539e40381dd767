/* gradcam inspect: what a model is made of. Of a checkpoint that no known architecture fits, its tensors. */
#include "json_out.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

long long count_parameters(const gcam_network *network) {
    long long sum = 0;
    gcam_layer_info info;
    for (int i = 0; gcam_network_layer(network, i, &info) == GCAM_OK; i++) sum += info.parameters;
    return sum;
}

static long long count_multiplies(const gcam_network *network) {
    long long sum = 0;
    gcam_layer_info info;
    for (int i = 0; gcam_network_layer(network, i, &info) == GCAM_OK; i++) sum += info.multiplies;
    return sum;
}

/* "64x55x55": the dimensions from `first` on. */
static const char *shape_text(const gcam_shape *shape, int first, char *text, size_t size) {
    size_t at = 0;
    text[0] = '\0';
    for (int i = first; i < shape->rank && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%lld", i > first ? "x" : "", (long long)shape->dim[i]);
    return shape->rank <= first ? "scalar" : text;
}

/* ---- a model ------------------------------------------------------------------------------------------------------------- */

/* Bytes that one forward pass plans for activations: known after a pass, so one is made with an input of zeros. */
static int measure_forward(engine *e, size_t *planned, gcam_shape *input) {
    gcam_tensor *zeros = NULL;
    *input = gcam_session_input_shape(e->session);
    if (gcam_tensor_create(&zeros, input)) return fail_library();
    gcam_status status = gcam_session_forward(e->session, zeros);
    gcam_tensor_free(zeros);
    *planned = gcam_session_planned_bytes(e->session);
    return status ? fail_library() : EXIT_DONE;
}

static const char *layer_name(const gcam_network *network, int index) {
    gcam_layer_info info;
    return index >= 0 && gcam_network_layer(network, index, &info) == GCAM_OK ? info.name : NULL;
}

static void print_model(const engine *e, const settings *s, const gcam_shape *input, size_t planned) {
    const gcam_network *network = gcam_model_network(e->model);
    const gcam_preprocess *p = gcam_model_preprocess(e->model);
    const char *target = engine_layer(e);
    long long parameters = count_parameters(network);
    char text[160], a[32], b[32];
    printf("%s: %s\n\n", engine_model_name(s), gcam_model_arch(e->model));
    printf("  input       %s, %s\n", shape_text(input, 1, text, sizeof text),
           p->fit == GCAM_FIT_CROP ? "short side resized, centre cropped" : "the whole photo, squashed");
    printf("  values      (pixel x %.4g - mean) / std, mean %.4g %.4g %.4g, std %.4g %.4g %.4g, %s\n", (double)p->scale,
           (double)p->mean[0], (double)p->mean[1], (double)p->mean[2], (double)p->std[0], (double)p->std[1],
           (double)p->std[2], p->bgr ? "blue first" : "red first");
    printf("  classes     %d, %s ... %s\n", gcam_model_class_count(e->model), gcam_model_label(e->model, 0),
           gcam_model_label(e->model, gcam_model_class_count(e->model) - 1));
    printf("  parameters  %s, %s as float32\n", count_text(parameters, a), bytes_text(4.0 * (double)parameters, b));
    printf("  forward     %s multiply-adds, %s of activations at once\n", count_text(count_multiplies(network), a),
           bytes_text((double)planned, b));
    printf("  explained   %s by default; any layer with more than one cell can be named with --layer\n\n",
           target ? target : "no layer");
}

static void print_layers(const gcam_network *network) {
    gcam_layer_info info;
    int target = gcam_network_target(network);
    int widest = 5;
    for (int i = 0; gcam_network_layer(network, i, &info) == GCAM_OK; i++) {
        int width = (int)strlen(info.name);
        if (width > widest) widest = width;
    }
    printf("  %-*s  %-18s %-14s %13s %15s\n", widest, "layer", "operation", "output", "parameters", "multiply-adds");
    for (int i = 0; gcam_network_layer(network, i, &info) == GCAM_OK; i++) {
        char shape[160], a[32], b[32];
        printf("%c %-*s  %-18s %-14s %13s %15s\n", i == target ? '*' : ' ', widest, info.name, info.op,
               shape_text(&info.shape, 1, shape, sizeof shape), info.parameters ? count_text(info.parameters, a) : "",
               info.multiplies ? count_text(info.multiplies, b) : "");
    }
}

static void json_shape(json_out *j, const char *key, const gcam_shape *shape) {
    json_row(j, key);
    for (int i = 0; i < shape->rank; i++) json_integer(j, NULL, shape->dim[i]);
    json_end(j);
}

static void json_layers(json_out *j, const gcam_network *network) {
    gcam_layer_info info;
    json_array(j, "layers");
    for (int i = 0; gcam_network_layer(network, i, &info) == GCAM_OK; i++) {
        json_object(j, NULL);
        json_text(j, "name", info.name);
        json_text(j, "op", info.op);
        json_row(j, "inputs");
        for (int k = 0; k < info.input_count; k++) json_text(j, NULL, layer_name(network, info.inputs[k]));
        json_end(j);
        json_shape(j, "output", &info.shape);
        json_integer(j, "parameters", info.parameters);
        json_integer(j, "multiplies", info.multiplies);
        json_end(j);
    }
    json_end(j);
}

static void model_json(const engine *e, const settings *s, const gcam_shape *input, size_t planned) {
    const gcam_network *network = gcam_model_network(e->model);
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_text(&j, "file", engine_model_name(s));
    json_text(&j, "arch", gcam_model_arch(e->model));
    json_shape(&j, "input", input);
    json_integer(&j, "classes", gcam_model_class_count(e->model));
    json_integer(&j, "parameters", count_parameters(network));
    json_integer(&j, "multiplies", count_multiplies(network));
    json_integer(&j, "activation_bytes", (long long)planned);
    json_text(&j, "layer", engine_layer(e));
    json_layers(&j, network);
    json_end(&j);
}

/* ---- a checkpoint of which no model can be made ---------------------------------------------------------------------------- */

static void tensors_json(const gcam_tensor_table *table, const settings *s, const char *why) {
    json_out j = {.file = stdout};
    json_object(&j, NULL);
    json_text(&j, "file", s->files[0]);
    json_text(&j, "format", gcam_tensor_table_format(table));
    json_text(&j, "why", why);
    json_array(&j, "tensors");
    for (size_t i = 0; i < gcam_tensor_table_count(table); i++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_at(table, i);
        json_object(&j, NULL);
        json_text(&j, "name", entry->name);
        json_text(&j, "dtype", gcam_dtype_name(entry->dtype));
        json_shape(&j, "shape", &entry->shape);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static void print_tensors(const gcam_tensor_table *table, const settings *s, const char *why) {
    char text[160], a[32];
    long long values = 0;
    printf("%s: %s, %zu tensors\n", s->files[0], gcam_tensor_table_format(table), gcam_tensor_table_count(table));
    printf("No model could be made of it: %s\n\n", why);
    for (size_t i = 0; i < gcam_tensor_table_count(table); i++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_at(table, i);
        values += gcam_shape_count(&entry->shape);
        printf("  %-40s %-9s %s\n", entry->name, gcam_dtype_name(entry->dtype),
               shape_text(&entry->shape, 0, text, sizeof text));
    }
    printf("\n  %s values\n", count_text(values, a));
}

static int inspect_tensors(const settings *s) {
    char why[512];
    gcam_tensor_table *table = NULL;
    snprintf(why, sizeof why, "%s", gcam_last_error()->message);
    if (gcam_tensor_table_open(&table, s->files[0]))
        return fail("%s", why); /* an ONNX file, whose graph was refused, or no checkpoint at all */
    if (s->json)
        tensors_json(table, s, why);
    else if (!s->quiet)
        print_tensors(table, s, why);
    gcam_tensor_table_free(table);
    return EXIT_DONE;
}

int run_inspect(settings *s) {
    engine e;
    gcam_shape input = {0};
    size_t planned = 0;
    int unbuildable = 0;
    int code = engine_try(&e, s, &unbuildable);
    if (unbuildable) {
        code = inspect_tensors(s);
    } else if (code == EXIT_DONE) {
        code = measure_forward(&e, &planned, &input);
        progress_clear();
        if (code == EXIT_DONE && s->json) {
            model_json(&e, s, &input, planned);
        } else if (code == EXIT_DONE && !s->quiet) {
            print_model(&e, s, &input, planned);
            print_layers(gcam_model_network(e.model));
        }
    }
    engine_close(&e);
    return code;
}
