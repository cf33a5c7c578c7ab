/* SPDX-License-Identifier: Apache-2.0
 * One call of a step's run() for one upload: made by the coordinator, carried out by a worker, and handed
 * back by mail (MAIL_RUN) with how it ended. */
#ifndef CORE_STEPS_RUN_H
#define CORE_STEPS_RUN_H

#include <stdatomic.h>

#include "core/base/mailbox.h"
#include "core/upload/pipeline.h"
#include "core/base/timers.h"

struct run {
	struct mail mail;
	struct run *next;       /* in the step's queue */
	void *owner;            /* the coordinator's */
	nanos give_up;          /* the coordinator's, once it was cancelled for its deadline: when it counts as stuck; 0: not yet */
	struct timer watch;     /* the coordinator's, once the upload has moved on without it */
	size_t step;            /* place among the configured steps */
	struct upload *upload;  /* one reference */
	uint64_t transition;    /* of the status that it was begun on */
	nanos woken_at;
	unsigned attempt;       /* from 1 */
	nanos allowed;          /* how long it may take */
	bool marked;            /* its upload was marked as running before */
	bool turn;              /* the coordinator's: it has one of its step's turns, of so many bytes, and whose: */
	int64_t size;
	struct flow *turn_of;

	_Atomic nanos started;  /* 0: still queued */
	_Atomic bool cancelled;
	int cancel_fd;          /* its worker's, while it runs; under the queue's lock */

	/* How it ended: */
	enum returned returned;
	enum outcome outcome;
	nanos until;
	bool gone;              /* the upload's URL answered that there are no bytes */
	char *result;           /* JSON text or NULL */
	char reason[REASON_SIZE];
};

/* Takes a reference of the upload. */
struct run *run_create(struct upload *upload);
void run_free(struct run *run);

#endif
