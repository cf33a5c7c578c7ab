/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"
#include "core/steps/pool_private.h"

static void wake(int descriptor)
{
	const uint64_t one = 1;
	ssize_t written = write(descriptor, &one, sizeof one);
	(void)written; /* a full eventfd is readable too */
}

void pools_wake(struct pools *pools)
{
	wake(pools->wake);
}

static void init_pool(struct pool *pool, struct pools *all, const struct step *step, size_t number)
{
	*pool = (struct pool){.all = all, .step = step, .number = number};
	pool->last = &pool->first;
	pool->count = step->isolated ? step->config->workers : 0;
	pool->worker = alloc_zeroed(pool->count + 1, sizeof *pool->worker);
	for (size_t i = 0; i < pool->count; i++) {
		struct pool_worker *worker = &pool->worker[i];
		worker->pool = pool;
		worker->process = (struct worker_process){0, -1, -1, -1, -1, false};
		for (enum watched what = 0; what < WATCHES; what++)
			worker->watch[what] = (struct watch){worker, what};
	}
}

struct pools *pools_create(const struct steps *steps, const struct content_options *content, struct copies *copies,
                           const struct log *log, struct mailbox *mailbox)
{
	struct pools *pools = alloc_zeroed(1, sizeof *pools);
	pools->content = content;
	pools->copies = copies;
	pools->log = log;
	pools->mailbox = mailbox;
	pools->pool = alloc_zeroed(steps->count + 1, sizeof *pools->pool);
	pools->count = steps->count;
	for (size_t i = 0; i < steps->count; i++)
		init_pool(&pools->pool[i], pools, &steps->step[i], i);
	channel_buffer_init(&pools->buffer);
	pools->buffer.small = true;
	lock_init(&pools->lock);
	condition_init(&pools->left);
	pools->epoll = epoll_create1(EPOLL_CLOEXEC);
	pools->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &pools->own};
	pthread_t thread;
	pools->alive =
		pools->epoll >= 0 && pools->wake >= 0 && epoll_ctl(pools->epoll, EPOLL_CTL_ADD, pools->wake, &event) == 0;
	if (pools->alive && pthread_create(&thread, NULL, supervise, pools) == 0) {
		pthread_detach(thread);
		return pools;
	}
	pools->alive = false;
	pools_destroy(pools, 0);
	return NULL;
}

struct pool_worker *pool_assign(struct pool *pool)
{
	struct pool_worker *worker = NULL;
	for (size_t i = 0; pool->first != NULL && worker == NULL && i < pool->count; i++)
		if (pool->worker[i].state == WORKER_IDLE)
			worker = &pool->worker[i];
	if (worker == NULL)
		return NULL;
	worker->run = pool->first;
	pool->first = worker->run->next;
	if (pool->first == NULL)
		pool->last = &pool->first;
	worker->number = ++pool->all->last_number;
	worker->gone = false;
	atomic_store(&worker->sending, true);
	atomic_store(&worker->unsent, 0);
	/* Few bytes go along with the request if the module will probably ask for them. */
	int64_t size = worker->run->upload->filesize;
	worker->fetching = pool->reads && worker->fetch != NULL && size >= 0 && size <= (int64_t)FETCH_PACKET_LIMIT;
	worker->state = WORKER_BUSY;
	return worker;
}

void pool_send_run(struct pool_worker *worker, struct text *packet)
{
	struct run *run = worker->run;
	nanos now = clock_now(), deadline = now + run->allowed;
	struct run_description description;
	atomic_store(&run->started, now);
	if (worker->fetching) {
		fetch_begin(worker->fetch, &(struct fetch_order){.run = run,
		                                                 .number = worker->number,
		                                                 .deadline = deadline,
		                                                 .control = worker->process.control,
		                                                 .send_run = true});
	} else {
		run_describe(run, deadline, &description);
		run_encode(packet, worker->number, &description.facts, false);
		if (!channel_send(worker->process.control, packet, NULL, 0, -1, false)) {
			atomic_store(&worker->unsent, errno);
			pools_wake(worker->pool->all);
		}
	}
	atomic_store(&worker->sending, false);
}

void pool_queue(struct pool *pool, struct run *run, bool first)
{
	run->next = first ? pool->first : NULL;
	if (pool->first == NULL || !first) {
		*pool->last = run;
		pool->last = &run->next;
	} else {
		pool->first = run;
	}
}

void pools_submit(struct pools *pools, struct run *run)
{
	struct pool *pool = &pools->pool[run->step];
	struct pool_worker *worker = NULL;
	pthread_mutex_lock(&pools->lock);
	bool stop = pools->stop;
	if (!stop) {
		pool_queue(pool, run, false);
		worker = pool_assign(pool);
	}
	pthread_mutex_unlock(&pools->lock);
	if (worker != NULL)
		pool_send_run(worker, &pools->submitted);
	if (stop)
		mailbox_send(pools->mailbox, &run->mail);
}

/* Takes a run from the queue. With the lock held. */
static bool take_out(struct pool *pool, struct run *run)
{
	struct run **link = &pool->first;
	while (*link != NULL && *link != run)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	*link = run->next;
	if (pool->last == &run->next)
		pool->last = link;
	return true;
}

void pools_cancel(struct pools *pools, struct run *run)
{
	struct pool *pool = &pools->pool[run->step];
	pthread_mutex_lock(&pools->lock);
	atomic_store(&run->cancelled, true);
	bool queued = take_out(pool, run);
	for (size_t i = 0; !queued && i < pool->count; i++) {
		struct pool_worker *worker = &pool->worker[i];
		if (worker->run != run)
			continue;
		worker->kill_at = clock_monotonic() + KILL_DELAY;
		worker_process_cancel(&worker->process);
		if (worker->fetching)
			fetch_cancel(worker->fetch);
		wake(pools->wake);
	}
	pthread_mutex_unlock(&pools->lock);
	if (queued)
		mailbox_send(pools->mailbox, &run->mail);
}

bool pools_destroy(struct pools *pools, nanos timeout)
{
	if (pools == NULL)
		return true;
	nanos until = clock_monotonic() + timeout;
	pthread_mutex_lock(&pools->lock);
	pools->stop = true;
	wake(pools->wake);
	while (pools->alive && condition_wait_until(&pools->left, &pools->lock, until))
		;
	bool ended = !pools->alive;
	pthread_mutex_unlock(&pools->lock);
	if (!ended)
		return false;
	for (size_t i = 0; i < pools->count; i++)
		free(pools->pool[i].worker);
	free(pools->pool);
	if (pools->epoll >= 0)
		close(pools->epoll);
	if (pools->wake >= 0)
		close(pools->wake);
	channel_buffer_free(&pools->buffer);
	text_free(&pools->submitted);
	text_free(&pools->packet);
	pthread_cond_destroy(&pools->left);
	pthread_mutex_destroy(&pools->lock);
	free(pools);
	return true;
}
