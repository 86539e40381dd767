/* Files: reading by mapping, writing all or nothing. The only place of the library that opens files. */
#ifndef GCAM_IO_FILE_H
#define GCAM_IO_FILE_H

#include "gradcam/core.h"

/* The bytes of a file, read-only: a mapping, or a caller's buffer. */
typedef struct gcam__file {
    const uint8_t *data;
    size_t size;
    int mapped;
} gcam__file;

/* Maps a regular file that is not empty. Errors (they name the path): IO, FORMAT (empty), LIMIT (GCAM__MAX_FILE_SIZE). */
gcam_status gcam__file_map(gcam__file *out, const char *path);
/* Borrows a buffer, which must outlive the file. Errors: ARGUMENT (NULL), FORMAT (empty). */
gcam_status gcam__file_borrow(gcam__file *out, const void *data, size_t size);
/* Gives back the whole pages of a mapping within these bytes; they come back from the file when read. Other bytes are left alone. */
void gcam__file_forget(const gcam__file *file, const void *data, size_t size);
/* Ends a mapping; a borrowed buffer is left alone. Fine to call twice. */
void gcam__file_unmap(gcam__file *file);

/* A file in the making. It grows under a temporary name beside `path`, so that others see the old file or the complete new
 * one, never a part, whatever fails. An error is kept: later writes do nothing, and commit reports it. A writer may
 * therefore be fed from callbacks that cannot return an error. */
typedef struct gcam__writer gcam__writer;

/* Errors of all three (they name the path): IO, ARGUMENT, NOMEM. */
gcam_status gcam__writer_open(gcam__writer **out, const char *path);
gcam_status gcam__writer_write(gcam__writer *writer, const void *data, size_t size);
/* Writes `size` zero bytes. */
gcam_status gcam__writer_pad(gcam__writer *writer, size_t size);
/* Bytes written so far. */
uint64_t gcam__writer_size(const gcam__writer *writer);
/* Renames the file to its final name if nothing failed, else removes it. Frees the writer in either case. */
gcam_status gcam__writer_commit(gcam__writer *writer);
/* Removes the temporary file and frees the writer; NULL is fine. */
void gcam__writer_abort(gcam__writer *writer);

#endif
