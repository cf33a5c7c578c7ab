/* SPDX-License-Identifier: Apache-2.0
 * The coordinator: what moves records forward.
 *
 * It takes mails (deliveries from the bus, answers to its requests, runs that are over, records found in the
 * bucket), applies them to the pipeline one by one for each upload and overlapping between uploads, and
 * carries out what the pipeline says in this order: write the record, conditional on the revision it
 * was decided on; publish; acknowledge the event; hand the step to its workers. Only the first step of an upload that
 * begins may be handed over before all that (coordinator_private.h).
 *
 * It has no threads, no clock and no I/O: the time is passed in, and everything else goes through its ports.
 * All calls come from one thread. */
#ifndef CORE_COORDINATOR_COORDINATOR_H
#define CORE_COORDINATOR_COORDINATOR_H

#include "core/base/log.h"
#include "core/coordinator/metrics_list.h"
#include "core/coordinator/ports.h"
#include "core/upload/event.h"
#include "core/upload/pipeline.h"

struct coordinator;

struct coordinator_options {
	struct pipeline pipeline;
	const char *const *step;      /* names, pipeline.count of them, for uploads that begin */
	const unsigned *workers;      /* of each step */
	const bool *announced;        /* of each step: StartPostprocessingStep is published when it is entered, although it is done here;
	                                 NULL: of none */
	struct ports ports;
	const struct log *log;
	struct metrics_list *metrics;
	struct histogram *const *run_time; /* of each step; NULL: not measured */
	struct gauge *const *suspended;    /* of each step: how many uploads wait for it while it is suspended; NULL: not counted */
	const char *owner;            /* this instance's stable name */
	const char *nonce;            /* of this process: unlike that of any other, ever */
	const char *spared;           /* the nonce of the process before it, if that ended because it was out of memory; else "" */
	unsigned busy_limit;          /* timers wait while so many uploads are being moved */
	nanos coalescing;             /* so long at the most may the event of an upload that begins stand for its record */
};

/* Borrows what the options point at. NULL: OpenSSL has no SHA-256. */
struct coordinator *coordinator_create(const struct coordinator_options *options);
/* No request may be under way any more. Runs that are out are freed when their mail comes: pass it to run_free(). */
void coordinator_destroy(struct coordinator *coordinator);

/* The stream that deliveries are from now on of. */
struct stream_facts {
	int64_t created;     /* which tells two streams of one name apart */
	uint64_t last;       /* its last message by now */
	nanos duplicate_window; /* for so long it remembers messages' IDs */
	nanos ack_wait;     /* after so long an event comes again that is not acknowledged */
	unsigned coalescing_limit; /* so many of its events may stand for records at a time */
	bool behind;         /* not all of it has been delivered yet */
	uint64_t lost_from;  /* the broker has lost its messages from this one on, and gives their numbers again; 0: none */
};
/* Connected. */
void coordinator_set_stream(struct coordinator *coordinator, const struct stream_facts *facts, nanos now);
/* Events up to `end` are read besides those that come after them, see gap.h. behind: not all of them have been delivered yet,
 * and they are coming. open false: there is no such gap. */
void coordinator_set_gap(struct coordinator *coordinator, bool open, uint64_t end, bool behind);
/* Until then nothing comes. */
void coordinator_cut_off(struct coordinator *coordinator);

/* Takes the delivery over. */
void coordinator_deliver(struct coordinator *coordinator, struct delivery *delivery, nanos now);
/* Another instance says that an upload is over. */
void coordinator_told_gone(struct coordinator *coordinator, const char *id, nanos now);
void coordinator_answered(struct coordinator *coordinator, struct request *request, nanos now);
/* Takes the lookup over. */
void coordinator_looked(struct coordinator *coordinator, struct lookup *lookup, nanos now);
/* Takes the run over. */
void coordinator_returned(struct coordinator *coordinator, struct run *run, nanos now);
/* A record of the bucket. Takes record->upload and what it holds over. token: NULL for the reading at start. False: there is
 * no memory for what the record says, and the bucket is to be read again. */
bool coordinator_found(struct coordinator *coordinator, struct record *record, uint64_t revision, void *token,
                       nanos now);
/* The reading for `token` is over; `complete`: it got to the end. */
void coordinator_scanned(struct coordinator *coordinator, void *token, bool complete, nanos now);
/* The bucket is not what it was: what is remembered of its records is dropped. It has to be read again. */
void coordinator_doubt(struct coordinator *coordinator, nanos now);
/* The broker has lost the bucket, and this service has made one and the stream beside it: what is remembered of its records is
 * written into that, each if it is not there. */
void coordinator_rewrite(struct coordinator *coordinator, nanos now);
/* The broker is back: what could not be done is tried at once. */
void coordinator_retry(struct coordinator *coordinator, nanos now);

/* The step cannot do its work, for `reason`. From now on its uploads wait for it in its line without being run, as long as
 * their limits allow (pipeline_suspended_until()). Of a step that is suspended already the reason is the only news. */
void coordinator_suspend(struct coordinator *coordinator, size_t step, const char *reason, nanos now);
/* It can: those that wait have their turns. */
void coordinator_release(struct coordinator *coordinator, size_t step, nanos now);
/* How many stand in the step's line. */
size_t coordinator_waiting(const struct coordinator *coordinator, size_t step);

/* Does what is due. */
void coordinator_tick(struct coordinator *coordinator, nanos now);
/* When to call it next at the latest. */
nanos coordinator_next(const struct coordinator *coordinator, nanos now);

/* From now on failures of steps are not counted: they come from the service's own end. */
void coordinator_stopping(struct coordinator *coordinator);
/* Cancels all runs that are out. */
void coordinator_cancel_runs(struct coordinator *coordinator);
/* Gives back the events that are not done with, while the bus still lives. Only coordinator_destroy() may follow. */
void coordinator_abandon(struct coordinator *coordinator);

/* Inputs that are being carried out. */
size_t coordinator_busy(const struct coordinator *coordinator);
/* Runs that are out. */
size_t coordinator_runs(const struct coordinator *coordinator);
/* Uploads that are known here. */
size_t coordinator_uploads(const struct coordinator *coordinator);

#endif
