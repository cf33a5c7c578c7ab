/* SPDX-License-Identifier: Apache-2.0
 * A broker in memory, with what matters of JetStream: a stream with a window for message IDs, a durable consumer with
 * redelivery and the reader of the gap before it, and a key-value bucket with conditional writes. No threads, no clock:
 * time is passed in. */
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
	nanos redeliver;    /* when it comes again if it is not acknowledged; 0: it is not out */
	bool acknowledged;
	uint64_t life; /* of the consumer that has it to deliver; acknowledgements of others are void */
};

struct sim_entry {
	char *key; /* the upload's ID */
	uint64_t revision;
	char *value; /* NULL: a deletion marker */
	size_t length;
	struct tombstone tombstone; /* a marker's */
	nanos written;
	struct sim_entry *before; /* what was replaced; its key is NULL */
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
	struct gap gap; /* before the consumer, and not all acknowledged yet */
	uint64_t life;  /* of the consumer: it is made again each time that it is lost */
	uint64_t lives; /* of the reader, too */
};

void sim_broker_free(struct sim_broker *broker);

/* Stores a message; its sequence. `duplicate`: the ID was in the window, and the sequence is the first one's. */
uint64_t sim_publish(struct sim_broker *broker, const char *data, size_t length, const char *id, nanos now,
                     bool *duplicate);

/* Was a message of this ID ever stored? */
bool sim_has(const struct sim_broker *broker, const char *id);

/* The next message for a pull from the consumer or from the gap's reader: never delivered, or due for redelivery; 0:
 * none. Counts as delivered. */
uint64_t sim_deliver(struct sim_broker *broker, bool of_gap, nanos now);
/* `life`: that the message had when it was delivered. */
void sim_acknowledge(struct sim_broker *broker, uint64_t sequence, uint64_t life);
/* It comes again at once. */
void sim_nak(struct sim_broker *broker, uint64_t sequence, uint64_t life, nanos now);
size_t sim_unacknowledged(const struct sim_broker *broker);

/* The consumer is lost, and made again with what is new: what it was not done with joins the gap. What it was done with
 * behind something that it was not comes again. */
void sim_lose_consumer(struct sim_broker *broker);
/* The reader has lost how far it had got. */
void sim_lose_reader(struct sim_broker *broker);
/* Not all of the gap has been delivered. */
bool sim_gap_is_behind(const struct sim_broker *broker);

/* NULL: no such key. */
struct sim_entry *sim_find(struct sim_broker *broker, const char *key);
/* value NULL: a deletion marker. False: the key's last revision is not `expected`. */
bool sim_write(struct sim_broker *broker, const char *key, uint64_t expected, const char *id, const char *value,
               size_t length, const struct tombstone *tombstone, nanos now, uint64_t *revision);
/* Forgets a key's last write, as if it had never been; the bucket's last revision stays. */
void sim_forget(struct sim_broker *broker, struct sim_entry *entry);

/* A terminated copy. */
char *sim_copy(const char *data, size_t length);

#endif
