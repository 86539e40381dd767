/* The values of one entry: any element type, any strides, to float32. Design: an entry is cut into runs of equal step; a dense tensor
 * is a single run, any other has one for each row of its last dimension. Data need not be aligned, so elements go through memcpy,
 * which compiles to plain loads. */
#include "core/half.h"
#include "io/tensor_table.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [GCAM_DTYPE_F32] = {"float32", 4}, [GCAM_DTYPE_F16] = {"float16", 2}, [GCAM_DTYPE_BF16] = {"bfloat16", 2},
    [GCAM_DTYPE_F64] = {"float64", 8}, [GCAM_DTYPE_I64] = {"int64", 8},   [GCAM_DTYPE_I32] = {"int32", 4},
    [GCAM_DTYPE_I16] = {"int16", 2},   [GCAM_DTYPE_I8] = {"int8", 1},     [GCAM_DTYPE_U8] = {"uint8", 1},
    [GCAM_DTYPE_BOOL] = {"bool", 1},
};

static int is_dtype(gcam_dtype dtype) {
    return (int)dtype >= 0 && (size_t)dtype < sizeof dtypes / sizeof *dtypes;
}

size_t gcam_dtype_size(gcam_dtype dtype) {
    return is_dtype(dtype) ? dtypes[dtype].size : 0;
}

const char *gcam_dtype_name(gcam_dtype dtype) {
    return is_dtype(dtype) ? dtypes[dtype].name : "?";
}

void gcam__dense_strides(const gcam_shape *shape, int64_t stride[GCAM_MAX_RANK]) {
    int64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape->dim[i] > 0 ? shape->dim[i] : 1;
    }
}

int gcam__tensor_entry_is_dense(const gcam_tensor_entry *entry) {
    int64_t step = 1;
    for (int i = entry->shape.rank - 1; i >= 0; i--) {
        if (entry->shape.dim[i] != 1 && entry->stride[i] != step) return 0;
        step *= entry->shape.dim[i];
    }
    return 1;
}

/* ---- runs -------------------------------------------------------------------------------------------------------------- */

typedef struct run {
    const uint8_t *data;
    size_t step; /* bytes from one element to the next */
    int64_t count;
} run;

/* The run that begins with element `at` and ends before element `end` at the latest. */
static run run_at(const gcam_tensor_entry *entry, int dense, int64_t at, int64_t end) {
    size_t size = gcam_dtype_size(entry->dtype);
    if (dense) return (run){(const uint8_t *)entry->data + (size_t)at * size, size, end - at};
    int last = entry->shape.rank - 1;
    int64_t rest = at, place = 0;
    for (int i = last; i >= 0; i--) {
        place += rest % entry->shape.dim[i] * entry->stride[i];
        rest /= entry->shape.dim[i];
    }
    int64_t in_row = entry->shape.dim[last] - at % entry->shape.dim[last];
    int64_t count = in_row < end - at ? in_row : end - at;
    return (run){(const uint8_t *)entry->data + (size_t)place * size, (size_t)entry->stride[last] * size, count};
}

#define CONVERT(type, expression)                          \
    for (int64_t i = 0; i < r.count; i++) {                \
        type v;                                            \
        memcpy(&v, r.data + (size_t)i * r.step, sizeof v); \
        out[i] = (expression);                             \
    }                                                      \
    return

static void convert(gcam_dtype dtype, run r, float *out) {
    switch (dtype) {
    case GCAM_DTYPE_F32:
        CONVERT(float, v);
    case GCAM_DTYPE_F16:
        CONVERT(uint16_t, gcam__half_to_float(v));
    case GCAM_DTYPE_BF16:
        CONVERT(uint16_t, gcam__bfloat_to_float(v));
    case GCAM_DTYPE_F64:
        CONVERT(double, (float)v);
    case GCAM_DTYPE_I64:
        CONVERT(int64_t, (float)v);
    case GCAM_DTYPE_I32:
        CONVERT(int32_t, (float)v);
    case GCAM_DTYPE_I16:
        CONVERT(int16_t, (float)v);
    case GCAM_DTYPE_I8:
        CONVERT(int8_t, (float)v);
    case GCAM_DTYPE_U8:
        CONVERT(uint8_t, (float)v);
    case GCAM_DTYPE_BOOL:
        CONVERT(uint8_t, v ? 1.0f : 0.0f);
    }
}

void gcam__tensor_entry_floats(const gcam_tensor_entry *entry, int64_t start, int64_t count, float *out) {
    int dense = gcam__tensor_entry_is_dense(entry);
    for (int64_t at = start, end = start + count; at < end;) {
        run r = run_at(entry, dense, at, end);
        if (entry->dtype == GCAM_DTYPE_F32 && r.step == sizeof *out)
            memcpy(out, r.data, (size_t)r.count * sizeof *out);
        else
            convert(entry->dtype, r, out);
        out += r.count;
        at += r.count;
    }
}

void gcam__tensor_entry_bytes(const gcam_tensor_entry *entry, int64_t start, int64_t count, void *out) {
    size_t size = gcam_dtype_size(entry->dtype);
    int dense = gcam__tensor_entry_is_dense(entry);
    uint8_t *place = out;
    for (int64_t at = start, end = start + count; at < end;) {
        run r = run_at(entry, dense, at, end);
        if (r.step == size)
            memcpy(place, r.data, (size_t)r.count * size);
        else
            for (int64_t i = 0; i < r.count; i++) memcpy(place + (size_t)i * size, r.data + (size_t)i * r.step, size);
        place += (size_t)r.count * size;
        at += r.count;
    }
}

void gcam_tensor_entry_read(const gcam_tensor_entry *entry, float *out) {
    gcam__tensor_entry_floats(entry, 0, gcam_shape_count(&entry->shape), out);
}
