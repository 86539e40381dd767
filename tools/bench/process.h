/* Runs a program and sees what it costs from outside. */
#ifndef GCAM_BENCH_PROCESS_H
#define GCAM_BENCH_PROCESS_H

typedef struct {
    int ok;            /* the exit code was 0 */
    double wall_ms;    /* from before the fork to the end */
    double memory_mib; /* largest resident set */
    double others;     /* 0..1: the part of all processors' time that other programs took meanwhile */
} process_result;

/* Runs `argv` (NULL-terminated, searched on PATH) and keeps the first 511 bytes of its standard output in `output` (512 bytes;
 * NULL: dropped). Standard error passes through, but not where the output is dropped. */
process_result process_run(const char *const *argv, char *output);

/* The number after `name` at the start of a line of `output`; 0 where there is none. */
double process_value(const char *output, const char *name);

/* How often measurements were disturbed. */
typedef struct {
    double wait; /* seconds that a measurement waits for the others to be quiet; 0: none */
    int processes, disturbed, repeated, in_row; /* in_row: waits in vain since the last success */
} process_gate;

/* process_run() for a measurement: first waits, `gate->wait` seconds at most, until others leave nine tenths of the processors' time; repeats a
 * run during which they took more, twice at most and not where waiting was in vain. Where it often is, the waits get shorter. */
process_result process_measure(process_gate *gate, const char *const *argv, char *output);

/* Says in a sentence how often a gate waited in vain. */
void process_gate_print(const process_gate *gate);

#endif
