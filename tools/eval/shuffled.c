/* The control of an explanation: the same network with weights that know nothing (Adebayo et al. 2018). The values of each weight
 * are shuffled, so that their distribution stays and what was learnt goes; biases and statistics of batch norm stay. */
#include "eval.h"

#include <stdlib.h>

uint64_t chance_next(chance *c) {
    uint64_t z = c->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t chance_below(chance *c, size_t limit) {
    return (size_t)(chance_next(c) % limit);
}

static void shuffle(float *values, size_t count, chance *c) {
    for (size_t i = count; i > 1; i--) {
        size_t other = chance_below(c, i);
        float kept = values[i - 1];
        values[i - 1] = values[other];
        values[other] = kept;
    }
}

/* Copies the file's tensors into the table, shuffling weights. */
static gcam_status copy_tensors(gcam_tensor_table *to, const gcam_tensor_table *from, chance *c) {
    gcam_status status = GCAM_OK;
    for (size_t i = 0; i < gcam_tensor_table_count(from) && !status; i++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_at(from, i);
        int64_t count = gcam_shape_count(&entry->shape);
        float *values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values);
        if (!values) return GCAM_ERR_NOMEM;
        gcam_tensor_entry_read(entry, values);
        if (entry->shape.rank > 1) shuffle(values, (size_t)count, c);
        status = gcam_tensor_table_add(to, entry->name, &entry->shape, values);
        free(values);
    }
    return status;
}

int shuffled_model_make(shuffled_model *out, const gcam_model *model, const char *path, uint64_t seed) {
    gcam_tensor_table *file = NULL;
    gcam_network *network = NULL;
    char *graph = NULL;
    chance c = {seed};
    gcam_model_options options = {.struct_size = sizeof options, .preprocess = gcam_model_preprocess(model)};
    *out = (shuffled_model){0};
    gcam_status status = gcam_tensor_table_open(&file, path);
    if (!status) status = gcam_tensor_table_create(&out->weights);
    if (!status) status = copy_tensors(out->weights, file, &c);
    if (!status) status = gcam_network_to_text(&graph, gcam_model_network(model));
    if (!status) status = gcam_network_from_text(&network, graph, out->weights);
    if (!status) status = gcam_model_from_network(&out->model, network, &options);
    if (status) gcam_network_free(out->model ? NULL : network);
    gcam_text_free(graph);
    gcam_tensor_table_free(file);
    return status ? eval_fail_library() : 0;
}

void shuffled_model_free(shuffled_model *m) {
    gcam_model_free(m->model);
    gcam_tensor_table_free(m->weights);
    *m = (shuffled_model){0};
}
