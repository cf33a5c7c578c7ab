/* SPDX-License-Identifier: Apache-2.0
 * The events stream and our durable consumer on it: makes sure of both, and pulls.
 *
 * Pulls are JetStream's own protocol (a request to $JS.API.CONSUMER.MSG.NEXT with a batch, an expiry and a
 * heartbeat): one stands all the time, so that a message comes the moment it is stored, and the next is
 * made before the last is used up. The client library's fetch waits for a whole batch or for a time-out. */
#ifndef CORE_INTAKE_H
#define CORE_INTAKE_H

#include "core/bus.h"
#include "core/metrics.h"
#include "core/position.h"

#define INTAKE_STREAM "main-queue"

struct intake {
	const char *consumer;
	unsigned window;          /* at most so many messages are here unacknowledged */
	const char *state_dir;    /* for the advice */
	const struct log *log;
	struct counter *alarms;   /* or NULL */
	struct fact *stream_fact, *consumer_fact; /* of the service's readiness; or NULL */
	bool missed;              /* the bus' thread's: that the stream is gone was said */
	nanos ahead_since;        /* … since when the consumer is ahead of it (monotonic), 0: it is not … */
	uint64_t ahead_of;        /* … and of which message, the stream's last then */
	/* Shared with intake_prepare() on the bus' thread: */
	struct shared_position applied; /* all up to it is done with, by whatever instance */
	int64_t memory;           /* nanoseconds for which the stream remembers messages' IDs; atomic */
	uint64_t lost_from;       /* the broker has lost the messages from this one on, and gives their numbers again; 0: none; atomic */
	uint64_t last;            /* the stream's last message when the connection was made; atomic */
	int64_t patience;         /* nanoseconds after which the consumer brings a message again that is not acknowledged; atomic */
	uint32_t batch_limit;     /* it takes no pull for more messages … */
	int64_t life_limit;       /* … or for longer, in nanoseconds; atomic */
	bool foreign;             /* the stream is another one than before, and not made by this service; atomic */
	bool behind;              /* it had messages to deliver when the connection was made; atomic */
	uint64_t pending;         /* so many of its messages may be unacknowledged, in all instances together; atomic */
	/* The receiver's: */
	unsigned held;            /* messages here, unacknowledged */
	unsigned outstanding;     /* asked for and not come yet */
	nanos expires;            /* when the last pull surely has ended (monotonic) */
	nanos heard;              /* when the broker last gave a sign (monotonic) */
	nanos pause_until;        /* no pull before (monotonic) */
	bool lost;                /* the consumer seems to be gone: to be looked after when the pause is over */
	struct request question;  /* asks where the consumer stands */
	bool asking;              /* … and is under way */
	nanos asked;              /* when it was last (monotonic) */
};

/* On the bus' thread: there never was a stream, for all that is known. */
void intake_forget(struct intake *intake);

/* A bus_prepare; the closure is the intake. */
bus_prepare intake_prepare;

/* Pulls, if there is room. To be called after each batch of mails and about once a second. */
void intake_pull(struct intake *intake, struct bus *bus);

/* Asks every few seconds where the consumer stands. To be called about once a second. */
void intake_ask_position(struct intake *intake, struct bus *bus);
/* Takes notice of the answer. False: the request is somebody else's. */
bool intake_answered(struct intake *intake, struct request *request);

/* The pulls of a lost connection are gone. */
void intake_reset(struct intake *intake);

/* Takes notice of a delivery. True: it is a message, and counts as held. False: word of a pull; freed. */
bool intake_take(struct intake *intake, struct delivery *delivery);

/* Acknowledges and frees. */
void intake_acknowledge(struct intake *intake, struct bus *bus, struct delivery *delivery);
/* Frees without acknowledging: it will come again. */
void intake_drop(struct intake *intake, struct delivery *delivery);

#endif
