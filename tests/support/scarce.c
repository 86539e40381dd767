#include "support/scarce.h"

#include "gradcam/core.h"

#include <stdlib.h>

static int left;

static void *allocate_some(size_t size, void *unused) {
    (void)unused;
    return left-- > 0 ? aligned_alloc(16, (size + 15) / 16 * 16) : NULL;
}

static void release_some(void *block, size_t size, void *unused) {
    (void)size, (void)unused;
    free(block);
}

void scarce_begin(int blocks) {
    static const gcam_allocator some = {allocate_some, release_some, NULL};
    left = blocks;
    gcam_allocator_set(&some);
}

void scarce_end(void) {
    gcam_allocator_set(NULL);
}
