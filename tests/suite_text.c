/* Tests of small readers and helpers: JSON, UTF-8, growing text, arenas, names, SHA-256, .npy. */
#include "core/arena.h"
#include "core/names.h"
#include "core/status.h"
#include "core/text.h"
#include "core/utf8.h"
#include "gradcam/io.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/sha256.h"
#include "support/blob.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- JSON ---------------------------------------------------------------------------------------------------------------- */

static gcam_status read_text(const char *json, size_t size, char *out, size_t room) {
    gcam__arena arena = {0};
    gcam__json reader = {.cursor = {(const uint8_t *)json, 0, size}, .arena = &arena};
    const char *text;
    gcam_status status = gcam__json_text(&reader, &text);
    if (status == GCAM_OK) snprintf(out, room, "%s", text);
    if (status == GCAM_OK) status = gcam__json_end(&reader);
    gcam__arena_free(&arena);
    return status;
}

START_TEST(json_texts) {
    static const struct {
        const char *json, *text; /* text NULL: refused */
    } cases[] = {
        {"\"\"", ""},
        {" \t\r\n\"abc\" ", "abc"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\udc15\"", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x95"},
        {"\"\xC3\xA9\xF4\x8F\xBF\xBF\"", "\xC3\xA9\xF4\x8F\xBF\xBF"},
        {"\"\\ud83d\"", NULL},
        {"\"\\ud83d\\u0041\"", NULL},
        {"\"\\udc15\\ud83d\"", NULL},
        {"\"\\u0000\"", NULL},
        {"\"\\u12\"", NULL},
        {"\"\\u12g4\"", NULL},
        {"\"\\x41\"", NULL},
        {"\"\\", NULL},
        {"\"\\\"", NULL},
        {"\"abc", NULL},
        {"abc", NULL},
        {"\"a\nb\"", NULL},
        {"\"\xFF\"", NULL},
        {"\"\xC3\"", NULL},
        {"\"\xED\xA0\x80\"", NULL}, /* a surrogate */
        {"\"\xC0\x80\"", NULL},     /* an overlong zero */
        {"\"a\" b", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        gcam_status status = read_text(cases[i].json, strlen(cases[i].json), text, sizeof text);
        ck_assert_msg((status == GCAM_OK) == (cases[i].text != NULL), "case %zu: %s", i, gcam_last_error()->message);
        if (status == GCAM_OK)
            ck_assert_str_eq(text, cases[i].text);
        else
            ck_assert_int_ge(gcam_last_error()->offset, 0);
    }
}
END_TEST

START_TEST(json_numbers) {
    static const struct {
        const char *json;
        uint64_t value;
        int ok;
    } cases[] = {{"0", 0, 1},
                 {"18446744073709551615", UINT64_MAX, 1},
                 {"18446744073709551616", 0, 0},
                 {"99999999999999999999", 0, 0},
                 {"9007199254740993", 9007199254740993u, 1},
                 {"-1", 0, 0},
                 {"00", 0, 0},
                 {"07", 0, 0},
                 {"x", 0, 0},
                 {"", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gcam__json reader = {.cursor = {(const uint8_t *)cases[i].json, 0, strlen(cases[i].json)}};
        uint64_t value = 0;
        ck_assert_int_eq(gcam__json_u64(&reader, &value) == GCAM_OK, cases[i].ok);
        if (cases[i].ok) ck_assert(value == cases[i].value);
    }
}
END_TEST

START_TEST(json_nesting_is_limited) {
    const char *deep = "[[[[[";
    gcam__json reader = {.cursor = {(const uint8_t *)deep, 0, strlen(deep)}};
    int more;
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(gcam__json_array(&reader), GCAM_OK);
        ck_assert_int_eq(gcam__json_element(&reader, &more), GCAM_OK);
        ck_assert_int_eq(more, 1);
    }
    ck_assert_int_eq(gcam__json_array(&reader), GCAM_ERR_LIMIT);
    ck_assert_int_eq(gcam_last_error()->offset, 4);
    ck_assert_str_eq(gcam_last_error()->message, "JSON nested more than 4 levels deep");
}
END_TEST

START_TEST(json_commas_and_brackets) {
    static const struct {
        const char *json;
        int elements; /* -1: refused */
    } cases[] = {{"[]", 0},     {"[1]", 1}, {"[ 1 , 2 ]", 2}, {"[1,]", -1}, {"[,1]", -1},
                 {"[1 2]", -1}, {"[1", -1}, {"[", -1},        {"[1}", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gcam__json reader = {.cursor = {(const uint8_t *)cases[i].json, 0, strlen(cases[i].json)}};
        int more = 1, count = 0;
        uint64_t value;
        gcam_status status = gcam__json_array(&reader);
        while (status == GCAM_OK && (status = gcam__json_element(&reader, &more)) == GCAM_OK && more) {
            status = gcam__json_u64(&reader, &value);
            count++;
        }
        ck_assert_msg((status == GCAM_OK ? count : -1) == cases[i].elements, "case %zu", i);
    }
}
END_TEST

/* ---- UTF-8, text, arena, names ---------------------------------------------------------------------------------------------- */

START_TEST(every_code_point_survives) {
    for (uint32_t code = 1; code < 0x110000; code++) {
        char bytes[4];
        int length = gcam__utf8_encode(code, bytes);
        int is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        ck_assert_int_eq(length, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        ck_assert_uint_eq(gcam__utf8_valid(bytes, (size_t)length), is_surrogate ? 0 : (size_t)length);
        ck_assert_uint_eq(gcam__utf8_valid(bytes, (size_t)length - 1), 0); /* cut off */
    }
    ck_assert_uint_eq(gcam__utf8_valid("ab\xF4\x90\x80\x80", 6), 2); /* beyond the last code point */
    ck_assert_uint_eq(gcam__utf8_valid("\xE0\x9F\xBF", 3), 0);       /* overlong */
    ck_assert_uint_eq(gcam__utf8_valid("\xF0\x8F\xBF\xBF", 4), 0);
}
END_TEST

START_TEST(what_reaches_a_terminal) {
    char out[8];
    ck_assert_str_eq(gcam__utf8_show(out, sizeof out, "a\x1B\xC2\x9B\xC3\xA9z", 7), "a??\xC3\xA9z");
    ck_assert_str_eq(gcam__utf8_show(out, 4, "abc\xC3\xA9", 5), "abc");
    ck_assert_str_eq(gcam__utf8_show(out, 4, "ab\xC3\xA9", 4), "ab"); /* no half character */
    ck_assert_str_eq(gcam__utf8_show(out, 8, "\xFF\xFE", 2), "??");
    ck_assert_int_eq(gcam__utf8_printable("a\xC3\xA9", 3), 1);
    ck_assert_int_eq(gcam__utf8_printable("a\x7F", 2), 0);
    ck_assert_int_eq(gcam__utf8_printable("\xC2\x85", 2), 0);
    ck_assert_int_eq(gcam__utf8_printable("\xC2", 1), 0);
}
END_TEST

START_TEST(text_grows) {
    gcam__text text = {0};
    for (int i = 0; i < 1000; i++) gcam__text_printf(&text, "%d,", i % 10);
    gcam__text_add(&text, "", 0);
    ck_assert_int_eq(text.status, GCAM_OK);
    ck_assert_uint_eq(text.length, 2000);
    ck_assert_uint_eq(strlen(text.data), 2000);
    for (size_t i = 0; i < 1000; i++) ck_assert_int_eq(text.data[2 * i], '0' + (int)i % 10);
    gcam__text_free(&text);
}
END_TEST

START_TEST(arenas_keep_blocks_apart) {
    enum { BLOCKS = 600 };
    gcam__arena arena = {0};
    unsigned char *blocks[BLOCKS];
    size_t sizes[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        sizes[i] = i % 50 == 49 ? 40000 : (size_t)(i * 37 % 500);
        blocks[i] = gcam__arena_alloc(&arena, sizes[i]);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % (sizes[i] > 16384 ? 64 : 16), 0);
        memset(blocks[i], i & 255, sizes[i]);
    }
    for (int i = 0; i < BLOCKS; i++)
        for (size_t at = 0; at < sizes[i]; at++) ck_assert_int_eq(blocks[i][at], i & 255);
    gcam__arena_free(&arena);
    ck_assert_str_eq(gcam__arena_strndup(&arena, "again", 3), "aga");
    gcam__arena_free(&arena);
}
END_TEST

START_TEST(names_are_numbered) {
    enum { NAMES = 5000 };
    static char list[NAMES][8];
    gcam__names names = {0};
    int added;
    ck_assert_int_eq(gcam__names_find(&names, "x", 1), -1);
    for (int i = 0; i < NAMES; i++) {
        snprintf(list[i], sizeof list[i], "%d", i);
        ck_assert_int_eq(gcam__names_add(&names, list[i], strlen(list[i]), &added), GCAM_OK);
        ck_assert_int_eq(added, 1);
    }
    for (int i = 0; i < NAMES; i++) ck_assert_int_eq(gcam__names_find(&names, list[i], strlen(list[i])), i);
    ck_assert_int_eq(gcam__names_add(&names, "77", 2, &added), GCAM_OK);
    ck_assert_int_eq(added, 0);
    ck_assert_int_eq(gcam__names_find(&names, "77x", 2), 77);
    ck_assert_int_eq(gcam__names_find(&names, "x", 1), -1);
    gcam__names_free(&names);
}
END_TEST

/* ---- SHA-256 ---------------------------------------------------------------------------------------------------------------- */

static const char *word_at(const void *list, size_t index) {
    return ((const char *const *)list)[index];
}

START_TEST(the_nearest_name) {
    static const char *const list[] = {"relu", "conv1", "Conv2", "layer4.2.relu", NULL};
    ck_assert_str_eq(gcam_suggest("conv", word_at, list), "conv1");
    ck_assert_str_eq(gcam_suggest("CONV2", word_at, list), "Conv2");
    ck_assert_str_eq(gcam_suggest("layer4.2.rleu", word_at, list), "layer4.2.relu");
    ck_assert_ptr_null(gcam_suggest("pool", word_at, list));
    ck_assert_ptr_null(gcam_suggest("layer4", word_at, list));
    ck_assert_ptr_null(gcam_suggest(NULL, word_at, list));
    ck_assert_ptr_null(gcam_suggest("conv", word_at, list + 4));
}
END_TEST

START_TEST(sha256_of_the_standard) { /* examples of FIPS 180-4 and NIST's test vectors */
    static void (*const ways[])(const void *, size_t, char *) = {gcam__sha256, gcam__sha256_plain};
    void (*sha256)(const void *, size_t, char *) = ways[_i];
    char hex[65];
    sha256("", 0, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256("abc", 3, hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    ck_assert_str_eq(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    sha256(million, 1000000, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}
END_TEST

START_TEST(hashes_in_file_names) {
    char digits[9];
    ck_assert_int_eq(gcam__file_name_hash("/a-00000000.x/vgg16-397923AF.pth", digits), 1);
    ck_assert_str_eq(digits, "397923af");
    ck_assert_int_eq(gcam__file_name_hash("alexnet-owt-7be5be79.pth", digits), 1);
    ck_assert_str_eq(digits, "7be5be79");
    ck_assert_int_eq(gcam__file_name_hash("vgg16.pth", digits), 0);
    ck_assert_int_eq(gcam__file_name_hash("vgg16-397923a.pth", digits), 0);
    ck_assert_int_eq(gcam__file_name_hash("vgg16-397923aff.pth", digits), 0);
    ck_assert_int_eq(gcam__file_name_hash("vgg16-397923af", digits), 0);
}
END_TEST

START_TEST(files_are_compared_with_their_names) {
    char folder[] = "/tmp/gradcam-sha-XXXXXX", path[64], hex[65];
    blob b = {0};
    int agrees = 7;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    blob_text(&b, "abc");
    snprintf(path, sizeof path, "%s/net-ba7816bf.pth", folder);
    blob_save(&b, path);
    ck_assert_int_eq(gcam__file_check_name(path, &agrees, hex), GCAM_OK);
    ck_assert_int_eq(agrees, 1);
    ck_assert_int_eq(strncmp(hex, "ba7816bf8f01", 12), 0);
    unlink(path);
    snprintf(path, sizeof path, "%s/net-00000000.pth", folder);
    blob_save(&b, path);
    ck_assert_int_eq(gcam__file_check_name(path, &agrees, NULL), GCAM_ERR_FORMAT);
    ck_assert_ptr_nonnull(
        strstr(gcam_last_error()->message, "its SHA-256 begins with ba7816bf, its name says 00000000"));
    unlink(path);
    snprintf(path, sizeof path, "%s/net.pth", folder);
    blob_save(&b, path);
    ck_assert_int_eq(gcam__file_check_name(path, &agrees, NULL), GCAM_OK);
    ck_assert_int_eq(agrees, 0);
    unlink(path);
    ck_assert_int_eq(gcam__file_check_name(path, &agrees, NULL), GCAM_ERR_IO);
    ck_assert_int_eq(gcam__file_check_name(NULL, &agrees, NULL), GCAM_ERR_ARGUMENT);
    rmdir(folder);
    blob_free(&b);
}
END_TEST

/* ---- .npy ------------------------------------------------------------------------------------------------------------------ */

START_TEST(npy_round_trip) {
    static const gcam_shape shapes[] = {
        {0, {0}}, {1, {5}}, {2, {2, 3}}, {4, {1, 2, 3, 4}}, {8, {1, 1, 2, 1, 1, 3, 1, 1}}, {2, {0, 3}}};
    static const char *const texts[] = {"()", "(5,)", "(2, 3)", "(1, 2, 3, 4)", "(1, 1, 2, 1, 1, 3, 1, 1)", "(0, 3)"};
    char path[] = "/tmp/gradcam-npy-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        gcam_tensor *tensor, *back;
        ck_assert_int_eq(gcam_tensor_create(&tensor, &shapes[i]), GCAM_OK);
        int64_t count = gcam_shape_count(&shapes[i]);
        for (int64_t v = 0; v < count; v++) tensor->data[v] = (float)v / 3;
        ck_assert_int_eq(gcam_npy_save(path, tensor), GCAM_OK);
        gcam__file file;
        ck_assert_int_eq(gcam__file_map(&file, path), GCAM_OK);
        char expected[128];
        snprintf(expected, sizeof expected, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", texts[i]);
        ck_assert_mem_eq(file.data, "\x93NUMPY\1\0", 8);
        ck_assert_mem_eq(file.data + 10, expected, strlen(expected));
        ck_assert_uint_eq((file.size - (size_t)count * 4) % 64, 0);
        gcam__file_unmap(&file);
        ck_assert_int_eq(gcam_npy_load(&back, path), GCAM_OK);
        ck_assert(gcam_shape_equal(&back->shape, &shapes[i]));
        if (count > 0) ck_assert_mem_eq(back->data, tensor->data, (size_t)count * sizeof(float));
        gcam_tensor_free(back);
        gcam_tensor_free(tensor);
    }
    unlink(path);
    gcam_tensor *none = NULL;
    ck_assert_int_eq(gcam_npy_load(&none, path), GCAM_ERR_IO);
    ck_assert_int_eq(gcam_npy_load(NULL, path), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_npy_save(path, NULL), GCAM_ERR_ARGUMENT);
    gcam_shape one = {1, {1}};
    ck_assert_int_eq(gcam_tensor_create(&none, &one), GCAM_OK);
    ck_assert_int_eq(gcam_npy_save("/absent/x.npy", none), GCAM_ERR_IO);
    gcam_tensor_free(none);
}
END_TEST

static gcam_status read_npy(const char *header, int version, size_t bytes, float *first) {
    blob b = {0};
    gcam_tensor *tensor;
    blob_put(&b, "\x93NUMPY", 6);
    blob_number(&b, (uint64_t)version, 2);
    blob_number(&b, strlen(header), version == 1 ? 2 : 4);
    blob_text(&b, header);
    for (size_t i = 0; i < bytes; i++)
        blob_number(&b, (uint64_t) "\0\0\0\0\0\0\xF8\x3F"[i % 8], 1); /* 1.5 in float64 */
    gcam__file file = {b.data, b.size, 0};
    gcam_status status = gcam__npy_read(&tensor, &file);
    if (status == GCAM_OK && first) *first = tensor->data[0];
    gcam_tensor_free(tensor);
    blob_free(&b);
    return status;
}

START_TEST(npy_headers) {
    float first = 0;
    ck_assert_int_eq(read_npy("{'shape':(2,),'fortran_order':True,'descr':'<f8'}", 1, 16, &first), GCAM_OK);
    ck_assert_float_eq(first, 1.5f);
    ck_assert_int_eq(read_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 2, 8, NULL), GCAM_OK);
    ck_assert_int_eq(read_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 3, 8, NULL), GCAM_OK);
    static const struct {
        const char *header;
        int version;
        gcam_status status;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4, GCAM_ERR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", 1, GCAM_ERR_UNSUPPORTED},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 1, GCAM_ERR_UNSUPPORTED},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", 1, GCAM_ERR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 1, GCAM_ERR_LIMIT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'shape': (2,)}", 1, GCAM_ERR_FORMAT},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 1, GCAM_ERR_FORMAT},
        {"{'other': 1}", 1, GCAM_ERR_FORMAT},
        {"[]", 1, GCAM_ERR_FORMAT},
        {"", 1, GCAM_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gcam_status status = read_npy(cases[i].header, cases[i].version, 8, NULL);
        ck_assert_msg(status == cases[i].status, "case %zu: %d %s", i, status, gcam_last_error()->message);
        ck_assert_int_ge(gcam_last_error()->offset, 0);
    }
    gcam_tensor *tensor;
    gcam__file cut = {(const uint8_t *)"\x93NUMPY\1\0\x76\0{", 11, 0}, short_file = {(const uint8_t *)"\x93NUM", 4, 0};
    ck_assert_int_eq(gcam__npy_read(&tensor, &cut), GCAM_ERR_FORMAT);
    ck_assert_int_eq(gcam__npy_read(&tensor, &short_file), GCAM_ERR_FORMAT);
}
END_TEST

Suite *text_suite(void);
Suite *text_suite(void) {
    Suite *suite = suite_create("text");
    TCase *group = tcase_create("text");
    tcase_set_timeout(group, 30);
    tcase_add_test(group, json_texts);
    tcase_add_test(group, json_numbers);
    tcase_add_test(group, json_nesting_is_limited);
    tcase_add_test(group, json_commas_and_brackets);
    tcase_add_test(group, every_code_point_survives);
    tcase_add_test(group, what_reaches_a_terminal);
    tcase_add_test(group, text_grows);
    tcase_add_test(group, arenas_keep_blocks_apart);
    tcase_add_test(group, names_are_numbered);
    tcase_add_test(group, the_nearest_name);
    tcase_add_test(group, sha256_of_the_standard);
    tcase_add_test(group, hashes_in_file_names);
    tcase_add_test(group, files_are_compared_with_their_names);
    tcase_add_test(group, npy_round_trip);
    tcase_add_test(group, npy_headers);
    suite_add_tcase(suite, group);
    return suite;
}
