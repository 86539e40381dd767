/* Random weights for the networks of the zoo and of tests. */
#include "support/weights.h"

#include "core/random.h"
#include "core/text.h"
#include "graph/network.h"
#include "model/zoo/zoo.h"

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct filler {
    gcam_tensor_table *table;
    uint64_t seed, stream;
} filler;

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static gcam_status add_weight(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which;
    filler *f = user;
    if (gcam_tensor_table_find(f->table, name) != NULL) return GCAM_OK;
    int64_t count = gcam_shape_count(shape);
    float *data = malloc((size_t)count * sizeof *data);
    ck_assert_ptr_nonnull(data);
    double scale = 0.1, shift = 0;
    if (shape->rank > 1)
        scale = sqrt(2.0 * (double)shape->dim[0] / (double)count);
    else if (ends_with(name, "running_var") || ends_with(name, "weight"))
        shift = 1;
    for (int64_t i = 0; i < count; i++) {
        double value = shift + scale * gcam__random_normal(f->seed, f->stream, 0, (uint64_t)i);
        data[i] = (float)(ends_with(name, "running_var") ? fabs(value) + 0.1 : value);
    }
    f->stream++;
    gcam_status status = gcam_tensor_table_add(f->table, name, shape, data);
    free(data);
    return status;
}

void weights_add_random(gcam_tensor_table *table, const gcam_builder *builder, uint64_t seed) {
    filler f = {table, seed, 0};
    ck_assert_int_eq(gcam__network_each_weight(gcam__builder_network(builder), add_weight, &f), GCAM_OK);
}

gcam_tensor_table *weights_of_arch(const char *arch, const gcam_tensor_table *like, uint64_t seed) {
    gcam_builder *builder;
    gcam_tensor_table *table;
    const gcam__arch *row = gcam__arch_find(arch);
    ck_assert_ptr_nonnull(row);
    ck_assert_int_eq(gcam__arch_build(&builder, row, like), GCAM_OK);
    ck_assert_int_eq(gcam_tensor_table_create(&table), GCAM_OK);
    weights_add_random(table, builder, seed);
    gcam_builder_free(builder);
    return table;
}

typedef struct header {
    gcam__text text;
    int64_t end; /* of the tensors so far */
    shapes_change change;
} header;

static gcam_status describe(header *h, const char *name, const gcam_shape *shape) {
    int64_t begin = h->end;
    h->end += 4 * gcam_shape_count(shape);
    gcam__text_printf(&h->text, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", h->text.length > 1 ? "," : "", name);
    for (int i = 0; i < shape->rank; i++) gcam__text_printf(&h->text, "%s%" PRId64, i > 0 ? "," : "", shape->dim[i]);
    gcam__text_printf(&h->text, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", begin, h->end);
    return h->text.status;
}

static gcam_status describe_changed(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which;
    header *h = user;
    gcam_shape changed = *shape;
    if (h->change.drop != NULL && strcmp(h->change.drop, name) == 0) return GCAM_OK;
    if (h->change.widen != NULL && strcmp(h->change.widen, name) == 0) changed.dim[changed.rank - 1]++;
    return describe(h, name, &changed);
}

static void write_file(const char *path, const header *h) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    uint64_t length = h->text.length;
    for (int i = 0; i < 8; i++) fputc((int)(length >> 8 * i & 255), file);
    fputs(h->text.data, file);
    ck_assert_int_eq(fflush(file), 0);
    ck_assert_int_eq(ftruncate(fileno(file), (off_t)(8 + length) + h->end), 0);
    ck_assert_int_eq(fclose(file), 0);
}

void weights_write_shapes(const char *path, const char *arch, const gcam_tensor_table *like, shapes_change change) {
    header h = {.change = change};
    gcam_builder *builder;
    ck_assert_int_eq(gcam__arch_build(&builder, gcam__arch_find(arch), like), GCAM_OK);
    gcam__text_printf(&h.text, "{");
    ck_assert_int_eq(gcam__network_each_weight(gcam__builder_network(builder), describe_changed, &h), GCAM_OK);
    if (change.add != NULL) ck_assert_int_eq(describe(&h, change.add, &(gcam_shape){1, {4}}), 0);
    gcam__text_printf(&h.text, "}");
    write_file(path, &h);
    gcam__text_free(&h.text);
    gcam_builder_free(builder);
}
