/* Memory. Design: every block carries a 64-byte header with its size and the allocator that made it, so that the allocator can be
 * chosen per thread without any global state, and blocks may be freed from any thread. */
#include "core/memory.h"

#include "core/status.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 64, ALIGNMENT = 64 };

typedef struct block_header {
    gcam_allocator allocator;
    void *base;   /* what the allocator returned */
    size_t total; /* what it was asked for */
    size_t size;  /* what the library asked for */
} block_header;

_Static_assert(sizeof(block_header) <= HEADER, "the header must fit before an aligned block");

static void *malloc_allocate(size_t size, void *context) {
    (void)context;
    return malloc(size);
}

static void malloc_release(void *block, size_t size, void *context) {
    (void)size, (void)context;
    free(block);
}

static _Thread_local gcam_allocator current = {malloc_allocate, malloc_release, NULL};

void gcam_allocator_set(const gcam_allocator *allocator) {
    current = allocator ? *allocator : (gcam_allocator){malloc_allocate, malloc_release, NULL};
}

/* The counters are plain size_t in the public header; they are touched only with the compiler's atomic operations. */
static void *counted_allocate(size_t size, void *context) {
    gcam_memory_count *count = context;
    void *block = malloc(size);
    if (!block) return NULL;
    __atomic_add_fetch(&count->allocations, 1, __ATOMIC_RELAXED);
    size_t bytes = __atomic_add_fetch(&count->bytes, size, __ATOMIC_RELAXED);
    size_t peak = __atomic_load_n(&count->peak, __ATOMIC_RELAXED);
    while (bytes > peak
           && !__atomic_compare_exchange_n(&count->peak, &peak, bytes, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return block;
}

static void counted_release(void *block, size_t size, void *context) {
    gcam_memory_count *count = context;
    __atomic_add_fetch(&count->releases, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&count->bytes, size, __ATOMIC_RELAXED);
    free(block);
}

void gcam_allocator_count(gcam_memory_count *count) {
    *count = (gcam_memory_count){0};
    current = (gcam_allocator){counted_allocate, counted_release, count};
}

int gcam__size_mul(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

static block_header *header_of(void *block) {
    return (block_header *)(void *)((char *)block - HEADER);
}

void *gcam__alloc(size_t size) {
    size_t total;
    if (__builtin_add_overflow(size, (size_t)(HEADER + ALIGNMENT), &total)) {
        gcam__fail(GCAM_ERR_LIMIT, "memory", "a block of %zu bytes is beyond the address space", size);
        return NULL;
    }
    char *base = current.allocate(total, current.context);
    if (!base) {
        gcam__fail(GCAM_ERR_NOMEM, "memory", "out of memory: %zu bytes are not to be had", size);
        return NULL;
    }
    char *block = base + HEADER + (ALIGNMENT - ((uintptr_t)base + HEADER) % ALIGNMENT) % ALIGNMENT;
    *header_of(block) = (block_header){current, base, total, size};
    return block;
}

void *gcam__calloc(size_t count, size_t size) {
    size_t bytes;
    if (!gcam__size_mul(count, size, &bytes)) {
        gcam__fail(GCAM_ERR_LIMIT, "memory", "%zu elements of %zu bytes are beyond the address space", count, size);
        return NULL;
    }
    void *block = gcam__alloc(bytes);
    if (block) memset(block, 0, bytes);
    return block;
}

void gcam__free(void *block) {
    if (!block) return;
    block_header header = *header_of(block);
    header.allocator.release(header.base, header.total, header.allocator.context);
}

void *gcam__resize(void *block, size_t size) {
    void *grown = gcam__alloc(size);
    if (!grown) return NULL;
    if (block) {
        size_t old = header_of(block)->size;
        memcpy(grown, block, old < size ? old : size);
        gcam__free(block);
    }
    return grown;
}

char *gcam__strndup(const char *text, size_t length) {
    char *copy = gcam__alloc(length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *gcam__strdup(const char *text) {
    return gcam__strndup(text, strlen(text));
}

gcam_status gcam__grow(void **array, size_t count, size_t *capacity, size_t element_size) {
    if (count < *capacity) return GCAM_OK;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    size_t bytes;
    if (!gcam__size_mul(wanted, element_size, &bytes))
        return gcam__fail(GCAM_ERR_LIMIT, "memory", "an array outgrows memory");
    void *grown = gcam__resize(*array, bytes);
    if (!grown) return GCAM_ERR_NOMEM;
    *array = grown;
    *capacity = wanted;
    return GCAM_OK;
}
