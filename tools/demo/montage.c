/* Photos side by side, or parts of them, each at its own height.
 *
 *   montage OUT PHOTO[,HEIGHT[,LEFT,TOP,WIDTH,HEIGHT]]...      writes OUT (PNG)
 *
 * The first number is the height in the montage (default: the photo's own), the others are the part that is taken (default: all of
 * it). What is less high than the highest is centred on grey. */
#include <gradcam.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 16, GREY = 128, TALLEST = 4096 };

/* One photo of the montage, as the command line names it. */
typedef struct piece {
    char path[1024];
    int height, left, top, width, rows;
} piece;

static int read_piece(piece *p, const char *text) {
    const char *comma = strchr(text, ',');
    size_t length = comma ? (size_t)(comma - text) : strlen(text);
    int numbers = 0;
    char rest;
    *p = (piece){0};
    if (length == 0 || length >= sizeof p->path) return 0;
    memcpy(p->path, text, length);
    if (comma)
        numbers = sscanf(comma, ",%6d,%6d,%6d,%6d,%6d%c", &p->height, &p->left, &p->top, &p->width, &p->rows, &rest);
    return (!comma || numbers == 1 || numbers == 5) && p->height >= (comma != NULL) && p->height <= TALLEST;
}

/* The part that is taken of a photo, cut off at its edges. */
static gcam_status cut(gcam_image **out, const gcam_image *photo, const piece *p) {
    int left = p->left > 0 && p->left < photo->width ? p->left : 0,
        top = p->top > 0 && p->top < photo->height ? p->top : 0;
    int width = p->width > 0 && p->width < photo->width - left ? p->width : photo->width - left;
    int rows = p->rows > 0 && p->rows < photo->height - top ? p->rows : photo->height - top;
    const uint8_t *first = photo->pixels + 3 * ((size_t)top * (size_t)photo->width + (size_t)left);
    return gcam_image_from_pixels(out, first, width, rows, 3 * (ptrdiff_t)photo->width, GCAM_PIXELS_RGB);
}

static gcam_status load(gcam_image **out, const piece *p) {
    gcam_image *photo = NULL, *part = NULL;
    gcam_status status = gcam_image_load(&photo, p->path);
    if (!status) status = cut(&part, photo, p);
    if (!status) {
        int height = p->height ? p->height : part->height;
        int width = (int)((part->width * (int64_t)height + part->height / 2) / part->height);
        status = gcam_image_resize(out, part, width > 0 ? width : 1, height);
    }
    gcam_image_free(photo);
    gcam_image_free(part);
    return status;
}

static void paste(gcam_image *onto, const gcam_image *photo, int left) {
    int top = (onto->height - photo->height) / 2;
    for (int y = 0; y < photo->height; y++) {
        size_t to = 3 * ((size_t)(top + y) * (size_t)onto->width + (size_t)left), row = 3 * (size_t)photo->width;
        memcpy(onto->pixels + to, photo->pixels + (size_t)y * row, row);
    }
}

static gcam_status save(const char *path, gcam_image *const *photos, int count) {
    gcam_image *whole = NULL;
    int width = 0, height = 0, left = 0;
    for (int i = 0; i < count; i++) {
        width += photos[i]->width;
        if (photos[i]->height > height) height = photos[i]->height;
    }
    gcam_status status = gcam_image_create(&whole, width, height);
    if (!status) memset(whole->pixels, GREY, 3 * (size_t)width * (size_t)height);
    for (int i = 0; i < count && !status; left += photos[i++]->width) paste(whole, photos[i], left);
    if (!status) status = gcam_image_save(whole, path);
    gcam_image_free(whole);
    return status;
}

int main(int argc, char **argv) {
    gcam_image *photos[MOST] = {NULL};
    piece pieces[MOST];
    gcam_status status = GCAM_OK;
    int count = argc - 2, right = count >= 1 && count <= MOST;
    for (int i = 0; right && i < count; i++) right = read_piece(&pieces[i], argv[2 + i]);
    if (!right) return fprintf(stderr, "usage: montage OUT PHOTO[,HEIGHT[,LEFT,TOP,WIDTH,HEIGHT]]...\n"), 2;
    for (int i = 0; i < count && !status; i++) status = load(&photos[i], &pieces[i]);
    if (!status) status = save(argv[1], photos, count);
    for (int i = 0; i < count; i++) gcam_image_free(photos[i]);
    return status ? fprintf(stderr, "montage: %s\n", gcam_last_error()->message), 1 : 0;
}
