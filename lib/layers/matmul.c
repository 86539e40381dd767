/* Matrix product of two values: a (... m k) b (... k n) -> (... m n); the leading dimensions are broadcast.
 * Backward under every rule: da = dy bt, db = at dy, summed over the matrices that were repeated. */
#include "core/status.h"
#include "layers/box.h"
#include "layers/relevance.h"
#include "layers/shape.h"
#include "layers/table.h"

#include <string.h>

enum { A, B, OUT };

static gcam_status misfit(const gcam__layer *layer, const gcam_shape *in) {
    char a[160], b[160];
    return gcam__fail(GCAM_ERR_SHAPE, "layer", "%s: inputs of %s and %s cannot be multiplied as matrices", layer->name,
                      gcam__shape_text(&in[A], a), gcam__shape_text(&in[B], b));
}

static gcam_status infer(const gcam__layer *layer, const gcam_shape *in, int in_count, gcam_shape *out) {
    (void)in_count;
    const gcam_shape *a = &in[A], *b = &in[B];
    GCAM_TRY(gcam__expect_rank(layer, a, 2));
    GCAM_TRY(gcam__expect_rank(layer, b, 2));
    if (a->dim[a->rank - 1] != b->dim[b->rank - 2]) return misfit(layer, in);
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < out->rank - 2; i++) {
        int64_t u = gcam__aligned_dim(a, i, out->rank), v = gcam__aligned_dim(b, i, out->rank);
        if (u != v && u != 1 && v != 1) return misfit(layer, in);
        out->dim[i] = u == 1 ? v : u;
    }
    out->dim[out->rank - 2] = a->dim[a->rank - 2];
    out->dim[out->rank - 1] = b->dim[b->rank - 1];
    return gcam__check_output(layer, out);
}

/* All pairs of matrices. */
typedef struct products {
    gcam__box box; /* strides of a, b and the output */
    int64_t m, n, k;
} products;

static products products_of(const gcam_shape in[2]) {
    const gcam_shape *a = &in[A], *b = &in[B];
    products p = {.m = a->dim[a->rank - 2], .k = a->dim[a->rank - 1], .n = b->dim[b->rank - 1]};
    int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t step = p.m * p.n, dim[GCAM_MAX_RANK], out_stride[GCAM_MAX_RANK];
    for (int i = rank - 3; i >= 0; i--) {
        int64_t u = gcam__aligned_dim(a, i, rank), v = gcam__aligned_dim(b, i, rank);
        dim[i] = u == 1 ? v : u;
        out_stride[i] = step, step *= dim[i];
    }
    for (int i = 0; i < rank - 2; i++)
        gcam__box_add(&p.box, dim[i], gcam__aligned_stride(a, i, rank), gcam__aligned_stride(b, i, rank),
                      out_stride[i]);
    return p;
}

static void forward(const gcam__run *run) {
    products p = products_of(run->in_shape);
    for (int64_t i = 0; i < gcam__box_count(&p.box); i++) {
        int64_t at[GCAM__BOX_TENSORS];
        gcam__box_element(&p.box, i, at);
        gcam__gemm_call g = {.m = p.m, .n = p.n, .k = p.k, .lda = p.k, .ldb = p.n, .ldc = p.n};
        g.a = run->in[A]->data + at[A], g.b = run->in[B]->data + at[B], g.c = run->out->data + at[OUT];
        gcam__gemm(run->compute, &g);
    }
}

/* One seed of one operand's gradient; begins with zeros, as a repeated matrix is met several times. */
static void gradient(const gcam__run *run, const products *p, int which, const float *dy, float *dx) {
    memset(dx, 0, (size_t)gcam_shape_count(&run->in_shape[which]) * sizeof *dx);
    for (int64_t i = 0; i < gcam__box_count(&p->box); i++) {
        int64_t at[GCAM__BOX_TENSORS];
        gcam__box_element(&p->box, i, at);
        gcam__gemm_call g = {.accumulate = 1, .c = dx + at[which]};
        if (which == A) {
            g.m = p->m, g.n = p->k, g.k = p->n;
            g.a = dy + at[OUT], g.lda = p->n;
            g.b = run->in[B]->data + at[B], g.ldb = p->n, g.transpose_b = 1;
        } else {
            g.m = p->k, g.n = p->n, g.k = p->m;
            g.a = run->in[A]->data + at[A], g.lda = p->k, g.transpose_a = 1;
            g.b = dy + at[OUT], g.ldb = p->n;
        }
        g.ldc = g.n;
        gcam__gemm(run->compute, &g);
    }
}

static void backward(const gcam__run *run) {
    products p = products_of(run->in_shape);
    int64_t out_count = gcam__box_count(&p.box) * p.m * p.n;
    for (int which = A; which <= B; which++)
        for (int64_t s = 0; run->din[which] && s < run->seeds; s++)
            gradient(run, &p, which, run->dout->data + s * out_count,
                     run->din[which]->data + s * gcam_shape_count(&run->in_shape[which]));
}

static int64_t multiplies(const gcam__layer *layer, const gcam_shape *in, const gcam_shape *out) {
    (void)layer;
    return gcam__saturating_mul(gcam_shape_count(out), in[A].dim[in[A].rank - 1]);
}

const gcam__op gcam__op_matmul = {
    .name = "matmul",
    .min_inputs = 2,
    .max_inputs = 2,
    .needs = GCAM__NEEDS_INPUT,
    .infer = infer,
    .multiplies = multiplies,
    .forward = forward,
    .backward = backward,
    .relevance = &gcam__bilinear,
};
