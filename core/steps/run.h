/* SPDX-License-Identifier: Apache-2.0
 * One call of a step's run() for one upload. The coordinator creates it, a worker performs it, and returns it by mail
 * (MAIL_RUN) with the result. */
#ifndef CORE_STEPS_RUN_H
#define CORE_STEPS_RUN_H

#include <stdatomic.h>

#include "core/abi/host.h"
#include "core/base/heap.h"
#include "core/base/mailbox.h"
#include "core/content/copies.h"
#include "core/upload/pipeline.h"

struct run {
	struct mail mail;
	struct run *next;       /* in the step's queue */
	void *owner;            /* the coordinator's */
	nanos give_up;          /* the coordinator's: when a run cancelled at its deadline counts as stuck; 0: not yet */
	struct heap_item watch; /* the coordinator's, once the upload has continued without this run */
	size_t step;            /* index of the configured step */
	unsigned version;       /* the server's: of that step, see server_reload.c */
	struct upload *upload;  /* one reference */
	uint64_t transition;    /* the status' transition when the run was created */
	nanos woken_at;
	unsigned attempt; /* from 1 */
	size_t place;     /* of the step among those of the upload */
	char *history;    /* of the steps before it; NULL: they said nothing */
	nanos allowed;    /* how long the run may take */
	bool marked;      /* its upload was marked as running before */
	bool turn;        /* the coordinator's: it has one of its step's turns, of so many bytes, and whose: */
	int64_t size;
	struct flow *turn_of;

	_Atomic nanos started; /* 0: still queued */
	_Atomic bool cancelled;
	int cancel_fd; /* of its worker, while it runs; under the queue's lock */

	/* The result: */
	enum returned returned;
	enum outcome outcome;
	nanos until;
	bool undone;             /* no worker could be started: it has not begun, and is to wait again */
	bool crashed;            /* the worker process that had it died */
	bool gone;               /* the server of the upload's URL answered that the bytes no longer exist */
	char *result;            /* JSON text or NULL */
	char *verdict, *details; /* of set_verdict(); NULL: none */
	char reason[REASON_SIZE];
};

/* Takes a reference to the upload. */
struct run *run_create(struct upload *upload);
void run_free(struct run *run);

struct text;
/* Appends a run that has started to a JSON array: {"id","step","since","until"}. NULL, or queued: nothing. */
void run_write(const struct run *run, const char *step, struct text *text);

/* What the module may know of it; borrows from the run. */
struct run_description {
	struct run_facts facts; /* but for the step's name */
	char user_id[UPLOAD_NAME_SIZE], space_id[UPLOAD_NAME_SIZE];
	char digest[COPY_DIGEST_SIZE];
	struct earlier_step earlier[EARLIER_LIMIT];
	char *room; /* for what they said; allocated */
};
void run_describe(const struct run *run, struct copies *copies, nanos deadline, struct run_description *description);
void run_description_free(struct run_description *description);
/* Stores how it ended, and takes the result over. */
void run_answer_take(struct run *run, struct run_answer *answer);
/* Whether its upload needs no bytes any more, as `step`, its step, was the last one. Only after run_answer_take(). */
bool run_is_last(const struct run *run, const char *step);

#endif
