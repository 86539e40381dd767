/* What this processor can do, asked once per call (cheap; the answer never changes while a process runs). */
#ifndef GCAM_CORE_CPU_H
#define GCAM_CORE_CPU_H

/* Best instruction set that both the processor and the build have kernels for. */
typedef enum gcam__isa { GCAM__ISA_PLAIN = 0, GCAM__ISA_AVX2, GCAM__ISA_AVX512, GCAM__ISA_NEON } gcam__isa;

gcam__isa gcam__cpu_isa(void);
/* "plain C", "AVX2 + FMA", "AVX-512", "NEON". A static string. */
const char *gcam__isa_name(gcam__isa isa);

#endif
