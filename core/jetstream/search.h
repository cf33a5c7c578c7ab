/* SPDX-License-Identifier: Apache-2.0
 * Searches the event stream for messages by their Nats-Msg-Id. The broker drops duplicates only while it remembers the
 * ID. A message that may have been stored before that has to be searched in the stream itself. The search reads headers
 * only, on its own thread and connection. It also finds requests to storage to restart an upload, which are messages
 * without an ID. */
#ifndef CORE_JETSTREAM_SEARCH_H
#define CORE_JETSTREAM_SEARCH_H

#include <stdatomic.h>

#include "core/config/config.h"
#include "core/nats/permissions.h"
#include "core/upload/lookup.h"

struct search {
	struct mail mail;                     /* MAIL_SEARCH_DONE */
	const struct broker_address *address; /* borrowed */
	struct mailbox *mailbox;
	struct permission_scope permissions; /* or all zero */
	/* Internal: */
	struct lookup **lookup; /* lookups of messages sorted by ID, then lookups of restarts sorted by ID */
	size_t count, messages;
	atomic_bool stop;
	char why[256]; /* why the stream could not be read; "": it was */
	pthread_t thread;
};

/* Reads the stream once for all `lookups`, which are linked by their mails. Sends each one back with its answer, and at
 * the end the search itself, for search_end(). False: no thread; the lookups still belong to the caller. */
bool search_start(struct search *search, struct mail *lookups);
/* Ends the search early. */
void search_stop(struct search *search);
void search_end(struct search *search);

#endif
