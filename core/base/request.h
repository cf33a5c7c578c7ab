/* SPDX-License-Identifier: Apache-2.0
 * A request to the broker, and what came of it. Plain, so that those who only wait for the answer need no client library. */
#ifndef CORE_BASE_REQUEST_H
#define CORE_BASE_REQUEST_H

#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/mailbox.h"

enum request_status {
	REQUEST_DONE,        /* a PubAck, or an API reply without an error */
	REQUEST_REFUSED,     /* the broker said no: error, text */
	REQUEST_UNAVAILABLE, /* not sent: it surely did not happen */
	REQUEST_UNKNOWN      /* sent, no answer: it may have happened */
};

/* A request under way. Its memory is the caller's and must stay until its mail (MAIL_REPLY) has come, which
 * always does. */
struct request {
	struct mail mail;
	enum request_status status;
	uint64_t sequence;  /* of what was published */
	bool duplicate;     /* the broker had that Nats-Msg-Id already; sequence is the first one's */
	int error;          /* JetStream's err_code, 0 if it gave none */
	char text[96];      /* its words */
	void *reply;        /* of an API call: a message of the client library; NULL otherwise */
	bool of_record;     /* the caller's own: it publishes into the bucket of records */
	/* The bus' own: */
	bool api;
	uint32_t slot;
	nanos expires;      /* monotonic */
	struct request *earlier, *later;
};

/* JetStream's err_code for a conditional publish whose condition does not hold. */
#define REQUEST_WRONG_LAST_SEQUENCE 10071

#endif
