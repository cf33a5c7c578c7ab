/* SPDX-License-Identifier: Apache-2.0
 * Signal handling. SIGTERM and SIGINT stop the service, SIGHUP makes it reload its configuration. Other signals
 * (except SIGKILL, SIGQUIT and SIGABRT) are only logged, with a hint what to do instead.
 *
 * Signals are caught instead of blocked or ignored, so that programs started by this process or its modules begin with
 * the default handling of every signal. */
#ifndef CORE_BASE_SIGNALS_H
#define CORE_BASE_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "core/base/clock.h"
#include "core/base/log.h"

/* What signals do. Both functions are called on the thread of the signals. */
struct signals_service {
	void (*stop)(void *closure);
	void (*reload)(void *closure);
	void *closure;
};

struct signals {
	int pipe[2]; /* the numbers of received signals */
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under the lock: */
	const struct log *log;
	struct signals_service service; /* NULL functions: it does not run yet */
	bool reload;                    /* SIGHUP came before */
	/* For the thread: */
	struct log early;  /* the log until then */
	nanos ended;       /* when the first SIGTERM or SIGINT arrived (monotonic); 0: none */
	nanos noted[NSIG]; /* when the signal was last logged */
};

/* From now on, SIGHUP does not end the process, and takes effect at signals_start(). Call this first in main(). */
void signals_delay(void);

/* Starts to catch signals, once per process. Until signals_serve(), SIGTERM and SIGINT end the process at once with
 * status 128 plus the signal's number. Call this before starting any thread. False: out of descriptors, memory or
 * threads. */
bool signals_start(struct signals *signals);

/* From now on, the first SIGTERM or SIGINT calls `stop`, and the second one ends the process at once. Signals that
 * arrive together count as one. SIGHUP calls `reload`, which is called at once if one has come since signals_start().
 * The log is borrowed. Call this after bus_open_library(), which ignores SIGPIPE. */
void signals_serve(struct signals *signals, const struct signals_service *service, const struct log *log);

/* Neither function is called any more. From now on, all signals are ignored. */
void signals_end(struct signals *signals);

/* For a command that handles signals itself: blocks SIGINT, SIGTERM and SIGHUP, except those that were ignored at its
 * start (as with nohup), and returns them as a set for sigtimedwait(). A closed connection is reported as an error of
 * write(), without a signal. Call this before starting any thread. */
sigset_t signals_block(void);

#endif
