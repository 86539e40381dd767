/* Tests of the three PyTorch containers: values, state dicts in wrappers, and what is refused with which sentence. */
#include "core/status.h"
#include "gradcam/io.h"
#include "io/limits.h"
#include "support/checkpoints.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct container {
    const char *format;
    void (*write)(blob *, const sample *);
} container;

static const container containers[] = {
    {"torch zip", sample_zip}, {"torch stream", sample_stream}, {"torch tar", sample_tar}};

enum { CONTAINERS = 3 };

static gcam_tensor_table *open_blob(const blob *b) {
    gcam_tensor_table *table;
    ck_assert_msg(gcam_tensor_table_open_memory(&table, b->data, b->size) == GCAM_OK, "%s", gcam_last_error()->message);
    return table;
}

static void check_sample(const gcam_tensor_table *table, const sample *s) {
    ck_assert_uint_eq(gcam_tensor_table_count(table), s->tensor_count);
    for (size_t i = 0; i < s->tensor_count; i++) {
        float expected[16], values[16];
        const gcam_tensor_entry *entry = gcam_tensor_table_at(table, i);
        ck_assert_str_eq(entry->name, s->tensors[i].name);
        ck_assert_ptr_eq(gcam_tensor_table_find(table, s->tensors[i].name), entry);
        ck_assert_int_eq(entry->shape.rank, s->tensors[i].rank);
        for (int d = 0; d < entry->shape.rank; d++) {
            ck_assert_int_eq(entry->shape.dim[d], s->tensors[i].dim[d]);
            ck_assert_int_eq(entry->stride[d], s->tensors[i].stride[d]);
        }
        size_t count = sample_values(i, expected);
        ck_assert_int_eq(gcam_shape_count(&entry->shape), (int64_t)count);
        gcam_tensor_entry_read(entry, values);
        for (size_t v = 0; v < count; v++) ck_assert_float_eq(values[v], expected[v]);
    }
}

START_TEST(values_are_those_of_the_file) {
    blob b = {0};
    containers[_i].write(&b, &sample_usual);
    gcam_tensor_table *table = open_blob(&b);
    ck_assert_str_eq(gcam_tensor_table_format(table), containers[_i].format);
    check_sample(table, &sample_usual);
    ck_assert_int_eq(gcam_tensor_table_find(table, "bn.num_batches_tracked")->dtype, GCAM_DTYPE_I64);
    ck_assert_int_eq(gcam_tensor_table_find(table, "half")->dtype, GCAM_DTYPE_F16);
    const uint8_t *data = gcam_tensor_table_at(table, 0)->data; /* no copy */
    ck_assert(data > b.data && data < b.data + b.size);
    ck_assert_ptr_eq(gcam_tensor_table_at(table, 1)->data, data);
    gcam_tensor_table_free(table);
    blob_free(&b);
}
END_TEST

START_TEST(state_dicts_in_wrappers_are_found) {
    static const char *const wrappers[] = {NULL, "state_dict", "model", "model_state_dict"};
    static const char *const prefixes[] = {NULL, "module.", "_orig_mod.", "module.module."};
    for (size_t w = 0; w < 4; w++) {
        for (size_t p = 0; p < 4; p++) {
            blob b = {0};
            sample s = sample_usual;
            s.wrapper = wrappers[w];
            s.prefix = prefixes[p];
            containers[_i].write(&b, &s);
            gcam_tensor_table *table = open_blob(&b);
            check_sample(table, &sample_usual);
            gcam_tensor_table_free(table);
            blob_free(&b);
        }
    }
}
END_TEST

START_TEST(every_way_to_make_a_tensor) {
    for (int style = SAMPLE_REBUILD; style <= SAMPLE_PARAMETER; style++) {
        blob b = {0};
        sample s = sample_usual;
        s.style = (sample_style)style;
        if (style == SAMPLE_V3) s.tensor_count = s.storage_count = 1;
        if (style == SAMPLE_V3)
            sample_zip(&b, &s);
        else
            sample_stream(&b, &s);
        gcam_tensor_table *table = open_blob(&b);
        check_sample(table, &s);
        gcam_tensor_table_free(table);
        blob_free(&b);
    }
}
END_TEST

START_TEST(a_prefix_that_not_all_names_have_stays) {
    static const sample_tensor tensors[] = {{"module.a", 0, 0, 0, {0}, {0}}, {"b", 0, 0, 0, {0}, {0}}};
    blob b = {0};
    sample s = sample_usual;
    s.tensors = tensors;
    s.tensor_count = 2;
    sample_zip(&b, &s);
    gcam_tensor_table *table = open_blob(&b);
    ck_assert_ptr_nonnull(gcam_tensor_table_find(table, "module.a"));
    gcam_tensor_table_free(table);
    blob_free(&b);
}
END_TEST

/* ---- files of PyTorch itself ---------------------------------------------------------------------------------------------- */

/* Element i of tensor t is t + i / 8; see tests/fixtures/checkpoints/make.py. */
static void check_fixture(const char *path, const char *format, gcam_dtype dtype) {
    static const struct {
        const char *name;
        int64_t count;
    } expected[] = {{"conv.weight", 18}, {"conv.bias", 2},       {"bn.weight", 2},
                    {"bn.bias", 2},      {"bn.running_mean", 2}, {"bn.running_var", 2}};
    gcam_tensor_table *table;
    float values[18];
    ck_assert_msg(gcam_tensor_table_open(&table, path) == GCAM_OK, "%s", gcam_last_error()->message);
    ck_assert_str_eq(gcam_tensor_table_format(table), format);
    ck_assert_uint_eq(gcam_tensor_table_count(table), 8);
    for (int t = 0; t < 6; t++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_find(table, expected[t].name);
        ck_assert_ptr_nonnull(entry);
        ck_assert_int_eq(entry->dtype, dtype);
        ck_assert_int_eq(gcam_shape_count(&entry->shape), expected[t].count);
        gcam_tensor_entry_read(entry, values);
        for (int i = 0; i < expected[t].count; i++) ck_assert_float_eq(values[i], (float)t + (float)i / 8);
    }
    const gcam_tensor_entry *view = gcam_tensor_table_find(table, "fc.weight"); /* 3 x 2, transposed */
    ck_assert(view->shape.dim[0] == 2 && view->shape.dim[1] == 3);
    gcam_tensor_entry_read(view, values);
    for (int i = 0; i < 6; i++) ck_assert_float_eq(values[i], 7 + (float)(i % 3 * 2 + i / 3) / 8);
    gcam_tensor_table_free(table);
}

START_TEST(files_that_torch_wrote) {
    gcam_tensor_table *table;
    check_fixture("tests/fixtures/checkpoints/zip.pth", "torch zip", GCAM_DTYPE_F32);
    check_fixture("tests/fixtures/checkpoints/stream.pth", "torch stream", GCAM_DTYPE_F32);
    check_fixture("tests/fixtures/checkpoints/training.pth", "torch zip", GCAM_DTYPE_F16);
    ck_assert_int_eq(gcam_tensor_table_open(&table, "tests/fixtures/checkpoints/whole.pth"), GCAM_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(
        strstr(gcam_last_error()->message, "this is a whole pickled model (it needs torch.nn.modules"));
    ck_assert_int_eq(gcam_tensor_table_open(&table, "tests/fixtures/checkpoints/script.pth"), GCAM_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "this is a TorchScript program"));
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------------------------------------ */

/* Opens what must be refused, and frees the blob. */
static void refuse(blob *b, gcam_status status, const char *message) {
    gcam_tensor_table *table;
    uint8_t *copy = malloc(b->size ? b->size : 1); /* exact, for the sanitizer */
    memcpy(copy, b->data, b->size);
    gcam_status found = gcam_tensor_table_open_memory(&table, copy, b->size);
    free(copy);
    blob_free(b);
    ck_assert_msg(found == status && strstr(gcam_last_error()->message, message), "%d: %s\n  expected %d: %s", found,
                  gcam_last_error()->message, status, message);
    ck_assert_ptr_null(table);
}

/* A zip checkpoint of this pickle and further entries. */
static void zip_of(blob *b, const char *pickle, size_t size, const zip_part *more, size_t count) {
    zip_part parts[8] = {{"m/data.pkl", pickle, size}};
    for (size_t i = 0; i < count; i++) parts[1 + i] = more[i];
    zip_write(b, parts, 1 + count);
}

#define ZIP_OF(b, pickle) zip_of(b, pickle, sizeof(pickle) - 1, NULL, 0)
#define STORAGE4 "(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\4tQ"
#define TENSOR4 "ctorch._utils\n_rebuild_tensor\n(" STORAGE4 "K\0K\4\x85K\1\x85tR"

START_TEST(roots_that_are_no_state_dict) {
    blob b = {0};
    ZIP_OF(&b, "\x80\2](K\1e.");
    refuse(&b, GCAM_ERR_UNSUPPORTED, "the file holds a list, expected a state dict (names and tensors)");
    ZIP_OF(&b, "\x80\2}.");
    refuse(&b, GCAM_ERR_UNSUPPORTED, "no tensors in the file's dict (its keys: none)");
    ZIP_OF(&b, "\x80\2}(U\5epochK\1U\x0Cstate_dict_xN\x8A\1\7Nu.");
    refuse(&b, GCAM_ERR_UNSUPPORTED, "(its keys: epoch, state_dict_x); expected a state dict");
    ZIP_OF(&b, "\x80\2ctorchvision.models.alexnet\nAlexNet\n)\x81.");
    refuse(&b, GCAM_ERR_UNSUPPORTED,
           "this is a whole pickled model (it needs torchvision.models.alexnet.AlexNet), not its weights");
    ck_assert_int_gt(gcam_last_error()->offset, 30); /* of the file, not of the pickle */
    ZIP_OF(&b, "\x80\2cos\nsystem\n.");
    refuse(&b, GCAM_ERR_UNSUPPORTED, "the pickle names os.system, which is refused");
    const zip_part data = {"m/data/0", "0123456789abcdef", 16};
    zip_of(&b, "\x80\2" TENSOR4 ".", sizeof("\x80\2" TENSOR4 ".") - 1, &data, 1);
    refuse(&b, GCAM_ERR_UNSUPPORTED, "the file holds a tensor, expected a state dict");
    static const char twice[] = "\x80\2}(U\1w" TENSOR4 "U\1w" TENSOR4 "u.", zero[] = "\x80\2}U\3a\0b" TENSOR4 "s.",
                      control[] = "\x80\2}U\3a\x1B\x62" TENSOR4 "s.";
    zip_of(&b, twice, sizeof twice - 1, &data, 1);
    refuse(&b, GCAM_ERR_FORMAT, "w: two tensors have this name");
    ck_assert_int_gt(gcam_last_error()->offset, 30);
    zip_of(&b, zero, sizeof zero - 1, &data, 1);
    refuse(&b, GCAM_ERR_FORMAT, "a tensor's name has a zero byte inside");
    zip_of(&b, control, sizeof control - 1, &data, 1);
    refuse(&b, GCAM_ERR_FORMAT, "the name a?b is not printable UTF-8");
}
END_TEST

START_TEST(zip_layouts_that_are_refused) {
    static const char dict[] = "\x80\2}U\1w" TENSOR4 "s.";
    blob b = {0};
    const zip_part script = {"m/constants.pkl", "x", 1}, big = {"m/byteorder", "big", 3},
                   odd = {"m/data/0", "0123456789abcde", 15}, other = {"other/x.npy", "", 0};
    zip_of(&b, dict, sizeof dict - 1, &script, 1);
    refuse(&b, GCAM_ERR_UNSUPPORTED,
           "this is a TorchScript program, not a state dict: load it in Python and save its state_dict()");
    zip_of(&b, dict, sizeof dict - 1, &big, 1);
    refuse(&b, GCAM_ERR_UNSUPPORTED, "written on a big-endian machine");
    zip_of(&b, dict, sizeof dict - 1, NULL, 0);
    refuse(&b, GCAM_ERR_FORMAT, "storage 0 has no entry in the archive");
    zip_of(&b, dict, sizeof dict - 1, &odd, 1);
    refuse(&b, GCAM_ERR_FORMAT, "storage 0 should have 4 elements of 4 bytes, its entry has 15 bytes");
    zip_write(&b, &other, 1);
    refuse(&b, GCAM_ERR_FORMAT, "a zip archive without FOLDER/data.pkl; torch.save did not write it");
    const zip_part little[] = {{"m/byteorder", "little", 6}, {"m/data/0", "0123456789abcdef", 16}};
    zip_of(&b, dict, sizeof dict - 1, little, 2);
    gcam_tensor_table_free(open_blob(&b));
    blob_free(&b);
}
END_TEST

/* Puts other bytes in the place of the first occurrence of some. */
static void replace(blob *b, const char *old, size_t old_size, const char *new, size_t new_size) {
    memcpy(b->data + blob_find(b, 0, old, old_size), new, new_size);
}

#define REPLACE(b, old, new) replace(b, old, sizeof(old) - 1, new, sizeof(new) - 1)

START_TEST(streams_that_are_refused) {
    blob b = {0};
    sample_stream(&b, &sample_usual);
    REPLACE(&b, "\x80\2M\xE9\3.", "\x80\2M\xEA\3.");
    refuse(&b, GCAM_ERR_UNSUPPORTED, "a stream of another protocol than 1001");
    sample_stream(&b, &sample_usual);
    REPLACE(&b, "little_endian\x88", "little_endian\x89");
    refuse(&b, GCAM_ERR_UNSUPPORTED, "written on a big-endian machine");
    sample_stream(&b, &sample_usual);
    REPLACE(&b, "little_endian", "little_Endian");
    refuse(&b, GCAM_ERR_FORMAT, "lacks little_endian");
    sample_stream(&b, &sample_usual);
    REPLACE(&b, "](X\1\0\0\0005", "](X\1\0\0\0009");
    refuse(&b, GCAM_ERR_FORMAT, "storage key 0 is unknown or given twice");
    sample_stream(&b, &sample_usual);
    REPLACE(&b, "](X\1\0\0\0005X\1\0\0\0004", "](X\1\0\0\0005X\1\0\0\0005");
    refuse(&b, GCAM_ERR_FORMAT, "storage key 1 is unknown or given twice");
    sample_stream(&b, &sample_usual);
    REPLACE(&b, "](X\1\0\0\0005", "N(X\1\0\0\0005");
    refuse(&b, GCAM_ERR_FORMAT, "what is appended to in the pickle is None");
    sample_stream(&b, &sample_usual);
    b.size--;
    refuse(&b, GCAM_ERR_FORMAT, "the file ends inside the data of storage 0; it is truncated");
    sample fewer = sample_usual; /* the pickle names five storages, the list has six */
    fewer.tensor_count = 7;
    sample_stream(&b, &fewer);
    refuse(&b, GCAM_ERR_FORMAT, "6 storage keys for 5 storages");
    sample_stream(&b, &sample_usual);
    size_t last = b.size - 12 * sizeof(float) - 8;
    b.data[last] = 13;
    refuse(&b, GCAM_ERR_FORMAT, "storage 0 should have 12 elements, 13 follow");
    ck_assert_int_eq(gcam_last_error()->offset, (int64_t)last);
}
END_TEST

START_TEST(old_views_of_storages) {
    static const char id[] = "(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\4U\1vK\1K\2\x87tQ";
    blob b = {0};
    float value;
    blob_put(&b, "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\2M\xE9\3.\x80\2}U\x0Dlittle_endian\x88s.",
             42);
    blob_text(&b, "\x80\2}U\1wctorch._utils\n_rebuild_tensor\n(");
    blob_put(&b, id, sizeof id - 1);
    blob_put(&b, "K\1))tRs.\x80\2]U\0010a.\4\0\0\0\0\0\0\0",
             24); /* a scalar: element 1 of the view of elements 1 and 2 */
    blob_put(&b, (float[]){10, 11, 12, 13}, 16);
    gcam_tensor_table *table = open_blob(&b);
    gcam_tensor_entry_read(gcam_tensor_table_find(table, "w"), &value);
    ck_assert_float_eq(value, 12);
    gcam_tensor_table_free(table);
    blob_free(&b);
}
END_TEST

/* ---- tar ------------------------------------------------------------------------------------------------------------------- */

/* Corrects the checksum of the header at an offset after a change. */
static void fix_checksum(blob *b, size_t at) {
    unsigned sum = 0;
    memset(b->data + at + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++) sum += b->data[at + i];
    snprintf((char *)b->data + at + 148, 8, "%06o", sum);
}

START_TEST(tar_archives_that_are_refused) {
    blob b = {0}, none = {0}, extended = {0};
    sample_tar(&b, &sample_usual);
    b.data[0] ^= 1;
    refuse(&b, GCAM_ERR_FORMAT, "a tar header is damaged: its checksum does not fit");
    sample_tar(&b, &sample_usual);
    b.data[0] = 'S';
    fix_checksum(&b, 0);
    refuse(&b, GCAM_ERR_FORMAT, "tar member Sys_info: expected sys_info, pickle, tensors and storages, each once");
    sample_tar(&b, &sample_usual);
    b.data[156] = '2'; /* a symbolic link */
    fix_checksum(&b, 0);
    refuse(&b, GCAM_ERR_UNSUPPORTED, "tar member sys_info is not a regular file");
    sample_tar(&b, &sample_usual);
    b.data[130] = '9';
    fix_checksum(&b, 0);
    refuse(&b, GCAM_ERR_FORMAT, "tar member sys_info: its size is not an octal number");
    sample_tar(&b, &sample_usual);
    b.data[124] = '7';
    fix_checksum(&b, 0);
    refuse(&b, GCAM_ERR_FORMAT, "the file ends inside the tar member sys_info; it is truncated");
    sample_tar(&b, &sample_usual);
    b.size = 1024;
    refuse(&b, GCAM_ERR_FORMAT, "the tar archive lacks storages; it is truncated or not PyTorch's");
    tar_member(&b, "sys_info", '0', &none);
    tar_member(&b, "sys_info", '0', &none);
    tar_end(&b);
    refuse(&b, GCAM_ERR_FORMAT, "each once");
    blob_text(&extended, "20 path=../../x\n");
    tar_member(&b, "PaxHeader", 'x', &extended);
    tar_end(&b);
    refuse(&b, GCAM_ERR_UNSUPPORTED, "an extended tar header sets path of a member");
    blob_free(&extended);
}
END_TEST

START_TEST(tar_times_are_passed_over) {
    blob b = {0}, whole = {0}, times = {0};
    blob_text(&times, "30 mtime=1485436210.5000000000\n");
    tar_member(&b, "././@PaxHeader", 'x', &times);
    sample_tar(&whole, &sample_usual);
    blob_append(&b, &whole);
    gcam_tensor_table *table = open_blob(&b);
    check_sample(table, &sample_usual);
    gcam_tensor_table_free(table);
    blob_free(&b);
    blob_free(&whole);
    blob_free(&times);
}
END_TEST

/* Storages and tensors written by hand, so that any of their parts can be wrong. */
static void tar_of(blob *b, const char *storages, size_t storages_size, const char *tensors, size_t tensors_size) {
    static const char system[] = "\x80\2}U\x0Dlittle_endian\x88s.", pickle[] = "\x80\2}U\1wU\0011Qs.";
    const struct {
        const char *name, *data;
        size_t size;
    } parts[] = {{"sys_info", system, sizeof system - 1},
                 {"pickle", pickle, sizeof pickle - 1},
                 {"tensors", tensors, tensors_size},
                 {"storages", storages, storages_size}};
    for (size_t i = 0; i < 4; i++) {
        blob content = {0};
        blob_put(&content, parts[i].data, parts[i].size);
        tar_member(b, parts[i].name, '0', &content);
        blob_free(&content);
    }
    tar_end(b);
}

#define ONE_STORAGE "\x80\2K\1.\x80\2K\2U\3cpuctorch\nFloatStorage\n\x87.\2\0\0\0\0\0\0\0\0\0\x80\x3F\0\0\0\x40"
#define NO_VIEWS "\x80\2]."
#define TENSOR_HEAD "\x80\2K\1.\x80\2K\1K\2ctorch\nFloatTensor\n\x87."
#define SCALAR "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
#define TAR_OF(b, storages, tensors) tar_of(b, storages, sizeof(storages) - 1, tensors, sizeof(tensors) - 1)

START_TEST(tar_members_that_are_refused) {
    blob b = {0};
    float value;
    TAR_OF(&b, ONE_STORAGE NO_VIEWS, TENSOR_HEAD SCALAR);
    gcam_tensor_table *table = open_blob(&b);
    gcam_tensor_entry_read(gcam_tensor_table_find(table, "w"), &value);
    ck_assert_float_eq(value, 2);
    gcam_tensor_table_free(table);
    blob_free(&b);
    static const struct {
        const char *storages;
        size_t storages_size;
        const char *tensors;
        size_t tensors_size;
        gcam_status status;
        const char *message;
    } cases[] = {
#define BAD_TAR(s, t, status, message) {s, sizeof(s) - 1, t, sizeof(t) - 1, status, message}
        BAD_TAR("\x80\2N.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT, "the number of storages or tensors is not a number"),
        BAD_TAR(ONE_STORAGE "\x80\2N.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT, "the list of views is not a list"),
        BAD_TAR(ONE_STORAGE "\x80\2]Na.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT,
                "a view of a storage is not four numbers"),
        BAD_TAR(ONE_STORAGE "\x80\2](K\3K\2K\1NtaN.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT, "expected one value"),
        BAD_TAR(ONE_STORAGE "\x80\2](K\3K\2K\1Nta.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT,
                "a view of a storage is not four numbers"),
        BAD_TAR(ONE_STORAGE "\x80\2](K\3K\2K\1K\2ta.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT,
                "a view of storage 2 reaches beyond its 2 elements"),
        BAD_TAR(ONE_STORAGE "\x80\2](K\3K\7K\0K\1ta.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT,
                "storage 7 is not in the file"),
        BAD_TAR(ONE_STORAGE "\x80\2](K\2K\2K\0K\1ta.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT,
                "two storages have the same key"),
        BAD_TAR("\x80\2K\1.\x80\2N.", TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT, "is not a key, a place and a type"),
        BAD_TAR("\x80\2K\1.\x80\2K\2U\3cpuctorch\nComplexFloatStorage\n\x87.", TENSOR_HEAD SCALAR, GCAM_ERR_UNSUPPORTED,
                "elements of ComplexFloatStorage"),
        BAD_TAR("\x80\2K\1.\x80\2K\2U\3cpuctorch\nFloatStorage\n\x87.\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
                TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT, "storage 2 has -1 elements"),
        BAD_TAR("\x80\2K\1.\x80\2K\2U\3cpuctorch\nFloatStorage\n\x87.\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F",
                TENSOR_HEAD SCALAR, GCAM_ERR_FORMAT, "the file ends inside the data of storage 2"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, "\x80\2K\1.\x80\2K\1Nctorch\nFloatTensor\n\x87." SCALAR, GCAM_ERR_FORMAT,
                "tensor 1 names no storage"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, "\x80\2K\1.\x80\2K\1K\2ctorch\nHalfTensor\n\x87." SCALAR, GCAM_ERR_FORMAT,
                "tensor 1 is HalfTensor, its storage has another element type"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, TENSOR_HEAD "\x09\0\0\0\0\0\0\0", GCAM_ERR_LIMIT,
                "a tensor of 9 dimensions, at most 8"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, TENSOR_HEAD "\1\0\0\0\0\0\0\0\1", GCAM_ERR_FORMAT,
                "the tensors end in the middle"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, TENSOR_HEAD, GCAM_ERR_FORMAT, "the tensors end in the middle"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, TENSOR_HEAD "\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", GCAM_ERR_FORMAT,
                "a tensor reaches beyond its storage of 2 elements"),
        BAD_TAR(ONE_STORAGE NO_VIEWS,
                "\x80\2K\2.\x80\2K\1K\2ctorch\nFloatTensor\n\x87." SCALAR
                "\x80\2K\1K\2ctorch\nFloatTensor\n\x87." SCALAR,
                GCAM_ERR_FORMAT, "two tensors have the key 1"),
        BAD_TAR(ONE_STORAGE NO_VIEWS, "\x80\2K\0.", GCAM_ERR_FORMAT,
                "the pickle refers to a tensor that is not in the file"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tar_of(&b, cases[i].storages, cases[i].storages_size, cases[i].tensors, cases[i].tensors_size);
        refuse(&b, cases[i].status, cases[i].message);
        ck_assert_int_ge(gcam_last_error()->offset, 0);
    }
}
END_TEST

START_TEST(a_tar_view_is_a_storage) {
    blob b = {0};
    float value;
    TAR_OF(&b, ONE_STORAGE "\x80\2](K\3K\2K\1K\1ta.",
           "\x80\2K\1.\x80\2K\1K\3ctorch\nFloatTensor\n\x87.\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    gcam_tensor_table *table = open_blob(&b);
    gcam_tensor_entry_read(gcam_tensor_table_find(table, "w"), &value);
    ck_assert_float_eq(value, 2);
    gcam_tensor_table_free(table);
    blob_free(&b);
}
END_TEST

/* ---- any file ------------------------------------------------------------------------------------------------------------ */

START_TEST(files_of_other_kinds_are_named) {
    static const struct {
        const char *bytes;
        size_t size;
        gcam_status status;
        const char *message;
    } cases[] = {
#define FOREIGN(text, status, message) {text, sizeof(text) - 1, status, message}
        FOREIGN("\x89HDF\r\n\x1A\n....", GCAM_ERR_UNSUPPORTED, "this is an HDF5 file, as Keras writes"),
        FOREIGN("GGUF....", GCAM_ERR_UNSUPPORTED, "this is a GGUF file"),
        FOREIGN("\x93NUMPY\1\0", GCAM_ERR_UNSUPPORTED, "this is a single NumPy array"),
        FOREIGN("\x89PNG\r\n\x1A\n", GCAM_ERR_FORMAT, "this is a PNG picture; expected a checkpoint"),
        FOREIGN("\xFF\xD8\xFF\xE0", GCAM_ERR_FORMAT, "this is a JPEG picture"),
        FOREIGN("<!DOCTYPE html>", GCAM_ERR_FORMAT, "perhaps the error page of a download"),
        FOREIGN("version https://git-lfs.github.com/spec/v1\n", GCAM_ERR_FORMAT, "a Git LFS pointer"),
        FOREIGN("\x1F\x8B\x08", GCAM_ERR_UNSUPPORTED, "compressed with gzip; decompress it first"),
        FOREIGN("\x80\4\x95....", GCAM_ERR_UNSUPPORTED, "a pickle that torch.save did not write"),
        FOREIGN("x", GCAM_ERR_FORMAT,
                "not a checkpoint: expected a PyTorch zip, stream or tar file, safetensors or ONNX"),
        FOREIGN("PK\3\4 and then nothing that a zip archive would have", GCAM_ERR_FORMAT,
                "the directory at its end is missing; it is truncated"),
    };
    blob b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        blob_put(&b, cases[i].bytes, cases[i].size);
        refuse(&b, cases[i].status, cases[i].message);
    }
    blob_fill(&b, 0, 600);
    refuse(&b, GCAM_ERR_FORMAT, "the file begins with zeros only");
}
END_TEST

START_TEST(errors_of_files_name_the_path) {
    gcam_tensor_table *table;
    blob b = {0};
    char path[] = "/tmp/gradcam-cp-XXXXXX", expected[128];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    sample_zip(&b, &sample_usual);
    blob_save(&b, path);
    ck_assert_int_eq(gcam_tensor_table_open(&table, path), GCAM_OK);
    check_sample(table, &sample_usual);
    gcam_tensor_table_free(table);
    b.size /= 2;
    blob_save(&b, path);
    ck_assert_int_eq(gcam_tensor_table_open(&table, path), GCAM_ERR_FORMAT);
    snprintf(expected, sizeof expected, "%s: the file begins as a zip archive, but", path);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, expected));
    ck_assert_int_eq(gcam_last_error()->offset, (int64_t)b.size);
    unlink(path);
    ck_assert_int_eq(gcam_tensor_table_open(&table, path), GCAM_ERR_IO);
    ck_assert_ptr_null(table);
    ck_assert_int_eq(gcam_tensor_table_open(NULL, path), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_tensor_table_open_memory(&table, NULL, 3), GCAM_ERR_ARGUMENT);
    gcam_tensor_table_free(NULL);
    blob_free(&b);
}
END_TEST

/* ---- tables in memory ------------------------------------------------------------------------------------------------------ */

START_TEST(tables_can_be_filled) {
    gcam_tensor_table *table;
    const float data[6] = {1, 2, 3, 4, 5, 6};
    float read[6];
    char name[16];
    gcam_shape shape = {2, {2, 3}}, bad = {1, {-1}};
    ck_assert_int_eq(gcam_tensor_table_create(&table), GCAM_OK);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "t%d", i);
        ck_assert_int_eq(gcam_tensor_table_add(table, name, &shape, data), GCAM_OK);
    }
    ck_assert_uint_eq(gcam_tensor_table_count(table), 100);
    ck_assert_str_eq(gcam_tensor_table_format(table), "memory");
    gcam_tensor_entry_read(gcam_tensor_table_find(table, "t77"), read);
    ck_assert_mem_eq(read, data, sizeof data);
    ck_assert_ptr_null(gcam_tensor_table_find(table, "t100"));
    ck_assert_int_eq(gcam_tensor_table_add(table, "t5", &shape, data), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_tensor_table_add(table, "bad", &bad, data), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_tensor_table_add(table, "null", &shape, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_tensor_table_add(table, NULL, &shape, data), GCAM_ERR_ARGUMENT);
    gcam_tensor_table_free(table);
    blob b = {0};
    sample_zip(&b, &sample_usual);
    table = open_blob(&b);
    ck_assert_int_eq(gcam_tensor_table_add(table, "new", &shape, data), GCAM_ERR_STATE);
    gcam_tensor_table_free(table);
    blob_free(&b);
}
END_TEST

START_TEST(the_limits_of_tables_are_exact) {
    gcam_tensor_table *table;
    const float one = 1;
    char name[GCAM__MAX_NAME + 2];
    gcam_shape scalar = {0, {0}};
    ck_assert_int_eq(gcam_tensor_table_create(&table), GCAM_OK);
    memset(name, 'n', sizeof name);
    name[GCAM__MAX_NAME + 1] = 0;
    ck_assert_int_eq(gcam_tensor_table_add(table, name, &scalar, &one), GCAM_ERR_LIMIT);
    name[GCAM__MAX_NAME] = 0;
    ck_assert_int_eq(gcam_tensor_table_add(table, name, &scalar, &one), GCAM_OK);
    for (int i = 1; i < GCAM__MAX_TENSORS; i++) {
        snprintf(name, sizeof name, "%d", i);
        ck_assert_int_eq(gcam_tensor_table_add(table, name, &scalar, &one), GCAM_OK);
    }
    ck_assert_int_eq(gcam_tensor_table_add(table, "one more", &scalar, &one), GCAM_ERR_LIMIT);
    gcam_tensor_table_free(table);
}
END_TEST

START_TEST(every_element_type_becomes_float) {
    static const int64_t i64[2] = {-5, 1 << 20};
    static const int32_t i32[2] = {-7, 70000};
    static const int16_t i16[2] = {-300, 300};
    static const int8_t i8[2] = {-128, 127};
    static const uint8_t u8[2] = {0, 255}, flags[2] = {0, 7};
    static const double f64[2] = {0.1, -1e300 * 1e-290};
    static const struct {
        gcam_dtype dtype;
        const void *data;
        float expected[2];
        const char *name;
    } cases[] = {{GCAM_DTYPE_I64, i64, {-5, 1048576}, "int64"},   {GCAM_DTYPE_I32, i32, {-7, 70000}, "int32"},
                 {GCAM_DTYPE_I16, i16, {-300, 300}, "int16"},     {GCAM_DTYPE_I8, i8, {-128, 127}, "int8"},
                 {GCAM_DTYPE_U8, u8, {0, 255}, "uint8"},          {GCAM_DTYPE_BOOL, flags, {0, 1}, "bool"},
                 {GCAM_DTYPE_F64, f64, {0.1f, -1e10f}, "float64"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t odd[17]; /* not aligned */
        memcpy(odd + 1, cases[i].data, 2 * gcam_dtype_size(cases[i].dtype));
        gcam_tensor_entry entry = {"x", cases[i].dtype, {1, {2}}, {1}, odd + 1};
        float values[2];
        gcam_tensor_entry_read(&entry, values);
        ck_assert_float_eq(values[0], cases[i].expected[0]);
        ck_assert_float_eq(values[1], cases[i].expected[1]);
        ck_assert_str_eq(gcam_dtype_name(cases[i].dtype), cases[i].name);
    }
    ck_assert_uint_eq(gcam_dtype_size((gcam_dtype)99), 0);
    ck_assert_str_eq(gcam_dtype_name((gcam_dtype)-1), "?");
}
END_TEST

Suite *checkpoints_suite(void);
Suite *checkpoints_suite(void) {
    Suite *suite = suite_create("checkpoints");
    TCase *group = tcase_create("checkpoints");
    tcase_add_loop_test(group, values_are_those_of_the_file, 0, CONTAINERS);
    tcase_add_loop_test(group, state_dicts_in_wrappers_are_found, 0, CONTAINERS);
    tcase_add_test(group, every_way_to_make_a_tensor);
    tcase_add_test(group, a_prefix_that_not_all_names_have_stays);
    tcase_add_test(group, files_that_torch_wrote);
    tcase_add_test(group, roots_that_are_no_state_dict);
    tcase_add_test(group, zip_layouts_that_are_refused);
    tcase_add_test(group, streams_that_are_refused);
    tcase_add_test(group, old_views_of_storages);
    tcase_add_test(group, tar_archives_that_are_refused);
    tcase_add_test(group, tar_times_are_passed_over);
    tcase_add_test(group, tar_members_that_are_refused);
    tcase_add_test(group, a_tar_view_is_a_storage);
    tcase_add_test(group, files_of_other_kinds_are_named);
    tcase_add_test(group, errors_of_files_name_the_path);
    tcase_add_test(group, tables_can_be_filled);
    tcase_add_test(group, the_limits_of_tables_are_exact);
    tcase_add_test(group, every_element_type_becomes_float);
    suite_add_tcase(suite, group);
    return suite;
}
