/* OpenBLAS, the base for processors that have no kernels of their own here, and what `kernels = blas` asks for.
 *
 * OpenBLAS has threads of its own, and two pools that fight cost a factor of three. While any of our passes runs it is told to
 * stay in the calling thread; its setting is global, so the passes are counted and the last one gives the host its value back. */
#include "kernels/gemm.h"

#ifdef GCAM_WITH_BLAS
#include <cblas.h>
#include <pthread.h>

static pthread_mutex_t passes_lock = PTHREAD_MUTEX_INITIALIZER;
static int passes, host_threads;

int gcam__use_blas(const gcam__compute *compute) {
    if (compute->kernels == GCAM_KERNELS_AUTO) return compute->isa == GCAM__ISA_PLAIN;
    return compute->kernels == GCAM_KERNELS_BLAS;
}

void gcam__gemm_blas(const gcam__gemm_call *g) {
    cblas_sgemm(CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans, g->transpose_b ? CblasTrans : CblasNoTrans,
                (blasint)g->m, (blasint)g->n, (blasint)g->k, 1.0f, g->a, (blasint)g->lda, g->b, (blasint)g->ldb,
                g->accumulate ? 1.0f : 0.0f, g->c, (blasint)g->ldc);
}

void gcam__blas_enter(const gcam__compute *compute) {
    if (!gcam__use_blas(compute)) return;
    pthread_mutex_lock(&passes_lock);
    if (passes++ == 0) {
        host_threads = openblas_get_num_threads();
        if (host_threads != 1) openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&passes_lock);
}

void gcam__blas_leave(const gcam__compute *compute) {
    if (!gcam__use_blas(compute)) return;
    pthread_mutex_lock(&passes_lock);
    if (--passes == 0 && host_threads != 1) openblas_set_num_threads(host_threads);
    pthread_mutex_unlock(&passes_lock);
}

const char *gcam__blas_name(void) {
    return openblas_get_config();
}

#else

int gcam__use_blas(const gcam__compute *compute) {
    (void)compute;
    return 0;
}
void gcam__gemm_blas(const gcam__gemm_call *g) {
    (void)g;
}
void gcam__blas_enter(const gcam__compute *compute) {
    (void)compute;
}
void gcam__blas_leave(const gcam__compute *compute) {
    (void)compute;
}
const char *gcam__blas_name(void) {
    return "none";
}

#endif
