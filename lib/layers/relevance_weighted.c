/* Relevance through layers with weights, z_j = sum_i a_i w_ij + b_j. Every rule is a list of terms: a changed input x, changed weights V,
 * and one of two sums, so that
 *   z_m = sum over the terms of m of x V + b_m,   s_m from R and the z,   R_i = sum over all terms of x_i (V^t s_m)_i:
 *   epsilon     a w                                                        s = R / st(z)
 *   gamma       a+ (w + g w+) + a- (w + g w-), a+ (w + g w-) + a- (w + g w+)  s_1 = R / st(z_1) where z > 0, s_2 = R / st(z_2) where z < 0
 *   alpha-beta  a+ w+ + a- w-, a+ w- + a- w+                               s_1 = alpha R / z_1, s_2 = -beta R / z_2
 *   z-box       x w - l w+ - h w-       w^2  w^2       flat  1             s = R / z
 *   excitation  a+ w+                   contrast  a+ w+, a+ w-             s_1 = R / z_1, s_2 = -R / z_2
 * where q+ = a+ w+ + a- w-. The biases b_m: b; b + g b+ and b + g b-; b+ and b-; none. A normalisation behind the layer is folded into w
 * and b. The layer's own forward and backward do the sums, on blocks of output features where the weights are many. */
#include "layers/relevance.h"

#include "layers/loops.h"
#include "layers/shape.h"

#include <math.h>
#include <string.h>

enum { WEIGHT, BIAS, MOST_TERMS = 4, SUMS = 2, BLOCK_WEIGHTS = 1 << 20, ALIGN = 64 };

typedef enum source { AS_IT_IS, POSITIVE, NEGATIVE, ONE, MINUS_LOW, MINUS_HIGH } source;
typedef enum weights { PLAIN, PLUS, MINUS, SQUARED, ONES, MORE_PLUS, MORE_MINUS } weights;

typedef struct term {
    source x;
    weights v;
    int sum;
} term;

typedef struct recipe {
    term terms[MOST_TERMS];
    int count, biased;
} recipe;

static const recipe recipes[] = {
    [GCAM_RULE_EXCITATION] = {{{POSITIVE, PLUS, 0}}, 1, 0},
    [GCAM_RULE_CONTRAST] = {{{POSITIVE, PLUS, 0}, {POSITIVE, MINUS, 1}}, 2, 0},
    [GCAM_RULE_EPSILON] = {{{AS_IT_IS, PLAIN, 0}}, 1, 1},
    [GCAM_RULE_GAMMA] =
        {{{POSITIVE, MORE_PLUS, 0}, {NEGATIVE, MORE_MINUS, 0}, {POSITIVE, MORE_MINUS, 1}, {NEGATIVE, MORE_PLUS, 1}},
         4,
         1},
    [GCAM_RULE_ALPHA_BETA] = {{{POSITIVE, PLUS, 0}, {NEGATIVE, MINUS, 0}, {POSITIVE, MINUS, 1}, {NEGATIVE, PLUS, 1}},
                              4,
                              1},
    [GCAM_RULE_Z_BOX] = {{{AS_IT_IS, PLAIN, 0}, {MINUS_LOW, PLUS, 0}, {MINUS_HIGH, MINUS, 0}}, 3, 0},
    [GCAM_RULE_W_SQUARE] = {{{ONE, SQUARED, 0}}, 1, 0},
    [GCAM_RULE_FLAT] = {{{ONE, ONES, 0}}, 1, 0},
};

/* Output features first .. first + count - 1 of the layer, as a layer of its own. */
typedef struct block {
    const gcam__run *run;
    gcam__compute compute;
    gcam__layer layer;
    gcam_linear_params linear;
    gcam_shape in, out;
    int64_t first, count;  /* of output features */
    int64_t each, weights; /* weights of one feature, of the block */
    float low, high;       /* of the whole input */
    int has_negative;
    char *op_scratch, *prepared;
    float *weight, *x, *dx, *z[SUMS], *s[SUMS], *y, *r;
} block;

/* ---- sizes ------------------------------------------------------------------------------------------------------------------- */

static int64_t features_at_once(const gcam__layer *layer, const gcam_shape *in, int64_t features) {
    if (layer->op->relevance->weights != 2) return features;
    int64_t each = in->dim[in->rank - 1], count = BLOCK_WEIGHTS / (each > 0 ? each : 1);
    return count < 1 ? 1 : count > features ? features : count;
}

static int64_t features_of(const gcam__layer *layer, const gcam_shape *out) {
    return layer->op->relevance->weights == 2 ? out->dim[out->rank - 1] : out->dim[1];
}

static gcam_shape block_shape(const gcam__layer *layer, const gcam_shape *out, int64_t count) {
    gcam_shape shape = *out;
    shape.dim[layer->op->relevance->weights == 2 ? out->rank - 1 : 1] = count;
    return shape;
}

static void set_block(block *b, const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                      const gcam_shape *out) {
    *b = (block){.compute = *compute, .layer = *layer, .in = *in};
    b->compute.direct = 1; /* weights are used once or twice: preparing them costly does not pay */
    int64_t features = features_of(layer, out);
    b->count = features_at_once(layer, in, features);
    b->out = block_shape(layer, out, b->count);
    b->each = gcam_shape_count(&layer->weight[WEIGHT].shape) / features;
    b->weights = b->each * b->count;
}

static size_t padded(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t floats(int64_t count) {
    return padded((size_t)count * sizeof(float));
}

static size_t op_scratch_bytes(const block *b) {
    const gcam__op *op = b->layer.op;
    if (!op->scratch_bytes) return 0;
    size_t there = op->scratch_bytes(&b->compute, &b->layer, &b->in, &b->out, 0, 1);
    size_t back = op->scratch_bytes(&b->compute, &b->layer, &b->in, &b->out, 1, 1);
    return padded(there > back ? there : back);
}

static size_t prepared_bytes(const block *b) {
    const gcam__op *op = b->layer.op;
    return op->prepared_bytes ? padded(op->prepared_bytes(&b->compute, &b->layer, &b->in, &b->out)) : 0;
}

size_t gcam__weighted_scratch(const gcam__compute *compute, const gcam__layer *layer, const gcam_shape *in,
                              const gcam_shape *out) {
    block b;
    set_block(&b, compute, layer, in, out);
    return op_scratch_bytes(&b) + prepared_bytes(&b) + floats(b.weights) + 2 * floats(gcam_shape_count(in))
           + 6 * floats(gcam_shape_count(&b.out));
}

/* Cuts the scratch up; keeps the order of gcam__weighted_scratch. */
static void place(block *b, char *at) {
    b->op_scratch = at, at += op_scratch_bytes(b);
    b->prepared = at, at += prepared_bytes(b);
    int64_t counts[] = {b->weights, gcam_shape_count(&b->in), gcam_shape_count(&b->in)};
    float **targets[] = {&b->weight, &b->x, &b->dx};
    for (int i = 0; i < 3; i++) {
        *targets[i] = (float *)(void *)at;
        at += floats(counts[i]);
    }
    float **outs[] = {&b->z[0], &b->z[1], &b->s[0], &b->s[1], &b->y, &b->r};
    for (int i = 0; i < 6; i++) {
        *outs[i] = (float *)(void *)at;
        at += floats(gcam_shape_count(&b->out));
    }
}

/* ---- changed weights and inputs ------------------------------------------------------------------------------------------------- */

typedef struct weight_job {
    const float *from, *scale;
    float *to;
    int64_t each;
    weights kind;
    float gamma;
} weight_job;

static inline float change(float w, weights kind, float gamma) {
    switch (kind) {
    case PLUS:
        return w > 0 ? w : 0;
    case MINUS:
        return w < 0 ? w : 0;
    case SQUARED:
        return w * w;
    case ONES:
        return 1;
    case MORE_PLUS:
        return w > 0 ? w + gamma * w : w;
    case MORE_MINUS:
        return w < 0 ? w + gamma * w : w;
    default:
        return w;
    }
}

static void change_feature(const void *context, int64_t k) {
    const weight_job *j = context;
    const float *from = j->from + k * j->each;
    float *to = j->to + k * j->each, scale = j->scale ? j->scale[k] : 1;
    for (int64_t i = 0; i < j->each; i++) to[i] = change(from[i] * scale, j->kind, j->gamma);
}

/* Puts V into the block's layer. */
static void set_weights(block *b, weights kind) {
    const gcam__spread *spread = b->run->spread;
    weight_job j = {.from = b->run->layer->weight[WEIGHT].data + b->first * b->each,
                    .scale = spread->scale ? spread->scale + b->first : NULL,
                    .to = b->weight,
                    .each = b->each,
                    .kind = kind,
                    .gamma = (float)spread->how->gamma};
    gcam__for_items(&b->compute, b->count, b->each, change_feature, &j);
    b->layer.weight[WEIGHT].data = b->weight;
    if (prepared_bytes(b)) b->layer.op->prepare(&b->compute, &b->layer, &b->in, &b->out, b->prepared);
}

typedef struct input_job {
    const float *a, *low, *high;
    float *to;
    int64_t size, channels; /* of one channel */
    source kind;
    float least, most;
} input_job;

static void change_plane(const void *context, int64_t plane) {
    const input_job *j = context;
    const float *a = j->a + plane * j->size;
    float *to = j->to + plane * j->size;
    int64_t c = plane % j->channels;
    float low = j->low ? j->low[c] : j->least, high = j->high ? j->high[c] : j->most;
    for (int64_t i = 0; i < j->size; i++)
        to[i] = j->kind == POSITIVE    ? (a[i] > 0 ? a[i] : 0)
                : j->kind == NEGATIVE  ? (a[i] < 0 ? a[i] : 0)
                : j->kind == ONE       ? 1
                : j->kind == MINUS_LOW ? -low
                                       : -high;
}

/* The input of a term; the layer's own where nothing changes. Channels are dimension 1, as in the network's input. */
static const float *set_input(block *b, source kind) {
    const float *a = b->run->in[0]->data;
    if (kind == AS_IT_IS || (kind == POSITIVE && !b->has_negative)) return a;
    int64_t channels = b->in.rank > 1 ? b->in.dim[1] : 1;
    input_job j = {.a = a, .to = b->x, .channels = channels, .kind = kind, .least = b->low, .most = b->high};
    j.low = b->run->spread->how->low, j.high = b->run->spread->how->high;
    j.size = gcam__dim_product(&b->in, 2, b->in.rank);
    gcam__for_items(&b->compute, gcam_shape_count(&b->in) / j.size, j.size, change_plane, &j);
    return b->x;
}

/* ---- the sums ---------------------------------------------------------------------------------------------------------------------- */

static gcam__run run_of(const block *b) {
    return (gcam__run){.compute = &b->compute,
                       .layer = &b->layer,
                       .in_count = 1,
                       .in_shape = &b->in,
                       .scratch = b->op_scratch,
                       .prepared = prepared_bytes(b) ? b->prepared : NULL,
                       .seeds = 1};
}

/* z += x V */
static void add_forward(block *b, const float *x, float *z) {
    gcam_tensor in = {b->in, (float *)(uintptr_t)x, 0}, out = {b->out, b->y, 0};
    const gcam_tensor *const ins[] = {&in};
    gcam__run run = run_of(b);
    run.in = ins, run.out = &out;
    b->layer.op->forward(&run);
    gcam__add(&b->compute, z, b->y, z, gcam_shape_count(&b->out));
}

typedef struct product_job {
    const float *x, *c;
    float *to;
} product_job;

static void add_products(const void *context, int64_t begin, int64_t end) {
    const product_job *j = context;
    for (int64_t i = begin; i < end; i++) j->to[i] += j->x[i] * j->c[i];
}

/* R_in += x (V^t s) */
static void add_backward(block *b, const float *x, const float *s) {
    gcam_tensor dout = {b->out, (float *)(uintptr_t)s, 0}, din = {b->in, b->dx, 0};
    gcam_tensor *const dins[] = {&din};
    const gcam_tensor *const nothing[] = {NULL};
    gcam__run run = run_of(b);
    run.in = nothing, run.dout = &dout, run.din = dins;
    b->layer.op->backward(&run);
    product_job j = {x, b->dx, b->run->din[0]->data};
    gcam__for_pieces(&b->compute, gcam_shape_count(&b->in), add_products, &j);
}

/* b_m of output feature k. */
static double bias_of(const block *b, int64_t k, int sum) {
    const gcam__spread *spread = b->run->spread;
    const float *bias = b->run->layer->weight[BIAS].data;
    double value = bias ? bias[k] : 0, gamma = spread->how->gamma;
    if (spread->scale) value = value * spread->scale[k] + spread->shift[k];
    double part = sum == 0 ? fmax(value, 0) : fmin(value, 0);
    return spread->rule == GCAM_RULE_EPSILON ? value : spread->rule == GCAM_RULE_GAMMA ? value + gamma * part : part;
}

/* Outputs of the block: element i is feature (i / step) % count. */
static int64_t feature_step(const block *b) {
    return b->layer.op->relevance->weights == 2 ? 1 : gcam__dim_product(&b->out, 2, b->out.rank);
}

static void set_biases(block *b, const recipe *r) {
    int64_t count = gcam_shape_count(&b->out), step = feature_step(b);
    int biased = r->biased && !b->run->spread->how->ignore_bias;
    for (int m = 0; m < SUMS; m++) {
        memset(b->z[m], 0, (size_t)count * sizeof(float));
        for (int64_t i = 0; biased && i < count; i += step) {
            float value = (float)bias_of(b, b->first + i / step % b->count, m);
            for (int64_t j = 0; j < step; j++) b->z[m][i + j] = value;
        }
    }
}

/* Relevance of the block's outputs, which lie apart where a row has further features. */
static void gather_relevance(block *b, int64_t features) {
    const float *from = b->run->dout->data;
    int64_t count = gcam_shape_count(&b->out);
    if (b->count == features) {
        memcpy(b->r, from, (size_t)count * sizeof *from);
        return;
    }
    for (int64_t row = 0; row < count / b->count; row++)
        memcpy(b->r + row * b->count, from + row * features + b->first, (size_t)b->count * sizeof *from);
}

static void set_shares(block *b) {
    const gcam__spread *spread = b->run->spread;
    gcam_rule rule = spread->rule;
    double alpha = spread->how->alpha, epsilon = spread->how->epsilon;
    for (int64_t i = 0; i < gcam_shape_count(&b->out); i++) {
        double r = b->r[i], z[SUMS] = {b->z[0][i], b->z[1][i]}, sum = z[0] + z[1];
        double first = 1, second = 0; /* times R */
        if (rule == GCAM_RULE_GAMMA) first = sum >= 0, second = sum < 0;
        if (rule == GCAM_RULE_ALPHA_BETA) first = alpha, second = 1 - alpha;
        if (rule == GCAM_RULE_CONTRAST) second = -1;
        double stable = rule == GCAM_RULE_GAMMA || rule == GCAM_RULE_EPSILON ? epsilon : 0;
        b->s[0][i] = first != 0 ? gcam__share(first * r, z[0], stable, spread->lost) : 0;
        b->s[1][i] = second != 0 ? gcam__share(second * r, z[1], stable, spread->lost) : 0;
    }
}

/* Terms that are zero everywhere, and the second sum where nothing goes through it. */
static int is_idle(const block *b, const term *t) {
    const gcam__spread *spread = b->run->spread;
    return (t->x == NEGATIVE && !b->has_negative)
           || (t->sum == 1 && spread->rule == GCAM_RULE_ALPHA_BETA && spread->how->alpha == 1);
}

static void pass_block(block *b, const recipe *r, int64_t features) {
    b->linear.out = b->count;
    b->linear.no_bias = 1;
    b->layer.weight[BIAS] = (gcam_tensor){.data = NULL};
    if (b->layer.op->relevance->weights == 2) b->layer.params = &b->linear;
    set_biases(b, r);
    for (int i = 0; i < r->count; i++) {
        if (is_idle(b, &r->terms[i])) continue;
        set_weights(b, r->terms[i].v);
        add_forward(b, set_input(b, r->terms[i].x), b->z[r->terms[i].sum]);
    }
    gather_relevance(b, features);
    set_shares(b);
    for (int i = 0; i < r->count; i++) {
        if (is_idle(b, &r->terms[i])) continue;
        if (r->count > 1) set_weights(b, r->terms[i].v);
        add_backward(b, set_input(b, r->terms[i].x), b->s[r->terms[i].sum]);
    }
}

static void find_range(block *b) {
    const gcam_tensor *a = b->run->in[0];
    b->low = b->high = a->data[0];
    for (int64_t i = 1; i < gcam_shape_count(&a->shape); i++) {
        b->low = fminf(b->low, a->data[i]);
        b->high = fmaxf(b->high, a->data[i]);
    }
    b->has_negative = b->low < 0;
}

void gcam__weighted_pass(const gcam__run *run) {
    if (!run->din[0]) return;
    const gcam__spread *spread = run->spread;
    if (spread->family == GCAM__DEEPLIFT) {
        gcam__run gradient = *run;
        gradient.rule = GCAM_RULE_GRADIENT;
        run->layer->op->backward(&gradient);
        return;
    }
    block b;
    set_block(&b, run->compute, run->layer, &run->in_shape[0], &run->out->shape);
    b.run = run;
    place(&b, spread->scratch);
    find_range(&b);
    memset(run->din[0]->data, 0, (size_t)gcam_shape_count(&b.in) * sizeof(float));
    int64_t features = features_of(run->layer, &run->out->shape), most = b.count;
    for (b.first = 0; b.first < features; b.first += most) {
        b.count = features - b.first < most ? features - b.first : most;
        b.out = block_shape(run->layer, &run->out->shape, b.count);
        pass_block(&b, &recipes[spread->rule], features);
    }
}

const gcam__relevance gcam__weighted_conv = {
    .pass = gcam__weighted_pass, .families = GCAM__ALL_FAMILIES, .weights = 1, .folds = 1};
const gcam__relevance gcam__weighted_transposed = {
    .pass = gcam__weighted_pass, .families = GCAM__ALL_FAMILIES, .weights = 1};
const gcam__relevance gcam__weighted_linear = {
    .pass = gcam__weighted_pass, .families = GCAM__ALL_FAMILIES, .weights = 2, .folds = 1};
