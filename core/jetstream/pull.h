/* SPDX-License-Identifier: Apache-2.0
 * Pulls messages from a durable consumer of the event stream.
 *
 * This uses JetStream's protocol directly: a request to $JS.API.CONSUMER.MSG.NEXT with a batch size, an expiry and a
 * heartbeat. One pull is always open, so a message arrives as soon as it is stored, and the next pull is sent before
 * the last one is used up. The client library's fetch function, in contrast, waits for a whole batch or a time-out. */
#ifndef CORE_JETSTREAM_PULL_H
#define CORE_JETSTREAM_PULL_H

#include <stdatomic.h>

#include "core/nats/bus.h"

/* Configured names are shorter, which leaves room for suffixes. */
#define CONSUMER_NAME_SIZE 80

struct pull {
	char consumer[CONSUMER_NAME_SIZE];
	char mark; /* part of the subject of its status messages, see bus_pull_subject() */
	/* Shared with pull_take_limits() on the bus' thread: */
	_Atomic uint32_t batch_limit; /* the consumer's limit for the messages of a pull; 0: unknown */
	_Atomic nanos life_limit;     /* its limit for the expiry of a pull; 0: unknown */
	/* For the receiver: */
	unsigned held;        /* unacknowledged messages in this instance */
	unsigned outstanding; /* requested but not received yet */
	uint64_t counted;     /* the consumer sequence of the last delivery; 0: none since the connection was made */
	nanos expires;        /* when the last pull has certainly ended (monotonic) */
	nanos heard;          /* when the broker was last heard (monotonic) */
	nanos pause_until;    /* no pull before (monotonic) */
	bool lost;            /* the consumer seems to be missing: check it when the pause is over */
	bool suspect;         /* it may be another one, with a gap before it: no pull, and no message is processed */
};

/* Applies the limits of the consumer's configuration. */
void pull_take_limits(struct pull *pull, const jsConsumerConfig *config);

/* Forgets the pulls of a lost connection. checked: the consumer has been checked, and can be used again. */
void pull_reset(struct pull *pull, bool checked);

/* Pulls if there is room for more than the present messages, up to `window`. Called after each batch of mails and about
 * once a second. */
void pull_more(struct pull *pull, struct bus *bus, unsigned window);

/* A message has arrived and counts as held. False: it must not be processed, because the consumer is suspect or its
 * sequence cannot follow the last one, so that the consumer was created again. The consumer is checked then. */
bool pull_take(struct pull *pull, const struct delivery *delivery);
/* A status message of the pull has arrived. */
void pull_take_status(struct pull *pull, natsMsg *message);

#endif
