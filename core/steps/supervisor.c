/* SPDX-License-Identifier: Apache-2.0
 * The thread that owns the worker processes. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/thread.h"
#include "core/steps/pool_private.h"

#define EVENTS 64

static bool has_starting(const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (pool->worker[i].state == WORKER_STARTING)
			return true;
	return false;
}

static bool has_queue(struct pool *pool)
{
	pthread_mutex_lock(&pool->all->lock);
	bool queued = pool->first != NULL;
	pthread_mutex_unlock(&pool->all->lock);
	return queued;
}

/* Starts what is down and due: one process until one was started well, then all. Returns when the next start is due. */
static nanos start_due(struct pool *pool, nanos now)
{
	bool unused = pool->unused;
	/* After a failure it is tried until it works, so that the uploads that wait for the step go on. */
	if (pool->replaced || (unused && !pool->down && !has_queue(pool)))
		return INT64_MAX;
	for (size_t i = 0; i < pool->count; i++) {
		struct pool_worker *worker = &pool->worker[i];
		if (worker->state != WORKER_DOWN)
			continue;
		if (pool->start_at > now)
			return pool->start_at;
		if ((!pool->proven || unused) && has_starting(pool))
			break;
		pool_worker_start(worker);
	}
	return INT64_MAX;
}

static int timeout(nanos next)
{
	nanos left = next - clock_monotonic();
	return next == INT64_MAX ? -1
	       : left <= 0       ? 0
	       : left > HOUR     ? (int)(HOUR / MILLISECOND)
	                         : (int)(left / MILLISECOND) + 1;
}

/* Looks after the workers of a pool. Returns the time until which nothing is due. */
static nanos look_after_pool(struct pool *pool, bool stop, nanos now)
{
	nanos next = INT64_MAX;
	bool leave = stop || pool->replaced || (pool->unused && !pool->down && !has_queue(pool));
	for (size_t i = 0; i < pool->count; i++) {
		pool_worker_settle(&pool->worker[i]);
		if (leave)
			pool_worker_leave(&pool->worker[i]);
		nanos due = pool_worker_tick(&pool->worker[i], now);
		next = due < next ? due : next;
		due = pool_worker_look(&pool->worker[i], now);
		next = due < next ? due : next;
	}
	nanos due = stop ? INT64_MAX : start_due(pool, now);
	return due < next ? due : next;
}

static bool is_down(const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (pool->worker[i].state != WORKER_DOWN)
			return false;
	return true;
}

/* Takes the new pools over, and frees those that were replaced and whose processes have ended. */
static void take_changes(struct pools *pools)
{
	struct pool *over = NULL;
	pthread_mutex_lock(&pools->lock);
	while (pools->new != NULL) {
		struct pool *pool = pools->new;
		pools->new = pool->next;
		pool->next = pools->first;
		pools->first = pool;
	}
	for (struct pool **link = &pools->first; *link != NULL;) {
		struct pool *pool = *link;
		if (!pool->replaced || !is_down(pool)) {
			link = &pool->next;
			continue;
		}
		*link = pool->next;
		pool->next = over;
		over = pool;
	}
	pthread_mutex_unlock(&pools->lock);
	for (struct pool *pool = over, *next; pool != NULL; pool = next) {
		next = pool->next;
		pool_free(pool);
	}
}

/* Looks after all. Returns the time until which nothing is due. */
static nanos look_after(struct pools *pools, bool stop)
{
	nanos next = INT64_MAX, now = clock_monotonic();
	pools->attention = false;
	take_changes(pools);
	for (struct pool *pool = pools->first; pool != NULL; pool = pool->next) {
		nanos due = look_after_pool(pool, stop, now);
		next = due < next ? due : next;
	}
	return pools->attention ? 0 : next;
}

static bool all_down(const struct pools *pools)
{
	for (const struct pool *pool = pools->first; pool != NULL; pool = pool->next)
		if (!is_down(pool))
			return false;
	return true;
}

/* One read takes all that an eventfd has counted. */
static void drain(int wake)
{
	uint64_t count;
	ssize_t length = read(wake, &count, sizeof count);
	(void)length;
}

/* Cancels what runs, and returns what is queued. */
static void begin_stop(struct pools *pools)
{
	take_changes(pools);
	for (struct pool *pool = pools->first; pool != NULL; pool = pool->next) {
		for (size_t j = 0; j < pool->count; j++)
			if (pool->worker[j].run != NULL)
				pools_cancel(pools, pool->worker[j].run);
		while (pool->first != NULL)
			pools_cancel(pools, pool->first);
	}
}

void *supervise(void *closure)
{
	struct pools *pools = closure;
	struct epoll_event event[EVENTS];
	bool stopping = false;
	nanos next = 0;
	pools->attention = true;
	for (;;) {
		pthread_mutex_lock(&pools->lock);
		bool stop = pools->stop;
		pthread_mutex_unlock(&pools->lock);
		if (stop && !stopping)
			begin_stop(pools);
		stopping = stop;
		if (pools->attention || clock_monotonic() >= next)
			next = look_after(pools, stop);
		if (stop && all_down(pools))
			break;
		int count = epoll_wait(pools->epoll, event, EVENTS, timeout(next));
		for (int i = 0; i < count; i++) {
			struct watch *watch = event[i].data.ptr;
			if (watch->worker != NULL) {
				pool_worker_take(watch->worker, watch->what);
			} else {
				drain(pools->wake);
				pools_send_cached(pools);
				pools->attention = true;
			}
		}
	}
	for (struct pool *pool = pools->first, *after; pool != NULL; pool = after) {
		after = pool->next;
		pool_free(pool);
	}
	pthread_mutex_lock(&pools->lock);
	pools->alive = false;
	pthread_cond_signal(&pools->left);
	pthread_mutex_unlock(&pools->lock);
	return NULL;
}
