/* Tar archives (POSIX.1-2001 "pax"), read in place. */
#ifndef GCAM_IO_TAR_H
#define GCAM_IO_TAR_H

#include "gradcam/core.h"
#include "io/bytes.h"

typedef struct gcam__tar_member {
    char name[101];
    gcam__cursor content;
} gcam__tar_member;

/* 1 where a tar archive begins. */
int gcam__tar_detect(const uint8_t *data, size_t size);
/* The next regular file of the archive; `*more` is 0 at the end. Extended headers are passed over unless they rename or resize a
 * member. Errors: FORMAT, UNSUPPORTED (links, folders, renamed members), with the offset. */
gcam_status gcam__tar_next(gcam__cursor *cursor, gcam__tar_member *member, int *more);

#endif
