/* SHA-256 (FIPS 180-4): which file a model came from. */
#ifndef GCAM_IO_SHA256_H
#define GCAM_IO_SHA256_H

#include "gradcam/core.h"

/* The hash of `size` bytes as 64 lower-case hex digits and a zero. */
void gcam__sha256(const void *data, size_t size, char hex[65]);
/* The same without the processor's own instructions for it. */
void gcam__sha256_plain(const void *data, size_t size, char hex[65]);
/* The same of a file. Errors: IO, FORMAT (empty), LIMIT. */
gcam_status gcam__file_sha256(const char *path, char hex[65]);
/* The eight hex digits before the first dot of a file's name that follow a hyphen ("vgg16-397923af.pth"): 1 and the digits in lower
 * case, or 0. */
int gcam__file_name_hash(const char *path, char digits[9]);
/* Compares these digits with the hash; see gcam_file_check_name(). */
gcam_status gcam__file_check_name(const char *path, int *agrees, char *hex);

#endif
