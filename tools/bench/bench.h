/* What `make bench` measures and with whom: networks, works and engines, and the cells of their table. bench.c measures, report.c tells. */
#ifndef GCAM_BENCH_H
#define GCAM_BENCH_H

#include "bench/process.h"

#include <stdio.h>

enum { MAX_ROUNDS = 16 };

typedef struct {
    const char *folder, *photo, *net, *bin, *summary;
    int threads, rounds;
    double seconds;
    process_gate gate;
} settings;

typedef struct {
    const char *name;
    const char *program[3]; /* NULL-terminated; ours is filled in, a peer's is NULL where it is not installed */
    const char *probe[4];   /* a command that succeeds where the peer is installed */
    int explains;           /* 0: forward only */
} engine;
enum { OURS, PYTORCH, ONNX_RUNTIME, OPENCV, NCNN, ENGINES };
extern engine engines[ENGINES];

typedef struct {
    const char *name;
    int whole; /* 1: all works; 0: those of every network */
    int live; /* a network for us alone, with so many percent of the rows of its hidden linear layers live; 0: as generated */
} network;
enum { NETS = 9 };
extern const network nets[NETS];

/* What is timed. `picture` is a whole process: start, load, explain, write. */
typedef struct {
    const char *name, *title;
    const char *run[2]; /* the worker's name for it, and an option */
    int images;         /* in one run; times are told an image */
    int ours, peers;
    int every_net; /* 0: only the whole networks; 2: also those for us alone */
    int once;      /* a property, no time: in the first round, and in no table of times */
} work;
enum { WORKS = 10 };
extern const work works[WORKS];

/* All processes of one engine at one work on one network. */
typedef struct {
    int present;
    double min[MAX_ROUNDS], median[MAX_ROUNDS], memory, property;
    int count;
} cell;
extern cell cells[NETS][WORKS][ENGINES];

void model_path(const settings *s, int net, const char *end, char *path);

/* Table of times, limits and targets in Markdown; 1 where a limit is not met. */
int report_print(const settings *s);
/* bench-THREADS.json in the folder. */
void report_json(const settings *s);
/* A few lines for people in a hurry, to `s->summary`; nothing where that is NULL. */
void report_summary(const settings *s);

#endif
