/* Tar. Design: an iterator over 512-byte headers; every checksum is verified; nothing is extracted, names are only compared. */
#include "io/tar.h"

#include "core/status.h"
#include "core/utf8.h"

#include <string.h>

enum {
    BLOCK = 512,
    NAME = 0,
    NAME_SIZE = 100,
    SIZE = 124,
    SIZE_SIZE = 12,
    CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    TYPE = 156,
    MAGIC = 257
};

/* An octal number with spaces or a zero behind it; 0 if it is none. */
static int read_octal(const uint8_t *field, size_t size, uint64_t *out) {
    size_t i = 0;
    uint64_t value = 0;
    while (i < size && field[i] == ' ') i++;
    size_t first = i;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) value = value << 3 | (uint64_t)(field[i] - '0');
    *out = value;
    return i > first && (i == size || field[i] == ' ' || field[i] == 0);
}

/* The sum of all bytes of the header, its own field counted as spaces. */
static int checksum_fits(const uint8_t *header) {
    uint64_t wanted, sum = 0;
    if (!read_octal(header + CHECKSUM, CHECKSUM_SIZE, &wanted)) return 0;
    for (int i = 0; i < BLOCK; i++) sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? ' ' : header[i];
    return sum == wanted;
}

int gcam__tar_detect(const uint8_t *data, size_t size) {
    return size >= BLOCK && (!memcmp(data + MAGIC, "ustar", 5) || !memcmp(data, "sys_info", 9));
}

/* An extended header is lines of "LENGTH KEY=VALUE"; those that Python writes hold times. */
static gcam_status check_extended(const gcam__cursor *content) {
    static const char *const keys[] = {" path=", " size=", " linkpath="};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!memmem(content->data + content->at, gcam__cursor_left(content), keys[i], strlen(keys[i]))) continue;
        return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "tar", (int64_t)content->at,
                             "an extended tar header sets%.*s of a member", (int)strlen(keys[i]) - 1, keys[i]);
    }
    return GCAM_OK;
}

static gcam_status read_header(gcam__cursor *cursor, gcam__tar_member *member, char *type) {
    int64_t at = (int64_t)cursor->at;
    const uint8_t *header = gcam__cursor_take(cursor, BLOCK);
    if (!checksum_fits(header))
        return gcam__fail_at(GCAM_ERR_FORMAT, "tar", at, "a tar header is damaged: its checksum does not fit");
    gcam__utf8_show(member->name, sizeof member->name, (const char *)header + NAME,
                    strnlen((const char *)header + NAME, NAME_SIZE));
    uint64_t size;
    if (!read_octal(header + SIZE, SIZE_SIZE, &size)) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "tar", at, "tar member %s: its size is not an octal number",
                             member->name);
    }
    if (size > gcam__cursor_left(cursor)) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "tar", at, "the file ends inside the tar member %s; it is truncated",
                             member->name);
    }
    member->content = (gcam__cursor){cursor->data, cursor->at, cursor->at + (size_t)size};
    size_t padded = ((size_t)size + BLOCK - 1) / BLOCK * BLOCK, left = gcam__cursor_left(cursor);
    cursor->at += padded < left ? padded : left;
    *type = (char)header[TYPE];
    return GCAM_OK;
}

static int at_end(const gcam__cursor *cursor) {
    static const uint8_t zeros[BLOCK];
    return gcam__cursor_left(cursor) < BLOCK || !memcmp(cursor->data + cursor->at, zeros, BLOCK);
}

gcam_status gcam__tar_next(gcam__cursor *cursor, gcam__tar_member *member, int *more) {
    for (;;) {
        char type = 0;
        int64_t at = (int64_t)cursor->at;
        *more = !at_end(cursor);
        if (!*more) return GCAM_OK;
        GCAM_TRY(read_header(cursor, member, &type));
        if (type == '0' || type == 0) return GCAM_OK;
        if (type != 'x' && type != 'g') {
            return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "tar", at, "tar member %s is not a regular file", member->name);
        }
        GCAM_TRY(check_extended(&member->content));
    }
}
