/* Photos side by side at one height.
 *
 *   montage OUT HEIGHT PHOTO...      writes OUT (PNG) */
#include <gradcam.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };

static gcam_status load(gcam_image **out, const char *path, int height) {
    gcam_image *photo = NULL;
    gcam_status status = gcam_image_load(&photo, path);
    if (status) return status;
    int width = (int)((photo->width * (int64_t)height + photo->height / 2) / photo->height);
    status = gcam_image_resize(out, photo, width > 0 ? width : 1, height);
    gcam_image_free(photo);
    return status;
}

static void paste(gcam_image *onto, const gcam_image *photo, int left) {
    for (int y = 0; y < photo->height; y++) {
        size_t to = 3 * ((size_t)y * (size_t)onto->width + (size_t)left), row = 3 * (size_t)photo->width;
        memcpy(onto->pixels + to, photo->pixels + (size_t)y * row, row);
    }
}

static gcam_status save(const char *path, gcam_image *const *photos, int count, int height) {
    gcam_image *whole = NULL;
    int width = 0, left = 0;
    for (int i = 0; i < count; i++) width += photos[i]->width;
    gcam_status status = gcam_image_create(&whole, width, height);
    for (int i = 0; i < count && !status; left += photos[i++]->width) paste(whole, photos[i], left);
    if (!status) status = gcam_image_save(whole, path);
    gcam_image_free(whole);
    return status;
}

int main(int argc, char **argv) {
    gcam_image *photos[MOST] = {NULL};
    gcam_status status = GCAM_OK;
    int count = argc - 3, height = argc > 2 ? atoi(argv[2]) : 0;
    if (count < 1 || count > MOST || height < 1) return fprintf(stderr, "usage: montage OUT HEIGHT PHOTO...\n"), 2;
    for (int i = 0; i < count && !status; i++) status = load(&photos[i], argv[3 + i], height);
    if (!status) status = save(argv[1], photos, count, height);
    for (int i = 0; i < count; i++) gcam_image_free(photos[i]);
    return status ? fprintf(stderr, "montage: %s\n", gcam_last_error()->message), 1 : 0;
}
