/* SPDX-License-Identifier: Apache-2.0
 * Whether messages are in the events stream, by their Nats-Msg-Id. The broker drops a repeat only for as long as it
 * remembers the ID; for what may have been stored longer ago than that the stream itself has to be read, headers only,
 * on a thread and a connection of its own. And whether somebody has asked storage to begin an upload again, which stands in
 * messages without an ID. */
#ifndef CORE_JETSTREAM_SEARCH_H
#define CORE_JETSTREAM_SEARCH_H

#include <stdatomic.h>

#include "core/config/config.h"
#include "core/upload/lookup.h"
#include "core/nats/permissions.h"

struct search {
	struct mail mail;  /* MAIL_SEARCH_DONE */
	const struct broker_address *address; /* borrowed */
	struct mailbox *mailbox;
	struct permission_scope permissions; /* or all zero */
	/* its own: */
	struct lookup **lookup; /* those about messages by ID, then those about restarts by ID */
	size_t count, messages;
	atomic_bool stop;
	char why[256];     /* it could not be read; "" */
	pthread_t thread;
};

/* Reads the stream once for all `lookups`, linked by their mails; sends each back with its answer, and at the end the
 * search itself, for search_end(). False: out of memory or threads; they stay the caller's. */
bool search_start(struct search *search, struct mail *lookups);
/* Makes it end early. */
void search_stop(struct search *search);
void search_end(struct search *search);

#endif
