/* `make bench-growth`: how the library's cost grows with the picture's side, the batch, the threads and the classes asked for in one
 * call, as a drawing, a table in Markdown and a record in JSON.
 *
 *   bench_growth FOLDER [--bin DIR] [--rounds N] [--svg FILE] [--gate SECONDS] [--minutes N]
 *
 * Each point is the fastest of the runs of several worker processes (tools/bench/worker.c), which take turns. What was measured is kept in
 * FOLDER/growth.txt as it comes: a run that was stopped goes on where it was, and after --minutes it is content with the rounds that are
 * done, at least one. A point that fails is left out. */
#include "bench/chart.h"
#include "bench/process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    const char *folder, *bin, *svg;
    int rounds, done; /* wanted; complete */
    double minutes;
    process_gate gate;
} settings;

/* One chart: works that run with the option `name` set to each of some values. `per`: the result is divided by the value. */
typedef struct {
    const char *title, *name, *x_title, *y_title;
    const char *work;
    int values[CHART_POINTS];
    int per;
    const char *guide; /* of the chart */
    double power;
} sweep;

static const sweep sweeps[] = {
    {"Forward pass and the picture's side",
     "side",
     "side of the input in pixels",
     "ms",
     "forward",
     {112, 224, 448, 672, 896},
     0,
     "as the pixels",
     2},
    {"Forward pass and the batch",
     "batch",
     "images in a batch",
     "ms an image",
     "forward",
     {1, 2, 4, 8, 16, 32},
     1,
     NULL,
     0},
    {"Forward pass and threads", "threads", "threads", "ms", "forward", {1, 2}, 0, "half with two", -1},
    {"Grad-CAM and classes in one call", "classes", "classes", "ms", "gradcam", {1, 2, 5, 10, 20, 50, 100}, 0, NULL, 0},
};
static const char *const nets[] = {"vgg16", "resnet50"}, *const titles[] = {"VGG-16", "ResNet-50"};
enum { SWEEPS = sizeof sweeps / sizeof *sweeps, NETS = sizeof nets / sizeof *nets };

static chart charts[SWEEPS];

static double run(settings *s, const sweep *w, const char *net, int value) {
    char worker[1100], model[1100], threads[16], word[32], output[512] = "";
    snprintf(worker, sizeof worker, "%s/tools/bench_worker", s->bin);
    snprintf(model, sizeof model, "%s/%s.safetensors", s->folder, net);
    snprintf(threads, sizeof threads, "%d", strcmp(w->name, "threads") == 0 ? value : 2);
    snprintf(word, sizeof word, "%s=%d", w->name, value);
    const char *argv[] = {worker, w->work, model, threads, "0.4", word, NULL};
    if (!process_measure(&s->gate, argv, output).ok) {
        fprintf(stderr, "\rbench_growth: %s at %s %d failed\n", net, w->name, value);
        return 0;
    }
    return process_value(output, "min_ms") / (w->per ? value : 1);
}

static void journal_path(const settings *s, char *path, size_t size) {
    snprintf(path, size, "%s/growth.txt", s->folder);
}

static void keep(int sweep_index, int net, int point, double ms) {
    double *best = &charts[sweep_index].line[net].y[point];
    if (ms > 0 && (*best == 0 || ms < *best)) *best = ms;
}

/* Takes in the points that a stopped run of the same worker has left; returns how many. */
static int read_journal(const settings *s) {
    char path[1100], worker[1100];
    struct stat made, kept;
    int sweep_index, net, point, count = 0;
    double ms;
    journal_path(s, path, sizeof path);
    snprintf(worker, sizeof worker, "%s/tools/bench_worker", s->bin);
    if (stat(path, &kept) != 0 || stat(worker, &made) != 0) return 0;
    if (made.st_mtime > kept.st_mtime) return unlink(path), 0;
    FILE *file = fopen(path, "r");
    while (file && fscanf(file, "%d %d %d %lf", &sweep_index, &net, &point, &ms) == 4) {
        if (sweep_index < 0 || sweep_index >= SWEEPS || net < 0 || net >= NETS || point < 0 || point >= CHART_POINTS)
            break;
        keep(sweep_index, net, point, ms);
        count++;
    }
    if (file) fclose(file);
    return count;
}

static void add_to_journal(const settings *s, int sweep_index, int net, int point, double ms) {
    char path[1100];
    journal_path(s, path, sizeof path);
    FILE *file = fopen(path, "a");
    if (!file) return;
    fprintf(file, "%d %d %d %.4f\n", sweep_index, net, point, ms);
    fclose(file);
}

static void measure_point(settings *s, int sweep_index, int net, int point) {
    const sweep *w = &sweeps[sweep_index];
    fprintf(stderr, "\rround %d of %d: %-8s %-8s %4d", s->done + 1, s->rounds, nets[net], w->name, w->values[point]);
    double ms = run(s, w, nets[net], w->values[point]);
    keep(sweep_index, net, point, ms);
    add_to_journal(s, sweep_index, net, point, ms);
}

/* Rounds over all points; the first `old` ones are there already. */
static void measure(settings *s, int old) {
    time_t start = time(NULL);
    int index = 0;
    while (s->done < s->rounds && (s->done == 0 || difftime(time(NULL), start) < 60 * s->minutes)) {
        for (int i = 0; i < SWEEPS; i++)
            for (int net = 0; net < NETS; net++)
                for (int k = 0; k < charts[i].points; k++)
                    if (index++ >= old) measure_point(s, i, net, k);
        s->done++;
    }
    fprintf(stderr, "\r%50s\r", "");
}

static void set_up(void) {
    for (int i = 0; i < SWEEPS; i++) {
        chart *c = &charts[i];
        *c = (chart){
            .title = sweeps[i].title, .x_title = sweeps[i].x_title, .y_title = sweeps[i].y_title, .lines = NETS};
        c->guide = sweeps[i].guide;
        c->power = sweeps[i].power;
        for (int k = 0; k < CHART_POINTS && sweeps[i].values[k]; k++) c->x[c->points++] = sweeps[i].values[k];
        for (int net = 0; net < NETS; net++) c->line[net].name = titles[net];
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
            printf("\n| %s, %s |", titles[net], c->y_title);
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

static int parse_arguments(settings *s, int argc, char **argv) {
    s->folder = argc > 1 ? argv[1] : NULL;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--bin") == 0) s->bin = argv[i + 1];
        if (strcmp(argv[i], "--svg") == 0) s->svg = argv[i + 1];
        if (strcmp(argv[i], "--rounds") == 0) s->rounds = atoi(argv[i + 1]);
        if (strcmp(argv[i], "--gate") == 0) s->gate.wait = atof(argv[i + 1]);
        if (strcmp(argv[i], "--minutes") == 0) s->minutes = atof(argv[i + 1]);
    }
    return s->folder && argc % 2 == 0 && s->rounds > 0;
}

int main(int argc, char **argv) {
    settings s = {.bin = "build", .rounds = 3, .svg = "growth.svg", .minutes = 6};
    char journal[1100], fresh[1100];
    if (!parse_arguments(&s, argc, argv))
        return fprintf(stderr, "bench_growth: see the first lines of tools/bench/growth.c\n"), 2;
    set_up();
    int old = read_journal(&s);
    if (old > 0) fprintf(stderr, "bench_growth: goes on after %d points of a run that was stopped\n", old);
    measure(&s, old);
    snprintf(fresh, sizeof fresh, "%s.new", s.svg);
    FILE *file = fopen(fresh, "w");
    if (!file) return fprintf(stderr, "bench_growth: %s cannot be written\n", fresh), 1;
    chart_write(file, charts, SWEEPS);
    if (fclose(file) != 0 || rename(fresh, s.svg) != 0)
        return fprintf(stderr, "bench_growth: %s cannot be written\n", s.svg), 1;
    printf("![Cost against side, batch, threads and classes](growth.svg)\n\n");
    printf("2 threads but where they vary, %d processes a point, fastest run.\n", s.done);
    process_gate_print(&s.gate);
    print_tables();
    write_json(&s);
    journal_path(&s, journal, sizeof journal);
    unlink(journal);
    return 0;
}
