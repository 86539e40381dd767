/* fork, exec, read, wait4. */
#include "bench/process.h"

#include <fcntl.h>
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
    pid_t child = fork();
    if (child == 0) become(argv, ends[1], output == NULL);
    close(ends[1]);
    if (child > 0) drain(ends[0], output);
    close(ends[0]);
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return r;
    r.wall_ms = now() - start;
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
