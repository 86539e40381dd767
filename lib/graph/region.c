/* Passes on changed rectangles. Output cell o of a layer with a window of kernel k, stride s, dilation d and padding p reads the input cells
 * o s - p + r d, r < k, so of changed input cells a .. b - 1 it is touched for
 *   ceil((a - (k - 1) d + p) / s) <= o <= floor((b - 1 + p) / s).
 * A layer's rectangles have one size for all images, the largest that any of them needs; near a border they are moved inwards. To compute one,
 * its inputs are put together as a patch: the known values of the unchanged image, what has changed laid over them, and padding. The layer then
 * runs on patches as on small pictures, without padding of its own. */
#include "graph/region.h"

#include "core/memory.h"
#include "core/status.h"
#include "layers/window.h"

#include <math.h>
#include <string.h>

/* A map that has changed over more than this share is computed as a whole; the region must save this share of the multiplications. */
static const double LARGEST_SHARE = 0.6, LEAST_SAVED = 0.1;

/* One layer of the region. */
typedef struct crop {
    int live; /* in the region */
    int edge;
    gcam__window window[2];
    float fill;       /* what padding is */
    int64_t size[2];  /* of the rectangle */
    gcam__layer bare; /* the layer without padding; its parameters are owned */
    const void *prepared;
    int64_t *start; /* corner of each image's rectangle, two numbers */
    gcam_tensor value;
    int owns; /* `value` is memory of its own */
} crop;

struct gcam__region {
    gcam_session *base;
    const gcam_network *network;
    gcam__compute compute;
    int64_t batch;
    gcam__corner_fn corner;
    const void *user;
    crop *crops;         /* one a layer */
    int64_t (*range)[4]; /* of one image: first row, column, and the ones behind the last */
    gcam_tensor *patch;  /* one an input of a layer */
    const gcam_tensor **in;
    gcam_shape *in_shape;
    float *patches;
    void *scratch;
};

/* ---- where things change ----------------------------------------------------------------------------------------------------------- */

static int64_t ceil_div(int64_t a, int64_t b) {
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

static int64_t clip(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

static const gcam_shape *shape_of(const gcam__region *r, int i) {
    return gcam__session_shape(r->base, i);
}

/* Widens the range of layer i by what changes through input `from`. */
static void widen(const gcam__region *r, int i, int from) {
    for (int axis = 0; axis < 2; axis++) {
        const gcam__window *w = &r->crops[i].window[axis];
        int64_t length = shape_of(r, i)->dim[2 + axis];
        int64_t first = ceil_div(r->range[from][axis] - (w->kernel - 1) * w->dilation + w->pad, w->stride);
        int64_t last = (r->range[from][2 + axis] - 1 + w->pad) / w->stride;
        first = clip(first, 0, length - 1);
        last = clip(last + 1, first + 1, length);
        if (first < r->range[i][axis]) r->range[i][axis] = first;
        if (last > r->range[i][2 + axis]) r->range[i][2 + axis] = last;
    }
}

/* Ranges of all layers for image n. */
static void trace(const gcam__region *r, int64_t n, const int64_t size[2]) {
    int64_t y, x;
    r->corner(r->user, n, &y, &x);
    for (int i = 0; i < r->network->count; i++) {
        const gcam__node *node = &r->network->nodes[i];
        if (!r->crops[i].live) continue;
        const int64_t *dim = shape_of(r, i)->dim;
        int64_t *range = r->range[i];
        range[0] = dim[2], range[1] = dim[3], range[2] = range[3] = 0;
        if (i == r->network->input)
            range[0] = y, range[1] = x, range[2] = clip(y + size[0], 1, dim[2]),
            range[3] = clip(x + size[1], 1, dim[3]);
        for (int k = 0; k < node->input_count; k++) widen(r, i, node->inputs[k]);
    }
}

/* May the layer run on patches? All its inputs must be in the region, and as large as its output where it looks through no window. */
static int may_live(const gcam__region *r, int i) {
    const gcam__node *node = &r->network->nodes[i];
    crop *c = &r->crops[i];
    if (i == r->network->input) return shape_of(r, i)->rank == 4;
    c->fill = 0;
    for (int axis = 0; axis < 2; axis++) c->window[axis] = (gcam__window){.kernel = 1, .stride = 1, .dilation = 1};
    if (!node->layer.op->reach || !node->layer.op->reach(&node->layer, c->window, &c->fill)) return 0;
    if (shape_of(r, i)->rank != 4 || node->input_count < 1) return 0;
    for (int k = 0; k < node->input_count; k++) {
        const gcam_shape *in = shape_of(r, node->inputs[k]);
        if (!r->crops[node->inputs[k]].live) return 0;
        for (int axis = 2; axis < 4; axis++)
            if (node->input_count > 1 && in->dim[axis] != shape_of(r, i)->dim[axis]) return 0;
    }
    return 1;
}

static double share_of(const gcam__region *r, int i) {
    const int64_t *dim = shape_of(r, i)->dim;
    return (double)(r->crops[i].size[0] * r->crops[i].size[1]) / (double)(dim[2] * dim[3]);
}

/* Ends the region where a map has changed too much. */
static void limit(const gcam__region *r) {
    for (int i = 0; i < r->network->count; i++) {
        crop *c = &r->crops[i];
        const gcam__node *node = &r->network->nodes[i];
        if (!c->live || i == r->network->input) continue;
        for (int k = 0; k < node->input_count; k++) c->live &= r->crops[node->inputs[k]].live;
        if (c->live && share_of(r, i) > LARGEST_SHARE) c->live = 0;
    }
}

static void find_sizes(const gcam__region *r, int end, const int64_t size[2], int64_t count) {
    for (int i = 0; i < r->network->count; i++) r->crops[i].live = i < end && may_live(r, i);
    for (int64_t n = 0; n < count; n++) {
        trace(r, n, size);
        for (int i = 0; i < r->network->count; i++)
            for (int axis = 0; axis < 2 && r->crops[i].live; axis++)
                if (r->range[i][2 + axis] - r->range[i][axis] > r->crops[i].size[axis])
                    r->crops[i].size[axis] = r->range[i][2 + axis] - r->range[i][axis];
    }
    limit(r);
}

static void find_edges(const gcam__region *r, int end) {
    for (int i = 0; i <= end; i++) {
        const gcam__node *node = &r->network->nodes[i];
        for (int k = 0; k < node->input_count && !r->crops[i].live; k++) r->crops[node->inputs[k]].edge = 1;
    }
    for (int i = 0; i <= end; i++) r->crops[i].edge &= r->crops[i].live;
}

/* Share of the multiplications that need not be done. */
static double saving(const gcam__region *r, int end) {
    double all = 1, saved = 0;
    for (int i = 0; i <= end; i++) {
        const gcam__node *node = &r->network->nodes[i];
        if (!node->layer.op->multiplies) continue;
        gcam_shape in = *shape_of(r, node->inputs[0]);
        double products = (double)node->layer.op->multiplies(&node->layer, &in, shape_of(r, i));
        all += products;
        if (r->crops[i].live) saved += products * (1 - share_of(r, i));
    }
    return saved / all;
}

/* ---- making ------------------------------------------------------------------------------------------------------------------------- */

/* A copy of the layer whose windows are not padded. */
static gcam_status strip(const gcam__layer *layer, gcam__layer *bare) {
    *bare = *layer;
    if (layer->op->params_size == 0) return GCAM_OK;
    bare->params = gcam__alloc(layer->op->params_size);
    if (!bare->params) return gcam_last_error()->status;
    memcpy(bare->params, layer->params, layer->op->params_size);
    for (const gcam__param *p = layer->op->params; p->name; p++) {
        char *field = (char *)bare->params + p->offset;
        if (strcmp(p->name, "pad") == 0 || strcmp(p->name, "pad_end") == 0) memset(field, 0, 2 * sizeof(int64_t));
        if (strcmp(p->name, "ceil_mode") == 0) memset(field, 0, sizeof(int64_t));
    }
    return GCAM_OK;
}

static gcam_status make(gcam__region *r, int end, const int64_t size[2], int64_t count) {
    size_t layers = (size_t)r->network->count, most = 1;
    for (int i = 0; i < r->network->count; i++)
        if ((size_t)r->network->nodes[i].input_count > most) most = (size_t)r->network->nodes[i].input_count;
    r->crops = gcam__calloc(layers, sizeof *r->crops);
    r->range = gcam__calloc(layers, sizeof *r->range);
    r->patch = gcam__calloc(most, sizeof *r->patch);
    r->in = gcam__calloc(most, sizeof *r->in);
    r->in_shape = gcam__calloc(most, sizeof *r->in_shape);
    if (!r->crops || !r->range || !r->patch || !r->in || !r->in_shape) return GCAM_ERR_NOMEM;
    find_sizes(r, end, size, count);
    find_edges(r, end);
    for (int i = 0; i < r->network->count; i++) {
        if (!r->crops[i].live) continue;
        GCAM_TRY(strip(&r->network->nodes[i].layer, &r->crops[i].bare));
        GCAM_TRY(gcam_session_watch(r->base, i, GCAM_WATCH_ACTIVATION));
    }
    return GCAM_OK;
}

gcam_status gcam__region_create(gcam__region **out, gcam_session *base, int end, const int64_t size[2], int64_t count,
                                gcam__corner_fn corner, const void *user) {
    *out = NULL;
    gcam__region *r = gcam__calloc(1, sizeof *r);
    if (!r) return GCAM_ERR_NOMEM;
    *r = (gcam__region){.base = base, .network = base->network, .corner = corner, .user = user};
    gcam_status status = make(r, end, size, count);
    if (status != GCAM_OK || saving(r, end) < LEAST_SAVED)
        gcam__region_free(r);
    else
        *out = r;
    return status;
}

static void release(gcam__region *r) {
    for (int i = 0; r->crops && i < r->network->count; i++) {
        if (r->crops[i].owns) gcam__free(r->crops[i].value.data);
        gcam__free(r->crops[i].start);
        r->crops[i].value.data = NULL;
        r->crops[i].start = NULL;
        r->crops[i].owns = 0;
    }
    gcam__free(r->patches);
    gcam__free(r->scratch);
    r->patches = NULL;
    r->scratch = NULL;
}

void gcam__region_free(gcam__region *r) {
    if (!r) return;
    release(r);
    for (int i = 0; r->crops && i < r->network->count; i++)
        if (r->crops[i].bare.op && r->crops[i].bare.op->params_size) gcam__free(r->crops[i].bare.params);
    gcam__free(r->crops);
    gcam__free(r->range);
    gcam__free(r->patch);
    gcam__free(r->in);
    gcam__free(r->in_shape);
    gcam__free(r);
}

int gcam__region_edges(const gcam__region *r, int *edges) {
    int count = 0;
    for (int i = 0; i < r->network->count; i++)
        if (r->crops[i].edge) edges[count++] = i;
    return count;
}

int64_t gcam__region_elements(const gcam__region *r, int i) {
    const crop *c = &r->crops[i];
    return c->live ? shape_of(r, i)->dim[1] * c->size[0] * c->size[1] : -1;
}

/* Rows or columns of input that a rectangle of layer i is made of. */
static int64_t patch_side(const crop *c, int axis) {
    const gcam__window *w = &c->window[axis];
    return (c->size[axis] - 1) * w->stride + (w->kernel - 1) * w->dilation + 1;
}

/* Elements of the patches of layer i, of one image. */
static int64_t patch_elements(const gcam__region *r, int i) {
    const gcam__node *node = &r->network->nodes[i];
    int64_t sum = 0;
    for (int k = 0; k < node->input_count && r->crops[i].live; k++)
        sum += shape_of(r, node->inputs[k])->dim[1] * patch_side(&r->crops[i], 0) * patch_side(&r->crops[i], 1);
    return sum;
}

static int64_t largest_patch(const gcam__region *r) {
    int64_t most = 1;
    for (int i = 0; i < r->network->count; i++) most = patch_elements(r, i) > most ? patch_elements(r, i) : most;
    return most;
}

size_t gcam__region_bytes(const gcam__region *r) {
    int64_t sum = largest_patch(r);
    for (int i = 0; i < r->network->count; i++) sum += r->crops[i].live ? gcam__region_elements(r, i) : 0;
    return (size_t)sum * sizeof(float);
}

/* ---- room for a batch --------------------------------------------------------------------------------------------------------------- */

static int count_readers(const gcam__region *r, int layer) {
    int readers = 0;
    for (int i = layer + 1; i < r->network->count; i++)
        for (int k = 0; k < r->network->nodes[i].input_count; k++) readers += r->network->nodes[i].inputs[k] == layer;
    return readers;
}

/* Looks the layer at single cells of rectangles that lie where its own do? */
static int is_cellwise(const gcam__region *r, int i, int from) {
    const crop *c = &r->crops[i], *f = &r->crops[from];
    int same = 1;
    for (int axis = 0; axis < 2; axis++)
        same &= c->window[axis].kernel == 1 && c->window[axis].stride == 1 && c->window[axis].pad == 0
                && c->size[axis] == f->size[axis];
    return same;
}

static gcam_status place_value(gcam__region *r, int i) {
    crop *c = &r->crops[i];
    const gcam__node *node = &r->network->nodes[i];
    int from = node->input_count == 1 ? node->inputs[0] : -1;
    c->value.shape = (gcam_shape){4, {r->batch, shape_of(r, i)->dim[1], c->size[0], c->size[1]}};
    c->start = gcam__calloc((size_t)r->batch, 2 * sizeof *c->start);
    if (!c->start) return gcam_last_error()->status;
    if (from >= 0 && node->layer.op->in_place && is_cellwise(r, i, from) && count_readers(r, from) == 1) {
        c->value.data = r->crops[from].value.data;
        return GCAM_OK;
    }
    c->value.data = gcam__alloc((size_t)gcam_shape_count(&c->value.shape) * sizeof(float));
    c->owns = c->value.data != NULL;
    return c->owns ? GCAM_OK : gcam_last_error()->status;
}

static void patch_shape(const gcam__region *r, int i, int from, gcam_shape *shape) {
    const crop *c = &r->crops[i];
    *shape = (gcam_shape){4, {r->batch, shape_of(r, from)->dim[1], patch_side(c, 0), patch_side(c, 1)}};
}

/* Prepared weights are those of the padded layer for a picture that gives the same output, so that they are shared with whole passes. */
static gcam_status prepare(gcam__region *r, int i, size_t *scratch) {
    crop *c = &r->crops[i];
    const gcam__node *node = &r->network->nodes[i];
    const gcam__op *op = node->layer.op;
    gcam_shape padded;
    for (int k = 0; k < node->input_count; k++) patch_shape(r, i, node->inputs[k], &r->in_shape[k]);
    padded = r->in_shape[0];
    for (int axis = 0; axis < 2; axis++) padded.dim[2 + axis] -= c->window[axis].pad + c->window[axis].pad_end;
    if (op->prepared_bytes
        && op->prepared_bytes(&r->compute, &c->bare, &r->in_shape[0], &c->value.shape)
               != op->prepared_bytes(&r->compute, &node->layer, &padded, &c->value.shape))
        return gcam__fail(GCAM_ERR_UNSUPPORTED, "region", "%s: its weights are prepared otherwise for patches",
                          node->name);
    GCAM_TRY(gcam__network_prepare(r->network, i, &r->compute, &padded, &c->value.shape, &c->prepared));
    size_t bytes = op->scratch_bytes ? op->scratch_bytes(&r->compute, &c->bare, r->in_shape, &c->value.shape, 0, 1) : 0;
    if (bytes > *scratch) *scratch = bytes;
    return GCAM_OK;
}

gcam_status gcam__region_reserve(gcam__region *r, const gcam__compute *compute, int64_t batch) {
    size_t scratch = 1;
    release(r);
    r->compute = *compute;
    r->batch = batch;
    r->patches = gcam__alloc((size_t)(largest_patch(r) * batch) * sizeof *r->patches);
    if (!r->patches) return gcam_last_error()->status;
    for (int i = 0; i < r->network->count; i++) {
        if (!r->crops[i].live) continue;
        GCAM_TRY(place_value(r, i));
        if (i != r->network->input) GCAM_TRY(prepare(r, i, &scratch));
    }
    r->scratch = gcam__alloc(scratch);
    return r->scratch ? GCAM_OK : gcam_last_error()->status;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------ */

/* Rows of an input's planes: known values, changed ones over them, padding around; to rectangles of `side` at `start`. */
typedef struct patching {
    const gcam__region *r;
    int from, to; /* layers; `to` < 0: whole maps */
    int64_t side[2];
    float *out;
} patching;

/* Copies the part of a plane of dim[0] x dim[1] that lies at `corner` into the patch at `start`, where they overlap. */
static void overlay(const float *plane, const int64_t dim[2], const int64_t corner[2], const int64_t start[2],
                    const int64_t side[2], float *out) {
    int64_t left = corner[1] > start[1] ? corner[1] : start[1];
    int64_t right = clip(corner[1] + dim[1], left, start[1] + side[1] > left ? start[1] + side[1] : left);
    int64_t top = corner[0] > start[0] ? corner[0] : start[0];
    for (int64_t y = top; y < corner[0] + dim[0] && y < start[0] + side[0]; y++)
        memcpy(out + (y - start[0]) * side[1] + left - start[1], plane + (y - corner[0]) * dim[1] + left - corner[1],
               (size_t)(right - left) * sizeof *out);
}

static void patch_plane(void *context, int64_t index, int worker) {
    (void)worker;
    const patching *p = context;
    const gcam__region *r = p->r;
    const crop *from = &r->crops[p->from], *to = p->to < 0 ? NULL : &r->crops[p->to];
    const gcam_shape *whole = shape_of(r, p->from);
    int64_t channels = whole->dim[1], b = index / channels, c = index % channels, start[2] = {0, 0};
    static const int64_t origin[2] = {0, 0};
    for (int axis = 0; to && axis < 2; axis++)
        start[axis] = to->start[2 * b + axis] * to->window[axis].stride - to->window[axis].pad;
    float *out = p->out + index * p->side[0] * p->side[1];
    int inside = start[0] >= 0 && start[1] >= 0 && start[0] + p->side[0] <= whole->dim[2]
                 && start[1] + p->side[1] <= whole->dim[3];
    for (int64_t i = 0; !inside && i < p->side[0] * p->side[1]; i++) out[i] = to->fill;
    const float *known = r->base->activation[p->from].data + c * whole->dim[2] * whole->dim[3];
    overlay(known, &whole->dim[2], origin, start, p->side, out);
    overlay(from->value.data + index * from->size[0] * from->size[1], from->size, from->start + 2 * b, start, p->side,
            out);
}

static void run_patching(const gcam__region *r, int from, int to, const int64_t side[2], float *out) {
    patching p = {r, from, to, {side[0], side[1]}, out};
    gcam__parallel(r->compute.pool, r->batch * shape_of(r, from)->dim[1], patch_plane, &p);
}

static void run_layer(gcam__region *r, int i) {
    crop *c = &r->crops[i];
    const gcam__node *node = &r->network->nodes[i];
    float *room = r->patches;
    for (int k = 0; k < node->input_count; k++) {
        int from = node->inputs[k];
        r->patch[k] = r->crops[from].value;
        if (!is_cellwise(r, i, from)
            || memcmp(c->start, r->crops[from].start, (size_t)r->batch * 2 * sizeof *c->start) != 0) {
            patch_shape(r, i, from, &r->patch[k].shape);
            r->patch[k].data = room;
            run_patching(r, from, i, &r->patch[k].shape.dim[2], room);
            room += gcam_shape_count(&r->patch[k].shape);
        }
        r->in[k] = &r->patch[k];
        r->in_shape[k] = r->patch[k].shape;
    }
    gcam__run run = {.compute = &r->compute,
                     .layer = &c->bare,
                     .in = r->in,
                     .in_count = node->input_count,
                     .in_shape = r->in_shape,
                     .out = &c->value,
                     .scratch = r->scratch,
                     .prepared = c->prepared,
                     .seeds = 1};
    node->layer.op->forward(&run);
}

void gcam__region_set(gcam__region *r, int64_t b, int64_t n, const float *x) {
    crop *input = &r->crops[r->network->input];
    const gcam_shape *shape = shape_of(r, r->network->input);
    trace(r, n, input->size);
    for (int i = 0; i < r->network->count; i++)
        for (int axis = 0; axis < 2 && r->crops[i].live; axis++)
            r->crops[i].start[2 * b + axis] =
                clip(r->range[i][axis], 0, shape_of(r, i)->dim[2 + axis] - r->crops[i].size[axis]);
    static const int64_t origin[2] = {0, 0};
    int64_t cells = input->size[0] * input->size[1], plane = shape->dim[2] * shape->dim[3];
    for (int64_t c = 0; c < shape->dim[1]; c++)
        overlay(x + c * plane, &shape->dim[2], origin, input->start + 2 * b, input->size,
                input->value.data + (b * shape->dim[1] + c) * cells);
}

void gcam__region_run(gcam__region *r) {
    for (int i = 0; i < r->network->count; i++)
        if (r->crops[i].live && i != r->network->input) run_layer(r, i);
}

void gcam__region_paste(const gcam__region *r, int edge, float *out) {
    run_patching(r, edge, -1, &shape_of(r, edge)->dim[2], out);
}
