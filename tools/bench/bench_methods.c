/* What explanations cost in forward passes: each method beside as many single passes as it is made of, in turn, for some rounds; minima are
 * compared. One thread and processor time, so that other work on the machine disturbs little.
 *   bench_methods NAME MODEL LAYER ROUNDS [METHOD]     LAYER: an early one with few channels, where Score-CAM's passes can be counted
 * Prints rows of a table in Markdown. */
#include "support/generator.h"

#include <gradcam.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 49, MOST_SINGLES = 64 };

typedef struct bench {
    gcam_session *session;
    gcam_tensor *input;
    const char *name, *layer;
    int rounds;
    double forward; /* ms */
} bench;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
}

static void check(gcam_status status) {
    if (!status) return;
    fprintf(stderr, "bench_methods: %s\n", gcam_last_error()->message);
    exit(1);
}

static double forward(const bench *b) {
    double start = now();
    check(gcam_session_forward(b->session, b->input));
    return now() - start;
}

static double explain(const bench *b, const char *method, const char *layer) {
    gcam_explanation **list = NULL;
    size_t count = 0;
    gcam_explain_options options = {.struct_size = sizeof options, .methods = &method, .method_count = 1};
    options.samples = SAMPLES;
    options.window = 56, options.stride = 28; /* 7 x 7 windows of 224 x 224 */
    if (layer) options.layers = &layer, options.layer_count = 1;
    double start = now();
    check(gcam_explain_tensor(&list, &count, b->session, b->input, 0, &options));
    start = now() - start;
    gcam_explanations_free(list, count);
    return start;
}

/* A method, how many passes of which kind it takes, and where. */
typedef struct row {
    const char *method;
    int passes;         /* 0: not compared with single passes; -1: as many as the layer has channels */
    int with_gradient;  /* a pass is a gradient down to the pixels */
    int at_early_layer; /* at b->layer */
    double most;        /* wanted at most, as a share of the single passes; 0: nothing is */
} row;

static const row rows[] = {
    {"gradcam", 0, 0, 0, 0},
    {"gradcam++", 0, 0, 0, 0},
    {"layercam", 0, 0, 0, 0},
    {"eigencam", 0, 0, 0, 0},
    {"gradient", 0, 0, 0, 0},
    {"guided-backprop", 0, 0, 0, 0},
    {"guided-gradcam", 0, 0, 0, 0},
    {"lrp", 0, 0, 0, 0},
    {"fullgrad", 0, 0, 0, 0},
    {"ablationcam", -1, 0, 0, 0.15},
    {"reciprocam", 0, 0, 0, 0},
    {"scorecam", -1, 0, 1, 0.9},
    {"smoothgrad", SAMPLES, 1, 0, 0.9},
    {"integrated-gradients", SAMPLES, 1, 0, 0.9},
    {"occlusion", SAMPLES, 0, 0, 0.9},
    {"rise", SAMPLES, 0, 0, 0.9},
};

static int channels_of(const bench *b, const char *layer) {
    const gcam_network *network = gcam_session_network(b->session);
    gcam_layer_info info;
    check(gcam_network_layer(network, layer ? gcam_network_find(network, layer) : gcam_network_target(network), &info));
    return (int)info.shape.dim[1];
}

static void measure(bench *b, const row *r) {
    const char *layer = r->at_early_layer ? b->layer : NULL;
    int passes = r->passes < 0 ? channels_of(b, layer) : r->passes;
    int singles = passes > MOST_SINGLES ? MOST_SINGLES : passes > 0 ? passes : 4;
    double method = 1e30, pass = 1e30;
    for (int round = 0; round < b->rounds; round++) {
        double all = 0, t = explain(b, r->method, layer);
        method = t < method ? t : method;
        for (int i = 0; i < singles; i++) {
            double single = forward(b);
            b->forward = single < b->forward ? single : b->forward;
            all += r->with_gradient ? explain(b, "gradient", NULL) : single;
        }
        pass = all / singles < pass ? all / singles : pass;
    }
    printf("| %s | `%s`%s%s | %.1f | %.2f |", b->name, r->method, layer ? " at " : "", layer ? layer : "", method,
           method / b->forward);
    if (passes == 0) {
        printf(" | | |\n");
    } else {
        double share = method / (passes * pass);
        printf(" %d %s | %.2f |", passes, r->with_gradient ? "(F + B)" : "F", share);
        if (r->most > 0)
            printf(" %.2f%s |\n", r->most, share <= r->most ? "" : ", missed");
        else
            printf(" |\n");
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    gcam_model *model = NULL;
    bench b = {.forward = 1e30};
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: bench_methods NAME MODEL LAYER ROUNDS [METHOD]\n");
        return 2;
    }
    b.name = argv[1], b.layer = argv[3], b.rounds = atoi(argv[4]);
    gcam_session_options options = {.struct_size = sizeof options, .threads = 1};
    check(gcam_model_load(&model, argv[2], NULL));
    check(gcam_session_create(&b.session, model, &options));
    gcam_shape shape = gcam_session_input_shape(b.session), flat = {1, {gcam_shape_count(&shape)}};
    check(gcam_tensor_create(&b.input, &shape));
    generator_fill(1, "input.bias", &flat, b.input->data);
    forward(&b); /* plans, and prepares weights */
    for (int i = 0; i < 5; i++) {
        double t = forward(&b);
        b.forward = t < b.forward ? t : b.forward;
    }
    printf("| %s | one forward pass | %.1f | 1.00 | | | |\n", b.name, b.forward);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (argc < 6 || strcmp(argv[5], rows[i].method) == 0) measure(&b, &rows[i]);
    gcam_tensor_free(b.input);
    gcam_session_free(b.session);
    gcam_model_free(model);
    return 0;
}
