/* One thread pool. Units are taken from one atomic counter of those that are left; the caller works too, and waits for taken units
 * only: a worker that comes late, because it slept or the system runs something else in its place, finds nothing left and delays
 * nobody. Workers wait for a while in a spin, because waking one costs 50 us on a virtual machine, and then on a condition
 * variable, because spinning takes time from other processes. */
#include "core/threads.h"

#include "core/memory.h"
#include "core/status.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPINS = 2000, YIELD = 64 };

typedef struct job {
    gcam__work_fn fn;
    void *context;
    int64_t count;
} job;

/* The job may be read by whoever has taken a unit of it, and written when all units are finished. Atomics are sequentially
 * consistent: a sleeper counts itself before it looks for work, and work is there before anyone looks for sleepers. */
struct gcam__pool {
    int threads;
    int started; /* worker threads that run, the caller not counted */
    pthread_t *workers;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    job job;
    _Alignas(64) atomic_int_fast64_t left; /* units that nobody has taken */
    _Alignas(64) atomic_int_fast64_t open; /* units that nobody has finished */
    _Alignas(64) atomic_int sleepers;      /* workers at `wake` */
    atomic_int waiting;                    /* 1: the caller is at `done` */
    int stop;
};

typedef struct worker_start {
    gcam__pool *pool;
    int index;
} worker_start;

/* Step i of a spin: lets another thread run now and then, perhaps the one that is waited for. */
static void relax(int i) {
    if (i % YIELD == YIELD - 1) sched_yield();
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Runs units until none are left, and counts them. */
static int64_t run_units(gcam__pool *pool, int worker) {
    int64_t done = 0;
    for (int_fast64_t left = atomic_load(&pool->left); left > 0; left = atomic_load(&pool->left)) {
        if (!atomic_compare_exchange_weak(&pool->left, &left, left - 1)) continue;
        const job *work = &pool->job;
        work->fn(work->context, work->count - left, worker);
        done++;
    }
    return done;
}

/* Waits until units are left; 0 when the pool stops. */
static int wait_for_units(gcam__pool *pool) {
    for (int i = 0; i < SPINS; i++, relax(i))
        if (atomic_load_explicit(&pool->left, memory_order_relaxed) > 0) return 1;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!pool->stop && atomic_load(&pool->left) == 0) pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    int go = !pool->stop;
    pthread_mutex_unlock(&pool->lock);
    return go;
}

static void *worker_main(void *argument) {
    worker_start start = *(worker_start *)argument;
    gcam__pool *pool = start.pool;
    gcam__free(argument);
    while (wait_for_units(pool)) {
        int64_t done = run_units(pool, start.index);
        if (done == 0 || atomic_fetch_sub(&pool->open, done) != done || !atomic_load(&pool->waiting)) continue;
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->lock);
    }
    return NULL;
}

/* Waits for the units that workers have taken. */
static void wait_for_workers(gcam__pool *pool) {
    for (int i = 0; i < SPINS; i++, relax(i))
        if (atomic_load(&pool->open) == 0) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->waiting, 1);
    while (atomic_load(&pool->open) > 0) pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&pool->waiting, 0);
    pthread_mutex_unlock(&pool->lock);
}

void gcam__parallel(gcam__pool *pool, int64_t count, gcam__work_fn fn, void *context) {
    if (!pool || pool->started == 0 || count <= 1) {
        for (int64_t i = 0; i < count; i++) fn(context, i, 0);
        return;
    }
    pool->job = (job){fn, context, count};
    atomic_store(&pool->open, count);
    atomic_store(&pool->left, count);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
    int64_t done = run_units(pool, 0);
    if (atomic_fetch_sub(&pool->open, done) != done) wait_for_workers(pool);
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
