/* fork, exec, read, wait4; /proc/stat for what others do. */
#include "bench/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Processor time of the whole machine since its start, in ticks; stolen time is somebody else's work. */
typedef struct {
    double busy, all;
} ticks;

static ticks read_ticks(void) {
    double v[8] = {0};
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return (ticks){0, 0};
    int found =
        fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
    fclose(file);
    double busy = v[0] + v[1] + v[2] + v[5] + v[6] + v[7];
    return found == 8 ? (ticks){busy, busy + v[3] + v[4]} : (ticks){0, 0};
}

/* Busy part of the time between two readings, less `own` seconds of it. */
static double busy_part(ticks from, ticks to, double own) {
    double all = to.all - from.all, busy = to.busy - from.busy - own * (double)sysconf(_SC_CLK_TCK);
    return all > 0 && busy > 0 ? busy / all : 0;
}

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static void become(const char *const *argv, int out, int quiet) {
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(out, STDOUT_FILENO);
    if (quiet && nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* Reads to the end, so that the program never waits for a reader. */
static void drain(int in, char *output) {
    char block[512];
    size_t kept = 0;
    for (ssize_t got; (got = read(in, block, sizeof block)) > 0;)
        for (ssize_t i = 0; output && i < got && kept < 511; i++) output[kept++] = block[i];
    if (output) output[kept] = 0;
}

process_result process_run(const char *const *argv, char *output) {
    process_result r = {0};
    int ends[2], status = 0;
    if (pipe(ends) != 0) return r;
    double start = now();
    ticks before = read_ticks();
    pid_t child = fork();
    if (child == 0) become(argv, ends[1], output == NULL);
    close(ends[1]);
    if (child > 0) drain(ends[0], output);
    close(ends[0]);
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return r;
    r.wall_ms = now() - start;
    r.others = busy_part(before, read_ticks(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    r.memory_mib = (double)usage.ru_maxrss / 1024;
    r.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return r;
}

double process_value(const char *output, const char *name) {
    size_t length = strlen(name);
    for (const char *line = output; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ') return atof(line + length);
    }
    return 0;
}

enum { SLICE_MS = 400, REPEATS = 2 };
static const double quiet = 0.1;

static int wait_for_quiet(double seconds) {
    for (double end = now() + 1e3 * seconds; now() < end;) {
        ticks before = read_ticks();
        nanosleep(&(struct timespec){0, SLICE_MS * 1000000L}, NULL);
        if (busy_part(before, read_ticks(), 0) < quiet) return 1;
    }
    return 0;
}

process_result process_measure(process_gate *gate, const char *const *argv, char *output) {
    process_result r = {0};
    gate->processes++;
    for (int i = 0; i <= REPEATS; i++) {
        int silent = gate->wait > 0 && wait_for_quiet(gate->wait / (1 + gate->in_row));
        gate->in_row = silent ? 0 : gate->in_row + 1;
        r = process_run(argv, output);
        if (!r.ok || (silent && r.others < quiet)) return r;
        if (!silent || i == REPEATS) break;
        gate->repeated++;
    }
    gate->disturbed++;
    return r;
}

void process_gate_print(const process_gate *gate) {
    if (gate->wait > 0)
        printf("Each process waited up to %g s for a machine that others used less than %.0f %% of: of %d, %d were "
               "measured beside other work "
               "nevertheless; %d runs were repeated because other work began meanwhile.\n\n",
               gate->wait, 100 * quiet, gate->processes, gate->disturbed, gate->repeated);
    else
        printf("The processes did not wait for a quiet machine.\n\n");
}
