/* SPDX-License-Identifier: Apache-2.0
 * An event that the broker has delivered. Plain, so that those who only read it need no client library. */
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
	void *message;       /* of the client library */
	bool status;         /* no message of the stream, but word of the pull itself … */
	char mark;           /* … with the mark that this had, see bus_pull_subject() in core/nats/bus.h */
	const char *data;    /* the message's bytes, not terminated */
	size_t length;
	uint64_t sequence;   /* in the stream */
	nanos stored;        /* there, at this time of the broker's */
	uint64_t consumer_sequence;
	const char *consumer; /* its name, not terminated; NULL: not known */
	size_t consumer_length;
	uint64_t pending;    /* messages behind it that the consumer has yet to deliver */
	unsigned delivered;  /* how often by now */
	bool redelivered;
	int64_t stream;      /* the receiver's own: when the stream was made that it is of */
	bool of_gap;         /* the gap's reader has brought it, see gap.h: the receiver's to set */
	struct message_reaper *reaper; /* where its message goes; NULL: nowhere */
};

#endif
