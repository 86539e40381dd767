/* Patterns of operators that mean one operator: a row of the table each.
 *
 * A pattern is a term. Words that begin with a capital are operators; `x` is any value, the same one wherever it stands; a number is a
 * stored value or an attribute that is that number; #e is any stored number, %w any stored tensor. Sums are matched in either order. A
 * product is matched as a whole: in any order, however its factors are grouped, its numbers multiplied, a division by a stored number
 * being one of them, so that Mul(x, 0.5, Erf(x)) is also Mul(Div(Erf(x), 2), x). */
#include "model/onnx/patterns.h"

#include "core/status.h"
#include "model/onnx/import.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TERMS = 32, MAX_PARTS = 6, MAX_BOUND = 6, MAX_NODES = 24, WORD = 24 };

typedef struct match match;
typedef struct search search;

typedef struct row {
    const char *pattern;
    const char *op;     /* what takes the place */
    const char *inputs; /* its inputs, letters of the pattern */
    /* Attributes of the new node, and whether the match is one after all; NULL: none, it is. */
    int (*finish)(const search *s, const match *m, gcam__onnx_node *node);
} row;

typedef struct term {
    enum { OPERATOR, VALUE, NUMBER, STORED_NUMBER, STORED_TENSOR } kind;
    char word[WORD];
    double number;
    int part[MAX_PARTS], parts;
} term;

typedef struct pattern {
    term list[MAX_TERMS];
    int count;
} pattern;

/* What has been found so far; copied before each choice that may have to be taken back. */
struct match {
    char letter[MAX_BOUND];
    const char *value[MAX_BOUND];
    int bound, count;
    size_t node[MAX_NODES]; /* each once, the first is the root */
};

struct search {
    const gcam__onnx_model *model;
    const gcam__onnx_links *links;
    const pattern *pattern;
};

/* ---- reading patterns ------------------------------------------------------------------------------------------------------ */

/* Reads a term at `*text`; its place, or -1 where the pattern is no term. */
static int read_term(pattern *p, const char **text) {
    while (**text == ' ') ++*text;
    if (p->count == MAX_TERMS) return -1;
    int place = p->count++, length = 0;
    term *t = &p->list[place];
    *t = (term){.kind = VALUE};
    if (isdigit((unsigned char)**text) || **text == '-') {
        char *end;
        t->kind = NUMBER;
        t->number = strtod(*text, &end);
        *text = end;
        return place;
    }
    if (**text == '#' || **text == '%') t->kind = *(*text)++ == '#' ? STORED_NUMBER : STORED_TENSOR;
    while (isalnum((unsigned char)**text) && length + 1 < WORD) t->word[length++] = *(*text)++;
    if (length == 0) return -1;
    if (**text != '(') return place;
    t->kind = OPERATOR;
    do {
        ++*text;
        int part = read_term(p, text);
        if (part < 0 || t->parts == MAX_PARTS) return -1;
        t->part[t->parts++] = part;
        while (**text == ' ') ++*text;
    } while (**text == ',');
    return *(*text)++ == ')' ? place : -1;
}

/* 1 where the whole text is a pattern. */
static int read_pattern(pattern *p, const char *text) {
    p->count = 0;
    return read_term(p, &text) == 0 && *text == 0;
}

/* ---- what the graph says --------------------------------------------------------------------------------------------------- */

static const gcam_tensor_entry *stored(const search *s, const char *value) {
    const gcam__onnx_link *link = gcam__onnx_links_find(s->links, value);
    return link ? link->stored : NULL;
}

static int is_constant(const search *s, const char *value) {
    const gcam__onnx_link *link = gcam__onnx_links_find(s->links, value);
    return link && link->is_constant;
}

/* 1 where the value is one stored number. */
static int is_number(const search *s, const char *value, double *number) {
    const gcam_tensor_entry *entry = stored(s, value);
    if (!entry || gcam_shape_count(&entry->shape) != 1) return 0;
    *number = gcam__onnx_number_at(entry, 0);
    return 1;
}

static int is_near(double a, double b) {
    return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

/* The node that makes a value; NULL where none does. */
static const gcam__onnx_node *maker_of(const search *s, const char *value) {
    const gcam__onnx_link *link = gcam__onnx_links_find(s->links, value);
    if (!link || link->maker < 0) return NULL;
    const gcam__onnx_node *node = &s->model->nodes[link->maker];
    return *node->op ? node : NULL;
}

static int is_op(const gcam__onnx_node *node, const char *op) {
    return node && strcmp(node->op, op) == 0 && (!*node->domain || strcmp(node->domain, "ai.onnx") == 0)
           && node->output_count > 0;
}

static const gcam__onnx_attribute *attribute(const gcam__onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) return &node->attributes[i];
    return NULL;
}

/* Operands that operators have, or had in older sets, as attributes. */
static const struct operand {
    const char *op, *name;
    int place;
    double otherwise;
} operands[] = {{"Clip", "min", 1, -(double)FLT_MAX},
                {"Clip", "max", 2, (double)FLT_MAX},
                {"HardSigmoid", "alpha", 1, 0.2},
                {"HardSigmoid", "beta", 2, 0.5}};

/* Operand `place` of a node where it is a number. */
static int operand_number(const search *s, const gcam__onnx_node *node, int place, double *number) {
    if ((size_t)place < node->input_count && *node->inputs[place]) return is_number(s, node->inputs[place], number);
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++) {
        const struct operand *o = &operands[i];
        if (o->place != place || strcmp(o->op, node->op) != 0) continue;
        const gcam__onnx_attribute *a = attribute(node, o->name);
        *number = a && a->type == GCAM__ONNX_FLOAT ? (double)a->f : o->otherwise;
        return 1;
    }
    return 0;
}

/* ---- matching -------------------------------------------------------------------------------------------------------------- */

static int add_node(match *m, size_t node) {
    for (int i = 0; i < m->count; i++)
        if (m->node[i] == node) return 1;
    if (m->count == MAX_NODES) return 0;
    m->node[m->count++] = node;
    return 1;
}

static int bind(match *m, char letter, const char *value) {
    for (int i = 0; i < m->bound; i++)
        if (m->letter[i] == letter) return strcmp(m->value[i], value) == 0;
    if (m->bound == MAX_BOUND) return 0;
    m->letter[m->bound] = letter;
    m->value[m->bound++] = value;
    return 1;
}

static int match_value(const search *s, int place, const char *value, match *m);

/* The factors of a product that are no stored numbers, and the product of those. */
typedef struct product {
    const char *factor[MAX_PARTS];
    int count;
    double number;
} product;

static int is_product(const search *s, const gcam__onnx_node *node) {
    double number;
    if (is_op(node, "Mul")) return node->input_count == 2;
    return is_op(node, "Div") && node->input_count == 2 && is_number(s, node->inputs[1], &number) && number != 0;
}

/* Factors of a product that only this one reads are taken apart in turn; only earlier nodes, for a file may hold a circle. */
static int collect(const search *s, const gcam__onnx_node *node, product *p, match *m) {
    if (!add_node(m, (size_t)(node - s->model->nodes))) return 0;
    for (size_t i = 0; i < 2; i++) {
        const char *value = node->inputs[i];
        const gcam__onnx_link *link = gcam__onnx_links_find(s->links, value);
        const gcam__onnx_node *maker = maker_of(s, value);
        double number;
        if (is_number(s, value, &number)) {
            p->number *= i == 1 && is_op(node, "Div") ? 1 / number : number;
        } else if (maker && maker < node && is_product(s, maker) && link->readers == 1 && !link->is_output) {
            if (!collect(s, maker, p, m)) return 0;
        } else {
            if (p->count == MAX_PARTS) return 0;
            p->factor[p->count++] = value;
        }
    }
    return 1;
}

/* Matches parts number `i` and on with the factors that are not `used`. */
static int match_factors(const search *s, const term *t, int i, const product *p, unsigned used, match *m) {
    while (i < t->parts && s->pattern->list[t->part[i]].kind == NUMBER) i++;
    if (i == t->parts) return used == (1u << p->count) - 1;
    for (int k = 0; k < p->count; k++) {
        match trial = *m;
        if (used & 1u << k || !match_value(s, t->part[i], p->factor[k], &trial)) continue;
        if (!match_factors(s, t, i + 1, p, used | 1u << k, &trial)) continue;
        *m = trial;
        return 1;
    }
    return 0;
}

static int match_product(const search *s, const term *t, const gcam__onnx_node *node, match *m) {
    product p = {.number = 1};
    double wanted = 1;
    for (int i = 0; i < t->parts; i++)
        if (s->pattern->list[t->part[i]].kind == NUMBER) wanted *= s->pattern->list[t->part[i]].number;
    match trial = *m;
    if (!collect(s, node, &p, &trial) || !is_near(p.number, wanted) || !match_factors(s, t, 0, &p, 0, &trial)) return 0;
    *m = trial;
    return 1;
}

/* One operand after the other; `turned`: the first two exchanged. */
static int match_operands(const search *s, const term *t, const gcam__onnx_node *node, int turned, match *m) {
    match trial = *m;
    if (!add_node(&trial, (size_t)(node - s->model->nodes))) return 0;
    for (int i = 0; i < t->parts; i++) {
        int place = turned && i < 2 ? 1 - i : i;
        const term *part = &s->pattern->list[t->part[i]];
        double number;
        if (part->kind == NUMBER) {
            if (!operand_number(s, node, place, &number) || !is_near(number, part->number)) return 0;
        } else if ((size_t)place >= node->input_count || !match_value(s, t->part[i], node->inputs[place], &trial))
            return 0;
    }
    *m = trial;
    return 1;
}

/* Inputs beyond those of the term: only the axes of a reduction, which the row looks at. */
static int has_more_inputs(const term *t, const gcam__onnx_node *node) {
    size_t most = (size_t)t->parts + (strcmp(node->op, "ReduceMean") == 0);
    for (size_t i = most; i < node->input_count; i++)
        if (*node->inputs[i]) return 1;
    return 0;
}

static int match_operator(const search *s, const term *t, const gcam__onnx_node *node, match *m) {
    if (strcmp(t->word, "Mul") == 0) return is_product(s, node) && match_product(s, t, node, m);
    if (!is_op(node, t->word) || has_more_inputs(t, node)) return 0;
    if (match_operands(s, t, node, 0, m)) return 1;
    return strcmp(t->word, "Add") == 0 && match_operands(s, t, node, 1, m);
}

static int match_value(const search *s, int place, const char *value, match *m) {
    const term *t = &s->pattern->list[place];
    const gcam__onnx_node *node;
    double number;
    if (!*value) return 0;
    switch (t->kind) {
    case VALUE:
        return bind(m, t->word[0], value);
    case NUMBER:
        return is_number(s, value, &number) && is_near(number, t->number);
    case STORED_NUMBER:
        return is_number(s, value, &number) && bind(m, t->word[0], value);
    case STORED_TENSOR:
        return is_constant(s, value) && bind(m, t->word[0], value);
    default:
        node = maker_of(s, value);
        return node && match_operator(s, t, node, m);
    }
}

/* 1 where nobody but the group reads what its inner nodes make. */
static int is_closed(const search *s, const match *m) {
    for (int i = 1; i < m->count; i++) {
        const gcam__onnx_node *node = &s->model->nodes[m->node[i]];
        for (size_t o = 0; o < node->output_count; o++) {
            const gcam__onnx_link *link = gcam__onnx_links_find(s->links, node->outputs[o]);
            size_t inside = 0;
            if (!*node->outputs[o]) continue;
            for (int k = 0; k < m->count; k++) {
                const gcam__onnx_node *reader = &s->model->nodes[m->node[k]];
                for (size_t r = 0; r < reader->input_count; r++)
                    inside += strcmp(reader->inputs[r], node->outputs[o]) == 0;
            }
            if (link->is_output || link->readers != inside) return 0;
        }
    }
    return 1;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

static const char *bound(const match *m, char letter) {
    for (int i = 0; i < m->bound; i++)
        if (m->letter[i] == letter) return m->value[i];
    return NULL;
}

/* New nodes have room for this many attributes. */
enum { MAX_ATTRIBUTES = 4 };

static int add_attribute(gcam__onnx_node *node, const gcam__onnx_attribute *a) {
    if (node->attribute_count == MAX_ATTRIBUTES) return 0;
    node->attributes[node->attribute_count++] = *a;
    return 1;
}

static int add_int(gcam__onnx_node *node, const char *name, int64_t value) {
    return add_attribute(node, &(gcam__onnx_attribute){.name = name, .type = GCAM__ONNX_INT, .i = value});
}

static int add_float(gcam__onnx_node *node, const char *name, double value) {
    return add_attribute(node, &(gcam__onnx_attribute){.name = name, .type = GCAM__ONNX_FLOAT, .f = (float)value});
}

static int finish_hard_sigmoid(const search *s, const match *m, gcam__onnx_node *node) {
    (void)s, (void)m;
    return add_float(node, "alpha", 1.0 / 6) && add_float(node, "beta", 0.5);
}

static int finish_tanh(const search *s, const match *m, gcam__onnx_node *node) {
    (void)s, (void)m;
    return add_attribute(node, &(gcam__onnx_attribute){.name = "approximate", .type = GCAM__ONNX_STRING, .s = "tanh"});
}

/* How many axes a reduction takes where these are the last ones, counted from the end; 0: others. */
static int64_t last_axes(const search *s, const gcam__onnx_node *node) {
    const gcam__onnx_attribute *a = attribute(node, "axes"), *keep = attribute(node, "keepdims");
    const gcam_tensor_entry *entry = node->input_count > 1 ? stored(s, node->inputs[1]) : NULL;
    int64_t count = a && a->type == GCAM__ONNX_INTS ? (int64_t)a->count : entry ? gcam_shape_count(&entry->shape) : 0;
    uint64_t seen = 0;
    if (count < 1 || count > GCAM_MAX_RANK || (keep && keep->i == 0)) return 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = a && a->type == GCAM__ONNX_INTS ? a->ints[i] : gcam__onnx_int_at(entry, i);
        if (axis >= 0 || axis < -count) return 0;
        seen |= (uint64_t)1 << -axis;
    }
    return seen == ((uint64_t)2 << count) - 2 ? count : 0;
}

/* Both means of a layer normalisation run over the same last axes. */
static int finish_layer_norm(const search *s, const match *m, gcam__onnx_node *node) {
    int64_t axes = 0;
    double eps = 0;
    for (int i = 0; i < m->count; i++) {
        const gcam__onnx_node *part = &s->model->nodes[m->node[i]];
        if (!is_op(part, "ReduceMean")) continue;
        if (axes && last_axes(s, part) != axes) return 0;
        axes = last_axes(s, part);
        if (!axes) return 0;
    }
    return is_number(s, bound(m, 'e'), &eps) && add_int(node, "axis", -axes) && add_float(node, "epsilon", eps);
}

static const gcam__onnx_node *part_named(const search *s, const match *m, const char *op) {
    for (int i = 0; i < m->count; i++)
        if (is_op(&s->model->nodes[m->node[i]], op)) return &s->model->nodes[m->node[i]];
    return NULL;
}

/* The normalisation stays what it is and takes on a scale, or a shift. */
static int finish_affine(const search *s, const match *m, gcam__onnx_node *node) {
    const gcam__onnx_node *norm = part_named(s, m, "LayerNormalization");
    for (size_t i = 0; i < norm->attribute_count; i++)
        if (!add_attribute(node, &norm->attributes[i])) return 0;
    return 1;
}

static int is_order(const gcam__onnx_node *node, const int64_t order[4]) {
    const gcam__onnx_attribute *perm = attribute(node, "perm");
    return perm && perm->type == GCAM__ONNX_INTS && perm->count == 4
           && memcmp(perm->ints, order, 4 * sizeof *order) == 0;
}

static int is_list(const search *s, const char *value) {
    const gcam_tensor_entry *entry = stored(s, value);
    return entry && entry->shape.rank == 1;
}

/* Over the channels of N C H W, which are turned to the end for it and back. */
static int finish_channel_norm(const search *s, const match *m, gcam__onnx_node *node) {
    static const int64_t last[4] = {0, 2, 3, 1}, back[4] = {0, 3, 1, 2};
    const gcam__onnx_node *norm = part_named(s, m, "LayerNormalization");
    const gcam__onnx_attribute *axis = attribute(norm, "axis"), *eps = attribute(norm, "epsilon");
    if (!is_order(&s->model->nodes[m->node[0]], back) || !is_order(maker_of(s, norm->inputs[0]), last)) return 0;
    if (axis && axis->i != -1 && axis->i != 3) return 0;
    if (!is_list(s, bound(m, 'w')) || !is_list(s, bound(m, 'b'))) return 0;
    return add_int(node, "axis", 1) && add_int(node, GCAM__ONNX_AXES, 1) && (!eps || add_attribute(node, eps));
}

/* 1 for a Transpose of a matrix. */
static int is_turn(const gcam__onnx_node *node) {
    const gcam__onnx_attribute *perm = attribute(node, "perm");
    return !perm || (perm->type == GCAM__ONNX_INTS && perm->count == 2 && perm->ints[0] == 1);
}

/* A matrix, or a stored one that is transposed first, and one number a column. */
static int finish_linear(const search *s, const match *m, gcam__onnx_node *node) {
    const char *value = bound(m, 'w');
    const gcam__onnx_node *transpose = maker_of(s, value);
    int turned = is_op(transpose, "Transpose") && transpose->input_count == 1 && is_turn(transpose);
    const gcam_tensor_entry *w = stored(s, turned ? transpose->inputs[0] : value), *b = stored(s, bound(m, 'b'));
    (void)node;
    if (!w || !b || w->shape.rank != 2 || b->shape.rank != 1) return 0;
    return b->shape.dim[0] == w->shape.dim[!turned];
}

#define CENTERED "Sub(x, ReduceMean(x))"
/* clang-format off */
static const row table[] = {
    {"Mul(x, Sigmoid(x))", "Swish", "x", NULL},
    {"Mul(x, HardSigmoid(x, 0.16666667, 0.5))", "HardSwish", "x", NULL},
    {"Mul(x, Clip(Add(x, 3), 0, 6), 0.16666667)", "HardSwish", "x", NULL},
    {"Mul(Clip(Add(x, 3), 0, 6), 0.16666667)", "HardSigmoid", "x", finish_hard_sigmoid},
    {"Mul(x, Add(Erf(Mul(x, 0.70710678)), 1), 0.5)", "Gelu", "x", NULL},
    {"Mul(x, Add(Tanh(Mul(Add(x, Mul(x, x, x, 0.044715)), 0.79788456)), 1), 0.5)", "Gelu", "x", finish_tanh},
    {"Mul(x, Add(Tanh(Mul(Add(x, Mul(Pow(x, 3), 0.044715)), 0.79788456)), 1), 0.5)", "Gelu", "x", finish_tanh},
    {"Div(" CENTERED ", Sqrt(Add(ReduceMean(Pow(" CENTERED ", 2)), #e)))", "LayerNormalization", "x", finish_layer_norm},
    {"Div(" CENTERED ", Sqrt(Add(ReduceMean(Mul(" CENTERED ", " CENTERED ")), #e)))", "LayerNormalization", "x", finish_layer_norm},
    {"Mul(LayerNormalization(x), %w)", "LayerNormalization", "xw", finish_affine},
    {"Add(LayerNormalization(x, %w), %b)", "LayerNormalization", "xwb", finish_affine},
    {"Transpose(LayerNormalization(Transpose(x), %w, %b))", "LayerNormalization", "xwb", finish_channel_norm},
    {"Add(MatMul(x, %w), %b)", "MatMul", "xwb", finish_linear},
};
/* clang-format on */
enum { ROWS = sizeof table / sizeof *table };

/* The node that takes the group's place; `*fits` 0: the row has found a reason against it. */
static gcam_status make_node(const search *s, const row *r, const match *m, gcam__arena *arena, gcam__onnx_node *out,
                             int *fits) {
    const gcam__onnx_node *root = &s->model->nodes[m->node[0]];
    size_t count = strlen(r->inputs);
    *out = (gcam__onnx_node){.op = r->op, .name = root->name, .domain = "", .outputs = root->outputs};
    out->output_count = 1;
    out->input_count = count;
    out->inputs = gcam__arena_alloc(arena, count * sizeof *out->inputs);
    out->attributes = gcam__arena_alloc(arena, MAX_ATTRIBUTES * sizeof *out->attributes);
    if (!out->inputs || !out->attributes) return GCAM_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) out->inputs[i] = bound(m, r->inputs[i]);
    *fits = !r->finish || r->finish(s, m, out);
    return GCAM_OK;
}

/* Puts `made` in the place of the group's root; the others lose their operator, and with it their part in the graph. */
static void replace(gcam__onnx_model *model, gcam__onnx_links *links, const match *m, const gcam__onnx_node *made) {
    for (int i = 0; i < m->count; i++) {
        gcam__onnx_node *node = &model->nodes[m->node[i]];
        for (size_t k = 0; k < node->input_count; k++)
            if (*node->inputs[k]) gcam__onnx_links_find(links, node->inputs[k])->readers--;
        node->op = "";
    }
    model->nodes[m->node[0]] = *made;
    for (size_t k = 0; k < made->input_count; k++) gcam__onnx_links_find(links, made->inputs[k])->readers++;
}

static gcam_status fuse_at(gcam__onnx_model *model, gcam__onnx_links *links, const pattern *patterns, size_t place,
                           gcam__arena *arena) {
    const gcam__onnx_node *node = &model->nodes[place];
    const gcam__onnx_link *link = node->output_count ? gcam__onnx_links_find(links, node->outputs[0]) : NULL;
    if (!link || link->is_constant) return GCAM_OK;
    for (size_t i = 0; i < ROWS; i++) {
        const search s = {model, links, &patterns[i]};
        match m = {.count = 0};
        gcam__onnx_node made;
        int fits = 0;
        if (!match_operator(&s, &patterns[i].list[0], node, &m) || !is_closed(&s, &m)) continue;
        GCAM_TRY(make_node(&s, &table[i], &m, arena, &made, &fits));
        if (!fits) continue;
        replace(model, links, &m, &made);
        return GCAM_OK;
    }
    return GCAM_OK;
}

gcam_status gcam__onnx_fuse_patterns(gcam__onnx_model *model, gcam__onnx_links *links, gcam__arena *arena) {
    pattern patterns[ROWS];
    size_t kept = 0;
    for (size_t i = 0; i < ROWS; i++)
        if (!read_pattern(&patterns[i], table[i].pattern))
            return gcam__fail(GCAM_ERR_STATE, "onnx", "the pattern %s is no term", table[i].pattern);
    for (size_t i = 0; i < model->node_count; i++) GCAM_TRY(fuse_at(model, links, patterns, i, arena));
    for (size_t i = 0; i < model->node_count; i++)
        if (*model->nodes[i].op) model->nodes[kept++] = model->nodes[i];
    model->node_count = kept;
    return GCAM_OK;
}
