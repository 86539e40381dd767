/* Ctrl-C. The first signal only asks: the running pass ends at its next layer, a file that is being written is finished or taken back, what
 * was found so far is printed. Then the process ends by that signal, so that a shell's loop around it ends too. A second one kills. */
#include "tool.h"

#include <signal.h>

static volatile sig_atomic_t received;
static gcam_session *volatile working; /* the session that a signal cancels */

static void note_signal(int number) {
    received = number;
    gcam_session_cancel(working); /* sets an atomic flag: safe here */
}

void interrupt_prepare(void) {
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESETHAND | SA_RESTART}, before;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action,
                      NULL); /* a shell starts background work with SIGINT ignored; nohup ignores SIGHUP */
    }
}

void interrupt_session(gcam_session *session) {
    working = session;
}

int interrupted(void) {
    return received != 0;
}

void interrupt_finish(void) {
    if (!received) return;
    fflush(NULL);
    signal(received, SIG_DFL);
    raise(received);
}
