/* Reading every value of a table. */
#include "fuzz/tables.h"

#include <stdlib.h>

static void read_all(const gcam_tensor_table *table) {
    for (size_t i = 0; i < gcam_tensor_table_count(table); i++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_at(table, i);
        int64_t count = gcam_shape_count(&entry->shape);
        if (count < 0 || (uint64_t)count > table->file.size) abort(); /* more elements than the file has bytes */
        float *values = malloc((size_t)count * sizeof *values + 1);
        if (values) gcam_tensor_entry_read(entry, values);
        free(values);
        if (gcam_tensor_table_find(table, entry->name) != entry) abort();
    }
}

void fuzz_table(const gcam__reader *reader, const uint8_t *data, size_t size) {
    gcam_tensor_table *table;
    if (!reader->detect(data, size) || gcam_tensor_table_create(&table) != GCAM_OK) return;
    table->file = (gcam__file){data, size, 0};
    gcam_status status = reader->read(table);
    if (status == GCAM_OK)
        read_all(table);
    else if (gcam_last_error()->status != status || !gcam_last_error()->message[0])
        abort();
    gcam_tensor_table_free(table);
}

static void emit_one(fuzz_emit_fn emit, void *context, void (*write)(blob *b, const sample *s), const sample *s) {
    blob b = {0};
    write(&b, s);
    emit(context, b.data, b.size);
    blob_free(&b);
}

void emit_samples(fuzz_emit_fn emit, void *context, void (*write)(blob *b, const sample *s)) {
    emit_one(emit, context, write, &sample_usual);
    sample other = sample_usual;
    other.style = SAMPLE_PARAMETER;
    other.prefix = "module.";
    other.wrapper = "state_dict";
    emit_one(emit, context, write, &other);
}
