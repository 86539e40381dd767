/* Sliding windows: the output size of convolutions and poolings, and the geometry of pooling. */
#ifndef GCAM_LAYERS_WINDOW_H
#define GCAM_LAYERS_WINDOW_H

#include "layers/layer.h"

/* A window along one axis. */
typedef struct gcam__window {
    int64_t kernel, stride, dilation;
    int64_t pad, pad_end; /* before and after */
    int ceil_mode;
} gcam__window;

/* Output size for an input of `size` cells:
 *   floor or ceil((size + pad + pad_end - dilation (kernel - 1) - 1) / stride) + 1,
 * less one where, rounding up, the last window would start after the input's last cell (PyTorch's rule). 0: no window fits. */
int64_t gcam__window_count(const gcam__window *window, int64_t size);
/* Rows and columns at once, with the sentence "NAME: 5x5 kernel does not fit in an input of 3x3 with padding 0". */
gcam_status gcam__window_counts(const gcam__layer *layer, const gcam__window window[2], const int64_t size[2],
                                int64_t out[2]);

/* For op->reach: of layers that treat each cell by itself, and of average and maximum pooling. */
int gcam__reach_cell(const gcam__layer *layer, gcam__window window[2], float *fill);
int gcam__reach_average(const gcam__layer *layer, gcam__window window[2], float *fill);
int gcam__reach_maximum(const gcam__layer *layer, gcam__window window[2], float *fill);
/* Shape inference of max and average pooling, whose parameters are gcam_pool_params. */
gcam_status gcam__pool_infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out);
/* Geometry for the pooling kernels; `planes` is N C, or G N C on the way back. */
gcam__pool2d gcam__pool_geometry(const gcam__layer *layer, const gcam_shape *in, int64_t planes);

#endif
