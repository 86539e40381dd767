/* Loading: tensors from a file, a network from graph text or from the zoo, then what the network itself does not say: labels and
 * preprocessing. What the caller gives overrules what the file says, which overrules what the architecture implies. */
#include "model/model.h"

#include "core/memory.h"
#include "core/options.h"
#include "core/status.h"
#include "graph/network.h"
#include "io/tensor_table.h"
#include "model/onnx/import.h"
#include "model/preprocess.h"
#include "model/zoo/zoo.h"

#include <string.h>

void gcam_model_options_defaults(gcam_model_options *options) {
    *options = (gcam_model_options){.struct_size = sizeof *options};
}

/* Text of a key of the weights' file; NULL where there is none. */
static const char *file_says(const gcam_model *model, const char *key) {
    return model->weights == NULL ? NULL : gcam_tensor_table_metadata(model->weights, key);
}

/* 1 where the weights' file is one that gcam_model_save() wrote. */
static int is_model_file(const gcam_model *model) {
    const char *format = file_says(model, GCAM__KEY_FORMAT);
    return format != NULL && strcmp(format, GCAM__FORMAT) == 0;
}

static int is_onnx(const gcam_model *model) {
    return model->weights != NULL && strcmp(gcam_tensor_table_format(model->weights), "onnx") == 0;
}

/* ---- labels and preprocessing --------------------------------------------------------------------------------------------- */

/* Outputs of the network per image. */
static int count_classes(const gcam_network *network) {
    return (int)gcam_shape_count(&network->nodes[network->output].shape);
}

static gcam_status find_labels(gcam_model *model, const gcam_model_options *options) {
    int classes = count_classes(model->network);
    const char *lines = options->graph == NULL ? file_says(model, GCAM__KEY_LABELS) : NULL;
    const gcam__arch *arch = gcam__arch_find(model->arch);
    if (options->labels != NULL)
        return gcam__labels_copy(&model->labels, options->labels, options->label_count, classes);
    if (lines != NULL) return gcam__labels_read(&model->labels, lines, classes);
    if (arch != NULL && arch->family->labels != NULL && arch->family->label_count == classes)
        return gcam__labels_copy(&model->labels, arch->family->labels, (size_t)classes, classes);
    if (classes == GCAM__IMAGENET_CLASSES)
        return gcam__labels_copy(&model->labels, gcam__imagenet_labels, GCAM__IMAGENET_CLASSES, classes);
    return gcam__labels_numbered(&model->labels, classes);
}

static gcam_status find_preprocess(gcam_model *model, const gcam_model_options *options) {
    gcam_preprocess *how = &model->preprocess;
    const gcam__arch *arch = gcam__arch_find(model->arch);
    const char *line = options->graph == NULL ? file_says(model, GCAM__KEY_PREPROCESS) : NULL;
    const gcam_shape *input = &model->network->nodes[model->network->input].shape;
    if (options->preprocess == NULL && line != NULL) return gcam__preprocess_read(how, line);
    if (options->preprocess == NULL && arch != NULL) {
        GCAM_TRY(gcam_preprocess_preset(how, gcam__zoo_preprocess(arch, model->path)));
        int fits = input->rank != 4 || (input->dim[2] == how->height && input->dim[3] == how->width);
        if (fits || !is_onnx(model)) return GCAM_OK;
        return gcam__preprocess_for_size(how, (int)input->dim[2], (int)input->dim[3], how); /* as it was exported */
    }
    if (options->preprocess == NULL && is_onnx(model) && input->rank == 4 && input->dim[1] == 3) {
        /* the file does not say; what torchvision's networks want, scaled to the input size, is by far the commonest */
        gcam_preprocess usual;
        GCAM_TRY(gcam_preprocess_preset(&usual, "torchvision"));
        return gcam__preprocess_for_size(&usual, (int)input->dim[2], (int)input->dim[3], how);
    }
    if (options->preprocess != NULL) {
        *how = *options->preprocess;
    } else {
        GCAM_TRY(gcam_preprocess_preset(how, "unit"));
        how->resize = how->height = how->width = 0;
    }
    if (how->height == 0) how->height = (int)input->dim[2];
    if (how->width == 0) how->width = (int)input->dim[3];
    return GCAM_OK;
}

static gcam_status dress(gcam_model *model, const char *arch, const gcam_model_options *options) {
    model->arch = gcam__strdup(arch);
    if (model->arch == NULL) return GCAM_ERR_NOMEM;
    GCAM_TRY(find_labels(model, options));
    return find_preprocess(model, options);
}

/* ---- network and weights -------------------------------------------------------------------------------------------------- */

/* An imported graph whose weights have the names, or at least the shapes, of an architecture of the zoo gets that one's target layer, labels
 * and preprocessing, so that a checkpoint and its export are explained alike. */
static gcam_status recognise(gcam_model *model, const char **arch_id) {
    const gcam__arch *arch = NULL;
    int target;
    if (gcam__arch_detect(&arch, model->weights) != GCAM_OK) GCAM_TRY(gcam__arch_like(&arch, model->network));
    if (arch == NULL) return GCAM_OK;
    GCAM_TRY(gcam__arch_target(&target, arch, model->network));
    if (target < 0) return GCAM_OK;
    model->network->target = target;
    *arch_id = arch->info.id;
    return GCAM_OK;
}

/* The id is a row's own, or what the file says. */
static gcam_status make_network(gcam_model *model, const gcam_model_options *options, const char **arch_id) {
    const char *graph = is_model_file(model) ? file_says(model, GCAM__KEY_GRAPH) : NULL;
    *arch_id = "custom";
    if (is_onnx(model)) return recognise(model, arch_id); /* the graph came with the weights */
    if (options->graph != NULL) {
        if (gcam_network_from_text(&model->network, options->graph, model->weights) == GCAM_OK) return GCAM_OK;
        return gcam__fail_prefix("graph");
    }
    if (graph != NULL && options->arch == NULL) {
        if (file_says(model, GCAM__KEY_ARCH) != NULL) *arch_id = file_says(model, GCAM__KEY_ARCH);
        if (gcam_network_from_text(&model->network, graph, model->weights) == GCAM_OK) return GCAM_OK;
        return gcam__fail_prefix("graph");
    }
    const gcam__arch *arch = NULL;
    if (options->arch == NULL)
        GCAM_TRY(gcam__arch_detect(&arch, model->weights));
    else if ((arch = gcam__arch_find(options->arch)) == NULL)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "gcam_model_load", "there is no architecture \"%.80s\"", options->arch);
    *arch_id = arch->info.id;
    gcam_builder *builder;
    GCAM_TRY(gcam__arch_build(&builder, arch, model->weights));
    return gcam_builder_finish(&model->network, builder, model->weights);
}

static gcam_status fill(gcam_model *model, const gcam_model_options *options) {
    const char *arch;
    GCAM_TRY(make_network(model, options, &arch));
    model->network->forget = gcam__tensor_table_forget;
    model->network->forget_context = model->weights;
    return dress(model, arch, options);
}

/* Opens the weights, and with an ONNX file also the network. */
static gcam_status open_path(gcam_model *model, const char *path) {
    gcam__file file;
    GCAM_TRY(gcam__file_map(&file, path));
    if (!gcam__onnx_detect(file.data, file.size)) {
        gcam__file_unmap(&file);
        return gcam_tensor_table_open(&model->weights, path);
    }
    gcam_status status = gcam__onnx_import(&model->network, &model->weights, file, NULL);
    return status == GCAM_OK ? status : gcam__fail_prefix(path);
}

static gcam_status open_memory(gcam_model *model) {
    gcam__file file;
    GCAM_TRY(gcam__file_borrow(&file, model->data, model->size));
    if (gcam__onnx_detect(file.data, file.size)) return gcam__onnx_import(&model->network, &model->weights, file, NULL);
    return gcam_tensor_table_open_memory(&model->weights, model->data, model->size);
}

gcam_status gcam_model_load(gcam_model **out, const char *path, const gcam_model_options *options) {
    *out = NULL;
    if (path == NULL) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_model_load", "there is no path");
    gcam_model_options taken;
    gcam_model_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "gcam_model_load"));
    gcam_model *model = gcam__calloc(1, sizeof *model);
    if (model == NULL) return GCAM_ERR_NOMEM;
    model->path = gcam__strdup(path);
    gcam_status status = model->path == NULL ? GCAM_ERR_NOMEM : open_path(model, path);
    if (status == GCAM_OK) {
        status = fill(model, &taken);
        if (status != GCAM_OK) gcam__fail_prefix(path);
    }
    if (status == GCAM_OK)
        *out = model;
    else
        gcam_model_free(model);
    return status;
}

gcam_status gcam_model_load_memory(gcam_model **out, const void *data, size_t size, const gcam_model_options *options) {
    *out = NULL;
    gcam_model_options taken;
    gcam_model_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "gcam_model_load_memory"));
    gcam_model *model = gcam__calloc(1, sizeof *model);
    if (model == NULL) return GCAM_ERR_NOMEM;
    model->data = data;
    model->size = size;
    gcam_status status = open_memory(model);
    if (status == GCAM_OK) status = fill(model, &taken);
    if (status == GCAM_OK)
        *out = model;
    else
        gcam_model_free(model);
    return status;
}

gcam_status gcam_model_from_network(gcam_model **out, gcam_network *network, const gcam_model_options *options) {
    *out = NULL;
    if (network == NULL) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_model_from_network", "there is no network");
    gcam_model_options taken;
    gcam_model_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "gcam_model_from_network"));
    gcam_model *model = gcam__calloc(1, sizeof *model);
    if (model == NULL) return GCAM_ERR_NOMEM;
    model->network = network;
    gcam_status status = dress(model, taken.arch != NULL ? taken.arch : "custom", &taken);
    if (status == GCAM_OK) {
        *out = model;
        return GCAM_OK;
    }
    model->network = NULL; /* still the caller's */
    gcam_model_free(model);
    return status;
}

void gcam_model_free(gcam_model *model) {
    if (model == NULL) return;
    gcam_network_free(model->network);
    gcam_tensor_table_free(model->weights);
    gcam__labels_clear(&model->labels);
    gcam__free(model->arch);
    gcam__free(model->path);
    gcam__free(model);
}

/* ---- getters --------------------------------------------------------------------------------------------------------------- */

const gcam_network *gcam_model_network(const gcam_model *model) {
    return model->network;
}

const gcam_preprocess *gcam_model_preprocess(const gcam_model *model) {
    return &model->preprocess;
}

const char *gcam_model_arch(const gcam_model *model) {
    return model->arch;
}

int gcam_model_class_count(const gcam_model *model) {
    return model->labels.count;
}

const char *gcam_model_label(const gcam_model *model, int class_index) {
    return class_index >= 0 && class_index < model->labels.count ? model->labels.text[class_index] : NULL;
}

gcam_status gcam_model_find_class(const gcam_model *model, const char *text, int *class_index) {
    return gcam__labels_find(&model->labels, text, class_index);
}

const char *gcam_model_metadata(const gcam_model *model, const char *key) {
    const char *value = file_says(model, key);
    int is_source = strcmp(key, GCAM__KEY_SOURCE) == 0 && !is_model_file(model);
    if (value != NULL || model->path == NULL || !is_source) return value;
    const char *slash = strrchr(model->path, '/');
    return slash == NULL ? model->path : slash + 1;
}
