/* 1. The shortest way: checkpoint and photo in, a picture of where the network looked out.
 *
 *     build/examples/minimal vgg16.pth cat_dog.jpg why.png
 */
#include <gradcam.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: minimal CHECKPOINT PHOTO PICTURE.png\n"), 2;

    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL, *picture = NULL;
    gcam_explanation *why = NULL;
    if (gcam_model_load(&model, argv[1], NULL)        /* NULL: find the architecture, use its own preprocessing */
        || gcam_session_create(&session, model, NULL) /* NULL: batch 1, the model's input size, all cores */
        || gcam_image_load(&photo, argv[2])
        || gcam_explain(&why, session, photo, NULL) /* NULL: Grad-CAM, the default layer, the best class */
        || gcam_render_overlay(&picture, photo, why, NULL) || gcam_image_save(picture, argv[3]))
        return fprintf(stderr, "%s\n", gcam_last_error()->message), 1;

    printf("%s\n", gcam_explanation_label(why));
    gcam_image_free(picture);
    gcam_explanation_free(why);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
    return 0;
}
