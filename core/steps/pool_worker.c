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

const char *pool_worker_step(const struct pool_worker *worker)
{
	return worker->pool->step->config->name;
}

const struct log *pool_worker_log(const struct pool_worker *worker)
{
	return worker->pool->all->log;
}

/* Tells the server whether the step's processes can be started. */
void pool_tell(const struct pool *pool, bool works, const char *why)
{
	struct pool_news *news = alloc_zeroed(1, sizeof *news);
	news->mail.kind = MAIL_POOL;
	news->step = pool->number;
	news->version = pool->step->version;
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

static bool has_working(const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (pool->worker[i].state == WORKER_IDLE || pool->worker[i].state == WORKER_BUSY)
			return true;
	return false;
}

/* A start has failed: the next one waits longer. */
static void note_failure(struct pool_worker *worker, const char *why)
{
	struct pool *pool = worker->pool;
	char pause[DURATION_TEXT_SIZE];
	if (pool->replaced)
		return;
	nanos wait = pool->failures < 16 ? FIRST_PAUSE << pool->failures : LONGEST_PAUSE;
	wait = wait > LONGEST_PAUSE ? LONGEST_PAUSE : wait;
	pool->failures++;
	pool->proven = false;
	pool->start_at = clock_monotonic() + wait;
	pool->all->attention = true;
	log_error(pool_worker_log(worker), "step %s: its module cannot be started: %s. Next try in %s",
	          pool_worker_step(worker), why, duration_format(wait, pause));
	if (has_working(pool))
		return; /* those go on */
	pool->down = true;
	pool_tell(pool, false, why);
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
	start.copies = copies_folder(pools->copies);
	if (!worker_process_start(&worker->process, step->launch, step->module->file, &start, why, sizeof why)) {
		note_failure(worker, why);
		return;
	}
	worker->wanted = worker->answered = worker->closed = worker->created = false;
	worker->requests = worker->cache_turns = 0;
	worker->dead = worker->overdue = worker->late = worker->greedy = worker->writes = worker->leave = worker->idle =
		false;
	worker->broken = NULL;
	worker->runs = worker->lines = worker->reports = 0;
	worker->errors = (struct error_lines){0};
	setup_encode(&pools->packet, step_setup_host(step->setup));
	if (!watch_all(worker) || !channel_send(worker->process.control, &pools->packet, NULL, 0, -1, false)) {
		snprintf(why, sizeof why, "%s", strerror(errno));
		worker_process_end(&worker->process, NULL);
		note_failure(worker, why);
		return;
	}
	set_state(worker, WORKER_STARTING, clock_monotonic() + CREATE_LIMIT);
}

/* The process breaks the protocol, or does what is not allowed: it is killed, and the end is noticed. */
void pool_worker_kill(struct pool_worker *worker, const char *why)
{
	if (worker->broken == NULL)
		worker->broken = why;
	kill(worker->process.pid, SIGKILL);
}

static void log_line(void *closure, const char *line)
{
	const struct pool_worker *worker = closure;
	if (worker->state == WORKER_BUSY)
		log_warning(pool_worker_log(worker), "upload %s: %s: standard error: %s", worker->run->upload->id,
		            pool_worker_step(worker), line);
	else
		log_warning(pool_worker_log(worker), "step %s: standard error: %s", pool_worker_step(worker), line);
}

/* A run was handed to the worker by this thread. */
void pool_worker_send_next(struct pool_worker *worker)
{
	pool_send_run(worker, &worker->pool->all->packet);
}

/* Whether the process is to be replaced before the next run. */
static bool is_used_up(const struct pool_worker *worker)
{
	unsigned most = worker->pool->step->config->worker_max_runs;
	return worker->leave || worker->closed || (most > 0 && worker->runs >= most);
}

/* Asks the process to end; no run can reach it from now on. With the lock held. */
static void begin_leaving(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	worker->state = WORKER_LEAVING;
	worker->kill_at = clock_monotonic() + (pools->stop ? STOP_DELAY : KILL_DELAY);
	shutdown(worker->process.control, SHUT_WR);
	pools->attention = true;
}

/* The run has ended: returns it, and gives the worker the next one. */
void pool_worker_finish(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	worker->wanted = worker->answered = false;
	worker->requests = worker->cache_turns = worker->lines = 0;
	error_lines_reset(&worker->errors);
	worker->pool->failures = 0;
	fetch_release(worker->fetch);
	pthread_mutex_lock(&pools->lock);
	struct run *run = worker->run;
	bool used_up = is_used_up(worker) || atomic_load(&run->cancelled);
	run->gone = worker->gone;
	worker->run = NULL;
	worker->kill_at = 0;
	/* Once it is idle, any thread may give it a run. */
	if (worker->dead || used_up)
		begin_leaving(worker);
	else
		worker->state = WORKER_IDLE;
	pools->attention = pools->attention || pools->stop || worker->pool->replaced || worker->pool->unused;
	struct pool_worker *next = pools->stop ? NULL : pool_assign(worker->pool);
	pthread_mutex_unlock(&pools->lock);
	run_answer_take(run, &worker->answer);
	if (run_is_last(run, pool_worker_step(worker)))
		copies_forget(pools->copies, run->upload->id);
	reports_end(pools->reports, run);
	mailbox_send(pools->mailbox, &run->mail);
	if (next != NULL)
		pool_worker_send_next(next);
}

/* The fetch's thread: its order has ended. */
static void fetched(void *closure, int unsent, bool gone)
{
	struct pool_worker *worker = closure;
	struct pools *pools = worker->pool->all;
	if (unsent != 0)
		atomic_store(&worker->unsent, unsent);
	pthread_mutex_lock(&pools->lock);
	worker->fetching = false;
	worker->gone = worker->gone || gone;
	pthread_mutex_unlock(&pools->lock);
	pools_wake(pools);
}

void pool_worker_fetch(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	worker->wanted = false;
	if (worker->fetch == NULL)
		worker->fetch = fetch_create(worker->pool->step->content, pools->copies, fetched, worker);
	if (worker->fetch == NULL) {
		end_encode(&pools->packet, worker->number, worker->request.number,
		           "the service has no thread to fetch the bytes with");
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
	                                                 .control = worker->process.control,
	                                                 .request = worker->request,
	                                                 .step = pool_worker_step(worker),
	                                                 .quarantine = atomic_load(&pools->quarantine)});
	/* A cancellation between the two ended nothing. */
	if (atomic_load(&run->cancelled))
		fetch_cancel(worker->fetch);
}

/* Killed: it did not end in time. */
static void explain_kill(const struct pool_worker *worker, const struct run *run, char *why, size_t size)
{
	char duration[DURATION_TEXT_SIZE];
	if (run == NULL)
		snprintf(why, size, "the module did not finish create() in time and was killed");
	else if (worker->expired)
		snprintf(why, size, "run() did not finish within %s (deadline), ignored the cancellation, and was killed",
		         duration_format(run->allowed, duration));
	else
		snprintf(why, size, "the module ignored its cancellation and was killed");
}

/* How the process ended, for people. `run`: the one that it had. */
static void explain_end(const struct pool_worker *worker, const struct run *run, int status, char *why, size_t size)
{
	char how[80];
	const char *last = worker->errors.last;
	worker_status_explain(status, how, sizeof how);
	if (worker->greedy) {
		worker_memory_explain(worker->pool->step->config->memory_limit, worker->writes, how, sizeof how);
		last = "";
	}
	if (worker->overdue)
		explain_kill(worker, run, why, size);
	else if (worker->broken != NULL && !worker->greedy && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(why, size, "the module's process %s and was killed", worker->broken);
	else if (worker->state == WORKER_STARTING && WIFEXITED(status) && last[0] != '\0')
		snprintf(why, size, "%s", last);
	else
		snprintf(why, size, "the module %s%s%.100s", how, last[0] != '\0' ? ": " : "", last);
}

/* The process was gone already. */
static bool is_broken_pipe(int error)
{
	return error == EPIPE || error == ECONNRESET;
}

/* The run that the process had fails, unless it never got it. */
static void fail_run(struct pool_worker *worker, struct run *run, const char *why)
{
	struct pool *pool = worker->pool;
	pthread_mutex_lock(&pool->all->lock);
	run->gone = worker->gone;
	int unsent = atomic_load(&worker->unsent);
	bool again = is_broken_pipe(unsent) && !atomic_load(&run->cancelled);
	bool elsewhere = again && pool->replaced;
	if (again)
		atomic_store(&run->started, 0);
	if (elsewhere)
		run->undone = true;
	else if (again)
		pool_queue(pool, run, true);
	pthread_mutex_unlock(&pool->all->lock);
	if (elsewhere)
		mailbox_send(pool->all->mailbox, &run->mail);
	if (again)
		return;
	struct run_answer answer = {.value = PP_RETRY};
	text_copy(answer.reason, sizeof answer.reason, why);
	if (unsent != 0 && !again)
		snprintf(answer.reason, sizeof answer.reason, "the upload could not be passed to the module's process: %s",
		         strerror(unsent));
	run->crashed = !worker->overdue && unsent == 0;
	if (run->crashed)
		log_error(pool->all->log, "upload %s: %s: %s", run->upload->id, pool_worker_step(worker), why);
	run_answer_take(run, &answer);
	reports_end(pool->all->reports, run);
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
		log_warning(pool_worker_log(worker), "step %s: %s while it had no upload", pool_worker_step(worker), why);
}

/* The process was asked to end, and did not do so in order. The same may happen to each process of the step. */
static void note_leaving(struct pool_worker *worker, int status)
{
	char how[80];
	const char *last = worker->errors.last;
	bool ordered = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
	if (ordered || !worker->created || worker->pool->untidy)
		return;
	worker->pool->untidy = true;
	worker_status_explain(status, how, sizeof how);
	if (worker->late)
		log_warning(pool_worker_log(worker), "step %s: the module did not finish destroy() in time and was killed",
		            pool_worker_step(worker));
	else
		log_warning(pool_worker_log(worker), "step %s: the module %s%s%.100s while its instance was destroyed",
		            pool_worker_step(worker), how, last[0] != '\0' ? ": " : "", last);
}

/* From now on nobody finds the process by its run, to cancel it: its descriptors are about to be closed. */
static struct run *detach_run(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	struct run *run = worker->run;
	worker->run = NULL;
	pthread_mutex_unlock(&pools->lock);
	return run;
}

/* The process has ended, and nothing uses its descriptors any more. */
static void bury(struct pool_worker *worker)
{
	char why[256];
	pool_worker_take_packets(worker, true);
	(void)error_lines_read(&worker->errors, worker->process.errors, true, log_line, worker);
	if (worker->answered)
		pool_worker_finish(worker);
	bool starting = worker->state == WORKER_STARTING, idle = worker->idle;
	bool leaving = worker->state == WORKER_LEAVING && !idle;
	struct run *run = detach_run(worker);
	bool ran_out;
	int status = worker_process_end(&worker->process, &ran_out);
	worker->greedy = worker->greedy || (ran_out && !worker->overdue);
	fetch_release(worker->fetch);
	explain_end(worker, run, status, why, sizeof why);
	if (run != NULL)
		fail_run(worker, run, why);
	worker->dead = false;
	set_state(worker, WORKER_DOWN, 0);
	if (starting)
		note_failure(worker, why);
	else if (idle)
		note_idle_death(worker, why);
	else if (leaving)
		note_leaving(worker, status);
}

static bool is_fetching(const struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	bool fetching = worker->fetching;
	pthread_mutex_unlock(&pools->lock);
	return fetching;
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
	/* It lives, but did not get its run. */
	if (!worker->dead && worker->state == WORKER_BUSY && atomic_load(&worker->unsent) != 0)
		pool_worker_kill(worker, "takes no upload");
	if (worker->wanted && !worker->dead && !worker->answered && !is_fetching(worker))
		pool_worker_fetch(worker);
	if (!worker->dead && !worker->answered)
		return;
	if (is_in_use(worker))
		worker->pool->all->attention = worker->pool->all->attention || atomic_load(&worker->sending);
	else if (worker->dead)
		bury(worker);
	else
		pool_worker_finish(worker);
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
		pool_worker_take_packets(worker, false);
		break;
	case WATCH_ERRORS:
		/* Once it is closed, it stays readable. */
		if (!error_lines_read(&worker->errors, worker->process.errors, false, log_line, worker))
			epoll_ctl(worker->pool->all->epoll, EPOLL_CTL_DEL, worker->process.errors, NULL);
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
	if (worker->process.pid > 0 && !worker->dead && worker->closed) {
		pool_worker_kill(worker, "closed its connection");
	} else if (worker->process.pid > 0 && !worker->dead) {
		worker->late = worker->state == WORKER_LEAVING;
		worker->overdue = !worker->late;
		kill(worker->process.pid, SIGKILL);
	}
	return INT64_MAX;
}

void pool_worker_replace(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	worker->leave = true;
	pthread_mutex_lock(&pools->lock);
	if (worker->state == WORKER_IDLE)
		begin_leaving(worker);
	pthread_mutex_unlock(&pools->lock);
}

void pool_worker_leave(struct pool_worker *worker)
{
	struct pools *pools = worker->pool->all;
	pthread_mutex_lock(&pools->lock);
	if (worker->state == WORKER_IDLE || worker->state == WORKER_STARTING)
		begin_leaving(worker);
	pthread_mutex_unlock(&pools->lock);
}
