/* Tests of the restricted unpickler: every opcode, every check, every limit. */
#include "core/status.h"
#include "io/limits.h"
#include "io/torch.h"
#include "support/checkpoints.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static gcam__arena arena;
static gcam__storages storages;

static void setup(void) {
    arena = (gcam__arena){0};
    storages = (gcam__storages){.arena = &arena};
}

static void teardown(void) {
    gcam__storages_free(&storages);
    gcam__arena_free(&arena);
}

static gcam_status persist(void *context, const gcam__pickle_value *id, gcam__pickle_value *out) {
    gcam__storage *storage;
    int is_new;
    return gcam__storages_from_id(context, id, out, &storage, &is_new);
}

static gcam_status read_bytes(const void *data, size_t size, gcam__pickle_value *out) {
    gcam__cursor cursor = {data, 0, size};
    return gcam__pickle_read(out, &cursor, &arena, persist, &storages);
}

/* The value of a pickle that must be read. */
static gcam__pickle_value value_of(const void *data, size_t size) {
    gcam__pickle_value v = {0};
    ck_assert_msg(read_bytes(data, size, &v) == GCAM_OK, "%s", gcam_last_error()->message);
    return v;
}

#define VALUE(text) value_of(text, sizeof(text) - 1)

START_TEST(plain_values) {
    ck_assert_int_eq(VALUE("\x80\2N.").kind, GCAM__PICKLE_NONE);
    gcam__pickle_value v = VALUE("\x88.");
    ck_assert(v.kind == GCAM__PICKLE_BOOL && v.integer == 1);
    v = VALUE("\x89.");
    ck_assert(v.kind == GCAM__PICKLE_BOOL && v.integer == 0);
    ck_assert_int_eq(VALUE("K\xFF.").integer, 255);
    ck_assert_int_eq(VALUE("M\xFF\xFF.").integer, 65535);
    ck_assert_int_eq(VALUE("J\xFF\xFF\xFF\xFF.").integer, -1);
    ck_assert_int_eq(VALUE("J\0\0\0\x80.").integer, INT32_MIN);
    ck_assert_int_eq(VALUE("\x8A\0.").integer, 0);
    ck_assert_int_eq(VALUE("\x8A\1\xFF.").integer, -1);
    ck_assert_int_eq(VALUE("\x8A\2\xFF\0.").integer, 255);
    ck_assert_int_eq(VALUE("\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F.").integer, INT64_MAX);
    ck_assert_double_eq(VALUE("\x8A\x09\0\0\0\0\0\0\0\0\1.").real, 0x1p64); /* beyond 64 bits */
    ck_assert_double_eq(VALUE("\x8A\x09\0\0\0\0\0\0\0\0\xFF.").real, -0x1p64);
    ck_assert_double_eq(VALUE("G\x3F\xB9\x99\x99\x99\x99\x99\x9A.").real, 0.1);
    v = VALUE("X\3\0\0\0abc.");
    ck_assert(v.kind == GCAM__PICKLE_TEXT && gcam__pickle_is_text(&v, "abc") && !gcam__pickle_is_text(&v, "ab"));
    v = VALUE("U\3abc.");
    ck_assert(gcam__pickle_is_text(&v, "abc"));
}
END_TEST

START_TEST(tuples_lists_and_dicts) {
    gcam__pickle_value v = VALUE("K\1K\2K\3\x87.");
    ck_assert(v.kind == GCAM__PICKLE_TUPLE && v.items->count == 3 && v.items->at[2].integer == 3);
    v = VALUE("(K\1K\2t.");
    ck_assert(v.kind == GCAM__PICKLE_TUPLE && v.items->count == 2 && v.items->at[1].integer == 2);
    ck_assert_uint_eq(VALUE("K\1\x85.").items->count, 1);
    ck_assert_uint_eq(VALUE("K\1K\2\x86.").items->count, 2);
    ck_assert_uint_eq(VALUE(").").items->count, 0);
    ck_assert_uint_eq(VALUE("\x8F.").items->count, 0);
    v = VALUE("](K\1K\2eK\3a.");
    ck_assert(v.kind == GCAM__PICKLE_LIST && v.items->count == 3 && v.items->at[2].integer == 3);
    v = VALUE("}U\1aK\1s(U\1bK\2U\1aK\3u.");
    ck_assert(v.kind == GCAM__PICKLE_DICT && v.items->count == 6);
    ck_assert_int_eq(gcam__pickle_get(&v, "b")->integer, 2);
    ck_assert_int_eq(gcam__pickle_get(&v, "a")->integer, 3); /* the last one counts */
    ck_assert_ptr_null(gcam__pickle_get(&v, "c"));
    v = VALUE("]q\0h\0a."); /* a list inside itself is harmless */
    ck_assert_ptr_eq(v.items->at[0].items, v.items);
    v = VALUE("ccollections\nOrderedDict\n](U\1aK\1\x86U\1bK\2\x86"
              "e\x85R."); /* Python 2 */
    ck_assert(v.kind == GCAM__PICKLE_DICT && gcam__pickle_get(&v, "b")->integer == 2);
    v = VALUE("ctorch\nSize\nK\4K\5\x86\x85R.");
    ck_assert(v.kind == GCAM__PICKLE_TUPLE && v.items->at[1].integer == 5);
}
END_TEST

START_TEST(the_memo) {
    gcam__pickle_value v = VALUE("K\7q\1r\2\0\0\0h\1j\2\0\0\0\x87.");
    ck_assert_uint_eq(v.items->count, 3);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(v.items->at[i].integer, 7);
}
END_TEST

START_TEST(tensors) {
    blob b = {0};
    for (int style = SAMPLE_REBUILD; style <= SAMPLE_PARAMETER; style++) {
        teardown();
        setup();
        sample s = sample_usual;
        s.style = (sample_style)style;
        s.tensor_count = 3;
        sample_pickle(&b, &s);
        gcam__pickle_value v = value_of(b.data, b.size), *view = NULL;
        ck_assert_int_eq(v.kind, GCAM__PICKLE_DICT);
        view = (gcam__pickle_value *)(uintptr_t)gcam__pickle_get(&v, "conv.view");
        ck_assert_ptr_nonnull(view);
        ck_assert_int_eq(view->kind, GCAM__PICKLE_TENSOR);
        ck_assert_int_eq(view->tensor->offset, 5);
        ck_assert_int_eq(view->tensor->stride[1], 2);
        ck_assert_int_eq(view->tensor->dtype, GCAM_DTYPE_F32);
        ck_assert_int_eq(view->tensor->storage->count, style == SAMPLE_V3 ? 48 : 12);
        ck_assert_uint_eq(storages.count, 1); /* three tensors share it */
        blob_free(&b);
    }
}
END_TEST

/* Old Parameters: class called or made with NEWOBJ, then flags set by BUILD. */
START_TEST(old_parameters) {
    static const char head[] = "ctorch.nn.parameter\nParameter\nctorch._utils\n_rebuild_tensor\n"
                               "((U\7storagectorch.cuda\nFloatStorage\nU\0010U\6cuda:0K\2tQK\0K\2\x85K\1\x85tR\x85";
    blob b = {0};
    for (int newobj = 0; newobj < 2; newobj++) {
        teardown(); /* keys of storages lie in the blob */
        setup();
        blob_put(&b, head, sizeof head - 1);
        blob_text(&b, newobj ? "\x81" : "R");
        blob_put(&b,
                 "\x88\x89}\x87"
                 "b.",
                 6);
        gcam__pickle_value v = value_of(b.data, b.size);
        ck_assert_int_eq(v.kind, GCAM__PICKLE_TENSOR);
        ck_assert_int_eq(v.tensor->shape.dim[0], 2);
        blob_free(&b);
    }
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------------------------------------ */

typedef struct refusal {
    const char *bytes;
    size_t size;
    gcam_status status;
    int64_t offset;
    const char *message;
} refusal;

#define CASE(text, status, offset, message) \
    { text, sizeof(text) - 1, status, offset, message }
/* The opcode at fault is the one before STOP, or the one before that. */
#define LAST(text, status, message) CASE(text, status, sizeof(text) - 3, message)
#define NEXT_TO_LAST(text, status, message) CASE(text, status, sizeof(text) - 4, message)
#define STORAGE "(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\4tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor\n("
#define BAD GCAM_ERR_FORMAT
#define NO GCAM_ERR_UNSUPPORTED

static const refusal refusals[] = {
    CASE("", BAD, 0, "the pickle ends in the middle"),
    CASE("\x80", BAD, 0, "ends in the middle"),
    CASE("K", BAD, 0, "ends in the middle"),
    CASE("NJ\0\0\0", BAD, 1, "ends in the middle"),
    CASE("\x8A\4\0", BAD, 0, "ends in the middle"),
    CASE("G\0", BAD, 0, "ends in the middle"),
    CASE("X\4\0\0\0abc", BAD, 0, "ends in the middle"),
    CASE("X\4\0\0", BAD, 0, "ends in the middle"),
    CASE("U", BAD, 0, "ends in the middle"),
    CASE("Nr\0\0", BAD, 1, "ends in the middle"),
    CASE("h", BAD, 0, "ends in the middle"),
    CASE("ccollections", BAD, 0, "ends in the middle"),
    CASE("ccollections\nOrdered", BAD, 0, "ends in the middle"),
    CASE("\x80\4.", NO, 0, "pickle protocol 4; torch.save writes protocol 2"),
    CASE("I1\n.", NO, 0, "opcode 0x49 in the pickle"), /* INT */
    CASE("(i\n", NO, 1, "opcode 0x69"),                /* INST would import */
    CASE("(o.", NO, 1, "opcode 0x6F"),                 /* OBJ would call */
    CASE("\x93", NO, 0, "opcode 0x93"),                /* STACK_GLOBAL */
    CASE("\x82\1", NO, 0, "opcode 0x82"),              /* EXT1 */
    CASE("\x92", NO, 0, "opcode 0x92"),                /* NEWOBJ_EX */
    CASE(".", BAD, 0, "ends with 0 values and 0 marks"),
    CASE("NN.", BAD, 2, "ends with 2 values and 0 marks"),
    CASE("N(.", BAD, 2, "ends with 1 values and 1 marks"),
    CASE("K\1\x86.", BAD, 2, "takes more values than it has put down"),
    CASE("N(\x85.", BAD, 2, "takes more values"), /* not below a mark */
    CASE("t.", BAD, 0, "goes back to a mark that it has not set"),
    CASE("e.", BAD, 0, "goes back to a mark"),
    CASE("u.", BAD, 0, "goes back to a mark"),
    CASE("(e.", BAD, 1, "takes more values"),
    CASE("(u.", BAD, 1, "takes more values"),
    CASE("a.", BAD, 0, "takes more values"),
    CASE("Na.", BAD, 1, "takes more values"),
    CASE("NNs.", BAD, 2, "takes more values"),
    CASE("}(Nu.", BAD, 3, "gets a key without a value"),
    CASE("NNa.", BAD, 2, "what is appended to in the pickle is None, expected a list"),
    CASE("]NNs.", BAD, 3, "what gets an item in the pickle is a list, expected a dict"),
    CASE("}]Ns.", BAD, 3, "a dict's key in the pickle is a list, expected a text or a number"),
    CASE("q\0.", BAD, 0, "takes more values"),
    CASE("N(q\0.", BAD, 2, "takes more values"),
    CASE("h\0.", BAD, 0, "asks for memo number 0, which it has not set"),
    CASE("Nq\3h\2.", BAD, 3, "asks for memo number 2"),
    CASE("Nq\x50.", BAD, 1, "memo number 80 in a pickle of 4 bytes"),
    CASE("Nr\0\0\x10\0.", GCAM_ERR_LIMIT, 1, "memo number 1048576"),
    LAST("NNR.", BAD, "what is called in the pickle is None, expected a name"),
    LAST("ccollections\nOrderedDict\nNR.", BAD, "the arguments of a call in the pickle is None, expected a tuple"),
    LAST("ccollections\nOrderedDict\nR.", BAD, "takes more values"),
    CASE("ccollections\nOrderedDict\n)\x81.", NO, 26, "makes an object of collections.OrderedDict"),
    LAST("ccollections\nOrderedDict\nNN\x86R.", BAD, "collections.OrderedDict: called with 2 arguments"),
    LAST("ccollections\nOrderedDict\nN\x85R.", BAD, "its arguments are not a list of pairs"),
    LAST("ccollections\nOrderedDict\n]Na\x85R.", BAD, "its arguments are not a list of pairs"),
    LAST("ctorch\nFloatStorage\n)R.", BAD, "torch.FloatStorage: it is a type and cannot be called"),
    LAST("ctorch\nSize\nN\x85R.", BAD, "torch.Size: its arguments are not one tuple"),
    LAST("ctorch.nn.parameter\nParameter\nN\x85R.", BAD, "not a tensor and its flags"),
    CASE("NNb.", BAD, 2, "what gets attributes in the pickle is None"),
    CASE("}Nb.", BAD, 2, "the attributes of an object in the pickle is None"),
    LAST("NQ.", BAD, "a reference to a storage is not ('storage', type, key, location, count)"),
    LAST("(U\7storageU\1xU\0010U\3cpuK\1tQ.", BAD, "a reference to a storage is not"),
    LAST("(U\7storagectorch\nFloatStorage\nU\0010U\3cpuJ\xFF\xFF\xFF\xFFtQ.", BAD, "a reference to a storage is not"),
    LAST("(U\7storagectorch\nFloatStorage\nK\1U\3cpuK\1tQ.", BAD, "a reference to a storage is not"),
    LAST("(U\7storagectorch\nComplexFloatStorage\nU\0010U\3cpuK\1tQ.", NO,
         "elements of ComplexFloatStorage, which are not supported"),
    LAST("(U\6moduleNNNtQ.", NO, "this is a whole pickled model"),
    NEXT_TO_LAST("(" STORAGE "(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\5tQt.", BAD,
                 "storage 0 is described in two ways"),
    NEXT_TO_LAST("(" STORAGE "(U\7storagectorch\nHalfStorage\nU\0010U\3cpuK\4tQt.", BAD,
                 "storage 0 is described in two ways"),
    LAST("(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\4U\1vK\3K\2\x87tQ.", BAD,
         "a view of a storage reaches beyond its 4 elements"),
    LAST("(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\4U\1vtQ.", BAD, "a reference to a storage is not"),
    /* names */
    CASE("cos\nsystem\n(U\7rm -rf /tR.", NO, 0,
         "the pickle names os.system, which is refused, as no state dict needs it; nothing was executed"),
    CASE("cposix\nsystem\n.", NO, 0, "the pickle names posix.system"),
    CASE("c__builtin__\neval\n.", NO, 0, "the pickle names __builtin__.eval"),
    CASE("cbuiltins\nexec\n.", NO, 0, "the pickle names builtins.exec"),
    CASE("c__builtin__\nset\n.", NO, 0, "this is a whole pickled model (it needs __builtin__.set)"),
    CASE("ctorchvision.models.vgg\nVGG\n.", NO, 0,
         "(it needs torchvision.models.vgg.VGG), not its weights: save its state_dict()"),
    CASE("ctorch.nn.modules.conv\nConv2d\n.", NO, 0, "this is a whole pickled model"),
    CASE("c__main__\nNet\n.", NO, 0, "this is a whole pickled model"),
    CASE("cnumpy.core.multiarray\nscalar\n.", NO, 0, "the pickle names numpy.core.multiarray.scalar"),
    CASE("ctorch\nload\n.", NO, 0, "the pickle names torch.load"),
    CASE("ctorch._utils\n_rebuild_qtensor\n.", NO, 0, "the pickle names torch._utils._rebuild_qtensor"),
    CASE("c\x1B[2J\nx\n.", NO, 0, "the pickle names ?[2J.x"),
    /* tensors: offset, sizes, strides against the four elements of the storage */
    LAST(REBUILD STORAGE "K\0K\5\x85K\1\x85tR.", BAD,
         "torch._utils._rebuild_tensor: a tensor reaches beyond its storage of 4 elements"),
    LAST(REBUILD STORAGE "K\1K\4\x85K\1\x85tR.", BAD, "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\0K\3\x85K\2\x85tR.", BAD, "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\5K\0\x85K\1\x85tR.", BAD, "reaches beyond its storage"),
    LAST(REBUILD STORAGE "J\xFF\xFF\xFF\xFFK\1\x85K\1\x85tR.", BAD, "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\3K\2\x85J\xFF\xFF\xFF\xFF\x85tR.", BAD, "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\0J\xFF\xFF\xFF\xFF\x85K\1\x85tR.", BAD, "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\0\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7FK\2\x86K\1K\1\x86tR.", BAD,
         "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\0K\3\x85\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x85tR.", BAD,
         "reaches beyond its storage"),
    LAST(REBUILD STORAGE "K\0M\xE8\3\x85K\0\x85tR.", NO, "a tensor of 1000 elements repeats a storage of 4 (expanded)"),
    LAST(REBUILD STORAGE "K\0K\2\x85K\1K\1\x86tR.", BAD, "a tensor of 1 sizes and 2 strides"),
    LAST(REBUILD STORAGE "K\0N\x85K\1\x85tR.", BAD, "its arguments are not a storage, an offset, sizes and strides"),
    LAST(REBUILD STORAGE "K\0K\2K\1\x85tR.", BAD, "its arguments are not"),
    LAST(REBUILD STORAGE "NK\2\x85K\1\x85tR.", BAD, "its arguments are not"),
    LAST(REBUILD "NK\0K\2\x85K\1\x85tR.", BAD, "its arguments are not"),
    LAST(REBUILD STORAGE "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1tK\1\x85tR.", GCAM_ERR_LIMIT,
         "a tensor of 9 dimensions, at most 8"),
    LAST(REBUILD "(U\7storagectorch.storage\nUntypedStorage\nU\0010U\3cpuK\4tQK\0K\1\x85K\1\x85tR.", NO,
         "element type is not that of its storage"),
};

START_TEST(what_is_refused) {
    const refusal *c = &refusals[_i];
    gcam__pickle_value v;
    uint8_t *copy = malloc(c->size + 1); /* exact, for the sanitizer */
    memcpy(copy, c->bytes, c->size);
    gcam_status status = c->size ? read_bytes(copy, c->size, &v) : read_bytes("", 0, &v);
    free(copy);
    const gcam_error *e = gcam_last_error();
    ck_assert_msg(status == c->status && e->offset == c->offset && strstr(e->message, c->message),
                  "case %d: status %d, offset %d: %s", _i, status, (int)e->offset, e->message);
}
END_TEST

/* ---- limits -------------------------------------------------------------------------------------------------------------- */

static gcam_status status_of(blob *b) {
    gcam__pickle_value v;
    gcam_status status = read_bytes(b->data, b->size, &v);
    blob_free(b);
    return status;
}

START_TEST(limits_are_exact) {
    blob b = {0};
    for (size_t extra = 0; extra < 2; extra++) {
        gcam_status expected = extra ? GCAM_ERR_LIMIT : GCAM_OK;
        blob_text(&b, "X");
        blob_number(&b, GCAM__MAX_PICKLE_STRING + extra, 4);
        blob_fill(&b, 'a', GCAM__MAX_PICKLE_STRING + extra);
        blob_text(&b, ".");
        ck_assert_int_eq(status_of(&b), expected);
        blob_text(&b, "("); /* the mark is not on the stack of values */
        blob_fill(&b, 'N', GCAM__MAX_PICKLE_STACK + extra);
        blob_text(&b, "t.");
        ck_assert_int_eq(status_of(&b), expected);
        blob_fill(&b, '(', GCAM__MAX_PICKLE_STACK + extra);
        blob_fill(&b, 't', GCAM__MAX_PICKLE_STACK + extra); /* each tuple holds the one before it */
        blob_text(&b, ".");
        ck_assert_int_eq(status_of(&b), expected);
        blob_text(&b, "c");
        blob_fill(&b, 'm', GCAM__MAX_NAME + extra);
        blob_text(&b, "\nx\n.");
        ck_assert_int_eq(status_of(&b), extra ? GCAM_ERR_LIMIT : GCAM_ERR_UNSUPPORTED);
    }
}
END_TEST

START_TEST(the_memo_limit_is_exact) {
    blob b = {0};
    for (size_t extra = 0; extra < 2; extra++) {
        blob_text(&b, "]N");
        blob_fill(&b, 'a', 1);
        blob_text(&b, "r");
        blob_number(&b, GCAM__MAX_PICKLE_MEMO - 1 + extra, 4);
        for (int i = 0; i < GCAM__MAX_PICKLE_MEMO / 2; i++) blob_text(&b, "Na"); /* as long as a real one would be */
        blob_text(&b, ".");
        ck_assert_int_eq(status_of(&b), extra ? GCAM_ERR_LIMIT : GCAM_OK);
    }
}
END_TEST

START_TEST(the_opcode_limit_is_exact) {
    blob b = {0};
    for (size_t extra = 0; extra < 2; extra++) { /* PROTO changes nothing, so that only the count grows */
        b = (blob){0};
        b.size = 2 * (GCAM__MAX_PICKLE_OPCODES - 2 + extra) + 2;
        b.data = malloc(b.size);
        ck_assert_ptr_nonnull(b.data);
        memset(b.data, 2, b.size);
        for (size_t i = 0; i < b.size - 2; i += 2) b.data[i] = 0x80;
        memcpy(b.data + b.size - 2, "N.", 2);
        ck_assert_int_eq(status_of(&b), extra ? GCAM_ERR_LIMIT : GCAM_OK);
    }
}
END_TEST

Suite *pickle_suite(void);
Suite *pickle_suite(void) {
    Suite *suite = suite_create("pickle");
    TCase *group = tcase_create("pickle");
    tcase_set_timeout(group, 60);
    tcase_add_checked_fixture(group, setup, teardown);
    tcase_add_test(group, plain_values);
    tcase_add_test(group, tuples_lists_and_dicts);
    tcase_add_test(group, the_memo);
    tcase_add_test(group, tensors);
    tcase_add_test(group, old_parameters);
    tcase_add_loop_test(group, what_is_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(group, limits_are_exact);
    tcase_add_test(group, the_memo_limit_is_exact);
    tcase_add_test(group, the_opcode_limit_is_exact);
    suite_add_tcase(suite, group);
    return suite;
}
