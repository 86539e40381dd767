/* `make bench-growth`: how the library's cost grows with the picture's side, the batch, the threads and the classes asked for in one
 * call, as a drawing, a table in Markdown and a record in JSON.
 *
 *   bench_growth FOLDER [--bin DIR] [--rounds N] [--svg FILE]
 *
 * Each point is the fastest of the runs of several worker processes (tools/bench/worker.c), which take turns. */
#include "bench/chart.h"
#include "bench/process.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *folder, *bin, *svg;
    int rounds;
} settings;

/* One chart: works that run with the option `name` set to each of some values. `per`: the result is divided by the value. */
typedef struct {
    const char *title, *name, *x_title, *y_title;
    const char *work;
    int values[CHART_POINTS];
    int per;
} sweep;

static const sweep sweeps[] = {
    {"forward pass and the picture's side",
     "side",
     "side of the input in pixels",
     "ms",
     "forward",
     {112, 224, 448, 672, 896},
     0},
    {"forward pass and the batch", "batch", "images in a batch", "ms an image", "forward", {1, 2, 4, 8, 16, 32}, 1},
    {"forward pass and threads", "threads", "threads", "ms", "forward", {1, 2}, 0},
    {"Grad-CAM and classes in one call", "classes", "classes", "ms", "gradcam", {1, 2, 5, 10, 20, 50, 100}, 0},
};
static const char *const nets[] = {"vgg16", "resnet50"};
enum { SWEEPS = sizeof sweeps / sizeof *sweeps, NETS = sizeof nets / sizeof *nets };

static chart charts[SWEEPS];

static double run(const settings *s, const sweep *w, const char *net, int value) {
    char worker[1100], model[1100], threads[16], word[32], output[512] = "";
    snprintf(worker, sizeof worker, "%s/tools/bench_worker", s->bin);
    snprintf(model, sizeof model, "%s/%s.safetensors", s->folder, net);
    snprintf(threads, sizeof threads, "%d", strcmp(w->name, "threads") == 0 ? value : 2);
    snprintf(word, sizeof word, "%s=%d", w->name, value);
    const char *argv[] = {worker, w->work, model, threads, "0.5", word, NULL};
    if (!process_run(argv, output).ok) return 0;
    return process_value(output, "min_ms") / (w->per ? value : 1);
}

static void measure(const settings *s) {
    for (int round = 0; round < s->rounds; round++)
        for (int i = 0; i < SWEEPS; i++)
            for (int net = 0; net < NETS; net++)
                for (int k = 0; k < charts[i].points; k++) {
                    fprintf(stderr, "\rround %d of %d: %-8s %-8s %4d", round + 1, s->rounds, nets[net], sweeps[i].name,
                            sweeps[i].values[k]);
                    double ms = run(s, &sweeps[i], nets[net], sweeps[i].values[k]), *best = &charts[i].line[net].y[k];
                    if (ms > 0 && (*best == 0 || ms < *best)) *best = ms;
                }
    fprintf(stderr, "\r%50s\r", "");
}

static void set_up(void) {
    for (int i = 0; i < SWEEPS; i++) {
        chart *c = &charts[i];
        *c = (chart){
            .title = sweeps[i].title, .x_title = sweeps[i].x_title, .y_title = sweeps[i].y_title, .lines = NETS};
        for (int k = 0; k < CHART_POINTS && sweeps[i].values[k]; k++) c->x[c->points++] = sweeps[i].values[k];
        for (int net = 0; net < NETS; net++) c->line[net].name = nets[net];
    }
}

static void print_tables(void) {
    for (int i = 0; i < SWEEPS; i++) {
        const chart *c = &charts[i];
        printf("| %s: %s |", c->title, c->x_title);
        for (int k = 0; k < c->points; k++) printf(" %g |", c->x[k]);
        printf("\n| --- |");
        for (int k = 0; k < c->points; k++) printf(" ---: |");
        for (int net = 0; net < NETS; net++) {
            printf("\n| %s, %s |", nets[net], c->y_title);
            for (int k = 0; k < c->points; k++) printf(" %.1f |", c->line[net].y[k]);
        }
        printf("\n\n");
    }
}

static void write_json(const settings *s) {
    char path[1100];
    snprintf(path, sizeof path, "%s/growth.json", s->folder);
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "[");
    for (int i = 0; i < SWEEPS; i++)
        for (int net = 0; net < NETS; net++)
            for (int k = 0; k < charts[i].points; k++)
                fprintf(file, "%s\n{\"network\": \"%s\", \"work\": \"%s\", \"%s\": %d, \"ms\": %.4f}",
                        i + net + k ? "," : "", nets[net], sweeps[i].work, sweeps[i].name, sweeps[i].values[k],
                        charts[i].line[net].y[k] * (sweeps[i].per ? sweeps[i].values[k] : 1));
    fprintf(file, "\n]\n");
    fclose(file);
}

int main(int argc, char **argv) {
    settings s = {.folder = argc > 1 ? argv[1] : NULL, .bin = "build", .rounds = 3, .svg = "growth.svg"};
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--bin") == 0) s.bin = argv[i + 1];
        if (strcmp(argv[i], "--svg") == 0) s.svg = argv[i + 1];
        if (strcmp(argv[i], "--rounds") == 0) s.rounds = atoi(argv[i + 1]);
    }
    if (!s.folder) return fprintf(stderr, "bench_growth: see the first lines of tools/bench/growth.c\n"), 2;
    set_up();
    measure(&s);
    FILE *file = fopen(s.svg, "w");
    if (!file) return fprintf(stderr, "bench_growth: %s cannot be written\n", s.svg), 1;
    chart_write(file, charts, SWEEPS);
    fclose(file);
    printf("![Cost against side, batch, threads and classes](growth.svg)\n\n");
    printf("2 threads but where they vary, %d processes a point, fastest run.\n\n", s.rounds);
    print_tables();
    write_json(&s);
    return 0;
}
