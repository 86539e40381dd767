/* `make bench`: libgradcam beside every peer that is installed, one table in Markdown and a record in JSON.
 *
 *   bench FOLDER [--threads N] [--rounds N] [--seconds S] [--photo FILE] [--net NAME] [--gate S] [--summary FILE]
 *
 * Every measurement is a process of its own, and the engines take turns, because two threads on a shared machine have slow spells
 * that would otherwise fall on one of them. Ratios are of the fastest single runs (min / min). FOLDER has the model files
 * (NET.safetensors, made by `worker make`) and the programs are found by GCAM_BENCH_BIN (default build). A peer is a program that
 * takes the worker's arguments and prints the worker's lines: one row of `engines`. */
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

engine engines[ENGINES] = {
    [OURS] = {"libgradcam", {NULL}, {NULL}, 1},
    [PYTORCH] = {"PyTorch",
                 {"/usr/bin/python3", "tools/bench/peer_torch.py", NULL},
                 {"/usr/bin/python3", "-c", "import torch, torchvision", NULL},
                 1},
    [ONNX_RUNTIME] = {"ONNX Runtime",
                      {"node", "tools/bench/peer_onnxruntime.js", NULL},
                      {"node", "-e", "require('onnxruntime-node')", NULL},
                      0},
    [OPENCV] = {"OpenCV",
                {"/usr/bin/python3", "tools/bench/peer_opencv.py", NULL},
                {"/usr/bin/python3", "-c", "import cv2", NULL},
                0},
    [NCNN] = {"ncnn",
              {"/usr/bin/python3", "tools/bench/peer_ncnn.py", NULL},
              {"/usr/bin/python3", "-c", "import os; os.stat(os.environ['NCNN_BENCH'])", NULL},
              0},
};

const network nets[NETS] = {{"vgg16", 1, 0},         {"resnet50", 1, 0},    {"alexnet", 0, 0},
                            {"squeezenet1_1", 0, 0}, {"googlenet", 0, 0},   {"resnet18", 0, 0},
                            {"mobilenet_v2", 0, 0},  {"densenet121", 0, 0}, {"vgg16-quarter", 0, 25}};

const work works[WORKS] = {
    {"forward", "forward", {"forward"}, 1, 1, 1, 2, 0},
    {"forward-8", "forward of a batch of 8, an image", {"forward", "batch=8"}, 8, 1, 0, 0, 0},
    {"gradcam", "Grad-CAM", {"gradcam"}, 1, 1, 1, 2, 0},
    {"gradcam-11", "Grad-CAM of 11 classes in one call", {"gradcam", "classes=11"}, 1, 1, 0, 0, 0},
    {"gradcam-full", "Grad-CAM by a full backward pass", {"gradcam-full"}, 1, 0, 1, 0, 0},
    {"gradient", "gradient of the input", {"gradient"}, 1, 1, 1, 0, 0},
    {"guided-gradcam", "Guided Grad-CAM", {"guided-gradcam"}, 1, 1, 1, 0, 0},
    {"picture", "process start to picture", {"picture"}, 1, 1, 1, 0, 0},
    {"allocations", "blocks allocated by the second pass", {"allocations"}, 1, 1, 0, 1, 1},
    {"live", "live rows of hidden linear layers", {"live"}, 1, 1, 0, 2, 1},
};

cell cells[NETS][WORKS][ENGINES];

static int installed(const engine *e) {
    return e->probe[0] == NULL || process_run(e->probe, NULL).ok;
}

void model_path(const settings *s, int net, const char *end, char *path) {
    snprintf(path, 1024, "%s/%s.%s", s->folder, nets[net].name, end);
}

/* The command of one measurement; strings are kept in `text`. */
typedef struct {
    const char *argv[16];
    char text[4][1100];
} command;

static void picture_command(const settings *s, int net, int e, command *c) {
    model_path(s, net, e == OURS ? "safetensors" : "pth", c->text[0]);
    snprintf(c->text[1], sizeof c->text[1], "%s/out", s->folder);
    snprintf(c->text[3], sizeof c->text[3], "%d", s->threads);
    if (e == OURS) {
        snprintf(c->text[2], sizeof c->text[2], "%s/bin/gradcam", s->bin);
        const char *argv[] = {c->text[2], "explain", s->photo, "-m",      c->text[0],  "-o",
                              c->text[1], "--save",  "png",    "--quiet", "--threads", c->text[3]};
        memcpy(c->argv, argv, sizeof argv);
        return;
    }
    snprintf(c->text[2], sizeof c->text[2], "%s/out/peer.png", s->folder);
    const char *argv[] = {
        engines[e].program[0], engines[e].program[1], "picture", c->text[0], c->text[3], s->photo, c->text[2], NULL};
    memcpy(c->argv, argv, sizeof argv);
}

static void work_command(const settings *s, int net, int w, int e, command *c) {
    int n = 0;
    for (const char *const *part = engines[e].program; *part; part++) c->argv[n++] = *part;
    model_path(s, net, "safetensors", c->text[0]);
    snprintf(c->text[1], sizeof c->text[1], "%d", s->threads);
    snprintf(c->text[2], sizeof c->text[2], "%g", s->seconds);
    const char *rest[] = {works[w].run[0], c->text[0], c->text[1], c->text[2], works[w].run[1], NULL};
    memcpy(c->argv + n, rest, sizeof rest);
}

static void measure(settings *s, int net, int w, int e) {
    cell *at = &cells[net][w][e];
    command c = {0};
    int whole = strcmp(works[w].name, "picture") == 0;
    if (whole)
        picture_command(s, net, e, &c);
    else
        work_command(s, net, w, e, &c);
    char output[512] = "";
    process_result r = works[w].once ? process_run(c.argv, output) : process_measure(&s->gate, c.argv, output);
    if (!r.ok || at->count == MAX_ROUNDS) {
        fprintf(stderr, "bench: %s: %s of %s failed\n", engines[e].name, works[w].title, nets[net].name);
        return;
    }
    at->present = 1;
    at->property = process_value(output, works[w].run[0]);
    at->min[at->count] = (whole ? r.wall_ms : process_value(output, "min_ms")) / works[w].images;
    at->median[at->count++] = (whole ? r.wall_ms : process_value(output, "median_ms")) / works[w].images;
    if (r.memory_mib > at->memory) at->memory = r.memory_mib;
}

/* A state dict and an ONNX file for the peers, which PyTorch writes. */
static void save_for_peers(const settings *s, int net) {
    char from[1024], to[1024];
    struct stat info;
    model_path(s, net, "safetensors", from);
    model_path(s, net, "pth", to);
    const char *argv[] = {engines[PYTORCH].program[0], engines[PYTORCH].program[1], "save", from, to, NULL};
    if (stat(to, &info) != 0 && !nets[net].live && engines[PYTORCH].program[0]) process_run(argv, NULL);
}

static int wanted(const settings *s, int net) {
    return !s->net || strcmp(s->net, nets[net].name) == 0;
}

static int asked(const settings *s, int net, int w, int e) {
    const work *k = &works[w];
    if (!s->photo && strcmp(k->name, "picture") == 0) return 0;
    if (nets[net].live ? k->every_net < 2 || e != OURS : !nets[net].whole && !k->every_net) return 0;
    if (strcmp(k->name, "live") == 0) return nets[net].live > 0;
    if (e == OURS) return k->ours;
    return k->peers && engines[e].program[0] && (engines[e].explains || strcmp(k->name, "forward") == 0);
}

static void measure_all(settings *s) {
    for (int round = 0; round < s->rounds; round++)
        for (int net = 0; net < NETS; net++)
            for (int w = 0; w < WORKS && wanted(s, net); w++)
                for (int e = 0; e < ENGINES; e++) {
                    if (!asked(s, net, w, e) || (round > 0 && works[w].once)) continue;
                    fprintf(stderr, "\rround %d of %d: %-14s %-14s %-12s", round + 1, s->rounds, nets[net].name,
                            works[w].name, engines[e].name);
                    measure(s, net, w, e);
                }
    fprintf(stderr, "\r%70s\r", "");
}

static int parse_arguments(settings *s, int argc, char **argv) {
    if (argc < 2) return 0;
    s->folder = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--threads") == 0)
            s->threads = atoi(value);
        else if (strcmp(name, "--rounds") == 0)
            s->rounds = atoi(value);
        else if (strcmp(name, "--seconds") == 0)
            s->seconds = atof(value);
        else if (strcmp(name, "--gate") == 0)
            s->gate.wait = atof(value);
        else if (strcmp(name, "--photo") == 0)
            s->photo = value;
        else if (strcmp(name, "--net") == 0)
            s->net = value;
        else if (strcmp(name, "--bin") == 0)
            s->bin = value;
        else if (strcmp(name, "--summary") == 0)
            s->summary = value;
        else
            return 0;
    }
    return argc % 2 == 0 && s->threads > 0 && s->rounds > 0 && s->rounds <= MAX_ROUNDS;
}

int main(int argc, char **argv) {
    settings s = {.threads = 2, .rounds = 3, .seconds = 1.5, .bin = "build"};
    char worker[1024], out[1024];
    struct stat info;
    if (!parse_arguments(&s, argc, argv))
        return fprintf(stderr, "bench: see the first lines of tools/bench/bench.c\n"), 2;
    if (s.photo && stat(s.photo, &info) != 0) s.photo = NULL;
    snprintf(worker, sizeof worker, "%s/tools/bench_worker", s.bin);
    engines[OURS].program[0] = worker;
    snprintf(out, sizeof out, "%s/out", s.folder);
    mkdir(out, 0777);
    for (int e = OURS + 1; e < ENGINES; e++)
        if (!installed(&engines[e])) engines[e].program[0] = NULL;
    for (int net = 0; net < NETS; net++)
        if (wanted(&s, net)) save_for_peers(&s, net);
    measure_all(&s);
    report_json(&s);
    report_summary(&s);
    return report_print(&s);
}
