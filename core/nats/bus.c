/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/base/json_reader.h"
#include "core/base/thread.h"
#include "core/nats/bus_link.h"
#include "core/nats/bus_loop.h"

/* An answer that takes longer counts as lost. */
#define REQUEST_TIMEOUT (5 * SECOND)
/* A longer error description is ignored. */
#define ANSWER_TEXT_SIZE 1024

/* The current requests by slot, and in the order of their expiry. The receiver's thread adds requests, and the client
 * library's thread removes them. */
struct requests {
	pthread_mutex_t lock;
	struct slot {
		struct request *request;
		uint32_t generation; /* a late answer to an earlier request must not end a later one */
	} * slot;
	uint32_t size;
	uint32_t *free_slot;
	uint32_t free_count;
	struct request *first, *last;
};

struct bus {
	struct bus_options options;
	char prefix[48]; /* of the inbox */
	char inbox[50];
	struct requests requests;
	struct bus_link *link;                           /* the thread that connects */
	_Atomic nanos unanswered_since, unanswered_last; /* see struct unanswered */
	atomic_bool untaken;                             /* a sent message had no receiver, and it is unknown which one */
	/* The receiver's: */
	struct bus_wire wire;
	bool up;
};

static void requests_grow(struct requests *requests)
{
	uint32_t size = requests->size != 0 ? requests->size * 2 : 256;
	requests->slot = alloc_resized(requests->slot, size * sizeof *requests->slot);
	requests->free_slot = alloc_resized(requests->free_slot, size * sizeof *requests->free_slot);
	for (uint32_t i = size; i-- > requests->size;) {
		requests->slot[i] = (struct slot){NULL, 0};
		requests->free_slot[requests->free_count++] = i;
	}
	requests->size = size;
}

/* Returns the generation of its slot. */
static uint32_t requests_add(struct requests *requests, struct request *request)
{
	pthread_mutex_lock(&requests->lock);
	if (requests->free_count == 0)
		requests_grow(requests);
	request->slot = requests->free_slot[--requests->free_count];
	requests->slot[request->slot].request = request;
	uint32_t generation = requests->slot[request->slot].generation;
	request->expires = clock_monotonic() + REQUEST_TIMEOUT;
	request->later = NULL;
	request->earlier = requests->last;
	*(requests->last != NULL ? &requests->last->later : &requests->first) = request;
	requests->last = request;
	pthread_mutex_unlock(&requests->lock);
	return generation;
}

/* With the lock held. */
static void requests_unlink(struct requests *requests, struct request *request)
{
	*(request->earlier != NULL ? &request->earlier->later : &requests->first) = request->later;
	*(request->later != NULL ? &request->later->earlier : &requests->last) = request->earlier;
	requests->slot[request->slot].request = NULL;
	requests->slot[request->slot].generation++;
	requests->free_slot[requests->free_count++] = request->slot;
}

/* The request that an answer belongs to; NULL: it has already ended. */
static struct request *requests_take(struct requests *requests, uint32_t slot, uint32_t generation)
{
	pthread_mutex_lock(&requests->lock);
	struct request *request = NULL;
	if (slot < requests->size && requests->slot[slot].generation == generation)
		request = requests->slot[slot].request;
	if (request != NULL)
		requests_unlink(requests, request);
	pthread_mutex_unlock(&requests->lock);
	return request;
}

/* The first request, if it expires before `now`; NULL: none. */
static struct request *requests_take_expired(struct requests *requests, nanos now)
{
	pthread_mutex_lock(&requests->lock);
	struct request *request = requests->first;
	if (request != NULL && request->expires <= now)
		requests_unlink(requests, request);
	else
		request = NULL;
	pthread_mutex_unlock(&requests->lock);
	return request;
}

static struct mail *make_reply(struct request *request, enum request_status status)
{
	request->status = status;
	request->mail.kind = MAIL_REPLY;
	return &request->mail;
}

static void complete(struct bus *bus, struct request *request, enum request_status status)
{
	mailbox_send(bus->options.mailbox, make_reply(request, status));
}

static void fail_all(struct bus *bus, enum request_status status)
{
	struct request *request;
	while ((request = requests_take_expired(&bus->requests, INT64_MAX)) != NULL)
		complete(bus, request, status);
}

static void note_unanswered(struct bus *bus, nanos sent, nanos now)
{
	if (atomic_load(&bus->unanswered_since) == 0)
		atomic_store(&bus->unanswered_since, sent);
	atomic_store(&bus->unanswered_last, now);
}

struct unanswered bus_unanswered(const struct bus *bus)
{
	return (struct unanswered){.since = atomic_load(&bus->unanswered_since),
	                           .last = atomic_load(&bus->unanswered_last)};
}

void bus_expire(struct bus *bus)
{
	struct request *request;
	nanos now = clock_monotonic();
	while ((request = requests_take_expired(&bus->requests, now)) != NULL) {
		if (!request->api)
			note_unanswered(bus, request->expires - REQUEST_TIMEOUT, now);
		complete(bus, request, REQUEST_UNKNOWN);
	}
	if (atomic_exchange(&bus->untaken, false))
		bus_link_prepare_again(bus->link);
}

/* Reads the common members of JetStream answers: error, and for publishes seq and duplicate. */
static enum request_status read_answer(struct request *request, natsMsg *message)
{
	char room[ANSWER_TEXT_SIZE];
	struct json_reader reader = {.room = room, .left = sizeof room};
	struct json_value error, sequence, duplicate, code, description;
	const struct json_member members[] = {{"error", &error}, {"seq", &sequence}, {"duplicate", &duplicate}};
	const struct json_member of_error[] = {{"err_code", &code}, {"description", &description}};
	const char *answer = natsMsg_GetData(message);
	if (!json_read(answer, (size_t)natsMsg_GetDataLength(message), members, JSON_COUNT(members), NULL, 0))
		return REQUEST_UNKNOWN;
	if (error.text != NULL) {
		json_reader_members(&reader, &error, of_error, JSON_COUNT(of_error));
		request->error = (int)json_reader_integer(&reader, &code);
		snprintf(request->text, sizeof request->text, "%s", json_reader_string(&reader, &description));
		return REQUEST_REFUSED;
	}
	int64_t number = json_reader_integer(&reader, &sequence);
	if (!request->api && number <= 0)
		return REQUEST_UNKNOWN; /* not a PubAck */
	request->sequence = (uint64_t)number;
	request->duplicate = json_reader_bool(&reader, &duplicate);
	return REQUEST_DONE;
}

static struct mail *answered(struct bus *bus, struct request *request, natsMsg *message)
{
	enum request_status status = REQUEST_UNAVAILABLE;
	if (!natsMsg_IsNoResponders(message))
		status = read_answer(request, message);
	if (!request->api && atomic_load_explicit(&bus->unanswered_since, memory_order_relaxed) != 0)
		atomic_store(&bus->unanswered_since, 0);
	if (request->api && status == REQUEST_DONE)
		request->reply = message;
	else
		message_reaper_add(bus->options.reaper, message);
	return make_reply(request, status);
}

/* Moves *at to the next token of a subject. False: there is none. */
static bool next_token(const char **at)
{
	const char *dot = strchr(*at, '.');
	if (dot != NULL)
		*at = dot + 1;
	return dot != NULL;
}

/* Reads a token that is a number, and moves *at behind it and its dot. */
static bool read_number(const char **at, uint64_t *number)
{
	const char *c = *at;
	for (*number = 0; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*c - '0'), number))
			return false;
	bool good = c > *at && (*c == '.' || *c == '\0');
	*at = *c == '.' ? c + 1 : c;
	return good;
}

/* Delivered messages are acknowledged to $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer
 * sequence>.<time>.<pending>. Newer servers insert the domain and the account hash after ACK, and may append a
 * token. */
bool bus_read_position(const char *reply, struct bus_position *position)
{
	uint64_t number[5] = {0};
	const char *at = reply != NULL ? reply : "", *consumer = at;
	unsigned dots = 0;
	while (next_token(&at))
		dots++;
	for (unsigned before = dots >= 10 ? 5 : 3; before > 0; before--)
		next_token(&consumer);
	at = consumer;
	bool good = dots >= 8 && next_token(&at);
	size_t length = good ? (size_t)(at - 1 - consumer) : 0;
	for (size_t i = 0; good && i < 5; i++)
		good = read_number(&at, &number[i]);
	*position = (struct bus_position){number[0], number[1], number[2], (nanos)number[3], number[4], consumer, length};
	return good;
}

/* On the client library's thread: a message on the `listen` subject. */
static void on_word(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct bus *bus = closure;
	struct word *word = alloc_zeroed(1, sizeof *word);
	word->mail.kind = MAIL_WORD;
	snprintf(word->text, sizeof word->text, "%.*s", natsMsg_GetDataLength(message), natsMsg_GetData(message));
	mailbox_send(bus->options.mailbox, &word->mail);
	natsMsg_Destroy(message);
}

/* mark: that of the pull's subject, or '\0' for a message of the stream. */
static struct mail *delivered(struct bus *bus, natsMsg *message, char mark)
{
	struct delivery *delivery = alloc_bytes(sizeof *delivery);
	*delivery = (struct delivery){
		.mail.kind = MAIL_DELIVERY,
		.message = message,
		.status = mark != '\0',
		.mark = mark,
		.data = natsMsg_GetData(message),
		.length = (size_t)natsMsg_GetDataLength(message),
		.reaper = bus->options.reaper,
	};
	struct bus_position position;
	if (bus_read_position(natsMsg_GetReply(message), &position)) {
		delivery->sequence = position.sequence;
		delivery->stored = position.stored;
		delivery->consumer_sequence = position.consumer_sequence;
		delivery->consumer = position.consumer;
		delivery->consumer_length = position.consumer_length;
		delivery->pending = position.pending;
		delivery->delivered = position.delivered < UINT_MAX ? (unsigned)position.delivered : UINT_MAX;
		delivery->redelivered = position.delivered > 1;
	}
	return &delivery->mail;
}

/* On the reading thread: all messages to our inbox. */
static struct mail *make_mail(void *closure, natsMsg *message)
{
	struct bus *bus = closure;
	if (message == NULL) {
		/* The pull or a request had no receiver, so a prepared object may be missing. A request ends when it
		 * expires. */
		atomic_store(&bus->untaken, true);
		return NULL;
	}
	/* What a pull brings keeps the subject that it has in the stream; only answers and a pull's status messages have
	 * the inbox's. */
	const char *subject = natsMsg_GetSubject(message);
	size_t length = strlen(bus->prefix);
	const char *token = strncmp(subject, bus->prefix, length) == 0 ? subject + length : "";
	uint32_t number, generation;
	if (token[0] != 'r' || sscanf(token, "r.%" SCNu32 ".%" SCNu32, &number, &generation) != 2)
		return delivered(bus, message, token[0]);
	struct request *request = requests_take(&bus->requests, number, generation);
	if (request != NULL)
		return answered(bus, request, message);
	natsMsg_Destroy(message);
	return NULL;
}

void delivery_free(struct delivery *delivery)
{
	message_reaper_add(delivery->reaper, delivery->message);
	free(delivery);
}

bool delivery_is_of(const struct delivery *delivery, const char *consumer)
{
	size_t length = strlen(consumer);
	return delivery->consumer != NULL && delivery->consumer_length == length &&
	       memcmp(delivery->consumer, consumer, length) == 0;
}

void bus_pull_subject(const struct bus *bus, char mark, char subject[BUS_SUBJECT_SIZE])
{
	snprintf(subject, BUS_SUBJECT_SIZE, "%s%c", bus->prefix, mark);
}

static void send_change(struct bus *bus, bool up, const struct bus_wire *wire)
{
	struct bus_change *change = alloc_bytes(sizeof *change);
	*change = (struct bus_change){{.kind = MAIL_BUS}, bus, up, *wire};
	mailbox_send(bus->options.mailbox, &change->mail);
}

/* The link's callbacks, on its thread or the client library's. */
static void on_up(void *closure, const struct bus_wire *wire)
{
	send_change(closure, true, wire);
}

static void on_down(void *closure)
{
	struct bus *bus = closure;
	atomic_store(&bus->unanswered_since, 0);
	fail_all(bus, REQUEST_UNKNOWN);
	send_change(bus, false, &(struct bus_wire){0});
}

struct bus *bus_create(const struct bus_options *options)
{
	char random[17];
	if (!random_hex(random, 8))
		return NULL;
	struct bus *bus = alloc_zeroed(1, sizeof *bus);
	lock_init(&bus->requests.lock);
	bus->options = *options;
	snprintf(bus->prefix, sizeof bus->prefix, "_INBOX.pp%s.", random);
	snprintf(bus->inbox, sizeof bus->inbox, "%s>", bus->prefix);
	bus->link = bus_link_create(&(struct bus_link_options){
		.bus = &bus->options,
		.inbox = bus->inbox,
		.make_mail = make_mail,
		.on_word = on_word,
		.on_up = on_up,
		.on_down = on_down,
		.closure = bus,
	});
	if (bus->link == NULL) {
		pthread_mutex_destroy(&bus->requests.lock);
		free(bus);
		return NULL;
	}
	return bus;
}

void bus_destroy(struct bus *bus)
{
	if (bus == NULL)
		return;
	bus_flush(bus);
	bus_link_stop(bus->link, bus->wire.connection);
	bus_wire_close(&bus->wire);
	bus_link_destroy(bus->link);
	fail_all(bus, REQUEST_UNAVAILABLE);
	pthread_mutex_destroy(&bus->requests.lock);
	free(bus->requests.slot);
	free(bus->requests.free_slot);
	free(bus);
}

bool bus_stays_up(const struct bus *bus, const struct bus_change *change)
{
	return bus->up && change->up && change->wire.connection == bus->wire.connection;
}

bool bus_changed(struct bus *bus, struct bus_change *change)
{
	bus->up = change->up;
	if (change->up && change->wire.connection != bus->wire.connection) {
		/* The previous connection is closed; only the receiver used it. */
		bus_wire_close(&bus->wire);
		bus->wire = change->wire;
		if (bus->wire.loop != NULL)
			bus_loop_gather(bus->wire.loop);
	}
	free(change);
	return bus->up;
}

bool bus_is_up(const struct bus *bus)
{
	return bus->up;
}

void bus_prepare_again(struct bus *bus)
{
	bus_link_prepare_again(bus->link);
}

/* Creates a message; NULL: out of memory. */
static natsMsg *make_message(const char *subject, const char *reply, const struct bus_header *headers,
                             const char *payload, size_t length)
{
	natsMsg *message = NULL;
	if (length > INT32_MAX || natsMsg_Create(&message, subject, reply, payload, (int)length) != NATS_OK)
		return NULL;
	for (; headers != NULL && headers->name != NULL; headers++) {
		if (natsMsgHeader_Set(message, headers->name, headers->value) != NATS_OK) {
			natsMsg_Destroy(message);
			return NULL;
		}
	}
	return message;
}

static void request_send(struct bus *bus, struct request *request, const char *subject,
                         const struct bus_header *headers, const char *payload, size_t length)
{
	request->reply = NULL;
	request->error = 0;
	request->text[0] = '\0';
	if (!bus->up) {
		complete(bus, request, REQUEST_UNAVAILABLE);
		return;
	}
	uint32_t generation = requests_add(&bus->requests, request), slot = request->slot;
	char reply[BUS_SUBJECT_SIZE];
	snprintf(reply, sizeof reply, "%sr.%" PRIu32 ".%" PRIu32, bus->prefix, slot, generation);
	natsMsg *message = make_message(subject, reply, headers, payload, length);
	natsStatus status = message != NULL ? natsConnection_PublishMsg(bus->wire.connection, message) : NATS_NO_MEMORY;
	message_reaper_add(bus->options.reaper, message);
	/* From here on, the request may have ended already. The caller has to know if a message was too large. */
	if (status == NATS_OK || (request = requests_take(&bus->requests, slot, generation)) == NULL)
		return;
	snprintf(request->text, sizeof request->text, "%s", natsStatus_GetText(status));
	complete(bus, request, status == NATS_MAX_PAYLOAD ? REQUEST_REFUSED : REQUEST_UNAVAILABLE);
}

void bus_publish(struct bus *bus, struct request *request, const char *subject, const struct bus_header *headers,
                 const char *payload, size_t length)
{
	request->api = false;
	request_send(bus, request, subject, headers, payload, length);
}

bool bus_post(struct bus *bus, const char *subject, const struct bus_header *headers, const char *payload,
              size_t length)
{
	natsMsg *message = bus->up ? make_message(subject, NULL, headers, payload, length) : NULL;
	bool sent = message != NULL && natsConnection_PublishMsg(bus->wire.connection, message) == NATS_OK;
	message_reaper_add(bus->options.reaper, message);
	return sent;
}

void bus_call(struct bus *bus, struct request *request, const char *subject, const char *payload, size_t length)
{
	request->api = true;
	request_send(bus, request, subject, NULL, payload, length);
}

bool bus_send(struct bus *bus, const char *subject, const char *reply, const char *payload, size_t length)
{
	if (!bus->up || length > INT32_MAX)
		return false;
	natsStatus status = reply == NULL
	                        ? natsConnection_Publish(bus->wire.connection, subject, payload, (int)length)
	                        : natsConnection_PublishRequest(bus->wire.connection, subject, reply, payload, (int)length);
	return status == NATS_OK;
}

void bus_flush(struct bus *bus)
{
	if (bus->wire.loop != NULL)
		bus_loop_flush(bus->wire.loop);
}

void bus_open_library(void)
{
	nats_Open(-1);
}
