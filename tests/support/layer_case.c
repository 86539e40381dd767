/* One layer with everything a run needs, and its double reference beside it. */
#include "support/layer_case.h"

#include "core/memory.h"
#include "core/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void fill_distinct(float *values, int64_t count, uint64_t stream) {
    double place = 0.2 + 0.07 * (double)(stream % 4); /* inside a cell; never its middle, which could be 0 */
    for (int64_t i = 0; i < count; i++) values[i] = (float)(2 * ((double)i + place) / (double)count - 1);
    for (int64_t i = count - 1; i > 0; i--) { /* Fisher-Yates */
        int64_t j = (int64_t)(gcam__random_bits(1, stream, 0, (uint64_t)i) % (uint64_t)(i + 1));
        float kept = values[i];
        values[i] = values[j], values[j] = kept;
    }
}

static gcam_tensor *new_tensor(const gcam_shape *shape) {
    gcam_tensor *tensor;
    ck_assert_int_eq(gcam_tensor_create(&tensor, shape), GCAM_OK);
    return tensor;
}

static gcam_tensor *new_distinct(const gcam_shape *shape, uint64_t stream) {
    gcam_tensor *tensor = new_tensor(shape);
    fill_distinct(tensor->data, gcam_shape_count(shape), stream);
    return tensor;
}

static gcam_tensor *new_constant(const gcam_shape *shape, float value) {
    gcam_tensor *tensor = new_tensor(shape);
    for (int64_t i = 0; i < gcam_shape_count(shape); i++) tensor->data[i] = value;
    return tensor;
}

/* All bits set: NaN as floats, far out of range as indices. */
static void *new_block(size_t size) {
    void *block = gcam__alloc(size);
    ck_assert_ptr_nonnull(block);
    return memset(block, 0xFF, size);
}

gcam_status trial_infer(trial *t, const layer_case *c, gcam_shape *out) {
    *t = (trial){.in_count = c->in_count};
    t->layer = (gcam__layer){.op = gcam__op_find(c->op), .name = "features.3"};
    ck_assert_msg(t->layer.op != NULL, "no operation %s", c->op);
    memcpy(t->in_shape, c->in, sizeof t->in_shape);
    if (t->layer.op->params_size) t->layer.params = calloc(1, t->layer.op->params_size);
    gcam_status status = gcam__params_set(t->layer.op, t->layer.name, t->layer.params, c->params);
    if (status == GCAM_OK) status = t->layer.op->infer(&t->layer, t->in_shape, t->in_count, out);
    return status;
}

static void make_weights(trial *t) {
    const gcam__op *op = t->layer.op;
    for (int i = 0; op->weights && op->weights[i]; i++) {
        gcam_shape shape;
        if (!op->weight_shape(&t->layer, t->in_shape, i, &shape)) continue;
        gcam_tensor *weight = new_distinct(&shape, 100 + (uint64_t)i);
        for (int64_t j = 0; strcmp(op->weights[i], "running_var") == 0 && j < gcam_shape_count(&shape); j++)
            weight->data[j] = 1 + weight->data[j] / 2;
        t->layer.weight[i] = *weight;
        gcam__free(weight);
        t->dweight[i] = new_constant(&shape, 1);
    }
}

static void make_blocks(trial *t, const gcam_shape *out) {
    const gcam__op *op = t->layer.op;
    const gcam__layer *layer = &t->layer;
    if (op->aux_bytes) t->aux = new_block(op->aux_bytes(layer, t->in_shape, out));
    for (int back = 0; op->scratch_bytes && back < 2; back++)
        t->scratch[back] =
            new_block(op->scratch_bytes(&t->compute, layer, t->in_shape, out, back ? 2 : 0, back ? t->seeds : 1));
    if (!op->prepared_bytes) return;
    t->prepared = new_block(op->prepared_bytes(&t->compute, layer, t->in_shape, out));
    op->prepare(&t->compute, layer, t->in_shape, out, t->prepared);
}

static gcam_shape with_seeds(gcam_shape shape, int64_t seeds) {
    shape.dim[0] *= seeds;
    return shape;
}

void trial_create(trial *t, const layer_case *c, const gcam__compute *compute, int64_t seeds) {
    gcam_shape out;
    ck_assert_msg(trial_infer(t, c, &out) == GCAM_OK, "%s: %s", c->op, gcam_last_error()->message);
    t->compute = *compute;
    t->seeds = seeds;
    for (int i = 0; i < t->in_count; i++) {
        gcam_shape shape = with_seeds(t->in_shape[i], seeds);
        t->in[i] = new_distinct(&t->in_shape[i], (uint64_t)i);
        for (int64_t j = 0; j < gcam_shape_count(&t->in_shape[i]); j++)
            t->in[i]->data[j] = t->in[i]->data[j] * (c->scale ? c->scale : 1) + c->shift;
        t->din[i] = new_constant(&shape, NAN);
    }
    make_weights(t);
    t->out = new_constant(&out, NAN);
    gcam_shape shape = with_seeds(out, seeds);
    t->dout = new_distinct(&shape, 50);
    make_blocks(t, &out);
}

void trial_free(trial *t) {
    for (int i = 0; i < REFERENCE_INPUTS; i++) gcam_tensor_free(t->in[i]), gcam_tensor_free(t->din[i]);
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++) {
        if (t->layer.weight[i].owns) gcam__free(t->layer.weight[i].data);
        gcam_tensor_free(t->dweight[i]);
    }
    gcam_tensor_free(t->out), gcam_tensor_free(t->dout);
    gcam__free(t->aux), gcam__free(t->prepared), gcam__free(t->scratch[0]), gcam__free(t->scratch[1]);
    free(t->layer.params);
    *t = (trial){0};
}

void trial_forward(trial *t) {
    gcam__run run = {.compute = &t->compute,
                     .layer = &t->layer,
                     .in = (const gcam_tensor *const *)t->in,
                     .in_count = t->in_count,
                     .in_shape = t->in_shape,
                     .out = t->out,
                     .aux = t->aux,
                     .scratch = t->scratch[0],
                     .prepared = t->prepared,
                     .training = t->training,
                     .seeds = 1};
    gcam__blas_enter(&t->compute);
    t->layer.op->forward(&run);
    gcam__blas_leave(&t->compute);
}

void trial_backward(trial *t, gcam_rule rule, int with_weights) {
    static const gcam_tensor *const nothing[REFERENCE_INPUTS];
    unsigned needs = t->layer.op->needs;
    int needs_input = needs & GCAM__NEEDS_INPUT || (with_weights && needs & GCAM__NEEDS_INPUT_FOR_WEIGHTS);
    gcam__run run = {.compute = &t->compute,
                     .layer = &t->layer,
                     .in = needs_input ? (const gcam_tensor *const *)t->in : nothing,
                     .in_count = t->in_count,
                     .in_shape = t->in_shape,
                     .out = needs & GCAM__NEEDS_OUTPUT ? t->out : NULL,
                     .aux = needs & GCAM__NEEDS_AUX ? t->aux : NULL,
                     .scratch = t->scratch[1],
                     .prepared = t->prepared,
                     .training = t->training,
                     .seeds = t->seeds,
                     .dout = t->dout,
                     .din = t->din,
                     .dweight = with_weights && t->layer.op->weights ? t->dweight : NULL,
                     .rule = rule};
    gcam__blas_enter(&t->compute);
    t->layer.op->backward(&run);
    gcam__blas_leave(&t->compute);
}

/* ---- the reference beside it ------------------------------------------------------------------------------------------ */

static double *new_doubles(int64_t count) {
    double *values = calloc((size_t)count + 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    return values;
}

static double *to_doubles(const float *values, int64_t count) {
    double *copy = new_doubles(count);
    for (int64_t i = 0; i < count; i++) copy[i] = values[i];
    return copy;
}

void trial_reference(const trial *t, reference *r, int64_t seed) {
    int64_t out_count = gcam_shape_count(&t->out->shape);
    *r = (reference){.layer = &t->layer, .in_count = t->in_count, .in_shape = t->in_shape, .out_shape = t->out->shape};
    for (int i = 0; i < t->in_count; i++) {
        int64_t count = gcam_shape_count(&t->in_shape[i]);
        r->in[i] = to_doubles(t->in[i]->data, count);
        r->din[i] = new_doubles(count);
    }
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++) {
        if (!t->layer.weight[i].data) continue;
        int64_t count = gcam_shape_count(&t->layer.weight[i].shape);
        r->weight[i] = to_doubles(t->layer.weight[i].data, count);
        r->dweight[i] = new_doubles(count);
    }
    r->out = new_doubles(out_count);
    r->dout = to_doubles(t->dout->data + (seed < 0 ? 0 : seed) * out_count, out_count);
    ck_assert_msg(reference_run(r), "no reference for %s", t->layer.op->name);
    r->backward = seed >= 0;
    if (r->backward) reference_run(r);
}

void reference_free(reference *r) {
    for (int i = 0; i < REFERENCE_INPUTS; i++) free(r->in[i]), free(r->din[i]);
    for (int i = 0; i < GCAM__MAX_WEIGHTS; i++) free(r->weight[i]), free(r->dweight[i]);
    free(r->out), free(r->dout);
    *r = (reference){0};
}
