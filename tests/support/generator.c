/* Weights and pictures from counters; tools/parity/generator.py is the same in Python. */
#include "support/generator.h"

#include "core/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stream of a name: FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t stream_of(const char *name) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001B3);
    return hash;
}

static int ends_with(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

void generator_fill(uint64_t seed, const char *name, const gcam_shape *shape, float *out) {
    int64_t count = gcam_shape_count(shape);
    double middle = 0, reach = 0.1;
    if (shape->rank > 1)
        reach = sqrt(6.0 / (double)(count / shape->dim[0]));
    else if (ends_with(name, "weight") || ends_with(name, "running_var"))
        middle = 1, reach = 0.5;
    uint64_t stream = stream_of(name);
    for (int64_t i = 0; i < count; i++) {
        double u = gcam__random_uniform(seed, stream, 0, (uint64_t)i);
        out[i] = (float)(middle + reach * (2 * u - 1));
    }
}

/* Reads the sizes after the name in `line`; the name ends up zero-terminated. */
static gcam_shape parse_line(char *line) {
    gcam_shape shape = {0};
    char *at = line + strcspn(line, " \n");
    if (*at) *at++ = 0;
    for (char *end; shape.rank < GCAM_MAX_RANK; at = end) {
        long long size = strtoll(at, &end, 10);
        if (end == at) break;
        shape.dim[shape.rank++] = size;
    }
    return shape;
}

static gcam_status add_tensor(gcam_tensor_table *table, uint64_t seed, char *line) {
    gcam_shape shape = parse_line(line);
    gcam_tensor *tensor = NULL;
    gcam_status status = gcam_tensor_create(&tensor, &shape);
    if (status) return status;
    generator_fill(seed, line, &shape, tensor->data);
    status = gcam_tensor_table_add(table, line, &shape, tensor->data);
    gcam_tensor_free(tensor);
    return status;
}

gcam_status generator_table(gcam_tensor_table **out, uint64_t seed, const char *list_path) {
    *out = NULL;
    FILE *list = fopen(list_path, "r");
    if (!list) return GCAM_ERR_IO;
    gcam_tensor_table *table = NULL;
    gcam_status status = gcam_tensor_table_create(&table);
    char line[512];
    while (!status && fgets(line, sizeof line, list)) status = add_tensor(table, seed, line);
    fclose(list);
    if (status)
        gcam_tensor_table_free(table);
    else
        *out = table;
    return status;
}

typedef struct {
    int x, y, radius, color[3];
} disc;

static int draw_number(uint64_t seed, uint64_t element, int low, int high) {
    return low + (int)(gcam__random_bits(seed, 0, 0, element) % (uint64_t)(high - low));
}

static disc draw_disc(uint64_t seed, uint64_t first, int width, int height) {
    disc d = {draw_number(seed, first, width / 8, width / 2),
              draw_number(seed, first + 1, height / 8, height * 7 / 8),
              0,
              {0}};
    d.radius = draw_number(seed, first + 2, height / 8 + 1, height / 4 + 2);
    for (int c = 0; c < 3; c++) d.color[c] = draw_number(seed, first + 3 + (uint64_t)c, 0, 256);
    return d;
}

static int inside(const disc *d, int x, int y) {
    return (x - d->x) * (x - d->x) + (y - d->y) * (y - d->y) < d->radius * d->radius;
}

gcam_status generator_picture(gcam_image **out, uint64_t seed, int width, int height) {
    gcam_status status = gcam_image_create(out, width, height);
    if (status) return status;
    disc discs[2] = {draw_disc(seed, 0, width, height), draw_disc(seed, 8, width, height)};
    uint8_t *pixel = (*out)->pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                int value = c == 0 ? 255 * x / width : c == 1 ? 255 * y / height : 128;
                if (2 * x >= width && (x + 2 * y) / 9 % 2) value = 255 - value;
                for (int i = 0; i < 2; i++)
                    if (inside(&discs[i], x, y)) value = discs[i].color[c];
                value += (int)(gcam__random_bits(seed, 1, (uint64_t)c, (uint64_t)(y * width + x)) % 33) - 16;
                *pixel++ = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
    return GCAM_OK;
}
