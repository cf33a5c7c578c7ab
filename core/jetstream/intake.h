/* SPDX-License-Identifier: Apache-2.0
 * The event stream and our durable consumer on it: creates or checks both, and pulls events. Events that were in the
 * stream before the consumer was created are read by a second consumer, the gap reader, see gap.h. */
#ifndef CORE_JETSTREAM_INTAKE_H
#define CORE_JETSTREAM_INTAKE_H

#include <stdatomic.h>

#include "core/base/metrics.h"
#include "core/jetstream/gap.h"
#include "core/jetstream/pull.h"
#include "core/jetstream/stream_watch.h"
#include "core/nats/bus.h"

#define INTAKE_STREAM "main-queue"

struct intake {
	const char *consumer;
	unsigned window; /* the maximum number of unacknowledged messages in this instance */
	const struct log *log;
	struct counter *alarms;                   /* or NULL */
	struct fact *stream_fact, *consumer_fact; /* of the service's readiness; or NULL */
	/* For the bus' thread: */
	struct stream_watch watch;
	nanos ahead_since; /* since when the consumer is ahead of the stream (monotonic); 0: it is not */
	uint64_t ahead_of; /* the stream's last message at that time */
	uint64_t first;    /* the stream's first message when the connection was made */
	atomic_bool whole; /* no message after it was missing */
	bool policy_said;  /* the unexpected deliver_policy of the consumer was logged */
	/* Shared with intake_prepare() on the bus' thread: */
	struct shared_checkpoint applied; /* how far any instance has processed the stream, and the consumer's state */
	pthread_mutex_t gap_lock;
	struct gap gap;                 /* under the lock: what the gap reader has to read */
	bool gap_is_read;               /* under the lock: it has read the gap, and only has to be removed */
	_Atomic nanos duplicate_window; /* how long the stream remembers message IDs */
	_Atomic uint64_t lost_from; /* the broker has lost the messages from here on, and reuses their numbers; 0: none */
	_Atomic uint64_t last;      /* the stream's last message when the connection was made */
	_Atomic nanos ack_wait;     /* after this time the consumer redelivers an unacknowledged message */
	atomic_bool foreign;        /* the stream is not the one used before, and not created by this service */
	atomic_bool behind;         /* the consumer had messages to deliver when the connection was made */
	_Atomic uint64_t pending;   /* the maximum number of unacknowledged messages of the consumer in all instances */
	atomic_bool restart;        /* the gap reader does not finish, and has to restart from its last certain position */
	atomic_bool replace;        /* the consumer may be replaced if an earlier version created it and it is idle */
	/* For the receiver: */
	struct pull pull;
	struct request question; /* asks for the state of the consumer */
	bool asking;             /* the question is in progress */
	nanos asked;             /* when it was last asked (monotonic) */
	bool alone;              /* no instance of an earlier version is alive */
	struct gap_reading {
		struct gap gap;     /* a copy of the prepared gap */
		bool open;          /* the gap is not processed completely */
		uint64_t delivered; /* the reader has delivered everything up to here, in any instance */
		nanos moved;        /* when `delivered` last advanced (monotonic) */
		uint64_t done;      /* everything up to here is processed */
		nanos all_out;      /* since when the whole gap has been delivered (monotonic); 0: not yet */
		nanos over;         /* when the whole gap was found processed (monotonic); 0: not yet, or no reader */
		struct pull pull;
		struct request question; /* asks for the state of the reader */
		struct request removal;
		bool asking, removing;
	} reading;
};

/* Borrows the strings. `known`: from the state folder. */
void intake_init(struct intake *intake, const char *consumer, unsigned window, const char *state_dir,
                 const struct log *log, const struct checkpoint *known);

/* On the bus' thread: forgets that there ever was a stream. */
void intake_forget(struct intake *intake);

/* A bus_prepare; the closure is the intake. */
bus_prepare intake_prepare;

/* The bus has come up or gone down. */
void intake_reset(struct intake *intake, bool up);

/* Pulls if there is room. Called after each batch of mails and about once a second. */
void intake_pull(struct intake *intake, struct bus *bus);

/* Requests the state of the consumer and of the gap reader every few seconds. Called about once a second.
 * alone: there is no live instance of a version that could not use the consumer that this one creates. */
void intake_ask_position(struct intake *intake, struct bus *bus, bool alone);
/* Handles the answer. False: the request does not belong to the intake. */
bool intake_answered(struct intake *intake, struct bus *bus, struct request *request);

/* The current state of the gap. */
struct gap_facts {
	bool open;     /* there is a gap that is not processed completely */
	uint64_t end;  /* its last sequence */
	bool behind;   /* not all of it has been delivered */
	nanos moved;   /* when some of it was last delivered (monotonic) */
	uint64_t left; /* an upper limit for the number of unprocessed messages */
};
struct gap_facts intake_gap(const struct intake *intake);

/* Handles a delivery. True: it is an event to process, and counts as held. False: it was a status message of a pull, or
 * a message that must not be processed; it was freed. */
bool intake_take(struct intake *intake, struct bus *bus, struct delivery *delivery);

/* Acknowledges and frees. */
void intake_acknowledge(struct intake *intake, struct bus *bus, struct delivery *delivery);
/* Frees without acknowledging: the broker will deliver it again. */
void intake_drop(struct intake *intake, struct delivery *delivery);
/* Frees, and asks the broker to deliver it again after `pause`; 0: at once. */
void intake_postpone(struct intake *intake, struct bus *bus, struct delivery *delivery, nanos pause);

#endif
