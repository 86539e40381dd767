/* Sliding windows. The padding of pooling must be smaller than the (dilated) kernel and the dilation no larger than the input:
 * then every window sees at least one cell, and no maximum is taken over nothing. */
#include "layers/window.h"

#include "core/status.h"
#include "layers/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

int64_t gcam__window_count(const gcam__window *window, int64_t size) {
    int64_t room = size + window->pad + window->pad_end - window->dilation * (window->kernel - 1) - 1;
    if (room < 0) return 0;
    if (!window->ceil_mode) return room / window->stride + 1;
    int64_t count = (room + window->stride - 1) / window->stride + 1;
    return (count - 1) * window->stride >= size + window->pad ? count - 1 : count;
}

/* "1", or "1 above and 2 below" where the sides differ. */
static const char *padding_text(const gcam__window window[2], char *text, size_t room) {
    int same = window[0].pad == window[0].pad_end && window[1].pad == window[1].pad_end;
    if (same && window[0].pad == window[1].pad)
        snprintf(text, room, "%" PRId64, window[0].pad);
    else
        snprintf(text, room, "%" PRId64 ",%" PRId64 " before and %" PRId64 ",%" PRId64 " after", window[0].pad,
                 window[1].pad, window[0].pad_end, window[1].pad_end);
    return text;
}

gcam_status gcam__window_counts(const gcam__layer *layer, const gcam__window window[2], const int64_t size[2],
                                int64_t out[2]) {
    for (int i = 0; i < 2; i++) {
        out[i] = gcam__window_count(&window[i], size[i]);
        if (out[i] > 0) continue;
        char padding[128], dilation[64] = "";
        if (window[0].dilation > 1 || window[1].dilation > 1)
            snprintf(dilation, sizeof dilation, " with dilation %" PRId64 ",%" PRId64, window[0].dilation,
                     window[1].dilation);
        return gcam__fail(GCAM_ERR_SHAPE, "layer",
                          "%s: %" PRId64 "x%" PRId64 " kernel%s does not fit in an input of %" PRId64 "x%" PRId64
                          " with padding %s",
                          layer->name, window[0].kernel, window[1].kernel, dilation, size[0], size[1],
                          padding_text(window, padding, sizeof padding));
    }
    return GCAM_OK;
}

static void pool_windows(const gcam_pool_params *p, gcam__window window[2]) {
    for (int i = 0; i < 2; i++)
        window[i] = (gcam__window){.kernel = p->kernel[i],
                                   .stride = p->stride[i] ? p->stride[i] : p->kernel[i],
                                   .dilation = p->dilation[i],
                                   .pad = p->pad[i],
                                   .pad_end = p->pad[i] + p->pad_end[i],
                                   .ceil_mode = p->ceil_mode != 0};
}

static gcam_status check_padding(const gcam__layer *layer, const gcam__window *window, int64_t size) {
    int64_t limit = window->dilation * (window->kernel - 1);
    if (window->pad_end < 0)
        return gcam__fail(GCAM_ERR_ARGUMENT, "layer",
                          "%s: the padding below or right is %" PRId64 ", expected no negative number", layer->name,
                          window->pad_end);
    if (window->pad > limit || window->pad_end > limit)
        return gcam__fail(GCAM_ERR_SHAPE, "layer",
                          "%s: padding %" PRId64 " is not smaller than the kernel, which spans %" PRId64, layer->name,
                          window->pad > limit ? window->pad : window->pad_end, limit + 1);
    if (window->dilation > size && window->pad > 0)
        return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: dilation %" PRId64 " is larger than the input's %" PRId64,
                          layer->name, window->dilation, size);
    return GCAM_OK;
}

gcam_status gcam__pool_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    GCAM_TRY(gcam__expect_image(layer, in));
    gcam__window window[2];
    pool_windows(layer->params, window);
    for (int i = 0; i < 2; i++) GCAM_TRY(check_padding(layer, &window[i], in->dim[2 + i]));
    *out = *in;
    GCAM_TRY(gcam__window_counts(layer, window, &in->dim[2], &out->dim[2]));
    return gcam__check_output(layer, out);
}

gcam__pool2d gcam__pool_geometry(const gcam__layer *layer, const gcam_shape *in, int64_t planes) {
    const gcam_pool_params *p = layer->params;
    gcam__window window[2];
    pool_windows(p, window);
    gcam__pool2d g = {.planes = planes, .h = in->dim[2], .w = in->dim[3], .exclude_pad = p->exclude_pad != 0};
    g.p = gcam__window_count(&window[0], g.h);
    g.q = gcam__window_count(&window[1], g.w);
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = window[i].kernel, g.stride[i] = window[i].stride, g.dilation[i] = window[i].dilation;
        g.pad[i] = p->pad[i], g.pad_end[i] = p->pad_end[i];
    }
    return g;
}

int gcam__reach_cell(const gcam__layer *layer, gcam__window window[2], float *fill) {
    (void)layer;
    for (int i = 0; i < 2; i++) window[i] = (gcam__window){.kernel = 1, .stride = 1, .dilation = 1};
    *fill = 0;
    return 1;
}

/* Where windows at the border average fewer cells, a patch could not tell. */
int gcam__reach_average(const gcam__layer *layer, gcam__window window[2], float *fill) {
    const gcam_pool_params *p = layer->params;
    pool_windows(p, window);
    *fill = 0;
    return !p->exclude_pad && !p->ceil_mode;
}

int gcam__reach_maximum(const gcam__layer *layer, gcam__window window[2], float *fill) {
    pool_windows(layer->params, window);
    *fill = -INFINITY;
    return 1;
}
