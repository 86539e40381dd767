/* Files. Design: reading is one read-only mapping, so a checkpoint of half a gigabyte costs no copy and its pages are shared
 * between processes. (Whoever shortens a file while it is mapped ends the process by SIGBUS, as with every mapping; our own writer
 * never does: it replaces files by rename.) Writing goes to a temporary file in the same directory, which is renamed at the end.
 * There is no fsync: after a power failure a file may be missing or empty, after any failure of the program it is never partial. */
#include "io/file.h"

#include "core/memory.h"
#include "core/status.h"
#include "io/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

static gcam_status check_readable(int fd, const char *path, size_t *size) {
    struct stat info;
    if (fstat(fd, &info)) return gcam__fail(GCAM_ERR_IO, "file", "%s: cannot be examined: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) return gcam__fail(GCAM_ERR_IO, "file", "%s: is a directory, expected a file", path);
    if (!S_ISREG(info.st_mode)) {
        return gcam__fail(GCAM_ERR_IO, "file", "%s: is a device or a pipe, expected a regular file", path);
    }
    if (info.st_size == 0) return gcam__fail_at(GCAM_ERR_FORMAT, "file", 0, "%s: the file is empty", path);
    if (info.st_size > GCAM__MAX_FILE_SIZE || (uint64_t)info.st_size > SIZE_MAX) {
        return gcam__fail(GCAM_ERR_LIMIT, "file",
                          "%s: %" PRId64 " bytes are more than the %" PRId64 " that are accepted", path,
                          (int64_t)info.st_size, GCAM__MAX_FILE_SIZE);
    }
    *size = (size_t)info.st_size;
    return GCAM_OK;
}

gcam_status gcam__file_map(gcam__file *out, const char *path) {
    *out = (gcam__file){0};
    if (!path) return gcam__fail(GCAM_ERR_ARGUMENT, "file", "the path is NULL");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a pipe is refused, not waited for */
    if (fd < 0) return gcam__fail(GCAM_ERR_IO, "file", "%s: cannot be opened: %s", path, strerror(errno));
    size_t size = 0;
    gcam_status status = check_readable(fd, path, &size);
    if (status == GCAM_OK) {
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = gcam__fail(GCAM_ERR_IO, "file", "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *out = (gcam__file){data, size, 1};
    }
    close(fd);
    return status;
}

gcam_status gcam__file_borrow(gcam__file *out, const void *data, size_t size) {
    *out = (gcam__file){0};
    if (!data) return gcam__fail(GCAM_ERR_ARGUMENT, "file", "the buffer is NULL");
    if (size == 0) return gcam__fail_at(GCAM_ERR_FORMAT, "file", 0, "the buffer is empty");
    *out = (gcam__file){data, size, 0};
    return GCAM_OK;
}

void gcam__file_forget(const gcam__file *file, const void *data, size_t size) {
    const uint8_t *start = data;
    if (!file->mapped || start < file->data || size > file->size || start > file->data + file->size - size) return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)start + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)start + size) / page * page;
    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED); /* the mapping is read-only: nothing can be lost */
}

void gcam__file_unmap(gcam__file *file) {
    if (file->mapped) munmap((void *)(uintptr_t)file->data, file->size);
    *file = (gcam__file){0};
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

enum { BUFFER = 64 * 1024, ATTEMPTS = 1000 };

struct gcam__writer {
    char *path;
    char *temporary; /* its name while it grows */
    int fd;
    gcam_status status;
    int error; /* errno of the first failure */
    uint64_t size;
    size_t used; /* bytes waiting in buffer */
    unsigned char buffer[BUFFER];
};

static gcam_status write_error(gcam__writer *writer) {
    return gcam__fail(GCAM_ERR_IO, "file", "%s: cannot be written: %s", writer->path, strerror(writer->error));
}

static gcam_status keep_error(gcam__writer *writer) {
    writer->error = errno;
    return writer->status = write_error(writer);
}

static void writer_free(gcam__writer *writer) {
    gcam__free(writer->path);
    gcam__free(writer->temporary);
    gcam__free(writer);
}

/* A rename would replace a device by a file, and cannot replace a directory. */
static gcam_status check_replaceable(const char *path) {
    struct stat info;
    if (stat(path, &info) || S_ISREG(info.st_mode)) return GCAM_OK;
    return gcam__fail(GCAM_ERR_IO, "file", "%s: cannot be written: it is %s", path,
                      S_ISDIR(info.st_mode) ? "a directory" : "a device or a pipe, not a regular file");
}

/* Creates a new file in the directory of the target; its name does not depend on the target's, which may be as long as names get. */
static gcam_status create_temporary(gcam__writer *writer) {
    const char *slash = strrchr(writer->path, '/');
    size_t folder = slash ? (size_t)(slash - writer->path) + 1 : 0;
    size_t room = folder + 64;
    writer->temporary = gcam__alloc(room);
    if (!writer->temporary) return GCAM_ERR_NOMEM;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        snprintf(writer->temporary, room, "%.*s.gradcam-%ld-%d.tmp", (int)folder, writer->path, (long)getpid(),
                 attempt);
        writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->fd >= 0) return GCAM_OK;
        if (errno != EEXIST) break;
    }
    return keep_error(writer);
}

gcam_status gcam__writer_open(gcam__writer **out, const char *path) {
    *out = NULL;
    if (!path || !*path) return gcam__fail(GCAM_ERR_ARGUMENT, "file", "the path to write to is NULL or empty");
    GCAM_TRY(check_replaceable(path));
    gcam__writer *writer = gcam__calloc(1, sizeof *writer);
    if (!writer) return GCAM_ERR_NOMEM;
    writer->path = gcam__strdup(path);
    gcam_status status = writer->path ? create_temporary(writer) : GCAM_ERR_NOMEM;
    if (status != GCAM_OK) {
        writer_free(writer);
        return status;
    }
    *out = writer;
    return GCAM_OK;
}

static gcam_status write_all(gcam__writer *writer, const unsigned char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(writer->fd, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return keep_error(writer);
        data += written;
        size -= (size_t)written;
    }
    return GCAM_OK;
}

static gcam_status flush(gcam__writer *writer) {
    size_t used = writer->used;
    writer->used = 0;
    return write_all(writer, writer->buffer, used);
}

gcam_status gcam__writer_write(gcam__writer *writer, const void *data, size_t size) {
    if (writer->status != GCAM_OK) return writer->status;
    writer->size += size;
    if (size > BUFFER - writer->used) GCAM_TRY(flush(writer));
    if (size > BUFFER) return write_all(writer, data, size);
    if (size > 0) memcpy(writer->buffer + writer->used, data, size);
    writer->used += size;
    return GCAM_OK;
}

gcam_status gcam__writer_pad(gcam__writer *writer, size_t size) {
    static const unsigned char zeros[4096];
    while (size > 0) {
        size_t step = size < sizeof zeros ? size : sizeof zeros;
        GCAM_TRY(gcam__writer_write(writer, zeros, step));
        size -= step;
    }
    return GCAM_OK;
}

uint64_t gcam__writer_size(const gcam__writer *writer) {
    return writer->size;
}

gcam_status gcam__writer_commit(gcam__writer *writer) {
    if (writer->status == GCAM_OK) flush(writer);
    if (close(writer->fd) && writer->status == GCAM_OK) keep_error(writer);
    if (writer->status == GCAM_OK && rename(writer->temporary, writer->path)) keep_error(writer);
    gcam_status status = writer->status;
    if (status != GCAM_OK) {
        unlink(writer->temporary);
        write_error(writer); /* other errors may have been recorded since */
    }
    writer_free(writer);
    return status;
}

void gcam__writer_abort(gcam__writer *writer) {
    if (!writer) return;
    close(writer->fd);
    unlink(writer->temporary);
    writer_free(writer);
}
