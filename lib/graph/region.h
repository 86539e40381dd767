/* Passes on changed rectangles. Where an image differs from one whose values are known in a rectangle only, a layer's output differs in a
 * rectangle too, which grows with every window that a layer looks through. A region runs the first layers of a network on such rectangles
 * alone, for a batch of images whose rectangles have one size, until too much of a map has changed; the layers behind run on whole maps. */
#ifndef GCAM_GRAPH_REGION_H
#define GCAM_GRAPH_REGION_H

#include "graph/session.h"

typedef struct gcam__region gcam__region;

/* Upper left corner of image n's rectangle in the input. */
typedef void (*gcam__corner_fn)(const void *user, int64_t n, int64_t *y, int64_t *x);

/* Rectangles of size[0] x size[1] at the corners of `count` images, in a network that is run up to layer `end`; `base` is a session of one
 * image, whose next forward pass is to be that of the unchanged image. `*out` is NULL where rectangles would save little. Errors: NOMEM. */
gcam_status gcam__region_create(gcam__region **out, gcam_session *base, int end, const int64_t size[2], int64_t count,
                                gcam__corner_fn corner, const void *user);
void gcam__region_free(gcam__region *region);
/* Layers that end the region: whole maps of theirs are what the layers behind read. `edges` has room for all layers. */
int gcam__region_edges(const gcam__region *region, int *edges);
/* Elements of one image that layer `i` makes; -1 where it lies behind the region. */
int64_t gcam__region_elements(const gcam__region *region, int i);
/* Bytes that one image of a batch takes. */
size_t gcam__region_bytes(const gcam__region *region);
/* Makes room for a batch; `compute` runs it. Errors: NOMEM. */
gcam_status gcam__region_reserve(gcam__region *region, const gcam__compute *compute, int64_t batch);
/* Places image n of all as number b of the batch; `x` is the whole changed input. */
void gcam__region_set(gcam__region *region, int64_t b, int64_t n, const float *x);
/* Runs the region for the whole batch. */
void gcam__region_run(gcam__region *region);
/* The whole maps of an edge, of the batch. */
void gcam__region_paste(const gcam__region *region, int edge, float *out);

#endif
