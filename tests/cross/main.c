/* Runs the kernels' suites without Check, see check.h. */
#include "core/cpu.h"

#include <check.h>

Suite *kernels_suite(void);
Suite *micro_suite(void);

int main(void) {
    micro_suite();
    kernels_suite();
    printf("kernels: all passed (%s)\n", gcam__isa_name(gcam__cpu_isa()));
    return 0;
}
