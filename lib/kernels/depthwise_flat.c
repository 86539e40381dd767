/* Depthwise convolution over flat planes, for strides of 1 and 2 whose output rows are as long as the input's, divided by the stride
 * (padding "same"). Rows of 7 or 14 outputs would fill vectors badly; so a strip of input rows is copied without padding to the left
 * and right, split into phases (rows and columns modulo the stride), and each phase's rows are as long as the output's. Then tap (r, s)
 * of output j = p Q + q lies at a fixed distance from j, vectors run over the ends of rows, and what a tap finds beyond them is masked
 * out. See depthwise_template.h. */
#include "kernels/conv.h"
#include "kernels/depthwise.h"

#include <string.h>

enum { STRIP_FLOATS = 6144, BEFORE = 16, AFTER = 48, UNIT_OUTPUTS = 4096 };

/* Where a tap lies on one axis: input position = (output + offset) stride + phase. */
typedef struct tap {
    int64_t phase, offset;
} tap;

static tap tap_of(const gcam__conv *conv, int axis, int64_t index) {
    int64_t at = index * conv->dilation[axis] - conv->pad[axis], stride = conv->stride[axis];
    int64_t phase = ((at % stride) + stride) % stride;
    return (tap){phase, (at - phase) / stride};
}

int gcam__depthwise_is_flat(const gcam__conv *conv) {
    int64_t stride = conv->stride[0], reach = (conv->s - 1) * conv->dilation[1];
    return (stride == 1 || stride == 2) && conv->stride[1] == stride && conv->r <= GCAM__FLAT_SIDE
           && conv->s <= GCAM__FLAT_SIDE && conv->q == gcam__ceil_div(conv->w, stride) && conv->pad[1] >= 0
           && conv->pad[1] < BEFORE && reach < BEFORE;
}

typedef struct flat_job {
    const gcam__conv *conv;
    const gcam__epilogue *epilogue; /* NULL: none */
    const gcam__simd *simd;
    const float *x, *w;
    float *y, *scratch;
    int flip;                     /* 1: filters turned round */
    int64_t lowest, extra;        /* first phase row of output row 0, and how many more a strip has than output rows */
    int64_t rows, planes;         /* output rows of one strip, planes of one unit */
    int64_t block, worker_floats; /* floats of one phase of a strip, and of all */
    gcam__depthwise_flat all;     /* what is the same in all planes */
} flat_job;

static flat_job plan(const gcam__compute *compute, const gcam__conv *conv) {
    flat_job job = {.conv = conv, .simd = gcam__simd_for(compute)};
    int64_t phases = conv->stride[0] * conv->stride[1];
    job.lowest = tap_of(conv, 0, 0).offset;
    job.extra = tap_of(conv, 0, conv->r - 1).offset - job.lowest;
    int64_t most = STRIP_FLOATS / phases / conv->q - job.extra;
    job.rows = gcam__max(1, gcam__min(conv->p, most));
    job.planes = gcam__max(1, UNIT_OUTPUTS / (conv->p * conv->q));
    job.block = gcam__ceil_div(BEFORE + (job.rows + job.extra) * conv->q + AFTER, 16) * 16;
    job.worker_floats = phases * job.block;
    gcam__depthwise_flat *d = &job.all;
    d->r = conv->r, d->s = conv->s, d->scale = 1, d->period = conv->q;
    d->mask_floats = gcam__ceil_div(conv->q + job.simd->width, 16) * 16;
    d->step = job.simd->width % conv->q;
    for (int64_t r = 0; r < conv->r; r++) {
        tap row = tap_of(conv, 0, r);
        d->row[r] = row.phase * conv->stride[1] * job.block + BEFORE + (row.offset - job.lowest) * conv->q;
    }
    for (int64_t s = 0; s < conv->s; s++) {
        tap column = tap_of(conv, 1, s);
        d->column[s] = column.phase * job.block + column.offset;
    }
    return job;
}

/* -1 where the tap column finds the plane, 0 where it lies beside it. */
static void make_masks(const flat_job *job, int32_t *mask) {
    const gcam__conv *conv = job->conv;
    for (int64_t s = 0; s < conv->s; s++, mask += job->all.mask_floats) {
        tap column = tap_of(conv, 1, s);
        for (int64_t i = 0; i < job->all.mask_floats; i++) {
            int64_t w = (i % conv->q + column.offset) * conv->stride[1] + column.phase;
            mask[i] = w >= 0 && w < conv->w ? -1 : 0;
        }
    }
}

/* Copies the phase rows of output rows p0 .. p1 - 1; those outside the plane are zero. */
static void load_strip(const flat_job *job, const float *x, int64_t p0, int64_t p1, float *strip) {
    const gcam__conv *conv = job->conv;
    int64_t stride = conv->stride[0], rows = p1 - p0 + job->extra;
    for (int64_t phase = 0; phase < stride; phase++) {
        float *to = strip + phase * stride * job->block + BEFORE;
        int64_t first = p0 + job->lowest, end = gcam__ceil_div(conv->h - phase, stride); /* rows of this phase */
        int64_t above = gcam__min(gcam__max(-first, 0), rows);
        int64_t inside = gcam__max(gcam__min(end - first, rows) - above, 0);
        const float *from = x + ((first + above) * stride + phase) * conv->w;
        for (int64_t f = 0; f < stride; f++) memset(to + f * job->block, 0, (size_t)(above * conv->q) * sizeof *to);
        if (stride == 1)
            memcpy(to + above * conv->q, from, (size_t)(inside * conv->w) * sizeof *to);
        else
            job->simd->split_rows(from, inside, conv->w, x + conv->h * conv->w - from, to + above * conv->q,
                                  job->block);
        for (int64_t f = 0; f < stride; f++)
            memset(to + f * job->block + (above + inside) * conv->q, 0,
                   (size_t)((rows - above - inside) * conv->q) * sizeof *to);
    }
}

static void run_plane(const flat_job *job, int64_t index, float *strip) {
    const gcam__conv *conv = job->conv;
    const gcam__epilogue *e = job->epilogue;
    int64_t k = index % conv->k, image = index / conv->k, c = k / (conv->k / conv->c), taps = conv->r * conv->s;
    float flipped[GCAM__FLAT_SIDE * GCAM__FLAT_SIDE];
    gcam__depthwise_flat d = job->all;
    d.x = strip, d.w = job->w + k * taps;
    if (e && e->scale) d.scale = e->scale[k];
    if (e && e->bias) d.bias = e->bias[k];
    if (job->flip) {
        for (int64_t i = 0; i < taps; i++) flipped[i] = d.w[taps - 1 - i];
        d.w = flipped;
    }
    const float *x = job->x + (image * conv->c + c) * conv->h * conv->w;
    for (int64_t p = 0; p < conv->p; p += job->rows) {
        int64_t end = gcam__min(p + job->rows, conv->p), at = (index * conv->p + p) * conv->q;
        load_strip(job, x, p, end, strip);
        d.count = (end - p) * conv->q;
        d.last_at = d.count < job->simd->width ? 0 : (d.count - job->simd->width) % conv->q;
        d.y = job->y + at;
        d.add = e && e->add ? e->add + at : NULL;
        job->simd->depthwise_flat(&d);
    }
}

static void unit(void *context, int64_t index, int worker) {
    const flat_job *job = context;
    float *strip = job->scratch + job->conv->s * job->all.mask_floats + worker * job->worker_floats;
    int64_t end = gcam__min((index + 1) * job->planes, job->conv->n * job->conv->k);
    for (int64_t plane = index * job->planes; plane < end; plane++) run_plane(job, plane, strip);
}

void gcam__depthwise_flat_run(const gcam__conv_call *call, const gcam__conv *conv, int flip) {
    flat_job job = plan(call->compute, conv);
    job.x = call->x, job.w = call->w, job.y = call->y, job.scratch = call->scratch;
    job.epilogue = call->epilogue, job.flip = flip;
    job.all.mask = (const int32_t *)(const void *)job.scratch;
    if (call->epilogue) job.all.relu = call->epilogue->relu, job.all.cap = call->epilogue->cap;
    make_masks(&job, (int32_t *)(void *)job.scratch);
    gcam__parallel(call->compute->pool, gcam__ceil_div(conv->n * conv->k, job.planes), unit, &job);
}

size_t gcam__depthwise_flat_scratch(const gcam__compute *compute, const gcam__conv *conv) {
    flat_job job = plan(compute, conv);
    int64_t floats = conv->s * job.all.mask_floats + gcam__pool_threads(compute->pool) * job.worker_floats;
    return (size_t)floats * sizeof(float);
}
