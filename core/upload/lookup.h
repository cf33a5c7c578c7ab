/* SPDX-License-Identifier: Apache-2.0
 * A question about the event stream: whether it contains a message with a Nats-Msg-Id, or a request to storage to
 * restart an upload. core/jetstream/search.h answers it. */
#ifndef CORE_UPLOAD_LOOKUP_H
#define CORE_UPLOAD_LOOKUP_H

#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/mailbox.h"

enum lookup_result {
	LOOKUP_FAILED, /* unknown: ask again */
	LOOKUP_ABSENT,
	LOOKUP_PRESENT
};

/* MAIL_LOOKUP: a question and its answer. */
struct lookup {
	struct mail mail;
	void *owner;            /* for the caller */
	nanos since;            /* for a message: it was not stored before this time */
	uint64_t after, before; /* for RestartPostprocessing: look between these two messages; both 0: look for a message */
	enum lookup_result result;
	char id[]; /* of the message, or the upload */
};

/* The caller frees the results with free(). */
struct lookup *lookup_create(const char *id, nanos since, void *owner);
struct lookup *lookup_create_restart(const char *upload_id, uint64_t after, uint64_t before, void *owner);

#endif
