/* Runs a program and sees what it costs from outside. */
#ifndef GCAM_BENCH_PROCESS_H
#define GCAM_BENCH_PROCESS_H

typedef struct {
    int ok;            /* the exit code was 0 */
    double wall_ms;    /* from before the fork to the end */
    double memory_mib; /* largest resident set */
} process_result;

/* Runs `argv` (NULL-terminated, searched on PATH) and keeps the first 511 bytes of its standard output in `output` (512 bytes;
 * NULL: dropped). Standard error passes through, but not where the output is dropped. */
process_result process_run(const char *const *argv, char *output);

/* The number after `name` at the start of a line of `output`; 0 where there is none. */
double process_value(const char *output, const char *name);

#endif
