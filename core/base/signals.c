/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/thread.h"

/* Signals that arrive together count as one: timeout(1), for example, sends two. */
#define TOGETHER (500 * MILLISECOND)
/* Signals that are sent in a loop must not fill the log. */
#define NOTE_INTERVAL (10 * SECOND)

/* A handler has no closure. Set before the first signal is caught. */
static volatile int catcher = -1;

static void on_signal(int number)
{
	int reason = errno;
	unsigned char byte = (unsigned char)number;
	/* If the pipe is full, the thread has enough to do anyway. */
	ssize_t written = write(catcher, &byte, 1);
	(void)written;
	errno = reason;
}

/* The interrupted call fails with its own error: EPIPE, EFBIG. */
static void on_failed_write(int number)
{
	(void)number;
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

/* All signals that would end the process and that may be sent by habit or mistake. */
static void handle_all(void (*handler)(int))
{
	static const int number[] = {SIGTERM, SIGINT,    SIGHUP,  SIGUSR1, SIGUSR2, SIGALRM,
	                             SIGPROF, SIGVTALRM, SIGPOLL, SIGPWR,  SIGXCPU, SIGSTKFLT};
	for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
		handle(number[i], handler);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		handle(i, handler);
}

static void note(struct signals *signals, int number)
{
	const char *name = sigabbrev_np(number);
	char text[32];
	nanos now = clock_monotonic();
	if (signals->noted[number] != 0 && now - signals->noted[number] < NOTE_INTERVAL)
		return;
	signals->noted[number] = now;
	if (name != NULL)
		snprintf(text, sizeof text, "SIG%s", name);
	else
		snprintf(text, sizeof text, "signal %d", number);
	log_warning(signals->log, "%s ignored: %s", text,
	            number == SIGHUP ? "the service stops" : "use SIGTERM or SIGINT to stop the service");
}

/* Before the service runs, it may have read its configuration already: it does so again as soon as it runs. */
static void reload(struct signals *signals)
{
	signals->reload = true;
	if (signals->ended != 0)
		note(signals, SIGHUP);
	else if (signals->service.reload != NULL)
		signals->service.reload(signals->service.closure);
}

static void take(struct signals *signals, int number)
{
	if (number == SIGHUP) {
		reload(signals);
		return;
	}
	if (number != SIGTERM && number != SIGINT) {
		note(signals, number);
		return;
	}
	nanos now = clock_monotonic();
	bool again = signals->ended != 0 && now - signals->ended > TOGETHER;
	if (again)
		log_warning(signals->log, "stopped at once by a second signal; the next start goes on with what is unfinished");
	if (signals->service.stop == NULL || again)
		_exit(128 + number);
	if (signals->ended != 0)
		return;
	signals->ended = now;
	signals->service.stop(signals->service.closure);
}

static void *take_signals(void *closure)
{
	struct signals *signals = closure;
	for (;;) {
		unsigned char number;
		ssize_t got = read(signals->pipe[0], &number, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return NULL;
		pthread_mutex_lock(&signals->lock);
		take(signals, number);
		pthread_mutex_unlock(&signals->lock);
	}
}

void signals_delay(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool signals_start(struct signals *signals)
{
	sigset_t none;
	*signals = (struct signals){.early = {.fd = STDERR_FILENO, .level = LOG_INFO}};
	signals->log = &signals->early;
	if (pipe2(signals->pipe, O_CLOEXEC) != 0)
		return false;
	lock_init(&signals->lock);
	catcher = signals->pipe[1];
	handle_all(on_signal);
	handle(SIGPIPE, on_failed_write);
	handle(SIGXFSZ, on_failed_write);
	/* Some signals may be blocked at the start of the process, and may have come already. */
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	/* A handler never waits. */
	if (fcntl(signals->pipe[1], F_SETFL, O_NONBLOCK) == 0 &&
	    pthread_create(&signals->thread, NULL, take_signals, signals) == 0)
		return true;
	catcher = -1;
	pthread_mutex_destroy(&signals->lock);
	close(signals->pipe[0]);
	close(signals->pipe[1]);
	return false;
}

void signals_serve(struct signals *signals, const struct signals_service *service, const struct log *log)
{
	handle(SIGPIPE, on_failed_write);
	pthread_mutex_lock(&signals->lock);
	signals->log = log;
	signals->service = *service;
	if (signals->reload && signals->ended == 0)
		reload(signals);
	pthread_mutex_unlock(&signals->lock);
}

void signals_end(struct signals *signals)
{
	handle_all(SIG_IGN);
	catcher = -1;
	close(signals->pipe[1]);
	pthread_join(signals->thread, NULL);
	close(signals->pipe[0]);
	pthread_mutex_destroy(&signals->lock);
}

sigset_t signals_block(void)
{
	static const int number[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
		struct sigaction before;
		if (sigaction(number[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaddset(&set, number[i]);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return set;
}
