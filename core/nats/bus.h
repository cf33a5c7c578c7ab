/* SPDX-License-Identifier: Apache-2.0
 * A connection to a broker: kept for ever, and asynchronous requests over it.
 *
 * A thread of the bus connects, and connects again without end. After each connect it calls `prepare`, which
 * makes sure of streams and the like, and says with a mail that the bus is up. One other thread, the
 * receiver of the mailbox, uses the bus: all functions below are its to call.
 *
 * Requests are JetStream publishes (PubAck) and JetStream API calls (a JSON reply): both are one message out
 * with a reply subject and one message back, so one mechanism with its own inbox serves both. The
 * client library has asynchronous publishes only, and keeps their memory until a time-out even
 * when they are acknowledged. */
#ifndef CORE_NATS_BUS_H
#define CORE_NATS_BUS_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config/config.h"
#include "core/base/delivery.h"
#include "core/base/log.h"
#include "core/base/mailbox.h"
#include "core/nats/permissions.h"
#include "core/base/readiness.h"
#include "core/base/request.h"
#include "core/nats/message_reaper.h"
#include "core/nats/unanswered.h"

struct bus;
struct bus_probe;

/* Called on the bus' thread with a connection that works. False with why[size]: tried again later. */
typedef bool bus_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size);

#define BUS_PREPARED_FACTS 4
/* What the bus sets of the service's readiness; any may be NULL. */
struct bus_facts {
	struct fact *broker;
	struct fact *prepared[BUS_PREPARED_FACTS]; /* what `prepare` sets; nothing is known of them while the broker is away */
};

struct bus_options {
	const struct broker_address *address; /* borrowed */
	const char *name;                     /* of the client, as the broker lists it; borrowed */
	const struct log *log;
	struct mailbox *mailbox;
	struct message_reaper *reaper;                  /* for messages that are done with; NULL: none */
	bus_prepare *prepare;
	void *closure;
	const char *listen;                   /* a subject whose messages come as words; borrowed; NULL: none */
	const char *broker;                   /* its name, for people; borrowed; NULL: the address' endpoint */
	struct bus_facts facts;
	struct permission_scope permissions;
	const struct bus_probe *probe;        /* see bus_connect.h; borrowed */
};

#define WORD_SIZE 320
/* MAIL_WORD: a short message on the subject that is listened to. The receiver frees it. Longer ones are cut. */
struct word {
	struct mail mail;
	char text[WORD_SIZE];
};

/* A connection with what belongs to it. */
struct bus_wire {
	natsConnection *connection;
	natsSubscription *inbox;
	natsSubscription *listening; /* or NULL */
	struct bus_loop *loop; /* NULL: the client library reads and writes by itself */
};

/* MAIL_BUS. To be passed to bus_changed(), which frees it. */
struct bus_change {
	struct mail mail;
	struct bus *bus;
	bool up;
	struct bus_wire wire;
};

/* NULL: out of memory or threads. */
struct bus *bus_create(const struct bus_options *options);
/* Ends all requests as unavailable (their mails are sent) and closes the connection. */
void bus_destroy(struct bus *bus);

/* Takes notice of a change. Returns whether the bus is up now. */
bool bus_changed(struct bus *bus, struct bus_change *change);
bool bus_is_up(const struct bus *bus);
/* Has `prepare` called again; a mail with `up` follows, and before it one that it is down if `prepare` fails at first. */
void bus_prepare_again(struct bus *bus);

/* JetStream's err_code for what is not there. */
#define BUS_MESSAGE_NOT_FOUND 10037
#define BUS_STREAM_NOT_FOUND 10059

/* Opens the client library, which otherwise the first connection does; it changes what is done with signals. */
void bus_open_library(void);

struct bus_header {
	const char *name, *value;
};

/* Publishes into a stream. headers end with a name of NULL. Everything is copied. */
void bus_publish(struct bus *bus, struct request *request, const char *subject, const struct bus_header *headers,
                 const char *payload, size_t length);
/* The same without an answer, and so without knowing whether it was stored. False: not sent. */
bool bus_post(struct bus *bus, const char *subject, const struct bus_header *headers, const char *payload, size_t length);
/* Calls the JetStream API. */
void bus_call(struct bus *bus, struct request *request, const char *subject, const char *payload, size_t length);

/* Sends what the functions above have gathered: to be called after each batch of them. */
void bus_flush(struct bus *bus);

/* Ends the requests that have waited too long, and has `prepare` called again if the broker said that nobody takes something that
 * was sent. To be called about once a second. */
void bus_expire(struct bus *bus);

/* Publishes that got no answer in time, since one that did. From any thread. */
struct unanswered bus_unanswered(const struct bus *bus);

/* Sends without an answer; false: not sent. */
bool bus_send(struct bus *bus, const char *subject, const char *reply, const char *payload, size_t length);

/* What the broker says of a message of a stream in the subject for its acknowledgement. */
struct bus_position {
	uint64_t delivered;         /* how often by now */
	uint64_t sequence;          /* in the stream */
	uint64_t consumer_sequence;
	nanos stored;               /* when */
	uint64_t pending;           /* messages that the consumer has yet to deliver */
	const char *consumer;       /* its name, within the subject, … */
	size_t consumer_length;     /* … and not terminated */
};
/* False: it is no such subject. */
bool bus_read_position(const char *reply, struct bus_position *position);

void delivery_free(struct delivery *delivery);
/* Has the consumer of that name brought it? */
bool delivery_is_of(const struct delivery *delivery, const char *consumer);

#define BUS_SUBJECT_SIZE 96
/* The subject to which pulls are to be answered. mark: a letter but 'r', to tell apart those of several consumers. */
void bus_pull_subject(const struct bus *bus, char mark, char subject[BUS_SUBJECT_SIZE]);

#endif
