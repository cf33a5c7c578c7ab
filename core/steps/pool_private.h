/* SPDX-License-Identifier: Apache-2.0
 * The pools from inside: pool.c has the queues and what other threads call, pool_worker.c one process,
 * pool_messages.c what it sends, pool_memory.c its memory, supervisor.c the thread. */
#ifndef CORE_STEPS_POOL_PRIVATE_H
#define CORE_STEPS_POOL_PRIVATE_H

#include <pthread.h>

#include "core/steps/cache_question.h"
#include "core/steps/fetch.h"
#include "core/steps/pool.h"
#include "core/steps/reports.h"
#include "core/steps/worker_process.h"

/* How long an instance may take to be destroyed while the service stops. */
#define STOP_DELAY (SECOND / 2)
/* Lines that one run may write to the log. */
#define LOG_LINES_LIMIT 1000

enum worker_state {
	WORKER_DOWN,     /* there is no process */
	WORKER_STARTING, /* the process creates its instance */
	WORKER_IDLE,
	WORKER_BUSY,   /* it has a run */
	WORKER_LEAVING /* it was asked to end */
};

enum watched { WATCH_CONTROL, WATCH_ENDED, WATCH_ERRORS, WATCHES };

struct pool_worker;

struct watch {
	struct pool_worker *worker; /* NULL: the supervisor's own eventfd */
	enum watched what;
};

/* What is known of the memory of a process, see pool_memory.c. */
struct memory_watch {
	nanos looked;  /* when it was looked at last */
	unsigned runs; /* how many runs it had had then */
	int64_t first; /* its memory before the first run */
	bool beyond;   /* it was beyond the limit then */
};

struct pool_worker {
	struct pool *pool;
	struct watch watch[WATCHES];
	struct worker_process process;   /* the supervisor's */
	_Atomic enum worker_state state; /* changed under the lock; WORKER_BUSY: what follows is set */
	/* Under the lock: */
	struct run *run;
	uint64_t number;      /* of the run, on the wire */
	nanos kill_at;        /* 0: never */
	bool fetching;        /* a fetch is under way, and uses the socket */
	bool gone;            /* what the fetch found out */
	_Atomic bool sending; /* the thread that handed the run over uses the socket, and the run */
	_Atomic int unsent;   /* the process did not get the run: why (errno); 0: it did */

	/* The supervisor's: */
	struct fetch *fetch;            /* NULL: none was needed yet */
	unsigned requests;              /* that have come in this run */
	struct request_message request; /* the last one; it waits if `wanted`, as an earlier one has not ended: */
	bool wanted;
	unsigned cache_turns; /* that have come in this run */
	bool answered;        /* DONE has come, but the fetch has not ended */
	struct run_answer answer;
	bool created;         /* it has an instance */
	bool closed;          /* its end of the socket is */
	bool dead;            /* the process has ended, but the fetch has not */
	const char *broken;   /* why it was killed; NULL: it was not */
	bool overdue;         /* killed because it ignored its cancellation, or took too long to start */
	bool expired;         /* its run was cancelled because of its deadline; under the lock */
	bool greedy;          /* killed because of its memory, or … */
	bool writes;          /* … its temporary files */
	bool late;            /* killed because it did not end in time after it was asked to */
	bool leave;           /* it is not used for another run */
	bool idle;            /* dead: it had no run */
	nanos since;          /* when it was ready */
	unsigned runs, lines; /* since its start, and of this run */
	unsigned reports;     /* of this process, … */
	nanos reported;       /* … the first of which came then */
	struct error_lines errors;
	struct memory_watch memory;
};

struct pool {
	struct pools *all;
	struct pool *next; /* in the supervisor's list, or in that of the new ones */
	struct step *step; /* held */
	size_t number;
	_Atomic bool replaced;     /* no run comes any more */
	_Atomic bool unused;       /* its processes are started only when there is a run */
	struct run *first, **last; /* queued; under the lock */
	struct pool_worker *worker;
	size_t count;
	bool reads;        /* the last run read the upload's bytes; under the lock */
	unsigned failures; /* starts that failed in a row; the supervisor's, and so are: */
	bool down;         /* the server was told that no process can be started */
	bool proven;       /* a process has been started since the last failure; else one at a time is tried */
	nanos start_at;
	bool leaks;  /* that processes keep memory was said */
	bool untidy; /* that an instance could not be destroyed was said */
};

struct pools {
	pthread_mutex_t lock;
	pthread_cond_t left; /* the supervisor has ended */
	int epoll, wake;     /* wake: an eventfd */
	struct watch own;
	bool stop, alive;
	bool attention; /* the workers have to be looked after; the supervisor's */
	uint64_t last_number;
	struct pool **pool; /* of each step; NULL if the step has no processes; changed under the lock */
	size_t count;
	struct pool *new;   /* that the supervisor has not seen yet; under the lock */
	struct pool *first; /* that it looks after; the supervisor changes it under the lock */
	struct copies *copies;
	const struct log *log;
	struct mailbox *mailbox;
	_Atomic(struct counter *) replaced;
	struct cache_question *answers;        /* of the cache, to send; under the lock */
	struct reports *_Atomic reports;       /* NULL: nobody wants to know */
	struct quarantine *_Atomic quarantine; /* NULL: there is none */
	struct cache_memory *_Atomic memory;   /* of the cache; NULL: there is none */
	struct counter *_Atomic hits;          /* in it */
	struct text submitted;                 /* the packet of pools_submit() */
	struct text packet;                    /* the supervisor's, and so is: */
	struct channel_buffer buffer;
};

/* pool.c */

/* Its processes have ended. */
void pool_free(struct pool *pool);

/* Queues a run; `first`: before the others. With the lock held. */
void pool_queue(struct pool *pool, struct run *run, bool first);

/* Gives the first run of the queue to an idle worker; NULL: there is none. With the lock held. */
struct pool_worker *pool_assign(struct pool *pool);
/* Sends the worker the run that it was given. */
void pool_send_run(struct pool_worker *worker, struct text *packet);
void pools_wake(struct pools *pools);

/* pool_worker.c */

/* Starts the process. */
void pool_worker_start(struct pool_worker *worker);
/* Takes what one of its descriptors has. */
void pool_worker_take(struct pool_worker *worker, enum watched what);
/* Ends what was waiting for the fetch; to be called after each round. */
void pool_worker_settle(struct pool_worker *worker);
/* Kills the process if its time has come. Returns when it comes; INT64_MAX: never. */
nanos pool_worker_tick(struct pool_worker *worker, nanos now);
/* Asks an idle process to end. */
void pool_worker_leave(struct pool_worker *worker);

/* The process breaks the protocol, or does what is not allowed: kills it. Its end is noticed later. */
void pool_worker_kill(struct pool_worker *worker, const char *why);
/* The run has ended: returns it, and gives the worker the next one. */
void pool_worker_finish(struct pool_worker *worker);
/* Begins to fetch the bytes that the module has asked for. */
void pool_worker_fetch(struct pool_worker *worker);
/* Sends a run that pool_assign() has given to the worker on the supervisor's thread. */
void pool_worker_send_next(struct pool_worker *worker);
/* Tells the server whether the step's processes can be started. */
void pool_tell(const struct pool *pool, bool works, const char *why);
const char *pool_worker_step(const struct pool_worker *worker); /* the step's name */
const struct log *pool_worker_log(const struct pool_worker *worker);

/* From now on it gets no run, and ends after the one that it has. */
void pool_worker_replace(struct pool_worker *worker);

/* pool_memory.c */

/* Notes how much memory the process has before its first run. */
void pool_worker_look_first(struct pool_worker *worker);
/* Looks at the memory of the process, if it is time to. Returns when it is next. */
nanos pool_worker_look(struct pool_worker *worker, nanos now);

/* pool_messages.c */

/* Sends the workers what the cache has answered. */
void pools_send_cached(struct pools *pools);
/* Takes one packet, or all that there are. */
void pool_worker_take_packets(struct pool_worker *worker, bool all);

/* supervisor.c */

void *supervise(void *closure);

#endif
