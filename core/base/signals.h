/* SPDX-License-Identifier: Apache-2.0
 * What the signals of the process do. SIGTERM and SIGINT end the service, no other signal that somebody may send does
 * (SIGKILL, SIGQUIT and SIGABRT apart): it is noted in the log, with what to do instead.
 *
 * Signals are caught, not blocked or ignored: a program that is started by this process, or by one of its modules, begins
 * with every signal as it is by default. */
#ifndef CORE_BASE_SIGNALS_H
#define CORE_BASE_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "core/base/clock.h"
#include "core/base/log.h"

struct signals {
	int pipe[2]; /* the numbers of the signals that have come */
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under the lock: */
	struct log log;
	void (*stop)(void *closure);
	void *closure;
	/* The thread's: */
	nanos ended;               /* when the first SIGTERM or SIGINT came (monotonic); 0: none */
	nanos noted[NSIG];         /* when the signal was last noted */
};

/* Catches them, once in a process. Until signals_serve(), SIGTERM and SIGINT end the process at once, with status 128 and the
 * signal's number. Begin before any other thread. False: out of descriptors, memory or threads. */
bool signals_start(struct signals *signals);

/* From now on the first SIGTERM or SIGINT calls `stop`, on a thread of its own, and the second ends the process at once. Both
 * that came together are one. The log is copied. To be called after bus_open_library(), which has SIGPIPE ignored. */
void signals_serve(struct signals *signals, const struct log *log, void (*stop)(void *closure), void *closure);

/* `stop` is not called any more. From now on all of them are ignored. */
void signals_end(struct signals *signals);

/* For a command that looks for signals itself: blocks SIGINT, SIGTERM and SIGHUP, but for those that it was started to ignore
 * (as nohup does), and returns them as a set for sigtimedwait(); a peer that hangs up is an error of write(), not a signal.
 * Begin before any other thread. */
sigset_t signals_block(void);

#endif
