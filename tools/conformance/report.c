/* The tables of docs/conformance.md. */
#include "conformance/conformance.h"
#include "model/onnx/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_op(const void *a, const void *b) {
    const result *const *x = a, *const *y = b;
    int order = strcmp((*x)->op, (*y)->op);
    return order ? order : strcmp((*x)->test, (*y)->test);
}

typedef struct tally {
    int count[VERDICTS], floats, floats_passed, close;
    double error;
} tally;

static void add(tally *t, const result *r) {
    t->count[r->verdict]++;
    t->floats += r->is_float;
    t->floats_passed += r->is_float && r->verdict == PASSED;
    t->close += r->verdict == PASSED && r->is_close;
    if (r->verdict == PASSED && r->error > t->error) t->error = r->error;
}

static void row(const char *name, const tally *t) {
    printf("| %s | %d | %d | %d | %d of %d | ", name, t->count[PASSED], t->count[FAILED], t->count[UNSUPPORTED],
           t->floats_passed, t->floats);
    if (t->count[PASSED])
        printf("%.1e |\n", t->error);
    else
        printf("|\n");
}

static const char several[] = "several nodes";

/* 1 where models of this name belong into the table: operators that become layers, or those that are reckoned at import. */
static int belongs(const char *name, int constants_only) {
    const gcam__onnx_op *op = gcam__onnx_op_find(name);
    return op ? op->info.makes_layers != constants_only : !constants_only && strcmp(name, several) == 0;
}

/* One row an operator, as far as the suite has a model of it. */
static void listed_table(const result *const *sorted, size_t count, int constants_only) {
    printf("| operator | passed | failed | unsupported | float models passed | largest error |\n");
    printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < count;) {
        size_t end = i;
        tally t = {{0}};
        for (; end < count && strcmp(sorted[end]->op, sorted[i]->op) == 0; end++) add(&t, sorted[end]);
        if (belongs(sorted[i]->op, constants_only)) row(sorted[i]->op, &t);
        i = end;
    }
}

static void untested(const result *const *sorted, size_t count) {
    printf("\nOperators of the importer that the suite has no model of its own for:");
    for (size_t i = 0; gcam__onnx_op_at(i); i++) {
        int there = 0;
        for (size_t k = 0; k < count; k++) there |= strcmp(sorted[k]->op, gcam__onnx_op_at(i)->info.name) == 0;
        if (!there) printf(" %s", gcam__onnx_op_at(i)->info.name);
    }
    printf(".\n");
}

/* Float models of listed operators that are refused, with the sentence. */
static void refused_list(const result *const *sorted, size_t count) {
    printf("\nFloat models of operators above that are refused, and what is said:\n\n");
    for (size_t i = 0; i < count; i++)
        if (sorted[i]->is_listed && sorted[i]->is_float && sorted[i]->verdict == UNSUPPORTED)
            printf("- `%s`: %s\n", sorted[i]->test, sorted[i]->reason);
}

static void other_operators(const result *const *sorted, size_t count) {
    printf("\nOperators that are refused, with the number of their models:");
    const char *comma = "";
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && strcmp(sorted[end]->op, sorted[i]->op) == 0) end++;
        if (!belongs(sorted[i]->op, 0) && !belongs(sorted[i]->op, 1)) {
            printf("%s %s %zu", comma, sorted[i]->op, end - i);
            comma = ",";
        }
        i = end;
    }
    printf(".\n");
}

void write_report(const results *all) {
    const result **sorted = calloc(all->count + 1, sizeof *sorted);
    tally t = {{0}};
    if (!sorted) return;
    for (size_t i = 0; i < all->count; i++) {
        sorted[i] = &all->list[i];
        add(&t, sorted[i]);
    }
    qsort(sorted, all->count, sizeof *sorted, by_op);
    printf("%zu models: %d passed, %d failed, %d unsupported. Of the %d that passed, %d agree within 1e-5 of the "
           "largest value; the\n"
           "largest error of any is %.1e of it.\n\n",
           all->count, t.count[PASSED], t.count[FAILED], t.count[UNSUPPORTED], t.count[PASSED], t.close, t.error);
    listed_table(sorted, all->count, 0);
    untested(sorted, all->count);
    refused_list(sorted, all->count);
    printf("\nOperators that are reckoned at import, on constants and shapes; they make no layers:\n\n");
    listed_table(sorted, all->count, 1);
    other_operators(sorted, all->count);
    free(sorted);
}
