/* SPDX-License-Identifier: Apache-2.0
 * A request to the broker and its result. It uses plain types, so that code that only waits for the answer does not
 * depend on the client library. */
#ifndef CORE_BASE_REQUEST_H
#define CORE_BASE_REQUEST_H

#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/mailbox.h"

enum request_status {
	REQUEST_DONE,        /* a PubAck, or an API reply without an error */
	REQUEST_REFUSED,     /* the broker reported an error: see `error` and `text` */
	REQUEST_UNAVAILABLE, /* not sent: it certainly had no effect */
	REQUEST_UNKNOWN      /* sent, but not answered: it may have had an effect */
};

/* A request in progress. The caller owns its memory, which must stay valid until its mail (MAIL_REPLY) has arrived; it
 * always does. */
struct request {
	struct mail mail;
	enum request_status status;
	uint64_t sequence; /* of the published message */
	bool duplicate;    /* the broker already had this Nats-Msg-Id; `sequence` is that of the first message */
	int error;         /* JetStream's err_code; 0: none */
	char text[96];     /* the broker's error text */
	void *reply;       /* of an API call: a message of the client library; NULL otherwise */
	bool of_record;    /* for the caller: it publishes to the bucket of records */
	/* For the bus: */
	bool api;
	uint32_t slot;
	nanos expires; /* monotonic */
	struct request *earlier, *later;
};

/* JetStream's err_code for a conditional publish whose condition does not hold. */
#define REQUEST_WRONG_LAST_SEQUENCE 10071

#endif
