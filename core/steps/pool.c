/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"
#include "core/base/thread.h"
#include "core/steps/pool_private.h"

static void wake(int descriptor)
{
	const uint64_t one = 1;
	ssize_t written = write(descriptor, &one, sizeof one);
	(void)written; /* a full eventfd is readable too */
}

void pools_report_to(struct pools *pools, struct reports *reports)
{
	atomic_store(&pools->reports, reports);
}

void pools_set_quarantine(struct pools *pools, struct quarantine *quarantine)
{
	atomic_store(&pools->quarantine, quarantine);
}

void pools_recall_from(struct pools *pools, struct cache_memory *memory, struct counter *hits)
{
	atomic_store(&pools->hits, hits);
	atomic_store(&pools->memory, memory);
}

void pools_wake(struct pools *pools)
{
	wake(pools->wake);
}

static struct pool *create_pool(struct pools *all, struct step *step, size_t number)
{
	struct pool *pool = alloc_zeroed(1, sizeof *pool);
	*pool = (struct pool){.all = all, .step = step_hold(step), .number = number};
	pool->last = &pool->first;
	pool->count = step->config->workers;
	pool->worker = alloc_zeroed(pool->count, sizeof *pool->worker);
	for (size_t i = 0; i < pool->count; i++) {
		struct pool_worker *worker = &pool->worker[i];
		worker->pool = pool;
		worker->process = WORKER_PROCESS_NONE;
		for (enum watched what = 0; what < WATCHES; what++)
			worker->watch[what] = (struct watch){worker, what};
	}
	return pool;
}

void pool_free(struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		fetch_destroy(pool->worker[i].fetch);
	step_release(pool->step);
	free(pool->worker);
	free(pool);
}

void pools_set(struct pools *pools, size_t number, struct step *step)
{
	struct pool *pool = create_pool(pools, step, number);
	pthread_mutex_lock(&pools->lock);
	if (number >= pools->count) {
		pools->pool = alloc_resized(pools->pool, (number + 1) * sizeof *pools->pool);
		while (pools->count <= number)
			pools->pool[pools->count++] = NULL;
	}
	pools->pool[number] = pool;
	pool->next = pools->new;
	pools->new = pool;
	pthread_mutex_unlock(&pools->lock);
	wake(pools->wake);
}

/* Takes all runs from the queue. With the lock held. */
static struct run *empty_queue(struct pool *pool)
{
	struct run *first = pool->first;
	pool->first = NULL;
	pool->last = &pool->first;
	return first;
}

static struct pool *find_pool(const struct pools *pools, size_t number)
{
	return number < pools->count ? pools->pool[number] : NULL;
}

struct run *pools_replace(struct pools *pools, size_t number)
{
	struct pool *pool = find_pool(pools, number);
	if (pool == NULL)
		return NULL;
	pthread_mutex_lock(&pools->lock);
	struct run *queued = empty_queue(pool);
	pool->replaced = true;
	pools->pool[number] = NULL;
	pthread_mutex_unlock(&pools->lock);
	wake(pools->wake);
	return queued;
}

void pools_set_used(struct pools *pools, size_t number, bool used)
{
	struct pool *pool = find_pool(pools, number);
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pools->lock);
	pool->unused = !used;
	pthread_mutex_unlock(&pools->lock);
	wake(pools->wake);
}

struct pools *pools_create(struct copies *copies, const struct log *log, struct mailbox *mailbox)
{
	struct pools *pools = alloc_zeroed(1, sizeof *pools);
	pools->copies = copies;
	pools->log = log;
	pools->mailbox = mailbox;
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

void pools_count_replaced(struct pools *pools, struct counter *replaced)
{
	atomic_store(&pools->replaced, replaced);
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
		run_describe(run, worker->pool->all->copies, deadline, &description);
		run_encode(packet, worker->number, &description.facts, false);
		run_description_free(&description);
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
	struct pool *pool = pools->pool[run->step];
	struct pool_worker *worker = NULL;
	pthread_mutex_lock(&pools->lock);
	bool stop = pools->stop;
	if (!stop) {
		pool_queue(pool, run, false);
		worker = pool_assign(pool);
	}
	bool asleep = !stop && worker == NULL && pool->unused;
	pthread_mutex_unlock(&pools->lock);
	if (asleep)
		wake(pools->wake);
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

/* Cancels a run that a worker has. With the lock held. */
static bool cancel_in(struct pool *pool, struct run *run)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct pool_worker *worker = &pool->worker[i];
		if (worker->run != run)
			continue;
		worker->kill_at = clock_monotonic() + KILL_DELAY;
		worker->expired = clock_now() - atomic_load(&run->started) >= run->allowed;
		worker_process_cancel(&worker->process);
		if (worker->fetching)
			fetch_cancel(worker->fetch);
		wake(pool->all->wake);
		return true;
	}
	return false;
}

void pools_cancel(struct pools *pools, struct run *run)
{
	pthread_mutex_lock(&pools->lock);
	struct pool *now = find_pool(pools, run->step);
	atomic_store(&run->cancelled, true);
	bool queued = now != NULL && take_out(now, run), found = queued || (now != NULL && cancel_in(now, run));
	/* Processes of the step as it was before, which have not ended yet. */
	for (struct pool *pool = pools->first; pool != NULL && !found; pool = pool->next)
		found = pool->number == run->step && cancel_in(pool, run);
	for (struct pool *pool = pools->new; pool != NULL && !found; pool = pool->next)
		found = pool->number == run->step && cancel_in(pool, run);
	pthread_mutex_unlock(&pools->lock);
	if (queued)
		mailbox_send(pools->mailbox, &run->mail);
}

/* With the lock held. */
static void write_running(const struct pool *pool, struct text *text)
{
	for (size_t i = 0; i < pool->count; i++)
		run_write(pool->worker[i].run, pool->step->config->name, text);
}

void pools_write_running(struct pools *pools, struct text *text)
{
	pthread_mutex_lock(&pools->lock);
	for (const struct pool *pool = pools->first; pool != NULL; pool = pool->next)
		write_running(pool, text);
	for (const struct pool *pool = pools->new; pool != NULL; pool = pool->next)
		write_running(pool, text);
	pthread_mutex_unlock(&pools->lock);
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
	for (struct pool *pool = pools->new, *next; pool != NULL; pool = next) {
		next = pool->next;
		pool_free(pool);
	}
	free(pools->pool);
	if (pools->epoll >= 0)
		close(pools->epoll);
	if (pools->wake >= 0)
		close(pools->wake);
	while (pools->answers != NULL) {
		struct mail *next = pools->answers->mail.next;
		cache_question_free(pools->answers);
		pools->answers = next != NULL ? CONTAINER_OF(next, struct cache_question, mail) : NULL;
	}
	channel_buffer_free(&pools->buffer);
	text_free(&pools->submitted);
	text_free(&pools->packet);
	pthread_cond_destroy(&pools->left);
	pthread_mutex_destroy(&pools->lock);
	free(pools);
	return true;
}
