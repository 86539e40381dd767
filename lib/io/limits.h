/* What the readers accept at most. A file that asks for more is refused with GCAM_ERR_LIMIT before anything is allocated for it.
 * Limits of images are public: GCAM_IMAGE_MAX_SIDE and GCAM_IMAGE_MAX_PIXELS in io.h. */
#ifndef GCAM_IO_LIMITS_H
#define GCAM_IO_LIMITS_H

#include <stdint.h>

#define GCAM__MAX_FILE_SIZE ((int64_t)8 << 30)

#define GCAM__MAX_TENSORS 65536
#define GCAM__MAX_NAME 1024 /* bytes of a tensor's name */

#define GCAM__MAX_ZIP_ENTRIES 65536

#define GCAM__MAX_PICKLE_STACK 65536
#define GCAM__MAX_PICKLE_MEMO 1048576
#define GCAM__MAX_PICKLE_STRING 65536
#define GCAM__MAX_PICKLE_OPCODES 50000000

#define GCAM__MAX_SAFETENSORS_HEADER 100000000
#define GCAM__MAX_JSON_DEPTH 4

#endif
