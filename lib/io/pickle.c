/* The pickle machine. Design: a stack of 16-byte values, a stack of marks, a memo; one row of a table for each opcode. A pop can never
 * reach below the innermost mark, every operand is checked for its kind, and all growth is bounded by the bytes of the pickle and by
 * limits.h. Opcodes outside the table do not exist here, so there is nothing that could import or run code.
 * Opcode names as in Python's pickletools. */
#include "io/pickle.h"

#include "core/memory.h"
#include "core/status.h"
#include "core/utf8.h"
#include "io/limits.h"
#include "io/pickle_names.h"

#include <string.h>

typedef gcam__pickle_value value;
typedef gcam__pickle_items items;

typedef struct machine {
    gcam__cursor *cursor;
    size_t start;     /* of the pickle */
    size_t opcode_at; /* of the present opcode */
    gcam__arena *arena;
    gcam__pickle_persist_fn persist;
    void *context;
    value *stack;
    size_t depth, stack_capacity;
    uint32_t *marks; /* stack depths */
    size_t mark_count, mark_capacity;
    value *memo;
    uint8_t *memo_set; /* 1 where the memo holds something */
    size_t memo_capacity;
    int stopped;
} machine;

/* ---- helpers ------------------------------------------------------------------------------------------------------------- */

#define FAIL(m, status, ...) gcam__fail_at((status), "pickle", (int64_t)(m)->opcode_at, __VA_ARGS__)

static gcam_status truncated(machine *m) {
    return FAIL(m, GCAM_ERR_FORMAT, "the pickle ends in the middle; the file is truncated or damaged");
}

static gcam_status push(machine *m, value v) {
    if (m->depth == GCAM__MAX_PICKLE_STACK) {
        return FAIL(m, GCAM_ERR_LIMIT, "the pickle stacks more than %d values", GCAM__MAX_PICKLE_STACK);
    }
    GCAM_TRY(gcam__grow((void **)&m->stack, m->depth, &m->stack_capacity, sizeof *m->stack));
    m->stack[m->depth++] = v;
    return GCAM_OK;
}

static size_t floor_of(const machine *m) {
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

/* The topmost `count` values, which stay on the stack; none of them may lie below the innermost mark. */
static gcam_status top(machine *m, size_t count, value **out) {
    if (m->depth - floor_of(m) < count)
        return FAIL(m, GCAM_ERR_FORMAT, "the pickle takes more values than it has put down");
    *out = m->stack + m->depth - count;
    return GCAM_OK;
}

static gcam_status wrong_kind(machine *m, const char *what, const char *expected, const value *found) {
    return FAIL(m, GCAM_ERR_FORMAT, "%s in the pickle is %s, expected %s", what, gcam__pickle_kind_name(found->kind),
                expected);
}

/* Takes the innermost mark away; the values above it are stack[*first .. depth-1]. */
static gcam_status pop_mark(machine *m, size_t *first) {
    if (m->mark_count == 0) return FAIL(m, GCAM_ERR_FORMAT, "the pickle goes back to a mark that it has not set");
    *first = m->marks[--m->mark_count];
    return GCAM_OK;
}

/* A sequence of the topmost `count` values, which stay on the stack. */
static gcam_status new_items(machine *m, gcam__pickle_kind kind, size_t count, value *out) {
    items *made = gcam__arena_alloc(m->arena, sizeof *made);
    if (!made) return GCAM_ERR_NOMEM;
    *made = (items){NULL, count, count};
    if (count > 0) {
        made->at = gcam__arena_alloc(m->arena, count * sizeof *made->at); /* at most the stack */
        if (!made->at) return GCAM_ERR_NOMEM;
        memcpy(made->at, m->stack + m->depth - count, count * sizeof *made->at);
    }
    *out = (value){.kind = kind, .items = made};
    return GCAM_OK;
}

/* ---- opcodes: plain values ------------------------------------------------------------------------------------------------ */

static gcam_status op_proto(machine *m, unsigned argument) {
    (void)argument;
    const uint8_t *p = gcam__cursor_take(m->cursor, 1);
    if (!p) return truncated(m);
    if (*p == 2) return GCAM_OK;
    return FAIL(m, GCAM_ERR_UNSUPPORTED,
                "pickle protocol %u; torch.save writes protocol 2 (save with the default pickle_protocol)", *p);
}

static gcam_status op_constant(machine *m, unsigned kind_and_value) {
    return push(m, (value){.kind = (gcam__pickle_kind)(kind_and_value >> 1), .integer = kind_and_value & 1});
}

/* BININT1, BININT2 (unsigned), BININT (signed), little endian. */
static gcam_status op_int(machine *m, unsigned size) {
    const uint8_t *p = gcam__cursor_take(m->cursor, size);
    if (!p) return truncated(m);
    int64_t v = size == 1 ? p[0] : size == 2 ? gcam__get_u16(p) : (int32_t)gcam__get_u32(p);
    return push(m, (value){.kind = GCAM__PICKLE_INT, .integer = v});
}

/* LONG1: length, then that many bytes, little endian, two's complement. Beyond 64 bits (a random seed in a training checkpoint) the
 * value becomes a floating-point number, which nothing takes for a size. */
static gcam_status op_long(machine *m, unsigned argument) {
    (void)argument;
    const uint8_t *length = gcam__cursor_take(m->cursor, 1);
    const uint8_t *p = length ? gcam__cursor_take(m->cursor, *length) : NULL;
    if (!p) return truncated(m);
    int negative = *length > 0 && p[*length - 1] & 0x80;
    uint64_t low = negative ? UINT64_MAX : 0;
    double real = negative ? -1 : 0;
    for (unsigned i = *length; i-- > 0;) {
        low = low << 8 | p[i];
        real = real * 256 + p[i];
    }
    if (*length > 8) return push(m, (value){.kind = GCAM__PICKLE_FLOAT, .real = real});
    return push(m, (value){.kind = GCAM__PICKLE_INT, .integer = (int64_t)low});
}

static gcam_status op_float(machine *m, unsigned argument) {
    (void)argument;
    const uint8_t *p = gcam__cursor_take(m->cursor, 8);
    if (!p) return truncated(m);
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | p[i]; /* BINFLOAT is big endian */
    value v = {.kind = GCAM__PICKLE_FLOAT};
    memcpy(&v.real, &bits, sizeof v.real);
    return push(m, v);
}

/* BINUNICODE (length of 4 bytes), SHORT_BINSTRING (1 byte). */
static gcam_status op_text(machine *m, unsigned length_size) {
    const uint8_t *p = gcam__cursor_take(m->cursor, length_size);
    if (!p) return truncated(m);
    uint32_t length = length_size == 1 ? p[0] : gcam__get_u32(p);
    if (length > GCAM__MAX_PICKLE_STRING) {
        return FAIL(m, GCAM_ERR_LIMIT, "a text of %u bytes in the pickle, at most %d are accepted", length,
                    GCAM__MAX_PICKLE_STRING);
    }
    const uint8_t *text = gcam__cursor_take(m->cursor, length);
    if (!text) return truncated(m);
    return push(m, (value){.kind = GCAM__PICKLE_TEXT, .length = length, .text = (const char *)text});
}

/* ---- opcodes: tuples, lists, dicts ---------------------------------------------------------------------------------------- */

static gcam_status op_empty(machine *m, unsigned kind) {
    value v = {0};
    GCAM_TRY(new_items(m, (gcam__pickle_kind)kind, 0, &v));
    return push(m, v);
}

static gcam_status op_mark(machine *m, unsigned argument) {
    (void)argument;
    if (m->mark_count == GCAM__MAX_PICKLE_STACK) {
        return FAIL(m, GCAM_ERR_LIMIT, "the pickle sets more than %d marks", GCAM__MAX_PICKLE_STACK);
    }
    GCAM_TRY(gcam__grow((void **)&m->marks, m->mark_count, &m->mark_capacity, sizeof *m->marks));
    m->marks[m->mark_count++] = (uint32_t)m->depth;
    return GCAM_OK;
}

/* TUPLE (from the mark), TUPLE1, TUPLE2, TUPLE3. */
static gcam_status op_tuple(machine *m, unsigned count) {
    value v = {0}, *from = NULL;
    size_t first = 0;
    if (count == 0) {
        GCAM_TRY(pop_mark(m, &first));
    } else {
        GCAM_TRY(top(m, count, &from));
        first = m->depth - count;
    }
    GCAM_TRY(new_items(m, GCAM__PICKLE_TUPLE, m->depth - first, &v));
    m->depth = first;
    return push(m, v);
}

/* Moves stack[first ..] into the list below them. */
static gcam_status append_from(machine *m, size_t first) {
    size_t end = m->depth;
    value *list = NULL;
    m->depth = first;
    GCAM_TRY(top(m, 1, &list));
    if (list->kind != GCAM__PICKLE_LIST) return wrong_kind(m, "what is appended to", "a list", list);
    for (size_t i = first; i < end; i++) GCAM_TRY(gcam__pickle_append(list->items, m->arena, &m->stack[i]));
    return GCAM_OK;
}

/* Moves stack[first ..], keys and values, into the dict below them. */
static gcam_status set_from(machine *m, size_t first) {
    size_t end = m->depth;
    value *dict = NULL;
    m->depth = first;
    GCAM_TRY(top(m, 1, &dict));
    if (dict->kind != GCAM__PICKLE_DICT) return wrong_kind(m, "what gets an item", "a dict", dict);
    if ((end - first) % 2) return FAIL(m, GCAM_ERR_FORMAT, "a dict in the pickle gets a key without a value");
    for (size_t i = first; i < end; i++) {
        gcam__pickle_kind kind = m->stack[i].kind;
        if ((i - first) % 2 == 0 && kind > GCAM__PICKLE_TUPLE)
            return wrong_kind(m, "a dict's key", "a text or a number", &m->stack[i]);
        GCAM_TRY(gcam__pickle_append(dict->items, m->arena, &m->stack[i]));
    }
    return GCAM_OK;
}

static gcam_status op_append(machine *m, unsigned from_mark) {
    size_t first = 0;
    value *v = NULL;
    if (from_mark) {
        GCAM_TRY(pop_mark(m, &first));
        return append_from(m, first);
    }
    GCAM_TRY(top(m, 1, &v));
    return append_from(m, m->depth - 1);
}

static gcam_status op_set(machine *m, unsigned from_mark) {
    size_t first = 0;
    value *pair = NULL;
    if (from_mark) {
        GCAM_TRY(pop_mark(m, &first));
        return set_from(m, first);
    }
    GCAM_TRY(top(m, 2, &pair));
    return set_from(m, m->depth - 2);
}

/* ---- opcodes: memo -------------------------------------------------------------------------------------------------------- */

static gcam_status memo_index(machine *m, unsigned size, size_t *out) {
    const uint8_t *p = gcam__cursor_take(m->cursor, size);
    if (!p) return truncated(m);
    *out = size == 1 ? p[0] : gcam__get_u32(p);
    return GCAM_OK;
}

/* The memo is numbered from 0 in order of use, and each use takes two bytes: a larger number is damage, and is not paid for. */
static gcam_status memo_reserve(machine *m, size_t index) {
    if (index >= GCAM__MAX_PICKLE_MEMO) {
        return FAIL(m, GCAM_ERR_LIMIT, "memo number %zu in the pickle, at most %d are accepted", index,
                    GCAM__MAX_PICKLE_MEMO);
    }
    if (index >= m->cursor->end - m->start) {
        return FAIL(m, GCAM_ERR_FORMAT, "memo number %zu in a pickle of %zu bytes", index, m->cursor->end - m->start);
    }
    if (index < m->memo_capacity) return GCAM_OK;
    size_t wanted = 2 * index + 16;
    value *memo = gcam__resize(m->memo, wanted * sizeof *memo);
    if (!memo) return GCAM_ERR_NOMEM;
    m->memo = memo;
    uint8_t *set = gcam__resize(m->memo_set, wanted);
    if (!set) return GCAM_ERR_NOMEM;
    memset(set + m->memo_capacity, 0, wanted - m->memo_capacity);
    m->memo_set = set;
    m->memo_capacity = wanted;
    return GCAM_OK;
}

static gcam_status op_put(machine *m, unsigned index_size) {
    size_t index = 0;
    value *v = NULL;
    GCAM_TRY(memo_index(m, index_size, &index));
    GCAM_TRY(top(m, 1, &v));
    GCAM_TRY(memo_reserve(m, index));
    m->memo[index] = *v;
    m->memo_set[index] = 1;
    return GCAM_OK;
}

static gcam_status op_get(machine *m, unsigned index_size) {
    size_t index = 0;
    GCAM_TRY(memo_index(m, index_size, &index));
    if (index >= m->memo_capacity || !m->memo_set[index]) {
        return FAIL(m, GCAM_ERR_FORMAT, "the pickle asks for memo number %zu, which it has not set", index);
    }
    return push(m, m->memo[index]);
}

/* ---- opcodes: names and calls --------------------------------------------------------------------------------------------- */

/* The bytes up to the next line feed, which is stepped over. */
static gcam_status take_line(machine *m, const char **text, size_t *length) {
    size_t left = gcam__cursor_left(m->cursor);
    const uint8_t *start = m->cursor->data + m->cursor->at;
    const uint8_t *end = left ? memchr(start, '\n', left) : NULL;
    if (!end) return truncated(m);
    *text = (const char *)start;
    *length = (size_t)(end - start);
    if (*length > GCAM__MAX_NAME) return FAIL(m, GCAM_ERR_LIMIT, "a name of %zu bytes in the pickle", *length);
    m->cursor->at += *length + 1;
    return GCAM_OK;
}

static gcam_status op_global(machine *m, unsigned argument) {
    (void)argument;
    const char *module = NULL, *name = NULL;
    size_t module_length = 0, name_length = 0;
    GCAM_TRY(take_line(m, &module, &module_length));
    GCAM_TRY(take_line(m, &name, &name_length));
    value v = {.kind = GCAM__PICKLE_GLOBAL};
    GCAM_TRY(gcam__global_find(&v.global, module, module_length, name, name_length, m->opcode_at));
    return push(m, v);
}

/* REDUCE calls what lies below a tuple of arguments; NEWOBJ does the same for the one class that may be made so. */
static gcam_status op_call(machine *m, unsigned is_newobj) {
    value *pair = NULL;
    GCAM_TRY(top(m, 2, &pair));
    if (pair[0].kind != GCAM__PICKLE_GLOBAL) return wrong_kind(m, "what is called", "a name", &pair[0]);
    if (pair[1].kind != GCAM__PICKLE_TUPLE) return wrong_kind(m, "the arguments of a call", "a tuple", &pair[1]);
    const gcam__global *callable = pair[0].global;
    if (is_newobj && callable->kind != GCAM__GLOBAL_PARAMETER) {
        return FAIL(m, GCAM_ERR_UNSUPPORTED, "the pickle makes an object of %s.%s, which no state dict does",
                    callable->module, callable->name);
    }
    value made = {0};
    if (gcam__global_call(&made, callable, pair[1].items, m->arena) != GCAM_OK) {
        return FAIL(m, gcam_last_error()->status, "%s.%s: %s", callable->module, callable->name,
                    gcam_last_error()->message);
    }
    m->depth -= 2;
    return push(m, made);
}

/* BUILD sets attributes: `_metadata` of a state dict, flags of an old Parameter. None of them matters here. */
static gcam_status op_build(machine *m, unsigned argument) {
    (void)argument;
    value *pair = NULL;
    GCAM_TRY(top(m, 2, &pair));
    if (pair[0].kind != GCAM__PICKLE_DICT && pair[0].kind != GCAM__PICKLE_TENSOR) {
        return wrong_kind(m, "what gets attributes", "a dict or a tensor", &pair[0]);
    }
    if (pair[1].kind != GCAM__PICKLE_DICT && pair[1].kind != GCAM__PICKLE_TUPLE) {
        return wrong_kind(m, "the attributes of an object", "a dict or a tuple", &pair[1]);
    }
    m->depth--;
    return GCAM_OK;
}

static gcam_status op_persistent(machine *m, unsigned argument) {
    (void)argument;
    value *id = NULL, made = {0};
    GCAM_TRY(top(m, 1, &id));
    if (!m->persist) return FAIL(m, GCAM_ERR_FORMAT, "the pickle refers to a storage where none can be");
    if (m->persist(m->context, id, &made) != GCAM_OK) {
        return FAIL(m, gcam_last_error()->status, "%s", gcam_last_error()->message);
    }
    *id = made;
    return GCAM_OK;
}

static gcam_status op_stop(machine *m, unsigned argument) {
    (void)argument;
    if (m->depth != 1 || m->mark_count != 0) {
        return FAIL(m, GCAM_ERR_FORMAT, "the pickle ends with %zu values and %zu marks, expected one value", m->depth,
                    m->mark_count);
    }
    m->stopped = 1;
    return GCAM_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

typedef struct opcode {
    gcam_status (*run)(machine *, unsigned argument);
    unsigned argument;
} opcode;

#define CONSTANT(kind, number) \
    { op_constant, (unsigned)(kind) << 1 | (number) }

static const opcode opcodes[256] = {
    [0x80] = {op_proto, 0},
    ['N'] = CONSTANT(GCAM__PICKLE_NONE, 0),
    [0x88] = CONSTANT(GCAM__PICKLE_BOOL, 1), /* NEWTRUE */
    [0x89] = CONSTANT(GCAM__PICKLE_BOOL, 0), /* NEWFALSE */
    ['K'] = {op_int, 1},
    ['M'] = {op_int, 2},
    ['J'] = {op_int, 4},
    [0x8A] = {op_long, 0},
    ['G'] = {op_float, 0},
    ['X'] = {op_text, 4},
    ['U'] = {op_text, 1},
    [')'] = {op_empty, GCAM__PICKLE_TUPLE},
    [']'] = {op_empty, GCAM__PICKLE_LIST},
    ['}'] = {op_empty, GCAM__PICKLE_DICT},
    [0x8F] = {op_empty, GCAM__PICKLE_TUPLE}, /* EMPTY_SET: nothing in the list above adds to a set */
    ['('] = {op_mark, 0},
    ['t'] = {op_tuple, 0},
    [0x85] = {op_tuple, 1},
    [0x86] = {op_tuple, 2},
    [0x87] = {op_tuple, 3},
    ['a'] = {op_append, 0},
    ['e'] = {op_append, 1},
    ['s'] = {op_set, 0},
    ['u'] = {op_set, 1},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['c'] = {op_global, 0},
    ['R'] = {op_call, 0},
    [0x81] = {op_call, 1}, /* NEWOBJ */
    ['b'] = {op_build, 0},
    ['Q'] = {op_persistent, 0},
    ['.'] = {op_stop, 0},
};

static gcam_status run(machine *m) {
    for (size_t count = 0; !m->stopped; count++) {
        m->opcode_at = m->cursor->at;
        if (count == GCAM__MAX_PICKLE_OPCODES) {
            return FAIL(m, GCAM_ERR_LIMIT, "the pickle has more than %d opcodes", GCAM__MAX_PICKLE_OPCODES);
        }
        const uint8_t *code = gcam__cursor_take(m->cursor, 1);
        if (!code) return truncated(m);
        const opcode *op = &opcodes[*code];
        if (!op->run)
            return FAIL(m, GCAM_ERR_UNSUPPORTED, "opcode 0x%02X in the pickle, which no state dict uses", *code);
        GCAM_TRY(op->run(m, op->argument));
    }
    return GCAM_OK;
}

gcam_status gcam__pickle_read(value *out, gcam__cursor *cursor, gcam__arena *arena, gcam__pickle_persist_fn persist,
                              void *context) {
    machine m = {.cursor = cursor, .start = cursor->at, .arena = arena, .persist = persist, .context = context};
    gcam_status status = run(&m);
    if (status == GCAM_OK) *out = m.stack[0];
    gcam__free(m.stack);
    gcam__free(m.marks);
    gcam__free(m.memo);
    gcam__free(m.memo_set);
    return status;
}
