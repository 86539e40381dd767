/* Files that are no checkpoint: what they are instead, for a useful refusal. */
#ifndef GCAM_IO_FOREIGN_H
#define GCAM_IO_FOREIGN_H

#include "gradcam/core.h"

/* Records and returns the error for a file that no reader recognises; it names what the first bytes look like. */
gcam_status gcam__refuse_foreign(const uint8_t *data, size_t size);

#endif
