/* A JSON reader for headers of files: it hands out one thing after the other and builds nothing. It knows objects, arrays, texts and
 * whole numbers from 0 to 2^64-1; fractions, negative numbers, true, false and null are refused, as are nesting beyond
 * GCAM__MAX_JSON_DEPTH, malformed UTF-8 and texts with a zero inside. Whoever reads an object checks that no key comes twice. */
#ifndef GCAM_IO_JSON_H
#define GCAM_IO_JSON_H

#include "core/arena.h"
#include "gradcam/core.h"
#include "io/bytes.h"

typedef struct gcam__json {
    gcam__cursor cursor;
    gcam__arena *arena; /* for the texts */
    int depth;
    int first; /* inside an object or array, before its first member */
} gcam__json;

/* All of these return ERR_FORMAT with the offset where the text is not what the call expects; LIMIT, NOMEM. */
gcam_status gcam__json_object(gcam__json *json);
/* Next key of the innermost object, NULL at its end (which is stepped over). The value must be read next. */
gcam_status gcam__json_key(gcam__json *json, const char **key);
gcam_status gcam__json_array(gcam__json *json);
/* `*more` is 1 if the innermost array has another element (which must be read next), 0 at its end (which is stepped over). */
gcam_status gcam__json_element(gcam__json *json, int *more);
gcam_status gcam__json_u64(gcam__json *json, uint64_t *out);
/* A text, unescaped, with a zero behind it, in the arena. */
gcam_status gcam__json_text(gcam__json *json, const char **out);
/* Only white space may be left. */
gcam_status gcam__json_end(gcam__json *json);

#endif
