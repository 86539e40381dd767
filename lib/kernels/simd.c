/* The choice of instruction set. */
#include "kernels/simd.h"

const gcam__simd *gcam__simd_for(const gcam__compute *compute) {
    if (compute->kernels == GCAM_KERNELS_PLAIN) return &gcam__simd_plain;
#if defined(__x86_64__)
    if (compute->isa == GCAM__ISA_AVX512) return &gcam__simd_avx512;
    if (compute->isa == GCAM__ISA_AVX2) return &gcam__simd_avx2;
#elif defined(__aarch64__)
    if (compute->isa == GCAM__ISA_NEON) return &gcam__simd_neon;
#endif
    return &gcam__simd_plain;
}
