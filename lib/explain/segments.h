/* Cut maps and the parts of them that hang together, shared by localize.c and outline.c. */
#ifndef GCAM_EXPLAIN_SEGMENTS_H
#define GCAM_EXPLAIN_SEGMENTS_H

#include "gradcam/explain.h"

/* Which part each cell belongs to: 0 for none, else its number from 1 on. */
typedef struct gcam__cells {
    const int32_t *part;
    int64_t h, w;
    int four_connected;
} gcam__cells;

/* A corner between cells: column 0..w, row 0..h. */
typedef struct gcam__corner {
    int64_t x, y;
} gcam__corner;

/* Corners of the outer border of the part whose first cell in row-major order is `first`, clockwise from that cell's upper left
 * corner; only where the border turns. At most `capacity` are written; the number there are is returned. */
size_t gcam__outline(const gcam__cells *cells, int64_t first, gcam__corner *corners, size_t capacity);

#endif
