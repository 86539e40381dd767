/* The gate before stb_image's JPEG decoder. Until its version 2.28 that decoder writes out of bounds on Huffman tables that claim too
 * many codes and uses freed memory on some progressive files, so each segment is checked here first: only baseline (sequential,
 * Huffman, 8 bits) passes, and progressive where stb_image is new enough (ITU-T T.81, annex B). */
#include "core/status.h"
#include "io/image.h"

/* Second number of stb_image's version, from the Makefile. */
#ifndef GCAM_STB_MINOR
#define GCAM_STB_MINOR 0
#endif

enum { SOF0 = 0xC0, SOF1 = 0xC1, SOF2 = 0xC2, DHT = 0xC4, JPG = 0xC8, DAC = 0xCC, SOF15 = 0xCF };
enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DQT = 0xDB };

typedef struct gate {
    gcam__bytes file;
    size_t at;
    int width, height, components, scans;
    int progressive;
    uint8_t id[4], quantiser[4];    /* of each component */
    unsigned huffman[2], quantised; /* tables seen so far, a bit each; Huffman's by class, DC and AC */
} gate;

static gcam_status damaged(const gate *g, const char *what) {
    return gcam__fail_at(GCAM_ERR_FORMAT, "jpeg", (int64_t)g->at, "the JPEG is damaged at byte %zu: %s", g->at, what);
}

/* A frame header: the size, and sampling factors 1..4. */
static gcam_status check_frame(gate *g, const uint8_t *body, size_t length) {
    if (g->components) return damaged(g, "a second frame begins");
    if (length < 6 || length != (size_t)6 + (size_t)3 * body[5])
        return damaged(g, "the frame header has a wrong length");
    if (body[0] != 8) return gcam__fail(GCAM_ERR_UNSUPPORTED, "jpeg", "the JPEG has %d bits, expected 8", body[0]);
    g->height = (int)gcam__read_be16(body + 1);
    g->width = (int)gcam__read_be16(body + 3);
    g->components = body[5];
    if (g->width == 0 || g->height == 0) return damaged(g, "a side has no pixels");
    if (g->components != 1 && g->components != 3 && g->components != 4) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "jpeg", "the JPEG has %d colour components, expected 1, 3 or 4",
                          g->components);
    }
    for (int i = 0; i < g->components; i++) {
        int across = body[7 + 3 * i] >> 4, down = body[7 + 3 * i] & 15;
        if (across < 1 || across > 4 || down < 1 || down > 4 || body[8 + 3 * i] > 3) {
            return damaged(g, "a sampling factor or table number is out of range");
        }
        g->id[i] = body[6 + 3 * i];
        g->quantiser[i] = body[8 + 3 * i];
    }
    return GCAM_OK;
}

/* Huffman tables: 16 counts and their symbols each; counts must describe a code. */
static gcam_status check_huffman(gate *g, const uint8_t *body, size_t length) {
    while (length > 0) {
        if (length < 17 || (body[0] & 15) > 3 || body[0] >> 4 > 1) return damaged(g, "a Huffman table is malformed");
        size_t symbols = 0;
        int free_codes = 1;
        for (int bits = 1; bits <= 16; bits++) {
            symbols += body[bits];
            free_codes = 2 * free_codes - body[bits];
            if (free_codes < 0) return damaged(g, "a Huffman table has more codes than there can be");
        }
        if (symbols > 256 || length < 17 + symbols) return damaged(g, "a Huffman table is malformed");
        g->huffman[body[0] >> 4] |= 1u << (body[0] & 15);
        body += 17 + symbols;
        length -= 17 + symbols;
    }
    return GCAM_OK;
}

static gcam_status check_quantisation(gate *g, const uint8_t *body, size_t length) {
    while (length > 0) {
        size_t size = body[0] >> 4 ? 129 : 65;
        if ((body[0] & 15) > 3 || length < size) return damaged(g, "a quantisation table is malformed");
        g->quantised |= 1u << (body[0] & 15);
        body += size;
        length -= size;
    }
    return GCAM_OK;
}

/* The component `id` of a scan, with its numbers of a DC and an AC table: all tables that it needs must have come before. (The scans
 * of a progressive file need fewer; decoders that are let near one check for themselves.) */
static gcam_status check_scan_component(const gate *g, int id, int tables) {
    int i = 0;
    while (i < g->components && g->id[i] != id) i++;
    if (i == g->components) return damaged(g, "a scan names a component that the frame does not have");
    if (g->progressive) return GCAM_OK;
    int present = (g->huffman[0] >> (tables >> 4) & 1) && (g->huffman[1] >> (tables & 15) & 1);
    if (!present) return damaged(g, "a scan needs a Huffman table that is missing");
    if (!(g->quantised >> g->quantiser[i] & 1)) return damaged(g, "a scan needs a quantisation table that is missing");
    return GCAM_OK;
}

static gcam_status check_scan(gate *g, const uint8_t *body, size_t length) {
    if (!g->components) return damaged(g, "a scan begins before the frame header");
    if (length < 1 || length != (size_t)4 + (size_t)2 * body[0] || body[0] < 1 || body[0] > g->components) {
        return damaged(g, "a scan header is malformed");
    }
    for (int i = 0; i < body[0]; i++) GCAM_TRY(check_scan_component(g, body[1 + 2 * i], body[2 + 2 * i]));
    g->scans++;
    return GCAM_OK;
}

static gcam_status check_segment(gate *g, int marker, const uint8_t *body, size_t length) {
    if (marker == SOF2 && GCAM_STB_MINOR < 28) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "jpeg",
                          "progressive JPEGs are not read by this build; one with libjpeg reads them");
    }
    if (marker == SOF2) g->progressive = 1;
    if (marker == SOF0 || marker == SOF1 || marker == SOF2) return check_frame(g, body, length);
    if (marker == DHT) return check_huffman(g, body, length);
    if (marker == DQT) return check_quantisation(g, body, length);
    if (marker == SOS) return check_scan(g, body, length);
    if ((marker >= SOF0 && marker <= SOF15 && marker != JPG) || marker == DAC) {
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "jpeg", "the JPEG uses a rare coding (marker %02X)", marker);
    }
    return GCAM_OK;
}

/* Moves to the next marker after entropy-coded data: FF followed by neither 0 (a stuffed byte), nor a restart marker, nor FF. */
static void skip_scan_data(gate *g) {
    const uint8_t *data = g->file.data;
    for (; g->at + 1 < g->file.size; g->at++) {
        uint8_t next = data[g->at + 1];
        if (data[g->at] == 0xFF && next != 0 && next != 0xFF && (next < 0xD0 || next > 0xD7)) return;
    }
}

gcam_status gcam__jpeg_gate(gcam__bytes file, int *width, int *height) {
    gate g = {.file = file, .at = 2};
    for (;;) {
        while (g.at + 1 < file.size && file.data[g.at] == 0xFF && file.data[g.at + 1] == 0xFF) g.at++;
        if (g.at + 2 > file.size) return damaged(&g, "the file ends before the picture does");
        if (file.data[g.at] != 0xFF) return damaged(&g, "a marker was expected");
        int marker = file.data[g.at + 1];
        if (marker == EOI) break;
        if (file.size - g.at < 4) return damaged(&g, "the file ends before the picture does");
        size_t length = gcam__read_be16(file.data + g.at + 2);
        if (length < 2 || length > file.size - g.at - 2) return damaged(&g, "a segment is longer than the file");
        GCAM_TRY(check_segment(&g, marker, file.data + g.at + 4, length - 2));
        g.at += 2 + length;
        if (marker == SOS) skip_scan_data(&g);
    }
    if (!g.scans) return damaged(&g, "it holds no picture");
    *width = g.width;
    *height = g.height;
    return GCAM_OK;
}
