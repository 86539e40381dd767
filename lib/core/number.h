/* Numbers as text, the same whatever locale the host program has set. */
#ifndef GCAM_CORE_NUMBER_H
#define GCAM_CORE_NUMBER_H

#include "gradcam/core.h"

enum { GCAM__NUMBER_TEXT = 32 };

/* Writes the shortest decimal that reads back as the same double, or the same float: 0.485, where the double nearest to that float
 * would need 0.48500001430511475. Both return `text`. */
const char *gcam__number_text(double value, char text[GCAM__NUMBER_TEXT]);
const char *gcam__float_text(float value, char text[GCAM__NUMBER_TEXT]);

/* Reads a decimal number that fills the whole of `text`; 1 on success. */
int gcam__number_parse(const char *text, double *value);
/* The same for a decimal integer; 0 also where it leaves int64_t. */
int gcam__integer_parse(const char *text, int64_t *value);

#endif
