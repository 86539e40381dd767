/* 6. A network of one's own photos: a folder of class folders ("DIR/cat", "DIR/dog", ...) becomes a model file that every example
 * before this one, and the command, can explain.
 *
 *     build/examples/train DIR model.safetensors
 */
#include <gradcam.h>
#include <stdio.h>
#include <stdlib.h>

/* One line a layer; %d becomes the number of classes. `gradcam inspect` shows such lines of any model. */
static const char layers[] = "gradcam graph 1\n"
                             "image = input channels=3 height=64 width=64\n"
                             "conv1 = conv2d image out=16 kernel=3 stride=2 pad=1 no_bias=1\n"
                             "bn1 = batchnorm conv1\n"
                             "relu1 = relu bn1\n"
                             "conv2 = conv2d relu1 out=32 kernel=3 stride=2 pad=1 no_bias=1\n"
                             "bn2 = batchnorm conv2\n"
                             "relu2 = relu bn2\n"
                             "conv3 = conv2d relu2 out=64 kernel=3 pad=1 no_bias=1\n"
                             "bn3 = batchnorm conv3\n"
                             "relu3 = relu bn3\n"
                             "pool = global_avg_pool relu3\n"
                             "drop = dropout pool p=0.2\n"
                             "flat = flatten drop\n"
                             "logits = linear flat out=%d\n";

static gcam_status train(gcam_trainer *t, const gcam_dataset *others) {
    int64_t each = gcam_trainer_epoch_steps(t);
    while (gcam_trainer_position(t) < gcam_trainer_steps(t)) {
        gcam_train_report step;
        gcam_train_score score;
        gcam_status status = gcam_trainer_step(t, &step);
        if (status) return status;
        if ((step.step + 1) % each) continue;
        if ((status = gcam_trainer_evaluate(t, others, GCAM_TRAIN_BEST, &score, NULL))) return status;
        printf("epoch %d: loss %.3f, %lld of %lld held back photos right\n", step.epoch + 1, step.loss,
               (long long)score.correct, (long long)score.photos);
    }
    return GCAM_OK;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: train DIR MODEL.safetensors\n"), 2;
    gcam_dataset *photos = NULL, *others = NULL;
    gcam_trainer *t = NULL;
    gcam_train_options options;
    gcam_train_options_photos(&options); /* a recipe for photos: crops, mirroring, jitter, label smoothing, ... */
    options.epochs = 10;
    options.batch = 16;
    options.seed = 1; /* the same seed gives the same bits */
    gcam_status status = gcam_dataset_load(&photos, argv[1], NULL, 64, NULL, 0);
    if (!status) status = gcam_dataset_split(&others, photos, 0.2, options.seed);
    if (!status) {
        char graph[sizeof layers + 16];
        snprintf(graph, sizeof graph, layers, (int)gcam_dataset_class_count(photos));
        status = gcam_trainer_create(&t, graph, photos, &options);
    }
    if (!status) status = train(t, others);
    if (!status) status = gcam_trainer_export(t, argv[2], GCAM_TRAIN_BEST, GCAM_DTYPE_F16, NULL, 0);
    if (status) fprintf(stderr, "%s\n", gcam_last_error()->message);
    gcam_trainer_free(t);
    gcam_dataset_free(others);
    gcam_dataset_free(photos);
    return status ? 1 : 0;
}
