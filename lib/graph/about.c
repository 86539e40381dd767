/* What the kernels room says about itself to the outside. */
#include "gradcam/graph.h"
#include "kernels/kernels.h"

const char *gcam_blas_name(void) {
    return gcam__blas_name();
}
