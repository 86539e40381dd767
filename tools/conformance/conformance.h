/* What became of one model of the suite. */
#ifndef GCAM_TOOLS_CONFORMANCE_H
#define GCAM_TOOLS_CONFORMANCE_H

#include <stddef.h>

typedef enum verdict { PASSED, FAILED, UNSUPPORTED, VERDICTS } verdict;

typedef struct result {
    char test[128]; /* "node/test_relu" */
    char op[64];    /* its only operator, or "several nodes" */
    char reason[512];
    verdict verdict;
    int is_float;  /* inputs and outputs are floating point */
    int is_listed; /* all its operators are in the importer's table */
    int is_close;  /* passed within the tighter tolerance too */
    double error;  /* largest difference, relative to the largest expected value */
} result;

typedef struct results {
    result *list;
    size_t count, capacity;
} results;

/* Runs the model in `folder` (model.onnx, test_data_set_N) and fills in everything but `test`. */
void run_model(const char *folder, result *out);
/* Writes the tables as Markdown to standard output. */
void write_report(const results *all);

#endif
