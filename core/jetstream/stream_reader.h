/* SPDX-License-Identifier: Apache-2.0
 * Reads a stream, or the stream of a bucket, once from a position to its end, on a connection of its own.
 *
 * The messages are pulled in parts. With a push consumer and the client library's flow control, some scans of large
 * buckets stalled for seconds. Each message must follow the last one in the consumer's own count, so none is lost
 * without notice. */
#ifndef CORE_JETSTREAM_STREAM_READER_H
#define CORE_JETSTREAM_STREAM_READER_H

#include "core/nats/bus.h"

#define STREAM_NAME_SIZE 192

struct stream_reader {
	/* What to read, and what to do with it: */
	char stream[STREAM_NAME_SIZE], subject[STREAM_NAME_SIZE]; /* the subject matches all messages, see stream_tail.h */
	bool latest;             /* of each subject only the last message, if the stream keeps several */
	jsConsumerConfig config; /* where to start, and whether to read headers only */
	uint64_t last;           /* the last message to read; 0: the last one that exists at the start */
	/* NATS_OK: the next message is wanted. Any other status ends the reading. */
	natsStatus (*take)(void *closure, natsMsg *message, const struct bus_position *position);
	bool (*go_on)(void *closure); /* false: end the reading, with NATS_CONNECTION_CLOSED; NULL: never */
	void (*idle)(void *closure);  /* all messages received so far were taken; or NULL */
	void *closure;
	/* The connection, which the caller may use too: */
	natsConnection *connection;
	jsCtx *js;
	/* Internal: */
	natsSubscription *subscription;
	natsInbox *inbox;
	char consumer[STREAM_NAME_SIZE];
	uint64_t asked;    /* requested but not received */
	uint64_t received; /* the consumer sequence of the last message */
	uint64_t seen;     /* its stream sequence */
	uint64_t ended;    /* `received` when the last request ended; UINT64_MAX: none has ended */
};

void stream_reader_init(struct stream_reader *reader);

/* Connects; `name`: of the client, as the broker lists it. */
natsStatus stream_reader_open(struct stream_reader *reader, const struct broker_address *address, const char *name);

/* Reads up to the last message, once. Messages may be removed and added meanwhile. NATS_NOT_FOUND: there is no such
 * stream. NATS_MISMATCH: a message is lost. */
natsStatus stream_read(struct stream_reader *reader);

/* Closes the connection, also after a failure to connect. `status`: of what was done with it; a denied permission is
 * reported to the scope, and if it is not NATS_OK, why[BUS_FAULT_SIZE] gets the reason. */
void stream_reader_close(struct stream_reader *reader, natsStatus status, const struct permission_scope *permissions,
                         char *why);

#endif
