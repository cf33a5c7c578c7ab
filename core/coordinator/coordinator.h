/* SPDX-License-Identifier: Apache-2.0
 * The coordinator moves uploads forward.
 *
 * Its inputs are deliveries of events, answers to its requests, runs that have ended, and records that were found in
 * the bucket. Each input becomes a job of its upload. The jobs of one upload are carried out one after the other, those
 * of different uploads side by side. A job applies its input to the state machine (upload/pipeline.h) and carries out
 * the decision in this order: write the record, on the condition that it still has the revision that was decided on;
 * publish; acknowledge the event; hand the step to its workers. Only the first step of an upload may be run before
 * that, see write_coalescing.h.
 *
 * The coordinator has no threads, no clock and no I/O. The time is passed in; everything else goes through its ports
 * (ports.h). All calls must come from one thread. Times are nanoseconds since 1970. The state is in memory only: after
 * a crash, the records in the bucket and the events that were not acknowledged are all that is needed to go on. */
#ifndef CORE_COORDINATOR_COORDINATOR_H
#define CORE_COORDINATOR_COORDINATOR_H

#include "core/base/log.h"
#include "core/coordinator/metrics_list.h"
#include "core/coordinator/ports.h"
#include "core/upload/event.h"
#include "core/upload/pipeline.h"

struct coordinator;

/* All arrays have one element for each step: pipeline.count of them. */
struct coordinator_options {
	struct pipeline pipeline;
	const char *const *step; /* names, in the order in which an upload that begins passes them */
	const unsigned *workers;
	const bool *announced; /* whether StartPostprocessingStep is published although the step is run here; NULL: no */
	struct ports ports;
	const struct log *log;
	struct metrics_list *metrics;
	struct histogram *const *run_time; /* NULL: not measured */
	struct gauge *const *suspended;    /* uploads that wait for the step while it is suspended; NULL: not counted */
	const char *owner;                 /* the name of this instance, which it keeps when it is started again */
	const char *nonce;                 /* of this process; no other process ever has the same */
	const char *spared;                /* the nonce of the process before it, if that ran out of memory; else "" */
	unsigned busy_limit;               /* no upload is started because it is due while so many are being moved */
	nanos coalescing;                  /* the first write of an upload may be delayed by this; 0: not at all */
};

/* Borrows what the options point at. */
struct coordinator *coordinator_create(const struct coordinator_options *options);
/* No request may be under way. Runs that have not come back stay; the caller frees them with run_free() when they do.
 * NULL is fine. */
void coordinator_destroy(struct coordinator *coordinator);

/* The steps after the configuration was read again. They are those that there were, with the same numbers and names,
 * and new ones behind them. The arrays are as in the options; `order` names those that an upload that begins passes.
 * All is borrowed; what was borrowed before is not used any more. */
struct coordinator_steps {
	struct pipeline pipeline;
	const char *const *step;
	const unsigned *workers;
	const bool *announced;
	struct histogram *const *run_time;
	struct gauge *const *suspended;
	const char *const *order;
	size_t order_count;
};
void coordinator_set_steps(struct coordinator *coordinator, const struct coordinator_steps *steps);

/* The stream of events. */

struct stream_facts {
	int64_t created;           /* when it was created, which tells two streams of one name apart */
	uint64_t last;             /* its last message at this time */
	nanos duplicate_window;    /* for how long it remembers the IDs of messages */
	nanos ack_wait;            /* after how long an event that is not acknowledged is redelivered */
	unsigned coalescing_limit; /* how many events may be left unacknowledged because their records are written later */
	bool behind;               /* not all of it has been delivered */
	uint64_t lost_from; /* the broker has lost the messages from this one on, and reuses their numbers; 0: none */
};

/* There is a connection: the deliveries that follow are of this stream. */
void coordinator_set_stream(struct coordinator *coordinator, const struct stream_facts *facts, nanos now);
/* Whether there are older events, up to `end`, that another consumer delivers (jetstream/gap.h). behind: not all of
 * them have been delivered. */
void coordinator_set_gap(struct coordinator *coordinator, bool open, uint64_t end, bool behind);
/* The connection is lost. No delivery comes until coordinator_set_stream(). */
void coordinator_cut_off(struct coordinator *coordinator);
/* The brokers can be reached again: requests that failed are repeated at once. */
void coordinator_retry(struct coordinator *coordinator, nanos now);

/* Inputs. Each call takes what it is given over. */

void coordinator_deliver(struct coordinator *coordinator, struct delivery *delivery, nanos now);
void coordinator_answered(struct coordinator *coordinator, struct request *request, nanos now);
void coordinator_looked(struct coordinator *coordinator, struct lookup *lookup, nanos now);
void coordinator_returned(struct coordinator *coordinator, struct run *run, nanos now);
/* Another instance says that an upload was removed. */
void coordinator_told_gone(struct coordinator *coordinator, const char *id, nanos now);

/* The bucket of records. */

/* A record was read from the bucket, for the scan of `token`; NULL: the scan that the server makes at its start and
 * from time to time. Empties *record. False: there was no memory for what the record says; the bucket has to be read
 * again. */
bool coordinator_found(struct coordinator *coordinator, struct record *record, uint64_t revision, void *token,
                       nanos now);
/* The scan of `token` is over. complete: it has read the whole bucket. */
void coordinator_scanned(struct coordinator *coordinator, void *token, bool complete, nanos now);
/* The bucket may not be the one that it was: forgets what is remembered of its records. The caller has to read it
 * again. */
void coordinator_doubt(struct coordinator *coordinator, nanos now);
/* The broker has lost the bucket, and the service has made a new one and a new stream: writes each remembered record
 * that is not in it. */
void coordinator_rewrite(struct coordinator *coordinator, nanos now);

/* Steps that cannot do their work, see suspension.h. */

/* Suspends a step, for a reason that people read. Of a step that is suspended already only the reason changes. */
void coordinator_suspend(struct coordinator *coordinator, size_t step, const char *reason, nanos now);
/* The step works again: its uploads have their turns. */
void coordinator_release(struct coordinator *coordinator, size_t step, nanos now);
/* How many uploads are queued for the step. */
size_t coordinator_waiting(const struct coordinator *coordinator, size_t step);

/* Time. */

/* Does what is due. To be called after inputs, and when coordinator_next() says. */
void coordinator_tick(struct coordinator *coordinator, nanos now);
/* When to call coordinator_tick() next at the latest: within a second. */
nanos coordinator_next(const struct coordinator *coordinator, nanos now);

/* The end. */

/* From now on no step is started, no upload is started because it is due, and failures of runs do not count. */
void coordinator_stopping(struct coordinator *coordinator);
/* Cancels all runs. */
void coordinator_cancel_runs(struct coordinator *coordinator);
/* Gives the events of all jobs back. Only coordinator_destroy() may follow. */
void coordinator_abandon(struct coordinator *coordinator);

/* Uploads with a job under way. */
size_t coordinator_busy(const struct coordinator *coordinator);
/* Runs that have not come back. */
size_t coordinator_runs(const struct coordinator *coordinator);
/* Uploads that this instance looks after. */
size_t coordinator_uploads(const struct coordinator *coordinator);

#endif
