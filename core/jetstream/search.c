/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container_of.h"
#include "core/jetstream/intake.h"
#include "core/jetstream/stream_tail.h"
#include "core/nats/bus_connect.h"
#include "core/nats/message_reaper.h"
#include "core/upload/event.h"

/* The assumed maximum difference between our clock and the broker's. */
#define SKEW (2 * MINUTE)
#define MESSAGE_TIMEOUT_MS 1000
#define SILENCES_LIMIT 10

static bool is_of_restart(const struct lookup *lookup)
{
	return lookup->before != 0;
}

static int compare(const void *one, const void *other)
{
	const struct lookup *a = *(struct lookup *const *)one, *b = *(struct lookup *const *)other;
	int kinds = (int)is_of_restart(a) - (int)is_of_restart(b);
	return kinds != 0 ? kinds : strcmp(a->id, b->id);
}

/* The lookups and the range of one pass over the stream. */
struct reading {
	struct lookup **lookup; /* by ID */
	size_t count;
	bool restarts;
	uint64_t first, last; /* first 0: from `since` on; last 0: to the end */
	nanos since;
};

/* The first lookup of this ID; NULL: none. */
static struct lookup **find(const struct reading *reading, const char *id)
{
	size_t low = 0, high = reading->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(reading->lookup[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reading->count && strcmp(reading->lookup[low]->id, id) == 0 ? &reading->lookup[low] : NULL;
}

static void look_at_id(const struct reading *reading, natsMsg *message)
{
	const char *id = NULL;
	if (natsMsgHeader_Get(message, "Nats-Msg-Id", &id) != NATS_OK || id == NULL)
		return;
	for (struct lookup **lookup = find(reading, id); lookup != NULL && lookup < reading->lookup + reading->count;
	     lookup++) {
		if (strcmp((*lookup)->id, id) != 0)
			break;
		(*lookup)->result = LOOKUP_PRESENT;
	}
}

static void look_for_restart(const struct reading *reading, natsMsg *message, uint64_t sequence)
{
	static const char type[] = "RestartPostprocessing";
	const char *data = natsMsg_GetData(message);
	size_t length = (size_t)natsMsg_GetDataLength(message);
	struct event event;
	char why[256];
	if (memmem(data, length, type, sizeof type - 1) == NULL ||
	    event_decode(data, length, NULL, 0, 0, true, &event, why, sizeof why) != EVENT_TAKEN)
		return;
	struct lookup **lookup = event.type == EVENT_RESTART ? find(reading, event.upload_id) : NULL;
	for (; lookup != NULL && lookup < reading->lookup + reading->count && strcmp((*lookup)->id, event.upload_id) == 0;
	     lookup++)
		if (sequence > (*lookup)->after && sequence < (*lookup)->before)
			(*lookup)->result = LOOKUP_PRESENT;
	event_clear(&event);
}

static natsStatus look_at_next(const struct reading *reading, natsSubscription *subscription,
                               struct message_reaper *reaper, uint64_t *seen)
{
	natsMsg *message = NULL;
	jsMsgMetaData *position = NULL;
	natsStatus status = natsSubscription_NextMsg(&message, subscription, MESSAGE_TIMEOUT_MS);
	if (status != NATS_OK)
		return status;
	status = natsMsg_GetMetaData(&position, message);
	if (status == NATS_OK)
		*seen = position->Sequence.Stream;
	if (status == NATS_OK && reading->restarts)
		look_for_restart(reading, message, *seen);
	else
		look_at_id(reading, message);
	jsMsgMetaData_Destroy(position);
	message_reaper_add(reaper, message);
	return status;
}

/* Until the last one of those that were there at the start, which may go meanwhile. */
static natsStatus read_on(struct search *search, const struct reading *reading, jsCtx *js,
                          natsSubscription *subscription, uint64_t last)
{
	struct message_reaper reaper;
	natsStatus status = NATS_OK;
	uint64_t seen = 0, end;
	message_reaper_init(&reaper);
	for (unsigned silences = 0; seen < last && status == NATS_OK;) {
		status =
			atomic_load(&search->stop) ? NATS_CONNECTION_CLOSED : look_at_next(reading, subscription, &reaper, &seen);
		if (status != NATS_TIMEOUT || ++silences == SILENCES_LIMIT)
			continue;
		status = bus_find_last(js, INTAKE_STREAM, INTAKE_STREAM, &end, NULL);
		if (status == NATS_OK && end < last)
			last = end;
	}
	message_reaper_end(&reaper);
	return status;
}

static struct reading make_reading(const struct search *search, bool restarts)
{
	struct reading reading = {
		.lookup = search->lookup + (restarts ? search->messages : 0),
		.count = restarts ? search->count - search->messages : search->messages,
		.restarts = restarts,
		.first = restarts ? UINT64_MAX : 0,
		.since = INT64_MAX,
	};
	for (size_t i = 0; i < reading.count; i++) {
		const struct lookup *lookup = reading.lookup[i];
		if (lookup->since < reading.since)
			reading.since = lookup->since;
		if (restarts && lookup->after + 1 < reading.first)
			reading.first = lookup->after + 1;
		if (lookup->before > reading.last + 1)
			reading.last = lookup->before - 1;
	}
	reading.since -= SKEW;
	return reading;
}

static natsStatus read_stream(struct search *search, const struct reading *reading, natsConnection *connection)
{
	jsCtx *js = NULL;
	uint64_t last = 0;
	nanos stored = 0;
	natsSubscription *subscription = NULL;
	jsSubOptions options;
	jsSubOptions_Init(&options);
	options.Stream = INTAKE_STREAM;
	options.Ordered = true;
	options.Config.DeliverPolicy = reading->restarts ? js_DeliverByStartSequence : js_DeliverByStartTime;
	options.Config.OptStartSeq = reading->first;
	options.Config.OptStartTime = reading->restarts ? 0 : reading->since;
	options.Config.HeadersOnly = !reading->restarts;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = bus_find_last(js, INTAKE_STREAM, INTAKE_STREAM, &last, &stored);
	if (reading->restarts && reading->last < last)
		last = reading->last;
	bool worth_it = reading->restarts ? reading->first <= last : stored >= reading->since;
	if (status == NATS_OK && worth_it)
		status = js_SubscribeSync(&subscription, js, INTAKE_STREAM, NULL, &options, NULL);
	if (status == NATS_OK && worth_it)
		status = read_on(search, reading, js, subscription, last);
	bus_report(connection, status, &search->permissions);
	if (status != NATS_OK)
		bus_fault(connection, status, search->why);
	natsConnection_Close(connection); /* a subscription must not be destroyed before its connection is closed */
	natsSubscription_Destroy(subscription);
	jsCtx_Destroy(js);
	return status;
}

/* Answers all lookups of one kind, if there are any. */
static void read_for(struct search *search, bool restarts)
{
	struct reading reading = make_reading(search, restarts);
	natsConnection *connection = NULL;
	if (reading.count == 0)
		return;
	natsStatus status = bus_connect(&connection, search->address, "postprocessing search", NULL, NULL, NULL, NULL);
	if (status == NATS_OK)
		status = read_stream(search, &reading, connection);
	else
		bus_fault(NULL, status, search->why);
	natsConnection_Destroy(connection);
	for (size_t i = 0; i < reading.count; i++) {
		struct lookup *lookup = reading.lookup[i];
		if (status == NATS_OK && lookup->result == LOOKUP_FAILED)
			lookup->result = LOOKUP_ABSENT;
		mailbox_send(search->mailbox, &lookup->mail);
	}
}

static void *run_search(void *closure)
{
	struct search *search = closure;
	read_for(search, false);
	read_for(search, true);
	search->mail.kind = MAIL_SEARCH_DONE;
	mailbox_send(search->mailbox, &search->mail);
	return NULL;
}

bool search_start(struct search *search, struct mail *lookups)
{
	size_t count = 0, i = 0;
	for (struct mail *mail = lookups; mail != NULL; mail = mail->next)
		count++;
	search->lookup = calloc(count, sizeof(struct lookup *));
	if (search->lookup == NULL)
		return false;
	search->messages = 0;
	for (struct mail *mail = lookups; mail != NULL; mail = mail->next) {
		search->lookup[i] = CONTAINER_OF(mail, struct lookup, mail);
		search->messages += !is_of_restart(search->lookup[i++]);
	}
	search->count = count;
	search->why[0] = '\0';
	atomic_store(&search->stop, false);
	qsort(search->lookup, count, sizeof *search->lookup, compare);
	if (pthread_create(&search->thread, NULL, run_search, search) == 0)
		return true;
	free(search->lookup);
	return false;
}

void search_stop(struct search *search)
{
	atomic_store(&search->stop, true);
}

void search_end(struct search *search)
{
	pthread_join(search->thread, NULL);
	free(search->lookup);
	search->lookup = NULL;
}
