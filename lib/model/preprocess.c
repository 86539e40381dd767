/* Photo to network input. FIT_CROP is torchvision's pipeline, bit for bit: Resize(short side, BILINEAR), CenterCrop, ToTensor,
 * Normalize, on 8-bit pixels until the last two steps. Since those work on single bytes, a table of 256 floats per channel holds
 * their results. One channel is Pillow's convert("L") of the photo, taken before the resize as torchvision's Grayscale would be. */
#include "model/preprocess.h"

#include "core/memory.h"
#include "core/status.h"
#include "io/image.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define IMAGENET_MEAN \
    { 0.485f, 0.456f, 0.406f }
#define IMAGENET_STD \
    { 0.229f, 0.224f, 0.225f }
#define UNIT_SCALE (1.0f / 255.0f)

/* Adding a preset = one row; the first is the one that takes other sizes in its name. Caffe's mean is in the order blue, green, red (Simonyan & Zisserman 2015); CIFAR's figures are the
 * training set's own mean and standard deviation. */
static const struct preset {
    const char *name;
    gcam_preprocess how;
} presets[] = {
    {"torchvision",
     {sizeof(gcam_preprocess), GCAM_FIT_CROP, 256, 224, 224, 0, UNIT_SCALE, IMAGENET_MEAN, IMAGENET_STD}},
    {"caffe",
     {sizeof(gcam_preprocess), GCAM_FIT_SQUASH, 0, 224, 224, 1, 1.0f, {103.939f, 116.779f, 123.68f}, {1, 1, 1}}},
    {"unit", {sizeof(gcam_preprocess), GCAM_FIT_CROP, 0, 224, 224, 0, UNIT_SCALE, {0, 0, 0}, {1, 1, 1}}},
    {"cifar",
     {sizeof(gcam_preprocess),
      GCAM_FIT_CROP,
      0,
      32,
      32,
      0,
      UNIT_SCALE,
      {0.4914f, 0.4822f, 0.4465f},
      {0.2470f, 0.2435f, 0.2616f}}},
    {"squash", {sizeof(gcam_preprocess), GCAM_FIT_SQUASH, 0, 224, 224, 0, UNIT_SCALE, IMAGENET_MEAN, IMAGENET_STD}},
};

enum { PRESETS = sizeof presets / sizeof *presets };

static gcam_status no_such_preset(const char *name) {
    char names[256] = "";
    for (size_t i = 0; i < PRESETS; i++) {
        strcat(names, presets[i].name);
        strcat(names, i + 1 < PRESETS ? ", " : " or torchvision-RESIZE-CROP");
    }
    return gcam__fail(GCAM_ERR_NOT_FOUND, "preprocess", "there is no preprocessing \"%s\", expected %s", name, names);
}

/* Takes "-bicubic" and "-half" from the end of a name; 0 where something else is left. */
static int torchvision_words(gcam_preprocess *out, const char *words) {
    static const gcam_preprocess half = {.mean = {0.5f, 0.5f, 0.5f}, .std = {0.5f, 0.5f, 0.5f}};
    while (*words != '\0') {
        if (strncmp(words, "-bicubic", 8) == 0) {
            out->bicubic = 1;
            words += 8;
        } else if (strncmp(words, "-half", 5) == 0) {
            memcpy(out->mean, half.mean, sizeof half.mean);
            memcpy(out->std, half.std, sizeof half.std);
            words += 5;
        } else {
            return 0;
        }
    }
    return 1;
}

/* "torchvision-RESIZE", "torchvision-RESIZE-CROP", each perhaps with words after it; 0 where `name` is none of these. */
static int torchvision_sizes(gcam_preprocess *out, const char *name) {
    int resize = 0, crop = 224, length = 0, more = 0;
    if (sscanf(name, "torchvision-%5d%n", &resize, &length) != 1) return 0;
    if (sscanf(name + length, "-%5d%n", &crop, &more) == 1) length += more;
    if (resize < 1 || crop < 1) return 0;
    gcam_preprocess sized = presets[0].how;
    sized.resize = resize;
    sized.height = sized.width = crop;
    if (!torchvision_words(&sized, name + length)) return 0;
    *out = sized;
    return 1;
}

gcam_status gcam_preprocess_preset(gcam_preprocess *out, const char *name) {
    if (!out || !name) return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess", "a preset needs a name and a place");
    for (size_t i = 0; i < PRESETS; i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *out = presets[i].how;
            return GCAM_OK;
        }
    }
    return torchvision_sizes(out, name) ? GCAM_OK : no_such_preset(name);
}

gcam_status gcam__preprocess_check(const gcam_preprocess *how) {
    if (!how) return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess", "the preprocessing is NULL");
    if (how->fit != GCAM_FIT_CROP && how->fit != GCAM_FIT_SQUASH) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess", "fit: %d, expected crop (0) or squash (1)", (int)how->fit);
    }
    int sides[3] = {how->height, how->width, how->resize ? how->resize : 1};
    static const char *const names[3] = {"height", "width", "resize"};
    for (int i = 0; i < 3; i++) {
        if (sides[i] >= 1 && sides[i] <= GCAM_IMAGE_MAX_SIDE) continue;
        return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess", "%s: %d, expected 1 to %d", names[i], sides[i],
                          GCAM_IMAGE_MAX_SIDE);
    }
    if (!isfinite(how->scale)) return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess", "scale: not a finite number");
    for (int c = 0; c < 3; c++) {
        if (isfinite(how->mean[c]) && isfinite(how->std[c]) && how->std[c] != 0) continue;
        return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess",
                          "channel %d: mean %g and std %g, expected finite numbers and a std that is not 0", c,
                          (double)how->mean[c], (double)how->std[c]);
    }
    return GCAM_OK;
}

gcam_status gcam__preprocess_for_size(const gcam_preprocess *how, int height, int width, gcam_preprocess *out) {
    GCAM_TRY(gcam__preprocess_check(how));
    gcam_preprocess scaled = *how;
    int from = how->height < how->width ? how->height : how->width, to = height < width ? height : width;
    scaled.resize = (int)(((int64_t)how->resize * to + from / 2) / from);
    scaled.height = height;
    scaled.width = width;
    GCAM_TRY(gcam__preprocess_check(&scaled));
    *out = scaled;
    return GCAM_OK;
}

/* ---- geometry ---------------------------------------------------------------------------------------------------------- */

/* One axis of a centre crop of `crop` pixels from `full`: where the kept part begins in the resized photo, how long it is, and
 * how many black pixels come before it. */
typedef struct centre {
    int begin, length, padding;
} centre;

static centre centre_of(int full, int crop) {
    if (full < crop) return (centre){0, full, (crop - full) / 2};
    int spare = full - crop, half = spare / 2;
    if (spare % 2 == 1 && half % 2 == 1) half++; /* Python's round(): a half goes to the even number */
    return (centre){half, crop, 0};
}

/* Size of the whole photo after the resize. With resize = 0 the photo just covers the crop. */
static void resized_size(const gcam_preprocess *how, int64_t width, int64_t height, int *full_width, int *full_height) {
    *full_width = how->width;
    *full_height = how->height;
    if (how->fit == GCAM_FIT_SQUASH) return;
    if (how->resize == 0) {
        if (how->width * height >= how->height * width)
            *full_height = (int)(how->width * height / width);
        else
            *full_width = (int)(how->height * width / height);
        return;
    }
    int portrait = width <= height;
    *full_width = portrait ? how->resize : (int)(how->resize * width / height);
    *full_height = portrait ? (int)(how->resize * height / width) : how->resize;
}

static gcam_geometry geometry_of(const gcam_preprocess *how, const gcam_image *photo, const gcam__image_part *part,
                                 centre across, centre down) {
    return (gcam_geometry){.scale_x = (double)photo->width / part->full_width,
                           .scale_y = (double)photo->height / part->full_height,
                           .left = across.begin - across.padding,
                           .top = down.begin - down.padding,
                           .photo_width = photo->width,
                           .photo_height = photo->height,
                           .input_width = how->width,
                           .input_height = how->height};
}

/* ---- pixels ------------------------------------------------------------------------------------------------------------ */

/* Results for the 256 possible bytes. torch divides by 255 and does not multiply by its inverse; the two differ in the last bit. */
static void fill_table(float table[256], const gcam_preprocess *how, int c) {
    for (int v = 0; v < 256; v++) {
        float value = how->scale == UNIT_SCALE ? (float)v / 255.0f : (float)v * how->scale;
        table[v] = (value - how->mean[c]) / how->std[c];
    }
}

/* One channel: `from` is the part's bytes of that colour (every third), the rest of the plane is a black picture. */
static void fill_plane(float *plane, const gcam_preprocess *how, const gcam_image *part, int colour, int c, int left,
                       int top) {
    float table[256];
    fill_table(table, how, c);
    for (int64_t i = 0; i < (int64_t)how->height * how->width; i++) plane[i] = table[0];
    for (int y = 0; y < part->height; y++) {
        const uint8_t *from = part->pixels + (size_t)3 * (size_t)part->width * (size_t)y + colour;
        float *to = plane + (int64_t)(top + y) * how->width + left;
        for (int x = 0; x < part->width; x++) to[x] = table[from[3 * x]];
    }
}

/* Luma of ITU-R BT.601 in 16-bit fixed point, as Pillow's convert("L"), in all three channels. */
static gcam_status make_grey(gcam_image **out, const gcam_image *photo) {
    GCAM_TRY(gcam_image_create(out, photo->width, photo->height));
    size_t count = (size_t)photo->width * (size_t)photo->height;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = photo->pixels + 3 * i;
        memset((*out)->pixels + 3 * i, (int)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16), 3);
    }
    return GCAM_OK;
}

static gcam_status check_input(const gcam_tensor *input, int64_t index, const gcam_preprocess *how) {
    if (!input || input->shape.rank != 4) {
        return gcam__fail(GCAM_ERR_SHAPE, "preprocess", "the input must be a tensor of 4 dimensions (N C H W)");
    }
    const int64_t *dim = input->shape.dim;
    if ((dim[1] != 3 && dim[1] != 1) || dim[2] != how->height || dim[3] != how->width) {
        return gcam__fail(GCAM_ERR_SHAPE, "preprocess",
                          "the input is N x %lld x %lld x %lld, the preprocessing makes N x 3 (or 1) x %d x %d",
                          (long long)dim[1], (long long)dim[2], (long long)dim[3], how->height, how->width);
    }
    if (index >= 0 && index < dim[0]) return GCAM_OK;
    return gcam__fail(GCAM_ERR_ARGUMENT, "preprocess", "image %lld of a batch of %lld", (long long)index,
                      (long long)dim[0]);
}

gcam_status gcam_preprocess_image(gcam_tensor *input, int64_t index, const gcam_image *photo,
                                  const gcam_preprocess *how, gcam_geometry *geometry) {
    GCAM_TRY(gcam__preprocess_check(how));
    GCAM_TRY(gcam__image_check(photo));
    GCAM_TRY(check_input(input, index, how));
    gcam__image_part part = {.bicubic = how->bicubic};
    resized_size(how, photo->width, photo->height, &part.full_width, &part.full_height);
    centre across = centre_of(part.full_width, how->width), down = centre_of(part.full_height, how->height);
    part.left = across.begin, part.top = down.begin;
    part.width = across.length, part.height = down.length;

    int channels = (int)input->shape.dim[1];
    gcam_image *grey = NULL, *seen = NULL;
    gcam_status status = channels == 1 ? make_grey(&grey, photo) : GCAM_OK;
    if (status == GCAM_OK) status = gcam__image_resize_part(&seen, grey ? grey : photo, &part);
    gcam_image_free(grey);
    if (status != GCAM_OK) return status;
    int64_t plane = (int64_t)how->height * how->width;
    for (int c = 0; c < channels; c++) {
        int colour = how->bgr ? 2 - c : c;
        fill_plane(input->data + (index * channels + c) * plane, how, seen, colour, c, across.padding, down.padding);
    }
    gcam_image_free(seen);
    if (geometry) *geometry = geometry_of(how, photo, &part, across, down);
    return GCAM_OK;
}
