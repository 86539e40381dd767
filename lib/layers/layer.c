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

static gcam_status check_dims(const gcam__param *param, const char *layer_name, const gcam_dims *dims) {
    if (dims->count < 0 || dims->count > GCAM_MAX_RANK)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s has %" PRId64 " numbers, expected at most %d", layer_name,
                          param->name, dims->count, GCAM_MAX_RANK);
    for (int64_t i = 0; i < dims->count; i++)
        if (dims->value[i] > INT32_MAX || dims->value[i] < (param->is_signed ? -INT32_MAX : 0))
            return gcam__fail(GCAM_ERR_ARGUMENT, "layer", "%s: %s has the number %" PRId64 ", expected %s", layer_name,
                              param->name, dims->value[i],
                              param->is_signed ? "at most 31 bits" : "0 or more, at most 31 bits");
    return GCAM_OK;
}

gcam_status gcam__params_set(const gcam__op *op, const char *layer_name, void *params, const void *source) {
    if (!op->params_size) return GCAM_OK;
    if (source)
        memcpy(params, source, op->params_size);
    else
        memset(params, 0, op->params_size);
    for (const gcam__param *param = op->params; param && param->name; param++) {
        void *field = (char *)params + param->offset;
        if (param->kind == GCAM__PARAM_NUMBER) {
            GCAM_TRY(set_number(param, layer_name, field));
            continue;
        }
        if (param->kind == GCAM__PARAM_DIMS) {
            GCAM_TRY(check_dims(param, layer_name, field));
            continue;
        }
        int count = param->kind == GCAM__PARAM_INT2 ? 2 : 1;
        for (int i = 0; i < count; i++) GCAM_TRY(set_integer(param, layer_name, (int64_t *)field + i));
    }
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
