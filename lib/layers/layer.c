/* The table of operations, the defaults of their parameters, and shapes as text. */
#include "core/status.h"
#include "layers/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const gcam__op *const table[] = {
#define ROW(name) &gcam__op_##name,
    GCAM__OPS(ROW)
#undef ROW
};

const gcam__op *gcam__op_at(size_t index) {
    return index < sizeof table / sizeof *table ? table[index] : NULL;
}

const gcam__op *gcam__op_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

/* ---- parameters --------------------------------------------------------------------------------------------------- */

static gcam_status set_integer(const gcam__param *param, const char *layer_name, int64_t *value) {
    if (*value == 0) *value = (int64_t)param->fallback;
    if (param->required && *value <= 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s is %" PRId64 ", expected a number above 0", layer_name,
                          param->name, *value);
    if (*value < 0 && !param->is_signed)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s is %" PRId64 ", expected no negative number", layer_name,
                          param->name, *value);
    /* Within 31 bits, sizes of windows can be computed in int64_t without overflow. */
    if (*value > INT32_MAX || *value < -INT32_MAX)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s is %" PRId64 ", expected at most %" PRId32, layer_name,
                          param->name, *value, INT32_MAX);
    return GCAM_OK;
}

static gcam_status set_number(const gcam__param *param, const char *layer_name, double *value) {
    if (*value == 0) *value = param->fallback;
    if (!isfinite(*value))
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s is not a finite number", layer_name, param->name);
    return GCAM_OK;
}

static gcam_status set_integers(const gcam__param *param, const char *layer_name, int64_t *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) GCAM_TRY(set_integer(param, layer_name, &values[i]));
    return GCAM_OK;
}

static gcam_status check_list(const gcam__param *param, const char *layer_name, int64_t count) {
    int64_t least = param->required ? 1 : 0;
    if (count >= least && count <= GCAM_MAX_RANK) return GCAM_OK;
    return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s has %" PRId64 " numbers, expected %" PRId64 " to %d",
                      layer_name, param->name, count, least, GCAM_MAX_RANK);
}

static gcam_status set_dims(const gcam__param *param, const char *layer_name, gcam_dims *list) {
    gcam__param element = {.name = param->name, .is_signed = param->is_signed};
    GCAM_TRY(check_list(param, layer_name, list->count));
    return set_integers(&element, layer_name, list->value, list->count);
}

static gcam_status set_numbers(const gcam__param *param, const char *layer_name, gcam_numbers *list) {
    gcam__param element = {.name = param->name};
    GCAM_TRY(check_list(param, layer_name, list->count));
    for (int64_t i = 0; i < list->count; i++) GCAM_TRY(set_number(&element, layer_name, &list->value[i]));
    return GCAM_OK;
}

static gcam_status set_field(const gcam__param *param, const char *layer_name, void *field) {
    switch (param->kind) {
    case GCAM__PARAM_INT:
        return set_integers(param, layer_name, field, 1);
    case GCAM__PARAM_INT2:
        return set_integers(param, layer_name, field, 2);
    case GCAM__PARAM_NUMBER:
        return set_number(param, layer_name, field);
    case GCAM__PARAM_DIMS:
        return set_dims(param, layer_name, field);
    case GCAM__PARAM_NUMBERS:
        return set_numbers(param, layer_name, field);
    }
    return GCAM_OK;
}

gcam_status gcam__params_set(const gcam__op *op, const char *layer_name, void *params, const void *source) {
    if (!op->params_size) return GCAM_OK;
    if (source)
        memcpy(params, source, op->params_size);
    else
        memset(params, 0, op->params_size);
    for (const gcam__param *param = op->params; param && param->name; param++)
        GCAM_TRY(set_field(param, layer_name, (char *)params + param->offset));
    return GCAM_OK;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

const char *gcam__shape_text(const gcam_shape *shape, char *text) {
    enum { ROOM = 160 }; /* 8 sizes of at most 19 digits, and the signs between them */
    if (shape->rank == 0) return strcpy(text, "a scalar");
    int length = 0;
    for (int i = 0; i < shape->rank && i < GCAM_MAX_RANK; i++)
        length += snprintf(text + length, (size_t)(ROOM - length), "%s%" PRId64, i ? "x" : "", shape->dim[i]);
    return text;
}
