/* SPDX-License-Identifier: Apache-2.0
 * An event delivered by the broker. It uses plain types, so that code that only reads it does not depend on the client
 * library. */
#ifndef CORE_BASE_DELIVERY_H
#define CORE_BASE_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/mailbox.h"

struct message_reaper;

/* MAIL_DELIVERY. The receiver frees it with delivery_free(), which is the bus'. */
struct delivery {
	struct mail mail;
	void *message;    /* of the client library */
	bool status;      /* a status message of a pull instead of a message of the stream */
	char mark;        /* the mark of that pull, see bus_pull_subject() in core/nats/bus.h */
	const char *data; /* the message's bytes, not terminated */
	size_t length;
	uint64_t sequence; /* in the stream */
	nanos stored;      /* when it was stored, by the broker's clock */
	uint64_t consumer_sequence;
	const char *consumer; /* the consumer's name, not terminated; NULL: unknown */
	size_t consumer_length;
	uint64_t pending;   /* later messages that the consumer has not delivered yet */
	unsigned delivered; /* the number of deliveries so far */
	bool redelivered;
	int64_t stream;                /* set by the receiver: the creation time of the stream */
	bool of_gap;                   /* set by the receiver: the gap reader delivered it, see gap.h */
	struct message_reaper *reaper; /* destroys the message; NULL: none */
};

#endif
