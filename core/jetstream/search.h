/* SPDX-License-Identifier: Apache-2.0
 * Whether messages are in the events stream, by their Nats-Msg-Id. The broker drops a repeat only for as long as it
 * remembers the ID; for what may have been stored longer ago than that the stream itself has to be read, headers only,
 * on a thread and a connection of its own. And whether somebody has asked storage to begin an upload again, which stands in
 * messages without an ID. */
#ifndef CORE_JETSTREAM_SEARCH_H
#define CORE_JETSTREAM_SEARCH_H

#include <stdatomic.h>

#include "core/config/config.h"
#include "core/base/mailbox.h"
#include "core/nats/permissions.h"

enum lookup_result {
	LOOKUP_FAILED,  /* not known: ask again */
	LOOKUP_ABSENT,
	LOOKUP_PRESENT
};

/* MAIL_LOOKUP: one question, and its answer. */
struct lookup {
	struct mail mail;
	void *owner;       /* of who asks */
	nanos since;       /* a message: it was not stored before */
	uint64_t after, before; /* RestartPostprocessing: between these two messages; 0 and 0: it is about a message */
	enum lookup_result result;
	char id[];         /* of the message, or the upload */
};

/* NULL: out of memory. Ends with free(). */
struct lookup *lookup_create(const char *id, nanos since, void *owner);
struct lookup *lookup_create_restart(const char *upload_id, uint64_t after, uint64_t before, void *owner);

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
