/* One model of the suite: imported, run on each data set, compared with what the suite expects.
 *
 * Inputs that are no floats are given as constants, floats as inputs of the network; then, where there are several, all but the first
 * are constants too, as weights are. A model without float inputs is reckoned at import altogether. */
#include "conformance/conformance.h"
#include "core/arena.h"
#include "io/tensor_table.h"
#include "model/onnx/import.h"

#include "gradcam.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 64, MAX_SETS = 16 };

typedef struct values {
    gcam_tensor_entry entry[MAX_VALUES];
    size_t count;
} values;

typedef struct job {
    gcam__file file;
    gcam__arena arena;
    gcam__onnx_model *model;
    values inputs, expected;
    result *out;
} job;

static void say(job *j, verdict v, const char *sentence) {
    j->out->verdict = v;
    snprintf(j->out->reason, sizeof j->out->reason, "%.500s", sentence);
}

/* 1 where an expected value is NaN or infinite, or is a number that float32 cannot hold, or such a number goes in. */
static int beyond_floats(const values *list) {
    for (size_t i = 0; i < list->count; i++)
        for (int64_t k = 0; k < gcam_shape_count(&list->entry[i].shape); k++)
            if (!(fabs(gcam__onnx_number_at(&list->entry[i], k)) <= FLT_MAX)) return 1;
    return 0;
}

/* UNSUPPORTED and LIMIT are what an honest refusal may be; anything else is a failure, for the suite's models are all valid. */
static void say_status(job *j, gcam_status status) {
    int refused = status == GCAM_ERR_UNSUPPORTED || status == GCAM_ERR_LIMIT;
    /* the library ends a pass whose numbers are no numbers; where the answer has none either, that is as it should be */
    if (status == GCAM_ERR_NUMERIC) refused = beyond_floats(&j->inputs) || beyond_floats(&j->expected);
    say(j, refused ? UNSUPPORTED : FAILED, gcam_last_error()->message);
}

/* ---- data ------------------------------------------------------------------------------------------------------------------- */

static int is_float(const gcam_tensor_entry *entry) {
    return entry->dtype == GCAM_DTYPE_F32 || entry->dtype == GCAM_DTYPE_F64 || entry->dtype == GCAM_DTYPE_F16
           || entry->dtype == GCAM_DTYPE_BF16;
}

/* FOLDER/test_data_set_N/KIND_0.pb, _1, ... into `list`; a file that is not there ends it. */
static gcam_status read_values(job *j, const char *folder, int set, const char *kind, values *list) {
    list->count = 0;
    for (int i = 0; i < MAX_VALUES; i++) {
        char path[600];
        gcam__file file;
        snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%d.pb", folder, set, kind, i);
        FILE *probe = fopen(path, "rb");
        if (!probe) return GCAM_OK;
        fclose(probe);
        gcam_status status = gcam__file_map(&file, path);
        if (status != GCAM_OK) return status;
        uint8_t *copy = gcam__arena_alloc(&j->arena, file.size); /* entries point into it */
        if (copy) memcpy(copy, file.data, file.size);
        gcam__file held = {copy, file.size, 0};
        gcam__file_unmap(&file);
        if (!copy) return GCAM_ERR_NOMEM;
        status = gcam__onnx_read_tensor(&list->entry[list->count], &held, &j->arena);
        if (status != GCAM_OK) return status;
        list->count++;
    }
    return GCAM_OK;
}

/* Data sets name their tensors; older ones are in the order of the graph's inputs. */
static void name_inputs(job *j) {
    size_t at = 0;
    for (size_t i = 0; i < j->model->input_count && at < j->inputs.count; i++) {
        const char *name = j->model->inputs[i].name;
        int stored = 0;
        for (size_t k = 0; k < j->model->initializer_count; k++)
            stored |= strcmp(j->model->initializers[k].name, name) == 0;
        if (!stored) j->inputs.entry[at++].name = name;
    }
}

/* ---- comparing ---------------------------------------------------------------------------------------------------------------- */

/* Shapes without the ones: a scalar is a list of one here. */
static int same_shape(const gcam_shape *a, const gcam_shape *b) {
    if (gcam_shape_count(a) == 1 && gcam_shape_count(b) == 1 && (a->rank == 0 || b->rank == 0)) return 1;
    return gcam_shape_equal(a, b);
}

static int same_value(double x, double y, double relative, double absolute) {
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    if (isinf(x) || isinf(y)) return x == y;
    return fabs(x - y) <= absolute + relative * fabs(y);
}

/* The suite's own tolerance is rtol 1e-3, atol 1e-7; the tighter one is 1e-5 of the largest value. */
static void compare(job *j, size_t index, const gcam_tensor_entry *got) {
    const gcam_shape *shape = &got->shape;
    const gcam_tensor_entry *want = &j->expected.entry[index];
    char text[300];
    if (!same_shape(shape, &want->shape)) {
        snprintf(text, sizeof text, "output %zu has rank %d and %lld elements, expected rank %d and %lld", index,
                 shape->rank, (long long)gcam_shape_count(shape), want->shape.rank,
                 (long long)gcam_shape_count(&want->shape));
        say(j, FAILED, text);
        return;
    }
    double largest = 0;
    int64_t count = gcam_shape_count(shape);
    for (int64_t i = 0; i < count; i++) {
        double y = gcam__onnx_number_at(want, i);
        if (isfinite(y)) largest = fmax(largest, fabs(y));
    }
    for (int64_t i = 0; i < count; i++) {
        double x = gcam__onnx_number_at(got, i), y = gcam__onnx_number_at(want, i);
        if (!same_value(x, y, 1e-5, 1e-5 * largest)) j->out->is_close = 0;
        if (isfinite(x) && isfinite(y) && largest >= FLT_MIN)
            j->out->error = fmax(j->out->error, fabs(x - y) / largest);
        if (same_value(x, y, 1e-3, 1e-7)) continue;
        snprintf(text, sizeof text, "output %zu, element %lld of %lld: %.9g, expected %.9g", index, (long long)i,
                 (long long)count, x, y);
        say(j, FAILED, text);
        return;
    }
}

/* ---- one attempt -------------------------------------------------------------------------------------------------------------- */

/* The network's inputs by name, as tensors. */
static gcam_status forward(job *j, gcam_session *s, const gcam_network *network) {
    gcam_tensor *x[MAX_VALUES] = {NULL};
    int count = gcam_network_input_count(network), made = 0;
    gcam_status status = GCAM_OK;
    size_t declared = 0;
    for (; made < count && made < MAX_VALUES && status == GCAM_OK; made++) {
        const gcam_tensor_entry *entry = NULL;
        gcam_layer_info layer;
        if (gcam_network_layer(network, gcam_network_input_at(network, made), &layer) != GCAM_OK) break;
        while (!entry && declared < j->inputs.count) { /* in the graph's order */
            entry = &j->inputs.entry[declared++];
            if (strcmp(entry->name, layer.name) != 0) entry = NULL;
        }
        if (!entry) break;
        status = gcam_tensor_create(&x[made], entry->shape.rank ? &entry->shape : &layer.shape);
        if (status == GCAM_OK) gcam_tensor_entry_read(entry, x[made]->data);
    }
    if (status == GCAM_OK && made < count) say(j, FAILED, "the data set has no value for an input");
    if (status == GCAM_OK && made == count)
        status = gcam_session_forward_inputs(s, (const gcam_tensor *const *)x, count);
    for (int i = 0; i < count && i < MAX_VALUES; i++) gcam_tensor_free(x[i]);
    return status;
}

static void judge(job *j, const gcam_network *network, const gcam_tensor_entry *constants) {
    gcam_session *s = NULL;
    gcam_session_options options = {.struct_size = sizeof options, .threads = 1};
    gcam_status status = network ? gcam_session_create_network(&s, network, &options) : GCAM_OK;
    j->out->verdict = PASSED;
    j->out->reason[0] = 0;
    if (status == GCAM_OK && s) status = forward(j, s, network);
    if (status != GCAM_OK) say_status(j, status);
    int made = 0; /* outputs of layers so far */
    for (size_t i = 0; i < j->expected.count && j->out->verdict == PASSED; i++) {
        if (constants[i].data)
            compare(j, i, &constants[i]);
        else {
            const gcam_tensor *y = gcam_session_output_at(s, made++);
            if (!y) {
                say(j, FAILED, "an output is missing");
                continue;
            }
            gcam_tensor_entry got = {.name = "", .dtype = GCAM_DTYPE_F32, .shape = y->shape, .data = y->data};
            gcam__dense_strides(&y->shape, got.stride);
            compare(j, i, &got);
        }
    }
    gcam_session_free(s);
}

/* Floats from number `fixed_from` on are constants. */
static void attempt(job *j, size_t fixed_from) {
    gcam_tensor_entry known[MAX_VALUES], constants[MAX_VALUES] = {{0}};
    size_t known_count = 0, floats = 0;
    for (size_t i = 0; i < j->inputs.count; i++)
        if (!is_float(&j->inputs.entry[i]) || floats++ >= fixed_from) known[known_count++] = j->inputs.entry[i];
    gcam__onnx_options options = {known, known_count, .keep_batch = 1, .constants = constants,
                                  .constant_room = MAX_VALUES};
    gcam_network *network;
    gcam_tensor_table *weights;
    gcam_status status = gcam__onnx_import(&network, &weights, j->file, &options);
    if (status != GCAM_OK) {
        say_status(j, status);
        return;
    }
    judge(j, network, constants);
    gcam_network_free(network);
    gcam_tensor_table_free(weights);
}

/* All floats as inputs, and where there are several also the first one alone: neither may fail, and one has to pass. */
static void attempt_both(job *j) {
    size_t floats = 0;
    for (size_t i = 0; i < j->inputs.count; i++) floats += (size_t)is_float(&j->inputs.entry[i]);
    attempt(j, MAX_VALUES);
    if (floats < 2 || j->out->verdict == FAILED) return;
    verdict first = j->out->verdict;
    attempt(j, 1);
    if (first == PASSED && j->out->verdict == UNSUPPORTED) say(j, PASSED, "");
}

/* ---- a model ------------------------------------------------------------------------------------------------------------------ */

static void describe(job *j) {
    const gcam__onnx_model *m = j->model;
    snprintf(j->out->op, sizeof j->out->op, "%.60s", m->node_count == 1 ? m->nodes[0].op : "several nodes");
    j->out->is_listed = 1;
    for (size_t i = 0; i < m->node_count; i++) {
        const gcam__onnx_op *op = gcam__onnx_op_find(m->nodes[i].op);
        j->out->is_listed &= op != NULL && (op->info.makes_layers || m->node_count > 1);
    }
    j->out->is_float = j->inputs.count > 0;
    for (size_t i = 0; i < j->expected.count; i++) j->out->is_float &= is_float(&j->expected.entry[i]);
    int any = 0;
    for (size_t i = 0; i < j->inputs.count; i++) any |= is_float(&j->inputs.entry[i]);
    j->out->is_float &= any;
}

static void run_set(job *j, const char *folder, int set) {
    gcam_status inputs = read_values(j, folder, set, "input", &j->inputs);
    gcam_status expected = inputs == GCAM_OK ? read_values(j, folder, set, "output", &j->expected) : inputs;
    name_inputs(j);
    describe(j);
    if (expected == GCAM_OK) {
        attempt_both(j);
        return;
    }
    /* strings, sequences: the graph itself has to be refused with its sentence; where it is not, the data set's fault is told */
    char sentence[400];
    snprintf(sentence, sizeof sentence, "its data set cannot be read: %.300s", gcam_last_error()->message);
    gcam_network *network;
    gcam_tensor_table *weights;
    gcam_status status = gcam__onnx_import(&network, &weights, j->file, NULL);
    if (status != GCAM_OK)
        say_status(j, status);
    else
        say(j, UNSUPPORTED, sentence);
    gcam_network_free(network);
    gcam_tensor_table_free(weights);
}

void run_model(const char *folder, result *out) {
    job j = {.out = out};
    char path[600];
    out->is_close = 1;
    snprintf(out->op, sizeof out->op, "unreadable");
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    gcam__file mapped;
    gcam_status status = gcam__file_map(&mapped, path);
    if (status != GCAM_OK) {
        say_status(&j, status);
        return;
    }
    j.file = (gcam__file){mapped.data, mapped.size, 0}; /* lent to each import */
    status = gcam__onnx_read(&j.model, &j.file, &j.arena);
    if (status != GCAM_OK)
        say_status(&j, status);
    else
        for (int set = 0; set < MAX_SETS; set++) {
            snprintf(path, sizeof path, "%s/test_data_set_%d/output_0.pb", folder, set);
            FILE *probe = fopen(path, "rb");
            if (!probe) break;
            fclose(probe);
            run_set(&j, folder, set);
            if (out->verdict != PASSED) break;
        }
    gcam__arena_free(&j.arena);
    gcam__file_unmap(&mapped);
}
