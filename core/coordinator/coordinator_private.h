/* SPDX-License-Identifier: Apache-2.0
 * The coordinator from inside: its parts, each with a header of its own.
 *
 *   coordinator.c       what comes in, and what is due
 *   active_upload.c     the uploads: their table, their jobs, their timers
 *   job.c               one input: load, decide, write, publish, finish
 *   decision.c          what the input means for the upload
 *   job_report.c        what is logged and counted of it
 *   write_coalescing.c  joins the first two writes of an upload
 *   read_repair.c       writes records again that the broker has lost
 *   outbox.c            publishes what was decided
 *   announcements.c     tells storage which step has been entered
 *   dispatch.c          which upload is next in each step
 *   suspension.c        steps that cannot do their work
 *   runs.c              runs of steps: start, deadline, end
 *   sweep.c             a resume by step
 *
 * A part keeps its state in a struct of its own, and other parts call its functions. struct active_upload and struct
 * job are what all of them work on. */
#ifndef CORE_COORDINATOR_COORDINATOR_PRIVATE_H
#define CORE_COORDINATOR_COORDINATOR_PRIVATE_H

#include "core/base/container_of.h"
#include "core/base/text.h"
#include "core/coordinator/active_upload.h"
#include "core/coordinator/announcements.h"
#include "core/coordinator/coordinator.h"
#include "core/coordinator/decision.h"
#include "core/coordinator/dispatch.h"
#include "core/coordinator/job.h"
#include "core/coordinator/job_report.h"
#include "core/coordinator/lag.h"
#include "core/coordinator/outbox.h"
#include "core/coordinator/read_repair.h"
#include "core/coordinator/runs.h"
#include "core/coordinator/suspension.h"
#include "core/coordinator/sweep.h"
#include "core/coordinator/write_coalescing.h"

/* What the parts keep of each step. */
struct coordinator_step {
	struct step_turns turns;
	struct step_suspension suspension;
	struct step_announcement announcement;
};

struct coordinator {
	struct coordinator_options options;
	struct coordinator_step *step;
	const char *const *order; /* the names of the steps that an upload that begins passes */
	size_t order_count;
	struct active_uploads active;
	struct jobs jobs;
	struct write_coalescing coalescing;
	struct read_repair repair;
	struct outbox outbox;
	struct fair_queue queue;
	struct runs runs;

	int64_t stream; /* when the stream of events was created, which tells two streams of one name apart */
	struct lag lag;
	uint64_t gap_end; /* events up to this one are read by the gap's reader, see gap.h; 0: there is no gap */
	bool gap_behind;  /* not all of them have been delivered yet */
	bool stopping;
	nanos ticked; /* the time of the last tick */
	struct text scratch;
};

/* Whether an event that was stored by then may not have been delivered yet. */
bool events_may_come(const struct coordinator *coordinator, nanos then, nanos now);

/* An empty text to encode a record or an event in. It is valid until the next call. */
struct text *coordinator_scratch(struct coordinator *coordinator);

/* Whether another instance looks after the upload of the record. */
bool record_is_theirs(const struct coordinator *coordinator, const struct record *record);
/* Sets what INPUT_FOUND says of the writer of a record that was found. */
void record_describe(const struct coordinator *coordinator, const struct record *record, struct input *input);

#endif
