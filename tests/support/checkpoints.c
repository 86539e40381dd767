/* Checkpoint writers. Design: each writer is the shortest text that torch.load accepts; see docs of the readers in lib/io for the
 * layouts. */
#include "support/checkpoints.h"

#include <stdio.h>
#include <string.h>

/* ---- pickles ---------------------------------------------------------------------------------------------------------------- */

void pickle_begin(blob *b) {
    blob_put(b, "\x80\2", 2);
}

void pickle_text(blob *b, const char *text) {
    blob_text(b, "X");
    blob_number(b, strlen(text), 4);
    blob_text(b, text);
}

void pickle_int(blob *b, int64_t value) {
    if (value >= 0 && value < 256) {
        blob_text(b, "K");
        blob_number(b, (uint64_t)value, 1);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        blob_text(b, "J");
        blob_number(b, (uint64_t)value, 4);
    } else {
        blob_put(b, "\x8A\x08", 2);
        blob_number(b, (uint64_t)value, 8);
    }
}

void pickle_global(blob *b, const char *module, const char *name) {
    blob_text(b, "c");
    blob_text(b, module);
    blob_text(b, "\n");
    blob_text(b, name);
    blob_text(b, "\n");
}

void pickle_ordered_dict(blob *b) {
    pickle_global(b, "collections", "OrderedDict");
    blob_text(b, ")R");
}

void pickle_ints(blob *b, const int64_t *values, int count) {
    blob_text(b, "(");
    for (int i = 0; i < count; i++) pickle_int(b, values[i]);
    blob_text(b, "t");
}

/* ---- zip -------------------------------------------------------------------------------------------------------------------- */

static void zip_local(blob *b, const zip_part *part) {
    size_t length = strlen(part->name);
    size_t padding = (64 - (b->size + 30 + length + 4) % 64) % 64;
    blob_put(b, "PK\3\4\0\0\x08\x08\0\0\0\0\0\0", 14); /* version 0, flags 0x0808, stored, no time */
    blob_fill(b, 0, 12);                               /* crc and sizes are in the directory */
    blob_number(b, length, 2);
    blob_number(b, 4 + padding, 2);
    blob_text(b, part->name);
    blob_text(b, "FB");
    blob_number(b, padding, 2);
    blob_fill(b, 'Z', padding);
    blob_put(b, part->data, part->size);
    blob_put(b, "PK\7\x08\0\0\0\0", 8); /* readers do not check the crc */
    blob_number(b, part->size, 4);
    blob_number(b, part->size, 4);
}

static void zip_central(blob *b, const zip_part *part, size_t offset) {
    blob_put(b, "PK\1\2\0\0\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0", 20);
    blob_number(b, part->size, 4);
    blob_number(b, part->size, 4);
    blob_number(b, strlen(part->name), 2);
    blob_fill(b, 0, 12);
    blob_number(b, offset, 4);
    blob_text(b, part->name);
}

static void zip_ends(blob *b, size_t count, size_t directory, size_t size) {
    size_t end64 = b->size;
    blob_put(b, "PK\6\6", 4);
    blob_number(b, 44, 8);
    blob_number(b, 0, 4);
    blob_number(b, 0, 8);
    blob_number(b, count, 8);
    blob_number(b, count, 8);
    blob_number(b, size, 8);
    blob_number(b, directory, 8);
    blob_put(b, "PK\6\7\0\0\0\0", 8);
    blob_number(b, end64, 8);
    blob_number(b, 1, 4);
    blob_put(b, "PK\5\6\0\0\0\0", 8);
    blob_number(b, count < 0xFFFF ? count : 0xFFFF, 2);
    blob_number(b, count < 0xFFFF ? count : 0xFFFF, 2);
    blob_number(b, size, 4);
    blob_number(b, directory, 4);
    blob_number(b, 0, 2);
}

void zip_write(blob *b, const zip_part *parts, size_t count) {
    blob offsets = {0};
    for (size_t i = 0; i < count; i++) {
        blob_put(&offsets, &b->size, sizeof b->size);
        zip_local(b, &parts[i]);
    }
    size_t directory = b->size;
    for (size_t i = 0; i < count; i++) {
        size_t offset;
        memcpy(&offset, offsets.data + i * sizeof offset, sizeof offset);
        zip_central(b, &parts[i], offset);
    }
    zip_ends(b, count, directory, b->size - directory);
    blob_free(&offsets);
}

/* ---- tar -------------------------------------------------------------------------------------------------------------------- */

void tar_member(blob *b, const char *name, char type, const blob *content) {
    char header[512] = {0};
    snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000644", 8);
    memcpy(header + 108, "0000000", 8);
    memcpy(header + 116, "0000000", 8);
    snprintf(header + 124, 12, "%011llo", (unsigned long long)content->size);
    snprintf(header + 136, 12, "%011o", 0);
    memset(header + 148, ' ', 8);
    header[156] = type;
    memcpy(header + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    blob_put(b, header, sizeof header);
    blob_append(b, content);
    blob_fill(b, 0, (512 - content->size % 512) % 512);
}

void tar_end(blob *b) {
    blob_fill(b, 0, 1024);
    blob_fill(b, 0, (10240 - b->size % 10240) % 10240);
}

/* ---- the usual sample -------------------------------------------------------------------------------------------------------- */

static const float floats[12] = {0, 1, 2, 3, 4, 5, -6, 7.5f, 8, 9, 10, 11};
static const float biases[2] = {0.25f, -3};
static const uint16_t halves[3] = {0x3C00, 0xC000, 0x3555}; /* 1, -2, 0.33325195 */
static const uint16_t bfloats[2] = {0x3F80, 0xC2F7};        /* 1, -123.5 */
static const double doubles[2] = {3.141592653589793, -1e10};
static const int64_t batches[1] = {123456};

static const sample_storage storages[] = {
    {"Float", 12, floats, sizeof floats},   {"Float", 2, biases, sizeof biases},
    {"Half", 3, halves, sizeof halves},     {"BFloat16", 2, bfloats, sizeof bfloats},
    {"Double", 2, doubles, sizeof doubles}, {"Long", 1, batches, sizeof batches},
};

static const sample_tensor tensors[] = {
    {"conv.weight", 0, 0, 2, {3, 4}, {4, 1}},
    {"conv.transposed", 0, 0, 2, {4, 3}, {1, 4}},
    {"conv.view", 0, 5, 2, {2, 2}, {4, 2}},
    {"conv.bias", 1, 0, 1, {2}, {1}},
    {"half", 2, 0, 3, {1, 3, 1}, {3, 1, 1}},
    {"bfloat", 3, 0, 1, {2}, {1}},
    {"double", 4, 0, 1, {2}, {1}},
    {"bn.num_batches_tracked", 5, 0, 0, {0}, {0}},
    {"empty", 1, 0, 2, {0, 4}, {4, 1}},
};

const sample sample_usual = {storages, 6, tensors, 9, SAMPLE_V2, NULL, 0, NULL};

size_t sample_values(size_t index, float *out) {
    static const struct {
        size_t count;
        float values[12];
    } values[] = {
        {12, {0, 1, 2, 3, 4, 5, -6, 7.5f, 8, 9, 10, 11}},
        {12, {0, 4, 8, 1, 5, 9, 2, -6, 10, 3, 7.5f, 11}},
        {4, {5, 7.5f, 9, 11}},
        {2, {0.25f, -3}},
        {3, {1, -2, 0.333251953125f}},
        {2, {1, -123.5f}},
        {2, {3.14159265f, -1e10f}},
        {1, {123456}},
        {0, {0}},
    };
    memcpy(out, values[index].values, values[index].count * sizeof *out);
    return values[index].count;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------------------- */

static void put_storage_id(blob *b, const sample *s, int index) {
    char name[32], key[16];
    const sample_storage *storage = &s->storages[index];
    snprintf(name, sizeof name, "%sStorage", s->style == SAMPLE_V3 ? "Untyped" : storage->type);
    snprintf(key, sizeof key, "%d", index);
    blob_text(b, "(");
    pickle_text(b, "storage");
    pickle_global(b, s->style == SAMPLE_V3 ? "torch.storage" : "torch", name);
    pickle_text(b, key);
    pickle_text(b, "cpu");
    pickle_int(b, s->style == SAMPLE_V3 ? (int64_t)storage->bytes : storage->count);
    blob_text(b, s->id_has_view ? "NtQ" : "tQ");
}

static void put_rebuilt(blob *b, const sample *s, const sample_tensor *t) {
    static const char *const names[] = {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3",
                                        "_rebuild_tensor_v2"};
    pickle_global(b, "torch._utils", names[s->style]);
    blob_text(b, "(");
    put_storage_id(b, s, t->storage);
    pickle_int(b, t->offset);
    pickle_ints(b, t->dim, t->rank);
    pickle_ints(b, t->stride, t->rank);
    if (s->style != SAMPLE_REBUILD) {
        blob_put(b, "\x89", 1);
        pickle_ordered_dict(b);
    }
    if (s->style == SAMPLE_V3) pickle_global(b, "torch", "float32");
    blob_text(b, "tR");
}

static void put_tensor(blob *b, const sample *s, size_t index) {
    char key[24];
    if (s->style == SAMPLE_KEY) {
        snprintf(key, sizeof key, "%zu", 1000 + index);
        pickle_text(b, key);
        blob_text(b, "Q");
        return;
    }
    if (s->style == SAMPLE_PARAMETER) {
        pickle_global(b, "torch._utils", "_rebuild_parameter");
        blob_text(b, "(");
    }
    put_rebuilt(b, s, &s->tensors[index]);
    if (s->style != SAMPLE_PARAMETER) return;
    blob_put(b, "\x88", 1);
    pickle_ordered_dict(b);
    blob_text(b, "tR");
}

static void put_state_dict(blob *b, const sample *s) {
    char name[64];
    pickle_ordered_dict(b);
    blob_text(b, "(");
    for (size_t i = 0; i < s->tensor_count; i++) {
        snprintf(name, sizeof name, "%s%s", s->prefix ? s->prefix : "", s->tensors[i].name);
        pickle_text(b, name);
        put_tensor(b, s, i);
    }
    blob_text(b, "u}"); /* then, by BUILD, the attribute _metadata */
    pickle_text(b, "_metadata");
    pickle_ordered_dict(b);
    blob_text(b, "sb");
}

void sample_pickle(blob *b, const sample *s) {
    pickle_begin(b);
    if (s->wrapper) {
        blob_text(b, "}(");
        pickle_text(b, "epoch");
        pickle_int(b, 7);
        pickle_text(b, "optimizer");
        blob_text(b, "}");
        pickle_text(b, s->wrapper);
    }
    put_state_dict(b, s);
    if (s->wrapper) {
        pickle_text(b, "best");
        blob_put(b, "G\x3F\xF0\0\0\0\0\0\0", 9);
        blob_text(b, "u");
    }
    blob_text(b, ".");
}

void sample_zip(blob *b, const sample *s) {
    char names[16][40];
    zip_part parts[18];
    blob pickle = {0};
    sample_pickle(&pickle, s);
    parts[0] = (zip_part){"archive/data.pkl", pickle.data, pickle.size};
    for (size_t i = 0; i < s->storage_count; i++) {
        snprintf(names[i], sizeof names[i], "archive/data/%zu", i);
        parts[1 + i] = (zip_part){names[i], s->storages[i].data, s->storages[i].bytes};
    }
    parts[1 + s->storage_count] = (zip_part){"archive/version", "3\n", 2};
    zip_write(b, parts, s->storage_count + 2);
    blob_free(&pickle);
}

static void put_system(blob *b) {
    pickle_begin(b);
    blob_text(b, "}(");
    pickle_text(b, "protocol_version");
    pickle_int(b, 1001);
    pickle_text(b, "little_endian");
    blob_put(b, "\x88", 1);
    pickle_text(b, "type_sizes");
    blob_text(b, "}u.");
}

static void put_data(blob *b, const sample_storage *storage) {
    blob_number(b, (uint64_t)storage->count, 8);
    blob_put(b, storage->data, storage->bytes);
}

void sample_stream(blob *b, const sample *s) {
    blob_put(b, "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15);
    blob_put(b, "\x80\2M\xE9\3.", 6);
    put_system(b);
    sample with_view = *s;
    with_view.id_has_view = 1;
    sample_pickle(b, &with_view);
    pickle_begin(b);
    blob_text(b, "](");
    for (size_t i = s->storage_count; i-- > 0;) { /* any order */
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        pickle_text(b, key);
    }
    blob_text(b, "e.");
    for (size_t i = s->storage_count; i-- > 0;) put_data(b, &s->storages[i]);
}

/* (key, second, torch.TYPE): what describes a storage or a tensor in the tar container. */
static void put_triple(blob *b, int64_t key, const char *place, int64_t storage, const char *type, const char *suffix) {
    char name[32];
    snprintf(name, sizeof name, "%s%s", type, suffix);
    pickle_begin(b);
    blob_text(b, "(");
    pickle_int(b, key);
    if (place)
        pickle_text(b, place);
    else
        pickle_int(b, storage);
    pickle_global(b, "torch", name);
    blob_text(b, "t.");
}

static void put_count(blob *b, size_t count) {
    pickle_begin(b);
    pickle_int(b, (int64_t)count);
    blob_text(b, ".");
}

static void put_tar_tensors(blob *b, const sample *s) {
    put_count(b, s->tensor_count);
    for (size_t i = 0; i < s->tensor_count; i++) {
        const sample_tensor *t = &s->tensors[i];
        put_triple(b, 1000 + (int64_t)i, NULL, 2000 + t->storage, s->storages[t->storage].type, "Tensor");
        blob_number(b, (uint64_t)t->rank, 8);
        for (int d = 0; d < t->rank; d++) blob_number(b, (uint64_t)t->dim[d], 8);
        for (int d = 0; d < t->rank; d++) blob_number(b, (uint64_t)t->stride[d], 8);
        blob_number(b, (uint64_t)t->offset, 8);
    }
}

void sample_tar(blob *b, const sample *s) {
    blob system = {0}, storage_bytes = {0}, tensor_bytes = {0}, pickle = {0};
    sample by_key = *s;
    by_key.style = SAMPLE_KEY;
    put_system(&system);
    put_count(&storage_bytes, s->storage_count);
    for (size_t i = 0; i < s->storage_count; i++) {
        put_triple(&storage_bytes, 2000 + (int64_t)i, "cpu", 0, s->storages[i].type, "Storage");
        put_data(&storage_bytes, &s->storages[i]);
    }
    pickle_begin(&storage_bytes);
    blob_text(&storage_bytes, "].");
    put_tar_tensors(&tensor_bytes, s);
    sample_pickle(&pickle, &by_key);
    tar_member(b, "sys_info", '0', &system);
    tar_member(b, "pickle", '0', &pickle);
    tar_member(b, "tensors", '0', &tensor_bytes);
    tar_member(b, "storages", '0', &storage_bytes);
    tar_end(b);
    blob_free(&system);
    blob_free(&storage_bytes);
    blob_free(&tensor_bytes);
    blob_free(&pickle);
}
