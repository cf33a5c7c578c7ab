/* SPDX-License-Identifier: Apache-2.0
 * The events stream and our durable consumer on it: makes sure of both, and pulls. What stood in the stream before the
 * consumer did is read by the gap's reader, a consumer of its own, see gap.h. */
#ifndef CORE_JETSTREAM_INTAKE_H
#define CORE_JETSTREAM_INTAKE_H

#include <stdatomic.h>

#include "core/nats/bus.h"
#include "core/jetstream/gap.h"
#include "core/base/metrics.h"
#include "core/jetstream/pull.h"
#include "core/jetstream/stream_watch.h"

#define INTAKE_STREAM "main-queue"

struct intake {
	const char *consumer;
	unsigned window;          /* at most so many messages are here unacknowledged */
	const struct log *log;
	struct counter *alarms;   /* or NULL */
	struct fact *stream_fact, *consumer_fact; /* of the service's readiness; or NULL */
	/* The bus' thread's: */
	struct stream_watch watch;
	nanos ahead_since;        /* since when the consumer is ahead of it (monotonic), 0: it is not … */
	uint64_t ahead_of;        /* … and of which message, the stream's last then */
	uint64_t first;           /* its first message when the connection was made … */
	atomic_bool whole;        /* … and that none behind it was gone */
	bool policy_said;         /* that the consumer is not of the kind that others need was said */
	/* Shared with intake_prepare() on the bus' thread: */
	struct shared_checkpoint applied; /* all up to it is done with, by whatever instance; and how the consumer stood */
	pthread_mutex_t gap_lock;
	struct gap gap;           /* under the lock: what the reader has to read … */
	bool gap_is_read;         /* … and that it has, and only has to be removed */
	_Atomic nanos duplicate_window; /* for so long the stream remembers messages' IDs */
	_Atomic uint64_t lost_from; /* the broker has lost the messages from this one on, and gives their numbers again; 0: none */
	_Atomic uint64_t last;    /* the stream's last message when the connection was made */
	_Atomic nanos ack_wait;   /* after which the consumer brings a message again that is not acknowledged */
	atomic_bool foreign;      /* the stream is another one than before, and not made by this service */
	atomic_bool behind;       /* it had messages to deliver when the connection was made */
	_Atomic uint64_t pending; /* so many of its messages may be unacknowledged, in all instances together */
	atomic_bool restart;      /* the gap's reader does not come to an end, and is to begin again where it surely stands */
	atomic_bool replace;      /* it may be replaced if it is of an earlier version's kind and at rest */
	/* The receiver's: */
	struct pull pull;
	struct request question;  /* asks where the consumer stands */
	bool asking;              /* … and is under way */
	nanos asked;              /* when it was last (monotonic) */
	bool alone;               /* no instance of an earlier version lives */
	struct gap_reading {
		struct gap gap;         /* taken over from what was prepared */
		bool open;              /* not all of it is done with */
		uint64_t delivered;     /* the reader has brought all up to this one, in whatever instance … */
		nanos moved;            /* … and got there then (monotonic) */
		uint64_t done;          /* … all up to this one are done with */
		nanos all_out;          /* since when it has brought all of the gap (monotonic); 0: it has not */
		nanos over;             /* when it was found to be done with (monotonic); 0: the reader is gone, or still at it */
		struct pull pull;
		struct request question; /* asks where the reader stands */
		struct request removal;
		bool asking, removing;
	} reading;
};

/* Borrows the texts. `known`: from the state folder. */
void intake_init(struct intake *intake, const char *consumer, unsigned window, const char *state_dir, const struct log *log,
                 const struct checkpoint *known);

/* On the bus' thread: there never was a stream, for all that is known. */
void intake_forget(struct intake *intake);

/* A bus_prepare; the closure is the intake. */
bus_prepare intake_prepare;

/* The bus is up or down. */
void intake_reset(struct intake *intake, bool up);

/* Pulls, if there is room. To be called after each batch of mails and about once a second. */
void intake_pull(struct intake *intake, struct bus *bus);

/* Asks every few seconds where the consumer stands, and the gap's reader. To be called about once a second.
 * alone: no instance of a version lives that could not use the consumer that this one makes. */
void intake_ask_position(struct intake *intake, struct bus *bus, bool alone);
/* Takes notice of the answer. False: the request is somebody else's. */
bool intake_answered(struct intake *intake, struct bus *bus, struct request *request);

/* The gap as it is now. */
struct gap_facts {
	bool open;       /* there is one that is not done with … */
	uint64_t end;    /* … and so far it goes */
	bool behind;     /* not all of it has been delivered yet … */
	nanos moved;     /* … and this is when some was last (monotonic) */
	uint64_t left;   /* messages that are not done with, at the most */
};
struct gap_facts intake_gap(const struct intake *intake);

/* Takes notice of a delivery. True: it is an event to be taken, and counts as held. False: word of a pull, or what is not
 * to be taken; freed. */
bool intake_take(struct intake *intake, struct bus *bus, struct delivery *delivery);

/* Acknowledges and frees. */
void intake_acknowledge(struct intake *intake, struct bus *bus, struct delivery *delivery);
/* Frees without acknowledging: it will come again. */
void intake_drop(struct intake *intake, struct delivery *delivery);
/* The same, and it comes again after `pause`, 0: at once. */
void intake_postpone(struct intake *intake, struct bus *bus, struct delivery *delivery, nanos pause);

#endif
