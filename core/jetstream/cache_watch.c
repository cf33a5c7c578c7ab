/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/cache_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/json_reader.h"
#include "core/jetstream/key_filter.h"

#define MARK 'k'
#define NAME_SIZE 64
#define SUBJECT_SIZE 512
/* A message with a key and the shortest text takes more than this in the bucket. */
#define MESSAGE_LEAST 128
/* Of each of the two Bloom filters: enough for 16 million keys, or for all that a bucket of 2 GiB has. */
#define FILTER_BYTES ((size_t)32 << 20)
#define BATCH_LIMIT 500u
#define PULL_LIFE (30 * SECOND)
#define HEARTBEAT (10 * SECOND)
#define SILENCE_LIMIT (3 * HEARTBEAT)
/* The broker removes a consumer that is not pulled from for so long. */
#define UNUSED_LIMIT (2 * PULL_LIFE)
#define PAUSE MINUTE

enum watch_state {
	WATCH_NONE,
	WATCH_CREATING, /* the request for the consumer has been sent */
	WATCH_GOING
};

struct cache_watch {
	struct cache_watch_options options;
	struct key_filter *filter;
	enum watch_state state;
	struct request creation;
	char name[NAME_SIZE]; /* of the consumer */
	unsigned number;      /* of consumers so far */
	bool stale;           /* the consumer that is being created is of the connection before this one */
	unsigned outstanding; /* messages that it was asked for */
	uint64_t received;    /* its messages so far */
	bool complete;        /* it has delivered all that was there before it */
	nanos heard;          /* monotonic, as is: */
	nanos paused;         /* it is not created again before this time */
	bool said;            /* the log says that it cannot be created */
};

struct cache_watch *cache_watch_create(const struct cache_watch_options *options)
{
	struct cache_watch *watch = alloc_zeroed(1, sizeof *watch);
	watch->options = *options;
	watch->filter = key_filter_create((size_t)(options->size / MESSAGE_LEAST), FILTER_BYTES);
	return watch;
}

void cache_watch_destroy(struct cache_watch *watch)
{
	if (watch == NULL)
		return;
	key_filter_destroy(watch->filter);
	free(watch);
}

void cache_watch_begin(struct cache_watch *watch, struct bus *bus)
{
	char subject[SUBJECT_SIZE], payload[512];
	if (watch->state != WATCH_NONE || clock_monotonic() < watch->paused)
		return;
	const char *bucket = watch->options.bucket;
	snprintf(watch->name, sizeof watch->name, "keys-%s-%u", watch->options.nonce, ++watch->number);
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.KV_%s-cache.%s", bucket, watch->name);
	int length =
		snprintf(payload, sizeof payload,
	             "{\"stream_name\":\"KV_%s-cache\",\"config\":{\"name\":\"%s\",\"deliver_policy\":\"all\","
	             "\"ack_policy\":\"none\",\"replay_policy\":\"instant\",\"headers_only\":true,\"max_deliver\":-1,"
	             "\"num_replicas\":1,\"mem_storage\":true,\"inactive_threshold\":%" PRId64 "}}",
	             bucket, watch->name, UNUSED_LIMIT);
	watch->state = WATCH_CREATING;
	watch->stale = watch->complete = false;
	watch->received = 0;
	watch->creation = (struct request){0};
	bus_call(bus, &watch->creation, subject, payload, (size_t)length);
}

/* Asks for so many messages. One at a time costs the broker much more than many at once, so what has been kept is
 * fetched in one go, once a second: the pull after that is for one message, which says how many others there are. */
static void pull(struct cache_watch *watch, struct bus *bus, uint64_t messages)
{
	unsigned batch = messages < BATCH_LIMIT ? (unsigned)messages : BATCH_LIMIT;
	char subject[SUBJECT_SIZE], inbox[BUS_SUBJECT_SIZE], payload[128];
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.KV_%s-cache.%s", watch->options.bucket, watch->name);
	bus_pull_subject(bus, MARK, inbox);
	int length =
		snprintf(payload, sizeof payload, "{\"batch\":%u,\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64 "}",
	             batch, PULL_LIFE, HEARTBEAT);
	bus_send(bus, subject, inbox, payload, (size_t)length);
	watch->outstanding = batch;
}

void cache_watch_reset(struct cache_watch *watch)
{
	/* A request must not be sent again before its mail has come: its memory is in use. */
	if (watch->state == WATCH_CREATING)
		watch->stale = true;
	else
		watch->state = WATCH_NONE;
}

bool cache_watch_tick(struct cache_watch *watch, struct bus *bus, nanos now)
{
	if (watch->state != WATCH_GOING)
		return true;
	if (watch->outstanding == 0) {
		watch->heard = now;
		pull(watch, bus, 1);
	}
	if (now - watch->heard <= SILENCE_LIMIT)
		return true;
	log_debug(watch->options.log, "cache: nothing was heard of the consumer %s", watch->name);
	watch->state = WATCH_NONE;
	return false;
}

void cache_watch_add(struct cache_watch *watch, const char *key)
{
	key_filter_add(watch->filter, key);
}

bool cache_watch_may_have(const struct cache_watch *watch, const char *key)
{
	return watch->state != WATCH_GOING || !watch->complete || key_filter_may_have(watch->filter, key);
}

static bool has_nothing_to_deliver(const natsMsg *answer)
{
	struct json_value pending;
	const struct json_member members[] = {{"num_pending", &pending}};
	struct json_reader reader = {0};
	return json_read(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer), members, JSON_COUNT(members), NULL,
	                 0) &&
	       pending.text != NULL && json_reader_integer(&reader, &pending) == 0;
}

static void say_failure(struct cache_watch *watch, const struct request *request)
{
	watch->paused = clock_monotonic() + PAUSE;
	if (watch->said)
		return;
	watch->said = true;
	log_warning(watch->options.log,
	            "cache: the keys of the bucket %s-cache cannot be watched, so the broker is asked for each key: %s",
	            watch->options.bucket,
	            request->status == REQUEST_REFUSED ? request->text
	                                               : "no answer; is $JS.API.CONSUMER.CREATE permitted?");
}

/* The consumer is there. */
static void start(struct cache_watch *watch, struct bus *bus, const natsMsg *answer)
{
	watch->state = WATCH_GOING;
	watch->complete = watch->complete || has_nothing_to_deliver(answer);
	watch->heard = clock_monotonic();
	watch->outstanding = 0;
	if (watch->said)
		log_info(watch->options.log, "cache: the keys of the bucket %s-cache are watched", watch->options.bucket);
	watch->said = false;
	if (!watch->complete)
		pull(watch, bus, BATCH_LIMIT);
}

bool cache_watch_answered(struct cache_watch *watch, struct bus *bus, struct request *request, bool *gone)
{
	*gone = false;
	if (request != &watch->creation)
		return false;
	bool unanswered = request->status == REQUEST_UNKNOWN && clock_monotonic() >= request->expires;
	watch->state = WATCH_NONE;
	if (watch->stale) {
		log_debug(watch->options.log, "cache: the consumer %s is of an earlier connection", watch->name);
	} else if (request->status == REQUEST_DONE) {
		start(watch, bus, request->reply);
	} else if (request->status == REQUEST_REFUSED && request->error == BUS_STREAM_NOT_FOUND) {
		*gone = true;
	} else if (request->status == REQUEST_REFUSED || unanswered) {
		say_failure(watch, request);
	} else {
		watch->paused = clock_monotonic() + SECOND; /* the connection was lost, or the broker is about to start */
	}
	natsMsg_Destroy(request->reply);
	request->reply = NULL;
	return true;
}

static void take_key(struct cache_watch *watch, struct bus *bus, const struct delivery *delivery, const char *key)
{
	key_filter_add(watch->filter, key);
	if (watch->state != WATCH_GOING || !delivery_is_of(delivery, watch->name))
		return; /* an earlier consumer's */
	watch->heard = clock_monotonic();
	watch->complete = watch->complete || delivery->pending == 0;
	if (delivery->consumer_sequence != ++watch->received)
		watch->state = WATCH_NONE; /* a message is lost */
	else if (watch->outstanding > 0 && --watch->outstanding == 0 && delivery->pending > 0)
		pull(watch, bus, delivery->pending);
}

/* A heartbeat (100), the end of a pull's time (408), or the consumer is gone or cannot be used (409 and others). */
static void take_status(struct cache_watch *watch, natsMsg *message)
{
	const char *status = NULL;
	if (watch->state != WATCH_GOING)
		return;
	watch->heard = clock_monotonic();
	if (natsMsgHeader_Get(message, "Status", &status) != NATS_OK || strcmp(status, "100") == 0)
		return;
	watch->outstanding = 0;
	if (strcmp(status, "408") == 0)
		return;
	watch->state = WATCH_NONE;
	watch->paused = clock_monotonic() + SECOND;
}

bool cache_watch_take(struct cache_watch *watch, struct bus *bus, struct delivery *delivery)
{
	char prefix[SUBJECT_SIZE];
	const char *subject = natsMsg_GetSubject(delivery->message);
	size_t length = (size_t)snprintf(prefix, sizeof prefix, "$KV.%s-cache.", watch->options.bucket);
	if (delivery->status && delivery->mark == MARK)
		take_status(watch, delivery->message);
	else if (!delivery->status && strncmp(subject, prefix, length) == 0)
		take_key(watch, bus, delivery, subject + length);
	else
		return false;
	delivery_free(delivery);
	return true;
}
