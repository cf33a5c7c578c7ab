/* SPDX-License-Identifier: Apache-2.0
 * Joins the first two writes of an upload: an upload with one step in this service costs two writes instead of three,
 * with a step done by others three instead of four.
 *
 * The event that begins an upload holds all that its first record would, and stays in the stream until it is
 * acknowledged. So the first step may run before there is a record. Its end is then written together with the
 * beginning, in one write that is conditional like any other, and only after that is the event acknowledged. If all
 * this takes longer than two seconds (or a quarter of ack_wait, or the step's deadline), or if the service stops, the
 * beginning is written by itself, and the upload goes on like any other.
 *
 *   BEGIN ──▶ coalescing ──run ends──▶ BEGIN and RETURNED written ──▶ as after RETURNED
 *                 │                         │ refused
 *                 │                         ▼
 *                 │                   the run is void: BEGIN as without it, on the record that is there
 *                 │                         ▲
 *                 │ limit                   │ refused
 *                 └──────────────────▶ BEGIN written ──▶ as after BEGIN
 *
 * A step that ends the process while there is no record leaves no trace in the bucket. But its event is redelivered,
 * and a redelivered event is not coalesced: its upload is marked as running first, see pipeline.h. The broker may die
 * as well and forget that it delivered the event; so events that are older than the connection are not coalesced
 * either. A process that was stopped for more than a minute gives the event back: others may have ended the upload so
 * long ago that its tombstone is gone. */
#ifndef CORE_COORDINATOR_WRITE_COALESCING_H
#define CORE_COORDINATOR_WRITE_COALESCING_H

#include "core/coordinator/coordinator.h"

struct active_upload;
struct job;

struct write_coalescing {
	size_t count;    /* jobs that coalesce */
	size_t limit;    /* so many of them at most: each holds an event that is not acknowledged */
	nanos longest;   /* the longest delay; 0: not at all */
	uint64_t before; /* events up to this one are older than the connection */
};

void coalescing_set_stream(struct coordinator *coordinator, const struct stream_facts *facts);

/* Runs the step of the decided job, or queues it, instead of writing the record. False: the record is to be written
 * now. */
bool coalescing_begin(struct coordinator *coordinator, struct job *job, nanos now);
/* Whether the upload's current job coalesces. */
bool coalescing_is_on(const struct active_upload *active);
/* The run has ended. True: the current job has taken its result over, and writes. False: no job coalesces. */
bool coalescing_returned(struct coordinator *coordinator, struct active_upload *active, struct run *run, nanos now);
/* Stops to coalesce, and writes the record. */
void coalescing_end(struct coordinator *coordinator, struct job *job, nanos now);
/* Ends all of them if the service stops. To be called with each tick. */
void coalescing_check_stop(struct coordinator *coordinator, nanos now);
/* Cancels the run. The current job becomes the next one, to be decided again. */
void coalescing_put_back(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* There is another record than was expected: cancels the job's run, or drops the result that it has brought. */
void coalescing_void(struct coordinator *coordinator, struct job *job, nanos now);

#endif
