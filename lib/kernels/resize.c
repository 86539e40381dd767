/* Resizing of one map, METHODS 1.3. Positions are computed in double, so that whole-number ratios hit their pixels exactly. */
#include "kernels/kernels.h"

#include <math.h>

/* Neighbours lo, hi and the share t of hi for output index d. */
typedef struct position {
    int64_t lo, hi;
    double t;
} position;

static position locate(int64_t d, int64_t in, int64_t out, gcam__interpolation how) {
    double u;
    if (how == GCAM__NEAREST) {
        int64_t i = d * in / out;
        return (position){i, i, 0};
    }
    if (how == GCAM__BILINEAR_ALIGNED)
        u = out == 1 ? 0 : (double)d * (double)(in - 1) / (double)(out - 1);
    else
        u = fmax(0, ((double)d + 0.5) * (double)in / (double)out - 0.5);
    int64_t lo = (int64_t)u;
    if (lo > in - 1) lo = in - 1;
    return (position){lo, lo + 1 < in ? lo + 1 : in - 1, u - (double)lo};
}

/* (1 - t) a + t b, exact at t = 0 also where b is not finite. */
static double blend(double a, double b, double t) {
    return t == 0 ? a : (1 - t) * a + t * b;
}

void gcam__resize_map(const float *x, int64_t h, int64_t w, float *y, int64_t p, int64_t q, gcam__interpolation how) {
    for (int64_t i = 0; i < p; i++) {
        position row = locate(i, h, p, how);
        const float *above = x + row.lo * w, *below = x + row.hi * w;
        for (int64_t j = 0; j < q; j++) {
            position column = locate(j, w, q, how);
            double top = blend(above[column.lo], above[column.hi], column.t);
            double bottom = blend(below[column.lo], below[column.hi], column.t);
            *y++ = (float)blend(top, bottom, row.t);
        }
    }
}
