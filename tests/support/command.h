/* The command on the demo's picture and model, in a folder of its own: what the suites of the command share. */
#ifndef TESTS_SUPPORT_COMMAND_H
#define TESTS_SUPPORT_COMMAND_H

#include "support/process.h"

/* Fixtures: makes the folder, with shapes.png and shapes.safetensors in it; removes it. */
void command_folder_make(void);
void command_folder_remove(void);
/* The folder. */
const char *command_folder(void);
/* 1 where the folder has a file of this name. */
int command_wrote(const char *name);

/* Runs a shell line in which $G is the command, $D the folder and $M the demo's model; $SHAPES is the command with that model built
 * in, $BARE with none. Free with process_free(). */
process_result command_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Runs a line and fails the test unless its exit code is `code`. */
void command_expect_exit(int code, const char *line);
/* Fails the test unless `text`, which `line` printed, has `part` in it. */
void command_expect_contains(const char *text, const char *part, const char *line);

#endif
