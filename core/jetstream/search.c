/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"
#include "core/jetstream/intake.h"
#include "core/jetstream/stream_reader.h"
#include "core/jetstream/stream_tail.h"
#include "core/upload/event.h"

/* The assumed maximum difference between our clock and the broker's. */
#define SKEW (2 * MINUTE)

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
	const struct search *search;
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

/* The message with this ID, or the restart of this upload, is in the stream. */
static void note_present(const struct reading *reading, const char *id, uint64_t sequence)
{
	struct lookup **lookup = find(reading, id);
	for (; lookup != NULL && lookup < reading->lookup + reading->count && strcmp((*lookup)->id, id) == 0; lookup++)
		if (!reading->restarts || (sequence > (*lookup)->after && sequence < (*lookup)->before))
			(*lookup)->result = LOOKUP_PRESENT;
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
	if (event.type == EVENT_RESTART)
		note_present(reading, event.upload_id, sequence);
	event_clear(&event);
}

static natsStatus look_at(void *closure, natsMsg *message, const struct bus_position *position)
{
	const struct reading *reading = closure;
	const char *id = NULL;
	if (reading->restarts)
		look_for_restart(reading, message, position->sequence);
	else if (natsMsgHeader_Get(message, "Nats-Msg-Id", &id) == NATS_OK && id != NULL)
		note_present(reading, id, position->sequence);
	return NATS_OK;
}

static bool goes_on(void *closure)
{
	const struct reading *reading = closure;
	return !atomic_load(&reading->search->stop);
}

static struct reading make_reading(const struct search *search, bool restarts)
{
	struct reading reading = {
		.search = search,
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

static natsStatus read_stream(const struct reading *reading, struct stream_reader *reader)
{
	nanos stored;
	snprintf(reader->stream, sizeof reader->stream, INTAKE_STREAM);
	snprintf(reader->subject, sizeof reader->subject, INTAKE_STREAM);
	reader->config.DeliverPolicy = reading->restarts ? js_DeliverByStartSequence : js_DeliverByStartTime;
	reader->config.OptStartSeq = reading->first;
	reader->config.OptStartTime = reading->restarts ? 0 : reading->since;
	reader->config.HeadersOnly = !reading->restarts;
	natsStatus status = bus_find_last(reader->js, INTAKE_STREAM, INTAKE_STREAM, &reader->last, &stored);
	if (reading->restarts && reading->last < reader->last)
		reader->last = reading->last;
	bool worth_it = reading->restarts ? reading->first <= reader->last : stored >= reading->since;
	return status == NATS_OK && worth_it ? stream_read(reader) : status;
}

/* Answers all lookups of one kind, if there are any. */
static void read_for(struct search *search, bool restarts)
{
	struct reading reading = make_reading(search, restarts);
	struct stream_reader reader;
	if (reading.count == 0)
		return;
	stream_reader_init(&reader);
	reader.take = look_at;
	reader.go_on = goes_on;
	reader.closure = &reading;
	natsStatus status = stream_reader_open(&reader, search->address, "postprocessing search");
	if (status == NATS_OK)
		status = read_stream(&reading, &reader);
	stream_reader_close(&reader, status, &search->permissions, search->why);
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
	search->lookup = alloc_zeroed(count, sizeof(struct lookup *));
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
