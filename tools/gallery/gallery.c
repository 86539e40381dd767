/* Draws docs/methods/ID.png: every method of the table that is no guided sister of another, on one photo, for its best class, small enough for
 * a page. CAM, which needs a special head, may come from a second network.
 *   gallery PHOTO MODEL CAM_MODEL FOLDER [METHOD] */
#include <gradcam.h>

#include <stdio.h>
#include <string.h>

enum { WIDTH = 168 };

static int fail(const char *what) {
    fprintf(stderr, "gallery: %s: %s\n", what, gcam_last_error()->message);
    return 1;
}

/* Draws one method and returns 0; 1 after a failure. */
static int draw(gcam_session *session, const gcam_image *photo, const char *method, const char *folder) {
    char path[512];
    gcam_explanation *e = NULL;
    gcam_image *large = NULL, *small = NULL;
    gcam_explain_options options;
    gcam_explain_options_defaults(&options);
    options.methods = &method;
    options.method_count = 1;
    if (strcmp(method, "rise") == 0) options.samples = 1000;
    snprintf(path, sizeof path, "%s/%s.png", folder, method);
    gcam_status status = gcam_explain(&e, session, photo, &options);
    if (!status) status = gcam_render_overlay(&large, photo, e, NULL);
    if (!status) status = gcam_image_resize(&small, large, WIDTH, WIDTH * photo->height / photo->width);
    if (!status) status = gcam_image_save(small, path);
    if (!status) printf("%s\n", gcam_explanation_sentence(e));
    gcam_image_free(small);
    gcam_image_free(large);
    gcam_explanation_free(e);
    return status ? fail(method) : 0;
}

static int draw_all(gcam_session *session, gcam_session *cam_session, const gcam_image *photo, const char *folder,
                    const char *only) {
    int failed = 0;
    for (size_t i = 0; i < gcam_method_count(); i++) {
        const char *id = gcam_method_at(i)->id;
        if (strncmp(id, "guided-", 7) == 0 && strcmp(id, "guided-backprop") != 0 && strcmp(id, "guided-gradcam") != 0)
            continue;
        if (only && strcmp(id, only) != 0) continue;
        failed |= draw(strcmp(id, "cam") == 0 ? cam_session : session, photo, id, folder);
    }
    return failed;
}

int main(int argc, char **argv) {
    gcam_image *photo = NULL;
    gcam_model *models[2] = {NULL, NULL};
    gcam_session *sessions[2] = {NULL, NULL};
    int failed = 0;
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: gallery PHOTO MODEL CAM_MODEL FOLDER [METHOD]\n");
        return 2;
    }
    if (gcam_image_load(&photo, argv[1])) failed = fail(argv[1]);
    for (int i = 0; i < 2 && !failed; i++) {
        if (gcam_model_load(&models[i], argv[2 + i], NULL) || gcam_session_create(&sessions[i], models[i], NULL))
            failed = fail(argv[2 + i]);
    }
    if (!failed) failed = draw_all(sessions[0], sessions[1], photo, argv[4], argv[5]);
    for (int i = 0; i < 2; i++) {
        gcam_session_free(sessions[i]);
        gcam_model_free(models[i]);
    }
    gcam_image_free(photo);
    return failed;
}
