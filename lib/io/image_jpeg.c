/* JPEG through libjpeg-turbo with its defaults (accurate integer DCT, smooth upsampling): the same pixels as Pillow's, hence
 * torchvision's. libjpeg reports fatal errors through error_exit, which must not return: it leaves by longjmp to run(), and
 * everything to clean up hangs on the reader, which lives one call further up. Corrupt-data warnings are tolerated, as Pillow
 * does; data that end too early are an error, as in Pillow. Without libjpeg, stb_image reads what passes the gate. */
#include "core/memory.h"
#include "core/status.h"
#include "io/image.h"

static gcam_status read_orientation(gcam__bytes file, int *orientation) {
    int found = gcam__jpeg_orientation(file);
    if (found) *orientation = found;
    return GCAM_OK;
}

#ifdef GCAM_WITH_JPEG

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h> /* wants stdio.h before it */

#include <jerror.h>

/* Each scan of a progressive file is a pass over the whole picture; honest files have about ten. */
enum { MAX_SCANS = 200 };

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    gcam_status status; /* why run() was left */
    gcam__bytes file;
    gcam_image *image;
    uint8_t *line; /* one row of CMYK */
} reader;

static reader *reader_of(j_common_ptr jpeg) {
    return jpeg->client_data;
}

static void leave(reader *r, gcam_status status) {
    r->status = status;
    longjmp(r->failed, 1);
}

static void on_error(j_common_ptr jpeg) {
    reader *r = reader_of(jpeg);
    char text[JMSG_LENGTH_MAX];
    int code = jpeg->err->msg_code;
    if (code == JERR_OUT_OF_MEMORY) leave(r, gcam__fail(GCAM_ERR_NOMEM, "jpeg", "out of memory while decoding a JPEG"));
    if (code == JERR_INPUT_EOF) {
        leave(r, gcam__fail_at(GCAM_ERR_FORMAT, "jpeg", (int64_t)r->file.size,
                               "the JPEG is truncated: it ends after %zu bytes, within the picture", r->file.size));
    }
    jpeg->err->format_message(jpeg, text);
    leave(r, gcam__fail(GCAM_ERR_FORMAT, "jpeg", "the JPEG cannot be decoded: %s", text));
}

static void on_message(j_common_ptr jpeg) {
    (void)jpeg; /* nothing prints */
}

static void on_progress(j_common_ptr jpeg) {
    reader *r = reader_of(jpeg);
    if (r->jpeg.input_scan_number > MAX_SCANS) {
        leave(r, gcam__fail(GCAM_ERR_LIMIT, "jpeg", "the JPEG has more than %d scans", MAX_SCANS));
    }
}

static void source_nothing(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean source_is_empty(j_decompress_ptr jpeg) {
    ERREXIT(jpeg, JERR_INPUT_EOF);
    return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long count) {
    if (count <= 0) return;
    if ((size_t)count > jpeg->src->bytes_in_buffer) ERREXIT(jpeg, JERR_INPUT_EOF);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void connect(reader *r) {
    r->source.init_source = source_nothing;
    r->source.fill_input_buffer = source_is_empty;
    r->source.skip_input_data = source_skip;
    r->source.resync_to_restart = jpeg_resync_to_restart;
    r->source.term_source = source_nothing;
    r->source.next_input_byte = r->file.data;
    r->source.bytes_in_buffer = r->file.size;
    r->jpeg.src = &r->source;
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
}

static gcam_status choose_colours(struct jpeg_decompress_struct *jpeg) {
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr:
        jpeg->out_color_space = JCS_RGB;
        return GCAM_OK;
    case JCS_CMYK:
    case JCS_YCCK:
        jpeg->out_color_space = JCS_CMYK;
        return GCAM_OK;
    default:
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "jpeg", "the JPEG has %d colour components, expected 1, 3 or 4",
                          jpeg->num_components);
    }
}

/* a * b / 255, rounded. */
static int scaled(int a, int b) {
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Four-colour files come from Adobe's programs, which store 255 - ink; Pillow assumes so, too. Colour = (1 - ink)(1 - black). */
static void cmyk_to_rgb(uint8_t *to, const uint8_t *from, int width) {
    for (int x = 0; x < width; x++, to += 3, from += 4) {
        for (int c = 0; c < 3; c++) to[c] = (uint8_t)(from[3] - scaled(255 - from[c], from[3]));
    }
}

static void read_row(reader *r) {
    uint8_t *row = r->image->pixels + (size_t)3 * r->jpeg.output_width * r->jpeg.output_scanline;
    JSAMPROW target = r->line ? r->line : row;
    jpeg_read_scanlines(&r->jpeg, &target, 1);
    if (r->line) cmyk_to_rgb(row, r->line, r->image->width);
}

static gcam_status run(reader *r) {
    if (setjmp(r->failed)) return r->status;
    jpeg_create_decompress(&r->jpeg);
    connect(r);
    jpeg_read_header(&r->jpeg, TRUE);
    GCAM_TRY(gcam__image_check_size(r->jpeg.image_width, r->jpeg.image_height));
    GCAM_TRY(choose_colours(&r->jpeg));
    GCAM_TRY(gcam_image_create(&r->image, (int)r->jpeg.image_width, (int)r->jpeg.image_height));
    if (r->jpeg.out_color_space == JCS_CMYK && !(r->line = gcam__alloc((size_t)4 * r->jpeg.image_width))) {
        return GCAM_ERR_NOMEM;
    }
    jpeg_start_decompress(&r->jpeg);
    while (r->jpeg.output_scanline < r->jpeg.output_height) read_row(r);
    jpeg_finish_decompress(&r->jpeg);
    return GCAM_OK;
}

gcam_status gcam__jpeg_decode(gcam_image **out, gcam__bytes file, int *orientation) {
    reader r = {.file = file};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.output_message = on_message;
    r.jpeg.client_data = &r;
    gcam_status status = run(&r);
    jpeg_destroy_decompress(&r.jpeg);
    gcam__free(r.line);
    if (status != GCAM_OK) {
        gcam_image_free(r.image);
        return status;
    }
    *out = r.image;
    return read_orientation(file, orientation);
}

#else

gcam_status gcam__jpeg_decode(gcam_image **out, gcam__bytes file, int *orientation) {
    int width = 0, height = 0;
    GCAM_TRY(gcam__jpeg_gate(file, &width, &height));
    GCAM_TRY(gcam__image_check_size(width, height));
    GCAM_TRY(gcam__stb_decode(out, file, width, height));
    return read_orientation(file, orientation);
}

#endif
