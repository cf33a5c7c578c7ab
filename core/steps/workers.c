/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"
#include "core/steps/pool.h"
#include "core/steps/thread_run.h"

/* The maximum number of stuck workers that are replaced, for each step. */
#define REPLACEMENTS_LIMIT 64

struct queue {
	struct queue *next; /* of those that were replaced */
	size_t number;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t left; /* the last worker has ended */
	struct run *first, **last;
	struct worker *workers;
	unsigned alive;
	unsigned replaced;
	bool stop;
	bool ended;        /* no worker uses the queue any more */
	struct step *step; /* held; the last worker gives it back */
	struct workers *all;
};

struct worker {
	struct worker *next;
	struct queue *queue;
	struct run *run; /* under the queue's lock, and so is: */
	bool replaced;   /* another one has its place */
	int cancel_fd;
	struct content *content;
};

struct workers {
	struct pools *pools;  /* of the steps with processes */
	pthread_mutex_t lock; /* for whoever changes what follows, and for other threads that read it */
	struct queue **queue; /* of each step; NULL: it has processes */
	size_t count;
	struct queue *before; /* that were replaced, until their workers have ended */
	struct copies *copies;
	const struct log *log;
	struct mailbox *mailbox;
	struct reports *_Atomic reports;
	struct quarantine *_Atomic quarantine;
};

struct workers_addition {
	struct step *step;
	struct queue *queue; /* NULL: it has processes */
};

/* Assigns the next run to the worker; NULL: the service stops, or there are too many workers. */
static struct run *take(struct queue *queue, struct worker *worker)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->stop && !worker->replaced)
		pthread_cond_wait(&queue->filled, &queue->lock);
	struct run *run = worker->replaced ? NULL : queue->first;
	if (run != NULL) {
		queue->first = run->next;
		if (queue->first == NULL)
			queue->last = &queue->first;
		worker->run = run;
		run->cancel_fd = worker->cancel_fd;
		if (queue->stop)
			atomic_store(&run->cancelled, true);
	}
	pthread_mutex_unlock(&queue->lock);
	return run;
}

/* The run has ended; resets the descriptor for the next one. */
static void put_down(struct queue *queue, struct worker *worker)
{
	uint64_t count;
	pthread_mutex_lock(&queue->lock);
	struct run *run = worker->run;
	worker->run = NULL;
	run->cancel_fd = -1;
	while (atomic_load(&run->cancelled) && read(worker->cancel_fd, &count, sizeof count) > 0)
		;
	pthread_mutex_unlock(&queue->lock);
	mailbox_send(queue->all->mailbox, &run->mail);
}

/* Removes a worker that ends from the queue's list, and frees it. With the queue's lock held. */
static void forget(struct queue *queue, struct worker *worker)
{
	struct worker **link = &queue->workers;
	while (*link != worker)
		link = &(*link)->next;
	*link = worker->next;
	queue->replaced -= worker->replaced;
	close(worker->cancel_fd);
	free(worker);
}

static void *work(void *closure)
{
	struct worker *worker = closure;
	struct queue *queue = worker->queue;
	struct run *run;
	while ((run = take(queue, worker)) != NULL) {
		if (!atomic_load(&run->cancelled))
			thread_run(queue->step, run, worker->content, queue->all->copies, worker->cancel_fd, queue->all->log,
			           queue->all->mailbox, queue->all->reports, queue->all->quarantine);
		put_down(queue, worker);
	}
	content_destroy(worker->content);
	pthread_mutex_lock(&queue->lock);
	forget(queue, worker);
	bool last = --queue->alive == 0;
	pthread_mutex_unlock(&queue->lock);
	if (!last)
		return NULL;
	step_release(queue->step); /* which may destroy the instance of the module */
	pthread_mutex_lock(&queue->lock);
	queue->ended = true;
	pthread_cond_signal(&queue->left);
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

/* With the queue's lock held. */
static bool start_worker(struct queue *queue)
{
	struct worker *worker = calloc(1, sizeof *worker);
	if (worker == NULL)
		return false;
	worker->queue = queue;
	worker->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->content = content_create(queue->step->content);
	pthread_attr_t attributes;
	pthread_t thread;
	bool good = worker->cancel_fd >= 0 && worker->content != NULL && pthread_attr_init(&attributes) == 0;
	if (good) {
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		good = pthread_create(&thread, &attributes, work, worker) == 0;
		if (good) {
			worker->next = queue->workers;
			queue->workers = worker;
			queue->alive++;
		}
		pthread_attr_destroy(&attributes);
	}
	if (!good) {
		if (worker->cancel_fd >= 0)
			close(worker->cancel_fd);
		content_destroy(worker->content);
		free(worker);
	}
	return good;
}

/* Its workers have ended. */
static void free_queue(struct queue *queue)
{
	pthread_cond_destroy(&queue->filled);
	pthread_cond_destroy(&queue->left);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static void stop_queue(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stop = true;
	pthread_cond_broadcast(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

/* True: all workers have ended. */
static bool await_queue(struct queue *queue, nanos until)
{
	pthread_mutex_lock(&queue->lock);
	while (!queue->ended && condition_wait_until(&queue->left, &queue->lock, until))
		;
	bool ended = queue->ended;
	pthread_mutex_unlock(&queue->lock);
	return ended;
}

/* NULL: no threads. */
static struct queue *create_queue(struct workers *all, struct step *step)
{
	struct queue *queue = alloc_zeroed(1, sizeof *queue);
	queue->last = &queue->first;
	queue->all = all;
	queue->step = step_hold(step);
	bool good = true;
	lock_init(&queue->lock);
	condition_init(&queue->left);
	condition_init(&queue->filled);
	pthread_mutex_lock(&queue->lock);
	for (unsigned i = 0; good && i < step->config->workers; i++)
		good = start_worker(queue);
	bool none = queue->alive == 0;
	pthread_mutex_unlock(&queue->lock);
	if (good)
		return queue;
	stop_queue(queue);
	if (none)
		step_release(step);
	if (none || await_queue(queue, INT64_MAX))
		free_queue(queue);
	return NULL;
}

struct workers_addition *workers_prepare(struct workers *workers, struct step *step)
{
	struct workers_addition *addition = alloc_zeroed(1, sizeof *addition);
	addition->step = step;
	addition->queue = step->isolated ? NULL : create_queue(workers, step);
	if (step->isolated || addition->queue != NULL)
		return addition;
	free(addition);
	return NULL;
}

void workers_discard(struct workers_addition *addition)
{
	if (addition == NULL)
		return;
	if (addition->queue != NULL) {
		stop_queue(addition->queue);
		await_queue(addition->queue, INT64_MAX);
		free_queue(addition->queue);
	}
	free(addition);
}

/* Frees the queues that were replaced and whose workers have ended. */
static void tidy(struct workers *workers)
{
	for (struct queue **link = &workers->before; *link != NULL;) {
		struct queue *queue = *link;
		if (!await_queue(queue, 0)) {
			link = &queue->next;
			continue;
		}
		pthread_mutex_lock(&workers->lock);
		*link = queue->next;
		pthread_mutex_unlock(&workers->lock);
		free_queue(queue);
	}
}

/* Ends the workers of a step, except for the runs that they have. Returns what is queued. */
static struct run *replace_queue(struct workers *workers, size_t number)
{
	struct queue *queue = workers->queue[number];
	if (queue == NULL)
		return pools_replace(workers->pools, number);
	pthread_mutex_lock(&queue->lock);
	struct run *queued = queue->first;
	queue->first = NULL;
	queue->last = &queue->first;
	pthread_mutex_unlock(&queue->lock);
	queue->next = workers->before;
	workers->before = queue;
	workers->queue[number] = NULL;
	stop_queue(queue);
	return queued;
}

void workers_set(struct workers *workers, size_t number, struct workers_addition *addition)
{
	struct run *queued = NULL, *next;
	tidy(workers);
	pthread_mutex_lock(&workers->lock);
	if (number < workers->count) {
		queued = replace_queue(workers, number);
	} else {
		workers->count = number + 1;
		workers->queue = alloc_resized(workers->queue, workers->count * sizeof *workers->queue);
	}
	workers->queue[number] = addition->queue;
	if (addition->queue == NULL)
		pools_set(workers->pools, number, addition->step);
	else
		addition->queue->number = number;
	pthread_mutex_unlock(&workers->lock);
	free(addition);
	for (; queued != NULL; queued = next) {
		next = queued->next;
		workers_submit(workers, queued);
	}
}

void workers_set_used(struct workers *workers, size_t number, bool used)
{
	if (workers->queue[number] == NULL)
		pools_set_used(workers->pools, number, used);
}

struct workers *workers_create(const struct steps *steps, const struct content_options *content, const struct log *log,
                               struct mailbox *mailbox)
{
	struct workers *workers = alloc_zeroed(1, sizeof *workers);
	*workers = (struct workers){.log = log, .mailbox = mailbox};
	lock_init(&workers->lock);
	workers->copies = copies_create(content);
	workers->pools = pools_create(workers->copies, log, mailbox);
	bool good = workers->pools != NULL;
	for (size_t i = 0; good && i < steps->count; i++) {
		struct workers_addition *addition = workers_prepare(workers, &steps->step[i]);
		good = addition != NULL;
		if (good)
			workers_set(workers, i, addition);
	}
	if (good)
		return workers;
	workers_destroy(workers, SECOND);
	return NULL;
}

void workers_report_to(struct workers *workers, struct reports *reports)
{
	atomic_store(&workers->reports, reports);
	pools_report_to(workers->pools, reports);
}

void workers_recall_from(struct workers *workers, struct cache_memory *memory, struct counter *hits)
{
	pools_recall_from(workers->pools, memory, hits);
}

void workers_set_quarantine(struct workers *workers, struct quarantine *quarantine)
{
	atomic_store(&workers->quarantine, quarantine);
	pools_set_quarantine(workers->pools, quarantine);
}

struct copies *workers_copies(const struct workers *workers)
{
	return workers->copies;
}

void workers_count_replaced(struct workers *workers, struct counter *replaced)
{
	pools_count_replaced(workers->pools, replaced);
}

void workers_submit(struct workers *workers, struct run *run)
{
	struct queue *queue = workers->queue[run->step];
	if (queue == NULL) {
		pools_submit(workers->pools, run);
		return;
	}
	run->next = NULL;
	pthread_mutex_lock(&queue->lock);
	*queue->last = run;
	queue->last = &run->next;
	pthread_mutex_unlock(&queue->lock);
	/* Not under the lock, for which the woken thread would have to wait. */
	pthread_cond_signal(&queue->filled);
}

/* With the queue's lock held. */
static void wake_cancelled(const struct run *run)
{
	const uint64_t one = 1;
	if (run->cancel_fd < 0)
		return;
	/* A full eventfd is readable too. */
	ssize_t written = write(run->cancel_fd, &one, sizeof one);
	(void)written;
}

/* The worker that has the run; NULL: none. With the queue's lock held. */
static struct worker *find_worker(const struct queue *queue, const struct run *run)
{
	struct worker *worker = queue->workers;
	while (worker != NULL && worker->run != run)
		worker = worker->next;
	return worker;
}

/* The queue of which a worker has the run, perhaps one of the step as it was before; NULL: no worker has it. Its lock
 * is held. */
static struct queue *lock_queue_of(struct workers *workers, const struct run *run, struct worker **worker)
{
	struct queue *queue = workers->queue[run->step], *before = workers->before;
	for (;;) {
		if (queue != NULL && queue->number == run->step) {
			pthread_mutex_lock(&queue->lock);
			*worker = find_worker(queue, run);
			if (*worker != NULL)
				return queue;
			pthread_mutex_unlock(&queue->lock);
		}
		if (before == NULL)
			return NULL;
		queue = before;
		before = before->next;
	}
}

void workers_cancel(struct workers *workers, struct run *run)
{
	struct worker *worker;
	/* A worker that takes it from the queue after this sees it. */
	atomic_store(&run->cancelled, true);
	struct queue *queue = lock_queue_of(workers, run, &worker);
	if (queue != NULL) {
		wake_cancelled(run);
		pthread_mutex_unlock(&queue->lock);
	} else {
		pools_cancel(workers->pools, run);
	}
}

void workers_replace(struct workers *workers, const struct run *run)
{
	struct worker *stuck;
	struct queue *queue = lock_queue_of(workers, run, &stuck);
	if (queue == NULL)
		return;
	bool wanted = !queue->stop;
	bool allowed = wanted && queue->replaced < REPLACEMENTS_LIMIT && start_worker(queue);
	if (allowed) {
		stuck->replaced = true;
		queue->replaced++;
	}
	const struct step *step = queue->step;
	pthread_mutex_unlock(&queue->lock);
	if (wanted && !allowed)
		log_error(workers->log, "step %s: a worker is stuck in module %s and cannot be replaced; restart the service",
		          step->config->name, step->module->name);
}

/* Ends the workers of a queue as soon as possible. */
static void cancel_queue(struct queue *queue)
{
	if (queue == NULL)
		return;
	pthread_mutex_lock(&queue->lock);
	queue->stop = true;
	for (struct worker *worker = queue->workers; worker != NULL; worker = worker->next) {
		if (worker->run != NULL) {
			atomic_store(&worker->run->cancelled, true);
			wake_cancelled(worker->run);
		}
	}
	pthread_cond_broadcast(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

static void write_running(struct queue *queue, struct text *text)
{
	if (queue == NULL)
		return;
	pthread_mutex_lock(&queue->lock);
	for (const struct worker *worker = queue->workers; worker != NULL; worker = worker->next)
		run_write(worker->run, queue->step->config->name, text);
	pthread_mutex_unlock(&queue->lock);
}

void workers_write_running(struct workers *workers, struct text *text)
{
	pools_write_running(workers->pools, text);
	pthread_mutex_lock(&workers->lock);
	for (size_t i = 0; i < workers->count; i++)
		write_running(workers->queue[i], text);
	for (struct queue *queue = workers->before; queue != NULL; queue = queue->next)
		write_running(queue, text);
	pthread_mutex_unlock(&workers->lock);
}

bool workers_destroy(struct workers *workers, nanos timeout)
{
	if (workers == NULL)
		return true;
	nanos until = clock_monotonic() + timeout;
	bool ended = true;
	for (size_t i = 0; i < workers->count; i++)
		cancel_queue(workers->queue[i]);
	for (struct queue *queue = workers->before; queue != NULL; queue = queue->next)
		cancel_queue(queue);
	for (size_t i = 0; i < workers->count; i++)
		ended = (workers->queue[i] == NULL || await_queue(workers->queue[i], until)) && ended;
	for (struct queue *queue = workers->before; queue != NULL; queue = queue->next)
		ended = await_queue(queue, until) && ended;
	if (pools_destroy(workers->pools, until - clock_monotonic()))
		workers->pools = NULL;
	if (!ended || workers->pools != NULL)
		return false;
	for (size_t i = 0; i < workers->count; i++)
		if (workers->queue[i] != NULL)
			free_queue(workers->queue[i]);
	tidy(workers);
	copies_destroy(workers->copies);
	pthread_mutex_destroy(&workers->lock);
	free(workers->queue);
	free(workers);
	return true;
}
