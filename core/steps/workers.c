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
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t left; /* a worker has ended */
	struct run *first, **last;
	struct worker *workers;
	unsigned alive;
	unsigned replaced;
	bool stop;
	const struct step *step;
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
	struct pools *pools; /* of the steps with processes */
	const struct steps *steps;
	struct queue *queue;
	size_t count;
	const struct content_options *content;
	struct copies *copies;
	const struct log *log;
	struct mailbox *mailbox;
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
	queue->alive--;
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
			thread_run(queue->step, run, worker->content, queue->all->copies, worker->cancel_fd, queue->all->log);
		put_down(queue, worker);
	}
	content_destroy(worker->content);
	pthread_mutex_lock(&queue->lock);
	forget(queue, worker);
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
	worker->content = content_create(queue->all->content);
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

static bool queue_init(struct queue *queue, struct workers *all, const struct step *step)
{
	queue->last = &queue->first;
	queue->all = all;
	queue->step = step;
	bool good = true;
	lock_init(&queue->lock);
	condition_init(&queue->left);
	condition_init(&queue->filled);
	pthread_mutex_lock(&queue->lock);
	for (unsigned i = 0; good && !step->isolated && i < step->config->workers; i++)
		good = start_worker(queue);
	pthread_mutex_unlock(&queue->lock);
	return good;
}

struct workers *workers_create(const struct steps *steps, const struct content_options *content, const struct log *log,
                               struct mailbox *mailbox)
{
	struct workers *workers = alloc_zeroed(1, sizeof *workers);
	*workers = (struct workers){.steps = steps, .content = content, .log = log, .mailbox = mailbox};
	workers->copies = copies_create(content);
	workers->pools = pools_create(steps, content, workers->copies, log, mailbox);
	workers->queue = alloc_zeroed(steps->count + 1, sizeof *workers->queue);
	bool good = workers->pools != NULL;
	for (size_t i = 0; good && i < steps->count; i++) {
		workers->count = i + 1;
		good = queue_init(&workers->queue[i], workers, &steps->step[i]);
	}
	if (good)
		return workers;
	workers_destroy(workers, SECOND);
	return NULL;
}

struct copies *workers_copies(const struct workers *workers)
{
	return workers->copies;
}

void workers_submit(struct workers *workers, struct run *run)
{
	if (workers->steps->step[run->step].isolated) {
		pools_submit(workers->pools, run);
		return;
	}
	struct queue *queue = &workers->queue[run->step];
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

void workers_cancel(struct workers *workers, struct run *run)
{
	if (workers->steps->step[run->step].isolated) {
		pools_cancel(workers->pools, run);
		return;
	}
	struct queue *queue = &workers->queue[run->step];
	pthread_mutex_lock(&queue->lock);
	atomic_store(&run->cancelled, true);
	wake_cancelled(run);
	pthread_mutex_unlock(&queue->lock);
}

void workers_replace(struct workers *workers, const struct run *run)
{
	struct queue *queue = &workers->queue[run->step];
	pthread_mutex_lock(&queue->lock);
	struct worker *stuck = queue->workers;
	while (stuck != NULL && stuck->run != run)
		stuck = stuck->next;
	bool wanted = stuck != NULL, allowed = wanted && queue->replaced < REPLACEMENTS_LIMIT && start_worker(queue);
	if (allowed) {
		stuck->replaced = true;
		queue->replaced++;
	}
	pthread_mutex_unlock(&queue->lock);
	if (wanted && !allowed)
		log_error(workers->log, "step %s: a worker is stuck in module %s and cannot be replaced; restart the service",
		          queue->step->config->name, queue->step->module->name);
}

static void stop_queue(struct queue *queue)
{
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

/* True: all workers have ended. */
static bool await_queue(struct queue *queue, nanos until)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->alive > 0 && condition_wait_until(&queue->left, &queue->lock, until))
		;
	bool ended = queue->alive == 0;
	pthread_mutex_unlock(&queue->lock);
	return ended;
}

/* Its workers have ended. */
static void free_queue(struct queue *queue)
{
	pthread_cond_destroy(&queue->filled);
	pthread_cond_destroy(&queue->left);
	pthread_mutex_destroy(&queue->lock);
}

bool workers_destroy(struct workers *workers, nanos timeout)
{
	if (workers == NULL)
		return true;
	nanos until = clock_monotonic() + timeout;
	bool ended = true;
	for (size_t i = 0; i < workers->count; i++)
		stop_queue(&workers->queue[i]);
	for (size_t i = 0; i < workers->count; i++)
		ended = await_queue(&workers->queue[i], until) && ended;
	if (pools_destroy(workers->pools, until - clock_monotonic()))
		workers->pools = NULL;
	if (!ended || workers->pools != NULL)
		return false;
	for (size_t i = 0; i < workers->count; i++)
		free_queue(&workers->queue[i]);
	copies_destroy(workers->copies);
	free(workers->queue);
	free(workers);
	return true;
}
