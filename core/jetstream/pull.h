/* SPDX-License-Identifier: Apache-2.0
 * Pulls from a durable consumer of the events stream.
 *
 * They are JetStream's own protocol (a request to $JS.API.CONSUMER.MSG.NEXT with a batch, an expiry and a heartbeat): one
 * stands all the time, so that a message comes the moment it is stored, and the next is made before the last is used up.
 * The client library's fetch waits for a whole batch or for a time-out. */
#ifndef CORE_JETSTREAM_PULL_H
#define CORE_JETSTREAM_PULL_H

#include <stdatomic.h>

#include "core/nats/bus.h"

/* Configured names are shorter, with room for what we put behind them. */
#define CONSUMER_NAME_SIZE 80

struct pull {
	char consumer[CONSUMER_NAME_SIZE];
	char mark;              /* in the subject to which its status messages come, see bus_pull_subject() */
	/* Shared with pull_take_limits() on the bus' thread: */
	_Atomic uint32_t batch_limit; /* it takes no pull for more messages, 0: not known … */
	_Atomic nanos life_limit; /* … or for longer, in nanoseconds */
	/* The receiver's: */
	unsigned held;          /* messages here, unacknowledged */
	unsigned outstanding;   /* asked for and not come yet */
	uint64_t counted;       /* the last delivery's number in the consumer; 0: none came since the connection was made */
	nanos expires;          /* when the last pull surely has ended (monotonic) */
	nanos heard;            /* when the broker last gave a sign (monotonic) */
	nanos pause_until;      /* no pull before (monotonic) */
	bool lost;              /* the consumer seems to be gone: to be looked after when the pause is over */
};

/* What the consumer's configuration allows. */
void pull_take_limits(struct pull *pull, const jsConsumerConfig *config);

/* The pulls of a lost connection are gone. */
void pull_reset(struct pull *pull);

/* Pulls, if there is room: at most `window` messages are to be here. To be called after each batch of mails and about once
 * a second. */
void pull_more(struct pull *pull, struct bus *bus, unsigned window);

/* A message came: it is here from now on. False: its number in the consumer is none that can follow, so the consumer has begun
 * anew: the message is not to be taken, and the consumer is looked after. */
bool pull_take(struct pull *pull, const struct delivery *delivery);
/* Word of the pull itself came. */
void pull_take_status(struct pull *pull, natsMsg *message);

#endif
