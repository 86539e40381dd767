/* 3. VGG-16, and what an explanation holds besides its picture: the score, the box, the channels that matter, and warnings
 * where a map cannot be trusted.
 *
 *     build/examples/vgg16 vgg16.pth cat_dog.jpg [CLASS]
 *
 * Writes gradcam.png, counterfactual.png and guided-gradcam.png into the current folder.
 */
#include <gradcam.h>
#include <math.h>
#include <stdio.h>

static void report(const gcam_explanation *why) {
    gcam_box box;
    size_t channels = 0, strongest = 0;
    const float *weight = gcam_explanation_weights(why, &channels);
    printf("%s of %s: score %.3f, probability %.3f\n", gcam_explanation_method(why)->title, gcam_explanation_label(why),
           gcam_explanation_score(why), gcam_explanation_probability(why));
    for (size_t k = 1; weight && k < channels; k++) {
        if (fabsf(weight[k]) > fabsf(weight[strongest])) strongest = k;
    }
    if (weight && channels)
        printf("  channel %zu of %s weighs most: %+.3g\n", strongest, gcam_explanation_layer(why),
               (double)weight[strongest]);
    if (gcam_explanation_box(why, 0.15, &box, NULL) == GCAM_OK)
        printf("  box %d,%d to %d,%d\n", box.x0, box.y0, box.x1, box.y1);
    for (unsigned bit = 1; bit <= gcam_explanation_warnings(why); bit <<= 1) {
        if (gcam_explanation_warnings(why) & bit) printf("  note: %s\n", gcam_warning_text((gcam_warning)bit));
    }
}

static gcam_status explain(gcam_session *session, const gcam_image *photo, int class_index, const char *method) {
    gcam_target target = {.kind = GCAM_TARGET_LOGIT, .class_index = class_index};
    gcam_explain_options options = {
        .struct_size = sizeof options, .methods = &method, .method_count = 1, .targets = &target, .target_count = 1};
    gcam_explanation *why = NULL;
    gcam_image *picture = NULL;
    char path[64];
    snprintf(path, sizeof path, "%s.png", method);
    gcam_status status = gcam_explain(&why, session, photo, &options);
    if (!status) report(why);
    if (!status) status = gcam_render_overlay(&picture, photo, why, NULL);
    if (!status) status = gcam_image_save(picture, path);
    gcam_image_free(picture);
    gcam_explanation_free(why);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) return fprintf(stderr, "usage: vgg16 CHECKPOINT PHOTO [CLASS]\n"), 2;
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL;
    int class_index = GCAM_TOP_CLASS;
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (!status) status = gcam_session_create(&session, model, NULL);
    if (!status) status = gcam_image_load(&photo, argv[2]);
    if (!status && argc == 4) status = gcam_model_find_class(model, argv[3], &class_index);
    if (!status) status = explain(session, photo, class_index, "gradcam");
    if (!status) status = explain(session, photo, class_index, "counterfactual");
    if (!status) status = explain(session, photo, class_index, "guided-gradcam");
    if (status) fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
    return status ? 1 : 0;
}
