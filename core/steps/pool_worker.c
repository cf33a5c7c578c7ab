/* SPDX-License-Identifier: Apache-2.0
 * One worker process of a pool. All of it runs on the supervisor's thread, but for fetched(). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/base/thread.h"
#include "core/steps/pool_private.h"

/* The pause after the first process that could not be started; it doubles up to the second. */
#define FIRST_PAUSE (100 * MILLISECOND)
#define LONGEST_PAUSE (30 * SECOND)
/* A process that has lived for this long was started well. */
#define STEADY (10 * SECOND)

static const char *step_name(const struct pool_worker *worker)
{
	return worker->pool->step->config->name;
}

static const struct log *log_of(const struct pool_worker *worker)
{
	return worker->pool->all->log;
}

/* Tells the server whether the step's processes can be started. */
static void tell(const struct pool *pool, bool works, const char *why)
{
	struct pool_news *news = alloc_zeroed(1, sizeof *news);
	news->mail.kind = MAIL_POOL;
	news->step = pool->number;
	news->works = works;
	text_copy(news->why, sizeof news->why, why);
	mailbox_send(pool->all->mailbox, &news->mail);
}

static void set_state(struct pool_worker *worker, enum worker_state state, nanos kill_at)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	worker->state = state;
	worker->kill_at = kill_at;
	pthread_mutex_unlock(&pools->lock);
	pools->attention = true;
}

/* Those that are queued go back: they wait where they can be seen, moved and ended. */
static void return_queued(struct pool *pool)
{
	pthread_mutex_lock(&pool->all->lock);
	struct run *run = pool->first, *next;
	pool->first = NULL;
	pool->last = &pool->first;
	pthread_mutex_unlock(&pool->all->lock);
	for (; run != NULL; run = next) {
		next = run->next;
		run->undone = true;
		mailbox_send(pool->all->mailbox, &run->mail);
	}
}

/* A start has failed: the next one waits longer. */
static void note_failure(struct pool_worker *worker, const char *why)
{
	struct pool *pool = worker->pool;
	char pause[DURATION_TEXT_SIZE];
	nanos wait = pool->failures < 16 ? FIRST_PAUSE << pool->failures : LONGEST_PAUSE;
	wait = wait > LONGEST_PAUSE ? LONGEST_PAUSE : wait;
	pool->failures++;
	pool->proven = false;
	pool->start_at = clock_monotonic() + wait;
	pool->all->attention = true;
	log_error(log_of(worker), "step %s: its module cannot be started: %s. Next try in %s", step_name(worker), why,
	          duration_format(wait, pause));
	tell(pool, false, why);
	return_queued(pool);
}

static bool watch_all(struct pool_worker *worker)
{
	const int descriptor[WATCHES] = {[WATCH_CONTROL] = worker->process.control,
	                                 [WATCH_ENDED] = worker->process.ended,
	                                 [WATCH_ERRORS] = worker->process.errors};
	for (enum watched what = 0; what < WATCHES; what++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &worker->watch[what]};
		if (epoll_ctl(worker->pool->all->epoll, EPOLL_CTL_ADD, descriptor[what], &event) != 0)
			return false;
	}
	return true;
}

void pool_worker_start(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	const struct step *step = worker->pool->step;
	struct start_message start;
	char why[512];
	step_start_message(step, &start);
	if (!worker_process_start(&worker->process, step->launch, step->module->file, &start, why, sizeof why)) {
		note_failure(worker, why);
		return;
	}
	worker->answered = worker->dead = worker->overdue = worker->leave = worker->idle = false;
	atomic_store(&worker->unsent, false);
	worker->broken = NULL;
	worker->runs = worker->lines = 0;
	worker->errors = (struct error_lines){0};
	setup_encode(&pools->packet, step_setup_host(step->setup));
	if (!watch_all(worker) || !channel_send(worker->process.control, &pools->packet, NULL, 0, -1, false)) {
		snprintf(why, sizeof why, "%s", strerror(errno));
		worker_process_end(&worker->process);
		note_failure(worker, why);
		return;
	}
	set_state(worker, WORKER_STARTING, clock_monotonic() + CREATE_LIMIT);
}

/* The process breaks the protocol, or does what is not allowed: it is killed, and the end is noticed. */
static void kill_worker(struct pool_worker *worker, const char *why)
{
	if (worker->broken == NULL)
		worker->broken = why;
	kill(worker->process.pid, SIGKILL);
}

static void log_line(void *closure, const char *line)
{
	const struct pool_worker *worker = closure;
	if (worker->run != NULL)
		log_warning(log_of(worker), "upload %s: %s: standard error: %s", worker->run->upload->id, step_name(worker),
		            line);
	else
		log_warning(log_of(worker), "step %s: standard error: %s", step_name(worker), line);
}

static void take_log(struct pool_worker *worker, struct packet *packet)
{
	enum log_level level;
	const char *text;
	if (!log_decode(packet, &level, &text)) {
		kill_worker(worker, "sent an invalid message");
		return;
	}
	if (++worker->lines > LOG_LINES_LIMIT) {
		if (worker->lines == LOG_LINES_LIMIT + 1)
			log_warning(log_of(worker), "step %s: more than %d log lines in one run; the rest is dropped",
			            step_name(worker), LOG_LINES_LIMIT);
		return;
	}
	if (worker->run != NULL)
		log_write(log_of(worker), level, "upload %s: %s: %s", worker->run->upload->id, step_name(worker), text);
	else
		log_write(log_of(worker), level, "step %s: %s", step_name(worker), text);
}

/* A run was handed to the worker by this thread. */
static void send_next(struct pool_worker *worker)
{
	pool_send_run(worker, &worker->pool->all->packet);
}

/* Whether the process is to be replaced before the next run. */
static bool is_used_up(const struct pool_worker *worker)
{
	unsigned most = worker->pool->step->config->worker_max_runs;
	return worker->leave || (most > 0 && worker->runs >= most);
}

/* The run has ended: returns it, and gives the worker the next one. */
static void finish_run(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	uint64_t count;
	worker->answered = false;
	worker->lines = 0;
	error_lines_reset(&worker->errors);
	worker->pool->failures = 0;
	bool used_up = is_used_up(worker);
	pthread_mutex_lock(&pools->lock);
	struct run *run = worker->run;
	run->gone = worker->gone;
	while (atomic_load(&run->cancelled) && read(worker->process.cancel, &count, sizeof count) > 0)
		;
	worker->run = NULL;
	worker->kill_at = 0;
	worker->state = worker->dead ? WORKER_LEAVING : WORKER_IDLE;
	pools->attention = pools->attention || pools->stop;
	struct pool_worker *next = used_up || pools->stop || worker->dead ? NULL : pool_assign(worker->pool);
	pthread_mutex_unlock(&pools->lock);
	run_answer_take(run, &worker->answer);
	mailbox_send(pools->mailbox, &run->mail);
	if (next != NULL)
		send_next(next);
	else if (used_up)
		pool_worker_leave(worker);
}

static void take_done(struct pool_worker *worker, struct packet *packet)
{
	struct pools *pools = worker->pool->all;
	struct run_done done;
	if (worker->state != WORKER_BUSY || worker->answered || packet->run != worker->number) {
		kill_worker(worker, "answered a run that it does not have");
		return;
	}
	if (!done_decode(packet, &done)) {
		kill_worker(worker, "sent an invalid answer");
		return;
	}
	worker->answered = true;
	worker->answer = done.answer;
	worker->runs++;
	worker->leave = worker->leave || done.crowded;
	pthread_mutex_lock(&pools->lock);
	worker->pool->reads = done.read;
	bool fetching = worker->fetching;
	if (fetching)
		fetch_cancel(worker->fetch);
	pthread_mutex_unlock(&pools->lock);
	if (!fetching)
		finish_run(worker);
}

/* The fetch's thread: its order has ended. */
static void fetched(void *closure, bool sent, bool gone)
{
	struct pool_worker *worker = closure;
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	worker->fetching = false;
	worker->gone = worker->gone || gone;
	pthread_mutex_unlock(&pools->lock);
	if (!sent)
		atomic_store(&worker->unsent, true);
	pools_wake(pools);
}

/* The module wants the upload's bytes. */
static void take_read(struct pool_worker *worker, const struct packet *packet)
{
	struct pools *pools = worker->pool->all;
	if (worker->dead)
		return;
	if (worker->state != WORKER_BUSY || worker->answered || worker->fetching || packet->run != worker->number ||
	    !packet_end(packet)) {
		kill_worker(worker, "asked for bytes that it may not have");
		return;
	}
	if (worker->fetch == NULL)
		worker->fetch = fetch_create(pools->content, fetched, worker);
	if (worker->fetch == NULL) {
		end_encode(&pools->packet, worker->number, "the service has no thread to fetch the bytes with");
		channel_send(worker->process.control, &pools->packet, NULL, 0, -1, false);
		return;
	}
	pthread_mutex_lock(&pools->lock);
	worker->fetching = true;
	pthread_mutex_unlock(&pools->lock);
	struct run *run = worker->run;
	fetch_begin(worker->fetch, &(struct fetch_order){.run = run,
	                                                 .number = worker->number,
	                                                 .deadline = atomic_load(&run->started) + run->allowed,
	                                                 .control = worker->process.control});
}

static void take_created(struct pool_worker *worker)
{
	struct pool *pool = worker->pool;
	struct pools *pools = pool->all;
	if (worker->dead)
		return;
	if (worker->state != WORKER_STARTING) {
		kill_worker(worker, "sent a message out of turn");
		return;
	}
	if (pool->failures > 0) {
		log_info(pools->log, "step %s: its module runs again", step_name(worker));
		tell(pool, true, "");
	}
	pool->proven = true;
	pool->start_at = 0;
	pools->attention = true;
	worker->since = clock_monotonic();
	pthread_mutex_lock(&pools->lock);
	worker->state = WORKER_IDLE;
	worker->kill_at = 0;
	struct pool_worker *next = pools->stop ? NULL : pool_assign(pool);
	pthread_mutex_unlock(&pools->lock);
	if (next != NULL)
		send_next(next);
}

/* create() says no, although it said yes when the configuration was checked. */
static void take_refusal(struct pool_worker *worker, struct packet *packet)
{
	const char *text, *key;
	bool rejected = packet->kind == MESSAGE_REJECTED;
	bool good = rejected ? rejected_decode(packet, &key, &text) : text_decode(packet, &text);
	if (!good || worker->state != WORKER_STARTING)
		kill_worker(worker, "sent an invalid message");
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
		take_read(worker, packet);
		break;
	case MESSAGE_DONE:
		take_done(worker, packet);
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
		kill_worker(worker, "sent an unknown message");
	}
}

/* Takes packets as long as there are any: `all`, or one. */
static void take_packets(struct pool_worker *worker, bool all)
{
	struct packet packet;
	int descriptor;
	do {
		enum received received =
			channel_receive(worker->process.control, &worker->pool->all->buffer, &packet, &descriptor, false);
		if (descriptor >= 0)
			close(descriptor);
		if (received == RECEIVED_NOTHING)
			return;
		if (received != RECEIVED_PACKET) {
			/* A socket that is closed stays readable. */
			epoll_ctl(worker->pool->all->epoll, EPOLL_CTL_DEL, worker->process.control, NULL);
			kill_worker(worker, received == RECEIVED_CLOSED ? "closed its connection" : "sent an invalid packet");
			return;
		}
		take_packet(worker, &packet);
	} while (all);
}

/* How the process ended, for people. */
static void explain_end(const struct pool_worker *worker, int status, char *why, size_t size)
{
	char how[80];
	const char *last = worker->errors.last;
	worker_status_explain(status, how, sizeof how);
	if (worker->overdue)
		snprintf(why, size,
		         worker->run != NULL ? "the module ignored its cancellation and was killed"
		                             : "the module did not finish create() in time and was killed");
	else if (worker->broken != NULL && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(why, size, "the module's process %s and was killed", worker->broken);
	else if (worker->state == WORKER_STARTING && WIFEXITED(status) && last[0] != '\0')
		snprintf(why, size, "%s", last);
	else
		snprintf(why, size, "the module %s%s%.100s", how, last[0] != '\0' ? ": " : "", last);
}

/* The run that the process had fails, unless it never got it. */
static void fail_run(struct pool_worker *worker, const char *why)
{
	struct pool *pool = worker->pool;
	pthread_mutex_lock(&pool->all->lock);
	struct run *run = worker->run;
	worker->run = NULL;
	run->gone = worker->gone;
	bool again = atomic_exchange(&worker->unsent, false) && !atomic_load(&run->cancelled);
	if (again)
		pool_queue(pool, run, true);
	pthread_mutex_unlock(&pool->all->lock);
	if (again)
		return;
	struct run_answer answer = {.value = PP_RETRY};
	text_copy(answer.reason, sizeof answer.reason, why);
	run->crashed = !worker->overdue;
	if (run->crashed)
		log_error(pool->all->log, "upload %s: %s: %s", run->upload->id, step_name(worker), why);
	run_answer_take(run, &answer);
	mailbox_send(pool->all->mailbox, &run->mail);
}

/* The process died while it had nothing to do: a thread of the module's, or somebody's signal. */
static void note_idle_death(struct pool_worker *worker, const char *why)
{
	if (clock_monotonic() - worker->since > STEADY)
		worker->pool->failures = 0;
	else if (worker->runs == 0)
		note_failure(worker, why);
	else
		log_warning(log_of(worker), "step %s: %s while it had no upload", step_name(worker), why);
}

/* The process has ended, and nothing uses its descriptors any more. */
static void bury(struct pool_worker *worker)
{
	char why[256];
	take_packets(worker, true);
	error_lines_read(&worker->errors, worker->process.errors, true, log_line, worker);
	if (worker->answered)
		finish_run(worker);
	bool starting = worker->state == WORKER_STARTING, idle = worker->idle;
	int status = worker_process_end(&worker->process);
	explain_end(worker, status, why, sizeof why);
	if (worker->run != NULL)
		fail_run(worker, why);
	worker->dead = false;
	set_state(worker, WORKER_DOWN, 0);
	if (starting)
		note_failure(worker, why);
	else if (idle)
		note_idle_death(worker, why);
}

static bool is_in_use(const struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	bool used = worker->fetching;
	if (used)
		fetch_cancel(worker->fetch);
	pthread_mutex_unlock(&pools->lock);
	return used || atomic_load(&worker->sending);
}

void pool_worker_settle(struct pool_worker *worker)
{
	if (!worker->dead && !worker->answered)
		return;
	if (is_in_use(worker))
		worker->pool->all->attention = atomic_load(&worker->sending);
	else if (worker->dead)
		bury(worker);
	else
		finish_run(worker);
}

/* From now on it gets no run. */
static void note_end(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	worker->idle = worker->state == WORKER_IDLE;
	if (worker->idle)
		worker->state = WORKER_LEAVING;
	pthread_mutex_unlock(&pools->lock);
	worker->dead = true;
	pools->attention = true;
}

void pool_worker_take(struct pool_worker *worker, enum watched what)
{
	if (worker->process.pid == 0)
		return; /* an event from before its end */
	switch (what) {
	case WATCH_CONTROL:
		take_packets(worker, false);
		break;
	case WATCH_ERRORS:
		error_lines_read(&worker->errors, worker->process.errors, false, log_line, worker);
		break;
	case WATCH_ENDED:
		for (enum watched each = 0; each < WATCHES; each++)
			epoll_ctl(worker->pool->all->epoll, EPOLL_CTL_DEL,
			          each == WATCH_CONTROL ? worker->process.control
			          : each == WATCH_ENDED ? worker->process.ended
			                                : worker->process.errors,
			          NULL);
		note_end(worker);
		break;
	case WATCHES:
		break;
	}
}

nanos pool_worker_tick(struct pool_worker *worker, nanos now)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	nanos kill_at = worker->kill_at;
	bool overdue = kill_at != 0 && kill_at <= now;
	if (overdue)
		worker->kill_at = 0;
	pthread_mutex_unlock(&pools->lock);
	if (!overdue)
		return kill_at != 0 ? kill_at : INT64_MAX;
	if (worker->process.pid > 0 && !worker->dead) {
		worker->overdue = worker->state != WORKER_LEAVING;
		kill(worker->process.pid, SIGKILL);
	}
	return INT64_MAX;
}

void pool_worker_leave(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	bool ask = worker->state == WORKER_IDLE || worker->state == WORKER_STARTING;
	if (ask) {
		worker->state = WORKER_LEAVING;
		worker->kill_at = clock_monotonic() + (pools->stop ? STOP_DELAY : KILL_DELAY);
	}
	pthread_mutex_unlock(&pools->lock);
	if (ask && worker->process.control >= 0)
		shutdown(worker->process.control, SHUT_WR);
	pools->attention = pools->attention || ask;
}
