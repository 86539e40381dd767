/* The library's only thread pool. A pool belongs to one session; its workers sleep between calls. */
#ifndef GCAM_CORE_THREADS_H
#define GCAM_CORE_THREADS_H

#include "gradcam/core.h"

typedef struct gcam__pool gcam__pool;

/* Work unit `index` (0 <= index < count) on worker `worker` (0 <= worker < gcam__pool_threads()). */
typedef void (*gcam__work_fn)(void *context, int64_t index, int worker);

/* Threads that affinity and the container's limits (cgroup v1, v2) allow this process, at least 1. */
int gcam__cpu_count(void);

/* Pool of `threads` workers, the caller being one of them; 0 = gcam__cpu_count(). */
gcam_status gcam__pool_create(gcam__pool **out, int threads);
void gcam__pool_free(gcam__pool *pool);
/* 1 for NULL: all functions below accept a NULL pool and then run in the caller. */
int gcam__pool_threads(const gcam__pool *pool);

/* Runs fn for every index in 0 .. count-1 and returns when all are done. Units are handed out dynamically, so results must not
 * depend on which worker runs which unit. Not reentrant: fn must not call gcam__parallel on the same pool. */
void gcam__parallel(gcam__pool *pool, int64_t count, gcam__work_fn fn, void *context);

#endif
