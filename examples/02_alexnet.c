/* 2. Classify, then explain one class in three ways from one forward pass.
 *
 *     build/examples/alexnet alexnet.pth cat_dog.jpg            the best class
 *     build/examples/alexnet alexnet.pth cat_dog.jpg "tiger cat"
 *
 * Writes gradcam.png (what speaks for the class), counterfactual.png (what speaks against it) and guided-gradcam.png (which
 * pixels) into the current folder. Cleaning up is the same whether all went well or not: every _free takes NULL.
 */
#include <gradcam.h>
#include <stdio.h>

static gcam_status print_top(gcam_session *session, const gcam_image *photo) {
    gcam_prediction top[3];
    gcam_status status = gcam_classify(session, photo, top, 3);
    for (int i = 0; !status && i < 3; i++) printf("%6.2f %%  %s\n", 100.0 * (double)top[i].probability, top[i].label);
    return status;
}

static gcam_status save_overlay(const gcam_image *photo, const gcam_explanation *why) {
    char path[64];
    gcam_image *picture = NULL;
    snprintf(path, sizeof path, "%s.png", gcam_explanation_method(why)->id);
    gcam_status status = gcam_render_overlay(&picture, photo, why, NULL);
    if (!status) status = gcam_image_save(picture, path);
    if (!status) printf("%s: %s\n", path, gcam_explanation_method(why)->summary);
    gcam_image_free(picture);
    return status;
}

static gcam_status explain(gcam_session *session, const gcam_image *photo, int class_index) {
    const char *const methods[] = {"gradcam", "counterfactual", "guided-gradcam"};
    gcam_target target = {.kind = GCAM_TARGET_LOGIT, .class_index = class_index};
    gcam_explain_options options = {
        .struct_size = sizeof options, .methods = methods, .method_count = 3, .targets = &target, .target_count = 1};
    gcam_explanation **list = NULL;
    size_t count = 0;
    gcam_status status = gcam_explain_many(&list, &count, session, photo, &options);
    if (!status) printf("explained: %s\n", gcam_explanation_label(list[0]));
    for (size_t i = 0; !status && i < count; i++) status = save_overlay(photo, list[i]);
    gcam_explanations_free(list, count);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) return fprintf(stderr, "usage: alexnet CHECKPOINT PHOTO [CLASS]\n"), 2;
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL;
    int class_index = GCAM_TOP_CLASS;
    gcam_status status = gcam_model_load(&model, argv[1], NULL);
    if (!status) status = gcam_session_create(&session, model, NULL);
    if (!status) status = gcam_image_load(&photo, argv[2]);
    if (!status && argc == 4) status = gcam_model_find_class(model, argv[3], &class_index);
    if (!status) status = print_top(session, photo);
    if (!status) status = explain(session, photo, class_index);
    if (status) fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
    return status ? 1 : 0;
}
