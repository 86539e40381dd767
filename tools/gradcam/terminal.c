/* What people see while they wait, and previews of pictures. */
#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int line_shown;

void progress(const settings *s, const char *format, ...) {
    if (s->quiet || !isatty(STDERR_FILENO)) return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    }
    fprintf(stderr, "\r\033[K%s", text);
    fflush(stderr);
    line_shown = 1;
}

void progress_clear(void) {
    if (line_shown) fputs("\r\033[K", stderr);
    line_shown = 0;
}

static int terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

int show_picture(const gcam_image *picture) {
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    gcam_render_options options = {.struct_size = sizeof options, .columns = terminal_columns()};
    options.plain = !isatty(STDOUT_FILENO) || (no_color && *no_color) || (terminal && strcmp(terminal, "dumb") == 0);
    char *text = NULL;
    if (gcam_render_terminal(&text, picture, &options)) return EXIT_FAILED;
    progress_clear();
    fputs(text, stdout);
    gcam_text_free(text);
    return EXIT_DONE;
}
