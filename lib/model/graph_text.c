/* Graph text: a network as lines that people can read and write. The parameters of each operation come from its own table in the
 * layers room, so a new operation needs nothing here.
 *
 *     gradcam graph 1                               the first line: kind and version
 *     # comments and blank lines may stand anywhere
 *     image = input channels=3 height=224 width=224
 *     conv1 = conv2d image out=16 kernel=3,3 pad=1,1 no_bias=1
 *     sum = add conv1 other                         NAME = OPERATION INPUTS... PARAMETERS...
 *     again = conv2d sum out=16 kernel=3 weights=conv1
 *     alias block1 = sum                            a second name
 *     target sum                                    default layer for class activation maps
 *     output again                                  left out: the last layer; a second line is a second output
 *
 * A parameter that is left out has its default; one number stands for both of a pair; `weights` names the layer whose weights are
 * shared. Reading what was written gives the same network, and writing that again the same text. */
#include "core/memory.h"
#include "core/number.h"
#include "core/status.h"
#include "core/text.h"
#include "gradcam/model.h"
#include "graph/network.h"
#include "model/model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char header[] = "gradcam graph 1";

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static void write_name(gcam__text *text, const char *name) {
    if (text->status == GCAM_OK && (name[0] == '#' || strchr(name, '=') != NULL))
        text->status = gcam__fail(GCAM_ERR_UNSUPPORTED, "graph_text",
                                  "%s: graph text cannot hold a name that begins with '#' or contains '='", name);
    gcam__text_printf(text, "%s", name);
}

static void write_integers(gcam__text *text, const char *name, const int64_t *values, int count) {
    for (int i = 0; i < count; i++)
        gcam__text_printf(text, "%s%s%s%" PRId64, i > 0 ? "," : " ", i > 0 ? "" : name, i > 0 ? "" : "=", values[i]);
}

static void write_numbers(gcam__text *text, const char *name, const gcam_numbers *numbers) {
    char digits[GCAM__NUMBER_TEXT];
    for (int64_t i = 0; i < numbers->count; i++)
        gcam__text_printf(text, "%s%s%s%s", i > 0 ? "," : " ", i > 0 ? "" : name, i > 0 ? "" : "=",
                          gcam__number_text(numbers->value[i], digits));
}

static void write_parameter(gcam__text *text, const gcam__param *param, const void *params) {
    const void *field = (const char *)params + param->offset;
    char digits[GCAM__NUMBER_TEXT];
    if (param->kind == GCAM__PARAM_NUMBER) {
        double number = *(const double *)field;
        if (number != param->fallback)
            gcam__text_printf(text, " %s=%s", param->name, gcam__number_text(number, digits));
        return;
    }
    if (param->kind == GCAM__PARAM_DIMS) {
        const gcam_dims *dims = field;
        if (dims->count > 0) write_integers(text, param->name, dims->value, (int)dims->count);
        return;
    }
    if (param->kind == GCAM__PARAM_NUMBERS) {
        write_numbers(text, param->name, field);
        return;
    }
    const int64_t *number = field;
    int64_t fallback = (int64_t)param->fallback;
    int count = param->kind == GCAM__PARAM_INT2 ? 2 : 1;
    if (number[0] != fallback || number[count - 1] != fallback) write_integers(text, param->name, number, count);
}

static void write_layer(gcam__text *text, const gcam_network *network, const gcam__node *node) {
    write_name(text, node->name);
    gcam__text_printf(text, " = %s", node->layer.op->name);
    for (int i = 0; i < node->input_count; i++) gcam__text_printf(text, " %s", network->nodes[node->inputs[i]].name);
    for (const gcam__param *param = node->layer.op->params; param != NULL && param->name != NULL; param++)
        write_parameter(text, param, node->layer.params);
    if (node->weights_from != NULL) gcam__text_printf(text, " weights=%s", node->weights_from);
    gcam__text_printf(text, "\n");
}

static void write_alias(gcam__text *text, const gcam_network *network, const gcam__node_name *name) {
    gcam__text_printf(text, "alias ");
    write_name(text, name->text);
    gcam__text_printf(text, " = %s\n", network->nodes[name->node].name);
}

/* Names are in the order of their declaration, so aliases come where they were declared. */
static void write_network(gcam__text *text, const gcam_network *network) {
    gcam__text_printf(text, "%s\n", header);
    for (size_t i = 0; i < network->name_count; i++) {
        const gcam__node_name *name = &network->names[i];
        if (name->is_alias)
            write_alias(text, network, name);
        else
            write_layer(text, network, &network->nodes[name->node]);
    }
    if (network->target >= 0) gcam__text_printf(text, "target %s\n", network->nodes[network->target].name);
    for (size_t i = 0; i < network->output_count; i++)
        gcam__text_printf(text, "output %s\n", network->nodes[network->outputs[i]].name);
}

gcam_status gcam_network_to_text(char **out, const gcam_network *network) {
    *out = NULL;
    if (network == NULL) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_network_to_text", "there is no network");
    gcam__text text = {0};
    write_network(&text, network);
    gcam_status status = text.status;
    if (status == GCAM_OK)
        *out = text.data;
    else
        gcam__text_free(&text);
    return status;
}

void gcam_text_free(char *text) {
    gcam__free(text);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

typedef struct reader {
    gcam_builder *b;
    char *rest;   /* lines not yet read; NULL: none */
    char *cursor; /* words not yet read of the current line */
    int line;     /* its number, from 1 */
    int *lines;   /* of each layer */
    size_t line_capacity;
    gcam_node *inputs;
    size_t input_count, input_capacity;
} reader;

/* Puts "line N" before the current error. */
static gcam_status in_line(const reader *r) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "line %d", r->line);
    return gcam__fail_prefix(prefix);
}

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Next word of the line, ended by a zero byte; "" at its end or at a comment. */
static char *next_word(reader *r) {
    while (is_blank(*r->cursor)) r->cursor++;
    if (*r->cursor == '#') *r->cursor = '\0';
    char *word = r->cursor;
    while (*r->cursor != '\0' && !is_blank(*r->cursor)) r->cursor++;
    if (*r->cursor != '\0') *r->cursor++ = '\0';
    return word;
}

/* Moves on to the next line that has words and returns the first; NULL after the last line. */
static char *next_line(reader *r) {
    while (r->rest != NULL) {
        r->cursor = r->rest;
        r->line++;
        r->rest = strchr(r->cursor, '\n');
        if (r->rest != NULL) *r->rest++ = '\0';
        char *word = next_word(r);
        if (*word != '\0') return word;
    }
    return NULL;
}

static gcam_status expect_end(reader *r) {
    const char *word = next_word(r);
    if (*word == '\0') return GCAM_OK;
    return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "expected the end of the line, found \"%.80s\"", word);
}

static const char *name_above(const void *network, size_t index) {
    const gcam_network *above = network;
    return index < above->name_count ? above->names[index].text : NULL;
}

static gcam_status find_layer(const reader *r, const char *name, gcam_node *node) {
    const gcam_network *above = gcam__builder_network(r->b);
    *node = gcam_network_find(above, name);
    if (*name == '\0') return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "expected the name of a layer");
    if (*node >= 0) return GCAM_OK;
    const char *near = gcam_suggest(name, name_above, above);
    if (near)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "graph_text",
                          "there is no layer \"%.80s\" above; did you mean \"%.80s\"?", name, near);
    return gcam__fail(GCAM_ERR_NOT_FOUND, "graph_text", "there is no layer \"%.200s\" above", name);
}

static gcam_status unknown_parameter(const gcam__op *op, const char *name) {
    char known[200] = "weights";
    size_t length = strlen(known);
    for (const gcam__param *param = op->params; param != NULL && param->name != NULL && length < sizeof known; param++)
        length += (size_t)snprintf(known + length, sizeof known - length, " %s", param->name);
    return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "%s has no parameter \"%.80s\"; expected one of: %s", op->name,
                      name, known);
}

/* Copies what stands before the next comma; returns what follows it, NULL at the end. Too long a text becomes "". */
static const char *next_item(const char *text, char *item, size_t room) {
    size_t length = strcspn(text, ",");
    snprintf(item, room, "%.*s", length < room ? (int)length : 0, text);
    return text[length] == ',' ? text + length + 1 : NULL;
}

/* Reads integers with commas between them and returns how many; -1: that is not what `text` is, or more than `most`. */
static int read_integers(const char *text, int64_t *values, int most) {
    char digits[24];
    for (int count = 0; count < most; count++) {
        text = next_item(text, digits, sizeof digits);
        if (!gcam__integer_parse(digits, &values[count])) return -1;
        if (text == NULL) return count + 1;
    }
    return -1;
}

/* The same for numbers, up to GCAM_MAX_RANK. */
static int read_numbers(const char *text, double *values) {
    char digits[64];
    for (int count = 0; count < GCAM_MAX_RANK; count++) {
        text = next_item(text, digits, sizeof digits);
        if (!gcam__number_parse(digits, &values[count])) return -1;
        if (text == NULL) return count + 1;
    }
    return -1;
}

static int read_field(const gcam__param *param, const char *value, void *field) {
    if (param->kind == GCAM__PARAM_NUMBER) return gcam__number_parse(value, field);
    if (param->kind == GCAM__PARAM_DIMS) {
        gcam_dims *dims = field;
        dims->count = read_integers(value, dims->value, GCAM_MAX_RANK);
        return dims->count > 0;
    }
    if (param->kind == GCAM__PARAM_NUMBERS) {
        gcam_numbers *list = field;
        list->count = read_numbers(value, list->value);
        return list->count > 0;
    }
    int64_t *numbers = field;
    int count = read_integers(value, numbers, param->kind == GCAM__PARAM_INT2 ? 2 : 1);
    if (param->kind == GCAM__PARAM_INT2 && count == 1) numbers[1] = numbers[0];
    return count > 0;
}

static gcam_status read_value(const gcam__param *param, const char *value, void *params) {
    static const char *const kinds[] = {[GCAM__PARAM_INT] = "an integer",
                                        [GCAM__PARAM_INT2] = "one or two integers",
                                        [GCAM__PARAM_NUMBER] = "a number",
                                        [GCAM__PARAM_DIMS] = "one to eight integers",
                                        [GCAM__PARAM_NUMBERS] = "one to eight numbers"};
    if (read_field(param, value, (char *)params + param->offset)) return GCAM_OK;
    return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "%s: expected %s, found \"%.80s\"", param->name,
                      kinds[param->kind], value);
}

static gcam_status read_parameter(const gcam__op *op, char *word, void *params, const char **weights) {
    char *value = strchr(word, '=');
    *value++ = '\0';
    if (strcmp(word, "weights") == 0) {
        *weights = value;
        return GCAM_OK;
    }
    for (const gcam__param *param = op->params; param != NULL && param->name != NULL; param++)
        if (strcmp(word, param->name) == 0) return read_value(param, value, params);
    return unknown_parameter(op, word);
}

static gcam_status read_input(reader *r, const char *name) {
    GCAM_TRY(gcam__grow((void **)&r->inputs, r->input_count, &r->input_capacity, sizeof *r->inputs));
    return find_layer(r, name, &r->inputs[r->input_count++]);
}

static gcam_status read_words(reader *r, const char *name, const gcam__op *op, void *params) {
    const char *weights = NULL;
    r->input_count = 0;
    for (char *word = next_word(r); *word != '\0'; word = next_word(r))
        GCAM_TRY(strchr(word, '=') != NULL ? read_parameter(op, word, params, &weights) : read_input(r, word));
    gcam_node node = gcam_layer(r->b, op->name, name, r->inputs, (int)r->input_count, params);
    if (node < 0) return gcam_last_error()->status;
    GCAM_TRY(gcam__grow((void **)&r->lines, (size_t)node, &r->line_capacity, sizeof *r->lines));
    r->lines[node] = r->line;
    if (weights == NULL) return GCAM_OK;
    if (*weights == '\0') return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "weights: expected the name of a layer");
    gcam_weights_from(r->b, node, weights);
    return GCAM_OK;
}

static const char *op_name(const void *unused, size_t index) {
    (void)unused;
    const gcam__op *op = gcam__op_at(index);
    return op != NULL ? op->name : NULL;
}

static gcam_status unknown_operation(const char *name, const char *word) {
    const char *near = gcam_suggest(word, op_name, NULL);
    if (near)
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "graph_text",
                          "%.200s: there is no operation \"%.80s\"; did you mean \"%s\"?", name, word, near);
    return gcam__fail(GCAM_ERR_UNSUPPORTED, "graph_text", "%.200s: there is no operation \"%.80s\"", name, word);
}

static gcam_status read_layer(reader *r, const char *name) {
    const char *word = next_word(r);
    const gcam__op *op = gcam__op_find(word);
    if (op == NULL) return unknown_operation(name, word);
    void *params = op->params_size > 0 ? gcam__calloc(1, op->params_size) : NULL;
    if (op->params_size > 0 && params == NULL) return GCAM_ERR_NOMEM;
    gcam_status status = read_words(r, name, op, params);
    gcam__free(params);
    return status;
}

static gcam_status read_alias(reader *r, const char *alias) {
    gcam_node node;
    if (strcmp(next_word(r), "=") != 0)
        return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "expected \"alias NAME = LAYER\"");
    GCAM_TRY(find_layer(r, next_word(r), &node));
    GCAM_TRY(expect_end(r));
    if (gcam_network_find(gcam__builder_network(r->b), alias) >= 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "graph_text", "the name %.200s is taken", alias);
    gcam_alias(r->b, alias, node);
    return GCAM_OK;
}

static gcam_status read_choice(reader *r, const char *name, void (*choose)(gcam_builder *, gcam_node)) {
    gcam_node node;
    GCAM_TRY(find_layer(r, name, &node));
    GCAM_TRY(expect_end(r));
    choose(r->b, node);
    return GCAM_OK;
}

static gcam_status read_line(reader *r, const char *first) {
    const char *second = next_word(r);
    if (strcmp(second, "=") == 0) return read_layer(r, first);
    if (strcmp(first, "alias") == 0) return read_alias(r, second);
    if (strcmp(first, "target") == 0) return read_choice(r, second, gcam_target_layer);
    if (strcmp(first, "output") == 0) return read_choice(r, second, gcam_output);
    return gcam__fail(GCAM_ERR_FORMAT, "graph_text",
                      "expected \"NAME = OPERATION ...\", \"alias\", \"target\" or \"output\", found \"%.80s\"", first);
}

static gcam_status read_header(reader *r, const char *text) {
    size_t length = strlen(header);
    r->line = 1;
    const char *after = text + length;
    if (strncmp(text, header, length) != 0 || (*after != '\0' && *after != '\n' && !is_blank(*after)))
        return gcam__fail(GCAM_ERR_FORMAT, "graph_text", "expected \"%s\", found \"%.*s\"", header,
                          (int)(strcspn(text, "\r\n") < 80 ? strcspn(text, "\r\n") : 80), text);
    r->rest = strchr(r->rest, '\n');
    if (r->rest != NULL) r->rest++;
    return GCAM_OK;
}

static gcam_status read_text(reader *r, const char *text) {
    gcam_status status = read_header(r, text);
    for (const char *word = NULL; status == GCAM_OK && (word = next_line(r)) != NULL;) status = read_line(r, word);
    return status == GCAM_OK ? GCAM_OK : in_line(r);
}

typedef struct check {
    reader *r;
    const gcam_tensor_table *weights;
} check;

/* What gcam_builder_finish() would refuse too, but without a line. */
static gcam_status check_weight(void *user, int node, int which, const char *name, const gcam_shape *wanted) {
    (void)which;
    const check *c = user;
    char text[2][160];
    const gcam_tensor_entry *entry = gcam_tensor_table_find(c->weights, name);
    if (entry != NULL && gcam_shape_equal(&entry->shape, wanted)) return GCAM_OK;
    c->r->line = c->r->lines[node];
    gcam__shape_text(wanted, text[0]);
    if (entry == NULL)
        gcam__fail(GCAM_ERR_NOT_FOUND, "graph_text", "%.200s: expected a tensor of %s, the file has none of this name",
                   name, text[0]);
    else
        gcam__fail(GCAM_ERR_SHAPE, "graph_text", "%.200s: expected %s, the file has %s", name, text[0],
                   gcam__shape_text(&entry->shape, text[1]));
    return in_line(c->r);
}

/* `weights` may be NULL: they are not checked then. */
static gcam_status read_builder(gcam_builder **out, const char *text, const gcam_tensor_table *weights) {
    *out = NULL;
    if (text == NULL) return gcam__fail(GCAM_ERR_ARGUMENT, "gcam_network_from_text", "there is no text");
    reader r = {0};
    char *copy = gcam__strdup(text);
    if (copy == NULL) return GCAM_ERR_NOMEM;
    r.rest = copy;
    gcam_status status = gcam_builder_create(&r.b);
    if (status == GCAM_OK) status = read_text(&r, text);
    if (status == GCAM_OK && weights != NULL)
        status = gcam__network_each_weight(gcam__builder_network(r.b), check_weight, &(check){&r, weights});
    if (status == GCAM_OK)
        *out = r.b;
    else
        gcam_builder_free(r.b);
    gcam__free(r.inputs);
    gcam__free(r.lines);
    gcam__free(copy);
    return status;
}

gcam_status gcam__builder_from_text(gcam_builder **out, const char *text) {
    return read_builder(out, text, NULL);
}

gcam_status gcam_network_from_text(gcam_network **out, const char *text, const gcam_tensor_table *weights) {
    gcam_builder *b;
    *out = NULL;
    GCAM_TRY(read_builder(&b, text, weights));
    return gcam_builder_finish(out, b, weights);
}
