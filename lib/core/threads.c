/* One thread pool. Design: workers wait on a condition variable after a short spin (long spinning costs 2.5 x on a loaded machine,
 * a wake-up alone costs some 10 us per layer on an idle one); units are taken from one atomic counter; the caller works too. */
#include "core/threads.h"

#include "core/memory.h"
#include "core/status.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPINS = 2000 };

typedef struct job {
    gcam__work_fn fn;
    void *context;
    int64_t count;
} job;

struct gcam__pool {
    int threads;
    int started; /* worker threads that run, the caller not counted */
    pthread_t *workers;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    job job;
    atomic_int_fast64_t next; /* first unit that nobody has taken */
    atomic_uint generation;   /* counts jobs; workers wait for it to change */
    atomic_int busy;          /* workers that have not finished the current job */
    int stop;
};

typedef struct worker_start {
    gcam__pool *pool;
    int index;
} worker_start;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_units(gcam__pool *pool, const job *work, int worker) {
    for (;;) {
        int64_t unit = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (unit >= work->count) return;
        work->fn(work->context, unit, worker);
    }
}

/* Waits until the generation differs from `seen`; 0 when the pool stops. */
static int wait_for_job(gcam__pool *pool, unsigned *seen, job *work) {
    for (int i = 0; i < SPINS && atomic_load_explicit(&pool->generation, memory_order_acquire) == *seen; i++) relax();
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop && atomic_load_explicit(&pool->generation, memory_order_relaxed) == *seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    int go = !pool->stop;
    *seen = atomic_load_explicit(&pool->generation, memory_order_relaxed);
    *work = pool->job;
    pthread_mutex_unlock(&pool->lock);
    return go;
}

static void *worker_main(void *argument) {
    worker_start start = *(worker_start *)argument;
    gcam__free(argument);
    unsigned seen = 0;
    job work;
    while (wait_for_job(start.pool, &seen, &work)) {
        run_units(start.pool, &work, start.index);
        if (atomic_fetch_sub_explicit(&start.pool->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&start.pool->lock);
            pthread_cond_signal(&start.pool->done);
            pthread_mutex_unlock(&start.pool->lock);
        }
    }
    return NULL;
}

void gcam__parallel(gcam__pool *pool, int64_t count, gcam__work_fn fn, void *context) {
    if (!pool || pool->started == 0 || count <= 1) {
        for (int64_t i = 0; i < count; i++) fn(context, i, 0);
        return;
    }
    job work = {fn, context, count};
    pthread_mutex_lock(&pool->lock);
    pool->job = work;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->busy, pool->started, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);

    run_units(pool, &work, 0);
    for (int i = 0; i < SPINS && atomic_load_explicit(&pool->busy, memory_order_acquire) > 0; i++) relax();
    if (atomic_load_explicit(&pool->busy, memory_order_acquire) == 0) return;
    pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

int gcam__pool_threads(const gcam__pool *pool) {
    return pool ? pool->threads : 1;
}

static gcam_status start_worker(gcam__pool *pool) {
    worker_start *start = gcam__alloc(sizeof *start);
    if (!start) return GCAM_ERR_NOMEM;
    *start = (worker_start){pool, pool->started + 1};
    int code = pthread_create(&pool->workers[pool->started], NULL, worker_main, start);
    if (code != 0) {
        gcam__free(start);
        return gcam__fail(GCAM_ERR_NOMEM, "threads", "a worker thread cannot be started: %s", strerror(code));
    }
    pool->started++;
    return GCAM_OK;
}

gcam_status gcam__pool_create(gcam__pool **out, int threads) {
    *out = NULL;
    if (threads < 0 || threads > MAX_THREADS)
        return gcam__fail(GCAM_ERR_ARGUMENT, "threads", "%d threads: the number must be 0 to %d", threads, MAX_THREADS);
    if (threads == 0) threads = gcam__cpu_count();
    gcam__pool *pool = gcam__calloc(1, sizeof *pool);
    if (!pool) return GCAM_ERR_NOMEM;
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->workers = gcam__calloc((size_t)threads, sizeof *pool->workers);
    gcam_status status = pool->workers ? GCAM_OK : GCAM_ERR_NOMEM;
    while (status == GCAM_OK && pool->started < threads - 1) status = start_worker(pool);
    if (status != GCAM_OK) {
        gcam__pool_free(pool);
        return status;
    }
    *out = pool;
    return GCAM_OK;
}

void gcam__pool_free(gcam__pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = 1;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    gcam__free(pool->workers);
    gcam__free(pool);
}

/* Processors' worth of time that a cgroup quota allows, rounded up; 0: no limit known. */
static int cgroup_limit(void) {
    long long quota = 0, period = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r"); /* version 2: "max 100000" or "150000 100000" */
    if (file) {
        if (fscanf(file, "%lld %lld", &quota, &period) != 2) quota = 0;
        fclose(file);
    } else if ((file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r"))) {
        if (fscanf(file, "%lld", &quota) != 1) quota = 0;
        fclose(file);
        file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r");
        if (file) {
            if (fscanf(file, "%lld", &period) != 1) period = 0;
            fclose(file);
        }
    }
    return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int gcam__cpu_count(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
#endif
    int limit = cgroup_limit();
    if (limit > 0 && limit < count) count = limit;
    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : (int)count;
}
