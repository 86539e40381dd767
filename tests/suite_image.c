/* Tests of lib/io/image*.c and deflate.c. References: Pillow's pixels (tests/fixtures/image/NAME.png holds its decoding of NAME.jpg, as
 * well as support/image_goldens.h), files built here byte by byte, and the formats' own rules. */
#include "core/memory.h"
#include "io/image.h"
#include "support/image_goldens.h"
#include "support/pictures.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIXTURES "tests/fixtures/image/"

Suite *image_suite(void);

static char folder[64];

static void setup(void) {
    snprintf(folder, sizeof folder, "/tmp/gradcam-image-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *inside(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- encoded files, byte by byte --------------------------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t data[1 << 16];
    size_t size;
} bytes;

static void add(bytes *b, const void *data, size_t size) {
    ck_assert_uint_le(b->size + size, sizeof b->data);
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void add_be32(bytes *b, uint32_t value) {
    uint8_t word[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    add(b, word, 4);
}

static void add_chunk(bytes *b, const char *type, const void *body, size_t size) {
    add_be32(b, (uint32_t)size);
    size_t begin = b->size;
    add(b, type, 4);
    add(b, body, size);
    add_be32(b, gcam__crc32(0, b->data + begin, 4 + size));
}

static void add_png_header(bytes *b, uint32_t width, uint32_t height, int depth, int colour) {
    add(b, "\x89PNG\r\n\x1A\n", 8);
    bytes header = {.size = 0};
    add_be32(&header, width);
    add_be32(&header, height);
    add(&header, (uint8_t[]){(uint8_t)depth, (uint8_t)colour, 0, 0, 0}, 5);
    add_chunk(b, "IHDR", header.data, header.size);
}

static void add_png_rows(bytes *b, const void *rows, size_t size) {
    uint8_t *packed;
    size_t packed_size;
    ck_assert_int_eq(gcam__zlib_compress(&packed, &packed_size, rows, size), GCAM_OK);
    add_chunk(b, "IDAT", packed, packed_size);
    gcam__free(packed);
    add_chunk(b, "IEND", NULL, 0);
}

static gcam_image *load_bytes(const bytes *b) {
    gcam_image *image;
    gcam_status status = gcam_image_load_memory(&image, b->data, b->size, NULL);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    return image;
}

static void expect_pixel(const gcam_image *image, int x, int y, int red, int green, int blue) {
    const uint8_t *p = pixel_at(image, x, y);
    ck_assert_msg(p[0] == red && p[1] == green && p[2] == blue, "(%d, %d) is %d %d %d, expected %d %d %d", x, y, p[0],
                  p[1], p[2], red, green, blue);
}

static gcam_image *load_fixture(const char *name) {
    char path[128];
    snprintf(path, sizeof path, FIXTURES "%s", name);
    gcam_image *image;
    gcam_status status = gcam_image_load(&image, path);
    ck_assert_msg(status == GCAM_OK, "%s", gcam_last_error()->message);
    return image;
}

static void read_fixture(bytes *b, const char *name) {
    char path[128];
    snprintf(path, sizeof path, FIXTURES "%s", name);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    b->size = fread(b->data, 1, sizeof b->data, file);
    fclose(file);
}

static void expect_failure(const void *data, size_t size, gcam_status status, const char *message) {
    gcam_image *image = (gcam_image *)folder;
    ck_assert_int_eq(gcam_image_load_memory(&image, data, size, NULL), status);
    ck_assert_ptr_null(image);
    ck_assert_msg(strstr(gcam_last_error()->message, message), "message: %s", gcam_last_error()->message);
}

/* ---- JPEG -------------------------------------------------------------------------------------------------------------- */

#ifdef GCAM_WITH_JPEG
enum { JPEG_TOLERANCE = 0 };
#else
enum { JPEG_TOLERANCE = 40 }; /* stb_image upsamples colour differently */
#endif

static void expect_fixture(const char *jpeg, const char *png, int tolerance) {
    gcam_image *found = load_fixture(jpeg), *wanted = load_fixture(png);
    expect_same_picture(found, wanted, tolerance);
    gcam_image_free(found);
    gcam_image_free(wanted);
}

START_TEST(jpeg_gives_pillows_pixels) {
    expect_fixture("colour.jpg", "colour.png", JPEG_TOLERANCE);
    expect_fixture("grey.jpg", "grey.png", JPEG_TOLERANCE);
#ifdef GCAM_WITH_JPEG
    expect_fixture("progressive.jpg", "colour.png", 0);
    expect_fixture("cmyk.jpg", "cmyk.png", 0);
#endif
}
END_TEST

START_TEST(truncated_jpegs_are_refused) {
    bytes file;
    read_fixture(&file, "colour.jpg");
    for (size_t size = 3; size < file.size; size++) {
        gcam_image *image;
        ck_assert_int_eq(gcam_image_load_memory(&image, file.data, size, NULL), GCAM_ERR_FORMAT);
        ck_assert_ptr_null(image);
    }
}
END_TEST

/* Each byte changed in turn: anything may come out but a crash or a picture of unlimited size. */
START_TEST(damaged_files_do_no_harm) {
    static const char *const names[] = {"colour.jpg", "progressive.jpg", "cmyk.jpg", "interlaced.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bytes file;
        read_fixture(&file, names[i]);
        for (size_t at = 0; at < file.size; at += 1 + file.size / 400) {
            uint8_t kept = file.data[at];
            file.data[at] ^= (uint8_t)(1u << at % 8 | 0x80);
            gcam_image *image;
            if (gcam_image_load_memory(&image, file.data, file.size, NULL) == GCAM_OK)
                gcam_image_free(image);
            else
                ck_assert_ptr_null(image);
            file.data[at] = kept;
        }
    }
}
END_TEST

START_TEST(the_gate_knows_good_from_bad) {
    int width = 0, height = 0;
    bytes file;
    read_fixture(&file, "colour.jpg");
    gcam__bytes view = {file.data, file.size};
    ck_assert_int_eq(gcam__jpeg_gate(view, &width, &height), GCAM_OK);
    ck_assert_int_eq(width, 40);
    ck_assert_int_eq(height, 28);
    view.size -= 2; /* no end marker */
    ck_assert_int_eq(gcam__jpeg_gate(view, &width, &height), GCAM_ERR_FORMAT);
    view.size += 2;
    uint8_t *scan = memmem(file.data, file.size, "\xFF\xDA", 2);
    ck_assert_ptr_nonnull(scan);
    scan[6] = 2; /* a table that nobody defined: stb_image 2.27 reads beyond its tables then */
    ck_assert_int_eq(gcam__jpeg_gate(view, &width, &height), GCAM_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "table that is missing"));
    scan[6] = 0;
    scan[5] = 77;
    ck_assert_int_eq(gcam__jpeg_gate(view, &width, &height), GCAM_ERR_FORMAT);
    scan[5] = 1;
    ck_assert_int_eq(gcam__jpeg_gate(view, &width, &height), GCAM_OK);
    uint8_t *huffman = memmem(file.data, file.size, "\xFF\xC4", 2);
    ck_assert_ptr_nonnull(huffman);
    huffman[5] = 3; /* three codes of one bit */
    ck_assert_int_eq(gcam__jpeg_gate(view, &width, &height), GCAM_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "more codes"));
}
END_TEST

/* The body of an EXIF block with an orientation, in either byte order. */
static void add_tiff(bytes *b, int little, int orientation) {
    uint8_t o = (uint8_t)orientation;
    if (little)
        add(b, (uint8_t[]){'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, o, 0, 0, 0}, 22);
    else
        add(b, (uint8_t[]){'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, o, 0, 0}, 22);
}

/* A 3 x 2 PNG of greys 10 20 30 / 40 50 60 with an orientation. */
static void make_turned_png(bytes *b, int orientation) {
    b->size = 0;
    add_png_header(b, 3, 2, 8, 0);
    bytes tiff = {.size = 0};
    add_tiff(&tiff, orientation % 2, orientation);
    add_chunk(b, "eXIf", tiff.data, tiff.size);
    add_png_rows(b, (uint8_t[]){0, 10, 20, 30, 0, 40, 50, 60}, 8);
}

START_TEST(all_eight_orientations_are_turned_upright) {
    static const uint8_t wanted[8][6] = {{10, 20, 30, 40, 50, 60}, {30, 20, 10, 60, 50, 40}, {60, 50, 40, 30, 20, 10},
                                         {40, 50, 60, 10, 20, 30}, {10, 40, 20, 50, 30, 60}, {40, 10, 50, 20, 60, 30},
                                         {60, 30, 50, 20, 40, 10}, {30, 60, 20, 50, 10, 40}};
    for (int orientation = 1; orientation <= 8; orientation++) {
        bytes file;
        make_turned_png(&file, orientation);
        gcam_image *image = load_bytes(&file);
        ck_assert_int_eq(image->width, orientation < 5 ? 3 : 2);
        ck_assert_int_eq(image->height, orientation < 5 ? 2 : 3);
        for (int i = 0; i < 6; i++) ck_assert_int_eq(image->pixels[3 * i], wanted[orientation - 1][i]);
        gcam_image_free(image);
        gcam_image_options options = {sizeof options, 1};
        ck_assert_int_eq(gcam_image_load_memory(&image, file.data, file.size, &options), GCAM_OK);
        for (int i = 0; i < 6; i++) ck_assert_int_eq(image->pixels[3 * i], wanted[0][i]);
        gcam_image_free(image);
    }
}
END_TEST

START_TEST(jpegs_carry_their_orientation_in_app1) {
    bytes plain, turned = {.size = 0}, tiff = {.size = 0};
    read_fixture(&plain, "colour.jpg");
    add_tiff(&tiff, 1, 6);
    add(&turned, plain.data, 2);
    add(&turned,
        "\xFF\xE1\0\x1E"
        "Exif\0\0",
        10);
    add(&turned, tiff.data, tiff.size);
    add(&turned, plain.data + 2, plain.size - 2);
    gcam_image *image = load_bytes(&turned);
    ck_assert_int_eq(image->width, 28);
    ck_assert_int_eq(image->height, 40);
    gcam_image_free(image);
    for (size_t size = 0; size < tiff.size - 4; size++) { /* the value's padding may be missing, nothing else */
        ck_assert_int_eq(gcam__exif_orientation((gcam__bytes){tiff.data, size}), 0);
    }
    ck_assert_int_eq(gcam__exif_orientation((gcam__bytes){tiff.data, tiff.size}), 6);
}
END_TEST

/* ---- PNG --------------------------------------------------------------------------------------------------------------- */

START_TEST(greys_of_all_depths_are_stretched_to_8_bits) {
    static const struct {
        int depth, step;
        uint8_t row[3];
    } cases[] = {{1, 255, {0, 0x40, 0}}, {2, 85, {0, 0x1B, 0}}, {4, 17, {0, 0x0F, 0}}, {8, 1, {0, 0, 1}}};
    for (size_t i = 0; i < 4; i++) {
        bytes file = {.size = 0};
        add_png_header(&file, 2, 1, cases[i].depth, 0);
        add_png_rows(&file, cases[i].row, cases[i].depth == 8 ? 3 : 2);
        gcam_image *image = load_bytes(&file);
        int last = cases[i].depth == 4 ? 15 * 17 : cases[i].step;
        expect_pixel(image, 0, 0, 0, 0, 0);
        expect_pixel(image, 1, 0, last, last, last);
        gcam_image_free(image);
    }
}
END_TEST

START_TEST(sixteen_bits_keep_the_upper_eight_and_alpha_is_dropped) {
    bytes file = {.size = 0};
    add_png_header(&file, 1, 2, 16, 6);
    add_png_rows(&file, (uint8_t[]){0, 1, 255, 2, 128, 3, 127, 0, 0, 0, 200, 0, 100, 0, 50, 0, 255, 255}, 18);
    gcam_image *image = load_bytes(&file);
    expect_pixel(image, 0, 0, 1, 2, 3);
    expect_pixel(image, 0, 1, 200, 100, 50);
    gcam_image_free(image);
}
END_TEST

START_TEST(palettes_and_transparency_are_resolved) {
    bytes file = {.size = 0};
    add_png_header(&file, 4, 1, 2, 3);
    add_chunk(&file, "PLTE", "\x01\x02\x03\x10\x20\x30\xFF\x00\x80\x07\x08\x09", 12);
    add_chunk(&file, "tRNS", "\x00\xFF\x7F", 3);
    add_png_rows(&file, (uint8_t[]){0, 0x1B}, 2);
    gcam_image *image = load_bytes(&file);
    expect_pixel(image, 0, 0, 1, 2, 3);
    expect_pixel(image, 1, 0, 16, 32, 48);
    expect_pixel(image, 2, 0, 255, 0, 128);
    expect_pixel(image, 3, 0, 7, 8, 9);
    gcam_image_free(image);
    expect_fixture("interlaced.png", "colour.png", 0);
}
END_TEST

START_TEST(truncated_pngs_are_refused) {
    bytes file;
    read_fixture(&file, "grey.png");
    for (size_t size = 8; size < file.size; size++) expect_failure(file.data, size, GCAM_ERR_FORMAT, "truncated");
    file.data[100] ^= 4;
    expect_failure(file.data, file.size, GCAM_ERR_FORMAT, "checksum");
}
END_TEST

START_TEST(pngs_that_lie_about_their_size_are_refused) {
    static uint8_t zeros[300000];
    bytes file = {.size = 0};
    add_png_header(&file, 2, 2, 8, 2);
    add_png_rows(&file, zeros, sizeof zeros);
    expect_failure(file.data, file.size, GCAM_ERR_FORMAT, "unpack to more");
    file.size = 0;
    add_png_header(&file, 20, 20, 8, 2);
    add_png_rows(&file, zeros, 100);
    expect_failure(file.data, file.size, GCAM_ERR_FORMAT, "damaged");
    gcam_memory_count count;
    gcam_allocator_count(&count);
    file.size = 0;
    add_png_header(&file, 4000, 4000, 16, 6); /* would be 128 MB */
    add_png_rows(&file, zeros, 100);
    expect_failure(file.data, file.size, GCAM_ERR_FORMAT, "cannot hold 4000 x 4000 pixels");
    ck_assert_uint_lt(count.peak, 1 << 20);
    gcam_allocator_set(NULL);
}
END_TEST

/* ---- limits and strangers ---------------------------------------------------------------------------------------------- */

static void expect_size(uint32_t width, uint32_t height, gcam_status status, const char *message) {
    bytes file = {.size = 0};
    add_png_header(&file, width, height, 8, 0);
    add_png_rows(&file, "", 1);
    expect_failure(file.data, file.size, status, message);
}

START_TEST(sizes_are_checked_before_anything_is_decoded) {
    gcam_memory_count count;
    gcam_allocator_count(&count);
    expect_size(50000, 10, GCAM_ERR_LIMIT, "50000 x 10 pixels: a side may have at most 16384");
    expect_size(16385, 1, GCAM_ERR_LIMIT, "at most 16384");
    expect_size(8001, 8000, GCAM_ERR_LIMIT, "at most 64 million");
    expect_size(0xFFFFFFFF, 0xFFFFFFFF, GCAM_ERR_LIMIT, "at most 16384");
    expect_size(0, 5, GCAM_ERR_FORMAT, "0 x 5 pixels");
    expect_size(16384, 1, GCAM_ERR_FORMAT, "damaged"); /* allowed, but there is nothing in it */
    ck_assert_uint_lt(count.peak, 1 << 20);
    ck_assert_uint_eq(count.bytes, 0);
    gcam_allocator_set(NULL);
    gcam_image *image;
    ck_assert_int_eq(gcam_image_create(&image, 16384, 1), GCAM_OK);
    gcam_image_free(image);
    ck_assert_int_eq(gcam_image_create(&image, 16385, 1), GCAM_ERR_LIMIT);
    ck_assert_int_eq(gcam_image_create(&image, 0, 1), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(image);
}
END_TEST

START_TEST(other_files_are_named) {
    expect_failure("GIF89a..", 8, GCAM_ERR_UNSUPPORTED, "GIF pictures are not read");
    expect_failure("RIFF0000WEBPVP8 ", 16, GCAM_ERR_UNSUPPORTED, "WebP");
    expect_failure("hello, world", 12, GCAM_ERR_FORMAT, "not a picture");
    expect_failure("", 0, GCAM_ERR_FORMAT, "empty");
    expect_failure(NULL, 5, GCAM_ERR_ARGUMENT, "NULL");
    expect_failure("BM", 2, GCAM_ERR_FORMAT, "header");
    gcam_image *image;
    ck_assert_int_eq(gcam_image_load(&image, inside("absent.png")), GCAM_ERR_IO);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "absent.png"));
    ck_assert_int_eq(gcam_image_load(&image, FIXTURES), GCAM_ERR_IO);
    ck_assert_int_eq(gcam_image_load(&image, "tests/suite_image.c"), GCAM_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "suite_image.c: not a picture"));
    ck_assert_ptr_null(image);
}
END_TEST

/* ---- BMP --------------------------------------------------------------------------------------------------------------- */

static void add_le(bytes *b, uint32_t value, int size) {
    uint8_t word[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    add(b, word, (size_t)size);
}

static void add_bmp_header(bytes *b, int width, int height, int bits, int compression, uint32_t pixels) {
    add(b, "BM", 2);
    add_le(b, 0, 4), add_le(b, 0, 4), add_le(b, pixels, 4);
    add_le(b, 40, 4), add_le(b, (uint32_t)width, 4), add_le(b, (uint32_t)height, 4);
    add_le(b, 1, 2), add_le(b, (uint32_t)bits, 2), add_le(b, (uint32_t)compression, 4);
    for (int i = 0; i < 5; i++) add_le(b, 0, 4);
}

START_TEST(bmps_of_all_depths_are_read) {
    bytes file = {.size = 0};
    add_bmp_header(&file, 3, -1, 1, 0, 62); /* top down, two colours */
    add(&file, "\x01\x02\x03\x00\x0A\x0B\x0C\x00\xA0\x00\x00\x00", 12);
    gcam_image *image = load_bytes(&file);
    expect_pixel(image, 0, 0, 12, 11, 10);
    expect_pixel(image, 1, 0, 3, 2, 1);
    expect_pixel(image, 2, 0, 12, 11, 10);
    gcam_image_free(image);

    file.size = 0;
    add_bmp_header(&file, 1, 2, 16, 0, 54); /* bottom up, 5 bits a colour */
    add(&file, "\x00\x7C\x00\x00\x1F\x00\x00\x00", 8);
    image = load_bytes(&file);
    expect_pixel(image, 0, 0, 0, 0, 255);
    expect_pixel(image, 0, 1, 255, 0, 0);
    gcam_image_free(image);

    file.size = 0;
    add_bmp_header(&file, 1, 1, 32, 3, 66); /* masks in an unusual order */
    add_le(&file, 0xFF, 4), add_le(&file, 0xFF00, 4), add_le(&file, 0xFF0000, 4);
    add(&file, "\x11\x22\x33\x44", 4);
    image = load_bytes(&file);
    expect_pixel(image, 0, 0, 0x11, 0x22, 0x33);
    gcam_image_free(image);
}
END_TEST

START_TEST(bad_bmps_are_refused) {
    bytes file = {.size = 0};
    add_bmp_header(&file, 4, 4, 24, 0, 54);
    expect_failure(file.data, file.size, GCAM_ERR_FORMAT, "truncated");
    for (size_t size = 2; size < file.size; size++) {
        gcam_image *image;
        ck_assert_int_eq(gcam_image_load_memory(&image, file.data, size, NULL), GCAM_ERR_FORMAT);
    }
    file.size = 0;
    add_bmp_header(&file, 4, 4, 8, 1, 54);
    expect_failure(file.data, file.size, GCAM_ERR_UNSUPPORTED, "compressed");
    file.size = 0;
    add_bmp_header(&file, 50000, 4, 24, 0, 54);
    expect_failure(file.data, file.size, GCAM_ERR_LIMIT, "50000 x 4");
    file.size = 0;
    add_bmp_header(&file, 4, INT32_MIN, 24, 0, 54);
    expect_failure(file.data, file.size, GCAM_ERR_LIMIT, "2147483648");
    file.size = 0;
    add_bmp_header(&file, 4, 4, 5, 0, 54);
    expect_failure(file.data, file.size, GCAM_ERR_UNSUPPORTED, "5 bits");
}
END_TEST

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

START_TEST(saving_and_loading_gives_the_same_picture) {
    static const struct { int width, height; } sizes[] = {{1, 1}, {7, 5}, {64, 3}, {3, 100}, {301, 203}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gcam_image *picture = draw_pattern(sizes[i].width, sizes[i].height), *read;
        static const char *const names[] = {"a.png", "b.bmp", "C.BMP", "no-ending"};
        for (size_t n = 0; n < 4; n++) {
            ck_assert_int_eq(gcam_image_save(picture, inside(names[n])), GCAM_OK);
            ck_assert_int_eq(gcam_image_load(&read, inside(names[n])), GCAM_OK);
            expect_same_picture(read, picture, 0);
            gcam_image_free(read);
        }
        gcam_image_free(picture);
    }
}
END_TEST

/* Long runs, noise, and repeats just within and beyond the window; stb_image's inflate is the reference. */
START_TEST(the_compressor_keeps_every_byte) {
    enum { SIDE = 400 };
    gcam_image *picture = draw_plain(SIDE, SIDE, 9, 9, 9), *read;
    uint32_t noise = 1;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 3 * SIDE * SIDE; i++) {
            noise = noise * 1664525u + 1013904223u;
            if (round == 1) picture->pixels[i] = (uint8_t)(noise >> 24);
            if (round == 2) picture->pixels[i] = i % 32771 == 0 ? (uint8_t)(noise >> 24) : (uint8_t)(i % 251);
            if (round == 3 && i >= 32768) picture->pixels[i] = picture->pixels[i - 32768 + i / 100000];
        }
        ck_assert_int_eq(gcam_image_save(picture, inside("a.png")), GCAM_OK);
        ck_assert_int_eq(gcam_image_load(&read, inside("a.png")), GCAM_OK);
        expect_same_picture(read, picture, 0);
        gcam_image_free(read);
    }
    gcam_image_free(picture);
}
END_TEST

START_TEST(text_chunks_stand_before_the_pixels) {
    gcam_image *picture = draw_pattern(5, 4);
    const gcam_metadata text[] = {{"Software", "gradcam"}, {"Title", "chien \xC3\xA9tonn\xC3\xA9"}};
    ck_assert_int_eq(gcam_image_save_with_text(picture, inside("t.png"), text, 2), GCAM_OK);
    gcam_image *read;
    ck_assert_int_eq(gcam_image_load(&read, inside("t.png")), GCAM_OK); /* checksums are verified */
    gcam_image_free(read);
    FILE *file = fopen(inside("t.png"), "rb");
    char data[2048];
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    char *plain = memmem(data, size, "tEXtSoftware\0gradcam", 20);
    char *unicode = memmem(data, size, "iTXtTitle\0\0\0\0\0chien \xC3\xA9tonn\xC3\xA9", 28);
    char *pixels = memmem(data, size, "IDAT", 4);
    ck_assert(plain && unicode && pixels && plain < unicode && unicode < pixels);
    ck_assert_int_eq(gcam_image_save_with_text(picture, inside("u.png"), &(gcam_metadata){"", "x"}, 1),
                     GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_save_with_text(picture, inside("u.png"), &(gcam_metadata){"a\nb", "x"}, 1),
                     GCAM_ERR_ARGUMENT);
    ck_assert_int_ne(access(inside("u.png"), F_OK), 0);
    gcam_image_free(picture);
}
END_TEST

START_TEST(failed_saves_leave_nothing) {
    gcam_image *picture = draw_pattern(50, 50);
    ck_assert_int_eq(gcam_image_save(picture, inside("no/such/folder/a.png")), GCAM_ERR_IO);
    ck_assert_ptr_nonnull(strstr(gcam_last_error()->message, "no/such/folder/a.png"));
    ck_assert_int_eq(gcam_image_save(picture, NULL), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_save(NULL, inside("a.png")), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_save(&(gcam_image){0, 5, picture->pixels}, inside("a.png")), GCAM_ERR_ARGUMENT);
    ck_assert_int_ne(access(inside("a.png"), F_OK), 0);
    gcam_image_free(picture);
}
END_TEST

/* Fails the allocation `left` counts down to, and all after it. */
static void *countdown(size_t size, void *context) {
    int *left = context;
    return (*left)-- > 0 ? malloc(size) : NULL;
}

static void give_back(void *block, size_t size, void *context) {
    (void)size, (void)context;
    free(block);
}

START_TEST(running_out_of_memory_is_an_ordinary_error) {
    bytes file;
    read_fixture(&file, "interlaced.png");
    gcam_image *source = draw_pattern(40, 30);
    char path[512];
    snprintf(path, sizeof path, "%s", inside("m.png"));
    gcam_status status = GCAM_ERR_NOMEM;
    for (int allowed = 0; status != GCAM_OK; allowed++) {
        int left = allowed;
        gcam_allocator_set(&(gcam_allocator){countdown, give_back, &left});
        gcam_image *image = NULL, *small = NULL;
        status = gcam_image_load_memory(&image, file.data, file.size, NULL);
        if (status == GCAM_OK) status = gcam_image_resize(&small, image, 9, 11);
        if (status == GCAM_OK) status = gcam_image_save(source, path);
        ck_assert_msg(status == GCAM_OK || status == GCAM_ERR_NOMEM, "%s", gcam_last_error()->message);
        gcam_image_free(image);
        gcam_image_free(small);
        ck_assert_int_lt(allowed, 200);
    }
    gcam_allocator_set(NULL);
    gcam_image_free(source);
}
END_TEST

/* ---- pixels in memory -------------------------------------------------------------------------------------------------- */

START_TEST(the_callers_pixels_are_taken_in_every_layout) {
    const uint8_t rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 99, 99, 11, 12, 13, 14, 15, 16, 17, 18, 99, 99};
    gcam_image *image;
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 2, 2, 10, GCAM_PIXELS_RGB), GCAM_OK);
    expect_pixel(image, 1, 1, 14, 15, 16);
    gcam_image_free(image);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows + 10, 2, 2, -10, GCAM_PIXELS_BGR), GCAM_OK);
    expect_pixel(image, 0, 0, 13, 12, 11);
    expect_pixel(image, 1, 1, 6, 5, 4);
    gcam_image_free(image);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 3, 2, 0, GCAM_PIXELS_GREY), GCAM_OK);
    expect_pixel(image, 0, 1, 4, 4, 4);
    gcam_image_free(image);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 2, 2, 10, GCAM_PIXELS_RGBA), GCAM_OK);
    expect_pixel(image, 1, 0, 5, 6, 7);
    gcam_image_free(image);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 2, 2, 10, GCAM_PIXELS_BGRA), GCAM_OK);
    expect_pixel(image, 1, 0, 7, 6, 5);
    gcam_image_free(image);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 2, 2, 5, GCAM_PIXELS_RGB), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 2, 2, -5, GCAM_PIXELS_RGB), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_from_pixels(&image, rows, 2, 2, 0, (gcam_pixel_format)9), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_from_pixels(&image, NULL, 2, 2, 0, GCAM_PIXELS_RGB), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(image);
}
END_TEST

static void expect_resize(int width, int height, int bicubic, const uint8_t *golden) {
    gcam_image *picture = draw_pattern(7, 5), *small;
    gcam__image_part whole = {width, height, 0, 0, width, height, bicubic};
    if (bicubic)
        ck_assert_int_eq(gcam__image_resize_part(&small, picture, &whole), GCAM_OK);
    else
        ck_assert_int_eq(gcam_image_resize(&small, picture, width, height), GCAM_OK);
    expect_same_picture(small, &(gcam_image){width, height, (uint8_t *)(uintptr_t)golden}, 0);
    gcam_image_free(small);
    gcam_image_free(picture);
}

START_TEST(resizing_gives_pillows_bytes) {
    expect_resize(3, 2, 0, golden_3x2);
    expect_resize(11, 9, 0, golden_11x9);
    expect_resize(7, 3, 0, golden_7x3);
    expect_resize(4, 5, 0, golden_4x5);
    expect_resize(1, 1, 0, golden_1x1);
    expect_resize(3, 2, 1, golden_cubic_3x2);
    expect_resize(11, 9, 1, golden_cubic_11x9);
}
END_TEST

START_TEST(resizing_keeps_what_it_must) {
    gcam_image *picture = draw_pattern(31, 17), *same, *plain = draw_plain(19, 23, 7, 130, 255), *other;
    ck_assert_int_eq(gcam_image_resize(&same, picture, 31, 17), GCAM_OK);
    expect_same_picture(same, picture, 0);
    ck_assert_int_eq(gcam_image_resize(&other, plain, 230, 4), GCAM_OK);
    for (int i = 0; i < 230 * 4; i++) expect_pixel(other, i % 230, i / 230, 7, 130, 255);
    gcam_image *none;
    ck_assert_int_eq(gcam_image_resize(&none, picture, 0, 4), GCAM_ERR_ARGUMENT);
    ck_assert_int_eq(gcam_image_resize(&none, picture, 20000, 4), GCAM_ERR_LIMIT);
    ck_assert_int_eq(gcam_image_resize(&none, NULL, 4, 4), GCAM_ERR_ARGUMENT);
    ck_assert_ptr_null(none);
    gcam_image_free(same);
    gcam_image_free(other);
    gcam_image_free(plain);
    gcam_image_free(picture);
}
END_TEST

START_TEST(a_part_of_a_resize_is_that_part) {
    gcam_image *picture = draw_pattern(57, 43), *whole, *part;
    ck_assert_int_eq(gcam_image_resize(&whole, picture, 23, 71), GCAM_OK);
    ck_assert_int_eq(gcam__image_resize_part(&part, picture, &(gcam__image_part){23, 71, 5, 9, 11, 40, 0}), GCAM_OK);
    for (int y = 0; y < 40; y++) {
        for (int x = 0; x < 11; x++) ck_assert_mem_eq(pixel_at(part, x, y), pixel_at(whole, x + 5, y + 9), 3);
    }
    gcam_image_free(part);
    gcam_image_free(whole);
    gcam_image_free(picture);
}
END_TEST

Suite *image_suite(void) {
    Suite *suite = suite_create("image");
    TCase *tcase = tcase_create("image");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, jpeg_gives_pillows_pixels);
    tcase_add_test(tcase, truncated_jpegs_are_refused);
    tcase_add_test(tcase, damaged_files_do_no_harm);
    tcase_add_test(tcase, the_gate_knows_good_from_bad);
    tcase_add_test(tcase, all_eight_orientations_are_turned_upright);
    tcase_add_test(tcase, jpegs_carry_their_orientation_in_app1);
    tcase_add_test(tcase, greys_of_all_depths_are_stretched_to_8_bits);
    tcase_add_test(tcase, sixteen_bits_keep_the_upper_eight_and_alpha_is_dropped);
    tcase_add_test(tcase, palettes_and_transparency_are_resolved);
    tcase_add_test(tcase, truncated_pngs_are_refused);
    tcase_add_test(tcase, pngs_that_lie_about_their_size_are_refused);
    tcase_add_test(tcase, sizes_are_checked_before_anything_is_decoded);
    tcase_add_test(tcase, other_files_are_named);
    tcase_add_test(tcase, bmps_of_all_depths_are_read);
    tcase_add_test(tcase, bad_bmps_are_refused);
    tcase_add_test(tcase, saving_and_loading_gives_the_same_picture);
    tcase_add_test(tcase, the_compressor_keeps_every_byte);
    tcase_add_test(tcase, text_chunks_stand_before_the_pixels);
    tcase_add_test(tcase, failed_saves_leave_nothing);
    tcase_add_test(tcase, running_out_of_memory_is_an_ordinary_error);
    tcase_add_test(tcase, the_callers_pixels_are_taken_in_every_layout);
    tcase_add_test(tcase, resizing_gives_pillows_bytes);
    tcase_add_test(tcase, resizing_keeps_what_it_must);
    tcase_add_test(tcase, a_part_of_a_resize_is_that_part);
    return suite;
}
