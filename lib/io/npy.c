/* NumPy's .npy (format 1.0 to 3.0): magic, version, length of the header, a Python dict as text, data. Written: 1.0, float32, C order,
 * data at a multiple of 64. Read: float32 and float64, little endian, C order. */
#include "io/npy.h"
#include "core/status.h"
#include "gradcam/io.h"
#include "io/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* ---- writing -------------------------------------------------------------------------------------------------------------- */

enum { PREAMBLE = 10, HEADER_ROOM = 320 };

/* Fills `out` with preamble and header; returns their length, a multiple of 64. */
static size_t make_header(uint8_t out[HEADER_ROOM], const gcam_shape *shape) {
    char *text = (char *)out + PREAMBLE;
    size_t used = (size_t)snprintf(text, HEADER_ROOM - PREAMBLE, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < shape->rank; i++) {
        const char *separator = shape->rank == 1 ? "," : i + 1 < shape->rank ? ", " : "";
        used += (size_t)snprintf(text + used, HEADER_ROOM - PREAMBLE - used, "%" PRId64 "%s", shape->dim[i], separator);
    }
    used += (size_t)snprintf(text + used, HEADER_ROOM - PREAMBLE - used, "), }");
    while ((PREAMBLE + used + 1) % 64) text[used++] = ' ';
    text[used++] = '\n';
    memcpy(out, magic, sizeof magic);
    out[6] = 1;
    out[7] = 0;
    out[8] = (uint8_t)used;
    out[9] = (uint8_t)(used >> 8);
    return PREAMBLE + used;
}

gcam_status gcam_npy_save(const char *path, const gcam_tensor *tensor) {
    int64_t count = tensor ? gcam_shape_count(&tensor->shape) : -1;
    if (!path || count < 0 || (count > 0 && !tensor->data)) {
        return gcam__fail(GCAM_ERR_ARGUMENT, "npy", "the path or the tensor is NULL or not valid");
    }
    uint8_t header[HEADER_ROOM];
    size_t length = make_header(header, &tensor->shape);
    gcam__writer *writer;
    GCAM_TRY(gcam__writer_open(&writer, path));
    (void)gcam__writer_write(writer, header, length); /* commit reports what fails */
    (void)gcam__writer_write(writer, tensor->data, (size_t)count * sizeof *tensor->data);
    return gcam__writer_commit(writer);
}

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

typedef struct header {
    gcam_shape shape;
    size_t element; /* bytes: 4 or 8 */
    int fortran;
    unsigned seen; /* a bit for each key */
} header;

enum { SEEN_DESCR = 1, SEEN_ORDER = 2, SEEN_SHAPE = 4, SEEN_ALL = 7 };

static gcam_status bad_header(const gcam__cursor *c) {
    return gcam__fail_at(GCAM_ERR_FORMAT, "npy", (int64_t)c->at,
                         "the header is not {'descr': ..., 'fortran_order': ..., 'shape': ...}");
}

static int peek(gcam__cursor *c) {
    while (c->at < c->end && memchr(" \t\n\r", c->data[c->at], 4)) c->at++;
    return c->at < c->end ? c->data[c->at] : -1;
}

static int accept(gcam__cursor *c, const char *token) {
    size_t length = strlen(token);
    peek(c);
    if (gcam__cursor_left(c) < length || memcmp(c->data + c->at, token, length)) return 0;
    c->at += length;
    return 1;
}

static gcam_status read_descr(gcam__cursor *c, header *h) {
    int64_t at = (int64_t)c->at;
    if (accept(c, "'<f4'"))
        h->element = 4;
    else if (accept(c, "'<f8'"))
        h->element = 8;
    else
        return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "npy", at,
                             "its element type is not float32 or float64, little endian");
    return GCAM_OK;
}

static gcam_status read_order(gcam__cursor *c, header *h) {
    if (accept(c, "True"))
        h->fortran = 1;
    else if (!accept(c, "False"))
        return bad_header(c);
    return GCAM_OK;
}

static gcam_status read_dim(gcam__cursor *c, int64_t *out) {
    int64_t value = 0;
    if (peek(c) < '0' || peek(c) > '9') return bad_header(c);
    while (c->at < c->end && c->data[c->at] >= '0' && c->data[c->at] <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c->data[c->at] - '0', &value))
            return bad_header(c);
        c->at++;
    }
    *out = value;
    return GCAM_OK;
}

static gcam_status read_shape(gcam__cursor *c, header *h) {
    if (!accept(c, "(")) return bad_header(c);
    while (!accept(c, ")")) {
        if (h->shape.rank == GCAM_MAX_RANK) {
            return gcam__fail_at(GCAM_ERR_LIMIT, "npy", (int64_t)c->at, "more than %d dimensions", GCAM_MAX_RANK);
        }
        GCAM_TRY(read_dim(c, &h->shape.dim[h->shape.rank++]));
        if (!accept(c, ",") && peek(c) != ')') return bad_header(c);
    }
    return GCAM_OK;
}

static gcam_status read_header(gcam__cursor *c, header *h) {
    static const struct {
        const char *key;
        unsigned bit;
        gcam_status (*read)(gcam__cursor *, header *);
    } keys[] = {{"'descr':", SEEN_DESCR, read_descr},
                {"'fortran_order':", SEEN_ORDER, read_order},
                {"'shape':", SEEN_SHAPE, read_shape}};
    if (!accept(c, "{")) return bad_header(c);
    while (!accept(c, "}")) {
        size_t i = 0;
        while (i < 3 && !accept(c, keys[i].key)) i++;
        if (i == 3 || h->seen & keys[i].bit) return bad_header(c);
        h->seen |= keys[i].bit;
        GCAM_TRY(keys[i].read(c, h));
        if (!accept(c, ",") && peek(c) != '}') return bad_header(c);
    }
    return h->seen == SEEN_ALL && peek(c) < 0 ? GCAM_OK : bad_header(c);
}

/* The cursor over the header's text; its end is where the data begin. */
static gcam_status find_header(const gcam__file *file, gcam__cursor *out) {
    gcam__cursor c = {file->data, 0, file->size};
    const uint8_t *p = gcam__cursor_take(&c, 8);
    if (!p || memcmp(p, magic, sizeof magic))
        return gcam__fail_at(GCAM_ERR_FORMAT, "npy", 0, "this is not a .npy file");
    if (p[6] < 1 || p[6] > 3)
        return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "npy", 6, "version %d of the .npy format", p[6]);
    const uint8_t *length = gcam__cursor_take(&c, p[6] == 1 ? 2 : 4);
    size_t size = !length ? 0 : p[6] == 1 ? gcam__get_u16(length) : gcam__get_u32(length);
    *out = (gcam__cursor){file->data, c.at, c.at + size};
    if (length && gcam__cursor_take(&c, size)) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_FORMAT, "npy", 8, "the file ends inside its header; it is truncated");
}

static gcam_status check_data(const gcam__file *file, size_t data_at, const header *h, int64_t *count) {
    *count = gcam_shape_count(&h->shape);
    size_t present = (file->size - data_at) / h->element;
    if (*count < 0 || (uint64_t)*count > present) {
        return gcam__fail_at(GCAM_ERR_FORMAT, "npy", (int64_t)data_at,
                             "the file ends inside its data; it is truncated");
    }
    if (!h->fortran || h->shape.rank < 2) return GCAM_OK;
    return gcam__fail_at(GCAM_ERR_UNSUPPORTED, "npy", PREAMBLE,
                         "the array is in Fortran order; save numpy.ascontiguousarray() of it");
}

static void copy_data(gcam_tensor *tensor, const uint8_t *data, int64_t count, size_t element) {
    if (element == sizeof(float)) {
        if (count > 0) memcpy(tensor->data, data, (size_t)count * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        double wide;
        memcpy(&wide, data + (size_t)i * sizeof wide, sizeof wide);
        tensor->data[i] = (float)wide;
    }
}

gcam_status gcam__npy_read(gcam_tensor **out, const gcam__file *file) {
    gcam__cursor cursor = {0};
    header h = {0};
    int64_t count = 0;
    *out = NULL;
    GCAM_TRY(find_header(file, &cursor));
    size_t data_at = cursor.end;
    GCAM_TRY(read_header(&cursor, &h));
    GCAM_TRY(check_data(file, data_at, &h, &count));
    GCAM_TRY(gcam_tensor_create(out, &h.shape));
    copy_data(*out, file->data + data_at, count, h.element);
    return GCAM_OK;
}

gcam_status gcam_npy_load(gcam_tensor **out, const char *path) {
    if (!out) return gcam__fail(GCAM_ERR_ARGUMENT, "npy", "the place for the tensor is NULL");
    gcam__file file;
    *out = NULL;
    GCAM_TRY(gcam__file_map(&file, path));
    gcam_status status = gcam__npy_read(out, &file);
    gcam__file_unmap(&file);
    return status == GCAM_OK ? GCAM_OK : gcam__fail_prefix(path);
}
