/* SPDX-License-Identifier: Apache-2.0
 * Fetches the bytes of uploads for one worker process, on a thread of its own, so that the worker needs neither the
 * upload's URL nor the network. Few bytes travel in a packet, many through a pipe. If there is a copy of the upload,
 * the worker gets a descriptor of it instead. */
#ifndef CORE_STEPS_FETCH_H
#define CORE_STEPS_FETCH_H

#include "core/abi/protocol.h"
#include "core/content/copies.h"
#include "core/quarantine/quarantine.h"
#include "core/steps/run.h"

/* Uploads of at most this many bytes travel in a packet. */
#define FETCH_PACKET_LIMIT ((size_t)64 << 10)

struct fetch;

/* What to do with the bytes. */
struct fetch_order {
	struct run *run;
	uint64_t number; /* of the run, on the wire */
	nanos deadline;
	int control;   /* the socket of the worker, which must stay open until the order is done */
	bool send_run; /* the worker does not have the run yet: sends it with the bytes, or without them if they cannot
	                  be had; else: */
	struct request_message request;
	const char *step;              /* QUARANTINE: the run's step, and: */
	struct quarantine *quarantine; /* NULL: there is none */
};

/* Called on the fetching thread when an order has ended. unsent: why the worker did not get the run (errno); 0: it has
 * it. gone: the bytes no longer exist. */
typedef void fetch_done(void *closure, int unsent, bool gone);

/* Borrows the options and the copies. NULL: no thread. */
struct fetch *fetch_create(const struct content_options *options, struct copies *copies, fetch_done *done,
                           void *closure);
/* Ends the thread; there must be no order. NULL is fine. */
void fetch_destroy(struct fetch *fetch);

/* Carries out an order; the last one must be done. */
void fetch_begin(struct fetch *fetch, const struct fetch_order *order);
/* The run has ended, and no order is under way: puts back the copy that the worker had a descriptor of. NULL is fine.
 */
void fetch_release(struct fetch *fetch);
/* Ends the order early, if there is one. */
void fetch_cancel(struct fetch *fetch);

#endif
