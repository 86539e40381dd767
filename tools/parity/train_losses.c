/* Prints the loss of each training step, for train_parity.py:
 *
 *     train_losses NETWORK.net WEIGHTS.pth BATCHES.pth
 *
 * BATCHES.pth holds "input0" (N C H W), "classes0" (N), "input1", ... */
#include <gradcam.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_CLASSES = 4096, MOST_TEXT = 1 << 16 };

static int complain(void) {
    fprintf(stderr, "%s\n", gcam_last_error()->message);
    return 1;
}

/* One step on batch number `step`; -1 where there is none, 1 on failure. */
static int run_step(gcam_trainer *t, const gcam_tensor_table *batches, int step) {
    char name[32];
    float numbers[MOST_CLASSES];
    int classes[MOST_CLASSES];
    snprintf(name, sizeof name, "input%d", step);
    const gcam_tensor_entry *x = gcam_tensor_table_find(batches, name);
    snprintf(name, sizeof name, "classes%d", step);
    const gcam_tensor_entry *k = gcam_tensor_table_find(batches, name);
    if (!x || !k) return -1;
    if (gcam_shape_count(&k->shape) > MOST_CLASSES) return 1;
    gcam_tensor_entry_read(k, numbers);
    for (int64_t i = 0; i < gcam_shape_count(&k->shape); i++) classes[i] = (int)numbers[i];
    gcam_tensor *input = NULL;
    gcam_train_report report;
    if (gcam_tensor_create(&input, &x->shape)) return complain();
    gcam_tensor_entry_read(x, input->data);
    int failed = gcam_trainer_step_on(t, input, classes, &report) ? complain() : 0;
    if (!failed) printf("%.9g\n", report.loss);
    gcam_tensor_free(input);
    return failed;
}

int main(int argc, char **argv) {
    static char graph[MOST_TEXT];
    if (argc != 4) return fprintf(stderr, "usage: train_losses NETWORK WEIGHTS BATCHES\n"), 2;
    FILE *file = fopen(argv[1], "r");
    if (!file || !fread(graph, 1, sizeof graph - 1, file)) return fprintf(stderr, "%s: cannot be read\n", argv[1]), 1;
    fclose(file);
    gcam_train_options options = {.struct_size = sizeof options, .lr = 0.05, .momentum = 0.9};
    options.weight_decay = 1e-3, options.label_smoothing = 0.1;
    gcam_tensor_table *weights = NULL, *batches = NULL;
    gcam_trainer *t = NULL;
    int failed = gcam_tensor_table_open(&weights, argv[2]) || gcam_tensor_table_open(&batches, argv[3])
                 || gcam_trainer_create(&t, graph, NULL, &options) || gcam_trainer_set_weights(t, weights);
    if (failed) complain();
    for (int step = 0; !failed; step++) {
        int code = run_step(t, batches, step);
        if (code < 0) break;
        failed = code;
    }
    gcam_trainer_free(t);
    gcam_tensor_table_free(batches);
    gcam_tensor_table_free(weights);
    return failed;
}
