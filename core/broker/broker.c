/* SPDX-License-Identifier: Apache-2.0 */

#include "core/broker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nats/nats.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/base/thread.h"
#include "core/broker/broker_child.h"
#include "core/broker/broker_home.h"
#include "core/nats/bus_connect.h"

/* Reading a store of a million records takes long. If the child ends before, this is noticed at once. */
#define READY_LIMIT (60 * SECOND)
#define STOP_LIMIT (10 * SECOND)
#define PAUSE_FIRST (100 * MILLISECOND)
#define PAUSE_LAST (10 * SECOND)
/* If a child ran for this time, its start did not fail. */
#define PROVEN (30 * SECOND)
#define LOG_LIMIT (4 * 1024 * 1024)
#define LOG_LOOK (60 * SECOND)
/* How often to check whether the child still answers. */
#define ASK_INTERVAL (5 * SECOND)
#define PORT_ATTEMPTS 5
#define PASSWORD_BYTES 24

enum state { STARTING, UP, FAILED };

struct broker {
	const struct log *log;
	struct broker_home home;
	struct broker_address address;
	pthread_mutex_t changing; /* the address */
	unsigned port;
	char *program;
	char conf[PATH_MAX];
	int log_fd;
	int stop_fd; /* becomes readable when the service wants to stop */
	/* Only this thread forks the child, because the child is notified of the death of the thread that forked it. */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum state state;
	char why[512]; /* with FAILED */
	_Atomic uint64_t restarts;
	_Atomic nanos unanswered_since, unanswered_last; /* see struct unanswered */
	struct broker_health health;                     /* the thread's */
};

enum event { CHILD_ENDED, CHILD_SICK, STOP_WANTED, TIME_UP };

/* Waits for the first event; `child` NULL: without a child. */
static enum event await_event(const struct broker *broker, const struct broker_child *child, nanos limit)
{
	struct pollfd fd[2] = {{.fd = broker->stop_fd, .events = POLLIN},
	                       {.fd = child != NULL ? child->pidfd : -1, .events = POLLIN}};
	nanos end = clock_monotonic() + limit;
	for (;;) {
		nanos left = end - clock_monotonic();
		int ready = poll(fd, 2, left > 0 ? (int)((left + MILLISECOND - 1) / MILLISECOND) : 0);
		if (fd[0].revents != 0 && ready > 0)
			return STOP_WANTED;
		if (fd[1].revents != 0 && ready > 0)
			return CHILD_ENDED;
		if (left <= 0)
			return TIME_UP;
	}
}

/* True if our password is accepted and JetStream answers. */
static bool answers(const struct broker *broker)
{
	natsOptions *options = NULL;
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	jsAccountInfo *info = NULL;
	jsOptions wait;
	natsStatus status = bus_options(&options, &broker->address, "postprocessing broker");
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, 1000);
	if (status == NATS_OK)
		status = natsConnection_Connect(&connection, options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = jsOptions_Init(&wait);
	wait.Wait = 1000;
	if (status == NATS_OK)
		status = js_GetAccountInfo(&info, js, &wait, NULL);
	jsAccountInfo_Destroy(info);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	return status == NATS_OK;
}

static enum event await_ready(const struct broker *broker, const struct broker_child *child, nanos limit, bool *ready)
{
	nanos end = clock_monotonic() + limit, pause = 10 * MILLISECOND;
	*ready = false;
	while (clock_monotonic() < end) {
		enum event event = await_event(broker, child, pause);
		if (event != TIME_UP)
			return event;
		if (answers(broker)) {
			*ready = true;
			return TIME_UP;
		}
		pause = pause < 200 * MILLISECOND ? pause * 2 : pause;
	}
	return TIME_UP;
}

/* nats-server rotates its log but never deletes old files. Therefore it writes to a descriptor of ours, and the log is
 * truncated when it becomes too long. */
static void cut_log(const struct broker *broker)
{
	struct stat status;
	if (fstat(broker->log_fd, &status) == 0 && status.st_size > LOG_LIMIT && ftruncate(broker->log_fd, 0) != 0)
		log_warning(broker->log, "cannot truncate %s/nats.log, which keeps growing: %s", broker->home.path,
		            strerror(errno));
}

static bool is_sick(struct broker *broker)
{
	broker_health_asked(&broker->health, answers(broker), clock_monotonic());
	struct unanswered writes = {.since = atomic_load(&broker->unanswered_since),
	                            .last = atomic_load(&broker->unanswered_last)};
	return broker_health_is_sick(&broker->health, &writes, clock_monotonic());
}

/* Watches the child until it ends, has to stop, or no longer works. While its disk is full, a restart would not
 * help. */
static enum event await_end(struct broker *broker, const struct broker_child *child)
{
	enum event event;
	bool full = false;
	nanos cut = clock_monotonic();
	broker_health_begin(&broker->health, cut);
	while ((event = await_event(broker, child, ASK_INTERVAL)) == TIME_UP) {
		if (clock_monotonic() - cut >= LOG_LOOK) {
			cut_log(broker);
			cut = clock_monotonic();
		}
		if (!is_sick(broker))
			continue;
		if (broker_home_has_room(&broker->home))
			return CHILD_SICK;
		if (!full)
			log_error(broker->log,
			          "the embedded broker accepts no more data because there is no room left in %s; it "
			          "is restarted when there is room",
			          broker->home.path);
		full = true;
	}
	return event;
}

static void set_state(struct broker *broker, enum state state)
{
	pthread_mutex_lock(&broker->lock);
	broker->state = state;
	pthread_cond_broadcast(&broker->changed);
	pthread_mutex_unlock(&broker->lock);
}

static bool start_child(const struct broker *broker, struct broker_child *child)
{
	return broker_child_start(child, broker->program, broker->conf, broker->log_fd, broker->home.lock);
}

/* The first start. True: the child answers. False: `why` of the broker has the reason. */
static bool start_first(struct broker *broker, struct broker_child *child)
{
	char status[CHILD_STATUS_SIZE], words[256];
	bool ready = false;
	if (!start_child(broker, child)) {
		snprintf(broker->why, sizeof broker->why, "cannot start %s: %s", broker->program, strerror(errno));
		return false;
	}
	enum event event = await_ready(broker, child, READY_LIMIT, &ready);
	if (ready)
		return true;
	broker_child_end(child, STOP_LIMIT, status);
	broker_home_last_words(&broker->home, words, sizeof words);
	if (event == CHILD_ENDED)
		snprintf(broker->why, sizeof broker->why, "%s exited at startup (%s)%s%s; see %s/nats.log", broker->program,
		         status, words[0] != '\0' ? ": " : "", words, broker->home.path);
	else
		snprintf(broker->why, sizeof broker->why, "%s accepted no connection within %d s; see %s/nats.log",
		         broker->program, (int)(READY_LIMIT / SECOND), broker->home.path);
	return false;
}

static bool configure(struct broker *broker, char *why, size_t size);

/* Restarts the child after it ended, with as many attempts as necessary. False: the service wants to stop. */
static bool start_again(struct broker *broker, struct broker_child *child, nanos *pause)
{
	char text[DURATION_TEXT_SIZE], why[512], said[512] = "";
	for (;;) {
		if (await_event(broker, NULL, *pause) == STOP_WANTED)
			return false;
		*pause = *pause * 2 < PAUSE_LAST ? *pause * 2 : PAUSE_LAST;
		if (configure(broker, why, sizeof why)) {
			if (start_child(broker, child)) {
				atomic_fetch_add(&broker->restarts, 1);
				return true;
			}
			snprintf(why, sizeof why, "%s: %s", broker->program, strerror(errno));
		}
		/* Each reason is logged once and not at every attempt. */
		if (strcmp(said, why) != 0)
			log_error(broker->log, "cannot start the embedded broker: %s; retrying, next in %s", why,
			          duration_format(*pause, text));
		snprintf(said, sizeof said, "%s", why);
	}
}

/* Publishes the new address of the broker. */
static void announce(struct broker *broker, const struct broker_child *child)
{
	if (!broker_home_publish(&broker->home, &broker->address))
		log_warning(broker->log, "%s/endpoint: %s: commands will not find the broker", broker->home.path,
		            strerror(errno));
	log_info(broker->log, "the embedded broker is listening on %s (process %ld)", broker->address.endpoint,
	         (long)child->pid);
}

/* Stops a child and logs why. */
static void bury(struct broker *broker, struct broker_child *child, enum event event, nanos pause)
{
	char status[CHILD_STATUS_SIZE], words[256], text[DURATION_TEXT_SIZE];
	if (event == CHILD_SICK)
		log_error(broker->log, "the embedded broker is running but accepts no more data: restarting it");
	broker_child_end(child, STOP_LIMIT, status);
	broker_home_last_words(&broker->home, words, sizeof words);
	log_error(broker->log, "the embedded broker %s (%s)%s%s; restarting it in %s",
	          event == CHILD_SICK ? "was stopped" : "died", status, words[0] != '\0' ? ": " : "", words,
	          duration_format(pause, text));
	if (event == CHILD_SICK)
		broker_health_restarted(&broker->health);
}

static void *supervise(void *closure)
{
	struct broker *broker = closure;
	struct broker_child child;
	char status[CHILD_STATUS_SIZE];
	nanos pause = PAUSE_FIRST;
	bool ready = start_first(broker, &child);
	if (ready)
		announce(broker, &child);
	set_state(broker, ready ? UP : FAILED);
	if (!ready)
		return NULL;
	for (;;) {
		nanos since = clock_monotonic();
		enum event event = TIME_UP;
		if (!ready) {
			event = await_ready(broker, &child, INT64_MAX / 2, &ready);
			if (ready)
				announce(broker, &child);
		}
		if (event == TIME_UP)
			event = await_end(broker, &child);
		if (event == STOP_WANTED) {
			broker_child_end(&child, STOP_LIMIT, status);
			return NULL;
		}
		if (ready && clock_monotonic() - since > PROVEN)
			pause = PAUSE_FIRST;
		bury(broker, &child, event, pause);
		ready = false;
		if (!start_again(broker, &child, &pause))
			return NULL;
	}
}

/* Starts the thread and waits for the child. False: `why` is set, and the thread has ended. */
static bool launch(struct broker *broker)
{
	sigset_t all, before;
	broker->state = STARTING;
	broker->log_fd = broker_home_open_log(&broker->home);
	if (broker->log_fd < 0) {
		snprintf(broker->why, sizeof broker->why, "%s/nats.log: %s", broker->home.path, strerror(errno));
		return false;
	}
	/* The main thread handles signals. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&broker->thread, NULL, supervise, broker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code == 0) {
		pthread_mutex_lock(&broker->lock);
		while (broker->state == STARTING)
			pthread_cond_wait(&broker->changed, &broker->lock);
		pthread_mutex_unlock(&broker->lock);
		if (broker->state == UP)
			return true;
		pthread_join(broker->thread, NULL);
	} else {
		snprintf(broker->why, sizeof broker->why, "cannot start a thread: %s", strerror(code));
	}
	close(broker->log_fd);
	broker->log_fd = -1;
	return false;
}

static void change_address(struct broker *broker, const char *password)
{
	char url[64];
	snprintf(url, sizeof url, "nats://127.0.0.1:%u", broker->port);
	pthread_mutex_lock(&broker->changing);
	struct broker_address last = broker->address;
	broker->address.endpoint = alloc_text(url);
	broker->address.username = alloc_text("postprocessing");
	broker->address.password = alloc_text(password);
	pthread_mutex_unlock(&broker->changing);
	broker_endpoint_free(&last);
}

/* Chooses a port and a password, and writes nats.conf, for the next start. */
static bool configure(struct broker *broker, char *why, size_t size)
{
	char password[2 * PASSWORD_BYTES + 1];
	broker->port = broker_port_choose(broker->port);
	if (broker->port == 0 || !random_hex(password, PASSWORD_BYTES)) {
		snprintf(why, size, "no %s available", broker->port == 0 ? "free port on 127.0.0.1" : "random numbers");
		return false;
	}
	snprintf(broker->conf, sizeof broker->conf, "%s/nats.conf", broker->home.path);
	change_address(broker, password);
	bool good = broker_home_configure(&broker->home, broker->port, broker->address.username, password);
	if (!good)
		snprintf(why, size, "cannot write %s/nats.conf: %s", broker->home.path, strerror(errno));
	explicit_bzero(password, sizeof password);
	return good;
}

static bool start_on_free_port(struct broker *broker)
{
	for (int attempt = 1; attempt <= PORT_ATTEMPTS; attempt++) {
		if (!configure(broker, broker->why, sizeof broker->why))
			return false;
		if (launch(broker))
			return true;
		if (broker_port_free(broker->port)) /* the port is still free, so the failure had another cause */
			return false;
	}
	return false;
}

/* Also for a broker that was not created completely. */
static void release(struct broker *broker)
{
	if (broker->home.folder >= 0)
		broker_home_withdraw(&broker->home);
	broker_home_close(&broker->home);
	broker_endpoint_free(&broker->address);
	if (broker->log_fd >= 0)
		close(broker->log_fd);
	if (broker->stop_fd >= 0)
		close(broker->stop_fd);
	pthread_cond_destroy(&broker->changed);
	pthread_mutex_destroy(&broker->lock);
	pthread_mutex_destroy(&broker->changing);
	free(broker->program);
	free(broker);
}

static struct broker *create(const struct log *log)
{
	struct broker *broker = alloc_zeroed(1, sizeof *broker);
	lock_init(&broker->lock);
	condition_init(&broker->changed);
	lock_init(&broker->changing);
	broker->address.changing = &broker->changing;
	broker->log = log;
	broker->home = (struct broker_home)BROKER_HOME_NONE;
	broker->log_fd = -1;
	broker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return broker;
}

struct broker *broker_start(const char *state_dir, const struct log *log, char *why, size_t size)
{
	struct broker *broker = create(log);
	bool good = broker->stop_fd >= 0;
	if (!good)
		snprintf(why, size, "the embedded broker: %s", strerror(errno));
	good = good && (broker->program = broker_child_find(why, size)) != NULL &&
	       broker_home_open(&broker->home, state_dir, why, size);
	if (good && start_on_free_port(broker))
		return broker;
	if (good)
		snprintf(why, size, "%s", broker->why);
	release(broker);
	return NULL;
}

const struct broker_address *broker_address(const struct broker *broker)
{
	return &broker->address;
}

void broker_set_unanswered(struct broker *broker, const struct unanswered *writes)
{
	atomic_store(&broker->unanswered_since, writes->since);
	atomic_store(&broker->unanswered_last, writes->last);
}

uint64_t broker_restarts(const struct broker *broker)
{
	return atomic_load(&broker->restarts);
}

void broker_stop(struct broker *broker)
{
	if (broker == NULL)
		return;
	/* The counter of an eventfd takes one more, whatever its state. */
	if (eventfd_write(broker->stop_fd, 1) == 0)
		pthread_join(broker->thread, NULL);
	release(broker);
}
