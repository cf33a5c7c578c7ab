/* SPDX-License-Identifier: Apache-2.0
 * A question about what stands in the events stream: whether a message with this Nats-Msg-Id does, or whether somebody has asked
 * storage to begin an upload again. core/jetstream/search.h answers it. */
#ifndef CORE_UPLOAD_LOOKUP_H
#define CORE_UPLOAD_LOOKUP_H

#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/mailbox.h"

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

/* The caller ends them with free(). */
struct lookup *lookup_create(const char *id, nanos since, void *owner);
struct lookup *lookup_create_restart(const char *upload_id, uint64_t after, uint64_t before, void *owner);

#endif
