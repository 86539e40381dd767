/* Reckoning at import, element by element with broadcasting. Integers are reckoned as int64_t, which wraps; mixed operands as double. */
#include "core/status.h"
#include "io/tensor_table.h"
#include "model/onnx/fold.h"

#include <math.h>
#include <string.h>

/* ---- shared with fold.c --------------------------------------------------------------------------------------------------- */

int gcam__fold_is_integer(const gcam_tensor_entry *entry) {
    return entry->dtype >= GCAM_DTYPE_I64;
}

const gcam_tensor_entry *gcam__fold_input(const gcam__importer *im, size_t index) {
    const gcam__onnx_slot *slot = gcam__onnx_input(im, index);
    return slot && slot->is_constant ? &slot->constant : NULL;
}

gcam_status gcam__fold_result(gcam__importer *im, int integer, const gcam_shape *shape, gcam_tensor_entry *out,
                              void **data) {
    return gcam__onnx_new_constant(im, integer ? GCAM_DTYPE_I64 : GCAM_DTYPE_F32, shape, out, data);
}

void gcam__fold_store(void *data, int integer, int64_t i, const gcam_tensor_entry *from, int64_t j) {
    if (integer)
        ((int64_t *)data)[i] = gcam__onnx_int_at(from, j);
    else
        ((float *)data)[i] = (float)gcam__onnx_number_at(from, j);
}

int gcam__fold_broadcast(const gcam_shape *a, const gcam_shape *b, gcam_shape *out) {
    gcam_shape made = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < made.rank; i++) {
        int j = i - (made.rank - a->rank), k = i - (made.rank - b->rank);
        int64_t m = j < 0 ? 1 : a->dim[j], n = k < 0 ? 1 : b->dim[k];
        if (m != n && m != 1 && n != 1) return 0;
        made.dim[i] = m == 1 ? n : m;
    }
    *out = made;
    return 1;
}

int64_t gcam__fold_index(const gcam_shape *operand, const gcam_shape *result, int64_t i) {
    int64_t at = 0, step = 1;
    for (int k = result->rank - 1, j = operand->rank - 1; j >= 0; k--, j--) {
        if (operand->dim[j] != 1) at += i % result->dim[k] * step;
        i /= result->dim[k];
        step *= operand->dim[j];
    }
    return at;
}

/* ---- two operands --------------------------------------------------------------------------------------------------------- */

typedef double (*number_fn)(double a, double b);
typedef int64_t (*integer_fn)(int64_t a, int64_t b);

static double add(double a, double b) {
    return a + b;
}
static double sub(double a, double b) {
    return a - b;
}
static double mul(double a, double b) {
    return a * b;
}
static double quotient(double a, double b) {
    return a / b;
}
static double equal(double a, double b) {
    return a == b;
}
static double less(double a, double b) {
    return a < b;
}
static double greater(double a, double b) {
    return a > b;
}
static double less_or_equal(double a, double b) {
    return a <= b;
}
static double greater_or_equal(double a, double b) {
    return a >= b;
}
static double both(double a, double b) {
    return a != 0 && b != 0;
}
static double either(double a, double b) {
    return a != 0 || b != 0;
}
static double one_of(double a, double b) {
    return (a != 0) != (b != 0);
}

/* Unsigned arithmetic wraps instead of overflowing. */
static int64_t int_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t int_sub(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static int64_t int_mul(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}
static int64_t int_div(int64_t a, int64_t b) {
    return b == 0 || (a == INT64_MIN && b == -1) ? 0 : a / b;
}
static int64_t int_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t int_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t int_equal(int64_t a, int64_t b) {
    return a == b;
}

/* The sign of the divisor, as Python's %; with fmod = 1 that of the dividend, as C's. */
static int64_t int_mod(int64_t a, int64_t b) {
    if (b == 0 || b == -1) return 0;
    return (a % b != 0) && ((a < 0) != (b < 0)) ? a % b + b : a % b;
}

static const struct {
    const char *op;
    number_fn number;
    integer_fn integer; /* NULL: through `number` */
    int truth;          /* 1: the result is a truth value */
} binary_table[] = {
    {"Add", add, int_add, 0},
    {"Sum", add, int_add, 0},
    {"Sub", sub, int_sub, 0},
    {"Mul", mul, int_mul, 0},
    {"Div", quotient, int_div, 0},
    {"Pow", pow, NULL, 0},
    {"Min", fmin, int_min, 0},
    {"Max", fmax, int_max, 0},
    {"Mod", fmod, int_mod, 0},
    {"Equal", equal, int_equal, 1},
    {"Less", less, NULL, 1},
    {"Greater", greater, NULL, 1},
    {"LessOrEqual", less_or_equal, NULL, 1},
    {"GreaterOrEqual", greater_or_equal, NULL, 1},
    {"And", both, NULL, 1},
    {"Or", either, NULL, 1},
    {"Xor", one_of, NULL, 1},
};

/* A double as int64_t; what does not fit becomes the nearest that does. */
static int64_t to_integer(double x) {
    return !(x > -9e18) ? INT64_MIN : !(x < 9e18) ? INT64_MAX : (int64_t)x;
}

/* The element types differ in width: 8 bits wrap at 8 bits. */
static int64_t wrapped(gcam_dtype dtype, int64_t x) {
    switch (dtype) {
    case GCAM_DTYPE_U8:
        return (uint8_t)x;
    case GCAM_DTYPE_I8:
        return (int8_t)x;
    case GCAM_DTYPE_I16:
        return (int16_t)x;
    case GCAM_DTYPE_I32:
        return (int32_t)x;
    default:
        return x;
    }
}

static gcam_status combine(gcam__importer *im, size_t row, const gcam_tensor_entry *a, const gcam_tensor_entry *b,
                           gcam_tensor_entry *out) {
    gcam_shape shape;
    void *data;
    int integer = gcam__fold_is_integer(a) && gcam__fold_is_integer(b), truth = binary_table[row].truth;
    integer_fn exact = integer ? binary_table[row].integer : NULL;
    if (exact == int_mod && gcam__onnx_attribute_int(im, "fmod", 0)) exact = NULL;
    if (!gcam__fold_broadcast(&a->shape, &b->shape, &shape))
        return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "constants of these shapes cannot be combined");
    GCAM_TRY(gcam__fold_result(im, integer || truth, &shape, out, &data));
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) {
        int64_t j = gcam__fold_index(&a->shape, &shape, i), k = gcam__fold_index(&b->shape, &shape, i);
        if (exact) {
            int64_t value = exact(gcam__onnx_int_at(a, j), gcam__onnx_int_at(b, k));
            ((int64_t *)data)[i] = truth ? value : wrapped(a->dtype, value);
            continue;
        }
        double value = binary_table[row].number(gcam__onnx_number_at(a, j), gcam__onnx_number_at(b, k));
        if (integer || truth)
            ((int64_t *)data)[i] = to_integer(value);
        else
            ((float *)data)[i] = (float)value;
    }
    return GCAM_OK;
}

/* Between the first two inputs, then between that and the third, ... */
static gcam_status fold_binary(gcam__importer *im, size_t row) {
    const gcam_tensor_entry *first = gcam__fold_input(im, 0);
    if (!first) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "input 0 is missing");
    gcam_tensor_entry result = *first;
    for (size_t i = 1; i < im->node->input_count; i++) {
        const gcam_tensor_entry *next = gcam__fold_input(im, i);
        gcam_tensor_entry left = result;
        if (!next) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "input %zu is missing", i);
        GCAM_TRY(combine(im, row, &left, next, &result));
    }
    return gcam__onnx_set_constant(im, 0, &result);
}

/* ---- one operand ------------------------------------------------------------------------------------------------------------- */

static double negative(double x) {
    return -x;
}
static double sign(double x) {
    return (x > 0) - (x < 0);
}
static double inverse(double x) {
    return 1 / x;
}
static double opposite(double x) {
    return x == 0;
}

static const struct {
    const char *op;
    double (*number)(double x);
} unary_table[] = {
    {"Floor", floor},  {"Ceil", ceil}, {"Round", nearbyint}, {"Sqrt", sqrt}, {"Neg", negative},
    {"Abs", fabs},     {"Sign", sign}, {"Exp", exp},         {"Log", log},   {"Reciprocal", inverse},
    {"Not", opposite}, {"Erf", erf},   {"Sin", sin},         {"Cos", cos},   {"Tanh", tanh},
};

static gcam_status fold_unary(gcam__importer *im, size_t row) {
    const gcam_tensor_entry *x = gcam__fold_input(im, 0);
    gcam_tensor_entry out;
    void *data;
    if (!x) return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "input 0 is missing");
    int integer = gcam__fold_is_integer(x);
    GCAM_TRY(gcam__fold_result(im, integer, &x->shape, &out, &data));
    for (int64_t i = 0; i < gcam_shape_count(&x->shape); i++) {
        double value = unary_table[row].number(gcam__onnx_number_at(x, i));
        if (integer)
            ((int64_t *)data)[i] = to_integer(value);
        else
            ((float *)data)[i] = (float)value;
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

/* y = condition ? a : b. */
static gcam_status fold_where(gcam__importer *im) {
    const gcam_tensor_entry *x[3];
    gcam_shape shape = {0};
    for (size_t i = 0; i < 3; i++) {
        x[i] = gcam__fold_input(im, i);
        if (!x[i] || !gcam__fold_broadcast(&shape, &x[i]->shape, &shape))
            return gcam__onnx_fail(im, GCAM_ERR_FORMAT, "its three inputs must be there and of one shape");
    }
    int integer = gcam__fold_is_integer(x[1]);
    gcam_tensor_entry out;
    void *data;
    GCAM_TRY(gcam__fold_result(im, integer, &shape, &out, &data));
    for (int64_t i = 0; i < gcam_shape_count(&shape); i++) {
        double truth = gcam__onnx_number_at(x[0], gcam__fold_index(&x[0]->shape, &shape, i));
        const gcam_tensor_entry *from = x[truth != 0 ? 1 : 2];
        gcam__fold_store(data, integer, i, from, gcam__fold_index(&from->shape, &shape, i));
    }
    return gcam__onnx_set_constant(im, 0, &out);
}

gcam_status gcam__onnx_fold_math(gcam__importer *im, int *done) {
    *done = 1;
    if (strcmp(im->node->op, "Where") == 0) return fold_where(im);
    for (size_t i = 0; i < sizeof binary_table / sizeof *binary_table; i++)
        if (strcmp(im->node->op, binary_table[i].op) == 0) return fold_binary(im, i);
    for (size_t i = 0; i < sizeof unary_table / sizeof *unary_table; i++)
        if (strcmp(im->node->op, unary_table[i].op) == 0) return fold_unary(im, i);
    *done = 0;
    return GCAM_OK;
}
