/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/cache_memory.h"
#include "core/base/container_of.h"
#include "core/base/json_reader.h"
#include "core/base/text.h"
#include "core/jetstream/cache_watch.h"

#define SUBJECT_SIZE 512
/* After a failure, the broker is left alone for so long. */
#define PAUSE MINUTE
/* What is remembered here, and for how long: short, as other instances may keep another text, or an administrator may
 * remove the bucket. */
#define MEMORY_AGE MINUTE
/* JetStream's err_code: the bucket exists, with other limits. */
#define OTHER_CONFIGURATION 10058

enum state {
	CACHE_UNKNOWN,  /* whether there is a bucket */
	CACHE_CREATING, /* the request has been sent */
	CACHE_CHANGING, /* the bucket had other limits */
	CACHE_READY,
	CACHE_PAUSED /* until `paused` */
};

struct lookup {
	struct request request;
	struct lookup *next;
	void *question;
	char *key;
};

struct cache {
	struct cache_options options;
	enum state state;
	nanos paused; /* monotonic */
	bool said;    /* the log says that it cannot be used */
	struct request creation;
	struct lookup *lookups; /* under way */
	struct cache_watch *watch;
};

struct cache *cache_create(const struct cache_options *options)
{
	struct cache *cache = alloc_zeroed(1, sizeof *cache);
	cache->options = *options;
	cache->watch = cache_watch_create(&(struct cache_watch_options){
		.bucket = options->bucket, .nonce = options->nonce, .size = options->size, .log = options->log});
	return cache;
}

/* Takes both over, and ends the lookup. */
static void end_lookup(struct cache *cache, struct lookup *lookup, char *text)
{
	cache->options.answer(cache->options.closure, lookup->question, text);
	free(lookup->key);
	free(lookup);
}

void cache_destroy(struct cache *cache)
{
	if (cache == NULL)
		return;
	for (struct lookup *lookup = cache->lookups, *next; lookup != NULL; lookup = next) {
		next = lookup->next;
		end_lookup(cache, lookup, NULL);
	}
	cache_watch_destroy(cache->watch);
	free(cache);
}

static void send_limits(struct cache *cache, struct bus *bus, const char *what, enum state state)
{
	const struct cache_options *options = &cache->options;
	char subject[SUBJECT_SIZE], limits[1024];
	snprintf(subject, sizeof subject, "$JS.API.STREAM.%s.KV_%s-cache", what, options->bucket);
	nanos window = options->ttl < 2 * MINUTE ? options->ttl : 2 * MINUTE;
	int length = snprintf(
		limits, sizeof limits,
		"{\"name\":\"KV_%s-cache\",\"subjects\":[\"$KV.%s-cache.>\"],\"retention\":\"limits\",\"storage\":\"file\","
		"\"max_consumers\":-1,\"max_msgs\":-1,\"max_msg_size\":-1,\"num_replicas\":1,\"max_msgs_per_subject\":1,"
		"\"discard\":\"old\",\"max_age\":%" PRId64 ",\"max_bytes\":%" PRId64 ",\"duplicate_window\":%" PRId64
		",\"allow_rollup_hdrs\":true,\"deny_delete\":true,\"allow_direct\":true}",
		options->bucket, options->bucket, options->ttl, options->size, window);
	cache->state = state;
	cache->creation = (struct request){0};
	bus_call(bus, &cache->creation, subject, limits, (size_t)length);
}

/* Whether entries can be asked for. If nobody has tried yet, the bucket is created. */
static bool is_ready(struct cache *cache, struct bus *bus)
{
	if (!cache->options.enabled || !bus_is_up(bus))
		return false;
	if (cache->state == CACHE_PAUSED && clock_monotonic() >= cache->paused)
		cache->state = CACHE_UNKNOWN;
	if (cache->state == CACHE_UNKNOWN)
		send_limits(cache, bus, "CREATE", CACHE_CREATING);
	if (cache->state == CACHE_READY)
		cache_watch_begin(cache->watch, bus);
	return cache->state == CACHE_READY;
}

/* The broker had its time. Otherwise the connection was lost, which says nothing of the bucket. */
static bool is_unanswered(const struct request *request)
{
	return request->status == REQUEST_UNKNOWN && clock_monotonic() >= request->expires;
}

static void pause_use(struct cache *cache, const struct request *request)
{
	cache->state = CACHE_PAUSED;
	cache->paused = clock_monotonic() + PAUSE;
	if (cache->said)
		return;
	cache->said = true;
	log_warning(
		cache->options.log,
		"cache: the bucket %s-cache cannot be used, so everything is found out again: %s. To do without it, set "
		"[cache] enabled = false",
		cache->options.bucket,
		request->status == REQUEST_REFUSED ? request->text : "the broker does not answer; is it permitted?");
}

static void take_creation(struct cache *cache, struct bus *bus)
{
	const struct request *request = &cache->creation;
	if (request->status == REQUEST_REFUSED && request->error == OTHER_CONFIGURATION && cache->state == CACHE_CREATING) {
		send_limits(cache, bus, "UPDATE", CACHE_CHANGING);
	} else if (request->status == REQUEST_REFUSED || is_unanswered(request)) {
		pause_use(cache, request);
	} else if (request->status != REQUEST_DONE) {
		cache->state = CACHE_UNKNOWN;
	} else {
		cache->state = CACHE_READY;
		cache_watch_begin(cache->watch, bus);
		if (cache->said)
			log_info(cache->options.log, "cache: the bucket %s-cache can be used", cache->options.bucket);
		cache->said = false;
	}
}

void cache_ask(struct cache *cache, struct bus *bus, const char *key, void *question)
{
	char subject[SUBJECT_SIZE], payload[SUBJECT_SIZE];
	char *remembered = cache_memory_recall(cache->options.memory, key, clock_monotonic());
	if (remembered != NULL) {
		cache->options.answer(cache->options.closure, question, remembered);
		return;
	}
	if (!is_ready(cache, bus) || !cache_watch_may_have(cache->watch, key)) {
		cache->options.answer(cache->options.closure, question, NULL);
		return;
	}
	struct lookup *lookup = alloc_zeroed(1, sizeof *lookup);
	*lookup = (struct lookup){.next = cache->lookups, .question = question, .key = alloc_text(key)};
	cache->lookups = lookup;
	snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.GET.KV_%s-cache", cache->options.bucket);
	int length =
		snprintf(payload, sizeof payload, "{\"last_by_subj\":\"$KV.%s-cache.%s\"}", cache->options.bucket, key);
	counter_add(cache->options.asked, 1);
	bus_call(bus, &lookup->request, subject, payload, (size_t)length);
}

/* Remembers the text, which the bucket has for as long as `left`. */
static void remember(struct cache *cache, const char *key, const char *text, nanos left)
{
	if (left > 0)
		cache_memory_keep(cache->options.memory, key, text,
		                  clock_monotonic() + (left < MEMORY_AGE ? left : MEMORY_AGE));
}

void cache_keep(struct cache *cache, struct bus *bus, const char *key, const char *text)
{
	static const struct bus_header none[] = {{NULL, NULL}};
	char subject[SUBJECT_SIZE];
	if (cache->options.enabled)
		remember(cache, key, text, cache->options.ttl);
	snprintf(subject, sizeof subject, "$KV.%s-cache.%s", cache->options.bucket, key);
	if (!is_ready(cache, bus))
		return;
	cache_watch_add(cache->watch, key);
	bus_post(bus, subject, none, text, strlen(text));
}

/* The text in the broker's answer, and when it was kept; NULL: there is none. */
static char *read_text(const char *answer, size_t length, nanos *kept)
{
	struct json_value message, data, time;
	const struct json_member members[] = {{"message", &message}};
	const struct json_member of_message[] = {{"data", &data}, {"time", &time}};
	char *room = malloc(JSON_ROOM(length)), *text = NULL;
	struct json_reader reader = {.room = room, .left = JSON_ROOM(length)};
	size_t size;
	if (room != NULL && json_read(answer, length, members, JSON_COUNT(members), NULL, 0) &&
	    json_reader_members(&reader, &message, of_message, JSON_COUNT(of_message))) {
		const char *bytes = json_reader_base64(&reader, &data, &size);
		if (bytes != NULL && memchr(bytes, '\0', size) == NULL)
			text = alloc_text_part(bytes, size);
		if (!time_parse(json_reader_string(&reader, &time), kept))
			*kept = TIME_FIRST;
	}
	free(room);
	return text;
}

/* Somebody has removed the bucket, or the broker has lost it. If it is being created already, that request must not be
 * sent again: its memory is in use. */
static void note_removal(struct cache *cache)
{
	if (cache->state != CACHE_READY)
		return;
	cache->state = CACHE_UNKNOWN;
	cache_watch_reset(cache->watch);
}

static void take_lookup(struct cache *cache, struct lookup *lookup)
{
	struct request *request = &lookup->request;
	char *text = NULL;
	nanos kept = TIME_FIRST;
	if (request->status == REQUEST_REFUSED && request->error == BUS_STREAM_NOT_FOUND)
		note_removal(cache);
	if (is_unanswered(request) && cache->state == CACHE_READY)
		pause_use(cache, request);
	if (request->status == REQUEST_DONE)
		text = read_text(natsMsg_GetData(request->reply), (size_t)natsMsg_GetDataLength(request->reply), &kept);
	natsMsg_Destroy(request->reply);
	if (text != NULL)
		remember(cache, lookup->key, text, cache->options.ttl - (clock_now() - kept));
	end_lookup(cache, lookup, text);
}

bool cache_answered(struct cache *cache, struct bus *bus, struct request *request)
{
	if (request == &cache->creation) {
		natsMsg_Destroy(request->reply);
		request->reply = NULL;
		take_creation(cache, bus);
		return true;
	}
	bool gone;
	if (cache_watch_answered(cache->watch, bus, request, &gone)) {
		if (gone)
			note_removal(cache);
		return true;
	}
	for (struct lookup **link = &cache->lookups; *link != NULL; link = &(*link)->next) {
		struct lookup *lookup = *link;
		if (&lookup->request != request)
			continue;
		*link = lookup->next;
		take_lookup(cache, lookup);
		return true;
	}
	return false;
}

bool cache_take(struct cache *cache, struct bus *bus, struct delivery *delivery)
{
	return cache_watch_take(cache->watch, bus, delivery);
}

void cache_reset(struct cache *cache)
{
	cache_watch_reset(cache->watch);
}

void cache_tick(struct cache *cache, struct bus *bus, nanos now)
{
	if (!cache_watch_tick(cache->watch, bus, now) && cache->state == CACHE_READY)
		cache->state = CACHE_UNKNOWN;
}
