/* Processor features. */
#include "core/cpu.h"

#include "core/threads.h"

gcam__isa gcam__cpu_isa(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw"))
        return GCAM__ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return GCAM__ISA_AVX2;
#elif defined(__aarch64__)
    return GCAM__ISA_NEON;
#endif
    return GCAM__ISA_PLAIN;
}

const char *gcam__isa_name(gcam__isa isa) {
    static const char *const names[] = {"plain C", "AVX2 + FMA", "AVX-512", "NEON"};
    return names[isa];
}

const char *gcam_cpu_name(void) {
    return gcam__isa_name(gcam__cpu_isa());
}

int gcam_cpu_count(void) {
    return gcam__cpu_count();
}
