/* eval_default: what a model is worth, and what its explanations are worth, on a folder of class folders.
 *
 *   eval_default MODEL DIR [--montages 500] [--copies 5] [--seed 1] [--threads N]
 *
 * Prints Markdown: accuracy by class, the confusion table, and the grid pointing game (pointing.c). --montages 0 leaves the game
 * out. Exit code: 0 done, 1 failed, 2 wrong use. */
#include "eval.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void eval_progress(const char *format, ...) {
    static int shown; /* of the one thread that prints */
    if (!isatty(STDERR_FILENO) || (!format && !shown)) return;
    fputs("\r\033[K", stderr);
    shown = format != NULL;
    if (!format) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

int eval_fail(const char *format, ...) {
    va_list arguments;
    eval_progress(NULL);
    fflush(stdout);
    fputs("eval_default: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return 1;
}

int eval_fail_library(void) {
    return eval_fail("%s", gcam_last_error()->message);
}

/* A whole number from 0 to a million; 0 where it is none. */
static int read_number(long *out, const char *text) {
    char *end;
    *out = strtol(text, &end, 10);
    return *text && !*end && *out >= 0 && *out <= 1000000;
}

static int read_options(eval_options *o, int argc, char **argv) {
    const struct {
        const char *name;
        long *value;
    } numbers[] = {
        {"--montages", &o->montages}, {"--copies", &o->copies}, {"--seed", &o->seed}, {"--threads", &o->threads}};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    for (int i = 1; i < argc; i++) {
        int n = 0;
        while (n < NUMBERS && strcmp(argv[i], numbers[n].name) != 0) n++;
        if (n < NUMBERS) {
            if (i + 1 >= argc || !read_number(numbers[n].value, argv[++i])) return 0;
        } else if (argv[i][0] == '-' || (o->model && o->folder)) {
            return 0;
        } else if (!o->model) {
            o->model = argv[i];
        } else {
            o->folder = argv[i];
        }
    }
    return o->model && o->folder;
}

int main(int argc, char **argv) {
    eval_options options = {.montages = 500, .copies = 5, .seed = 1};
    gcam_model *model = NULL;
    photo_set set = {0};
    if (!read_options(&options, argc, argv)) {
        fputs("usage: eval_default MODEL DIR [--montages 500] [--copies 5] [--seed 1] [--threads N]\n", stderr);
        return 2;
    }
    int code = gcam_model_load(&model, options.model, NULL) ? eval_fail_library() : 0;
    if (code == 0) code = photo_set_open(&set, options.folder, model);
    if (code == 0) code = eval_accuracy(&set, model, &options);
    if (code == 0 && options.montages > 0) code = eval_pointing(&set, model, &options);
    photo_set_free(&set);
    gcam_model_free(model);
    if (code == 0 && (fflush(stdout) || ferror(stdout))) code = eval_fail("cannot write to standard output");
    return code;
}
