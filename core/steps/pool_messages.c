/* SPDX-License-Identifier: Apache-2.0
 * What a worker process sends. Nothing of it is trusted: what does not fit the protocol, or the state of the worker,
 * ends the process. All of this runs on the supervisor's thread. */
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/cache_memory.h"
#include "core/base/container_of.h"
#include "core/base/text.h"
#include "core/steps/pool_private.h"

/* How long a process may live without its socket. */
#define CLOSED_DELAY (200 * MILLISECOND)
/* More packets than a dead process can have left behind, but for a child that holds its socket. */
#define LAST_PACKETS 1024

static void take_log(struct pool_worker *worker, struct packet *packet)
{
	enum log_level level;
	const char *text;
	if (!log_decode(packet, &level, &text)) {
		pool_worker_kill(worker, "sent an invalid message");
		return;
	}
	if (++worker->lines > LOG_LINES_LIMIT) {
		if (worker->lines == LOG_LINES_LIMIT + 1)
			log_warning(pool_worker_log(worker), "step %s: more than %d log lines in one run; the rest is dropped",
			            pool_worker_step(worker), LOG_LINES_LIMIT);
		return;
	}
	if (worker->state == WORKER_BUSY)
		log_write(pool_worker_log(worker), level, "upload %s: %s: %s", worker->run->upload->id,
		          pool_worker_step(worker), text);
	else
		log_write(pool_worker_log(worker), level, "step %s: %s", pool_worker_step(worker), text);
}

/* A packet of the worker's may come before the run has been handed over: a forged one. */
static void await_sent(const struct pool_worker *worker)
{
	while (atomic_load(&worker->sending))
		sched_yield();
}

static void take_done(struct pool_worker *worker, struct packet *packet)
{
	struct pools *pools = worker->pool->all;
	struct run_done done;
	await_sent(worker);
	if (worker->state != WORKER_BUSY || worker->answered || packet->run != worker->number) {
		pool_worker_kill(worker, "answered a run that it does not have");
		return;
	}
	if (!done_decode(packet, &done)) {
		pool_worker_kill(worker, "sent an invalid answer");
		return;
	}
	worker->answered = true;
	worker->answer = done.answer;
	reports_metrics(pools->reports, pool_worker_step(worker), &done.report);
	worker->runs++;
	worker->leave = worker->leave || done.crowded;
	pthread_mutex_lock(&pools->lock);
	worker->pool->reads = done.read;
	bool fetching = worker->fetching;
	if (fetching)
		fetch_cancel(worker->fetch);
	pthread_mutex_unlock(&pools->lock);
	if (!fetching)
		pool_worker_finish(worker);
}

/* A process sends one report a second, but it may be held up. */
#define REPORTS_AT_ONCE 16

static void take_report(struct pool_worker *worker, struct packet *packet)
{
	struct reports *reports = worker->pool->all->reports;
	struct report report;
	await_sent(worker);
	if (worker->state != WORKER_BUSY || worker->answered || packet->run != worker->number) {
		pool_worker_kill(worker, "reported about a run that it does not have");
		return;
	}
	if (worker->reports == 0)
		worker->reported = clock_monotonic();
	if (++worker->reports > REPORTS_AT_ONCE + 2 * ((clock_monotonic() - worker->reported) / SECOND)) {
		pool_worker_kill(worker, "sent too many messages");
		return;
	}
	if (!report_decode(packet, &report)) {
		pool_worker_kill(worker, "sent an invalid message");
		return;
	}
	reports_metrics(reports, pool_worker_step(worker), &report);
	if (report.has_progress)
		reports_progress(reports, pool_worker_step(worker), worker->run, report.done, report.total);
}

/* The module wants the upload's bytes, begins again, or wants them in the quarantine. What it asked for before is given
 * up. If it was sent the run without bytes, as they could not be fetched, the end of that may be noticed after this. */
static void take_request(struct pool_worker *worker, struct packet *packet)
{
	struct pools *pools = worker->pool->all;
	struct request_message request;
	if (worker->dead)
		return;
	await_sent(worker);
	if (worker->state != WORKER_BUSY || worker->answered || packet->run != worker->number ||
	    !request_decode(packet, &request) || request.number != worker->requests + 1) {
		pool_worker_kill(worker, "asked for bytes that it may not have");
		return;
	}
	worker->requests = request.number;
	worker->request = request;
	pthread_mutex_lock(&pools->lock);
	worker->wanted = worker->fetching;
	if (worker->wanted && request.number > 1)
		fetch_cancel(worker->fetch);
	pthread_mutex_unlock(&pools->lock);
	if (!worker->wanted)
		pool_worker_fetch(worker);
}

/* The cache has answered; on the server's thread. */
static void note_cached(struct cache_question *question)
{
	struct pools *pools = question->asker;
	pthread_mutex_lock(&pools->lock);
	question->mail.next = pools->answers != NULL ? &pools->answers->mail : NULL;
	pools->answers = question;
	pthread_mutex_unlock(&pools->lock);
	pools_wake(pools);
}

/* The worker with this run; NULL: there is none any more. */
static struct pool_worker *find_busy(const struct pools *pools, uint64_t run)
{
	for (const struct pool *pool = pools->first; pool != NULL; pool = pool->next)
		for (size_t i = 0; i < pool->count; i++) {
			struct pool_worker *worker = &pool->worker[i];
			if (worker->state == WORKER_BUSY && worker->number == run && !worker->dead && !worker->answered)
				return worker;
		}
	return NULL;
}

static void send_cached(struct pool_worker *worker, unsigned number, const char *text)
{
	struct text *packet = &worker->pool->all->packet;
	cache_encode(packet, MESSAGE_CACHED, worker->number, &(struct cache_message){.number = number, .text = text});
	/* Without it the module waits for two seconds. */
	channel_send(worker->process.control, packet, NULL, 0, -1, false);
}

void pools_send_cached(struct pools *pools)
{
	pthread_mutex_lock(&pools->lock);
	struct cache_question *question = pools->answers;
	pools->answers = NULL;
	pthread_mutex_unlock(&pools->lock);
	while (question != NULL) {
		struct pool_worker *worker = find_busy(pools, question->run);
		struct mail *next = question->mail.next;
		if (worker != NULL)
			send_cached(worker, question->number, question->answer);
		cache_question_free(question);
		question = next != NULL ? CONTAINER_OF(next, struct cache_question, mail) : NULL;
	}
}

/* Answers the worker from what the service remembers. False: it remembers nothing. */
static bool recall(struct pool_worker *worker, unsigned number, const char *key)
{
	struct pools *pools = worker->pool->all;
	struct cache_memory *memory = atomic_load(&pools->memory);
	char *text = memory != NULL ? cache_memory_recall(memory, key, clock_monotonic()) : NULL;
	if (text == NULL)
		return false;
	counter_add(atomic_load(&pools->hits), 1);
	send_cached(worker, number, text);
	free(text);
	return true;
}

/* The module asks the cache, or gives it something. */
static void take_cache_turn(struct pool_worker *worker, struct packet *packet)
{
	struct pools *pools = worker->pool->all;
	struct cache_message message;
	bool get = packet->kind == MESSAGE_CACHE_GET;
	if (worker->dead)
		return;
	await_sent(worker);
	if (worker->state != WORKER_BUSY || worker->answered || packet->run != worker->number ||
	    !cache_decode(packet, &message) || message.number != worker->cache_turns + 1) {
		pool_worker_kill(worker, "used the cache in a way that is not allowed");
		return;
	}
	worker->cache_turns = message.number;
	struct cache_question *question =
		cache_question_create(worker->run, worker->pool->step->module->name, message.key, message.text);
	if (question == NULL)
		return;
	if (get && recall(worker, message.number, question->key)) {
		cache_question_free(question);
		return;
	}
	question->answered = get ? note_cached : NULL;
	question->asker = pools;
	question->run = worker->number;
	question->number = message.number;
	mailbox_send(pools->mailbox, &question->mail);
}

static void take_created(struct pool_worker *worker)
{
	struct pool *pool = worker->pool;
	struct pools *pools = pool->all;
	if (worker->dead)
		return;
	bool leaving = worker->state == WORKER_LEAVING && !worker->created;
	if (worker->state != WORKER_STARTING && !leaving) {
		pool_worker_kill(worker, "sent a message out of turn");
		return;
	}
	worker->created = true;
	if (leaving)
		return; /* it was asked to end before, and does so now */
	if (pool->failures > 0)
		log_info(pools->log, "step %s: its module runs again", pool_worker_step(worker));
	if (pool->down)
		pool_tell(pool, true, "");
	pool->down = false;
	pool->proven = true;
	pool->start_at = 0;
	pools->attention = true;
	worker->since = clock_monotonic();
	pool_worker_look_first(worker);
	worker->lines = 0;
	pthread_mutex_lock(&pools->lock);
	worker->state = WORKER_IDLE;
	worker->kill_at = 0;
	struct pool_worker *next = pools->stop ? NULL : pool_assign(pool);
	pthread_mutex_unlock(&pools->lock);
	if (next != NULL)
		pool_worker_send_next(next);
}

/* create() says no, although it said yes when the configuration was checked. */
static void take_refusal(struct pool_worker *worker, struct packet *packet)
{
	const char *text, *key;
	bool rejected = packet->kind == MESSAGE_REJECTED;
	bool good = rejected ? rejected_decode(packet, &key, &text) : text_decode(packet, &text);
	if (!good || worker->state != WORKER_STARTING)
		pool_worker_kill(worker, "sent an invalid message");
	else if (text[0] != '\0')
		text_copy(worker->errors.last, sizeof worker->errors.last, text);
}

static void take_packet(struct pool_worker *worker, struct packet *packet)
{
	if (worker->broken != NULL)
		return; /* nothing that it says counts any more */
	switch (packet->kind) {
	case MESSAGE_LOG:
		take_log(worker, packet);
		break;
	case MESSAGE_READ:
	case MESSAGE_COPY:
	case MESSAGE_QUARANTINE:
		take_request(worker, packet);
		break;
	case MESSAGE_REPORT:
		take_report(worker, packet);
		break;
	case MESSAGE_DONE:
		take_done(worker, packet);
		break;
	case MESSAGE_CACHE_GET:
	case MESSAGE_CACHE_PUT:
		take_cache_turn(worker, packet);
		break;
	case MESSAGE_CREATED:
		take_created(worker);
		break;
	case MESSAGE_REFUSED:
	case MESSAGE_REJECTED:
	case MESSAGE_FAILED:
		take_refusal(worker, packet);
		break;
	default:
		pool_worker_kill(worker, "sent an unknown message");
	}
}

/* A process that dies closes its socket first. If this one lives, it is killed. */
static void note_closed(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	worker->closed = true;
	pthread_mutex_lock(&pools->lock);
	worker->kill_at = clock_monotonic() + CLOSED_DELAY;
	pthread_mutex_unlock(&pools->lock);
	pools->attention = true;
}

/* Takes packets as long as there are any: `all`, or one. */
void pool_worker_take_packets(struct pool_worker *worker, bool all)
{
	struct packet packet;
	int descriptor;
	unsigned count = 0;
	do {
		enum received received =
			channel_receive(worker->process.control, &worker->pool->all->buffer, &packet, &descriptor, false);
		if (descriptor >= 0)
			close(descriptor);
		if (received == RECEIVED_NOTHING)
			return;
		if (received != RECEIVED_PACKET && worker->dead)
			return; /* its end says more */
		if (received != RECEIVED_PACKET) {
			/* A socket that is closed stays readable. */
			epoll_ctl(worker->pool->all->epoll, EPOLL_CTL_DEL, worker->process.control, NULL);
			if (received == RECEIVED_CLOSED)
				note_closed(worker);
			else
				pool_worker_kill(worker, "sent an invalid packet");
			return;
		}
		take_packet(worker, &packet);
	} while (all && ++count < LAST_PACKETS);
}
