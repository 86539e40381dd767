/* What `make bench` tells: the table of times, the limits that fail it, the targets that are told, a record, a summary. */
#include "bench/bench.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

static double least(const cell *c) {
    double best = c->min[0];
    for (int i = 1; i < c->count; i++) best = c->min[i] < best ? c->min[i] : best;
    return best;
}

static double middle(const double *v, int count) {
    double sorted[MAX_ROUNDS] = {0};
    for (int i = 0; i < count; i++) {
        int k = i;
        for (; k > 0 && sorted[k - 1] > v[i]; k--) sorted[k] = sorted[k - 1];
        sorted[k] = v[i];
    }
    return sorted[count / 2];
}

/* How much slower the slowest process was than the fastest, in percent. */
static double spread(const cell *c) {
    double high = c->min[0];
    for (int i = 1; i < c->count; i++) high = c->min[i] > high ? c->min[i] : high;
    return 100 * (high / least(c) - 1);
}

static int find_work(const char *name) {
    for (int w = 0; w < WORKS; w++)
        if (strcmp(works[w].name, name) == 0) return w;
    return 0;
}

static int find_net(const char *name) {
    for (int net = 0; net < NETS; net++)
        if (strcmp(nets[net].name, name) == 0) return net;
    return 0;
}

static const cell *find_cell(const char *net, const char *name, int e) {
    return &cells[find_net(net)][find_work(name)][e];
}

static void print_row(int net, int w, int e) {
    const cell *c = &cells[net][w][e], *ours = &cells[net][w][OURS], *own = &cells[net][0][e];
    printf("| %s | %s | %s | %.1f | %.1f | %.0f %% | ", nets[net].name, works[w].title, engines[e].name, least(c),
           middle(c->median, c->count), spread(c));
    if (own->present)
        printf("%.2f | ", least(c) / least(own));
    else
        printf("| ");
    if (e != OURS && ours->present)
        printf("%.2f | ", least(ours) / least(c));
    else
        printf("| ");
    printf("%.0f |\n", c->memory);
}

static void print_table(void) {
    printf("| network | work | engine | min ms | median ms | spread | x own forward | ours / it | peak MiB |\n");
    printf("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int net = 0; net < NETS; net++)
        for (int w = 0; w < WORKS; w++)
            for (int e = 0; e < ENGINES; e++)
                if (cells[net][w][e].present && !works[w].once) print_row(net, w, e);
}

/* A limit on the ratio of two minima: ours at a work against some engine at some work. */
typedef struct {
    const char *net, *work;
    int against_engine;
    const char *against_work;
    double limit;
} limit;
static const limit limits[] = {
    {"vgg16", "forward", PYTORCH, "forward", 1.0},
    {"vgg16", "gradcam", OURS, "forward", 1.2},
};

/* What is aimed at with two threads: not met is no failure, but told. */
static const limit targets[] = {
    {"vgg16", "forward", ONNX_RUNTIME, "forward", 0.42},
    {"vgg16", "forward", PYTORCH, "forward", 0.30},
    {"vgg16", "forward", NCNN, "forward", 0.85},
    {"resnet50", "forward", ONNX_RUNTIME, "forward", 0.77},
    {"resnet50", "forward", NCNN, "forward", 0.95},
    {"resnet18", "forward", ONNX_RUNTIME, "forward", 0.62},
    {"resnet18", "forward", NCNN, "forward", 0.95},
    {"googlenet", "forward", ONNX_RUNTIME, "forward", 0.92},
    {"squeezenet1_1", "forward", ONNX_RUNTIME, "forward", 0.95},
    {"alexnet", "forward", ONNX_RUNTIME, "forward", 0.90},
    {"mobilenet_v2", "forward", ONNX_RUNTIME, "forward", 1.0},
    {"densenet121", "forward", ONNX_RUNTIME, "forward", 1.0},
    {"vgg16", "gradcam", OURS, "forward", 1.13},
    {"vgg16-quarter", "gradcam", OURS, "forward", 1.06},
    {"resnet50", "gradcam", OURS, "forward", 1.01},
    {"googlenet", "gradcam", OURS, "forward", 1.01},
    {"vgg16", "gradcam", PYTORCH, "gradcam", 0.25},
    {"vgg16", "gradcam", PYTORCH, "gradcam-full", 0.08},
    {"vgg16", "gradient", OURS, "forward", 2.1},
    {"vgg16", "guided-gradcam", OURS, "forward", 3.2},
    {"vgg16", "picture", PYTORCH, "picture", 1.0 / 15},
    {"resnet50", "forward-8", OURS, "forward", 1 / 1.15},
};

static int report(const char *what, double value, double bound, const char *unit) {
    int ok = value <= bound;
    printf("| %s | %.3g%s | %.3g%s | %s |\n", what, value, unit, bound, unit, ok ? "met" : "**missed**");
    return !ok;
}

/* Of the ratios whose two sides were measured; returns how many are missed. `slack` multiplies the limits. */
static int check_ratios(const limit *list, size_t count, double slack) {
    int missed = 0;
    for (size_t i = 0; i < count; i++) {
        const limit *l = &list[i];
        const cell *a = find_cell(l->net, l->work, OURS), *b = find_cell(l->net, l->against_work, l->against_engine);
        if (!a->present || !b->present) continue;
        char what[256];
        snprintf(what, sizeof what, "%s, %s / %s, %s", l->net, works[find_work(l->work)].title,
                 engines[l->against_engine].name, works[find_work(l->against_work)].title);
        missed += report(what, least(a) / least(b), slack * l->limit, "");
    }
    return missed;
}

/* Peak memory of Grad-CAM beside PyTorch's, and the cost of a further class. */
static void report_targets(double slack) {
    static const struct {
        const char *net;
        double limit;
    } memory[] = {{"vgg16", 0.58}, {"resnet50", 0.45}};
    check_ratios(targets, sizeof targets / sizeof *targets, slack);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        const cell *ours = find_cell(memory[i].net, "picture", OURS);
        const cell *script = find_cell(memory[i].net, "picture", PYTORCH);
        char what[256];
        snprintf(what, sizeof what, "%s, peak memory from process start to picture / PyTorch", memory[i].net);
        if (ours->present && script->present) report(what, ours->memory / script->memory, slack * memory[i].limit, "");
    }
    const cell *one = find_cell("vgg16", "gradcam", OURS), *eleven = find_cell("vgg16", "gradcam-11", OURS);
    const cell *forward = find_cell("vgg16", "forward", OURS);
    if (one->present && eleven->present && forward->present)
        report("vgg16, each further class in one call / forward", (least(eleven) - least(one)) / 10 / least(forward),
               slack * 0.06, "");
}

/* Memory beyond the weight file, blocks allocated by a second pass, and what the networks for us alone promise. */
static int check_properties(const settings *s) {
    int missed = 0;
    for (int net = 0; net < NETS; net++) {
        const cell *c = find_cell(nets[net].name, "gradcam", OURS);
        const cell *blocks = find_cell(nets[net].name, "allocations", OURS),
                   *live = find_cell(nets[net].name, "live", OURS);
        char path[1024], what[256];
        struct stat info;
        model_path(s, net, "safetensors", path);
        snprintf(what, sizeof what, "%s Grad-CAM, peak memory beyond the weight file", nets[net].name);
        if (c->present && stat(path, &info) == 0)
            missed += report(what, c->memory - (double)info.st_size / 1048576, 150, " MiB");
        snprintf(what, sizeof what, "%s, blocks allocated by a second pass", nets[net].name);
        if (blocks->present) missed += report(what, blocks->property, 0, "");
        snprintf(what, sizeof what, "%s, live rows of hidden linear layers", nets[net].name);
        if (live->present) missed += report(what, live->property, nets[net].live, " %");
    }
    return missed;
}

int report_print(const settings *s) {
    double slack = s->threads == 1 ? 1.15 : 1;
    printf("%d thread%s, %d processes each, at least %g s in each.\n", s->threads, s->threads == 1 ? "" : "s",
           s->rounds, s->seconds);
    process_gate_print(&s->gate);
    print_table();
    printf("\n| limit | measured | allowed | |\n| --- | ---: | ---: | --- |\n");
    int missed = check_ratios(limits, sizeof limits / sizeof *limits, 1) + check_properties(s);
    printf("\n| target%s | measured | wanted | |\n| --- | ---: | ---: | --- |\n",
           slack > 1 ? " (of two threads, and 15 %)" : "");
    report_targets(slack);
    return missed > 0;
}

static void print_numbers(FILE *file, const char *name, const double *v, int count) {
    fprintf(file, "\"%s\": [", name);
    for (int i = 0; i < count; i++) fprintf(file, "%s%.4f", i ? ", " : "", v[i]);
    fprintf(file, "]");
}

void report_json(const settings *s) {
    char path[1100];
    snprintf(path, sizeof path, "%s/bench-%d.json", s->folder, s->threads);
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file,
            "{\"time\": %lld, \"threads\": %d, \"seconds\": %g, \"processes\": %d, \"disturbed\": %d, \"cells\": [",
            (long long)time(NULL), s->threads, s->seconds, s->gate.processes, s->gate.disturbed);
    const char *separator = "\n";
    for (int i = 0; i < NETS * WORKS * ENGINES; i++) {
        int net = i / (WORKS * ENGINES), w = i / ENGINES % WORKS, e = i % ENGINES;
        const cell *c = &cells[net][w][e];
        if (!c->present) continue;
        fprintf(file, "%s{\"network\": \"%s\", \"work\": \"%s\", \"engine\": \"%s\", ", separator, nets[net].name,
                works[w].name, engines[e].name);
        if (works[w].once) {
            fprintf(file, "\"value\": %g}", c->property);
        } else {
            print_numbers(file, "min_ms", c->min, c->count);
            fprintf(file, ", ");
            print_numbers(file, "median_ms", c->median, c->count);
            fprintf(file, ", \"peak_mib\": %.1f}", c->memory);
        }
        separator = ",\n";
    }
    fprintf(file, "\n]}\n");
    fclose(file);
}

/* A row of the summary: ours beside each peer that was measured at it. */
static void summary_row(FILE *file, const char *what, const char *net, const char *name, int memory) {
    fprintf(file, "| %s |", what);
    for (int e = 0; e < ENGINES; e++) {
        const cell *c = find_cell(net, name, e);
        if (!engines[e].program[0]) continue;
        if (!c->present)
            fprintf(file, " |");
        else if (memory)
            fprintf(file, " %.0f MiB |", c->memory);
        else
            fprintf(file, " %.*f ms |", least(c) < 100, least(c));
    }
    fprintf(file, "\n");
}

void report_summary(const settings *s) {
    static const struct {
        const char *what, *net, *work;
        int memory;
    } rows[] = {{"VGG-16, forward pass", "vgg16", "forward", 0},
                {"ResNet-50, forward pass", "resnet50", "forward", 0},
                {"MobileNetV2, forward pass", "mobilenet_v2", "forward", 0},
                {"VGG-16, Grad-CAM", "vgg16", "gradcam", 0},
                {"ResNet-50, Grad-CAM", "resnet50", "gradcam", 0},
                {"VGG-16, from the start of the process to the picture", "vgg16", "picture", 0},
                {"ResNet-50, the same", "resnet50", "picture", 0},
                {"VGG-16, peak memory of that", "vgg16", "picture", 1},
                {"ResNet-50, the same", "resnet50", "picture", 1}};
    FILE *file = s->summary ? fopen(s->summary, "w") : NULL;
    if (!file) return;
    fprintf(file, "| %d thread%s, fastest of %d processes |", s->threads, s->threads == 1 ? "" : "s", s->rounds);
    for (int e = 0; e < ENGINES; e++)
        if (engines[e].program[0]) fprintf(file, " %s |", engines[e].name);
    fprintf(file, "\n| --- |");
    for (int e = 0; e < ENGINES; e++)
        if (engines[e].program[0]) fprintf(file, " ---: |");
    fprintf(file, "\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (find_cell(rows[i].net, rows[i].work, OURS)->present)
            summary_row(file, rows[i].what, rows[i].net, rows[i].work, rows[i].memory);
    fclose(file);
}
