/* Runs the kernels' suite without Check, see check.h. */
#include "core/cpu.h"

#include <check.h>

Suite *kernels_suite(void);

int main(void) {
    kernels_suite();
    printf("kernels: all passed (%s)\n", gcam__isa_name(gcam__cpu_isa()));
    return 0;
}
