/* NumPy arrays from bytes; files are read and written by gcam_npy_load() and gcam_npy_save(). */
#ifndef GCAM_IO_NPY_H
#define GCAM_IO_NPY_H

#include "io/file.h"

/* Reads the array of a file. Errors: FORMAT, UNSUPPORTED, LIMIT, NOMEM. */
gcam_status gcam__npy_read(gcam_tensor **out, const gcam__file *file);

#endif
