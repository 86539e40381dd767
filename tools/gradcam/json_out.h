/* Writes JSON that is always valid: strings are escaped, numbers that JSON cannot say become null, commas and brackets keep
 * their own count. */
#ifndef GRADCAM_JSON_OUT_H
#define GRADCAM_JSON_OUT_H

#include <stdio.h>

enum { JSON_DEPTH = 16 };

typedef struct json_out {
    FILE *file;
    int compact; /* all on one line */
    int depth;
    int filled[JSON_DEPTH]; /* something stands at this depth already */
    int flat[JSON_DEPTH];   /* on one line */
    char closing[JSON_DEPTH];
} json_out;

/* `key` is NULL inside arrays and for the outermost value. */
void json_object(json_out *j, const char *key);
void json_array(json_out *j, const char *key);
/* An array whose values stand on one line. */
void json_row(json_out *j, const char *key);
/* An object inside an array, on one line. */
void json_row_object(json_out *j);
void json_end(json_out *j);
/* NULL text becomes null. */
void json_text(json_out *j, const char *key, const char *text);
void json_integer(json_out *j, const char *key, long long value);
/* NaN and infinity become null. */
void json_number(json_out *j, const char *key, double value);
/* float32: as many digits as tell it from its neighbours. */
void json_float(json_out *j, const char *key, float value);

#endif
