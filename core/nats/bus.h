/* SPDX-License-Identifier: Apache-2.0
 * A permanent connection to a broker, and asynchronous requests over it.
 *
 * A thread of the bus connects, and reconnects for as long as the bus exists. After each connect it calls `prepare`,
 * which checks or creates streams and the like, and then sends a mail that the bus is up. Only one other thread, the
 * receiver of the mailbox, uses the bus and may call the functions below, unless they say otherwise.
 *
 * Requests are JetStream publishes (answered by a PubAck) and JetStream API calls (answered by JSON). Both send one
 * message with a reply subject and receive one message, so one mechanism with its own inbox serves both. The client
 * library offers only asynchronous publishes, and keeps their memory until a time-out even after they are
 * acknowledged. */
#ifndef CORE_NATS_BUS_H
#define CORE_NATS_BUS_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/delivery.h"
#include "core/base/log.h"
#include "core/base/mailbox.h"
#include "core/base/readiness.h"
#include "core/base/request.h"
#include "core/config/config.h"
#include "core/nats/message_reaper.h"
#include "core/nats/permissions.h"
#include "core/nats/unanswered.h"

struct bus;
struct bus_probe;

/* Called on the bus' thread with a working connection. False: failed; why[size] has the reason, and the call is
 * repeated later. */
typedef bool bus_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size);

#define BUS_PREPARED_FACTS 4
/* The facts of the service's readiness that the bus sets; any may be NULL. */
struct bus_facts {
	struct fact *broker;
	struct fact *prepared[BUS_PREPARED_FACTS]; /* set by `prepare`; unknown while the broker is unreachable */
};

struct bus_options {
	const struct broker_address *address; /* borrowed */
	const char *name;                     /* the client's name in the broker's list of connections; borrowed */
	const struct log *log;
	struct mailbox *mailbox;
	struct message_reaper *reaper; /* frees messages; NULL: none */
	bus_prepare *prepare;
	void *closure;
	const char *listen; /* a subject whose messages are received as words; borrowed; NULL: none */
	const char *broker; /* the broker's name for messages; borrowed; NULL: the address' endpoint */
	struct bus_facts facts;
	struct permission_scope permissions;
	const struct bus_probe *probe; /* the permissions to test, see bus_probe.h; borrowed; NULL: none */
};

#define WORD_SIZE 320
/* MAIL_WORD: a short message on the `listen` subject. The receiver frees it. Longer messages are truncated. */
struct word {
	struct mail mail;
	char text[WORD_SIZE];
};

/* A connection and its subscriptions. */
struct bus_wire {
	natsConnection *connection;
	natsSubscription *inbox;
	natsSubscription *listening; /* or NULL */
	struct bus_loop *loop;       /* NULL: the client library's own threads read and write */
};

/* MAIL_BUS. Pass it to bus_changed(), which frees it. */
struct bus_change {
	struct mail mail;
	struct bus *bus;
	bool up;
	struct bus_wire wire;
};

/* NULL: no thread, or no random numbers. */
struct bus *bus_create(const struct bus_options *options);
/* Ends all requests with REQUEST_UNAVAILABLE (their mails are sent) and closes the connection. */
void bus_destroy(struct bus *bus);

/* Whether the change says only that `prepare` was called again: the bus was up and stays up, with the same connection.
 * To be called before bus_changed(). */
bool bus_stays_up(const struct bus *bus, const struct bus_change *change);
/* Handles a change. Returns whether the bus is up now. */
bool bus_changed(struct bus *bus, struct bus_change *change);
bool bus_is_up(const struct bus *bus);
/* Has `prepare` called again. A mail with `up` follows, preceded by a mail without `up` if `prepare` fails at first. */
void bus_prepare_again(struct bus *bus);

/* JetStream's err_code for missing objects. */
#define BUS_MESSAGE_NOT_FOUND 10037
#define BUS_STREAM_NOT_FOUND 10059

/* Initialises the client library, which otherwise happens with the first connection. This changes the handling of
 * signals. */
void bus_open_library(void);

struct bus_header {
	const char *name, *value;
};

/* Publishes to a stream. `headers` end with a NULL name. Everything is copied. */
void bus_publish(struct bus *bus, struct request *request, const char *subject, const struct bus_header *headers,
                 const char *payload, size_t length);
/* The same without an answer, so the caller does not learn whether the message was stored. False: not sent. */
bool bus_post(struct bus *bus, const char *subject, const struct bus_header *headers, const char *payload,
              size_t length);
/* Calls the JetStream API. */
void bus_call(struct bus *bus, struct request *request, const char *subject, const char *payload, size_t length);

/* Sends what the functions above have buffered. Call it after each batch of calls. */
void bus_flush(struct bus *bus);

/* Ends requests that have timed out, and has `prepare` called again if the broker reported that a message had no
 * receiver. Called about once a second. */
void bus_expire(struct bus *bus);

/* The publishes without a timely answer since the last one that was answered. Any thread may call this. */
struct unanswered bus_unanswered(const struct bus *bus);

/* Sends a message without waiting for an answer; false: not sent. */
bool bus_send(struct bus *bus, const char *subject, const char *reply, const char *payload, size_t length);

/* What the reply subject for acknowledgements says about a message of a stream. */
struct bus_position {
	uint64_t delivered; /* the number of deliveries so far */
	uint64_t sequence;  /* in the stream */
	uint64_t consumer_sequence;
	nanos stored;         /* when the message was stored */
	uint64_t pending;     /* messages that the consumer has not delivered yet */
	const char *consumer; /* the consumer's name, within the subject and not terminated */
	size_t consumer_length;
};
/* False: not such a subject. */
bool bus_read_position(const char *reply, struct bus_position *position);

void delivery_free(struct delivery *delivery);
/* Whether the consumer of that name delivered it. */
bool delivery_is_of(const struct delivery *delivery, const char *consumer);

#define BUS_SUBJECT_SIZE 96
/* The reply subject of pulls. mark: a letter except 'r', which distinguishes several consumers. */
void bus_pull_subject(const struct bus *bus, char mark, char subject[BUS_SUBJECT_SIZE]);

#endif
