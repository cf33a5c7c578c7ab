/* SPDX-License-Identifier: Apache-2.0
 * A broker in memory, with the parts of JetStream that matter: a stream with a window for message IDs, a durable
 * consumer with redelivery and the reader of the gap before it, and a key-value bucket with conditional writes. No
 * threads, no clock: the caller passes the time. */
#ifndef TESTS_SIM_BROKER_H
#define TESTS_SIM_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/jetstream/gap.h"
#include "core/jetstream/store.h"

#define SIM_WINDOW (2 * MINUTE)
#define SIM_ACK_WAIT (30 * SECOND)

struct sim_message {
	char *data;
	size_t length;
	char *id; /* Nats-Msg-Id or NULL */
	nanos stored;
	unsigned delivered; /* how often */
	nanos redeliver;    /* when it is redelivered if it is not acknowledged; 0: it is not delivered */
	bool acknowledged;
	uint64_t life; /* of the consumer that delivers it; acknowledgements of others are void */
};

struct sim_entry {
	char *key; /* the upload's ID */
	uint64_t revision;
	char *value; /* NULL: a deletion marker */
	size_t length;
	struct tombstone tombstone; /* a marker's */
	nanos written;
	struct sim_entry *before; /* the value that was replaced; its key is NULL */
};

/* A write's ID within the bucket's window. */
struct sim_written {
	char *id;
	uint64_t revision;
	nanos at;
};

struct sim_broker {
	struct sim_message *message; /* sequence 1 is message[0] */
	size_t count, size;
	struct sim_entry *entry;
	size_t entries;
	struct sim_written *written;
	size_t writes;
	uint64_t revision;
	struct gap gap; /* before the consumer, and not everything in it is acknowledged */
	uint64_t life;  /* of the consumer: it is created again each time that it is lost */
	uint64_t lives; /* of the reader */
};

void sim_broker_free(struct sim_broker *broker);

/* Stores a message; returns its sequence. `duplicate`: the ID was in the window, and the sequence is that of the
 * first one. */
uint64_t sim_publish(struct sim_broker *broker, const char *data, size_t length, const char *id, nanos now,
                     bool *duplicate);

/* Whether a message of this ID was ever stored. */
bool sim_has(const struct sim_broker *broker, const char *id);

/* The next message for a pull from the consumer or from the gap's reader: never delivered, or due for redelivery; 0:
 * none. Counts as delivered. */
uint64_t sim_deliver(struct sim_broker *broker, bool of_gap, nanos now);
/* `life`: the one that the message had when it was delivered. */
void sim_acknowledge(struct sim_broker *broker, uint64_t sequence, uint64_t life);
/* It is redelivered at once. */
void sim_nak(struct sim_broker *broker, uint64_t sequence, uint64_t life, nanos now);
size_t sim_unacknowledged(const struct sim_broker *broker);

/* The consumer is lost, and created again for new messages: what it had not finished joins the gap. Messages that it
 * had finished behind an unfinished one are delivered again. */
void sim_lose_consumer(struct sim_broker *broker);
/* The reader has lost its position. */
void sim_lose_reader(struct sim_broker *broker);
/* Whether some of the gap has not been delivered. */
bool sim_gap_is_behind(const struct sim_broker *broker);

/* NULL: no such key. */
struct sim_entry *sim_find(struct sim_broker *broker, const char *key);
/* value NULL: a deletion marker. False: the key's last revision is not `expected`. */
bool sim_write(struct sim_broker *broker, const char *key, uint64_t expected, const char *id, const char *value,
               size_t length, const struct tombstone *tombstone, nanos now, uint64_t *revision);
/* Forgets a key's last write, as if it had never been; the bucket's last revision stays. */
void sim_forget(struct sim_broker *broker, struct sim_entry *entry);

/* Returns a terminated copy. */
char *sim_copy(const char *data, size_t length);

#endif
