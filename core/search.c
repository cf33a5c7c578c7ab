/* SPDX-License-Identifier: Apache-2.0 */
#include "core/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus_connect.h"
#include "core/bus_last.h"
#include "core/intake.h"
#include "core/spent.h"

/* Our clock and the broker's may differ by so much. */
#define SKEW (2 * MINUTE)
#define MESSAGE_PATIENCE_MS 1000
#define SILENCES_LIMIT 10

struct lookup *lookup_create(const char *id, nanos since, void *owner)
{
	size_t size = strlen(id) + 1;
	struct lookup *lookup = calloc(1, sizeof *lookup + size);
	if (lookup == NULL)
		return NULL;
	lookup->mail.kind = MAIL_LOOKUP;
	lookup->owner = owner;
	lookup->since = since;
	memcpy(lookup->id, id, size);
	return lookup;
}

static int compare(const void *one, const void *other)
{
	return strcmp((*(struct lookup *const *)one)->id, (*(struct lookup *const *)other)->id);
}

static int compare_id(const void *id, const void *lookup)
{
	return strcmp(id, (*(struct lookup *const *)lookup)->id);
}

static void look_at(struct search *search, natsMsg *message)
{
	const char *id = NULL;
	if (natsMsgHeader_Get(message, "Nats-Msg-Id", &id) != NATS_OK || id == NULL)
		return;
	struct lookup **lookup = bsearch(id, search->lookup, search->count, sizeof *search->lookup, compare_id);
	if (lookup != NULL)
		(*lookup)->result = LOOKUP_PRESENT;
}

static natsStatus look_at_next(struct search *search, natsSubscription *subscription, struct spent *spent, uint64_t *seen)
{
	natsMsg *message = NULL;
	jsMsgMetaData *position = NULL;
	natsStatus status = natsSubscription_NextMsg(&message, subscription, MESSAGE_PATIENCE_MS);
	if (status != NATS_OK)
		return status;
	look_at(search, message);
	status = natsMsg_GetMetaData(&position, message);
	if (status == NATS_OK)
		*seen = position->Sequence.Stream;
	jsMsgMetaData_Destroy(position);
	spent_add(spent, message);
	return status;
}

/* Until the last one of those that were there at the start, which may go meanwhile. */
static natsStatus read_on(struct search *search, jsCtx *js, natsSubscription *subscription, uint64_t last)
{
	struct spent spent;
	natsStatus status = NATS_OK;
	uint64_t seen = 0, end;
	if (!spent_init(&spent))
		return NATS_NO_MEMORY;
	for (unsigned silences = 0; seen < last && status == NATS_OK;) {
		status = atomic_load(&search->stop) ? NATS_CONNECTION_CLOSED : look_at_next(search, subscription, &spent, &seen);
		if (status != NATS_TIMEOUT || ++silences == SILENCES_LIMIT)
			continue;
		status = bus_find_last(js, INTAKE_STREAM, INTAKE_STREAM, &end, NULL);
		if (status == NATS_OK && end < last)
			last = end;
	}
	spent_end(&spent);
	return status;
}

static nanos earliest(const struct search *search)
{
	nanos since = search->lookup[0]->since;
	for (size_t i = 1; i < search->count; i++)
		if (search->lookup[i]->since < since)
			since = search->lookup[i]->since;
	return since - SKEW;
}

static natsStatus read_stream(struct search *search, natsConnection *connection)
{
	jsCtx *js = NULL;
	uint64_t last = 0;
	nanos stored = 0, since = earliest(search);
	natsSubscription *subscription = NULL;
	jsSubOptions options;
	jsSubOptions_Init(&options);
	options.Stream = INTAKE_STREAM;
	options.Ordered = true;
	options.Config.DeliverPolicy = js_DeliverByStartTime;
	options.Config.OptStartTime = since;
	options.Config.HeadersOnly = true;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = bus_find_last(js, INTAKE_STREAM, INTAKE_STREAM, &last, &stored);
	bool worth_it = stored >= since;
	if (status == NATS_OK && worth_it)
		status = js_SubscribeSync(&subscription, js, INTAKE_STREAM, NULL, &options, NULL);
	if (status == NATS_OK && worth_it)
		status = read_on(search, js, subscription, last);
	bus_report(connection, status, &search->permissions);
	if (status != NATS_OK)
		bus_fault(connection, status, search->why);
	natsConnection_Close(connection); /* a subscription is not to be destroyed while its connection lives */
	natsSubscription_Destroy(subscription);
	jsCtx_Destroy(js);
	return status;
}

static void *run_search(void *closure)
{
	struct search *search = closure;
	natsConnection *connection = NULL;
	natsStatus status = bus_connect(&connection, search->address, "postprocessing search", NULL, NULL, NULL, NULL);
	if (status == NATS_OK)
		status = read_stream(search, connection);
	else
		bus_fault(NULL, status, search->why);
	natsConnection_Destroy(connection);
	for (size_t i = 0; i < search->count; i++) {
		struct lookup *lookup = search->lookup[i];
		if (status == NATS_OK && lookup->result == LOOKUP_FAILED)
			lookup->result = LOOKUP_ABSENT;
		mailbox_send(search->mailbox, &lookup->mail);
	}
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
	for (struct mail *mail = lookups; mail != NULL; mail = mail->next)
		search->lookup[i++] = (struct lookup *)(void *)mail;
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
