/* Short questions to lib/explain, for its tests. */
#ifndef TESTS_SUPPORT_ASK_H
#define TESTS_SUPPORT_ASK_H

#include "support/tiny.h"

typedef struct answers {
    gcam_explanation **list;
    size_t count;
} answers;

/* All of the comma-separated `methods` for these targets at these layers ("a1,a2"; NULL: the default). */
gcam_status ask_status(answers *a, const tiny *t, const char *methods, const gcam_target *targets, size_t target_count,
                       const char *layers);
/* The same, which must succeed. */
answers ask(const tiny *t, const char *methods, const gcam_target *targets, size_t target_count, const char *layers);
void drop(answers a);
/* One method for one target with options of one's own; layer NULL: the default one. */
gcam_status ask_with(answers *a, const tiny *t, const char *method, const char *layer, gcam_target target,
                     gcam_explain_options options);
/* The same for a class's score, which must succeed. */
gcam_explanation *ask_one(const tiny *t, const char *method, const char *layer, int class_index,
                          gcam_explain_options options);
/* Its raw result, and how many numbers that has. */
const float *values(const gcam_explanation *e);
int64_t size_of(const gcam_explanation *e);
/* Raw result of answer `i`, and how many numbers it has. */
const float *raw(answers a, size_t i);
int64_t raw_count(answers a, size_t i);
/* Each number within `tolerance` times the largest wanted one. */
void check_values(const float *found, const double *wanted, int64_t count, double tolerance);

#endif
