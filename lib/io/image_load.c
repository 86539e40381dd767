/* Reading pictures: the kind of file is found by its first bytes, never by its name. Adding a format = one decoder and one row. */
#include "core/options.h"
#include "core/status.h"
#include "io/file.h"
#include "io/image.h"

#include <string.h>

/* `magic` stands at `offset`; rows without a decoder are known by name only, for a better message. */
static const struct format {
    const char *name;
    gcam__image_decode_fn decode;
    size_t offset, length;
    const char *magic;
} formats[] = {
    {"JPEG", gcam__jpeg_decode, 0, 3, "\xFF\xD8\xFF"},
    {"PNG", gcam__png_decode, 0, 8, "\x89PNG\r\n\x1A\n"},
    {"BMP", gcam__bmp_decode, 0, 2, "BM"},
    {"GIF", NULL, 0, 4, "GIF8"},
    {"WebP", NULL, 8, 4, "WEBP"},
    {"TIFF", NULL, 0, 4, "II*\0"},
    {"TIFF", NULL, 0, 4, "MM\0*"},
    {"HEIF or AVIF", NULL, 4, 4, "ftyp"},
    {"JPEG XL", NULL, 0, 2, "\xFF\x0A"},
    {"PSD", NULL, 0, 4, "8BPS"},
    {"PDF", NULL, 0, 4, "%PDF"},
};

static gcam_status find_format(const struct format **out, gcam__bytes file) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct format *row = &formats[i];
        if (file.size < row->offset + row->length) continue;
        if (memcmp(file.data + row->offset, row->magic, row->length)) continue;
        if (!row->decode) {
            return gcam__fail(GCAM_ERR_UNSUPPORTED, "image", "%s pictures are not read, expected JPEG, PNG or BMP",
                              row->name);
        }
        *out = row;
        return GCAM_OK;
    }
    return gcam__fail_at(GCAM_ERR_FORMAT, "image", 0, "not a picture: expected JPEG, PNG or BMP");
}

void gcam_image_options_defaults(gcam_image_options *options) {
    *options = (gcam_image_options){.struct_size = sizeof *options};
}

static gcam_status load(gcam_image **out, gcam__bytes file, const gcam_image_options *options) {
    gcam_image_options taken;
    gcam_image_options_defaults(&taken);
    GCAM_TRY(gcam__options_take(&taken, sizeof taken, options, "image"));
    const struct format *format = NULL;
    GCAM_TRY(find_format(&format, file));
    int orientation = 1;
    GCAM_TRY(format->decode(out, file, &orientation));
    if (taken.ignore_exif) return GCAM_OK;
    gcam_status status = gcam__image_orient(out, orientation);
    if (status != GCAM_OK) {
        gcam_image_free(*out);
        *out = NULL;
    }
    return status;
}

gcam_status gcam_image_load_memory(gcam_image **out, const void *data, size_t size, const gcam_image_options *options) {
    *out = NULL;
    gcam__file file;
    GCAM_TRY(gcam__file_borrow(&file, data, size));
    return load(out, (gcam__bytes){file.data, file.size}, options);
}

gcam_status gcam_image_load_with(gcam_image **out, const char *path, const gcam_image_options *options) {
    *out = NULL;
    gcam__file file;
    GCAM_TRY(gcam__file_map(&file, path));
    gcam_status status = load(out, (gcam__bytes){file.data, file.size}, options);
    gcam__file_unmap(&file);
    return status == GCAM_OK ? status : gcam__fail_prefix(path);
}

gcam_status gcam_image_load(gcam_image **out, const char *path) {
    return gcam_image_load_with(out, path, NULL);
}
