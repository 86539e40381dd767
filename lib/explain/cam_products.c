/* Maps from products of activation and gradient at each cell, g = dy/dA; no channel weights:
 *   HiResCAM (Draelos & Carin 2020)  M = sum_k g A
 *   Element-wise Grad-CAM            M = sum_k ReLU(g A)
 *   LayerCAM (Jiang et al. 2021)     M = ReLU(sum_k ReLU(g) A) */
#include "explain/explain.h"

typedef double (*product_fn)(double g, double a);

static void sum_products(const gcam__task *task, product_fn product, double *s) {
    int64_t cells = task->layer->h * task->layer->w;
    for (int64_t k = 0; k < task->layer->k; k++) {
        const float *a = task->layer->activation + k * cells, *g = task->gradient + k * cells;
        for (int64_t i = 0; i < cells; i++) s[i] += product(g[i], a[i]);
    }
}

static double plain(double g, double a) {
    return g * a;
}

static double rectified(double g, double a) {
    return g * a > 0 ? g * a : 0;
}

static double positive_gradient(double g, double a) {
    return g > 0 ? g * a : 0;
}

gcam_status gcam__hires_map(const gcam__task *task, double *s) {
    sum_products(task, plain, s);
    return GCAM_OK;
}

gcam_status gcam__elementwise_map(const gcam__task *task, double *s) {
    sum_products(task, rectified, s);
    return GCAM_OK;
}

gcam_status gcam__layercam_map(const gcam__task *task, double *s) {
    sum_products(task, positive_gradient, s);
    return GCAM_OK;
}
