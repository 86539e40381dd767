/* Names in pickles. Design: one table of what state dicts use. A call is an entry of that table with a function which builds a value
 * from checked arguments; the checks on a tensor (all elements inside the storage, no arithmetic that can overflow) are at one place. */
#include "io/pickle_names.h"

#include "core/status.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <string.h>

typedef gcam__pickle_value value;
typedef gcam__pickle_items items;

/* ---- the closed list ------------------------------------------------------------------------------------------------------ */

#define TYPED(text, dtype)                                           \
    {"torch", text "Storage", GCAM__GLOBAL_STORAGE, dtype},          \
        {"torch.cuda", text "Storage", GCAM__GLOBAL_STORAGE, dtype}, \
        {"torch", text "Tensor", GCAM__GLOBAL_TENSOR_TYPE, dtype}, { \
        "torch.cuda", text "Tensor", GCAM__GLOBAL_TENSOR_TYPE, dtype \
    }
#define DTYPE(text, dtype) \
    { "torch", text, GCAM__GLOBAL_DTYPE, dtype }

static const gcam__global globals[] = {
    {"collections", "OrderedDict", GCAM__GLOBAL_ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor", GCAM__GLOBAL_REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", GCAM__GLOBAL_REBUILD_TENSOR_V2, 0},
    {"torch._utils", "_rebuild_tensor_v3", GCAM__GLOBAL_REBUILD_TENSOR_V3, 0},
    {"torch._utils", "_rebuild_parameter", GCAM__GLOBAL_REBUILD_PARAMETER, 0},
    {"torch.nn.parameter", "Parameter", GCAM__GLOBAL_PARAMETER, 0},
    {"torch", "Size", GCAM__GLOBAL_SIZE, 0},
    {"torch.storage", "UntypedStorage", GCAM__GLOBAL_STORAGE, GCAM__STORAGE_UNTYPED},
    {"torch.storage", "_UntypedStorage", GCAM__GLOBAL_STORAGE, GCAM__STORAGE_UNTYPED},
    {"torch.storage", "TypedStorage", GCAM__GLOBAL_STORAGE, GCAM__STORAGE_UNTYPED},
    {"torch.storage", "_TypedStorage", GCAM__GLOBAL_STORAGE, GCAM__STORAGE_UNTYPED},
    TYPED("Float", GCAM_DTYPE_F32),
    TYPED("Double", GCAM_DTYPE_F64),
    TYPED("Half", GCAM_DTYPE_F16),
    TYPED("BFloat16", GCAM_DTYPE_BF16),
    TYPED("Long", GCAM_DTYPE_I64),
    TYPED("Int", GCAM_DTYPE_I32),
    TYPED("Short", GCAM_DTYPE_I16),
    TYPED("Char", GCAM_DTYPE_I8),
    TYPED("Byte", GCAM_DTYPE_U8),
    TYPED("Bool", GCAM_DTYPE_BOOL),
    TYPED("ComplexFloat", GCAM__STORAGE_UNSUPPORTED),
    TYPED("ComplexDouble", GCAM__STORAGE_UNSUPPORTED),
    TYPED("QUInt8", GCAM__STORAGE_UNSUPPORTED),
    TYPED("QInt8", GCAM__STORAGE_UNSUPPORTED),
    TYPED("QInt32", GCAM__STORAGE_UNSUPPORTED),
    DTYPE("float32", GCAM_DTYPE_F32),
    DTYPE("float64", GCAM_DTYPE_F64),
    DTYPE("float16", GCAM_DTYPE_F16),
    DTYPE("bfloat16", GCAM_DTYPE_BF16),
    DTYPE("int64", GCAM_DTYPE_I64),
    DTYPE("int32", GCAM_DTYPE_I32),
    DTYPE("int16", GCAM_DTYPE_I16),
    DTYPE("int8", GCAM_DTYPE_I8),
    DTYPE("uint8", GCAM_DTYPE_U8),
    DTYPE("bool", GCAM_DTYPE_BOOL),
};

static int is_name(const char *text, size_t length, const char *name) {
    return strlen(name) == length && !memcmp(text, name, length);
}

static int begins_with(const char *text, size_t length, const char *prefix) {
    return length >= strlen(prefix) && !memcmp(text, prefix, strlen(prefix));
}

/* Classes of layers, models and user code, and the sets inside modules, mean that the object itself was pickled. */
static int is_of_a_model(const char *module, size_t length) {
    static const char *const prefixes[] = {
        "torch.nn.modules", "torch.nn.parallel", "torchvision.", "torch.jit", "timm.",
        "__main__",         "__builtin__",       "builtins",     "models"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (begins_with(module, length, prefixes[i])) return 1;
    }
    return 0;
}

static gcam_status refuse_name(const char *module, size_t module_length, const char *name, size_t name_length,
                               size_t at) {
    char shown_module[100], shown_name[100];
    gcam__utf8_show(shown_module, sizeof shown_module, module, module_length);
    gcam__utf8_show(shown_name, sizeof shown_name, name, name_length);
    int is_builtin =
        begins_with(module, module_length, "__builtin__") || begins_with(module, module_length, "builtins");
    if (is_of_a_model(module, module_length) && (!is_builtin || is_name(name, name_length, "set"))) {
        return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "pickle", (int64_t)at,
                             "this is a whole pickled model (it needs %s.%s), not its weights: save its state_dict()",
                             shown_module, shown_name);
    }
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "pickle", (int64_t)at,
                         "the pickle names %s.%s, which is refused, as no state dict needs it; nothing was executed "
                         "(save only the state_dict())",
                         shown_module, shown_name);
}

gcam_status gcam__global_find(const gcam__global **out, const char *module, size_t module_length, const char *name,
                              size_t name_length, size_t at) {
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        *out = &globals[i];
        if (is_name(module, module_length, globals[i].module) && is_name(name, name_length, globals[i].name))
            return GCAM_OK;
    }
    *out = NULL;
    return refuse_name(module, module_length, name, name_length, at);
}

/* ---- tensors -------------------------------------------------------------------------------------------------------------- */

static gcam_status bad_arguments(const char *expected) {
    return gcam__fail(GCAM_ERR_FORMAT, "pickle", "its arguments are not %s", expected);
}

/* Elements of the tensor's type that the storage has room for. */
static int64_t room_of(const gcam__pickle_tensor *t) {
    if (t->storage->dtype != GCAM__STORAGE_UNTYPED) return t->storage->count;
    return t->storage->count / (int64_t)gcam_dtype_size(t->dtype);
}

gcam_status gcam__pickle_tensor_make(value *out, const gcam__pickle_tensor *t, gcam__arena *arena) {
    int64_t count = gcam_shape_count(&t->shape), room = room_of(t), last = t->offset;
    int bad = count < 0 || t->offset < 0 || t->offset > room;
    for (int i = 0; i < t->shape.rank && !bad; i++) {
        int64_t reach;
        bad = t->stride[i] < 0;
        if (count == 0 || bad) continue;
        bad = __builtin_mul_overflow(t->shape.dim[i] - 1, t->stride[i], &reach)
              || __builtin_add_overflow(last, reach, &last);
    }
    if (bad || (count > 0 && last >= room)) {
        return gcam__fail(GCAM_ERR_FORMAT, "pickle", "a tensor reaches beyond its storage of %" PRId64 " elements",
                          room);
    }
    if (count > room) { /* a few bytes must not claim a tensor of any size */
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "pickle",
                          "a tensor of %" PRId64 " elements repeats a storage of %" PRId64
                          " (expanded); save it after .contiguous()",
                          count, room);
    }
    gcam__pickle_tensor *made = gcam__arena_alloc(arena, sizeof *made);
    if (!made) return GCAM_ERR_NOMEM;
    *made = *t;
    *out = (value){.kind = GCAM__PICKLE_TENSOR, .tensor = made};
    return GCAM_OK;
}

/* A tuple of at most 8 whole numbers. */
static gcam_status read_sizes(const value *v, int64_t *out, int *rank) {
    if (v->kind != GCAM__PICKLE_TUPLE) return bad_arguments("a storage, an offset, sizes and strides");
    if (v->items->count > GCAM_MAX_RANK) {
        return gcam__fail(GCAM_ERR_LIMIT, "pickle", "a tensor of %zu dimensions, at most %d are accepted",
                          v->items->count, GCAM_MAX_RANK);
    }
    *rank = (int)v->items->count;
    for (int i = 0; i < *rank; i++) {
        if (v->items->at[i].kind != GCAM__PICKLE_INT) return bad_arguments("a storage, an offset, sizes and strides");
        out[i] = v->items->at[i].integer;
    }
    return GCAM_OK;
}

/* (storage, offset, sizes, strides ...); `dtype` is -1 where the storage has it. */
static gcam_status rebuild(value *out, const items *arguments, int dtype, gcam__arena *arena) {
    const value *a = arguments->at;
    int rank = 0, stride_rank = 0;
    if (a[0].kind != GCAM__PICKLE_STORAGE || a[1].kind != GCAM__PICKLE_INT)
        return bad_arguments("a storage, an offset, sizes and strides");
    gcam__pickle_tensor t = {.storage = a[0].storage, .offset = a[1].integer};
    if (dtype == GCAM__STORAGE_UNTYPED) dtype = t.storage->dtype;
    if (dtype < 0 || (t.storage->dtype >= 0 && t.storage->dtype != dtype)) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "pickle", "a tensor whose element type is not that of its storage");
    }
    t.dtype = (gcam_dtype)dtype;
    GCAM_TRY(read_sizes(&a[2], t.shape.dim, &rank));
    GCAM_TRY(read_sizes(&a[3], t.stride, &stride_rank));
    if (rank != stride_rank)
        return gcam__fail(GCAM_ERR_FORMAT, "pickle", "a tensor of %d sizes and %d strides", rank, stride_rank);
    t.shape.rank = rank;
    return gcam__pickle_tensor_make(out, &t, arena);
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------- */

/* OrderedDict() or, from Python 2, OrderedDict([[key, value], ...]). */
static gcam_status ordered_dict(value *out, const items *arguments, gcam__arena *arena) {
    items *made = gcam__arena_alloc(arena, sizeof *made);
    if (!made) return GCAM_ERR_NOMEM;
    *made = (items){0};
    *out = (value){.kind = GCAM__PICKLE_DICT, .items = made};
    if (arguments->count == 0) return GCAM_OK;
    const value *pairs = &arguments->at[0];
    if (pairs->kind != GCAM__PICKLE_LIST) return bad_arguments("a list of pairs");
    for (size_t i = 0; i < pairs->items->count; i++) {
        const value *pair = &pairs->items->at[i];
        if ((pair->kind != GCAM__PICKLE_LIST && pair->kind != GCAM__PICKLE_TUPLE) || pair->items->count != 2) {
            return bad_arguments("a list of pairs");
        }
        GCAM_TRY(gcam__pickle_append(made, arena, &pair->items->at[0]));
        GCAM_TRY(gcam__pickle_append(made, arena, &pair->items->at[1]));
    }
    return GCAM_OK;
}

static gcam_status rebuild_v3(value *out, const items *arguments, gcam__arena *arena) {
    const value *type = &arguments->at[6];
    if (type->kind != GCAM__PICKLE_GLOBAL || type->global->kind != GCAM__GLOBAL_DTYPE)
        return bad_arguments("those of a tensor with a dtype");
    return rebuild(out, arguments, type->global->dtype, arena);
}

static gcam_status parameter(value *out, const items *arguments) {
    if (arguments->at[0].kind != GCAM__PICKLE_TENSOR) return bad_arguments("a tensor and its flags");
    *out = arguments->at[0];
    return GCAM_OK;
}

static gcam_status size_tuple(value *out, const items *arguments) {
    if (arguments->at[0].kind != GCAM__PICKLE_TUPLE) return bad_arguments("one tuple");
    *out = arguments->at[0];
    return GCAM_OK;
}

gcam_status gcam__global_call(value *out, const gcam__global *callable, const items *arguments, gcam__arena *arena) {
    static const struct {
        size_t least, most;
    } counts[] = {
        [GCAM__GLOBAL_ORDERED_DICT] = {0, 1},
        [GCAM__GLOBAL_REBUILD_TENSOR] = {4, 4},
        [GCAM__GLOBAL_REBUILD_TENSOR_V2] = {6, 7},
        [GCAM__GLOBAL_REBUILD_TENSOR_V3] = {7, 8},
        [GCAM__GLOBAL_REBUILD_PARAMETER] = {3, 3},
        [GCAM__GLOBAL_PARAMETER] = {1, 2},
        [GCAM__GLOBAL_SIZE] = {1, 1},
    };
    if ((size_t)callable->kind >= sizeof counts / sizeof *counts) {
        return gcam__fail(GCAM_ERR_FORMAT, "pickle", "it is a type and cannot be called");
    }
    if (arguments->count < counts[callable->kind].least || arguments->count > counts[callable->kind].most) {
        return gcam__fail(GCAM_ERR_FORMAT, "pickle", "called with %zu arguments", arguments->count);
    }
    switch (callable->kind) {
    case GCAM__GLOBAL_ORDERED_DICT:
        return ordered_dict(out, arguments, arena);
    case GCAM__GLOBAL_REBUILD_TENSOR:
    case GCAM__GLOBAL_REBUILD_TENSOR_V2:
        return rebuild(out, arguments, GCAM__STORAGE_UNTYPED, arena);
    case GCAM__GLOBAL_REBUILD_TENSOR_V3:
        return rebuild_v3(out, arguments, arena);
    case GCAM__GLOBAL_REBUILD_PARAMETER:
    case GCAM__GLOBAL_PARAMETER:
        return parameter(out, arguments);
    default:
        return size_tuple(out, arguments);
    }
}
