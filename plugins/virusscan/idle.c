/* SPDX-License-Identifier: Apache-2.0 */
#include "idle.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "endpoint.h"

#define SECOND_NANOS INT64_C(1000000000)
#ifndef IDLE_TIME /* longer in tests that count connections, on machines that are slow */
#define IDLE_TIME SECOND_NANOS
#define SERVICE_TIME (2 * SECOND_NANOS)
#endif
#define KEPT_MAX 32
#define STACK_SIZE ((size_t)128 * 1024)

struct entry {
	void *connection;
	int64_t since;
};

struct idle_pool {
	const struct idle_kind *kind;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct entry entry[KEPT_MAX]; /* the oldest first */
	size_t count;
	bool asleep; /* the thread waits until it is told that there is a connection */
	bool stopping;
	/* Closes what is idle for too long. It begins with the pool: the service replaces a process in which a run has left
	 * a thread. */
	pthread_t thread;
};

/* Takes the oldest ones out that are idle for too long; returns their number. */
static size_t take_expired(struct idle_pool *pool, void *expired[KEPT_MAX])
{
	int64_t now = monotonic_now();
	size_t count = 0;
	for (; count < pool->count && pool->entry[count].since + IDLE_TIME <= now; count++)
		expired[count] = pool->entry[count].connection;
	pool->count -= count;
	memmove(pool->entry, pool->entry + count, pool->count * sizeof pool->entry[0]);
	return count;
}

static void *close_expired(void *closure)
{
	struct idle_pool *pool = closure;
	void *expired[KEPT_MAX];
	pthread_mutex_lock(&pool->lock);
	while (!pool->stopping) {
		size_t count = take_expired(pool, expired);
		if (count > 0) {
			pthread_mutex_unlock(&pool->lock);
			while (count > 0)
				pool->kind->close(expired[--count]);
			pthread_mutex_lock(&pool->lock);
		} else if (pool->count > 0) {
			int64_t until = pool->entry[0].since + IDLE_TIME;
			const struct timespec time = {.tv_sec = (time_t)(until / SECOND_NANOS), .tv_nsec = until % SECOND_NANOS};
			pthread_cond_timedwait(&pool->changed, &pool->lock, &time);
		} else {
			pool->asleep = true;
			pthread_cond_wait(&pool->changed, &pool->lock);
			pool->asleep = false;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static bool start_thread(struct idle_pool *pool)
{
	pthread_attr_t attributes;
	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	bool started = pthread_create(&pool->thread, &attributes, close_expired, pool) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

struct idle_pool *idle_create(const struct idle_kind *kind)
{
	pthread_condattr_t attributes;
	struct idle_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL || pthread_condattr_init(&attributes) != 0) {
		free(pool);
		return NULL;
	}
	pool->kind = kind;
	bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
	            pthread_cond_init(&pool->changed, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	bool locked = made && pthread_mutex_init(&pool->lock, NULL) == 0;
	if (locked && start_thread(pool))
		return pool;
	if (locked)
		pthread_mutex_destroy(&pool->lock);
	if (made)
		pthread_cond_destroy(&pool->changed);
	free(pool);
	return NULL;
}

void idle_destroy(struct idle_pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	pthread_join(pool->thread, NULL);
	for (size_t i = 0; i < pool->count; i++)
		pool->kind->close(pool->entry[i].connection);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void *idle_take(struct idle_pool *pool)
{
	for (;;) {
		pthread_mutex_lock(&pool->lock);
		void *connection = pool->count > 0 ? pool->entry[--pool->count].connection : NULL;
		pthread_mutex_unlock(&pool->lock);
		if (connection == NULL || pool->kind->alive(connection))
			return connection;
		pool->kind->close(connection);
	}
}

void idle_keep(struct idle_pool *pool, void *connection)
{
	int64_t now = monotonic_now();
	pthread_mutex_lock(&pool->lock);
	bool kept = pool->kind->opened(connection) + SERVICE_TIME > now && pool->count < KEPT_MAX;
	if (kept) {
		pool->entry[pool->count++] = (struct entry){connection, now};
		if (pool->asleep)
			pthread_cond_signal(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!kept)
		pool->kind->close(connection);
}
