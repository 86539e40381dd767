/* Class labels: where they come from, and how a class is found by what a person wrote. */
#ifndef GCAM_MODEL_LABELS_H
#define GCAM_MODEL_LABELS_H

#include "core/text.h"
#include "gradcam/core.h"

enum { GCAM__IMAGENET_CLASSES = 1000, GCAM__CIFAR10_CLASSES = 10 };
extern const char *const gcam__imagenet_labels[GCAM__IMAGENET_CLASSES];
extern const char *const gcam__cifar10_labels[GCAM__CIFAR10_CLASSES];

/* Labels of all classes; {0} is valid and empty. */
typedef struct gcam__labels {
    const char **text; /* count of them, inside `block` */
    char *block;
    int count;
    int known; /* 0: made up ("class 7") */
} gcam__labels;

/* All three fill an empty struct and leave it empty on failure. Copies the caller's labels. Errors: ARGUMENT (their number is not
 * the number of classes, a line break inside a label), NOMEM. */
gcam_status gcam__labels_copy(gcam__labels *out, const char *const *text, size_t count, int classes);
/* Labels "class 0", "class 1", ... Errors: NOMEM. */
gcam_status gcam__labels_numbered(gcam__labels *out, int classes);
/* One label a line, as gcam__labels_write() wrote them. Errors: FORMAT (wrong number of lines), NOMEM. */
gcam_status gcam__labels_read(gcam__labels *out, const char *lines, int classes);
void gcam__labels_clear(gcam__labels *labels);

/* Appends one label a line, without a line break after the last. */
void gcam__labels_write(const gcam__labels *labels, gcam__text *text);

/* The rule of gcam_model_find_class(). */
gcam_status gcam__labels_find(const gcam__labels *labels, const char *text, int *index);

#endif
