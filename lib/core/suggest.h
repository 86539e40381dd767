/* "Did you mean ...?": the known name that is nearest to what somebody wrote. */
#ifndef GCAM_CORE_SUGGEST_H
#define GCAM_CORE_SUGGEST_H

#include <stddef.h>

/* Name number `index` of a list; NULL past its end. */
typedef const char *(*gcam__name_at)(const void *list, size_t index);

/* The name with the fewest single-character edits from `wanted`, without regard to case; NULL where none is near (more than a third of
 * its characters differ). */
const char *gcam__suggest(const char *wanted, gcam__name_at name_at, const void *list);

#endif
